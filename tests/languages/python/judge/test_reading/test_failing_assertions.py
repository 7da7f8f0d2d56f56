from __future__ import annotations

import ast
import textwrap

import pytest

from testsmith.languages.python.judge.test_reading.failing_assertions import watched, with_observed

EDITS = {
    "an assertion": ("assert f(1) == 2", "3", "assert f(1) == 3"),
    "the literal on the left": ("assert 2 == f(1)", "3", "assert 3 == f(1)"),
    "of unittest": ("self.assertEqual(f(1), 2)", "3", "self.assertEqual(f(1), 3)"),
    "with a message": ("assert f(1) == 2, 'why'", "3", "assert f(1) == 3, 'why'"),
    "a variable": ("wanted = 2\nassert f(1) == wanted", "3", "wanted = 3\nassert f(1) == wanted"),
    "of a variable that was changed": (
        "given = [1]\nf(given)\nassert given == [2]",
        "[3]",
        "given = [1]\nf(given)\nassert given == [3]",
    ),
    "a second line": ("assert f(1) == (\n    2\n)", "3", "assert f(1) == (\n    3\n)"),
    "the quotes of the file": ('assert f(1) == "a"', "'b'", 'assert f(1) == "b"'),
    "what quotes do not fit": ('assert f(1) == "a"', "'\"'", "assert f(1) == '\"'"),
    "one element": ("assert f(1) == [1,  2]", "[1, 3]", "assert f(1) == [1,  3]"),
    "one entry": ("assert f(1) == {'a': (1,), 'b': 2}", "{'a': (4,), 'b': 2}", None),
    "another length": ("assert f(1) == [1,  2]", "[1]", "assert f(1) == [1]"),
    "nothing": ("assert f(1) == 2, 'why'", "None", "assert f(1) is None, 'why'"),
    "nothing any more": ("assert f(1) is None", "'a'", "assert f(1) == 'a'"),
    "a truth value": ("assert f(1) is True", "False", "assert f(1) is False"),
    "an equal number": ("assert f(1) is True", "1", "assert f(1) == 1"),
    "nothing in brackets": ("assert f(1) == (2)", "None", ""),
    "nothing on the right": ("assert 2 == f(1)", "None", ""),
    "nothing in unittest": ("self.assertEqual(f(1), 2)", "None", ""),
    "a variable of nothing": (
        "wanted = 2\nassert f(1) == wanted",
        "None",
        "wanted = None\nassert f(1) == wanted",
    ),
    "not a literal": ("assert f(1) == 2", "<object at 0x7f>", ""),
    "what a stand-in lacks": (
        "assert calls == []",
        """[("'Dummy' object has no attribute 'warn'", True)]""",
        "",
    ),
    "a long value": ("assert f(1) == 'a'", repr("b" * 600), ""),
}


def test_file(body: str) -> str:
    return f"def test_a(self):\n{textwrap.indent(body, '    ')}\n"


test_file.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", EDITS)
def test_with_observed__replaces_the_literal_alone(name: str) -> None:
    before, value, after = EDITS[name]
    wanted = before.replace("(1,)", "(4,)") if after is None else after
    edit = with_observed(test_file(before), "test_a", f"AssertionError: testsmith saw 0: {value}\nassert", ())
    assert ("" if edit is None else edit.text) == (wanted and test_file(wanted))


ROWS = """\
import pytest

@pytest.mark.parametrize(("given", "wanted"), [
    (1, 2),
    pytest.param(2, 2, id="same"),
])
def test_a(given, wanted):
    assert f(given) == wanted
"""


def test_with_observed__of_a_table_the_failed_row_changes() -> None:
    edit = with_observed(ROWS, "test_a", "testsmith saw 0: 3", {1})
    assert edit is not None
    assert (edit.text, edit.expected, edit.observed) == (ROWS.replace("(2, 2, id", "(2, 3, id"), "2", "3")


@pytest.mark.parametrize(
    "body",
    ["assert f(1) in (1, 2)", "assert f(1)", "assert f(1) == g(1)", "assert 1 == 2", "raise AssertionError"],
)
def test_watched__only_comparisons_with_a_literal(body: str) -> None:
    assert watched(test_file(body), "test_a") == test_file(body)


@pytest.mark.parametrize(
    "body",
    ["assert f(1) == 2", "self.assertEqual(f(1), 2)", "assert 2 == (\n    f(1)\n)", "assert f(1) is None"],
)
def test_watched__reports_what_fails_and_runs_it_once(body: str) -> None:
    calls: list[int] = []

    def f(value: int) -> int:
        calls.append(value)
        return 3

    names: dict[str, object] = {"f": f}
    exec(compile(ast.parse(watched(test_file(body), "test_a")), "test", "exec"), names)  # noqa: S102
    with pytest.raises(AssertionError, match=r"^testsmith saw 0: 3$"):
        names["test_a"](None)  # type: ignore[operator]
    assert calls == [1]


TEXT = """\
import pytest

@pytest.mark.parametrize(("given", "message"), [(1, "one"), (2, "two")])
def test_a(given, message):
    expected = f"Given {given}: {message}."
    assert f(given) == expected
"""


def test_with_observed__of_a_text_around_a_parameter_the_row_changes() -> None:
    file = TEXT.replace("{given}", "x")
    seen = repr(("Given x: 2.", "Given x: two."))

    assert "repr((_testsmith_seen, expected))" in watched(file, "test_a")
    edit = with_observed(file, "test_a", f"testsmith saw 0: {seen}\nassert", {1})

    assert edit is not None
    assert edit.text == file.replace('"two"', '"2"')
    assert edit.observed == "'2'"


@pytest.mark.parametrize("seen", ["Another x: 2.", "Given x: 2"])
def test_with_observed__refuses_a_text_that_differs_elsewhere(seen: str) -> None:
    file = TEXT.replace("{given}", "x")
    reported = repr((seen, "Given x: two."))
    assert with_observed(file, "test_a", f"testsmith saw 0: {reported}", {1}) is None


def test_watched__leaves_a_text_around_two_parameters() -> None:
    assert "_testsmith_seen" not in watched(TEXT, "test_a")

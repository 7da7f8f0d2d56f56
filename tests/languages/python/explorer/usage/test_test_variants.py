from __future__ import annotations

import textwrap
from dataclasses import replace

import pytest

from testsmith.languages.python.explorer.usage.change_words import ChangeWords, read_change_words
from testsmith.languages.python.explorer.usage.test_variants import VariedFile
from testsmith.model import Change, Member, MemberKind, ShownChange


def member(diff: str = "", source: str = "def f(x):\n    return x\n") -> Member:
    return Member(
        path="m.py",
        name="f",
        language="python",
        change=Change.CHANGED,
        line=1,
        end_line=2,
        kind=MemberKind.FUNCTION,
        source=source,
        module="m",
        shown_change=ShownChange(own=textwrap.dedent(diff)),
    )


def test_read_change_words__are_the_literals_of_one_side_and_their_parts() -> None:
    diff = """\
        --- base
        +++ head
        -    bind("ctrl+u", size=80)
        +    bind("ctrl+u,super+backspace", size=256)  # "never" is a comment
        +    # and so is "this"
        +    path.mkdir(parents=True)
    """

    words = read_change_words(member(diff), "Say `X`")

    assert words.new == ("never", "super+backspace", "ctrl+u,super+backspace")
    assert "ctrl+u" in words.known
    assert words.numbers == (256,)
    assert words.touches_files
    assert words.said == "say `x`"


def test_read_change_words__no_docstring_is_an_input() -> None:
    diff = '-    """Add it."""\n+    """Add it and say how many of it are there."""\n+    return "there"\n'

    assert read_change_words(member(diff)).new == ("there",)


def test_read_change_words__name_what_is_new_in_a_signature() -> None:
    diff = "-def f(x, skip_none=False):\n+def f(x, skip_unset: bool = False):\n"
    source = "def f(x, skip_unset: bool = False):\n    return x\n"

    words = read_change_words(member(diff, source))

    assert words.parameters == ("skip_unset",)
    assert words.lost == {"skip_none"}


NONE = ChangeWords(new=(), known=frozenset())
RAISE = ChangeWords(new=(), known=frozenset(), added='raise ValueError("too small")')
BODY = {
    "a negative number": (RAISE, "assert f(15) == x", "assert f(-15) == x", "with_a_negative_number"),
    "a negative number as text": (RAISE, 'f("15")', 'f("-15")', "with_a_negative_number"),
    "a negative number as bytes": (RAISE, "f(b'15')", "f(b'-15')", "with_a_negative_number"),
    "bytes without the last one": (RAISE, "f(b'15a')", "f(b'15')", "without_the_last_byte"),
    "a text of the change": (
        ChangeWords(new=("new",), known=frozenset({"old"})),
        'x = "old"\nassert f(x) == f("old")',
        'x = "new"\nassert f(x) == f("new")',
        "with_new",
    ),
    "a word in a longer text": (
        ChangeWords(new=("new",), known=frozenset({"old"})),
        'assert f("one old") == 1',
        'assert f("one new") == 1',
        "with_new",
    ),
    "a mark": (
        ChangeWords(new=(":",), known=frozenset()),
        'assert f("[1;97u") == 1',
        'assert f("[1;97:97u") == 1',
        "with_colon",
    ),
    "without a key that the change names": (
        ChangeWords(new=(), known=frozenset({"b"})),
        'f({"a": 1, "b": 2})',
        'f({"a": 1})',
        "without_b",
    ),
    "without the first key": (
        ChangeWords(new=(), known=frozenset({"a"})),
        'f({"a": 1, "b": 2})',
        'f({"b": 2})',
        "without_a",
    ),
    "without its only key": (
        ChangeWords(new=(), known=frozenset({"a"})),
        'f({"a": 1})',
        "f({})",
        "without_a",
    ),
    "an empty list": (NONE, "f([1, 2])", "f([])", "with_an_empty_list"),
    "a new option": (
        ChangeWords(new=(), known=frozenset(), parameters=("loud",)),
        "assert f(1) == 2",
        "assert f(1, loud=True) == 2",
        "with_loud",
    ),
    "a renamed option": (
        ChangeWords(new=(), known=frozenset(), parameters=("new",), lost=frozenset({"old"})),
        "f(1, old=2)",
        "f(1, new=2)",
        "with_new",
    ),
    "a number of the change": (
        ChangeWords(new=(), known=frozenset(), numbers=(256,)),
        "assert f(1) == 2",
        "assert f(256) == 2",
        "with_256",
    ),
    "a line that the file has elsewhere": (
        ChangeWords(new=(), known=frozenset(), said="an unmatched host"),
        'f("Port 22\\n")\ng("Host elsewhere\\n")',
        'f("Port 22\\nHost elsewhere\\n")\ng("Host elsewhere\\n")',
        "with_host_elsewhere",
    ),
    "a missing folder": (
        ChangeWords(new=(), known=frozenset(), touches_files=True),
        "f.folder = tmp_path",
        'f.folder = tmp_path / "missing"',
        "in_a_missing_folder",
    ),
}


def module(body: str, name: str = "test_a") -> str:
    return f"def {name}():\n{textwrap.indent(body, '    ')}\n"


@pytest.mark.parametrize("case", BODY)
def test_variants__change_one_input(case: str) -> None:
    words, body, other, said = BODY[case]
    file = VariedFile(module(body), member(), words)

    variants = file.variants(["test_a"])

    texts = [file.with_variants([each], ["test_b"]) for each in variants]
    wanted = f"{module(body)}\n\n{module(other, 'test_b')}"
    assert wanted.rstrip() in [text.rstrip() for text in texts]
    at = [text.rstrip() for text in texts].index(wanted.rstrip())
    assert variants[at].change.words == said


@pytest.mark.parametrize(
    "body",
    [
        'assert f(1) == "old"',
        'self.assertEqual(f(1), "old")',
        'with pytest.raises(ValueError, match="old"):\n    f(1)',
        'f(f"old {x}")',
    ],
)
def test_variants__keep_what_a_test_expects(body: str) -> None:
    words = ChangeWords(new=("new",), known=frozenset({"old"}))
    assert VariedFile(module(body), member(), words).variants(["test_a"]) == []


TABLE = '''\
import pytest

@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("old", 1),
        ("other", 2),
    ],
)
def test_f_of_a_table(given, expected):
    """Say something about the rows."""
    assert f({"key": given, "old": 1}) == expected
'''


def test_variants__of_a_table_are_rows_or_have_the_values_of_one() -> None:
    file = VariedFile(TABLE, member(), ChangeWords(new=("new",), known=frozenset({"old"})))

    variants = file.variants(["test_f_of_a_table"])

    row = next(each for each in variants if each.row == 0 and each.change.words == "with_new")
    searched = VariedFile(file.with_variants([row], ["test_row"]), file.member, file.words)
    assert searched.text_of_row("test_row") == '("new", 1)'
    assert '("old", 1),\n        ("new", 1),\n' in file.with_row("test_f_of_a_table", 0, '("new", 1)')
    alone = next(each for each in variants if each.change.words == "without_old")
    text = VariedFile(file.with_variants([alone], ["test_alone"]), file.member, file.words).text_of(
        "test_alone"
    )
    assert text == 'def test_alone():\n    assert f({"key": "old"}) == 1'


OF_CLASS = """\
import pytest

class TestF:
    sample = [1]

    @pytest.mark.parametrize("given", [sample])
    def test_f(self, given):
        assert f(given, 15) == 1
"""


def test_variants__that_the_change_may_refuse_come_before_far_ones() -> None:
    words = replace(RAISE, new=("must not be negative",), known=frozenset({"old"}))
    file = VariedFile(module('f("some text", 15)'), member(), words)

    assert file.variants(["test_a"])[0].change.words == "with_a_negative_number"


def test_variants__keep_a_table_whose_values_are_of_the_class() -> None:
    file = VariedFile(OF_CLASS, member(), RAISE)

    [variant] = file.variants(["TestF::test_f"])

    text = file.with_variants([variant], ["test_g"]).removeprefix(OF_CLASS.rstrip("\n"))
    added = """
    @pytest.mark.parametrize("given", [sample])
    def test_g(self, given):
        assert f(given, -15) == 1
"""
    assert text.strip() == added.strip()


def test_stem__is_what_the_names_of_several_tests_share() -> None:
    names = ["test_osv_vuln_fallbacks", "test_osv_vuln_missing", "test_osv_vuln_withdrawn", "test_other"]
    file = VariedFile("\n".join(module("pass", name) for name in names), member(), NONE)

    assert file.stem("test_osv_vuln_fallbacks") == "test_osv_vuln"
    assert file.stem("test_other") == "test_other"


def test_without_other_assertions__keeps_the_one_that_fails_and_later_ones() -> None:
    body = "x = f(1)\nassert x\nassert x.a\nassert x.b\nassert x.c == (\n    1\n)\nassert x.d"
    file = VariedFile(module(body), member(), NONE)

    text = file.without_other_assertions("test_a", "assert x.c == ( 1 )")

    assert text == module("x = f(1)\nassert x.c == (\n    1\n)\nassert x.d")
    assert file.without_other_assertions("test_a", "assert x.a") == file.text

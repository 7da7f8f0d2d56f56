"""Questions about the project's own tests that a change breaks."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from fakes.command_line import CommandLine
from fakes.endpoint import Body, Endpoint, members_in
from fakes.git_repository import GitRepository

BEFORE = """\
def fee(amount: int) -> int:
    if amount > 100:
        return 1
    return 2


def words(text: str) -> list[str]:
    return text.split()


def label(text: str) -> str:
    return text
"""
LOWERED = BEFORE.replace("text.split()", "text.lower().split()")
AFTER = LOWERED.replace("> 100", ">= 100").replace("return text\n", "return text.lower()\n")
TESTS = """\
import pytest

from fees import fee, words


class TestFee:
    # The limit.
    def test_limit(self):
        assert fee(99) == 2
        assert fee(100) == 2  # not yet


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", ["a", "b"]),
        ("A b", ["A", "b"]),
    ],
)
def test_words(text, expected):
    assert words(text) == expected
"""


TOLLS = {
    "tolls.py": (
        "def toll(amount: int) -> int:\n    return amount\n\n\n"
        "def total(amounts: list[int]) -> int:\n    return sum(map(toll, amounts))\n"
    ),
    "tests/test_tolls.py": "from tolls import total\n\n\ndef test_total():\n    assert total([3, 4]) == 7\n",
}
"""A test that does not name the function that breaks it."""


ASKED = ("--repairs", "0", "--runs", "1")


@pytest.mark.slow
def test_broken_tests__are_asked_about_with_the_edit_of_one_literal_and_repeated_by_no_new_test(
    command_line: CommandLine, tmp_path: Path
) -> None:
    """A new test that also passes another argument, or calls another changed function, is suggested."""
    repository = GitRepository.create(tmp_path / "project")
    repository.commit({"fees.py": BEFORE, "tests/test_fees.py": TESTS, **TOLLS})
    repository.write({"fees.py": AFTER, "tolls.py": TOLLS["tolls.py"].replace("amount\n", "amount + 1\n")})
    with Endpoint(answer=new_tests) as endpoint:
        model = ("--base-url", endpoint.url, "--model", "small", *ASKED)
        only = (part for name in NEW for part in ("--only", name))
        ran = command_line.suggest(repository.folder, "--base", "HEAD", *model, *only, key="sk-test")
    assert ran.code == 0, ran.stderr
    found = {
        label: {one["member"]: one for one in ran.report["suggestions"] if one["label"] == label}
        for label in ("question", "new-behaviour")
    }
    assert {name: one["tests"] for name, one in found["question"].items()} == {
        "fees.py::fee": ["TestFee::test_limit"],
        "fees.py::words": ["test_words"],
        "tolls.py::toll": ["test_total"],
    }
    for one in found["question"].values():
        assert (one["evidence"]["fail_to_pass"], one["evidence"]["passes"]) == (1, one["evidence"]["runs"])
        assert "So do" not in one["summary"]
        subprocess.run(
            ("git", "apply", "-"), input=one["patch"], text=True, check=True, cwd=repository.folder
        )
    text = (repository.folder / "tests/test_fees.py").read_text(encoding="utf-8")
    assert text == TESTS.replace("== 2  # not yet", "== 1  # not yet").replace('["A", "b"]', '["a", "b"]')

    assert {name: one["tests"] for name, one in found["new-behaviour"].items()} == {
        "fees.py::words": ["test_of_another_argument"],
        "tolls.py::toll": ["test_of_another_function"],
    }
    assert [note for note in ran.report["notes"] if "makes the same calls" in note] == [
        "no new test of `fee` is suggested: the corrected `TestFee::test_limit` makes the same calls"
    ]
    assert ran.report["stats"]["funnel"]["posted"] == 2


NEW = {
    "fees.py::fee": (
        "from fees import fee\n\n\ndef test_repeated():\n    assert fee(100) == 1\n    assert fee(99) == 2\n"
    ),
    "fees.py::words": (
        "from fees import words\n\n\ndef test_of_another_argument():\n"
        "    assert words('A b') == ['a', 'b']\n    assert words('C') == ['c']\n"
    ),
    "tolls.py::toll": (
        "from fees import label\nfrom tolls import toll\n\n\ndef test_of_another_function():\n"
        "    assert toll(3) == 4\n    assert label('C') == 'c'\n"
    ),
}


def new_tests(body: Body) -> str:
    return json.dumps({"tests": [{"name": one, "code": NEW[one]} for one in members_in(body)]})


@pytest.mark.slow
def test_broken_tests__those_that_fail_in_the_same_way_are_one_question_or_one_note(
    command_line: CommandLine, tmp_path: Path
) -> None:
    """There are four causes, so only the first that can be corrected is shown."""
    alike = "".join(f"\n\ndef test_{letter}():\n    assert fee(100) == 2\n" for letter in "abcdefgh")
    others = "".join(
        f"\n\ndef test_{letter}():\n    assert (fee(100), '{letter}') == (2, '{letter}')\n" for letter in "yz"
    )
    fixture = "@pytest.fixture\ndef half():\n    return {2: 1}[fee(100)]\n"
    halves = "".join(f"\n\ndef test_{letter}(half):\n    assert half == 1\n" for letter in "ab")
    own = {
        "tests/test_fees.py": TESTS,
        "tests/test_halves.py": f"import pytest\nfrom fees import fee\n\n\n{fixture}{halves}",
        "tests/test_more_fees.py": f"from fees import fee\n{alike}{others}",
    }
    edited = TESTS.replace("fee(99)", "fee(98)").replace('("a b", ["a", "b"])', '("c b", ["c", "b"])')
    repository = GitRepository.create(tmp_path / "project")
    repository.commit({"fees.py": BEFORE, **own})
    repository.write({"fees.py": AFTER, "tests/test_fees.py": edited})
    with Endpoint(answer=lambda _: '{"tests": []}') as endpoint:  # writes nothing that has to be proven
        model = ("--base-url", endpoint.url, "--model", "small", *ASKED, "--audit", "off")
        ran = command_line.suggest(repository.folder, "--base", "HEAD", *model, key="sk-test")
    assert ran.code == 0, ran.stderr
    (question,) = ran.report["suggestions"]
    assert (question["label"], question["tests"]) == ("question", ["test_a"])
    also = "`test_b`, `test_c`, `test_d`, `test_e`, `test_f` and 2 more"
    assert question["summary"].endswith(
        f"gets `1`. So do {also}. Was this meant? If so, check that its name still says what it shows."
    )
    (shared, many) = (note for note in ran.report["notes"] if "this change breaks" in note)
    assert shared == (
        "this change breaks 2 tests of `tests/test_halves.py` in the same way (`in setup: KeyError: 1`):"
        " `test_a` and `test_b`. Check what they share, such as a fixture"
    )
    assert many == "this change breaks 12 project tests; the question is about the first"


EDITS = {
    "asked": "assert 'A' not in asked('A b')  # kept",
    "vacuous": "assert vacuous('A b') or True",
}
ROW = '        ("A b", ["A", "b"]),\n'
EDITED_ROWS = ROW.replace('["A"', '["a"') + '        ("C", ["c"]),\n'
WITH_ROWS = f"@@\n-{ROW}" + "".join(f"+{line}\n" for line in EDITED_ROWS.splitlines())


def module_of(name: str, check: str = "assert 'A' in {name}('A b')  # kept") -> str:
    return f"from labels import {name}\n\n\ndef test_{name}():\n    {check.format(name=name)}\n"


def is_about_repairs(body: Body) -> bool:
    return "It passes without the change" in str(body["messages"][1]["content"])


def edited(body: Body) -> str:
    """Answer with rows for one test, and a request for repairs with the edits."""
    if not is_about_repairs(body):
        return json.dumps({"tests": [{"name": "fees.py::words", "code": "", "patch": WITH_ROWS}]})
    names = {one: one.partition("::")[2] for one in members_in(body)}
    tests = [{"name": one, "code": module_of(name, EDITS[name])} for one, name in names.items()]
    return json.dumps({"tests": tests}).replace("def test_asked", "def test_asked_in_lower_case")


@pytest.mark.slow
def test_broken_tests__the_model_edits_what_is_no_literal_and_adds_rows_to_what_is_asked_about(
    command_line: CommandLine, tmp_path: Path
) -> None:
    before = "\n\n".join(f"def {name}(text):\n    return text.split()\n" for name in EDITS)
    own = {f"tests/test_{name}.py": module_of(name) for name in EDITS}
    repository = GitRepository.create(tmp_path / "project")
    repository.commit({"labels.py": before, "fees.py": BEFORE, "tests/test_fees.py": TESTS, **own})
    repository.write({"labels.py": before.replace("split", "lower().split"), "fees.py": LOWERED})
    with Endpoint(answer=edited) as endpoint:
        model = ("--base-url", endpoint.url, "--model", "small", "--runs", "1")
        ran = command_line.suggest(repository.folder, "--base", "HEAD", *model, key="sk-test")
    assert ran.code == 0, ran.stderr
    repaired = {
        one for call in endpoint.requests if is_about_repairs(call.body) for one in members_in(call.body)
    }
    assert repaired == {f"labels.py::{name}" for name in EDITS}
    said = "".join(str(call.body["messages"][1]["content"]) for call in endpoint.requests)
    assert all(f"\n    > assert 'A' in {name}('A b') # kept\n" in said for name in EDITS)
    assert "The change makes these fail: test_words." in said
    found = {one["member"]: one for one in ran.report["suggestions"]}
    assert {(one["label"], one["origin"]) for one in found.values()} == {("question", "model")}
    assert found.keys() == {"labels.py::asked", "fees.py::words"}
    patch = [
        line.strip("+- ") for line in found["labels.py::asked"]["patch"].splitlines() if line[:1] in "+-"
    ]
    before_and_after = ["assert 'A' in asked('A b')  # kept", EDITS["asked"]]
    assert patch[2:] == [
        f"def test_asked{end}():" if is_head else check
        for end, check in zip(("", "_in_lower_case"), before_and_after, strict=True)
        for is_head in (True, False)
    ]
    assert found["labels.py::asked"]["tests"] == ["test_asked_in_lower_case"]
    assert "`test_asked` in `tests/test_asked.py` passes before" in found["labels.py::asked"]["summary"]
    assert found["fees.py::words"]["tests"] == ["test_words"]
    rows = found["fees.py::words"]["patch"]
    subprocess.run(("git", "apply", "-"), input=rows, text=True, check=True, cwd=repository.folder)
    text = (repository.folder / "tests/test_fees.py").read_text(encoding="utf-8")
    assert text == TESTS.replace(ROW, EDITED_ROWS)


MANY = ("first", "second", "third", "fourth")


@pytest.mark.slow
def test_broken_tests__of_many_the_one_with_new_rows_is_asked_about(
    command_line: CommandLine, tmp_path: Path
) -> None:
    before = "\n\n".join(f"def {name}(text):\n    return text.split()\n" for name in MANY)
    check = "assert {name}('A b') == ['A', 'b']"
    own = {f"tests/test_a_{name}.py": module_of(name, check) for name in MANY}
    repository = GitRepository.create(tmp_path / "project")
    repository.commit({"labels.py": before, "fees.py": BEFORE, "tests/test_fees.py": TESTS, **own})
    repository.write({"labels.py": before.replace("split", "lower().split"), "fees.py": LOWERED})
    with Endpoint(answer=edited) as endpoint:
        model = ("--base-url", endpoint.url, "--model", "small", *ASKED)
        ran = command_line.suggest(repository.folder, "--base", "HEAD", *model, key="sk-test")
    assert ran.code == 0, ran.stderr
    (one,) = ran.report["suggestions"]
    assert (one["label"], one["test_path"], one["tests"]) == (
        "question",
        "tests/test_fees.py",
        ["test_words"],
    )
    assert [line for line in EDITED_ROWS.splitlines() if f"+{line}" not in one["patch"]] == []


CALL = 'label("A b") == ["A", "b"]'
KEEPS = f"from labels import label\n\n\ndef test_label_keeps_capitals():\n    assert {CALL}\n"
LOWERS = KEEPS.replace("keeps_capitals", "has_no_capitals").replace('["A"', '["a"')


def renamed(body: Body) -> str:
    """Answer a request for repairs with the corrected test under another name, and others with nothing."""
    code = LOWERS if is_about_repairs(body) else ""
    return json.dumps({"tests": [{"name": one, "code": code} for one in members_in(body)]})


@pytest.mark.slow
def test_broken_tests__the_model_also_corrects_the_name_of_a_test_with_another_value(
    command_line: CommandLine, tmp_path: Path
) -> None:
    before = "def label(text):\n    return text.split()\n"
    repository = GitRepository.create(tmp_path / "project")
    repository.commit({"labels.py": before, "tests/test_labels.py": KEEPS})
    repository.write({"labels.py": before.replace("split", "lower().split")})
    with Endpoint(answer=renamed) as endpoint:
        model = ("--base-url", endpoint.url, "--model", "small", "--runs", "1")
        ran = command_line.suggest(repository.folder, "--base", "HEAD", *model, key="sk-test")
    assert ran.code == 0, ran.stderr
    [question] = ran.report["suggestions"]
    assert (question["label"], question["origin"]) == ("question", "model")
    assert question["tests"] == ["test_label_has_no_capitals"]
    subprocess.run(
        ("git", "apply", "-"), input=question["patch"], text=True, check=True, cwd=repository.folder
    )
    assert (repository.folder / "tests/test_labels.py").read_text(encoding="utf-8") == LOWERS

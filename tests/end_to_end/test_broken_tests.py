"""Questions about the project's own tests that a change breaks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
"""
AFTER = BEFORE.replace("> 100", ">= 100").replace("text.split()", "text.lower().split()")
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


def questions(
    command_line: CommandLine, repository: GitRepository, *engine: str
) -> tuple[list[dict[str, Any]], list[str]]:
    ran = command_line.suggest(
        repository.folder, "--base", "base", "--runs", "1", *(engine or ("--provider", "offline"))
    )
    assert ran.code == 0, ran.stderr
    found = [one for one in ran.report["suggestions"] if one["label"] == "question"]
    return found, ran.report["notes"]


TOLLS = {
    "tolls.py": (
        "def toll(amount: int) -> int:\n    return amount\n\n\n"
        "def total(amounts: list[int]) -> int:\n    return sum(map(toll, amounts))\n"
    ),
    "tests/test_tolls.py": "from tolls import total\n\n\ndef test_total():\n    assert total([3, 4]) == 7\n",
}
"""A test that does not name the function that breaks it."""


def changed(folder: Path, tests_on_head: str = TESTS, **more: str) -> GitRepository:
    made = GitRepository.create(folder / "project")
    others = {f"tests/{name}.py": text for name, text in more.items()}
    made.commit({"fees.py": BEFORE, "tests/test_fees.py": TESTS, **TOLLS, **others})
    made.git("branch", "base")
    made.commit({"fees.py": AFTER, "tests/test_fees.py": tests_on_head})
    return made


@pytest.mark.slow
def test_broken_tests__are_asked_about_with_the_edit_of_one_literal(
    command_line: CommandLine, tmp_path: Path
) -> None:
    repository = changed(tmp_path)
    repository.commit({"tolls.py": TOLLS["tolls.py"].replace("return amount\n", "return amount + 1\n")})
    found, _ = questions(command_line, repository)
    assert {one["member"]: one["tests"] for one in found} == {
        "fees.py::fee": ["TestFee::test_limit"],
        "fees.py::words": ["test_words"],
        "tolls.py::toll": ["test_total"],
    }
    for one in found:
        assert (one["evidence"]["fail_to_pass"], one["evidence"]["passes"]) == (1, one["evidence"]["runs"])
        subprocess.run(
            ("git", "apply", "-"), input=one["patch"], text=True, check=True, cwd=repository.folder
        )
    text = (repository.folder / "tests/test_fees.py").read_text(encoding="utf-8")
    assert text == TESTS.replace("== 2  # not yet", "== 1  # not yet").replace('["A", "b"]', '["a", "b"]')


def of_more_fees(
    command_line: CommandLine, folder: Path, text: str, **more: str
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the questions about tests that the change does not edit itself, and the notes."""
    edited = TESTS.replace("fee(99)", "fee(98)").replace('("a b", ["a", "b"])', '("c b", ["c", "b"])')
    repository = changed(folder, edited, test_more_fees=text, **more)
    with Endpoint(answer=lambda _body: '{"tests": []}') as endpoint:  # writes nothing that has to be proven
        model = ("--provider", "openai", "--base-url", endpoint.url, "--model", "small", "--repairs", "0")
        lean = ("--observation-token-budget", "0")
        return questions(command_line, repository, *model, *lean)


@pytest.mark.slow
def test_broken_tests__of_many_that_the_change_does_not_edit_itself_the_first_is_shown(
    command_line: CommandLine, tmp_path: Path
) -> None:
    many = "".join(
        f"\n\ndef test_{letter}():\n    assert (fee(100), '{letter}') == (2, '{letter}')\n"
        for letter in "abcd"
    )
    found, notes = of_more_fees(command_line, tmp_path, f"from fees import fee\n{many}")
    assert [one["tests"] for one in found] == [["test_a"]]
    assert "this change breaks 4 project tests; the question is about the first" in notes


@pytest.mark.slow
def test_broken_tests__those_that_fail_in_the_same_way_are_one_question_or_one_note(
    command_line: CommandLine, tmp_path: Path
) -> None:
    alike = "".join(f"\n\ndef test_{letter}():\n    assert fee(100) == 2\n" for letter in "abcdefgh")
    other = "\n\ndef test_z():\n    assert [fee(100)] == [2]\n"
    fixture = "@pytest.fixture\ndef half():\n    return {2: 1}[fee(100)]\n"
    halves = "".join(f"\n\ndef test_{letter}(half):\n    assert half == 1\n" for letter in "ab")
    found, notes = of_more_fees(
        command_line,
        tmp_path,
        f"from fees import fee\n{alike}{other}",
        test_more_halves=f"import pytest\nfrom fees import fee\n\n\n{fixture}{halves}",
    )
    assert [one["tests"] for one in found] == [["test_a"], ["test_z"]]
    also = "`test_b`, `test_c`, `test_d`, `test_e`, `test_f` and 2 more"
    assert found[0]["summary"].endswith(f"gets `1`. So do {also}. Was this meant?")
    assert "So do" not in found[1]["summary"]
    (note,) = (note for note in notes if "this change breaks" in note)
    assert note == (
        "this change breaks 2 tests of `tests/test_more_halves.py` in the same way (`in setup: KeyError: 1`):"
        " `test_a` and `test_b`. Check what they share, such as a fixture"
    )


def model_with(code: str) -> Callable[[Body], str]:
    def answer(body: Body) -> str:
        tests = [{"name": one, "code": code} for one in members_in(body) if one == "fees.py::fee"]
        return json.dumps({"tests": [] if is_about_repairs(body) else tests})

    return answer


REPEATED = (
    "from fees import fee\n\n\ndef test_reduced():\n    assert fee(100) == 1\n    assert fee(99) == 2\n"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    ["", "    assert fee(101) == 1\n", "    from fees import words\n    assert words('C') == ['c']\n"],
    ids=["the same", "another argument", "another changed function"],
)
def test_broken_tests__no_test_is_suggested_that_makes_the_same_calls_as_a_corrected_one(
    command_line: CommandLine, tmp_path: Path, more: str
) -> None:
    repository = changed(tmp_path)
    with Endpoint(answer=model_with(REPEATED + more)) as endpoint:
        model = ("--provider", "openai", "--base-url", endpoint.url, "--model", "small", "--runs", "1")
        lean = ("--observation-token-budget", "0", "--only", "fees.py::fee")
        ran = command_line.suggest(repository.folder, "--base", "base", *model, *lean, key="sk-test")
    assert ran.code == 0, ran.stderr
    found = {one["label"]: one["tests"] for one in ran.report["suggestions"]}
    note = "no new test of `fee` is suggested: the corrected `TestFee::test_limit` makes the same calls"
    assert found.pop("question") == ["TestFee::test_limit"]
    assert (found, note in ran.report["notes"]) == (
        ({"new-behaviour": ["test_reduced"]}, False) if more else ({}, True)
    )
    assert ran.report["stats"]["funnel"]["posted"] == len(found)


EDITS = {
    "asked": "assert 'A' not in asked('A b')  # kept",
    "wrong": "assert 'C' in wrong('A b')",
    "vacuous": "assert vacuous('A b') or True",
}


def module_of(name: str, check: str = "assert 'A' in {name}('A b')  # kept") -> str:
    return f"from labels import {name}\n\n\ndef test_{name}():\n    {check.format(name=name)}\n"


def is_about_repairs(body: Body) -> bool:
    return "It passes without the change" in str(body["messages"][1]["content"])


def edited(body: Body) -> str:
    """Answer with no tests, and a request for repairs with the edits."""
    names = {one: one.partition("::")[2] for one in members_in(body) if is_about_repairs(body)}
    tests = [{"name": one, "code": module_of(name, EDITS[name])} for one, name in names.items()]
    return json.dumps({"tests": tests})


@pytest.mark.slow
def test_broken_tests__the_model_edits_what_is_no_literal(command_line: CommandLine, tmp_path: Path) -> None:
    before = "\n\n".join(f"def {name}(text):\n    return text.split()\n" for name in EDITS)
    repository = GitRepository.create(tmp_path / "project")
    repository.commit(
        {"labels.py": before, **{f"tests/test_{name}.py": module_of(name) for name in EDITS}},
    )
    repository.write({"labels.py": before.replace("split", "lower().split")})
    with Endpoint(answer=edited) as endpoint:
        model = ("--provider", "openai", "--base-url", endpoint.url, "--model", "small", "--runs", "1")
        ran = command_line.suggest(repository.folder, "--base", "HEAD", *model, key="sk-test")
    assert ran.code == 0, ran.stderr
    repaired = {
        one for call in endpoint.requests if is_about_repairs(call.body) for one in members_in(call.body)
    }
    assert repaired == {f"labels.py::{name}" for name in EDITS}
    said = "".join(str(call.body["messages"][1]["content"]) for call in endpoint.requests)
    assert all(f"\n    > assert 'A' in {name}('A b') # kept\n" in said for name in EDITS)
    (question,) = ran.report["suggestions"]
    assert [question[key] for key in ("member", "label", "origin")] == [
        "labels.py::asked",
        "question",
        "model",
    ]
    patch = [line.strip("+- ") for line in question["patch"].splitlines() if line[:1] in "+-"]
    assert patch[2:] == ["assert 'A' in asked('A b')  # kept", EDITS["asked"]]


ROW = '        ("A b", ["A", "b"]),\n'
EDITED_ROWS = ROW.replace('["A"', '["a"') + '        ("C", ["c"]),\n'


@pytest.mark.slow
def test_broken_tests__a_question_has_the_rows_that_the_model_adds(
    command_line: CommandLine, tmp_path: Path
) -> None:
    patch = "@@\n" + "".join(f"-{line}\n" for line in ROW.splitlines())
    patch += "".join(f"+{line}\n" for line in EDITED_ROWS.splitlines())

    def answer(_: Body) -> str:
        return json.dumps({"tests": [{"name": "fees.py::words", "code": "", "patch": patch}]})

    repository = changed(tmp_path)
    with Endpoint(answer=answer) as endpoint:
        model = ("--provider", "openai", "--base-url", endpoint.url, "--model", "small", "--runs", "1")
        ran = command_line.suggest(
            repository.folder, "--base", "base", *model, "--only", "fees.py::words", key="sk-test"
        )
    assert ran.code == 0, ran.stderr
    assert "The change makes these fail: test_words." in str(endpoint.requests[0].body["messages"])
    (question,) = ran.report["suggestions"]
    assert (question["label"], question["tests"], question["origin"]) == ("question", ["test_words"], "model")
    subprocess.run(
        ("git", "apply", "-"), input=question["patch"], text=True, check=True, cwd=repository.folder
    )
    text = (repository.folder / "tests/test_fees.py").read_text(encoding="utf-8")
    assert text == TESTS.replace(ROW, EDITED_ROWS)

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from testsmith.execution.sandbox.interface import ProcessOutcome
from testsmith.languages.python.running.project_tests.answers import (
    SuiteAnswer,
    joined,
    read_suite,
    suite_notes,
)

ROOT = "/copy/project"
FILE = f"{ROOT}/shop.py"

TEST: dict[str, Any] = {
    "kind": "test",
    "id": "t.py::test_a",
    "file": "t.py",
    "name": "test_a",
    "status": "passed",
    "seconds": 0.5,
    "set": 0,
    "attempt": 0,
}
LINES: dict[str, Any] = {"kind": "lines", "number": 0, "attempt": 0, "files": {FILE: [3, 4]}}
ENDED: dict[str, Any] = {"kind": "ended", "how": "done", "running": None, "words": "", "attempt": 0}


def outcome(*told: Any, **changed: Any) -> ProcessOutcome:
    stdout = b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in told)
    return replace(ProcessOutcome(exit_code=0, stdout=stdout, stderr=b"", seconds=1.0), **changed)


def read(*told: Any, **changed: Any) -> SuiteAnswer:
    return read_suite(outcome(*told, **changed), ROOT)


def test_read_suite__a_run_to_its_end() -> None:
    answer = read(
        LINES,
        {"kind": "loaded", "set": 0, "attempt": 0},
        {"kind": "arcs", "arcs": [[FILE, 3, 4], [FILE, 4, -1]], "attempt": 0},
        TEST,
        {"kind": "exit", "code": 0},
        ENDED,
    )
    assert answer.is_whole
    assert answer.trouble == ""
    assert [(test.id, test.lines, test.seconds) for test in answer.tests] == [
        ("t.py::test_a", {"shop.py": frozenset({3, 4})}, 0.5)
    ]
    assert answer.loaded == {"shop.py": frozenset({3, 4})}
    assert answer.arcs == {"shop.py": frozenset({(3, 4), (4, -1)})}


@pytest.mark.parametrize(
    "odd",
    [
        b"no json",
        b"[1]",
        b"[" * 100_000,
        {"kind": "test"},
        {**TEST, "seconds": "long"},
        {**TEST, "id": 7},
        {**TEST, "id": "x" * 3_000},
        {**TEST, "set": [1]},
        {"kind": "lines", "number": 0, "attempt": 0, "files": {"/etc/passwd": [1], FILE: "x"}},
        {"kind": "arcs", "arcs": [["/etc/passwd", 1, 2], [FILE, 1], "x", [FILE, "1", 2]]},
        {"kind": "loaded", "set": 99, "attempt": 0},
        {"kind": "ended", "how": 3},
        {"kind": ["test"]},
    ],
)
def test_read_suite__what_has_not_the_right_shape_does_not_count(odd: Any) -> None:
    answer = read(odd)
    assert (answer.tests, answer.loaded, answer.arcs, answer.broken) == ((), {}, {}, {})
    assert not answer.is_whole


def test_read_suite__of_two_words_about_one_test_the_worse_counts() -> None:
    failed = {**TEST, "status": "failed"}
    for told in ((TEST, failed), (failed, TEST)):
        assert [test.status for test in read(*told).tests] == ["failed"]
    assert [test.status for test in read({**TEST, "status": "fine"}).tests] == ["crashed"]


def test_read_suite__where_an_exception_left_a_member() -> None:
    answer = read({**TEST, "status": "skipped", "left_early": [[FILE, 4], ["/etc/x", 1], "x", [FILE, "y"]]})
    assert [test.left_early for test in answer.tests] == [{"shop.py": frozenset({4})}]


def test_read_suite__the_test_that_was_running_has_failed() -> None:
    answer = read({**ENDED, "how": "crashed", "running": "t.py::TestA::test_b[x::y]"})
    (test,) = answer.failed
    assert (test.file, test.name, test.status) == ("t.py", "TestA::test_b", "crashed")


def test_read_suite__broken_files_below_the_git_root() -> None:
    told = {"kind": "collected", "tests": 0, "rootdir": "packages/shop"}
    broken = {"kind": "broken", "node": "tests/test_a.py", "message": "in x\nE   ImportError: no y\n"}
    assert read(told, broken).broken == {"packages/shop/tests/test_a.py": "ImportError: no y"}
    assert set(read({**told, "rootdir": "."}, {**broken, "node": "t.py::A"}).broken) == {"t.py"}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("t.py:1: in <module>\nE   ImportError: no x", "ImportError: no x"),
        ("E     File 't.py', line 1\nE       def f(:\nE   SyntaxError: no", "SyntaxError: no"),
        ("('t.py', 3, \"Skipped: could not import 'x'\")", "('t.py', 3, \"Skipped: could not import 'x'\")"),
        ("E   pytest.PytestWarning: old\nE   See the page.", "pytest.PytestWarning: old"),
        ("E   ImportError: no x in /copy/project/tests/a", "ImportError: no x in tests/a"),
        ("E   \x1b[31mred\u202e", "[31mred"),
        ("", ""),
    ],
)
def test_read_suite__why_a_file_is_broken(message: str, reason: str) -> None:
    told = {"kind": "broken", "node": "t.py", "message": message}
    assert read(told).broken == {"t.py": reason}


@pytest.mark.parametrize(
    ("told", "changed", "trouble", "is_late"),
    [
        ([], {"timed_out": True}, "they exceeded the time limit", True),
        ([{**ENDED, "how": "timed out"}], {}, "they exceeded the time limit", True),
        ([{"kind": "exit", "code": 0}, ENDED], {"truncated": True}, "their output is too large", False),
        ([], {"exceeded": "more than 2 GiB of memory"}, "they took more than 2 GiB of memory", False),
        (
            [{"kind": "exit", "code": 4}, {**ENDED, "words": f"no \x1b plugin in {ROOT}/conftest.py"}],
            {},
            "run them: no   plugin in conftest.py",
            False,
        ),
        ([{**ENDED, "how": "crashed"}], {}, "they ended the test process", False),
        (
            [],
            {"stderr": f"Traceback: {FILE} boom\n".encode()},
            "they ended the test process: Traceback: shop.py boom",
            False,
        ),
    ],
)
def test_read_suite__why_not_all_were_run(
    told: list[Any], changed: dict[str, Any], trouble: str, *, is_late: bool
) -> None:
    answer = read(*told, **changed)
    assert trouble in answer.trouble
    assert (answer.is_whole, answer.is_late) == (False, is_late)


def test_joined__what_each_process_has_seen() -> None:
    first = read(
        LINES,
        {"kind": "loaded", "set": 0, "attempt": 0},
        {"kind": "arcs", "arcs": [[FILE, 3, 4]], "attempt": 0},
        TEST,
        {"kind": "exit", "code": 0},
        ENDED,
    )
    other = {**LINES, "files": {FILE: [4, 5]}}
    second = read(
        other,
        {"kind": "loaded", "set": 0, "attempt": 0},
        {"kind": "arcs", "arcs": [[FILE, 4, 5]], "attempt": 0},
        {**TEST, "id": "u.py::test_b", "file": "u.py", "name": "test_b"},
        {"kind": "exit", "code": 5},
        ENDED,
    )
    answer = joined([first, second])
    assert answer.is_whole
    assert [test.id for test in answer.tests] == ["t.py::test_a", "u.py::test_b"]
    assert answer.loaded == {"shop.py": frozenset({3, 4, 5})}
    assert answer.arcs == {"shop.py": frozenset({(3, 4), (4, 5)})}


def test_joined__what_one_process_did_not_finish_is_not_whole() -> None:
    whole = read(TEST, {"kind": "exit", "code": 0}, ENDED)
    late = read({**ENDED, "how": "timed out"})
    answer = joined([whole, late])
    assert (answer.is_whole, answer.is_late, answer.likely_ended) == (False, True, False)
    assert answer.trouble == late.trouble


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        (["OSError: no\n  + where"], "1 of 2 project tests fails in the sandbox (OSError: no)"),
        (
            ["A: b", "OSError: no", "OSError: no"],
            "3 of 4 project tests fail in the sandbox (2 of them: OSError: no)",
        ),
        (["", ""], "2 of 3 project tests fail in the sandbox"),
    ],
)
def test_suite_notes__why_most_tests_fail(messages: list[str], words: str) -> None:
    failed = (
        TEST | {"id": f"t.py::test_{number}", "status": "failed", "message": message}
        for number, message in enumerate(messages)
    )
    answer = read(LINES, TEST | {"id": "t.py::test_good"}, *failed, {"kind": "exit", "code": 1}, ENDED)
    assert suite_notes(answer, 1, 1, installs=False) == (words,)
    assert suite_notes(answer, 0, 1, installs=False) == (
        f"{words.partition(' (')[0]}, but none of them tests these functions",
    )


def test_suite_notes__what_fails_before_the_time_for_other_files_is_over() -> None:
    failed = TEST | {"id": "t.py::test_b", "status": "failed", "message": "assert None == 'a'"}
    over = {"kind": "exit", "code": 2, "leaves_others": True}
    answer = read(LINES, TEST, failed, over, ENDED)
    assert suite_notes(answer, 1, 1, installs=False) == (
        "1 of 2 project tests fails in the sandbox (assert None == 'a')",
    )
    assert suite_notes(answer, 0, 1, installs=False) == ()

"""Reports of frameworks, and the results of tests according to them."""

from __future__ import annotations

import json
import re

import pytest

from testsmith.execution.jobs import FAILED, PASSED, SKIPPED
from testsmith.execution.steps import StepResult
from testsmith.languages.typescript.running.reports import (
    FrameworkReport,
    ReportedTest,
    name_of,
    read_document,
    read_lines,
    results_of,
    selection,
    words_of,
)


def line(*titles: str, status: str = "passed", **more: object) -> str:
    return json.dumps({"file": "/a.ts", "titles": titles, "status": status, **more}) + "\n"


END = '{"end": true}\n'


def test_read_lines__the_tests_with_their_full_titles() -> None:
    report = read_lines(
        line("a", "b") + line("a", is_suite=True) + line("c", status="failed", message="no") + END
    )
    assert report is not None
    assert [(one.name, one.status, one.message) for one in report.tests] == [
        ("a > b", PASSED, ""),
        ("c", FAILED, "no"),
    ]
    assert report.troubles == {}


def test_read_lines__a_suite_that_could_not_be_prepared() -> None:
    report = read_lines(line("a", status="failed", is_suite=True, message="hook") + END)
    assert report == FrameworkReport(troubles={"/a.ts": "hook"})


@pytest.mark.parametrize("text", ["", line("a"), line("a") + "[", '{"titles": 3}\n'])
def test_read_lines__without_its_end_it_says_nothing(text: str) -> None:
    assert read_lines(text) is None


def document(*tests: tuple[str, str], **file: object) -> str:
    found = [
        {
            "ancestorTitles": ["", "suite"],
            "title": title,
            "status": status,
            "duration": 2,
            "failureMessages": [],
        }
        for title, status in tests
    ]
    return json.dumps(
        {"testResults": [{"name": "/a.ts", "assertionResults": found, "status": "passed", **file}]}
    )


def test_read_document__the_tests_with_their_full_titles() -> None:
    text = document(("a", "passed"), ("b", "failed"), ("c", "pending"), ("d", "todo"))
    report = read_document(text)
    assert report is not None
    assert [(one.name, one.status, one.seconds) for one in report.tests] == [
        ("suite > a", PASSED, 0.002),
        ("suite > b", FAILED, 0.002),
        ("suite > c", SKIPPED, 0.002),
        ("suite > d", SKIPPED, 0.002),
    ]
    without = read_document(text, "pending")
    assert without is not None
    assert [one.name for one in without.tests] == ["suite > a", "suite > b", "suite > d"]


def test_read_document__a_file_that_could_not_be_loaded() -> None:
    report = read_document(document(status="failed", message="SyntaxError: no"))
    assert report == FrameworkReport(troubles={"/a.ts": "SyntaxError: no"})


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"testResults": 3}', '{"testResults": [{"name": "a"}]}'])
def test_read_document__anything_else(text: str) -> None:
    assert read_document(text) is None


def reported(name: str, status: str, message: str = "") -> ReportedTest:
    return ReportedTest(file="/p/a.test.ts", name=name, status=status, message=message)


ENDED = StepResult(number=0, exit_code=0)
FAILING = StepResult(number=0, exit_code=1, output="printed")


def statuses(*tests: ReportedTest, step: StepResult = ENDED, is_alone: bool = False) -> dict[str, str]:
    report = FrameworkReport(tests=tests)
    found = results_of({"a", "b", "each %s"}, report, step, is_alone=is_alone)
    return {name: one.status for name, one in found.items()}


def test_results_of__the_report_and_the_exit_code_agree() -> None:
    assert statuses(reported("a", PASSED), reported("x", PASSED)) == {"a": PASSED}
    assert statuses(reported("a", PASSED), reported("b", FAILED), step=FAILING) == {"a": PASSED, "b": FAILED}


def test_results_of__the_process_fails_but_no_test() -> None:
    assert statuses(reported("a", PASSED), step=FAILING) == {}
    assert statuses(reported("a", PASSED), step=FAILING, is_alone=True) == {"a": FAILED}


def test_results_of__a_table_has_the_worst_of_its_rows() -> None:
    tests = (reported("each 1", PASSED), reported("each 2", FAILED), reported("each 3", SKIPPED))
    found = results_of({"each %s"}, FrameworkReport(tests=tests), FAILING, is_alone=False)
    assert found["each %s"].status == FAILED
    assert found["each %s"].failed_rows == {1}


def test_results_of__who_raised_an_error() -> None:
    def result(message: str) -> tuple[bool, bool]:
        found = results_of(
            {"a"}, FrameworkReport(tests=(reported("a", FAILED, message),)), FAILING, is_alone=True
        )["a"]
        return found.raised_by_test, found.wants_network

    assert result("TypeError: no\n    at file:///p/a.test.ts:3:4\n    at node:internal:1:2") == (True, False)
    assert result("TypeError: no\n    at f (/p/a.ts:3:4)\n    at /p/a.test.ts:3:4") == (False, False)
    assert result("AssertionError: no\n    at /p/a.test.ts:3:4") == (False, False)
    spy = "    at Object.spyOn (/p/node_modules/@vitest/spy/dist/index.js:9:9)"
    assert result(f"Error: uuid does not exist\n{spy}\n    at /p/a.test.ts:3:4") == (True, False)
    unspied = "TypeError: vi.spyOn() can only spy on a function. Received undefined."
    assert result(f"{unspied}\n{spy}\n    at /p/a.test.ts:3:4") == (True, False)
    assert result(f"Error: uuid does not exist\n    at f (/p/a.ts:3:4)\n{spy}") == (False, False)
    assert result("Error: listen EPERM: operation not permitted 127.0.0.1") == (False, True)


def test_name_of__titles_of_tables() -> None:
    names = ("plain", "100% of $a", "adds $a and ${b}", "%i is %s")
    assert name_of("plain", names) == "plain"
    assert name_of("adds 1 and x > y", names) == "adds $a and ${b}"
    assert name_of("3 is o\ndd", names) == "%i is %s"
    assert name_of("other", names) is None


@pytest.mark.parametrize(
    "title", ["a > b", "(a|b)* [c] {d} ^$ \\ /e/", "#1 - 'x' \"y\" `z`", "é 😀 \0 \n \u2028", "%s of half"]
)
def test_selection__matches_titles_joined_in_either_way(title: str) -> None:
    pattern = selection([title, "other"])
    assert "\n" not in pattern
    assert "\0" not in pattern
    in_python = re.compile(pattern.replace("\\/", "/"))
    for joint in (" > ", " "):
        assert in_python.match(title.replace(" > ", joint))
        assert in_python.match(f" {title.replace(' > ', joint)}")  # vitest 1
    assert not in_python.match(f"{title}!")
    assert "%s" in title or not in_python.match(f"x{title}")


def test_selection__of_too_many_tests_matches_all() -> None:
    assert selection([f"test {number:0100}" for number in range(1000)]) == ""


def test_words_of__the_first_error_that_is_printed() -> None:
    output = "(node:1) warning\n/p/a.ts:1\n\x1b[31mSyntaxError: no\x1b[0m\n    at x (node:internal/x:1:2)\n"
    assert words_of(StepResult(number=0, exit_code=1, output=output), None) == "SyntaxError: no"
    assert words_of(StepResult(number=0, exit_code=3), None) == "its process ended with exit code 3"


def test_name_of__the_name_with_most_of_the_title() -> None:
    names = ["f > ${t.input}", "f > is ${t.input}", "f > is ${t.input} long"]
    assert name_of("f > is a long", names) == names[2]
    assert name_of("f > is a", names) == names[1]
    assert name_of("f > a", names) == names[0]
    assert name_of("g > a", names) is None


def test_words_of__without_warnings_of_node() -> None:
    output = (
        "(node:7) [DEP0180] DeprecationWarning: fs.Stats constructor is deprecated.\n"
        "(Use `node --trace-deprecation ...` to show where the warning was created)\n"
        " MISSING DEPENDENCY  Cannot find dependency '@vitest/coverage-v8'\n"
    )
    words = words_of(StepResult(number=0, exit_code=1, output=output), None)
    assert words == "MISSING DEPENDENCY  Cannot find dependency '@vitest/coverage-v8'"

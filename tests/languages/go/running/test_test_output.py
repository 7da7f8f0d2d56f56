from __future__ import annotations

from dataclasses import replace

from testsmith.execution.jobs import CRASHED, FAILED, PASSED, SKIPPED, TIMED_OUT
from testsmith.execution.steps import StepResult
from testsmith.languages.go.running.test_output import endings, function_result, results_together

WELL = "\x16=== RUN   TestA\n\x16--- PASS: TestA (0.00s)\n\x16=== NAME  \n\x16PASS\n"
FAIL = (
    "\x16=== RUN   TestA\n\x0e    a_test.go:9: got 4,\n\t\twant 5\x0f\n"
    "\x16--- FAIL: TestA (0.00s)\n\x16=== NAME  \n\x16FAIL\n"
)
PANIC = """\x16=== RUN   TestA
\x16--- FAIL: TestA (0.00s)
panic: runtime error: index out of range [3] with length 2 [recovered, repanicked]

goroutine 7 [running]:
testing.tRunner.func1.2({0x1, 0x2})
\t/go/src/testing/testing.go:1974 +0x232
panic({0x1?, 0x2?})
\t/go/src/runtime/panic.go:856 +0x132
example.com/calc.TestA(0x3)
\t/tmp/head/a_test.go:8 +0x18
"""


def result(output: str, exit_code: int = 0, *, timed_out: bool = False) -> StepResult:
    return StepResult(number=0, exit_code=exit_code, output=output, timed_out=timed_out)


def test_function_result__takes_as_long_as_its_process() -> None:
    assert function_result("TestA", replace(result(WELL), seconds=0.25), ()).seconds == 0.25


def status(output: str, exit_code: int = 0, *, timed_out: bool = False) -> str:
    return function_result("TestA", result(output, exit_code, timed_out=timed_out), ()).status


def test_function_result__passes_only_if_its_process_says_so_and_ends_well() -> None:
    assert status(WELL) == PASSED
    assert status(WELL, 1) == FAILED
    assert status("", 0) == CRASHED
    assert status(WELL.replace("TestA", "TestB"), 0) == CRASHED
    assert status(FAIL, 0) == FAILED  # a `TestMain` that ends with 0
    assert status(FAIL, 1) == FAILED
    assert status(WELL + "\x16--- SKIP: TestA (0.00s)\n") == SKIPPED
    assert status(WELL + FAIL) == FAILED
    assert status("", -9) == CRASHED
    assert status(WELL, 0, timed_out=True) == TIMED_OUT


def test_function_result__message_without_the_words_of_the_framework() -> None:
    assert function_result("TestA", result(FAIL, 1), ()).message == "a_test.go:9: got 4,\n        want 5"
    assert function_result("TestA", result("", 3), ()).message == "its process ended with exit code 3"


def test_function_result__a_panic_in_the_tests_own_code() -> None:
    found = function_result("TestA", result(PANIC, 2), {"a_test.go"})
    assert found.raised_by_test
    assert found.message.startswith("panic: runtime error: index out of range [3] with length 2")
    assert not function_result("TestA", result(PANIC, 2), {"b_test.go"}).raised_by_test


def test_function_result__wants_the_network() -> None:
    output = FAIL.replace("got 4,", "dial tcp 127.0.0.1:80: socket: operation not permitted")
    assert function_result("TestA", result(output, 1), ()).wants_network
    assert not function_result("TestA", result(FAIL, 1), ()).wants_network


def test_endings__subtests_are_not_functions() -> None:
    assert endings("\x16    --- FAIL: TestA/case (0.00s)\n\x16--- PASS: TestA (0.00s)\n") == {"TestA": PASSED}


def test_endings__within_a_line_that_a_test_prints() -> None:
    assert status("\x16=== RUN   TestA\nno line end\x16--- PASS: TestA (0.00s)\n\x16PASS\n") == PASSED
    output = "\x16=== RUN   TestA\ngot 4\x16--- FAIL: TestA (0.00s)\n\x16FAIL\n"
    assert function_result("TestA", result(output, 1), ()).message == "got 4"
    assert endings("it prints --- PASS: TestA (0.00s)\n") == {}


def test_results_together__each_function_by_its_own_words() -> None:
    both = "\x16=== RUN   TestB\n\x16--- PASS: TestB (0.00s)\n" + FAIL
    found = results_together(["TestA", "TestB", "TestC"], result(both, 1))
    assert {name: one.status for name, one in found.items()} == {"TestA": FAILED, "TestB": PASSED}
    assert found["TestA"].message == "a_test.go:9: got 4,\n        want 5"
    # A failure that nothing explains is nobody's success.
    assert results_together(["TestA"], result(WELL, 1)) == {}
    assert results_together(["TestA"], result(WELL, -9, timed_out=True)) == {}

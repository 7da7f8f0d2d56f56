"""Read what a test binary prints (`-test.v=test2json`). Its words alone never make a test pass.

A test passes if its process ends with 0 and says so. Code of the project runs in the same process and may
print anything, so what is printed can only turn a success into something else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from testsmith.execution.jobs import CRASHED, FAILED, PASSED, SKIPPED, TIMED_OUT, FunctionResult
from testsmith.execution.sandbox.interface import without_controls
from testsmith.execution.steps import StepResult

TEST_ARGUMENTS = ("-test.v=test2json", "-test.paniconexit0")
"""Arguments of a test binary: it says how each test ended, and `os.Exit(0)` does not pass for success."""

_ENDING = re.compile(r"^--- (PASS|FAIL|SKIP): (\w+) \(", re.MULTILINE)
_MARK = re.compile(
    r"^(?:=== (?:RUN|PAUSE|CONT|NAME)\b.*|PASS|FAIL|-test\.shuffle \d+|coverage: .*|exit status \d+)$"
)
_FRAME = re.compile(r"^\t(?P<file>\S+\.go):\d+", re.MULTILINE)
_NO_NETWORK = re.compile(
    r"(?:socket|dial|listen|lookup).*(?:operation not permitted|permission denied)|httptest: failed to listen"
)
_MOST_MESSAGE = 4_000
_MARKERS = {0x0E: None, 0x0F: None, 0x16: "\n"}
"""Characters by which Go marks errors and its own lines, which may begin within a line of a test."""

_PANIC = re.compile(r"^(?:panic: |fatal error: )", re.MULTILINE)
_OF_GO = ("/src/runtime/", "/src/testing/", "/src/reflect/")
_WORST = {FAILED: 3, SKIPPED: 2, PASSED: 1}
_STATUS = {"PASS": PASSED, "FAIL": FAILED, "SKIP": SKIPPED}


def endings(output: str) -> dict[str, str]:
    """Return how the functions of a process ended, by what it printed; the worst of several endings."""
    found: dict[str, str] = {}
    for word, name in _ENDING.findall(output.translate(_MARKERS)):
        status = _STATUS[word]
        if _WORST[status] > _WORST.get(found.get(name, ""), 0):
            found[name] = status
    return found


def function_result(name: str, result: StepResult, test_files: Collection[str]) -> FunctionResult:
    """Return the result of a function that ran in a process of its own.

    Args:
        name: The function.
        result: What became of its process.
        test_files: Names of the files that its own code is in.
    """
    status = _status(name, result)
    message = "" if status in {PASSED, SKIPPED} else _message(result)
    return FunctionResult(
        status=status,
        message=message,
        wants_network=bool(message) and _NO_NETWORK.search(result.output) is not None,
        raised_by_test=status == FAILED and _is_raised_by(test_files, result.output),
        seconds=result.seconds,
        left=tuple(map(without_controls, result.left)) if status == PASSED else (),
    )


def _status(name: str, result: StepResult) -> str:
    if result.timed_out:
        return TIMED_OUT
    said = endings(result.output).get(name)
    if said is None:
        return FAILED if _PANIC.search(result.output) else CRASHED
    if said == PASSED and result.exit_code != 0:
        return FAILED
    return said


def results_together(names: Collection[str], result: StepResult) -> dict[str, FunctionResult]:
    """Return the results of functions that ran in one process; those that it does not name are left out."""
    said = endings(result.output)
    others_failed = any(status == FAILED for status in said.values())
    found = {}
    for name in names:
        status = said.get(name)
        if status is None or result.timed_out:
            continue
        if status == PASSED and result.exit_code != 0 and not others_failed:
            continue
        message = _part(name, result.output) if status == FAILED else ""
        found[name] = FunctionResult(status=status, message=message)
    return found


def _message(result: StepResult) -> str:
    if result.timed_out:
        return "it exceeded the time limit"
    lines = list(_telling(result.output))
    if not lines:
        ending = f"its process ended with exit code {result.exit_code}"
        return ending if result.exit_code else "its process ended before the test did"
    return _shown(lines)


def _part(name: str, output: str) -> str:
    """Return what was printed while a function ran, with others in the same process."""
    output = output.translate(_MARKERS)
    start = re.search(rf"^=== (?:RUN|CONT|NAME) +{re.escape(name)}\b", output, re.MULTILINE)
    end = re.search(rf"^--- FAIL: {re.escape(name)} ", output, re.MULTILINE)
    if start is None or end is None:
        return ""
    return _shown(list(_telling(output[start.start() : end.start()])))


def _telling(output: str) -> Iterator[str]:
    """Yield the lines of an output that are not of the framework; a panic's message comes first."""
    output = output.translate(_MARKERS)
    panic = _PANIC.search(output)
    if panic is not None:
        yield output[panic.start() :].partition("\n")[0]
    for line in output.splitlines():
        if line.strip() and not _MARK.match(line) and not _ENDING.match(line):
            yield line


def _shown(lines: list[str]) -> str:
    text = "\n".join(dict.fromkeys(line.replace("\t", "    ") for line in lines))
    return without_controls(text[:_MOST_MESSAGE]).strip()


def _is_raised_by(test_files: Collection[str], output: str) -> bool:
    """Return whether a panic began in the test's own code: its first frame that is not of Go is there."""
    panic = _PANIC.search(output)
    if panic is None:
        return False
    frames = (found["file"] for found in _FRAME.finditer(output, panic.start()))
    first = next((file for file in frames if not any(part in file for part in _OF_GO)), "")
    return first.rpartition("/")[2] in test_files

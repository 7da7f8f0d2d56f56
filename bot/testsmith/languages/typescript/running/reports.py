"""Read the reports of test frameworks: which tests ran, by their full titles. Untrusted text.

A report counts only if the framework's process came to its end. A test passes if its report and the exit
code of its process say so.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Annotated

from testsmith.decode import Malformed, OrElse, at, decode, decode_lines
from testsmith.execution.jobs import FAILED, PASSED, SKIPPED, TIMED_OUT, FunctionResult
from testsmith.execution.sandbox.interface import without_controls
from testsmith.execution.steps import StepResult

JOINT = " > "
"""Joins the titles of suites and of a test to the test's name."""

_MOST_MESSAGE = 4_000
_MOST_LINES = 12
_MOST_PATTERN_BYTES = 100_000
_STATUS = {"passed": PASSED, "failed": FAILED}
_WORST = {FAILED: 3, SKIPPED: 2, PASSED: 1}
_NO_NETWORK = re.compile(r"\b(?:EPERM|EACCES|ENETUNREACH|ECONNREFUSED|EAI_AGAIN|ENOTFOUND)\b")
_CALLS = re.compile(r"\b(?:connect|listen|bind|getaddrinfo|fetch failed)\b")
_CHANGING = re.compile(r"%[sdifjoOp#%$]|\$\{[^}]*\}|\$#?[\w.]+")
"""Parts of the title of a test with a table that are replaced by values."""

_FRAME = re.compile(r"^ *at .*?(?P<file>[^\s(]+?):\d+:\d+\)?$", re.MULTILINE)
_WARNING = re.compile(r"\(node:\d+\) |\(Use `node --trace-")
_ERROR = re.compile(r"(?P<name>\w*Error)\b")
_REPLACES_NOTHING = re.compile(
    r"(?:Type)?Error: (?:`?vi\.spyOn\(\)`? can only spy on a function\. Received undefined"
    r"|The property \".*\" is not defined on the |Property `.*` does not exist in the provided object"
    r"|Cannot spy on .* is not a function; undefined given|\S+ does not exist$)"
)
"""What vitest, jest and tinyspy say if what a test wants to spy on does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedTest:
    """A test in a report.

    Attributes:
        file: Its file, as an absolute path; empty if unknown.
        name: Its full title.
        status: One of `PASSED`, `FAILED`, `SKIPPED`.
        message: Why it failed.
        seconds: Its duration.
    """

    file: str
    name: str
    status: str
    message: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkReport:
    """A report of a framework.

    Attributes:
        tests: Its tests, in order.
        troubles: Why files could not be loaded, or suites not be prepared, by file.
    """

    tests: tuple[ReportedTest, ...] = ()
    troubles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line that one of our reporters writes: a test, or the end."""

    file: Annotated[str, OrElse("")] = ""
    titles: tuple[str, ...] = ()
    status: str = ""
    is_suite: bool = False
    message: str = ""
    seconds: float = 0.0
    end: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Assertion:
    ancestors: Annotated[tuple[str, ...], at("ancestorTitles")]
    title: str
    status: str
    duration: Annotated[float | None, OrElse(None)] = None
    messages: Annotated[tuple[str, ...] | None, at("failureMessages"), OrElse(None)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    name: str
    tests: Annotated[tuple[_Assertion, ...], at("assertionResults")]
    status: str = ""
    message: Annotated[str, OrElse("")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    files: Annotated[tuple[_File, ...], at("testResults")]


def read_lines(text: str) -> FrameworkReport | None:
    """Return the report that one of our reporters wrote; None if it did not come to its end."""
    lines, is_whole = decode_lines(_Line, text.encode("utf-8", "replace"))
    if not is_whole or not any(line.end for line in lines):
        return None
    found = [line for line in lines if line.titles]
    suites = [line for line in found if line.is_suite and line.status == "failed"]
    return FrameworkReport(
        tests=tuple(
            ReportedTest(
                file=line.file,
                name=JOINT.join(line.titles),
                status=_STATUS.get(line.status, SKIPPED),
                message=line.message,
                seconds=line.seconds,
            )
            for line in found
            if not line.is_suite
        ),
        troubles={line.file: line.message for line in suites},
    )


def read_document(text: str, unknown: str = "") -> FrameworkReport | None:
    """Return the report that jest or vitest wrote; None if it is none.

    Args:
        text: The report.
        unknown: Status of a test that has not been run, because its process ended; jest has none.
    """
    try:
        document = decode(_Document, text)
    except Malformed:
        return None
    return FrameworkReport(
        tests=tuple(
            ReportedTest(
                file=file.name,
                name=JOINT.join((*filter(None, one.ancestors), one.title)),
                status=_STATUS.get(one.status, SKIPPED),
                message="\n".join(one.messages or ()),
                seconds=(one.duration or 0.0) / 1000,
            )
            for file in document.files
            for one in file.tests
            if one.status != unknown
        ),
        troubles={
            file.name: file.message for file in document.files if file.status == "failed" and file.message
        },
    )


def results_of(
    names: Collection[str], report: FrameworkReport | None, step: StepResult, *, is_alone: bool
) -> dict[str, FunctionResult]:
    """Return the results of tests that ran in one process; those that are not known are left out.

    Args:
        names: Their full titles; one with a table may run under several.
        report: The report; None for none.
        step: What became of the process.
        is_alone: Whether nothing but one of them ran.
    """
    if report is None or step.timed_out:
        return {}
    has_failed = any(one.status == FAILED for one in report.tests)
    if step.exit_code != 0 and not has_failed and not is_alone:
        return {}  # it is not known which one is to blame
    found: dict[str, list[ReportedTest]] = {}
    for test in report.tests:
        name = name_of(test.name, names)
        if name is not None:
            found.setdefault(name, []).append(test)
    results = {name: _result(tests) for name, tests in found.items()}
    if step.exit_code != 0 and not has_failed:
        message = words_of(step, report)
        return {name: FunctionResult(status=FAILED, message=message) for name in results}
    return results


def late(names: Collection[str]) -> dict[str, FunctionResult]:
    """Return the results of tests whose process did not end in time."""
    result = FunctionResult(status=TIMED_OUT, message="it exceeded the time limit")
    return dict.fromkeys(names, result)


def words_of(step: StepResult, report: FrameworkReport | None) -> str:
    """Return why a process did not report its tests: what could not be loaded, or what it printed last."""
    troubles = [] if report is None else [text for text in report.troubles.values() if text.strip()]
    if text := shown("\n".join(troubles)):
        return text
    lines = [line for line in step.output.splitlines() if line.strip() and not _WARNING.match(line)]
    telling = next((at for at, line in enumerate(lines) if _ERROR.search(line)), max(0, len(lines) - 5))
    ending = f"its process ended with exit code {step.exit_code}"
    return shown("\n".join([*lines[telling : telling + _MOST_LINES]])) or ending


def names_error(output: str) -> bool:
    """Return whether a process has printed an error."""
    return _ERROR.search(output) is not None


def shown(text: str) -> str:
    """Return untrusted text that is safe to show, without the frames of Node and of packages."""
    lines = re.sub(r"\x1b\[[\d;]*m", "", text[: 4 * _MOST_MESSAGE]).replace("\t", "    ").splitlines()
    kept = (line for line in lines if not _is_foreign(line))
    return without_controls("\n".join(kept)[:_MOST_MESSAGE]).strip()


def _is_foreign(line: str) -> bool:
    return line.lstrip().startswith("at ") and ("node_modules/" in line or "node:" in line)


def _result(tests: Sequence[ReportedTest]) -> FunctionResult:
    """Return the result of a test function, which has a test for each row of its table."""
    status = max((test.status for test in tests), key=_WORST.__getitem__)
    failed = [place for place, test in enumerate(tests) if test.status == FAILED]
    message = shown(tests[failed[0]].message) if failed else ""
    return FunctionResult(
        status=status,
        message=message,
        wants_network=bool(_NO_NETWORK.search(message) and _CALLS.search(message)),
        raised_by_test=bool(failed) and _is_raised_by_test(tests[failed[0]]),
        failed_rows=frozenset(failed) if len(tests) > 1 else frozenset(),
        seconds=sum(test.seconds for test in tests),
    )


def _is_raised_by_test(test: ReportedTest) -> bool:
    """Return whether an error that is not a failed assertion began in the test file, as its frames say."""
    first_line = test.message.partition("\n")[0]
    frames = [*_FRAME.finditer(test.message)]
    if _REPLACES_NOTHING.search(first_line):
        frames = [found for found in frames if not _is_foreign(found[0])]
    else:
        named = _ERROR.search(first_line)
        if named is None or named["name"] in {"AssertionError", "JestAssertionError", "Error"}:
            return False
    first = frames[0]["file"] if frames else ""
    return bool(test.file) and PurePosixPath(first).name == PurePosixPath(test.file).name


def name_of(title: str, names: Collection[str]) -> str | None:
    """Return the name of the test function that a reported test belongs to; None if there is none."""
    if title in names:
        return title
    fitting = [name for name in names if (found := _pattern(name)) and found.fullmatch(title)]
    return max(fitting, key=lambda name: len(_CHANGING.sub("", name)), default=None)


@lru_cache(maxsize=1024)
def _pattern(name: str) -> re.Pattern[str] | None:
    """Return what matches the titles of a test with a table; None if the name is literal."""
    if not _CHANGING.search(name):
        return None
    return re.compile("".join(_parts(name)), re.DOTALL)


def _parts(name: str) -> Iterator[str]:
    last = 0
    for found in _CHANGING.finditer(name):
        yield re.escape(name[last : found.start()])
        yield r"[\s\S]*?"
        last = found.end()
    yield re.escape(name[last:])


def selection(names: Collection[str]) -> str:
    """Return a regular expression of JavaScript for tests: their titles joined as the frameworks do.

    vitest 1 puts a space before them. For very many tests it matches all: what ran besides them is left out
    of the results anyway.
    """
    joined = ("".join(_parts(name)).replace(re.escape(JOINT), "(?: > | )") for name in sorted(names))
    pattern = f"^ ?(?:{'|'.join(map(_in_javascript, joined))})$"
    return pattern if len(pattern.encode("utf-8", "replace")) < _MOST_PATTERN_BYTES else ""


def _in_javascript(pattern: str) -> str:
    """Return a pattern without the escapes that only Python knows, and without control characters."""
    known = re.sub(r"\\([^\w\\.^$*+?()\[\]{}|/])", r"\1", pattern).replace("/", r"\/")
    return re.sub(r"[\x00-\x1f\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", known)

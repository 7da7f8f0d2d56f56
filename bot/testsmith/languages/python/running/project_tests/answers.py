"""The output of `worker/suite/main.py`. Untrusted code runs in the same process, so it may be anything."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, TypeVar

from annotated_types import Ge

from testsmith.decode import IF_VALID, OneOf, OrElse, decode_lines
from testsmith.execution.jobs import CRASHED, FAILED, PASSED, SKIPPED
from testsmith.execution.sandbox.interface import ProcessOutcome

MOST_TESTS = 100_000
"""Results of further tests are not read."""

_MOST_ID_CHARACTERS = 2_000
_MOST_MESSAGE_CHARACTERS = 2_000
_MOST_WORDS = 300
_FINISHED = frozenset({0, 1, 5})
"""Exit codes of pytest when it ran everything it found: all passed, some failed, no tests."""

_EXCEPTION = re.compile(r"[\w.]*(?:Error|Exception|Warning|Exit|Skipped|Failed)\b")
"""Start of a line that names an exception."""

_T = TypeVar("_T")

Lines = Mapping[str, frozenset[int]]
"""Line numbers by file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTest:
    """One of the project's tests.

    Attributes:
        id: Test id, see `MemberBaseline.tests`.
        file: Test file, relative to the git root.
        name: Function name, `Class::name` for a method.
        status: How it ended.
        seconds: Duration.
        lines: Lines it reached.
        left_early: Where an exception that ended the test left a member; what it would have reached
            afterwards is unknown.
        message: Why it did not pass. Untrusted text.
        wants_network: Whether it failed because no network was available.
    """

    id: str
    file: str
    name: str
    status: str
    seconds: float = 0.0
    lines: Lines = field(default_factory=dict)
    left_early: Lines = field(default_factory=dict)
    message: str = ""
    wants_network: bool = False

    @property
    def has_failed(self) -> bool:
        """Whether the test did not end as its authors intended."""
        return self.status not in {PASSED, SKIPPED}


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteAnswer:
    """Result of one run of the project's tests.

    Attributes:
        tests: Tests in the order in which they finished.
        broken: One-line reasons why files could not be loaded, by path relative to the git root.
        loaded: Lines reached outside of any test.
        arcs: Arcs taken at any time, by file.
        is_whole: Whether all tests ran to completion.
        trouble: Why not all tests ran; empty if they did.
        is_late: Whether the time limit was reached.
        likely_ended: Whether all test files that name a member were run.
        leaves_others: Whether only tests of other files are missing, because their time was over.
    """

    tests: tuple[OwnTest, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict)
    loaded: Lines = field(default_factory=dict)
    arcs: Mapping[str, frozenset[tuple[int, int]]] = field(default_factory=dict)
    is_whole: bool = False
    trouble: str = ""
    is_late: bool = False
    likely_ended: bool = False
    leaves_others: bool = False

    @property
    def failed(self) -> tuple[OwnTest, ...]:
        """Tests that did not pass."""
        return tuple(test for test in self.tests if test.has_failed)

    @property
    def failing_ids(self) -> frozenset[str]:
        """Ids of failing tests, and `FILE::` for each file that could not be loaded."""
        return frozenset((*(test.id for test in self.failed), *(f"{file}::" for file in self.broken)))


def joined(parts: Sequence[SuiteAnswer]) -> SuiteAnswer:
    """Return the result of a run whose test files were shared by several processes."""
    if len(parts) == 1:
        return parts[0]
    return SuiteAnswer(
        tests=tuple(test for part in parts for test in part.tests),
        broken={file: reason for part in parts for file, reason in part.broken.items()},
        loaded=_united(part.loaded for part in parts),
        arcs=_united(part.arcs for part in parts),
        is_whole=all(part.is_whole for part in parts),
        trouble=next((part.trouble for part in parts if part.trouble), ""),
        is_late=any(part.is_late for part in parts),
        likely_ended=all(part.likely_ended for part in parts),
        leaves_others=any(part.leaves_others for part in parts)
        and all(part.leaves_others or part.is_whole for part in parts),
    )


def _united(parts: Iterable[Mapping[str, frozenset[_T]]]) -> dict[str, frozenset[_T]]:
    found: dict[str, frozenset[_T]] = {}
    for part in parts:
        for file, numbers in part.items():
            found[file] = found.get(file, frozenset()) | numbers
    return found


_Numbers = frozenset[Annotated[int, Ge(1), IF_VALID]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _LineSet:
    kind: Literal["lines"]
    number: int
    attempt: int
    files: dict[str, Annotated[_Numbers, IF_VALID]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arcs:
    kind: Literal["arcs"]
    arcs: tuple[Annotated[tuple[str, int, int], IF_VALID], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    kind: Literal["loaded"]
    set: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    kind: Literal["test"]
    id: str
    file: str
    name: str
    status: str
    seconds: float
    set: int
    attempt: int
    left_early: Annotated[tuple[Annotated[tuple[str, int], IF_VALID], ...], OrElse(())] = ()
    likely: Annotated[bool, OrElse(value=True)] = True
    message: Annotated[str, OrElse("")] = ""
    network: Annotated[bool, OrElse(value=False)] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Broken:
    kind: Literal["broken"]
    node: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Collected:
    kind: Literal["collected"]
    rootdir: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exit:
    kind: Literal["exit"]
    code: int
    leaves_others: Annotated[bool, OrElse(value=False)] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    kind: Literal["ended"]
    how: str
    words: Annotated[str, OrElse("")] = ""
    running: Annotated[str, OrElse("")] = ""


_Line = Annotated[_LineSet | _Arcs | _Loaded | _Test | _Broken | _Collected | _Exit | _Ended, OneOf("kind")]


def read_suite(outcome: ProcessOutcome, root: str) -> SuiteAnswer:
    """Parse a worker's output, ignoring malformed lines.

    Args:
        outcome: How the worker process ended.
        root: Folder of the project copy.
    """
    reader = _Reader(root)
    lines, is_read = decode_lines(_Line, outcome.stdout)
    for line in lines:
        reader.take(line)
    return reader.answer(outcome if is_read else replace(outcome, truncated=True))


class _Reader:
    def __init__(self, root: str) -> None:
        self._prefix = root.rstrip("/") + "/"
        self._sets: dict[tuple[int, int], Lines] = {}
        self._tests: dict[str, OwnTest] = {}
        self._broken: dict[str, str] = {}
        self._loaded: dict[str, set[int]] = {}
        self._arcs: dict[str, set[tuple[int, int]]] = {}
        self._rootdir = ""
        self._exit: int | None = None
        self._likely_ended = self._leaves_others = False
        self._how = ""
        self._words = ""

    def take(self, line: Any) -> None:
        match line:
            case _LineSet():
                self._sets[line.attempt, line.number] = dict(self._own(line.files.items()))
            case _Arcs():
                self._take_arcs(line)
            case _Loaded():
                for file, lines in self._sets.get((line.attempt, line.set), {}).items():
                    self._loaded.setdefault(file, set()).update(lines)
            case _Test():
                self._take_test(line)
            case _Broken():
                reason = _reason(line.message.replace(self._prefix, ""))
                self._broken.setdefault(one_line(line.node.partition("::")[0]), reason)
            case _Collected():
                self._rootdir = one_line(line.rootdir)
            case _Exit():
                self._exit, self._leaves_others = line.code, line.leaves_others
                self._likely_ended |= line.leaves_others
            case _Ended():
                self._take_ending(line)

    def _take_arcs(self, line: _Arcs) -> None:
        for file, arc in self._own((file, (before, after)) for file, before, after in line.arcs):
            self._arcs.setdefault(file, set()).add(arc)

    def _own(self, items: Iterable[tuple[str, _T]]) -> Iterator[tuple[str, _T]]:
        """Yield what is said of files of the project, by path."""
        for file, item in items:
            if file.startswith(self._prefix):
                yield file.removeprefix(self._prefix), item

    def _take_test(self, line: _Test) -> None:
        self._likely_ended |= not line.likely
        if len(line.id) > _MOST_ID_CHARACTERS or len(self._tests) >= MOST_TESTS:
            return
        left_early: dict[str, set[int]] = {}
        for file, number in self._own(line.left_early):
            left_early.setdefault(file, set()).add(number)
        self._add(
            OwnTest(
                id=line.id,
                file=line.file,
                name=line.name,
                status=line.status if line.status in {PASSED, SKIPPED, FAILED} else CRASHED,
                seconds=line.seconds,
                lines=self._sets.get((line.attempt, line.set), {}),
                left_early={file: frozenset(lines) for file, lines in left_early.items()},
                message=line.message[:_MOST_MESSAGE_CHARACTERS],
                wants_network=line.network,
            )
        )

    def _add(self, test: OwnTest) -> None:
        known = self._tests.get(test.id)
        if known is None or test.has_failed:
            self._tests[test.id] = test

    def _take_ending(self, line: _Ended) -> None:
        self._how, self._words = line.how, one_line(self._in_project(line.words))
        if 0 < len(line.running) <= _MOST_ID_CHARACTERS:
            file, _, rest = line.running.partition("::")
            name = rest.partition("[")[0]
            self._add(OwnTest(id=line.running, file=file, name=name, status=CRASHED))

    def answer(self, outcome: ProcessOutcome) -> SuiteAnswer:
        is_whole = self._how == "done" and self._exit in _FINISHED and not outcome.truncated
        prefix = "" if self._rootdir in {"", "."} else f"{self._rootdir}/"
        return SuiteAnswer(
            tests=tuple(self._tests.values()),
            broken={prefix + node: reason for node, reason in self._broken.items()},
            loaded={file: frozenset(lines) for file, lines in self._loaded.items()},
            arcs={file: frozenset(arcs) for file, arcs in self._arcs.items()},
            is_whole=is_whole,
            trouble="" if is_whole else self._trouble(outcome),
            is_late=not is_whole and self._is_late(outcome),
            likely_ended=is_whole or (self._likely_ended and not outcome.truncated),
            leaves_others=self._leaves_others and self._how == "done" and not outcome.truncated,
        )

    def _in_project(self, words: str) -> str:
        """Return what a process said, with paths relative to the project."""
        return words.replace(self._prefix, "")

    def _is_late(self, outcome: ProcessOutcome) -> bool:
        return outcome.timed_out or self._how == "timed out"

    def _trouble(self, outcome: ProcessOutcome) -> str:
        if outcome.exceeded:
            return f"they took {outcome.exceeded}"
        if self._is_late(outcome):
            return (
                "they exceeded the time limit (raise suite-seconds, or pass a coverage file with --coverage)"
            )
        if outcome.truncated:
            return "their output is too large"
        if self._leaves_others:
            return "the time for them was over"
        words = self._words or one_line(
            self._in_project(outcome.stderr.decode("utf-8", "replace")).strip()[-_MOST_WORDS:]
        )
        said = f": {words}" if words else ""
        return (
            f"pytest could not run them{said}"
            if self._how == "done"
            else f"they ended the test process{said}"
        )


def _reason(message: str) -> str:
    """Return the line of a pytest traceback that says what went wrong."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    errors = [line.removeprefix("E ").strip() for line in lines if line.startswith("E ")]
    named = [line for line in errors if _EXCEPTION.match(line)]
    return one_line((named or errors or lines or [""])[-1])


def one_line(text: str) -> str:
    """Return text as one line that is safe to show: truncated, without terminal control sequences."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:_MOST_WORDS]).strip()


_MOST_REASONS = 3
MISSING_MODULE = re.compile(r"No module named '([\w.]+)'")
"""Message of an import that finds no module; the first group is its name."""


def suite_notes(answer: SuiteAnswer, unknown: int, members: int, *, installs: bool) -> tuple[str, ...]:
    """Return notes on what could not be measured, why, and what would help.

    Args:
        answer: Result of the run.
        unknown: Number of members without a complete baseline.
        members: Total number of members.
        installs: Whether the project and its test dependencies were installed for this run.
    """
    not_loaded = not_loaded_notes(answer, installs=installs)
    ran_as_meant = answer.is_whole or answer.leaves_others
    if not answer.likely_ended or (not ran_as_meant and unknown == members):
        return (f"the project's tests were not measured: {answer.trouble}", *not_loaded)
    if answer.leaves_others and not unknown:
        return not_loaded
    if not ran_as_meant:
        ran = f"{len(answer.tests)} project tests ran, including all in files that name a function to test"
        return (f"{ran}; the others are unknown: {answer.trouble}", *not_loaded)
    failed = len(answer.failed)
    skipped = sum(bool(test.left_early) and not test.has_failed for test in answer.tests)
    total, broken = len(answer.tests), len(answer.broken)
    reason = _most_frequent_reason(answer.failed) if unknown else ""
    files = "test file" if broken == 1 else "test files"
    are = "is" if skipped == 1 else "are"
    parts = (
        *([failing_words(failed, total) + reason] if failed else ()),
        *([f"{broken} {files} cannot be loaded in the sandbox"] if broken else ()),
        *([f"{skipped} of {total} project tests {are} skipped halfway in the sandbox"] if skipped else ()),
    )
    if not parts:
        return () if answer.tests else ("the project has no tests",)
    return (
        f"{' and '.join(parts)}{'' if unknown else ', but none of them tests these functions'}",
        *not_loaded,
    )


def _most_frequent_reason(failed: Collection[OwnTest]) -> str:
    """Return in parentheses why most of some tests fail; nothing if that is unknown."""
    first_lines = (one_line(test.message.strip().partition("\n")[0]) for test in failed)
    reasons = Counter(filter(None, first_lines))
    return "".join(
        f" ({reason})" if len(failed) == 1 else f" ({number} of them: {reason})"
        for reason, number in reasons.most_common(1)
    )


def failing_words(failed: int, total: int) -> str:
    """Return that some of the project's tests fail; at least one does."""
    return f"{failed} of {total} project tests {'fails' if failed == 1 else 'fail'} in the sandbox"


def change_note(failing: Collection[str]) -> str:
    """Return a note on tests that fail because of the change; `FILE::` is a file that does not load."""
    names = sorted(one_line(test.removesuffix("::")) for test in failing)
    more = f" and {len(names) - _MOST_REASONS} more" if len(names) > _MOST_REASONS else ""
    work, fail = ("works", "fails") if len(names) == 1 else ("work", "fail")
    return f"{', '.join(names[:_MOST_REASONS])}{more} {work} on the merge base and {fail} with this change"


def not_loaded_notes(answer: SuiteAnswer, *, installs: bool) -> tuple[str, ...]:
    """Return one note per reason why test files could not be loaded, with the files and what would help.

    Args:
        answer: Result of the run.
        installs: Whether the project and its test dependencies were installed for this run.
    """
    return tuple(_not_loaded(answer, installs=installs))


def _not_loaded(answer: SuiteAnswer, *, installs: bool) -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for file, reason in answer.broken.items():
        by_reason.setdefault(reason, []).append(file)
    for reason, files in list(by_reason.items())[:_MOST_REASONS]:
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        yield f"{files[0]}{more} cannot be loaded ({reason}): {_remedy(reason, files[0], installs=installs)}"
    if len(by_reason) > _MOST_REASONS:
        left = len(by_reason) - _MOST_REASONS
        yield f"test files cannot be loaded for {left} more reasons: run pytest to see them"


def _remedy(reason: str, file: str, *, installs: bool) -> str:
    missing = MISSING_MODULE.search(reason)
    if missing is None:
        return f"pytest {file} shows more"
    module = missing[1].partition(".")[0]
    if installs:
        return f"declare {module} as a test dependency, or install it with --setup-command"
    return f"install {module} where pytest is installed, or run again with --install"

"""What the reader of a report should know of a run of the project's own tests. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from testsmith.execution.own_tests.answers import SuiteAnswer, one_line

_MOST_REASONS = 3
_MISSING_MODULE = re.compile(r"No module named '([\w.]+)'")


def suite_notes(answer: SuiteAnswer, unknown: int, members: int, *, installs: bool) -> tuple[str, ...]:
    """Return what could not be measured, why, and what would help.

    Args:
        answer: What the run showed.
        unknown: For how many members it is not known what the tests do with them.
        members: How many members there are.
        installs: Whether the project and its test dependencies were installed for this run.
    """
    not_loaded = not_loaded_notes(answer, installs=installs)
    if not answer.likely_ended or (not answer.is_whole and unknown == members):
        return (f"own tests were not measured: {answer.trouble}", *not_loaded)
    if not answer.is_whole:
        ran = f"{len(answer.tests)} own tests ran, all those that import or name a member among them"
        return (f"{ran}; of the others nothing is known: {answer.trouble}", *not_loaded)
    failed = len(answer.failed)
    skipped = sum(bool(test.left_early) and not test.has_failed for test in answer.tests)
    total, broken = len(answer.tests), len(answer.broken)
    files = "test file" if broken == 1 else "test files"
    parts = (
        *([f"{failed} of {total} own tests do not pass in the sandbox"] if failed else ()),
        *([f"{broken} {files} cannot be loaded in the sandbox"] if broken else ()),
        *([f"{skipped} of {total} own tests skip themselves half-way in the sandbox"] if skipped else ()),
    )
    if not parts:
        return () if answer.tests else ("the project has no tests of its own",)
    return (f"{' and '.join(parts)}{'' if unknown else ', none of which is about a member'}", *not_loaded)


def change_note(failing: Collection[str]) -> str:
    """Return what is said of tests that fail because of the change; `FILE::` is a file that does not load."""
    names = sorted(one_line(test.removesuffix("::")) for test in failing)
    more = f" and {len(names) - _MOST_REASONS} more" if len(names) > _MOST_REASONS else ""
    work, fail = ("works", "fails") if len(names) == 1 else ("work", "fail")
    return f"{', '.join(names[:_MOST_REASONS])}{more} {work} on the merge base and {fail} with this change"


def not_loaded_notes(answer: SuiteAnswer, *, installs: bool) -> tuple[str, ...]:
    """Return for each reason the files that could not be loaded for it, and what would help.

    Args:
        answer: What the run showed.
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
        yield f"test files cannot be loaded for {left} more reasons: pytest shows them"


def _remedy(reason: str, file: str, *, installs: bool) -> str:
    missing = _MISSING_MODULE.search(reason)
    if missing is None:
        return f"pytest {file} shows more"
    module = missing[1].partition(".")[0]
    if installs:
        return f"declare {module} as a test dependency, or install it with --setup-command"
    return f"install {module} next to pytest, or run again with --install"

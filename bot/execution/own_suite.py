"""The project's own tests: what they reach of the members, and which changes of them they notice.

They are run as their authors run them, with their conftest, plugins and settings, in a copy of the project
that may be written to, behind the sandbox. Where they cannot be measured nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bot.execution.answers import Reached
from bot.execution.baseline import MemberBaseline, OwnSuite
from bot.execution.harness import ChangedModules
from bot.execution.sandbox import CannotRun
from bot.execution.suite_answers import OwnTest, SuiteAnswer
from bot.execution.suite_changes import try_changes
from bot.execution.suite_run import run_suite
from bot.execution.workspace import Workspace
from bot.model import Member
from bot.settings import VerificationSettings

__all__ = ["MOST_TESTS_A_LINE", "MemberBaseline", "OwnSuite", "changes_noticed", "measure_own_suite"]

MOST_TESTS_A_LINE = 1_000
"""Of more own tests that reach a line, the quickest count."""

_LANGUAGE = "python"


async def measure_own_suite(
    workspace: Workspace, members: Sequence[Member], settings: VerificationSettings
) -> OwnSuite:
    """Run the project's own tests once, and return what they reach of members.

    Args:
        workspace: Where they are run.
        members: What is looked at.
        settings: How long it may take, or the coverage file that is read instead.
    """
    subjects = [member for member in members if member.language == _LANGUAGE]
    if not subjects:
        return OwnSuite()
    if settings.suite_seconds <= 0:
        return OwnSuite(notes=("own tests were not run: suite-seconds is 0",))
    try:
        answer = await run_suite(workspace, subjects, settings.suite_seconds)
    except CannotRun as error:
        return OwnSuite(notes=(f"own tests were not run: {error}",))
    if not answer.is_whole:
        return OwnSuite(notes=(f"own tests were not measured: {answer.trouble}",))
    return OwnSuite(members={member.id: _baseline(member, answer) for member in subjects})


def _baseline(member: Member, answer: SuiteAnswer) -> MemberBaseline:
    """Return what the tests do with one member."""
    reaching: dict[int, list[OwnTest]] = {}
    for test in answer.tests:
        for line in _within(member, test.lines.get(member.path, ())):
            reaching.setdefault(line, []).append(test)
    loaded = _within(member, answer.loaded.get(member.path, ()))
    arcs = answer.arcs.get(member.path, frozenset())
    return MemberBaseline(
        reached=Reached(
            lines=loaded | reaching.keys(),
            branches=frozenset(arc for arc in arcs if member.line <= arc[0] <= member.end_line),
        ),
        tests={line: _quickest(tests) for line, tests in sorted(reaching.items())},
    )


def _within(member: Member, lines: Iterable[int]) -> frozenset[int]:
    return frozenset(line for line in lines if member.line <= line <= member.end_line)


def _quickest(tests: Iterable[OwnTest]) -> tuple[str, ...]:
    ordered = sorted(tests, key=lambda test: (test.seconds, test.id))
    return tuple(test.id for test in ordered[:MOST_TESTS_A_LINE])


async def changes_noticed(
    workspace: Workspace, changed: Mapping[str, ChangedModules], seconds: float
) -> dict[str, dict[int, bool]]:
    """Run own tests against changes of members; return for each, by its number, whether a test fails with it.

    Changes that were not tried in time, or whose tests do not pass without them, are left out.

    Args:
        workspace: Where they are run.
        changed: The changes by member id; their `tests` are ids of own tests, and `names` does not matter.
        seconds: The time limit of all together.
    """
    return await try_changes(workspace, changed, seconds) if seconds > 0 else {}

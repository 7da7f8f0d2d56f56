"""Assemble a report: numbering, order, groups and consistency checks. Pure functions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from testsmith.model import (
    Audit,
    Baseline,
    BaselineStatus,
    Failure,
    Funnel,
    Label,
    Member,
    Report,
    Skipped,
    SkipStage,
    Suggestion,
)


class Inconsistent(Failure):
    """A report would omit or repeat something: an internal error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEntry:
    """A member with all of its suggestions; never empty."""

    member: Member
    suggestions: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedGroup:
    """Items skipped at one stage for one reason: display names of members, and paths of files."""

    stage: SkipStage
    reason: str
    members: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The members, then the files."""
        return (*self.members, *self.files)


def numbered(members: Sequence[Member], suggestions: Iterable[Suggestion]) -> tuple[Suggestion, ...]:
    """Return the suggestions in the order of their members, green ones first, numbered from 1."""
    place = {member.id: index for index, member in enumerate(members)}
    ordered = sorted(suggestions, key=lambda one: (place.get(one.member, len(place)), not one.is_green))
    return tuple(replace(suggestion, number=number) for number, suggestion in enumerate(ordered, start=1))


def joined(reports: Sequence[Report]) -> Report:
    """Return the reports on the members of several languages as one.

    Args:
        reports: At least one report; the first decides on what belongs to the whole run.
    """
    if len(reports) == 1:
        return reports[0]
    baselines = [one.baseline for one in reports]
    statuses = {one.status for one in baselines}
    tests = [one.tests for one in baselines if one.tests is not None]
    on_base = [one.fail_on_base for one in baselines if one.fail_on_base is not None]
    return replace(
        reports[0],
        suggestions=tuple(one for report in reports for one in report.suggestions),
        skipped=tuple(one for report in reports for one in report.skipped),
        statistics=replace(
            reports[0].statistics,
            funnel=summed([one.statistics.funnel for one in reports]),
            not_asked=sum(one.statistics.not_asked for one in reports),
        ),
        failure=next((one.failure for one in reports if one.failure is not None), None),
        notes=tuple(dict.fromkeys(note for one in reports for note in one.notes)),
        failing=known_failing(reports),
        audit=joined_audits([one.audit for one in reports if one.audit is not None]),
        baseline=Baseline(
            status=statuses.pop() if len(statuses) == 1 else BaselineStatus.PARTLY,
            tests=sum(tests) if tests else None,
            fail_on_base=sum(on_base) if on_base else None,
            known=sum(one.known for one in baselines),
        ),
    )


def joined_audits(audits: Sequence[Audit]) -> Audit | None:
    """Return the audits of several projects as one; None if there are none."""
    if not audits:
        return None
    known = [one.survived for one in audits if one.survived is not None]
    tests = [test for one in audits for test in one.tests]
    return Audit(
        tests=tuple(sorted(tests, key=lambda test: (test.path, test.line, test.name))),
        survived=tuple(mutant for each in known for mutant in each) if known else None,
        mutants=sum(one.mutants for one in audits),
        left_out=sum(one.left_out for one in audits),
        notes=tuple(dict.fromkeys(note for one in audits for note in one.notes)),
    )


def known_failing(reports: Sequence[Report]) -> frozenset[str] | None:
    """Return the tests that are known to fail; None if nothing is known."""
    known = [report.failing for report in reports if report.failing is not None]
    return frozenset[str]().union(*known) if known else None


def summed(data: Sequence[Funnel]) -> Funnel:
    """Return the sums of several runs' numbers."""
    return Funnel(
        asked=sum(one.asked for one in data),
        answered=sum(one.answered for one in data),
        ran=sum(one.ran for one in data),
        stable=sum(one.stable for one in data),
        gains=sum(one.gains for one in data),
        posted=sum(one.posted for one in data),
    )


def check(report: Report) -> None:
    """Check that a report omits and repeats nothing.

    Raises:
        Inconsistent: It does; the message names the first such member.
    """
    fault = next(_faults(report), None)
    if fault is not None:
        raise Inconsistent(f"internal error: {fault}. Please report this.")


def _faults(report: Report) -> Iterator[str]:
    ids = Counter(member.id for member in report.members)
    yield from (f"{member} is listed {times} times" for member, times in ids.items() if times > 1)
    yield from _suggestion_faults(report, ids)
    suggested = {suggestion.member for suggestion in report.suggestions}
    skipped = Counter(entry.member for entry in report.skipped if entry.member is not None)
    yield from (f"{member} is skipped {times} times" for member, times in skipped.items() if times > 1)
    yield from (f"{member} is both suggested for and skipped" for member in skipped if member in suggested)
    yield from (
        f"{member} has neither a suggestion nor a reason"
        for member in ids
        if member not in suggested and member not in skipped
    )


def _suggestion_faults(report: Report, ids: Mapping[str, int]) -> Iterator[str]:
    for number, suggestion in enumerate(report.suggestions, start=1):
        if suggestion.member not in ids:
            yield f"a suggestion is for {suggestion.member}, which is not among the members"
        if suggestion.number != number:
            yield f"the suggestion for {suggestion.member} has number {suggestion.number}, not {number}"
    green = Counter(suggestion.member for suggestion in report.suggestions if suggestion.is_green)
    yield from (f"{member} has {times} green suggestions" for member, times in green.items() if times > 1)


def entries(report: Report) -> tuple[ReportEntry, ...]:
    """Return the members with suggestions, in the order of the report."""
    found: dict[str, list[Suggestion]] = defaultdict(list)
    for suggestion in report.suggestions:
        found[suggestion.member].append(suggestion)
    return tuple(
        ReportEntry(member=member, suggestions=tuple(found[member.id]))
        for member in report.members
        if member.id in found
    )


def display_names(members: Sequence[Member]) -> dict[str, str]:
    """Return the shortest unambiguous name of each member: its name, or else its id."""
    counts = Counter(member.name for member in members)
    return {member.id: member.name if counts[member.name] == 1 else member.id for member in members}


def skipped_groups(report: Report) -> tuple[SkippedGroup, ...]:
    """Return the skipped items, grouped by stage in pipeline order, then by reason."""
    names = display_names(report.members)
    stages = list(SkipStage)
    found: dict[tuple[SkipStage, str], list[Skipped]] = defaultdict(list)
    for entry in report.skipped:
        found[entry.stage, entry.reason].append(entry)
    return tuple(
        SkippedGroup(
            stage=stage,
            reason=reason,
            members=tuple(
                names.get(entry.member, entry.member) for entry in group if entry.member is not None
            ),
            files=tuple(entry.path for entry in group if entry.member is None),
        )
        for (stage, reason), group in sorted(found.items(), key=lambda item: stages.index(item[0][0]))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The counts of a report.

    Attributes:
        members: All processed members.
        tested: Members with a green suggestion.
        tests: Test functions of the green suggestions; None if unknown.
        questions: Suggestions that are questions.
        unproven: Whether none of the suggested tests has been run.
        skipped_members: Skipped members.
        skipped_files: Skipped files.
    """

    members: int
    tested: int
    tests: int | None
    questions: int
    unproven: bool
    skipped_members: int
    skipped_files: int


def totals(report: Report) -> Totals:
    """Return the counts for the headline."""
    green = [suggestion for suggestion in report.suggestions if suggestion.is_green]
    files = sum(entry.member is None for entry in report.skipped)
    return Totals(
        members=len(report.members),
        tested=len({suggestion.member for suggestion in green}),
        tests=sum(len(suggestion.tests) for suggestion in green),
        questions=len(report.suggestions) - len(green),
        unproven=bool(green) and all(suggestion.evidence is None for suggestion in green),
        skipped_members=len(report.skipped) - files,
        skipped_files=files,
    )


def catches(suggestion: Suggestion) -> bool:
    """Return whether the test passed before the change and fails now."""
    return suggestion.label is Label.CATCHES


def updates_test(suggestion: Suggestion) -> bool:
    """Return whether a question shows the edit that makes a broken test of the project pass."""
    evidence = suggestion.evidence
    return suggestion.label is Label.QUESTION and evidence is not None and evidence.passes > 0

"""Choose among members that the same changed private code affects: one test of a change is enough."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import PurePosixPath

from testsmith.model import Change, Member, Report, Request, Skipped, SkipStage
from testsmith.pipeline.state import RunState
from testsmith.verification.gate import ProvenSuggestion

_MOST_FOR_MODEL = 2
"""Members asked for per changed definition. The second is for when the first one's tests show nothing."""

_MOST_FOR_ENGINE = 6

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")

_Cause = tuple[str, str]
"""Path and name of a changed private definition."""


def farther_members(run: RunState) -> dict[str, tuple[Member, ...]]:
    """Return the affected members to leave out, each with those nearer to what changed, nearest first."""
    if _is_chosen(run):
        return {}
    has_model = run.clients.model is not None
    most = _MOST_FOR_MODEL if has_model else _MOST_FOR_ENGINE
    users: dict[_Cause, list[Request]] = {}
    for request in run.requests.values():
        for cause in _causes(request.member) if has_model or not request.member.is_private else ():
            users.setdefault(cause, []).append(request)
    near: dict[_Cause, list[Member]] = {}
    for cause, ones in users.items():
        ranked = [one for one in ones if _is(one.member, cause)] or sorted(ones, key=_distance)
        near[cause] = [one.member for one in ranked[:most]]
    chosen = {member.id for members in near.values() for member in members}
    nearer = {
        member.id: dict.fromkeys(one for cause in sorted(_causes(member)) for one in near.get(cause, ()))
        for member in run.members
        if member.change is Change.AFFECTED and member.id not in chosen
    }
    return {member: tuple(ones) for member, ones in nearer.items() if ones}


def not_chosen(member: Member, nearest: Member, stage: SkipStage = SkipStage.CHANGES) -> Skipped:
    """Return a member as skipped because a nearer one was chosen, whatever comes of that one."""
    reason = f"`{nearest.name}`, which uses the same changed code, was chosen instead"
    return Skipped.of(member, stage, reason)


def with_nearer_ones(run: RunState, report: Report) -> Report:
    """Return a finished report that says which of the members left out have their change shown elsewhere."""
    members = {member.id: member for member in run.search.members}

    def finished(skipped: Skipped) -> Skipped:
        if skipped.member is None or skipped.member not in run.farther:
            return skipped
        member = members[skipped.member]
        near = (one for one in run.farther[member.id] if _shows_change_of(run, report, one, member))
        shown = next(near, None)
        return skipped if shown is None else _shown_through(member, SkipStage.CHANGES, shown)

    return replace(report, skipped=tuple(map(finished, report.skipped)))


def _shows_change_of(run: RunState, report: Report, one: Member, other: Member) -> bool:
    """Return whether a suggestion for one member shows a change that affects another."""
    if not _has_no_other_change(one, other):
        return False
    guards = not run.proof_settings.unchanged_behaviour
    return any(
        suggestion.evidence is not None
        and bool(suggestion.evidence.fail_to_pass or (guards and suggestion.is_green))
        for suggestion in report.suggestions
        if suggestion.member == one.id
    )


def _has_no_other_change(one: Member, other: Member) -> bool:
    """Return whether each change that tests of one member can show also affects another.

    Tests of a public member that changed itself may show nothing but that.
    """
    return (one.change is Change.AFFECTED or one.is_private) and _causes(one) <= _causes(other)


def shown_elsewhere(run: RunState, greens: Mapping[str, ProvenSuggestion]) -> dict[str, Skipped]:
    """Return the members whose tests show only what the tests of another member show, with the reason.

    Args:
        run: The run's state.
        greens: Proven tests by member id.
    """
    if _is_chosen(run) or run.proof_settings.unchanged_behaviour:
        return {}

    def rank(member: str) -> tuple[bool, bool, int, tuple[object, ...]]:
        green, request = greens[member], run.requests[member]
        return (
            not _shows_its_own(request.member, green),
            not green.evidence.fail_to_pass,
            -len(green.gains.guarded),
            _distance(request),
        )

    kept: list[str] = []
    found: dict[str, Skipped] = {}
    for key in sorted(greens, key=rank):
        member, green = run.requests[key].member, greens[key]
        near = [one for one in kept if _causes(run.requests[one].member) & _causes(member)]
        covered = frozenset(cause for one in near for cause in _causes(run.requests[one].member))
        killed = frozenset(mutant for one in near for mutant in greens[one].gains.killed)
        fails_alone = green.evidence.fail_to_pass and not any(
            greens[one].evidence.fail_to_pass for one in near
        )
        shows_more = fails_alone or green.gains.guarded - killed or _causes(member) - covered
        if near and not shows_more and not _shows_its_own(member, green):
            ranked = [run.requests[one].member for one in near]
            killing = (one for one in ranked if greens[one.id].gains.killed & green.gains.guarded)
            others = (one for one in ranked if _has_no_other_change(one, member))
            shown = next(chain(killing, others), None)
            found[key] = (
                not_chosen(member, ranked[0], SkipStage.GATE)
                if shown is None
                else _shown_through(member, SkipStage.GATE, shown)
            )
        else:
            kept.append(key)
    return found


def _is_chosen(run: RunState) -> bool:
    """Return whether someone chose the members, or their tests are given."""
    options = run.options
    return options.is_chosen or bool(run.settings.selection.only) or options.candidates is not None


def _causes(member: Member) -> frozenset[_Cause]:
    """Return the changed private definitions that a member uses, and itself if it is one."""
    used = frozenset((place.path, place.name) for place in member.because_places)
    is_cause = member.is_private and member.change is not Change.AFFECTED
    return used | {(member.path, member.name)} if is_cause else used


def _is(member: Member, cause: _Cause) -> bool:
    return (member.path, member.name) == cause


def _distance(request: Request) -> tuple[bool, bool, int, int, int, bool, str, int]:
    """Return the sort key of a member: nearest to what changed first, also by its name, then most tests.

    Those that the authors name come before all others, then those that tests of the changed file call.
    """
    member = request.member
    below = (*member.shown_change.route, *(name for _, name in _causes(member)))
    alike = max((len(_words(member.plain_name) & _words(name)) for name in below), default=0)
    tests = sum(bool(one.calls) for one in request.existing)
    is_elsewhere = member.path not in {path for path, _ in _causes(member)}
    return (
        *(not _is_named(request), not _is_called_for_change(request)),
        *(member.steps, -alike, -tests, is_elsewhere),
        *(member.path, member.line),
    )


def _is_called_for_change(request: Request) -> bool:
    """Return whether tests named after a changed file call a member, or it is in the changed file itself."""
    paths = {path for path, _ in _causes(request.member)}
    words = {_file_words(path) for path in paths} - {frozenset()}
    called = any(test.calls and _file_words(test.path) in words for test in request.existing)
    return called or request.member.path in paths


def _file_words(path: str) -> frozenset[str]:
    """Return the words of a file's name, the same for a source file and for tests named after it."""
    return _words(PurePosixPath(path).name.partition(".")[0]) - {"test", "tests", "spec"}


def _is_named(request: Request) -> bool:
    """Return whether the authors name a member as code, not only by a word that is also its name."""
    name = request.member.plain_name
    as_code = rf"[`.]{re.escape(name)}[`(>]|\b{re.escape(name)}\("
    return re.search(rf"\b{re.escape(name)}\b" if "_" in name else as_code, request.intent) is not None


def _words(name: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(name.rpartition(".")[2]))


def _shows_its_own(member: Member, green: ProvenSuggestion) -> bool:
    """Return whether tests show what a change does in the member itself, or could not show it by mutants."""
    return member.change is not Change.AFFECTED and not green.misses_own_change


def _shown_through(member: Member, stage: SkipStage, nearest: Member) -> Skipped:
    return Skipped.of(member, stage, f"the same change is shown through `{nearest.name}`")

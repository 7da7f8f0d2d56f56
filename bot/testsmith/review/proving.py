"""Suggestions that stand on a pull request, proven once more on the head that is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from testsmith.forge.marks import content_digest
from testsmith.model import Candidate, Member, Report, Suggestion
from testsmith.pipeline import Given
from testsmith.review.desk import Desk
from testsmith.review.standing import Standing

_GONE = "its member is no more what the pull request changes"
_LESS = "not all of its tests hold any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What came of a suggestion.

    Attributes:
        standing: As it stands on the pull request.
        suggestion: As it was proven, with its number; None where it does not hold to the letter.
        member: What it is for; None where that is not there.
        trouble: Why it does not hold, as a clause; foreign text.
        failing: See `Marking.failing`.
    """

    standing: Standing
    suggestion: Suggestion | None = None
    member: Member | None = None
    trouble: str = ""
    failing: frozenset[str] | None = None


async def prove_again(desk: Desk, standings: Iterable[Standing]) -> list[Proven]:
    """Prove suggestions on the desk's head, each to the letter as its comment shows it.

    Those that a person has asked for are of files that the change may not touch, so they are run apart.
    """
    standings = [one for one in standings if one.code is not None]
    apart = [one for one in standings if one.entry.is_asked]
    found = list[Proven]()
    for group, paths in (
        ([one for one in standings if not one.entry.is_asked], ()),
        (apart, tuple(dict.fromkeys(one.entry.member.partition("::")[0] for one in apart))),
    ):
        if group:
            candidates = {one.entry.member: _candidate(one) for one in group}
            wanted = Given(candidates=candidates, paths=paths)
            report = await desk.run(candidates.__contains__, wanted)
            found += [replace(_proven(one, report), failing=report.failing) for one in group]
    return found


def known_failing(proven: Iterable[Proven]) -> frozenset[str] | None:
    """Return which own tests were seen not to pass where any of these was proven; None where none was run."""
    known = [one.failing for one in proven if one.failing is not None]
    return frozenset[str]().union(*known) if known else None


def _candidate(standing: Standing) -> Candidate:
    return Candidate(member=standing.entry.member, code=standing.code or "", origin=standing.origin)


def _proven(standing: Standing, report: Report) -> Proven:
    members: Mapping[str, Member] = {member.id: member for member in report.members}
    member = members.get(standing.entry.member)
    if member is None:
        return Proven(standing=standing, trouble=_GONE)
    for one in report.suggestions:
        if one.member == member.id and content_digest(member.id, one.code) == standing.content:
            return Proven(standing=standing, suggestion=replace(one, number=standing.number), member=member)
    reasons = [one.reason for one in report.skipped if one.member == member.id]
    return Proven(standing=standing, member=member, trouble=reasons[0] if reasons else _LESS)

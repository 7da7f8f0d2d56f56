from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fakes.clock import FakeClock
from fakes.requests import make_member
from testsmith.deadline import Deadline
from testsmith.languages.results import Proof
from testsmith.model import Candidate, Change, Origin
from testsmith.verification.batches import in_groups
from testsmith.verification.evidence import RunSubject
from testsmith.verification.gate import Verdict


def subject(name: str, change: Change = Change.CHANGED, code: str = "") -> RunSubject:
    member = replace(make_member(f"shop.py::{name}"), change=change)
    return RunSubject(member=member, candidate=Candidate(member=member.id, code=code, origin=Origin.MODEL))


@dataclass
class Prover:
    """Needs some seconds of a clock for each candidate; remembers the groups."""

    clock: FakeClock
    seconds: float
    hangs_at: str = ""
    groups: list[list[str]] = field(default_factory=list)

    async def __call__(self, subjects: Sequence[RunSubject]) -> list[Verdict]:
        names = [one.member.name for one in subjects]
        self.groups.append(names)
        if self.hangs_at in names:
            await asyncio.sleep(3600)
        self.clock.advance(self.seconds * len(subjects))
        return [Verdict(proof=Proof(member=one.member, candidate=one.candidate)) for one in subjects]


def proven(prover: Prover, subjects: Sequence[RunSubject], minutes: float) -> list[str | None]:
    deadline = Deadline.after(minutes, prover.clock.now)
    judged = asyncio.run(in_groups(subjects, deadline, prover))
    found = [one if isinstance(one, Verdict) else None for one in judged]
    assert [one.proof.candidate for one in found if one] == [
        subject.candidate for subject, one in zip(subjects, found, strict=True) if one
    ]
    return [None if one is None else one.proof.member.name for one in found]


def test_in_groups__a_usual_run_is_one_group() -> None:
    prover = Prover(FakeClock(), seconds=2)
    subjects = [subject(name) for name in "abcd"]
    assert proven(prover, subjects, 10) == [*"abcd"]
    assert prover.groups == [[*"abcd"]]


def test_in_groups__the_nearest_first_and_no_more_than_there_is_time_for() -> None:
    prover = Prover(FakeClock(), seconds=20)
    subjects = [
        subject("affected", Change.AFFECTED),
        subject("changed"),
        subject("added", Change.ADDED, "one"),
        subject("added", Change.ADDED, "two"),
    ]
    assert proven(prover, subjects, 0.6) == [None, None, "added", "added"]
    assert prover.groups == [["added", "added"]]


def test_in_groups__what_does_not_end_is_lost_alone() -> None:
    prover = Prover(FakeClock(), seconds=0.01, hangs_at="m12")
    subjects = [subject(f"m{number:02}") for number in range(15)]
    found = proven(prover, subjects, 0.04)
    assert found == [f"m{number:02}" if number != 12 else None for number in range(15)]
    assert [len(group) for group in prover.groups if "m12" in group] == [14, 7, 3, 1]

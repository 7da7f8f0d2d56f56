"""Parts that the machines of a sweep exchange as JSON: the plan and each shard's report.

Parts are not trusted: anyone who controls one job can write GitHub artifacts. Size and shape are checked;
members are looked up by id in the checked-out sources, and a shard's report counts only for its own members.
Proposed tests are subject to the same path rules as any others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from testsmith.decode import MOST_BYTES, Malformed, decode
from testsmith.model import Failure, Member, Report
from testsmith.settings import MOST_SHARDS
from testsmith.storage.archive import read_file, write_file
from testsmith.sweep.shards import Shard
from testsmith.sweep_results import SweepPlan

PART_SCHEMA = 1
"""Schema version of parts; parts with another version are refused."""

PLAN_NAME = "plan.json"
"""File name of the plan."""

MOST_RANKED = 2_000
"""Maximum number of ranked but unselected members in a plan, most valuable first."""

_PLAN, _SHARD = "testsmith-sweep-plan", "testsmith-sweep-shard"
_NO_SOURCE = ""

_Part = TypeVar("_Part")


class BadPart(Failure):
    """A part is not usable; the message says which, why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPart:
    """The plan as a part.

    Attributes:
        plan: The plan.
        shards: The member ids of each shard.
    """

    plan: SweepPlan
    shards: tuple[tuple[str, ...], ...]
    kind: str = _PLAN
    schema: int = PART_SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardPart:
    """A shard's report as a part.

    Attributes:
        number: The shard's number, counted from 1.
        of: The number of shards.
        plan: The digest of the plan.
        report: The shard's report.
    """

    number: int
    of: int
    plan: str
    report: Report
    kind: str = _SHARD
    schema: int = PART_SCHEMA


def shard_name(shard: Shard) -> str:
    """Return the file name of a shard's report, for example `shard-2of4.json`."""
    return f"{shard.name}.json"


def digest(data: bytes) -> str:
    """Return the digest by which a shard's report names its plan."""
    return hashlib.sha256(data).hexdigest()


def write_plan(plan: SweepPlan, shards: tuple[tuple[str, ...], ...]) -> bytes:
    """Return the content of the plan's file, without sources: readers have them checked out.

    Raises:
        BadPart: The plan exceeds the maximum size.
    """
    taken = frozenset(member for shard in shards for member in shard)
    others = [one for one in plan.ranked if one.member.id not in taken][:MOST_RANKED]
    known = taken | {one.member.id for one in others}
    ranked = tuple(
        replace(one, member=_without_source(one.member)) for one in plan.ranked if one.member.id in known
    )
    handed_on = replace(plan, ranked=ranked, estimate=None)
    return _written(PlanPart(plan=handed_on, shards=shards), PLAN_NAME)


def read_plan(data: bytes) -> PlanPart:
    """Return the plan in a file.

    Raises:
        BadPart: The file was not written by this version.
    """
    part = _read(PlanPart, data, PLAN_NAME)
    if (part.kind, part.schema) != (_PLAN, PART_SCHEMA) or len(part.shards) > MOST_SHARDS:
        raise _bad(PLAN_NAME, "it has another version")
    members = [member for shard in part.shards for member in shard]
    if len(members) != len(set(members)):
        raise _bad(PLAN_NAME, "it has a function twice")
    return part


def write_shard(shard: Shard, plan: str, report: Report) -> bytes:
    """Return the content of a shard's report file; `plan` is the digest of the plan's file.

    Raises:
        BadPart: The report exceeds the maximum size.
    """
    bare = replace(report, members=tuple(map(_without_source, report.members)))
    return _written(ShardPart(number=shard.number, of=shard.of, plan=plan, report=bare), shard_name(shard))


def read_shard(data: bytes, shard: Shard, plan: str) -> ShardPart:
    """Return the report in a shard's file.

    Raises:
        BadPart: The file was not written by this version for this shard of this plan.
    """
    name = shard_name(shard)
    part = _read(ShardPart, data, name)
    if (part.kind, part.schema) != (_SHARD, PART_SCHEMA):
        raise _bad(name, "it has another version")
    if (part.number, part.of) != (shard.number, shard.of):
        raise _bad(name, f"it belongs to shard {part.number}/{part.of}")
    if part.plan != plan:
        raise _bad(name, "it belongs to another plan")
    return part


def with_sources(plan: SweepPlan, members: Mapping[str, Member]) -> SweepPlan:
    """Return a plan with the sources of the checked-out members; unknown members are left out."""
    ranked = (replace(one, member=members[one.member.id]) for one in plan.ranked if one.member.id in members)
    return replace(plan, ranked=tuple(ranked), taken=tuple(one for one in plan.taken if one in members))


def _without_source(member: Member) -> Member:
    return replace(member, source=_NO_SOURCE)


def _written(part: PlanPart | ShardPart, name: str) -> bytes:
    from pydantic_core import to_json

    data = to_json(part)
    if len(data) > MOST_BYTES:
        raise BadPart(
            f"{name} would have over {MOST_BYTES // 1024**2} MB, the limit of a part. Sweep fewer "
            f"functions at once."
        )
    return data


def _read(kind: type[_Part], data: bytes, name: str) -> _Part:
    if len(data) > MOST_BYTES:
        raise _bad(name, f"it has over {MOST_BYTES // 1024**2} MB")
    try:
        return decode(kind, data)
    except Malformed as error:
        raise _bad(name, f"TestSmith did not write it ({error.path or 'it cannot be parsed'})") from None


def _bad(name: str, why: str) -> BadPart:
    return BadPart(f"Could not use {name}: {why}. Run the job again that wrote it.")


class PartsFolder:
    """A directory of parts.

    Args:
        folder: Its path; created if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, data: bytes) -> None:
        """Write a part atomically.

        Raises:
            Failure: The file could not be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_file(self.folder / name, data)
        except OSError as error:
            raise Failure(f"Could not write {self.folder / name}: {error.strerror}.") from error

    def read(self, name: str) -> bytes | None:
        """Return a part, or None if it does not exist. Reads at most the maximum size.

        Raises:
            Failure: The file could not be read.
        """
        try:
            return read_file(self.folder / name, MOST_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Failure(f"Could not read {self.folder / name}: {error.strerror}.") from error

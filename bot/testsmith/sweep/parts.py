"""What machines hand to each other: the plan, and each shard's report, as JSON.

Nothing of it is trusted: a file of GitHub's artifacts may have been put there by whoever got hold of a job.
Its size and the shape of each value are checked; members are taken by their ids from the sources that are
checked out, and a shard is heard on its own members alone. What it proposes goes where any proposal may go.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from testsmith.model import Failure, Member, Report
from testsmith.sweep.shards import MOST_SHARDS, Shard
from testsmith.sweep_results import SweepPlan

if TYPE_CHECKING:
    from pydantic import TypeAdapter


PART_SCHEMA = 1
"""Raised when the meaning of a part changes; other ones are then refused."""

PLAN_NAME = "plan.json"
"""What the plan's file is called."""

MOST_BYTES = 64 * 1024 * 1024
"""A larger part is neither written nor read."""

MOST_RANKED = 2_000
"""So many of the members that the sweep does not take are handed on, the most worth first."""

_PLAN, _SHARD = "testsmith-sweep-plan", "testsmith-sweep-shard"
_NO_SOURCE = ""

_Part = TypeVar("_Part")


class BadPart(Failure):
    """A part cannot be used; the message says which, why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPart:
    """The plan, as it is handed on.

    Attributes:
        plan: What is to be taken.
        shards: The ids of the members of each shard.
    """

    plan: SweepPlan
    shards: tuple[tuple[str, ...], ...]
    kind: str = _PLAN
    schema: int = PART_SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardPart:
    """What came of one shard, as it is handed on.

    Attributes:
        number: Which shard it is, counted from 1.
        of: How many there are.
        plan: The digest of the plan that it went by.
        report: What came of its members.
    """

    number: int
    of: int
    plan: str
    report: Report
    kind: str = _SHARD
    schema: int = PART_SCHEMA


def shard_name(shard: Shard) -> str:
    """Return what a shard's file is called, as `shard-2of4.json`."""
    return f"{shard.name}.json"


def digest(data: bytes) -> str:
    """Return the digest that a shard's report names its plan by."""
    return hashlib.sha256(data).hexdigest()


def write_plan(plan: SweepPlan, shards: tuple[tuple[str, ...], ...]) -> bytes:
    """Return the plan's file. Sources are left out of it: whoever reads it has them checked out.

    Raises:
        BadPart: It would be larger than may be read again.
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
    """Return the plan of a file.

    Raises:
        BadPart: It is none that this version has written.
    """
    part = _read(PlanPart, data, PLAN_NAME)
    if (part.kind, part.schema) != (_PLAN, PART_SCHEMA) or len(part.shards) > MOST_SHARDS:
        raise _bad(PLAN_NAME, "it is of another version")
    members = [member for shard in part.shards for member in shard]
    if len(members) != len(set(members)):
        raise _bad(PLAN_NAME, "a member is in it twice")
    return part


def write_shard(shard: Shard, plan: str, report: Report) -> bytes:
    """Return the file of a shard's report; `plan` is the digest of the plan's file.

    Raises:
        BadPart: It would be larger than may be read again.
    """
    bare = replace(report, members=tuple(map(_without_source, report.members)))
    return _written(ShardPart(number=shard.number, of=shard.of, plan=plan, report=bare), shard_name(shard))


def read_shard(data: bytes, shard: Shard, plan: str) -> ShardPart:
    """Return the report of a shard's file.

    Raises:
        BadPart: It is none that this version has written for this shard of this plan.
    """
    name = shard_name(shard)
    part = _read(ShardPart, data, name)
    if (part.kind, part.schema) != (_SHARD, PART_SCHEMA):
        raise _bad(name, "it is of another version")
    if (part.number, part.of) != (shard.number, shard.of):
        raise _bad(name, f"it is of shard {part.number}/{part.of}")
    if part.plan != plan:
        raise _bad(name, "it is of another plan")
    return part


def with_sources(plan: SweepPlan, members: Mapping[str, Member]) -> SweepPlan:
    """Return a plan whose members are those that are checked out; what is not among them is left out."""
    ranked = (replace(one, member=members[one.member.id]) for one in plan.ranked if one.member.id in members)
    return replace(plan, ranked=tuple(ranked), taken=tuple(one for one in plan.taken if one in members))


def _without_source(member: Member) -> Member:
    return replace(member, source=_NO_SOURCE)


def _written(part: PlanPart | ShardPart, name: str) -> bytes:
    data = bytes(_adapter(type(part)).dump_json(part))
    if len(data) > MOST_BYTES:
        raise BadPart(
            f"{name} would have over {MOST_BYTES // 1024**2} MB, more than is read again. Sweep fewer "
            "members at once."
        )
    return data


def _read(kind: type[_Part], data: bytes, name: str) -> _Part:
    from pydantic import ValidationError

    if len(data) > MOST_BYTES:
        raise _bad(name, f"it has over {MOST_BYTES // 1024**2} MB")
    try:
        read: _Part = _adapter(kind).validate_json(data, strict=True)
    except (ValidationError, RecursionError) as error:
        raise _bad(name, f"it is not as this program writes it ({_first(error)})") from None
    return read


def _adapter(kind: type[_Part]) -> TypeAdapter[_Part]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _first(error: Any) -> str:
    """Return the first place that has another shape, in words of ours alone."""
    details = error.errors(include_input=False, include_url=False) if hasattr(error, "errors") else []
    places = [".".join(str(step) for step in one["loc"]) for one in details if one["loc"]]
    return ascii(places[0][:80]) if places else "it cannot be parsed"


def _bad(name: str, why: str) -> BadPart:
    return BadPart(f"{name} cannot be used: {why}. Run the job that has written it again.")


_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class PartsFolder:
    """A folder of parts.

    Args:
        folder: Where it is; made where there is none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, data: bytes) -> None:
        """Leave a part, as a whole or not at all.

        Raises:
            Failure: It cannot be left.
        """
        passing = self.folder / f".{name}.new"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                passing.unlink()
            with os.fdopen(os.open(passing, _NEW, 0o644), "wb") as file:
                file.write(data)
            passing.replace(self.folder / name)
        except OSError as error:
            raise Failure(f"{self.folder / name} cannot be written: {error.strerror}.") from error

    def read(self, name: str) -> bytes | None:
        """Return a part, no more of it than may be read; None where there is none.

        Raises:
            Failure: It cannot be read.
        """
        try:
            with os.fdopen(os.open(self.folder / name, _OPEN), "rb") as file:
                return file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Failure(f"{self.folder / name} cannot be read: {error.strerror}.") from error

"""Cache baselines between runs. Cached values are untrusted and validated."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, Protocol

from annotated_types import Ge, Len, MaxLen

from testsmith.decode import Malformed, Matches, OrElse, Then, decode_value
from testsmith.execution.baseline import MemberBaseline, OwnSuite
from testsmith.execution.jobs import Reached
from testsmith.model import BaselineStatus, Member
from testsmith.storage.keys import MEASUREMENT_SCHEMA

MOST_FAILED = 1_000
"""Maximum number of failing tests or files to store."""

_MOST_NOTES = 10
_MOST_CHARACTERS = 2_000


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError
    return text


_Count = Annotated[int, Ge(0)]
_Id = Annotated[str, Len(1, _MOST_CHARACTERS), Matches(re.compile(r"[^\0]*"))]
_Note = Annotated[str, MaxLen(_MOST_CHARACTERS), Then(_printable)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Suite:
    """The entry that lists the members of a baseline; see `keep`."""

    schema: Literal[3]
    kind: Literal["own-suite"]
    seconds: float
    status: BaselineStatus
    tests: _Count | None
    members: tuple[str, ...]
    partly: tuple[str, ...]
    notes: Annotated[tuple[_Note, ...], MaxLen(_MOST_NOTES)]
    failed: Annotated[Annotated[frozenset[_Id], MaxLen(MOST_FAILED)] | None, OrElse(None)] = None
    not_passed: frozenset[_Id]
    passing: dict[str, _Count]
    blamed: dict[str, frozenset[_Id]]
    is_cut_short: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """The entry of a member; see `_encoded`."""

    schema: Literal[3]
    is_whole: bool
    lines: tuple[int, ...]
    branches: tuple[tuple[int, int], ...]
    ids: tuple[_Id, ...]
    sets: tuple[tuple[_Count, ...], ...]
    tests: tuple[tuple[_Count, _Count], ...]
    branches_known: bool = True


class Measurements(Protocol):
    """A map from key to JSON object whose methods never raise."""

    def get_many(self, keys: Sequence[str]) -> dict[str, dict[str, object]]:
        """Return the values of the keys that exist."""
        ...

    def put(self, key: str, value: Mapping[str, object]) -> None:
        """Store a value."""
        ...


class NoMeasurements:
    """A cache that stores nothing."""

    def get_many(self, _keys: Sequence[str]) -> dict[str, dict[str, object]]:
        """Return nothing."""
        return {}

    def put(self, key: str, value: Mapping[str, object]) -> None:
        """Discard the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A baseline to store.

    Attributes:
        suite: The baseline.
        seconds: Time limit if the run exceeded it; 0 if it finished.
    """

    suite: OwnSuite
    seconds: float = 0.0


def keep(store: Measurements, key: str, kept: Kept) -> None:
    """Store a baseline: one entry per member, and one that lists them.

    One that failed without a test is not stored, unless the time was over: the environment may be the reason.
    """
    suite = kept.suite
    if suite.status is BaselineStatus.FAILED and not suite.tests and not kept.seconds:
        return
    for member, baseline in {**suite.members, **suite.partly}.items():
        store.put(_member_key(key, member), _encoded(baseline))
    named = {
        "members": sorted(suite.members),
        "partly": sorted(suite.partly),
        "notes": list(suite.notes),
        "failed": None if suite.failed is None else sorted(suite.failed),
        "status": suite.status.value,
        "tests": suite.tests,
        "not_passed": sorted(suite.reaching - suite.passed),
        "passing": dict(suite.passing),
        "blamed": {member: sorted(tests) for member, tests in suite.blamed.items()},
        "is_cut_short": suite.is_cut_short,
    }
    head = {"schema": MEASUREMENT_SCHEMA, "kind": "own-suite", "seconds": kept.seconds}
    store.put(key, {**head, **named})


def kept_suite(store: Measurements, key: str, members: Iterable[Member], seconds: float) -> OwnSuite | None:
    """Return the cached baseline; None if there is none that can be used.

    Args:
        store: The cache.
        key: Key of the baseline.
        members: Members to include.
        seconds: Current time limit. A baseline that ran into a lower limit is not used.
    """
    asked = {member.id: member for member in members}
    try:
        head = decode_value(_Suite, store.get_many([key]).get(key))
        if head.seconds and head.seconds < seconds:
            return None
        suite = OwnSuite(
            status=head.status,
            tests=head.tests,
            members=_baselines(store, key, head.members, asked),
            partly=_baselines(store, key, head.partly, asked),
            notes=head.notes,
            failed=head.failed,
            passing=head.passing,
            blamed={asked[member].id: tests for member, tests in head.blamed.items()},
            is_cut_short=head.is_cut_short,
        )
    except (Malformed, KeyError, IndexError):
        return None
    return replace(suite, passed=suite.reaching - head.not_passed)


def _baselines(
    store: Measurements, key: str, ids: Iterable[str], asked: Mapping[str, Member]
) -> dict[str, MemberBaseline]:
    """Return the cached baselines of some members.

    Raises:
        KeyError, IndexError, Malformed: An entry is missing or malformed.
    """
    keys = {asked[one].id: _member_key(key, one) for one in ids}
    values = store.get_many(list(keys.values()))
    return {one: _decoded(values[place], asked[one]) for one, place in keys.items()}


def _member_key(key: str, member: str) -> str:
    return hashlib.sha256(f"{key} {member}".encode("utf-8", "surrogatepass")).hexdigest()


def _encoded(baseline: MemberBaseline) -> dict[str, object]:
    ids = sorted({test for tests in baseline.tests.values() for test in tests})
    numbers = {test: number for number, test in enumerate(ids)}
    sets = dict.fromkeys(baseline.tests.values())
    places = {tests: place for place, tests in enumerate(sets)}
    return {
        "schema": MEASUREMENT_SCHEMA,
        "is_whole": baseline.is_whole,
        "branches_known": baseline.branches_known,
        "lines": sorted(baseline.reached.lines),
        "branches": sorted(baseline.reached.branches),
        "ids": ids,
        "sets": [[numbers[test] for test in tests] for tests in sets],
        "tests": [[line, places[tests]] for line, tests in sorted(baseline.tests.items())],
    }


def _decoded(value: Mapping[str, object], member: Member) -> MemberBaseline:
    """Return the cached baseline of a member; raises the same errors as `_baselines`."""
    read = decode_value(_Member, value)
    lines, least = range(member.line, member.end_line + 1), -member.end_line
    if not all(line in lines for line in read.lines) or min(map(min, read.branches), default=0) < least:
        raise Malformed("", "is of other lines")
    named = [tuple(read.ids[number] for number in one) for one in read.sets]
    return MemberBaseline(
        reached=Reached(lines=frozenset(read.lines), branches=frozenset(read.branches)),
        tests={line: named[place] for line, place in read.tests},
        is_whole=read.is_whole,
        branches_known=read.branches_known,
    )

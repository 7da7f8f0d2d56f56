"""Cache baselines between runs. Cached values are untrusted and validated."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from testsmith.execution.baseline import MemberBaseline, OwnSuite
from testsmith.execution.jobs import Reached
from testsmith.model import BaselineStatus, Member
from testsmith.storage.keys import MEASUREMENT_SCHEMA

MOST_FAILED = 1_000
"""Maximum number of failing tests or files to store."""

_MOST_NOTES = 10
_MOST_CHARACTERS = 2_000


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
    """Store a baseline: one entry per member, and one that lists them."""
    suite = kept.suite
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
    head = store.get_many([key]).get(key, {})
    notes, late = _texts(head.get("notes")), head.get("seconds")
    if head.get("schema") != MEASUREMENT_SCHEMA or head.get("kind") != "own-suite" or notes is None:
        return None
    if not isinstance(late, int | float) or (late and late < seconds):
        return None
    asked = {member.id: member for member in members}
    try:
        suite = OwnSuite(
            status=BaselineStatus(str(head["status"])),
            tests=_count(head["tests"]),
            members=_baselines(store, key, head["members"], asked),
            partly=_baselines(store, key, head["partly"], asked),
            notes=notes,
            failed=_failed(head.get("failed")),
            passing=_counts(head["passing"]),
            blamed=_blamed(head["blamed"], asked),
        )
        return replace(suite, passed=suite.reaching - _ids(head["not_passed"]))
    except (KeyError, IndexError, ValueError):
        return None


def _count(value: object) -> int | None:
    if value is not None and (type(value) is not int or value < 0):
        raise _OddValue
    return value


def _counts(value: object) -> dict[str, int]:
    if not isinstance(value, dict) or not all(type(one) is int and one >= 0 for one in value.values()):
        raise _OddValue
    return value


def _blamed(value: object, asked: Collection[str]) -> dict[str, frozenset[str]]:
    if not isinstance(value, dict) or not value.keys() <= set(asked):
        raise _OddValue
    return {member: _ids(tests) for member, tests in value.items()}


def _ids(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not all(map(_is_id, value)):
        raise _OddValue
    return frozenset(value)


def _failed(value: object) -> frozenset[str] | None:
    """Return the tests that did not pass; None if unknown."""
    if not isinstance(value, list) or len(value) > MOST_FAILED or not all(map(_is_id, value)):
        return None
    return frozenset(value)


def _baselines(
    store: Measurements, key: str, ids: object, asked: Mapping[str, Member]
) -> dict[str, MemberBaseline]:
    """Return the cached baselines of some members.

    Raises:
        KeyError, IndexError, _OddValue: An entry is missing or malformed.
    """
    if not isinstance(ids, list) or not all(isinstance(one, str) and one in asked for one in ids):
        raise _OddValue
    keys = {one: _member_key(key, one) for one in ids}
    values = store.get_many(list(keys.values()))
    return {one: _decoded(values[place], asked[one]) for one, place in keys.items()}


def _member_key(key: str, member: str) -> str:
    return hashlib.sha256(f"{key} {member}".encode("utf-8", "surrogatepass")).hexdigest()


def _texts(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list) or len(value) > _MOST_NOTES:
        return None
    texts = tuple(one for one in value if isinstance(one, str) and one.isprintable())
    return texts if len(texts) == len(value) and all(len(one) <= _MOST_CHARACTERS for one in texts) else None


def _encoded(baseline: MemberBaseline) -> dict[str, object]:
    ids = sorted({test for tests in baseline.tests.values() for test in tests})
    numbers = {test: number for number, test in enumerate(ids)}
    sets = dict.fromkeys(baseline.tests.values())
    places = {tests: place for place, tests in enumerate(sets)}
    return {
        "schema": MEASUREMENT_SCHEMA,
        "is_whole": baseline.is_whole,
        "lines": sorted(baseline.reached.lines),
        "branches": sorted(baseline.reached.branches),
        "ids": ids,
        "sets": [[numbers[test] for test in tests] for tests in sets],
        "tests": [[line, places[tests]] for line, tests in sorted(baseline.tests.items())],
    }


class _OddValue(ValueError):
    """A cached value is malformed."""


def _decoded(value: Mapping[str, object], member: Member) -> MemberBaseline:
    """Return the cached baseline of a member; raises the same errors as `_baselines`."""
    (lines,) = _table([value["lines"]])
    branches = _table(value["branches"], width=2, least=-member.end_line)
    ids = value["ids"]
    if value["schema"] != MEASUREMENT_SCHEMA or not isinstance(ids, list) or not all(map(_is_id, ids)):
        raise _OddValue
    if not all(member.line <= line <= member.end_line for line in lines):
        raise _OddValue
    named = [tuple(ids[number] for number in one) for one in _table(value["sets"])]
    return MemberBaseline(
        reached=Reached(lines=frozenset(lines), branches=frozenset((arc[0], arc[1]) for arc in branches)),
        tests={row[0]: named[row[1]] for row in _table(value["tests"], width=2)},
        is_whole=value["is_whole"] is True,
    )


def _table(value: object, *, width: int | None = None, least: int = 0) -> list[list[int]]:
    """Return the value as a list of lists of integers.

    Raises:
        _OddValue: It is something else.
    """
    rows: list[list[int]] = []
    for row in value if isinstance(value, list) else [None]:
        if not isinstance(row, list) or width not in {None, len(row)}:
            raise _OddValue
        if not all(type(one) is int and one >= least for one in row):
            raise _OddValue
        rows.append(row)
    return rows


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MOST_CHARACTERS and "\0" not in value

"""What is remembered of jobs that were sent to a model's endpoint, so that a later run takes their answers.

Entries lie beside the results, in a file of their own, and are untrusted like all that is kept. What a call's
answers are for is bound to the call's own id, which is a digest over it: an entry by somebody else can name
another's job, but no line of that job's files has the id of a call that was not asked there.
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from testsmith.cache.keys import canonical_digest
from testsmith.cache.store import ResultStore

JOBS_FILE_NAME = "jobs-v1.sqlite3"
"""A new layout gets a new name, as with the results."""

JOB_SCHEMA = 1
"""The version of an entry's shape; any other version is none."""

MOST_REMEMBERED = 5_000
"""How many entries are looked through, those that were used last."""

MOST_MEMBERS_A_CALL = 500
"""A call for more is not sent as part of a job: its entry would be too large to be kept."""

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_JOB_ID = re.compile(r"[A-Za-z0-9_.:~=-]{0,200}", re.ASCII)
_MOST_NAME = 2_000
_MOST_NUMBER = 10_000_000
_SHAPES = {
    "job": {"schema", "kind", "digest", "endpoint", "id", "over"},
    "call": {"schema", "kind", "job", "members", "max_tokens", "tiers", "asked_again"},
    "again": {"schema", "kind", "keys", "max_tokens", "tiers", "asked_again"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedMember:
    """A member of a call: the key of its result, and what the answer calls it."""

    key: str
    path: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a call is made; see `testsmith.generation.model.packing.Batch`."""

    max_tokens: int
    tiers: int
    asked_again: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedCall:
    """One call of a job."""

    members: tuple[AskedMember, ...]
    terms: Terms

    @property
    def id(self) -> str:
        """What its answer is found by: a digest over all of it, so that no other call's answer is taken."""
        members = [[member.key, member.path, member.name] for member in self.members]
        return f"testsmith-{canonical_digest([JOB_SCHEMA, members, *_numbers(self.terms)])[:48]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedJob:
    """A job as it is remembered.

    Attributes:
        digest: What it was sent with.
        endpoint: Where.
        id: The endpoint's id; empty where it was about to be sent when it was last heard of.
        is_over: Whether its answers have been taken, or it is known that there are none.
        calls: Its calls by id, those that are remembered.
    """

    digest: str
    endpoint: str
    id: str
    is_over: bool
    calls: Mapping[str, AskedCall]

    def with_id(self, job: str) -> AskedJob:
        """Return it with the id that the endpoint gave to it."""
        return replace(self, id=job)


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Members that are to be asked for together, and how, since the last answer was none: by their keys."""

    keys: tuple[str, ...]
    terms: Terms


class JobMemory:
    """Remembers jobs in a store.

    Args:
        store: Where.
        lock: A file that keeps other processes from sending at the same time; it goes with the process.
    """

    def __init__(self, store: ResultStore, lock: Path) -> None:
        self._store = store
        self._lock = lock

    def jobs(self, endpoint: str) -> tuple[AskedJob, ...]:
        """Return the jobs of an endpoint, whether they are over or not."""
        values = [entry.value for entry in self._store.newest(MOST_REMEMBERED)]
        calls: dict[str, dict[str, AskedCall]] = {}
        for value in values:
            if _is("call", value):
                call = _call(value)
                calls.setdefault(str(value["job"]), {})[call.id] = call
        found = [value for value in values if _is("job", value) and value["endpoint"] == endpoint]
        return tuple(_job(value, calls.get(str(value["digest"]), {})) for value in found)

    def begin(self, job: AskedJob) -> bool:
        """Note a job that is about to be sent; tell whether that is safe on the disk."""
        noted = [
            self._put(_call_key(job.digest, call.id), _call_value(job.digest, call))
            for call in job.calls.values()
        ]
        return all(noted) and self._put_job(job, over=False)

    def sent(self, job: AskedJob) -> None:
        """Note the id that the endpoint gave to a job; without, it is looked for by its digest."""
        if self._put_job(job, over=False):
            self._put_job(job.with_id(""), over=True)

    def over(self, job: AskedJob) -> None:
        """Note that there is nothing more to be taken of a job."""
        self._put_job(job, over=True)

    def ask_again(self, again: Again) -> None:
        """Note how members are to be asked for the next time."""
        value = {"schema": JOB_SCHEMA, "kind": "again", "keys": list(again.keys)} | _terms_value(again.terms)
        for key in again.keys:
            self._put(_again_key(key), value)

    def to_ask_again(self, keys: Sequence[str]) -> tuple[Again, ...]:
        """Return how members are to be asked for together, by their keys; each of them at most once."""
        values = self._store.get_many([_again_key(key) for key in keys])
        found: dict[str, Again] = {}
        for key in keys:
            value: Mapping[str, Any] = values.get(_again_key(key), {})
            if _is("again", value) and key in value["keys"]:
                again = Again(keys=tuple(value["keys"]), terms=_terms(value))
                found.setdefault(canonical_digest(value), again)
        return _each_once(found.values())

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Keep other processes from sending meanwhile; give False where another one does."""
        try:
            file = self._lock.open("ab")
        except OSError:
            yield True  # nothing can be kept there, so nothing is sent either
            return
        with file:
            held = False
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held = True
            yield held

    def _put_job(self, job: AskedJob, *, over: bool) -> bool:
        value = {"schema": JOB_SCHEMA, "kind": "job", "digest": job.digest, "endpoint": job.endpoint}
        return self._put(_job_key(job.digest, job.id), value | {"id": job.id, "over": over})

    def _put(self, key: str, value: Mapping[str, object]) -> bool:
        before = self._store.written
        if is_job_entry(value):  # else it could not be read again
            self._store.put(key, value)
        return self._store.written > before


def is_job_entry(value: Mapping[str, object]) -> bool:
    """Tell whether a value has exactly the shape of one that is remembered of jobs."""
    kind = value.get("kind")
    return isinstance(kind, str) and kind in _SHAPES and _is(kind, value)


def _is(kind: str, value: Mapping[str, Any]) -> bool:
    if value.get("schema") != JOB_SCHEMA or value.get("kind") != kind or value.keys() != _SHAPES[kind]:
        return False
    return _CHECKS[kind](value)


def _is_job(value: Mapping[str, Any]) -> bool:
    digest, endpoint, job = value["digest"], value["endpoint"], value["id"]
    named = _is_digest(digest) and _is_name(endpoint) and isinstance(value["over"], bool)
    return named and isinstance(job, str) and _JOB_ID.fullmatch(job) is not None


def _is_call(value: Mapping[str, Any]) -> bool:
    members = value["members"]
    if not _is_digest(value["job"]) or not _has_terms(value) or not isinstance(members, list):
        return False
    return 0 < len(members) <= MOST_MEMBERS_A_CALL and all(map(_is_member, members))


def _is_again(value: Mapping[str, Any]) -> bool:
    keys = value["keys"]
    if not _has_terms(value) or not isinstance(keys, list) or len(keys) > MOST_MEMBERS_A_CALL:
        return False
    return all(map(_is_digest, keys))


_CHECKS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "job": _is_job,
    "call": _is_call,
    "again": _is_again,
}


def _is_member(found: object) -> bool:
    if not isinstance(found, list) or len(found) != len(("key", "path", "name")):
        return False
    return _is_digest(found[0]) and _is_name(found[1]) and _is_name(found[2])


def _is_digest(found: object) -> bool:
    return isinstance(found, str) and _DIGEST.fullmatch(found) is not None


def _is_name(found: object) -> bool:
    return isinstance(found, str) and 0 < len(found) <= _MOST_NAME and "\0" not in found


def _has_terms(value: Mapping[str, Any]) -> bool:
    numbers = (value["max_tokens"], value["tiers"], value["asked_again"])
    return all(type(number) is int and 0 <= number <= _MOST_NUMBER for number in numbers)


def _terms(value: Mapping[str, Any]) -> Terms:
    return Terms(max_tokens=value["max_tokens"], tiers=value["tiers"], asked_again=value["asked_again"])


def _numbers(terms: Terms) -> tuple[int, int, int]:
    return terms.max_tokens, terms.tiers, terms.asked_again


def _terms_value(terms: Terms) -> dict[str, object]:
    return {"max_tokens": terms.max_tokens, "tiers": terms.tiers, "asked_again": terms.asked_again}


def _call_value(job: str, call: AskedCall) -> dict[str, object]:
    members = [[member.key, member.path, member.name] for member in call.members]
    named = {"schema": JOB_SCHEMA, "kind": "call", "job": job, "members": members}
    return named | _terms_value(call.terms)


def _call(value: Mapping[str, Any]) -> AskedCall:
    members = (AskedMember(key=key, path=path, name=name) for key, path, name in value["members"])
    return AskedCall(members=tuple(members), terms=_terms(value))


def _job(value: Mapping[str, Any], calls: Mapping[str, AskedCall]) -> AskedJob:
    return AskedJob(
        digest=value["digest"],
        endpoint=value["endpoint"],
        id=value["id"],
        is_over=value["over"],
        calls=calls,
    )


def _job_key(digest: str, job: str) -> str:
    """Return the key of a job's entry: the same calls may be asked by several jobs, one after the other."""
    return canonical_digest(["job", digest, job])


def _call_key(digest: str, call: str) -> str:
    return canonical_digest(["call", digest, call])


def _again_key(key: str) -> str:
    return canonical_digest(["again", key])


def _each_once(found: Iterable[Again]) -> tuple[Again, ...]:
    """Leave out what names a member that an earlier one has named."""
    named = set[str]()
    kept = []
    for again in found:
        if named.isdisjoint(again.keys):
            named.update(again.keys)
            kept.append(again)
    return tuple(kept)

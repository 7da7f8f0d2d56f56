"""A generator's result as a cache entry's value and back. Pure; what is read back is untrusted."""

from __future__ import annotations

from collections.abc import Mapping

from bot.model import Candidate, Member, Origin, Result, Skipped, Stage

VALUE_SCHEMA = 1
"""The version of a value's shape; any other version is a miss."""

MAX_REASON_CHARACTERS = 2_000
"""A longer reason was not written by this program."""

_CANDIDATE_SHAPE = {"schema", "kind", "code"}
_SKIPPED_SHAPE = {"schema", "kind", "stage", "reason"}


def encode_result(result: Result) -> dict[str, object]:
    """Return the value to store; member and path are not in it, since whoever has the key knows them.

    A `Skipped` is only worth storing where it is permanent, and is read back as such.
    """
    if isinstance(result, Candidate):
        return {"schema": VALUE_SCHEMA, "kind": "candidate", "code": result.code}
    reason = result.reason[:MAX_REASON_CHARACTERS]
    return {"schema": VALUE_SCHEMA, "kind": "skipped", "stage": result.stage.value, "reason": reason}


def decode_result(value: Mapping[str, object], member: Member) -> Result | None:
    """Return the member's result; None, which is a miss, where the value has not exactly the right shape."""
    if value.get("schema") != VALUE_SCHEMA:
        return None
    if value.get("kind") == "candidate" and value.keys() == _CANDIDATE_SHAPE:
        code = _text(value["code"])
        return None if code is None else Candidate(member=member.id, code=code, origin=Origin.MODEL)
    if value.get("kind") == "skipped" and value.keys() == _SKIPPED_SHAPE:
        return _decode_skipped(value, member)
    return None


def _decode_skipped(value: Mapping[str, object], member: Member) -> Skipped | None:
    reason = _text(value["reason"])
    if value["stage"] != Stage.GENERATION or reason is None or len(reason) > MAX_REASON_CHARACTERS:
        return None
    return Skipped(path=member.path, member=member.id, stage=Stage.GENERATION, reason=reason, permanent=True)


def _text(value: object) -> str | None:
    """Return a value that can stand in a file: a text with something in it, no NUL, no lone surrogate."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        return None
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return None
    return value

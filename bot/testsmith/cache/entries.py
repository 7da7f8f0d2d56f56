"""A generator's result as a cache entry's value and back. Pure; what is read back is untrusted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from testsmith.model import Candidate, Member, Origin, Result, Skipped, Stage

VALUE_SCHEMA = 1
"""The version of a value's shape; any other version is a miss."""

MAX_REASON_CHARACTERS = 2_000
"""A longer reason was not written by this program."""

_CANDIDATE_SHAPE = {"schema", "kind", "code"}
_SKIPPED_SHAPE = {"schema", "kind", "stage", "reason"}


def json_object(data: bytes) -> dict[str, Any] | None:
    """Return the JSON object that some bytes are; None where they are none."""
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


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
    if not is_result(value):
        return None
    if value["kind"] == "candidate":
        return Candidate(member=member.id, code=str(value["code"]), origin=Origin.MODEL)
    reason = str(value["reason"])
    return Skipped(path=member.path, member=member.id, stage=Stage.GENERATION, reason=reason, permanent=True)


def is_result(value: Mapping[str, object]) -> bool:
    """Tell whether a value has exactly the shape that `encode_result` gives."""
    if value.get("schema") != VALUE_SCHEMA:
        return False
    if value.get("kind") == "candidate" and value.keys() == _CANDIDATE_SHAPE:
        return _is_text(value["code"])
    if value.get("kind") == "skipped" and value.keys() == _SKIPPED_SHAPE:
        reason = value["reason"]
        is_short = isinstance(reason, str) and len(reason) <= MAX_REASON_CHARACTERS
        return value["stage"] == Stage.GENERATION and is_short and _is_text(reason)
    return False


def _is_text(value: object) -> bool:
    """Tell whether a value can stand in a file: a text with something in it, no NUL, no lone surrogate."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        return False
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True

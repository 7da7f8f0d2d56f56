"""What a sweep has tried in vain, as cache entries: keys by content, values, and back. Pure.

What is read back is untrusted: at worst it keeps a member from being tried again until its source changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from testsmith.cache.keys import canonical_digest
from testsmith.model import Member, Skipped, Stage

TRIED_FILE_NAME = "tried-v1.sqlite3"
"""A new layout gets a new name, as with the results."""

TRIED_SCHEMA = 1
"""Raised when the meaning of a part or of a value changes."""

_MOST_REASON_CHARACTERS = 2_000
_SHAPE = {"schema", "kind", "stage", "reason", "lasting"}
_STAGES = frozenset({Stage.ENVIRONMENT, Stage.GENERATION, Stage.VERIFICATION, Stage.GATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A member that was tried in vain.

    Attributes:
        stage: Where on the way it was left.
        reason: Why.
        lasting: Whether the same is to be expected of the same source; else it is only tried after others.
    """

    stage: Stage
    reason: str
    lasting: bool


def tried_key(member: Member, maker: str) -> str:
    """Return the key of what came of a member; another source is another key.

    Args:
        member: The member.
        maker: Who made the tests and by which rules they were judged, in words.
    """
    return canonical_digest([TRIED_SCHEMA, member.language, member.path, member.name, member.source, maker])


def outcome_of(skipped: Skipped, *, by_model: bool) -> Tried | None:
    """Return what is worth remembering of a member that was left out; None where nothing is.

    What the budget did not reach was not tried. An environment may be fixed, and a model may have been out of
    reach: neither says anything about the source.
    """
    if skipped.stage not in _STAGES:
        return None
    is_passing = skipped.stage is Stage.GENERATION and by_model and not skipped.permanent
    lasting = skipped.stage is not Stage.ENVIRONMENT and not is_passing
    return Tried(stage=skipped.stage, reason=skipped.reason, lasting=lasting)


def encode_tried(tried: Tried) -> dict[str, object]:
    """Return the value to store."""
    return {
        "schema": TRIED_SCHEMA,
        "kind": "tried",
        "stage": tried.stage.value,
        "reason": tried.reason[:_MOST_REASON_CHARACTERS],
        "lasting": tried.lasting,
    }


def decode_tried(value: Mapping[str, object]) -> Tried | None:
    """Return what a value says; None where it has not exactly the right shape."""
    if value.keys() != _SHAPE or value["schema"] != TRIED_SCHEMA or value["kind"] != "tried":
        return None
    stage, reason, lasting = value["stage"], value["reason"], value["lasting"]
    if not isinstance(stage, str) or not isinstance(reason, str) or not isinstance(lasting, bool):
        return None
    if stage not in _STAGES or len(reason) > _MOST_REASON_CHARACTERS:
        return None
    return Tried(stage=Stage(str(stage)), reason=reason, lasting=lasting)


def is_tried(value: Mapping[str, object]) -> bool:
    """Tell whether a value has exactly the shape that `encode_tried` gives."""
    return decode_tried(value) is not None

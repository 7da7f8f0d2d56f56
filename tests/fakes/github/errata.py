"""What must be mended in GitHub's description before it can judge: it is wrong or too lax in places.

GitHub's own examples break it in these places, and recorded answers do.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

Json = dict[str, Any]
"""A JSON object from outside, or a part of a schema."""

_COMPOUND = ("$ref", "oneOf", "anyOf", "allOf")
_MAY_BE_NULL = (
    ("pull-request-review-comment", "line"),
    ("pull-request-review-comment", "original_line"),
    ("pull-request-review-comment", "position"),
    ("pull-request-review-comment", "original_position"),
)
"""Null for comments on a file and for outdated ones; GitHub's webhook schemas say so."""


def mended(description: Json) -> Json:
    """Return a description of OpenAPI 3.0 as JSON Schema 2020-12 understands it, with its slips mended."""
    mended_description = deepcopy(description)
    schemas = mended_description["components"]["schemas"]
    for name, key in _MAY_BE_NULL:
        schemas[name]["properties"][key]["nullable"] = True
    _every_schema(mended_description, _allow_a_deleted_fork)
    _every_schema(mended_description, _spell_out_nullable)
    for path in mended_description["paths"].values():
        for operation in path.values():
            _forbid_unknown_keys(operation)
    return mended_description


def mended_webhooks(description: Json) -> Json:
    """Return the description of webhooks, which is of OpenAPI 3.1, with the slips that it shares mended."""
    mended_description = deepcopy(description)
    _every_schema(mended_description, _allow_a_deleted_fork)
    _every_schema(mended_description, _spell_out_nullable)
    return mended_description


def _allow_a_deleted_fork(schema: Json) -> None:
    """A pull request whose fork is gone has no repository, user and label in its head."""
    properties = schema.get("properties")
    head = properties.get("head") if isinstance(properties, dict) else None
    parts = head.get("properties", {}) if isinstance(head, dict) else {}
    if {"repo", "user", "label"} <= set(parts):
        for key in ("repo", "user", "label"):
            parts[key] = {"nullable": True, **parts[key]}


def _every_schema(part: Any, change: Callable[[Json], None]) -> None:
    if isinstance(part, list):
        for item in part:
            _every_schema(item, change)
    elif isinstance(part, dict):
        for value in part.values():
            _every_schema(value, change)
        change(part)


def _spell_out_nullable(schema: Json) -> None:
    """Turn the keyword `nullable`, which JSON Schema doesn't know, into a type.

    And `oneOf` into `anyOf`: GitHub's alternatives are not exclusive, its own examples hold by several.
    """
    if isinstance(schema.get("oneOf"), list):
        schema["anyOf"] = [*schema.get("anyOf", []), *schema.pop("oneOf")]
    if schema.get("nullable") is not True:
        return
    del schema["nullable"]
    if "enum" in schema and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    elif any(key in schema for key in _COMPOUND):
        inner = {key: schema.pop(key) for key in _COMPOUND if key in schema}
        schema["anyOf"] = [inner, {"type": "null"}]


def _forbid_unknown_keys(operation: Json) -> None:
    """Let a misspelt key of a request's body count as an error: the description lets it pass."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        _every_schema(content["schema"], _close)


def _close(schema: Json) -> None:
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        schema["additionalProperties"] = False

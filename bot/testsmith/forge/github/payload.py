"""Extract values from GitHub's untyped JSON. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

_Kind = TypeVar("_Kind")


class Unreadable(Exception):
    """A value does not match GitHub's API description."""


def taken(data: Any, path: str, kind: type[_Kind]) -> _Kind:
    """Return the value at a path of keys, for example `head.repo.full_name`.

    Raises:
        Unreadable: The value is missing or has another type.
    """
    value = maybe(data, path, kind)
    if value is None:
        raise Unreadable(f"no {path}")
    return value


def maybe(data: Any, path: str, kind: type[_Kind]) -> _Kind | None:
    """Return the value at a path of keys, or None if it or a parent is missing or null.

    Raises:
        Unreadable: The value has another type.
    """
    value = data
    for key in path.split("."):
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise Unreadable(f"no {path}")
        value = value.get(key)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Unreadable(f"{path} is no {kind.__name__}")
    return value


def entries(data: Any) -> list[Mapping[str, Any]]:
    """Return the entries of a list, skipping nulls.

    Raises:
        Unreadable: The value is not a list of objects.
    """
    if not isinstance(data, list):
        raise Unreadable("no list")
    found = [one for one in data if one is not None]
    if not all(isinstance(one, Mapping) for one in found):
        raise Unreadable("an entry that is no object")
    return found

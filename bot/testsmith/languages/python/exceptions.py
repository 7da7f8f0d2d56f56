"""What is known of exceptions by their names alone: the built-in ones, and a few of the standard library."""

from __future__ import annotations

import builtins

ANY_EXCEPTION = frozenset({"Exception", "BaseException"})
"""What says nothing about which exception it is."""

_BASES = {
    "CalledProcessError": "Exception",
    "FrozenInstanceError": "AttributeError",
    "InvalidOperation": "ArithmeticError",
    "JSONDecodeError": "ValueError",
    "TOMLDecodeError": "ValueError",
    "ZoneInfoNotFoundError": "KeyError",
}


def ancestors(exception: str) -> frozenset[str]:
    """Return the names of an exception and of all its bases; none where the name is not known.

    Args:
        exception: A name, dotted or not.
    """
    name = exception.rpartition(".")[2]
    if name in _BASES:
        return ancestors(_BASES[name]) | {name}
    known = getattr(builtins, name, None)
    if not isinstance(known, type) or not issubclass(known, BaseException):
        return frozenset()
    return frozenset(base.__name__ for base in known.__mro__) - {"object"}


def are_related(left: str, right: str) -> bool:
    """Tell whether one exception is known to be the other, or a subclass of it."""
    if left.rpartition(".")[2] == right.rpartition(".")[2]:
        return True
    above_left, above_right = ancestors(left), ancestors(right)
    known = bool(above_left and above_right)
    return known and (above_left <= above_right or above_right <= above_left)

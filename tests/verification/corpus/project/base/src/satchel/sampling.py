"""Things left to chance."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def shuffled(items: Sequence[T]) -> list[T]:
    """Return the items in any order."""
    order = list(items)
    random.shuffle(order)
    return order


def new_code(length: int = 8) -> str:
    """Return a code of letters and digits that are hard to confuse, for a person to type."""
    return "".join(random.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(length))

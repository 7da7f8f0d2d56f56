"""Things left to chance."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def shuffled(items: Sequence[T], seed: int | None = None) -> list[T]:
    """Return the items in another order: always the same for one seed, any without."""
    order = list(items)
    random.Random(seed).shuffle(order)
    return order


def pick(weights: Mapping[str, float], rng: random.Random | None = None) -> str:
    """Return one of the names, the more often the greater its weight; those of weight 0 never.

    Raises:
        ValueError: All weights are 0.
    """
    total = sum(weights.values())
    if total <= 0:
        raise ValueError("there is nothing to pick from")
    left = (rng or random).random() * total
    for name, weight in weights.items():
        left -= weight
        if left < 0 and weight > 0:
            return name
    return max(weights, key=lambda name: weights[name])


def new_code(length: int = 6) -> str:
    """Return a code of letters and digits that are hard to confuse, for a person to type."""
    return "".join(random.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(length))

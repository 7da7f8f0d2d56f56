"""Follow uses of what changed: which definitions it reaches, and over which others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

MOST_CAUSES = 8
"""Maximum number of causes reported per affected definition, nearest first."""

Key = TypeVar("Key", bound=object)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeInUse(Generic[Key]):
    """What a definition uses that changed.

    Attributes:
        causes: The changed definitions that it uses, nearest first.
        steps: Number of references to the nearest one.
        route: The definitions between it and the nearest one.
        between: All definitions between it and its causes.
    """

    causes: tuple[Key, ...]
    steps: int
    route: tuple[Key, ...]
    between: tuple[Key, ...]


def effects(
    changed: Collection[Key],
    users: Callable[[Key, int], Iterable[Key]],
    limit: int,
    is_member: Callable[[Key], bool],
) -> dict[Key, ChangeInUse[Key]]:
    """Return the definitions that use a changed one over at most `limit` references, breadth first.

    A changed definition that no member uses over so few is followed to the nearest members.

    Args:
        changed: What changed, in order.
        users: Returns what uses a definition, given the number of references from what changed.
        limit: Maximum number of references, if there is a member.
        is_member: Returns whether a definition can be tested by its name.
    """
    reached: dict[Key, dict[Key, Key]] = {}
    steps: dict[Key, int] = {}
    frontier = [(key, key) for key in changed]
    shown: set[Key] = set()
    for step in count(1):
        following = []
        if step > limit:
            frontier = [(key, cause) for key, cause in frontier if cause not in shown]
        for key, cause in frontier:
            for user in users(key, step):
                causes = reached.setdefault(user, {})
                if cause not in causes and len(causes) < MOST_CAUSES and user not in changed:
                    causes[cause] = key
                    steps.setdefault(user, step)
                    following.append((user, cause))
        shown |= {cause for user, cause in following if is_member(user)}
        frontier = following
        if not frontier:
            break
    return {key: _change_in_use(key, reached, steps[key]) for key, causes in reached.items() if causes}


def _change_in_use(key: Key, reached: Mapping[Key, Mapping[Key, Key]], steps: int) -> ChangeInUse[Key]:
    causes = tuple(reached[key])
    routes = [tuple(_route(key, cause, reached)) for cause in causes]
    return ChangeInUse(
        causes=causes,
        steps=steps,
        route=routes[0],
        between=tuple(dict.fromkeys(each for route in routes for each in route)),
    )


def _route(key: Key, cause: Key, reached: Mapping[Key, Mapping[Key, Key]]) -> Iterator[Key]:
    while (key := reached[key][cause]) != cause:
        yield key

"""How a project uses its members: found in the readings of its files, and made to stand alone."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from testsmith.generation.offline.calls import CONSTRUCTORS
from testsmith.generation.offline.subjects import reference
from testsmith.generation.offline.usage.calls import Usage
from testsmith.generation.offline.usage.project import ProjectReadings
from testsmith.generation.offline.usage.search import Search, Sought
from testsmith.model import Member, MemberKind

_MOST_SEARCHES_KEPT = 4


class Usages:
    """Finds how a project uses its members.

    Args:
        root: The copy of the project.
        source_roots: The folders in it that imports start from.
        owned: The project's own top-level modules.
    """

    def __init__(self, root: Path, source_roots: Sequence[Path], owned: frozenset[str]) -> None:
        self._project = ProjectReadings(root, source_roots)
        self._owned = owned
        self._search = lru_cache(_MOST_SEARCHES_KEPT)(self._new_search)
        self._lock = threading.Lock()

    def of(self, member: Member, *, others: Collection[str] = (), allowed: Iterable[str] = ()) -> Usage:
        """Return how a member is used.

        Args:
            member: The member.
            others: Names of other methods of its class, class methods among them.
            allowed: Top-level modules that its own module imports.
        """
        owner = member.name if member.kind is MemberKind.CLASS else member.name.rpartition(".")[0]
        defining = self._project.module(member.path)
        modules = {member.module, defining.name if defining else member.module}
        sought = Sought(
            name=owner or member.name,
            is_class=bool(owner),
            modules=frozenset(above for module in modules for above in _ancestors(module)),
            imported=reference(member.name, member.module)[1],
            allowed=self._owned.union(allowed),
            owned=self._owned,
        )
        name = owner if member.plain_name in CONSTRUCTORS else member.name
        with self._lock:
            search = self._search(sought)
            objects = search.objects([*others, member.plain_name])
            called = {each: search.calls(f"{owner}.{each}") for each in others if owner}
            return Usage(calls=search.calls(name), objects=objects, others=called)

    def _new_search(self, sought: Sought) -> Search:
        stems = {module.rpartition(".")[2] for module in sought.modules}
        name = sought.name.rpartition(".")[2]
        words = ({name, *stems},) if sought.is_class else ({name}, stems)
        return Search(sought, self._project.mentioning(words, stems))


def _ancestors(module: str) -> Iterator[str]:
    """Yield a module and the packages that it is in."""
    while module:
        yield module
        module = module.rpartition(".")[0]

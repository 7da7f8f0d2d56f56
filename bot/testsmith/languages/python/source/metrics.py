"""Metrics used to rank members: decision points and dependents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from testsmith.languages.python.source.affected import users_of
from testsmith.languages.python.source.coverable import decisions
from testsmith.languages.python.source.package import (
    Module,
    Node,
    Package,
    PublicModules,
    SourceRoots,
    top_level,
)
from testsmith.languages.source import MemberWeight, SourceTree
from testsmith.model import Member


def weights(tree: SourceTree, members: Sequence[Member], project: str) -> Mapping[str, MemberWeight]:
    """Return the weights of members by id; see `SourceReader.weights`.

    Packages are read one at a time to limit memory. Callers of a method cannot be determined from the source
    alone, so users of its class are counted instead.
    """
    roots = SourceRoots.of(project, frozenset(tree.paths()))
    files = roots.package_files(tree.paths())
    found: dict[str, MemberWeight] = {}
    for name, its_members in _by_package(members, roots).items():
        found |= _in_package(tree, files.get(name, ()), its_members)
    return found


def _by_package(
    members: Sequence[Member], roots: SourceRoots
) -> dict[str, list[tuple[Member, Module | None]]]:
    modules = {path: roots.module(path) for path in dict.fromkeys(member.path for member in members)}
    found: dict[str, list[tuple[Member, Module | None]]] = {}
    for member in members:
        module = modules[member.path]
        found.setdefault("" if module is None else top_level(module.name), []).append((member, module))
    return found


def _in_package(
    tree: SourceTree, files: Sequence[Module], members: Sequence[tuple[Member, Module | None]]
) -> dict[str, MemberWeight]:
    package = Package.read(tree, files)
    users = users_of(package, PublicModules(package))
    return {
        member.id: MemberWeight(
            decisions=decisions(member.source),
            dependents=0 if module is None else _dependents(users, module.name, member.name),
        )
        for member, module in members
    }


def _dependents(users: Mapping[Node, Sequence[Node]], module: str, name: str) -> int:
    """Count the users of a definition and, outside of them, users of its enclosing classes."""
    found = set(users.get(Node(module, name), ()))
    around = name.rpartition(".")[0]
    while around:
        inside = f"{around}."
        found.update(
            user
            for user in users.get(Node(module, around), ())
            if user.module != module or not user.name.startswith(inside)
        )
        around = around.rpartition(".")[0]
    return len(found)

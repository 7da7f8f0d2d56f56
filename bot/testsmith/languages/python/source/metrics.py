"""Metrics used to rank members: decision points, dependents, and the private code behind each member."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from testsmith.languages.python.source.affected import users_of
from testsmith.languages.python.source.coverable import decisions
from testsmith.languages.python.source.package import (
    CONSTRUCTORS,
    Module,
    Node,
    Package,
    PublicModules,
    SourceRoots,
    is_dunder,
    top_level,
)
from testsmith.languages.source import MemberWeight, SourceTree
from testsmith.model import Member, MemberKind, Place


def weights(tree: SourceTree, members: Sequence[Member], project: str) -> Mapping[str, MemberWeight]:
    """Return the weights of members by id; see `SourceReader.weights`.

    Packages are read one at a time to limit memory. Callers of a method cannot be determined from the source
    alone, so users of its class are counted instead.
    """
    roots = SourceRoots.of(project, tree)
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
    public = PublicModules(package)
    users = users_of(package, public)
    nodes = {member.id: Node(module.name, member.name) for member, module in members if module is not None}
    private = _private_parts(package, public, users, list(nodes.values()))
    return {
        member.id: MemberWeight(
            decisions=decisions(member.source),
            dependents=0 if module is None else _dependents(users, module.name, member.name),
            private=() if module is None else tuple(private.get(nodes[member.id], ())),
        )
        for member, module in members
    }


def _private_parts(
    package: Package, public: PublicModules, users: Mapping[Node, Sequence[Node]], members: Sequence[Node]
) -> dict[Node, list[Place]]:
    """Return the private functions by the member that is nearest to them (breadth first, in order)."""
    used: dict[Node, list[Node]] = {}
    for node, its_users in users.items():
        for user in its_users:
            used.setdefault(user, []).append(node)
    owners = {part: node for node in members for part in (node, *package.parts(node))}
    found: dict[Node, list[Place]] = {}
    waiting = deque(owners)
    while waiting:
        node = waiting.popleft()
        for each in (*used.get(node, ()), *_constructors(package, node)):
            if each not in owners and not _is_public_code(package, public, each):
                owners[each] = owners[node]
                found.setdefault(owners[node], []).extend(_places(package, each))
                waiting.append(each)
    return found


def _is_public_code(package: Package, public: PublicModules, node: Node) -> bool:
    """Return whether a node is a public function or class, except dunder methods such as constructors."""
    defined = package.defined(node)
    has_code = defined is not None and defined.kind is not None
    return has_code and not is_dunder(node.name) and public.is_public(node)


def _constructors(package: Package, node: Node) -> Sequence[Node]:
    """Return the constructors of the class of a method."""
    around = Node(node.module, node.name.rpartition(".")[0])
    if not package.is_class(around):
        return ()
    return [each for name in CONSTRUCTORS for each in package.members(around, name)]


def _places(package: Package, node: Node) -> list[Place]:
    """Return the places of a function; none of a class or constant, whose lines run on import."""
    defined = package.defined(node)
    if defined is None or defined.kind in {None, MemberKind.CLASS}:
        return []
    path = package.modules[node.module].module.path
    return [Place(path=path, line=one.first, end_line=one.last, name=node.name) for one in defined.spans]


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

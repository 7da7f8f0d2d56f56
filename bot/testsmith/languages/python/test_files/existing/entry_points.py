"""Find the public functions by which a project's tests reach a member that none of them calls.

The way is followed through the references of the member's package, from the member to what uses it. What
uses a class is taken to use its methods, because the class of an object is rarely known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from testsmith.languages.python.source.affected import users_of
from testsmith.languages.python.source.package import Node, Package, PublicModules, top_level
from testsmith.languages.python.source.project_names import ProjectNames
from testsmith.languages.python.test_files.existing.excerpts import most_alike
from testsmith.languages.python.test_files.existing.member_tests import MemberTests, Readings
from testsmith.languages.source import SourceTree
from testsmith.model import ExistingTest, Member, MemberKind

_MOST_MEMBERS = 60
"""Members of one run for which entry points are looked for; a sweep may have thousands."""

_MOST_FILES = 400
_MOST_STEPS = 6
_MOST_USERS = 40
_MOST_CALLS = 3
_MOST_CALL_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPoint:
    """A public function or class by which tests reach a member.

    Attributes:
        calls: Calls of it in the tests that are most like the change, as source text.
        tests: The tests that call it, those most like the change first.
    """

    calls: tuple[str, ...]
    tests: tuple[ExistingTest, ...]


def entry_points(
    tree: SourceTree,
    members: Sequence[Member],
    names: ProjectNames,
    test_paths: Mapping[str, str],
    readings: Readings,
) -> Mapping[str, EntryPoint]:
    """Return the entry point of each of these members that has one, by member id.

    Of several, it is the one that most tests call in the member's test file, or else anywhere.

    Args:
        tree: Files of head.
        members: Members that no test calls.
        names: Resolves imports.
        test_paths: Path of each member's test file, by member id.
        readings: See `MemberTests`.
    """
    if not 0 < len(members) <= _MOST_MEMBERS:
        return {}
    users = {member.id: users for member, users in _users(tree, members, names)}
    everyone = {user.id: user for its_users in users.values() for user in its_users}
    tests = MemberTests(tree, list(everyone.values()), names, readings)
    calling = {name: [test for test in tests.of(user) if test.calls] for name, user in everyone.items()}
    found: dict[str, EntryPoint] = {}
    for member in members:
        home = test_paths[member.id]
        counts = {
            user.id: (sum(test.path == home for test in calling[user.id]), len(calling[user.id]))
            for user in users.get(member.id, ())
        }
        best = max(counts, key=lambda user: counts[user], default=None)
        if best is not None and calling[best]:
            found[member.id] = _entry_point(member, calling[best], home)
    return found


def _entry_point(member: Member, calling: Sequence[ExistingTest], home: str) -> EntryPoint:
    alike = most_alike(calling, member)
    ranked = sorted(alike, key=lambda test: test.path != home)
    calls = dict.fromkeys(
        call for test in ranked for call in test.calls if len(call) <= _MOST_CALL_CHARACTERS
    )
    return EntryPoint(calls=tuple(calls)[:_MOST_CALLS], tests=tuple(ranked))


def _users(
    tree: SourceTree, members: Sequence[Member], names: ProjectNames
) -> Iterator[tuple[Member, list[Member]]]:
    """Yield each member with the public functions that use it, or else methods and classes, as members."""
    files = names.roots.package_files(tree.paths())
    for name in dict.fromkeys(top_level(member.module) for member in members):
        modules = files.get(name, [])
        if not modules or len(modules) > _MOST_FILES:
            continue
        package = Package.read(tree, modules)
        public = PublicModules(package)
        users = users_of(package, public)
        for member in members:
            file = names.file(member.path)
            if file is not None and file.module.name in package.modules:
                node = Node(file.module.name, member.name)
                # A special method is called by using an object, not by what else uses its class.
                owner = member.name.rpartition(".")[0] if member.plain_name.startswith("__") else ""
                nodes = [Node(node.module, owner)] if owner else _reached(node, users)
                found = [user for node in nodes if (user := _as_member(member, node, package, public))]
                functions = [user for user in found if user.kind is MemberKind.FUNCTION]
                yield member, functions or found


def _reached(start: Node, users: Mapping[Node, Sequence[Node]]) -> list[Node]:
    """Return the definitions that use one, nearest first."""
    reached = {start: 0}
    for node in (waiting := [start]):
        owner = Node(node.module, node.name.rpartition(".")[0])
        further = [*users.get(node, ()), *(users.get(owner, ()) if owner.name else ())]
        for user in further if reached[node] < _MOST_STEPS and len(waiting) < _MOST_USERS else ():
            if user not in reached:
                reached[user] = reached[node] + 1
                waiting.append(user)
    return waiting[1:]


def _as_member(member: Member, node: Node, package: Package, public: PublicModules) -> Member | None:
    """Return a definition as a member, or None if it is not public or cannot be called."""
    defined, module = package.defined(node), package.modules[node.module].module
    offered = public.module_for(module, node.name)
    if defined is None or defined.kind is None or offered is None:
        return None
    return replace(member, path=module.path, name=node.name, kind=defined.kind, module=offered)

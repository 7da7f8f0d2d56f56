"""Find the public functions by which a project's tests reach a member that none of them calls.

The way is followed through the references of the member's package, from the member to what uses it. What
uses a class is taken to use its methods, because the class of an object is rarely known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from testsmith.languages.python.source.affected import users_of
from testsmith.languages.python.source.package import (
    CONSTRUCTORS,
    Node,
    Package,
    PublicModules,
    top_level,
)
from testsmith.languages.python.source.project_names import ProjectNames
from testsmith.languages.python.test_files.existing.excerpts import most_alike, names_in
from testsmith.languages.python.test_files.existing.member_tests import MemberTests
from testsmith.languages.python.test_files.existing.test_file_uses import DefinitionKey
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
        member: What they call, as a member; the member itself if something unknown has its name.
        calls: Calls of it in the tests that are most like the change, as source text.
        tests: The tests that call it, those most like the change first.
    """

    member: Member
    calls: tuple[str, ...]
    tests: tuple[ExistingTest, ...]


def entry_points(
    tests: MemberTests, homes: Sequence[tuple[Member, str]], edited: Collection[str], intent: str
) -> Mapping[str, EntryPoint]:
    """Return the entry point of each of these members that has one, by member id.

    Of several, it is one that the change edits too, and then the one that most tests call in the member's
    test file, or else anywhere; a method only if these tests call none of the functions, and a class only if
    no function uses the member.

    Args:
        tests: Tests of the project.
        homes: Members that no test calls, each with the path of its test file.
        edited: Ids of the members that the change adds or edits.
        intent: What the authors say about the change.
    """
    members = [member for member, _ in homes]
    if not 0 < len(members) <= _MOST_MEMBERS:
        return {}
    users = {member.id: users for member, users in _users(tests.tree, members, tests.names)}
    everyone = {user.id: user for its_users in users.values() for user in its_users}
    tests = MemberTests(tests.tree, [*everyone.values(), *members], tests.names, tests)
    calling = {name: [test for test in tests.of(user) if test.calls] for name, user in everyone.items()}
    homes_of = {name: {test.path for test in its_tests} for name, its_tests in calling.items()}
    found: dict[str, EntryPoint] = {}
    for member, home in homes:
        its_users = users.get(member.id, ())
        functions = [user for user in its_users if user.kind is MemberKind.FUNCTION]
        methods = [user for user in its_users if user.kind is not MemberKind.CLASS]
        methods = [user for user in methods if user.plain_name not in CONSTRUCTORS]
        ranked = (functions, methods) if functions else (its_users,)
        called = [[user for user in some if calling[user.id]] for some in ranked]
        at_home = [[user for user in some if home in homes_of[user.id]] for some in called]
        counts = {
            user.id: (sum(test.path == home for test in calling[user.id]), len(calling[user.id]))
            for user in next(filter(None, (*at_home, *called)), [])
        }
        best = max(counts, key=lambda user: (user in edited, counts[user]), default=None)
        door = member if best is None else everyone[best]
        reaching = _of_the_same_name(tests, member) if best is None else calling[best]
        if reaching:
            alike = sorted(most_alike(reaching, member, intent), key=lambda test: test.path != home)
            found[member.id] = EntryPoint(member=door, calls=_calls(door, alike, intent), tests=tuple(alike))
    return found


def _of_the_same_name(tests: MemberTests, member: Member) -> list[ExistingTest]:
    """Return the tests that call something unknown by a member's name, which a facade may give it."""
    key = DefinitionKey("", member.plain_name)
    return [each.existing([key]) for each in tests.using(key)] if names_in(member.plain_name) else []


def _calls(door: Member, tests: Sequence[ExistingTest], intent: str) -> tuple[str, ...]:
    """Return the first calls of some tests, those with most names that the authors give before others.

    A function or class that is only named, as in `pytest.raises(Error)`, is not called.
    """
    has_operator = door.kind in {MemberKind.METHOD, MemberKind.PROPERTY}  # used by `a == b` or `a.size`
    found = (call for test in tests for call in test.calls if len(call) <= _MOST_CALL_CHARACTERS)
    calls = dict.fromkeys(call for call in found if has_operator or "(" in call)
    said = names_in(intent)
    ranked = sorted(calls, key=lambda call: -len(names_in(call) & said))
    return tuple(ranked)[:_MOST_CALLS]


def _users(
    tree: SourceTree, members: Sequence[Member], names: ProjectNames
) -> Iterator[tuple[Member, list[Member]]]:
    """Yield each member with the public functions, methods and classes that use it, as members."""
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
                nodes = [Node(node.module, owner)] if owner else _reached(node, users, package)
                found = (_as_member(member, node, package, public) for node in nodes)
                yield member, [user for user in found if user is not None]


def _reached(start: Node, users: Mapping[Node, Sequence[Node]], package: Package) -> list[Node]:
    """Return the definitions that use one, nearest first.

    A method is also used by one of its name that calls this name on an unknown object.
    """
    reached = {start: 0}
    for node in (waiting := [start]):
        owner, _, name = node.name.rpartition(".")
        calling = package.callers(name) if owner else ()
        further = [*users.get(node, ()), *(users.get(Node(node.module, owner), ()) if owner else ())]
        further += [each for each in calling if each.name.rpartition(".")[2] == name]
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

"""Find definitions of a package that use a changed definition, directly or indirectly."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from testsmith.languages.python.source.package import CONSTRUCTORS, Node, Package, PublicModules
from testsmith.languages.python.source.references import Reference, Via

MOST_CAUSES = 8
"""Maximum number of causes reported per affected definition, nearest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Why a definition is affected.

    Attributes:
        causes: Changed definitions that it uses, nearest first.
        steps: Number of references to the nearest cause.
        routes: For each cause, the definitions between the affected one and the cause, in that order.
    """

    causes: tuple[Node, ...]
    steps: int
    routes: tuple[tuple[Node, ...], ...] = ()


def effects(
    package: Package, public: PublicModules, changed: Collection[Node], limit: int
) -> dict[Node, Effect]:
    """Return the definitions that use a changed one over at most `limit` references (breadth first).

    If nothing public uses it that way, for example because its class is only in a registry, methods are also
    used by what calls one of this name, and it is followed to the nearest members, however far they are.
    """
    if not limit:
        return {}
    users = users_of(package, public)
    found = _breadth_first(users, changed, limit, set())
    known = {
        cause
        for node, effect in found.items()
        if _is_member(package, public, node)
        for cause in effect.causes
    }
    lost = set(changed) - known
    if not lost:
        return found
    members = {node for node in package.nodes() if _is_member(package, public, node)}
    return _breadth_first(_with_callers(package, public, users), lost, limit, members) | found


def _is_member(package: Package, public: PublicModules, node: Node) -> bool:
    defined = package.defined(node)
    return defined is not None and defined.kind is not None and public.is_public(node)


def _with_callers(
    package: Package, public: PublicModules, users: Mapping[Node, Sequence[Node]]
) -> Mapping[Node, Sequence[Node]]:
    """Return the users of each definition; those of a private class's methods with what calls its name."""
    methods = (node for node in package.nodes() if "." in node.name and not public.is_public(node))
    callers = {node: package.callers(node.name.rpartition(".")[2]) for node in methods}
    return {
        **users,
        **{node: [*users.get(node, ()), *calling] for node, calling in callers.items() if calling},
    }


def _breadth_first(
    users: Mapping[Node, Sequence[Node]], changed: Collection[Node], limit: int, wanted: Collection[Node]
) -> dict[Node, Effect]:
    """Return what uses a changed definition over at most `limit` references, or else the nearest wanted."""
    reached: dict[Node, dict[Node, Node]] = {}
    steps: dict[Node, int] = {}
    frontier = [(node, node) for node in sorted(changed)]
    lost = set(changed) if wanted else set()
    for step in count(1):
        if step > limit:
            frontier = [(node, cause) for node, cause in frontier if cause in lost]
        if not frontier:
            break
        frontier = list(_next_frontier(frontier, users, reached))
        steps = {node: step for node, _ in frontier} | steps
        lost -= {cause for node, cause in frontier if node in wanted}
    return {
        node: Effect(
            causes=tuple(causes),
            steps=steps[node],
            routes=tuple(tuple(_route(node, cause, reached)) for cause in causes),
        )
        for node, causes in reached.items()
    }


def _route(node: Node, cause: Node, reached: Mapping[Node, Mapping[Node, Node]]) -> Iterator[Node]:
    """Yield the definitions between a definition and one of its causes."""
    while (node := reached[node][cause]) != cause:
        yield node


def _next_frontier(
    frontier: Iterable[tuple[Node, Node]],
    users: Mapping[Node, Sequence[Node]],
    reached: dict[Node, dict[Node, Node]],
) -> Iterator[tuple[Node, Node]]:
    """Yield new users of the frontier, each with its cause, and record what they use in `reached`."""
    for node, cause in frontier:
        for user in users.get(node, ()):
            causes = reached.setdefault(user, {})
            if cause not in causes and len(causes) < MOST_CAUSES:
                causes[cause] = node
                yield user, cause


def users_of(package: Package, public: PublicModules) -> dict[Node, list[Node]]:
    """Return the users of each definition."""
    found: dict[Node, set[Node]] = {}
    for node in package.nodes():
        for user, used in (*_references(package, public, node), *_inheritance(package, public, node)):
            if user != used:
                found.setdefault(used, set()).add(user)
    return {used: sorted(users) for used, users in found.items()}


def _references(package: Package, public: PublicModules, node: Node) -> Iterator[tuple[Node, Node]]:
    """Yield `(user, used)` pairs for the references in a definition's own code.

    A class does not count as a user of a public decorator: what that decorator does is tested with a class of
    the test's own.
    """
    defined = package.defined(node)
    if defined is None:
        return
    for reference in defined.decorators:
        used_by_it = (used for used in package.follow(node, reference) if not public.is_public(used))
        yield from ((node, each) for used in used_by_it for each in _used_with(package, public, used))
    for reference in defined.references:
        for user, used in _followed(package, public, node, reference):
            yield from ((user, each) for each in _used_with(package, public, used))
        if reference.via is Via.NAME and reference.names[-1] == "register":
            for generic in package.find(node.module, reference.names[0]):
                if package.is_function(generic):
                    yield generic, node


def _followed(
    package: Package, public: PublicModules, node: Node, reference: Reference
) -> Iterator[tuple[Node, Node]]:
    """Yield `(user, used)` pairs for one reference.

    Of what a method of a public class calls on itself, the user of an override is the public class that has
    it: a subclass, or another base of one. No other subclass runs it.
    """
    if reference.via is not Via.OWN:
        yield from ((node, used) for used in package.follow(node, reference))
        return
    enclosing = Node(node.module, node.name.rpartition(".")[0])
    yield from ((node, used) for used in package.members(enclosing, reference.names[0]))
    for used in package.overrides(enclosing, reference.names[0]):
        subclass = Node(used.module, used.name.rpartition(".")[0])
        is_of_subclass = public.is_public(subclass) and public.is_public(enclosing)
        yield subclass if is_of_subclass else node, used


def _inheritance(package: Package, public: PublicModules, node: Node) -> Iterator[tuple[Node, Node]]:
    """Yield `(user, used)` pairs for a class and its bases; for a private base, also for its parts."""
    for base in package.bases(node):
        yield node, base
        if not public.is_public(base):
            yield from ((node, each) for each in package.parts(base))


def _used_with(package: Package, public: PublicModules, node: Node) -> Iterator[Node]:
    """Yield the nodes used along with a name: a class's constructor, or all parts of a private class.

    The methods of a class with a public instance use its parts themselves.
    """
    yield node
    if not package.is_class(node):
        return
    if public.is_public(node) or any(map(public.instance, package.parts(node))):
        for constructor in CONSTRUCTORS:
            yield from package.members(node, constructor)
    else:
        for each in (node, *package.bases(node)):
            yield from package.parts(each)

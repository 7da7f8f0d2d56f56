"""Find the members that a change adds, changes or affects, and all members of given files."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import chain, islice

from testsmith.languages.differences import digest_of_sources
from testsmith.languages.python.source.affected import MOST_CAUSES, Effect, effects
from testsmith.languages.python.source.comparison import (
    Comparison,
    Definitions,
    Difference,
    FoundDefinition,
    compare,
    nameless_meaning,
    normalized_source,
    whole_meaning,
)
from testsmith.languages.python.source.package import (
    Module,
    Node,
    Package,
    PublicModules,
    SourceRoots,
    has_public_name,
    is_dunder,
    private_modules,
    top_level,
)
from testsmith.languages.python.source.parsing import SourceFile, parse_untrusted, read_source
from testsmith.languages.python.source.references import is_private
from testsmith.languages.python.test_files.existing.member_tests import (
    keys_of,
    packages_tested_privately,
    used_by_tests,
)
from testsmith.languages.python.test_files.existing.test_file_uses import DefinitionKey
from testsmith.languages.source import (
    CannotParse,
    ChangedFile,
    ComparisonScope,
    MemberFindings,
    SourceTree,
    all_as_added,
    source_diff,
)
from testsmith.model import Change, Member, MemberKind, Place, ShownChange, Skipped, SkipStage

LANGUAGE = "python"


def changed_members(scope: ComparisonScope) -> MemberFindings:
    """Return the added, changed and affected members; see `SourceReader.changed_members`.

    For a new class, its public methods are returned, or the class itself if it has none, but nothing if
    it only has a name and bases: what raises a new exception is what can be tested. For an existing
    class, added and changed dunder methods are included. A changed private definition is a member if
    tests of the project already use it, and so is a private function or method that uses one directly, or
    farther if nothing public does. If nothing else is a member, the definitions that the change adds are,
    if they have public names and are in a private module of a package whose private modules the tests
    import. A changed method that another changed method of its class passes on as a value counts as private.
    Code that only moved, within a file or between changed files, does not count as changed. A member with a
    skip comment is returned both as a member and as skipped.
    """
    packages = _Packages(scope)
    files, skipped = _compared_files(scope, packages)
    gone = _gone(files)
    changes = [_sorted_out(file, gone, packages) for file in files]
    chosen = [*(each for change in changes for each in change.chosen), *_used_by_tests(changes, scope)]
    chosen = _with_private_changes(chosen, changes, files, scope, packages.tested)
    chosen += _affected_members(changes, packages, scope)
    chosen = chosen or list(_new_in_private_modules(changes, scope))
    chosen.sort(key=lambda each: (each.member.path, each.member.line, each.member.name))
    return MemberFindings(
        members=tuple(each.member for each in chosen),
        skipped=(*skipped, *_unimportable(files), *(_marked(each) for each in chosen if each.is_marked)),
    )


def all_members(tree: SourceTree, paths: Sequence[str], project: str) -> MemberFindings:
    """Return every public member of the files as `added`; see `SourceReader.all_members`."""
    return all_as_added(changed_members, tree, paths, project)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ComparedFile:
    """A file compared between base and head.

    Attributes:
        path: Path on head, or on base if the file was deleted.
        module: The module, or None if it cannot be imported by name.
        comparison: Differences between base and head.
        added_lines: Lines of head that the diff adds or changes.
    """

    path: str
    module: Module | None
    comparison: Comparison
    added_lines: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """A member, its definition, and whether a comment asks to skip it."""

    member: Member
    node: Node
    is_marked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChangedDefinition:
    """A difference of a definition, its file, and its lines that the diff changes."""

    path: str
    difference: Difference
    changed_lines: frozenset[int]

    @property
    def diff(self) -> str:
        """Its unified diff."""
        found, base = self.difference.found, self.difference.base
        return source_diff(f"{found.name} in {self.path}", base, found.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Changes:
    """Classified differences of one file.

    Attributes:
        chosen: Added and changed members.
        private: Changed definitions that are not members.
        new_private: Added definitions that are not members, which only new code can use.
        settled: Path and name of every difference; these are never reported as merely affected.
    """

    chosen: tuple[_Chosen, ...] = ()
    private: Mapping[Node, _ChangedDefinition] = field(default_factory=dict)
    new_private: Mapping[Node, _ChangedDefinition] = field(default_factory=dict)
    settled: frozenset[tuple[str, str]] = frozenset()


class _Packages:
    """Packages of one tree, each read on first use."""

    def __init__(self, scope: ComparisonScope) -> None:
        self.tree = scope.head
        self.roots = SourceRoots.of(scope.project, self.tree)
        self._scope = scope
        self._read: dict[str, Package] = {}
        self._public: dict[str, PublicModules] = {}

    @cached_property
    def _files(self) -> dict[str, list[Module]]:
        return self.roots.package_files(self.tree.paths())

    def read(self, name: str) -> tuple[Package, PublicModules]:
        """Return a top-level package and its public modules."""
        package = self._package(name)
        if name not in self._public:
            self._public[name] = PublicModules(package, self.tested)
        return package, self._public[name]

    def _package(self, name: str) -> Package:
        if name not in self._read:
            self._read[name] = Package.read(self.tree, self._files.get(name, ()))
        return self._read[name]

    @cached_property
    def tested(self) -> frozenset[Node]:
        """The public names of changed private modules that base's tests use.

        If no public module imports such a module, all of its public names count with one of them.
        """
        base = self._scope.base_with_tests
        paths = {file.head_path for file in self._scope.files if file.head_path is not None}
        modules = filter(None, map(self.roots.module, paths))
        names = {top_level(module.name) for module in modules if not module.is_public}
        packages = [(self._package(name), PublicModules(self._package(name))) for name in names]
        changed = [
            (each, is_imported, public)
            for package, public in packages
            for each, is_imported in private_modules(package)
            if each.module.path in paths
        ]
        # Tests that call a method on a public instance do not use its class by name.
        keys = {
            DefinitionKey(each.module.path, name)
            for each, _, public in changed
            for name in each.defined
            if has_public_name(name)
            and not is_dunder(name)
            and not public.instance(Node(each.module.name, name))
        }
        if base is None or not keys:
            return frozenset()
        used = {(key.path, top_level(key.name)) for key in used_by_tests(base, keys, self._scope.project)}
        files = {path for path, _ in used}
        return frozenset(
            Node(each.module.name, name)
            for each, is_imported, _ in changed
            for name in each.defined
            if (each.module.path, name) in used or (not is_imported and each.module.path in files)
        )

    @cached_property
    def definitions(self) -> Callable[[str], Definitions]:
        """Returns the definitions of a file; each file is read once."""
        return cache(lambda path: Definitions(_source(self.tree, path)))

    def public_module(self, module: Module, name: str) -> str | None:
        """Return the public module of a definition, or None if the definition is private."""
        if module.is_public:
            own = module.name if has_public_name(name) else None
            return module.name if own is None and self.instance(module, name) else own
        return self.read(top_level(module.name))[1].module_for(module, name)

    def instance(self, module: Module, name: str) -> str:
        """Return the public constant that a private class's method is called on, or `""`."""
        if "." not in name or (module.is_public and has_public_name(name)):
            return ""
        return self.read(top_level(module.name))[1].instance(Node(module.name, name))


def _compared_files(scope: ComparisonScope, packages: _Packages) -> tuple[list[_ComparedFile], list[Skipped]]:
    files: list[_ComparedFile] = []
    skipped: list[Skipped] = []
    for file in scope.files:
        path = file.head_path or file.base_path or ""
        try:
            comparison = _compared(file, scope)
        except CannotParse as error:
            skipped.append(_skipped(path, str(error)))
            continue
        module = packages.roots.module(path)
        compared = _ComparedFile(
            path=path, module=module, comparison=comparison, added_lines=file.added_lines
        )
        files.append(compared)
    return files, skipped


def _compared(file: ChangedFile, scope: ComparisonScope) -> Comparison:
    """Compare a file's two states, treating an unreadable base as missing."""
    head = _source(scope.head, file.head_path) if file.head_path is not None else None
    try:
        base = _source(scope.base, file.base_path) if file.base_path is not None else None
    except CannotParse:
        base = None
    try:
        return compare(base, head)
    except RecursionError:
        raise CannotParse("it is nested too deeply") from None


def _source(tree: SourceTree, path: str) -> SourceFile:
    data = tree.read(path)
    if data is None:
        raise CannotParse("it is not a regular file, or cannot be read")
    return read_source(path, data)


Gone = Mapping[str, frozenset[str]]
"""Definitions removed from one file and added in another: base meanings by dotted name."""


def _gone(files: Sequence[_ComparedFile]) -> Gone:
    differences = (each for file in files for each in file.comparison.differences)
    added = {each.found.name for each in differences if each.change is Change.ADDED}
    found: dict[str, set[str]] = {}
    for file in files:
        for name in added & file.comparison.gone.keys():
            found.setdefault(name, set()).add(whole_meaning(file.comparison.gone[name]))
    return {name: frozenset(meanings) for name, meanings in found.items()}


def _sorted_out(file: _ComparedFile, gone: Gone, packages: _Packages) -> _Changes:
    """Classify a file's differences as members or private definitions, ignoring what only moved."""
    if file.module is None:
        return _Changes()
    moved = _moved(file.comparison, gone)
    names = [each.found.name for each in file.comparison.differences]
    instances = {name: door for name in names if (door := packages.instance(file.module, name))}
    callbacks = _callbacks(file.comparison.differences)
    counting = _counting(file.comparison, gone, moved, instances) - callbacks
    chosen: list[_Chosen] = []
    private: dict[Node, _ChangedDefinition] = {}
    new_private: dict[Node, _ChangedDefinition] = {}
    kept = [each for each in file.comparison.differences if each.found.name not in moved]
    changes_by_name = {each.found.name: each.change for each in file.comparison.differences}
    differences = [_by_inheritance(each, file.module, changes_by_name, packages) for each in kept]
    for difference in differences:
        name = difference.found.name
        node = Node(file.module.name, name)
        public = packages.public_module(file.module, name) if name in counting else None
        lines = _lines(difference.found) & file.added_lines
        one = _ChangedDefinition(path=file.path, difference=difference, changed_lines=lines)
        if public is not None:
            chosen.append(_chosen(node, one, public, instances.get(name, "")))
        elif name in callbacks or _is_private(
            difference, is_public=name not in counting and has_public_name(name)
        ):
            # New definitions are used only by new code, so they affect nothing.
            is_new = difference.change is Change.ADDED and name not in gone
            changes = new_private if is_new else private
            changes[node] = one
    settled = frozenset((file.path, each.found.name) for each in differences)
    return _Changes(chosen=tuple(chosen), private=private, new_private=new_private, settled=settled)


def _callbacks(differences: Sequence[Difference]) -> frozenset[str]:
    """Return the changed methods that another changed public method of their class passes on as values.

    That method is how the class is used; a test that calls what it passes on would imitate the caller.
    """
    passed: set[str] = set()
    for each in differences:
        owner, _, name = each.found.name.rpartition(".")
        if owner and has_public_name(each.found.name) and not is_dunder(name):
            passed |= {f"{owner}.{other}" for other in _passed_on(each.found.source) if other != name}
    return frozenset(
        each.found.name
        for each in differences
        if each.found.name in passed and each.found.kind is MemberKind.METHOD
    )


def _passed_on(source: str) -> Iterator[str]:
    """Yield the attributes of `self` in a method that are neither called nor assigned."""
    try:
        nodes = list(ast.walk(parse_untrusted(source)))
    except CannotParse:
        return
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    for node in nodes:
        match node:
            case ast.Attribute(value=ast.Name(id="self"), ctx=ast.Load()) if id(node) not in called:
                yield node.attr


def _chosen(node: Node, one: _ChangedDefinition, public: str | None, instance: str = "") -> _Chosen:
    """Return a changed definition as a member, which is private if `public` is None."""
    difference = one.difference
    member = _member(one.path, difference.found, public or node.module, difference.change)
    member = replace(member, changed_lines=one.changed_lines, is_private=public is None, instance=instance)
    if member.change is Change.CHANGED:
        own = source_diff(member.name, difference.base, member.source)
        shown = ShownChange(own=own, digest=digest_of_sources([normalized_source(difference.base)]))
        member = replace(member, shown_change=shown)
    return _Chosen(member=member, node=node, is_marked=difference.found.is_marked)


def _used_by_tests(changes: Sequence[_Changes], scope: ComparisonScope) -> Iterator[_Chosen]:
    """Yield the changed private definitions that tests of the project use on base."""
    if scope.base_with_tests is None:
        return
    chosen = [
        _chosen(node, one, None)
        for change in changes
        for node, one in change.private.items()
        if one.difference.found.kind is not None and one.difference.change is Change.CHANGED
    ]
    keys = {each.node: {key for key in keys_of(each.member) if key.path} for each in chosen}
    used = used_by_tests(scope.base_with_tests, frozenset().union(*keys.values()), scope.project)
    yield from (each for each in chosen if used & keys[each.node])


def _new_in_private_modules(changes: Sequence[_Changes], scope: ComparisonScope) -> Iterator[_Chosen]:
    """Yield added definitions with public names, if base's tests import private modules of their package."""
    new = [
        (node, one)
        for change in changes
        for node, one in change.new_private.items()
        if one.difference.found.kind is not None and has_public_name(node.name)
    ]
    packages = {top_level(node.module) for node, _ in new}
    if scope.base_with_tests is not None and packages:
        tested = packages_tested_privately(scope.base_with_tests, packages)
        yield from (_chosen(node, one, None) for node, one in new if top_level(node.module) in tested)


def _by_inheritance(
    difference: Difference, module: Module, others: Mapping[str, Change], packages: _Packages
) -> Difference:
    """Return an added method as changed if it overrides one that its class inherited before.

    `others` has the changes of all definitions of the file by name.
    """
    around, _, name = difference.found.name.rpartition(".")
    if not around or difference.change is not Change.ADDED or around in others:
        return difference
    package, _ = packages.read(top_level(module.name))
    node = Node(module.name, around)
    before = (
        each
        for each in package.inherited(node, name)
        if each.module != module.name or others.get(each.name) is not Change.ADDED
    )
    is_inherited = package.is_inherited_from_python(node, name) or any(before)
    return replace(difference, change=Change.CHANGED) if is_inherited else difference


def _moved(comparison: Comparison, gone: Gone) -> frozenset[str]:
    """Return the names that moved here from another changed file, or were renamed, with the same meaning."""
    added = [each.found for each in comparison.differences if each.change is Change.ADDED]
    functions = any(found.kind is MemberKind.FUNCTION for found in added)
    gone_here = comparison.gone.items() if functions else ()
    before = {nameless_meaning(source) for name, source in gone_here if "." not in name}
    return frozenset(
        found.name
        for found in added
        if (found.name in gone and whole_meaning(found.source) in gone[found.name])
        or (found.kind is MemberKind.FUNCTION and nameless_meaning(found.source) in before)
    )


def _counting(
    comparison: Comparison, gone: Gone, moved: frozenset[str], instances: Collection[str]
) -> set[str]:
    """Return the names that are members, judging by the file and the methods called on public instances."""
    found = {
        each.found.name
        for each in comparison.differences
        if each.found.name not in moved and _counts(each, comparison, instances)
    }
    for name in comparison.added_classes - moved:
        inside = f"{name}."
        if name in gone and has_public_name(name) and not any(each.startswith(inside) for each in found):
            # It moved with all its methods but also changed; without this, the change would not be reported.
            found.add(name)
    return found


def _counts(difference: Difference, comparison: Comparison, instances: Collection[str]) -> bool:
    found = difference.found
    is_public = has_public_name(found.name) or found.name in instances
    if found.kind is None or found.is_stub or not is_public:
        return False
    if is_dunder(found.name):
        around = found.name.rpartition(".")[0]
        return around not in comparison.added_classes if around else not comparison.is_added
    if found.kind is MemberKind.CLASS and difference.change is Change.ADDED:
        return not found.is_bare and found.name not in comparison.classes_with_methods
    return True


def _is_private(difference: Difference, *, is_public: bool) -> bool:
    """Return whether a definition is private, or a constant other than `__version__` and the like."""
    if difference.found.kind is None:
        return not is_dunder(difference.found.name)
    return not is_public


def _with_private_changes(
    chosen: list[_Chosen],
    changes: Sequence[_Changes],
    files: Sequence[_ComparedFile],
    scope: ComparisonScope,
    tested: frozenset[Node],
) -> list[_Chosen]:
    """Return the added and changed members with the private changes in these files that they use."""
    private = {
        node: one
        for change in changes
        for node, one in (*change.private.items(), *change.new_private.items())
    }
    if not private or not scope.reference_steps:
        return chosen
    package = Package.read(scope.head, [file.module for file in files if file.module is not None])
    reached = effects(package, PublicModules(package, tested), private, scope.reference_steps)
    found = []
    for each in chosen:
        member, effect = each.member, reached.get(each.node)
        if effect is not None:
            effect = replace(effect, causes=tuple(cause for cause in effect.causes if cause != each.node))
            member = _with_diffs(member, _causes(effect), private)
            if member.change is Change.CHANGED:
                member = replace(member, because_places=tuple(_places(package, private, effect)))
        found.append(replace(each, member=member))
    return found


def _causes(effect: Effect) -> list[Node]:
    """Return the causes of an effect without definitions inside a class that is a cause as well."""
    classes = {Node(node.module, f"{node.name}.") for node in effect.causes}
    return [
        node
        for node in effect.causes
        if not any(node.module == each.module and node.name.startswith(each.name) for each in classes)
    ]


def _with_diffs(member: Member, causes: Sequence[Node], private: Mapping[Node, _ChangedDefinition]) -> Member:
    if not causes:
        return member
    differences = [private[node].difference for node in causes]
    sources = sorted(normalized_source(text) for one in differences for text in (one.base, one.found.source))
    shown = replace(
        member.shown_change,
        private=tuple(private[node].diff for node in causes),
        digest=digest_of_sources([member.shown_change.digest, *sources]),
    )
    return replace(member, shown_change=shown)


def _affected_members(
    changes: Sequence[_Changes], packages: _Packages, scope: ComparisonScope
) -> Iterator[_Chosen]:
    """Yield unchanged members that use changed private definitions."""
    private = {node: one for change in changes for node, one in change.private.items()}
    new = {node: one for change in changes for node, one in change.new_private.items()}
    settled = frozenset(each for change in changes for each in change.settled)
    sources = {node: normalized_source(one.difference.found.source) for node, one in private.items()}
    for name in sorted({top_level(node.module) for node in private}):
        package, public = packages.read(name)
        changed = [node for node in private if top_level(node.module) == name]
        reached = effects(package, public, changed, scope.reference_steps)
        added = [node for node in new if top_level(node.module) == name]
        using = effects(package, public, added, scope.reference_steps) if added else {}
        tested = _tested_users(package, public, reached, scope)
        for path, nodes in _by_path(package, public, reached, settled, tested).items():
            definitions = packages.definitions(path)
            for node, module in nodes.items():
                found = definitions.found(node.name)
                if found.is_stub:
                    continue
                member = _member(path, found, module, Change.AFFECTED)
                member = replace(member, instance=public.instance(node), is_private=node in tested)
                member = _with_causes(member, reached[node], sources)
                member = replace(member, because_places=tuple(_places(package, private, reached[node])))
                causes = _causes(reached[node])
                used = chain.from_iterable(using[cause].causes for cause in causes if cause in using)
                shown = [*causes, *islice(dict.fromkeys(used), MOST_CAUSES)]
                member = _with_diffs(member, shown, {**private, **new})
                member = _with_route(member, reached[node], package, packages)
                yield _Chosen(member=member, node=node, is_marked=found.is_marked)


def _with_route(member: Member, effect: Effect, package: Package, packages: _Packages) -> Member:
    """Return an affected member with the way to what changed."""
    between = dict.fromkeys(node for route in effect.routes for node in route)
    private = [node for node in between if is_private(node.name.rpartition(".")[2])]
    sources = tuple(
        packages.definitions(package.modules[node.module].module.path).source(node.name)
        for node in private
        if node not in effect.causes
    )
    route = tuple(node.name for node in effect.routes[0])
    return replace(
        member, shown_change=replace(member.shown_change, route=route, route_sources=sources[:MOST_CAUSES])
    )


def _by_path(
    package: Package,
    public: PublicModules,
    reached: Iterable[Node],
    settled: frozenset[tuple[str, str]],
    tested: Collection[Node],
) -> dict[str, dict[Node, str]]:
    """Return the reached public and tested nodes by file, each with the module to import it from."""
    found: dict[str, dict[Node, str]] = {}
    for node in reached:
        defined = package.defined(node)
        if defined is None or defined.kind is None:
            continue
        module = package.modules[node.module].module
        importable = module.name if node in tested else public.module_for(module, node.name)
        if importable is not None and (module.path, node.name) not in settled:
            found.setdefault(module.path, {})[node] = importable
    return found


def _tested_users(
    package: Package, public: PublicModules, reached: Mapping[Node, Effect], scope: ComparisonScope
) -> frozenset[Node]:
    """Return the private functions and methods that tests of base use and that use a changed definition.

    If something public uses one, only those count that do so directly.
    """
    if scope.base_with_tests is None:
        return frozenset()
    private: dict[DefinitionKey, Node] = {}
    has_public = False
    for node in reached:
        module = package.modules[node.module].module
        if public.module_for(module, node.name) is not None:
            has_public = True
        elif package.is_function(node) or package.is_method(node):
            private[DefinitionKey(module.path, node.name)] = node
    if has_public:
        private = {key: node for key, node in private.items() if reached[node].steps == 1}
    return frozenset(private[key] for key in used_by_tests(scope.base_with_tests, private, scope.project))


def _with_causes(member: Member, effect: Effect, sources: Mapping[Node, str]) -> Member:
    return replace(
        member,
        because=tuple(dict.fromkeys(node.name for node in effect.causes)),
        because_source=tuple(sources[node] for node in effect.causes),
        steps=effect.steps,
    )


def _places(package: Package, private: Mapping[Node, _ChangedDefinition], effect: Effect) -> Iterator[Place]:
    """Yield the locations of the causes that exist on head."""
    for node in effect.causes:
        if node.module in package.modules and package.defined(node) is not None:
            path = package.modules[node.module].module.path
            change = private[node]
            spans = change.difference.found.spans
            yield Place(
                path=path,
                line=min(span.first for span in spans),
                end_line=max(span.last for span in spans),
                name=node.name,
                changed_lines=change.changed_lines,
            )


def _member(path: str, found: FoundDefinition, module: str, change: Change) -> Member:
    if found.kind is None:
        raise ValueError(f"{found.name} is a module constant, not a function or class")
    return Member(
        path=path,
        name=found.name,
        language=LANGUAGE,
        change=change,
        line=min(span.first for span in found.spans),
        end_line=max(span.last for span in found.spans),
        kind=found.kind,
        source=found.source,
        module=module,
        is_async=found.is_async,
    )


def _lines(found: FoundDefinition) -> frozenset[int]:
    return frozenset(line for span in found.spans for line in span.lines())


def _unimportable(files: Iterable[_ComparedFile]) -> Iterator[Skipped]:
    for file in files:
        names = (each.found.name for each in file.comparison.differences if each.found.kind is not None)
        if file.module is None and any(map(has_public_name, names)):
            yield _skipped(file.path, "it cannot be imported as a module of this project")


def _marked(chosen: _Chosen) -> Skipped:
    member = chosen.member
    reason = "it has a comment `testsmith: skip`"
    return Skipped(path=member.path, stage=SkipStage.CHANGES, reason=reason, member=member.id)


def _skipped(path: str, reason: str) -> Skipped:
    return Skipped(path=path, stage=SkipStage.CHANGES, reason=reason)

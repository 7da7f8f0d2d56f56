"""Find the members that a change adds, changes or affects, and all members of given files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from testsmith.languages.python.source.affected import Effect, effects
from testsmith.languages.python.source.comparison import (
    Comparison,
    Definitions,
    Difference,
    FoundDefinition,
    compare,
    normalised_source,
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
    top_level,
)
from testsmith.languages.python.source.parsing import SourceFile, read_source
from testsmith.languages.source import CannotParse, ChangedFile, ComparisonScope, MemberFindings, SourceTree
from testsmith.model import Change, Member, MemberKind, Place, Skipped, SkipStage

LANGUAGE = "python"


def changed_members(scope: ComparisonScope) -> MemberFindings:
    """Return the added, changed and affected members; see `SourceReader.changed_members`.

    For a new class, its public methods are returned, or the class itself if it has none. For an existing
    class, added and changed dunder methods are included. Code that only moved, within a file or between
    changed files, does not count as changed. A member with a skip comment is returned both as a member and as
    skipped.
    """
    packages = _Packages(scope.head, scope.project)
    files, skipped = _compared_files(scope, packages)
    gone = _gone(files)
    changes = [_sorted_out(file, gone, packages) for file in files]
    chosen = [each for change in changes for each in change.chosen]
    chosen += _affected_members(changes, packages, scope.reference_steps)
    chosen.sort(key=lambda each: (each.member.path, each.member.line, each.member.name))
    return MemberFindings(
        members=tuple(each.member for each in chosen),
        skipped=(*skipped, *_unimportable(files), *(_marked(each) for each in chosen if each.is_marked)),
    )


def all_members(tree: SourceTree, paths: Sequence[str], project: str) -> MemberFindings:
    """Return every public member of the files as `added`; see `SourceReader.all_members`."""
    files = [ChangedFile(base_path=None, head_path=path) for path in paths]
    findings = changed_members(ComparisonScope(base=tree, head=tree, files=files, project=project))
    return replace(findings, members=tuple(map(_wholly_changed, findings.members)))


def _wholly_changed(member: Member) -> Member:
    return replace(member, changed_lines=frozenset(range(member.line, member.end_line + 1)))


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
    """A member, and whether a comment asks to skip it."""

    member: Member
    is_marked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Changes:
    """Classified differences of one file.

    Attributes:
        chosen: Added and changed members.
        private: Changed definitions that are not members.
        settled: Path and name of every difference; these are never reported as merely affected.
    """

    chosen: tuple[_Chosen, ...] = ()
    private: Mapping[Node, FoundDefinition]
    settled: frozenset[tuple[str, str]] = frozenset()


class _Packages:
    """Packages of one tree, each read on first use."""

    def __init__(self, tree: SourceTree, project: str) -> None:
        self.tree = tree
        self.roots = SourceRoots.of(project, frozenset(tree.paths()))
        self._read: dict[str, tuple[Package, PublicModules]] = {}

    @cached_property
    def _files(self) -> dict[str, list[Module]]:
        return self.roots.package_files(self.tree.paths())

    def read(self, name: str) -> tuple[Package, PublicModules]:
        """Return a top-level package and its public modules."""
        if name not in self._read:
            package = Package.read(self.tree, self._files.get(name, ()))
            self._read[name] = (package, PublicModules(package))
        return self._read[name]

    def public_module(self, module: Module, name: str) -> str | None:
        """Return the public module of a definition, or None if the definition is private."""
        if module.is_public:
            return module.name if has_public_name(name) else None
        return self.read(top_level(module.name))[1].module_for(module, name)


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
        raise CannotParse("it is nested too deeply to be compared") from None


def _source(tree: SourceTree, path: str) -> SourceFile:
    data = tree.read(path)
    if data is None:
        raise CannotParse("it is no regular file, or cannot be read")
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
        return _Changes(private={})
    moved = _moved(file.comparison, gone)
    counting = _counting(file.comparison, gone, moved)
    chosen: list[_Chosen] = []
    private: dict[Node, FoundDefinition] = {}
    differences = [each for each in file.comparison.differences if each.found.name not in moved]
    for difference in differences:
        name = difference.found.name
        public = packages.public_module(file.module, name) if name in counting else None
        if public is not None:
            member = _member(file.path, difference.found, public, difference.change)
            member = replace(member, changed_lines=_lines(difference.found) & file.added_lines)
            chosen.append(_Chosen(member=member, is_marked=difference.found.is_marked))
        elif _may_affect(difference, gone, is_public=name not in counting and has_public_name(name)):
            private[Node(file.module.name, name)] = difference.found
    settled = frozenset((file.path, each.found.name) for each in differences)
    return _Changes(chosen=tuple(chosen), private=private, settled=settled)


def _moved(comparison: Comparison, gone: Gone) -> frozenset[str]:
    """Return the names that moved here from another changed file with the same meaning."""
    added = (each.found for each in comparison.differences if each.change is Change.ADDED)
    return frozenset(
        found.name
        for found in added
        if found.name in gone and whole_meaning(found.source) in gone[found.name]
    )


def _counting(comparison: Comparison, gone: Gone, moved: frozenset[str]) -> set[str]:
    """Return the names that are members, judging by the file alone."""
    found = {
        each.found.name
        for each in comparison.differences
        if each.found.name not in moved and _counts(each, comparison)
    }
    for name in comparison.added_classes - moved:
        inside = f"{name}."
        if name in gone and has_public_name(name) and not any(each.startswith(inside) for each in found):
            # It moved with all its methods but also changed; without this, the change would not be reported.
            found.add(name)
    return found


def _counts(difference: Difference, comparison: Comparison) -> bool:
    found = difference.found
    if found.kind is None or not has_public_name(found.name):
        return False
    if is_dunder(found.name):
        return found.name.rpartition(".")[0] not in comparison.added_classes
    if found.kind is MemberKind.CLASS and difference.change is Change.ADDED:
        return found.name not in comparison.classes_with_methods
    return True


def _may_affect(difference: Difference, gone: Gone, *, is_public: bool) -> bool:
    """Return whether a private definition can change what uses it, because it changed or moved.

    New definitions are used only by new code. Constants such as `__version__` and `__all__` describe the
    module.
    """
    is_constant = difference.found.kind is None
    if (is_public and not is_constant) or (is_constant and is_dunder(difference.found.name)):
        return False
    return difference.change is Change.CHANGED or difference.found.name in gone


def _affected_members(changes: Sequence[_Changes], packages: _Packages, steps: int) -> Iterator[_Chosen]:
    """Yield unchanged members that use changed private definitions."""
    private = {node: found for change in changes for node, found in change.private.items()}
    settled = frozenset(each for change in changes for each in change.settled)
    sources = {node: normalised_source(found.source) for node, found in private.items()}
    for name in sorted({top_level(node.module) for node in private}):
        package, public = packages.read(name)
        changed = [node for node in private if top_level(node.module) == name]
        reached = effects(package, public, changed, steps)
        for path, nodes in _by_path(package, public, reached, settled).items():
            definitions = Definitions(_source(packages.tree, path))
            for node, module in nodes.items():
                found = definitions.found(node.name)
                member = _member(path, found, module, Change.AFFECTED)
                member = _with_causes(member, reached[node], sources)
                member = replace(member, because_places=tuple(_places(package, private, reached[node])))
                yield _Chosen(member=member, is_marked=found.is_marked)


def _by_path(
    package: Package,
    public: PublicModules,
    reached: Iterable[Node],
    settled: frozenset[tuple[str, str]],
) -> dict[str, dict[Node, str]]:
    """Return the reached public nodes by file, each with its public module."""
    found: dict[str, dict[Node, str]] = {}
    for node in reached:
        defined = package.defined(node)
        if defined is None or defined.kind is None:
            continue
        module = package.modules[node.module].module
        public_module = public.module_for(module, node.name)
        if public_module is not None and (module.path, node.name) not in settled:
            found.setdefault(module.path, {})[node] = public_module
    return found


def _with_causes(member: Member, effect: Effect, sources: Mapping[Node, str]) -> Member:
    return replace(
        member,
        because=tuple(dict.fromkeys(node.name for node in effect.causes)),
        because_source=tuple(sources[node] for node in effect.causes),
        steps=effect.steps,
    )


def _places(package: Package, private: Mapping[Node, FoundDefinition], effect: Effect) -> Iterator[Place]:
    """Yield the locations of the causes that exist on head."""
    for node in effect.causes:
        if node.module in package.modules and package.defined(node) is not None:
            path, spans = package.modules[node.module].module.path, private[node].spans
            first, last = min(span.first for span in spans), max(span.last for span in spans)
            yield Place(path=path, line=first, end_line=last)


def _member(path: str, found: FoundDefinition, module: str, change: Change) -> Member:
    if found.kind is None:
        raise ValueError(f"{found.name} is a module constant, which is no member")
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
            yield _skipped(file.path, "no import statement can name it as a module of this project")


def _marked(chosen: _Chosen) -> Skipped:
    member = chosen.member
    reason = "a comment `testsmith: skip` stands there"
    return Skipped(path=member.path, stage=SkipStage.CHANGES, reason=reason, member=member.id)


def _skipped(path: str, reason: str) -> Skipped:
    return Skipped(path=path, stage=SkipStage.CHANGES, reason=reason)

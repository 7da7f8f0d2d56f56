"""Find the functions and methods that a change adds, changes or affects, and all of given files."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from testsmith.languages.differences import (
    DefinitionDifference,
    digest_of_sources,
    with_changes_in_use,
)
from testsmith.languages.effects import MOST_CAUSES, ChangeInUse
from testsmith.languages.go.source.build_constraints import obstacle
from testsmith.languages.go.source.declarations import Declaration, declarations_of, nameless
from testsmith.languages.go.source.packages import Packages, is_ignored
from testsmith.languages.go.source.parsing import normalized, parse_tolerant, tokens
from testsmith.languages.go.source.references import PackageNames, changed_fields, has_body
from testsmith.languages.source import (
    CannotParse,
    ChangedFile,
    ComparisonScope,
    MemberFindings,
    SourceTree,
    all_as_added,
)
from testsmith.languages.syntax_tree import decode, text_in
from testsmith.model import Change, Member, Place, Skipped, SkipStage

LANGUAGE = "go"

_Difference: TypeAlias = DefinitionDifference[Declaration]

_SKIP_MARK = re.compile(r"//\s*testsmith:\s*skip\b", re.IGNORECASE)


def changed_members(scope: ComparisonScope) -> MemberFindings:
    """Return the added, changed and affected members; see `SourceReader.changed_members`.

    Members are exported functions, and exported methods of exported types. What only moved within its package
    or got another name does not count. A member is affected if what it uses of its own package changed and is
    not a member.
    """
    packages = Packages(scope.head)
    skipped: list[Skipped] = []
    files = list(_read(scope, packages, skipped))
    before: dict[str, dict[str, _Old]] = defaultdict(dict)
    for file in files:
        before[file.folder] |= file.before
    members: list[Member] = []
    for folder in sorted(before.keys() | {file.folder for file in files}):
        own = [file for file in files if file.folder == folder]
        members += _Package(folder, own, before[folder], packages).members(scope.reference_steps)
    members.sort(key=lambda each: (each.path, each.line, each.name))
    marked = (
        Skipped(path=one.path, stage=SkipStage.CHANGES, reason=reason, member=one.id)
        for one in members
        if (reason := _reason_to_skip(one, packages))
    )
    return MemberFindings(members=tuple(members), skipped=(*skipped, *marked))


def all_members(tree: SourceTree, paths: Sequence[str], project: str) -> MemberFindings:
    """Return every member of the files as `added`; see `SourceReader.all_members`."""
    return all_as_added(changed_members, tree, paths, project)


def _reason_to_skip(member: Member, packages: Packages) -> str:
    if _SKIP_MARK.search(member.source):
        return "it has a comment `testsmith: skip`"
    file = packages.file(member.path)
    found = (one for one in ([] if file is None else file.declarations) if one.name == member.name)
    if any(one.node.has_error for one in found):
        return "it contains syntax that the bot cannot parse"
    return ""


@dataclass(frozen=True, slots=True)
class _Old:
    """A declaration on base, and its meaning without its name."""

    declaration: Declaration
    nameless: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file compared between base and head.

    Attributes:
        path: Path on head; on base if it was deleted.
        before: Declarations on base by name.
        after: Declarations on head, in order.
        added_lines: Lines of head that the diff adds or changes.
    """

    path: str
    before: Mapping[str, _Old] = field(default_factory=dict)
    after: Sequence[Declaration] = ()
    added_lines: frozenset[int] = frozenset()

    @property
    def folder(self) -> str:
        return posixpath.dirname(self.path)


def _read(scope: ComparisonScope, packages: Packages, skipped: list[Skipped]) -> Iterator[_File]:
    for one in scope.files:
        path = one.head_path or one.base_path or ""
        after: Sequence[Declaration] = ()
        reason = ""
        try:
            if one.head_path is not None:
                text = text_in(scope.head, path)
                reason = _obstacle(path, text, packages)
                after = declarations_of(text)
        except CannotParse as error:
            reason = str(error)
        if reason:
            skipped.append(Skipped(path=path, stage=SkipStage.CHANGES, reason=reason))
            continue
        yield _File(path=path, before=_before(scope, one), after=after, added_lines=one.added_lines)


def _obstacle(path: str, text: str, packages: Packages) -> str:
    if is_ignored(path):
        return "it is in a folder that the go command ignores"
    if not packages.import_path(posixpath.dirname(path)):
        return "it is in no module: there is no go.mod above it"
    return obstacle(path, text)


def _before(scope: ComparisonScope, file: ChangedFile) -> dict[str, _Old]:
    """Return a file's declarations on base; none if it cannot be read there."""
    try:
        text = "" if file.base_path is None else text_in(scope.base, file.base_path)
    except CannotParse:
        return {}
    return {one.name: _Old(one, nameless(one)) for one in declarations_of(text)}


def source_digest(source: str) -> str:
    """Return a digest of a member's behavior: of its tokens without its name and documentation."""
    try:
        found = declarations_of(source)
    except CannotParse:
        found = []
    meaning = nameless(found[0]) if len(found) == 1 else tuple(tokens(parse_tolerant(source).root))
    return digest_of_sources([" ".join(meaning)], 8)


@dataclass(frozen=True)
class _Package:
    """The changed files of one package, and its declarations on base in these files."""

    folder: str
    files: Sequence[_File]
    before: Mapping[str, _Old]
    packages: Packages

    def members(self, steps: int) -> list[Member]:
        """Return the added and changed members, and those affected over at most `steps` references."""
        differences = list(self._differences())
        chosen = {one.found.name: one for one in differences if one.found.is_member}
        private = {one.found.name: one for one in differences if not one.found.is_member}
        found = [self._member(one) for one in chosen.values()]
        if not private or not steps:
            return found
        names = PackageNames(self.packages.sources(self.folder))
        fields = {
            name: None if one.old is None else changed_fields(one.old, one.found)
            for name, one in private.items()
        }
        effects = names.effects(fields, steps)
        found = [with_changes_in_use(one, effects.get(one.name), private) for one in found]
        old = {name: fields[name] for name, one in private.items() if one.old is not None}
        for name, effect in names.effects(old, steps).items():
            file, declaration = names.declared[name]
            if declaration.is_member and name not in chosen and not self._obstacle(file.path):
                one = _Difference(path=file.path, found=declaration, old=declaration, normalized=normalized)
                member = with_changes_in_use(self._member(one, Change.AFFECTED), effect, private)
                found.append(_with_route(member, effect, private, names))
        return found

    def _obstacle(self, path: str) -> str:
        file = self.packages.file(path)
        return "" if file is None else obstacle(path, file.file.text)

    def _differences(self) -> Iterator[_Difference]:
        there = {one.name for file in self.files for one in file.after}
        gone = {old.nameless for name, old in self.before.items() if name not in there}
        for file in self.files:
            for one in file.after:
                old = self.before.get(one.name)
                if one.plain_name in {"_", "init"}:
                    continue
                if old is None and has_body(one) and nameless(one) in gone:
                    continue  # it was renamed
                if old is None or old.declaration.meaning != one.meaning:
                    lines = frozenset(range(one.line, one.end_line + 1)) & file.added_lines
                    before = None if old is None else old.declaration
                    yield _Difference(
                        path=file.path, found=one, old=before, lines=lines, normalized=normalized
                    )

    def _member(self, one: _Difference, change: Change | None = None) -> Member:
        found = one.found
        if change is None:
            change = Change.ADDED if one.old is None else Change.CHANGED
        member = Member(
            path=one.path,
            name=found.name,
            language=LANGUAGE,
            change=change,
            line=found.line,
            end_line=found.end_line,
            kind=found.member_kind,
            source=found.source,
            module=self.packages.import_path(self.folder),
            changed_lines=one.lines,
        )
        if change is Change.CHANGED and one.old is not None:
            member = replace(member, shown_change=one.shown)
        return member


def _with_route(
    member: Member, effect: ChangeInUse[str], private: Mapping[str, _Difference], names: PackageNames
) -> Member:
    """Return an affected member with the reason, and the way to what changed."""
    between = [names.declared[name][1] for name in effect.between if name not in private]
    sources = tuple(one.source for one in between if not one.is_exported)[:MOST_CAUSES]
    return replace(
        member,
        because=effect.causes,
        because_source=tuple(private[name].sources[1] for name in effect.causes),
        steps=effect.steps,
        shown_change=replace(member.shown_change, route=effect.route, route_sources=sources),
    )


def functions_in(data: bytes, path: str) -> tuple[Place, ...]:
    """Return where the functions and methods of a file are, exported or not; see `SourceReader.functions`."""
    return tuple(
        Place(path=path, line=one.line, end_line=one.end_line, name=one.name)
        for one in declarations_of(decode(data))
        if has_body(one)
    )

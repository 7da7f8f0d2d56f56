"""Find the functions, methods and classes that a change adds, changes or affects, and all of given files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from testsmith.languages.differences import (
    DefinitionDifference,
    digest_of_sources,
    with_changes_in_use,
)
from testsmith.languages.effects import MOST_CAUSES, ChangeInUse
from testsmith.languages.source import (
    CannotParse,
    ChangedFile,
    ComparisonScope,
    MemberFindings,
    SourceTree,
    all_as_added,
)
from testsmith.languages.syntax_tree import decode, end_line_of, line_of, text_in, walk
from testsmith.languages.typescript.source.declarations import (
    TypeScriptDeclaration,
    declarations_of,
    outline,
)
from testsmith.languages.typescript.source.packages import DeclarationKey, Modules
from testsmith.languages.typescript.source.parsing import normalized, parse_tolerant, tokens
from testsmith.languages.typescript.source.references import References
from testsmith.model import Change, Member, Place, Skipped, SkipStage

LANGUAGE = "typescript"

_Difference: TypeAlias = DefinitionDifference[TypeScriptDeclaration]

_SKIP_MARK = re.compile(r"(?://|\*)\s*testsmith:\s*skip\b", re.IGNORECASE)
_GENERATED = re.compile(
    r"@generated\b|\bDO NOT EDIT\b|\b(?:auto|automatically )-?generated\b|\bgenerated automatically\b",
    re.IGNORECASE,
)
_HEAD = 500
"""Number of characters at the beginning of a file in which it says that it is generated."""

_MOST_AVERAGE_LINE = 300
"""Length of an average line from which on a file is minified."""


def changed_members(scope: ComparisonScope) -> MemberFindings:
    """Return the added, changed and affected members; see `SourceReader.changed_members`.

    Members are what a file exports: functions, and of classes and objects the public methods; a class without
    any is a member itself. Constructors count if their class is not new. What only moved or got another name
    does not count, nor do types. A member is affected if what it uses changed and is not a member.
    """
    references = References(Modules(scope.head))
    skipped: list[Skipped] = []
    members = _Comparison(list(_read(scope, skipped)), references).members(scope.reference_steps)
    members.sort(key=lambda each: (each.path, each.line, each.name))
    marked = (
        Skipped(path=one.path, stage=SkipStage.CHANGES, reason=reason, member=one.id)
        for one in members
        if (reason := _reason_to_skip(one, references))
    )
    return MemberFindings(members=tuple(members), skipped=(*skipped, *marked))


def all_members(tree: SourceTree, paths: Sequence[str], project: str) -> MemberFindings:
    """Return every member of the files as `added`; see `SourceReader.all_members`."""
    return all_as_added(changed_members, tree, paths, project)


def _reason_to_skip(member: Member, references: References) -> str:
    if _SKIP_MARK.search(member.source):
        return "it has a comment `testsmith: skip`"
    found = references.declaration(DeclarationKey(member.path, member.name))
    if found is not None and any(node.has_error for node in found.nodes):
        return "it contains syntax that the bot cannot parse"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file compared between base and head.

    Attributes:
        path: Path on head; on base if it was deleted.
        before: Declarations on base by name.
        after: Declarations on head by name.
        added_lines: Lines of head that the diff adds or changes.
    """

    path: str
    before: Mapping[str, TypeScriptDeclaration] = field(default_factory=dict)
    after: Mapping[str, TypeScriptDeclaration] = field(default_factory=dict)
    added_lines: frozenset[int] = frozenset()

    def lines(self, one: TypeScriptDeclaration) -> frozenset[int]:
        """Return the lines of a declaration that the diff changes, without those of its methods."""
        own = frozenset(range(one.line, one.end_line + 1)) & self.added_lines
        if one.apart:
            methods = (each for each in self.after.values() if each.around == one.name)
            own -= {line for each in methods for line in range(each.line, each.end_line + 1)}
        return own


def _read(scope: ComparisonScope, skipped: list[Skipped]) -> Iterator[_File]:
    for one in scope.files:
        path = one.head_path or one.base_path or ""
        after: Mapping[str, TypeScriptDeclaration] = {}
        reason = text = ""
        try:
            if one.head_path is not None:
                text = text_in(scope.head, path)
                reason = _obstacle(text)
                after = _declared(text, path)
        except CannotParse as error:
            reason = str(error)
        if reason:
            skipped.append(Skipped(path=path, stage=SkipStage.CHANGES, reason=reason))
            continue
        if line := _unread_line(text, path, after, one.added_lines):
            reason = f"it contains syntax that the bot cannot parse (line {line}); functions may be missing"
            skipped.append(Skipped(path=path, stage=SkipStage.CHANGES, reason=reason))
        yield _File(path=path, before=_before(scope, one), after=after, added_lines=one.added_lines)


def _unread_line(
    text: str, path: str, declared: Mapping[str, TypeScriptDeclaration], added: frozenset[int]
) -> int:
    """Return the first line of what cannot be parsed, changed, and in no declaration; 0 if there is none.

    Args:
        text: The file's text.
        path: Its path.
        declared: Its declarations.
        added: Lines that changed; all if there are none.
    """
    root = parse_tolerant(text, path).root
    if not root.has_error:
        return 0
    known = [range(one.start, one.end) for one in declared.values()]
    for node in walk(root):
        if (node.is_error or node.is_missing) and not any(node.start_byte in one for one in known):
            lines = range(line_of(node), end_line_of(node) + 1)
            if not added or not added.isdisjoint(lines):
                return lines[0]
    return 0


def _obstacle(text: str) -> str:
    if _GENERATED.search(text[:_HEAD]):
        return "it is generated"
    if len(text) > _MOST_AVERAGE_LINE * (text.count("\n") + 5):
        return "it is minified"
    return ""


def _before(scope: ComparisonScope, file: ChangedFile) -> Mapping[str, TypeScriptDeclaration]:
    """Return a file's declarations on base; none if it cannot be read there."""
    if file.base_path is None:
        return {}
    try:
        return _declared(text_in(scope.base, file.base_path), file.base_path)
    except CannotParse:
        return {}


def _declared(text: str, path: str) -> Mapping[str, TypeScriptDeclaration]:
    return {one.name: one for one in outline(parse_tolerant(text, path)).declarations}


def source_digest(source: str) -> str:
    """Return a digest of a member's behavior: of its tokens without its name, documentation and types."""
    try:
        found = declarations_of(source)
        if len(found) != 1:
            return digest_of_sources([" ".join(tokens(parse_tolerant(source).root))], 8)
    except CannotParse:
        return digest_of_sources([source], 8)
    return digest_of_sources([" ".join(found[0].nameless)], 8)


@dataclass(frozen=True)
class _Comparison:
    """The changed files."""

    files: Sequence[_File]
    references: References

    def members(self, steps: int) -> list[Member]:
        """Return the added and changed members, and those affected over at most `steps` references."""
        differences = {DeclarationKey(one.path, one.found.name): one for one in self._differences()}
        chosen = {key: one for key, one in differences.items() if one.found.is_member}
        private = {key: one for key, one in differences.items() if not one.found.is_member}
        found = {key: self._member(one) for key, one in chosen.items()}
        if not private or not steps:
            return list(found.values())
        effects = self.references.effects(private, steps)
        found = {key: with_changes_in_use(one, effects.get(key), private) for key, one in found.items()}
        old = {key for key, one in private.items() if one.old is not None}
        new = {key for key in private.keys() - old if "." not in key.name}
        # What uses a new declaration in its old text has used something else by that name, as from a package.
        renewed = {key: one for key, one in self.references.effects(new, 1).items() if key not in differences}
        for key, effect in {**renewed, **self.references.effects(old, steps)}.items():
            declaration = self.references.declaration(key)
            if declaration is not None and _is_affected(declaration) and key not in chosen:
                one = _Difference(path=key.path, found=declaration, old=declaration, normalized=normalized)
                member = with_changes_in_use(self._member(one, Change.AFFECTED), effect, private)
                found[key] = self._with_route(member, effect, private)
        return list(found.values())

    @cached_property
    def _gone(self) -> frozenset[tuple[str, ...]]:
        """Declarations of base that are gone: their names and meanings."""
        return frozenset(
            (name, *one.meaning)
            for file in self.files
            for name, one in file.before.items()
            if name not in file.after
        )

    def _differences(self) -> Iterator[_Difference]:
        for file in self.files:
            left = [one for name, one in file.before.items() if name not in file.after]
            renamed = {one.nameless for one in left if one.has_function}
            for name, one in file.after.items():
                old = file.before.get(name)
                if old is None:
                    is_known = (name, *one.meaning) in self._gone
                    if is_known or (one.has_function and one.nameless in renamed):
                        continue  # it moved, or was renamed
                    if one.is_constructor and one.around not in file.before:
                        continue
                if old is None or old.meaning != one.meaning:
                    yield _Difference(
                        path=file.path, found=one, old=old, lines=file.lines(one), normalized=normalized
                    )

    def _member(self, one: _Difference, change: Change | None = None) -> Member:
        found = one.found
        if found.kind is None:
            raise ValueError(f"{found.name} is neither a function nor a class")
        if change is None:
            change = Change.ADDED if one.old is None else Change.CHANGED
        member = Member(
            path=one.path,
            name=found.name,
            language=LANGUAGE,
            change=change,
            line=found.line,
            end_line=found.end_line,
            kind=found.kind,
            source=found.source,
            module=one.path,
            is_async=found.is_async,
            changed_lines=one.lines,
        )
        if change is Change.CHANGED and one.old is not None:
            member = replace(member, shown_change=one.shown)
        return member

    def _with_route(
        self,
        member: Member,
        effect: ChangeInUse[DeclarationKey],
        private: Mapping[DeclarationKey, _Difference],
    ) -> Member:
        """Return an affected member with the reason, and the way to what changed."""
        between = [self.references.declaration(key) for key in effect.between if key not in private]
        sources = [one.source for one in between if one is not None and not one.is_public]
        route = tuple(key.name for key in effect.route)
        return replace(
            member,
            because=tuple(dict.fromkeys(key.name for key in effect.causes)),
            because_source=tuple(private[key].sources[1] for key in effect.causes),
            steps=effect.steps,
            shown_change=replace(
                member.shown_change, route=route, route_sources=tuple(sources[:MOST_CAUSES])
            ),
        )


def _is_affected(declaration: TypeScriptDeclaration) -> bool:
    """Return whether a declaration is a member, but for a constructor, of a file that can be tested."""
    is_reported = declaration.is_member and not declaration.is_constructor
    return is_reported and not _obstacle(declaration.file.text)


def functions_in(data: bytes, path: str) -> tuple[Place, ...]:
    """Return where the functions and methods of a file are, exported or not; see `SourceReader.functions`."""
    return tuple(
        Place(path=path, line=one.line, end_line=one.end_line, name=one.name)
        for one in outline(parse_tolerant(decode(data), path)).declarations
        if one.has_function
    )

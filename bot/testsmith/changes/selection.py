"""Decide which files and members are selected, and what a language sees of a tree."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from testsmith.git.trees import RepositoryTree, TreeEntry
from testsmith.languages.language import Language, language_of
from testsmith.languages.source import ChangedFile, MemberFindings, SourceTree
from testsmith.model import Member, Skipped, SkipStage, UsageFailure
from testsmith.settings import DEFAULT_EXCLUDE, SelectionSettings

_PIECE = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[[!^]?\]?[^\]/]*\]|.", re.DOTALL)

_MEANINGS = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class Subjects:
    """Rules that decide which files count.

    A file counts if a language handles it, it is not a test, it is in the opened folder, and no exclude glob
    matches. Globs are matched against the path relative to the Git root and relative to the opened folder.

    Attributes:
        project: Opened folder relative to the Git root.
    """

    def __init__(
        self, selection: SelectionSettings, languages: Sequence[Language], project: str = ""
    ) -> None:
        self.project = project
        self._languages = languages
        self._inside = f"{project}/" if project else ""
        self._included = compile_globs(selection.include)
        excluded = selection.exclude
        if excluded == DEFAULT_EXCLUDE:
            excluded += tuple(glob for language in languages for glob in language.source.excluded)
        self._excluded = compile_globs(excluded)
        self._max_bytes = selection.max_file_bytes

    def language(self, path: str) -> Language | None:
        """Return the language that handles a path."""
        return language_of(path, self._languages)

    def is_test(self, path: str) -> bool:
        """Return whether a path is a test in its language."""
        language = self.language(path)
        return language is not None and language.tests.is_test(path)

    def counts(self, path: str) -> bool:
        """Return whether a file counts, ignoring include globs."""
        return self.language(path) is not None and path.startswith(self._inside) and not self.is_hidden(path)

    def is_within(self, path: str) -> bool:
        """Return whether a path of any language is in the opened folder, included, and not hidden."""
        return path.startswith(self._inside) and self.is_included(path) and not self.is_hidden(path)

    def is_included(self, path: str) -> bool:
        """Return whether an include glob matches a path."""
        return any(self._included.fullmatch(form) for form in self._forms(path))

    def is_hidden(self, path: str) -> bool:
        """Return whether a path is excluded or a test."""
        return any(self._excluded.fullmatch(form) for form in self._forms(path)) or self.is_test(path)

    def counting(self, files: Iterable[ChangedFile]) -> Iterator[ChangedFile]:
        """Yield the changed files that count; one that counts on one side only has only that side."""
        for file in files:
            base_path = file.base_path if file.base_path and self.counts(file.base_path) else None
            head_path = file.head_path if file.head_path and self.counts(file.head_path) else None
            if base_path or head_path:
                yield replace(file, base_path=base_path, head_path=head_path)

    def of_tests(self, files: Iterable[ChangedFile]) -> Iterator[ChangedFile]:
        """Yield the changed files that are test files on head, in the opened folder."""
        for file in files:
            path = file.head_path
            if path is not None and path.startswith(self._inside) and self.is_test(path):
                yield file

    def obstacle(self, entry: TreeEntry) -> str | None:
        """Return why a source file cannot be read, or None."""
        if entry.is_symlink:
            return "it is a symbolic link"
        if entry.is_submodule:
            return "it is a submodule"
        if entry.size > self._max_bytes:
            return f"it has {entry.size:,} bytes; the limit is {self._max_bytes:,}"
        return None if printable(entry.path) == entry.path else "its name is not valid UTF-8"

    def _forms(self, path: str) -> tuple[str, ...]:
        below = path.removeprefix(self._inside)
        return (path,) if below == path else (path, below)


class ProjectFolders:
    """The projects in the opened folder: a file belongs to the nearest one above it.

    Attributes:
        opened: Opened folder relative to the Git root, to which all other files belong.
    """

    def __init__(self, tree: SourceTree, languages: Sequence[Language], opened: str) -> None:
        self.opened = opened
        self._tree = tree
        self._languages = languages
        self._known: dict[tuple[str, str], str] = {}

    def of(self, path: str) -> str:
        """Return the folder of a file's project, relative to the Git root."""
        language = language_of(path, self._languages)
        if language is None:
            return self.opened
        key = (language.name, posixpath.dirname(path))
        if key not in self._known:
            self._known[key] = language.source.project_of(self._tree, path, self.opened)
        return self._known[key]

    def is_loose(self, path: str) -> bool:
        """Return whether a file belongs to the opened folder only because no folder above it is a project."""
        language = language_of(path, self._languages)
        if language is None or self.of(path) != self.opened:
            return False
        return not language.source.declares_project(self._tree, self.opened)


class VisibleTree:
    """A tree as languages see it: without tests, excluded files and unreadable files."""

    def __init__(self, tree: RepositoryTree, subjects: Subjects, also: Collection[str] = ()) -> None:
        self._tree = tree
        self._subjects = subjects
        self._also = frozenset(also)

    def paths(self) -> Sequence[str]:
        """See `SourceTree.paths`."""
        return self._paths

    def read(self, path: str) -> bytes | None:
        """See `SourceTree.read`."""
        return self._tree.read(path) if path in self._visible else None

    @cached_property
    def _paths(self) -> tuple[str, ...]:
        return tuple(entry.path for entry in self._tree.entries() if self._is_visible(entry))

    @cached_property
    def _visible(self) -> frozenset[str]:
        return frozenset(self._paths)

    def _is_visible(self, entry: TreeEntry) -> bool:
        is_wanted = entry.path in self._also or not self._subjects.is_hidden(entry.path)
        return is_wanted and self._subjects.obstacle(entry) is None


def printable(path: str) -> str:
    """Return a path as printable text, with bytes that are not UTF-8 shown as escapes."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def compile_globs(globs: Sequence[str]) -> re.Pattern[str]:
    """Return a pattern whose `fullmatch` matches paths that match one of the globs.

    `*` and `?` match within one folder or file name, `**` any number of folders, and `[...]` one of a set of
    characters. A trailing slash matches everything below. `PurePath.full_match` does the same but requires
    Python 3.13.

    Raises:
        UsageFailure: The `[...]` of a glob is invalid.
    """
    try:
        return re.compile("|".join(f"(?:{_translated(glob)})" for glob in globs) or r"(?!)", re.DOTALL)
    except re.error as error:
        raise UsageFailure(f"invalid glob in {', '.join(globs)}: {error.msg}") from error


def _translated(glob: str) -> str:
    whole = f"{glob}**" if glob.endswith("/") else glob
    return "".join(map(_meaning, _PIECE.findall(whole.removeprefix("./"))))


def _meaning(piece: str) -> str:
    if piece.startswith("[") and len(piece) > 1:
        inner = piece[1:-1].replace("\\", "\\\\").replace("[", "\\[")
        return f"(?!/)[^{inner[1:]}]" if inner[0] in "!^" else f"(?!/)[{inner}]"
    return _MEANINGS.get(piece) or re.escape(piece)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathBase:
    """Folders that typed paths are relative to.

    Attributes:
        root: Git root.
        project: Opened folder relative to the root, or `""` for the root.
    """

    root: Path
    project: str

    def forms(self, path: str) -> tuple[str, ...]:
        """Return the possible meanings of a typed path: relative to the opened folder, then to the root."""
        below = path.removeprefix(f"{self.root}/")
        forms = (posixpath.join(self.project, below), below)
        return tuple(dict.fromkeys(map(posixpath.normpath, forms)))


def is_at_or_below(path: str, folder: str) -> bool:
    """Return whether a path is a folder or inside it; `.` is the root."""
    return folder in {".", path} or path.startswith(f"{folder}/")


def only_wanted(
    findings: MemberFindings, wanted: Sequence[str], place: PathBase, *, of_change: bool = True
) -> MemberFindings:
    """Keep the members requested by id, name or path; requests that match nothing are reported as skipped.

    Args:
        findings: Members found.
        wanted: Requests; empty keeps everything.
        place: Base of typed paths.
        of_change: Whether only the files of a change were searched.
    """
    if not wanted:
        return findings
    requests = [_Wanted(text=text, paths=place.forms(text)) for text in wanted]
    members = [each for each in findings.members if any(one.is_member(each) for one in requests)]
    ids = {member.id for member in members}
    skipped = [each for each in findings.skipped if _is_wanted(each, requests, ids)]
    idle = unknown_names(findings, wanted, place)
    not_found = (_not_found(text, of_change=of_change) for text in idle)
    return MemberFindings(members=tuple(members), skipped=(*skipped, *not_found))


def unknown_names(findings: MemberFindings, wanted: Sequence[str], place: PathBase) -> list[str]:
    """Return the requests that match neither a member nor the path of a finding."""
    requests = [_Wanted(text=text, paths=place.forms(text)) for text in wanted]
    return [
        one.text
        for one in requests
        if not any(map(one.is_member, findings.members))
        and not any(one.concerns(each.path) for each in findings.skipped if each.member is None)
    ]


def nearest(text: str, known: Iterable[str]) -> str:
    """Return a clause that suggests the known name closest to a text, or a full stop if none is close."""
    found = get_close_matches(text, dict.fromkeys(known), n=1)
    return f"; did you mean {found[0]}?" if found else "."


def _is_wanted(skipped: Skipped, requests: Sequence[_Wanted], members: Collection[str]) -> bool:
    if skipped.member is not None:
        return skipped.member in members
    return any(one.concerns(skipped.path) for one in requests)


def _not_found(text: str, *, of_change: bool) -> Skipped:
    whose = (
        "function or class that the change adds, changes or affects"
        if of_change
        else "public function or class"
    )
    reason = f"no {whose} matches this id, name or path"
    return Skipped(path=text, stage=SkipStage.CHANGES, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A request: a member, a class with everything in it, a file, or a folder.

    Attributes:
        text: Text as typed.
        paths: Paths that it may refer to.
    """

    text: str
    paths: tuple[str, ...]

    def is_member(self, member: Member) -> bool:
        """Return whether it refers to a member by id, name or path."""
        names = (member.id, member.name, f"{member.module}.{member.name}")
        return self._is_path(member.path) or any(
            name == self.text or name.startswith(f"{self.text}.") for name in names
        )

    def concerns(self, path: str) -> bool:
        """Return whether it refers to a file or something in it."""
        return self._is_path(path) or self.text.startswith(f"{path}::")

    def _is_path(self, path: str) -> bool:
        return any(is_at_or_below(path, form) for form in self.paths)

"""What a language knows about source files: their members, and what surrounds these.

Files are read through a `SourceTree`; nothing here touches git, the file system or a subprocess. A file that
cannot be parsed is reported as `Skipped`, and the run continues.
"""

from __future__ import annotations

import hashlib
import posixpath
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff
from typing import NamedTuple, Protocol

from testsmith.model import Change, Member, Place, Request, ShownChange, Skipped


class SourceTree(Protocol):
    """Files of one state of a repository: a commit or the working tree."""

    def paths(self) -> Sequence[str]:
        """Return the sorted paths of all regular files, relative to the Git root."""
        ...

    def read(self, path: str) -> bytes | None:
        """Return the content of a regular file, or None if there is no regular file at `path`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFile:
    """A file that differs between base and head.

    Attributes:
        base_path: Path on base, or None if the file is new.
        head_path: Path on head, or None if the file was deleted.
        added_lines: Lines of head that the diff adds or changes, 1-based.
    """

    base_path: str | None
    head_path: str | None
    added_lines: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonScope:
    """Input of a comparison between base and head.

    Attributes:
        base: Files of the merge base.
        head: Files of head.
        files: Changed files that are not excluded, with renames paired, in path order.
        project: Project folder relative to the Git root, or `""` for the root. Source roots are this folder
            and its `src/`.
        reference_steps: Maximum number of references between a changed definition and an affected member.
        base_with_tests: Files of the merge base with its tests, which decide whether a changed private
            definition is a member. None if no private one is.
    """

    base: SourceTree
    head: SourceTree
    files: Sequence[ChangedFile]
    project: str = ""
    reference_steps: int = 3
    base_with_tests: SourceTree | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFindings:
    """Members found, and the files that could not be read, each with a reason."""

    members: tuple[Member, ...] = ()
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedExample:
    """An example from a member's documentation.

    Attributes:
        setup: All preceding statements of the same docstring, in order.
        call: Source text of the expression.
        expected: Source text of the documented value, or None if an exception is documented.
        exception: Name of the documented exception, or None if a value is documented.
        line: Line of the example in the file, 1-based.
    """

    setup: tuple[str, ...]
    call: str
    expected: str | None
    exception: str | None
    line: int


class CodeBranch(NamedTuple):
    """One branch of a statement such as `if` or `for`.

    Attributes:
        head: Lines of the statement without its bodies.
        target: Lines where its body begins.
        past: Whether this is the branch that skips the body.
    """

    head: range
    target: range
    past: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """Statements and branches of a file that tests can reach.

    Attributes:
        statements: Lines of each statement; for compound statements, without their bodies.
        ways: Branches of the statements that have any.
    """

    statements: tuple[range, ...] = ()
    ways: tuple[CodeBranch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberWeight:
    """Metrics used to rank members.

    Attributes:
        decisions: Number of decision points.
        dependents: Definitions of the same package that use the member, or its class, directly.
        private: Private definitions that the member reaches over fewer references than any other member; of
            members that are equally near, the first has it.
    """

    decisions: int = 0
    dependents: int = 0
    private: tuple[Place, ...] = ()


class CannotParse(ValueError):
    """Text is not valid source in its language. The message says where and why, without the text."""


MOST_DIFF_CHARACTERS = 8_000
"""Maximum length of the diff of one definition."""

_MOST_LINES_SHOWN_WHOLE = 80
"""Maximum length of a definition whose diff shows all of its lines."""

_DIFF_CONTEXTS = (3, 1)
"""Numbers of unchanged lines around each change in a longer diff; the second if it is too long."""


def source_diff(name: str, before: str, after: str) -> str:
    """Return the unified diff of one definition, of a short one with all of its lines.

    Each hunk starts with the name instead of line numbers. A diff that is too long has fewer lines around
    each change, and is then cut.

    Args:
        name: Name to show.
        before: Source on base, dedented; empty if there is none.
        after: Source on head, dedented.
    """
    old, new, text = before.splitlines(), after.splitlines(), ""
    whole = [_MOST_LINES_SHOWN_WHOLE] if len(new) <= _MOST_LINES_SHOWN_WHOLE else []
    for context in (*whole, *_DIFF_CONTEXTS):
        lines = list(unified_diff(old, new, n=context, lineterm=""))[2:]
        text = "\n".join(f"@@ {name} @@" if line.startswith("@@") else line.rstrip() for line in lines)
        if len(text) <= MOST_DIFF_CHARACTERS:
            return text
    return f"{text[:MOST_DIFF_CHARACTERS].rpartition(chr(10))[0]}\n[The diff is cut here.]"


def all_as_added(
    changed_members: Callable[[ComparisonScope], MemberFindings],
    tree: SourceTree,
    paths: Sequence[str],
    project: str,
) -> MemberFindings:
    """Return every member of the files as `added`, with all of its lines; see `SourceReader.all_members`.

    Args:
        changed_members: Compares base and head; see `SourceReader.changed_members`.
        tree: All files.
        paths: The files.
        project: Folder of their project.
    """
    files = [ChangedFile(base_path=None, head_path=path) for path in paths]
    scope = ComparisonScope(base=tree, head=tree, files=files, project=project, reference_steps=0)
    findings = changed_members(scope)
    members = (
        replace(one, changed_lines=frozenset(range(one.line, one.end_line + 1))) for one in findings.members
    )
    return replace(findings, members=tuple(members))


def nearest_folder(path: str, opened: str, declares: Callable[[str], bool]) -> str:
    """Return the nearest folder above a file that declares a project, or else the opened folder.

    Args:
        path: The file.
        opened: The opened folder; those around it are not asked.
        declares: Returns whether a folder declares a project.
    """
    inside = f"{opened}/" if opened else ""
    folder = posixpath.dirname(path)
    while folder and folder.startswith(inside):
        if declares(folder):
            return folder
        folder = posixpath.dirname(folder)
    return opened


class SourceReader(ABC):
    """Reads the source files of one language.

    Attributes:
        excluded: Globs of files to skip by default, for example generated ones.
    """

    excluded: tuple[str, ...] = ()

    @abstractmethod
    def handles(self, path: str) -> bool:
        """Return whether `path` is a source file of this language."""

    @abstractmethod
    def all_members(self, tree: SourceTree, paths: Sequence[str], project: str) -> MemberFindings:
        """Return every public member of the files as `added`."""

    @abstractmethod
    def requests(
        self, tree: SourceTree, members: Sequence[Member], project: str, intent: str
    ) -> Iterator[Request]:
        """Yield one request per member, in order, with test path, context and normalized source.

        Args:
            tree: Files of head.
            members: Members of one project.
            project: Its folder.
            intent: What the authors say about the change; empty if nothing is known. Untrusted text.
        """

    def project_of(self, tree: SourceTree, path: str, opened: str) -> str:  # noqa: ARG002 - a default
        """Return the folder of the project that a file belongs to: the opened folder, or one in it.

        Args:
            tree: All files.
            path: A source file in the opened folder.
            opened: The opened folder.
        """
        return opened

    def declares_project(self, tree: SourceTree, folder: str) -> bool:  # noqa: ARG002 - a default
        """Return whether a folder has a project that can be installed."""
        return True

    def changed_members(self, scope: ComparisonScope) -> MemberFindings:
        """Return the added, changed and affected members, ordered by file and line.

        By default, members whose text differs; no member is affected.
        """
        base_paths = [file.base_path for file in scope.files if file.base_path and file.head_path]
        head_paths = {file.head_path: file for file in scope.files if file.head_path is not None}
        old = {
            (head.head_path, member.name): member.source
            for head in head_paths.values()
            for member in self.all_members(scope.base, base_paths, scope.project).members
            if member.path == head.base_path
        }
        found = self.all_members(scope.head, list(head_paths), scope.project)
        members = []
        for member in found.members:
            before = old.get((member.path, member.name))
            if before is None:
                members.append(member)
            elif before != member.source:
                inside = range(member.line, member.end_line + 1)
                lines = head_paths[member.path].added_lines.intersection(inside)
                shown = ShownChange(
                    own=source_diff(member.name, before, member.source), digest=self.digest(before)
                )
                members.append(
                    replace(member, change=Change.CHANGED, changed_lines=lines, shown_change=shown)
                )
        return replace(found, members=tuple(members))

    def reachable(self, data: bytes) -> Reachable:  # noqa: ARG002 - a default
        """Return the statements and branches of a file that tests can reach; none if unknown.

        Raises:
            CannotParse: `data` is not valid source in this language.
        """
        return Reachable()

    def functions(self, data: bytes, path: str) -> tuple[Place, ...]:  # noqa: ARG002 - a default
        """Return where the functions and methods of a file are, public or not; by default, none.

        Raises:
            CannotParse: `data` is not valid source in this language.
        """
        return ()

    def weights(
        self,
        tree: SourceTree,  # noqa: ARG002 - a default
        members: Sequence[Member],
        project: str,  # noqa: ARG002
    ) -> Mapping[str, MemberWeight]:
        """Return the weights of members by id. Run time must grow linearly with the size of the tree."""
        return {member.id: MemberWeight() for member in members}

    def digest(self, source: str) -> str:
        """Return a digest of a member's behavior; by default, of its text without blank space.

        A language may ignore more, for example the member's name and documentation.
        """
        return hashlib.sha256(" ".join(source.split()).encode()).hexdigest()[:16]

"""Find the members of a run from a repository and the selection settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from typing import TypeVar

from testsmith.changes.intent import is_document
from testsmith.changes.selection import (
    PathBase,
    ProjectFolders,
    Subjects,
    VisibleTree,
    is_at_or_below,
    nearest,
    only_wanted,
    printable,
    unknown_names,
)
from testsmith.changes.tooling import with_untested_tooling_skipped
from testsmith.faults import file_skipped_by_fault, is_fault
from testsmith.git.diff import changed_files, path_of
from testsmith.git.repository import Repository
from testsmith.git.trees import RepositoryTree
from testsmith.languages.language import Language, of_project
from testsmith.languages.source import ChangedFile, ComparisonScope, MemberFindings
from testsmith.model import Change, Member, Skipped, SkipStage, UsageFailure
from testsmith.settings import TOOLING_FOLDERS, SelectionSettings

_ORDER_OF_CHANGES = (Change.ADDED, Change.CHANGED, Change.AFFECTED)
_PART_STARTS = re.compile(r"\s*(?:$|(?:[-*+>|]|#+|\d{1,9}[.)]|\.\.)(?:\s|$))")
"""A blank line, or one that begins a list item, heading, quotation, table row or directive of a document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSearch:
    """Result of the member search.

    Attributes:
        members: Members to work on, ordered by file and line.
        found: All members found and selected; those not in `members` are in `skipped`.
        skipped: Members and files left out, each with a reason.
        files: Changed files that were considered.
        test_files: Changed test files in the opened folder.
        documents: Text that the change adds to each document of the repository, such as a changelog.
        base: Full object id of the merge base, or None if there is nothing to compare with.
        head: Full object id of head, or None for the working tree.
        base_tree: Files of the merge base, or None if there is nothing to compare with.
        head_tree: Files of head.
        projects: The projects in the opened folder.
    """

    members: tuple[Member, ...]
    found: tuple[Member, ...]
    skipped: tuple[Skipped, ...]
    files: tuple[ChangedFile, ...]
    base: str | None
    head: str | None
    base_tree: RepositoryTree | None
    head_tree: RepositoryTree
    projects: ProjectFolders
    test_files: tuple[ChangedFile, ...] = ()
    documents: tuple[str, ...] = ()


def find_members(
    repository: Repository, selection: SelectionSettings, languages: Sequence[Language]
) -> MemberSearch:
    """Return the members of a change or, with `all_paths`, of a set of files.

    Test files, excluded files and files outside the opened folder are ignored and not reported. A source file
    that cannot be read (a link, a submodule, too large, undecodable, invalid syntax) is skipped with the
    reason.

    Args:
        repository: Repository that contains both states.
        selection: Selection settings.
        languages: languages.

    Raises:
        UsageFailure: A revision or path is unknown, or there is no merge base.
    """
    states = _states(repository, selection, languages)
    languages = of_project(languages, states.head_tree)
    subjects = Subjects(selection, languages, repository.project)
    place = PathBase(root=repository.root, project=repository.project)
    files: tuple[ChangedFile, ...] = ()
    test_files: tuple[ChangedFile, ...] = ()
    documents: tuple[str, ...] = ()
    if selection.all_paths:
        named = _named_paths(states.head_tree, selection, place)
        findings = _all_members(states, subjects, named)
    else:
        if states.base is None or states.base_tree is None:
            raise UsageFailure("nothing to compare with: set a revision with --base, or use --all")
        changed = changed_files(repository.diff(states.base, states.head))
        files = tuple(subjects.counting(changed))
        test_files = tuple(subjects.of_tests(changed))
        documents = tuple(
            _added_text(file, states.head_tree) for file in changed if is_document(path_of(file))
        )
        scope = ComparisonScope(
            base=VisibleTree(states.base_tree, subjects),
            head=VisibleTree(states.head_tree, subjects),
            files=files,
            reference_steps=selection.reference_steps,
            base_with_tests=states.base_tree,
        )
        there = [file.head_path for file in changed if file.head_path]
        findings = _changed_members(scope, states, subjects, there)
        if not selection.only and not selection.has_globs:
            findings = with_untested_tooling_skipped(findings, states.head_tree, subjects)
    wanted = only_wanted(findings, selection.only, place, of_change=not selection.all_paths)
    if selection.refuses_unknown:
        unknown = unknown_names(findings, selection.only, place)
        _refuse_unknown(unknown, states, subjects, place)
    search = _search(states, files, wanted, selection.max_members)
    return replace(search, test_files=test_files, documents=documents)


def _added_text(file: ChangedFile, tree: RepositoryTree) -> str:
    """Return the paragraphs and list items to which a change adds lines, whole, so that they can be read."""
    data = tree.read(file.head_path) if file.head_path else None
    parts: list[list[str]] = [[]]
    added = set[int]()
    for number, line in enumerate((data or b"").decode("utf-8", "replace").split("\n"), start=1):
        if _PART_STARTS.match(line):
            parts.append([])
        parts[-1].append(line)
        if number in file.added_lines:
            added.add(len(parts) - 1)
    return "\n".join(line for at in sorted(added) for line in parts[at])


def _refuse_unknown(names: Sequence[str], states: _States, subjects: Subjects, place: PathBase) -> None:
    """Reject names that do not exist in the project or are not in anything the change touches.

    Files and folders that the change does not touch are accepted; their members are just not part of this
    run.

    Raises:
        UsageFailure: There is such a name; the message suggests the closest match.
    """
    paths = [entry.path for entry in states.head_tree.entries()]
    wrong = [
        name
        for name in names
        if not any(is_at_or_below(path, form) for path in paths for form in place.forms(name))
    ]
    if not wrong:
        return
    counting = frozenset(path for path in paths if subjects.counts(path))
    everything = _all_members(states, subjects, _NamedPaths(files=frozenset(), in_folders=counting))
    unknown = unknown_names(everything, wrong, place)
    if not unknown:
        raise UsageFailure(f"--only {wrong[0]}: the change does not affect it. Use --all to test it anyway.")
    known = (text for one in everything.members for text in (one.name, one.id, one.path))
    what = "no public function, class, file or folder has this name"
    raise UsageFailure(f"--only {unknown[0]}: {what}{nearest(unknown[0], known)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _States:
    """Both states of the repository; see `MemberSearch`."""

    base: str | None
    head: str | None
    base_tree: RepositoryTree | None
    head_tree: RepositoryTree
    projects: ProjectFolders


def _states(repository: Repository, selection: SelectionSettings, languages: Sequence[Language]) -> _States:
    head = repository.resolve(selection.head) if selection.head is not None else None
    base = None
    if selection.base is not None:
        base = repository.merge_base(repository.resolve(selection.base), head or repository.resolve("HEAD"))
    head_tree = repository.commit_tree(head) if head is not None else repository.working_tree()
    return _States(
        base=base,
        head=head,
        base_tree=repository.commit_tree(base) if base is not None else None,
        head_tree=head_tree,
        projects=ProjectFolders(head_tree, languages, repository.project),
    )


def _changed_members(
    scope: ComparisonScope, states: _States, subjects: Subjects, changed: Sequence[str]
) -> MemberFindings:
    """Return the members that the languages find in changed files, limited to included files."""
    head = states.head_tree
    obstacles = _obstacles(head, subjects, (file.head_path or "" for file in scope.files))
    readable = [file for file in scope.files if file.head_path not in obstacles]

    def find(language: Language, project: str, some: Sequence[ChangedFile]) -> MemberFindings:
        return language.source.changed_members(replace(scope, files=some, project=project))

    found = [
        _apart_from_faults(its_files, partial(find, language, project), path_of)
        for language, project, its_files in _by_project(subjects, states.projects, readable, path_of)
    ]
    findings = _joined([*found, _skipping(obstacles | _submodules(head, subjects, changed))])
    return MemberFindings(
        members=tuple(each for each in findings.members if subjects.is_included(each.path)),
        skipped=tuple(each for each in findings.skipped if subjects.is_included(each.path)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _NamedPaths:
    """Paths given with `--all`: individual files, and files in named folders."""

    files: frozenset[str]
    in_folders: frozenset[str]


def _named_paths(tree: RepositoryTree, selection: SelectionSettings, place: PathBase) -> _NamedPaths:
    """Return the named files and the files in named folders.

    Raises:
        UsageFailure: A path is neither a file nor a folder.
    """
    entries = [entry.path for entry in tree.entries()]
    files: set[str] = set()
    in_folders: set[str] = set()
    for asked in selection.all_paths:
        matches = (
            (form, [each for each in entries if is_at_or_below(each, form)]) for form in place.forms(asked)
        )
        form, found = next((match for match in matches if match[1]), ("", []))
        if not entries:
            raise UsageFailure(f"--all {asked}: the repository has no files yet.")
        if not found:
            near = nearest(asked, (path for entry in entries for path in _with_folders(entry)))
            raise UsageFailure(f"--all {asked}: no such file or folder{near}")
        (files if form in found else in_folders).update(found)
    return _NamedPaths(files=frozenset(files), in_folders=frozenset(in_folders))


def _with_folders(path: str) -> Iterator[str]:
    yield path
    yield from (str(parent) for parent in PurePosixPath(path).parents)


def _all_members(states: _States, subjects: Subjects, named: _NamedPaths) -> MemberFindings:
    """Return all members of the named files; globs do not apply to files named individually."""
    tree = states.head_tree
    unfit = {path: reason for path in named.files if (reason := _unfit(subjects, path)) is not None}
    unfit |= _submodules(tree, subjects, named.files | named.in_folders)
    counting = {path for path in named.in_folders if subjects.counts(path) and subjects.is_included(path)}
    paths = sorted((named.files | counting) - unfit.keys())
    obstacles = _obstacles(tree, subjects, paths)
    visible = VisibleTree(tree, subjects, also=named.files)
    readable = [path for path in paths if path not in obstacles]

    def find(language: Language, project: str, some: Sequence[str]) -> MemberFindings:
        return language.source.all_members(visible, some, project)

    found = [
        _apart_from_faults(its_paths, partial(find, language, project), str)
        for language, project, its_paths in _by_project(subjects, states.projects, readable, str)
    ]
    return _joined([*found, _skipping(unfit | obstacles)])


def _unfit(subjects: Subjects, path: str) -> str | None:
    """Return why a named file cannot be used, or None."""
    if subjects.language(path) is None:
        return "unsupported file type"
    return "it is a test file" if subjects.is_test(path) else None


def _obstacles(tree: RepositoryTree, subjects: Subjects, paths: Iterable[str]) -> dict[str, str]:
    """Return the paths that cannot be read, each with a reason."""
    entries = (entry for path in paths if (entry := tree.entry(path)) is not None)
    reasons = ((entry.path, subjects.obstacle(entry)) for entry in entries)
    return {path: reason for path, reason in reasons if reason is not None}


def _submodules(tree: RepositoryTree, subjects: Subjects, paths: Iterable[str]) -> dict[str, str]:
    """Return the submodules among the paths, each with the reason it is skipped."""
    foreign = (path for path in paths if subjects.language(path) is None and subjects.is_within(path))
    entries = (entry for path in foreign if (entry := tree.entry(path)) is not None)
    return {entry.path: "it is a submodule" for entry in entries if entry.is_submodule}


def _skipping(reasons: Mapping[str, str]) -> MemberFindings:
    return MemberFindings(
        skipped=tuple(
            Skipped(path=printable(path), stage=SkipStage.CHANGES, reason=reason)
            for path, reason in sorted(reasons.items())
        )
    )


Subject = TypeVar("Subject")


def _by_project(
    subjects: Subjects, projects: ProjectFolders, items: Iterable[Subject], path_of: Callable[[Subject], str]
) -> list[tuple[Language, str, list[Subject]]]:
    """Return the items grouped by language and project."""
    found: dict[tuple[str, str], tuple[Language, str, list[Subject]]] = {}
    for item in items:
        language, project = subjects.language(path_of(item)), projects.of(path_of(item))
        if language is not None:
            found.setdefault((language.name, project), (language, project, []))[2].append(item)
    return list(found.values())


def _apart_from_faults(
    items: Sequence[Subject],
    find: Callable[[Sequence[Subject]], MemberFindings],
    path_of: Callable[[Subject], str],
) -> MemberFindings:
    """Return the findings in files; a file that raises even on its own is skipped by itself."""
    try:
        return find(items)
    except Exception as error:
        faults = {path: fault for item in items for path, fault in _fault_of(item, find, path_of)}
        if not is_fault(error) or not faults:
            raise
    sound = [item for item in items if path_of(item) not in faults]
    lost = tuple(file_skipped_by_fault(printable(path), fault) for path, fault in faults.items())
    return _joined([find(sound), MemberFindings(skipped=lost)])


def _fault_of(
    item: Subject, find: Callable[[Sequence[Subject]], MemberFindings], path_of: Callable[[Subject], str]
) -> Iterator[tuple[str, Exception]]:
    """Yield the exception that a file raises when processed on its own."""
    try:
        find([item])
    except Exception as error:
        if not is_fault(error):
            raise
        yield path_of(item), error


def _joined(parts: Iterable[MemberFindings]) -> MemberFindings:
    known = list(parts)
    members = [member for part in known for member in part.members]
    return MemberFindings(
        members=tuple(sorted(members, key=lambda member: (member.path, member.line, member.name))),
        skipped=tuple(skipped for part in known for skipped in part.skipped),
    )


def _search(
    states: _States, files: Sequence[ChangedFile], findings: MemberFindings, max_members: int
) -> MemberSearch:
    """Select the members nearest to the change up to the limit; the rest are skipped as `budget`.

    Those of examples, scripts and the like come after all others, also where later limits end a run.
    """
    left_out = {each.member for each in findings.skipped}
    opened = f"{states.projects.opened}/"
    outside = {each.id for each in findings.members if _is_outside_library(each.path.removeprefix(opened))}
    waiting = [member for member in findings.members if member.id not in left_out]
    waiting.sort(key=lambda member: member.id in outside)
    nearest = sorted(waiting, key=lambda member: (member.id in outside, distance(member)))
    fitting = {member.id for member in nearest[:max_members]}
    reason = f"limit of {max_members} functions per run reached: raise it with --max-members"
    beyond = [
        Skipped(path=each.path, stage=SkipStage.BUDGET, reason=reason, member=each.id)
        for each in waiting
        if each.id not in fitting
    ]
    return MemberSearch(
        members=tuple(member for member in waiting if member.id in fitting),
        found=findings.members,
        skipped=(*findings.skipped, *beyond),
        files=tuple(files),
        base=states.base,
        head=states.head,
        base_tree=states.base_tree,
        head_tree=states.head_tree,
        projects=states.projects,
    )


_OUTSIDE_LIBRARY = frozenset(
    {*TOOLING_FOLDERS, "demo", "demos", "doc", "docs", "example", "examples", "sample", "samples"}
)
"""Folders at the top of a project with code that is usually not part of what it offers."""


def _is_outside_library(path: str) -> bool:
    folder, _, file = path.partition("/")
    return bool(file) and folder in _OUTSIDE_LIBRARY


def distance(member: Member) -> tuple[int, int, str, int]:
    """Return the sort key of a member, nearest to the change first."""
    return _ORDER_OF_CHANGES.index(member.change), member.steps, member.path, member.line

"""From a repository and a selection to the members of this run: the changes phase."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bot.changes.diff import changed_files
from bot.changes.git import Repository
from bot.changes.subjects import Subjects, VisibleTree, printable
from bot.changes.trees import RepositoryTree
from bot.languages.driver import ChangedFile, Findings, LanguageDriver, Scope
from bot.model import Change, Member, Skipped, Stage, UsageFailure
from bot.settings import SelectionSettings

_ORDER_OF_CHANGES = (Change.ADDED, Change.CHANGED, Change.AFFECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSearch:
    """What the changes phase found.

    Attributes:
        members: The members to work on, in the order of their files and lines.
        found: All members that were found and selected; those not in `members` are in `skipped`.
        skipped: Members and files left out, each with the reason.
        files: The changed files that were looked at.
        base: The merge base's full object id; None where there is none to compare with.
        head: The head's full object id; None for the working tree.
        base_tree: The merge base's files; None where there is none to compare with.
        head_tree: The head's files.
    """

    members: tuple[Member, ...]
    found: tuple[Member, ...]
    skipped: tuple[Skipped, ...]
    files: tuple[ChangedFile, ...]
    base: str | None
    head: str | None
    base_tree: RepositoryTree | None
    head_tree: RepositoryTree


def find_members(
    repository: Repository, selection: SelectionSettings, drivers: Sequence[LanguageDriver]
) -> MemberSearch:
    """Return the members that a change, or with `all_paths` a set of files, puts forward.

    Test files, excluded files and files outside the opened folder are no subject and are not reported. A
    source file that is none to read (a link, a submodule, too large, undecodable, unparsable) is skipped
    with the reason.

    Raises:
        UsageFailure: A revision or path is unknown, or there is no merge base.
    """
    states = _states(repository, selection)
    subjects = Subjects(selection, drivers, repository.project)
    if selection.all_paths:
        files: tuple[ChangedFile, ...] = ()
        findings = _all_members(states, subjects, selection.all_paths)
    else:
        diff = repository.diff(states.base_or_refusal(), states.head)
        files = tuple(subjects.counting(changed_files(diff)))
        findings = _changed_members(states, subjects, files, selection.reference_steps)
    return _search(states, files, _only(findings, selection.only, states.project), selection.max_members)


@dataclass(frozen=True, slots=True, kw_only=True)
class _States:
    """The two states that are compared; see `MemberSearch`."""

    project: str
    base: str | None
    head: str | None
    base_tree: RepositoryTree | None
    head_tree: RepositoryTree

    def base_or_refusal(self) -> str:
        """Return the merge base's object id, which a comparison needs."""
        if self.base is None:
            raise UsageFailure("there is nothing to compare with: name a revision with --base, or use --all")
        return self.base


def _states(repository: Repository, selection: SelectionSettings) -> _States:
    head = repository.resolve(selection.head) if selection.head is not None else None
    base = None
    if selection.base is not None:
        base = repository.merge_base(repository.resolve(selection.base), head or repository.resolve("HEAD"))
    return _States(
        project=repository.project,
        base=base,
        head=head,
        base_tree=repository.commit_tree(base) if base is not None else None,
        head_tree=repository.commit_tree(head) if head is not None else repository.working_tree(),
    )


def _changed_members(
    states: _States, subjects: Subjects, files: Sequence[ChangedFile], steps: int
) -> Findings:
    """Ask each language's driver for the members of its changed files."""
    obstacles = dict(_obstacles(states.head_tree, subjects, [file.head_path for file in files]))
    readable = [file for file in files if file.head_path not in obstacles]
    head = VisibleTree(states.head_tree, subjects)
    base = VisibleTree(states.base_tree, subjects) if states.base_tree is not None else head
    found = [
        driver.changed_members(
            Scope(base=base, head=head, files=its_files, project=states.project, reference_steps=steps)
        )
        for driver, its_files in _by_driver(subjects, readable, _path_of)
    ]
    skipped = [_skipped(path, reason) for path, reason in obstacles.items()]
    return _included(subjects, [*found, Findings(skipped=tuple(skipped))])


def _all_members(states: _States, subjects: Subjects, asked: Sequence[str]) -> Findings:
    """Ask each language's driver for all members of the files that were named or lie in a named folder."""
    named, below = _named_paths(states, asked)
    unfit = {path: reason for path in named if (reason := _unfit(subjects, path)) is not None}
    counting = [path for path in below if subjects.counts(path) and subjects.is_included(path)]
    paths = sorted({*named, *counting} - unfit.keys())
    obstacles = dict(_obstacles(states.head_tree, subjects, paths))
    tree = VisibleTree(states.head_tree, subjects, also=named)
    readable = [path for path in paths if path not in obstacles]
    found = [
        driver.all_members(tree, its_paths, states.project)
        for driver, its_paths in _by_driver(subjects, readable, str)
    ]
    skipped = [_skipped(path, reason) for path, reason in (*unfit.items(), *obstacles.items())]
    return _joined([*found, Findings(skipped=tuple(skipped))])


def _named_paths(states: _States, asked: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the files that were named, and those below the folders that were named.

    Raises:
        UsageFailure: Neither is at one of the paths.
    """
    entries = [entry.path for entry in states.head_tree.entries()]
    known = frozenset(entries)
    named: list[str] = []
    below: list[str] = []
    for path in asked:
        forms = _forms(path, states.project)
        named += [form for form in forms if form in known][:1]
        inside = [found for form in forms for found in entries if _is_below(found, form)]
        below += inside
        if not inside and known.isdisjoint(forms):
            raise UsageFailure(f"--all {path}: there is no such file or folder")
    return named, below


def _unfit(subjects: Subjects, path: str) -> str | None:
    """Return why a file that was named is no subject; an exclude glob is no reason then."""
    if subjects.driver(path) is None:
        return "it is no source file of a language that is known here"
    return "it belongs to the tests" if subjects.is_test(path) else None


def _forms(path: str, project: str) -> tuple[str, ...]:
    """Return what a typed path may mean: relative to the git root, or to the opened folder."""
    forms = (posixpath.normpath(path), posixpath.normpath(posixpath.join(project, path)))
    return tuple(dict.fromkeys(forms))


def _is_below(path: str, folder: str) -> bool:
    return folder == "." or path.startswith(f"{folder}/")


def _obstacles(
    tree: RepositoryTree, subjects: Subjects, paths: Iterable[str | None]
) -> Iterator[tuple[str, str]]:
    """Yield the paths that are none to read, with the reason."""
    for path in paths:
        entry = tree.entry(path) if path is not None else None
        reason = subjects.obstacle(entry) if entry is not None else None
        if entry is not None and reason is not None:
            yield entry.path, reason


def _path_of(file: ChangedFile) -> str:
    return file.head_path or file.base_path or ""


Subject = TypeVar("Subject")


def _by_driver(
    subjects: Subjects, items: Iterable[Subject], path_of: Callable[[Subject], str]
) -> list[tuple[LanguageDriver, list[Subject]]]:
    """Return the items of each driver."""
    found: dict[str, tuple[LanguageDriver, list[Subject]]] = {}
    for item in items:
        driver = subjects.driver(path_of(item))
        if driver is not None:
            found.setdefault(driver.language, (driver, []))[1].append(item)
    return list(found.values())


def _joined(parts: Iterable[Findings]) -> Findings:
    known = list(parts)
    members = [member for part in known for member in part.members]
    return Findings(
        members=tuple(sorted(members, key=lambda member: (member.path, member.line, member.name))),
        skipped=tuple(skipped for part in known for skipped in part.skipped),
    )


def _included(subjects: Subjects, parts: Iterable[Findings]) -> Findings:
    """Join findings, without what no include glob matches."""
    findings = _joined(parts)
    return Findings(
        members=tuple(each for each in findings.members if subjects.is_included(each.path)),
        skipped=tuple(each for each in findings.skipped if subjects.is_included(each.path)),
    )


def _only(findings: Findings, wanted: Sequence[str], project: str) -> Findings:
    """Keep what was asked for by id, name or path; what matches nothing is reported as skipped."""
    if not wanted:
        return findings
    requests = [_Wanted(text=text, paths=_forms(text, project)) for text in wanted]
    members = [each for each in findings.members if any(one.is_member(each) for one in requests)]
    ids = {member.id for member in members}
    skipped = [each for each in findings.skipped if _is_wanted(each, requests, ids)]
    idle = [
        _skipped(one.text, "no member that the change adds, alters or affects has this id, name or path")
        for one in requests
        if not any(map(one.is_member, members)) and not any(one.concerns(each.path) for each in skipped)
    ]
    return Findings(members=tuple(members), skipped=(*skipped, *idle))


def _is_wanted(skipped: Skipped, requests: Sequence[_Wanted], members: Collection[str]) -> bool:
    if skipped.member is not None:
        return skipped.member in members
    return any(one.concerns(skipped.path) for one in requests)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """One thing that was asked for: a member, a class with all in it, a file, or a folder.

    Attributes:
        text: As it was typed.
        paths: The paths that it may mean.
    """

    text: str
    paths: tuple[str, ...]

    def is_member(self, member: Member) -> bool:
        """Tell whether it means a member, by id, by name, or by where it stands."""
        names = (member.id, member.name, f"{member.module}.{member.name}")
        return self._is_path(member.path) or any(
            name == self.text or name.startswith(f"{self.text}.") for name in names
        )

    def concerns(self, path: str) -> bool:
        """Tell whether it means a file, or something in it."""
        return self._is_path(path) or self.text.startswith(f"{path}::")

    def _is_path(self, path: str) -> bool:
        return any(path == form or _is_below(path, form) for form in self.paths)


def _search(
    states: _States, files: Sequence[ChangedFile], findings: Findings, max_members: int
) -> MemberSearch:
    """Take the nearest members up to the limit; what does not fit is skipped under `budget`."""
    left_out = {each.member for each in findings.skipped}
    waiting = [member for member in findings.members if member.id not in left_out]
    nearest = sorted(waiting, key=_distance)
    fitting = {member.id for member in nearest[:max_members]}
    reason = f"the limit of {max_members} members a run is reached: raise it with --max-members"
    beyond = [
        Skipped(path=each.path, stage=Stage.BUDGET, reason=reason, member=each.id)
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
    )


def _distance(member: Member) -> tuple[int, int, str, int]:
    return _ORDER_OF_CHANGES.index(member.change), member.steps, member.path, member.line


def _skipped(path: str, reason: str) -> Skipped:
    return Skipped(path=printable(path), stage=Stage.CHANGES, reason=reason)

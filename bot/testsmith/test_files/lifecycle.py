"""Track generated tests: which member they belong to now, and whether they are outdated. Pure functions.

A marker is text in someone's file, so it is not trusted: it only affects the test below it, and only while
that test is unedited.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from testsmith.languages.language import Language, of_project
from testsmith.languages.source import CannotParse, ChangedFile, SourceTree
from testsmith.languages.tests import MarkedTest, TestMark
from testsmith.model import GeneratedTest, Member, StaleTestAction


def followed(mark: TestMark, members: Mapping[str, str], paths: Collection[str]) -> str | None:
    """Return the current id of a marker's member, or None if the member no longer exists.

    Args:
        mark: The marker.
        members: Digests of current behavior by member id, for all changed files.
        paths: All current files.
    """
    if mark.member in members:
        return mark.member
    path, _, name = mark.member.partition("::")
    same = [one for one, source in members.items() if source == mark.source]
    if len(same) == 1:  # renamed or moved
        return same[0]
    named = [one for one in members if one.partition("::")[2] == name]
    if path not in paths and len(named) == 1:  # moved with its file, and changed
        return named[0]
    return None


def is_outdated(
    test: MarkedTest, path: str, source: str | None, failing: frozenset[str] | None = None
) -> bool:
    """Return whether a new test replaces a marked one of the same member.

    It does if the member has changed since, nobody has edited the old test, and the old test fails. If
    results are unknown, it also does, because the new test was then evaluated without the old one.

    Args:
        test: The marked test.
        path: Its file.
        source: Digest of the member's current behavior; None if unknown.
        failing: See `Marking.failing`.
    """
    if source is None or test.is_edited or test.mark.source == source:
        return False
    return failing is None or fails(test.name, path, failing)


def fails(name: str, path: str, failing: Collection[str]) -> bool:
    """Return whether a test, or a test in a class, fails."""
    test = f"{path}::{name}"
    return path in failing or any(one == test or one.startswith(f"{test}::") for one in failing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """The current state of the project.

    Attributes:
        tree: All files.
        files: The changed source files, including removed ones.
        members: Members whose source is known already.
        project_of: Returns the project folder of a file; see `ComparisonScope.project`.
        failing: See `Marking.failing`.
    """

    tree: SourceTree
    files: Sequence[ChangedFile]
    members: Sequence[Member]
    project_of: Callable[[str], str] = lambda _: ""
    failing: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleResult:
    """The state of the tests from earlier runs.

    Attributes:
        digests: Digests of current behavior by member id; see `SourceReader.digest`.
        earlier: Tests that need someone's attention, by file and position.
    """

    digests: Mapping[str, str]
    earlier: tuple[GeneratedTest, ...] = ()


def look_after(now: Now, languages: Sequence[Language]) -> LifecycleResult:
    """Find generated tests whose member changed or was removed, reading all files with marked tests."""
    languages = of_project(languages, now.tree)
    marked = [
        (path, test)
        for path in now.tree.paths()
        for language in languages
        if language.source.handles(path) and language.tests.is_test(path)
        for test in marked_in(now.tree.read(path), language)
    ]
    paths = frozenset(now.tree.paths())
    known = list(now.members) if not marked else [*_members_of_files(now, paths, languages), *now.members]
    digests = {
        member.id: language.source.digest(member.source)
        for language in languages
        for member in known
        if member.language == language.name
    }
    changed = {path for file in now.files for path in (file.base_path, file.head_path) if path is not None}
    found = (
        _earlier(path, test, _Place(digests, paths, now.failing))
        for path, test in marked
        if test.mark.member.partition("::")[0] in changed
    )
    return LifecycleResult(digests=digests, earlier=tuple(one for one in found if one is not None))


def _members_of_files(now: Now, paths: Collection[str], languages: Sequence[Language]) -> Iterator[Member]:
    for language in languages:
        there = [
            file.head_path
            for file in now.files
            if file.head_path in paths
            and file.head_path is not None
            and language.source.handles(file.head_path)
        ]
        for project in dict.fromkeys(map(now.project_of, there)):
            its_own = [path for path in there if now.project_of(path) == project]
            yield from language.source.all_members(now.tree, its_own, project).members


@dataclass(frozen=True, slots=True)
class _Place:
    """What decides whether a test is outdated: digests by member, all paths, and failing tests."""

    digests: Mapping[str, str]
    paths: Collection[str]
    failing: frozenset[str] | None


def marked_in(data: bytes | None, language: Language) -> Iterable[MarkedTest]:
    """Return the marked tests of a test file; none if the file is missing or unreadable."""
    if data is None:
        return ()
    try:
        return language.tests.marked_tests(data.decode())
    except (CannotParse, UnicodeDecodeError):
        return ()


def _earlier(path: str, test: MarkedTest, place: _Place) -> GeneratedTest | None:
    """Return a marked test whose member changed or was removed, or None if it is up to date."""
    member = followed(test.mark, place.digests, place.paths)
    does_fail = None if place.failing is None else fails(test.name, path, place.failing)
    is_changed = member is not None and place.digests[member] != test.mark.source
    if member is not None and not (is_changed and test.is_edited and does_fail):
        return None
    return GeneratedTest(
        path=path,
        name=test.name,
        member=test.mark.member,
        fate=StaleTestAction.REMOVE if member is None else StaleTestAction.MEND,
        is_edited=test.is_edited,
        fails=does_fail,
    )


def removals(tests: Iterable[GeneratedTest]) -> Iterator[GeneratedTest]:
    """Yield the tests that a commit deletes: failing, unedited tests of removed members."""
    for one in tests:
        if one.fate is StaleTestAction.REMOVE and not one.is_edited and one.fails:
            yield one


def already_tested(
    members: Mapping[str, str],
    tree: SourceTree,
    languages: Sequence[Language],
    failing: Collection[str] | None = None,
) -> frozenset[str]:
    """Return the members that have up-to-date tests from an earlier run that still pass.

    Args:
        members: Digests of current behavior by member id.
        tree: All files.
        languages: The languages.
        failing: See `Marking.failing`.
    """
    known = of_project(languages, tree)
    return frozenset(
        test.mark.member
        for path in tree.paths()
        for language in known
        if language.source.handles(path) and language.tests.is_test(path)
        for test in marked_in(tree.read(path), language)
        if members.get(test.mark.member) == test.mark.source and not fails(test.name, path, failing or ())
    )

"""The life of a test that the bot has put into a test file: whom it is for now, and whether it still holds.

All pure. What a mark says is text in somebody's file: it decides nothing but what happens to the test below
it, and only while that test is as the bot has written it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from testsmith.languages.driver import (
    CannotParse,
    ChangedFile,
    LanguageDriver,
    MarkedTest,
    SourceTree,
    TestMark,
)
from testsmith.model import GeneratedTest, Member, StaleTestAction


def followed(mark: TestMark, members: Mapping[str, str], paths: Collection[str]) -> str | None:
    """Return the id that the member of a mark has now; None where there is no such member any more.

    Args:
        mark: The mark.
        members: The digest of what each member does now, by its id: those of all files that have changed.
        paths: All files that there are now.
    """
    if mark.member in members:
        return mark.member
    path, _, name = mark.member.partition("::")
    same = [one for one, source in members.items() if source == mark.source]
    if len(same) == 1:  # renamed, or moved
        return same[0]
    named = [one for one in members if one.partition("::")[2] == name]
    if path not in paths and len(named) == 1:  # moved with its file, and changed
        return named[0]
    return None


def is_outdated(
    test: MarkedTest, path: str, source: str | None, failing: frozenset[str] | None = None
) -> bool:
    """Tell whether a new test stands for a marked one of the same member.

    It does where the member has changed since, nobody has edited the old test, and that does not pass any
    more. Where that is not known, nothing that it shows was counted in favour of the old one either.

    Args:
        test: The marked test.
        path: The file that it stands in.
        source: The digest of what the member does now; None where that is not known.
        failing: See `Marking.failing`.
    """
    if source is None or test.is_edited or test.mark.source == source:
        return False
    return failing is None or fails(test.name, path, failing)


def fails(name: str, path: str, failing: Collection[str]) -> bool:
    """Tell whether a test, or one of a class of tests, is among those that do not pass."""
    test = f"{path}::{name}"
    return path in failing or any(one == test or one.startswith(f"{test}::") for one in failing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """What is there now.

    Attributes:
        tree: All files.
        files: The source files that have changed, gone ones among them.
        members: Members whose source is known already.
        project: The project's folder; see `Scope.project`.
        failing: See `Marking.failing`.
    """

    tree: SourceTree
    files: Sequence[ChangedFile]
    members: Sequence[Member]
    project: str = ""
    failing: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleResult:
    """What is to be known of tests of earlier runs.

    Attributes:
        digests: The digest of what each member does now, by its id: see `LanguageDriver.source_digest`.
        earlier: Tests that somebody should look at, by file and place.
    """

    digests: Mapping[str, str]
    earlier: tuple[GeneratedTest, ...] = ()


def look_after(now: Now, drivers: Sequence[LanguageDriver]) -> LifecycleResult:
    """Return what has become of the members of marked tests, all files of which are read for that."""
    marked = [
        (path, test)
        for path in now.tree.paths()
        for driver in drivers
        if driver.handles(path) and driver.is_test(path)
        for test in marked_in(now.tree.read(path), driver)
    ]
    paths = frozenset(now.tree.paths())
    known = list(now.members) if not marked else [*_members_of_files(now, paths, drivers), *now.members]
    digests = {
        member.id: driver.source_digest(member.source)
        for driver in drivers
        for member in known
        if member.language == driver.language
    }
    changed = {path for file in now.files for path in (file.base_path, file.head_path) if path is not None}
    found = (
        _earlier(path, test, _Place(digests, paths, now.failing))
        for path, test in marked
        if test.mark.member.partition("::")[0] in changed
    )
    return LifecycleResult(digests=digests, earlier=tuple(one for one in found if one is not None))


def _members_of_files(
    now: Now, paths: Collection[str], drivers: Sequence[LanguageDriver]
) -> Iterator[Member]:
    for driver in drivers:
        there = [
            file.head_path
            for file in now.files
            if file.head_path in paths and file.head_path is not None and driver.handles(file.head_path)
        ]
        yield from driver.all_members(now.tree, there, now.project).members


@dataclass(frozen=True, slots=True)
class _Place:
    """What decides the fate of a test: digests by member, all paths, and what fails."""

    digests: Mapping[str, str]
    paths: Collection[str]
    failing: frozenset[str] | None


def marked_in(data: bytes | None, driver: LanguageDriver) -> Iterable[MarkedTest]:
    """Return the marked tests of a test file; none of one that is gone or cannot be read."""
    if data is None or b"# testsmith " not in data:
        return ()
    try:
        return driver.marked_tests(data.decode())
    except (CannotParse, UnicodeDecodeError):
        return ()


def _earlier(path: str, test: MarkedTest, place: _Place) -> GeneratedTest | None:
    """Return a marked test where something has become of its member; None where all is well with it."""
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
    """Yield those that a commit takes out: of a gone member, as the bot has written them, seen to fail."""
    for one in tests:
        if one.fate is StaleTestAction.REMOVE and not one.is_edited and one.fails:
            yield one


def already_tested(
    members: Mapping[str, str],
    tree: SourceTree,
    drivers: Sequence[LanguageDriver],
    failing: Collection[str] | None = None,
) -> frozenset[str]:
    """Return the members that have tests of an earlier run, made for them as they are now, that still pass.

    Args:
        members: The digest of what each member does now, by its id.
        tree: All files.
        drivers: The languages.
        failing: See `Marking.failing`.
    """
    return frozenset(
        test.mark.member
        for path in tree.paths()
        for driver in drivers
        if driver.handles(path) and driver.is_test(path)
        for test in marked_in(tree.read(path), driver)
        if members.get(test.mark.member) == test.mark.source and not fails(test.name, path, failing or ())
    )

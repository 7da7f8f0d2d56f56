"""Choose where tests of a member go: next to its own tests, or else next to those of its subject.

A test's subject is judged by the words of its name, its class and the comment above its section. Rare words
of a project's tests count more than common ones.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from testsmith.languages.python.source.package import is_dunder
from testsmith.languages.python.source.project_names import ProjectNames
from testsmith.languages.python.test_files.existing.file_subjects import FileSubjects
from testsmith.languages.python.test_files.existing.member_tests import (
    FILLERS,
    FoundTest,
    MemberTests,
    is_named_after,
    is_named_after_module,
    name_words,
    ranked,
    weight,
)
from testsmith.languages.python.test_files.existing.test_file_uses import DefinitionKey
from testsmith.model import Change, ExistingTest, Member, TestPlace

_SURELY_ALIKE = 0.7
"""Share of a subject's words, weighted by how rare they are, that leaves no doubt about a test's subject."""

_ALIKE = 0.5
_SOMEWHAT_ALIKE = 0.25


@dataclass(frozen=True, slots=True)
class FoundPlace:
    """The place of a member's tests.

    Attributes:
        place: Where the project has them, or would add the first; None if unknown.
        others: Paths of all files that may fit, the most likely first; empty if it is clear.
    """

    place: TestPlace | None
    others: tuple[str, ...] = ()


class Places:
    """The places of members' tests in a project's test files.

    Args:
        tests: The project's tests.
        names: Resolves names in the project's files.
        intent: What the authors say about the change; empty if nothing is known.
    """

    def __init__(self, tests: MemberTests, names: ProjectNames, intent: str = "") -> None:
        self._tests = tests
        self._names = names
        self._subjects = FileSubjects(tests, intent)

    def of(self, member: Member, named: str, through: Sequence[ExistingTest] = ()) -> FoundPlace:
        """Return where the project has its tests of a member, or would add the first.

        Args:
            member: The member.
            named: The test file that is named after the member's module; it may not exist.
            through: Tests that reach the member through a public function that uses it.
        """
        pools = self._pools(member, named, through)
        pool = next(filter(None, pools), None)
        if pool is None and (only := self._in_only_file(member)) is not None:
            return FoundPlace(only)
        if pool is None or pool is pools[-1]:  # tests that only reach it may be about anything
            ranked_files = self._subjects.ranked_by_words(member)
            others = () if ranked_files.is_sure else ranked_files.paths
            is_chosen = ranked_files.fits and (pool is None or not others)
            if is_chosen and not self._is_new_of_another_module(member, ranked_files.paths[0]):
                return FoundPlace(self._in_file(ranked_files.paths[0], member, ()), others)
            if pool is None:
                return FoundPlace(None, others)
        usual = ranked(pool, member)[0].file.path
        files = self._subjects.ranked(member, usual, named)
        place = self._in_file(files.paths[0], member, pools)
        return FoundPlace(place, () if files.is_sure else files.paths)

    def in_file(
        self, path: str, member: Member, named: str, through: Sequence[ExistingTest] = ()
    ) -> TestPlace:
        """Return the place of a member's tests in one of the files that may fit; see `of`."""
        return self._in_file(path, member, self._pools(member, named, through))

    def _in_file(self, path: str, member: Member, pools: Sequence[Sequence[FoundTest]]) -> TestPlace:
        """Return the place next to the tests of the first pool that has any in a file."""
        in_file = next(filter(None, (_in(path, tests) for tests in pools)), None)
        if in_file is None:
            its_tests = self._tests.by_file[path]
            in_file = self._alike(its_tests, member) or its_tests
        return self._beside(in_file, member, self._tests.direct(member))

    def _pools(
        self, member: Member, named: str, through: Sequence[ExistingTest]
    ) -> Sequence[Sequence[FoundTest]]:
        """Return tests that are near a member, by reason; the last are those that only reach it."""
        direct, near = self._tests.direct(member), self._tests.near(member)
        called = {(test.path, test.line) for test in through}
        reaching = [each for each in self._tests.all if called and (each.file.path, each.line) in called]
        has_own = any(is_named_after(each, member) for each in direct)
        near_in_named = _in(named, near)
        return (
            self._of_what_changed(member, direct, has_own=has_own),
            direct if has_own or member.is_private else [],
            _in(named, direct),
            self._alike(near_in_named, member),
            self._in_file_of_subject(member, direct),
            self._alike(reaching, member),
            near_in_named,
            direct,
            self._in_main_file(near, member),
            reaching,
        )

    def _beside(self, pool: Sequence[FoundTest], member: Member, direct: Sequence[FoundTest]) -> TestPlace:
        """Return the place next to the tests of a pool that are most like a member.

        If none is, it is the end of a file, or of the class that tests the nearest definition.
        """
        first = ranked(pool, member)[0]
        if first in direct:
            weights = {
                each: (weight(each, member), self._likeness(each, member))
                for each in pool
                if each.suite == first.suite
            }
            best = max(weights.values())
            return self._after([each for each in weights if weights[each] == best], member)
        in_file = [each for each in pool if each.file is first.file]
        most = max(self._likeness(each, member) for each in in_file)
        if most >= _SOMEWHAT_ALIKE:
            return self._after([each for each in in_file if self._likeness(each, member) == most], member)
        distances = {each: self._distance(each, member) for each in in_file}
        nearest = [each for each in in_file if distances[each] == min(distances.values())]
        place = self._after(nearest, member)
        return place if place.new_suite else replace(place, after="")

    def _after(self, tests: Sequence[FoundTest], member: Member) -> TestPlace:
        last = max(tests, key=lambda found: found.line)
        place = TestPlace(
            path=last.file.path,
            suite=last.function.suite,
            after=last.id,
            spelling=_spelling(last, member),
            is_of_unittest=last.function.is_of_unittest,
        )
        if place.suite and self._is_of_another(last, member):
            return replace(place, new_suite=_suite_name(place.suite, member))
        return place

    def _is_of_another(self, found: FoundTest, member: Member) -> bool:
        """Return whether a test's class is named after a definition that has nothing to do with a member."""
        subject = tuple(word for word in name_words(found.function.suite) if word not in FILLERS)
        file = self._names.file(member.path)
        names = {part for name in (file.definitions if file else ()) for part in name.split(".")}
        is_about_one = any(name_words(name) == subject for name in names)
        return is_about_one and not set(subject) <= set(name_words(member.name))

    def _distance(self, found: FoundTest, member: Member) -> tuple[int, int]:
        """Return how far the nearest definition that a test uses is from a member, those above it first."""
        file = self._names.file(member.path)
        used = (key.name for key in found.uses if key.path == member.path)
        lines = [file.definitions[name].spans[0].first for name in used if file and name in file.definitions]
        return min(((line > member.line, abs(line - member.line)) for line in lines), default=(2, 0))

    def _of_what_changed(
        self, member: Member, direct: Sequence[FoundTest], *, has_own: bool
    ) -> Sequence[FoundTest]:
        """Return the tests of the private definitions by which a change affects a member.

        If the member has tests of its own, they are in files that use it as well.
        """
        keys = [DefinitionKey(*each) for each in self._causes(member)]
        if not keys:
            return ()
        found = list(dict.fromkeys(each for key in keys for each in self._tests.using(key)))
        files = {each.file.path for each in direct}
        related = (
            each
            for each in self._tests.all
            if (each in direct if has_own else not direct or each.file.path in files)
        )
        found = found or [each for each in related if self._is_about_any(each, keys)]
        found = [each for each in found if not has_own or each.file.path in files]
        return [each for each in found if each in direct] or found

    def _causes(self, member: Member) -> Iterator[tuple[str, str]]:
        """Yield path and name of the functions and classes by which a change affects a member."""
        for each in member.because_places if member.change is Change.AFFECTED else ():
            file = self._names.file(each.path)
            definition = None if file is None else file.definitions.get(each.name)
            if definition is not None and definition.kind is not None:
                yield each.path, each.name

    def _is_about_any(self, found: FoundTest, keys: Iterable[DefinitionKey]) -> bool:
        """Return whether a test's class or file has the name of one of these, or most words of a name."""
        own = set(found.words)
        for key in keys:
            sought = set(name_words(key.name.rpartition(".")[2])) - FILLERS
            names = (set(name_words(name)) - FILLERS for name in (found.function.suite, found.file.stem))
            is_alike = len(sought & own) > 1 and self._share(sought, own) > _SURELY_ALIKE
            if is_alike or any(name and name <= sought for name in names):
                return True
        return False

    def _in_file_of_subject(self, member: Member, direct: Sequence[FoundTest]) -> Sequence[FoundTest]:
        """Return the tests of files that are named after a member, in part; those that use it, if any."""
        sought = set(name_words(member.name))
        found = [each for path, words, tests in self._files if words and words <= sought for each in tests]
        return [each for each in found if each in direct] or found

    @cached_property
    def _files(self) -> list[tuple[str, set[str], list[FoundTest]]]:
        """Each test file with the words of its name, and its tests."""
        files = self._tests.by_file.items()
        return [(path, set(name_words(its[0].file.stem)) - FILLERS, its) for path, its in files]

    def _in_main_file(self, near: Sequence[FoundTest], member: Member) -> Sequence[FoundTest]:
        """Return the tests near a member that are in the file with most tests of its module."""
        of_module = self._tests.of_module(member)
        files = Counter(each.file.path for each in of_module)
        main = max(files, key=lambda path: (files[path], path), default="")
        return _in(main, near) or _in(main, of_module) or near

    def _alike(self, tests: Iterable[FoundTest], member: Member) -> list[FoundTest]:
        return [each for each in tests if self._likeness(each, member) >= _ALIKE]

    def _likeness(self, found: FoundTest, member: Member) -> float:
        """Return the largest share of a name's words that a test has: a member's, or of what affects it."""
        own, names = set(found.words), [member.name, *(name for _, name in self._causes(member))]
        if not is_dunder(member.plain_name):
            names.append(member.plain_name)
        return max(self._share(set(name_words(name)), own) for name in names)

    def _share(self, sought: Collection[str], own: Collection[str]) -> float:
        """Return the share of words that are among others; those that few tests have weigh more."""
        count = len(self._tests.all) + 1
        weights = {word: math.log(count / self._counts[word]) if self._counts[word] else 1 for word in sought}
        return sum(weights[word] for word in sought if word in own) / (sum(weights.values()) or 1)

    @cached_property
    def _counts(self) -> Counter[str]:
        return Counter(word for found in self._tests.all for word in set(found.words))

    def _is_new_of_another_module(self, member: Member, path: str) -> bool:
        """Return whether a member is new, and a test file is named after another module that it tests."""
        modules = {key.path for each in self._tests.by_file[path] for key in each.uses if key.path}
        return member.change is Change.ADDED and any(is_named_after_module(path, one) for one in modules)

    def _in_only_file(self, member: Member) -> TestPlace | None:
        """Return the only file with tests of the package, if it is not about another module alone."""
        using = [each for each in self._tests.all if any(key.path for key in each.uses)]
        modules = {key.path for each in using for key in each.uses if key.path}
        if len({each.file.path for each in using}) != 1 or any(
            is_named_after_module(using[0].file.path, one) for one in modules
        ):
            return None
        last = using[-1]
        place = TestPlace(path=last.file.path, spelling=_spelling(last, member))
        if not all(each.function.suite for each in using):
            return place
        return replace(
            place,
            suite=last.function.suite,
            new_suite=_suite_name(last.function.suite, member),
            after=last.id,
            is_of_unittest=last.function.is_of_unittest,
        )


def _in(path: str, tests: Iterable[FoundTest]) -> list[FoundTest]:
    return [each for each in tests if each.file.path == path]


def _spelling(found: FoundTest, member: Member) -> str:
    return found.file.spelling(DefinitionKey(member.path, member.name.partition(".")[0]))


def _suite_name(alike: str, member: Member) -> str:
    """Return the name of a class for the tests of a member, in the style of another's."""
    parts = re.split(r"_+", member.name.rpartition(".")[0] or member.name)
    subject = "".join(part[:1].upper() + part[1:] for part in parts)
    beginning = re.match(r"Test|test_", alike)
    if beginning:
        return f"{beginning[0]}{subject}"
    ending = re.search(r"(?:Tests?|TestCase)$", alike)
    return f"{subject}{ending[0] if ending else 'Tests'}"

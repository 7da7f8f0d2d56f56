"""Move the tests that an edit put between tests of another subject to those of their own."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

from testsmith.languages.python.source.definitions import Function
from testsmith.languages.python.source.parsing import lines_of, parse_untrusted, span_of
from testsmith.languages.python.test_files.existing.member_tests import FILLERS, name_words
from testsmith.languages.python.test_files.test_modules import is_test_name
from testsmith.model import Member

_MOST_COMMON = 3
"""A word is common if more than one in this many tests of a file have it; it says nothing of a subject."""

_SMALL_WORDS = frozenset(
    {"a", "an", "and", "as", "at", "by", "for", "from", "get", "in", "is", "no", "not", "of", "on", "or"}
    | {"set", "that", "the", "to", "when", "with", "without"}
    | {"error", "errors", "fail", "fails", "failure", "invalid", "raise", "raises"}
)


@dataclass(frozen=True, slots=True)
class _Positioned:
    """A test with the range of its lines, from 0, with the comments directly above it."""

    name: str
    suite: str
    first: int
    last: int

    @property
    def id(self) -> str:
        return f"{self.suite}::{self.name}" if self.suite else self.name

    @property
    def words(self) -> set[str]:
        return set(name_words(self.name)) - FILLERS


class _File:
    """The tests of a test file, in order."""

    def __init__(self, text: str) -> None:
        self.lines = lines_of(text)
        self.body = parse_untrusted(text).body
        self.tests = list(self._tests(self.body, ""))

    def _tests(self, body: Sequence[ast.stmt], suite: str) -> Iterator[_Positioned]:
        for node in body:
            if isinstance(node, Function) and is_test_name(node.name):
                yield _Positioned(node.name, suite, self._first_line(node), span_of(node).last)
            elif isinstance(node, ast.ClassDef) and not suite:
                yield from self._tests(node.body, node.name)

    def statement(self, test: _Positioned) -> _Positioned:
        """Return the class around a test, or the test itself."""
        if not test.suite:
            return test
        node = next(each for each in self.body if isinstance(each, ast.ClassDef) and each.name == test.suite)
        return _Positioned(test.suite, "", self._first_line(node), span_of(node).last)

    def _first_line(self, node: ast.stmt) -> int:
        first = span_of(node).first - 1
        while first and self.lines[first - 1].lstrip().startswith("#"):
            first -= 1
        return first

    @cached_property
    def common(self) -> set[str]:
        """Words that too many tests have."""
        counts = Counter(word for test in self.tests for word in test.words)
        return {word for word, count in counts.items() if count * _MOST_COMMON > max(len(self.tests), 6)}

    @property
    def end(self) -> int:
        """Number of lines before the end of the file or a final `if __name__ == ...`."""
        *others, last = self.body
        match last:
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))) if others:
                last = others[-1]
        return span_of(last).last


def beside_subject(before: str, after: str, member: Member, own: Collection[str]) -> str:
    """Return an edited test file without added tests between two tests of another subject.

    They go after the last test of their subject in the same class or on the top level, or else to its end;
    tests that were added one after the other stay together. An added class above all tests of the file goes
    after the class or function of the member's first test, or else of the file's first.

    Args:
        before: The file before the edit.
        after: The file after it.
        member: What the added tests are about.
        own: Ids of the member's tests in the file, as in `ExistingTest.id`.

    Raises:
        CannotParse: One of the texts is not valid Python.
    """
    there = _File(before).tests
    known = {test.id for test in there}
    suites = {test.suite for test in there} | {""}
    file = _File(after)
    added = [test for test in file.tests if test.id not in known and test.suite in suites]
    for group in _together(added, file.lines):
        after = _moved(_File(after), [test.id for test in group], known, member, own)
    new_suites = dict.fromkeys(test.suite for test in _File(after).tests if test.suite not in suites)
    for suite in reversed(new_suites):
        after = _with_suite_behind(_File(after), suite, known, own)
    return after


def _with_suite_behind(file: _File, suite: str, known: Collection[str], own: Collection[str]) -> str:
    """Return a file with a class behind the tests that are there, if it is above all of them."""
    there = [test for test in file.tests if test.id in known]
    new = next(file.statement(test) for test in file.tests if test.suite == suite)
    if not there or there[0].first < new.first:
        return "".join(file.lines)
    first = next((test for test in there if test.id in own), there[0])
    return "".join(_with_moved(file.lines, new, file.statement(first).last))


def _together(tests: Sequence[_Positioned], lines: Sequence[str]) -> list[list[_Positioned]]:
    """Return tests in groups between whose members there is nothing but blank lines."""
    groups: list[list[_Positioned]] = []
    for test in tests:
        before = groups[-1][-1] if groups else test
        is_next = before.suite == test.suite and not any(map(str.strip, lines[before.last : test.first]))
        if before is not test and is_next:
            groups[-1].append(test)
        else:
            groups.append([test])
    return groups


def _moved(
    file: _File, names: Sequence[str], known: Collection[str], member: Member, own: Collection[str]
) -> str:
    tests = [each for each in file.tests if each.id in names]
    suite = tests[0].suite
    same = [each for each in file.tests if each.suite == suite]
    at, behind = same.index(tests[0]), same.index(tests[-1])
    above = next((each for each in reversed(same[:at]) if each.id in known), None)
    below = next((each for each in same[behind:] if each.id in known), None)
    words = set[str]().union(*(test.words for test in tests))
    sought = ((words - file.common) | set(name_words(member.name))) - _SMALL_WORDS
    is_of_member = not (set(name_words(suite)) - FILLERS).isdisjoint(name_words(member.name))
    related = [each for each in same if each.id in known and (each.id in own or each.words & sought)]
    if below is None or is_of_member or above in related or below in related:
        return "".join(file.lines)
    most = max((_closeness(each, sought, own) for each in related), default=None)
    closest = [each for each in related if _closeness(each, sought, own) == most]
    if closest:  # after those that were moved there before
        follow = takewhile(lambda each: each.id not in known, same[same.index(closest[-1]) + 1 :])
        target = [closest[-1], *(each for each in follow if each not in tests)][-1].last
    else:
        target = same[-1].last if suite else file.end
    block = _Positioned("", suite, tests[0].first, tests[-1].last)
    return "".join(_with_moved(file.lines, block, target))


def _closeness(test: _Positioned, sought: set[str], own: Collection[str]) -> tuple[bool, int]:
    return test.id in own, len(test.words & sought)


def _with_moved(lines: Sequence[str], test: _Positioned, target: int) -> Iterator[str]:
    """Yield the lines with tests behind a line, and as many blank lines between as were above it."""
    start = test.first
    while start and not lines[start - 1].strip():
        start -= 1
    moved = lines[start : test.last]
    for number, line in enumerate(lines, 1):
        if not start < number <= test.last:
            yield line if line.endswith(("\n", "\r")) else f"{line}\n"
        if number == target:
            yield from moved

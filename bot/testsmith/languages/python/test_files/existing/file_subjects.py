"""Choose the test file whose subject is that of a change, by the words of both."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import PurePosixPath

from testsmith.languages.python.test_files.existing.member_tests import FILLERS, FoundTest, MemberTests
from testsmith.model import Member

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]{2,}|\d{2,}")
_SHORTEST = 3
_MOST_REPEATS = 3
"""A word of a query counts at most so often."""

_SATURATION = 1.2
"""How often a test must have a word for half the effect of having it very often, as in BM25."""

_USUAL = 1.4
_NAMED = 2.2
_ANNOUNCED = 2.1
_CHANGED = 1.6
_OF_MODULE = 1.4
_OF_MODULE_BY_NAME = 1.2
_DEEPER = -1.0
"""Weights of what speaks for a file: a logistic regression on 410 commits of 21 projects that changed tests.

Left out of it one project at a time, 71 % of the files chosen were the authors' (67 % without the words).
"""


_SURELY = 1.5
"""Score of a file that is chosen by words alone: 20 of 45 such files were the authors', of 77 commits of 25
projects that had no other sign. A new file named after the module was theirs in at most 10 of all 77.
"""


class FileSubjects:
    """The subjects of a project's test files.

    Args:
        tests: The project's tests.
        intent: What the authors say about the change; empty if nothing is known.
    """

    def __init__(self, tests: MemberTests, intent: str) -> None:
        self._tests = tests
        self._title = Counter(_words(intent.partition("\n")[0].removeprefix("Commit: ")))
        self._said = frozenset(_words(intent))

    def file_of(self, member: Member, usual: str, named: str) -> str:
        """Return the test file that is most likely to get the tests of a change.

        Args:
            member: What the change is about.
            usual: The test file that has tests of the member, or of what is near it.
            named: The test file that is named after the member's module; it may not exist.
        """
        change = _text_of_change(member)
        if not change and not self._said:
            return usual
        files = self._tests.by_file
        of_module = Counter(each.file.path for each in self._tests.of_module(member))
        changed = self._best(Counter(_words(change or member.source)))
        scores = {
            path: self._scores_for_all[path]
            + _USUAL * (path == usual)
            + _CHANGED * changed.get(path, 0.0)
            + _OF_MODULE * of_module[path] / len(files[path])
            + _OF_MODULE_BY_NAME * (path == named)
            for path in dict.fromkeys((*self._best_for_all, usual, named, *changed, *of_module))
            if path in files
        }
        return max(scores, key=lambda path: (scores[path], path == usual, -self._order[path]), default=usual)

    def file_by_words(self, member: Member) -> str | None:
        """Return the test file that has the words of a change; None if none of them surely has."""
        changed = self._best(Counter(_words(_text_of_change(member) or member.source)))
        scores = {
            path: self._scores_for_all[path] + _CHANGED * changed.get(path, 0.0)
            for path in self._tests.by_file
        }
        best = max(scores, key=lambda path: (scores[path], -self._order[path]), default=None)
        return best if best is not None and scores[best] >= _SURELY else None

    @cached_property
    def _order(self) -> Mapping[str, int]:
        return {path: number for number, path in enumerate(self._tests.by_file)}

    @cached_property
    def _scores_for_all(self) -> Mapping[str, float]:
        """The part of each file's score that is the same for all members; the other part is not negative."""
        announced = self._best(self._title)
        return {
            path: _NAMED * self._share_said(path)
            + _ANNOUNCED * announced.get(path, 0.0)
            + _DEEPER * path.count("/")
            for path in self._tests.by_file
        }

    @cached_property
    def _best_for_all(self) -> Sequence[str]:
        """The file that is chosen if nothing else about a member speaks for another; empty without files."""
        scores = self._scores_for_all
        return sorted(scores, key=lambda path: -scores[path])[:1]

    @cached_property
    def _uses(self) -> Mapping[str, Mapping[FoundTest, float]]:
        """How much each test is about each word that it has."""
        found: dict[str, dict[FoundTest, float]] = {}
        for each in self._tests.all:
            for word, count in Counter(_words("\n".join(each.lines))).items():
                found.setdefault(word, {})[each] = count / (count + _SATURATION)
        total = len(self._tests.all) + 1
        rarity = {word: math.log(total / (1 + len(tests))) for word, tests in found.items()}
        return {
            word: {each: rarity[word] * share for each, share in tests.items()}
            for word, tests in found.items()
            if rarity[word] > 0
        }

    def _best(self, sought: Counter[str]) -> Mapping[str, float]:
        """Return how well the best test of each file matches the words, relative to the best of all.

        Files without any of the words are left out.
        """
        by_test = defaultdict[FoundTest, float](float)
        for word, count in sought.items():
            for each, weight in self._uses.get(word, {}).items():
                by_test[each] += weight * min(count, _MOST_REPEATS)
        best, most = defaultdict[str, float](float), max(by_test.values(), default=0.0) or 1.0
        for each, score in by_test.items():
            best[each.file.path] = max(best[each.file.path], score / most)
        return best

    @cached_property
    def _stems(self) -> Mapping[str, Collection[str]]:
        """Words of the names of all test files."""
        return {path: set(_words(PurePosixPath(path).stem)) - FILLERS for path in self._tests.by_file}

    @cached_property
    def _common_stems(self) -> Counter[str]:
        return Counter(word for words in self._stems.values() for word in words)

    def _share_said(self, path: str) -> float:
        """Return the share of the words of a file's name that the authors use about the change."""
        weights = {word: 1 / self._common_stems[word] for word in self._stems[path]}
        return sum(weights[word] for word in weights if word in self._said) / (sum(weights.values()) or 1)


def _text_of_change(member: Member) -> str:
    """Return the added and removed lines of a member's change, or of that of what it uses."""
    change = member.shown_change
    diffs = [change.own] if change.own else change.private
    lines = [line for diff in diffs for line in diff.split("\n") if line[:1] in {"+", "-"}]
    return "\n".join(line[1:] for line in lines if not line.startswith(("+++", "---")))


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text) if len(word) >= _SHORTEST]

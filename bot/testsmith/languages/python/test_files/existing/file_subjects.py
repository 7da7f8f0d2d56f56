"""Choose the test file whose subject is that of a change, by the words of both."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
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
_ELSEWHERE = -0.8
"""Weights of what speaks for a file: a logistic regression on 410 commits of 21 projects that changed tests.

Left out of it one project at a time, 71 % of the files chosen were the authors' (67 % without the words). It
had the depth of a file instead of `_ELSEWHERE`, whose weight was chosen on 578 other commits (also 71 %).
"""

_OF_NO_SUBJECT = frozenset({"", "functional", "src", "test", "tests", "unit"})
_MOST_LIKELY = 8
"""How many of the files that are likely for any member are compared for each."""

_SURELY = 2.5
"""Score of a file that is chosen by words alone. Of 72 commits that had no other sign, 56 had such a file:
25 of these were the authors'. A new file named after the module was theirs in at most 8 of all 72.
"""

_SURE_LEAD = 2.5
"""Lead over the second file that leaves no doubt. Half of 615 commits had such a lead, and 90 % of their
files were the authors'; of the files of 72 others 47 % were, and 75 % of those that a model chose.
"""

_FEW = 3
"""Of so few files, the first is chosen: in 40 commits of projects without more, 37 were the authors'."""


@dataclass(frozen=True, slots=True)
class RankedFiles:
    """Test files for the tests of a change.

    Attributes:
        paths: Their paths, the most likely first.
        is_sure: Whether the first leaves no doubt.
        fits: Whether the first is likely enough to be chosen without asking a model.
    """

    paths: tuple[str, ...]
    is_sure: bool
    fits: bool = True


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

    def leave_choice(self, member: Member) -> bool:
        """Return whether there are many files, and anything is known of the change to choose one by."""
        return len(self._tests.by_file) > _FEW and self._is_known(member)

    def _is_known(self, member: Member) -> bool:
        return bool(self._said or _text_of_change(member))

    def ranked(self, member: Member, usual: str, named: str) -> RankedFiles:
        """Return the test files that may get the tests of a change.

        Args:
            member: What the change is about.
            usual: The test file that has tests of the member, or of what is near it.
            named: The test file that is named after the member's module; it may not exist.
        """
        if not self._is_known(member):
            return RankedFiles((usual,), is_sure=True)
        change, files = _text_of_change(member), self._tests.by_file
        of_module = Counter(each.file.path for each in self._tests.of_module(member))
        changed = self._best(Counter(_words(change or member.source)))
        compared = dict.fromkeys((*self._best_for_all, usual, named, *changed, *of_module))
        by_words = self._scores(member, changed, (path for path in compared if path in files))
        scores = {
            path: score
            + _USUAL * (path == usual)
            + _OF_MODULE * of_module[path] / len(files[path])
            + _OF_MODULE_BY_NAME * (path == named)
            for path, score in by_words.items()
        }
        paths = sorted(scores, key=lambda path: (-scores[path], path != usual, self._order[path]))
        is_sure = self._leads(paths, scores) or not self.leave_choice(member)
        return RankedFiles(tuple(dict.fromkeys((*paths, *files))), is_sure=is_sure)

    def ranked_by_words(self, member: Member) -> RankedFiles:
        """Return the test files by nothing but the words of a change; the first fits if it has these."""
        changed = self._best(Counter(_words(_text_of_change(member) or member.source)))
        scores = self._scores(member, changed, self._tests.by_file)
        paths = sorted(scores, key=lambda path: (-scores[path], self._order[path]))
        fits = bool(paths) and scores[paths[0]] >= _SURELY
        is_sure = not self.leave_choice(member) or (fits and self._leads(paths, scores))
        return RankedFiles(tuple(paths), is_sure=is_sure, fits=fits)

    def _leads(self, paths: Sequence[str], scores: Mapping[str, float]) -> bool:
        """Return whether the first of some files leaves no doubt."""
        return len(paths) == 1 or scores[paths[0]] - scores[paths[1]] >= _SURE_LEAD

    def _scores(self, member: Member, changed: Mapping[str, float], paths: Iterable[str]) -> dict[str, float]:
        """Return the scores of files by words, and by the names of their folders."""
        return {
            path: self._scores_for_all[path]
            + _CHANGED * changed.get(path, 0.0)
            + _ELSEWHERE * self._count_elsewhere(path, member)
            for path in paths
        }

    def _count_elsewhere(self, path: str, member: Member) -> int:
        """Return how many folders of a test file have names that the member's file or its folders do not."""
        *folders, name = member.path.split("/")
        own = {*map(_subject, folders), name.partition(".")[0]}
        return sum(subject not in own for subject in self._subjects[path])

    @cached_property
    def _subjects(self) -> Mapping[str, Sequence[str]]:
        """The subjects of the folders of each test file."""
        folders = {path: map(_subject, path.split("/")[:-1]) for path in self._tests.by_file}
        return {path: [each for each in its if each not in _OF_NO_SUBJECT] for path, its in folders.items()}

    @cached_property
    def _order(self) -> Mapping[str, int]:
        return {path: number for number, path in enumerate(self._tests.by_file)}

    @cached_property
    def _scores_for_all(self) -> Mapping[str, float]:
        """The part of each file's score that is the same for all members."""
        announced = self._best(self._title)
        return {
            path: _NAMED * self._share_said(path) + _ANNOUNCED * announced.get(path, 0.0)
            for path in self._tests.by_file
        }

    @cached_property
    def _best_for_all(self) -> Sequence[str]:
        """The files that are chosen if nothing else about a member speaks for another."""
        scores = self._scores_for_all
        return sorted(scores, key=lambda path: -scores[path])[:_MOST_LIKELY]

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


def _subject(folder: str) -> str:
    """Return the name of a folder without what only says that it has tests."""
    return re.sub(r"^tests?_|_tests?$", "", folder)


def _text_of_change(member: Member) -> str:
    """Return the added and removed lines of a member's change, or of that of what it uses."""
    change = member.shown_change
    diffs = [change.own] if change.own else change.private
    lines = [line for diff in diffs for line in diff.split("\n") if line[:1] in {"+", "-"}]
    return "\n".join(line[1:] for line in lines if not line.startswith(("+++", "---")))


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text) if len(word) >= _SHORTEST]

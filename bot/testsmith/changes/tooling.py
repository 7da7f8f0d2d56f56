"""Leave out functions of scripts, tools and benchmarks that no test of the project is about."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from testsmith.changes.selection import Subjects
from testsmith.git.trees import RepositoryTree
from testsmith.languages.source import MemberFindings
from testsmith.model import Skipped, SkipStage
from testsmith.settings import TOOLING_FOLDERS

UNTESTED = "no test is about it or other files of its folder: name it with --only, or set include or exclude"
"""Why a function of a script is left out."""

_WORD = re.compile(r"[a-z0-9]+")
_OF_TESTS = frozenset({"test", "tests", "spec"})


def with_untested_tooling_skipped(
    findings: MemberFindings, tree: RepositoryTree, subjects: Subjects
) -> MemberFindings:
    """Skip the members of scripts and the like that no test is about.

    A test file is about a script if it has its name (`test_release.py`), or names a file of the same folder
    together with that folder (`scripts.release`, `scripts/release.py`).

    Args:
        findings: Members found in a change.
        tree: Files of head.
        subjects: Which files count.
    """
    inside = f"{subjects.project}/" if subjects.project else ""
    scripts = {each.path for each in findings.members if _is_tooling(each.path.removeprefix(inside))}
    if not scripts:
        return findings
    known = {each.member for each in findings.skipped}
    untested = scripts.difference(_tested(scripts, tree, subjects))
    left_out = [each for each in findings.members if each.path in untested and each.id not in known]
    skipped = (Skipped.of(each, SkipStage.CHANGES, UNTESTED) for each in left_out)
    return replace(findings, skipped=(*findings.skipped, *skipped))


def _is_tooling(path: str) -> bool:
    folder, _, file = path.partition("/")
    return bool(file) and folder in TOOLING_FOLDERS


def _tested(scripts: Iterable[str], tree: RepositoryTree, subjects: Subjects) -> Iterator[str]:
    """Yield the scripts that a test file is about."""
    paths = tree.paths()
    tests = [path for path in paths if subjects.is_test(path)]
    named = {_words(path) - _OF_TESTS for path in tests}
    texts = [tree.read(path) or b"" for path in tests]
    for folder in {posixpath.dirname(path) for path in scripts}:
        there = [path for path in paths if posixpath.dirname(path) == folder and subjects.counts(path)]
        names = "|".join(re.escape(_stem(path)) for path in there)
        naming = re.compile(
            rf"\b{re.escape(posixpath.basename(folder))}\W+(?:import\W+)?(?:{names})\b".encode()
        )
        is_named = any(map(naming.search, texts))
        own = (path for path in scripts if posixpath.dirname(path) == folder)
        yield from (path for path in own if is_named or _words(path) in named)


def _stem(path: str) -> str:
    return posixpath.basename(path).partition(".")[0]


def _words(path: str) -> frozenset[str]:
    return frozenset(_WORD.findall(_stem(path).lower()))

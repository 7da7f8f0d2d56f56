"""Where the tests of a module are: next to it, or in a folder of tests, by the project's habit."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Sequence

_ENDING = re.compile(r"\.[cm]?[jt]sx?$")
_AFFIX = re.compile(r"[._-](?:test|spec)(?=\.[cm]?[jt]sx?$)")
_USUAL_AFFIX = ".test"
_FOLDERS = frozenset({"__tests__", "test", "tests"})
_SOURCES = frozenset({"lib", "source", "src"})
_MOST_NEAR = 30
"""Maximum number of test files that are looked at for habits."""


def stem_of(path: str) -> str:
    """Return a file's name without its ending and without the part that makes it a test."""
    return _ENDING.sub("", _AFFIX.sub("", posixpath.basename(path)))


def may_name(source: str, path: str) -> bool:
    """Return whether an import may name a module: by its name, or by its folder if it is an index."""
    wanted, folder = stem_of(path), posixpath.basename(posixpath.dirname(path))
    stem = stem_of(source)
    if stem in {"", ".", ".."}:
        return wanted == "index"
    if stem == "index":
        return wanted == "index" and posixpath.basename(posixpath.dirname(source)) in {folder, "", ".", ".."}
    return stem == wanted or (wanted == "index" and stem == folder)


def test_path_of(path: str, tests: Sequence[str]) -> str:
    """Return the path of the tests of a module, given the test files of its project.

    A test file with the name of the module is taken, the nearest one, or one with the name of the folder of
    an index. A new one is like the nearest test files: with their affix and ending, next to the module, in a
    folder next to it, or in a folder of tests.
    """
    folder = posixpath.dirname(path)
    is_named_by_folder = stem_of(path) == "index" and posixpath.basename(folder) not in {"", *_SOURCES}
    for own in (*([folder] if is_named_by_folder else []), path):
        wanted = stem_of(own), _plain_folders(own)[-1:]
        named = [one for one in tests if (stem_of(one), _plain_folders(one)[-1:]) == wanted]
        if named:
            return min(named, key=lambda one: (-_shared(one, path), len(one), one))
    near = sorted(tests, key=lambda one: (-_shared(one, path), one))[:_MOST_NEAR]
    affixes = Counter(match[0] if (match := _AFFIX.search(one)) else "" for one in near)
    folders = Counter(_folder_of_tests(one) for one in near)
    endings = Counter(_ending_of(one) for one in near)
    own = _ending_of(path)
    ending = own if not endings or own in endings else endings.most_common(1)[0][0]
    affix = affixes.most_common(1)[0][0] if affixes else _USUAL_AFFIX
    folder = _new_folder(path, folders.most_common(1)[0][0] if folders else "", near)
    if not affix and folder == posixpath.dirname(path):
        affix = _USUAL_AFFIX
    return posixpath.join(folder, f"{stem_of(path)}{affix}{ending}")


def _ending_of(path: str) -> str:
    match = _ENDING.search(path)
    return "" if match is None else match[0]


def _plain_folders(path: str) -> list[str]:
    """Return the folders above a file, without those that only tests or only sources are in."""
    return [one for one in path.split("/")[:-1] if one not in {*_FOLDERS, *_SOURCES}]


def _shared(one: str, other: str) -> int:
    """Return the number of folders that two paths share."""
    folders = [f"/{posixpath.dirname(each)}" for each in (one, other)]
    return posixpath.commonpath(folders).count("/")


def _folder_of_tests(test: str) -> str:
    """Return the folder of tests that a test file is in: `__tests__`, or a path; empty if there is none."""
    parts = test.split("/")[:-1]
    if parts[-1:] == ["__tests__"]:
        return "__tests__"
    at = next((at for at, one in enumerate(parts) if one in _FOLDERS), None)
    return "" if at is None else "/".join(parts[: at + 1])


def _new_folder(path: str, habit: str, near: Sequence[str]) -> str:
    """Return the folder of a new test file, which mirrors the folders of the sources if others do."""
    own = posixpath.dirname(path)
    if habit in {"", "__tests__"}:
        return posixpath.join(own, habit) if habit else own
    root = posixpath.dirname(habit)
    is_mirrored = any(posixpath.dirname(one) != habit for one in near if one.startswith(f"{habit}/"))
    inner = own.removeprefix(root).strip("/").split("/") if is_mirrored else []
    below = inner[1:] if inner and inner[0] in _SOURCES else inner
    return posixpath.join(habit, *below)

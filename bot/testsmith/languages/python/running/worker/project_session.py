"""Run candidates within pytest sessions of the project, and find files that tests leave behind.

A session uses a copy of the project with its tests, conftest files and plugins. The copy is created once per
worker and restored after each job. If the project prevents a kind of session, it is not tried again, and the
next best one is used.
"""

from __future__ import annotations

import ast
import configparser
import contextlib
import os
import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

_MOST_NAMES = 10
_MOST_CHARACTERS = 100
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_ASYNC_MARK = re.compile(r"pytest\.mark\.(asyncio|anyio|trio)\b")
_OF_COROUTINES = {"asyncio", "anyio", "trio", "twisted"}
_OF_PYTEST = frozenset(
    {
        *("self", "request", "monkeypatch", "recwarn", "pytestconfig", "cache", "doctest_namespace"),
        *("tmp_path", "tmp_path_factory", "tmpdir", "tmpdir_factory", "caplog"),
        *("capsys", "capsysbinary", "capfd", "capfdbinary", "record_property"),
    }
)
_OF_NO_TEST = (
    *("__pycache__", ".hypothesis", ".pytest_cache", ".coverage"),
    *("pymp-", ".cache", ".config", ".local"),
)
"""Prefixes of names not created by tests: caches, and folders removed when their process ends."""


TEMPORARY = "temporary"
"""Folder of a run for temporary files."""


class Leftovers:
    """Detects new files in some folders after each test function.

    Args:
        folders: Folders to watch. Their current content is ignored.
        known: Names to ignore.
    """

    def __init__(self, folders: Sequence[Path], known: Sequence[Path] = ()) -> None:
        self._folders = folders
        self._known = {*known, *self._there()}
        self._by_function: dict[str, list[Path]] = {}

    def disregard(self) -> None:
        """Ignore the current content, created while modules were loaded."""
        self._known.update(self._there())

    def look(self, function: str) -> None:
        """Record files that the function created."""
        new = [place for place in self._there() if place not in self._known]
        self._known.update(new)
        if new:
            self._by_function.setdefault(function, []).extend(new)

    def left(self) -> Iterator[tuple[str, list[str]]]:
        """Yield functions whose files still exist, with some of the names."""
        for function, places in self._by_function.items():
            names = [place.name[:_MOST_CHARACTERS] for place in places if os.path.lexists(place)]
            if names:
                yield function, sorted(names)[:_MOST_NAMES]

    def _there(self) -> Iterator[Path]:
        for folder in self._folders:
            try:
                names = os.listdir(folder)  # noqa: PTH208 - only names are needed
            except OSError:
                continue
            yield from (folder / name for name in names if not name.startswith(_OF_NO_TEST))


OWN_TESTS, CONFTEST, WITHOUT_ADDOPTS = "own tests", "conftest", "without addopts"
"""Kinds of sessions, as reported in the results."""

_UNUSUAL_NAME = "test_candidate_of_this_module.py"


class Session(NamedTuple):
    """A pytest session of the project that includes a candidate.

    Attributes:
        home: Working folder: the project's folder in a writable copy.
        file: Where the candidate is written.
        own: Test file of the project to run in the same session, if any.
        with_addopts: Whether to use the project's `addopts`.
        options: Additional arguments for pytest.
    """

    home: Path
    file: Path
    own: Path | None
    with_addopts: bool
    options: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """Return the flags that describe the session."""
        made_of = CONFTEST if self.own is None else OWN_TESTS
        return [made_of] if self.with_addopts else [made_of, WITHOUT_ADDOPTS]


class ProjectFolder:
    """The copy of the project, and the sessions that work in it.

    Args:
        data: `{root, pristine, home}` from the plan: the copy, its original, and the project's folder in it.
        hidden: Top-level modules hidden from the tests.
        seed: Seed for plugins that shuffle tests.
    """

    def __init__(self, data: dict[str, str], hidden: Sequence[str], seed: int) -> None:
        self._root = Path(data["root"])
        self._pristine = Path(data["pristine"])
        self._home = Path(data["home"])
        self._entries = dict(_entries(self._root))
        self._given_up: set[tuple[str, bool, bool]] = set()
        self._is_lost = False
        self._options = {one: _options(hidden, seed, with_addopts=one) for one in (True, False)}

    def sessions(self, path: str, *, with_own_tests: bool = True) -> Iterator[Session]:
        """Yield the possible sessions for a test file, which may not exist; best first.

        There are none if the copy could not be restored.

        Args:
            path: Path of the test file below the copy's root.
            with_own_tests: Whether to run the tests of that file first, if possible.
        """
        place = self._root / path
        if self._is_lost:
            return
        for with_own in (True, False) if with_own_tests else (False,):
            for with_addopts in (True, False):
                is_there = place.is_file()
                if (with_own and not is_there) or self._key(path, with_own, with_addopts) in self._given_up:
                    continue
                yield Session(
                    home=self._home,
                    file=place.parent / _UNUSUAL_NAME,
                    own=place if with_own else None,
                    with_addopts=with_addopts,
                    options=self._options[with_addopts],
                )

    def give_up(self, path: str, session: Session) -> None:
        """Record that a session does not work, or must not be used for other candidates."""
        self._given_up.add(self._key(path, session.own is not None, session.with_addopts))

    @staticmethod
    def _key(path: str, with_own: bool, with_addopts: bool) -> tuple[str, bool, bool]:
        return path if with_own else os.path.dirname(path), with_own, with_addopts  # noqa: PTH120 - a git path

    def restore(self) -> None:
        """Undo changes by a candidate or the project's tests, without following links."""
        _make_real(self._root)
        there = dict(_entries(self._root))
        for name in sorted(there.keys() - self._entries.keys(), key=len):
            _remove(self._root / name)
        for name, entry in sorted(self._entries.items()):
            if there.get(name) != entry:
                _remove(self._root / name)
                with contextlib.suppress(OSError):
                    _bring(self._pristine / name, self._root / name)
                    self._entries[name] = _entry((self._root / name).lstat())
        self._is_lost = dict(_entries(self._root)) != self._entries


def _options(hidden: Sequence[str], seed: int, *, with_addopts: bool) -> tuple[str, ...]:
    """Return arguments that disable hidden plugins and keep others to one process and the given order.

    The project's own options may be those of pytest-xdist, so it is only disabled without them. With it,
    pytest-rerunfailures listens on a port, which the sandbox does not allow.
    """
    options: list[str] = []
    for name, module in sorted(_plugins()):
        if module.partition(".")[0] in hidden:
            options += ("-p", f"no:{name}")
        elif name == "xdist":
            options += ("-n", "0") if with_addopts else ("-p", "no:xdist")
        elif name == "randomly":
            options += (f"--randomly-seed={seed}", "--randomly-dont-reorganize")
    return tuple(options)


def plain_options(text: str, ini: Path) -> tuple[str, ...]:
    """Return arguments for a run outside of a session: needed plugins, and the settings for finding tests.

    Args:
        text: The test module.
        ini: pytest's configuration file, with a section of settings that say which tests there are.
    """
    plugins = plugins_used(text)
    settings = configparser.RawConfigParser()
    settings.read(ini)
    found = settings.items("finding") if settings.has_section("finding") else ()
    named = [f"{key}={value}" for key, value in found if key.partition("_")[0] in {"python", *plugins}]
    return tuple(part for name in plugins for part in ("-p", name)) + tuple(
        part for setting in named for part in ("-o", setting)
    )


def plugins_used(text: str) -> tuple[str, ...]:
    """Return the plugins whose fixtures or marks the tests of a module use.

    Without them, such tests pass only in a session of the project. A plugin counts if its module defines or
    imports what a test or fixture asks for, and pytest and the test module do not define it, or only as a
    fixture that asks for the plugin's. Those for coroutines count if a test is one, or has a decorator of the
    project, which may make or mark one.
    """
    try:
        functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, _FUNCTIONS)]
    except (SyntaxError, ValueError, RecursionError):
        return ()
    asking = [one for one in functions if one.name.startswith("test") or _is_fixture(one)]
    asked = {given.arg for one in asking for given in one.args.args}
    extended = {one.name for one in asking if one.name in {given.arg for given in one.args.args}}
    asked -= _OF_PYTEST.union({function.name for function in functions} - extended)
    wanted = {name for name in asked if not re.search(rf"parametrize\([^)]*\b{name}\b", text)}
    marks = set(_ASYNC_MARK.findall(text)) or (
        _OF_COROUTINES if any(map(_may_be_async, functions)) else set()
    )
    if not wanted and not marks:
        return ()
    names = "|".join(map(re.escape, sorted(wanted)))
    giving = re.compile(
        rf"\bdef (?:{names})\(|\bimport\b[^#\n]*\b(?:{names})\b|^ +(?:{names}),?$", re.MULTILINE
    )
    return tuple(
        name
        for name, module in sorted(_plugins())
        if name in marks or (wanted and giving.search(_source_of(module)))
    )


def _may_be_async(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    is_async = isinstance(function, ast.AsyncFunctionDef)
    is_decorated = any(isinstance(one, ast.Name) for one in function.decorator_list)
    return function.name.startswith("test") and (is_async or is_decorated)


def _is_fixture(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("fixture" in ast.unparse(one) for one in function.decorator_list)


def _source_of(module: str) -> str:
    """Return the text of an installed module; empty if there is none, or it is hidden."""
    try:
        spec = find_spec(module)
        return "" if spec is None or spec.origin is None else Path(spec.origin).read_text("utf-8")
    except (ImportError, OSError, ValueError, AttributeError):
        return ""


def _plugins() -> set[tuple[str, str]]:
    """Return the names and modules of plugins that pytest loads automatically."""
    found: set[tuple[str, str]] = set()
    for distribution in metadata.distributions():
        with contextlib.suppress(Exception):  # metadata may be unreadable
            entries = [entry for entry in distribution.entry_points if entry.group == "pytest11"]
            found.update((entry.name, entry.value.partition(":")[0]) for entry in entries)
    return found


_Entry = tuple[int, int]
"""Kind of an entry, and the change time of a file or link."""


def _entries(root: Path) -> Iterator[tuple[str, _Entry]]:
    """Yield everything in a folder, parents first."""
    for path, folders, files in os.walk(root):
        _open(path, folders)
        for name in (*folders, *files):
            place = Path(path, name)
            with contextlib.suppress(OSError):
                yield str(place.relative_to(root)), _entry(place.lstat())


def _entry(found: os.stat_result) -> _Entry:
    # Unlike the modification time, tests cannot set this one. A folder's depends on its content.
    changed = 0 if stat.S_ISDIR(found.st_mode) else found.st_ctime_ns
    return stat.S_IFMT(found.st_mode), changed


def _make_real(folder: Path) -> None:
    """Make sure that a path is an accessible folder, replacing anything else."""
    if folder.is_symlink() or not folder.is_dir():
        _remove(folder)
        with contextlib.suppress(OSError):
            folder.mkdir()
    _open(str(folder.parent), [folder.name])


def _bring(source: Path, target: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        target.mkdir()
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def _remove(place: Path) -> None:
    with contextlib.suppress(OSError):
        place.unlink()
        return
    remove_folder(place)


def remove_folder(folder: Path) -> None:
    """Remove what an attempt left, even if it removed its own permissions."""
    for path, folders, _ in os.walk(folder):
        _open(path, folders)
    with contextlib.suppress(RecursionError):  # the rest is removed with the parent folder
        shutil.rmtree(folder, ignore_errors=True)


def _open(path: str, folders: Sequence[str]) -> None:
    """Make folders accessible before they are walked."""
    for name in folders:
        place = Path(path, name)
        if not place.is_symlink() and not os.access(place, os.R_OK | os.W_OK | os.X_OK):
            with contextlib.suppress(OSError):
                place.chmod(0o700)


def read_working_copy(plan: dict[str, Any]) -> ProjectFolder | None:
    """Return the copy of the project that a plan names, if any."""
    data = plan.get("working_copy")
    return None if data is None else ProjectFolder(data, plan["hidden"], plan["seed"])

"""Files that test functions leave behind outside of pytest's temporary folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

_MOST_NAMES = 10
_MOST_CHARACTERS = 100
_OF_NO_TEST = (
    *("__pycache__", ".hypothesis", ".pytest_cache", ".coverage"),
    *("pymp-", ".cache", ".config", ".local"),
)
"""How the names begin of what is no test's doing: caches, and folders that go when their process ends."""


class Leftovers:
    """What is new in some folders after each function.

    Args:
        folders: The folders; what they hold now is known.
        known: What may come into them.
    """

    def __init__(self, folders: Sequence[Path], known: Sequence[Path] = ()) -> None:
        self._folders = folders
        self._known = {*known, *self._there()}
        self._by_function: dict[str, list[Path]] = {}

    def disregard(self) -> None:
        """Take what is there as known: it was made while modules were loaded."""
        self._known.update(self._there())

    def look(self, function: str) -> None:
        """Note what is there that was not there before the function."""
        new = [place for place in self._there() if place not in self._known]
        self._known.update(new)
        if new:
            self._by_function.setdefault(function, []).extend(new)

    def left(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the functions that have left something that is still there, with a few of its names."""
        for function, places in self._by_function.items():
            names = [place.name[:_MOST_CHARACTERS] for place in places if os.path.lexists(place)]
            if names:
                yield function, sorted(names)[:_MOST_NAMES]

    def _there(self) -> Iterator[Path]:
        for folder in self._folders:
            try:
                names = os.listdir(folder)  # noqa: PTH208 - the names alone, after each function
            except OSError:
                continue
            yield from (folder / name for name in names if not name.startswith(_OF_NO_TEST))


# A copy of the project for tests to take part in: beside its own tests, with its conftest and plugins.
#
# The copy is made once a worker, and set right after each job. What cannot be set up for the project's
# own reasons is not tried again: the next best session is.

OWN_TESTS, CONFTEST, WITHOUT_ADDOPTS = "own tests", "conftest", "without addopts"
"""What a session was made of, as it is told back."""

_UNUSUAL_NAME = "test_candidate_of_this_module.py"


class Session(NamedTuple):
    """A session of the project's own that a candidate takes part in.

    Attributes:
        home: The working folder: the project's, in a copy that may be written to.
        file: Where the candidate is put.
        own: The project's test file that is run in the same session; None for none.
        with_addopts: Whether the project's `addopts` hold.
        options: Further words of pytest's command line.
    """

    home: Path
    file: Path
    own: Path | None
    with_addopts: bool
    options: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """What it is made of."""
        made_of = CONFTEST if self.own is None else OWN_TESTS
        return [made_of] if self.with_addopts else [made_of, WITHOUT_ADDOPTS]


class ProjectFolder:
    """The copy, and which sessions can be set up in it.

    Args:
        told: `{root, pristine, home}` of the plan: the copy, what it was made of, and the project's folder
            in it.
        hidden: Top-level modules that are not there for the tests.
        seed: What a plugin that shuffles tests is given.
    """

    def __init__(self, data: dict[str, str], hidden: Sequence[str], seed: int) -> None:
        self._root = Path(data["root"])
        self._pristine = Path(data["pristine"])
        self._home = Path(data["home"])
        self._entries = dict(_entries(self._root))
        self._given_up: set[tuple[str, bool, bool]] = set()
        self._is_lost = False
        self._options = _options(hidden, seed)

    def sessions(self, path: str) -> Iterator[Session]:
        """Yield the sessions for a test file of the project, there or not, the best first.

        There are none any more where the copy could not be set right.
        """
        place = self._root / path
        if self._is_lost:
            return
        for with_own in (True, False):
            for with_addopts in (True, False):
                is_there = place.is_file()
                if (with_own and not is_there) or self._key(path, with_own, with_addopts) in self._given_up:
                    continue
                yield Session(
                    home=self._home,
                    file=place.parent / _UNUSUAL_NAME,
                    own=place if with_own else None,
                    with_addopts=with_addopts,
                    options=self._options,
                )

    def give_up(self, path: str, session: Session) -> None:
        """Note that a session cannot be set up, or not again for another candidate."""
        self._given_up.add(self._key(path, session.own is not None, session.with_addopts))

    @staticmethod
    def _key(path: str, with_own: bool, with_addopts: bool) -> tuple[str, bool, bool]:
        return path if with_own else os.path.dirname(path), with_own, with_addopts  # noqa: PTH120 - a git path

    def restore(self) -> None:
        """Set right what a candidate or the project's own tests have changed; no link is followed."""
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


def _options(hidden: Sequence[str], seed: int) -> tuple[str, ...]:
    """Return the words that keep plugins away that are not there, and others to one process and our order."""
    options: list[str] = []
    for name, module in sorted(_plugins()):
        if module.partition(".")[0] in hidden:
            options += ("-p", f"no:{name}")
        elif name == "xdist":
            options += ("-n", "0")
        elif name == "randomly":
            options += (f"--randomly-seed={seed}", "--randomly-dont-reorganize")
    return tuple(options)


def _plugins() -> set[tuple[str, str]]:
    """Return the names and modules of the plugins that pytest loads by itself."""
    found: set[tuple[str, str]] = set()
    for distribution in metadata.distributions():
        with contextlib.suppress(Exception):  # a project may bring one that cannot be read
            entries = [entry for entry in distribution.entry_points if entry.group == "pytest11"]
            found.update((entry.name, entry.value.partition(":")[0]) for entry in entries)
    return found


_Entry = tuple[int, int]
"""What tells a changed entry: its kind, and for a file or link when it was last changed in any way."""


def _entries(root: Path) -> Iterator[tuple[str, _Entry]]:
    """Yield all that a folder holds, folders before what they hold."""
    for path, folders, files in os.walk(root):
        _open(path, folders)
        for name in (*folders, *files):
            place = Path(path, name)
            with contextlib.suppress(OSError):
                yield str(place.relative_to(root)), _entry(place.lstat())


def _entry(found: os.stat_result) -> _Entry:
    # No test can set this time, as it can that of the last writing; a folder's changes with what it holds.
    changed = 0 if stat.S_ISDIR(found.st_mode) else found.st_ctime_ns
    return stat.S_IFMT(found.st_mode), changed


def _make_real(folder: Path) -> None:
    """Make a folder be there and open, whatever has come in its place."""
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
    """Remove what an attempt has left, even where it took its own rights away."""
    for path, folders, _ in os.walk(folder):
        _open(path, folders)
    with contextlib.suppress(RecursionError):  # what is left goes with the whole folder
        shutil.rmtree(folder, ignore_errors=True)


def _open(path: str, folders: Sequence[str]) -> None:
    """Let oneself into folders that are shut, before they are walked into."""
    for name in folders:
        place = Path(path, name)
        if not place.is_symlink() and not os.access(place, os.R_OK | os.W_OK | os.X_OK):
            with contextlib.suppress(OSError):
                place.chmod(0o700)


def read_grounds(plan: dict[str, Any]) -> ProjectFolder | None:
    """Return the copy that a plan tells of; None where it tells of none."""
    data = plan.get("grounds")
    return None if data is None else ProjectFolder(data, plan["hidden"], plan["seed"])

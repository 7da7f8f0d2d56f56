"""Pytest as the project's authors run it, in one process: with their conftest, plugins and settings.

Plugins that would run tests elsewhere, measure them as well or shuffle them are told not to. Where pytest
cannot be started so, as with an option of a plugin that is not installed, it is run without the project's
command line options, and no warning is an error.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

UNUSABLE = frozenset({int(pytest.ExitCode.USAGE_ERROR), int(pytest.ExitCode.INTERNAL_ERROR)})
"""How pytest ends where it came to no tests."""

NO_TESTS = int(pytest.ExitCode.NO_TESTS_COLLECTED)
"""How pytest ends where it has found no test."""

_ALWAYS = (
    *("-p", "no:cacheprovider", "-p", "no:randomly"),
    *("--capture=fd", "--maxfail=0", "--continue-on-collection-errors", "--color=no"),
    *(
        "-W",
        "ignore::pytest.PytestDeprecationWarning",
    ),  # an error for authors who hold pytest at another version
)
_QUIETED = {"xdist": ("-n", "0"), "pytest_cov": ("--no-cov",), "benchmark": ("--benchmark-disable",)}
_REFUSED = ("xdist", "pytest_cov", "pytest_forked", "testmon", "picked")
_MAY_CONFIGURE = (
    *("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"),
    *("pyproject.toml", "tox.ini", "setup.cfg"),
)
_SETS_A_ROOT = ("-c", "--config-file", "--rootdir")
_LAST_WORDS_BYTES = 8_000
_ERRORS = tuple(
    re.compile(pattern)
    for pattern in (
        r"E +(\S.*)",
        r".*[Ee][Rr][Rr][Oo][Rr]: (.*)",
        r"INTERNALERROR> ([\w.]+: .*)",
        r"ERROR (.*)",
    )
)


class Place(NamedTuple):
    """Where pytest is run.

    Attributes:
        root: The copy of the git root.
        project: The project's folder in it.
        hidden: Top-level modules that are not there, and whose plugins are not, either.
        arguments: What a person gives to pytest.
    """

    root: Path
    project: Path
    hidden: frozenset[str]
    arguments: tuple[str, ...] = ()


class InOneProcess:
    """A plugin that undoes what would run tests in processes of their own, where nothing traces them."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Turn the option of pytest-forked off, which no argument can."""
        if getattr(config.option, "forked", False):
            config.option.forked = False


class OnlyTheseFiles:
    """A plugin that has pytest look at some files, in place of those that a person names."""

    def __init__(self, place: Place, files: Sequence[str]) -> None:
        self._arguments = place.arguments
        self._files = files

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Exchange the files, once what a person names has told where the project begins."""
        if self._arguments:
            config.args = list(self._files)


def suite_arguments(place: Place, *, with_own: bool) -> list[str]:
    """Return pytest's command line, without the files; those that a person names are in it.

    Args:
        place: Where it is run.
        with_own: Whether the project's own options hold.
    """
    installed = {point.name: point.value for point in _plugins()}
    hidden = [name for name, value in installed.items() if value.partition(".")[0] in place.hidden]
    quieted = [option for name, options in _QUIETED.items() if name in installed for option in options]
    own = quieted if with_own else ["-o", "addopts=", "-W", "default", *_without(_REFUSED)]
    return [*place.arguments, *_ALWAYS, *_without(hidden), *own, *_barrier(place)]


def _plugins() -> Iterable[Any]:
    for distribution in importlib.metadata.distributions():
        for point in distribution.entry_points:
            if point.group == "pytest11":
                yield point


def _without(names: Iterable[str]) -> list[str]:
    return [part for name in names for part in ("-p", f"no:{name}")]


def _barrier(place: Place) -> list[str]:
    """Keep pytest from looking for settings and conftest files above the copy, where the project has none."""
    if any(argument.startswith(_SETS_A_ROOT) for argument in place.arguments):
        return []
    if any(_configures(folder / name) for folder in _upwards(place) for name in _MAY_CONFIGURE):
        return []
    return ["-c", os.devnull, "--rootdir", str(place.project), "--confcutdir", str(place.project)]


def _upwards(place: Place) -> Iterable[Path]:
    return [folder for folder in (place.project, *place.project.parents) if _within(folder, place.root)]


def _within(folder: Path, root: Path) -> bool:
    return folder == root or root in folder.parents


def _configures(file: Path) -> bool:
    if not file.is_file():
        return False
    try:
        from _pytest.config.findpaths import load_config_dict_from_file

        return load_config_dict_from_file(file) is not None
    except Exception:  # noqa: BLE001 - a broken file is for pytest to refuse; an older pytest lacks the function
        return True


def test_id(item: pytest.Item, root: Path) -> str:
    """Return what names a test whatever pytest's own root is: its file below the git root, and the rest."""
    return f"{file_of(item, root)}::{item.nodeid.partition('::')[2] or item.name}"


def files_of(place: Place, tests: Iterable[str]) -> list[str]:
    """Return the paths of the files of some tests, by the ids of these, as far as they are there."""
    files = {place.root / test.partition("::")[0] for test in tests}
    return sorted(str(file) for file in files if file.exists())


test_id.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for a test where it is imported


def file_of(item: pytest.Item, root: Path) -> str:
    """Return the file of a test, relative to the git root."""
    return os.path.relpath(str(getattr(item, "path", None) or item.fspath), root)


def speak_into(file: Path) -> None:
    """Let this process write its output into a file."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)


def last_words(file: Path) -> str:
    """Return the line of pytest's output that says best why it came to no tests."""
    text = ""
    with contextlib.suppress(OSError), file.open("rb") as output:
        output.seek(max(0, file.stat().st_size - _LAST_WORDS_BYTES))
        text = output.read(_LAST_WORDS_BYTES).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _telling(lines)[:500]


def _telling(lines: Sequence[str]) -> str:
    """Choose an error's own line: pytest begins it in one of some ways, and may say more afterwards."""
    for pattern in _ERRORS:
        found = [match.group(1) for line in lines if (match := pattern.match(line))]
        if found:
            return found[-1]
    return lines[-1] if lines else ""

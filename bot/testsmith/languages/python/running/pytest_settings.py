"""The pytest configuration for the runs: the project's warning filters and strictness, and nothing else.

As in pytest itself (https://docs.pytest.org/en/stable/reference/customize.html), the first file that
configures pytest is the only one used. `addopts`, plugins and paths are left out because the tests must pass
for anyone who runs plain `pytest FILE`.
"""

from __future__ import annotations

import configparser
import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from testsmith.languages.python.running.install.known_packages import PLUGIN_MARKS
from testsmith.languages.python.running.install.requirements import short_lines
from testsmith.languages.source import SourceTree

KEPT_KEYS = (
    "filterwarnings",
    "markers",
    "strict",
    "strict_config",
    "strict_markers",
    "strict_parametrization_ids",
    "strict_xfail",
    "xfail_strict",
)
"""Settings taken from the project."""

KEYS_OF_FINDING = (
    "anyio_mode",
    "asyncio_default_fixture_loop_scope",
    "asyncio_default_test_loop_scope",
    "asyncio_mode",
    "python_classes",
)
"""Settings taken from the project for each run, or for each that loads the plugin which alone knows them."""

_REJECTING = {"filterwarnings", "strict", "strict_markers"}
"""Settings that can make an unknown mark an error.

The modules that a test imports may have marks of plugins that its runs do not load.
"""

_FINDING = "[finding]\n"
"""Head of the section of the ini file with them, which pytest does not read."""

PLAIN_INI = "[pytest]\n"
"""A configuration without settings."""

_MOST_BYTES = 256 * 1024
_TOML_ALONE = ("pytest.toml", ".pytest.toml")
_INI_ALONE = ("pytest.ini", ".pytest.ini")
_SHARED = ("pyproject.toml", "tox.ini", "setup.cfg")
_ALL = (*_TOML_ALONE, *_INI_ALONE, *_SHARED)
"""Files that may configure pytest, in the order in which it looks at them."""

_GLOB = re.compile(r"[*?\[]")
_BRACKETS = re.compile(r"\[[^\]]*\]")

_Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PytestIni:
    """Configuration of the runs.

    Attributes:
        text: Content of the ini file.
        note: Remark for the report, naming the file that could not be used; otherwise empty.
    """

    text: str = PLAIN_INI
    note: str = ""


class _Broken(ValueError):
    """A file configures pytest but cannot be read."""


def pytest_ini(tree: SourceTree, project: str) -> PytestIni:
    """Return the configuration for the runs, based on the one that applies to the project's folder.

    Args:
        tree: Files of head.
        project: The project's folder below the git root; `""` for the root.
    """
    try:
        table = _first_table(tree, project)
    except _Broken as broken:
        return PytestIni(note=str(broken))
    return PytestIni() if table is None else PytestIni(text=_ini_text(table))


def pytest_settings(tree: SourceTree, project: str) -> Mapping[str, Any]:
    """Return the settings that apply to the project's folder; none if they cannot be read."""
    try:
        return _first_table(tree, project) or {}
    except _Broken:
        return {}


def patterns_of_test_files(tree: SourceTree) -> Iterator[tuple[str, str]]:
    """Yield the patterns in `python_files`, each with the folder that it is for: one of `testpaths`, if set.

    Only patterns that say `test` count: others, such as `*.py`, match files that pytest never looks at, too.
    """
    folders = {path.rpartition("/")[0] for path in tree.paths() if path.rpartition("/")[2] in _ALL}
    for folder in sorted(folders):
        inside = f"{folder}/" if folder else ""
        with suppress(_Broken):
            table = _first_of(tree, (inside + name for name in _ALL)) or {}
            places = _folders(folder, _words(table.get("testpaths")))
            for pattern in _words(table.get("python_files")):
                if "test" in _BRACKETS.sub("", pattern):
                    yield from ((place, pattern) for place in places or [folder])


def _folders(folder: str, paths: Sequence[str]) -> list[str]:
    """Return paths below a folder; none if one is a pattern."""
    found = (str(PurePosixPath(folder, path)) for path in paths)
    return [] if _GLOB.search("".join(paths)) else ["" if path == "." else path for path in found]


def _words(value: Any) -> list[str]:
    """Return the words of a setting, as pytest splits them."""
    if isinstance(value, list):
        return [str(one) for one in value]
    try:
        return shlex.split(str(value or ""))
    except ValueError:
        return []


def without_strictness(ini: str) -> str:
    """Return a configuration with nothing but what says which tests there are."""
    _, head, settings = ini.partition(_FINDING)
    return PLAIN_INI + head + settings


def _first_table(tree: SourceTree, project: str) -> _Table | None:
    """Return the settings in the first file that configures pytest; None if none does."""
    return _first_of(tree, _places(project))


def _first_of(tree: SourceTree, paths: Iterable[str]) -> _Table | None:
    for path in paths:
        content = tree.read(path)
        if content is None:
            continue
        try:
            table = _table(path.rpartition("/")[2], content)
        except _Broken as broken:
            raise _Broken(f"{path} was not used for the test runs: it cannot be read ({broken})") from None
        if table is not None:
            return table
    return None


def _places(project: str) -> Iterator[str]:
    """Yield the files that may configure pytest in pytest's order: a folder before its parent."""
    parts = project.split("/") if project else []
    for depth in range(len(parts), -1, -1):
        folder = "".join(f"{part}/" for part in parts[:depth])
        for name in _ALL:
            yield folder + name


@lru_cache(maxsize=64)
def _table(name: str, content: bytes) -> _Table | None:
    """Return the settings in a file; None if it does not configure pytest."""
    if len(content) > _MOST_BYTES:
        raise _Broken("it is too large")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _Broken("it is not valid UTF-8") from None
    if name.endswith(".toml"):
        return _toml_table(name, text)
    section = _ini_sections(text).get("tool:pytest" if name == "setup.cfg" else "pytest")
    return {} if section is None and name in _INI_ALONE else section


def _ini_sections(text: str) -> Mapping[str, _Table]:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, delimiters=("=", ":"))
    try:
        parser.read_string(short_lines(text))
    except configparser.Error as error:
        raise _Broken(str(error).partition("\n")[0]) from None
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _toml_table(name: str, text: str) -> _Table | None:
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _Broken(str(error)) from None
    if name in _TOML_ALONE:
        return _as_table(document.get("pytest"))
    table = _as_table(_as_table(document.get("tool")).get("pytest"))
    options = table.get("ini_options")
    return _as_table(options) if options is not None else table or None


def _as_table(value: Any) -> _Table:
    return value if isinstance(value, dict) else {}


def _ini_text(table: _Table) -> str:
    kept = {key: _lines(table[key]) for key in KEPT_KEYS if key in table}
    if not _REJECTING.isdisjoint(table):
        kept["markers"] = list(dict.fromkeys((*kept.get("markers", ()), *PLUGIN_MARKS)))
    text = PLAIN_INI + "".join(f"{key} ={_written(lines)}\n" for key, lines in kept.items() if lines)
    others = [f"{key} = {' '.join(_lines(table[key]))}\n" for key in KEYS_OF_FINDING if key in table]
    return "".join((text, _FINDING, *others)) if others else text


def _lines(value: Any) -> list[str]:
    """Return a setting's lines: an ini value has one item per line, a TOML value is a list."""
    if isinstance(value, bool):
        return [str(value).lower()]
    parts = value if isinstance(value, list) else str(value or "").splitlines()
    return [line for part in parts for line in [" ".join(str(part).split())] if line]


def _written(lines: list[str]) -> str:
    return f" {lines[0]}" if len(lines) == 1 else "".join(f"\n    {line}" for line in lines)

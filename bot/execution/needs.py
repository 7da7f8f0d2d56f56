"""What a project's tests need to be installed, as its own files say. Pure.

Read are the table `[project]`, its extras, the dependency groups (PEP 735) and Poetry's, `setup.cfg`, and
files of requirements by their usual names. Of extras, groups and files those are taken that are named after
tests; only where there are none, those named after development, which often hold far more.
"""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from bot.languages.driver import SourceTree

_FOR_TESTS = frozenset({"test", "tests", "testing"})
_FOR_DEVELOPMENT = frozenset({"dev", "develop", "development"})
_FILE = re.compile(
    r"(?:requirements/)?(?:requirements[-_.])?(?P<first>\w+?)(?:[-_.]requirements)?\.txt"
    r"|(?P<second>tests?)/requirements\.txt"
)
_PLAIN_FILE = "requirements.txt"
_LOCK = "uv.lock"
_MOST_INCLUDED_GROUPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What is to be installed. All of it is untrusted text.

    Attributes:
        is_package: Whether the project can be built at all.
        extras: The extras of the project that its tests need.
        requirements: What the dependency groups for tests hold.
        files: The files of requirements, relative to the project's folder.
        dependencies: What the project itself needs, as far as that is written down.
        is_locked: Whether uv has locked the versions of all of it.
        groups: The dependency groups that the tests need, as uv names them.
        plain_files: The files that name that, where it is to be installed without the project.
    """

    is_package: bool = False
    extras: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    plain_files: tuple[str, ...] = ()
    is_locked: bool = False
    groups: tuple[str, ...] = ()


def read_needs(tree: SourceTree, project: str) -> Needs:
    """Return what a project's tests need.

    Args:
        tree: The files of head.
        project: The project's folder, relative to the git root; empty for the root itself.
    """
    prefix = f"{project}/" if project else ""
    names = [path.removeprefix(prefix) for path in tree.paths() if path.startswith(prefix)]
    document = _toml(tree.read(f"{prefix}pyproject.toml"))
    old = _ini(tree.read(f"{prefix}setup.cfg"))
    folders = ("", *(f"{parent}/" for parent in accumulate(project.split("/"), "{}/{}".format) if parent))
    is_locked = any(tree.read(f"{folder}{_LOCK}") is not None for folder in folders)
    return replace(_needs(names, document, old), is_locked=is_locked)


def _needs(names: Sequence[str], document: Mapping[str, Any], old: configparser.RawConfigParser) -> Needs:
    table = _table(document, "project")
    own_groups = _table(document, "dependency-groups")
    groups = {**_poetrys_groups(document), **_uvs_group(document), **own_groups}
    extras = [*_table(table, "optional-dependencies"), *_section(old, "options.extras_require")]
    files = {name: purpose for name in names if (purpose := _purpose(name)) is not None}
    wanted = _FOR_TESTS
    if wanted.isdisjoint(map(_normal, [*extras, *groups, *files.values()])):
        wanted = _FOR_DEVELOPMENT
    tells_extras = bool(table) or bool(old.sections())
    is_package = tells_extras or "setup.py" in names or "build-system" in document
    # What only setup.py knows cannot be read; to ask for an extra that is not there is only a warning.
    unseen = tuple(sorted(_FOR_TESTS)) if is_package and not tells_extras else ()
    return Needs(
        is_package=is_package,
        extras=_wanted(extras, wanted) or unseen,
        requirements=tuple(_group_requirements(groups, _wanted(groups, wanted))),
        files=tuple(sorted(name for name, purpose in files.items() if purpose in wanted)),
        dependencies=(*_texts(table.get("dependencies")), *_lines(old, "options", "install_requires")),
        plain_files=(_PLAIN_FILE,) if _PLAIN_FILE in names else (),
        groups=_wanted(own_groups, wanted),
    )


def _poetrys_groups(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what stands in Poetry's own groups, by name alone: it writes versions in a way of its own."""
    poetry = _table(_table(document, "tool"), "poetry")
    groups = _table(poetry, "group")
    found = {name: _table(_table(groups, name), "dependencies") for name in groups}
    if "dev-dependencies" in poetry:
        found["dev"] = _table(poetry, "dev-dependencies")
    return {name: list(needed) for name, needed in found.items()}


def _uvs_group(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what stands where uv had it before there were groups."""
    listed = _texts(_table(_table(document, "tool"), "uv").get("dev-dependencies"))
    return {"dev": listed} if listed else {}


def _wanted(names: Iterable[str], wanted: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if _normal(name) in wanted}))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _purpose(name: str) -> str | None:
    """Return what a file of requirements is for, by its name; None where it is none."""
    match = _FILE.fullmatch(name)
    if match is None or "requirements" not in name:
        return None
    return (match["first"] or match["second"]).lower()


def _group_requirements(groups: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return the requirements of some dependency groups and of those that they include."""
    by_name = {_normal(name): content for name, content in groups.items()}
    found: list[str] = []
    seen: set[str] = set()
    left = [_normal(name) for name in names]
    while left and len(seen) < _MOST_INCLUDED_GROUPS:
        name = left.pop(0)
        if name in seen:
            continue
        seen.add(name)
        content = by_name.get(name)
        for entry in content if isinstance(content, list) else ():
            match entry:
                case str(requirement):
                    found.append(requirement)
                case {"include-group": str(included)}:
                    left.append(_normal(included))
    return list(dict.fromkeys(found))


def _toml(content: bytes | None) -> dict[str, Any]:
    try:
        return tomllib.loads((content or b"").decode("utf-8"))
    except (ValueError, RecursionError):  # also what is no UTF-8 and no TOML
        return {}


def _ini(content: bytes | None) -> configparser.RawConfigParser:
    read = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        read.read_string((content or b"").decode("utf-8"))
    except (ValueError, configparser.Error):
        return configparser.RawConfigParser()
    if read.has_section("metadata") or read.has_section("options"):
        return read
    return configparser.RawConfigParser()  # it holds the settings of other tools alone


def _table(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _section(read: configparser.RawConfigParser, name: str) -> list[str]:
    return read.options(name) if read.has_section(name) else []


def _lines(read: configparser.RawConfigParser, section: str, option: str) -> list[str]:
    text = read.get(section, option, fallback="") or ""
    return [line.strip() for line in text.splitlines() if line.strip()]


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []

"""Determine what to install for a project's tests, from the project's own files. Pure.

Sources are the `[project]` table, its extras, dependency groups (PEP 735) and those of Poetry, PDM and uv,
`setup.cfg`, requirements files with common names, and what tox, nox, hatch and GitHub workflows install for
tests. Extras, groups and files named after tests are used; those named after development, which often contain
far more, only if there is nothing for tests.

From all other extras, groups and files, only requirements that test files or changed files use are added, and
the plugins that pytest's settings require. A name that is declared nowhere is installed only if it is that of
a well-known package for tests (`known_packages.py`). For any other, the package of that name may be a
different one.
"""

from __future__ import annotations

import configparser
import posixpath
import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain, islice
from typing import Any

from packaging.requirements import Requirement

from testsmith.languages.python.running.install.known_packages import MODULES_OF, packages_used
from testsmith.languages.python.running.install.lock_files import Locked, read_lock_file
from testsmith.languages.python.running.install.requirements import (
    MAX_FILE_BYTES,
    Collector,
    Declared,
    Read,
    is_for_something_else,
    is_for_tests,
    is_name,
    normal,
    short_lines,
)
from testsmith.languages.python.running.install.tool_environments import (
    read_hatch,
    read_nox,
    read_tox,
    read_workflows,
)
from testsmith.languages.python.running.pytest_settings import pytest_settings
from testsmith.languages.python.source.projects import project_folders, project_name, read_toml
from testsmith.languages.source import SourceTree

_TEST_FILE = re.compile(r"(?:^|.*/)(?:tests?/(?:.*/)?[^/]+|test_[^/]+|[^/]+_test|conftest)\.py")
_IMPORT = re.compile(r"^[ \t]*(?:import|from)[ \t]+([A-Za-z_]\w*)", re.MULTILINE)
_IMPORTED = re.compile(r"importorskip\(\s*[\"']([A-Za-z_]\w*)")
_MOST_FILES = 500


def declared_and_used(
    offered: Mapping[str, Sequence[str]], known: Iterable[str], imported: Collection[str], used: Iterable[str]
) -> tuple[Declared, Declared]:
    """Return the requirements for what files use and is not installed otherwise: declared, and not declared.

    Args:
        offered: Requirements by extra, group or file that is not installed as a whole.
        known: Requirements that are installed anyway.
        imported: Modules that the files import, in lower case.
        used: Well-known packages that they use.
    """
    there = {normal(Requirement(text).name) for text in known}
    wanted = dict.fromkeys(used)
    found: dict[str, None] = {}
    for label, requirements in offered.items():
        for text in requirements:
            name = normal(Requirement(text).name)
            also = {label} if len(requirements) == 1 else set()
            if name not in there and (name in wanted or not _modules({name, *also}).isdisjoint(imported)):
                found[text] = None
                there.add(name)
    left = tuple(name for name in wanted if name not in there)
    return (
        Declared(source="what the tests and changed files use", requirements=tuple(found)),
        Declared(source="the packages that tests are known to use", requirements=left),
    )


def _imported(texts: Iterable[str]) -> set[str]:
    return {module.lower() for text in texts for how in (_IMPORT, _IMPORTED) for module in how.findall(text)}


def _modules(names: Iterable[str]) -> set[str]:
    """Return module names for package names: known ones, and likely ones (`yaml` for PyYAML)."""
    plain = {normal(name).replace("-", "_") for name in names}
    known = {module for name in names for module in MODULES_OF.get(normal(name), ())}
    return plain | known | {re.sub(r"^(?:python_|py)|_python$", "", name) for name in plain}


_FOR_DEVELOPMENT = frozenset({"dev", "develop", "development"})
_UNSEEN_EXTRAS = ("test", "testing", "tests")
_FILE = re.compile(
    r"(?:requirements/)?(?:requirements[-_.])?(?P<first>[\w-]+?)(?:[-_.]requirements)?\.(?:txt|in)"
    r"|(?P<folder>u?tests?|unit_?tests?|testing)/requirements\.(?:txt|in)"
)
_PLAIN_FILE = "requirements.txt"
_PLAIN_FILES = (
    _PLAIN_FILE,
    *(f"requirements/{name}.txt" for name in ("base", "install", "main", "core", "default", "requirements")),
)
"""Files of the project's own dependencies, of which the first that has any is read."""

UV_LOCK = "uv.lock"
_MOST_INCLUDED_GROUPS = 100
_MOST_NAMED = 5
_IS_PYTEST = re.compile(r"pytest\b").match
_THIS_PYTHON = f"{sys.version_info.major}{sys.version_info.minor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sibling:
    """Another project of the repository, whose name no other project has.

    Attributes:
        name: Name of its distribution.
        folder: Its folder, relative to the git root.
        extras: Its extras that the project or other siblings require.
        is_named: Whether the project's tests need it by its path: `-e ../core`.
    """

    name: str
    folder: str
    extras: tuple[str, ...] = ()
    is_named: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDependencies:
    """What to install. All of it is untrusted text.

    Attributes:
        is_package: Whether the project can be built.
        sets: What each source declares for tests, most relevant first, with groups resolved.
        dependencies: Dependencies of the project itself, as far as they are declared.
        plain: Content of `requirements.txt` or of a file such as `requirements/base.txt`, if it is to be
            installed without the project.
        is_locked: Whether a uv lock file pins all of it.
        locked: Versions that the lock file of another tool pins, if uv has none.
        groups: Dependency groups that the tests need, by their names for uv.
        siblings: Other projects of the repository.
    """

    is_package: bool = False
    sets: tuple[Declared, ...] = ()
    dependencies: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    is_locked: bool = False
    locked: Locked | None = None
    groups: tuple[str, ...] = ()
    siblings: tuple[Sibling, ...] = ()

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of the project that its tests need."""
        return tuple(dict.fromkeys(chain.from_iterable(one.extras for one in self.sets)))

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on what was found but is not installed."""
        left_out = [f"`{text}` ({one.source})" for one in self.sets for text in one.left_out]
        if not left_out:
            return ()
        more = f" and {len(left_out) - _MOST_NAMED} more" if len(left_out) > _MOST_NAMED else ""
        named = f"{', '.join(left_out[:_MOST_NAMED])}{more}"
        why = "only names with versions and files of the project can be"
        return (f"not installed for the tests, because {why}: {named}",)


def read_test_dependencies(
    tree: SourceTree, project: str, base: SourceTree | None = None, python: str = _THIS_PYTHON
) -> TestDependencies:
    """Return what a project's tests need.

    Args:
        tree: Files of head.
        project: The project's folder, relative to the git root; empty for the root.
        base: Files of base, of which workflows are read, if there is one.
        python: Python version that the tests run on, for example `313`.
    """
    prefix = f"{project}/" if project else ""
    names = [path.removeprefix(prefix) for path in tree.paths() if path.startswith(prefix)]
    folders = ("", *(f"{parent}/" for parent in accumulate(project.split("/"), "{}/{}".format) if parent))
    is_locked = any(tree.read(f"{folder}{UV_LOCK}") is not None for folder in folders)
    read = _reader(tree, project)
    before = read if base is None else _reader(base, project)
    places = _Places(
        names=names,
        read=read,
        before=before,
        is_locked=is_locked,
        python=python,
        settings=pytest_settings(tree, project),
        name=project_name(tree, project),
    )
    by_workflows = read_workflows((base or tree).paths(), _reader(base or tree, ""))
    needs = places.needs(by_workflows)
    required = [*needs.dependencies, *needs.plain, *places.optional(needs.extras)]
    required += [text for one in needs.sets for text in one.requirements]
    others = [one for one in project_folders(tree) if one != project]
    for folder in others:
        read = _reader(tree, folder)
        sibling = _Places(
            names=(), read=read, before=read, is_locked=False, python=python, settings={}, name=""
        )
        required += sibling.dependencies()
    siblings = _siblings(tree, project, others, needs, required)
    return replace(
        needs,
        sets=_without_paths(needs.sets, project, siblings),
        siblings=siblings,
        locked=None if is_locked else read_lock_file(tree, folders[::-1]),
    )


def _siblings(
    tree: SourceTree, project: str, others: Sequence[str], needs: TestDependencies, required: Iterable[str]
) -> tuple[Sibling, ...]:
    """Return the other projects of the repository, with the extras that requirements ask for."""
    extras: dict[str, set[str]] = {}
    for one in map(Requirement, required):
        extras.setdefault(normal(one.name), set()).update(one.extras)
    # A name that two projects have says nothing about which one is meant.
    named = {folder: project_name(tree, folder) for folder in (project, *others)}
    count = Counter(map(normal, named.values()))
    by_path: dict[str, set[str]] = {}
    for text in (text for one in needs.sets for text in one.left_out):
        folder, texts = _place(project, text)
        by_path.setdefault(folder, set()).update(texts)
    return tuple(
        Sibling(
            name=name,
            folder=folder,
            extras=tuple(sorted(extras.get(normal(name), set()) | by_path.get(folder, set()))),
            is_named=folder in by_path,
        )
        for folder, name in named.items()
        if folder != project and is_name(name) and count[normal(name)] == 1
    )


def _reader(tree: SourceTree, folder: str) -> Read:
    """Return what reads the files of a folder."""
    prefix = f"{folder}/" if folder else ""
    return lambda name: _text(tree.read(f"{prefix}{name}"))


def _place(project: str, text: str) -> tuple[str, set[str]]:
    """Return the folder, relative to the git root, that a requirement by path names, and its extras."""
    path, _, extras = text.removeprefix("-e ").rstrip("]").partition("[")
    folder = posixpath.normpath(posixpath.join(project, path.strip()))
    return "" if folder == "." else folder, {
        name.strip() for name in extras.split(",") if is_name(name.strip())
    }


def _without_paths(
    sets: Iterable[Declared], project: str, siblings: Iterable[Sibling]
) -> tuple[Declared, ...]:
    """Return the sets without the paths of siblings, which are installed by themselves."""
    folders = {one.folder for one in siblings}
    found = (
        replace(one, left_out=tuple(text for text in one.left_out if _place(project, text)[0] not in folders))
        for one in sets
    )
    return tuple(one for one in found if one.left_out or not one.is_empty)


class _Places:
    """All sources of one project."""

    def __init__(  # noqa: PLR0913 - all of it makes the sources of one project
        self,
        *,
        names: Sequence[str],
        read: Read,
        before: Read,
        is_locked: bool,
        python: str,
        settings: Mapping[str, Any],
        name: str,
    ) -> None:
        self._names = names
        self._read = read
        self._before = before
        self._is_locked = is_locked
        self._python = python
        self._settings = settings
        self._name = name
        self._document = _toml(read("pyproject.toml"))
        self._old = _ini(read("setup.cfg"))
        self._table = _table(self._document, "project")
        self._tool = _table(self._document, "tool")
        self._own_groups = _table(self._document, "dependency-groups")
        self._groups = {
            **_poetrys_groups(self._tool),
            **_table(_table(self._tool, "pdm"), "dev-dependencies"),
            **_uvs_group(self._tool),
            **self._own_groups,
        }
        self._extras = [
            *_table(self._table, "optional-dependencies"),
            *_section(self._old, "options.extras_require"),
        ]

    def needs(self, by_workflows: Declared) -> TestDependencies:
        """Return what all sources declare."""
        named = self._named(is_for_tests)
        by_tools = [
            read_tox(self._read, _table(self._tool, "tox"), _toml(self._read("tox.toml")), self._python),
            read_nox(self._read),
            read_hatch(
                _table(_table(self._tool, "hatch"), "envs"), _toml(self._read("hatch.toml")), self._read
            ),
        ]
        found = [one for one in (*named, *by_tools) if one.left_out or not one.is_empty]
        if all(one.is_empty for one in found):
            found += self._named(lambda name: normal(name) in _FOR_DEVELOPMENT)
        tells_extras = bool(self._table) or self._is_told_by_ini
        is_package = tells_extras or "setup.py" in self._names or "build-system" in self._document
        if is_package and not tells_extras and not any(one.extras for one in found):
            # Extras defined in code cannot be read. Installing one that does not exist only causes a warning.
            found.append(Declared(source="setup.py", extras=_UNSEEN_EXTRAS))
        own = set(map(normal, self._own_groups))
        groups = (name for one in found for name in one.groups if normal(name) in own)
        resolved = map(self._resolved, (*found, by_workflows, self._required_plugins()))
        sets = [self._without_itself(one) for one in resolved]
        dependencies = self.dependencies()
        offered: tuple[str, ...] = ()
        if self._is_locked:  # then jobs install more only for other purposes, often in other versions
            number = len(found)
            offered = sets[number].requirements
            sets[number] = replace(sets[number], requirements=())
        sets += self._used(sets, dependencies, {by_workflows.source: offered})
        return TestDependencies(
            is_package=is_package,
            sets=_without_repeats(sets),
            dependencies=dependencies,
            plain=next(filter(None, (self._file(name).requirements for name in _PLAIN_FILES)), ()),
            is_locked=self._is_locked,
            groups=tuple(dict.fromkeys(groups)),
        )

    def _without_itself(self, declared: Declared) -> Declared:
        """Return what one source declares, with requirements of the project itself as extras.

        Its other projects may require it by path, and uv refuses to install one package from two places.
        """
        name = normal(self._name)
        own = [text for text in declared.requirements if normal(Requirement(text).name) == name]
        extras = chain.from_iterable(sorted(Requirement(text).extras) for text in own)
        return replace(
            declared,
            requirements=tuple(text for text in declared.requirements if text not in own),
            extras=tuple(dict.fromkeys((*declared.extras, *extras))),
        )

    @property
    def _is_told_by_ini(self) -> bool:
        """Whether `setup.cfg` says which extras there are, and not code."""
        return bool(self._old.sections()) and "extras_require" not in (self._read("setup.py") or "")

    def _required_plugins(self) -> Declared:
        """Return the plugins without which pytest refuses to run."""
        listed = self._settings.get("required_plugins")
        collector = Collector("the required plugins of pytest", self._read)
        collector.items(listed if isinstance(listed, list) else str(listed or "").split())
        return collector.declared()

    def _used(
        self,
        sets: Sequence[Declared],
        dependencies: Sequence[str],
        by_workflows: Mapping[str, Sequence[str]],
    ) -> tuple[Declared, Declared]:
        """Return what is used of extras, groups and files that are not installed as a whole, or of no one."""
        chosen = {extra for one in sets for extra in one.extras}
        optional = _table(self._table, "optional-dependencies")
        offered = dict(by_workflows)
        whole: list[str] = []
        for extra, listed in optional.items():
            requirements = self._checked(_texts(listed))
            if extra in chosen:
                whole.extend(requirements)
            offered[extra] = requirements
        for group in self._groups:
            offered[f"{group} group"] = self._checked(_group_requirements(self._groups, [group]))
        for name in self._names:
            if _purpose(name):
                offered[name] = self._file(name).requirements
        known = (*whole, *dependencies, *(text for one in sets for text in one.requirements))
        tests = [name for name in self._names if _TEST_FILE.fullmatch(name)]
        texts = [self._read(name) or "" for name in islice(chain(self._changed(), tests), _MOST_FILES)]
        imported = _imported(texts)
        modules = (name.removesuffix(".py").split("/") for name in self._names if name.endswith(".py"))
        own = {normal(self._name).replace("-", "_"), *chain.from_iterable(modules)}
        return declared_and_used(
            offered, known, imported, packages_used(texts, imported, self._settings, own)
        )

    def _changed(self) -> Iterator[str]:
        """Yield the modules outside of the tests that are not as they were on base."""
        modules = (name for name in self._names if name.endswith(".py") and not _TEST_FILE.fullmatch(name))
        yield from (name for name in modules if self._read(name) != self._before(name))

    def _checked(self, texts: Sequence[str]) -> tuple[str, ...]:
        collector = Collector("", self._read)
        collector.items(texts)
        return collector.declared().requirements

    def optional(self, extras: Iterable[str]) -> tuple[str, ...]:
        """Return the requirements of some of the project's extras."""
        wanted = set(map(normal, extras))
        listed = _table(self._table, "optional-dependencies")
        return self._checked(
            [text for extra, texts in listed.items() if normal(extra) in wanted for text in _texts(texts)]
        )

    def dependencies(self) -> tuple[str, ...]:
        """Return the dependencies of the project itself."""
        collector = Collector("the project", self._read)
        collector.items(_texts(self._table.get("dependencies")))
        collector.items(_lines(self._old, "options", "install_requires"))
        return collector.declared().requirements

    def _named(self, is_wanted: Callable[[str], bool]) -> list[Declared]:
        """Return the extras, groups and files with matching names."""
        extras = Collector("", self._read)
        extras.extras(_best(self._extras, is_wanted))
        groups = Collector("", self._read)
        groups.groups(_best(self._groups, is_wanted))
        files = sorted(name for name in self._names if (purpose := _purpose(name)) and is_wanted(purpose))
        written_out = [
            name
            for name in files
            if not name.endswith(".in") or f"{name.removesuffix('.in')}.txt" not in files
        ]
        found = [
            replace(one, source=f"the {kind}{'s' * (len(names) > 1)} {', '.join(names)}")
            for kind, one in (("extra", extras.declared()), ("dependency group", groups.declared()))
            if (names := one.extras or one.groups)
        ]
        found.extend(map(self._file, written_out))
        plain = self._file(_PLAIN_FILE)
        if is_wanted is is_for_tests and any(map(_IS_PYTEST, plain.requirements)):
            found.append(plain)
        return [one for one in found if one.left_out or not one.is_empty]

    def _file(self, name: str) -> Declared:
        collector = Collector(name, self._read, _folder(name))
        collector.lines(self._read(name) or "")
        return collector.declared()

    def _resolved(self, declared: Declared) -> Declared:
        """Return a declaration with its groups replaced by their requirements."""
        known = set(map(normal, self._extras))
        tells = (self._table or self._is_told_by_ini) and "optional-dependencies" not in _texts(
            self._table.get("dynamic")
        )
        collector = Collector(declared.source, self._read)
        collector.items(declared.requirements)
        collector.items(_group_requirements(self._groups, declared.groups))
        held = collector.declared()
        return replace(
            declared,
            requirements=held.requirements,
            extras=tuple(
                name
                for name in declared.extras
                if (not tells or normal(name) in known) and not is_for_something_else(name)
            ),
            groups=(),
            left_out=tuple(dict.fromkeys((*declared.left_out, *held.left_out))),
        )


def _best(names: Iterable[str], is_wanted: Callable[[str], bool]) -> list[str]:
    """Return the matching names, preferring single words: `crypto-test` may require more."""
    wanted = sorted({name for name in names if is_wanted(name)})
    plain = [name for name in wanted if "-" not in normal(name)]
    return plain or wanted


def _without_repeats(sets: Iterable[Declared]) -> tuple[Declared, ...]:
    """Drop sets that add nothing to earlier ones, unless they report something left out."""
    found: list[Declared] = []
    known: set[str] = set()
    for one in sets:
        new = {*one.requirements, *(f".[{extra}]" for extra in one.extras)}
        if new - known or one.left_out:
            found.append(one)
        known |= new
    return tuple(found)


def _poetrys_groups(tool: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the requirements in Poetry's own groups, by name only, because its version syntax differs."""
    poetry = _table(tool, "poetry")
    groups = _table(poetry, "group")
    found = {name: _table(_table(groups, name), "dependencies") for name in groups}
    if "dev-dependencies" in poetry:
        found["dev"] = _table(poetry, "dev-dependencies")
    return {name: list(needed) for name, needed in found.items()}


def _uvs_group(tool: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return uv's development dependencies from before dependency groups."""
    listed = _texts(_table(tool, "uv").get("dev-dependencies"))
    return {"dev": listed} if listed else {}


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _purpose(name: str) -> str | None:
    """Return the purpose of a requirements file according to its name; None if it is not one."""
    match = _FILE.fullmatch(name)
    if match is None or "requirements" not in name:
        return None
    return (match["first"] or "tests").lower()


def _group_requirements(groups: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return the requirements of dependency groups and of the groups they include."""
    by_name = {normal(name): content for name, content in groups.items()}
    found: list[str] = []
    seen: set[str] = set()
    left = [normal(name) for name in names]
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
                    left.append(normal(included))
    return list(dict.fromkeys(found))


def _text(content: bytes | None) -> str | None:
    """Return a file's text; None if it is too long or missing."""
    if content is None or len(content) > MAX_FILE_BYTES:
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _toml(text: str | None) -> dict[str, Any]:
    return read_toml((text or "").encode())


def _ini(text: str | None) -> configparser.RawConfigParser:
    read = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        read.read_string(short_lines(text or ""))
    except (ValueError, configparser.Error):
        return configparser.RawConfigParser()
    if read.has_section("metadata") or read.has_section("options"):
        return read
    return configparser.RawConfigParser()  # it contains only settings of other tools


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

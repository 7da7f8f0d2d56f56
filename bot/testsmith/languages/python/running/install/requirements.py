"""Parse requirements in pip's files and command lines, without running anything.

The result contains only names with extras, versions and markers, each parsed and formatted by `packaging`.
Options, addresses, paths and other indexes are never passed on; they are recorded as left out.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement

_TEST_WORDS = frozenset({"test", "tests", "testing", "pytest", "unittest", "unittests", "unit"})
_OTHER_WORDS = frozenset(
    {
        *("doc", "docs", "documentation", "sphinx", "doctest", "linkcheck"),
        *("lint", "linting", "linter", "linters", "style", "format", "fmt", "flake8", "ruff", "black"),
        *("mypy", "type", "types", "typing", "typecheck", "pyright", "pylint", "precommit", "pre", "check"),
        *("bench", "benchmark", "benchmarks", "benchmarking", "profile", "profiling", "perf"),
        *(
            "release",
            "publish",
            "build",
            "package",
            "packaging",
            "changelog",
            "coverage",
            "cover",
            "clean",
            "report",
        ),
        *("downstream", "nightly", "mutation", "fuzz", "audit", "security"),
    }
)


def normal(name: str) -> str:
    """Return a name in normalized form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_name(text: str) -> bool:
    """Return whether a text can name a distribution or an extra."""
    return _EXTRA.fullmatch(text) is not None


def is_for_tests(name: str) -> bool:
    """Return whether a name refers to tests only: `tests` or `crypto-test`, but not `test-docs`."""
    words = _words(name)
    return bool(words & _TEST_WORDS) and not is_for_something_else(name)


def is_for_something_else(name: str) -> bool:
    """Return whether a name refers to documentation, linting, benchmarks or releases."""
    return bool(_words(name) & _OTHER_WORDS)


def _words(name: str) -> set[str]:
    return set(normal(name).split("-"))


MAX_FILE_BYTES = 256 * 1024
"""Larger files are not read."""

_MOST_ITEMS = 500
_MOST_FILES = 20
MAX_LINE_CHARACTERS = 1_000
"""Longer lines are truncated, to protect against slow pattern matching."""


_PROJECT = re.compile(r"(?:file:)?(?:\.|\./|\{toxinidir\}/?|\{tox_root\}/?)(?:\[(?P<extras>[\w.,\s-]*)\])?")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_OWN_OPTION = re.compile(r"\s+--(?:hash|config-settings?|global-option)[= ]\S+")
_EXTRA = re.compile(r"[A-Za-z0-9](?:[\w.-]{0,60}[A-Za-z0-9])?", re.ASCII)
_FILES = ("-r", "--requirement", "--requirements")
_CONSTRAINTS = ("-c", "--constraint", "--constraints")
_EDITABLE = ("-e", "--editable")
_GROUPS = ("--group",)
_EXTRAS = ("--extra",)
_INDEXES = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--index", "--default-index")
_WITH_VALUE = frozenset(
    {
        *("--only-binary", "--no-binary", "--python", "-p", "--target", "-t", "--prefix", "--root", "--src"),
        *(
            "--trusted-host",
            "--upgrade-package",
            "-P",
            "--upgrade-strategy",
            "--config-settings",
            "--timeout",
        ),
        *(
            "--cache-dir",
            "--progress-bar",
            "--proxy",
            "--retries",
            "--resolution",
            "--prerelease",
            "--report",
        ),
        *("--python-version", "--platform", "--log", "--exists-action", "--index-strategy", "--no-group"),
    }
)

Read = Callable[[str], str | None]
"""Returns the text of a project file by path; None if it cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What one source declares.

    Attributes:
        source: Description of the source.
        requirements: Names with extras, versions and markers.
        constraints: Constraints in the same form, which do not cause an installation.
        extras: Extras of the project.
        groups: Dependency groups of the project.
        left_out: Entries that are not supported, as written.
    """

    source: str
    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to install."""
        return not (self.requirements or self.extras or self.groups)


@dataclass(slots=True)
class Collector:
    """Collects what one source declares.

    Attributes:
        source: Description of the source.
        read: Reads files that the source refers to.
        folder: Folder that relative paths refer to.
    """

    source: str
    read: Read
    folder: str = ""
    _requirements: dict[str, None] = field(default_factory=dict)
    _constraints: dict[str, None] = field(default_factory=dict)
    _extras: dict[str, None] = field(default_factory=dict)
    _groups: dict[str, None] = field(default_factory=dict)
    _left_out: dict[str, None] = field(default_factory=dict)
    _files: set[str] = field(default_factory=set)

    def declared(self) -> Declared:
        """Return everything collected, up to a limit."""
        return Declared(
            source=self.source,
            requirements=tuple(islice(self._requirements, _MOST_ITEMS)),
            constraints=tuple(islice(self._constraints, _MOST_ITEMS)),
            extras=tuple(islice(self._extras, _MOST_ITEMS)),
            groups=tuple(islice(self._groups, _MOST_ITEMS)),
            left_out=tuple(islice(self._left_out, _MOST_ITEMS)),
        )

    def lines(self, text: str) -> None:
        """Add the lines of a requirements file."""
        self._lines(text, self.folder, self._requirements)

    def items(self, texts: Iterable[object]) -> None:
        """Add requirements, each in the syntax of a requirements file; other values are left out."""
        for text in islice(texts, _MOST_ITEMS):
            if isinstance(text, str):
                self._line(text, self.folder, self._requirements)
            else:
                self.leave_out(text)

    def arguments(self, words: Sequence[str], folder: str | None = None) -> None:
        """Add the arguments of `pip install` or a similar command."""
        at = self.folder if folder is None else folder
        left = list(words[:_MOST_ITEMS])
        while left:
            word = left.pop(0)
            option, value = _split(word)
            if not option:
                self._line(word, at, self._requirements)
            elif option in (*_FILES, *_CONSTRAINTS, *_EDITABLE, *_GROUPS, *_EXTRAS):
                self._option(option, value or (left.pop(0) if left else ""), at)
            elif option in _INDEXES:
                self.leave_out(f"{option} {value or (left.pop(0) if left else '')}")
            elif option in _WITH_VALUE and not value and left:
                left.pop(0)

    def extras(self, names: Iterable[object]) -> None:
        """Add extras of the project."""
        self._take_names(names, self._extras)

    def groups(self, names: Iterable[object]) -> None:
        """Add dependency groups of the project."""
        self._take_names(names, self._groups)

    def leave_out(self, what: object) -> None:
        """Record an entry that is not supported."""
        self._left_out[" ".join(str(what).split())[:80]] = None

    def _take_names(self, names: Iterable[object], into: dict[str, None]) -> None:
        for name in islice(names, _MOST_ITEMS):
            if isinstance(name, str) and is_name(name.strip()):
                into[name.strip()] = None
            elif name:
                self.leave_out(name)

    def _option(self, option: str, value: str, folder: str) -> None:
        if option in _FILES:
            self._file(value, folder, self._requirements)
        elif option in _CONSTRAINTS:
            self._file(value, folder, self._constraints)
        elif option in _GROUPS:
            self.groups([value.rpartition(":")[2]])
        elif option in _EXTRAS:
            self.extras([value])
        elif not self._is_project(value):
            self.leave_out(f"-e {value}")

    def _lines(self, text: str, folder: str, into: dict[str, None]) -> None:
        for line in islice(text.replace("\\\n", " ").splitlines(), 10 * _MOST_ITEMS):
            self._line(line, folder, into)

    def _line(self, line: str, folder: str, into: dict[str, None]) -> None:
        text = _OWN_OPTION.sub("", f" {_COMMENT.sub('', line[:MAX_LINE_CHARACTERS])}").strip()
        if not text or self._is_project(text):
            return
        if text.startswith("-"):
            try:
                self.arguments(shlex.split(text), folder)
            except ValueError:
                self.leave_out(text)
            return
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            self.leave_out(text)
            return
        if requirement.url is not None:
            self.leave_out(text)
        else:
            into[str(requirement)] = None

    def _is_project(self, text: str) -> bool:
        """Return whether the text refers to the project itself, and add the extras it names."""
        found = _PROJECT.fullmatch(text)
        if found is None:
            return False
        self.extras(filter(None, (name.strip() for name in (found["extras"] or "").split(","))))
        return True

    def _file(self, name: str, folder: str, into: dict[str, None]) -> None:
        named = re.sub(r"^\{(?:toxinidir|tox_root)\}/?", "", name)
        path = _inside(folder if named == name else "", named)
        text = self.read(path) if path and len(self._files) < _MOST_FILES else None
        if path in self._files:
            return
        if path is None or text is None:
            self.leave_out(f"-r {name}")
            return
        self._files.add(path)
        parent = str(PurePosixPath(path).parent)
        self._lines(text, "" if parent == "." else parent, into)


def short_lines(text: str) -> str:
    """Return the text with long lines truncated, because `configparser` is slow on them."""
    return "\n".join(line[:MAX_LINE_CHARACTERS] for line in text.splitlines())


def _split(word: str) -> tuple[str, str]:
    """Return the option and value of an argument that contains both."""
    if not word.startswith("-"):
        return "", ""
    if word.startswith("--"):
        option, _, value = word.partition("=")
        return option, value
    return word[:2], word[2:].lstrip("=")


def _inside(folder: str, name: str) -> str | None:
    """Return a path below the project's folder; None if it is outside."""
    parts: list[str] = []
    for part in PurePosixPath(folder, name).parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        else:
            parts.append(part)
    return None if not parts or parts[0] == "/" else "/".join(parts)

"""Find out how a project runs its tests: the framework, and what its script passes to it. Untrusted text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from testsmith.languages.typescript.running.manifest import PackageManifest, packages_around

NODE_TEST, VITEST, JEST, MOCHA = "node:test", "vitest", "jest", "mocha"

OTHERS = ("ava", "jasmine", "lab", "qunit", "tap", "tape", "uvu")
"""Frameworks whose tests are recognized, but not run."""

_PROGRAMS = {
    **{name: name for name in OTHERS},
    VITEST: VITEST,
    JEST: JEST,
    "jest-cli": JEST,
    MOCHA: MOCHA,
    "_mocha": MOCHA,
}
_CONFIGURED = re.compile(r"(?:vitest\.config|vitest\.workspace|jest\.config|\.mocharc)\.\w+")
_BEFORE = frozenset({"npx", "cross-env", "c8", "nyc", "env", "dotenv", "--", "pnpm", "yarn", "exec", "run"})
_ASSIGNMENT = re.compile(r"(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)", re.DOTALL)
_IGNORED_VARIABLES = frozenset({"PATH", "HOME", "TMPDIR", "TZ", "CI", "LD_PRELOAD", "LD_LIBRARY_PATH"})
_SEPARATORS = re.compile(r"&&|\|\||;|\|")
_MOST_SCRIPT = 2_000
_NODE_FLAGS = {"--import", "--require", "-r", "--loader", "--experimental-loader", "--conditions", "-C"}
_FLAGS = {
    NODE_TEST: _NODE_FLAGS,
    MOCHA: {*_NODE_FLAGS, "--config", "--ui", "-u", "--extension", "--timeout", "-t", "--file", "--package"},
    JEST: {"--config", "-c", "--preset", "--env", "--testEnvironment", "--rootDir"},
    VITEST: {"--config", "-c", "--environment", "--mode", "--workspace"},
}
"""Options of a script that decide how files are loaded; each has a value."""

_SWITCHES = re.compile(r"--(?:experimental|enable|no-warnings|harmony|globals|dom)[\w-]*(?:=[\w./-]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCommand:
    """How the tests of a package are run.

    Attributes:
        framework: The framework.
        folder: Folder of the package, relative to the Git root; it is run there.
        flags: What the project passes to it.
        node_flags: What the project passes to Node.
        variables: Environment variables that the project sets.
    """

    __test__ = False

    framework: str
    folder: str = ""
    flags: tuple[str, ...] = ()
    node_flags: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def test_command(
    read: Callable[[str], bytes | None], names: Callable[[str], Sequence[str]], path: str
) -> TestCommand:
    """Return how a test file is run: by the framework of the nearest package that has one.

    Args:
        read: Returns a file's content by its path.
        names: Returns the names of the files in a folder.
        path: Path of the test file; it may not exist.
    """
    folder = ""
    for folder, manifest in packages_around(read, path):
        found = next(_in_scripts(manifest, folder, _command), None)
        found = found or _by_packages(manifest, folder, names(folder))
        found = found or next(_in_scripts(manifest, folder, _plain_node), None)
        if found is not None:
            return found
    return TestCommand(framework=NODE_TEST, folder=folder)


def _in_scripts(
    manifest: PackageManifest, folder: str, read: Callable[[str, str], TestCommand | None]
) -> Iterator[TestCommand]:
    """Yield how the scripts run tests, the script `test` first."""
    order = sorted(manifest.scripts, key=lambda name: (name != "test", not name.startswith("test")))
    for name in order:
        if "bench" not in name:
            for part in _SEPARATORS.split(manifest.scripts[name][:_MOST_SCRIPT]):
                found = read(part, folder)
                if found is not None:
                    yield found


def _command(text: str, folder: str) -> TestCommand | None:
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    variables: dict[str, str] = {}
    while words and (words[0] in _BEFORE or words[0].startswith("-") or _ASSIGNMENT.fullmatch(words[0])):
        assigned = _ASSIGNMENT.fullmatch(words.pop(0))
        if assigned is not None and assigned["name"] not in _IGNORED_VARIABLES:
            variables[assigned["name"]] = assigned["value"]
    if not words:
        return None
    program = PurePosixPath(words[0]).name
    node_flags: tuple[str, ...] = ()
    if program in {"node", "tsx"}:
        at = next((n for n, word in enumerate(words) if _program_in(word)), len(words))
        node_flags = (*(("--import", "tsx") if program == "tsx" else ()), *_kept(words[1:at], NODE_TEST))
        if at == len(words):
            if "--test" not in words:
                return None
            return TestCommand(framework=NODE_TEST, folder=folder, node_flags=node_flags, variables=variables)
        words, program = words[at:], _program_in(words[at])
    framework = _PROGRAMS.get(program)
    if framework is None:
        return None
    return TestCommand(
        framework=framework,
        folder=folder,
        flags=_kept(words[1:], framework),
        node_flags=node_flags,
        variables=variables,
    )


def _plain_node(text: str, folder: str) -> TestCommand | None:
    """Return how `node --flags test/index.js` runs tests: those of node:test, which start themselves."""
    words = text.split()
    at = next((n for n, word in enumerate(words) if n and "test" in word and not word.startswith("-")), 0)
    if not at or words[0] != "node":
        return None
    return TestCommand(framework=NODE_TEST, folder=folder, node_flags=_kept(words[1:at], NODE_TEST))


def _program_in(word: str) -> str:
    """Return the program that Node is asked to start, for example by `node_modules/.bin/jest`."""
    name = PurePosixPath(word).name
    name = name.removesuffix(".js").removesuffix(".mjs")
    return name if "/" in word and name in _PROGRAMS else ""


def _kept(words: Sequence[str], framework: str) -> tuple[str, ...]:
    """Return the options that decide how files are loaded."""
    kept: list[str] = []
    options = _FLAGS.get(framework, set())
    for at, word in enumerate(words):
        name, _, value = word.partition("=")
        if name in options and value:
            kept.append(word)
        elif word in options and at + 1 < len(words):
            kept += [word, words[at + 1]]
        elif _SWITCHES.fullmatch(word) and not word.startswith("--experimental-test-coverage"):
            kept.append(word)
    return tuple(kept)


def _by_packages(manifest: PackageManifest, folder: str, names: Sequence[str]) -> TestCommand | None:
    """Return how tests are run according to files of settings and the packages that are needed."""
    configured = [name for name in names if _CONFIGURED.fullmatch(name)]
    for framework in (VITEST, JEST, MOCHA):
        is_configured = any(name.lstrip(".").startswith(framework) for name in configured)
        is_inside = {JEST: manifest.jest, MOCHA: manifest.mocha}.get(framework) is not None
        if is_configured or is_inside:
            return TestCommand(framework=framework, folder=folder)
    needed = (framework for framework in (VITEST, JEST, MOCHA, *OTHERS) if manifest.depends_on(framework))
    first = next(needed, None)
    return None if first is None else TestCommand(framework=first, folder=folder)

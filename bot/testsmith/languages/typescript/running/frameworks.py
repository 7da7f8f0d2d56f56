"""How each test framework is started: its program, its arguments, and its report."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from testsmith.languages.typescript.running.manifest import manifest_in, read_file
from testsmith.languages.typescript.running.reports import (
    FrameworkReport,
    read_document,
    read_lines,
    selection,
)
from testsmith.languages.typescript.running.test_commands import (
    JEST,
    MOCHA,
    NODE_TEST,
    OTHERS,
    VITEST,
    TestCommand,
)
from testsmith.languages.typescript.running.workspace import PACKAGES, TypeScriptWorkspace

_PROGRAMS = {
    VITEST: ("vitest/vitest.mjs",),
    JEST: ("jest/bin/jest.js", "jest-cli/bin/jest.js"),
    MOCHA: ("mocha/bin/mocha.js", "mocha/bin/mocha"),
}
_OLDEST_THAT_CHECKS_TYPES = (1, 0)
"""Version of Vitest that runs the TypeScript compiler next to tests if its settings say so."""

_OLDEST_THAT_SHUFFLES = {VITEST: (0, 30), JEST: (29, 5)}
_MOCHA_NOTES = (
    "globalThis.process.testsmith.begin(this.currentTest.file, this.currentTest.titlePath().join(' > '))"
)
_NOT_RUN = "pending"
_STRIPS_TYPES, _MAY_STRIP_TYPES = (22, 18), (22, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkRun:
    """One process of a framework to start.

    Attributes:
        files: The test files, absolute.
        report: Where its report goes.
        names: Full titles of the tests to run; None for all.
        seed: Seed of the order; None for that of the files.
        cache: Folder for what the framework keeps between its processes.
    """

    files: Sequence[Path]
    report: Path
    names: Collection[str] | None = None
    seed: int | None = None
    cache: Path


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework in a copy of the project.

    Attributes:
        workspace: Where it runs.
        command: How the project runs it.
        root: Root of the copy.
    """

    workspace: TypeScriptWorkspace
    command: TestCommand
    root: Path

    @property
    def folder(self) -> Path:
        """Where it is started."""
        return self.root / self.command.folder

    @property
    def shuffles(self) -> bool:
        """Whether it can shuffle tests."""
        oldest = _OLDEST_THAT_SHUFFLES.get(self.command.framework)
        return oldest is not None and self._version() >= oldest

    @property
    def trouble(self) -> str:
        """Why it cannot be started; empty if it can."""
        if self.command.framework in OTHERS:
            return f"tests in {self.command.framework} cannot be run yet"
        if self.command.framework == NODE_TEST or self._program() is not None:
            return ""
        return f"{self.command.framework} is not installed"

    def arguments(self, run: FrameworkRun) -> tuple[str, ...]:
        """Return the program and its arguments."""
        node = (str(self.workspace.toolchain.program), *self.command.node_flags)
        own = {NODE_TEST: self._of_node, VITEST: self._of_vitest, JEST: self._of_jest, MOCHA: self._of_mocha}
        return (*node, *own[self.command.framework](run))

    def variables(self) -> dict[str, str]:
        """Return the environment variables of each of its processes."""
        preload = f'--require "{self.workspace.worker / "preload.cjs"}"'
        given = dict(self.command.variables)
        return {**given, "NODE_OPTIONS": f"{given.get('NODE_OPTIONS', '')} {preload}".strip()}

    def read(self, text: str | None) -> FrameworkReport | None:
        """Return what a report says; None if it is none."""
        if text is None:
            return None
        if self.command.framework in {NODE_TEST, MOCHA}:
            return read_lines(text)
        return read_document(text, _NOT_RUN if self.command.framework == VITEST else "")

    def _of_node(self, run: FrameworkRun) -> tuple[str, ...]:
        """One file runs in the process itself, several in a process each."""
        version = tuple(map(int, self.workspace.toolchain.version.split(".")[:2]))
        strips = _MAY_STRIP_TYPES <= version < _STRIPS_TYPES and not self.command.node_flags
        return (
            *(("--experimental-strip-types",) if strips else ()),
            *(("--test",) if len(run.files) != 1 else ()),
            f"--test-reporter={self.workspace.worker / 'node_reporter.mjs'}",
            f"--test-reporter-destination={run.report}",
            *(() if run.names is None else (f"--test-name-pattern=/{selection(run.names)}/",)),
            *map(str, run.files),
        )

    def _of_vitest(self, run: FrameworkRun) -> tuple[str, ...]:
        return (
            *(str(self._program()), "run", *self.command.flags),
            *("--pool=forks", "--reporter=json", f"--outputFile={run.report}"),
            *("--no-coverage", "--retry=0", "--bail=0"),
            *(("--no-typecheck",) if self._version() >= _OLDEST_THAT_CHECKS_TYPES else ()),
            *(() if run.names is None else ("--testNamePattern", selection(run.names))),
            *(
                ()
                if run.seed is None or not self.shuffles
                else ("--sequence.shuffle.tests", f"--sequence.seed={run.seed}")
            ),
            *map(str, run.files),
        )

    def _of_jest(self, run: FrameworkRun) -> tuple[str, ...]:
        return (
            *(str(self._program()), *self.command.flags),
            *("--ci", "--json", f"--outputFile={run.report}", f"--cacheDirectory={run.cache}"),
            *("--coverage=false", "--watchman=false", "--bail=0"),
            *(("--runInBand",) if len(run.files) == 1 else ()),
            *(() if run.names is None else ("--testNamePattern", selection(run.names))),
            *(() if run.seed is None or not self.shuffles else ("--randomize", f"--seed={run.seed}")),
            *("--runTestsByPath", *map(str, run.files)),
        )

    def _of_mocha(self, run: FrameworkRun) -> tuple[str, ...]:
        return (
            *(str(self._program()), *self.command.flags),
            *("--reporter", str(self.workspace.worker / "mocha_reporter.cjs")),
            *("--reporter-option", f"output={run.report}", "--retries", "0", "--no-parallel", "--exit"),
            *(() if run.names is None else ("--grep", selection(run.names))),
            *map(str, run.files),
        )

    def _program(self) -> Path | None:
        for place in folders_around(self.root, self.command.folder):
            for name in _PROGRAMS[self.command.framework]:
                if (place / PACKAGES / name).is_file():
                    return place / PACKAGES / name
        return None

    def _version(self) -> tuple[int, ...]:
        program = self._program()
        if program is None:
            return ()
        name = next(one for one in _PROGRAMS[self.command.framework] if str(program).endswith(one))
        folder = program.parents[name.count("/") - 1]
        manifest = manifest_in(read_file(folder)("package.json"))
        numbers = manifest.version.split(".")[:2] if manifest else []
        return tuple(int(one) for one in numbers if one.isdecimal())


def folders_around(root: Path, folder: str) -> list[Path]:
    """Return a folder of a copy and those around it, up to the root of the copy."""
    place = root / folder
    return [one for one in (place, *place.parents) if one == root or root in one.parents]


def hook(framework: str, file: str) -> str:
    """Return what is put before the first line of a test file to note where each test begins."""
    titles = {
        NODE_TEST: "(one) => {begin}(one.fullName ?? one.name)",
        VITEST: "() => {begin}(testsmithExpect.getState().currentTestName)",
        JEST: "() => {begin}(expect.getState().currentTestName)",
    }
    before = {
        NODE_TEST: 'globalThis.process.getBuiltinModule("node:test").',
        VITEST: 'import { beforeEach as testsmithEach, expect as testsmithExpect } from "vitest"; ',
    }
    each = "testsmithEach" if framework == VITEST else "beforeEach"
    if framework == MOCHA:  # the hooks of all files run before each test
        return f"{each}(function () {{ {_MOCHA_NOTES}; }}); "
    noted = titles[framework].format(begin=f"globalThis.process.testsmith.begin.bind(null, {_quoted(file)})")
    return f"{before.get(framework, '')}{each}({noted}); "


def passing_test(framework: str) -> str:
    """Return the text of a test file with a test that passes wherever the framework starts."""
    tests = {
        NODE_TEST: 'globalThis.process.getBuiltinModule("node:test").test',
        VITEST: 'import { test } from "vitest"; test',
        JEST: "test",
        MOCHA: "(globalThis.it ?? globalThis.test)",
    }
    return f'{tests[framework]}("starts", () => {{}});\n'


def _quoted(text: str) -> str:
    """Return a literal of JavaScript."""
    return (
        '"'
        + "".join(one if one.isalnum() or one in "/.-_@ " else f"\\u{{{ord(one):x}}}" for one in text)
        + '"'
    )

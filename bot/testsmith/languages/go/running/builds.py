"""Build test binaries with `go test -c`, from a copy of the project with some files replaced.

Builds share one cache and run no code of the project. The cache is in a folder that only builds write to, one
at a time; test binaries are moved out of it and never see it.
"""

from __future__ import annotations

import asyncio
import json
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from testsmith.execution.sandbox.users import take_back
from testsmith.execution.steps import Plan, Step
from testsmith.execution.workspace import ProjectCopy, remove_folder
from testsmith.languages.go.running.steps import run_steps
from testsmith.languages.go.running.workspace import (
    GoWorkspace,
    build_variables,
    module_folder,
    test_variables,
    within,
)
from testsmith.tasks import in_thread

BUILD_SECONDS = 120.0
"""Time limit for one build; the first one compiles the packages that the project uses."""

_FORMAT_SECONDS = 5.0
_MOST_ERROR = 4_000
_POSITION = re.compile(r"^(?P<file>[^\s:]+\.go):(?P<line>\d+)(?::\d+)?: (?P<message>.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One test binary to build.

    Attributes:
        copy: Copy of the project.
        package: Folder of the package, relative to the Git root.
        files: Texts of files that are replaced or added, by path relative to the Git root; None removes one.
        covered: Folders of the packages whose blocks are counted, relative to the Git root.
        vets: Whether `go vet` must pass, too, as in `go test`.
    """

    copy: ProjectCopy
    package: str
    files: Mapping[str, str | None] = field(default_factory=dict)
    covered: tuple[str, ...] = ()
    vets: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileError:
    """An error of the compiler.

    Attributes:
        file: Name of the file without its folder.
        line: Line in it.
        message: What is wrong. Untrusted text.
    """

    file: str
    line: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What came of a build.

    Attributes:
        binary: The test binary; None if it could not be built.
        working_folder: Folder of the package in the copy, where `go test` runs it.
        trouble: Why it could not be built; empty if it was. Untrusted text.
        errors: The errors of the compiler in it.
    """

    binary: Path | None
    working_folder: Path
    trouble: str = ""
    errors: tuple[CompileError, ...] = ()


class Builder:
    """Builds test binaries in a workspace, one after the other.

    Args:
        workspace: The workspace.
    """

    def __init__(self, workspace: GoWorkspace) -> None:
        self._workspace = workspace
        self._lock = asyncio.Lock()

    async def build(self, orders: Sequence[Build]) -> list[Built]:
        """Build test binaries and return what came of each, in the same order.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        if not orders:
            return []
        async with self._lock:
            return await self._build(orders)

    async def compile(self, copy: ProjectCopy, packages: Sequence[str]) -> dict[str, str]:
        """Compile packages without their tests, and return why some do not compile, by folder.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        orders = [Build(copy=copy, package=package) for package in packages]
        program = str(self._workspace.toolchain.program)
        steps = [
            self._step(number, order, (program, "build", "-o", "/dev/null", f"./{_in_module(order)}"))
            for number, order in enumerate(orders)
        ]
        async with self._lock:
            outcome = await run_steps(self._workspace, self._plan(steps, orders), builds=True)
        troubles = {}
        for number, order in enumerate(orders):
            result = outcome.results.get(number)
            if result is None or result.exit_code != 0:
                text = outcome.trouble if result is None else _plain(result.output, order)
                troubles[order.package] = text.strip() or "go build failed"
        return troubles

    async def formatted(self, texts: Sequence[str]) -> list[str]:
        """Return Go files as `gofmt` formats them; as they are if it fails.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        workspace = self._workspace
        inputs, folder = workspace.new_folder("unformatted"), workspace.new_folder("formatting")
        steps = []
        for number, text in enumerate(texts):
            place = inputs / f"{number}.go"
            await in_thread(place.write_text, text, "utf-8", "surrogatepass")
            steps.append(
                Step(
                    number=number,
                    argv=(str(workspace.toolchain.root / "bin" / "gofmt"), str(place)),
                    variables=test_variables(workspace.toolchain, folder),
                    folder=folder,
                    seconds=_FORMAT_SECONDS,
                )
            )
        readable = (workspace.toolchain.root, inputs)
        budgets = {"": _FORMAT_SECONDS * len(steps)}
        plan = Plan(steps=steps, budgets=budgets, folder=folder, readable=readable)
        results = (await run_steps(workspace, plan)).results
        await in_thread(remove_folder, inputs)
        return [
            result.output if (result := results.get(number)) is not None and result.exit_code == 0 else text
            for number, text in enumerate(texts)
        ]

    def _plan(self, steps: Sequence[Step], orders: Sequence[Build], *inputs: Path) -> Plan:
        workspace = self._workspace
        roots = dict.fromkeys(order.copy.root for order in orders)
        return Plan(
            steps=steps,
            budgets={str(step.number): BUILD_SECONDS for step in steps},
            folder=workspace.build_folder,
            readable=(workspace.toolchain.root, *inputs, *roots, *filter(None, [workspace.modules])),
        )

    async def _build(self, orders: Sequence[Build]) -> list[Built]:
        workspace = self._workspace
        inputs = workspace.new_folder("sources")
        output = workspace.build_folder / inputs.name
        steps = []
        for number, order in enumerate(orders):
            command = await in_thread(self._command, order, inputs / str(number), output / f"{number}.test")
            if command is not None:
                steps.append(self._step(number, order, command))
        outcome = await run_steps(workspace, self._plan(steps, orders, inputs), builds=True)
        binaries = await in_thread(_moved_out, output, workspace.new_folder("binaries"))
        await in_thread(remove_folder, inputs)
        built = []
        for number, order in enumerate(orders):
            folder = order.copy.root / order.package
            result = outcome.results.get(number)
            binary = binaries.get(f"{number}.test")
            if binary is not None and result is not None and result.exit_code == 0:
                built.append(Built(binary=binary, working_folder=folder))
                continue
            text = result.output if result is not None else outcome.trouble or "it is in no Go module"
            text = f"it takes more than {BUILD_SECONDS:.0f} s" if result and result.timed_out else text
            text = _plain(re.sub(rf"(?:\.\./)*[^\s:]*{re.escape(inputs.name)}/{number}/", "", text), order)
            built.append(
                Built(binary=None, working_folder=folder, trouble=text or "no binary", errors=_errors(text))
            )
        return built

    def _step(self, number: int, order: Build, command: tuple[str, ...]) -> Step:
        workspace = self._workspace
        module = module_folder(order.copy.root, order.package) or ""
        return Step(
            number=number,
            argv=command,
            variables=build_variables(workspace.toolchain, workspace.build_folder, workspace.modules),
            folder=order.copy.root / module,
            seconds=BUILD_SECONDS,
            budget=str(number),
        )

    def _command(self, order: Build, inputs: Path, output: Path) -> tuple[str, ...] | None:
        """Write the files of a build and return its command; None if the package is in no module."""
        root = order.copy.root
        module = module_folder(root, order.package)
        if module is None:
            return None
        inputs.mkdir()
        replaced: dict[str, str] = {}
        for path, text in order.files.items():
            place = inputs / f"{len(replaced)}-{PurePosixPath(path).name}"
            if text is not None:
                place.write_text(text, encoding="utf-8", errors="surrogatepass")
            replaced[str(root / path)] = "" if text is None else str(place)
        (inputs / "overlay.json").write_text(json.dumps({"Replace": replaced}))
        covered = ",".join(f"./{within(folder, module)}" for folder in order.covered)
        return (
            *(str(self._workspace.toolchain.program), "test", "-c", "-o", str(output)),
            # without tables for debuggers, as `go test` builds what it runs: a quarter of the time
            *("-overlay", str(inputs / "overlay.json"), "-gcflags=-e", "-ldflags=-s -w"),
            *(() if order.vets else ("-vet=off",)),
            *(("-covermode=count", f"-coverpkg={covered}") if covered else ()),
            f"./{_in_module(order)}",
        )


def _in_module(order: Build) -> str:
    """Return the folder of a package relative to that of its module."""
    return within(order.package, module_folder(order.copy.root, order.package) or "")


def _moved_out(folder: Path, target: Path) -> dict[str, Path]:
    """Move what was built to a folder that no build writes to; return the files by name."""
    if folder.is_symlink() or not folder.is_dir():
        return {}
    found = {}
    for one in folder.iterdir():
        if stat.S_ISREG(one.lstat().st_mode):
            one.rename(target / one.name)
            found[one.name] = target / one.name
    remove_folder(folder)
    take_back(target)
    return found


def _plain(text: str, order: Build) -> str:
    """Return the compiler's output with the names that files have in the project."""
    for number, path in enumerate(order.files):
        name = PurePosixPath(path).name
        text = text.replace(f"{number}-{name}", name)
    lines = (line for line in text.splitlines() if line and not line.startswith(("#", "FAIL")))
    return "\n".join(lines)[:_MOST_ERROR]


def _errors(text: str) -> tuple[CompileError, ...]:
    return tuple(
        CompileError(file=PurePosixPath(one["file"]).name, line=int(one["line"]), message=one["message"])
        for one in _POSITION.finditer(text)
    )

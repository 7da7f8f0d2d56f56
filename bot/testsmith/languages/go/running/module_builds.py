"""Build the test modules of jobs, without the functions that do not compile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from testsmith.execution.jobs import TestJob
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.workspace import ProjectCopy
from testsmith.languages.go.running.builds import Build, Builder, Built, CompileError
from testsmith.languages.go.running.call_watch import SUPPORT_FILE, WatchedModule, watched
from testsmith.languages.go.running.run_settings import WITHOUT_OWN_FILES
from testsmith.languages.go.running.test_names import names_at, test_lines
from testsmith.languages.go.running.workspace import folder_of
from testsmith.languages.source import CannotParse
from testsmith.languages.tests import TestFiles

_MOST_BUILDS = 6
_TEST_FILE = "_test.go"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltModule:
    """A test module that was built.

    Attributes:
        built: The test binary, or why there is none.
        package: Folder of its package, relative to the Git root.
        names: The test functions in the binary.
        path: Its file, relative to the Git root.
        texts: Texts of the files that it adds to the copy or, if None, removes, by path.
        trouble: Why functions or the whole module could not be built; empty if everything was. Untrusted.
        done: Flags on how it was built.
        watch: The copy with flags that was built instead; None if the module itself was.
    """

    built: Built
    package: str
    names: tuple[str, ...] = ()
    path: str = ""
    texts: Mapping[str, str | None] = field(default_factory=dict)
    trouble: str = ""
    done: frozenset[str] = frozenset()
    watch: WatchedModule | None = None


@dataclass(slots=True)
class _Draft:
    """A module that is being built."""

    copy: ProjectCopy
    path: str
    code: str
    covered: tuple[str, ...]
    vets: bool
    in_file: bool
    removed: Mapping[str, None] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    built: Built | None = None

    @property
    def package(self) -> str:
        return folder_of(self.path)

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def texts(self) -> dict[str, str | None]:
        return {**self.removed, self.path: self.code}

    def order(self) -> Build:
        return Build(
            copy=self.copy,
            package=self.package,
            files=self.texts,
            covered=self.covered,
            vets=self.vets,
        )

    def module(self) -> BuiltModule:
        built = self.built or Built(binary=None, working_folder=self.copy.root, trouble="it was not built")
        is_built = built.binary is not None
        return BuiltModule(
            built=built,
            package=self.package,
            names=tuple(test_lines(self.code)) if is_built else (),
            path=self.path,
            texts=self.texts,
            trouble="\n".join(self.trouble if is_built else [*self.trouble, built.trouble]),
            done=frozenset({WITHOUT_OWN_FILES}) if self.removed else frozenset(),
        )


class ModuleBuilds:
    """Builds test modules, each once.

    Args:
        builder: Builds test binaries.
        tests: Cuts test files.
    """

    def __init__(self, builder: Builder, tests: TestFiles) -> None:
        self._builder = builder
        self._tests = tests
        self._kept: dict[tuple[object, ...], asyncio.Future[BuiltModule]] = {}

    async def of(
        self, copy: ProjectCopy, jobs: Sequence[TestJob], *, is_base: bool = False, in_file: bool = False
    ) -> list[BuiltModule]:
        """Return the modules of some jobs on a copy, in the same order.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        keys, drafts = [], {}
        for job in jobs:
            draft = _draft(copy, job, is_base=is_base, in_file=in_file)
            key = self._key(draft)
            keys.append(key)
            if key not in self._kept:
                self._kept[key] = asyncio.get_running_loop().create_future()
                drafts[key] = draft
        try:
            await self._build(list(drafts.values()))
        except CannotRun as error:  # those who wait for the same module hear of it, too
            for key in drafts:
                waiting = self._kept.pop(key)
                waiting.set_exception(error)
                waiting.exception()
            raise
        except BaseException:
            for key in drafts:
                self._kept.pop(key).cancel()
            raise
        for key, draft in drafts.items():
            self._kept[key].set_result(draft.module())
        return [await self._kept[key] for key in keys]

    async def watched(self, copy: ProjectCopy, modules: Sequence[BuiltModule]) -> list[BuiltModule]:
        """Build copies of modules that note which of their calls are reached, in the same order.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        copies = [watched(module.texts.get(module.path) or "") for module in modules]
        orders = [
            Build(copy=copy, package=module.package, files={**module.texts, **_with_flags(module, watch)})
            for module, watch in zip(modules, copies, strict=True)
            if watch is not None and module.built.binary is not None
        ]
        built = iter(await self._builder.build(orders))
        return [
            replace(module, built=next(built), watch=watch)
            if watch is not None and module.built.binary is not None
            else module
            for module, watch in zip(modules, copies, strict=True)
        ]

    def _key(self, draft: _Draft) -> tuple[object, ...]:
        """Return the key of a module; a build with coverage serves for what needs none."""
        found = (draft.copy.root, draft.path, draft.code)
        same = (key for key in self._kept if key[:-1] == found)
        return next(same, (*found, draft.covered)) if not draft.covered else (*found, draft.covered)

    async def _build(self, drafts: Sequence[_Draft]) -> None:
        waiting = list(drafts)
        for _ in range(_MOST_BUILDS):
            if not waiting:
                return
            for draft, built in zip(
                waiting, await self._builder.build([draft.order() for draft in waiting]), strict=True
            ):
                draft.built = built
            waiting = [draft for draft in waiting if self._is_worth_another(draft)]

    def _is_worth_another(self, draft: _Draft) -> bool:
        """Change a module that does not compile; return whether it may compile now."""
        built = draft.built
        if built is None or built.binary is not None:
            return False
        own = [error for error in built.errors if error.file == draft.name]
        if not draft.in_file and not draft.removed and _is_of_others(own, built.errors):
            draft.removed = _other_test_files(draft)
            if draft.removed:
                return True
        bad = names_at(draft.code, {error.line for error in own})
        kept = [name for name in test_lines(draft.code) if name not in bad]
        if bad and kept:
            try:
                draft.code = self._tests.keep_tests(draft.code, kept)
            except CannotParse:
                return False
            draft.trouble.append(built.trouble)
            return True
        if draft.vets and not own:
            draft.vets = False
            return True
        return False


def _with_flags(module: BuiltModule, watch: WatchedModule) -> dict[str, str]:
    support = f"{module.package}/{SUPPORT_FILE}".lstrip("/")
    return {module.path: watch.text, support: watch.support}


def _is_of_others(own: Sequence[CompileError], errors: Sequence[CompileError]) -> bool:
    """Return whether the package's own test files are in the way: they are broken, or have the same names."""
    others = [error for error in errors if error not in own and error.file.endswith(_TEST_FILE)]
    return bool(others) or any("redeclared" in error.message for error in own)


def _other_test_files(draft: _Draft) -> dict[str, None]:
    folder = draft.copy.root / draft.package
    names = (one.name for one in folder.iterdir()) if folder.is_dir() else ()
    paths = (f"{draft.package}/{name}".lstrip("/") for name in names if name.endswith(_TEST_FILE))
    return {path: None for path in sorted(paths) if path != draft.path}


def _draft(copy: ProjectCopy, job: TestJob, *, is_base: bool, in_file: bool) -> _Draft:
    traced = job.traced
    of_member = traced.path if traced else job.changed.path if job.changed else ""
    path = job.test_path or f"{folder_of(of_member)}/testsmith{_TEST_FILE}".lstrip("/")
    return _Draft(
        copy=copy,
        path=path if in_file else _free_path(copy.root, path),
        code=job.code,
        covered=() if traced is None or is_base else (folder_of(traced.path),),
        vets=not is_base,
        in_file=in_file,
    )


def _free_path(root: Path, path: str) -> str:
    """Return the path of a new test file next to another; the path itself if it is free."""
    if not (root / path).exists():
        return path
    return f"{path.removesuffix(_TEST_FILE)}_testsmith{_TEST_FILE}"

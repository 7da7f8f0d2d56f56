"""A run with two languages: each has a toolchain of its own, or none."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from fakes.sweep_tools import idle_tools
from fakes.workspaces import always
from testsmith import pipeline
from testsmith.changes.members import find_members
from testsmith.execution.runner import TestRunner
from testsmith.execution.sandbox.process import ProcessSandbox
from testsmith.execution.workspace import CannotPrepare, WorkspaceOrder
from testsmith.git.repository import Repository
from testsmith.languages.language import Language
from testsmith.languages.source import MemberFindings, SourceReader, SourceTree
from testsmith.languages.tests import TestFiles
from testsmith.languages.toolchain import Engine, Toolchain
from testsmith.model import Change, Member, MemberKind, Report, Request, SkipStage
from testsmith.settings import (
    CacheSettings,
    ModelSettings,
    ProviderChoice,
    SelectionSettings,
    Settings,
    VerificationSettings,
)

PYTHON, TOY = "def half(x: int) -> int:\n    return x // 2\n", "set vat 19\nset eco 7\n"


class ToySource(SourceReader):
    def handles(self, path: str) -> bool:
        return path.endswith(".toy")

    def all_members(self, tree: SourceTree, paths: Sequence[str], _project: str) -> MemberFindings:
        members = [
            Member(
                path=path,
                name=match[1],
                language="toy",
                change=Change.ADDED,
                line=number,
                end_line=number,
                kind=MemberKind.FUNCTION,
                source=line,
                module=path,
            )
            for path in paths
            for number, line in enumerate((tree.read(path) or b"").decode().splitlines(), start=1)
            if (match := re.match(r"set (\w+)", line))
        ]
        return MemberFindings(members=tuple(members))

    def requests(
        self, _tree: SourceTree, members: Sequence[Member], _project: str, _intent: str
    ) -> Iterator[Request]:
        for member in members:
            yield Request(member=member, test_path=f"{member.path}test", framework="toy")


class ToyTests(TestFiles):
    framework = "toy"

    def is_test(self, path: str) -> bool:
        return path.endswith(".toytest")

    def test_functions(self, code: str) -> tuple[str, ...]:
        return tuple(re.findall(r"^test (\w+)", code, re.MULTILINE))

    def keep_tests(self, code: str, names: Collection[str]) -> str:
        return "".join(line for line in code.splitlines(keepends=True) if line.split()[1] in names)


def no_engine(_runner: TestRunner, _seed: int) -> Engine:
    raise AssertionError("it was never opened")


@asynccontextmanager
async def without_compiler(order: WorkspaceOrder) -> AsyncIterator[TestRunner]:
    if not order.settings.installs:
        raise CannotPrepare("there is no compiler of toys: install one.")
    yield NotImplemented


def settings_of(folder: Path) -> Settings:
    return Settings(
        folder=folder,
        provider=ProviderChoice.OFFLINE,
        selection=SelectionSettings(),
        model=ModelSettings(),
        cache=CacheSettings(folder=folder.parent / "cache"),
        verification=VerificationSettings(runs=1, max_mutants=3, suite_seconds=0.0),
    )


def suggested(folder: Path, toolchains: dict[str, Toolchain]) -> Report:
    """Suggest tests for a project of two languages without a model."""
    made = GitRepository.create(folder)
    made.commit({"README.md": ""})
    made.commit({"shop.py": PYTHON, "rates.toy": TOY})
    tools = idle_tools().run
    tools = replace(
        tools,
        languages=(*tools.languages, Language(name="toy", source=ToySource(), tests=ToyTests())),
        toolchains={**tools.toolchains, **toolchains},
        build_sandbox=lambda _choice, program: always(ProcessSandbox())(program),
    )
    given = pipeline.RunOptions(paths=("shop.py", "rates.toy"))
    return asyncio.run(pipeline.suggest(settings_of(folder), tools, given))


BROKEN = Toolchain(open=without_compiler, engine=no_engine)


def test_suggest__a_toolchain_that_fails_costs_only_the_members_of_its_language(tmp_path: Path) -> None:
    report = suggested(tmp_path, {"toy": BROKEN})
    assert {one.member for one in report.suggestions} == {"shop.py::half"}
    assert reasons(report) == {
        "rates.toy::vat": (SkipStage.ENVIRONMENT, "there is no compiler of toys: install one."),
        "rates.toy::eco": (SkipStage.ENVIRONMENT, "there is no compiler of toys: install one."),
    }


@asynccontextmanager
async def with_compiler(_order: WorkspaceOrder) -> AsyncIterator[TestRunner]:
    yield NotImplemented


@pytest.mark.parametrize(
    ("toolchains", "reason"),
    [
        ({}, (SkipStage.ENVIRONMENT, "tests in toy cannot be run on this machine")),
        ({"toy": Toolchain(open=without_compiler)}, (SkipStage.GENERATION, "tests in toy need a model")),
        ({"toy": Toolchain(open=with_compiler)}, (SkipStage.GENERATION, "tests in toy need a model")),
    ],
)
def test_suggest__a_language_without_an_engine_needs_a_toolchain_and_a_model(
    toolchains: dict[str, Toolchain], reason: tuple[SkipStage, str], tmp_path: Path
) -> None:
    report = suggested(tmp_path, {"python": BROKEN, **toolchains})
    assert reasons(report) == {
        "shop.py::half": (SkipStage.ENVIRONMENT, "there is no compiler of toys: install one."),
        "rates.toy::vat": reason,
        "rates.toy::eco": reason,
    }


def reasons(report: Report) -> dict[str | None, tuple[SkipStage, str]]:
    return {one.member: (one.stage, one.reason) for one in report.skipped}


def test_workspace_order__names_the_opened_folder_for_commands(tmp_path: Path) -> None:
    made = GitRepository.create(tmp_path)
    made.commit({"in/lib/pyproject.toml": "[project]\nname = 'lib'\n", "in/lib/shop.py": PYTHON})
    tools = idle_tools().run
    opened = Repository.open(tmp_path / "in")
    search = find_members(opened, SelectionSettings(all_paths=("lib",)), tools.languages)
    nested = replace(opened, project="in/lib")
    order = pipeline.workspace_order(settings_of(tmp_path), tools, nested, search)
    assert [search.projects.of(member.path) for member in search.members] == ["in/lib"]
    assert order.opened_folder == "in"

"""Which members a sweep takes, and why not the others."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from fakes.reports import a_suggestion
from fakes.sweep_tools import Remembered, idle_tools
from testsmith.languages.registry import languages
from testsmith.model import Report, Skipped, SkipStage, UsageFailure
from testsmith.settings import (
    BudgetSettings,
    CacheSettings,
    ModelSettings,
    ProviderChoice,
    SelectionSettings,
    Settings,
    VerificationSettings,
)
from testsmith.storage.keys import outcome_of
from testsmith.sweep.planning import COVERED, Memory
from testsmith.sweep.run_sweep import plan, sweep, write_sweep
from testsmith.sweep.sweep_workspace import LOOSE, SEPARATE, TOOLING, SeveralProjects
from testsmith.sweep_results import Coverage, SweepPlan

CART = '''\
def add(a, b):
    """Add."""
    if a > b:
        return a + b
    return b


def size(cart):
    return len(cart)


def total(cart):
    return sum(add(one, 0) for one in cart)
'''

LCOV = """\
SF:shop/cart.py
DA:1,1
DA:3,1
DA:4,0
DA:5,1
DA:8,1
DA:9,1
DA:12,1
DA:13,0
BRDA:3,0,jump to line 4,0
BRDA:3,0,jump to line 5,1
end_of_record
"""


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    repository = GitRepository.create(tmp_path / "project")
    repository.commit({"shop/__init__.py": "", "shop/cart.py": CART, "shop/odd.py": "def broken(:\n"})
    (tmp_path / "lcov.info").write_text(LCOV, encoding="utf-8")
    return repository


def settings_for(project: GitRepository, **selection: int) -> Settings:
    return Settings(
        folder=project.folder,
        provider=ProviderChoice.OFFLINE,
        selection=replace(SelectionSettings(all_paths=(".",)), **selection),  # type: ignore[arg-type]
        model=ModelSettings(),
        cache=CacheSettings(folder=project.folder.parent / "cache"),
        verification=VerificationSettings(coverage=project.folder.parent / "lcov.info"),
    )


def names(swept: SweepPlan) -> list[str]:
    return [one.member.name for one in swept.ranked]


def reasons(swept: SweepPlan) -> dict[str, str]:
    return {(one.member or one.path).rpartition("::")[2]: one.reason for one in swept.skipped}


def test_plan__ranks_what_is_not_reached_and_leaves_out_what_is(project: GitRepository) -> None:
    swept = asyncio.run(plan(settings_for(project), idle_tools()))

    assert names(swept) == ["add", "total"]  # `add` has a decision, a missed way, and a user
    assert [one.member.plain_name for one in swept.ranked if one.member.id in swept.taken] == ["add", "total"]
    assert reasons(swept)["size"] == COVERED
    assert "shop/odd.py" in reasons(swept)
    assert swept.coverage == Coverage(lines=8, lines_reached=6, branches=2, branches_reached=1)
    first = swept.ranked[0].facts
    assert (first.lines, first.lines_missed, first.branches, first.branches_missed) == (3, 1, 2, 1)
    assert (first.decisions, first.commits, first.dependents) == (1, 1, 1)


def test_plan__counts_the_lines_of_private_functions_for_the_public_one_that_reaches_them(
    project: GitRepository,
) -> None:
    project.commit(
        {
            "shop/cart.py": None,
            "shop/api.py": "from shop._impl import _price\n\n\ndef price(x):\n    return _price(x)\n",
            "shop/_impl.py": "def _price(x):\n    if x:\n        return 1\n    return 2\n",
        }
    )
    lcov = "SF:shop/api.py\nDA:1,1\nDA:4,1\nDA:5,1\nend_of_record\n"
    (project.folder.parent / "lcov.info").write_text(
        f"{lcov}SF:shop/_impl.py\nDA:1,1\nDA:2,1\nDA:3,0\nDA:4,1\nend_of_record\n", encoding="utf-8"
    )

    swept = asyncio.run(plan(settings_for(project), idle_tools()))

    assert names(swept) == ["price"]
    assert (swept.ranked[0].facts.lines, swept.ranked[0].facts.lines_missed) == (4, 1)
    assert swept.coverage == Coverage(lines=7, lines_reached=6, branches=None, branches_reached=None)


def test_plan__takes_one_project_of_several(project: GitRepository) -> None:
    declared = {f"packages/{name}/setup.py": "setup()" for name in ("tea", "cake")}
    code = {f"packages/{name}/{name}/one.py": "def one(x):\n    return x\n" for name in ("tea", "cake")}
    project.commit({**declared, **code})

    swept = asyncio.run(plan(settings_for(project), idle_tools()))
    assert sorted(names(swept)) == ["add", "total"]
    assert reasons(swept)["packages/cake"] == reasons(swept)["packages/tea"] == SEPARATE

    settings = settings_for(project)
    lcov = "SF:packages/tea/tea/one.py\nDA:1,1\nDA:2,0\nend_of_record\n"
    (project.folder.parent / "lcov.info").write_text(lcov, encoding="utf-8")
    named = replace(settings, selection=replace(settings.selection, all_paths=("packages/tea",)))
    assert names(asyncio.run(plan(named, idle_tools()))) == ["one"]

    both = replace(settings, selection=replace(settings.selection, all_paths=("packages",)))
    with pytest.raises(SeveralProjects, match=r"2 projects.* name one to sweep, for example packages/cake"):
        asyncio.run(plan(both, idle_tools()))


def test_plan__leaves_out_loose_files_next_to_larger_projects(project: GitRepository) -> None:
    code = {
        "manage.py": "def manage(x):\n    return x\n",
        "packages/tea/setup.py": "setup()",
        "packages/tea/shop/cart.py": CART,
    }
    project.commit({"shop/__init__.py": None, "shop/cart.py": None, "shop/odd.py": None, **code})
    (project.folder.parent / "lcov.info").write_text(f"SF:packages/tea/{LCOV[3:]}", encoding="utf-8")

    swept = asyncio.run(plan(settings_for(project), idle_tools()))
    assert sorted(names(swept)) == ["add", "total"]
    assert reasons(swept)["manage.py"] == LOOSE

    project.commit({"packages/cake/setup.py": "setup()", "packages/cake/shop/cart.py": CART})
    with pytest.raises(SeveralProjects, match="2 projects"):
        asyncio.run(plan(settings_for(project), idle_tools()))

    project.commit({"pyproject.toml": "[project]\nname = 'shop'\n"})
    (project.folder.parent / "lcov.info").write_text("SF:manage.py\nDA:1,1\nDA:2,0\nend_of_record\n")
    assert names(asyncio.run(plan(settings_for(project), idle_tools()))) == ["manage"]


def test_write_sweep__puts_support_files_into_the_swept_project(project: GitRepository) -> None:
    project.commit(
        {"shop/cart.py": None, "shop/odd.py": None, "tests/test_all.py": "def test_it():\n    pass\n"}
    )
    project.commit({"packages/tea/setup.cfg": "[metadata]\nname = tea\n", "packages/tea/shop/cart.py": CART})
    settings = settings_for(project)

    swept = asyncio.run(sweep(settings, idle_tools()))
    add = swept.report.members[0]
    proven = a_suggestion(add, test_path="packages/tea/tests/shop/test_cart.py")
    written = replace(swept, report=Report(members=(add,), suggestions=(proven,)))
    lines = write_sweep(written, settings, languages())

    assert (project.folder / "packages/tea/conftest.py").exists(), lines


TOOLS: dict[str, str | bytes | None] = {
    "scripts/job.py": "def job(x):\n    return x\n",
    "shop/tools/one.py": "def one(x):\n    return x\n",
}


def test_plan__leaves_out_scripts_tools_and_benchmarks(project: GitRepository) -> None:
    project.commit(TOOLS)

    swept = asyncio.run(plan(settings_for(project), idle_tools()))

    assert sorted(names(swept)) == ["add", "one", "total"]
    assert reasons(swept)["scripts"] == TOOLING


@pytest.mark.parametrize(
    "chosen",
    [
        SelectionSettings(all_paths=("scripts",)),
        SelectionSettings(all_paths=(".",), exclude=("shop/**",)),
        SelectionSettings(all_paths=(".",), include=("scripts/**",)),
    ],
)
def test_plan__takes_scripts_that_are_asked_for(project: GitRepository, chosen: SelectionSettings) -> None:
    project.commit(TOOLS)
    settings = replace(settings_for(project), selection=chosen, verification=VerificationSettings())

    assert names(asyncio.run(plan(settings, idle_tools()))) == ["job"]


def test_plan__is_the_same_each_time(project: GitRepository) -> None:
    first, second = (asyncio.run(plan(settings_for(project), idle_tools())) for _ in range(2))

    assert first.ranked == second.ranked


def test_plan__takes_no_more_than_the_budget(project: GitRepository) -> None:
    few = asyncio.run(plan(settings_for(project, max_members=1), idle_tools()))
    hasty = replace(settings_for(project), budget=BudgetSettings(max_minutes=0.01))
    quick = asyncio.run(plan(hasty, idle_tools()))

    assert len(few.taken) == len(quick.taken) == 1
    assert len(few.ranked) == len(quick.ranked) == 2
    assert any("0.01 minutes" in note for note in quick.notes)


def test_plan__what_was_tried_in_vain_waits_for_another_source(project: GitRepository) -> None:
    settings, store = settings_for(project), Remembered()
    swept = asyncio.run(plan(settings, idle_tools(store)))
    add = swept.ranked[0].member
    failed = Skipped(path=add.path, stage=SkipStage.GATE, reason="it adds nothing", member=add.id)
    Memory.of(store, settings).remember(Report(members=(add,), skipped=(failed,)))

    again = asyncio.run(plan(settings, idle_tools(store)))
    project.commit({"shop/cart.py": CART.replace("a > b", "a >= b")})
    changed = asyncio.run(plan(settings, idle_tools(store)))

    assert names(again) == ["total"]
    assert "it adds nothing" in reasons(again)["add"]
    assert names(changed) == ["add", "total"]


def test_plan__what_failed_for_a_passing_reason_comes_last(project: GitRepository) -> None:
    settings, store = settings_for(project), Remembered()
    add = asyncio.run(plan(settings, idle_tools(store))).ranked[0].member
    failed = Skipped(path=add.path, stage=SkipStage.ENVIRONMENT, reason="no disk", member=add.id)
    Memory.of(store, settings).remember(Report(members=(add,), skipped=(failed,)))

    again = asyncio.run(plan(settings, idle_tools(store)))

    assert [(one.rank, one.member.name) for one in again.ranked] == [(1, "total"), (2, "add")]


def test_plan__a_forged_memory_is_none(project: GitRepository) -> None:
    settings, store = settings_for(project), Remembered()
    add = asyncio.run(plan(settings, idle_tools(store))).ranked[0].member
    failed = Skipped(path=add.path, stage=SkipStage.GATE, reason="x", member=add.id)
    Memory.of(store, settings).remember(Report(members=(add,), skipped=(failed,)))
    store.values = {key: {**value, "stage": ["gate"]} for key, value in store.values.items()}

    assert outcome_of(failed, by_model=False) is not None
    assert names(asyncio.run(plan(settings, idle_tools(store)))) == ["add", "total"]


def test_plan__without_anything_measured_takes_all_as_not_reached(project: GitRepository) -> None:
    settings = replace(settings_for(project), verification=VerificationSettings())

    swept = asyncio.run(plan(settings, idle_tools()))

    assert sorted(names(swept)) == ["add", "size", "total"]
    assert any("there is no sandbox here" in note for note in swept.notes)


@pytest.mark.parametrize("content", [b"", b"SF:other.py\nDA:1,1\nend_of_record\n", b"{", b"<coverage"])
def test_plan__a_coverage_file_of_no_use_is_told_of(project: GitRepository, content: bytes) -> None:
    (project.folder.parent / "lcov.info").write_bytes(content)

    with pytest.raises(UsageFailure, match=r"Could not use .*lcov\.info: .*create it again"):
        asyncio.run(plan(settings_for(project), idle_tools()))


def test_plan__why_not_is_heeded(project: GitRepository) -> None:
    tools = replace(idle_tools(), why_not=lambda member: "it is open" if member.name == "add" else "")

    swept = asyncio.run(plan(settings_for(project), tools))

    assert names(swept) == ["total"]
    assert reasons(swept)["add"] == "it is open"

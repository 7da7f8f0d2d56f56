"""A language that nothing but its own parts knows, from a diff to what is posted."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from fakes.git_repository import GitRepository
from fakes.small_language import CALC, CALC_TOOLCHAIN, CalcRunner
from fakes.stage import stage
from fakes.sweep_tools import idle_tools
from fakes.trees import MemoryTree
from fakes.workspaces import always
from testsmith.execution.runner import TestRunner
from testsmith.execution.sandbox.interface import Sandbox
from testsmith.execution.sandbox.process import ProcessSandbox
from testsmith.execution.workspace import CannotPrepare, WorkspaceOrder
from testsmith.forge.review_result import PostStatus
from testsmith.languages.judge import Judge
from testsmith.languages.language import Language
from testsmith.languages.mutants import Mutator
from testsmith.languages.python.language import PYTHON
from testsmith.languages.toolchain import Toolchain
from testsmith.model import Candidate, Change, Label, Origin, Report, Request, SkipStage
from testsmith.pipeline import RunOptions, suggest
from testsmith.settings import (
    CacheSettings,
    ModelSettings,
    ProviderChoice,
    SandboxChoice,
    SelectionSettings,
    Settings,
    VerificationSettings,
)
from testsmith.test_files.plan import plan_edits

BASE = {"fees.calc": "total(a, b) = a\n", "shop.py": "def one():\n    return 1\n"}
HEAD = {
    "fees.calc": "total(a, b) = a + b\ntwice(a) = total(a, a)\n",
    "shop.py": "def one():\n    return 2\n",
}
ANSWERS = {
    "fees.calc::total": "test adds: total(1, 2) == 3\ntest runs: total(1, 2)\ntest off: total(1, 2) == 4\n",
    "fees.calc::twice": "test runs: twice(1)\n",
    "shop.py::one": "from shop import one\n\n\ndef test_one():\n    assert one() == 2\n",
}


@dataclass(frozen=True)
class _Answers:
    """A model that knows its answers by heart."""

    async def generate(self, request: Request) -> Candidate:
        member = request.member.id
        return Candidate(member=member, code=ANSWERS[member], origin=Origin.MODEL)


def _broken(_order: WorkspaceOrder) -> AbstractAsyncContextManager[TestRunner]:
    raise CannotPrepare("there is no interpreter here.")


async def _sandbox(_choice: SandboxChoice, program: Path) -> Sandbox:
    return await always(ProcessSandbox())(program)


async def _suggest(
    folder: Path, base: str, head: str, language: Language = CALC, given: RunOptions | None = None
) -> Report:
    """Make suggestions for a project in two languages, of which only one can be run."""
    tools = replace(
        idle_tools().run,
        languages=(language, PYTHON),
        model=_Answers(),
        build_sandbox=_sandbox,
        toolchains={"calc": CALC_TOOLCHAIN, "python": Toolchain(open=_broken)},
    )
    settings = Settings(
        folder=folder,
        provider=ProviderChoice.OPENAI,
        selection=SelectionSettings(base=base, head=head),
        model=ModelSettings(),
        cache=CacheSettings(folder=folder.parent / "cache"),
        verification=VerificationSettings(runs=2, repairs=0),
    )
    return await suggest(settings, tools, given)


def _suggested(folder: Path, language: Language = CALC) -> Report:
    made = GitRepository.create(folder)
    return asyncio.run(_suggest(folder, made.commit({**BASE}), made.commit({**HEAD}), language))


def _reasons(report: Report) -> dict[str | None, tuple[SkipStage, str]]:
    return {one.member: (one.stage, one.reason) for one in report.skipped}


def test_small_language__from_a_diff_to_a_test_file_and_a_broken_toolchain_costs_its_members(
    tmp_path: Path,
) -> None:
    report = _suggested(tmp_path)
    assert {member.id: member.change for member in report.members} == {
        "fees.calc::total": Change.CHANGED,
        "fees.calc::twice": Change.ADDED,
        "shop.py::one": Change.CHANGED,
    }
    (suggestion,) = report.suggestions
    assert (suggestion.member, suggestion.tests) == ("fees.calc::total", ("adds",))
    assert (suggestion.label, suggestion.framework) == (Label.NEW_BEHAVIOR, "calc")
    assert suggestion.evidence is not None
    assert (suggestion.evidence.fail_to_pass, suggestion.evidence.mutants_killed) == (1, 1)
    reasons = _reasons(report)
    assert reasons["shop.py::one"] == (SkipStage.ENVIRONMENT, "there is no interpreter here.")
    assert reasons["fees.calc::twice"] == (SkipStage.GATE, "no test was left; `runs` asserts nothing")
    tree = MemoryTree({path: text.encode() for path, text in HEAD.items()})
    (edit,) = plan_edits(report.suggestions, tree, [CALC, PYTHON]).edits
    assert (edit.path, edit.new) == ("test_fees.calc", b"test adds: total(1, 2) == 3\n")


def test_small_language__without_a_judge_or_a_mutator_nothing_is_green(tmp_path: Path) -> None:
    for lacking in ({"judge": Judge()}, {"mutator": Mutator()}):
        folder = tmp_path / next(iter(lacking))
        report = _suggested(folder, replace(CALC, **lacking))
        assert report.suggestions == ()
        _, reason = _reasons(report)["fees.calc::total"]
        assert "could not be judged" in reason or "with the function removed" in reason


def test_small_language__a_form_that_it_cannot_run_is_not_called_passing() -> None:
    runner = object.__new__(CalcRunner)  # the default needs no workspace
    assert asyncio.run(runner.trouble_in_framework("total(1) = 2", 1.0)) != ""


def test_small_language__a_review_proposes_its_tests(tmp_path: Path) -> None:
    with stage(tmp_path, HEAD, BASE) as site:
        site.known = (CALC, PYTHON)
        site.suggest = lambda states, given: _suggest(
            states.repository.root, states.base, states.head, given=given
        )
        assert site.run().delivery is PostStatus.POSTED
        (comment,) = site.shown()
        assert "`total`" in comment.body
        assert "test adds: total(1, 2) == 3" in comment.body
        (summary,) = site.summaries()
        assert "there is no interpreter here." in summary.body

"""The guard over members whose code contradicts their own text, and over honest look-alikes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.planted_bugs import HONEST, PLANTED, GuardCase
from fakes.workspaces import proof_context, small_workspace
from testsmith.languages.judge import Conflicts
from testsmith.languages.python.judge.documentation.conflicts import conflicts
from testsmith.languages.python.judge.documentation.docstring_examples import documented_examples
from testsmith.languages.python.language import PYTHON
from testsmith.languages.python.test_files.test_modules import test_functions as functions_of
from testsmith.languages.results import FunctionProof, Proof, Run, TestStatus
from testsmith.model import Candidate, Label, Origin
from testsmith.settings import VerificationSettings
from testsmith.verification.evidence import RunSubject
from testsmith.verification.gate import Verdict
from testsmith.verification.prove import prove


def passing(case: GuardCase) -> Proof:
    """Return the case's test module, as if all of its functions had passed."""
    member = case.subject()
    runs = (Run(status=TestStatus.PASSED),) * 2
    return Proof(
        member=member,
        candidate=Candidate(member=member.id, code=case.code, origin=Origin.MODEL),
        functions=tuple(FunctionProof(name=name, head=runs) for name in functions_of(case.code)),
    )


def guarded(case: GuardCase) -> Conflicts:
    proof = passing(case)
    return conflicts(proof, documented_examples(proof.member))


@pytest.mark.parametrize("case", PLANTED, ids=lambda case: case.name)
def test_guard__no_planted_bug_stays_and_its_neighbors_do(case: GuardCase) -> None:
    found = guarded(case)
    functions = set(functions_of(case.code))
    bugs = {name for name in functions if "test_bug" in name}
    assert found.suspended.keys() == bugs
    assert bugs or found.rows
    assert len(found.questions) == (1 if case.asks else 0)


@pytest.mark.parametrize("case", HONEST, ids=lambda case: case.name)
def test_guard__nothing_is_asked_of_honest_tests(case: GuardCase) -> None:
    assert guarded(case) == Conflicts()


def test_planted_bugs__there_are_enough_of_them() -> None:
    assert len(PLANTED) >= 25
    assert len(HONEST) >= 25
    assert len({case.name for case in (*PLANTED, *HONEST)}) == len(PLANTED) + len(HONEST)


def proven(folder: Path, *cases: GuardCase) -> tuple[Verdict, ...]:
    """Run cases for real, all in one workspace."""
    settings = VerificationSettings(test_seconds=5.0, runs=1)
    subjects = [RunSubject(member=proof.member, candidate=proof.candidate) for proof in map(passing, cases)]

    async def scenario() -> tuple[Verdict, ...]:
        files = {case.path: case.module_text for case in cases}
        async with small_workspace(folder, files) as workspace:
            return await prove(subjects, PYTHON, proof_context(workspace, settings))

    return asyncio.run(scenario())


@pytest.mark.slow
def test_prove__of_planted_bugs_none_is_green_and_each_is_asked_about(tmp_path: Path) -> None:
    for case, verdict in zip(PLANTED, proven(tmp_path, *PLANTED), strict=True):
        green = [] if verdict.green is None else verdict.green.tests
        asked = [entry.summary for entry in verdict.entries if entry.label is Label.QUESTION]
        assert not [name for name in green if "test_bug" in name], case.name
        assert asked == ([case.asks] if case.asks else []), case.name
        assert any("test_fine" in name for name in green) or "test_fine" not in case.code, case.name


def test_honest_cases__each_passes(tmp_path: Path) -> None:
    for case in HONEST:
        (tmp_path / case.path).write_text(case.module_text)
        (tmp_path / f"test_{case.module}.py").write_text(case.code)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:xdist", "."]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.stdout.splitlines()[-1].startswith(f"{len(HONEST)} passed"), run.stdout

"""What the gate makes of the labeled candidates, told as a table of labels and fates."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fakes.git_repository import GitRepository
from fakes.plain_python import plain_environment
from fakes.workspaces import proof_context
from testsmith.changes.members import MemberSearch, find_members
from testsmith.execution.sandbox.isolated import build_sandbox
from testsmith.execution.workspace import WorkspaceOrder
from testsmith.git.repository import Repository
from testsmith.languages.python.running.project_tests.suite import measure_project_tests
from testsmith.languages.python.running.runner import PythonRunner, open_runner
from testsmith.languages.registry import languages
from testsmith.model import Candidate, Label, Origin
from testsmith.settings import SelectionSettings, VerificationSettings
from testsmith.verification.evidence import RunSubject
from testsmith.verification.gate import Verdict
from testsmith.verification.prove import prove
from verification.corpus.labels import GOOD, Labeled, labeled_candidates

HERE = Path(__file__).parent
# What is labeled is whether a test is good, not whether it is about the change.
SETTINGS = VerificationSettings(test_seconds=2.5, suite_seconds=60.0, repairs=0, unchanged_behaviour=True)
"""As by default, but that nobody waits long for what hangs."""

OTHER_PYTHON = "other-python"
"""The kind that can be told only where another interpreter is at hand."""

_MOST_MEMBERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The functions of one candidate that have one label, and what became of them.

    Attributes:
        candidate: The candidate.
        label: `good`, or the kind of bad.
        posted: Of good ones, whether all are in a green suggestion; of bad ones, whether any is.
        reasons: Why those are cut that are.
        asked: The labels of the candidate's entries that are questions.
    """

    candidate: Labeled
    label: str
    posted: bool
    reasons: tuple[str, ...] = ()
    asked: frozenset[Label] = frozenset()

    @property
    def is_right(self) -> bool:
        """Whether a maintainer agrees."""
        return self.posted is (self.label == GOOD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """All cases, how long it took to judge them, and what the run tells a reader.

    Attributes:
        cases: The cases, in the order of the candidates; none that need an interpreter that is not at hand.
        seconds: From opening the workspace to the last verdict.
        notes: Of the workspace and of the own suite.
    """

    cases: tuple[Case, ...]
    seconds: float
    notes: tuple[str, ...]


def judge_corpus(only: str = "") -> Judged:
    """Prove the labeled candidates as the program does, and return what became of them.

    Args:
        only: A part of the names of those that are proven; all without.
    """
    candidates = [one for one in labeled_candidates(HERE / "candidates") if only in one.name]
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_judged(Path(folder), candidates))


async def _judged(folder: Path, candidates: Sequence[Labeled]) -> Judged:
    repository, search = _changed_project(folder / "project")
    started = time.monotonic()
    async with _runner(repository, search) as runner:
        workspace = runner.workspace
        if workspace.other is None:
            candidates = [one for one in candidates if not one.of(OTHER_PYTHON)]
        causes = {cause.id: cause for member in search.members for cause in member.causes}
        own_suite = await measure_project_tests(workspace, [*causes.values(), *search.members], SETTINGS)
        subjects = list(_subjects(candidates, search))
        context = proof_context(workspace, SETTINGS, own_suite)
        verdicts = await prove(subjects, languages()[0], context)
    pairs = zip(candidates, verdicts, strict=True)
    return Judged(
        cases=tuple(case for candidate, verdict in pairs for case in cases_of(candidate, verdict)),
        seconds=time.monotonic() - started,
        notes=(*workspace.notes, *own_suite.notes),
    )


@asynccontextmanager
async def _runner(repository: Repository, search: MemberSearch) -> AsyncIterator[PythonRunner]:
    """Give a runner as the program opens one."""
    path = os.environ.get("PATH", os.defpath)  # where other interpreters are found
    environment = {"PATH": path, "VIRTUAL_ENV": str(plain_environment())}
    order = WorkspaceOrder(
        repository=repository,
        head=search.head_tree,
        base=search.base_tree,
        settings=SETTINGS,
        build_sandbox=partial(build_sandbox, SETTINGS.sandbox),
        environment=environment,
    )
    async with open_runner(order) as runner:
        yield await runner.broadened(search.members)


def _changed_project(folder: Path) -> tuple[Repository, MemberSearch]:
    """Return the project in two commits, and what the second changes."""
    made = GitRepository.create(folder)
    base, head = (_files(HERE / "project" / state) for state in ("base", "head"))
    first = made.commit(dict(base))
    made.write(dict.fromkeys(base.keys() - head.keys()))
    second = made.commit(dict(head))
    repository = Repository.open(folder)
    selection = SelectionSettings(base=first, head=second, max_members=_MOST_MEMBERS)
    return repository, find_members(repository, selection, languages())


def _files(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix != ".pyc"
    }


def _subjects(candidates: Iterable[Labeled], search: MemberSearch) -> Iterator[RunSubject]:
    asked = languages()[0].source.requests(search.head_tree, search.members, "", "")
    requests = {request.member.id: request for request in asked}
    for one in candidates:
        request = requests[one.member]
        candidate = Candidate(member=one.member, code=one.code, origin=Origin.MODEL)
        yield RunSubject(member=request.member, candidate=candidate, test_path=request.test_path)


def cases_of(candidate: Labeled, verdict: Verdict) -> Iterator[Case]:
    """Yield a case for each label of a candidate."""
    green = frozenset[str]() if verdict.green is None else frozenset(verdict.green.tests)
    asked = frozenset(entry.label for entry in verdict.entries if entry.label and not entry.is_green)
    for label in dict.fromkeys(candidate.functions.values()):
        functions = candidate.of(label)
        said = [f"{cut.function} {cut.reason}" for cut in verdict.cuts if cut.function in functions]
        yield Case(
            candidate=candidate,
            label=label,
            posted=functions <= green if label == GOOD else bool(functions & green),
            reasons=(*said, *([verdict.proof.problem] if verdict.proof.problem else [])),
            asked=asked,
        )


def confusion_table(judged: Judged) -> str:
    """Return for each label how many cases there are, were posted, held back, and are asked about."""
    rows: list[tuple[str, ...]] = [("label", "cases", "posted", "held back", "asked about")]
    labels = sorted({case.label for case in judged.cases}, key=lambda label: (label != GOOD, label))
    rows += [_row(label, [case for case in judged.cases if case.label == label]) for label in labels]
    rows.append(_row("all bad ones", [case for case in judged.cases if case.label != GOOD]))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([*lines, f"{judged.seconds:.1f} s", *judged.notes])


def _row(label: str, cases: Sequence[Case]) -> tuple[str, ...]:
    posted = sum(case.posted for case in cases)
    asked = sum(bool(case.asked) for case in cases)
    return label, str(len(cases)), str(posted), str(len(cases) - posted), str(asked)


def misjudged(cases: Iterable[Case]) -> list[str]:
    """Return the cases that a maintainer would decide otherwise, with the reasons that were given."""
    return [told(case) for case in cases if not case.is_right]


def told(case: Case) -> str:
    """Return a case in words: its label, its fate, and why."""
    fate = "posted" if case.posted else "held back"
    reasons = "; ".join(case.reasons) or "no reason"
    return f"{case.label}, {fate}: {case.candidate.name} ({reasons[:300]})"

"""What tests of a whole module are worth: how many hold, what they reach, and which mutants they notice.

Lines and branches are those of coverage.py's reading of the module. What runs when the module is loaded
counts as reached, and branches there are none.
"""

from __future__ import annotations

import ast
import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

from coverage.parser import PythonParser

from bench.modules import Module, function_spans, mutants_of_module, whole
from bench.places import order_for
from bench.projects import commit_all
from fakes.workspaces import CountingProgress
from testsmith.changes.members import MemberSearch, find_members
from testsmith.execution.jobs import ChangedModule, ChangedModules, TestJob
from testsmith.git.repository import Repository
from testsmith.languages.mutants import Mutant
from testsmith.languages.python.explorer.guidance import mutants_around
from testsmith.languages.python.explorer.module_source import read_module
from testsmith.languages.python.language import PYTHON
from testsmith.languages.python.mutation.mutants import plain_text
from testsmith.languages.python.running.harness import run_jobs
from testsmith.languages.python.running.project_tests.run import run_suite
from testsmith.languages.python.running.project_tests.suite import changes_noticed
from testsmith.languages.python.running.run_settings import PythonSetting
from testsmith.languages.python.running.runner import PythonRunner
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.python.running.workspace_builder import open_workspace
from testsmith.languages.registry import languages
from testsmith.languages.results import FunctionProof, Proof, Run, TestStatus
from testsmith.model import Candidate, Member, Origin
from testsmith.settings import SelectionSettings, VerificationSettings
from testsmith.verification.evidence import RunSubject, gather_evidence
from testsmith.verification.mutation import edit_of

RUNS = 5

_SUITE_SECONDS = 600.0
_MUTATION_SECONDS = 300.0
_NO_COVER = r"#\s*(?:pragma|PRAGMA)[:\s]?\s*(?:no|NO)\s*(?:cover|COVER)"
_UNCHANGED = -1
"""The number of a change that changes nothing: a test that fails with it has noticed no mutant either."""

_MUTATED = PythonSetting(name="mutants", hash_seed=1)

Arc = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What the tests of one module are worth.

    Attributes:
        tests: Test functions, a parametrized one being one.
        passing: Those that pass in the first run.
        stable: Those that pass in every run; of a project's own, which are run once, those that pass.
        lines: Per cent of the module's lines that these reach.
        branches: The same of its branches.
        mutants: Mutants of the module.
        killed: Those that a stable test fails with.
        held_out: Mutants that the engine does not use while it looks for inputs and chooses.
        held_out_killed: Those of them that a stable test fails with.
    """

    tests: int
    passing: int
    stable: int
    lines: float
    branches: float
    mutants: int
    killed: int
    held_out: int
    held_out_killed: int

    @property
    def mutation(self) -> float:
        """Per cent of the mutants that are killed."""
        return _per_cent(self.killed, self.mutants)

    def told(self) -> dict[str, float]:
        """Return it as JSON holds it."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A module where its tests can be run.

    Attributes:
        module: The module.
        source: Its text.
        workspace: Where its project is.
        search: Its public functions.
        mutants: Its mutants, the same for every tool.
        held_out: The numbers of those that the engine does not use.
    """

    module: Module
    source: str
    workspace: PythonWorkspace
    search: MemberSearch
    mutants: tuple[Mutant, ...]
    held_out: frozenset[int]


@asynccontextmanager
async def open_ground(module: Module, root: Path, interpreter: Path) -> AsyncIterator[Ground]:
    """Give the ground for a module.

    Args:
        module: The module.
        root: Its project's source distribution, unpacked.
        interpreter: The Python that has what the project and its tests need.
    """
    commit_all(root, module.requirement)
    repository = Repository.open(root)
    selection = SelectionSettings(all_paths=(module.path,), max_members=10_000)
    settings = VerificationSettings(python=interpreter, test_command=f"pytest {module.tests}")
    search = find_members(repository, selection, languages())
    source = plain_text((root / module.path).read_bytes())
    mutants = mutants_of_module(module, source)
    async with open_workspace(order_for(repository, search, settings)) as workspace:
        yield Ground(
            module=module,
            source=source,
            workspace=workspace,
            search=search,
            mutants=mutants,
            held_out=_held_out(mutants, search.members, source),
        )


def _held_out(mutants: Sequence[Mutant], members: Sequence[Member], source: str) -> frozenset[int]:
    used = {
        mutant.edit
        for member in members
        for mutant in mutants_around(member, replace(read_module(source, member.module), text=source))
    }
    return frozenset(number for number, mutant in enumerate(mutants) if mutant.edit not in used)


async def score_of_candidates(ground: Ground, codes: Sequence[str]) -> Score:
    """Measure test modules that stand alone, all of them together."""
    member = whole(ground.module, ground.source)
    subjects = [
        RunSubject(member=member, candidate=Candidate(member=member.id, code=code, origin=Origin.OFFLINE))
        for code in codes
    ]
    settings = VerificationSettings(runs=RUNS, test_seconds=60.0)
    proofs = await gather_evidence(
        subjects,
        PythonRunner(workspace=ground.workspace),
        PYTHON.tests.test_functions,
        settings,
        CountingProgress(),
    )
    functions = [function for proof in proofs for function in proof.functions]
    passing = sum(each.head[0].status is TestStatus.PASSED for each in functions)
    counts = _Counts(tests=len(functions), passing=passing, stable=sum(map(_is_stable, functions)))
    return _score(ground, counts, _Reach.of(proofs), await _killed_by(ground, proofs))


async def score_of_own_tests(ground: Ground) -> Score:
    """Measure the project's own test file of the module, in the project's own session."""
    member = whole(ground.module, ground.source)
    answer = await run_suite(ground.workspace, [member], _SUITE_SECONDS)
    if not answer.is_whole:
        print(
            f"{ground.module.name}: its the project's tests were not measured: {answer.trouble}", flush=True
        )
    path = ground.module.path
    names = {(test.file, test.name) for test in answer.tests}
    failed = {(test.file, test.name) for test in answer.failed}
    lines = {test.id: test.lines.get(path, frozenset()) for test in answer.tests if not test.has_failed}
    loaded = answer.loaded.get(path, frozenset())
    reached = _Reach(
        lines=loaded.union(*lines.values()), branches=answer.arcs.get(path, frozenset()), loads=bool(lines)
    )
    changes = _changes(ground, lines, loaded)
    noticed = await changes_noticed(
        ground.workspace, {member.id: _changed(ground, changes, frozenset(lines))}, _SUITE_SECONDS
    )
    killed = {number for number, noticed in noticed.get(member.id, {}).items() if noticed}
    passing = len(names - failed)
    return _score(ground, _Counts(tests=len(names), passing=passing, stable=passing), reached, killed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    """How many test functions there are, pass, and pass every time."""

    tests: int
    passing: int
    stable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reach:
    """What tests reach of a module, and whether it is loaded at all."""

    lines: frozenset[int]
    branches: frozenset[Arc]
    loads: bool

    @classmethod
    def of(cls, proofs: Iterable[Proof]) -> _Reach:
        """Return what stable test functions reach, and what is reached while their modules are loaded."""
        runs = [run for proof in proofs for run in _stable_runs(proof)]
        return cls(
            lines=frozenset().union(*(run.lines | run.import_lines for run in runs)),
            branches=frozenset().union(*(run.branches for run in runs)),
            loads=bool(runs),
        )


def _is_stable(function: FunctionProof) -> bool:
    return function.passes == len(function.head) == RUNS


def _stable_runs(proof: Proof) -> list[Run]:
    return [run for function in proof.functions if _is_stable(function) for run in function.head]


async def _killed_by(ground: Ground, proofs: Sequence[Proof]) -> set[int]:
    """Run test modules with the mutants that they reach; return the numbers of those that one notices.

    Some side by side, and the next with those mutants only that none before has noticed.
    """
    killed: set[int] = set()
    step = ground.workspace.parallel
    for start in range(0, len(proofs), step):
        some = enumerate(proofs[start : start + step], start)
        jobs = [job for number, proof in some if (job := _mutation_job(ground, number, proof, killed))]
        told = await asyncio.gather(*(run_jobs(ground.workspace, _MUTATED, [job]) for job in jobs))
        for job, results in zip(jobs, told, strict=True):
            changed = dict(results[job.number].changed)
            unsound = _noticing(changed.pop(_UNCHANGED, {}))
            killed |= {number for number, statuses in changed.items() if _noticing(statuses) - unsound}
    return killed


def _noticing(statuses: Mapping[str, str]) -> set[str]:
    return {
        name for name, status in statuses.items() if status not in {TestStatus.PASSED, TestStatus.SKIPPED}
    }


def _mutation_job(ground: Ground, number: int, proof: Proof, killed: AbstractSet[int]) -> TestJob | None:
    lines = {function.name: function.lines for function in proof.functions if _is_stable(function)}
    loaded = frozenset[int]().union(*(run.import_lines for run in _stable_runs(proof)))
    changes = [each for each in _changes(ground, lines, loaded) if each.number not in killed]
    if not changes:
        return None
    names = frozenset(lines)
    unchanged = ChangedModule(number=_UNCHANGED, edit=(0, 0, ""), function=None, tests=names)
    changed = _changed(ground, [unchanged, *changes], names)
    return TestJob(number=number, code=proof.candidate.code, seconds=_MUTATION_SECONDS, changed=changed)


def _changed(ground: Ground, changes: Sequence[ChangedModule], names: frozenset[str]) -> ChangedModules:
    return ChangedModules(path=ground.module.path, source=ground.source, names=names, changes=tuple(changes))


def _changes(
    ground: Ground, lines: Mapping[str, frozenset[int]], loaded: frozenset[int]
) -> list[ChangedModule]:
    """Return the mutants that tests reach, by what each of them reaches and what is reached by loading."""
    spans = function_spans(ground.source)
    found = []
    for number, mutant in enumerate(ground.mutants):
        function = mutant.function
        if function is not None and not loaded.isdisjoint(range(function.line, spans[function.line] + 1)):
            function = None  # it has run by the time that it could be exchanged
        reaching = (name for name in lines if function is None or mutant.is_reached_by(lines[name]))
        if tests := frozenset(reaching):
            place = None if function is None else (function.name, function.line)
            found.append(ChangedModule(number=number, edit=edit_of(mutant), function=place, tests=tests))
    return found


def _score(ground: Ground, counts: _Counts, reached: _Reach, killed: set[int]) -> Score:
    possible = _Possible(ground.source)
    return Score(
        tests=counts.tests,
        passing=counts.passing,
        stable=counts.stable,
        lines=possible.lines_of(reached),
        branches=possible.branches_of(reached),
        mutants=len(ground.mutants),
        killed=len(killed),
        held_out=len(ground.held_out),
        held_out_killed=len(killed & ground.held_out),
    )


class _Possible:
    """The lines and branches of a module."""

    def __init__(self, source: str) -> None:
        self._parser = PythonParser(text=source, exclude=_NO_COVER)
        self._parser.parse_source()
        later = {
            line
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for line in range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1)
        }
        self._lines = set(self._parser.statements)
        self._when_loaded = self._lines - later
        deciding = {line for line, ways in self._parser.exit_counts().items() if ways > 1}
        self._branches = {arc for arc in self._parser.arcs() if arc[0] in deciding & later}

    def lines_of(self, reached: _Reach) -> float:
        """Return per cent of the lines."""
        lines = self._parser.translate_lines(reached.lines)
        return _per_cent(len((lines | self._when_loaded) & self._lines) * reached.loads, len(self._lines))

    def branches_of(self, reached: _Reach) -> float:
        """Return per cent of the branches."""
        arcs = set(self._parser.translate_arcs(reached.branches))
        return _per_cent(len(arcs & self._branches), len(self._branches))


def _per_cent(count: int, of: int) -> float:
    return 100 * count / of if of else 100.0

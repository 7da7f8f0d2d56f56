"""The mutants of a real module compared with those of cosmic-ray and mutmut: the same verdicts, and how fast.

All three get the same module and the same test file, and one process at a time. What each does once, before
its first mutant, is left out: cosmic-ray's list and baseline, mutmut's generated files, statistics and clean
run, our copies of the project and the run that shows which test reaches what.

Two mutants are the same where the whole module, read as a syntax tree, is. Where two programs differ about
one, plain pytest on the mutated module decides.
"""

from __future__ import annotations

import ast
import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench.clock import Stopwatch
from bench.figures import Figure
from bench.modules import ENCODING, FILESIZE, Module
from bench.places import order_for
from bench.projects import commit_all
from bench.subjects import NotToBeHad, environment_with, fetched
from fakes.workspaces import CountingProgress
from testsmith.changes.members import find_members
from testsmith.git.repository import Repository
from testsmith.languages.python.language import PYTHON
from testsmith.languages.python.running.runner import PythonRunner
from testsmith.languages.python.running.workspace_builder import open_workspace
from testsmith.languages.thresholds import DEFAULTS
from testsmith.model import Candidate, Origin
from testsmith.settings import SelectionSettings, VerificationSettings
from testsmith.verification.evidence import RunSubject, gather_evidence
from testsmith.verification.mutation import gather_mutants

TOOLS = ("cosmic-ray==8.7.0", "mutmut==3.8.1", "pytest")
TIMES_FASTER = 3.0

_ALL_MUTANTS = replace(DEFAULTS, max_mutants=10_000, mutants_a_line=100, mutation_seconds=120.0)


MODULES = (FILESIZE, ENCODING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One module, unpacked.

    Attributes:
        module: What it is.
        root: The project's folder.
        interpreter: The Python that has the other programs.
    """

    module: Module
    root: Path
    interpreter: Path

    @property
    def source(self) -> str:
        """The module's text."""
        return (self.root / self.module.path).read_text(encoding="utf-8")

    def copied(self, name: str) -> Place:
        """Return the same in a copy next to it, with no settings of the project's own."""
        root = self.root.with_name(name)
        shutil.copytree(self.root, root)
        (root / "pyproject.toml").write_text(_SETTINGS, encoding="utf-8")
        return replace(self, root=root)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the project's folder."""
        variables = {**os.environ, "PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            command, cwd=self.root, env=variables, capture_output=True, text=True, check=False
        )


_SETTINGS = """\
[project]
name = "subject"
version = "1"

[tool.pytest.ini_options]
filterwarnings = ["error"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What one program found.

    Attributes:
        program: Its name.
        killed: By mutant, the mutated module's syntax tree as text, whether a test failed with it.
        texts: The mutated modules' texts.
        busy: The processor's seconds that it spent on them, without what it does once before.
        seconds: The same by the clock.
    """

    program: str
    killed: Mapping[str, bool]
    texts: Mapping[str, str]
    busy: float
    seconds: float

    @property
    def speed(self) -> float:
        """Mutants a second of the processor's time."""
        return len(self.killed) / self.busy


def tree_of(text: str) -> str:
    """Return a module as its syntax tree has it, without places and formatting."""
    return ast.dump(ast.parse(text))


def measure_peers(folder: Path) -> Iterator[Figure]:
    """Measure each module; say so where the other programs cannot be had."""
    try:
        interpreter = environment_with(folder / "tools", *TOOLS)
        roots = [fetched(module.requirement, folder / module.name / "found") for module in MODULES]
    except NotToBeHad as reason:
        print(f"not compared with cosmic-ray and mutmut: {reason}")
        return
    for module, root in zip(MODULES, roots, strict=True):
        yield from _measure_module(Place(module=module, root=root, interpreter=interpreter))


def _measure_module(place: Place) -> Iterator[Figure]:
    ours = _ours(place)
    print(f"\n{place.module.name} with {place.module.tests} of {place.module.requirement}\n")
    print("| program    | mutants | killed | seconds | processor's seconds | a second of those |")
    print("|------------|---------|--------|---------|---------------------|-------------------|")
    _print_row(ours)
    others = [_mutmut(place.copied("mutmut")), _cosmic_ray(place.copied("cosmic-ray"), ours)]
    for other in others:
        _print_row(other)
    for other in others:
        yield from _compared(place, ours, other)


def _print_row(one: Verdicts) -> None:
    counts = f"{len(one.killed):>7} | {sum(one.killed.values()):>6} | {one.seconds:>7.1f}"
    print(f"| {one.program:<10} | {counts} | {one.busy:>19.1f} | {one.speed:>17.1f} |", flush=True)


def _compared(place: Place, ours: Verdicts, other: Verdicts) -> Iterator[Figure]:
    both = ours.killed.keys() & other.killed.keys()
    differing = sorted(mutant for mutant in both if ours.killed[mutant] != other.killed[mutant])
    print(f"{other.program}: {len(both)} mutants are made by both, {len(differing)} verdicts differ")
    if differing and all(other.killed.values()):
        print(f"  {other.program} calls all of its {len(other.killed)} mutants killed")
    wrong = 0
    for number, mutant in enumerate(differing):
        truth = _judged_by_pytest(place.copied(f"{other.program}-{number}"), ours.texts[mutant])
        wrong += truth != ours.killed[mutant]
        right = "testsmith" if truth == ours.killed[mutant] else other.program
        print(f"  {_difference(place.source, ours.texts[mutant])}: plain pytest bears out {right}")
    beside = f"{place.module.name} next to {other.program}"
    yield Figure(name=f"{beside}, mutants of both", value=len(both), unit="mutants", least=1)
    yield Figure(name=f"{beside}, wrong verdicts", value=wrong, unit="mutants", most=0)
    # Mutmut forks from a process that has all loaded, as we do, and stops at the first case that fails.
    least = TIMES_FASTER if other.program == "cosmic-ray" else None
    faster = ours.speed / other.speed if other.killed else 0.0
    yield Figure(name=f"{beside}, mutants a second", value=faster, unit="times", least=least)


def _difference(old: str, new: str) -> str:
    """Name the first line that differs."""
    lines = zip(old.splitlines(), new.splitlines(), strict=False)
    for number, (before, after) in enumerate(lines, 1):
        if before != after:
            return f"line {number}, `{before.strip()}` to `{after.strip()}`"
    return "the last lines"


def _judged_by_pytest(place: Place, text: str) -> bool:
    """Return whether the test file fails with a changed module."""
    (place.root / place.module.path).write_text(text, encoding="utf-8")
    command = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", place.module.tests)
    return bool(place.run(str(place.interpreter), *command).returncode)


def _ours(place: Place) -> Verdicts:
    """Take the project's test file for a candidate, and run it as one."""
    commit_all(place.root, "the project")
    return asyncio.run(_our_verdicts(place))


async def _our_verdicts(place: Place) -> Verdicts:
    settings = VerificationSettings(runs=1, test_seconds=60.0, python=place.interpreter)
    repository = Repository.open(place.root)
    search = find_members(repository, SelectionSettings(all_paths=(place.module.path,)), [PYTHON])
    code = (place.root / place.module.tests).read_text(encoding="utf-8")
    subjects = [
        RunSubject(member=member, candidate=Candidate(member=member.id, code=code, origin=Origin.MODEL))
        for member in search.members
    ]
    async with open_workspace(order_for(repository, search, settings)) as opened:
        workspace = replace(opened, parallel=1)
        progress = CountingProgress()
        proofs = await gather_evidence(
            subjects, PythonRunner(workspace=workspace), PYTHON.tests.test_functions, settings, progress
        )
        with Stopwatch() as watch:
            mutations = await gather_mutants(
                proofs, PYTHON, PythonRunner(workspace=workspace), _ALL_MUTANTS, progress
            )
    killed = {
        mutant.edit.applied(place.source): mutant in mutation.killed
        for mutation in mutations
        for mutant in mutation.mutants or ()
    }
    return _verdicts_of("testsmith", killed, watch)


def _mutmut(place: Place) -> Verdicts:
    """Run mutmut; its first run may fail, with a mutant active in what it takes for a clean run."""
    settings = place.root / "pyproject.toml"
    package = str(Path(place.module.path).parent)
    chosen = {
        "source_paths": [package],
        "only_mutate": [place.module.path],
        "pytest_add_cli_args": ["-q", "-p", "no:cacheprovider"],
        "pytest_add_cli_args_test_selection": [place.module.tests],
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in chosen.items()]
    settings.write_text("\n".join([_SETTINGS, "[tool.mutmut]", *lines, ""]), encoding="utf-8")
    command = (str(place.interpreter.with_name("mutmut")), "run", "--max-children", "1")
    with Stopwatch() as watch:
        done = place.run(*command)
    if done.returncode:
        print("mutmut: its first run failed, as it does on this module; the second counts")
        with Stopwatch() as watch:
            place.run(*command)
    killed = dict(_of_mutmut(place))
    with Stopwatch() as start:  # all is known by now
        place.run(*command)
    return _verdicts_of("mutmut", killed, watch.without(start))


def _of_mutmut(place: Place) -> Iterator[tuple[str, bool]]:
    """Yield the text of each of mutmut's mutants, and whether it was killed."""
    file = place.root / "mutants" / place.module.path
    told = json.loads(Path(f"{file}.meta").read_text(encoding="utf-8"))["exit_code_by_key"]
    functions = {
        statement.name: statement
        for statement in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(statement, ast.FunctionDef)
    }
    for key, code in told.items():
        name = key.rpartition(".")[2]
        original = name.removeprefix("x_").partition("__mutmut_")[0]
        if code is not None and name in functions:
            yield _with_function(place.source, original, functions[name]), code != 0


def _with_function(source: str, name: str, changed: ast.FunctionDef) -> str:
    """Return a module's text with another function in the place of the one of a name."""
    module = ast.parse(source)
    for number, statement in enumerate(module.body):
        if isinstance(statement, ast.FunctionDef) and statement.name == name:
            changed.name = name
            changed.decorator_list = statement.decorator_list
            module.body[number] = changed
    return ast.unparse(module)


def _verdicts_of(program: str, killed: Mapping[str, bool], watch: Stopwatch) -> Verdicts:
    return Verdicts(
        program=program,
        killed={tree_of(text): is_killed for text, is_killed in killed.items()},
        texts={tree_of(text): text for text in killed},
        busy=watch.busy,
        seconds=watch.seconds,
    )


_COSMIC_RAY = """\
[cosmic-ray]
module-path = "{path}"
timeout = 20.0
excluded-modules = []
test-command = "{python} -m pytest -x -q -p no:cacheprovider {tests}"

[cosmic-ray.distributor]
name = "local"
"""
_COSMIC_RAY_TEXTS = """\
import json, sys
from pathlib import Path
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db

found = {}
with use_db("session.sqlite", WorkDB.Mode.open) as database:
    for item in database.work_items:
        [mutation] = item.mutations
        operator = get_operator(mutation.operator_name)(**mutation.operator_args)
        text = Path(mutation.module_path).read_text(encoding="utf-8")
        found[item.job_id] = mutate_code(text, operator, mutation.occurrence)
json.dump(found, sys.stdout)
"""
_COSMIC_RAY_SKIP = """\
import json, sys
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import WorkerOutcome, WorkResult

with use_db("session.sqlite", WorkDB.Mode.open) as database:
    for job in json.load(open("skipped.json")):
        database.set_result(job, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))
"""
_COSMIC_RAY_RESULTS = """\
import json, sys
from cosmic_ray.work_db import WorkDB, use_db

with use_db("session.sqlite", WorkDB.Mode.open) as database:
    outcomes = {job: result.test_outcome for job, result in database.results if result.test_outcome}
json.dump(outcomes, sys.stdout)
"""


def _cosmic_ray(place: Place, ours: Verdicts) -> Verdicts:
    """Run cosmic-ray on the mutants that both make: it takes most of a second for each."""
    tool, python = str(place.interpreter.with_name("cosmic-ray")), str(place.interpreter)
    config = _COSMIC_RAY.format(path=place.module.path, python=python, tests=place.module.tests)
    (place.root / "cosmic-ray.toml").write_text(config, encoding="utf-8")
    place.run(tool, "init", "cosmic-ray.toml", "session.sqlite")
    texts: dict[str, str] = json.loads(place.run(python, "-c", _COSMIC_RAY_TEXTS).stdout)
    skipped = [job for job, text in texts.items() if tree_of(text) not in ours.killed]
    (place.root / "skipped.json").write_text(json.dumps(skipped), encoding="utf-8")
    place.run(python, "-c", _COSMIC_RAY_SKIP)
    with Stopwatch() as watch:
        place.run(tool, "exec", "cosmic-ray.toml", "session.sqlite")
    outcomes: dict[str, str] = json.loads(place.run(python, "-c", _COSMIC_RAY_RESULTS).stdout)
    killed = {texts[job]: outcome != "survived" for job, outcome in outcomes.items()}
    print(f"cosmic-ray makes {len(texts)} mutants, of which only those that both make were run")
    return _verdicts_of("cosmic-ray", killed, watch)

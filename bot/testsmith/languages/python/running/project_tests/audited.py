"""Run test functions for an audit: repeatedly, on base, against mutants, and without the project."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from testsmith.decode import OrElse, decode_lines
from testsmith.execution.audit_runs import AuditedMutants, AuditedRun, AuditRun, AuditRuns, WithoutProject
from testsmith.execution.baseline import OwnSuite
from testsmith.execution.jobs import CRASHED, FAILED, PASSED, SKIPPED, ChangedModule, ChangedModules
from testsmith.execution.sandbox.interface import CannotRun, ProcessOutcome
from testsmith.languages.python.running.project_tests.answers import (
    MISSING_MODULE,
    OwnTest,
    SuiteAnswer,
    one_line,
)
from testsmith.languages.python.running.project_tests.run import (
    MutantsPlan,
    TriedMutant,
    run_in_setting,
    run_on_base,
    run_worker,
    source_files,
)
from testsmith.languages.python.running.run_settings import (
    AUDIT,
    AUDIT_AS_SUITE,
    AUDIT_VARIED,
    variable_of_zone,
    words_of,
)
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.tasks import gather, in_thread

_LEAST_A_PROCESS = 6
"""Fewer functions are not worth a separate process and copy."""

_WORST = (PASSED, SKIPPED, FAILED, CRASHED)
_MOST_CONFIRMED = 5
_VALUES = ("true", "false")
_WAYS = ("gone", "nothing", *_VALUES)
_IN_ORDER = "order of the file"
_VARIED = words_of(AUDIT_VARIED, frozenset(), None)
_BACKWARDS = tuple("reverse order" if each == _IN_ORDER else each for each in _VARIED)
_ALONE = tuple("no other test" if each == _IN_ORDER else each for each in _VARIED)


async def run_audited(
    workspace: PythonWorkspace, functions: Collection[str], seconds: float, suite: OwnSuite
) -> AuditRuns:
    """Run test functions; see `TestRunner.audit_runs`.

    Other runs on head take place together with mutants, see `try_audited`.

    Raises:
        CannotRun: There is not enough space for a copy, or the sandbox could not start a process.
    """
    traced = await run_in_setting(workspace, functions, seconds, AUDIT, traced=True)
    head = await _repeated(workspace, _run(words_of(AUDIT, frozenset(), None), traced), seconds, suite)
    known = _known_on_base(head[0], suite)
    unknown = [one for one in functions if one not in known.functions and _file(one) not in known.broken]
    on_base = await _run_on_base(workspace, unknown, seconds) if unknown else AuditRun()
    if on_base is not None:
        on_base = replace(
            on_base,
            functions={**on_base.functions, **known.functions},
            broken={**on_base.broken, **known.broken},
        )
        broken = {file: why for file, why in on_base.broken.items() if not _lacks_a_package(why, workspace)}
        on_base = replace(on_base, broken=broken)
    return AuditRuns(head=head, base=on_base)


async def _repeated(
    workspace: PythonWorkspace, first: AuditRun, seconds: float, suite: OwnSuite
) -> tuple[AuditRun, ...]:
    """Repeat what fails in the traced run, or failed when the whole suite was measured, without tracing.

    Tracing takes time, which may be all that a function failed for. If it did, the traced run does not count.
    """
    failed = {name for name, run in first.functions.items() if run.status not in {PASSED, SKIPPED}}
    suspected = (suite.failed or frozenset()) & first.functions.keys() - failed
    found = [first]
    if failed:
        again = _run((), await run_in_setting(workspace, failed, seconds, AUDIT))
        repeated = _with_lines(again.functions, first.functions)
        ends = {name: run for name, run in repeated.items() if run.status not in {PASSED, SKIPPED}}
        found = [
            replace(first, functions={**first.functions, **repeated}),
            AuditRun(words=first.words, functions={name: first.functions[name] for name in ends}),
        ]
    if suspected:
        words = words_of(AUDIT_AS_SUITE, frozenset(), None)
        found.append(_run(words, await run_in_setting(workspace, suspected, seconds, AUDIT_AS_SUITE)))
    return tuple(found)


def _file(function: str) -> str:
    return function.partition("::")[0]


def _known_on_base(head: AuditRun, suite: OwnSuite) -> AuditRun:
    """Return how functions ended on base whose tests all ran there when the whole suite was measured."""
    functions: dict[str, AuditedRun] = {}
    for name, run in head.functions.items():
        ended = [suite.on_base_ended[test] for test in run.tests if test in suite.on_base_ended]
        if ended and len(ended) == len(run.tests):
            status, message = max(ended, key=lambda one: _WORST.index(one[0]))
            passes = {status for status, _ in ended} == {PASSED, SKIPPED}
            functions[name] = AuditedRun(status=PASSED if passes else status, message=message)
    return AuditRun(functions=functions, broken=suite.on_base_broken)


def _with_lines(
    functions: Mapping[str, AuditedRun], traced: Mapping[str, AuditedRun]
) -> dict[str, AuditedRun]:
    return {
        name: replace(run, lines=traced[name].lines, is_traced=traced[name].status != CRASHED)
        if name in traced
        else replace(run, is_traced=False)
        for name, run in functions.items()
    }


def _lacks_a_package(why: str, workspace: PythonWorkspace) -> bool:
    """Return whether a file cannot be loaded because of a module that is not the project's."""
    missing = MISSING_MODULE.search(why)
    return missing is not None and missing[1].partition(".")[0] not in workspace.owned_modules


async def _run_on_base(
    workspace: PythonWorkspace, functions: Collection[str], seconds: float
) -> AuditRun | None:
    try:
        return _run((), await run_on_base(workspace, functions, seconds))
    except CannotRun:
        return None


def _run(words: tuple[str, ...], answer: SuiteAnswer) -> AuditRun:
    found: dict[str, list[OwnTest]] = {}
    for test in answer.tests:
        found.setdefault(f"{test.file}::{test.name}", []).append(test)
    return AuditRun(
        words=words,
        functions={name: _together(tests) for name, tests in found.items()},
        broken=answer.broken,
        trouble=answer.trouble,
    )


def _together(tests: list[OwnTest]) -> AuditedRun:
    """Return how the tests of one function ended: a table passes if some rows pass and others are skipped."""
    statuses = {test.status for test in tests}
    worst = max(statuses, key=_WORST.index)
    lines: dict[str, set[int]] = {}
    for test in tests:
        for path, reached in test.lines.items():
            lines.setdefault(path, set()).update(reached)
    of_worst = next(test for test in tests if test.status == worst)
    return AuditedRun(
        status=PASSED if statuses == {PASSED, SKIPPED} else worst,
        message=of_worst.message,
        wants_network=of_worst.wants_network,
        seconds=sum(test.seconds for test in tests),
        tests=frozenset(test.id for test in tests),
        lines={path: frozenset(reached) for path, reached in lines.items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Audited:
    kind: Literal["audited"]
    function: int
    alone: str
    backwards: Annotated[str, OrElse("")] = ""
    without: dict[str, str]
    why: Annotated[str, OrElse("")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What one process tries."""

    mutants: MutantsPlan
    functions: Mapping[int, Collection[str]]

    def read(self, outcome: ProcessOutcome) -> tuple[list[TriedMutant], dict[int, WithoutProject]]:
        found, _ = decode_lines(_Audited, outcome.stdout)
        return self.mutants.read(outcome), {
            one.function: _without_project(one) for one in found if one.function in self.functions
        }


def _without_project(one: _Audited) -> WithoutProject:
    tried = bool(one.without)
    return WithoutProject(
        alone=one.alone if one.alone in {PASSED, SKIPPED} else FAILED,
        words=_ALONE,
        backwards=one.backwards if one.backwards in {PASSED, SKIPPED, ""} else FAILED,
        backwards_words=_BACKWARDS,
        passes=all(one.without.get(way) == PASSED for way in _WAYS) if tried else None,
        ignores_results=tried and all(one.without.get(way) == PASSED for way in _VALUES),
        in_setup=one.without.get("gone") == "setup",
        uncertain=one_line(one.why),
    )


async def try_audited(
    workspace: PythonWorkspace,
    changed: Mapping[str, ChangedModules],
    functions: Mapping[int, Collection[str]],
    seconds: float,
) -> AuditedMutants:
    """Try mutants and test functions in parallel; see `TestRunner.audit_mutants`."""
    files = await in_thread(source_files, workspace.head.root)
    count = max(1, min(workspace.parallel, math.ceil(len(functions) / _LEAST_A_PROCESS)))
    parts = list(_parts(changed, functions, count))
    killed: dict[tuple[str, int], bool] = {}
    in_setup: set[tuple[str, int]] = set()
    found: dict[int, WithoutProject] = {}
    for tried, audited in await gather(*(_tried(workspace, part, files, seconds) for part in parts)):
        killed |= {(one.module, one.number): one.is_killed for one in tried}
        in_setup |= {(one.module, one.number) for one in tried if one.in_setup}
        found |= audited
    found |= await _confirmed_backwards(workspace, functions, found, seconds)
    failed = {number: functions[number] for number, one in found.items() if one.alone == FAILED}
    found |= await _confirmed(workspace, failed, found, seconds)
    return AuditedMutants(killed=killed, in_setup=frozenset(in_setup), functions=found)


async def _confirmed_backwards(
    workspace: PythonWorkspace,
    functions: Mapping[int, Collection[str]],
    found: Mapping[int, WithoutProject],
    seconds: float,
) -> dict[int, WithoutProject]:
    """Run all functions in reverse order in a process of their own, if one failed so in a forked process."""
    failed = [number for number, one in found.items() if one.backwards == FAILED]
    if not failed:
        return {}
    tests = sorted({test for ids in functions.values() for test in ids})
    answer = await run_in_setting(workspace, tests, seconds, AUDIT_VARIED, backwards=True)
    ended = {test.id: test.status for test in answer.tests}
    confirmed: dict[int, WithoutProject] = {}
    for number in failed:
        statuses = {ended.get(test, "") for test in functions[number]}
        status = FAILED if statuses & {FAILED, CRASHED} else "" if "" in statuses else PASSED
        confirmed[number] = replace(found[number], backwards=status)
    return confirmed


async def _confirmed(
    workspace: PythonWorkspace,
    failed: Mapping[int, Collection[str]],
    found: Mapping[int, WithoutProject],
    seconds: float,
) -> dict[int, WithoutProject]:
    """Return what is known about functions that failed by themselves in a forked process.

    Each of the first ones is run once more in a process of its own. Of the others, nothing is known.
    """
    confirmed: dict[int, WithoutProject] = {}
    for place, (number, tests) in enumerate(failed.items()):
        status = ""
        if place < _MOST_CONFIRMED:
            answer = await run_in_setting(workspace, tests, seconds, AUDIT_VARIED)
            status = FAILED if answer.failed else PASSED if answer.tests else ""
        confirmed[number] = replace(found[number], alone=status, passes=None, ignores_results=False)
    return confirmed


def _parts(
    changed: Mapping[str, ChangedModules], functions: Mapping[int, Collection[str]], count: int
) -> Iterator[_Part]:
    """Split the functions, each with its mutants; mutants of no function are split by their numbers."""
    places = {number: place * count // len(functions) for place, number in enumerate(functions)}
    changes: list[tuple[str, ChangedModule]] = [
        (path, change) for path, module in changed.items() for change in module.changes if change.tests
    ]
    for part in range(count):
        yield _Part(
            mutants=MutantsPlan(
                modules=changed,
                changes=[
                    (path, change)
                    for path, change in changes
                    if (change.number % count if change.audited is None else places[change.audited]) == part
                ],
            ),
            functions={number: tests for number, tests in functions.items() if places[number] == part},
        )


async def _tried(
    workspace: PythonWorkspace, part: _Part, files: list[str], seconds: float
) -> tuple[list[TriedMutant], dict[int, WithoutProject]]:
    if not part.functions and not part.mutants.changes:
        return [], {}
    plan = part.mutants.plan(seconds, part.functions, files)
    variables = {
        "PYTHONHASHSEED": str(AUDIT_VARIED.hash_seed),
        "TZ": variable_of_zone(AUDIT_VARIED.time_zone),
    }
    try:
        outcome, _ = await run_worker(workspace, plan, variables=variables)
    except CannotRun:
        return [], {}
    return part.read(outcome)

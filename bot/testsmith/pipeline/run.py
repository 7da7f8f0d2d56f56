"""One run from changes to report, phase by phase.

Phases run in order, with three exceptions: tests reduced by the gate are run again as they would be posted,
the model is asked to repair failing candidates, and with `model-for hard` the model is called only for
members that the offline engine's proven tests do not fully cover.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from testsmith.deadline import TimeIsOver
from testsmith.execution.runner import TestRunner
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.sandbox.layers import CannotIsolate
from testsmith.execution.workspace import CannotPrepare, NotInstalled
from testsmith.generation.fan_out import TimedObserver
from testsmith.generation.interface import (
    NotedGenerator,
    NothingObserved,
    Observer,
    ObservingGenerator,
)
from testsmith.languages.language import title_of
from testsmith.languages.toolchain import Engine
from testsmith.model import Estimate, ExpectedCallsReporter, Report, SkipStage, Statistics, Suggestion
from testsmith.pipeline import time_budget
from testsmith.pipeline.audit import (
    NamedTests,
    audit_alone,
    audit_change,
    tests_to_audit,
    with_proposals,
)
from testsmith.pipeline.broken_tests import ask_about_broken_tests
from testsmith.pipeline.conclude import Rounds, conclude, conclude_unproven, verdicts_by_member
from testsmith.pipeline.edit import Edits, edit
from testsmith.pipeline.generate import Answers, ask, ask_for_hard, generate, generate_unproven, joined
from testsmith.pipeline.merged_files import prove_in_files
from testsmith.pipeline.prepare import (
    PendingFacts,
    broaden,
    measure_own_tests,
    members_not_loading,
    runner_of,
)
from testsmith.pipeline.repair import repair
from testsmith.pipeline.same_change import with_nearer_ones
from testsmith.pipeline.select import select
from testsmith.pipeline.state import RunDependencies, RunOptions, RunState, asks_for_hard_alone, runs_code
from testsmith.pipeline.verify import verify
from testsmith.reporting.fault_reports import concluded, readable
from testsmith.reporting.report_assembly import check, numbered
from testsmith.reporting.report_assembly import joined as joined_reports
from testsmith.settings import ModelFor, ProviderChoice, Settings
from testsmith.tasks import gather
from testsmith.test_files.lifecycle import LifecycleResult, Now, look_after
from testsmith.verification.completeness import is_complete
from testsmith.verification.gate import Verdict
from testsmith.verification.prove import ProofContext

_NOT_ESTIMATED = frozenset({SkipStage.BUDGET, SkipStage.INTERNAL})
"""Stages of the members that an estimate leaves out; other skipped members are in the cache."""


async def suggest(settings: Settings, tools: RunDependencies, given: RunOptions | None = None) -> Report:
    """Run all phases and return the report.

    Args:
        settings: The settings of the run.
        tools: The clients.
        given: Optional inputs that replace parts of the run.

    Raises:
        UsageFailure: The folder is not in a repository, or a revision does not exist.
        NotInstalled: The project is not installed, and the settings offer to install it.
    """
    started = tools.clock()
    run = select(settings, tools, given or RunOptions())
    audited = tests_to_audit(run)
    found = Report(members=run.search.found)
    if run.requests or audited:
        found = await _suggestions(run, audited)
    report = concluded(readable(_completed(run, found, tools.clock() - started)))
    report = with_nearer_ones(run, report)
    check(report)
    return report


async def estimate(
    settings: Settings,
    tools: RunDependencies,
    estimated: ExpectedCallsReporter,
    given: RunOptions | None = None,
) -> Estimate:
    """Return the model calls that a run would make, without calling the model or running code.

    Args:
        settings: The settings of the run.
        tools: The clients; the generator only estimates, and `spending` returns the expected cost.
        estimated: Source of the calls that the generator estimated.
        given: Optional inputs that replace parts of the run.

    Raises:
        UsageFailure: The folder is not in a repository, or a revision does not exist.
    """
    started = tools.clock()
    run = select(settings, tools, given or RunOptions())
    run.progress.phase("estimating calls", len(run.requests))
    answers = Answers() if run.clients.model is None else await ask(run, run.clients.model, 1.0)
    calls = estimated.expected_calls()
    left_out = tuple(one for one in answers.skipped.values() if one.stage in _NOT_ESTIMATED)
    asked = {member for call in calls for member in call.members} | {one.member for one in left_out}
    known = (*(candidate.member for candidate in answers.candidates), *answers.skipped)
    return Estimate(
        members=run.search.found,
        calls=calls,
        cached=tuple(member for member in known if member not in asked),
        skipped=(*run.search.skipped, *run.skipped, *left_out),
        statistics=_statistics(run, Statistics(), tools.clock() - started),
        base=run.search.base,
        head=run.search.head,
    )


async def _suggestions(run: RunState, audited: Sequence[NamedTests]) -> Report:
    """Return a report with the results for all members, one project after the other if code is run."""
    if not runs_code(run.settings):
        answers = await generate_unproven(run)
        return await conclude_unproven(run.in_chosen_files(answers.candidates), answers)
    reports: list[Report] = []
    left = run
    tests = {(one.language.name, one.project): one for one in audited}
    projects = dict.fromkeys([*map(run.project_of, run.members), *tests])
    for place, (name, folder) in enumerate(projects):
        part, named = left.of_project(name, folder), tests.get((name, folder))
        if part.requests or named is None:
            share = time_budget.share_of_project(
                len(part.requests), len(left.requests), len(projects) - place
            )
            report = await _suggestions_in(replace(part, deadline=run.deadline.part(share)), name, named)
        else:
            share = 1 / (len(projects) - place)
            report = await audit_alone(replace(part, deadline=run.deadline.part(share)), named)
        if len({other for _, other in projects}) > 1:
            report = replace(report, notes=tuple(f"{folder or '.'}: {note}" for note in report.notes))
        reports.append(report)
        left = left.without(part.requests)
    return joined_reports(reports)


async def _suggestions_in(run: RunState, language: str, named: NamedTests | None) -> Report:
    """Return a report with the results for the members of one language in one project.

    If its tests cannot be run, only its members are skipped.
    """
    toolchain = run.clients.toolchains.get(language)
    title = title_of(language, run.clients.languages)
    if toolchain is None:
        skipped = run.all_skipped(SkipStage.ENVIRONMENT, f"tests in {title} cannot be run on this machine")
    elif toolchain.engine is None and run.clients.model is None and run.options.candidates is None:
        skipped = run.all_skipped(SkipStage.GENERATION, f"tests in {title} need a model")
    else:
        try:
            async with runner_of(run, language) as runner:
                engine = None if toolchain.engine is None else toolchain.engine(runner, run.options.seed)
                broken = await run.deadline.within(members_not_loading(run, runner))
                rest = run.without(broken).on(runner.runtime)
                report = await _suggestions_by(runner, engine, rest, named)
                return replace(report, skipped=(*broken.values(), *report.skipped))
        except (CannotPrepare, CannotIsolate, CannotRun) as failure:
            if isinstance(failure, NotInstalled) and run.settings.verification.offer_install:
                raise
            skipped = run.all_skipped(SkipStage.ENVIRONMENT, str(failure))
        except TimeIsOver:
            reason = run.deadline.reason("the project was ready")
            skipped = run.all_skipped(SkipStage.BUDGET, reason)
    return Report(members=run.search.found, skipped=skipped)


async def _suggestions_by(
    runner: TestRunner, engine: Engine | None, run: RunState, named: NamedTests | None
) -> Report:
    """Generate tests, prove and repair them, judge those of the change, and return a report."""
    if not run.settings.verification.enabled:
        answers = await generate_unproven(run, engine)
        return await conclude_unproven(run.in_chosen_files(answers.candidates), answers)
    facts = PendingFacts(run.deadline)
    observer = _observe(run, engine or NothingObserved(), facts)
    answers, own_tests, runner = await gather(
        generate(run, engine),
        measure_own_tests(run, runner, facts, is_audited=named is not None),
        broaden(run, runner),
    )
    context = ProofContext(
        runner=runner,
        own_tests=own_tests,
        settings=run.proof_settings,
        progress=run.progress,
        tree=run.search.head_tree,
    )
    asked, run = run, run.in_chosen_files(answers.candidates)
    results = await verify(run, context, answers.candidates)
    complete: set[str] = set()
    if asks_for_hard_alone(run.settings):
        complete = {
            one.proof.member.id
            for one in results
            if isinstance(one, Verdict) and is_complete(one, run.language_of(one.proof.member.id).judge)
        }
        hard = asked.without(complete)
        if hard.requests and hard.clients.model is not None:
            of_model = await ask_for_hard(hard, hard.clients.model)
            answers = joined([of_model, answers])
            run = asked.in_chosen_files(answers.candidates)
            results = [*await verify(run.without(complete), context, of_model.candidates), *results]
    proven = list(zip(answers.candidates, results, strict=True))
    repairs = await repair(run, context, proven, answers.failure)
    edits = Edits()
    if repairs.failure is None:
        edits = await edit(run, context, verdicts_by_member(proven, repairs))
    rounds = Rounds(proven=proven, repairs=repairs, edits=edits.verdicts)
    report = await ask_about_broken_tests(run, context, conclude(run, context, answers, rounds))
    report = await prove_in_files(run, context, report)
    audit, unaudited = await audit_change(run, runner, named, own_tests)
    return replace(
        report,
        audit=with_proposals(audit, report.suggestions),
        statistics=replace(report.statistics, not_asked=len(complete)),
        notes=(
            *report.notes,
            *_note_of_complete(run, len(complete)),
            *observer.notes(),
            *edits.notes(),
            *unaudited,
        ),
    )


def _observe(run: RunState, engine: Observer, facts: PendingFacts) -> TimedObserver:
    """Have the model's generator use observations and the facts, and return the observer.

    Members are not run for the model alone unless it asks for inputs.
    """
    probes = run.settings.model.strategy.probes
    is_of_use = probes or run.settings.provider is ProviderChoice.OPENAI_AND_OFFLINE
    share = time_budget.ENGINE if probes else time_budget.OBSERVATIONS
    observer = TimedObserver(engine if is_of_use else NothingObserved(), run.deadline, share)
    model: object = run.clients.model
    if isinstance(model, ObservingGenerator):
        model.observe_with(observer, facts.known)
    return observer


def _note_of_complete(run: RunState, complete: int) -> tuple[str, ...]:
    """Return a note on how many members the model was called for, and why not for the others."""
    if not complete:
        return ()
    every = len(run.requests)
    why = "the offline engine's tests kill all mutants, cover all lines and branches, and show the change"
    return (f"the model was called for {every - complete} of {every} functions: for the others, {why}",)


def _runnable(run: RunState, one: Suggestion) -> Suggestion:
    tests, request = run.language_of(one.member).tests, run.requests.get(one.member)
    by_another = request is not None and not request.is_run_by_framework
    framework = tests.framework if by_another else one.framework
    command = tests.command(framework, one.test_path, one.tests)
    return replace(one, run=shlex.join(command))


def _completed(run: RunState, report: Report, seconds: float) -> Report:
    """Return a report of results completed with what all runs report."""
    search = run.search
    model: object = run.clients.model
    earlier = _earlier_tests(run, report)
    notes = model.notes() if isinstance(model, NotedGenerator) else ()
    return replace(
        report,
        suggestions=numbered(search.found, [_runnable(run, one) for one in report.suggestions]),
        skipped=(*search.skipped, *run.skipped, *report.skipped),
        statistics=_statistics(run, report.statistics, seconds),
        base=search.base,
        head=search.head,
        notes=(*report.notes, *notes, *_without_effect(run)),
        sources=run.sources,
        unchanged=frozenset(run.sources.keys() - run.requests.keys()),
        digests=earlier.digests,
        earlier=earlier.earlier,
    )


def _statistics(run: RunState, statistics: Statistics, seconds: float) -> Statistics:
    spending, cache = run.clients.spending.spending(), run.clients.cache.cache_stats()
    return replace(statistics, spending=spending, cache=cache, seconds=seconds)


def _earlier_tests(run: RunState, report: Report) -> LifecycleResult:
    """Find tests from earlier runs that need attention."""
    search = run.search
    now = Now(
        tree=search.head_tree,
        files=search.files,
        members=search.found,
        project_of=search.projects.of,
        failing=report.failing,
    )
    try:
        return look_after(now, run.clients.languages)
    except Exception as error:  # noqa: BLE001 - re-raised if it ends the run
        run.warn_of_fault("tests of earlier runs were not examined", error)
        return LifecycleResult(digests={})


def _without_effect(run: RunState) -> tuple[str, ...]:
    """Return notes on settings that had no effect."""
    settings = run.settings
    asks = settings.provider is not ProviderChoice.OFFLINE
    if not asks and (run.options.hint or settings.hint):
        return ("the hint had no effect, because no model was used",)
    if settings.model.model_for is ModelFor.ALL or not asks or asks_for_hard_alone(settings):
        return ()
    return (
        (
            "the model was called for all functions: model-for hard requires the provider openai+offline and "
            "--verify"
        ),
    )

"""One run from changes to report: find members, generate candidates, verify them, assemble the report.

This is the only module that knows both generation and verification. Phases run in order, with three
exceptions: tests reduced by the gate are run again as they would be posted, the model is asked to repair
failing candidates, and with `model-for hard` the model is called only for members that the offline engine's
proven tests do not fully cover.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

from testsmith import __version__
from testsmith.changes.members import MemberSearch, find_members
from testsmith.changes.trusted_files import TrustedTree
from testsmith.deadline import Deadline, TimeIsOver, next_group
from testsmith.execution.baseline import OwnSuite
from testsmith.execution.measurements import Measurements, NoMeasurements
from testsmith.execution.sandbox.interface import CannotRun, Sandbox
from testsmith.execution.sandbox.layers import CannotIsolate
from testsmith.execution.workspace import CannotPrepare
from testsmith.faults import (
    apart_from_faults,
    fault_in_words,
    is_fault,
    skipped_by_fault,
    traceback_of,
)
from testsmith.generation.fan_out import TimedObserver, closing, results
from testsmith.generation.interface import NotedGenerator, Observer, ObservingGenerator, TestGenerator
from testsmith.git.repository import Repository
from testsmith.languages.language import Language
from testsmith.languages.python.explorer.generator import OfflineGenerator
from testsmith.languages.python.running.import_check import (
    could_not_import,
    does_not_exist,
    members_that_do_not_exist,
    modules_that_do_not_load,
)
from testsmith.languages.python.running.interpreter import choose_interpreter, tracks_environment
from testsmith.languages.python.running.project_tests.suite import measure_project_tests, with_base
from testsmith.languages.python.running.python_version import (
    OtherPythonOrder,
    requires_python,
    with_other_python,
)
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.python.running.workspace_builder import WorkspaceOrder, open_workspace
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.languages.tests import CannotConvert, CannotPlace
from testsmith.llm.interface import SpendingEnded
from testsmith.model import (
    Baseline,
    BaselineStatus,
    CacheStatsReporter,
    Candidate,
    Change,
    Estimate,
    ExpectedCallsReporter,
    Funnel,
    Label,
    Member,
    Origin,
    Progress,
    Repair,
    Report,
    Request,
    Result,
    Skipped,
    SkipStage,
    SpendingReporter,
    Statistics,
    Suggestion,
)
from testsmith.reporting.fault_reports import concluded, readable
from testsmith.reporting.report_assembly import check, numbered
from testsmith.settings import (
    ModelFor,
    ProviderChoice,
    ReasoningEffort,
    SandboxChoice,
    Settings,
    VerificationSettings,
)
from testsmith.storage.keys import FingerprintInputs, source_digest
from testsmith.tasks import gather
from testsmith.test_files.lifecycle import LifecycleResult, Now, already_tested, look_after
from testsmith.test_files.plan import EditPlan, Marking, plan_edits
from testsmith.test_files.write import write_edits
from testsmith.verification.batches import prove_in_time
from testsmith.verification.completeness import is_complete
from testsmith.verification.evidence import RunSubject
from testsmith.verification.framework_conversion import FrameworkForm
from testsmith.verification.gains import unmeasured_note
from testsmith.verification.gate import ProvenSuggestion, Verdict
from testsmith.verification.prove import best_verdict, funnel, prove
from testsmith.verification.repair import Judged, Repairs, RepairState

_SHARE_OF_MAKING = 0.6
"""Fraction of the remaining time for generation; the rest is for verification."""

_SHARE_OF_ENGINE = 0.3
"""Fraction of the remaining time for the offline engine if the model follows or uses its observations."""

_SHARE_OF_TELLING = 0.05
"""Fraction of the remaining time to wait for observations if the engine has already run."""

_SHARE_OF_MEASURING = 0.7
"""Fraction of the remaining time after which the baseline is canceled, if its own limit did not apply."""

_SHARE_ON_BASE = 0.3
"""Fraction of the remaining time after which the baseline run on base is canceled."""

_SHARE_OF_OWN_TESTS = 0.25
"""Fraction of the remaining time for the project's own tests on base, and with one group's mutants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDependencies:
    """Clients of one run, built by the entry point.

    Attributes:
        languages: The supported languages.
        model: Generator that calls a model; None if the settings use none.
        build_sandbox: Builds the sandbox that runs the project's code with an interpreter.
        cache: Source of the result cache figures.
        spending: Source of the spending figures.
        progress: Progress display.
        clock: Monotonic clock, in seconds.
        environment: The user's environment, used to find the project's interpreter.
        measurements: Store for baseline measurements between runs.
    """

    languages: Sequence[Language]
    model: TestGenerator | None
    build_sandbox: Callable[[SandboxChoice, Path], Awaitable[Sandbox]]
    cache: CacheStatsReporter
    spending: SpendingReporter
    progress: Progress
    clock: Callable[[], float]
    environment: Mapping[str, str] = field(default_factory=dict)
    measurements: Measurements = field(default_factory=NoMeasurements)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Optional inputs of a run that replace parts of it.

    Attributes:
        repository: Repository to examine; None for the one that contains the settings' folder.
        trusted: Tree to read conventions from if head is untrusted; None for head.
        is_unchanged: Returns whether the result for a member's id and source digest is already known; such a
            member is skipped. None if results are not remembered: then no digests are computed.
        reason: Skip reason of such members.
        paths: Files and folders whose public members all count as added; empty to use the changed members.
        only: Ids, names or paths that restrict `paths`; empty for all members.
        candidates: Candidates to prove, by member id, instead of calling generators; None to call generators.
        repairs: Problems of existing tests for the model to fix, by member id.
        seed: Random seed of the offline engine; a different seed gives different tests.
        search: Members that were already found, in request order; None to find them.
        workspace: PythonWorkspace that runs head's code; None to open one for this run.
    """

    repository: Repository | None = None
    trusted: SourceTree | None = None
    is_unchanged: Callable[[str, str], bool] | None = None
    reason: str = "it has not changed since it was last looked at"
    paths: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    candidates: Mapping[str, Candidate] | None = None
    repairs: Mapping[str, Repair] = field(default_factory=dict)
    seed: int = 0
    search: MemberSearch | None = None
    workspace: PythonWorkspace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers of the generators by member id: candidates or skip reasons, and why they ended early."""

    candidates: Mapping[str, tuple[Candidate, ...]] = field(default_factory=dict)
    skipped: Mapping[str, Skipped] = field(default_factory=dict)
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """Results for all members: suggestions without numbers, skip reasons and figures."""

    suggestions: tuple[Suggestion, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    funnel: Funnel = field(default_factory=Funnel)
    failure: str | None = None
    notes: tuple[str, ...] = ()
    failing: frozenset[str] | None = None
    baseline: Baseline = field(default_factory=Baseline)
    not_asked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Request for one member, and the language of its language."""

    language: Language
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """State that every phase can read."""

    settings: Settings
    tools: RunDependencies
    repository: Repository
    search: MemberSearch
    requests: Mapping[str, _Asked]
    deadline: Deadline
    given: RunOptions
    sources: Mapping[str, str] = field(default_factory=dict)
    unchanged: tuple[Skipped, ...] = ()
    unasked: tuple[Skipped, ...] = ()

    @property
    def progress(self) -> Progress:
        return self.tools.progress


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """PythonWorkspace for verification, and the baseline measured in it."""

    workspace: PythonWorkspace
    own_suite: OwnSuite


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """Generator answers, their candidates, and the verification results in the same order."""

    answers: Answers
    candidates: tuple[Candidate, ...]
    judged: tuple[Judged, ...]

    def after(self, earlier: _Round) -> _Round:
        """Return this round and an earlier one combined."""
        return _Round(
            answers=_joined([self.answers, earlier.answers]),
            candidates=(*self.candidates, *earlier.candidates),
            judged=(*self.judged, *earlier.judged),
        )


async def suggest(settings: Settings, tools: RunDependencies, given: RunOptions | None = None) -> Report:
    """Run all phases and return the report.

    Args:
        settings: The settings of the run.
        tools: The clients.
        given: Optional inputs that replace parts of the run.

    Raises:
        UsageFailure: The folder is not in a repository, or a revision does not exist.
    """
    started = tools.clock()
    run = _begun(settings, tools, given or RunOptions())
    outcome = await _outcome(run) if run.requests else RunOutcome()
    report = concluded(readable(_report(run, outcome, tools.clock() - started)))
    check(report)
    return report


async def estimate(
    settings: Settings,
    tools: RunDependencies,
    reckoned: ExpectedCallsReporter,
    given: RunOptions | None = None,
) -> Estimate:
    """Return the model calls that a run would make, without calling the model or running code.

    Args:
        settings: The settings of the run.
        tools: The clients; the generator only estimates, and `spending` returns the expected cost.
        reckoned: Source of the calls that the generator estimated.
        given: Optional inputs that replace parts of the run.

    Raises:
        UsageFailure: The folder is not in a repository, or a revision does not exist.
    """
    started = tools.clock()
    run = _begun(settings, tools, given or RunOptions())
    run.progress.phase("reckoning calls", len(run.requests))
    answers = _joined([await _asked(run, generator, 1.0) for generator in _generators(run, None)])
    calls = reckoned.expected_calls()
    left_out = tuple(one for one in answers.skipped.values() if one.stage is SkipStage.BUDGET)
    asked = {member for call in calls for member in call.members} | {one.member for one in left_out}
    known = (*answers.candidates, *answers.skipped)
    return Estimate(
        members=run.search.found,
        calls=calls,
        cached=tuple(member for member in known if member not in asked),
        skipped=(*run.search.skipped, *run.unasked, *left_out),
        statistics=_statistics(run, RunOutcome(), tools.clock() - started),
        base=run.search.base,
        head=run.search.head,
    )


def _begun(settings: Settings, tools: RunDependencies, given: RunOptions) -> _Run:
    """Find the members and build their requests, without members whose result is already known."""
    repository = given.repository or Repository.open(settings.folder)
    settings, tools = _narrowed(settings, tools, given)
    search = given.search or _searched(repository, settings, tools)
    asked, unasked = _requests(repository, search, tools.languages, given.trusted)
    requests = _with_repairs(asked, given.repairs)
    sources, unchanged = dict[str, str](), set[str]()
    if given.is_unchanged is not None:
        sources = _sources(settings, search, requests)
        unchanged = {member for member, source in sources.items() if given.is_unchanged(member, source)}
    left_alone = [asked.request.member for member, asked in requests.items() if member in unchanged]
    return _Run(
        settings=settings,
        tools=tools,
        repository=repository,
        search=search,
        requests={member: asked for member, asked in requests.items() if member not in unchanged},
        sources=sources,
        unchanged=_skipped(left_alone, SkipStage.CHANGES, given.reason),
        unasked=unasked,
        deadline=Deadline.after(settings.budget.max_minutes, tools.clock),
        given=given,
    )


def _searched(repository: Repository, settings: Settings, tools: RunDependencies) -> MemberSearch:
    tools.progress.phase("finding changed members", 1)
    return find_members(repository, settings.selection, tools.languages)


def _narrowed(
    settings: Settings, tools: RunDependencies, given: RunOptions
) -> tuple[Settings, RunDependencies]:
    """Adjust settings and clients to the paths or candidates that the run was given."""
    if given.paths:
        selection = replace(
            settings.selection, base=None, all_paths=given.paths, only=given.only, refuses_unknown=False
        )
        settings = replace(settings, selection=selection)
    if given.candidates is not None:  # no generator is called
        settings, tools = replace(settings, provider=ProviderChoice.OFFLINE), replace(tools, model=None)
    return settings, tools


def _with_repairs(requests: Mapping[str, _Asked], repairs: Mapping[str, Repair]) -> dict[str, _Asked]:
    return {
        member: replace(asked, request=replace(asked.request, repair=repairs.get(member)))
        for member, asked in requests.items()
    }


def _report(run: _Run, outcome: RunOutcome, seconds: float) -> Report:
    search, tools = run.search, run.tools
    looked_after = _looked_after(run, outcome)
    return Report(
        members=search.found,
        suggestions=numbered(search.found, outcome.suggestions),
        skipped=(*search.skipped, *run.unchanged, *run.unasked, *outcome.skipped),
        statistics=_statistics(run, outcome, seconds),
        base=search.base,
        head=search.head,
        failure=outcome.failure,
        notes=(*outcome.notes, *_notes_of(tools.model), *_without_effect(run.settings)),
        sources=run.sources,
        unchanged=frozenset(one.member for one in run.unchanged if one.member is not None),
        digests=looked_after.digests,
        failing=outcome.failing,
        baseline=outcome.baseline,
        earlier=looked_after.earlier,
    )


def _statistics(run: _Run, outcome: RunOutcome, seconds: float) -> Statistics:
    tools = run.tools
    return Statistics(
        spending=tools.spending.spending(),
        cache=tools.cache.cache_stats(),
        funnel=outcome.funnel,
        seconds=seconds,
        not_asked=outcome.not_asked,
    )


def _looked_after(run: _Run, outcome: RunOutcome) -> LifecycleResult:
    """Find tests from earlier runs that need attention."""
    search = run.search
    now = Now(
        tree=search.head_tree,
        files=search.files,
        members=search.found,
        project=run.repository.project,
        failing=outcome.failing,
    )
    try:
        return look_after(now, run.tools.languages)
    except Exception as error:  # noqa: BLE001 - re-raised if it ends the run
        _warn_of_fault(run, "earlier tests were not looked at", error)
        return LifecycleResult(digests={})


def _warn_of_fault(run: _Run, not_done: str, error: Exception) -> None:
    """Warn that an internal error cost something other than a member; re-raise an error that ends the run."""
    if not is_fault(error):
        raise error
    data = traceback_of(error) if run.settings.verbose else fault_in_words(error)
    run.progress.warn(f"{not_done}: {data}")


def _sources(settings: Settings, search: MemberSearch, requests: Mapping[str, _Asked]) -> dict[str, str]:
    """Return, by member id, the digest of everything its result depends on."""
    verification = settings.verification
    rules = ("enabled", "runs", "max_mutants", "repairs", "sandbox", "setup_command", "test_command")
    ground = FingerprintInputs(
        version=__version__,
        generators=_generators_of(settings),
        rules=tuple((rule, str(getattr(verification, rule))) for rule in rules),
    )
    base_text = _read_once(search.base_tree)
    used = {asked.language.name: asked.language for asked in requests.values()}
    own_tests = {
        name: cache(partial(_beside_ours, search.head_tree, language)) for name, language in used.items()
    }
    return {
        member: source_digest(
            asked.request,
            ground,
            base=base_text(asked.request.member.path),
            own_tests=own_tests[asked.language.name](asked.request.test_path),
        )
        for member, asked in requests.items()
    }


def _beside_ours(tree: SourceTree, language: Language, path: str) -> str:
    """Return a test file's content without the bot's own tests, which do not influence the result."""
    data = tree.read(path)
    return "" if data is None else language.tests.beside_marked(data.decode(errors="replace"))


def _generators_of(settings: Settings) -> str:
    """Return a description of the generators, for the digest. Default settings add nothing to it."""
    model = settings.model
    words = f"{settings.provider} {model.base_url or ''} {model.model}"
    if model.reasoning_effort is not ReasoningEffort.LOWEST:
        words += f" {model.reasoning_effort}"
    return f"{words} {model.model_for}" if _asks_for_hard_alone(settings) else words


def _read_once(tree: SourceTree | None) -> Callable[[str], bytes | None]:
    """Return a cached reader of a tree's files; it returns None for every path if there is no tree."""
    return cache((lambda _: None) if tree is None else tree.read)


def _notes_of(generator: object) -> tuple[str, ...]:
    return generator.notes() if isinstance(generator, NotedGenerator) else ()


def _requests(
    repository: Repository,
    search: MemberSearch,
    languages: Sequence[Language],
    trusted: SourceTree | None,
) -> tuple[dict[str, _Asked], tuple[Skipped, ...]]:
    """Return the request for each member, by its id, and the members for which none could be built."""
    tree = search.head_tree if trusted is None else TrustedTree(search.head_tree, trusted)
    asked: dict[str, _Asked] = {}
    lost: list[Skipped] = []
    for language in languages:
        members = [member for member in search.members if member.language == language.name]
        try:
            requests: list[Request | Skipped] = list(
                language.source.requests(tree, members, repository.project)
            )
        except Exception as error:
            if not is_fault(error):
                raise
            requests = [_requested(language, tree, member, repository.project) for member in members]
        asked |= {
            one.member.id: _Asked(language=language, request=one)
            for one in requests
            if isinstance(one, Request)
        }
        lost += [one for one in requests if isinstance(one, Skipped)]
    return asked, tuple(lost)


def _requested(language: Language, tree: SourceTree, member: Member, project: str) -> Request | Skipped:
    try:
        [request] = language.source.requests(tree, [member], project)
    except Exception as error:
        if not is_fault(error):
            raise
        return skipped_by_fault(member, error)
    return request


async def _outcome(run: _Run) -> RunOutcome:
    """Return the results for all members, opening a workspace if code is run."""
    if not runs_code(run.settings):
        return await _unproven(run, await _asked_together(run, _generators(run, None)))
    try:
        async with _workspace(run) as workspace:
            broken = await run.deadline.within(_not_loading(run, workspace))
            left = {member: asked for member, asked in run.requests.items() if member not in broken}
            outcome = await _outcome_in(replace(run, requests=left), workspace)
            return replace(outcome, skipped=(*broken.values(), *outcome.skipped))
    except (CannotPrepare, CannotIsolate, CannotRun) as failure:
        return RunOutcome(skipped=_skipped(_members(run), SkipStage.ENVIRONMENT, str(failure)))
    except TimeIsOver:
        reason = run.deadline.reason("the project was ready to be run")
        return RunOutcome(skipped=_skipped(_members(run), SkipStage.BUDGET, reason))


def _members(run: _Run) -> list[Member]:
    """Return the members that have a request."""
    return [asked.request.member for asked in run.requests.values()]


async def _outcome_in(run: _Run, workspace: PythonWorkspace) -> RunOutcome:
    engine = OfflineGenerator(workspace, run.given.seed)
    if not run.settings.verification.enabled:
        return await _unproven(run, await _asked_together(run, _generators(run, engine)))
    runs_for_model = run.settings.provider is ProviderChoice.OPENAI
    share = _SHARE_OF_ENGINE if runs_for_model else _SHARE_OF_TELLING
    observer = TimedObserver(engine, run.deadline, share)
    _observe_with(run.tools.model, observer)
    answers, own_suite, workspace = await gather(
        _answers(run, engine), _own_suite(run, workspace), _with_other_python(run, workspace)
    )
    place = _Place(workspace=workspace, own_suite=own_suite)
    proven = await _round(run, place, answers)
    conclude = _after_the_engine if _asks_for_hard_alone(run.settings) else _concluded
    outcome = await conclude(run, place, proven)
    return replace(outcome, notes=(*outcome.notes, *observer.notes()))


async def _after_the_engine(run: _Run, place: _Place, by_engine: _Round) -> RunOutcome:
    """Call the model only for members that the engine's tests do not fully cover."""
    shown = {one.proof.member.id for one in by_engine.judged if isinstance(one, Verdict) and is_complete(one)}
    hard = {member: asked for member, asked in run.requests.items() if member not in shown}
    proven = by_engine
    if hard and run.tools.model is not None:
        left = replace(run, requests=hard)
        proven = (await _round(left, place, await _asked_in_time(left, run.tools.model))).after(by_engine)
    outcome = await _concluded(run, place, proven)
    return replace(outcome, not_asked=len(shown), notes=(*outcome.notes, *_shown_note(run, len(shown))))


async def _asked_in_time(run: _Run, model: TestGenerator) -> Answers:
    """Call the model if there is time left to prove an answer."""
    if not next_group(len(run.requests), run.deadline.left, None):
        reason = run.deadline.reason("the model was asked")
        return _sorted_out(_skipped(_members(run), SkipStage.BUDGET, reason), None)
    run.progress.phase("making tests for what is hard", len(run.requests))
    return await _asked(run, model, _SHARE_OF_MAKING)


def _shown_note(run: _Run, shown: int) -> tuple[str, ...]:
    """Return a note on how many members the model was called for, and why not for the others."""
    if not shown:
        return ()
    every = len(run.requests)
    why = "the offline engine's tests kill all mutants, reach all lines and branches, and show the change"
    return (f"the model was asked for {every - shown} of {every} members: of the others {why}",)


def _asks_for_hard_alone(settings: Settings) -> bool:
    """Return whether the model is called only after the engine's tests are proven."""
    competes = settings.provider is ProviderChoice.OPENAI_AND_OFFLINE
    return settings.model.model_for is ModelFor.HARD and competes and settings.verification.enabled


def _without_effect(settings: Settings) -> tuple[str, ...]:
    """Return notes on settings that had no effect."""
    asks = settings.provider is not ProviderChoice.OFFLINE
    if settings.model.model_for is ModelFor.ALL or not asks or _asks_for_hard_alone(settings):
        return ()
    return (
        "the model was asked for all members: model-for hard needs the provider openai+offline, and proof",
    )


def _observe_with(generator: object, observer: Observer) -> None:
    if isinstance(generator, ObservingGenerator):
        generator.observe_with(observer)


async def _own_suite(run: _Run, workspace: PythonWorkspace) -> OwnSuite:
    """Measure the project's own tests, while candidates are generated."""
    settings = _with_suite_seconds(run, _SHARE_OF_MAKING)
    measuring = measure_project_tests(workspace, _members(run), settings, run.tools.measurements)
    try:
        suite = await run.deadline.within(measuring, _SHARE_OF_MEASURING)
    except TimeIsOver:
        note = f"own tests: {run.deadline.reason('they were measured')}"
        return OwnSuite(status=BaselineStatus.FAILED, notes=(note,))
    except Exception as error:  # noqa: BLE001 - re-raised if it ends the run
        _warn_of_fault(run, "your own tests were not measured", error)
        note = f"own tests were not measured: {fault_in_words(error)}"
        return OwnSuite(status=BaselineStatus.FAILED, notes=(note,))
    if suite.notes and settings.suite_seconds != run.settings.verification.suite_seconds:
        note = f"own tests had {settings.suite_seconds:.0f} seconds: --max-minutes allows more"
        suite = replace(suite, notes=(*suite.notes, note))
    return await _with_base(run, workspace, suite)


async def _with_base(run: _Run, workspace: PythonWorkspace, suite: OwnSuite) -> OwnSuite:
    """Run the project's own tests with base's source, and return the suite with their results."""
    seconds = _with_suite_seconds(run, _SHARE_OF_OWN_TESTS).suite_seconds
    try:
        return await run.deadline.within(with_base(workspace, suite, seconds), _SHARE_ON_BASE)
    except TimeIsOver:
        note = run.deadline.reason("own tests were run on the merge base")
    except Exception as error:  # noqa: BLE001 - re-raised if it ends the run
        _warn_of_fault(run, "your own tests were not run on the merge base", error)
        note = f"own tests were not run on the merge base: {fault_in_words(error)}"
    return replace(suite, notes=(*suite.notes, note))


def _with_suite_seconds(run: _Run, share: float) -> VerificationSettings:
    """Return the settings with the suite's time limited to a share of the time left."""
    settings = run.settings.verification
    return replace(settings, suite_seconds=min(settings.suite_seconds, share * run.deadline.left))


async def _with_other_python(run: _Run, workspace: PythonWorkspace) -> PythonWorkspace:
    """Look for another interpreter to run the tests on, while candidates are generated."""
    order = OtherPythonOrder(
        environment=run.tools.environment,
        requires=requires_python(run.search.head_tree, run.repository.project),
        modules=sorted({asked.request.member.module for asked in run.requests.values()}),
    )
    try:
        return await run.deadline.within(with_other_python(workspace, order), _SHARE_OF_MAKING)
    except TimeIsOver:
        return workspace
    except Exception as error:  # noqa: BLE001 - re-raised if it ends the run
        _warn_of_fault(run, "no other Python was looked for", error)
        return workspace


async def _not_loading(run: _Run, workspace: PythonWorkspace) -> dict[str, Skipped]:
    """Return members that cannot be imported as skipped, before any model call is paid for."""
    members = _members(run)
    problems = await modules_that_do_not_load(workspace, {member.module for member in members})
    installs = run.settings.verification.installs
    reasons = {
        module: could_not_import(module, problem, workspace.owned_modules, installs=installs)
        for module, problem in problems.items()
    }
    conditional = [
        asked.request.member
        for asked in run.requests.values()
        if asked.request.member.module not in reasons and _is_conditional(run, asked)
    ]
    absent = await members_that_do_not_exist(workspace, conditional)
    why = {one.id: does_not_exist(one, workspace) for one in conditional if one.id in absent}
    why |= {one.id: reasons[one.module] for one in members if one.module in reasons}
    return {
        member.id: _skipped([member], SkipStage.ENVIRONMENT, why[member.id])[0]
        for member in members
        if member.id in why
    }


def _is_conditional(run: _Run, asked: _Asked) -> bool:
    data = run.search.head_tree.read(asked.request.member.path)
    return data is not None and asked.language.source.is_conditional(data, asked.request.member)


def runs_code(settings: Settings) -> bool:
    """Return whether a run with these settings runs the project's code."""
    return settings.verification.enabled or settings.provider is not ProviderChoice.OPENAI


@asynccontextmanager
async def _workspace(run: _Run) -> AsyncIterator[PythonWorkspace]:
    """Open a workspace in the sandbox that the settings require, or use the given one."""
    if run.given.workspace is not None:
        yield run.given.workspace
        return
    order = await workspace_order(run.settings, run.tools, run.repository, run.search)
    async with AsyncExitStack() as stack:
        yield await run.deadline.within(stack.enter_async_context(open_workspace(order)))


async def workspace_order(
    settings: Settings, tools: RunDependencies, repository: Repository, search: MemberSearch
) -> WorkspaceOrder:
    """Return what is needed to open a workspace in the sandbox that the settings require.

    Raises:
        CannotIsolate: The required sandbox is not available here.
        UsageFailure: The interpreter that the user named does not exist.
    """
    verification, folder = settings.verification, repository.root / repository.project
    interpreter = choose_interpreter(
        verification.python,
        tools.environment,
        folder,
        installs=verification.installs,
        is_tracked=tracks_environment(repository),
    )
    sandbox = await tools.build_sandbox(verification.sandbox, interpreter.path)
    if verification.installs:
        tools.progress.phase("installing the project", 1)
    return WorkspaceOrder(
        repository=repository,
        head=search.head_tree,
        base=search.base_tree,
        settings=verification,
        sandbox=sandbox,
        environment=tools.environment,
    )


def _skipped(members: Iterable[Member], stage: SkipStage, reason: str) -> tuple[Skipped, ...]:
    return tuple(
        Skipped(member=member.id, path=member.path, stage=stage, reason=reason) for member in members
    )


async def _answers(run: _Run, engine: OfflineGenerator) -> Answers:
    """Call every generator in the settings, the engine first because its observations help the model."""
    given = run.given.candidates
    if given is not None:
        return Answers(candidates={member: (given[member],) for member in run.requests if member in given})
    model, provider = run.tools.model, run.settings.provider
    rounds = 1 if _asks_for_hard_alone(run.settings) else len(list(_generators(run, engine)))
    run.progress.phase("making tests", len(run.requests) * rounds)
    if model is None:
        return await _asked(run, engine, _SHARE_OF_MAKING)
    if provider is ProviderChoice.OPENAI:
        return await _asked(run, model, _SHARE_OF_MAKING)
    by_engine = await _asked(run, engine, _SHARE_OF_ENGINE)
    if _asks_for_hard_alone(run.settings):
        return by_engine
    return _joined([await _asked(run, model, _SHARE_OF_MAKING), by_engine])


async def _asked_together(run: _Run, generators: Iterable[TestGenerator]) -> Answers:
    """Call generators concurrently. Used without verification, where none depends on another."""
    asked = list(generators)
    run.progress.phase("making tests", len(run.requests) * len(asked))
    return _joined(await gather(*(_asked(run, generator, 1.0) for generator in asked)))


def _generators(run: _Run, engine: OfflineGenerator | None) -> Iterator[TestGenerator]:
    if run.tools.model is not None:
        yield run.tools.model
    if engine is not None and run.settings.provider is not ProviderChoice.OPENAI:
        yield engine


async def _asked(run: _Run, generator: TestGenerator, share: float) -> Answers:
    """Request tests for all members from one generator. Earlier answers are kept if money or time runs out.

    Args:
        run: The run's state.
        generator: The generator to call.
        share: Fraction of the remaining time it may use.
    """
    found: list[Result] = []
    try:
        await run.deadline.within(_take_answers(run, generator, found), share)
    except SpendingEnded as ended:
        return _sorted_out(found, str(ended))
    except TimeIsOver:
        answered = {result.member for result in found}
        left = [one.request.member for member, one in run.requests.items() if member not in answered]
        reason = run.deadline.reason("there was an answer that could be proven in time")
        return _sorted_out((*found, *_skipped(left, SkipStage.BUDGET, reason)), None)
    return _sorted_out(found, None)


async def _take_answers(run: _Run, generator: TestGenerator, found: list[Result]) -> None:
    """Collect the answers for all members, one language at a time."""
    for language in run.tools.languages:
        requests = [one.request for one in run.requests.values() if one.language is language]
        await _take_for(run, generator, language, requests, found)


async def _take_for(
    run: _Run,
    generator: TestGenerator,
    language: Language,
    requests: Sequence[Request],
    found: list[Result],
) -> None:
    """Collect the answers for some members. After an internal error, retry the unanswered ones in halves."""
    answered: set[str | None] = set()
    try:
        async with closing(results(generator, requests, batches=language.batches)) as stream:
            async for result in stream:
                found.append(result)
                answered.add(result.member)
                run.progress.advance()
    except Exception as error:
        if not is_fault(error):
            raise
        left = [request for request in requests if request.member.id not in answered]
        if len(requests) == 1:
            found.extend(skipped_by_fault(request.member, error) for request in left)
            return
        half = (len(left) + 1) // 2
        for part in (left[:half], left[half:]):
            if part:
                await _take_for(run, generator, language, part, found)


def _sorted_out(found: Iterable[Result], failure: str | None) -> Answers:
    candidates = {}
    skipped = {}
    for result in found:
        if isinstance(result, Candidate):
            candidates[result.member] = (result,)
        elif result.member is not None:
            skipped[result.member] = result
    return Answers(candidates=candidates, skipped=skipped, failure=failure)


def _joined(parts: Sequence[Answers]) -> Answers:
    """Combine the answers of several generators. Skip reasons are kept for members without a candidate."""
    members = dict.fromkeys(member for part in parts for member in (*part.candidates, *part.skipped))
    candidates = {
        member: tuple(one for part in parts for one in part.candidates.get(member, ())) for member in members
    }
    reasons = {member: one for part in parts for member, one in part.skipped.items()}
    return Answers(
        candidates={member: ones for member, ones in candidates.items() if ones},
        skipped={member: one for member, one in reasons.items() if not candidates[member]},
        failure=next((part.failure for part in parts if part.failure is not None), None),
    )


async def _unproven(run: _Run, answers: Answers) -> RunOutcome:
    """Return the formatted candidates as suggestions without evidence."""
    firsts = [candidates[0] for candidates in answers.candidates.values()]
    formatted = await _formatted(run, [_converted(run.requests[one.member], one) for one in firsts])
    suggestions: list[Suggestion] = []
    skipped = [one for one in formatted if isinstance(one, Skipped)]
    for one in formatted:
        if isinstance(one, Candidate):
            asked = run.requests[one.member]
            try:
                suggestions.append(_unjudged(asked, one))
            except Exception as error:  # noqa: BLE001 - `_lost` re-raises it if it ends the run
                skipped.append(_lost(asked.request.member, error))
    return RunOutcome(
        suggestions=tuple(suggestions),
        skipped=(*answers.skipped.values(), *skipped),
        failure=answers.failure,
    )


def _converted(asked: _Asked, candidate: Candidate) -> Candidate:
    """Return a candidate converted to its member's framework, or unchanged if it cannot be converted."""
    member, framework = asked.request.member, asked.request.framework
    try:
        return replace(candidate, code=asked.language.tests.in_framework(candidate.code, framework, member))
    except (CannotConvert, CannotParse):
        return candidate


def _framework_of(asked: _Asked, code: str) -> str:
    member, framework = asked.request.member, asked.request.framework
    try:
        is_in_form = asked.language.tests.in_framework(code, framework, member) == code
    except CannotConvert:
        is_in_form = False
    return framework if is_in_form else asked.language.tests.framework


def _unjudged(asked: _Asked, candidate: Candidate) -> Suggestion:
    tests = asked.language.tests.test_functions(candidate.code)
    return Suggestion(
        member=candidate.member,
        number=0,
        test_path=asked.request.test_path,
        code=candidate.code,
        framework=_framework_of(asked, candidate.code),
        tests=tests,
        origin=candidate.origin,
        evidence=None,
        label=None,
        summary=candidate.summary(tests),
        witness=candidate.witness(tests),
    )


async def _round(run: _Run, place: _Place, answers: Answers) -> _Round:
    """Prove the candidates among the answers."""
    candidates = tuple(candidate for ones in answers.candidates.values() for candidate in ones)
    judged = await _judged(run, place, candidates)
    return _Round(answers=answers, candidates=candidates, judged=tuple(judged))


async def _concluded(run: _Run, place: _Place, proven: _Round) -> RunOutcome:
    """Repair failing candidates, and return the best proven result for each member."""
    answers, candidates, judged = proven.answers, proven.candidates, proven.judged
    repairs = await _repaired(run, place, _first_round(run, candidates, judged, answers.failure))
    verdicts = _by_member(judged, repairs)
    best, suggestions, faults = _best(run, verdicts, repairs)
    unread = {one.member: one for one in judged if isinstance(one, Skipped) and one.member is not None}
    reasons = {**unread, **answers.skipped, **faults}
    unasked = [asked.request.member for member, asked in run.requests.items() if member not in reasons | best]
    skipped = (
        *(one for member, one in reasons.items() if member not in best),
        *(verdict.skipped() for verdict in best.values() if not verdict.entries),
        *_skipped(unasked, SkipStage.GENERATION, answers.failure or "no generator had an answer"),
    )
    posted = [entry for verdict in best.values() for entry in verdict.entries]
    every = [verdict for ones in verdicts.values() for verdict in ones]
    return RunOutcome(
        suggestions=suggestions,
        skipped=skipped,
        funnel=funnel(every, posted, len(run.requests) - len(best)),
        failure=repairs.failure,
        notes=(*_notes(run, place), *repairs.notes()),
        failing=place.own_suite.known_to_fail,
        baseline=place.own_suite.reported(run.requests),
    )


def _best(
    run: _Run, verdicts: Mapping[str, Sequence[Verdict]], repairs: Repairs
) -> tuple[dict[str, Verdict], tuple[Suggestion, ...], dict[str, Skipped]]:
    """Return each member's best verdict, the suggestions, and the members lost to an internal error."""
    best: dict[str, Verdict] = {}
    suggestions: list[Suggestion] = []
    faults: dict[str, Skipped] = {}
    for member, ones in verdicts.items():
        try:
            verdict = best_verdict(ones)
            suggestions += [_suggestion(run, entry, repairs) for entry in verdict.entries]
            best[member] = verdict
        except Exception as error:  # noqa: BLE001 - `_lost` re-raises it if it ends the run
            faults[member] = _lost(run.requests[member].request.member, error)
    return best, tuple(suggestions), faults


def _lost(member: Member, error: Exception) -> Skipped:
    """Return a member as skipped by an internal error; re-raise an error that ends the run."""
    if not is_fault(error):
        raise error
    return skipped_by_fault(member, error)


def _notes(run: _Run, place: _Place) -> Iterator[str]:
    workspace = place.workspace
    yield f"sandbox: {', '.join(workspace.sandbox.layers())}"
    yield from workspace.notes
    yield from place.own_suite.notes
    yield from unmeasured_note(_members(run), place.own_suite)


def _first_round(
    run: _Run, candidates: Sequence[Candidate], judged: Sequence[Judged], failure: str | None
) -> Repairs:
    """Return the repair state of the model's candidates. Other generators cannot repair theirs."""
    return Repairs(
        standings={
            candidate.member: RepairState.of(run.requests[candidate.member].language, candidate, one)
            for candidate, one in zip(candidates, judged, strict=True)
            if candidate.origin is Origin.MODEL and not _was_not_judged(one)
        },
        failure=failure,
    )


def _was_not_judged(judged: Judged) -> bool:
    return isinstance(judged, Skipped) and judged.stage in {SkipStage.BUDGET, SkipStage.INTERNAL}


async def _repaired(run: _Run, place: _Place, repairs: Repairs) -> Repairs:
    """Send failing candidates back to the model and prove its answers, as many times as configured."""
    for _ in range(run.settings.verification.repairs):
        wanted = repairs.wanted()
        if run.tools.model is None or not wanted or not next_group(len(wanted), run.deadline.left, None):
            break
        mending = replace(run, requests={member: _to_mend(run, member, wanted[member]) for member in wanted})
        run.progress.phase("repairing", len(wanted))
        answers = await _asked(mending, run.tools.model, _SHARE_OF_MAKING)
        repairs = repairs.after(await _mended(mending, place, repairs, answers), answers.failure)
    return repairs


async def _mended(run: _Run, place: _Place, repairs: Repairs, answers: Answers) -> dict[str, Judged]:
    """Prove repaired tests together with the ones that already passed, and return the results."""
    beside = {
        member: _beside_the_good(run, repairs.standings[member], candidate)
        for member, (candidate,) in answers.candidates.items()
    }
    readable = [one for one in beside.values() if isinstance(one, Candidate)]
    judged = iter(await _judged(run, place, readable))
    proven = {member: next(judged) if isinstance(one, Candidate) else one for member, one in beside.items()}
    return {**answers.skipped, **proven}


def _beside_the_good(run: _Run, standing: RepairState, answer: Candidate) -> Result:
    try:
        return standing.beside_the_good(answer)
    except CannotPlace as error:
        reason = f"its mended tests cannot stand beside those that are good: {error}"
        return _skipped([run.requests[answer.member].request.member], SkipStage.VERIFICATION, reason)[0]
    except CannotParse as error:
        return _unreadable(run.requests[answer.member], error)
    except Exception as error:  # noqa: BLE001 - `_lost` re-raises it if it ends the run
        return _lost(run.requests[answer.member].request.member, error)


def _to_mend(run: _Run, member: str, repair: Repair) -> _Asked:
    asked = run.requests[member]
    return replace(asked, request=replace(asked.request, repair=repair))


def _by_member(judged: Iterable[Judged], repairs: Repairs) -> dict[str, list[Verdict]]:
    """Return the verdicts of each member's candidates, after repairs for the model's candidates."""
    found = {
        member: [standing.best] for member, standing in repairs.standings.items() if standing.best is not None
    }
    for one in judged:
        if isinstance(one, Verdict) and one.proof.candidate.origin is not Origin.MODEL:
            found.setdefault(one.proof.member.id, []).append(one)
    return found


async def _formatted(run: _Run, candidates: Iterable[Candidate]) -> list[Result]:
    """Format candidates before they are proven, so that the proven code is the code that is shown.

    Given candidates are not formatted: they were formatted when posted, or were written by a reviewer.
    """
    places = asyncio.Semaphore(run.settings.verification.parallel)
    tree = run.search.head_tree if run.given.candidates is None else None

    async def formatted(candidate: Candidate) -> Result:
        asked = run.requests[candidate.member]
        async with places:
            return await asyncio.to_thread(_format, asked, candidate, tree)

    return list(await gather(*map(formatted, candidates)))


def _format(asked: _Asked, candidate: Candidate, tree: SourceTree | None) -> Result:
    """Return a candidate formatted with the tree's settings (if any), or skipped if it cannot be parsed."""
    code, language = candidate.code, asked.language
    try:
        if tree is not None:
            code = language.tests.format(code, asked.request.test_path, tree)
        language.tests.test_functions(code)
    except CannotParse as error:
        return _unreadable(asked, error)
    except Exception as error:  # noqa: BLE001 - `_lost` re-raises it if it ends the run
        return _lost(asked.request.member, error)
    return replace(candidate, code=code)


def _unreadable(asked: _Asked, error: CannotParse) -> Skipped:
    reason = f"its test module cannot be read: {error}"
    return _skipped([asked.request.member], SkipStage.VERIFICATION, reason)[0]


async def _judged(run: _Run, place: _Place, candidates: Sequence[Candidate]) -> list[Judged]:
    """Format and prove candidates, and return the results in the same order."""
    formatted = await _formatted(run, candidates)
    proven: dict[int, Judged | None] = {}
    for language in run.tools.languages:
        own = {
            number: _subject(run.requests[one.member].request, one)
            for number, one in enumerate(formatted)
            if isinstance(one, Candidate) and run.requests[one.member].language is language
        }
        verdicts = await prove_in_time(
            list(own.values()), run.deadline, partial(_verdicts, run, place, language)
        )
        proven |= dict(zip(own, verdicts, strict=True))
    return [_judged_of(run, one, proven.get(number)) for number, one in enumerate(formatted)]


async def _verdicts(
    run: _Run, place: _Place, language: Language, subjects: Sequence[RunSubject]
) -> list[Judged]:
    settings = _with_suite_seconds(run, _SHARE_OF_OWN_TESTS)

    async def proven(some: Sequence[RunSubject]) -> Sequence[Verdict]:
        return await prove(some, place.workspace, language, settings, run.progress, own_suite=place.own_suite)

    form = FrameworkForm(
        workspace=place.workspace,
        language=language,
        frameworks={member: asked.request.framework for member, asked in run.requests.items()},
        tree=run.search.head_tree,
        seconds=settings.test_seconds,
    )

    return await apart_from_faults(
        subjects,
        lambda some: form.prove(some, proven),
        lambda subject, error: skipped_by_fault(subject.member, error),
    )


def _judged_of(run: _Run, formatted: Result, verdict: Judged | None) -> Judged:
    if not isinstance(formatted, Candidate):
        return formatted
    if verdict is not None:
        return verdict
    reason = run.deadline.reason("its tests were proven")
    return _skipped([run.requests[formatted.member].request.member], SkipStage.BUDGET, reason)[0]


def _subject(request: Request, candidate: Candidate) -> RunSubject:
    return RunSubject(member=request.member, candidate=candidate, beside=request.test_path)


def _suggestion(run: _Run, entry: ProvenSuggestion, repairs: Repairs) -> Suggestion:
    asked = run.requests[entry.candidate.member]
    standing = repairs.standings.get(entry.candidate.member)
    return Suggestion(
        member=entry.candidate.member,
        number=0,
        test_path=asked.request.test_path,
        code=entry.candidate.code,
        tests=entry.tests,
        origin=entry.candidate.origin,
        evidence=entry.evidence,
        label=entry.label,
        summary=entry.summary,
        witness=entry.candidate.witness(entry.tests) if entry.label is Label.NEW_BEHAVIOUR else None,
        observed=() if standing is None else standing.observed_in(entry),
        framework=_framework_of(asked, entry.candidate.code),
    )


def write_tests(report: Report, settings: Settings, languages: Sequence[Language]) -> tuple[str, ...]:
    """Write a report's green suggestions into the working tree, and return messages about the files."""
    repository = Repository.open(settings.folder)
    tree = repository.working_tree()
    marking = Marking.of(report, marks=settings.commits.mark_tests)
    there = already_tested(marking.members, tree, languages, marking.failing)
    new = [one for one in report.suggestions if one.member not in there or _is_for_a_new_effect(report, one)]
    plan = plan_edits(new, tree, languages, marking)
    left = dict.fromkeys(one.member for one in report.suggestions if one.is_green and one not in new)
    return (*written(plan, repository.root), *map(already_there, left))


def _is_for_a_new_effect(report: Report, suggestion: Suggestion) -> bool:
    """Return whether a suggestion covers more of an affected member than its existing tests.

    An affected member's own source is unchanged. False if the project's own tests were not measured.
    """
    affected = {one.id for one in report.members if one.change is Change.AFFECTED}
    evidence = suggestion.evidence
    return suggestion.member in affected and evidence is not None and evidence.mutants_gained is not None


def already_there(member: str) -> str:
    """Return the message that a member's existing tests were kept."""
    return f"already there: the tests of {member}; change its code, or remove them, to have new ones"


def written(plan: EditPlan, root: Path) -> tuple[str, ...]:
    """Write a plan's files below the git root, and return messages about them."""
    done = write_edits(root, plan.edits)
    return (
        *(f"wrote {path}" for path in done.paths),
        *(
            f"replaced {edit.path}::{name}"
            for edit in plan.edits
            if edit.path in done.paths
            for name in edit.removed
        ),
        *map(already_there, plan.unchanged),
        *(f"did not write {one.path}: {one.reason}" for one in plan.refused),
        *(f"did not write {one.path}: {one.reason}" for one in done.refused),
    )

"""Entry point: read the environment, build the clients, run the command line or action, and exit."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
import warnings
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING, TextIO, TypeVar

from testsmith import cli, supervisor
from testsmith.events import HandleCommentCommands, ReviewPullRequest, SweepRepository
from testsmith.model import (
    CacheStats,
    Estimate,
    Failure,
    Member,
    Progress,
    Report,
    Request,
    Spending,
)
from testsmith.settings import CacheSettings, ProviderChoice, Settings
from testsmith.sweep_results import SweepPlan, SweepReport

if TYPE_CHECKING:
    from testsmith.action.inputs import ActionContext
    from testsmith.events import Work
    from testsmith.forge.github import GitHub
    from testsmith.forge.review_result import ReviewResult
    from testsmith.generation.cached import CachedGenerator
    from testsmith.generation.interface import TestGenerator
    from testsmith.git.fetch import FetchRemote
    from testsmith.languages.python.running.project_tests.cache import Measurements
    from testsmith.llm.budget import SpendingMeter
    from testsmith.pipeline import RunDependencies, RunOptions
    from testsmith.review.checkouts import States
    from testsmith.review.review_pull_request import ReviewDependencies as ReviewTools
    from testsmith.settings import CommitSettings
    from testsmith.storage.archive import ArchiveBackend
    from testsmith.storage.store import ResultStore, StoreStats
    from testsmith.storage.sync import CacheSync
    from testsmith.sweep.machines import Planned
    from testsmith.sweep.parts import PartsFolder
    from testsmith.sweep.run_sweep import SweepDependencies as SweepTools
    from testsmith.sweep.shards import Shard


_INTERRUPTED = 130
_SECONDS_TO_FORGET = 120.0
_SECONDS_WITH_GITHUB = 600.0
"""Additional time for a review: GitHub may apply rate limits, and the cache may be slow."""
_SUITES_OF_A_SWEEP = 10
"""How many times a sweep may use the full time limit of the project's own tests, including mutants."""
_Result = TypeVar("_Result")


def main() -> None:
    """Run the command line, or the action if there are no arguments in a workflow, and exit with its code."""
    warnings.simplefilter("ignore", SyntaxWarning)  # about the parsed sources, not about this program
    stopping = _Stopping()
    stdout, stderr = _standard(sys.stdout), _standard(sys.stderr)
    is_action = not sys.argv[1:] and "GITHUB_EVENT_NAME" in os.environ
    stopping.begin()
    process = _Process(stopping=stopping, stdout=stdout, stderr=stderr, is_action=is_action)
    try:
        ending = process.supervised()
        code = process.run() if ending is None else process.conclude(ending)
    except KeyboardInterrupt:  # before a command was started
        code = _INTERRUPTED
    finally:
        stopping.end()
        _let_go(stdout)
    sys.exit(code if stopping.signal is None else 128 + stopping.signal)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Process:
    """This process: either the supervisor, or its child that works on untrusted files.

    Attributes:
        stopping: Signal handling.
        stdout: Stream for the result.
        stderr: Stream for everything else.
        is_action: Whether this is the action, rather than the command line.
        token: Random token to turn workflow commands back on.
    """

    stopping: _Stopping
    stdout: TextIO
    stderr: TextIO
    is_action: bool
    token: str = field(default_factory=lambda: token_hex(16))

    def supervised(self) -> supervisor.SupervisedEnding | None:
        """Continue in a child process if there is work to do. In the parent, return how the child ended."""
        works = self.is_action or sys.argv[1:2] in (["suggest"], ["sweep"])
        return supervisor.supervised(self.stopping.heeded) if works else None

    def run(self) -> int:
        """Do the work and return the exit code."""
        if self.is_action:
            return _act(partial(_review, self.stopping), self.stdout, self.token)
        return _obey(self.stopping, self.stdout, self.stderr)

    def conclude(self, ending: supervisor.SupervisedEnding) -> int:
        """Report how the work ended if it could not do so itself, and return the exit code."""
        self.stopping.end()
        if not ending.failure:
            return self._same_ending(ending)
        if self.is_action:
            from testsmith.action.outputs import end_fold

            end_fold(self.stdout, self.token)
            return _act(partial(_failed, ending), self.stdout, self.token)
        _forget(ending.used, None)
        world = _world(self.stopping, self.stdout, self.stderr)
        return cli.show_failure(sys.argv[1:], world, ending.failure, shows_report=not ending.prints)

    def _same_ending(self, ending: supervisor.SupervisedEnding) -> int:
        if ending.code >= 0:
            return ending.code
        if ending.signal is not None:
            print("testsmith: the run did not react to the signal, and was killed.", file=self.stderr)
            return 128 + ending.signal
        os.kill(os.getpid(), -ending.code)
        return 128 - ending.code  # PID 1 of a container is not killed by its own signal


def _failed(
    ending: supervisor.SupervisedEnding, _task: Work, context: ActionContext, _: Progress
) -> ReviewResult:
    _forget(ending.used, context)
    raise Failure(ending.failure)


def _forget(used: Sequence[str], context: ActionContext | None) -> None:
    """Remove cached answers that an unfinished run used: one of them may have caused the hang."""
    if not used or supervisor.supervised((), _SECONDS_TO_FORGET) is not None:
        return
    try:
        keys, folder = [one.partition(" ")[0] for one in used], used[0].partition(" ")[2]
        with _open_cache(CacheSettings(folder=Path(folder)), lambda _: None) as store:
            store.remove(keys)
            if context is not None:
                _forget_in_archive(context, store, keys)
    finally:
        os._exit(0)


def _forget_in_archive(context: ActionContext, store: ResultStore, keys: Sequence[str]) -> None:
    """Save an archive without these keys, because the next run restores the newest archive."""
    import asyncio

    from testsmith.storage.archive import RESULTS

    async def renew() -> None:
        with _keeping(context) as keeping:
            await keeping.fetch()
            keeping.watch(RESULTS, store)
            keeping.forget(RESULTS, keys)
            await keeping.save()

    asyncio.run(renew())


def _obey(stopping: _Stopping, stdout: TextIO, stderr: TextIO) -> int:
    return cli.run(sys.argv[1:], _world(stopping, stdout, stderr))


def _world(stopping: _Stopping, stdout: TextIO, stderr: TextIO) -> cli.CliContext:
    return cli.CliContext(
        environment=dict(os.environ),
        stdout=stdout,
        stderr=stderr,
        cache_folder=_cache_folder(),
        run=partial(_run, stopping),
        estimate=partial(_estimated, stopping),
        sweep=partial(_sweep, stopping),
        plan=partial(_plan, stopping),
        write=_write,
        write_sweep=_write_sweep,
        open_cache=_Keeper,
        machines=cli.Machines(
            plan=partial(_plan_shards, stopping),
            prove=partial(_prove_shard, stopping),
            collect=partial(_collect, stopping),
        ),
        shows=supervisor.LINK.print,
    )


def _act(review: Callable[[Work, ActionContext, Progress], ReviewResult], stdout: TextIO, token: str) -> int:
    """Run the action, with all other output made safe so that it cannot contain workflow commands."""
    from testsmith.action import run as action
    from testsmith.action.outputs import safe_log

    sys.stdout = sys.stderr = safe_log(stdout)
    world = action.ActionEnvironment(environment=dict(os.environ), stdout=stdout, review=review, token=token)
    return action.run(world)


def _review(stopping: _Stopping, task: Work, context: ActionContext, progress: Progress) -> ReviewResult:
    match task:
        case HandleCommentCommands():
            return _finished(stopping, partial(_obey_with_clients, task, context, progress))
        case ReviewPullRequest():
            return _finished(stopping, partial(_review_with_clients, task, context, progress))
        case SweepRepository():
            return _finished(stopping, partial(_sweep_hosted, context, progress))


async def _review_with_clients(
    task: ReviewPullRequest, context: ActionContext, progress: Progress, stack: AsyncExitStack
) -> ReviewResult:
    from testsmith.review.review_pull_request import review

    return await review(
        task, _review_tools(_forge(task.repository, context, stack), context, progress, stack)
    )


async def _obey_with_clients(
    task: HandleCommentCommands, context: ActionContext, progress: Progress, stack: AsyncExitStack
) -> ReviewResult:
    from testsmith.review.commands.dispatch import dispatch_commands
    from testsmith.review.commands.session import CommandDependencies

    forge = _forge(task.repository, context, stack)
    tools = replace(_review_tools(forge, context, progress, stack), commands=True)
    review = context.review
    obeying = CommandDependencies(
        forge=forge, review=tools, reading=review.explain_for, installs_forks=review.installs_forks
    )
    return await dispatch_commands(task, obeying)


def _review_tools(
    forge: GitHub, context: ActionContext, progress: Progress, stack: AsyncExitStack
) -> ReviewTools:
    from testsmith.action.inputs import settings_of
    from testsmith.forge.reconcile import PostLimits
    from testsmith.languages.registry import drivers
    from testsmith.reporting.rendering import PREPARING, repeated
    from testsmith.review.checkouts import open_states
    from testsmith.review.review_pull_request import ReviewDependencies

    folder = Path(stack.enter_context(TemporaryDirectory(prefix="testsmith-")))

    def commits(states: States) -> CommitSettings:
        return settings_of(context, base=states.base, head=states.head, file=states.values()).commits

    def opened(task: ReviewPullRequest) -> States:
        own = Path(mkdtemp(dir=folder))  # if head moves, the new checkout gets a folder of its own
        return open_states(context.runner.workspace, own, _remote(task, context), task)

    return ReviewDependencies(
        forge=forge,
        open_states=opened,
        suggest=partial(_suggest_for, context, progress, stack),
        limits=PostLimits(max_comments=context.review.max_comments),
        drivers=drivers(),
        progress=progress,
        commands=context.review.commands,
        commits=commits,
        repeated=repeated(context.arguments, PREPARING),
    )


def _forge(repository: str, context: ActionContext, stack: AsyncExitStack) -> GitHub:
    from testsmith.forge.github import build_forge

    forge = build_forge(
        url=context.runner.api_url,
        graphql_url=context.runner.graphql_url,
        token=context.token,
        repository=repository,
        clock=time.time,
        sleep=time.sleep,
    )
    return stack.enter_context(closing(forge))


def _remote(task: ReviewPullRequest, context: ActionContext) -> FetchRemote:
    from testsmith.git.fetch import FetchRemote

    return FetchRemote(
        server_url=context.runner.server_url,
        repository=task.repository,
        token=context.token,
        environment=dict(os.environ),
    )


async def _suggest_for(
    context: ActionContext, progress: Progress, stack: AsyncExitStack, states: States, given: RunOptions
) -> Report:
    from testsmith.action.inputs import settings_of
    from testsmith.pipeline import suggest

    settings = settings_of(
        context,
        base=states.base,
        head=states.head,
        file=states.values(),
        installs=context.installs_forks or not states.is_fork,
    )
    _allow(settings, beyond=_SECONDS_WITH_GITHUB)
    keeping = _keeping(context)
    await keeping.fetch()
    report = await suggest(settings, _tools(settings, progress, stack, keeping), given)
    await keeping.save()
    return replace(report, notes=(*report.notes, keeping.note()))


async def _sweep_hosted(context: ActionContext, progress: Progress, stack: AsyncExitStack) -> ReviewResult:
    """Run the job's step of a sweep."""
    from testsmith.action.inputs import PARTS_FOLDER, sweep_settings_of
    from testsmith.changes.trusted_files import settings_values
    from testsmith.git.fetch import open_checkout
    from testsmith.languages.registry import drivers
    from testsmith.sweep.parts import PartsFolder
    from testsmith.sweep.pull_request_sweep import Hosted, sweep_hosted
    from testsmith.sweep.run_sweep import SweepDependencies
    from testsmith.tasks import in_thread

    folder = Path(stack.enter_context(TemporaryDirectory(prefix="testsmith-")))
    repository = await in_thread(open_checkout, context.runner.workspace, folder)
    head = repository.resolve("HEAD")
    settings = sweep_settings_of(context, head=head, file=settings_values(repository.commit_tree(head)))
    if context.sweep.dry_run:
        settings = _asking_nobody(settings)
    _allow_sweep(settings, beyond=_SECONDS_WITH_GITHUB)
    parts = PartsFolder(context.parts_folder)
    keeping = _sweep_keeping(context, parts)
    await keeping.fetch()
    tried = _tried(settings, progress, stack, keeping)

    def tools(why_not: Callable[[Member], str]) -> SweepTools:
        run = _tools(settings, progress, stack, keeping)
        return SweepDependencies(run=run, repository=repository, why_not=why_not, tried=tried)

    done = await sweep_hosted(
        Hosted(
            forge=_forge(context.runner.repository, context, stack),
            repository=repository,
            head=head,
            settings=settings,
            how=context.sweep,
            tools=tools,
            parts=parts,
            parts_place=PARTS_FOLDER,
            drivers=drivers(),
        )
    )
    await keeping.save()
    return replace(done, notes=(*done.notes, keeping.note()))


def _sweep_keeping(context: ActionContext, parts: PartsFolder) -> CacheSync:
    """Build the cache of a sweep. Each shard has its own archive; the last step merges them."""
    from testsmith.settings import SweepStep
    from testsmith.storage.archive import PREFIX, shard_prefix
    from testsmith.storage.sync import CacheSync, Sharing
    from testsmith.sweep.machines import PLANNING, shards_in
    from testsmith.sweep.shards import shard_of

    main, planning = _place(context, PREFIX), shard_prefix(PLANNING)
    planned = _place(context, planning)
    place, sharing = main, Sharing()
    match context.sweep.step:
        case SweepStep.PLAN:
            place, sharing = planned, Sharing(prefix=planning, also=(main,))
        case SweepStep.SHARD:
            own = shard_prefix(shard_of(context.sweep.shard).name)
            place, sharing = _place(context, own), Sharing(prefix=own, also=(planned, main))
        case SweepStep.COLLECT:
            others = [_place(context, shard_prefix(shard.name)) for shard in shards_in(parts)]
            sharing = Sharing(also=(planned, *others), gathers=True)
        case SweepStep.ALL:
            pass
    return CacheSync(place, run=context.runner.run, clock=time.monotonic, sharing=sharing)


def _staying() -> CacheSync:
    """Build the cache of a local run: the stores stay in the cache folder."""
    from testsmith.storage.sync import CacheSync, NullArchive

    return CacheSync(NullArchive(), run="0-0", clock=time.monotonic)


def _keeping(context: ActionContext) -> CacheSync:
    """Build the cache that is saved for the next run."""
    from testsmith.storage.archive import PREFIX
    from testsmith.storage.sync import CacheSync

    return CacheSync(_place(context, PREFIX), run=context.runner.run, clock=time.monotonic)


def _place(context: ActionContext, prefix: str) -> ArchiveBackend:
    """Return where archives with a key prefix are stored: the configured folder, or else GitHub's cache."""
    from testsmith.storage.archive import FolderBackend
    from testsmith.storage.github_cache import ActionsCache
    from testsmith.storage.sync import NullArchive

    if context.archives is not None:
        return FolderBackend(context.archives, prefix)
    if context.runner.cache is not None:
        return ActionsCache(context.runner.cache, sleep=time.sleep, prefix=prefix)
    return NullArchive("the runner names no cache service; the input `cache-dir` keeps results without")


class _Stopping:
    """Signal handler: the first signal cancels the work, the second one ends the program at once.

    Attributes:
        signal: The number of the first signal; None before it.
        heeded: The handled signals.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._cancel: Callable[[], object] | None = None
        # Signals that the parent process ignores, for example under `nohup`, stay ignored.
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        self.heeded = [one for one in signals if signal.getsignal(one) is not signal.SIG_IGN]

    def begin(self) -> None:
        """Install the signal handlers."""
        for number in self.heeded:
            signal.signal(number, self._heed)

    def end(self) -> None:
        """Restore the default handling, after all work is done."""
        for number in self.heeded:
            signal.signal(number, signal.SIG_DFL)

    def cancel_with(self, cancel: Callable[[], object] | None) -> None:
        """Register the callback that cancels the running work; None to raise `KeyboardInterrupt` instead."""
        self._cancel = cancel

    def check(self) -> None:
        """Stop if a signal has arrived.

        Raises:
            KeyboardInterrupt: A signal has arrived.
        """
        if self.signal is not None:
            raise KeyboardInterrupt

    def _heed(self, number: int, _: object) -> None:
        if self.signal is not None:
            os._exit(128 + number)  # the sandbox supervisors notice it and end what they run
        self.signal = number
        if self._cancel is None:
            raise KeyboardInterrupt
        try:
            self._cancel()
        except RuntimeError:  # the event loop was just closed
            raise KeyboardInterrupt from None


def _standard(stream: TextIO | None) -> TextIO:
    """Return a standard stream that accepts any text; a closed stream becomes the null device."""
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _let_go(stream: TextIO) -> None:
    """Flush a stream. If it is broken, redirect it to the null device to avoid an error at exit."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _cache_folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("testsmith")


def _run(stopping: _Stopping, settings: Settings, progress: Progress) -> Report:
    return _finished(stopping, partial(_suggest, settings, progress))


async def _suggest(settings: Settings, progress: Progress, stack: AsyncExitStack) -> Report:
    from testsmith.pipeline import suggest

    _allow(settings)
    keeping = _staying()
    return await suggest(settings, _tools(settings, progress, stack, keeping))


def _sweep(stopping: _Stopping, settings: Settings, progress: Progress) -> SweepReport:
    return _finished(stopping, partial(_sweep_with_clients, settings, progress))


async def _sweep_with_clients(settings: Settings, progress: Progress, stack: AsyncExitStack) -> SweepReport:
    from testsmith.sweep.run_sweep import sweep

    _allow_sweep(settings)
    return await sweep(settings, _sweep_tools(settings, progress, stack))


def _plan(stopping: _Stopping, settings: Settings, progress: Progress) -> SweepPlan:
    return _finished(stopping, partial(_plan_with_clients, settings, progress))


async def _plan_with_clients(settings: Settings, progress: Progress, stack: AsyncExitStack) -> SweepPlan:
    from testsmith.sweep.run_sweep import plan

    _allow_sweep(settings)
    tools = _sweep_tools(_asking_nobody(settings), progress, stack)
    if settings.provider is not ProviderChoice.OFFLINE:
        tools = replace(tools, reckon=partial(_estimate, settings, progress, stack))
    return await plan(settings, tools)


def _plan_shards(
    stopping: _Stopping, settings: Settings, parts: Path, shards: int, progress: Progress
) -> Planned:
    from testsmith.sweep.machines import plan_shards
    from testsmith.sweep.parts import PartsFolder

    async def work(stack: AsyncExitStack) -> Planned:
        offline = _asking_nobody(settings)
        _allow_sweep(offline)
        tools = _sweep_tools(offline, progress, stack)
        return await plan_shards(offline, tools, PartsFolder(parts), shards)

    return _finished(stopping, work)


def _asking_nobody(settings: Settings) -> Settings:
    return replace(settings, provider=ProviderChoice.OFFLINE)


def _prove_shard(
    stopping: _Stopping, settings: Settings, parts: Path, shard: Shard, progress: Progress
) -> Report:
    from testsmith.sweep.machines import prove_shard
    from testsmith.sweep.parts import PartsFolder

    async def work(stack: AsyncExitStack) -> Report:
        _allow_sweep(settings)
        return await prove_shard(settings, _sweep_tools(settings, progress, stack), PartsFolder(parts), shard)

    return _finished(stopping, work)


def _collect(stopping: _Stopping, settings: Settings, parts: Path, progress: Progress) -> SweepReport:
    from testsmith.sweep.machines import collect
    from testsmith.sweep.parts import PartsFolder

    async def work(stack: AsyncExitStack) -> SweepReport:
        _allow_sweep(settings)
        return await collect(settings, _sweep_tools(settings, progress, stack), PartsFolder(parts))

    return _finished(stopping, work)


def _sweep_tools(settings: Settings, progress: Progress, stack: AsyncExitStack) -> SweepTools:
    from testsmith.sweep.run_sweep import SweepDependencies

    keeping = _staying()
    tried = _tried(settings, progress, stack, keeping)
    return SweepDependencies(run=_tools(settings, progress, stack, keeping), tried=tried)


def _tried(settings: Settings, progress: Progress, stack: AsyncExitStack, keeping: CacheSync) -> ResultStore:
    """Open the store of members that sweeps tried without success."""
    from testsmith.storage.archive import TRIED
    from testsmith.storage.keys import TRIED_FILE_NAME

    return _kept(_open_cache(settings.cache, progress.warn, TRIED_FILE_NAME), TRIED, stack, keeping)


def _kept(store: ResultStore, name: str, stack: AsyncExitStack, keeping: CacheSync) -> ResultStore:
    """Register a store to be pruned and closed at exit, and saved in the archive under a name."""
    stack.enter_context(store)
    stack.callback(store.prune)
    keeping.watch(name, store)
    return store


def _estimated(stopping: _Stopping, settings: Settings, progress: Progress) -> Estimate:
    return _finished(stopping, partial(_estimate, settings, progress))


def _allow(settings: Settings, beyond: float = 0.0) -> None:
    """Set the supervisor's time limit for a run."""
    supervisor.LINK.allow(supervisor.seconds_allowed(settings.budget.max_minutes) + beyond)


def _allow_sweep(settings: Settings, beyond: float = 0.0) -> None:
    """Set the supervisor's time limit for a sweep, which also installs the project and runs all its tests."""
    proof = settings.verification
    _allow(settings, beyond + proof.install_seconds + _SUITES_OF_A_SWEEP * proof.suite_seconds)


async def _estimate(
    settings: Settings, progress: Progress, stack: AsyncExitStack, given: RunOptions | None = None
) -> Estimate:
    """Estimate a run's model calls with its real packing, prompts, limits and cache, but no provider."""
    from testsmith.execution.sandbox.isolated import build_sandbox
    from testsmith.generation.llm.generator import EstimatingGenerator
    from testsmith.languages.registry import drivers
    from testsmith.llm.budget import SpendingMeter
    from testsmith.llm.factory import build_budget
    from testsmith.pipeline import RunDependencies, estimate

    meter = SpendingMeter()
    reckoned = EstimatingGenerator(settings.model, build_budget(settings.model, meter, settings.budget))
    store = stack.enter_context(_open_cache(settings.cache, progress.warn))
    cached = _cached(reckoned, store, settings)
    tools = RunDependencies(
        drivers=drivers(),
        model=None if settings.provider is ProviderChoice.OFFLINE else cached,
        build_sandbox=build_sandbox,
        cache=cached,
        spending=meter,
        progress=progress,
        clock=time.monotonic,
    )
    return await estimate(settings, tools, reckoned, given)


def _finished(stopping: _Stopping, work: Callable[[AsyncExitStack], Awaitable[_Result]]) -> _Result:
    """Run work to completion and close everything it opened."""
    import asyncio
    import sysconfig

    from testsmith.execution.sandbox.linux.kernel import forbid_inspection

    sysconfig.get_config_vars()  # not thread-safe: a concurrent first call can return None
    forbid_inspection()
    try:
        return asyncio.run(_until_stopped(stopping, work))
    finally:  # errors caused by the signal, for example in an interrupted git process, are not failures
        stopping.cancel_with(None)
        stopping.check()


async def _until_stopped(
    stopping: _Stopping, work: Callable[[AsyncExitStack], Awaitable[_Result]]
) -> _Result:
    """Run work so that a signal cancels it and everything it opened is closed."""
    import asyncio

    loop, running = asyncio.get_running_loop(), asyncio.current_task()
    if running is not None:
        stopping.cancel_with(partial(loop.call_soon_threadsafe, running.cancel))
    async with AsyncExitStack() as stack:
        return await work(stack)


def _tools(
    settings: Settings, progress: Progress, stack: AsyncExitStack, keeping: CacheSync
) -> RunDependencies:
    from testsmith.execution.sandbox.isolated import build_sandbox
    from testsmith.languages.registry import drivers
    from testsmith.pipeline import RunDependencies

    model = None
    if settings.provider is not ProviderChoice.OFFLINE:
        model = _model(settings, progress, stack, keeping)
    measurements = _measurements(settings, progress, stack, keeping)
    stack.enter_context(keeping)  # closed before the stores, however the run ends
    return RunDependencies(
        drivers=drivers(),
        model=None if model is None else model.generator,
        build_sandbox=build_sandbox,
        cache=_Nothing() if model is None else model.generator,
        spending=_Nothing() if model is None else model.meter,
        progress=progress,
        clock=time.monotonic,
        environment=dict(os.environ),
        measurements=measurements,
    )


def _measurements(
    settings: Settings, progress: Progress, stack: AsyncExitStack, keeping: CacheSync
) -> Measurements:
    """Open the store for baseline measurements, if the settings make any."""
    from testsmith.languages.python.running.project_tests.cache import NoMeasurements
    from testsmith.storage.archive import MEASUREMENTS
    from testsmith.storage.keys import MEASUREMENTS_FILE_NAME

    verification = settings.verification
    if not verification.enabled or verification.coverage is not None or verification.suite_seconds <= 0:
        return NoMeasurements()
    store = _open_cache(settings.cache, progress.warn, MEASUREMENTS_FILE_NAME)
    return _kept(store, MEASUREMENTS, stack, keeping)


@dataclass(frozen=True, slots=True)
class _Model:
    """Generator that calls a model, and the meter of its cost."""

    generator: CachedGenerator
    meter: SpendingMeter


def _model(settings: Settings, progress: Progress, stack: AsyncExitStack, keeping: CacheSync) -> _Model:
    from testsmith.generation.llm.generator import ModelGenerator
    from testsmith.llm.budget import SpendingMeter
    from testsmith.llm.factory import build_provider
    from testsmith.storage.archive import RESULTS

    meter = SpendingMeter()
    provider = build_provider(settings.model, meter, budget=settings.budget)
    stack.push_async_callback(provider.aclose)
    store = _kept(_open_cache(settings.cache, progress.warn), RESULTS, stack, keeping)
    asking = ModelGenerator(provider, settings.model)
    return _Model(_cached(asking, store, settings, settled=keeping.save_soon), meter)


def _cached(
    generator: TestGenerator,
    store: ResultStore,
    settings: Settings,
    settled: Callable[[], None] = lambda: None,
) -> CachedGenerator:
    """Wrap a generator that calls a model with the result cache."""
    from testsmith.generation.cached import CachedGenerator

    folder = settings.cache.folder.absolute()
    return CachedGenerator(
        generator,
        store,
        _key_of(settings),
        settled=settled,
        used=lambda key: supervisor.LINK.use(f"{key} {folder}"),
    )


def _key_of(settings: Settings) -> Callable[[Request], str]:
    """Return the function that computes a request's cache key."""
    from testsmith.generation.llm.generator import model_identity
    from testsmith.storage.keys import KeyParts, result_key

    identity = model_identity(settings.model)
    return lambda request: result_key(KeyParts.of(request, identity))


class _Nothing:
    """Figures of a run without a model."""

    def cache_stats(self) -> CacheStats:
        """See `CacheStatsReporter.cache_stats`."""
        return CacheStats()

    def spending(self) -> Spending:
        """See `SpendingReporter.spending`."""
        return Spending()


def _open_cache(settings: CacheSettings, warn: Callable[[str], None], file_name: str = "") -> ResultStore:
    """Open a store in the cache folder; the result store if no file name is given."""
    from testsmith.storage.store import FILE_NAME, ResultStore

    return ResultStore.open(settings, warn=warn, file_name=file_name or FILE_NAME)


class _Keeper:
    """All stores in the cache folder. Only results count as entries."""

    def __init__(self, settings: CacheSettings, warn: Callable[[str], None]) -> None:
        from testsmith.storage.keys import MEASUREMENTS_FILE_NAME, TRIED_FILE_NAME

        self._results = _open_cache(settings, warn)
        self._beside = [
            _open_cache(settings, warn, name) for name in (MEASUREMENTS_FILE_NAME, TRIED_FILE_NAME)
        ]

    def stats(self) -> StoreStats:
        """See `cli.CacheKeeper.stats`."""
        held = self._results.stats()
        return replace(held, bytes=held.bytes + sum(store.stats().bytes for store in self._beside))

    def prune(self) -> int:
        """See `cli.CacheKeeper.prune`."""
        for store in self._beside:
            store.prune()
        return self._results.prune()

    def clear(self) -> int:
        """See `cli.CacheKeeper.clear`."""
        for store in self._beside:
            store.clear()
        return self._results.clear()


def _write(report: Report, settings: Settings) -> tuple[str, ...]:
    from testsmith.languages.registry import drivers
    from testsmith.pipeline import write_tests

    return write_tests(report, settings, drivers())


def _write_sweep(swept: SweepReport, settings: Settings) -> tuple[str, ...]:
    from testsmith.languages.registry import drivers
    from testsmith.sweep.run_sweep import write_sweep

    return write_sweep(swept, settings, drivers())

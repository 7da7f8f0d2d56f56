"""Commands of the `testsmith` command line. They share their code with the action, and return exit codes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO, TypeVar

from testsmith import __version__
from testsmith.model import Estimate, Failure, Progress, Report, UsageFailure
from testsmith.settings import (
    DEFAULT_MODEL,
    ON_PULL_REQUESTS,
    OPTIONS,
    CacheSettings,
    Option,
    OutputFormat,
    ProviderChoice,
    SandboxChoice,
    Settings,
    SettingsSources,
    parse,
    repository_values,
)
from testsmith.sweep_results import SweepPlan, SweepReport

if TYPE_CHECKING:
    from testsmith.reporting.rendering import View
    from testsmith.sweep.machines import Planned
    from testsmith.sweep.shards import Shard

_Done = TypeVar("_Done")

_DESCRIPTION = """\
Makes tests for the public members that a change adds, alters or affects, runs them in a sandbox,
and shows only the proven ones."""

_SWEEP_DESCRIPTION = """\
Ranks the public members of a whole project by what a test of each is worth, takes them in that order
until the budget is spent, and shows the tests that were proven."""

_NOT_WRITTEN = ("nothing was written: --no-verify proves nothing, and only proven tests are written.",)

_EPILOG = """\
environment:
  TESTSMITH_API_KEY, OPENAI_API_KEY   the model's key (the first that is set); never a flag

exit codes:
  0  the report is complete, whatever was skipped
  1  key refused, quota empty, endpoint never reached, internal error
  2  usage, settings, unknown revision, no repository, missing key
"""


def parser() -> argparse.ArgumentParser:
    """Return the argument parser of the whole command line."""
    whole = argparse.ArgumentParser(
        prog="testsmith",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"testsmith {__version__}")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_suggest(commands)
    _add_sweep(commands)
    _add_cache(commands)
    return whole


def _add_suggest(commands: Any) -> None:
    suggest = commands.add_parser(
        "suggest",
        usage="testsmith suggest --base REV [option ...]",
        help="suggest proven tests for what a change does",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_selection(suggest.add_argument_group("what to look at"))
    _add_generation(suggest.add_argument_group("who makes the tests"))
    _add_proof(suggest.add_argument_group("how they are proven"))
    output = suggest.add_argument_group("what comes of it")
    _add_output(output)
    output.add_argument(
        "--estimate",
        action="store_true",
        help="only say what a model would be asked, and what that would cost: no call, no key, nothing run",
    )
    _add_options(suggest.add_argument_group("settings that testsmith.toml or [tool.testsmith] may hold, too"))


def _add_sweep(commands: Any) -> None:
    sweep = commands.add_parser(
        "sweep",
        usage="testsmith sweep [PATH ...] [option ...]",
        help="suggest proven tests for what a whole project leaves untested",
        description=_SWEEP_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    group = sweep.add_argument_group("what to look at")
    group.add_argument(
        "all", metavar="PATH", nargs="*", help="files and folders to sweep (default: the whole project)"
    )
    _add_place(group)
    group.add_argument(
        "--dry-run", action="store_true", help="only rank, and say what a sweep would take: nothing is spent"
    )
    _add_generation(sweep.add_argument_group("who makes the tests"))
    _add_proof(sweep.add_argument_group("how they are proven"))
    _add_output(sweep.add_argument_group("what comes of it"))
    _add_options(sweep.add_argument_group("settings that testsmith.toml or [tool.testsmith] may hold, too"))
    _add_machines(sweep.add_argument_group("several machines, one step on each"))


def _add_machines(group: Any) -> None:
    step = group.add_mutually_exclusive_group()
    step.add_argument(
        "--plan", metavar="N", type=int, help="measure, rank, and split what is taken into at most N shards"
    )
    step.add_argument("--shard", metavar="K/N", help="make and prove the tests of one shard of the plan")
    step.add_argument("--collect", action="store_true", help="put the reports of all shards together")
    group.add_argument(
        "--parts",
        metavar="DIR",
        default="testsmith-parts",
        help="the folder in which machines leave parts for each other (default: testsmith-parts)",
    )


def _add_place(group: Any) -> None:
    group.add_argument("--repo", metavar="DIR", default=".", help="the project's folder (default: this one)")
    group.add_argument("--head", metavar="REV", help="revision to look at (default: the working tree)")


def _add_selection(group: Any) -> None:
    group.add_argument("--base", metavar="REV", help="revision to compare with; the merge base counts")
    _add_place(group)
    group.add_argument(
        "--all", metavar="PATH", nargs="+", help="take every public member of these files or folders as added"
    )
    group.add_argument(
        "--only", metavar="MEMBER|PATH", action="append", help="only this member, file or folder (repeatable)"
    )


def _add_generation(group: Any) -> None:
    group.add_argument(
        "--provider",
        choices=[choice.value for choice in ProviderChoice],
        help="auto (default): openai where there is a key, else offline",
    )
    group.add_argument(
        "--base-url", metavar="URL", help="another OpenAI-compatible endpoint; the key is optional"
    )
    record = group.add_mutually_exclusive_group()
    record.add_argument("--record", metavar="FILE", help="keep the run's model exchanges in this file")
    record.add_argument(
        "--replay", metavar="FILE", help="answer from such a file, strictly, without a network"
    )
    group.add_argument("--cache-dir", metavar="DIR", help="where results are kept between runs")


def _add_proof(group: Any) -> None:
    group.add_argument(
        "--verify",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="run the tests and keep the proven ones (default); without it nothing is written",
    )
    group.add_argument(
        "--sandbox",
        choices=[choice.value for choice in SandboxChoice],
        help="how much isolation is owed before code is run (default: best-effort)",
    )
    group.add_argument(
        "--python",
        metavar="PATH",
        help="interpreter with pytest that runs the tests (default: $VIRTUAL_ENV, DIR/.venv, or this one)",
    )
    group.add_argument(
        "--coverage",
        metavar="FILE",
        help="a .coverage, coverage.xml or lcov.info of your own tests, read instead of a run",
    )
    group.add_argument(
        "--install",
        action="store_true",
        help="first install the project and what its tests need, with the network open for that step",
    )
    group.add_argument(
        "--setup-command",
        metavar="TEXT",
        help="shell text that sets the project up in a virtual environment, in place of --install",
    )
    group.add_argument(
        "--test-command",
        metavar="TEXT",
        help="how your own tests are run, as `pytest -m 'not slow'` (default: pytest)",
    )
    group.add_argument(
        "--python-version",
        metavar="X.Y",
        help="the version of Python that the tests run on; one that is not there is had through uv",
    )


def _add_output(group: Any) -> None:
    group.add_argument("--write", action="store_true", help="write the tests into the project's test tree")
    group.add_argument("--verbose", action="store_true", help="say more on stderr, cache statistics included")
    group.add_argument("--format", choices=[choice.value for choice in OutputFormat], help="default: text")


def _add_options(group: Any) -> None:
    for option in OPTIONS:
        if option.name in ON_PULL_REQUESTS:
            continue
        group.add_argument(f"--{option.name}", help=_option_help(option), **_option_kind(option))


def _option_help(option: Option) -> str:
    return f"{option.help} (default: {DEFAULT_MODEL})" if option.name == "model" else option.help


def _option_kind(option: Option) -> dict[str, Any]:
    if option.kind is list:
        return {"action": "append", "metavar": "GLOB"}
    if option.kind is bool:
        return {"action": argparse.BooleanOptionalAction, "default": None}
    if issubclass(option.kind, StrEnum):
        return {"choices": [word.value for word in option.kind]}
    return {"type": option.kind, "metavar": {int: "N", float: "X"}.get(option.kind, "NAME")}


def _add_cache(commands: Any) -> None:
    cache = commands.add_parser("cache", help="look after the result cache", allow_abbrev=False)
    cache.add_argument("action", choices=["stats", "prune", "clear"])
    cache.add_argument("--cache-dir", metavar="DIR", help="where results are kept between runs")


class CacheKeeper(Protocol):
    """Cache operations needed by `testsmith cache`."""

    def stats(self) -> Any:
        """Return the number of `entries` and their size in `bytes`."""
        ...

    def prune(self) -> int:
        """Remove old entries and entries beyond the size limit, and return how many were removed."""
        ...

    def clear(self) -> int:
        """Remove all entries, and return how many were removed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """Steps of a sharded sweep. Each gets the folder with the parts.

    Attributes:
        plan: Plans the given number of shards and stores the plan.
        prove: Generates and proves the tests of one shard and stores its report.
        collect: Combines the reports of all shards.
    """

    plan: Callable[[Settings, Path, int, Progress], Planned]
    prove: Callable[[Settings, Path, Shard, Progress], Report]
    collect: Callable[[Settings, Path, Progress], SweepReport]


@dataclass(frozen=True, slots=True, kw_only=True)
class CliContext:
    """Environment, streams and functions that commands use.

    Attributes:
        environment: The process's environment.
        stdout: Stream for the result and nothing else.
        stderr: Stream for everything else.
        cache_folder: Default cache folder.
        run: Runs the pipeline and returns its report.
        estimate: Estimates a run's model calls without making any.
        sweep: Runs a sweep and returns its report.
        plan: Ranks the members of a sweep, and estimates its model calls.
        write: Writes a report's tests into the test tree, and returns messages about the files.
        write_sweep: Writes a sweep's tests and the files they need, likewise.
        open_cache: Opens the result cache; its second argument shows warnings.
        machines: Steps of a sharded sweep.
        shows: Called before a result is written.
    """

    environment: Mapping[str, str]
    stdout: TextIO
    stderr: TextIO
    cache_folder: Path
    run: Callable[[Settings, Progress], Report]
    estimate: Callable[[Settings, Progress], Estimate]
    sweep: Callable[[Settings, Progress], SweepReport]
    plan: Callable[[Settings, Progress], SweepPlan]
    write: Callable[[Report, Settings], tuple[str, ...]]
    write_sweep: Callable[[SweepReport, Settings], tuple[str, ...]]
    open_cache: Callable[[CacheSettings, Callable[[str], None]], CacheKeeper]
    machines: Machines
    shows: Callable[[], None] = lambda: None


def run(argv: Sequence[str], world: CliContext) -> int:
    """Run one command and return the exit code.

    Raises:
        SystemExit: The argument parser exits, for `--help`, `--version` and invalid arguments.
    """
    arguments = vars(parser().parse_args(argv))
    command = {"suggest": _suggest, "sweep": _sweep_or_step, "cache": _cache}[arguments["command"]]
    try:
        return command(arguments, world)
    except UsageFailure as failure:
        return _told(world, failure, 2)
    except Failure as failure:
        return _told(world, failure, 1)
    except KeyboardInterrupt:
        return _told(world, "interrupted; every result that was paid for is in the cache.", 130)


def show_failure(argv: Sequence[str], world: CliContext, failure: str, *, shows_report: bool) -> int:
    """Report why a run that was ended by the supervisor failed, and return the exit code.

    Reads nothing of the project, whose files may have caused the failure.

    Args:
        argv: The command line.
        world: Environment and streams.
        failure: Why the run failed.
        shows_report: Whether to also print a JSON report with the failure, if the format is JSON.
    """
    from testsmith.reporting.json_contract import render_json
    from testsmith.reporting.sweep_formats import sweep_json

    arguments = vars(parser().parse_args(argv))
    has_report = not any(arguments.get(name) for name in ("estimate", "dry_run", "plan", "shard"))
    if shows_report and has_report and arguments["format"] == OutputFormat.JSON:
        report = Report(members=(), failure=failure)
        swept = SweepReport(plan=SweepPlan(ranked=()), report=report)
        _put_out(sweep_json(swept) if arguments["command"] == "sweep" else render_json(report), world)
    return _told(world, failure, 1)


def _told(world: CliContext, message: object, code: int) -> int:
    print(f"testsmith: {message}", file=world.stderr)
    return code


def _warn(world: CliContext, message: str) -> None:
    print(f"testsmith: warning: {message}", file=world.stderr)


def _suggest(arguments: Mapping[str, Any], world: CliContext) -> int:
    settings = _settings(arguments, world)
    if settings.estimate:
        return _estimate(settings, world)
    report = _whole_run(world.run, lambda report: report, settings, world)
    report, text = _rendered(report, settings, arguments, world)
    written = _written(settings, partial(world.write, report)) if settings.write else ()
    _put_out(text, world)
    return _closed(report, written, settings, world)


def _closed(report: Report, written: Sequence[str], settings: Settings, world: CliContext) -> int:
    """Print messages and statistics, and return the exit code."""
    tracebacks = (one.traceback for one in report.skipped if one.traceback) if settings.verbose else ()
    for line in (*written, *tracebacks, *_statistics(report, settings)):
        print(line, file=world.stderr)
    return 0 if report.failure is None else _told(world, report.failure, 1)


def _sweep(arguments: Mapping[str, Any], world: CliContext) -> int:
    settings = _settings({**arguments, "all": arguments["all"] or ["."]}, world)
    if settings.dry_run:
        return _plan(settings, world)
    nothing = SweepPlan(ranked=())
    swept = _whole_run(world.sweep, lambda report: SweepReport(plan=nothing, report=report), settings, world)
    return _shown_sweep(swept, settings, arguments, world)


def _shown_sweep(
    swept: SweepReport, settings: Settings, arguments: Mapping[str, Any], world: CliContext
) -> int:
    """Write and print the results of a sweep, and return the exit code."""
    from testsmith.reporting.formats import render_sweep

    written = _written(settings, partial(world.write_sweep, swept)) if settings.write else ()
    _put_out(render_sweep(swept, settings.output_format, _view(settings, arguments, world)), world)
    return _closed(swept.report, written, settings, world)


def _sweep_or_step(arguments: Mapping[str, Any], world: CliContext) -> int:
    """Run a whole sweep, or one step of a sharded sweep."""
    shards, shard, collects = (arguments[name] for name in ("plan", "shard", "collect"))
    if shards is None and shard is None and not collects:
        return _sweep(arguments, world)
    if arguments["dry_run"]:
        raise UsageFailure("--dry-run plans on one machine: leave --plan, --shard and --collect out.")
    settings, parts = _settings({**arguments, "all": arguments["all"] or ["."]}, world), arguments["parts"]
    if shards is not None:
        return _plan_shards(settings, world, Path(parts), shards)
    if shard is not None:
        return _prove_shard(settings, world, Path(parts), shard)
    return _collect(settings, arguments, world)


def _plan_shards(settings: Settings, world: CliContext, parts: Path, shards: int) -> int:
    from testsmith.sweep.shards import MOST_SHARDS, Shard

    if not 1 <= shards <= MOST_SHARDS:
        raise UsageFailure(f"--plan must be a whole number from 1 to {MOST_SHARDS}, not {shards}.")
    planned = _with_progress(world, partial(world.machines.plan, settings, parts, shards))
    of = len(planned.shards)
    lines = [f"{Shard(number=number, of=of)} {len(ids)}" for number, ids in enumerate(planned.shards, 1)]
    _put_out("".join(f"{line} members\n" for line in lines), world)
    return 0


def _prove_shard(settings: Settings, world: CliContext, parts: Path, text: str) -> int:
    from testsmith.sweep.shards import shard_of

    report = _with_progress(world, partial(world.machines.prove, settings, parts, shard_of(text)))
    _put_out(f"{len(report.suggestions)} proposals for {len(report.members)} members\n", world)
    return 0 if report.failure is None else _told(world, report.failure, 1)


def _collect(settings: Settings, arguments: Mapping[str, Any], world: CliContext) -> int:
    parts = Path(arguments["parts"])
    swept = _with_progress(world, partial(world.machines.collect, settings, parts))
    return _shown_sweep(swept, settings, arguments, world)


def _with_progress(world: CliContext, work: Callable[[Progress], _Done]) -> _Done:
    from testsmith.reporting.terminal import open_progress, terminal_of

    with open_progress(terminal_of(world.stderr, world.environment)) as progress:
        return work(progress)


def _plan(settings: Settings, world: CliContext) -> int:
    from testsmith.reporting.formats import render_plan

    planned = _with_progress(world, partial(world.plan, settings))
    _put_out(render_plan(planned, settings.output_format, settings.model.model), world)
    return 0


def _whole_run(
    work: Callable[[Settings, Progress], _Done],
    of_fault: Callable[[Report], _Done],
    settings: Settings,
    world: CliContext,
) -> _Done:
    """Return the result of a run. An internal error becomes a report with the failure."""
    try:
        return _with_progress(world, partial(work, settings))
    except Failure:
        raise
    except Exception as error:  # noqa: BLE001 - the JSON contract requires a report, whatever failed
        return of_fault(Report(members=(), failure=_internal(error, world, settings)))


def _estimate(settings: Settings, world: CliContext) -> int:
    from testsmith.reporting.estimate import render_estimate

    estimate = _with_progress(world, partial(world.estimate, settings))
    _put_out(render_estimate(estimate, settings.output_format, settings.model.model), world)
    return 0


def _put_out(text: str, world: CliContext) -> None:
    """Write a result to standard output. A closed pipe is not an error.

    Raises:
        Failure: Standard output cannot be written.
    """
    world.shows()
    try:
        world.stdout.write(text)
        world.stdout.flush()
    except BrokenPipeError:
        return
    except OSError as error:
        raise Failure(f"the result cannot be written to standard output: {error.strerror}.") from error


def _settings(arguments: Mapping[str, Any], world: CliContext) -> Settings:
    folder = Path(arguments.get("repo") or ".")
    sources = SettingsSources(
        arguments=arguments,
        file=repository_values(partial(_file_in, folder)),
        environment=world.environment,
        cache_folder=world.cache_folder,
    )
    _refuse_contradictions(arguments)
    settings = parse(folder, sources)
    if (
        arguments.get("model")
        and not arguments.get("provider")
        and settings.provider is ProviderChoice.OFFLINE
    ):
        raise UsageFailure(
            "--model needs a key: set TESTSMITH_API_KEY or OPENAI_API_KEY, or name another endpoint with"
            " --base-url. Leave --model out to have the tests made without a model."
        )
    coverage = settings.verification.coverage
    if coverage is not None and not coverage.is_file():
        raise UsageFailure(
            f"There is no file {coverage}: name another coverage file, or leave --coverage out."
        )
    return settings


def _refuse_contradictions(arguments: Mapping[str, Any]) -> None:
    if arguments.get("base") and arguments.get("all"):
        raise UsageFailure(
            "--base and --all exclude each other: --all takes every public function and class of its files,"
            " changed or not. Give one of them."
        )


def _file_in(folder: Path, name: str) -> bytes | None:
    """Return a file's contents, or None if it does not exist.

    Raises:
        UsageFailure: The file cannot be read.
    """
    path = folder / name
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise UsageFailure(f"{path} cannot be read ({error}); mend it, or remove it.") from error


def _internal(error: Exception, world: CliContext, settings: Settings) -> str:
    if settings.verbose:
        import traceback

        traceback.print_exception(error, file=world.stderr)
        return f"internal error: {error!r}"
    return f"internal error: {error!r}; run again with --verbose for the details, and please report it."


def _written(settings: Settings, write: Callable[[Settings], tuple[str, ...]]) -> tuple[str, ...]:
    return write(settings) if settings.verification.enabled else _NOT_WRITTEN


def _rendered(
    report: Report, settings: Settings, arguments: Mapping[str, Any], world: CliContext
) -> tuple[Report, str]:
    """Render the report, without suggestions that cannot be rendered in its format."""
    from testsmith.reporting.fault_reports import concluded, readable
    from testsmith.reporting.formats import render

    view = _view(settings, arguments, world)
    report = concluded(readable(report, lambda one: render(one, settings.output_format, view)))
    return report, render(report, settings.output_format, view)


def _view(settings: Settings, arguments: Mapping[str, Any], world: CliContext) -> View:
    from testsmith.reporting.rendering import view_of
    from testsmith.reporting.terminal import terminal_of

    terminal = terminal_of(world.stdout, world.environment)
    return view_of(settings, arguments, width=terminal.width, colour=terminal.colour)


def _statistics(report: Report, settings: Settings) -> tuple[str, ...]:
    from testsmith.reporting.phrases import statistics_line

    return (statistics_line(report.statistics.cache),) if settings.verbose else ()


def _cache(arguments: Mapping[str, Any], world: CliContext) -> int:
    folder = Path(arguments.get("cache_dir") or world.cache_folder)
    keeper = world.open_cache(CacheSettings(folder=folder), partial(_warn, world))
    _put_out(f"{_kept(arguments['action'], keeper)} in {folder}\n", world)
    return 0


def _kept(action: str, keeper: CacheKeeper) -> str:
    """Perform a cache action and return a message about the result."""
    if action == "stats":
        held = keeper.stats()
        return f"{held.entries} entries, {held.bytes:,} bytes"
    removed = keeper.prune() if action == "prune" else keeper.clear()
    return f"{removed} entries removed"

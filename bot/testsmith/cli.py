"""Commands of the `testsmith` command line. They share their code with the action, and return exit codes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from testsmith.app import App
from testsmith.model import Estimate, Failure, Report, UsageFailure
from testsmith.process import supervisor
from testsmith.settings import (
    CACHE_DIR,
    MOST_SHARDS,
    CacheSettings,
    OutputFormat,
    ProviderChoice,
    Settings,
    SettingsSources,
    parse,
    repository_values,
)
from testsmith.subcommands.completion import script
from testsmith.subcommands.parser import command_line_parser
from testsmith.sweep_results import SweepPlan, SweepReport

if TYPE_CHECKING:
    from testsmith.clients import Clients
    from testsmith.reporting.rendering import View
    from testsmith.sweep.machines import Planned
    from testsmith.sweep.parts import PartsFolder

_Done = TypeVar("_Done")


_NOT_WRITTEN = ("nothing was written: --no-verify skips the proof, and only proven tests are written.",)

_NOTHING_DIFFERS = (
    "no public function or class differs from the default branch. Compare with an earlier commit"
    " (--base HEAD~1), or name files to test as they are (--all PATH)."
)

_ASK_TO_INSTALL = "Install the project and what its tests need into a cached environment?"

_PACKAGES_OF_MCP = frozenset({"mcp", "mcp_types", "anyio"})
_NO_MCP = (
    "the MCP server needs the extra `mcp`, which is not installed. Install it with"
    " `pip install 'testsmith-bot[mcp]'`, or run `uvx --from 'testsmith-bot[mcp]' testsmith mcp`."
)

_WATCHING = "watching for changes; press Ctrl-C to stop"
_SECONDS_OF_WATCH = 365 * 86_400.0


def _init(arguments: Mapping[str, Any], app: App) -> int:
    from testsmith.subcommands.init import set_up

    _put_out("".join(f"{line}\n" for line in set_up(arguments)), app)
    return 0


def _doctor(arguments: Mapping[str, Any], app: App) -> int:
    settings = _settings({**arguments, "all": ["."]}, app)
    from testsmith.subcommands import doctor

    async def work(clients: Clients) -> list[doctor.Check]:
        project = await doctor.check_project(settings, clients.offline.run)
        return [*project, *await doctor.check_model(settings)]

    checks = [
        *doctor.check_git(settings),
        *_finished(settings, app, work, sweeps=True),
        *doctor.check_token(settings, app.environment),
        *doctor.check_cache(settings, app),
    ]
    _put_out("".join(f"{one}\n" for one in (*checks, f"\n{doctor.summary(checks)}")), app)
    return int(any(one.status is doctor.CheckStatus.FIX for one in checks))


def _completion(arguments: Mapping[str, Any], app: App) -> int:
    _put_out(script(command_line_parser(), arguments["shell"]), app)
    return 0


def run(argv: Sequence[str], app: App) -> int:
    """Run one command and return the exit code.

    Raises:
        SystemExit: The argument parser exits, for `--help`, `--version` and invalid arguments.
    """
    if not argv:
        command_line_parser().print_help(app.stderr)
        return 2
    arguments = {**vars(command_line_parser().parse_args(argv)), "argv": argv}
    commands = {
        "suggest": _suggest,
        "prove": _prove,
        "mcp": _mcp,
        "sweep": _sweep,
        "review": _review,
        "init": _init,
        "doctor": _doctor,
        "cache": _cache,
        "completion": _completion,
    }
    try:
        return _with_output(commands[arguments["command"]], arguments, app)
    except UsageFailure as failure:
        return _told(app, failure, 2)
    except Failure as failure:
        return _told(app, failure, 1)
    except KeyboardInterrupt:
        return _told(app, "interrupted. Results of completed model calls are cached.", 130)


def _with_output(
    command: Callable[[Mapping[str, Any], App], int], arguments: Mapping[str, Any], app: App
) -> int:
    """Run a command, and write its result to the file that the user names, if any."""
    if not arguments.get("output"):
        return command(arguments, app)
    from testsmith.reporting.output_file import OutputFile

    file = OutputFile(Path(arguments["output"]).expanduser())
    file.check()
    chosen = arguments["format"] or file.format
    code = command({**arguments, "format": chosen}, replace(app, stdout=file.text))
    if file.text.getvalue():
        file.write()
        print(f"testsmith: wrote {file.path}", file=app.stderr)
    return code


def show_failure(argv: Sequence[str], app: App, failure: str, *, shows_report: bool) -> int:
    """Report why a run that was ended by the supervisor failed, and return the exit code.

    Reads nothing of the project, whose files may have caused the failure.

    Args:
        argv: The command line.
        app: The application.
        failure: Why the run failed.
        shows_report: Whether to also print a JSON report with the failure, if the format is JSON.
    """
    from testsmith.reporting.json_contract import render_json
    from testsmith.reporting.sweep_formats import sweep_json

    arguments = vars(command_line_parser().parse_args(argv))
    has_report = not any(arguments.get(name) for name in ("estimate", "dry_run", "plan", "shard"))

    def put_out(arguments: Mapping[str, Any], app: App) -> int:
        if arguments.get("format") == OutputFormat.JSON:
            report = Report(members=(), failure=failure)
            swept = SweepReport(plan=SweepPlan(ranked=()), report=report)
            _put_out(sweep_json(swept) if arguments["command"] == "sweep" else render_json(report), app)
        return 1

    if shows_report and has_report:
        try:
            _with_output(put_out, arguments, app)
        except Failure as other:
            _told(app, other, 1)
    return _told(app, failure, 1)


def _told(app: App, message: object, code: int) -> int:
    print(f"testsmith: {message}", file=app.stderr)
    return code


def _suggest(arguments: Mapping[str, Any], app: App) -> int:
    settings = _settings(arguments, app)
    from testsmith.execution.workspace import NotInstalled  # below, as a wrong setting is reported at once
    from testsmith.pipeline import suggest
    from testsmith.reporting.estimate import render_estimate

    if settings.estimate:
        estimate = _finished(settings, app, lambda clients: clients.estimate())
        _put_out(render_estimate(estimate, settings.output_format, settings.model.model), app)
        _say_if_nothing_differs(estimate, arguments, app)
        return 0
    if arguments["yes"] or (app.is_interactive and arguments.get("offers_install", True)):
        proof = replace(settings.verification, offer_install=not settings.verification.installs)
        settings = replace(settings, verification=proof)
    try:
        if arguments["watch"]:
            return _watch(settings, arguments, app)
        report = _finished(settings, app, lambda clients: suggest(settings, clients.run))
    except NotInstalled as reason:
        print(f"testsmith: {reason}", file=app.stderr)
        installs = arguments["yes"] or app.confirm(_ASK_TO_INSTALL)
        again = {
            **arguments,
            "argv": (*arguments["argv"], *(("--install",) if installs else ())),
            "install": installs,
            "base": settings.selection.base,
            "offers_install": False,
        }
        return _suggest(again, app)
    except Exception as error:  # noqa: BLE001 - the JSON contract requires a report, whatever failed
        report = _internal(error, settings, app)
    return _show(report, settings, arguments, app)


def _prove(arguments: Mapping[str, Any], app: App) -> int:
    """Judge tests that someone else wrote; the exit code says whether one of them needs attention."""
    settings = _settings({**arguments, "provider": ProviderChoice.OFFLINE, "all": None}, app)
    from testsmith.pipeline.audit import prove  # below, as a wrong setting is reported at once
    from testsmith.reporting.audit_phrases import audit_text
    from testsmith.reporting.escaping import one_line
    from testsmith.reporting.json_contract import render_json

    try:
        report = _finished(settings, app, lambda clients: prove(settings, clients.run, arguments["paths"]))
    except Exception as error:  # noqa: BLE001 - the JSON contract requires a report, whatever failed
        report = _internal(error, settings, app)
    is_json = settings.output_format is OutputFormat.JSON
    _put_out(render_json(report) if is_json or report.audit is None else audit_text(report.audit), app)
    if not is_json:
        for note in report.notes:
            print(f"testsmith: {one_line(note)}", file=app.stderr)
    if report.failure is not None:
        return _told(app, report.failure, 1)
    return int(report.audit is not None and not report.audit.is_good)


def _mcp(arguments: Mapping[str, Any], app: App) -> int:
    """Serve an agent on standard input and output until it closes them."""
    try:
        from testsmith.subcommands.mcp_server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES_OF_MCP:
            raise
        raise UsageFailure(_NO_MCP) from error

    return serve(app, Path(arguments["repo"]), lambda given: _settings({**arguments, **given}, app))


def _watch(settings: Settings, arguments: Mapping[str, Any], app: App) -> int:
    """Run again after each change; the first run may offer to install the project."""
    from testsmith.execution.workspace import NotInstalled
    from testsmith.git.repository import Repository
    from testsmith.pipeline import RunOptions, suggest
    from testsmith.subcommands.watch import Watcher, WatchMemory, stamps_in, watch

    if arguments["head"] or arguments["output"] or settings.output_format is not OutputFormat.TEXT:
        raise UsageFailure(
            "--watch shows the working tree as text on standard output:"
            " leave --head, --output and --format out."
        )
    memory, watcher = WatchMemory(), Watcher(partial(stamps_in, Repository.open(settings.folder)))
    options = RunOptions(is_unchanged=memory.is_unchanged, audits=False)

    def run() -> Report:
        offers = settings.verification.offer_install and not memory.sources
        now = replace(settings, verification=replace(settings.verification, offer_install=offers))
        try:
            return _finished(now, app, lambda clients: suggest(now, clients.run, options), is_quiet=True)
        except NotInstalled:
            raise
        except Exception as error:  # noqa: BLE001 - the next save may be without it
            return _internal(error, settings, app)

    def wait() -> None:
        supervisor.LINK.allow(_SECONDS_OF_WATCH)
        watcher.wait()

    def show(report: Report) -> int:
        code = _show(report, settings, arguments, app)
        print(f"testsmith: {_WATCHING}", file=app.stderr)
        return code

    return watch(memory, run, show, wait, partial(_warn, app))


def _show(report: Report, settings: Settings, arguments: Mapping[str, Any], app: App) -> int:
    """Print a report, write its tests if that is wanted, and return the exit code."""
    from testsmith.languages.registry import languages
    from testsmith.reporting.fault_reports import concluded, readable
    from testsmith.reporting.formats import render
    from testsmith.test_files.write import write_tests

    view = _view(settings, arguments, app)
    # without suggestions that cannot be rendered in this format
    report = concluded(readable(report, lambda one: render(one, settings.output_format, view)))
    text = render(report, settings.output_format, view)
    written = _written(settings, lambda: write_tests(report, settings, languages()))
    _put_out(f"{text}{_next_step(report, settings, arguments, app)}", app)
    if report.failure is None:
        _say_if_nothing_differs(report, arguments, app)
    return _closed(report, written, settings, app)


def _say_if_nothing_differs(found: Report | Estimate, arguments: Mapping[str, Any], app: App) -> None:
    """Say how to go on if nothing differs from the default branch that was chosen as the base."""
    if not found.members and not arguments["base"] and not arguments["all"]:
        print(f"testsmith: {_NOTHING_DIFFERS}", file=app.stderr)


def _sweep(arguments: Mapping[str, Any], app: App) -> int:
    """Run a whole sweep, its plan alone, or one step of a sharded sweep."""
    shards, shard, collects = (arguments[name] for name in ("plan", "shard", "collect"))
    if arguments["dry_run"] and (shards is not None or shard is not None or collects):
        raise UsageFailure("--dry-run cannot be used with --plan, --shard or --collect.")
    settings = _settings({**arguments, "all": arguments["all"] or ["."]}, app)
    from testsmith.languages.registry import languages  # below, as a wrong setting is reported at once
    from testsmith.reporting.formats import render_sweep
    from testsmith.sweep.machines import collect
    from testsmith.sweep.parts import PartsFolder
    from testsmith.sweep.run_sweep import sweep, write_sweep

    parts = PartsFolder(Path(arguments["parts"]))
    if shards is not None:
        return _plan_shards(settings, app, parts, shards)
    if shard is not None:
        return _prove_shard(settings, app, parts, shard)
    if settings.dry_run:
        return _plan(settings, app)

    def work(clients: Clients) -> Awaitable[SweepReport]:
        return collect(settings, clients.sweep, parts) if collects else sweep(settings, clients.sweep)

    try:
        swept = _finished(settings, app, work, sweeps=True)
    except Exception as error:  # noqa: BLE001 - the JSON contract requires a report, whatever failed
        swept = SweepReport(plan=SweepPlan(ranked=()), report=_internal(error, settings, app))
    written = _written(settings, lambda: write_sweep(swept, settings, languages()))
    text = render_sweep(swept, settings.output_format, _view(settings, arguments, app))
    _put_out(f"{text}{_next_step(swept.report, settings, arguments, app)}", app)
    return _closed(swept.report, written, settings, app)


def _review(arguments: Mapping[str, Any], app: App) -> int:
    if arguments["number"] < 1:
        raise UsageFailure(f"there is no pull request {arguments['number']}: its number is in its address.")
    from testsmith.subcommands.review import review_here

    done = review_here(arguments, app)
    _put_out(done.text, app)
    for note in done.notes:
        print(f"testsmith: {note}", file=app.stderr)
    return _told(app, done.failure, 1) if done.failure else 0


def _plan(settings: Settings, app: App) -> int:
    from testsmith.reporting.formats import render_plan
    from testsmith.sweep.run_sweep import plan

    planned = _finished(settings, app, lambda clients: plan(settings, clients.dry_sweep), sweeps=True)
    _put_out(render_plan(planned, settings.output_format, settings.model.model), app)
    return 0


def _plan_shards(settings: Settings, app: App, parts: PartsFolder, shards: int) -> int:
    from testsmith.sweep.machines import plan_shards
    from testsmith.sweep.shards import Shard

    if not 1 <= shards <= MOST_SHARDS:
        raise UsageFailure(f"--plan must be a whole number from 1 to {MOST_SHARDS}, not {shards}.")

    def work(clients: Clients) -> Awaitable[Planned]:
        return plan_shards(clients.offline.settings, clients.offline.sweep, parts, shards)

    planned = _finished(settings, app, work, sweeps=True)
    of = len(planned.shards)
    lines = [f"{Shard(number=number, of=of)} {len(ids)}" for number, ids in enumerate(planned.shards, 1)]
    _put_out("".join(f"{line} members\n" for line in lines), app)
    return 0


def _prove_shard(settings: Settings, app: App, parts: PartsFolder, text: str) -> int:
    from testsmith.sweep.machines import prove_shard
    from testsmith.sweep.shards import shard_of

    shard = shard_of(text)
    report = _finished(
        settings, app, lambda clients: prove_shard(settings, clients.sweep, parts, shard), sweeps=True
    )
    _put_out(f"functions: {len(report.members)}, proposals: {len(report.suggestions)}\n", app)
    return 0 if report.failure is None else _told(app, report.failure, 1)


def _finished(
    settings: Settings,
    app: App,
    work: Callable[[Clients], Awaitable[_Done]],
    *,
    sweeps: bool = False,
    is_quiet: bool = False,
) -> _Done:
    """Run work with the clients of a run, showing its progress; if quiet, only on a terminal."""
    from testsmith.reporting.terminal import open_progress, terminal_of

    with open_progress(terminal_of(app.stderr, app.environment), is_quiet=is_quiet) as progress:
        clients = app.clients(settings, progress, sweeps=sweeps)
        return app.run(lambda: work(clients))


def _internal(error: Exception, settings: Settings, app: App) -> Report:
    """Return the report of a run that an internal error ended.

    Raises:
        Failure: It was not an internal error.
    """
    if isinstance(error, Failure):
        raise error
    failure = f"internal error: {error!r}. Run again with --verbose for the details, and please report it."
    if settings.verbose:
        import traceback

        traceback.print_exception(error, file=app.stderr)
        failure = f"internal error: {error!r}"
    return Report(members=(), failure=failure)


def _written(settings: Settings, write: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    """Write the tests if that is wanted, and return messages about the files."""
    if not settings.write:
        return ()
    return write() if settings.verification.enabled else _NOT_WRITTEN


def _closed(report: Report, written: Sequence[str], settings: Settings, app: App) -> int:
    """Print messages and statistics, and return the exit code."""
    from testsmith.reporting.phrases import statistics_line

    lines = list(written)
    if settings.verbose:
        lines += [one.traceback for one in report.skipped if one.traceback]
        lines.append(statistics_line(report.statistics.cache))
    for line in lines:
        print(line, file=app.stderr)
    return 0 if report.failure is None else _told(app, report.failure, 1)


def _next_step(report: Report, settings: Settings, arguments: Mapping[str, Any], app: App) -> str:
    """Return the last line of a report for a reader at a terminal who has not had the tests written."""
    from testsmith.reporting.terminal import next_step, terminal_of

    if settings.output_format is not OutputFormat.TEXT or settings.write:
        return ""
    typed = (word for word in arguments["argv"] if word != "--watch")
    return next_step(report, (*typed, "--write"), terminal_of(app.stdout, app.environment))


def _put_out(text: str, app: App) -> None:
    """Write a result to standard output. A closed pipe is not an error.

    Raises:
        Failure: Standard output cannot be written.
    """
    supervisor.LINK.print()
    try:
        app.stdout.write(text)
        app.stdout.flush()
    except BrokenPipeError:
        return
    except OSError as error:
        raise Failure(f"Could not write the result to standard output: {error.strerror}.") from error


def _view(settings: Settings, arguments: Mapping[str, Any], app: App) -> View:
    from testsmith.reporting.rendering import view_of
    from testsmith.reporting.terminal import terminal_of

    terminal = terminal_of(app.stdout, app.environment)
    view = view_of(settings, arguments, width=terminal.width, color=terminal.color)
    return _with_links(view, settings, app) if settings.output_format is OutputFormat.HTML else view


def _with_links(view: View, settings: Settings, app: App) -> View:
    """Return a view that can link to the source files."""
    from testsmith.forge.addresses import addresses_in, repository_at
    from testsmith.git.repository import Repository

    checkout, server = Repository.open(settings.folder), addresses_in(app.environment).server
    repository = repository_at(checkout.remote_address(), server)
    return replace(view, root=checkout.root, web_address=f"{server}/{repository}" if repository else "")


def _warn(app: App, message: str) -> None:
    print(f"testsmith: warning: {message}", file=app.stderr)


def _cache(arguments: Mapping[str, Any], app: App) -> int:
    from testsmith.reporting.phrases import count

    folder = Path(arguments.get("cache_dir") or CACHE_DIR.text_in(app.environment) or app.cache_folder)
    warn = partial(_warn, app)
    with closing(app.stores(CacheSettings(folder=folder), warn)) as stores:
        match arguments["action"]:
            case "stats":
                held, done = stores.stats(), "in"
            case "prune":
                held, done = stores.prune(), "removed from"
            case _:
                held, done = stores.clear(), "removed from"
    results, environments = count(held.entries, "result"), count(held.environments, "installed environment")
    if arguments["action"] == "stats":
        results += f" ({held.bytes:,} bytes)"
        environments += f" ({held.environment_bytes:,} bytes)"
    _put_out(f"{results} and {environments} {done} {folder}\n", app)
    return 0


def _settings(arguments: Mapping[str, Any], app: App) -> Settings:
    folder = Path(arguments.get("repo") or ".")
    sources = SettingsSources(
        arguments=arguments,
        file=repository_values(partial(_file_in, folder)),
        environment=app.environment,
        cache_folder=app.cache_folder,
    )
    if arguments.get("base") and arguments.get("all"):
        raise UsageFailure(
            "--base and --all cannot be used together: --all selects every public function and class in "
            "the given files, changed or not."
        )
    if not arguments.get("base") and not arguments.get("all"):
        sources = replace(sources, arguments={**arguments, "base": _default_base(folder, app)})
    settings = parse(folder, sources)
    is_offline = settings.provider is ProviderChoice.OFFLINE
    if is_offline and arguments.get("model") and not arguments.get("provider"):
        raise UsageFailure(
            "--model needs an API key: set TESTSMITH_API_KEY or OPENAI_API_KEY, or another endpoint with "
            "--base-url. Leave out --model to generate tests without a model."
        )
    coverage = settings.verification.coverage
    if coverage is not None and not coverage.is_file():
        raise UsageFailure(f"No such file: {coverage}. Set another coverage file, or leave out --coverage.")
    return settings


def _default_base(folder: Path, app: App) -> str:
    """Return the default branch of a repository, and say that it is compared with."""
    from testsmith.git.repository import Repository

    base = Repository.open(folder.resolve()).default_branch()
    print(f"testsmith: comparing with {base}; choose another revision with --base", file=app.stderr)
    return base


def _file_in(folder: Path, name: str) -> bytes | None:
    """Return a file's contents, or None if it does not exist.

    Raises:
        UsageFailure: The file cannot be read.
    """
    path = folder / name
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise UsageFailure(f"Could not read {path} ({error}). Fix or delete the file.") from error

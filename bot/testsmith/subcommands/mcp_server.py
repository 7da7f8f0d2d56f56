"""`testsmith mcp`: a server of the Model Context Protocol on standard input and output, for agents.

What a client sends is untrusted. Its code is only run in the sandbox, in a copy of the project, and paths
stay inside the opened folder. No tool writes files of the project, and every answer has a maximum size. One
call runs at a time, within the limits of one run.

Only `cli` imports this module, when the command is run, because it imports the protocol's SDK.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, TypedDict, TypeVar

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field, TypeAdapter

from testsmith import __version__
from testsmith.app import App
from testsmith.clients import Clients
from testsmith.git.repository import Repository
from testsmith.model import SCHEMA_VERSION, USUAL_SHARE, Failure, UsageFailure
from testsmith.pipeline import RunOptions, suggest
from testsmith.pipeline.audit import prove
from testsmith.pipeline.steps import (
    SurvivingMutantsReport,
    audit_working_tree,
    prove_code,
    surviving_mutants,
)
from testsmith.process import supervisor
from testsmith.reporting.escaping import one_line
from testsmith.reporting.json_contract import contract, json_document, skipped_keys, surviving_mutant_keys
from testsmith.reporting.terminal import PlainProgress
from testsmith.settings import ProviderChoice, Settings

MOST_CHARACTERS = 200_000
"""Maximum size of an answer's JSON."""

_SECONDS_BETWEEN_CALLS = 365 * 86_400.0
_SECONDS_BETWEEN_NOTIFICATIONS = 0.2
_STEP = 1e-6
_MOST_CODE = 100_000
_MOST_NAMES = 50

_INSTRUCTIONS = """\
Judges and writes tests for the project in the opened folder. Before you say that a test is done, call `prove`
with it: a test that cannot fail is not a test. `surviving_mutants` says what the tests of a function do not
notice yet. Calls run the project's tests, so they take from seconds to minutes, one at a time."""

_Done = TypeVar("_Done")
Name = Annotated[str, Field(min_length=1, max_length=500)]
Names = Annotated[list[Name], Field(max_length=_MOST_NAMES)]
Code = Annotated[str, Field(min_length=1, max_length=_MOST_CODE)]
Revision = Annotated[
    str,
    Field(
        max_length=200, description="revision to compare with, at the merge base; the default branch if empty"
    ),
]
SettingsOf = Callable[[Mapping[str, Any]], Settings]


class SurvivingKeys(TypedDict):
    """A mutant that no test of the project kills, as in the contract's `changed_lines_survived`."""

    path: str
    line: int
    mutant: str
    reached: bool


class MemberMutantsKeys(TypedDict):
    """One member: its id, how many mutants were tried and could not be tried, and those that survive."""

    member: str
    mutants: int
    unknown: int
    survived: list[SurvivingKeys]


class SkippedKeys(TypedDict):
    """What could not be measured, as in the contract's `skipped`."""

    member: str | None
    path: str
    stage: str
    reason: str


class SurvivingMutantsKeys(TypedDict):
    """The answer of `surviving_mutants`."""

    schema: int
    members: list[MemberMutantsKeys]
    skipped: list[SkippedKeys]
    notes: list[str]


def serve(app: App, folder: Path, settings_of: SettingsOf) -> int:
    """Serve one client until it closes standard input, and return the exit code.

    Args:
        app: The application.
        folder: The opened folder.
        settings_of: Returns the settings of a call from the command line and these values.

    Raises:
        UsageFailure: A person has started it in a terminal, or the folder is not in a repository.
    """
    if app.stdin is None or app.stdin.isatty():
        raise UsageFailure(
            "`testsmith mcp` reads the Model Context Protocol from standard input: have your agent's program"
            " start it (docs/agents.md). To judge tests yourself, run `testsmith prove PATH`."
        )
    Repository.open(folder)
    supervisor.LINK.allow(_SECONDS_BETWEEN_CALLS)
    tools = _Tools(app=app, folder=folder.resolve(), settings_of=settings_of)
    server: MCPServer[Any] = MCPServer(
        "testsmith",
        instructions=_INSTRUCTIONS,
        version=__version__,
        tools=tools.every(),
        log_level="WARNING",
    )
    app.run(lambda: _until_the_end(server, tools, app))
    return 0


async def _until_the_end(server: MCPServer[Any], tools: _Tools, app: App) -> None:
    """Serve until standard input is closed; after a signal, cancel the running call and exit."""
    serving = asyncio.ensure_future(server.run_stdio_async())
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        await tools.cancel()
        if app.signals.received is not None:  # a thread of the SDK waits for a line that may never come
            os._exit(128 + app.signals.received)
        raise


@dataclass(kw_only=True)
class _Tools:
    """The tools of the server.

    Attributes:
        app: The application.
        folder: The opened folder, an absolute path.
        settings_of: See `serve`.
        turn: Held by the call that runs.
        running: Its task.
    """

    app: App
    folder: Path
    settings_of: SettingsOf
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    running: set[asyncio.Future[Any]] = field(default_factory=set)

    async def cancel(self) -> None:
        """Cancel the call that runs, and wait for its end."""
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)

    def every(self) -> list[Tool]:
        """Return the tools, each with the schema of its answer."""
        report = json.loads(files("testsmith.reporting").joinpath("schema.json").read_text("utf-8"))
        del report["$schema"], report["title"]
        survivors = TypeAdapter(SurvivingMutantsKeys).json_schema()
        return [
            _tool(self.prove, "Prove tests", report),
            _tool(self.audit, "Audit the tests of a change", report),
            _tool(self.surviving_mutants, "List surviving mutants", survivors),
            _tool(self.suggest, "Suggest proven tests", report),
        ]

    async def prove(
        self,
        context: Context[Any, Any],
        paths: Annotated[
            Names | None,
            Field(description="test files, folders, or functions such as tests/test_cart.py::test_add"),
        ] = None,
        code: Annotated[Code | None, Field(description="a complete test module, instead of paths")] = None,
        member: Annotated[
            Name | None,
            Field(description="what the code is for, such as src/shop/cart.py::Cart.add"),
        ] = None,
        base: Revision = "",
    ) -> CallToolResult:
        """Say whether tests can fail, and what they protect.

        With `paths`, `audit` has a verdict and the reason for each test function: fails-without-change,
        guards-other-behavior, cannot-fail, flaky or fails. With `code` and `member`, the test module is run
        as a candidate without being written: `suggestions` has what is worth keeping with its evidence,
        otherwise `skipped` has the reason.
        """
        if bool(paths) == bool(code and member) or bool(code) != bool(member):
            raise ToolError("Give either `paths`, or `code` together with `member`.")
        named = self._inside([*(paths or ()), *([member] if member else ())])

        async def work(settings: Settings, clients: Clients) -> Mapping[str, Any]:
            if code:
                return contract(await prove_code(settings, clients.run, named[0], code))
            return contract(await prove(settings, clients.run, named))

        return await self._call(context, {"base": base, "provider": ProviderChoice.OFFLINE}, work)

    async def audit(
        self,
        context: Context[Any, Any],
        base: Revision = "",
        head: Annotated[
            str, Field(max_length=200, description="revision to judge; the working tree if empty")
        ] = "",
    ) -> CallToolResult:
        """Judge the tests that the working tree or a branch adds or edits, compared with base.

        `audit` has a verdict and the reason for each test function, and the mutants of changed lines that no
        test of the project kills. It is null if there are no such tests, or if they could not be judged.
        """

        async def work(settings: Settings, clients: Clients) -> Mapping[str, Any]:
            return contract(await audit_working_tree(settings, clients.run))

        given = {"base": base, "head": head or None, "provider": ProviderChoice.OFFLINE}
        return await self._call(context, given, work)

    async def surviving_mutants(
        self,
        context: Context[Any, Any],
        members: Annotated[
            Names,
            Field(min_length=1, description="functions such as src/shop/cart.py::Cart.add, files or folders"),
        ],
    ) -> CallToolResult:
        """List the mutants of functions that the project's own tests do not kill, with line and text.

        Each is a change of the code that no test notices: write a test that fails with it.
        """
        named = self._inside(members)

        async def work(settings: Settings, clients: Clients) -> Mapping[str, Any]:
            return _surviving(await surviving_mutants(settings, clients.run, named))

        given = {"all": _files(named), "base": None, "provider": ProviderChoice.OFFLINE}
        return await self._call(context, given, work)

    async def suggest(
        self,
        context: Context[Any, Any],
        targets: Annotated[
            Names | None,
            Field(
                description="functions such as src/shop/cart.py::Cart.add, files, folders; empty: the change"
            ),
        ] = None,
        base: Revision = "",
    ) -> CallToolResult:
        """Suggest proven tests for a change or for named functions, without writing them.

        `suggestions` has complete test modules with their evidence, and where they belong.
        """
        named = self._inside(targets or ())
        given: dict[str, Any] = {"base": base}
        options = RunOptions(audits=False)
        if named:
            given = {"base": None, "all": _files(named)}
            options = replace(options, paths=tuple(_files(named)), only=tuple(named), is_chosen=True)

        async def work(settings: Settings, clients: Clients) -> Mapping[str, Any]:
            return contract(await suggest(settings, clients.run, options))

        return await self._call(context, given, work)

    def _inside(self, names: Sequence[str]) -> list[str]:
        """Return the names of files, folders, tests and members, if all are inside the opened folder.

        Raises:
            ToolError: One is not.
        """
        project = Repository.open(self.folder).project if names else ""
        for name in names:
            path = PurePosixPath(name.partition("::")[0])
            below = path.relative_to(project) if project and path.is_relative_to(project) else path
            is_inside = not path.is_absolute() and ".." not in path.parts and "\0" not in name
            if not is_inside or not (self.folder / below).exists():
                raise ToolError(f"{name}: no such file or folder in the opened folder.")
        return list(dict.fromkeys(names))

    async def _call(
        self,
        context: Context[Any, Any],
        given: Mapping[str, Any],
        work: Callable[[Settings, Clients], Awaitable[Mapping[str, Any]]],
    ) -> CallToolResult:
        """Run one call with clients of its own, after those that came before it.

        Raises:
            ToolError: The project cannot be run, or what was asked for does not exist.
        """
        values = {name: value for name, value in given.items() if value != ""}
        async with self.turn:
            try:
                found = await self._canceled_once(self._run(context, values, work))
            except Failure as failure:
                raise ToolError(one_line(str(failure))) from failure
            finally:
                supervisor.LINK.allow(_SECONDS_BETWEEN_CALLS)
        document = bounded(dict(found))
        text = TextContent(type="text", text=json_document(document))
        return CallToolResult(content=[text], structured_content=document)

    async def _canceled_once(self, work: Coroutine[Any, Any, _Done]) -> _Done:
        """Await work in a task of its own; if the wait is canceled, cancel it once and wait for its end.

        The SDK cancels again and again until a call has ended, which would interrupt its cleanup.
        """
        task = asyncio.ensure_future(work)
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait([task])
            raise

    async def _run(
        self,
        context: Context[Any, Any],
        values: Mapping[str, Any],
        work: Callable[[Settings, Clients], Awaitable[_Done]],
    ) -> _Done:
        settings = self.settings_of({"verify": True, "all": None, "head": None, **values})
        async with _notified(context, PlainProgress(self.app.stderr, is_quiet=True)) as progress:
            app = replace(self.app, stack=AsyncExitStack())
            async with app.stack:
                return await work(settings, app.clients(settings, progress))


def _tool(function: Callable[..., Any], title: str, schema: dict[str, Any]) -> Tool:
    tool = Tool.from_function(
        function,
        title=title,
        annotations=ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False),
    )
    tool.fn_metadata.output_schema = schema
    return tool


def _files(names: Sequence[str]) -> list[str]:
    """Return the files and folders of members, files and folders."""
    return list(dict.fromkeys(name.partition("::")[0] for name in names))


def _surviving(report: SurvivingMutantsReport) -> Mapping[str, Any]:
    return {
        "schema": SCHEMA_VERSION,
        "members": [
            {
                "member": one.member,
                "mutants": one.tried,
                "unknown": one.unknown,
                "survived": [surviving_mutant_keys(mutant) for mutant in one.survived],
            }
            for one in report.members
        ],
        "skipped": [skipped_keys(one) for one in report.skipped],
        "notes": list(report.notes),
    }


def bounded(document: dict[str, Any], most: int = MOST_CHARACTERS) -> dict[str, Any]:
    """Return a document of at most about `most` characters, with a note on what was left out.

    The longest list loses the second half of its entries until the rest fits.
    """
    found, left_out = json.loads(json.dumps(document)), dict[str, int]()
    while len(json.dumps(found)) > most:
        audit = found.get("audit") or {}
        lists = {
            **{name: value for name, value in found.items() if isinstance(value, list)},
            **{name: value for name, value in audit.items() if isinstance(value, list)},
        }
        name, longest = max(lists.items(), key=lambda one: len(json.dumps(one[1])))
        if not longest:
            break
        keep = len(longest) // 2
        left_out[name] = left_out.get(name, 0) + len(longest) - keep
        del longest[keep:]
    for name, count in left_out.items():
        found["notes"].append(f"{count} entries of `{name}` are left out: there are too many for one answer")
    return dict(found)


@asynccontextmanager
async def _notified(context: Context[Any, Any], warnings: PlainProgress) -> AsyncIterator[_Notifier]:
    """Yield a progress display that notifies the client."""
    notifier = _Notifier(context, warnings)
    sending = asyncio.ensure_future(notifier.send())
    try:
        yield notifier
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


class _Notifier:
    """Progress as notifications: the part of the call that is done, from 0 to 1, and what is being done.

    As on a terminal, each phase takes its usual share of what is left. The part that is done must grow with
    each notification.
    """

    def __init__(self, context: Context[Any, Any], warnings: PlainProgress) -> None:
        self._context, self._warnings = context, warnings
        self._changed = asyncio.Event()
        self._name, self._total, self._steps = "", 0, 0
        self._begun, self._share = 0.0, 0.0

    def phase(self, name: str, total: int, share: float = USUAL_SHARE) -> None:
        """See `Progress.phase`."""
        self._begun += self._share
        self._share = share * (1 - self._begun)
        self._name, self._total, self._steps = one_line(name), total, 0
        self._changed.set()

    def advance(self, steps: int = 1) -> None:
        """See `Progress.advance`."""
        self._steps = min(self._total, self._steps + steps)
        self._changed.set()

    def warn(self, message: str) -> None:
        """See `Progress.warn`."""
        self._warnings.warn(message)

    async def send(self) -> None:
        """Notify the client of changes until canceled."""
        last = 0.0
        while True:
            await self._changed.wait()
            self._changed.clear()
            counted = f" ({self._steps:,} of {self._total:,})" if self._total > 1 else ""
            done = self._begun + self._share * self._steps / max(1, self._total)
            last = max(done, last + _STEP)
            with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
                await self._context.report_progress(last, 1.0, self._name + counted)
            await asyncio.sleep(_SECONDS_BETWEEN_NOTIFICATIONS)

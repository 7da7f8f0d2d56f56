"""`testsmith doctor`: check everything that a run needs, and say how to fix what does not work."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum

from testsmith.app import App
from testsmith.clients import ask_for_models
from testsmith.execution.runner import TestRunner
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.forge.addresses import addresses_in
from testsmith.forge.github import Connection
from testsmith.forge.interface import ForgeFailure
from testsmith.git.repository import Repository
from testsmith.model import Failure, Member, UsageFailure
from testsmith.pipeline import RunDependencies
from testsmith.reporting.phrases import count
from testsmith.settings import CacheSettings, ProviderChoice, SandboxChoice, Settings
from testsmith.subcommands.review import repository_of, token_for
from testsmith.sweep.sweep_workspace import SeveralProjects, SweepWorkspace, measure_whole, opened

_MOST_MODULES = 200
_MOST_NOTES = 2
_DAYS_BEFORE_SHUTDOWN = 90


class CheckStatus(StrEnum):
    """Result of a check; only `fix` makes the exit code 1."""

    OK = "ok"
    NOTE = "note"
    FIX = "fix"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the output.

    Attributes:
        name: What was checked.
        text: What was found, and what to do.
        status: Result of the check.
    """

    name: str
    text: str
    status: CheckStatus = CheckStatus.OK

    def __str__(self) -> str:
        return f"{self.status:<6}{self.name:<13}{' '.join(self.text.split())}"


def _fix(name: str, text: object) -> Check:
    return Check(name=name, text=str(text), status=CheckStatus.FIX)


def _note(name: str, text: str) -> Check:
    return Check(name=name, text=text, status=CheckStatus.NOTE)


def summary(checks: Sequence[Check]) -> str:
    """Return the last line of the output."""
    wrong = sum(one.status is CheckStatus.FIX for one in checks)
    return f"{count(wrong, 'thing')} to fix." if wrong else "Nothing to fix."


def check_git(settings: Settings) -> Iterator[Check]:
    """Check that a base to compare with can be found."""
    repository = Repository.open(settings.folder)
    yield Check(name="repository", text=str(repository.root))
    try:
        branch = repository.default_branch()
        repository.merge_base(repository.resolve(branch), repository.resolve("HEAD"))
    except UsageFailure as failure:
        yield _fix("base", failure)
    else:
        yield Check(name="base", text=f"{branch}, unless --base names another revision")


async def check_project(settings: Settings, tools: RunDependencies) -> list[Check]:
    """Check the sandbox, the interpreter, the imports of the project, and its own tests."""
    try:
        return await _check_project(settings, tools)
    except SeveralProjects as found:
        text = f"there are {len(found.folders)}, each in a folder of its own"
        return [_note("project", f"{text}; check one with --repo {found.folders[0]}")]


async def _check_project(settings: Settings, tools: RunDependencies) -> list[Check]:
    async with opened(settings, tools, None) as workspace:
        if not workspace.members:
            return [_note("project", "no public functions or classes found; name its folder with --repo")]
        if workspace.obstacle:
            return [_fix("interpreter", workspace.obstacle)]
        project = workspace.repository.project
        checks = [Check(name="project", text=project)] if project else []
        for language, runner in workspace.runners.items():
            members = [one for one in workspace.members.values() if one.language == language]
            checks.append(_interpreter(runner))
            checks.append(_sandbox(runner, settings))
            checks.append(await _imports(runner, members))
        return [*checks, await _own_tests(settings, tools, workspace)]


def _interpreter(runner: TestRunner) -> Check:
    program = runner.program
    is_new = program is not None and program.is_relative_to(runner.workspace.scratch)
    place = "in an environment of the project's own" if is_new else str(program or "")
    notes = "".join(f"; {note}" for note in runner.workspace.notes)
    return Check(name="interpreter", text=f"{runner.runtime}, {place}{notes}")


def _sandbox(runner: TestRunner, settings: Settings) -> Check:
    if settings.verification.sandbox is SandboxChoice.OFF:
        return _note("sandbox", "off: the project's code runs with all your permissions")
    sandbox = runner.workspace.sandbox
    if not sandbox.warning():
        return Check(name="sandbox", text=", ".join(sandbox.layers()))
    return _note(
        "sandbox",
        f"{sandbox.warning()}. Tests still run here, but not with --sandbox strict, the action's default.",
    )


async def _imports(runner: TestRunner, members: Sequence[Member]) -> Check:
    by_module = {one.module: one for one in members}
    chosen = list(by_module.values())[:_MOST_MODULES]
    try:
        reasons = await runner.not_loading(chosen)
    except CannotRun as failure:
        return _fix("imports", failure)
    if not reasons:
        return Check(name="imports", text=f"{count(len(chosen), 'module')} can be imported")
    text = f"{len(reasons):,} of {count(len(chosen), 'module')}: {next(iter(reasons.values()))}"
    if 2 * len(reasons) > len(chosen):
        return _fix("imports", text)
    return _note("imports", f"{text} Their functions are skipped.")


async def _own_tests(settings: Settings, tools: RunDependencies, workspace: SweepWorkspace) -> Check:
    tools.progress.phase("running the project's tests", 1)
    paths = sorted({one.path for one in workspace.members.values()})
    suite = await measure_whole(workspace.runners, tools.languages, paths, settings.verification)
    notes = "; ".join(suite.notes[:_MOST_NOTES])
    if not suite.is_known or suite.failed is None:
        is_off = settings.verification.suite_seconds <= 0
        return _note("tests", notes) if is_off else _fix("tests", notes)
    broken = [one for one in suite.failed if "::" not in one]
    failing = sorted(suite.failed - set(broken))
    if broken and not settings.verification.installs:
        return _fix("tests", notes)
    if failing:
        lacks = "the network or another program"
        if not settings.verification.installs:
            lacks = "the network, another program or a missing package (see --install)"
        notes += f", for example {failing[0]}; what needs {lacks} fails there"
    return _note("tests", notes) if notes else Check(name="tests", text="the project's own tests pass")


async def check_model(settings: Settings) -> list[Check]:
    """Check the key and the model with a call that is free. The key is not shown."""
    if settings.provider is ProviderChoice.OFFLINE:
        advice = "to use a model, set TESTSMITH_API_KEY or OPENAI_API_KEY"
        return [_note("key", f"none, so the offline engine writes the tests; {advice}")]
    if settings.model.replay is not None:
        return [_note("model", f"answers come from {settings.model.replay}")]
    try:
        offered = await ask_for_models(settings.model)
    except Failure as failure:
        return [_fix("key", failure)]
    url, model = offered.url, settings.model.model
    if not offered.models:
        return [_note("model", f"{model}, and its key, were not checked: {url} does not list its models")]
    is_open = settings.model.api_key is None
    key = Check(name="key", text=f"none; {url} answers without one" if is_open else f"accepted by {url}")
    if model not in offered.models:
        return [key, _fix("model", f"{model} is not offered at {url}. Name another one with --model.")]
    return [key, _shutdown(model, offered.models[model])]


def _shutdown(model: str, day: date | None) -> Check:
    if day is None:
        return Check(name="model", text=f"{model}, no shutdown date announced")
    days = (day - datetime.now(UTC).date()).days
    if days < 0:
        return _fix("model", f"{model} was shut down on {day}. Name another one with --model.")
    if days > _DAYS_BEFORE_SHUTDOWN:
        return Check(name="model", text=f"{model}, shuts down on {day}")
    return _note("model", f"{model} shuts down on {day}. Choose another one with --model before that day.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Permissions:
    pull: bool = False
    push: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _GitHubRepository:
    permissions: _Permissions = field(default_factory=_Permissions)


def check_token(settings: Settings, environment: Mapping[str, str]) -> Iterator[Check]:
    """Check what the user's GitHub token may do, if there is one and `origin` is on GitHub."""
    addresses = addresses_in(environment)
    try:
        repository = repository_of(Repository.open(settings.folder), addresses.server)
        token = token_for(addresses.server, environment)
    except UsageFailure:
        return
    connection = Connection(
        url=addresses.api,
        graphql_url=addresses.graphql,
        token=token,
        repository=repository,
        clock=time.time,
        sleep=time.sleep,
    )
    with closing(connection):
        try:
            permissions = connection.get(_GitHubRepository, "read the repository", "").permissions
        except ForgeFailure as failure:
            yield _fix("token", failure)
            return
    if permissions.push:
        yield Check(name="token", text=f"may write to {repository}")
    else:
        yield _note(
            "token",
            f"may read {repository}. To post reviews it needs `pull-requests: write`; to commit,"
            " `contents: write`.",
        )


def check_cache(settings: Settings, app: App) -> Iterator[Check]:
    """Check that results can be kept between runs."""
    warnings: list[str] = []
    folder, held = settings.cache.folder, ""
    try:
        with closing(app.stores(CacheSettings(folder=folder), warnings.append)) as stores:
            stats = stores.stats()
            held = f"{count(stats.entries, 'result')}, {stats.bytes:,} bytes"
    except OSError as error:
        warnings.append(f"{folder} cannot be used: {error.strerror}")
    if warnings:
        yield _fix("cache", f"{warnings[0]}. Name another folder with --cache-dir.")
    else:
        yield Check(name="cache", text=f"{folder}, {held}")
    if "GITHUB_ACTIONS" in app.environment and not app.environment.get("ACTIONS_RESULTS_URL"):
        yield _note("cache", "the runner offers no cache service to this step; --cache-dir keeps results")

"""The action's inputs and the settings derived from them. Pure functions.

`action.yml` passes each input as `TESTSMITH_<INPUT>`; an empty one is unset. `docs/inputs.md` describes the
inputs. Names and meanings match the command line flags if there is such a flag.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from testsmith.action.runner import Runner
from testsmith.events import (
    DEFAULT_SKIP_LABEL,
    HandleCommentCommands,
    SweepRepository,
    Work,
)
from testsmith.forge.reconcile import MOST_COMMENTS
from testsmith.model import UsageFailure
from testsmith.settings import (
    EVERY_OPTION,
    Option,
    ProviderChoice,
    ReviewSettings,
    SandboxChoice,
    Secret,
    Settings,
    SettingsSources,
    SweepSettings,
    SweepStep,
    checked_value,
    options_of,
    parse,
)
from testsmith.sweep.shards import MOST_SHARDS, shard_of

INPUTS = (
    "token",
    "api-key",
    "provider",
    "base-url",
    "model",
    "fallback-model",
    "model-for",
    "strategy",
    "reasoning-effort",
    "service-tier",
    "include",
    "exclude",
    "max-members",
    "max-comments",
    "max-minutes",
    "max-calls",
    "max-tokens",
    "max-cost",
    "max-concurrent-calls",
    "max-retry-attempts",
    "setup-command",
    "test-command",
    "python-version",
    "sandbox",
    "mode",
    "mark-tests",
    "sign-off",
    "co-author",
    "cache-dir",
    "skip-label",
    "fail-on-error",
    "commands",
    "explain-for",
    "install-forks",
    "paths",
    "dry-run",
    "sweep-step",
    "shards",
    "shard",
)
"""Every input of the action."""

SECRETS = ("token", "api-key")
"""Inputs that must not appear in logs."""

PARTS_FOLDER = "testsmith-report/parts"
"""Directory in the workspace through which the machines of a sweep exchange parts."""

_PLACE = "the action's inputs"
_KEY = "TESTSMITH_API_KEY"
_RANGES = {"max-comments": (0, MOST_COMMENTS), "shards": (1, MOST_SHARDS)}
_TRUTHS = {"true": True, "false": False}
_SEPARATORS = re.compile(r"[\n,]")
_VERSION = re.compile(r"3\.(?:[89]|[1-9][0-9])(?:\.[0-9]{1,3})?", re.ASCII)

_NO_KEY_GIVEN = (
    "Runs for forks and Dependabot are given no secrets, so there is no key for a model, and the "
    "tests are made without one."
)

_ALWAYS_STRICT = (
    "Runs for comments hold the repository's secrets, so the sandbox is strict, whatever the input says."
)

_Group = TypeVar("_Group")


class NoToken(UsageFailure):
    """No token was given. For pull requests from forks that is expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionContext:
    """The inputs of one run of the action.

    Attributes:
        runner: The environment of the step.
        token: Token used to read and write on GitHub.
        review: The review settings.
        sweep: The sweep settings.
        api_key: The model provider's key; None for none.
        archives: Directory set by the input `cache-dir`; None for none.
        arguments: The other inputs, by option key.
        notes: Sentences for the log and the job summary.
        installs_forks: Whether the project is installed, with network access, for pull requests from forks.
    """

    runner: Runner
    token: Secret
    review: ReviewSettings
    sweep: SweepSettings = field(default_factory=SweepSettings)
    api_key: Secret | None = None
    archives: Path | None = None
    arguments: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    installs_forks: bool = True

    @property
    def cache_folder(self) -> Path:
        """Directory of the cache stores during the job."""
        return self.runner.temp / "testsmith-cache"

    @property
    def parts_folder(self) -> Path:
        """Directory through which the machines of a sweep exchange parts."""
        return self.runner.workspace / PARTS_FOLDER


def given_input(environment: Mapping[str, str], name: str) -> str | None:
    """Return an input without surrounding blanks, or None if it is unset."""
    return environment.get(variable_of(name), "").strip() or None


def variable_of(name: str) -> str:
    """Return the name of the environment variable of an input."""
    return f"TESTSMITH_{name.upper().replace('-', '_')}"


def skip_label(environment: Mapping[str, str]) -> str:
    """Return the label that excludes a pull request from review."""
    return given_input(environment, "skip-label") or DEFAULT_SKIP_LABEL


def context_of(environment: Mapping[str, str], runner: Runner, task: Work) -> ActionContext:
    """Read the inputs for a task.

    Raises:
        NoToken: No token was given.
        UsageFailure: An input is not valid; the message names it.
    """
    given = {name: text for name in INPUTS if (text := given_input(environment, name)) is not None}
    arguments = _arguments(given)
    arguments["provider"], notes = _provider(given, task)
    if isinstance(task, HandleCommentCommands) and arguments["sandbox"] is not SandboxChoice.STRICT:
        arguments["sandbox"], notes = SandboxChoice.STRICT, (*notes, _ALWAYS_STRICT)
    key, review, sweep = given.get("api-key"), _group(ReviewSettings, given), _group(SweepSettings, given)
    if sweep.step is SweepStep.SHARD:
        shard_of(sweep.shard)
    return ActionContext(
        runner=runner,
        token=_token(given.get("token")),
        review=review,
        installs_forks=review.installs_forks or not isinstance(task, HandleCommentCommands),
        sweep=sweep,
        api_key=Secret(key) if key else None,
        archives=_within(runner.workspace, given.get("cache-dir")),
        arguments=arguments,
        notes=notes,
    )


def settings_of(
    context: ActionContext, file: Mapping[str, object] | None = None, *, installs: bool = True, **more: object
) -> Settings:
    """Return the settings of a run.

    Args:
        context: The action's inputs.
        file: Values of the repository's settings file, from a state that the pull request could not change.
        installs: Whether the project may be installed, from its metadata or with the setup command.
        more: What the inputs do not say, such as `base` and `head`.

    Raises:
        UsageFailure: A setting is missing or conflicts with another one.
    """
    arguments, key = {**context.arguments, "install": installs, **more}, context.api_key
    if not installs:
        arguments["setup_command"] = None
    sources = SettingsSources(
        arguments=arguments,
        file=file or {},
        environment={} if key is None else {_KEY: key.value},
        cache_folder=context.cache_folder,
        place=_PLACE,
        prefix="",
    )
    return parse(context.runner.workspace, sources)


def sweep_settings_of(
    context: ActionContext, file: Mapping[str, object] | None = None, *, head: str
) -> Settings:
    """Return the settings of a sweep of a commit; see `settings_of`."""
    how = context.sweep
    return settings_of(context, file, all=how.paths or (".",), head=head, dry_run=how.dry_run)


def _token(text: str | None) -> Secret:
    if text is None:
        raise NoToken(
            "the input `token` is empty, so GitHub can be neither read nor written: leave it out for the "
            "workflow's own token. Runs for forks and Dependabot are given no secrets; for them write "
            "`token: ${{ secrets.NAME || github.token }}`."
        )
    return Secret(text)


def _provider(given: Mapping[str, str], task: Work) -> tuple[ProviderChoice, tuple[str, ...]]:
    """Return the provider to use, and sentences that say why it is not the requested one."""
    try:
        choice = ProviderChoice(given.get("provider", ProviderChoice.AUTO))
    except ValueError:
        raise _wrong("provider", f"one of {', '.join(ProviderChoice)}", given["provider"]) from None
    if isinstance(task, SweepRepository) and given.get("sweep-step") in {SweepStep.PLAN, SweepStep.COLLECT}:
        return ProviderChoice.OFFLINE, ()  # such a job calls no model, so it needs no key
    wants_model = choice in {ProviderChoice.OPENAI, ProviderChoice.OPENAI_AND_OFFLINE}
    if not wants_model or "api-key" in given or "base-url" in given:
        return choice, ()
    if task.has_small_token:
        return ProviderChoice.OFFLINE, (_NO_KEY_GIVEN,)
    raise UsageFailure(
        f"the input `provider` is {choice}, which needs the input `api-key`, or `base-url` for an "
        "endpoint of your own; without one, `provider: offline` makes the tests."
    )


def _arguments(given: Mapping[str, str]) -> dict[str, object]:
    """Return the settings arguments that the inputs set."""
    version = given.get("python-version")
    if version is not None and not _VERSION.fullmatch(version):
        wanted = 'a version such as "3.12", in quotes, since 3.10 alone is 3.1'
        raise _wrong("python-version", wanted, version)
    values = {one.key: _value(one, given[one.name]) for one in EVERY_OPTION if one.name in given}
    return {"sandbox": SandboxChoice.STRICT, **values}


def _group(kind: type[_Group], given: Mapping[str, str]) -> _Group:
    """Return a group of settings that only the action has."""
    values = {one.field: _value(one, given[one.name]) for one in options_of(kind) if one.name in given}
    return kind(**values)


def _value(option: Option, text: str) -> Any:
    if option.kind is list:
        value: Any = _parts(text)
    elif option.kind is bool:
        value = _TRUTHS.get(text.lower())
        if value is None:
            raise _wrong(option.name, "true or false", text)
    elif issubclass(option.kind, str):
        value = text
    else:
        value = _number(option, text)
    return checked_value(option, value, _PLACE)


def _parts(text: str) -> list[str]:
    """Return the items of a text, separated by line breaks or commas."""
    found = [part.strip() for part in _SEPARATORS.split(text)]
    return [part for part in found if part]


def _number(option: Option, text: str) -> float:
    wanted, bounds = "a whole number" if option.kind is int else "a number", _RANGES.get(option.name)
    if bounds is not None:
        wanted = f"{wanted} from {bounds[0]} to {bounds[1]}"
    try:
        value = int(text) if option.kind is int else float(text)
    except ValueError:
        raise _wrong(option.name, wanted, text) from None
    if bounds is not None and not bounds[0] <= value <= bounds[1]:
        raise _wrong(option.name, wanted, text)
    return value


def _within(workspace: Path, text: str | None) -> Path | None:
    """Return a directory below the workspace by its relative path."""
    if text is None:
        return None
    path = PurePosixPath(text)
    below = path.relative_to(workspace) if path.is_relative_to(workspace) else path
    if below.is_absolute() or ".." in below.parts or not below.parts or below.parts[0] == ".git":
        raise _wrong("cache-dir", "a folder of its own below the workspace", text)
    return workspace / below


def _wrong(name: str, wanted: str, text: str) -> UsageFailure:
    return UsageFailure(f"the input `{name}` must be {wanted}, not `{text}`.")

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
        arguments: The other inputs, by their key in `settings.Sources`.
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
    notes: tuple[str, ...] = ()
    if _asks_nobody(given, task):
        arguments["provider"] = ProviderChoice.OFFLINE
    elif _lacks_key(given):
        arguments["provider"], notes = _without_key(arguments["provider"], task)
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
    context: ActionContext,
    *,
    base: str,
    head: str,
    file: Mapping[str, object] | None = None,
    installs: bool = True,
) -> Settings:
    """Return the settings for generating and verifying tests.

    Args:
        context: The action's inputs.
        base: Object id of the merge base.
        head: Object id of the pull request's head.
        file: Values of the repository's settings file at the merge base.
        installs: Whether the project may be installed, from its metadata or with the setup command.

    Raises:
        UsageFailure: A setting is missing or conflicts with another one.
    """
    more: dict[str, object] = {"base": base, "head": head, "install": installs}
    if not installs:
        more["setup_command"] = None
    return parse(context.runner.workspace, _sources(context, more, file))


def sweep_settings_of(
    context: ActionContext, *, head: str, file: Mapping[str, object] | None = None
) -> Settings:
    """Return the settings of a sweep.

    Args:
        context: The action's inputs.
        head: Object id of the commit to sweep.
        file: Values of the repository's settings file at that commit.

    Raises:
        UsageFailure: A setting is missing or conflicts with another one.
    """
    paths = list(context.sweep.paths) or ["."]
    more = {"all": paths, "head": head, "install": True, "dry_run": context.sweep.dry_run}
    return parse(context.runner.workspace, _sources(context, more, file))


def _sources(
    context: ActionContext, more: Mapping[str, object], file: Mapping[str, object] | None
) -> SettingsSources:
    key = context.api_key
    return SettingsSources(
        arguments={**context.arguments, **more},
        file=file or {},
        environment={} if key is None else {_KEY: key.value},
        cache_folder=context.cache_folder,
        place=_PLACE,
        prefix="",
    )


def _token(text: str | None) -> Secret:
    if text is None:
        raise NoToken(
            "the input `token` is empty, so GitHub can be neither read nor written: leave it out for the "
            "workflow's own token. Runs for forks and Dependabot are given no secrets; for them write "
            "`token: ${{ secrets.NAME || github.token }}`."
        )
    return Secret(text)


def _asks_nobody(given: Mapping[str, str], task: Work) -> bool:
    """Return whether a job only plans or collects, and so needs no key."""
    steps = {SweepStep.PLAN, SweepStep.COLLECT}
    return isinstance(task, SweepRepository) and given.get("sweep-step") in steps


def _lacks_key(given: Mapping[str, str]) -> bool:
    """Return whether a model is requested that needs a key, and none was given."""
    choice = given.get("provider", ProviderChoice.AUTO)
    wants_model = choice in {ProviderChoice.OPENAI, ProviderChoice.OPENAI_AND_OFFLINE}
    return wants_model and "api-key" not in given and "base-url" not in given


def _without_key(choice: object, task: Work) -> tuple[ProviderChoice, tuple[str, ...]]:
    """Return the provider to use without a key, and a sentence that says why."""
    if not task.has_small_token:
        raise UsageFailure(
            f"the input `provider` is {choice}, which needs the input `api-key`, or `base-url` for an "
            "endpoint of your own; without one, `provider: offline` makes the tests."
        )
    return ProviderChoice.OFFLINE, (_NO_KEY_GIVEN,)


def _arguments(given: Mapping[str, str]) -> dict[str, object]:
    """Return the settings arguments that the inputs set."""
    try:
        provider = ProviderChoice(given.get("provider", ProviderChoice.AUTO))
    except ValueError:
        raise _wrong("provider", f"one of {', '.join(ProviderChoice)}", given["provider"]) from None
    version = given.get("python-version")
    if version is not None and not _VERSION.fullmatch(version):
        wanted = 'a version such as "3.12", in quotes, since 3.10 alone is 3.1'
        raise _wrong("python-version", wanted, version)
    values = {one.key: _value(one, given[one.name]) for one in EVERY_OPTION if one.name in given}
    return {"provider": provider, "sandbox": SandboxChoice.STRICT, **values}


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

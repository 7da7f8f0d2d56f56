"""The action's inputs and the settings derived from them. Pure functions.

`action.yml` passes each input as `TESTSMITH_<INPUT>`; an empty one is unset. `docs/inputs.md` describes the
inputs. Names and meanings match the command line flags if there is such a flag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
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
    OPTIONS,
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
_OPTIONS = tuple(option for option in OPTIONS if option.name in INPUTS)
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

_Choice = TypeVar("_Choice", bound=StrEnum)


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
    arguments = dict(_arguments(given))
    notes: tuple[str, ...] = ()
    if _asks_nobody(given, task):
        arguments["provider"] = ProviderChoice.OFFLINE
    elif _lacks_key(given):
        arguments["provider"], notes = _without_key(arguments["provider"], task)
    if isinstance(task, HandleCommentCommands) and arguments["sandbox"] is not SandboxChoice.STRICT:
        arguments["sandbox"], notes = SandboxChoice.STRICT, (*notes, _ALWAYS_STRICT)
    key, review = given.get("api-key"), _review(given)
    return ActionContext(
        runner=runner,
        token=_token(given.get("token")),
        review=review,
        installs_forks=review.installs_forks or not isinstance(task, HandleCommentCommands),
        sweep=_sweep(given),
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


def _review(given: Mapping[str, str]) -> ReviewSettings:
    default = ReviewSettings()
    return ReviewSettings(
        max_comments=_comments(given.get("max-comments"), default.max_comments),
        skip_label=given.get("skip-label", default.skip_label),
        fail_on_error=_truth("fail-on-error", given.get("fail-on-error", str(default.fail_on_error))),
        commands=_truth("commands", given.get("commands", str(default.commands))),
        explain_for=_choice(given, "explain-for", default.explain_for),
        installs_forks=_truth("install-forks", given.get("install-forks", str(default.installs_forks))),
    )


def _sweep(given: Mapping[str, str]) -> SweepSettings:
    default = SweepSettings()
    step = _choice(given, "sweep-step", default.step)
    if step is SweepStep.SHARD:
        shard_of(given.get("shard", ""))
    return SweepSettings(
        paths=tuple(_parts(given.get("paths", ""))),
        step=step,
        shards=_shards(given.get("shards", str(default.shards))),
        shard=given.get("shard", ""),
        dry_run=_truth("dry-run", given.get("dry-run", str(default.dry_run))),
    )


def _shards(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= MOST_SHARDS:
        raise _wrong("shards", f"a whole number from 1 to {MOST_SHARDS}", text)
    return int(text)


def _parts(text: str) -> list[str]:
    """Return the items of a text, separated by line breaks or commas."""
    found = [part.strip() for part in _SEPARATORS.split(text)]
    return [part for part in found if part]


def _comments(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.isdecimal() or int(text) > MOST_COMMENTS:
        raise _wrong("max-comments", f"a whole number from 0 to {MOST_COMMENTS}", text)
    return int(text)


def _truth(name: str, text: str) -> bool:
    if text.lower() not in _TRUTHS:
        raise _wrong(name, "true or false", text)
    return _TRUTHS[text.lower()]


def _arguments(given: Mapping[str, str]) -> Iterator[tuple[str, object]]:
    """Yield the settings arguments that the inputs set."""
    yield "provider", _choice(given, "provider", ProviderChoice.AUTO)
    yield "sandbox", _choice(given, "sandbox", SandboxChoice.STRICT)
    for name in ("base-url", "setup-command", "test-command"):
        yield name.replace("-", "_"), given.get(name)
    yield "python_version", _version(given.get("python-version"))
    for option in _OPTIONS:
        if option.name in given:
            yield option.key, _option(option, given[option.name])


def _choice(given: Mapping[str, str], name: str, default: _Choice) -> _Choice:
    text = given.get(name, default)
    try:
        return type(default)(text)
    except ValueError:
        raise _wrong(name, f"one of {', '.join(type(default))}", text) from None


def _option(option: Option, text: str) -> Any:
    if option.kind is list:
        value: Any = _parts(text)
    elif option.kind is bool:
        value = _truth(option.name, text)
    elif issubclass(option.kind, str):
        value = text
    else:
        value = _number(option, text)
    checked_value(option, value, _PLACE)
    return value


def _number(option: Option, text: str) -> float:
    try:
        return int(text) if option.kind is int else float(text)
    except ValueError:
        raise _wrong(option.name, "a whole number" if option.kind is int else "a number", text) from None


def _version(text: str | None) -> str | None:
    if text is not None and not _VERSION.fullmatch(text):
        raise _wrong("python-version", 'a version such as "3.12", in quotes, since 3.10 alone is 3.1', text)
    return text


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

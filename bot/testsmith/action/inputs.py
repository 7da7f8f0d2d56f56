"""The action's inputs and the settings derived from them. Pure functions.

The action files pass each input as the environment variable of its option; an empty one is unset. With `env:`
on the step, a workflow may set the variables of other options, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from testsmith.action.runner import Runner
from testsmith.events import HandleCommentCommands, SweepRepository, Work
from testsmith.model import UsageFailure
from testsmith.options import InputOf, Option, options_of
from testsmith.settings import (
    API_KEY,
    CACHE_DIR,
    EVERY_OPTION,
    PROVIDER,
    TOKEN,
    ActionSettings,
    ProviderChoice,
    SandboxChoice,
    Secret,
    Settings,
    SettingsSources,
    SweepSettings,
    SweepStep,
    parse,
)
from testsmith.sweep.shards import shard_of

PARTS_FOLDER = "testsmith-report/parts"
"""Directory in the workspace through which the machines of a sweep exchange parts."""

_PLACE = "the action's inputs"

_NO_KEY_GIVEN = (
    "Runs for forks and Dependabot get no secrets, so there is no API key, and the offline engine "
    "generates the tests."
)

_ALWAYS_STRICT = (
    "Runs for comments have access to the repository's secrets, so the sandbox is always strict for them."
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
        action: How the action behaves as a step.
        sweep: The sweep settings.
        api_key: The model provider's key; None for none.
        archives: Directory set by TESTSMITH_CACHE_DIR; None for none.
        arguments: The other inputs, by option key.
        notes: Sentences for the log and the job summary.
        is_for_comment: Whether the run obeys a comment.
    """

    runner: Runner
    token: Secret
    action: ActionSettings = field(default_factory=ActionSettings)
    sweep: SweepSettings = field(default_factory=SweepSettings)
    api_key: Secret | None = None
    archives: Path | None = None
    arguments: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    is_for_comment: bool = False

    @property
    def installs_forks(self) -> bool:
        """Whether the project is installed, with network access, for pull requests from forks."""
        return self.action.install_forks or not self.is_for_comment

    @property
    def cache_folder(self) -> Path:
        """Directory of the cache stores during the job."""
        return self.runner.temp / "testsmith-cache"

    @property
    def parts_folder(self) -> Path:
        """Directory through which the machines of a sweep exchange parts."""
        return self.runner.workspace / PARTS_FOLDER


def context_of(environment: Mapping[str, str], runner: Runner, task: Work) -> ActionContext:
    """Read the inputs for a task.

    Raises:
        NoToken: No token was given.
        UsageFailure: An input is not valid; the message names it.
    """
    key = API_KEY.text_in(environment)
    sweep = _group(SweepSettings, environment)
    if sweep.step is SweepStep.SHARD:
        shard_of(sweep.shard)
    arguments = {"sandbox": SandboxChoice.STRICT, **_values(EVERY_OPTION, environment)}
    arguments["provider"], notes = _provider(environment, arguments, task, sweep.step)
    if isinstance(task, HandleCommentCommands) and arguments["sandbox"] is not SandboxChoice.STRICT:
        arguments["sandbox"], notes = SandboxChoice.STRICT, (*notes, _ALWAYS_STRICT)
    return ActionContext(
        runner=runner,
        token=_token(TOKEN.text_in(environment)),
        action=_group(ActionSettings, environment),
        sweep=sweep,
        api_key=Secret(key) if key else None,
        archives=_within(runner.workspace, CACHE_DIR.text_in(environment)),
        arguments=arguments,
        notes=notes,
        is_for_comment=isinstance(task, HandleCommentCommands),
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
        environment={} if key is None else {API_KEY.variable: key.value},
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
            "The input `token` is empty. Leave it out to use the workflow's token. Runs for forks and "
            "Dependabot get no secrets; to support them, write `token: ${{ secrets.NAME || github.token }}`."
        )
    return Secret(text)


def _provider(
    environment: Mapping[str, str], arguments: Mapping[str, object], task: Work, step: SweepStep
) -> tuple[ProviderChoice, tuple[str, ...]]:
    """Return the provider to use, and sentences that say why it is not the requested one."""
    choice = PROVIDER.parsed(PROVIDER.text_in(environment) or PROVIDER.default, _PLACE)
    if isinstance(task, SweepRepository) and step in {SweepStep.PLAN, SweepStep.COLLECT}:
        return ProviderChoice.OFFLINE, ()  # such a job calls no model, so it needs no key
    wants_model = choice in {ProviderChoice.OPENAI, ProviderChoice.OPENAI_AND_OFFLINE}
    if not wants_model or API_KEY.text_in(environment) or "base_url" in arguments:
        return choice, ()
    if task.has_small_token:
        return ProviderChoice.OFFLINE, (_NO_KEY_GIVEN,)
    raise UsageFailure(
        f"`provider: {choice}` needs an API key: set the input `api-key`, or `base-url` for your own "
        f"endpoint. Use `provider: offline` to generate tests without a model."
    )


def _values(options: Iterable[Option], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the options that are set, by option key."""
    found: dict[str, Any] = {}
    for one in options:
        text = one.text_in(environment)
        if text is not None:
            is_input = one.input_of is not InputOf.NONE
            found[one.key] = one.parsed(text, _PLACE if is_input else f"the variable {one.variable}")
    return found


def _group(kind: type[_Group], environment: Mapping[str, str]) -> _Group:
    """Return a group of settings that only the action has."""
    options = tuple(options_of(kind))
    values = _values(options, environment)
    return kind(**{one.field: values[one.key] for one in options if one.key in values})


def _within(workspace: Path, text: str | None) -> Path | None:
    """Return a directory below the workspace by its relative path."""
    if text is None:
        return None
    path = PurePosixPath(text)
    below = path.relative_to(workspace) if path.is_relative_to(workspace) else path
    if below.is_absolute() or ".." in below.parts or not below.parts or below.parts[0] == ".git":
        place, wanted = f"the variable {CACHE_DIR.variable}", "a folder inside the workspace"
        raise CACHE_DIR.wrong(place, wanted, text)
    return workspace / below

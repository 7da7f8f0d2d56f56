"""Settings of one run, parsed once from the command line, the repository's settings file and the environment.

Nothing here reads files or the environment directly: the entry point passes both in. Each module takes only
the group of settings it needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from testsmith.model import UsageFailure

_T = TypeVar("_T")

DEFAULT_MODEL = "gpt-6-luna"
"""Default model, used if neither `--model` nor `--base-url` is given. Shown by `--help`."""

STEP_UP_MODEL = "gpt-6.1-terra"
"""Model that the documentation recommends if the default one is not good enough."""

DEFAULT_EXCLUDE = (
    "**/vendor/**",
    "**/vendored/**",
    "**/_vendor/**",
    "**/third_party/**",
    "**/node_modules/**",
    "**/site-packages/**",
    "**/.venv/**",
    "**/migrations/**",
    "**/build/**",
    "**/dist/**",
    "docs/**",
)
"""Default globs of files to skip in any language: vendored, generated and documentation files."""

TOOLING_FOLDERS = ("asv_bench", "benchmark", "benchmarks", "script", "scripts", "tools")
"""Folders at the top of a project that sweeps leave out by default."""


class ProviderChoice(StrEnum):
    """Generator to use; `auto` means `openai` if there is a key, else `offline`."""

    AUTO = "auto"
    OPENAI = "openai"
    OFFLINE = "offline"
    OPENAI_AND_OFFLINE = "openai+offline"


class ModelFor(StrEnum):
    """Members to call the model for when the offline engine also generates tests.

    `hard` means only the members that the engine's tests do not fully cover.
    """

    ALL = "all"
    HARD = "hard"


class Strategy(StrEnum):
    """Calls that the model is asked in.

    `write` asks for tests. `probe` first asks for inputs, which are run on base and head, and their results
    are facts for the second call. `edit` has the proven tests reviewed once more.
    """

    WRITE = "write"
    PROBE = "probe"
    EDIT = "edit"
    PROBE_AND_EDIT = "probe+edit"

    @property
    def probes(self) -> bool:
        """Whether the model is asked for inputs first."""
        return self in {Strategy.PROBE, Strategy.PROBE_AND_EDIT}

    @property
    def edits(self) -> bool:
        """Whether the model reviews the proven tests."""
        return self in {Strategy.EDIT, Strategy.PROBE_AND_EDIT}


class ReasoningEffort(StrEnum):
    """Reasoning effort of the model; `lowest` is the lowest level that the model accepts."""

    LOWEST = "lowest"
    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


class ServiceTier(StrEnum):
    """Service tier of model calls; `auto` leaves the choice to the endpoint."""

    AUTO = "auto"
    FLEX = "flex"


class SandboxChoice(StrEnum):
    """Required isolation for running untrusted code."""

    STRICT = "strict"
    BEST_EFFORT = "best-effort"
    OFF = "off"


class Mode(StrEnum):
    """How accepted tests are delivered on a pull request."""

    SUGGEST = "suggest"
    COMMIT = "commit"
    PULL_REQUEST = "pull-request"


class OutputFormat(StrEnum):
    """Format of the report."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Secret:
    """String that is never shown in logs, errors or `repr`."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return "***"


def option(default: _T, summary: str, **more: Any) -> _T:
    """Return a field of a settings group that users can set, with its default.

    Args:
        default: The default.
        summary: One line for `--help`.
        more: Other attributes of its `Option`.
    """
    described: Any = field(default=default, metadata={"summary": summary, **more})
    return cast("_T", described)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionSettings:
    """Which members to consider.

    Attributes:
        base: Revision to compare with; None only with `all_paths`.
        head: Revision to examine; None for the working tree.
        all_paths: Files and folders given with `--all`; all of their public members count as `added`.
        only: Member ids, member names or paths to restrict the run to; empty for no restriction.
        refuses_unknown: Whether an entry of `only` that matches nothing in the project is an error.
    """

    base: str | None = None
    head: str | None = None
    all_paths: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    refuses_unknown: bool = True
    include: tuple[str, ...] = option(("**",), "glob of files to look at")
    exclude: tuple[str, ...] = option(DEFAULT_EXCLUDE, "glob of files to leave out")
    max_members: int = option(40, "members a run", least=1)
    max_file_bytes: int = option(1_000_000, "larger files are skipped", least=1)
    reference_steps: int = option(3, "references between an affected member and what changed")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """How to call the model.

    Attributes:
        api_key: The API key, if any.
        base_url: The endpoint; None for the SDK's default.
        fallback_model: Id of the model to use if the first one keeps failing or does not exist.
        tokens_per_member: Expected output tokens per member.
        prompt_token_budget: Maximum context tokens per call, excluding the members' own source.
        retry_base_seconds: Half of the delay before the second attempt. The delay doubles with each further
            attempt.
        record: File to record the exchanges in.
        replay: File to replay recorded exchanges from; no real call is made.
    """

    api_key: Secret | None = None
    base_url: str | None = option(
        None, "another OpenAI-compatible endpoint; the key is optional", metavar="URL", in_file=False
    )
    model: str = option(DEFAULT_MODEL, f"the model's id (default: {DEFAULT_MODEL})")
    fallback_model: str | None = option(None, "model for what the first one fails at")
    model_for: ModelFor = option(
        ModelFor.ALL,
        "with openai+offline: whom the model is asked for; hard: what the engine's tests do not show in full",
    )
    strategy: Strategy = option(
        Strategy.WRITE,
        "write: ask for tests; probe: first ask for inputs and run them; edit: have proven tests reviewed;"
        " or probe+edit (default: write)",
    )
    temperature: float = option(0.0, "of the model's answers")
    reasoning_effort: ReasoningEffort = option(
        ReasoningEffort.LOWEST,
        "how long the model thinks before it answers (default: lowest, the least that it accepts)",
    )
    service_tier: ServiceTier = option(
        ServiceTier.AUTO,
        "flex: slower answers at half the price, from endpoints that offer it (default: auto)",
    )
    tokens_per_member: int = option(300, "output tokens reckoned a member", least=1)
    max_output_tokens: int = option(8192, "output tokens of one call, without thinking", least=1)
    prompt_token_budget: int = option(6000, "tokens of context beside the members' own sources")
    observation_token_budget: int = option(
        2000,
        "tokens a call of what running the members showed; 0 runs none before the model is asked",
    )
    timeout_seconds: float = option(
        120.0, "seconds one attempt of a call may take", name="timeout", least=0.001
    )
    max_concurrent_calls: int = option(5, "calls in flight", least=1)
    max_retry_attempts: int = option(3, "attempts a call", least=1)
    retry_base_seconds: float = 0.1
    max_retry_after_seconds: float = option(
        60.0, "longest Retry-After that is obeyed, in seconds", name="max-retry-after"
    )
    record: Path | None = None
    replay: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Location and limits of the cache.

    Attributes:
        folder: The cache folder.
    """

    folder: Path
    max_bytes: int = option(64 * 1024**2, "size of the cache", name="cache-max-bytes", least=1)
    max_age_days: int = option(60, "days an unused entry stays in the cache", name="cache-max-age", least=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheAccess:
    """Access to GitHub's cache service, from the runner.

    Attributes:
        url: Base URL, from ACTIONS_RESULTS_URL.
        token: The job's runtime token, from ACTIONS_RUNTIME_TOKEN.
        mode: Access that the workflow allows, from ACTIONS_CACHE_MODE: `read`, `write` (both directions),
            `write-only` or `none`. For any other value, the service decides.
    """

    url: str
    token: Secret
    mode: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationSettings:
    """How candidates are verified.

    Attributes:
        enabled: False with `--no-verify`: no code is run and no test may be written.
        memory_bytes: Memory limit per process.
        parallel: Maximum concurrent sandboxed processes; the number of cores by default.
        coverage: Coverage file of the project's own tests to read instead of measuring; None to measure.
        install: Whether to install the project and its test dependencies first.
        setup_command: Shell command that sets up the project; None to use its metadata.
    """

    enabled: bool = True
    sandbox: SandboxChoice = option(
        SandboxChoice.BEST_EFFORT,
        "how much isolation is owed before code is run (default: best-effort)",
        in_file=False,
    )
    python: Path | None = option(
        None,
        "interpreter with pytest that runs the tests (default: $VIRTUAL_ENV, DIR/.venv, or this one)",
        metavar="PATH",
        in_file=False,
    )
    runs: int = option(5, "runs of each test on head", least=1)
    test_seconds: float = option(20.0, "seconds one candidate may take in one run", least=0.1)
    memory_bytes: int = 2 * 1024**3
    parallel: int = 2
    suite_seconds: float = option(
        120.0, "seconds that measuring the project's own tests may take; 0 leaves them unmeasured"
    )
    coverage: Path | None = option(
        None,
        "a .coverage, coverage.xml or lcov.info of your own tests, read instead of a run",
        metavar="FILE",
        in_file=False,
    )
    max_mutants: int = option(30, "mutants of one member", least=1)
    unchanged_behaviour: bool = option(
        False, "also tests that show nothing about the change (label unchanged-behaviour)"
    )
    repairs: int = option(1, "times a failing candidate goes back to the model")
    install: bool = option(
        False,
        "first install the project and what its tests need, with the network open for that step",
        in_file=False,
    )
    install_seconds: float = option(300.0, "seconds --install may take", least=1)
    setup_command: str | None = option(
        None,
        "shell text that sets the project up in a virtual environment, in place of --install",
        metavar="TEXT",
        in_file=False,
    )
    test_command: str | None = option(
        None,
        "how your own tests are run, as `pytest -m 'not slow'` (default: pytest)",
        metavar="TEXT",
        in_file=False,
    )
    python_version: str | None = option(
        None,
        "the version of Python that the tests run on; one that is not there is had through uv",
        metavar="X.Y",
        in_file=False,
    )

    @property
    def installs(self) -> bool:
        """Whether the project is set up first, from its metadata or with a command."""
        return self.install or self.setup_command is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    """Limits of one run.

    Attributes:
        prompt_price: None for the built-in price list. Used only if both prices are given.
    """

    max_minutes: float = option(10.0, "minutes one run may take", least=0.01)
    max_calls: int = option(20, "calls to the model that may be answered in one run")
    max_tokens: int = option(500_000, "tokens of prompts and answers one run may take")
    max_cost: float = option(0.50, "US dollars one run may cost, where prices are known")
    prompt_price: float | None = option(None, "US dollars a million prompt tokens")
    completion_price: float | None = option(None, "US dollars a million answer tokens")


class Role(StrEnum):
    """A user's role in a repository, lowest first."""

    NONE = "none"
    READ = "read"
    TRIAGE = "triage"
    WRITE = "write"

    def covers(self, other: Role) -> bool:
        """Return whether this role includes all permissions of the other one."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSettings:
    """How a pull request is reviewed."""

    max_comments: int = option(10, "maximum review comments per run")
    skip_label: str = option("testsmith-skip", "label of pull requests to skip; empty for none")
    fail_on_error: bool = option(False, "whether a failure of the model provider or GitHub fails the step")
    commands: bool = option(
        False, "whether the workflow also runs on comments, so that suggestions explain how to reply"
    )
    explain_for: Role = option(Role.WRITE, "minimum role for read-only commands")
    installs_forks: bool = option(
        False,
        "whether a command on a fork's pull request may install its project, with network access",
        name="install-forks",
    )


class SweepStep(StrEnum):
    """Step of a sweep that a job runs: all of it, or one of three steps of a sharded sweep."""

    ALL = "all"
    PLAN = "plan"
    SHARD = "shard"
    COLLECT = "collect"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """How the action sweeps a repository."""

    paths: tuple[str, ...] = option((), "files and folders to sweep; empty for the whole repository")
    step: SweepStep = option(SweepStep.ALL, "step that this job runs", name="sweep-step")
    shards: int = option(1, "maximum number of shards in the plan", least=1)
    shard: str = option("", "shard that this job proves, for example `2/4`; empty for none")
    dry_run: bool = option(False, "whether to only print the plan, without spending anything")


PERSON = r"[^<>@\s][^<>@\x00-\x1f\x7f-\x9f]{0,98}[^<>@\s] <[^<>@\s]{1,64}@[^<>@\s]{1,190}>"
"""Pattern of a person in a commit trailer: a name and an email address on one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitSettings:
    """How tests are added to the project's test tree.

    Attributes:
        mark_tests: Whether each test gets a comment that names its member, so that the test is found again
            when the member changes.
    """

    mode: Mode = option(Mode.SUGGEST, "on a pull request: suggest, commit or pull-request", has_flag=False)
    mark_tests: bool = option(True, "a comment above each test that is written")
    sign_off: str = option("", "who signs commits off, Name <address>", pattern=PERSON, has_flag=False)
    co_author: str = option("", "co-author of commits, Name <address>", pattern=PERSON, has_flag=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one run.

    Attributes:
        folder: The folder given with `--repo`, as an absolute path.
        provider: The resolved generator, never `auto`.
        write: Whether to write suggestions into the project's test tree.
        estimate: Whether to only estimate model calls and cost.
        dry_run: Sweeps only: whether to only print the plan, without spending anything.
        verbose: Whether to print progress details and the statistics line.
        output_format: Format of the report.
        hint: What the tests should look at, in the user's words, for the model; empty for nothing.
    """

    folder: Path
    provider: ProviderChoice
    selection: SelectionSettings
    model: ModelSettings
    cache: CacheSettings
    verification: VerificationSettings
    budget: BudgetSettings = BudgetSettings()
    commits: CommitSettings = CommitSettings()
    write: bool = False
    estimate: bool = False
    dry_run: bool = False
    verbose: bool = False
    output_format: OutputFormat = OutputFormat.TEXT
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A setting with a command-line flag and a key of the same name in the repository's settings file.

    Attributes:
        name: The flag without its dashes and the key in the file, for example `max-members`.
        group: The group of `Settings` that it belongs to.
        field: The field of the group.
        kind: Type of the value: `list` is a list of strings, a `StrEnum` one of its values.
        summary: One line for `--help`.
        least: Minimum of a number.
        pattern: Regular expression that a string must match; empty for any.
        metavar: Name of the value in `--help`; empty for one that fits its type.
        in_file: Whether a repository's settings file may set it. What decides where data is sent or which
            program runs is never read from a file, because a pull request could change it.
        has_flag: Whether it has an effect on the command line.
    """

    name: str
    group: str
    field: str
    kind: type[int | float | bool | str | list[str] | Path]
    summary: str
    least: float = 0
    pattern: str = ""
    metavar: str = ""
    in_file: bool = True
    has_flag: bool = True

    @property
    def key(self) -> str:
        """Name as stored by the argument parser."""
        return self.name.replace("-", "_")


def options_of(kind: type, group: str = "") -> Iterator[Option]:
    """Yield the fields of a group of settings that `option` describes."""
    kinds = get_type_hints(kind)
    for one in fields(kind):
        if one.metadata:
            described: Any = {"name": one.name.replace("_", "-"), **one.metadata}
            yield Option(group=group, field=one.name, kind=_kind(kinds[one.name]), **described)


def _kind(hint: Any) -> type:
    """Return the type of a field's value: X of `X | None`, and list of `tuple[str, ...]`."""
    if get_origin(hint) is tuple:
        return list
    given = [one for one in get_args(hint) if one is not type(None)]
    return given[0] if given else hint  # type: ignore[no-any-return]  # a type, as the groups have no others


EVERY_OPTION = tuple(
    option
    for group, kind in get_type_hints(Settings).items()
    if is_dataclass(kind) and isinstance(kind, type)
    for option in options_of(kind, group)
)
"""Every option of the groups in `Settings`."""

OPTIONS = tuple(one for one in EVERY_OPTION if one.in_file)
"""Every setting that the repository's settings file may contain. Most also have a command-line flag."""

NEVER_FROM_A_FILE = frozenset(
    {"provider", "api-key", "token", *(one.name for one in EVERY_OPTION if not one.in_file)}
)
"""Settings that are never read from a file."""

SETTINGS_FILES = ("testsmith.toml", "pyproject.toml")
"""Settings files in order of precedence; pyproject.toml uses the table `[tool.testsmith]`."""


def repository_values(read: Callable[[str], bytes | None]) -> dict[str, object]:
    """Return the checked values of the first settings file that has any, by option name.

    Args:
        read: Returns the contents of a file in the project folder by name; None if it does not exist.

    Raises:
        UsageFailure: The file is not valid UTF-8, or its contents are invalid.
    """
    for name in SETTINGS_FILES:
        try:
            text = (read(name) or b"").decode()
        except UnicodeDecodeError as error:
            raise UsageFailure(f"{name} cannot be read ({error}); mend it, or remove it.") from error
        values = file_values(name, text) if text else None
        if values is not None:
            return values
    return {}


def file_values(name: str, text: str) -> dict[str, object] | None:
    """Parse a repository's settings file.

    Args:
        name: The file's name, one of `SETTINGS_FILES`.
        text: The file's contents.

    Returns:
        The checked values by option name; None if the file has no settings for TestSmith.

    Raises:
        UsageFailure: The text is not valid TOML, or contains a name that is unknown or not allowed in a file.
    """
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageFailure(f"{name} is not valid TOML ({error}); mend it, or remove it.") from error
    table = document if name == "testsmith.toml" else _own_table(document)
    if table is None:
        return None
    if not isinstance(table, dict):
        raise UsageFailure(f"{name}: `tool.testsmith` must be a table.")
    options = {option.name: option for option in OPTIONS}
    return {key: _checked(options, key, value, name) for key, value in table.items()}


def _own_table(document: Mapping[str, Any]) -> Any:
    tools = document.get("tool")
    return tools.get("testsmith") if isinstance(tools, dict) else None


def _checked(options: Mapping[str, Option], key: str, value: object, place: str) -> object:
    if key in NEVER_FROM_A_FILE:
        raise UsageFailure(
            f"{place} sets `{key}`, which is never read from a repository's file, since a pull request could "
            f"change it; give it on the command line, or in the environment."
        )
    if key not in options:
        known = ", ".join(sorted(options))
        raise UsageFailure(f"{place} sets `{key}`, which is unknown; it may hold: {known}.")
    return checked_value(options[key], value, place)


def checked_value(option: Option, value: object, place: str) -> object:
    """Return a value converted to the type of its setting.

    Raises:
        UsageFailure: The value has the wrong type or format, or is too small.
    """
    if option.kind is list:
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise UsageFailure(f"{place}: `{option.name}` must be a list of texts.")
        return tuple(value)
    if option.kind is Path:
        return Path(str(value)).expanduser()
    if issubclass(option.kind, StrEnum):
        return _chosen(option.kind, option.name, value, place)
    wanted = (int, float) if option.kind is float else option.kind
    is_truth = isinstance(value, bool)
    if is_truth is not (option.kind is bool) or not isinstance(value, wanted):
        raise UsageFailure(f"{place}: `{option.name}` must be of type {option.kind.__name__}.")
    if isinstance(value, str) and option.pattern and not re.fullmatch(option.pattern, value):
        raise UsageFailure(f"{place}: `{option.name}` must look like `Name <address>`.")
    if is_truth:
        return value
    if isinstance(value, int | float) and not option.least <= value < float("inf"):
        raise UsageFailure(f"{place}: `{option.name}` must be at least {option.least:g}.")
    return value


def _chosen(kind: type[StrEnum], name: str, value: object, place: str) -> StrEnum:
    try:
        return kind(str(value))
    except ValueError:
        raise UsageFailure(f"{place}: `{name}` must be one of {', '.join(kind)}, not `{value}`.") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsSources:
    """Sources of one run's settings, in order of precedence.

    Attributes:
        arguments: Values given by the user, by option key; None for those not given.
        file: Values of the repository's settings file, by option name.
        environment: The process's environment.
        cache_folder: Default cache folder.
        place: Where the arguments were given, for error messages.
        prefix: Prefix of an argument's name in error messages.
    """

    arguments: Mapping[str, Any]
    file: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    cache_folder: Path = Path(".testsmith-cache")
    place: str = "the command line"
    prefix: str = "--"


def parse(folder: Path, sources: SettingsSources) -> Settings:
    """Return the settings of one run.

    Args:
        folder: The folder given with `--repo`.
        sources: The command line, settings file and environment.

    Raises:
        UsageFailure: A setting is missing, out of range, or contradicts another one.
    """
    arguments = sources.arguments
    key = sources.environment.get("TESTSMITH_API_KEY") or sources.environment.get("OPENAI_API_KEY")
    record, replay = (
        Path(given).expanduser() if (given := arguments.get(name)) else None for name in ("record", "replay")
    )
    settings = Settings(
        folder=folder.resolve(),
        provider=ProviderChoice.OFFLINE,
        selection=SelectionSettings(
            base=arguments.get("base"),
            head=arguments.get("head"),
            all_paths=tuple(arguments.get("all") or ()),
            only=tuple(arguments.get("only") or ()),
        ),
        model=ModelSettings(api_key=Secret(key) if key else None, record=record, replay=replay),
        cache=CacheSettings(folder=Path(arguments.get("cache_dir") or sources.cache_folder)),
        verification=VerificationSettings(enabled=arguments.get("verify") is not False),
        write=bool(arguments.get("write")),
        estimate=bool(arguments.get("estimate")),
        dry_run=bool(arguments.get("dry_run")),
        verbose=bool(arguments.get("verbose")),
        output_format=OutputFormat(arguments.get("format") or OutputFormat.TEXT),
        hint=arguments.get("hint") or "",
    )
    settings = _with_options(settings, sources)
    if not settings.verification.enabled:
        settings = replace(settings, model=replace(settings.model, strategy=Strategy.WRITE))
    _check(settings, sources)
    choice = ProviderChoice(arguments.get("provider") or ProviderChoice.AUTO)
    asks = choice is not ProviderChoice.OFFLINE
    if (settings.estimate and asks) or (settings.dry_run and asks and choice is not ProviderChoice.AUTO):
        return replace(settings, provider=ProviderChoice.OPENAI)  # no call is made, so no key is needed
    return replace(settings, provider=resolved_provider(choice, settings.model))


def _with_options(settings: Settings, sources: SettingsSources) -> Settings:
    for option in EVERY_OPTION:
        typed = sources.arguments.get(option.key)
        if typed is not None and (typed != "" or option.in_file):
            value = checked_value(option, typed, sources.place)
        elif option.name in sources.file:
            value = sources.file[option.name]
        else:
            continue
        changed: Any = {option.field: value}
        group = replace(getattr(settings, option.group), **changed)
        in_settings: Any = {option.group: group}
        settings = replace(settings, **in_settings)
    return settings


def _names_model(sources: SettingsSources) -> bool:
    return sources.arguments.get("model") is not None or "model" in sources.file


def _check(settings: Settings, sources: SettingsSources) -> None:
    selection, model, prefix = settings.selection, settings.model, sources.prefix
    if selection.base is None and not selection.all_paths:
        raise UsageFailure("No revision to compare with: give --base REV, or --all PATH for whole files.")
    if model.base_url is not None and not _names_model(sources):
        raise UsageFailure(
            f"{prefix}base-url needs {prefix}model: only you know which models that endpoint has."
        )
    if model.base_url is not None and not model.base_url.startswith(("http://", "https://")):
        raise UsageFailure(f"{prefix}base-url must begin with http:// or https://, not `{model.base_url}`.")
    if model.record is not None and model.replay is not None:
        raise UsageFailure("--record and --replay exclude each other; give one of them.")
    if settings.estimate and settings.output_format not in {OutputFormat.TEXT, OutputFormat.JSON}:
        raise UsageFailure("--estimate is shown as text or JSON: give no other --format with it.")
    verification = settings.verification
    if verification.python is not None and verification.python_version is not None:
        raise UsageFailure("--python and --python-version exclude each other; give one of them.")


def resolved_provider(choice: ProviderChoice, model: ModelSettings) -> ProviderChoice:
    """Return the generator to use, never `auto`.

    Raises:
        UsageFailure: A model is requested, but there is neither a key nor an endpoint that may work without
            one.
    """
    reachable = any(way is not None for way in (model.api_key, model.base_url, model.replay))
    if choice is ProviderChoice.AUTO:
        return ProviderChoice.OPENAI if reachable else ProviderChoice.OFFLINE
    if choice is not ProviderChoice.OFFLINE and not reachable:
        raise UsageFailure(
            f"--provider {choice} needs a key in TESTSMITH_API_KEY or OPENAI_API_KEY (or an endpoint of your "
            "own with --base-url); without one, --provider offline makes the tests."
        )
    return choice

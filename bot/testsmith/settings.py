"""Settings of one run, parsed once from the command line, the repository's settings file and the environment.

Nothing here reads files or the environment directly: the entry point passes both in. Each module takes only
the group of settings it needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from testsmith.model import UsageFailure

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
    "**/*_pb2.py",
    "**/*_pb2_grpc.py",
    "**/_version.py",
    "**/versioneer.py",
    "docs/**",
    "**/setup.py",
    "**/noxfile.py",
)
"""Default globs of files to skip: vendored, generated, packaging and documentation files."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionSettings:
    """Which members to consider.

    Attributes:
        base: Revision to compare with; None only with `all_paths`.
        head: Revision to examine; None for the working tree.
        all_paths: Files and folders given with `--all`; all of their public members count as `added`.
        only: Member ids, member names or paths to restrict the run to; empty for no restriction.
        refuses_unknown: Whether an entry of `only` that matches nothing in the project is an error.
        include: Globs; a file must match at least one.
        exclude: Globs; a file must match none.
        max_members: Maximum members per run, nearest to the change first.
        max_file_bytes: Maximum size of a file; larger files are skipped.
        reference_steps: Maximum number of references between an affected member and the change.
    """

    base: str | None = None
    head: str | None = None
    all_paths: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    refuses_unknown: bool = True
    include: tuple[str, ...] = ("**",)
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    max_members: int = 40
    max_file_bytes: int = 1_000_000
    reference_steps: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """How to call the model.

    Attributes:
        api_key: The API key, if any.
        base_url: An OpenAI-compatible endpoint; None for the SDK's default.
        model: The model's id.
        fallback_model: Id of the model to use if the first one keeps failing or does not exist; None for
            none.
        model_for: Members to call the model for, with `openai+offline`.
        temperature: Sampling temperature; 0 for the least variation.
        reasoning_effort: Reasoning effort of the model.
        service_tier: Service tier of the calls.
        tokens_per_member: Expected output tokens per member.
        max_output_tokens: Maximum output tokens per call, excluding reasoning.
        prompt_token_budget: Maximum context tokens per call, excluding the members' own source.
        observation_token_budget: Maximum tokens of observations per call; 0 to not run members before calling
            the model.
        timeout_seconds: Time limit of one attempt, including connecting.
        max_concurrent_calls: Maximum calls in flight.
        max_retry_attempts: Maximum attempts per call.
        retry_base_seconds: Half of the delay before the second attempt. The delay doubles with each further
            attempt.
        max_retry_after_seconds: Longest `Retry-After` delay to honor.
        record: File to record the exchanges in.
        replay: File to replay recorded exchanges from; no real call is made.
    """

    api_key: Secret | None = None
    base_url: str | None = None
    model: str = DEFAULT_MODEL
    fallback_model: str | None = None
    model_for: ModelFor = ModelFor.ALL
    temperature: float = 0.0
    reasoning_effort: ReasoningEffort = ReasoningEffort.LOWEST
    service_tier: ServiceTier = ServiceTier.AUTO
    tokens_per_member: int = 300
    max_output_tokens: int = 8192
    prompt_token_budget: int = 6000
    observation_token_budget: int = 2000
    timeout_seconds: float = 120.0
    max_concurrent_calls: int = 5
    max_retry_attempts: int = 3
    retry_base_seconds: float = 0.1
    max_retry_after_seconds: float = 60.0
    record: Path | None = None
    replay: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Location and limits of the cache.

    Attributes:
        folder: The cache folder.
        max_bytes: Maximum size of the store; the oldest entries are removed first.
        max_age_days: Days after which unused entries are removed.
    """

    folder: Path
    max_bytes: int = 64 * 1024**2
    max_age_days: int = 60


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
        sandbox: Required isolation.
        python: Interpreter to run the tests with, if given.
        runs: Runs of each test on head.
        test_seconds: Time limit of one run of a candidate.
        memory_bytes: Memory limit per process.
        parallel: Maximum concurrent sandboxed processes; the number of cores by default.
        suite_seconds: Time limit for measuring the project's own tests; 0 to skip the measurement.
        coverage: Coverage file of the project's own tests to read instead of measuring; None to measure.
        max_mutants: Maximum mutants per member.
        repairs: How many times failing candidates are sent back to the model.
        install: Whether to install the project and its test dependencies first, with network access for that
            step only.
        install_seconds: Time limit of the installation.
        setup_command: Shell command that sets up the project instead of its metadata; None to use the
            metadata.
        test_command: Command that runs the project's own tests; None for plain pytest.
        python_version: Required Python version, for example `3.12`; None for whichever is available.
    """

    enabled: bool = True
    sandbox: SandboxChoice = SandboxChoice.BEST_EFFORT
    python: Path | None = None
    runs: int = 5
    test_seconds: float = 20.0
    memory_bytes: int = 2 * 1024**3
    parallel: int = 2
    suite_seconds: float = 120.0
    coverage: Path | None = None
    max_mutants: int = 30
    repairs: int = 1
    install: bool = False
    install_seconds: float = 300.0
    setup_command: str | None = None
    test_command: str | None = None
    python_version: str | None = None

    @property
    def installs(self) -> bool:
        """Whether the project is set up first, from its metadata or with a command."""
        return self.install or self.setup_command is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    """Limits of one run.

    Attributes:
        max_minutes: Minutes after which no further member is started. Results up to then are shown.
        max_calls: Maximum answered model calls.
        max_tokens: Maximum tokens of prompts and answers together.
        max_cost: Maximum cost in US dollars, if the price is known.
        prompt_price: US dollars per million prompt tokens; None for the built-in price list. Used only if
            both prices are given.
        completion_price: US dollars per million completion tokens, likewise.
    """

    max_minutes: float = 10.0
    max_calls: int = 20
    max_tokens: int = 500_000
    max_cost: float = 0.50
    prompt_price: float | None = None
    completion_price: float | None = None


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
    """How a pull request is reviewed.

    Attributes:
        max_comments: Maximum review comments per run.
        skip_label: Label of pull requests to skip; empty for none.
        fail_on_error: Whether a failure of the model provider or GitHub fails the step.
        commands: Whether the workflow also runs on comments, so that suggestions explain how to reply.
        explain_for: Minimum role for read-only commands.
        installs_forks: Whether a command on a fork's pull request may install its project, with network
            access.
    """

    max_comments: int = 10
    skip_label: str = "testsmith-skip"
    fail_on_error: bool = False
    commands: bool = False
    explain_for: Role = Role.WRITE
    installs_forks: bool = False


class SweepStep(StrEnum):
    """Step of a sweep that a job runs: all of it, or one of three steps of a sharded sweep."""

    ALL = "all"
    PLAN = "plan"
    SHARD = "shard"
    COLLECT = "collect"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """How the action sweeps a repository.

    Attributes:
        paths: Files and folders to sweep; empty for the whole repository.
        step: Step that this job runs.
        shards: Maximum number of shards in the plan.
        shard: Shard that this job proves, for example `2/4`; empty for none.
        dry_run: Whether to only print the plan, without spending anything.
    """

    paths: tuple[str, ...] = ()
    step: SweepStep = SweepStep.ALL
    shards: int = 1
    shard: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitSettings:
    """How tests are added to the project's test tree.

    Attributes:
        mode: How accepted tests are delivered on a pull request.
        mark_tests: Whether each test gets a comment that names its member, so that the test is found again
            when the member changes.
        sign_off: Person who signs off commits, as `Name <address>`; empty for none.
        co_author: Co-author of commits, as `Name <address>`; empty for none.
    """

    mode: Mode = Mode.SUGGEST
    mark_tests: bool = True
    sign_off: str = ""
    co_author: str = ""


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


@dataclass(frozen=True, slots=True)
class Option:
    """A setting with a command-line flag and a key of the same name in the repository's settings file.

    Attributes:
        name: The flag without its dashes and the key in the file, for example `max-members`.
        group: The group of `Settings` that it belongs to.
        field: The field of the group.
        kind: Type of the value: `list` is a list of strings, a `StrEnum` one of its values.
        help: One line for `--help`.
        least: Minimum of a number.
        pattern: Regular expression that a string must match; empty for any.
    """

    name: str
    group: str
    field: str
    kind: type[int | float | bool | str | list[str]]
    help: str
    least: float = 0
    pattern: str = ""

    @property
    def key(self) -> str:
        """Name as stored by the argument parser."""
        return self.name.replace("-", "_")


PERSON = r"[^<>@\s][^<>@\x00-\x1f\x7f-\x9f]{0,98}[^<>@\s] <[^<>@\s]{1,64}@[^<>@\s]{1,190}>"
"""Pattern of a person in a commit trailer: a name and an email address on one line."""

OPTIONS = (
    Option("include", "selection", "include", list, "glob of files to look at"),
    Option("exclude", "selection", "exclude", list, "glob of files to leave out"),
    Option("max-members", "selection", "max_members", int, "members a run", 1),
    Option("max-file-bytes", "selection", "max_file_bytes", int, "larger files are skipped", 1),
    Option(
        "reference-steps",
        "selection",
        "reference_steps",
        int,
        "references between an affected member and what changed",
    ),
    Option("model", "model", "model", str, "the model's id"),
    Option("fallback-model", "model", "fallback_model", str, "model for what the first one fails at"),
    Option(
        "model-for",
        "model",
        "model_for",
        ModelFor,
        "with openai+offline: whom the model is asked for; hard: what the engine's tests do not show in full",
    ),
    Option("temperature", "model", "temperature", float, "of the model's answers"),
    Option(
        "reasoning-effort",
        "model",
        "reasoning_effort",
        ReasoningEffort,
        "how long the model thinks before it answers (default: lowest, the least that it accepts)",
    ),
    Option(
        "service-tier",
        "model",
        "service_tier",
        ServiceTier,
        "flex: slower answers at half the price, from endpoints that offer it (default: auto)",
    ),
    Option("tokens-per-member", "model", "tokens_per_member", int, "output tokens reckoned a member", 1),
    Option(
        "max-output-tokens",
        "model",
        "max_output_tokens",
        int,
        "output tokens of one call, without thinking",
        1,
    ),
    Option(
        "prompt-token-budget",
        "model",
        "prompt_token_budget",
        int,
        "tokens of context beside the members' own sources",
    ),
    Option(
        "observation-token-budget",
        "model",
        "observation_token_budget",
        int,
        "tokens a call of what running the members showed; 0 runs none before the model is asked",
    ),
    Option("timeout", "model", "timeout_seconds", float, "seconds one attempt of a call may take", 0.001),
    Option("max-concurrent-calls", "model", "max_concurrent_calls", int, "calls in flight", 1),
    Option("max-retry-attempts", "model", "max_retry_attempts", int, "attempts a call", 1),
    Option(
        "max-retry-after",
        "model",
        "max_retry_after_seconds",
        float,
        "longest Retry-After that is obeyed, in seconds",
    ),
    Option("max-minutes", "budget", "max_minutes", float, "minutes one run may take", 0.01),
    Option("max-calls", "budget", "max_calls", int, "calls to the model that may be answered in one run"),
    Option("max-tokens", "budget", "max_tokens", int, "tokens of prompts and answers one run may take"),
    Option("max-cost", "budget", "max_cost", float, "US dollars one run may cost, where prices are known"),
    Option("prompt-price", "budget", "prompt_price", float, "US dollars a million prompt tokens"),
    Option("completion-price", "budget", "completion_price", float, "US dollars a million answer tokens"),
    Option("runs", "verification", "runs", int, "runs of each test on head", 1),
    Option(
        "test-seconds",
        "verification",
        "test_seconds",
        float,
        "seconds one candidate may take in one run",
        0.1,
    ),
    Option(
        "suite-seconds",
        "verification",
        "suite_seconds",
        float,
        "seconds that measuring the project's own tests may take; 0 leaves them unmeasured",
    ),
    Option("max-mutants", "verification", "max_mutants", int, "mutants of one member", 1),
    Option("repairs", "verification", "repairs", int, "times a failing candidate goes back to the model"),
    Option("install-seconds", "verification", "install_seconds", float, "seconds --install may take", 1),
    Option("cache-max-bytes", "cache", "max_bytes", int, "size of the cache", 1),
    Option("mode", "commits", "mode", Mode, "on a pull request: suggest, commit or pull-request"),
    Option("mark-tests", "commits", "mark_tests", bool, "a comment above each test that is written"),
    Option("sign-off", "commits", "sign_off", str, "who signs commits off, Name <address>", 0, PERSON),
    Option("co-author", "commits", "co_author", str, "co-author of commits, Name <address>", 0, PERSON),
    Option("cache-max-age", "cache", "max_age_days", int, "days an unused entry stays in the cache", 1),
)
"""Every setting that the repository's settings file may contain. Most also have a command-line flag."""

ON_PULL_REQUESTS = frozenset({"mode", "sign-off", "co-author"})
"""Options that have no effect on the command line."""

NEVER_FROM_A_FILE = frozenset(
    {
        "provider",
        "base-url",
        "setup-command",
        "test-command",
        "install",
        "sandbox",
        "python",
        "python-version",
        "coverage",
        "api-key",
        "token",
    }
)
"""Settings that decide where data is sent or which program runs.

They are never read from a file, because a pull request could change it.
"""

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
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise UsageFailure(f"{place}: `{option.name}` must be a list of texts.")
        return tuple(value)
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
        raise UsageFailure(f"{place}: `{name}` must be one of {', '.join(kind)}.") from None


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
    settings = Settings(
        folder=folder.resolve(),
        provider=ProviderChoice.OFFLINE,
        selection=SelectionSettings(
            base=arguments.get("base"),
            head=arguments.get("head"),
            all_paths=tuple(arguments.get("all") or ()),
            only=tuple(arguments.get("only") or ()),
        ),
        model=_with_endpoint(ModelSettings(), sources),
        cache=CacheSettings(folder=Path(arguments.get("cache_dir") or sources.cache_folder)),
        verification=_with_interpreter(VerificationSettings(), arguments),
        write=bool(arguments.get("write")),
        estimate=bool(arguments.get("estimate")),
        dry_run=bool(arguments.get("dry_run")),
        verbose=bool(arguments.get("verbose")),
        output_format=OutputFormat(arguments.get("format") or OutputFormat.TEXT),
    )
    settings = _with_options(settings, sources)
    _check(settings, sources)
    choice = ProviderChoice(arguments.get("provider") or ProviderChoice.AUTO)
    asks = choice is not ProviderChoice.OFFLINE
    if (settings.estimate and asks) or (settings.dry_run and asks and choice is not ProviderChoice.AUTO):
        return replace(settings, provider=ProviderChoice.OPENAI)  # no call is made, so no key is needed
    return replace(settings, provider=resolved_provider(choice, settings.model))


def _with_endpoint(model: ModelSettings, sources: SettingsSources) -> ModelSettings:
    key = sources.environment.get("TESTSMITH_API_KEY") or sources.environment.get("OPENAI_API_KEY")
    arguments = sources.arguments
    return replace(
        model,
        api_key=Secret(key) if key else None,
        base_url=arguments.get("base_url") or None,
        record=_path(arguments.get("record")),
        replay=_path(arguments.get("replay")),
    )


def _with_interpreter(
    verification: VerificationSettings, arguments: Mapping[str, Any]
) -> VerificationSettings:
    return replace(
        verification,
        enabled=arguments.get("verify") is not False,
        sandbox=SandboxChoice(arguments.get("sandbox") or SandboxChoice.BEST_EFFORT),
        python=_path(arguments.get("python")),
        coverage=_path(arguments.get("coverage")),
        install=bool(arguments.get("install")),
        setup_command=arguments.get("setup_command") or None,
        test_command=arguments.get("test_command") or None,
        python_version=arguments.get("python_version") or None,
    )


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None


def _with_options(settings: Settings, sources: SettingsSources) -> Settings:
    for option in OPTIONS:
        typed = sources.arguments.get(option.key)
        if typed is not None:
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

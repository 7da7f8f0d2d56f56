"""One frozen `Settings`, parsed once, from the command line, a repository's file and the environment.

Rooms take the group they need. Nothing here reads the environment or a file by itself: `main` hands both in.
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
"""The model that is asked where none is named and no `--base-url` is given; shown by `--help`."""

STEP_UP_MODEL = "gpt-6.1-terra"
"""The model that the documentation recommends if the default one is not good enough."""

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
"""Files that are no subject for tests: vendored, generated, packaging, documentation."""


class ProviderChoice(StrEnum):
    """Which generator answers: `auto` is `openai` where there is a key, else `offline`."""

    AUTO = "auto"
    OPENAI = "openai"
    OFFLINE = "offline"
    OPENAI_AND_OFFLINE = "openai+offline"


class ModelFor(StrEnum):
    """Which members a model is asked for, where the offline engine makes tests as well.

    `hard` are those of which the engine's tests do not show all that there is to show.
    """

    ALL = "all"
    HARD = "hard"


class ReasoningEffort(StrEnum):
    """How long a model thinks before it answers; `lowest` is the least that the model accepts."""

    LOWEST = "lowest"
    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


class ServiceTier(StrEnum):
    """What an endpoint serves and bills calls at; `auto` leaves it to the endpoint."""

    AUTO = "auto"
    FLEX = "flex"


class SandboxChoice(StrEnum):
    """How much isolation is owed before untrusted code is run."""

    STRICT = "strict"
    BEST_EFFORT = "best-effort"
    OFF = "off"


class Mode(StrEnum):
    """What becomes of proven tests on a pull request."""

    SUGGEST = "suggest"
    COMMIT = "commit"
    PULL_REQUEST = "pull-request"


class OutputFormat(StrEnum):
    """How the report is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that no log, error or `repr` shows."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionSettings:
    """Which members are looked at.

    Attributes:
        base: The revision to compare with; None only with `all_paths`.
        head: The revision to look at; None for the working tree.
        all_paths: With `--all`: files and folders whose public members all count as `added`.
        only: Member ids, member names or paths to restrict to; empty for no restriction.
        refuses_unknown: Whether a name of `only` that nothing in the project has is an error.
        include: Globs of which a file must match one.
        exclude: Globs of which a file must match none.
        max_members: The most members of one run, nearest to the change first.
        max_file_bytes: Larger files are skipped.
        reference_steps: How many references an affected member may lie away from what changed.
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
    """How a model is asked.

    Attributes:
        api_key: The key; None where there is none.
        base_url: Another OpenAI-compatible endpoint; None for the SDK's own.
        model: The model's id.
        fallback_model: The id of the model that is asked where the first one fails however often it is tried,
            or is not there; None for none.
        model_for: Which members it is asked for, with `openai+offline`.
        temperature: 0 for the least variation.
        reasoning_effort: How long it thinks before it answers.
        service_tier: The tier that calls are served and billed at.
        tokens_per_member: Output tokens reckoned for one member.
        max_output_tokens: The most output tokens of one call, without what it thinks.
        prompt_token_budget: The most tokens of context beside the members' own sources, a call.
        observation_token_budget: The most tokens of what was observed of the members, a call; 0 to run none
            of them before the model is asked.
        timeout_seconds: The time limit of one attempt, connection included.
        max_concurrent_calls: Calls in flight at most.
        max_retry_attempts: Attempts a call at most.
        retry_base_seconds: The wait before the second attempt is twice this, doubled for each further one.
        max_retry_after_seconds: The longest `Retry-After` that is obeyed.
        record: File to record the exchanges in.
        replay: File to answer from, strictly.
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
    """Where results are kept, and for how long.

    Attributes:
        folder: The cache folder.
        max_bytes: The oldest entries go when the store is larger.
        max_age_days: Entries not used for longer go.
    """

    folder: Path
    max_bytes: int = 64 * 1024**2
    max_age_days: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheAccess:
    """What the runner hands to a job for the cache service.

    Attributes:
        url: Its base, as ACTIONS_RESULTS_URL.
        token: The job's runtime token, as ACTIONS_RUNTIME_TOKEN.
        mode: What the workflow allows, as ACTIONS_CACHE_MODE: `read`, `write` (both ways), `write-only` or
            `none`; anything else, as nothing at all, leaves it to the service.
    """

    url: str
    token: Secret
    mode: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationSettings:
    """How candidates are proven.

    Attributes:
        enabled: False with `--no-verify`: nothing is run, and nothing may be written.
        sandbox: How much isolation is owed.
        python: The interpreter that runs the tests, where one is named.
        runs: Runs on head.
        test_seconds: Time limit of one candidate's one run.
        memory_bytes: Memory limit of one process.
        parallel: Sandboxed processes side by side; the number of cores by default.
        suite_seconds: How long measuring the project's own tests may take; 0 to leave them unmeasured.
        coverage: A coverage file of the project's own tests that is read instead; None for none.
        max_mutants: The most mutants of one member.
        repairs: How many times candidates that fail go back to the model.
        install: Whether the project and what its tests need are installed first, with the network open for
            that step alone.
        install_seconds: Time limit of that.
        setup_command: What the maintainer has the project set up with, for a shell, in place of what its
            metadata says; None for that.
        test_command: How the project's own tests are run where they are measured, as a person would type it;
            None for plain pytest.
        python_version: The version of Python, as `3.12`, that the tests are to run on where the interpreter
            at hand is another; None for whichever is there.
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
        """Whether the project is set up first, by its metadata or by a command."""
        return self.install or self.setup_command is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    """What one run may take.

    Attributes:
        max_minutes: Minutes after which no further member is begun; what is proven until then is shown.
        max_calls: The most calls to the model that are answered.
        max_tokens: The most tokens, of prompts and answers together.
        max_cost: The most US dollars, where the price is known.
        prompt_price: US dollars a million tokens of prompts; None for what the list of prices says. Both
            prices count, or none.
        completion_price: Likewise, of answers.
    """

    max_minutes: float = 10.0
    max_calls: int = 20
    max_tokens: int = 500_000
    max_cost: float = 0.50
    prompt_price: float | None = None
    completion_price: float | None = None


class Role(StrEnum):
    """What somebody may do in a repository, the least first."""

    NONE = "none"
    READ = "read"
    TRIAGE = "triage"
    WRITE = "write"

    def covers(self, other: Role) -> bool:
        """Tell whether who has this role may do all that the other one may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSettings:
    """How a pull request is reviewed.

    Attributes:
        max_comments: The most review comments of one run.
        skip_label: A pull request with this label is left alone; empty for none.
        fail_on_error: Whether a failure of the model's provider or of the forge fails the step.
        commands: Whether the workflow runs on comments, too, so that proposals say how to answer them.
        explain_for: The least role of those who may command what changes nothing.
        installs_forks: Whether a command on a fork's pull request installs its project, with network.
    """

    max_comments: int = 10
    skip_label: str = "testsmith-skip"
    fail_on_error: bool = False
    commands: bool = False
    explain_for: Role = Role.WRITE
    installs_forks: bool = False


class SweepStep(StrEnum):
    """Which part of a sweep a job does: all of it, or one of three that several machines share."""

    ALL = "all"
    PLAN = "plan"
    SHARD = "shard"
    COLLECT = "collect"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """How the action sweeps a repository.

    Attributes:
        paths: Files and folders that are swept; empty for the whole repository.
        step: Which part of it this job does.
        shards: How many shards a plan has, at most.
        shard: Which shard this job proves, as `2/4`; empty for none.
        dry_run: Whether it is only planned, without anything being spent.
    """

    paths: tuple[str, ...] = ()
    step: SweepStep = SweepStep.ALL
    shards: int = 1
    shard: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitSettings:
    """How tests get into the project's test tree.

    Attributes:
        mode: What becomes of proven tests on a pull request.
        mark_tests: Whether each test gets a comment that says what it was made for, by which it is found
            again when that changes.
        sign_off: Who signs a commit off, as `Name <address>`; empty for nobody.
        co_author: Who is named as a commit's co-author, likewise.
    """

    mode: Mode = Mode.SUGGEST
    mark_tests: bool = True
    sign_off: str = ""
    co_author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of one run's settings.

    Attributes:
        folder: The folder the person named with `--repo`, as an absolute path.
        provider: Never `auto`: that is resolved when the settings are parsed.
        write: Whether suggestions are written into the project's test tree.
        estimate: Whether only the calls to the model are reckoned, without one being made.
        dry_run: Of a sweep: whether it is only planned, without anything being spent.
        verbose: Whether progress details and the statistics line are printed.
        output_format: How the report is printed.
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
    """One setting that has a flag and a name in a repository's file, both the same word.

    Attributes:
        name: The flag without its dashes, which is also the key in the file, as `max-members`.
        group: The group of `Settings` it belongs to.
        field: The group's field that it sets.
        kind: What its value is; `list` is a list of texts, a `StrEnum` one of its words.
        help: One line for `--help`.
        least: The smallest number allowed.
        pattern: What a text must look like; empty for any.
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
        """The name as an argument parser stores it."""
        return self.name.replace("-", "_")


PERSON = r"[^<>@\s][^<>@\x00-\x1f\x7f-\x9f]{0,98}[^<>@\s] <[^<>@\s]{1,64}@[^<>@\s]{1,190}>"
"""What a person looks like at the end of a commit's message: a name and an address, on one line."""

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
"""Every setting that a repository's file may hold; the command line has a flag for most of them."""

ON_PULL_REQUESTS = frozenset({"mode", "sign-off", "co-author"})
"""Those that mean nothing on the command line."""

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
"""What decides where data goes or which program runs; a pull request could set it in a file."""

SETTINGS_FILES = ("testsmith.toml", "pyproject.toml")
"""Where a repository's settings are read, the first that holds any: whole, or `[tool.testsmith]`."""


def repository_values(read: Callable[[str], bytes | None]) -> dict[str, object]:
    """Return the values of the first settings file that holds any, by option name, checked.

    Args:
        read: Gives a file of the project's folder by its name; None where there is none.

    Raises:
        UsageFailure: The file is no UTF-8, or what it holds cannot be used.
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
    """Read a repository's settings file.

    Args:
        name: The file's name, one of `SETTINGS_FILES`.
        text: Its text.

    Returns:
        The values by option name, checked; None where the file holds no settings.

    Raises:
        UsageFailure: It is no TOML, or holds a name that is unknown or not allowed there.
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
    """Return a value as its setting holds it.

    Raises:
        UsageFailure: It is of the wrong type, or too small.
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
    """Where one run's settings come from, strongest first.

    Attributes:
        arguments: What was typed, by option key; None where it was not.
        file: The values of the repository's file, by option name.
        environment: The process's environment.
        cache_folder: The cache folder where none is named.
        place: Where the arguments were typed, as messages tell it.
        prefix: What stands before an argument's name there.
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
        folder: The folder named with `--repo`.
        sources: What was typed, and the rest.

    Raises:
        UsageFailure: Something is missing, contradicts something else, or is out of range.
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
        return replace(settings, provider=ProviderChoice.OPENAI)  # who is not asked needs no key
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
    """Return which generator answers, never `auto`.

    Raises:
        UsageFailure: A model is asked for, and there is neither a key nor an endpoint that may do without.
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

"""Settings of one run, parsed once from the command line, the repository's settings file and the environment.

Nothing here reads files or the environment directly: the entry point passes both in. Each module takes only
the group of settings it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, get_type_hints

from testsmith.model import UsageFailure
from testsmith.options import InputOf, Option, nearest, option, options_of

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
    "build/**",
    "dist/**",
    "docs/**",
)
"""Default globs of files to skip in any language: vendored, generated and documentation files."""

TOOLING_FOLDERS = ("asv_bench", "benchmark", "benchmarks", "script", "scripts", "tools")
"""Folders at the top of a project that are left out by default: by sweeps, and without a test by all runs."""


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


class AuditMode(StrEnum):
    """Where the judgment on tests that a pull request adds or edits is shown."""

    OFF = "off"
    SUMMARY = "summary"
    COMMENTS = "comments"


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
    """

    base: str | None = None
    head: str | None = None
    all_paths: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    refuses_unknown: bool = True
    include: tuple[str, ...] = option(("**",), "globs of files to examine", shown_default="all files")
    exclude: tuple[str, ...] = option(
        DEFAULT_EXCLUDE,
        "globs of files to skip",
        details="Replaces the default.",
        shown_default="vendored, generated, packaging and documentation files",
    )
    max_members: int = option(
        40,
        "maximum functions and classes per run",
        details="Those closest to the change come first; the report lists the others.",
        least=1,
        input_of=InputOf.BOTH,
    )
    max_file_bytes: int = option(1_000_000, "maximum bytes of a file; larger files are skipped", least=1)
    reference_steps: int = option(
        3, "maximum references between an affected function and the changed code, if one is so near"
    )

    @property
    def has_globs(self) -> bool:
        """Whether `include` or `exclude` is set, which then decides about scripts and the like alone."""
        defaults = SelectionSettings()
        return (self.include, self.exclude) != (defaults.include, defaults.exclude)


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
        None,
        "URL of an OpenAI-compatible endpoint",
        details="Requires `model`. An API key is only needed if the endpoint requires one.",
        shown_default="OpenAI",
        metavar="URL",
        in_file=False,
        input_of=InputOf.BOTH,
    )
    model: str = option(
        DEFAULT_MODEL,
        "model id",
        details=f"`{STEP_UP_MODEL}` is the recommended step up.",
        input_of=InputOf.BOTH,
    )
    fallback_model: str | None = option(None, "model to use if the first one keeps failing or does not exist")
    model_for: ModelFor = option(
        ModelFor.ALL,
        "with openai+offline: all, or only the hard functions that the offline engine does not fully cover",
        details="See [models](providers.md#with-the-offline-engine).",
    )
    strategy: Strategy = option(
        Strategy.EDIT,
        "calls to the model: write (ask for tests), probe (first ask for inputs and run them), edit "
        "(review the proven tests) or probe+edit",
        details="See [models](providers.md#strategies).",
    )
    temperature: float = option(0.0, "sampling temperature of the model")
    reasoning_effort: ReasoningEffort = option(
        ReasoningEffort.LOWEST,
        "reasoning effort of the model; lowest is the lowest level that the model accepts",
        details="See [models](providers.md#models-that-think).",
    )
    service_tier: ServiceTier = option(
        ServiceTier.AUTO,
        "service tier of model calls; flex is slower and costs half, if the endpoint offers it",
        details="See [flex](providers.md#half-price-flex).",
    )
    tokens_per_member: int = option(300, "expected output tokens per function", least=1)
    max_output_tokens: int = option(8192, "maximum output tokens per call, without reasoning", least=1)
    prompt_token_budget: int = option(6000, "maximum context tokens per call, without the functions' source")
    observation_token_budget: int = option(
        2000,
        "maximum tokens per call for results observed by running the functions, with openai+offline and the "
        "strategies that probe; 0 for none",
    )
    timeout_seconds: float = option(120.0, "maximum seconds per attempt", name="timeout", least=0.001)
    max_concurrent_calls: int = option(5, "maximum calls in flight", least=1)
    max_retry_attempts: int = option(3, "maximum attempts per call", least=1)
    retry_base_seconds: float = 0.1
    max_retry_after_seconds: float = option(
        60.0, "longest Retry-After header to wait for, in seconds", name="max-retry-after"
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
    max_bytes: int = option(
        64 * 1024**2,
        "maximum size of the cache, in bytes; the oldest entries are removed first",
        name="cache-max-bytes",
        least=1,
    )
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
        offer_install: Whether a run ends with `NotInstalled` if installing may help.
        setup_command: Shell command that sets up the project; None to use its metadata.
    """

    enabled: bool = True
    sandbox: SandboxChoice = option(
        SandboxChoice.BEST_EFFORT,
        "isolation required to run code: strict, best-effort or off",
        details="See [security](security.md#the-sandbox).",
        in_file=False,
        input_of=InputOf.BOTH,
        input_default=SandboxChoice.STRICT,
    )
    python: Path | None = option(
        None,
        "Python interpreter that runs the tests; must have pytest",
        shown_default="$VIRTUAL_ENV, DIR/.venv, or this one",
        metavar="PATH",
        in_file=False,
    )
    go: Path | None = option(
        None,
        "folder of the Go toolchain that compiles the tests, or its go command",
        shown_default="go on PATH; with --install, one that is downloaded",
        metavar="PATH",
        in_file=False,
    )
    node: Path | None = option(
        None,
        "folder of the Node that runs tests of TypeScript and JavaScript, or its node command",
        shown_default="node on PATH; with --install, one that is downloaded",
        metavar="PATH",
        in_file=False,
    )
    runs: int = option(5, "runs of each test on head", least=1)
    test_seconds: float = option(20.0, "maximum seconds per run of one generated test file", least=0.1)
    memory_bytes: int = 2 * 1024**3
    parallel: int = 2
    suite_seconds: float = option(
        120.0,
        "maximum seconds for measuring the project's own tests; 0 skips the measurement",
        details="The run against mutants may take as long again.",
    )
    coverage: Path | None = option(
        None,
        ".coverage, coverage.xml or lcov.info file to read instead of measuring the project's own tests",
        metavar="FILE",
        in_file=False,
    )
    max_mutants: int = option(30, "maximum mutants per function", least=1)
    unchanged_behaviour: bool = option(
        False,
        "also suggest tests that show nothing about the change (label unchanged-behaviour)",
        details="See [proof](proof.md#tests-of-a-change).",
    )
    repairs: int = option(1, "maximum times that failing tests are returned to the model")
    install: bool = option(
        False,
        "install the project and its test dependencies first; only this step has network access",
        in_file=False,
    )
    offer_install: bool = False
    install_seconds: float = option(
        300.0, "maximum seconds for the installation or the setup command", least=1
    )
    setup_command: str | None = option(
        None,
        "shell command that installs the project into a virtual environment",
        details="Runs in the sandbox with network access, but without secrets.",
        shown_default="install from the project's metadata",
        metavar="TEXT",
        in_file=False,
        input_of=InputOf.BOTH,
    )
    test_command: str | None = option(
        None,
        "command that runs the project's own tests, for example pytest -m 'not slow'",
        shown_default="pytest",
        metavar="TEXT",
        in_file=False,
        input_of=InputOf.BOTH,
    )
    python_version: str | None = option(
        None,
        "Python version for the tests, in quotes in YAML; downloaded with uv if missing",
        shown_default="a version that the project supports",
        pattern=r"3\.(?:[89]|[1-9][0-9])(?:\.[0-9]{1,3})?",
        wanted='a version such as "3.12", in quotes because YAML reads 3.10 as 3.1',
        metavar="X.Y",
        in_file=False,
        input_of=InputOf.BOTH,
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

    max_minutes: float = option(
        10.0,
        "maximum minutes per run; tests proven by then are reported",
        details="A run that does not stop by itself is [ended](security.md#what-the-bot-itself-reads) "
        "after another half of this time, at least one and at most five minutes later.",
        least=0.01,
        input_of=InputOf.BOTH,
    )
    max_calls: int = option(20, "maximum answered model calls per run")
    max_tokens: int = option(500_000, "maximum prompt and output tokens per run")
    max_cost: float = option(
        0.50,
        "maximum US dollars per run, if the model's prices are known",
        details="See [cost](providers.md#what-it-may-cost-at-most).",
        input_of=InputOf.BOTH,
    )
    prompt_price: float | None = option(
        None,
        "US dollars per million prompt tokens; used only with completion-price",
        shown_default="built-in price list",
    )
    completion_price: float | None = option(
        None,
        "US dollars per million output tokens; used only with prompt-price",
        shown_default="built-in price list",
    )


class Role(StrEnum):
    """A user's role in a repository; those with `write` may use comment commands."""

    NONE = "none"
    READ = "read"
    TRIAGE = "triage"
    WRITE = "write"


MOST_COMMENTS = 25
"""Hard limit on the comments per review; GitHub has answered 502 to larger reviews."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSettings:
    """How the results are shown on a pull request."""

    max_comments: int = option(
        10,
        "maximum comments per review; other suggestions are in the summary comment",
        most=MOST_COMMENTS,
        has_flag=False,
    )
    audit: AuditMode = option(
        AuditMode.SUMMARY,
        "where to show what the tests that a change brings itself protect: off (do not judge them), "
        "summary, or comments (also at tests that cannot fail, are flaky or fail)",
        details="See [audit](audit.md).",
    )
    audit_fail: bool = option(
        False,
        "fail the job if a test that the pull request adds or edits fails, is flaky or cannot fail",
        has_flag=False,
    )


class SweepStep(StrEnum):
    """Step of a sweep that a job runs: all of it, or one of three steps of a sharded sweep."""

    ALL = "all"
    PLAN = "plan"
    SHARD = "shard"
    COLLECT = "collect"


MOST_SHARDS = 256
"""Maximum number of shards in a plan: GitHub allows 256 jobs in a matrix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """How the action sweeps a repository.

    The reusable workflow sets all but `paths` and `dry_run`, through the environment.
    """

    paths: tuple[str, ...] = option(
        (),
        "files and folders to sweep, separated by line breaks or commas",
        shown_default="the whole repository",
        in_file=False,
        input_of=InputOf.SWEEP,
    )
    dry_run: bool = option(
        False,
        "rank the code and show what a sweep would select, without generating tests",
        in_file=False,
        input_of=InputOf.SWEEP,
        input_default="false",
    )
    step: SweepStep = option(
        SweepStep.ALL, "step of the sweep that this job runs", name="sweep-step", in_file=False
    )
    shards: int = option(1, "maximum number of shards in the plan", least=1, most=MOST_SHARDS, in_file=False)
    shard: str = option("", "shard that this job proves, for example 2/4", in_file=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSettings:
    """How the action behaves as a step of a workflow."""

    fail_on_error: bool = option(
        False,
        "fail the step if the model provider or GitHub fails",
        in_file=False,
        input_of=InputOf.BOTH,
        input_default="false",
    )
    install_forks: bool = option(
        False,
        "install the project for commands on pull requests from forks, with network access",
        details="Its build code comes from the fork; see [security](security.md#comments).",
        in_file=False,
        input_of=InputOf.REVIEW,
        input_default="false",
    )


PERSON = r"[^<>@\s][^<>@\x00-\x1f\x7f-\x9f]{0,98}[^<>@\s] <[^<>@\s]{1,64}@[^<>@\s]{1,190}>"
"""Pattern of a person in a commit trailer: a name and an email address on one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitSettings:
    """How tests are added to the project's test tree.

    Attributes:
        mark_tests: Whether each test gets a comment that names its member, so that the test is found again
            when the member changes.
    """

    mode: Mode = option(
        Mode.SUGGEST,
        "how to deliver proven tests on a pull request: suggest, commit or pull-request",
        details="See [commits](commits.md).",
        has_flag=False,
        input_of=InputOf.REVIEW,
    )
    mark_tests: bool = option(True, "add a comment above each written test that names its function")
    sign_off: str = option(
        "",
        "person who signs off commits, as Name <address>",
        pattern=PERSON,
        wanted="a person as `Name <address>`",
        has_flag=False,
    )
    co_author: str = option(
        "",
        "co-author of commits, as Name <address>",
        pattern=PERSON,
        wanted="a person as `Name <address>`",
        has_flag=False,
    )


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
    review: ReviewSettings = ReviewSettings()
    write: bool = False
    estimate: bool = False
    dry_run: bool = False
    verbose: bool = False
    output_format: OutputFormat = OutputFormat.TEXT
    hint: str = ""


EVERY_OPTION = tuple(
    one
    for group, kind in get_type_hints(Settings).items()
    if is_dataclass(kind) and isinstance(kind, type)
    for one in options_of(kind, group)
)
"""Every option of the groups in `Settings`."""

OPTIONS = tuple(one for one in EVERY_OPTION if one.in_file)
"""Every setting that the repository's settings file may contain. Most also have a command-line flag."""

TOKEN = Option(
    name="token",
    kind=Secret,
    summary="token used to read the pull request and post the review",
    in_file=False,
    has_flag=False,
    input_of=InputOf.BOTH,
    input_default="${{ github.token }}",
    shown_default="the workflow's own",
)
API_KEY = Option(
    name="api-key",
    kind=Secret,
    summary="API key of the model provider; without one, the offline engine generates the tests",
    in_file=False,
    has_flag=False,
    input_of=InputOf.BOTH,
)
PROVIDER = Option(
    name="provider",
    kind=ProviderChoice,
    default=ProviderChoice.AUTO,
    summary="test generator: auto (openai if there is an API key, else offline), openai, offline or "
    "openai+offline",
    in_file=False,
    input_of=InputOf.BOTH,
    input_default=ProviderChoice.AUTO,
)
CACHE_DIR = Option(
    name="cache-dir",
    kind=Path,
    summary="folder that keeps results between runs",
    details="In the action: a folder in the workspace that you save yourself, instead of GitHub's cache; see"
    " [cache](cache.md#keep-it-yourself).",
    shown_default="GitHub's cache in the action, else the user's cache folder",
    metavar="DIR",
    in_file=False,
)

ACTION_OPTIONS = (
    TOKEN,
    API_KEY,
    PROVIDER,
    *(
        one
        for group in ("model", "commits", "selection", "budget", "verification")
        for one in EVERY_OPTION
        if one.group == group and one.input_of is not InputOf.NONE
    ),
    *options_of(ActionSettings),
    *(one for one in options_of(SweepSettings) if one.input_of is not InputOf.NONE),
)
"""Every option that is an input of an action, in the order of the action files."""

NEVER_FROM_A_FILE = frozenset(
    one.name
    for one in (
        TOKEN,
        API_KEY,
        PROVIDER,
        CACHE_DIR,
        *EVERY_OPTION,
        *options_of(ActionSettings),
        *options_of(SweepSettings),
    )
    if not one.in_file
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
            raise UsageFailure(f"Could not read {name} ({error}). Fix or delete the file.") from error
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
        raise UsageFailure(f"{name} is not valid TOML ({error}). Fix or delete the file.") from error
    table = document if name == "testsmith.toml" else _own_table(document)
    if table is None:
        return None
    if not isinstance(table, dict):
        raise UsageFailure(f"{name}: `tool.testsmith` must be a table.")
    options = {one.name: one for one in OPTIONS}
    return {key: _checked(options, key, value, name) for key, value in table.items()}


def _own_table(document: Mapping[str, Any]) -> Any:
    tools = document.get("tool")
    return tools.get("testsmith") if isinstance(tools, dict) else None


def _checked(options: Mapping[str, Option], key: str, value: object, place: str) -> object:
    if key in NEVER_FROM_A_FILE:
        raise UsageFailure(
            f"{place} sets `{key}`, which is never read from a repository's file, because a pull request "
            f"could change it. Set it on the command line or in the environment."
        )
    if key not in options:
        hint = nearest(key, options) or " docs/settings.md lists all settings."
        raise UsageFailure(f"{place} sets `{key}`, which is not a setting.{hint}")
    return options[key].checked(value, place)


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
    key = sources.environment.get(API_KEY.variable) or sources.environment.get("OPENAI_API_KEY")
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
        cache=CacheSettings(folder=_given(CACHE_DIR, sources) or sources.cache_folder),
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
    choice = _given(PROVIDER, sources) or ProviderChoice.AUTO
    asks = choice is not ProviderChoice.OFFLINE
    if (settings.estimate and asks) or (settings.dry_run and asks and choice is not ProviderChoice.AUTO):
        return replace(settings, provider=ProviderChoice.OPENAI)  # no call is made, so no key is needed
    return replace(settings, provider=resolved_provider(choice, settings.model))


def _with_options(settings: Settings, sources: SettingsSources) -> Settings:
    for one in EVERY_OPTION:
        value = _given(one, sources)
        if value is not None:
            changed: Any = {one.field: value}
            in_settings: Any = {one.group: replace(getattr(settings, one.group), **changed)}
            settings = replace(settings, **in_settings)
    return settings


def _given(option: Option, sources: SettingsSources) -> Any:
    """Return the value of the first source that has one; None if none has."""
    typed = sources.arguments.get(option.key)
    if typed is not None and (typed != "" or option.in_file):
        return option.checked(typed, sources.place)
    text = option.text_in(sources.environment)
    if text is not None:
        return option.parsed(text, f"the variable {option.variable}")
    return sources.file.get(option.name)


def _names_model(sources: SettingsSources) -> bool:
    model = next(one for one in EVERY_OPTION if one.name == "model")
    return _given(model, sources) is not None


def _check(settings: Settings, sources: SettingsSources) -> None:
    selection, model, prefix = settings.selection, settings.model, sources.prefix
    if selection.base is None and not selection.all_paths:
        raise UsageFailure("nothing to compare with: set --base REV, or use --all PATH for whole files.")
    if model.base_url is not None and not _names_model(sources):
        raise UsageFailure(f"{prefix}base-url needs {prefix}model, because each endpoint has its own models.")
    if model.base_url is not None and not model.base_url.startswith(("http://", "https://")):
        raise UsageFailure(f"{prefix}base-url must begin with http:// or https://, not `{model.base_url}`.")
    if model.record is not None and model.replay is not None:
        raise UsageFailure("--record and --replay cannot be used together.")
    if settings.estimate and settings.output_format not in {OutputFormat.TEXT, OutputFormat.JSON}:
        raise UsageFailure("--estimate supports only --format text and json.")
    verification = settings.verification
    if verification.python is not None and verification.python_version is not None:
        raise UsageFailure("--python and --python-version cannot be used together.")


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
            f"--provider {choice} needs an API key in TESTSMITH_API_KEY or OPENAI_API_KEY, or your own "
            f"endpoint with --base-url. Use --provider offline to generate tests without a model."
        )
    return choice

"""One frozen `Settings`, parsed once, from the command line, a repository's file and the environment.

Rooms take the group they need. Nothing here reads the environment or a file by itself: `main` hands both in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

DEFAULT_MODEL = "gpt-5-mini"
"""The model that is asked where none is named and no `--base-url` is given; shown by `--help`."""

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


class SandboxChoice(StrEnum):
    """How much isolation is owed before untrusted code is run."""

    STRICT = "strict"
    BEST_EFFORT = "best-effort"
    OFF = "off"


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
        temperature: 0 for the least variation.
        tokens_per_member: Output tokens reckoned for one member.
        max_output_tokens: The most output tokens of one call.
        prompt_token_budget: The most tokens of context beside the members' own sources, a call.
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
    temperature: float = 0.0
    tokens_per_member: int = 300
    max_output_tokens: int = 8192
    prompt_token_budget: int = 6000
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
    """

    enabled: bool = True
    sandbox: SandboxChoice = SandboxChoice.BEST_EFFORT
    python: Path | None = None
    runs: int = 5
    test_seconds: float = 20.0
    memory_bytes: int = 2 * 1024**3
    parallel: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of one run's settings.

    Attributes:
        folder: The folder the person named with `--repo`, as an absolute path.
        provider: Never `auto`: that is resolved when the settings are parsed.
        write: Whether suggestions are written into the project's test tree.
        verbose: Whether progress details and the statistics line are printed.
        output_format: How the report is printed.
    """

    folder: Path
    provider: ProviderChoice
    selection: SelectionSettings
    model: ModelSettings
    cache: CacheSettings
    verification: VerificationSettings
    write: bool = False
    verbose: bool = False
    output_format: OutputFormat = OutputFormat.TEXT

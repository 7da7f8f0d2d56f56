"""The inputs of a run, and the state that its phases share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from testsmith.changes.members import MemberSearch
from testsmith.deadline import Deadline
from testsmith.execution.measurements import Measurements, NoMeasurements
from testsmith.execution.runner import TestRunner
from testsmith.execution.sandbox.interface import Sandbox
from testsmith.faults import fault_in_words, is_fault, traceback_of
from testsmith.generation.interface import TestGenerator
from testsmith.git.repository import Repository
from testsmith.languages.language import Language
from testsmith.languages.source import SourceTree
from testsmith.languages.toolchain import Toolchain
from testsmith.model import (
    CacheStatsReporter,
    Candidate,
    Member,
    Progress,
    Repair,
    Request,
    Skipped,
    SkipStage,
    SpendingReporter,
)
from testsmith.settings import ModelFor, ProviderChoice, SandboxChoice, Settings, VerificationSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDependencies:
    """Clients of one run, built by the entry point.

    Attributes:
        languages: The supported languages.
        model: Generator that calls a model; None if the settings use none.
        build_sandbox: Builds the sandbox that runs the project's code with a program.
        cache: Source of the result cache figures.
        spending: Source of the spending figures.
        progress: Progress display.
        clock: Monotonic clock, in seconds.
        environment: The user's environment, used to find the project's interpreter.
        measurements: Store for baseline measurements between runs.
        toolchains: What runs the tests of each language, by its name.
        environments: Folder where installed environments are kept between runs; None to keep none.
    """

    languages: Sequence[Language]
    model: TestGenerator | None
    build_sandbox: Callable[[SandboxChoice, Path], Awaitable[Sandbox]]
    cache: CacheStatsReporter
    spending: SpendingReporter
    progress: Progress
    clock: Callable[[], float]
    environment: Mapping[str, str] = field(default_factory=dict)
    measurements: Measurements = field(default_factory=NoMeasurements)
    toolchains: Mapping[str, Toolchain] = field(default_factory=dict)
    environments: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Optional inputs of a run that replace parts of it.

    Attributes:
        repository: Repository to examine; None for the one that contains the settings' folder.
        trusted: Tree to read conventions from if head is untrusted; None for head.
        is_unchanged: Returns whether the result for a member's id and source digest is already known; such a
            member is skipped. None if results are not remembered: then no digests are computed.
        reason: Skip reason of such members.
        paths: Files and folders whose public members all count as added; empty to use the changed members.
        only: Ids, names or paths that restrict `paths`; empty for all members.
        is_chosen: Whether a person chose the members, so that each is looked at.
        candidates: Candidates to prove, by member id, instead of calling generators; None to call generators.
        repairs: Problems of existing tests for the model to fix, by member id.
        seed: Random seed of the offline engine; a different seed gives different tests.
        texts: Texts of the pull request and of linked issues, see `changes.intent`.
        hint: What a person asks the tests to look at; empty for the settings' hint.
        search: Members that were already found, in request order; None to find them.
        runners: Open runners by language; others are opened for this run.
        audits: Whether to judge the tests that the change adds or edits, if the settings say so.
    """

    repository: Repository | None = None
    trusted: SourceTree | None = None
    is_unchanged: Callable[[str, str], bool] | None = None
    reason: str = "it has not changed since the last run"
    paths: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    is_chosen: bool = False
    candidates: Mapping[str, Candidate] | None = None
    repairs: Mapping[str, Repair] = field(default_factory=dict)
    seed: int = 0
    texts: tuple[str, ...] = ()
    hint: str = ""
    search: MemberSearch | None = None
    runners: Mapping[str, TestRunner] = field(default_factory=dict)
    audits: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """What every phase can read.

    Attributes:
        settings: The settings of the run.
        clients: The clients.
        options: Optional inputs that replace parts of the run.
        repository: The repository that is examined.
        search: The members that were found.
        requests: The request for each member that is looked at, by member id.
        deadline: When the run must end.
        sources: Digests of everything that results depend on, by member id; empty if not remembered.
        skipped: Members that were found and have no request.
        farther: Those of them that were left out for others that use the same changed code, by member id; the
            others, nearest first.
    """

    settings: Settings
    clients: RunDependencies
    options: RunOptions
    repository: Repository
    search: MemberSearch
    requests: Mapping[str, Request]
    deadline: Deadline
    sources: Mapping[str, str] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()
    farther: Mapping[str, tuple[Member, ...]] = field(default_factory=dict)

    @property
    def progress(self) -> Progress:
        """The progress display."""
        return self.clients.progress

    @property
    def members(self) -> list[Member]:
        """The members that have a request."""
        return [request.member for request in self.requests.values()]

    def without(self, members: Collection[str]) -> RunState:
        """Return the run without some of the members, given by id."""
        left = {member: request for member, request in self.requests.items() if member not in members}
        return replace(self, requests=left)

    def in_chosen_files(self, candidates: Iterable[Candidate]) -> RunState:
        """Return the run with requests for tests in the files that candidates are for.

        Args:
            candidates: The candidates; of one member, the first decides.
        """
        chosen: dict[str, str] = {}
        for one in candidates:
            chosen.setdefault(one.member, one.test_path)
        requests = {
            member: request.in_file(chosen.get(member) or request.test_path)
            for member, request in self.requests.items()
        }
        return replace(self, requests=requests)

    def on(self, runtime: str) -> RunState:
        """Return the run with requests that say what runs the tests."""
        requests = {member: replace(request, runtime=runtime) for member, request in self.requests.items()}
        return replace(self, requests=requests)

    def project_of(self, member: Member) -> tuple[str, str]:
        """Return a member's language, and the folder of its project relative to the Git root."""
        return member.language, self.search.projects.of(member.path)

    def of_project(self, language: str, folder: str) -> RunState:
        """Return the run with the members of one language in one project, which counts as opened."""
        others = {one.id for one in self.members if self.project_of(one) != (language, folder)}
        return replace(self.without(others), repository=replace(self.repository, project=folder))

    def language_of(self, member: str) -> Language:
        """Return the language of a member that has a request."""
        name = self.requests[member].member.language
        return next(language for language in self.clients.languages if language.name == name)

    def all_skipped(self, stage: SkipStage, reason: str) -> tuple[Skipped, ...]:
        """Return every member that has a request as skipped."""
        return tuple(Skipped.of(member, stage, reason) for member in self.members)

    @property
    def proof_settings(self) -> VerificationSettings:
        """The settings of proofs. Only tests that are generated for a change must show something about it."""
        settings = self.settings.verification
        is_of_change = not self.settings.selection.all_paths and self.options.candidates is None
        return settings if is_of_change else replace(settings, unchanged_behaviour=True)

    def with_suite_seconds(self, share: float) -> VerificationSettings:
        """Return the settings, with a share of the time left as limit for the project's own tests."""
        settings = self.settings.verification
        return replace(settings, suite_seconds=self.deadline.at_most(settings.suite_seconds, share))

    def warn_of_fault(self, not_done: str, error: Exception) -> None:
        """Warn of an internal error that costs no member; re-raise an exception that ends the run."""
        if not is_fault(error):
            raise error
        details = traceback_of(error) if self.settings.verbose else fault_in_words(error)
        self.progress.warn(f"{not_done}: {details}")


def runs_code(settings: Settings) -> bool:
    """Return whether a run with these settings runs the project's code."""
    return settings.verification.enabled or settings.provider is not ProviderChoice.OPENAI


def asks_for_hard_alone(settings: Settings) -> bool:
    """Return whether the model is called only after the engine's tests are proven."""
    competes = settings.provider is ProviderChoice.OPENAI_AND_OFFLINE
    return settings.model.model_for is ModelFor.HARD and competes and settings.verification.enabled

"""One stream of results that come by jobs: what is asked for, what has come, and what is under way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from testsmith.cache.jobs import AskedJob, JobMemory
from testsmith.generation.generator import skipped
from testsmith.generation.model.generator import Questions
from testsmith.generation.model.jobs.calls import result_for
from testsmith.model import Candidate, Request, Result, Stage
from testsmith.providers.budget import Hold
from testsmith.providers.jobs import Job, JobProvider, JobState
from testsmith.providers.provider import CompletionResponse, SpendingEnded


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKeeping:
    """What outlives a run.

    Attributes:
        memory: The jobs that were sent.
        key_for: The key of a request's result.
        put: Stores a result that holds for good under its key.
        sent: Called once a job is sent: what is remembered of it may be saved.
    """

    memory: JobMemory
    key_for: Callable[[Request], str]
    put: Callable[[str, Result], None]
    sent: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDesk:
    """Where jobs are sent from and their answers taken.

    Attributes:
        provider: Who takes jobs.
        questions: What is asked, and what answers come to.
        keeping: What outlives the run.
        endpoint: What the endpoint is remembered by.
        model: Who answers.
        notes: What a reader of the report should know.
    """

    provider: JobProvider
    questions: Questions
    keeping: JobKeeping
    endpoint: str
    model: str
    notes: list[str] = field(default_factory=list)

    @property
    def memory(self) -> JobMemory:
        """The jobs that were sent."""
        return self.keeping.memory

    def known_ids(self, digest: str) -> frozenset[str]:
        """Return the ids of the remembered jobs that were sent with a digest."""
        known = (job for job in self.memory.jobs(self.endpoint) if job.digest == digest)
        return frozenset(job.id for job in known if job.id)


@dataclass(slots=True)
class OpenJob:
    """A job whose answers are still to be taken.

    Attributes:
        asked: What is remembered of it.
        job: How it stood when it was last looked at; None where it never was.
        holds: What is set aside for those of its calls that this run has asked, by call.
        trouble: Why it could not be looked at; empty where it could.
    """

    asked: AskedJob
    job: Job | None = None
    holds: dict[str, Hold] = field(default_factory=dict)
    trouble: str = ""

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all results that it was asked for."""
        return frozenset(member.key for call in self.asked.calls.values() for member in call.members)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will be answered."""
        return self.job is not None and self.job.state is not JobState.UNDER_WAY

    def settle(self, call: str, outcome: object, count: Callable[[CompletionResponse], None]) -> None:
        """Count what a call cost: what an earlier run has asked was held to what that might spend."""
        hold = self.holds.pop(call, None)
        if isinstance(outcome, CompletionResponse):
            if hold is None:
                count(outcome)
            else:
                hold.settle(outcome.usage)
        elif hold is not None:
            hold.release()  # what was refused or never made is not charged

    def leave(self) -> None:
        """Count all that is set aside: it may be charged once the run is over."""
        for hold in self.holds.values():
            hold.keep()

    def reason(self) -> str:
        """Return why a member has no answer yet."""
        named = f"asked in batch {self.asked.id}" if self.asked.id else "asked in a batch that was just sent"
        but = f", which could not be looked at: {self.trouble}" if self.trouble else ""
        return f"{named}{but}; the next run takes its answers"


class JobRun:
    """What one stream of results is about.

    Attributes:
        requests: What is not answered to the reader yet, by key.
        opened: The jobs under way.
        taken: Jobs whose answers have been taken, but may not be stored yet.
        ended: Why no further call can work; None where some can.
    """

    def __init__(self, requests: Iterable[Request], key_for: Callable[[Request], str]) -> None:
        self.requests: dict[str, list[Request]] = {}
        for request in requests:
            self.requests.setdefault(key_for(request), []).append(request)
        self.opened: list[OpenJob] = []
        self.taken: list[AskedJob] = []
        self.ended: SpendingEnded | None = None
        self._found: dict[str, Result] = {}

    def take(self, key: str, result: Result) -> None:
        """Note what came of a member; what one job has answered is not lost to another one's failure."""
        if key not in self._found or isinstance(result, Candidate):
            self._found[key] = result

    def ready(self) -> Iterator[Result]:
        """Yield the results that have come, one for each who has asked; they are not asked for any more."""
        for key in [key for key in self.requests if key in self._found]:
            for request in self.requests.pop(key):
                yield result_for(request, self._found[key])

    def skip(self, keys: Iterable[str], reason: str, stage: Stage = Stage.GENERATION) -> None:
        """Note that members have no answer, for one reason."""
        for key in keys:
            for request in self.requests.get(key, ())[:1]:
                self.take(key, skipped([request], reason, stage=stage)[0])

    def awaited(self) -> dict[str, OpenJob]:
        """Return by key the job under way that was asked for it."""
        return {key: one for one in self.opened for key in one.keys}

    def left(self) -> dict[str, Request]:
        """Return by key what is neither answered nor asked."""
        awaited = self.awaited()
        return {
            key: requests[0]
            for key, requests in self.requests.items()
            if key not in self._found and key not in awaited
        }

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is still to come that somebody has asked for."""
        return not self.awaited().keys().isdisjoint(self.requests)

"""Many prompts as one job: sent together, answered within a day, at half the price.

It is what OpenAI calls a batch. A job outlives the run that sends it: a later run finds it by its id, or by
the digest that it was sent with.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from testsmith.providers.budget import Hold
from testsmith.providers.provider import CompletionRequest, CompletionResponse, ProviderError, Usage

PRICE_SHARE = 0.5
"""What a call of a job costs, of an ordinary call's price; the same at OpenAI, Azure and Together."""

MOST_CALLS = 50_000
"""The most calls of one job, https://platform.openai.com/docs/guides/batch."""

MOST_BYTES = 200 * 10**6
"""The most bytes of one job's file, by the same page; at Together 100 MB."""


class JobState(StrEnum):
    """Whether a job goes on, or how it has ended; however it has, some calls may have answers."""

    UNDER_WAY = "under way"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCall:
    """One prompt of a job.

    Attributes:
        id: What its answer is found by; unlike all others of the job.
        request: The prompt.
    """

    id: str
    request: CompletionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPart:
    """Calls that fit one job, with the file that is sent for them."""

    calls: tuple[JobCall, ...]
    file: bytes

    @property
    def digest(self) -> str:
        """What a job with these calls is found by."""
        return job_digest(call.id for call in self.calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as its endpoint tells of it.

    Attributes:
        id: The endpoint's id.
        state: How it stands.
        digest: What it was sent with; None where the endpoint keeps no such thing, empty for anybody else's.
        answers: The id of the file with answers; None where there is none.
        errors: The id of the file with errors.
        reason: Why it has failed as a whole; empty where it has not.
    """

    id: str
    state: JobState
    digest: str | None = None
    answers: str | None = None
    errors: str | None = None
    reason: str = ""

    def is_of(self, digest: str) -> bool:
        """Tell whether it may be the job that was sent with a digest."""
        return self.digest is None or self.digest == digest


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAnswer:
    """What became of one call of a job."""

    call: str
    outcome: CompletionResponse | ProviderError


def job_digest(calls: Iterable[str]) -> str:
    """Return what a job with calls of these ids is found by: SHA-256, in hexadecimal."""
    return hashlib.sha256("\n".join(sorted(calls)).encode()).hexdigest()


class JobProvider(Protocol):
    """Answers many prompts as one job.

    Every method raises a `ProviderError` where the endpoint cannot be had, after all attempts; `NoJobs` where
    it knows no jobs at all.
    """

    async def learn(self, request: CompletionRequest) -> None:
        """Learn what parameters the model of a request takes, by a small call where no call was answered yet.

        Nothing may be set aside meanwhile, or the call waits for that.
        """
        ...

    def hold(self, request: CompletionRequest) -> Hold:
        """Set aside what a call may cost at most; no call in flight is waited for.

        Raises:
            OverBudget: It may not be made.
        """
        ...

    def prepared(self, calls: Sequence[JobCall]) -> Sequence[JobPart]:
        """Return calls as the endpoint takes them, as far as that is known, in as few jobs as they fit."""
        ...

    async def submit(self, part: JobPart, *, but: Collection[str] = ()) -> Job:
        """Send a job; it is never sent twice, however often that is tried.

        Args:
            part: What is sent.
            but: Ids of jobs that are known, and so are not this one, though they were sent with its digest.

        Raises:
            JobInDoubt: It may have been sent: it is to be looked for later.
        """
        ...

    async def find(self, digest: str, *, but: Collection[str] = ()) -> Job | None:
        """Return the newest job that was sent with a digest, but for those of some ids; None for none."""
        ...

    async def look(self, job: str) -> Job:
        """Return how a job stands.

        Raises:
            JobUnknown: The endpoint does not know it.
        """
        ...

    def answers(self, job: Job, calls: Collection[str]) -> AsyncIterator[JobAnswer]:
        """Yield what became of those calls of a job that has ended that its files tell of, each once."""
        ...

    async def cancel(self, job: str) -> Job:
        """Have the endpoint answer no more calls of a job; what is answered until then is charged."""
        ...

    def count(self, model: str, usage: Usage) -> None:
        """Count an answer that was held to what an earlier run might spend."""
        ...

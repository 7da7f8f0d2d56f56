"""Jobs at an endpoint that speaks OpenAI's Batch API, through the official SDK.

A job is a file that is uploaded, and a batch that is made for it. What an endpoint refuses of a call's
parameters shows only once the job is over, so one small call goes ahead and learns that.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from testsmith.providers.budget import Budget, Hold, Rate
from testsmith.providers.dialect import is_azure
from testsmith.providers.gate import wait_too_long
from testsmith.providers.job_lines import ANSWERED, JobLine, LineCounts, Lines, parted, read, written
from testsmith.providers.jobs import MOST_BYTES, PRICE_SHARE, Job, JobAnswer, JobCall, JobPart, JobState
from testsmith.providers.openai import OpenAIProvider, read_completion
from testsmith.providers.provider import (
    CannotConnect,
    CompletionRequest,
    CompletionResponse,
    EndpointUnreachable,
    JobInDoubt,
    JobUnknown,
    NoJobs,
    Provider,
    ProviderError,
    RateLimited,
    RequestRefused,
    ServerFailed,
    TransientError,
    Unanswered,
    Usage,
)
from testsmith.providers.refusal import (
    broken_off,
    content_filtered,
    not_sendable,
    read_refusal,
    refused,
    shown_words,
)
from testsmith.providers.retry import JITTER, RetryPolicy

if TYPE_CHECKING:
    import openai

TRIAL_TOKENS = 1024
"""The most that the small call may answer that goes ahead: some models think before they say `{}`."""

MOST_ANSWER_BYTES = 8 * MOST_BYTES
"""More than this is not read of one file."""

_BYTES_A_SECOND = 250_000
"""What a slow line sends: an upload may take so much longer."""

_MARK = "testsmith"
"""The name under which a job's digest stands in its metadata."""

_MOST_LISTED = 100
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:~=-]{0,199}", re.ASCII)
_NO_SUCH_PLACE = frozenset({404, 405, 501})
_STATES = {
    "completed": JobState.COMPLETED,
    "expired": JobState.EXPIRED,
    "cancelled": JobState.CANCELLED,
    "failed": JobState.FAILED,
}
_NOT_MADE = {
    "batch_expired": "it expired before this was answered",
    "batch_cancelled": "it was cancelled before this was answered",
    "request_timeout": "the model took too long for this",
}

_T = TypeVar("_T")


def job_url(base_url: str) -> str:
    """Return the path that answers each call of a job, as the endpoint at an address wants it in its lines.

    Azure's batches name it without a version, https://learn.microsoft.com/azure/ai-services/openai/how-to/batch.
    """
    return "/chat/completions" if is_azure(base_url) else "/v1/chat/completions"


class OpenAIJobs:
    """The Batch API of one endpoint; implements `JobProvider`."""

    def __init__(  # noqa: PLR0913 - the parts of a run's stack
        self,
        endpoint: OpenAIProvider,
        asking: Provider,
        *,
        url: str,
        budget: Budget,
        policy: RetryPolicy,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """Prepare, without connecting.

        Args:
            endpoint: Whose connection is used, and who knows what parameters the endpoint takes.
            asking: The layers around it, which make the call that goes ahead.
            url: The path that answers each call, see `job_url`.
            budget: Counts requests and tokens, and says what may be spent.
            policy: How often and how patiently to try.
            sleep: As `asyncio.sleep`.
        """
        self._endpoint = endpoint
        self._asking = asking
        self._url = url
        self._target = endpoint.target
        self._budget = budget
        self._policy = policy
        self._sleep = sleep
        self._reached = False
        self._notes: list[str] = []

    def notes(self) -> tuple[str, ...]:
        """Return what was odd in the files of jobs."""
        return tuple(self._notes)

    async def learn(self, request: CompletionRequest) -> None:
        """See `JobProvider.learn`; a call that is refused for itself says nothing of the job's."""
        if self._endpoint.knows(request.model):
            return
        trial = replace(
            request,
            system_prompt="Answer in JSON.",
            user_prompt='Answer with {"tests": []} and nothing else.',
            max_tokens=min(request.max_tokens, TRIAL_TOKENS),
        )
        try:
            await self._asking.complete(trial)
        except RequestRefused:
            return

    def hold(self, request: CompletionRequest) -> Hold:
        """See `JobProvider.hold`."""
        prompt = (request.system_prompt, request.user_prompt)
        return self._budget.hold_at_once(self._rate(request.model), prompt, request.max_tokens)

    def count(self, model: str, usage: Usage) -> None:
        """See `JobProvider.count`."""
        self._budget.count(self._rate(model), usage)

    def prepared(self, calls: Sequence[JobCall]) -> Sequence[JobPart]:
        """See `JobProvider.prepared`."""
        try:
            lines = [written(call.id, self._endpoint.arguments(call.request), self._url) for call in calls]
        except UnicodeEncodeError as error:
            raise not_sendable() from error
        return parted(calls, lines)

    async def submit(self, part: JobPart, *, but: Collection[str] = ()) -> Job:
        """See `JobProvider.submit`."""
        file = await self._uploaded(part.file)
        job = await self._made(file, part.digest, but)
        if not job.is_of(part.digest):
            await self.cancel(job.id)
            raise NoJobs(
                f"{self._target.url} does not keep what a batch is found by (its metadata). "
                "Leave --batch-api out."
            )
        return job

    async def find(self, digest: str, *, but: Collection[str] = ()) -> Job | None:
        """See `JobProvider.find`; where the endpoint lists no jobs, there is none."""
        try:
            told = await self._patiently(partial(self._listed, digest))
        except (NoJobs, RequestRefused):
            return None
        return next((job for job in told if job.digest == digest and job.id not in but), None)

    async def look(self, job: str) -> Job:
        """See `JobProvider.look`."""
        if not _ID.fullmatch(job):
            raise JobUnknown("The id of the batch is none.")
        unknown = JobUnknown(f"{self._target.url} does not know batch {job}.")

        async def looked(client: openai.AsyncOpenAI) -> Job:
            raw = await client.batches.with_raw_response.retrieve(job)
            return self._job(raw.http_response.content)

        return await self._patiently(partial(self._call, looked, absent=unknown))

    async def cancel(self, job: str) -> Job:
        """See `JobProvider.cancel`."""

        async def cancelled(client: openai.AsyncOpenAI) -> Job:
            raw = await client.batches.with_raw_response.cancel(job)
            return self._job(raw.http_response.content)

        unknown = JobUnknown(f"{self._target.url} does not know batch {job}.")
        return await self._patiently(partial(self._call, cancelled, absent=unknown))

    async def answers(self, job: Job, calls: Collection[str]) -> AsyncIterator[JobAnswer]:
        """See `JobProvider.answers`; a file that breaks off is read again from its beginning."""
        wanted, told = frozenset(calls), set[str]()
        counts = LineCounts()
        for file in (job.answers, job.errors):
            if file is None:
                continue
            attempts = 0
            while True:
                attempts, reading = attempts + 1, _Reading(wanted, told)
                try:
                    async for line in self._read(file, reading):
                        told.add(line.call)
                        yield JobAnswer(call=line.call, outcome=self._outcome(job, line))
                    break
                except TransientError as error:
                    if attempts >= self._policy.attempts:
                        raise
                    await self._sleep(self._wait(error, attempts))
            reading.add_to(counts)
        if note := counts.note():
            self._notes.append(f"batch {job.id}: ignored lines of its files: {note}")

    async def _uploaded(self, data: bytes) -> str:
        async def uploaded(client: openai.AsyncOpenAI) -> str:
            raw = await client.files.with_raw_response.create(
                file=("testsmith.jsonl", data, "application/jsonl"),
                purpose="batch",
                timeout=self._seconds(data),
            )
            return self._id(_object(raw.http_response.content))

        call = partial(self._call, uploaded, seconds=self._seconds(data))
        return await self._patiently(call)

    async def _made(self, file: str, digest: str, but: Collection[str]) -> Job:
        """Make a job of a file; after an attempt of which nobody knows the end it is looked for first."""
        attempts = 0
        while True:
            attempts += 1
            try:
                return await self._call(partial(self._create, file, digest))
            except TransientError as error:
                if attempts >= self._policy.attempts:
                    raise self._after_last(error) from error
                await self._sleep(self._wait(error, attempts))
                found = None if _not_sent(error) else await self._looked_for(digest, but)
            if found is not None:
                return found

    async def _looked_for(self, digest: str, but: Collection[str]) -> Job | None:
        try:
            return await self.find(digest, but=but)
        except ProviderError as error:
            raise JobInDoubt(
                f"It is not known whether a batch was made at {self._target.url}: {error} "
                "The next run looks for it."
            ) from error

    def _after_last(self, error: TransientError) -> ProviderError:
        if _not_sent(error):
            return self._unreachable(error)
        return JobInDoubt(f"It is not known whether a batch was made: {error} The next run looks for it.")

    async def _create(self, file: str, digest: str, client: openai.AsyncOpenAI) -> Job:
        endpoint: Any = self._url
        raw = await client.batches.with_raw_response.create(
            input_file_id=file, endpoint=endpoint, completion_window="24h", metadata={_MARK: digest}
        )
        return self._job(raw.http_response.content)

    async def _listed(self, digest: str) -> list[Job]:
        async def listed(client: openai.AsyncOpenAI) -> list[Job]:
            pages = client.batches.with_raw_response.list(limit=_MOST_LISTED)
            raw = await pages
            told = _object(raw.http_response.content).get("data")
            jobs = [job for job in told if _mark(job) == digest] if isinstance(told, list) else []
            return [self._read_job(job) for job in jobs]

        return await self._call(listed)

    async def _read(self, file: str, reading: _Reading) -> AsyncIterator[JobLine]:
        """Yield the lines of a file that tell of calls that are wanted."""
        client = self._endpoint.client()
        self._budget.meter.count_call()
        try:
            async with client.files.with_streaming_response.content(file) as response:
                chunks = _bounded(response.iter_bytes())
                async for line in reading.of_use(chunks):
                    yield line
        except Exception as error:
            gone = Unanswered(f"{self._target.url} does not have the file {file} with answers any more.")
            if (translated := self._error_of(error, gone)) is None:
                raise
            raise translated from error

    def _outcome(self, job: Job, line: JobLine) -> CompletionResponse | ProviderError:
        """Return what a line tells; nothing of it ends the run's spending, since it is long past."""
        error: ProviderError
        if line.status is None:
            what = _NOT_MADE.get(line.code) or f"the endpoint says {self._said(line)}"
            return Unanswered(f"Batch {job.id}: {what}.")
        if line.status == ANSWERED:
            response = read_completion(line.body)
            if response is None:
                return Unanswered(f"Batch {job.id} holds something that is no completion for this.")
            if response.finish_reason != "content_filter" or response.text:
                return response
            error = content_filtered(self._target)
        else:
            said = read_refusal(line.status, {}, line.body, target=self._target, now=0.0)
            error = refused(said, self._target)
        if isinstance(error, RequestRefused):
            return error
        return Unanswered(f"Batch {job.id}: {error}")

    async def _call(
        self,
        what: Callable[[openai.AsyncOpenAI], Awaitable[_T]],
        *,
        seconds: float | None = None,
        absent: ProviderError | None = None,
    ) -> _T:
        """Send one HTTP request.

        Args:
            what: Sends it.
            seconds: How long it may take; None for what any attempt may.
            absent: What it means that there is nothing at its address; None for no jobs at all.
        """
        self._budget.meter.count_call()
        try:
            async with asyncio.timeout(seconds or self._target.timeout_seconds):
                done = await what(self._endpoint.client())
        except Exception as error:
            if (translated := self._error_of(error, absent)) is None:
                raise
            raise translated from error
        self._reached = True
        return done

    def _error_of(self, error: Exception, absent: ProviderError | None) -> ProviderError | None:
        """Return what an exception stands for; None where it is none of a request's."""
        import openai

        if isinstance(error, openai.APIStatusError):
            self._reached = True
            if error.status_code in _NO_SUCH_PLACE:
                return absent or self._no_jobs(error.status_code)
            if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                return RequestRefused(f"A file of this size is too large for {self._target.url} (413).")
            body, headers = error.body, error.response.headers
            return refused(
                read_refusal(error.status_code, headers, body, target=self._target, now=0.0), self._target
            )
        if isinstance(error, openai.OpenAIError | TimeoutError) or type(error).__module__.startswith("http"):
            return broken_off(error, self._target)
        return None

    def _no_jobs(self, status: int) -> NoJobs:
        return NoJobs(
            f"There are no batch jobs at {self._target.url} ({status} for /files or /batches). Leave "
            "--batch-api out, or allow ordinary calls at full price in their place with --batch-fallback."
        )

    async def _patiently(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Try again what can pass and does no harm twice."""
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._policy.attempts),
            retry=retry_if_exception_type(TransientError),
            wait=self._wait_of,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return await retrying(call)
        except CannotConnect as error:
            raise self._unreachable(error) from error

    def _wait_of(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        return self._wait(error, state.attempt_number)

    def _wait(self, error: BaseException | None, attempts: int) -> float:
        """Return how long to wait after an attempt.

        Raises:
            WaitTooLong: The endpoint asks for more than the settings allow.
        """
        asked = (error.retry_after or 0.0) if isinstance(error, TransientError) else 0.0
        if asked > self._policy.longest_wait:
            raise wait_too_long(asked, self._policy.longest_wait)
        backoff = float(self._policy.base_seconds * 2**attempts)
        return max(asked, backoff) * (1 + JITTER * self._policy.random())

    def _unreachable(self, error: ProviderError) -> ProviderError:
        if isinstance(error, CannotConnect) and not self._reached:
            return EndpointUnreachable(str(error))
        return error

    def _seconds(self, data: bytes) -> float:
        return self._target.timeout_seconds + len(data) / _BYTES_A_SECOND

    def _said(self, line: JobLine) -> str:
        return shown_words(line.message or line.code, self._target.key)

    def _rate(self, model: str) -> Rate:
        return Rate(model, PRICE_SHARE)

    def _job(self, content: bytes) -> Job:
        return self._read_job(_object(content))

    def _read_job(self, told: Mapping[str, Any]) -> Job:
        """Read a batch as the endpoint tells of it; a status that nobody knows counts as under way."""
        state = _STATES.get(str(told.get("status")).lower(), JobState.UNDER_WAY)
        return Job(
            id=self._id(told),
            state=state,
            digest=_mark(told) if "metadata" in told else None,
            answers=_file(told.get("output_file_id")),
            errors=_file(told.get("error_file_id")),
            reason=shown_words(_reason(told), self._target.key) if state is JobState.FAILED else "",
        )

    def _id(self, told: Mapping[str, Any]) -> str:
        found = told.get("id")
        if not isinstance(found, str) or not _ID.fullmatch(found):
            raise ServerFailed(f"{self._target.url} answered with something that is no batch or file.")
        return found


class _Reading:
    """One reading of a file: which of its lines are of use, and how many were not."""

    def __init__(self, wanted: frozenset[str], told: Collection[str]) -> None:
        """Begin; calls that were told of in an earlier reading are passed over in silence."""
        self._wanted = wanted
        self._told = frozenset(told)
        self._seen = set[str]()
        self._lines = Lines()
        self._counts = LineCounts()

    async def of_use(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[JobLine]:
        """Yield each wanted call's first line."""
        async for text in self._lines.cut(chunks):
            line = read(text)
            if line is None:
                self._counts.broken += 1
            elif line.call not in self._wanted:
                self._counts.unknown += 1
            elif line.call in self._seen:
                self._counts.repeated += 1
            else:
                self._seen.add(line.call)
                if line.call not in self._told:
                    yield line

    def add_to(self, counts: LineCounts) -> None:
        """Add what was of no use."""
        counts.unknown += self._counts.unknown
        counts.repeated += self._counts.repeated
        counts.broken += self._counts.broken + self._lines.too_long


async def _bounded(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what comes, up to what is read of one file."""
    left = MOST_ANSWER_BYTES
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            return
        yield chunk


def _object(content: bytes) -> dict[str, Any]:
    """Return the JSON object that an answer is; an empty one for anything else."""
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _mark(told: object) -> str:
    metadata = told.get("metadata") if isinstance(told, dict) else None
    mark = metadata.get(_MARK) if isinstance(metadata, dict) else None
    return mark if isinstance(mark, str) else ""


def _file(found: object) -> str | None:
    return found if isinstance(found, str) and _ID.fullmatch(found) else None


def _reason(told: Mapping[str, Any]) -> str:
    """Return the first error of a job that failed as a whole, as a file that was refused."""
    errors = told.get("errors")
    listed = errors.get("data") if isinstance(errors, dict) else None
    first = listed[0] if isinstance(listed, list) and listed else None
    said = (first.get("message") or first.get("code")) if isinstance(first, dict) else None
    return str(said) if said else "the endpoint does not say why"


def _not_sent(error: ProviderError) -> bool:
    """Tell whether an attempt surely did nothing."""
    return isinstance(error, CannotConnect | RateLimited)

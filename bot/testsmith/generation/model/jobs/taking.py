"""Takes the answers of jobs: member by member, whatever has become of the job."""

from __future__ import annotations

from testsmith.cache.jobs import AskedCall, AskedJob
from testsmith.generation.generator import skipped
from testsmith.generation.model.jobs.calls import again_of, batch_of
from testsmith.generation.model.jobs.run import JobDesk, JobRun, OpenJob
from testsmith.generation.side_by_side import closing
from testsmith.model import Candidate, Result
from testsmith.providers.jobs import Job, JobState
from testsmith.providers.provider import CompletionResponse, JobUnknown, ProviderError, SpendingEnded

_LATER = "the next run asks again"

_WITHOUT_ANSWER = {
    JobState.COMPLETED: "is completed, but its files hold no answer for this",
    JobState.EXPIRED: "expired before this was answered",
    JobState.CANCELLED: "was cancelled before this was answered",
}


async def look_at_earlier(desk: JobDesk, run: JobRun) -> None:
    """Look at each job that earlier runs have sent, and take the answers of those that have ended.

    Raises:
        SpendingEnded: The endpoint cannot be asked any more.
    """
    for asked in desk.memory.jobs(desk.endpoint):
        if not asked.is_over:
            one = OpenJob(asked)
            run.opened.append(one)
            await look(desk, run, one)


async def look(desk: JobDesk, run: JobRun, one: OpenJob) -> None:
    """Look at a job, and take its answers where it has ended; what cannot be looked at stays for later.

    Raises:
        SpendingEnded: The endpoint cannot be asked any more.
    """
    try:
        one.job = await _found(desk, one.asked)
    except JobUnknown as error:
        _forget(desk, run, one, error)
        return
    except SpendingEnded:
        raise
    except ProviderError as error:
        one.trouble = str(error)
        return
    one.trouble = ""
    if not one.asked.id:
        one.asked = one.asked.with_id(one.job.id)
        desk.memory.sent(one.asked)
    await take(desk, run, one)


async def take(desk: JobDesk, run: JobRun, one: OpenJob) -> None:
    """Take the answers of a job, where it has ended.

    Raises:
        SpendingEnded: The endpoint cannot be asked any more.
    """
    if one.job is None or not one.has_ended:
        return
    missing = dict(one.asked.calls)
    try:
        async with closing(desk.provider.answers(one.job, one.asked.calls)) as stream:
            async for answer in stream:
                call = missing.pop(answer.call)
                one.settle(
                    answer.call, answer.outcome, lambda said: desk.provider.count(desk.model, said.usage)
                )
                _come_to(desk, run, one.job, call, answer.outcome)
    except SpendingEnded:
        raise
    except ProviderError as error:
        one.trouble = str(error)
        return
    for name, call in missing.items():
        one.settle(name, None, lambda _: None)
        _skip(run, call, _why_missing(one.job))
    run.opened.remove(one)
    run.taken.append(one.asked)
    came = len(one.asked.calls) - len(missing)
    desk.notes.append(
        f"batch {one.job.id} is {one.job.state}: {came} of {len(one.asked.calls)} calls came back"
    )


async def _found(desk: JobDesk, asked: AskedJob) -> Job:
    """Return how a job stands.

    Raises:
        JobUnknown: It is none, or none of ours.
    """
    if asked.id:
        job = await desk.provider.look(asked.id)
    else:
        found = await desk.provider.find(asked.digest, but=desk.known_ids(asked.digest))
        if found is None:
            raise JobUnknown("A batch that was about to be sent was not.")
        job = found
    if not job.is_of(asked.digest):
        raise JobUnknown(f"Batch {job.id} was not sent from here.")
    return job


def _forget(desk: JobDesk, run: JobRun, one: OpenJob, error: JobUnknown) -> None:
    """Have asked again what a job was sent for that is none."""
    one.leave()
    run.opened.remove(one)
    desk.memory.over(one.asked)
    if one.asked.id:
        desk.notes.append(
            f"batch {one.asked.id} is forgotten, and what it was sent for is asked again: {error}"
        )


def _come_to(
    desk: JobDesk, run: JobRun, job: Job, call: AskedCall, outcome: CompletionResponse | ProviderError
) -> None:
    """Draw the conclusions from what became of a call: what is to be asked again is left to the next run."""
    batch = batch_of(call, run.requests)
    if isinstance(outcome, CompletionResponse):
        come = desk.questions.answered(batch, outcome)
        lack = (
            "its answer was cut off" if outcome.finish_reason == "length" else "the answer has no test for it"
        )
    else:
        come, lack = desk.questions.refused(batch, outcome), str(outcome)
    keys = {f"{member.path}::{member.name}": member.key for member in call.members}
    for result in come.results:
        _keep(desk, run, keys[result.member or ""], result)
    for again in come.again:
        desk.memory.ask_again(again_of(again, keys))
        for one in skipped(again.requests, f"batch {job.id}: {lack.rstrip('.')}; {_LATER}"):
            _keep(desk, run, keys[one.member or ""], one)


def _keep(desk: JobDesk, run: JobRun, key: str, result: Result) -> None:
    """Take a result; that of a member that is not asked for now is kept until it is."""
    run.take(key, result)
    if key not in run.requests and (isinstance(result, Candidate) or result.permanent):
        desk.keeping.put(key, result)


def _skip(run: JobRun, call: AskedCall, reason: str) -> None:
    run.skip((member.key for member in call.members), reason)


def _why_missing(job: Job) -> str:
    """Return why a call has no answer, as far as the job as a whole tells."""
    if job.state is JobState.FAILED:
        return f"batch {job.id} failed as a whole: {job.reason}; {_LATER}"
    return f"batch {job.id} {_WITHOUT_ANSWER[job.state]}; {_LATER}"

"""Sends what is not answered and not asked yet, as one job, or in as few as it fits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from testsmith.cache.jobs import AskedCall, AskedJob
from testsmith.generation.model.jobs.calls import asked_call, batch_again, limits_of_jobs
from testsmith.generation.model.jobs.run import JobDesk, JobRun, OpenJob
from testsmith.generation.model.jobs.taking import take
from testsmith.generation.model.packing import Batch, may_share, pack
from testsmith.model import Request, Stage
from testsmith.providers.budget import Hold
from testsmith.providers.jobs import JobCall, JobPart
from testsmith.providers.provider import JobInDoubt, OverBudget, ProviderError, SpendingEnded

_NOT_KEPT = (
    "the batch was not sent: what it is found by could not be written to the cache, and it would be paid for "
    "twice. Free the disk, mend the rights, or name another folder with --cache-dir."
)


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that may be made: what is remembered of it, what is sent, and what is set aside for it."""

    asked: AskedCall
    sent: JobCall
    hold: Hold

    @property
    def keys(self) -> Iterator[str]:
        return (member.key for member in self.asked.members)


async def send(desk: JobDesk, run: JobRun) -> None:
    """Ask for what is neither answered nor asked; what cannot be asked is noted with its reason.

    Raises:
        SpendingEnded: The endpoint takes no job, or no further call can work.
    """
    left = run.left()
    if not left:
        return
    observed = await desk.questions.observed(list(left.values()))
    requests = dict(zip(left, observed, strict=True))
    batches = list(_batches(desk, requests))
    waiting: dict[str, _Call] = {}
    try:
        await desk.provider.learn(desk.questions.asked(batches[0]))
        waiting |= {call.sent.id: call for call in _held(desk, run, requests, batches)}
        for part in desk.provider.prepared([call.sent for call in waiting.values()]):
            await _send(desk, run, part, waiting)
    except SpendingEnded:
        raise
    except ProviderError as error:
        stage = Stage.BUDGET if isinstance(error, OverBudget) else Stage.GENERATION
        run.skip(run.left(), str(error), stage)
    finally:
        for call in waiting.values():
            call.hold.release()


def _held(
    desk: JobDesk, run: JobRun, requests: Mapping[str, Request], asked_for: Sequence[Batch]
) -> list[_Call]:
    """Return the calls that may be made, the others in smaller ones as far as those fit."""
    keys = {request.member.id: key for key, request in requests.items()}
    batches = deque(asked_for)
    calls: list[_Call] = []
    while batches:
        batch = batches.popleft()
        asked = asked_call(batch, keys)
        request = desk.questions.asked(batch)
        try:
            hold = desk.provider.hold(request)
        except OverBudget as error:
            outcome = desk.questions.refused(batch, error)
            batches.extend(outcome.again)
            for result in outcome.results:
                run.take(keys[result.member or ""], result)
        else:
            calls.append(_Call(asked, JobCall(id=asked.id, request=request), hold))
    return calls


def _batches(desk: JobDesk, requests: Mapping[str, Request]) -> Iterator[Batch]:
    """Yield the calls to make: as the last answers have left them, and all others packed."""
    limits, rest = limits_of_jobs(desk.questions.limits), dict(requests)
    for again in desk.memory.to_ask_again(list(requests)):
        together = [rest[key] for key in again.keys if key in rest]
        if together and may_share(together, limits):
            yield batch_again(again.terms, together, limits)
            for key in again.keys:
                rest.pop(key, None)
    yield from pack(list(rest.values()), limits)


async def _send(desk: JobDesk, run: JobRun, part: JobPart, waiting: dict[str, _Call]) -> None:
    """Send one job, whose calls wait no longer; one like it that was lost sight of is taken up instead.

    Raises:
        ProviderError: It was not sent.
    """
    calls = {call.id: waiting[call.id] for call in part.calls}
    asked = AskedJob(
        digest=part.digest,
        endpoint=desk.endpoint,
        id="",
        is_over=False,
        calls={name: call.asked for name, call in calls.items()},
    )
    if not desk.memory.begin(asked):
        run.skip((key for call in calls.values() for key in call.keys), _NOT_KEPT)
        return
    one = OpenJob(asked)
    try:
        await _submit(desk, one, part)
    except JobInDoubt as error:
        one.trouble = str(error)
    except ProviderError:
        desk.memory.over(asked)
        raise
    one.holds = {name: waiting.pop(name).hold for name in calls}
    run.opened.append(one)
    desk.keeping.sent()
    await take(desk, run, one)  # one that was taken up may have ended


async def _submit(desk: JobDesk, one: OpenJob, part: JobPart) -> None:
    known = desk.known_ids(part.digest)
    found = await desk.provider.find(part.digest, but=known)
    job = found or await desk.provider.submit(part, but=known)
    one.job = job
    one.asked = one.asked.with_id(job.id)
    desk.memory.sent(one.asked)
    members = sum(len(call.members) for call in one.asked.calls.values())
    how = "found again" if found else "sent"
    desk.notes.append(f"batch {job.id} was {how}: {members} members in {len(one.asked.calls)} calls")

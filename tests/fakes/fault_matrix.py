"""Every fault, in every phase of a run, with few and many calls in flight: what comes of it.

One run asks for 36 members in 12 calls, through the real SDK, of the fake endpoint, with waits that take no
time. What must come of it is reckoned from the endpoint's own memory: a member is answered if, and only if,
some answer held its whole entry.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

import httpx2

from fakes import faults
from fakes.clock import FakeClock
from fakes.endpoint import Endpoint, Received, answer_all, code_for
from fakes.faults import Fault
from fakes.requests import make_requests
from fakes.streams import read_all
from testsmith.generation.llm.generator import ModelGenerator
from testsmith.llm.budget import Budget, SpendingMeter
from testsmith.llm.error_mapping import ModelEndpoint
from testsmith.llm.factory import build_provider, connect
from testsmith.llm.interface import Provider, SpendingEnded
from testsmith.llm.openai import OpenAIProvider
from testsmith.llm.rate_limit import RateLimitGate, SemaphoreProvider, Slots, Waits
from testsmith.llm.retry import RetryProvider
from testsmith.model import Candidate, Result, Skipped
from testsmith.settings import ModelSettings

CALLS = 12
MEMBERS_A_CALL = 3
MEMBERS = CALLS * MEMBERS_A_CALL
SHARE_AT_RANDOM = 0.3

PHASES: Mapping[str, Callable[[int], bool]] = {
    "first call": lambda call: call == 0,
    "middle call": lambda call: call == CALLS // 2,
    "last call": lambda call: call == CALLS - 1,
    "30 % at random": lambda call: random.Random(f"13 {call}").random() < SHARE_AT_RANDOM,  # noqa: S311
    "every call": lambda _: True,
}
"""By name, which calls meet the fault, counted from 0 in the order in which they arrive."""

IN_FLIGHT = (1, 5, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A fault, and what is owed where it is met.

    Attributes:
        fault: What goes wrong.
        further: How many further calls one faulty call leads to at most, where the others go well.
        lasting: How many calls there are for each group of three members where every call is faulty; None for
            what is learned by the calls that are in flight, and not met again.
        lost: What is said of a member that no answer was had for; all of these words.
        ends: Whether no further call is made after it.
    """

    fault: Fault
    further: int
    lasting: int | None
    lost: tuple[str, ...] = ()
    ends: bool = False


def _passing(fault: Fault, *lost: str) -> Row:
    """A fault that is tried again, three attempts in all."""
    return Row(fault=fault, further=1, lasting=3, lost=(*lost, "Tried 3 times"))


def _harmless(fault: Fault) -> Row:
    return Row(fault=fault, further=0, lasting=1)


def _ending(fault: Fault, *lost: str) -> Row:
    return Row(fault=fault, further=0, lasting=1, lost=lost, ends=True)


_UNREADABLE = "the model's answers were no tests, asked 3 times"
_UNUSABLE = "the model's answers held no usable test for it, asked 3 times"

ROWS: Mapping[str, Row] = {
    "429 with Retry-After": _passing(faults.rate_limited("2"), "Too many requests", "(429)"),
    "429 in milliseconds": _passing(faults.rate_limited(milliseconds="700"), "Too many requests", "(429)"),
    "429 without": _passing(faults.rate_limited(), "Too many requests", "(429)"),
    "408": _passing(faults.server_failed(408), "(408)", "Run again later"),
    "500": _passing(faults.server_failed(500), "(500)", "Run again later"),
    "502 with a page": _passing(faults.bad_gateway(), "(502)", "Run again later"),
    "503": _passing(faults.server_failed(503), "(503)", "Run again later"),
    "504": _passing(faults.server_failed(504), "(504)", "Run again later"),
    "529": _passing(faults.server_failed(529), "(529)", "Run again later"),
    "connection reset": _passing(faults.connection_dropped(), "The connection to", "was lost"),
    "reset in the body": _passing(faults.body_dropped(), "The connection to", "was lost"),
    "invalid JSON": _passing(faults.garbage(), "an invalid completion", "--base-url"),
    "JSON of another shape": _passing(faults.other_json(), "an invalid completion", "--base-url"),
    "sign-in page": _passing(faults.login_page(), "an invalid completion", "--base-url"),
    "prose": Row(fault=faults.plain_text(), further=1, lasting=4, lost=(_UNREADABLE,)),
    "empty answer": Row(fault=faults.empty_answer(), further=1, lasting=4, lost=(_UNREADABLE,)),
    "wrong names": Row(fault=faults.wrong_names(), further=1, lasting=4, lost=(_UNUSABLE,)),
    "half the members": Row(fault=faults.half_the_members(), further=1, lasting=3, lost=(_UNUSABLE,)),
    "truncated": Row(fault=faults.truncated(), further=1, lasting=3, lost=("cut off at", "tokens")),
    "fenced JSON": _harmless(faults.fenced()),
    "members twice": _harmless(faults.members_twice()),
    "further members": _harmless(faults.extra_members()),
    "context too long": Row(
        fault=faults.context_too_long(), further=2, lasting=5, lost=("too long for the model a-model",)
    ),
    "prompt filtered": Row(fault=faults.content_refused(), further=2, lasting=5, lost=("content filter",)),
    "answer filtered": Row(
        fault=faults.content_filtered(),
        further=2,
        lasting=5,
        lost=("no answer because of its content filter",),
    ),
    "model declines": Row(
        fault=faults.refused_by_model(),
        further=2,
        lasting=5,
        lost=("no answer because of its content filter",),
    ),
    "no response_format": Row(
        fault=faults.response_format_refused(),
        further=1,
        lasting=None,
        lost=("refused the request", "response_format"),
    ),
    "model unknown": _ending(faults.model_unknown(), "no model a-model", "--model"),
    "endpoint retired": _ending(faults.retired(), "no chat completions", "(410)", "--provider offline"),
    "key refused": _ending(faults.key_refused(), "does not accept the API key", "TESTSMITH_API_KEY"),
    "quota empty": _ending(faults.quota_empty(), "no credit left", "--provider offline"),
    "wait too long": Row(
        fault=faults.rate_limited("3600"), further=0, lasting=1, lost=("3600 s", "at most 60 s"), ends=True
    ),
}
"""What goes wrong at once; `STALLS` are those that take real time until the client gives up."""

STALLS: Mapping[str, Row] = {
    "slow headers": _passing(faults.slow_headers(), "No complete answer", "--timeout"),
    "stalled body": _passing(faults.stalled_body(), "No complete answer", "--timeout"),
    "slow body": _passing(faults.dripping_body(), "No complete answer", "--timeout"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one run came to.

    Attributes:
        results: What there is for each member.
        ended: What ended the run early; None for nothing.
        received: Every call at the endpoint, in the order of arrival.
        met: For each of them, and for those that never arrived, whether it met the fault.
        api_calls: The calls that the program itself has counted.
        waited: Seconds that went by on the program's clock, all of them waits.
    """

    results: Sequence[Result]
    ended: SpendingEnded | None
    received: Sequence[Received]
    met: Sequence[bool]
    api_calls: int
    waited: float

    @property
    def answered(self) -> list[str]:
        """The members with tests."""
        return sorted(one.member for one in self.results if isinstance(one, Candidate))

    @property
    def reasons(self) -> set[str]:
        """Why the others have none."""
        return {one.reason for one in self.results if isinstance(one, Skipped)}


def run_cell(row: Row, phase: Callable[[int], bool], in_flight: int, *, seconds: float = 30.0) -> Cell:
    """Run once; `seconds` is the time limit of an attempt."""
    met: list[bool] = []
    with Endpoint(faults=_script(row.fault, phase, met)) as endpoint:
        settings = ModelSettings(
            base_url=endpoint.url,
            model="a-model",
            max_output_tokens=MEMBERS_A_CALL * ModelSettings().tokens_per_member,
            max_concurrent_calls=in_flight,
            timeout_seconds=seconds,
        )
        return asyncio.run(_run(settings, endpoint, met))


def _script(fault: Fault, phase: Callable[[int], bool], met: list[bool]) -> Iterator[Fault | None]:
    for call in count():
        met.append(phase(call))
        yield fault if met[-1] else None


async def _run(settings: ModelSettings, endpoint: Endpoint, met: Sequence[bool]) -> Cell:
    clock, meter = FakeClock(), SpendingMeter()
    begun = clock.now()
    provider = build_provider(settings, meter, sleep=clock.sleep, clock=clock.now, random=lambda: 0.0)
    try:
        results, ended = await _asked(provider, settings)
    finally:
        await provider.aclose()
    return Cell(
        results=results,
        ended=ended,
        received=tuple(endpoint.requests),
        met=tuple(met),
        api_calls=meter.spending().api_calls,
        waited=clock.now() - begun,
    )


async def _asked(
    provider: Provider, settings: ModelSettings
) -> tuple[Sequence[Result], SpendingEnded | None]:
    generator = ModelGenerator(provider, settings)
    return await read_all(generator.generate_batch(make_requests(CALLS, MEMBERS_A_CALL)))


class Door(httpx2.AsyncBaseTransport):
    """Sends some calls, by the order in which they are made, to a port where nothing listens.

    Attributes:
        met: For each call, whether it was sent there.
    """

    def __init__(self, phase: Callable[[int], bool]) -> None:
        self.met: list[bool] = []
        self._phase = phase
        self._real = httpx2.AsyncHTTPTransport()
        self._silent = socket.socket()
        self._silent.bind(("127.0.0.1", 0))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.met.append(self._phase(len(self.met)))
        if self.met[-1]:
            request.url = request.url.copy_with(port=self._silent.getsockname()[1])
        return await self._real.handle_async_request(request)

    async def aclose(self) -> None:
        self._silent.close()
        await self._real.aclose()


def run_refused(phase: Callable[[int], bool], in_flight: int) -> Cell:
    """Run once with an endpoint that refuses the connections of a phase, which it therefore never sees."""
    with Endpoint() as endpoint:
        settings = ModelSettings(
            base_url=endpoint.url,
            model="a-model",
            max_output_tokens=MEMBERS_A_CALL * ModelSettings().tokens_per_member,
        )
        return asyncio.run(_run_refused(settings, endpoint, Door(phase), in_flight))


async def _run_refused(settings: ModelSettings, endpoint: Endpoint, door: Door, in_flight: int) -> Cell:
    clock, meter = FakeClock(), SpendingMeter()
    begun = clock.now()
    async with httpx2.AsyncClient(transport=door) as client:
        inner = OpenAIProvider(
            lambda: connect(endpoint.url, None, settings).with_options(http_client=client),
            target=ModelEndpoint(url=endpoint.url, model=settings.model, key=None, timeout_seconds=30.0),
            budget=Budget(meter),
        )
        gate = RateLimitGate(Waits(longest=60.0, sleep=clock.sleep, clock=clock.now, random=lambda: 0.0))
        limited = SemaphoreProvider(inner, slots=Slots(in_flight), gate=gate)
        provider = RetryProvider(limited, gate=gate, attempts=3, base_seconds=0.1)
        results, ended = await _asked(provider, settings)
    return Cell(
        results=results,
        ended=ended,
        received=tuple(endpoint.requests),
        met=tuple(door.met),
        api_calls=meter.spending().api_calls,
        waited=clock.now() - begun,
    )


def answers(cell: Cell, fault: Fault) -> list[list[str]]:
    """For each call, the members whose whole entry its answer held."""
    return [
        _given(received, fault if met else Fault())
        for received, met in zip(cell.received, cell.met, strict=True)
    ]


def _given(received: Received, fault: Fault) -> list[str]:
    if fault.body is not None or fault.breaks is not None or "content" in fault.message:
        return []
    text = fault.alter(answer_all(received.body))
    entries = {member: json.dumps({"name": member, "code": code_for(member)}) for member in received.members}
    return [member for member, entry in entries.items() if entry in text]


def most_calls(row: Row, cell: Cell, in_flight: int) -> int:
    """How many calls a run may make that has met the fault so often.

    If it is the same members that meet it a second time, they are asked again in two halves.
    """
    if row.lasting is None:
        return CALLS + in_flight
    asked = [frozenset(call.members) for call, met in zip(cell.received, cell.met, strict=True) if met]
    halved = sum(members in asked[:before] for before, members in enumerate(asked))
    return min(CALLS + row.further * sum(cell.met) + halved, CALLS * max(row.lasting, 1 + row.further))


TABLE_PHASES = ("first call", "30 % at random", "every call")


def table(in_flight: int = 5) -> Iterator[str]:
    """Yield the lines of a table: what one faulty call costs, and what 30 % and what all of them leave."""
    yield f"{MEMBERS} members in {CALLS} calls, {in_flight} in flight: answered, calls, seconds waited"
    yield f"| {'fault':<21} | {' | '.join(f'{phase:<18}' for phase in TABLE_PHASES)} |"
    yield f"|{'-' * 23}|{'|'.join(['-' * 20] * len(TABLE_PHASES))}|"
    runs: dict[str, Callable[[Callable[[int], bool], int], Cell]]
    runs = {name: partial(run_cell, row) for name, row in ROWS.items()}
    runs["connection refused"] = run_refused
    for name, run in runs.items():
        cells = (run(PHASES[phase], in_flight) for phase in TABLE_PHASES)
        figures = (f"{len(cell.answered):>4} {cell.api_calls:>5} {cell.waited:>7.1f}" for cell in cells)
        yield f"| {name:<21} | {' | '.join(figures)} |"

"""Asking an endpoint that limits its rate or fails, and for very many members, against the least time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench.calls import CALL_SECONDS, IN_FLIGHT, MEMBER_SECONDS, SCALE, CallTable, lower_bound
from bench.figures import Figure
from bench.projects import make_project
from fakes import faults
from fakes.endpoint import Endpoint, per_member_latency
from fakes.faults import Fault
from fakes.requests import make_requests
from fakes.streams import read_all
from testsmith.generation.llm.generator import ModelGenerator
from testsmith.llm.budget import SpendingMeter
from testsmith.llm.factory import build_provider
from testsmith.model import Candidate
from testsmith.settings import ModelSettings

CALLS = 90
MEMBERS_A_CALL = 6
CALL = CALL_SECONDS + MEMBER_SECONDS * MEMBERS_A_CALL
"""Seconds until an answer."""

A_MINUTE = 60
AT_ONCE = 10
"""Requests that the endpoint lets through before its rate counts."""

FAULTY = 0.3
SEED = 13
FAULTS = (
    *(faults.rate_limited("1"), faults.server_failed(500), faults.bad_gateway(), faults.server_failed(503)),
    *(faults.connection_dropped(), faults.body_dropped(), faults.garbage(), faults.half_the_members()),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one run came to.

    Attributes:
        seconds: From the first request to the last answer, at full scale.
        requests: At the endpoint.
        answered: Members with tests.
    """

    seconds: float
    requests: int
    answered: int


def rate_limit(clock: Callable[[], float]) -> Iterator[Fault]:
    """Yield what a request gets that arrives now, at an endpoint that fills up one place after the other.

    Args:
        clock: In seconds, at full scale.
    """
    left, filled = float(AT_ONCE), clock()
    while True:
        now = clock()
        left, filled = min(AT_ONCE, left + (now - filled) * A_MINUTE / 60), now
        if left < 1:
            yield faults.rate_limited("1")
            continue
        left -= 1
        yield Fault()


def some_faulty() -> Iterator[Fault | None]:
    """Yield the same faults each time, for a share of the requests."""
    chance = random.Random(SEED)  # noqa: S311
    while True:
        yield chance.choice(FAULTS) if chance.random() < FAULTY else None


def measure_pressure(folder: Path) -> Iterator[Figure]:
    """Measure each kind of pressure; waits and answers take their time scaled alike."""
    yield from _rate_limits()
    yield from _faults()
    yield from _many(folder)


def _rate_limits() -> Iterator[Figure]:
    bound = (CALLS - AT_ONCE) * 60 / A_MINUTE + CALL
    run = asked(rate_limit(_full_scale), in_flight=20)
    yield from _figures(f"{A_MINUTE} requests a minute", run, bound, most=1.1)


def _faults() -> Iterator[Figure]:
    good = asked((), in_flight=IN_FLIGHT)
    bound = lower_bound([CALL] * CALLS, IN_FLIGHT)
    yield from _figures("no faults", good, bound, most=1.05)
    faulty = asked(some_faulty(), in_flight=IN_FLIGHT)
    yield from _figures(f"{FAULTY:.0%} faults at random", faulty, good.seconds, most=1.5)


def _figures(name: str, run: Asked, least: float, *, most: float) -> Iterator[Figure]:
    members = CALLS * MEMBERS_A_CALL
    print(f"{name}: {run.seconds:.1f} s, {run.requests} requests, {run.answered} of {members} answered")
    yield Figure(name=f"{name}: makespan by the least", value=run.seconds / least, unit="times", most=most)
    yield Figure(name=f"{name}: for {CALLS} calls", value=run.requests, unit="requests")
    yield Figure(name=f"{name}: of {members} members", value=run.answered, unit="answered")


def _many(folder: Path) -> Iterator[Figure]:
    make_project(folder / "project", files=400, members=5)
    with Endpoint(latency=per_member_latency(scale=SCALE)) as endpoint:
        row = CallTable(folder / "project", endpoint).row("2,000 members", "cache")
    print(row, flush=True)
    yield Figure(name=row.name, value=row.calls, unit="calls")
    yield Figure(
        name=f"{row.name}: makespan by the least", value=row.asking / row.bound, unit="times", most=1.1
    )


def asked(script: Iterable[Fault | None], *, in_flight: int) -> Asked:
    """Ask for all members over the real SDK."""
    settings = ModelSettings(
        model="measured",
        max_output_tokens=MEMBERS_A_CALL * ModelSettings().tokens_per_member,
        max_concurrent_calls=in_flight,
    )
    with Endpoint(faults=script, latency=per_member_latency(scale=SCALE)) as endpoint:
        answered = asyncio.run(_ask(replace(settings, base_url=endpoint.url)))
        seconds = endpoint.last_answered - endpoint.requests[0].arrived
        return Asked(seconds=seconds / SCALE, requests=len(endpoint.requests), answered=answered)


async def _ask(settings: ModelSettings) -> int:
    provider = build_provider(settings, SpendingMeter(), sleep=_scaled_sleep, clock=_full_scale)
    try:
        generator = ModelGenerator(provider, settings)
        results, _ = await read_all(generator.generate_batch(make_requests(CALLS, MEMBERS_A_CALL)))
    finally:
        await provider.aclose()
    return sum(isinstance(one, Candidate) for one in results)


async def _scaled_sleep(seconds: float) -> None:
    await asyncio.sleep(seconds * SCALE)


def _full_scale() -> float:
    return time.monotonic() / SCALE

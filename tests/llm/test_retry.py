from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import repeat

import pytest

from fakes.clock import FakeClock
from fakes.provider import FakeProvider
from testsmith.llm.interface import (
    CannotConnect,
    CompletionRequest,
    CompletionResponse,
    ConnectionFailed,
    ContextTooLong,
    EndpointUnreachable,
    KeyRefused,
    Provider,
    ProviderError,
    QuotaEmpty,
    RateLimited,
    RequestRefused,
    ServerFailed,
    TimedOut,
    TransientError,
    WaitTooLong,
)
from testsmith.llm.rate_limit import RateLimitGate, SemaphoreProvider, Slots, Waits
from testsmith.llm.retry import RetryProvider

ANSWER = CompletionResponse(text="{}", finish_reason="stop")


class Watch:
    """Takes a call's time, and sees when calls come and how many there are at once."""

    def __init__(self, clock: FakeClock, seconds: Iterable[float]) -> None:
        self.times: list[float] = []
        self.most_in_flight = 0
        self._clock = clock
        self._seconds = iter(seconds)
        self._in_flight = 0

    async def __call__(self, _request: CompletionRequest) -> None:
        self.times.append(self._clock.now())
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        if seconds := next(self._seconds, 0.0):
            await self._clock.sleep(seconds)
        self._in_flight -= 1


def layers(inner: Provider, clock: FakeClock, *, limit: int, chance: float = 0.0) -> RetryProvider:
    """Three attempts around so many places."""
    gate = RateLimitGate(Waits(longest=60, sleep=clock.sleep, clock=clock.now, random=lambda: chance))
    limited = SemaphoreProvider(inner, slots=Slots(limit), gate=gate)
    return RetryProvider(limited, gate=gate, attempts=3, base_seconds=0.1)


class Scene:
    """The two layers around an endpoint that follows a script, on a clock of their own.

    Attributes:
        seconds: How long the first call takes, the second, and so on; nothing after that.
    """

    def __init__(
        self,
        *script: ProviderError | None,
        then: ProviderError | None = None,
        seconds: Iterable[float] = (),
        limit: int = 5,
        chance: float = 0.0,
    ) -> None:
        self.clock = FakeClock()
        self.watch = Watch(self.clock, seconds)
        self.inner = FakeProvider(*script, then=then, answer=lambda _: "{}", wait=self.watch)
        self.provider = layers(self.inner, self.clock, limit=limit, chance=chance)

    def complete(self) -> CompletionResponse:
        return asyncio.run(self.provider.complete(a_request()))

    def complete_all(self, calls: int) -> list[CompletionResponse | BaseException]:
        async def gathered() -> list[CompletionResponse | BaseException]:
            each = (self.provider.complete(a_request(str(number))) for number in range(calls))
            return await asyncio.gather(*each, return_exceptions=True)

        return asyncio.run(gathered())

    @property
    def made(self) -> int:
        return len(self.inner.requests)


def a_request(name: str = "f") -> CompletionRequest:
    return CompletionRequest(system_prompt="JSON", user_prompt=name, model="m", max_tokens=300)


def rate_limited(seconds: float | None = None) -> RateLimited:
    error = RateLimited("Too many requests.")
    error.retry_after = seconds
    return error


@pytest.mark.parametrize("error", [ServerFailed("x"), ConnectionFailed("x"), TimedOut("x"), rate_limited()])
def test_complete__tries_again_what_can_pass(error: TransientError) -> None:
    scene = Scene(error, error)

    assert scene.complete() == ANSWER
    assert scene.made == 3


@pytest.mark.parametrize(
    "error", [RequestRefused("x"), ContextTooLong("x"), KeyRefused("x"), QuotaEmpty("x")]
)
def test_complete__does_not_try_again_what_cannot(error: ProviderError) -> None:
    scene = Scene(error)

    with pytest.raises(type(error)):
        scene.complete()

    assert scene.made == 1
    assert scene.clock.slept == []


@pytest.mark.parametrize(("chance", "waits"), [(0.0, [0.2, 0.4]), (1.0, [0.25, 0.5])])
def test_complete__waits_longer_each_time_and_jitters_only_upwards(chance: float, waits: list[float]) -> None:
    scene = Scene(ServerFailed("x"), ServerFailed("x"), chance=chance)

    scene.complete()

    assert scene.clock.slept == pytest.approx(waits)


def test_complete__says_how_many_attempts_there_were_and_keeps_the_cause() -> None:
    causes = [ServerFailed(f"The server failed, {number}.") for number in range(3)]

    with pytest.raises(ServerFailed) as failed:
        Scene(*causes).complete()

    assert str(failed.value) == "The server failed, 2. Tried 3 times."
    assert failed.value.attempts == 3
    assert failed.value.__cause__ is causes[-1]


def test_complete__counts_the_attempts_before_a_refusal() -> None:
    with pytest.raises(ContextTooLong) as refused:
        Scene(ServerFailed("x"), ContextTooLong("Too long.")).complete()

    assert refused.value.attempts == 2


@pytest.mark.parametrize("kind", [RateLimited, ServerFailed])
def test_complete__obeys_retry_after(kind: type[TransientError]) -> None:
    error = kind("x")
    error.retry_after = 7.0
    scene = Scene(error)

    scene.complete()

    first, second = scene.watch.times
    assert 7.0 <= second - first <= 7.0 * 1.25


def test_complete__never_waits_less_than_the_backoff() -> None:
    scene = Scene(rate_limited(0.0))

    scene.complete()

    first, second = scene.watch.times
    assert 0.2 <= second - first <= 0.25


def test_complete__refuses_a_wait_that_is_too_long_at_once() -> None:
    scene = Scene(rate_limited(3600.0))

    with pytest.raises(WaitTooLong, match="3600 s, and at most 60 s are allowed"):
        scene.complete()

    assert scene.clock.slept == []
    assert scene.made == 1


def test_complete__a_wait_that_is_too_long_costs_the_others_no_request() -> None:
    scene = Scene(rate_limited(3600.0), limit=1)

    outcomes = scene.complete_all(10)

    assert {type(outcome) for outcome in outcomes} == {WaitTooLong}
    assert scene.made == 1


def test_complete__a_rate_limit_slows_everyone() -> None:
    scene = Scene(rate_limited(5.0), limit=1)

    assert scene.complete_all(10) == [ANSWER] * 10
    first, *later = scene.watch.times
    assert len(later) == 10
    assert min(later) >= first + 5.0


def test_complete__holds_no_slot_while_waiting() -> None:
    scene = Scene(ServerFailed("x"), seconds=repeat(0.01), limit=1)

    assert scene.complete_all(4) == [ANSWER] * 4
    assert scene.watch.most_in_flight == 1
    assert [request.user_prompt for request in scene.inner.requests] == ["0", "1", "2", "3", "0"]


def test_complete__never_has_more_in_flight_than_allowed() -> None:
    errors = [ServerFailed("x"), rate_limited(1.0), TimedOut("x")] * 5
    scene = Scene(*errors, seconds=repeat(0.05), limit=5)

    scene.complete_all(40)

    assert scene.watch.most_in_flight == 5


def test_complete__the_end_of_spending_stops_calls_that_wait_for_a_slot() -> None:
    scene = Scene(KeyRefused("The key is not accepted."), seconds=repeat(0.01), limit=1)

    outcomes = scene.complete_all(20)

    assert scene.made == 1
    assert {(type(outcome), str(outcome)) for outcome in outcomes} == {
        (KeyRefused, "The key is not accepted.")
    }


def test_complete__says_that_nothing_was_sent_after_the_end_of_spending() -> None:
    first, second = Scene(QuotaEmpty("No credit."), limit=1).complete_all(2)

    assert isinstance(first, QuotaEmpty)
    assert isinstance(second, QuotaEmpty)
    assert (first.attempts, second.attempts) == (1, 0)


@pytest.mark.parametrize("error", [rate_limited(50.0), ServerFailed("x")])
def test_complete__the_end_of_spending_ends_waits_at_once(error: TransientError) -> None:
    error.retry_after = 50.0
    scene = Scene(error, QuotaEmpty("No credit."), seconds=[0.1, 0.2], limit=2)
    begin = scene.clock.now()

    outcomes = scene.complete_all(2)

    assert [type(outcome) for outcome in outcomes] == [QuotaEmpty, QuotaEmpty]
    assert scene.clock.now() < begin + 50.0


def test_complete__what_is_in_flight_when_spending_ends_is_not_lost() -> None:
    scene = Scene(None, QuotaEmpty("No credit."), seconds=[1.0, 0.1], limit=2)

    first, *others = scene.complete_all(6)

    assert first == ANSWER
    assert [type(outcome) for outcome in others] == [QuotaEmpty] * 5
    assert scene.made == 2


def test_complete__an_endpoint_that_was_never_reached_ends_the_run() -> None:
    scene = Scene(then=CannotConnect("Could not connect to http://x: the connection was refused."), limit=1)

    outcomes = scene.complete_all(5)

    assert {type(outcome) for outcome in outcomes} == {EndpointUnreachable}
    assert str(outcomes[0]).endswith("the connection was refused. Tried 3 times.")
    assert scene.made < 15


def test_complete__an_endpoint_that_was_reached_before_may_come_back() -> None:
    lost = [CannotConnect("x")] * 3
    scene = Scene(None, *lost, limit=1)

    async def one_after_the_other() -> list[str]:
        answers = [await scene.provider.complete(a_request())]
        with pytest.raises(CannotConnect):
            await scene.provider.complete(a_request())
        answers.append(await scene.provider.complete(a_request()))
        return [answer.text for answer in answers]

    assert asyncio.run(one_after_the_other()) == ["{}", "{}"]


@pytest.mark.parametrize("error", [ServerFailed("x"), rate_limited(30.0)])
def test_complete__cancellation_ends_a_wait_at_once(error: TransientError) -> None:
    async def scenario() -> int:
        waits = asyncio.Event()

        async def sleep(_: float) -> None:
            waits.set()
            await asyncio.Event().wait()

        inner = FakeProvider(error)
        gate = RateLimitGate(Waits(longest=60, sleep=sleep, clock=lambda: 0.0, random=lambda: 0.0))
        limited = SemaphoreProvider(inner, slots=Slots(1), gate=gate)
        provider = RetryProvider(limited, gate=gate, attempts=3, base_seconds=0.1)
        call = asyncio.create_task(provider.complete(a_request()))
        await waits.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(call, 5)
        return len(inner.requests)

    assert asyncio.run(scenario()) == 1


class Bucket:
    """An endpoint's rate limit: so many requests at once, one more every so many seconds."""

    def __init__(self, clock: FakeClock, *, burst: int, every: float, takes: float) -> None:
        self.answered: list[float] = []
        self.refused = 0
        self._clock, self._every, self._takes = clock, every, takes
        self._burst = burst
        self._since = clock.now()
        self._left = float(burst)

    async def complete(self, _: CompletionRequest) -> CompletionResponse:
        await self._clock.sleep(0.3)  # until it hears of the call: others are under way by then
        now = self._clock.now()
        self._left = min(self._burst, self._left + (now - self._since) / self._every)
        self._since = now
        if self._left < 1:
            self.refused += 1
            raise rate_limited((1 - self._left) * self._every)
        self._left -= 1
        await self._clock.sleep(self._takes)
        self.answered.append(self._clock.now())
        return ANSWER


@pytest.mark.parametrize("takes", [0.5, 4.5])
@pytest.mark.parametrize("ceiling", [5, 20])
def test_complete__one_request_a_second__nothing_is_lost_and_little_time(takes: float, ceiling: int) -> None:
    clock = FakeClock(start=0.0)
    bucket = Bucket(clock, burst=10, every=1.0, takes=takes)
    provider = layers(bucket, clock, limit=ceiling)

    async def gathered() -> list[CompletionResponse | BaseException]:
        each = (provider.complete(a_request(str(number))) for number in range(120))
        return await asyncio.gather(*each, return_exceptions=True)

    assert asyncio.run(gathered()) == [ANSWER] * 120
    bound = max(120 - 10 + takes, 120 * takes / ceiling)
    assert max(bucket.answered) <= 1.1 * bound
    assert bucket.refused <= 2.5 * 120


def test_complete__a_rate_limit_that_lets_nobody_through__still_ends() -> None:
    scene = Scene(then=rate_limited(1.0), limit=5)

    outcomes = scene.complete_all(10)

    assert {type(outcome) for outcome in outcomes} == {RateLimited}
    assert scene.made == 30

from __future__ import annotations

import asyncio
import time

from testsmith.deadline import Deadline
from testsmith.generation.interface import OwnTestFacts
from testsmith.pipeline.prepare import PendingFacts

BROKEN = frozenset({"tests/test_shop.py::test_total"})
GOALS = {"shop.py::total": ("line 2: `+` becomes `-`",)}


def test_pending_facts__are_those_known_when_the_first_request_cannot_wait_any_longer() -> None:
    async def known(minutes: float) -> OwnTestFacts:
        facts = PendingFacts(Deadline.after(minutes, time.monotonic))
        facts.set_broken(BROKEN)
        return await facts.known()

    assert asyncio.run(known(0.01)) == OwnTestFacts(broken=BROKEN)


def test_pending_facts__are_complete_with_the_goals() -> None:
    async def known() -> OwnTestFacts:
        facts = PendingFacts(Deadline.after(10, time.monotonic))
        waiting = asyncio.create_task(facts.known())
        await asyncio.sleep(0)
        facts.set_broken(BROKEN)
        facts.set_goals(GOALS)
        return await waiting

    assert asyncio.run(known()) == OwnTestFacts(goals=GOALS, broken=BROKEN)

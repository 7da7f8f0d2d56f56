"""All faults, in all phases of a run, with 1, 5 and 20 calls in flight: nothing lost, nothing asked twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from fakes.fault_matrix import (
    CALLS,
    IN_FLIGHT,
    MEMBERS,
    MEMBERS_A_CALL,
    PHASES,
    ROWS,
    STALLS,
    Cell,
    Row,
    answers,
    most_calls,
    run_cell,
)
from fakes.requests import make_requests

IDS = sorted(request.member.id for request in make_requests(CALLS, MEMBERS_A_CALL))
EVERY = [
    pytest.param(row, in_flight, id=f"{name}, {in_flight} in flight", marks=() if in_flight == 5 else slow)
    for slow in [pytest.mark.slow]
    for name, row in ROWS.items()
    for in_flight in IN_FLIGHT
]


def check(row: Row, cell: Cell, in_flight: int) -> None:
    """Hold one run to what its fault owes."""
    given = answers(cell, row.fault)
    assert sorted(str(one.member) for one in cell.results) == IDS, "each member has exactly one result"
    assert cell.answered == sorted(member for members in given for member in members), "and each answer once"
    _check_no_call_twice(cell, given)
    assert cell.api_calls == len(cell.received), "every call is counted"
    assert {words for reason in cell.reasons for words in row.lost if words not in reason} == set()
    if row.ends and any(cell.met):
        assert len(cell.received) <= cell.met.index(True) + in_flight
    else:
        assert cell.ended is None
        assert CALLS <= len(cell.received) <= most_calls(row, cell.met, in_flight)


def _check_no_call_twice(cell: Cell, given: list[list[str]]) -> None:
    """No member is asked again that was answered."""
    had: set[str] = set()
    for received, members in zip(cell.received, given, strict=True):
        assert had.isdisjoint(received.members)
        had.update(members)


@pytest.mark.parametrize(("row", "in_flight"), EVERY)
def test_fault__in_each_phase(row: Row, in_flight: int) -> None:
    for phase in PHASES.values():
        check(row, run_cell(row, phase, in_flight), in_flight)


GOING_ON = {name: row for name, row in ROWS.items() if not row.ends}


@pytest.mark.parametrize("row", GOING_ON.values(), ids=GOING_ON.keys())
def test_fault_of_one_call__costs_no_member_and_no_more_than_it_must(row: Row) -> None:
    cell = run_cell(row, PHASES["middle call"], 5)
    assert (len(cell.answered), len(cell.received)) == (MEMBERS, CALLS + row.further)


@pytest.mark.parametrize("row", GOING_ON.values(), ids=GOING_ON.keys())
def test_fault_of_every_call__ends_after_as_many_as_are_owed(row: Row) -> None:
    cell = run_cell(row, PHASES["every call"], 1)
    assert len(cell.received) == (CALLS + 1 if row.lasting is None else CALLS * row.lasting)


@pytest.mark.slow
@pytest.mark.parametrize("row", STALLS.values(), ids=STALLS.keys())
def test_stall__in_each_phase(row: Row) -> None:
    cells = [(phase, 5) for name, phase in PHASES.items() if name != "every call"]
    cells.append((PHASES["every call"], 20))  # time goes by for real here
    with ThreadPoolExecutor(len(cells)) as threads:
        done = threads.map(lambda cell: run_cell(row, *cell, seconds=3.0), cells)
        for (_, in_flight), cell in zip(cells, done, strict=True):
            check(row, cell, in_flight)

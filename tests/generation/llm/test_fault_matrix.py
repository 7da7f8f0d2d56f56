"""All faults, in all phases of a run, few and many calls in flight: nothing lost, nothing asked twice."""

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
    run_refused,
)
from fakes.requests import make_requests
from testsmith.llm.interface import EndpointUnreachable

IDS = sorted(request.member.id for request in make_requests(CALLS, MEMBERS_A_CALL))
CROWDED = ("30 % at random", "every call")
"""The phases that go differently with 1 or 20 calls in flight, as several calls meet the fault."""


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
        assert CALLS <= len(cell.received) <= most_calls(row, cell, in_flight)


def _check_no_call_twice(cell: Cell, given: list[list[str]]) -> None:
    """No member is asked again that was answered."""
    had: set[str] = set()
    for received, members in zip(cell.received, given, strict=True):
        assert had.isdisjoint(received.members)
        had.update(members)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_fault__in_each_phase(row: Row) -> None:
    for phase, meets in PHASES.items():
        cell = run_cell(row, meets, 5)
        check(row, cell, 5)
        if phase == "middle call" and not row.ends:
            assert (len(cell.answered), len(cell.received)) == (MEMBERS, CALLS + row.further)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_fault_of_several_calls__one_after_the_other_or_all_at_once(row: Row) -> None:
    for in_flight in (1, 20):
        for phase in CROWDED:
            cell = run_cell(row, PHASES[phase], in_flight)
            check(row, cell, in_flight)
            if phase == "every call" and in_flight == 1 and not row.ends:
                assert len(cell.received) == (CALLS + 1 if row.lasting is None else CALLS * row.lasting)


def check_refused(cell: Cell) -> None:
    """Hold one run to what is owed where some calls never arrive."""
    assert sorted(str(one.member) for one in cell.results) == IDS
    assert cell.answered == sorted(member for call in cell.received for member in call.members)
    assert cell.api_calls == len(cell.met) == len(cell.received) + sum(cell.met)
    for reason in cell.reasons:
        assert "Could not connect to http://127.0.0.1:" in reason
        assert "the connection was refused. Check --base-url and the network." in reason


@pytest.mark.parametrize("in_flight", IN_FLIGHT)
@pytest.mark.parametrize("phase", ["first call", "middle call", "last call"])
def test_connection_refused__to_one_call__costs_one_more(phase: str, in_flight: int) -> None:
    cell = run_refused(PHASES[phase], in_flight)
    check_refused(cell)
    assert (len(cell.answered), cell.api_calls, cell.ended) == (MEMBERS, CALLS + 1, None)


@pytest.mark.parametrize("in_flight", IN_FLIGHT)
def test_connection_refused__at_random__is_tried_again(in_flight: int) -> None:
    cell = run_refused(PHASES["30 % at random"], in_flight)
    check_refused(cell)
    assert cell.ended is None
    assert len(cell.answered) >= MEMBERS - MEMBERS_A_CALL


@pytest.mark.parametrize("in_flight", IN_FLIGHT)
def test_connection_refused__to_every_call__ends_the_run(in_flight: int) -> None:
    cell = run_refused(PHASES["every call"], in_flight)
    check_refused(cell)
    assert isinstance(cell.ended, EndpointUnreachable)
    assert "Tried 3 times." in str(cell.ended)
    assert cell.api_calls <= 3 * CALLS


@pytest.mark.parametrize("in_flight", IN_FLIGHT)
def test_connection_refused__from_the_middle_on__keeps_what_was_answered(in_flight: int) -> None:
    cell = run_refused(lambda call: call >= CALLS // 2, in_flight)
    check_refused(cell)
    assert (len(cell.answered), cell.ended) == (MEMBERS // 2, None)
    assert {reason.rpartition("Tried ")[2] for reason in cell.reasons} == {"3 times."}


@pytest.mark.slow
@pytest.mark.parametrize("row", STALLS.values(), ids=STALLS.keys())
def test_stall__in_each_phase(row: Row) -> None:
    cells = [(phase, 5) for name, phase in PHASES.items() if name != "every call"]
    cells.append((PHASES["every call"], 20))  # time goes by for real here
    with ThreadPoolExecutor(len(cells)) as threads:
        done = threads.map(lambda cell: run_cell(row, *cell, seconds=3.0), cells)
        for (_, in_flight), cell in zip(cells, done, strict=True):
            check(row, cell, in_flight)

from __future__ import annotations

from fakes.cases import call, gives
from testsmith.languages.python.explorer.boundary_search import BoundarySearch, Pair
from testsmith.languages.python.explorer.cases import Observation
from testsmith.languages.python.explorer.trial import Trial


def turning(*seen: tuple[Trial, tuple[Pair, ...]], fixed: frozenset[str] = frozenset()) -> list[str]:
    """Return the calls that the first of some trials leads to."""
    trials = dict(enumerate(trial for trial, _ in seen))
    observations = {
        number: Observation(outcome=gives("0"), compared=pairs) for number, (_, pairs) in enumerate(seen)
    }
    return [made.call for made in BoundarySearch(trials, observations, fixed).turning(0)]


def test_turning__is_where_the_line_through_both_trials_meets_the_other_side() -> None:
    made = turning((call("10"), (("30", "90"),)), (call("20"), (("60", "90"),)))

    assert made == ["f(30)", "f(31)", "f(29)"]


def test_turning__stands_on_both_sides_of_what_is_no_whole_number() -> None:
    made = turning((call("10"), (("1", "3"),)), (call("17"), (("2", "3"),)))

    assert made[:2] == ["f(24)", "f(25)"]


def test_turning__goes_by_numbers_inside_of_an_argument() -> None:
    made = turning(
        (call("timedelta(days=10)"), (("10", "365"),)), (call("timedelta(days=12)"), (("12", "365"),))
    )

    assert made[0] == "f(timedelta(days=365))"


def test_turning__goes_by_the_nearest_trial_in_which_something_has_moved() -> None:
    far = (call("1000"), (("5", "7"),))
    still = (call("11"), (("1", "7"),))
    near = (call("20"), (("2", "7"),))

    assert turning((call("10"), (("1", "7"),)), far, still, near)[0] == "f(70)"


def test_turning__keeps_the_kind_of_number() -> None:
    made = turning((call("1.0"), (("2.0", "7"),)), (call("2.0"), (("4.0", "7"),)))

    assert made[:2] == ["f(3.0)", "f(4.0)"]


def test_turning__is_nowhere_without_a_trial_that_differs_in_one_number_alone() -> None:
    other = call("20", options={"b": "1"})

    assert turning((call("10"), (("30", "90"),)), (other, (("60", "90"),))) == []


def test_turning__is_nowhere_where_both_sides_move_as_far() -> None:
    assert turning((call("10"), (("30", "90"),)), (call("20"), (("30", "90"),))) == []


def test_turning__leaves_fixed_parameters_alone() -> None:
    seen = (call("10"), (("30", "90"),)), (call("20"), (("60", "90"),))

    assert turning(*seen, fixed=frozenset({"a"})) == []


def test_turning__takes_no_number_that_has_no_end() -> None:
    made = turning((call("10"), (("1e300", "90"),)), (call("20"), (("2e300", "90"),)))

    assert made == []


def test_turning__leaves_numbers_alone_that_no_float_holds() -> None:
    assert turning((call(f"1{'0' * 400}"), (("30", "90"),)), (call("20"), (("60", "90"),))) == []

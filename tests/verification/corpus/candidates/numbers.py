# member: src/satchel/numbers.py::clamp

# candidate: all of it is tested already
# bad: redundant-own
from satchel.numbers import clamp


def test_clamp_between_bounds():
    assert clamp(3, 1, 4) == 3
    assert clamp(9, 1, 4) == 4
    assert clamp(0, 1, 4) == 1


# member: src/satchel/numbers.py::parse_size

# candidate: any case and spacing
# good
import pytest

from satchel.numbers import parse_size


@pytest.mark.parametrize(("text", "size"), [("2mb", 2_000_000), (" 3 GB ", 3 * 10**9), ("7 b", 7), ("1TB", 10**12)])
def test_parse_size_ignores_case_and_space(text, size):
    assert parse_size(text) == size


# candidate: refuses what is no size
# good
import pytest

from satchel.numbers import parse_size


@pytest.mark.parametrize("text", ["", "kB", "1.2.3 kB", "-1 kB", "5 miles"])
def test_parse_size_refuses_what_is_no_size(text):
    with pytest.raises(ValueError, match="no size: "):
        parse_size(text)


# candidate: units were case-sensitive
# bad: held-before
import pytest

from satchel.numbers import parse_size


def test_parse_size_wants_the_exact_unit():
    with pytest.raises(ValueError):
        parse_size("2mb")


# candidate: a size of another base
# bad: against-example
from satchel.numbers import parse_size


def test_parse_size_counts_by_1024():
    assert parse_size("1.5 kB") == 1536


# candidate: needs a fixture that nobody has
# bad: import-error
from satchel.numbers import parse_size


def test_parse_size_from_fixture(size_text):
    assert parse_size(size_text) == 1500


# candidate: endless
# bad: hangs
from satchel.numbers import parse_size


def test_parse_size_until_it_is_large():
    size = 0
    while size < 10:
        size = min(parse_size("1 kB"), 9)
    assert size == 9


# member: src/satchel/numbers.py::format_size

# candidate: each unit
# good
import pytest

from satchel.numbers import format_size


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_500_000, "2.5 MB"), (5 * 10**15, "5000.0 TB")],
)
def test_format_size_takes_the_largest_unit(size, text):
    assert format_size(size) == text


# candidate: pins what comes before a megabyte
# bad: pins-bug-example
from satchel.numbers import format_size


def test_format_size_before_a_megabyte():
    assert format_size(999_950) == "1000.0 kB"


# candidate: a megabyte as documented
# bad: finds-bug
from satchel.numbers import format_size


def test_format_size_of_nearly_a_megabyte():
    assert format_size(999_950) == "1.0 MB"


# candidate: a list with the one before a megabyte in it
# good, but test_format_size_edges: pins-bug-example
from satchel.numbers import format_size


def test_format_size_of_a_gigabyte():
    assert format_size(10**9) == "1.0 GB"


def test_format_size_edges():
    for size, text in [(999_950, "1000.0 kB")]:
        assert format_size(size) == text


# candidate: kills its process
# bad: crashes
import os
import signal

from satchel.numbers import format_size


def test_format_size_before_the_end():
    assert format_size(1) == "1 B"
    os.kill(os.getpid(), signal.SIGKILL)


# candidate: aborts
# bad: crashes
import os

from satchel.numbers import format_size


def test_format_size_aborts():
    assert format_size(1) == "1 B"
    os.abort()


# candidate: next to one that ends the process
# good, but test_format_size_exits: crashes
import os

from satchel.numbers import format_size


def test_format_size_of_a_kilobyte():
    assert format_size(1999) == "2.0 kB"
    assert format_size(12) == "12 B"


def test_format_size_exits():
    assert format_size(5) == "5 B"
    os._exit(3)


# member: src/satchel/numbers.py::percent

# candidate: one digit
# good
from satchel.numbers import percent


def test_percent_has_one_digit():
    assert percent(1, 3) == 33.3
    assert percent(2, 3) == 66.7
    assert percent(-1, 4) == -25.0


# candidate: pins the other exception
# bad: pins-bug-exception
import pytest

from satchel.numbers import percent


def test_percent_of_nothing():
    with pytest.raises(ZeroDivisionError):
        percent(1, 0)


# candidate: of nothing, as documented
# bad: finds-bug
import pytest

from satchel.numbers import percent


def test_percent_refuses_nothing():
    with pytest.raises(ValueError):
        percent(1, 0)


# candidate: nothing of nothing, as before
# bad: held-before
from satchel.numbers import percent


def test_percent_of_zero_is_zero():
    assert percent(5, 0) == 0.0


# candidate: the same formula
# bad: copies
from satchel.numbers import percent


def test_percent_formula():
    part, whole = 7, 9
    assert percent(part, whole) == round(part * 100 / whole, 1)


# candidate: the same formula, in a variable
# bad: copies
from satchel.numbers import percent


def test_percent_expected():
    expected = round(3 * 100 / 8, 1)
    assert percent(3, 8) == expected


# candidate: expected to fail
# bad: skipped
import pytest

from satchel.numbers import percent


@pytest.mark.xfail(strict=False)
def test_percent_may_fail():
    assert percent(1, 2) == 50.0


# member: src/satchel/numbers.py::round_half_up

# candidate: a five goes up
# good
from decimal import Decimal

import pytest

from satchel.numbers import round_half_up


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [("0.125", 2, "0.13"), ("-0.5", 0, "-1"), ("2.4999", 0, "2"), ("1250", -2, "1.3E+3")],
)
def test_round_half_up_moves_a_five_away_from_zero(value, digits, expected):
    assert str(round_half_up(value, digits)) == expected
    assert round_half_up("1.5") == Decimal(2)


# candidate: pins an exception of the decimal module
# bad: pins-bug-exception
import decimal

import pytest

from satchel.numbers import round_half_up


def test_round_half_up_of_a_word():
    with pytest.raises(decimal.InvalidOperation):
        round_half_up("two")


# candidate: a five to even
# bad: against-example
from decimal import Decimal

from satchel.numbers import round_half_up


def test_round_half_up_to_even():
    assert round_half_up("2.5") == Decimal("2")


# candidate: with the context of the thread
# bad: global-state
import decimal

from satchel.numbers import round_half_up


def test_round_half_up_with_little_precision():
    decimal.getcontext().prec = 3
    assert str(round_half_up("12.345", 1)) == "12.3"


# member: src/satchel/numbers.py::running_mean

# candidate: waits for enough values
# good
from satchel.numbers import running_mean


def test_running_mean_waits_for_enough_values():
    assert list(running_mean([4, 6], 3)) == []
    assert list(running_mean([4, 6, 8, 1], 2)) == [5, 7, 4.5]
    assert list(running_mean([4, 6], 1)) == [4, 6]


# candidate: refuses a size of nothing
# good
import pytest

from satchel.numbers import running_mean


def test_running_mean_refuses_a_size_of_nothing():
    with pytest.raises(ValueError, match="at least 1"):
        next(running_mean([1, 2], 0))


# candidate: the generator is never started
# bad: never-touches
from satchel.numbers import running_mean


def test_running_mean_is_lazy():
    mean = running_mean([1, 2, 3])
    assert iter(mean) is mean


# candidate: reads for ever
# bad: hangs
import itertools

from satchel.numbers import running_mean


def test_running_mean_of_all_numbers():
    assert sum(1 for _ in running_mean(itertools.count())) > 0


# candidate: two hundred values in full
# bad: snapshot
from satchel.numbers import running_mean


def test_running_mean_of_many():
    assert list(running_mean(range(200), 2)) == [
        0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5, 11.5, 12.5, 13.5, 14.5, 15.5, 16.5, 17.5, 18.5,
        19.5, 20.5, 21.5, 22.5, 23.5, 24.5, 25.5, 26.5, 27.5, 28.5, 29.5, 30.5, 31.5, 32.5, 33.5, 34.5, 35.5,
        36.5, 37.5, 38.5, 39.5, 40.5, 41.5, 42.5, 43.5, 44.5, 45.5, 46.5, 47.5, 48.5, 49.5, 50.5, 51.5, 52.5,
        53.5, 54.5, 55.5, 56.5, 57.5, 58.5, 59.5, 60.5, 61.5, 62.5, 63.5, 64.5, 65.5, 66.5, 67.5, 68.5, 69.5,
        70.5, 71.5, 72.5, 73.5, 74.5, 75.5, 76.5, 77.5, 78.5, 79.5, 80.5, 81.5, 82.5, 83.5, 84.5, 85.5, 86.5,
        87.5, 88.5, 89.5, 90.5, 91.5, 92.5, 93.5, 94.5, 95.5, 96.5, 97.5, 98.5, 99.5, 100.5, 101.5, 102.5,
        103.5, 104.5, 105.5, 106.5, 107.5, 108.5, 109.5, 110.5, 111.5, 112.5, 113.5, 114.5, 115.5, 116.5,
        117.5, 118.5, 119.5, 120.5, 121.5, 122.5, 123.5, 124.5, 125.5, 126.5, 127.5, 128.5, 129.5, 130.5,
        131.5, 132.5, 133.5, 134.5, 135.5, 136.5, 137.5, 138.5, 139.5, 140.5, 141.5, 142.5, 143.5, 144.5,
        145.5, 146.5, 147.5, 148.5, 149.5, 150.5, 151.5, 152.5, 153.5, 154.5, 155.5, 156.5, 157.5, 158.5,
        159.5, 160.5, 161.5, 162.5, 163.5, 164.5, 165.5, 166.5, 167.5, 168.5, 169.5, 170.5, 171.5, 172.5,
        173.5, 174.5, 175.5, 176.5, 177.5, 178.5, 179.5, 180.5, 181.5, 182.5, 183.5, 184.5, 185.5, 186.5,
        187.5, 188.5, 189.5, 190.5, 191.5, 192.5, 193.5, 194.5, 195.5, 196.5, 197.5, 198.5,
    ]


# member: src/satchel/numbers.py::roman

# candidate: subtractive numerals
# good
import pytest

from satchel.numbers import roman


@pytest.mark.parametrize(
    ("number", "numeral"), [(4, "IV"), (49, "XLIX"), (944, "CMXLIV"), (3999, "MMMCMXCIX")]
)
def test_roman_subtracts(number, numeral):
    assert roman(number) == numeral


# candidate: four ones
# bad: wrong-value
from satchel.numbers import roman


def test_roman_four():
    assert roman(4) == "IIII"


# candidate: asks for the wrong exception
# bad: wrong-value
import pytest

from satchel.numbers import roman


def test_roman_zero():
    with pytest.raises(KeyError):
        roman(0)


# candidate: does not parse
# bad: import-error
from satchel.numbers import roman


def test_roman(:
    assert roman(1) == "I"


# candidate: edits pytest
# bad: forged
import _pytest.python

from satchel.numbers import roman


def _pretend(self):
    roman(1)


_pytest.python.Function.runtest = _pretend


def test_roman_is_right():
    assert roman(4) == "IIII"


# candidate: recursion without an end
# bad: crashes
import sys

from satchel.numbers import roman


def test_roman_deeply():
    def deeper(number):
        return deeper(number + 1) + roman(1)

    sys.setrecursionlimit(10**9)
    assert deeper(1) == ""


# member: src/satchel/numbers.py::median

# candidate: as in the own suite, of what is new on head (fails on base, which is a gain by the gate's rule)
# good
import pytest

from satchel.numbers import median


def test_median_of_some():
    assert median([5, 1]) == 3
    assert median([1, 2, 7]) == 2
    with pytest.raises(ValueError):
        median([])


# candidate: as in the own suite, of what is as before
# bad: redundant-own
import pytest

from satchel.numbers import median


def test_median_of_an_odd_number():
    assert median([1, 2, 7]) == 2
    assert median([5]) == 5
    with pytest.raises(ValueError):
        median([])


# candidate: a mock that was called
# bad: only-mock
from unittest.mock import MagicMock

from satchel.numbers import median


def test_median_reads_its_values():
    values = MagicMock()
    values.__iter__.return_value = iter([3])
    median(values)
    values.__iter__.assert_called()

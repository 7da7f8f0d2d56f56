import pytest
from satchel.numbers import clamp, median, parse_size, roman, running_mean


@pytest.mark.parametrize(
    ("value", "expected"), [(-1, 0), (0, 0), (5, 5), (10, 10), (11, 10)]
)
def test_clamp(value, expected):
    assert clamp(value, 0, 10) == expected


def test_clamp_to_one_value():
    assert clamp(7, 3, 3) == 3


def test_clamp_bounds():
    with pytest.raises(ValueError, match="2 is more than 1"):
        clamp(0, 2, 1)


def test_median():
    assert median([3, 1, 2]) == 2
    assert median([9]) == 9
    assert median([4, 1, 3, 9]) == 3.5
    assert median([8, 2]) == 5


def test_median_of_nothing():
    with pytest.raises(ValueError, match="no values have no median"):
        median([])


def test_parse_size():
    assert parse_size("1.5 kB") == 1500
    assert parse_size("10") == 10


def test_roman():
    assert roman(7) == "VII"


def test_running_mean():
    assert list(running_mean([1, 2, 3, 4])) == [2, 3]

import pytest
from satchel.text import initials, pluralise, truncate


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (-2, "-2 files")]
)
def test_pluralise(count, expected):
    assert pluralise(count, "file") == expected


def test_pluralise_irregular():
    assert pluralise(3, "child", "children") == "3 children"
    assert pluralise(1, "child", "children") == "1 child"


def test_initials():
    assert initials("ada lovelace") == "a.l."


def test_truncate_short():
    assert truncate("short", 10) == "short"

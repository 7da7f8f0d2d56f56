import pytest
from satchel.text import common_prefix, initials, pluralise, title_case, truncate


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "0 files"), (1, "1 file"), (-1, "-1 file"), (2, "2 files"), (-2, "-2 files")]
)
def test_pluralise(count, expected):
    assert pluralise(count, "file") == expected


def test_pluralise_irregular():
    assert pluralise(3, "child", "children") == "3 children"
    assert pluralise(1, "child", "children") == "1 child"


def test_title_case():
    assert title_case("the lord of the rings") == "The Lord of the Rings"
    assert title_case("what it is made of") == "What It Is Made Of"


def test_initials():
    assert initials("ada lovelace") == "A. L."


def test_common_prefix():
    assert common_prefix(["interview", "internal", "interval"]) == "inter"
    assert common_prefix([]) == ""


def test_truncate_short():
    assert truncate("short", 10) == "short"

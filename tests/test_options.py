"""What a field of a settings group becomes as an option, and which values it takes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest

from testsmith.model import UsageFailure
from testsmith.options import InputOf, nearest, option, options_of


class Color(StrEnum):
    RED = "red"
    DARK_BLUE = "dark-blue"


@dataclass(frozen=True, kw_only=True)
class Group:
    plain: int = 3
    max_things: int = option(40, "maximum things", least=1, most=50)
    share: float = option(0.5, "share of things")
    color: Color = option(Color.RED, "color of things")
    names: tuple[str, ...] = option((), "names of things")
    place: Path | None = option(None, "folder of things", in_file=False)
    is_fast: bool = option(True, "be quick", name="fast", input_of=InputOf.BOTH)
    word: str = option("", "a word", pattern="[a-z]+", wanted="a word in lower case")


OPTIONS = {one.name: one for one in options_of(Group, "group")}


def test_options_of__each_described_field() -> None:
    assert list(OPTIONS) == ["max-things", "share", "color", "names", "place", "fast", "word"]
    one = OPTIONS["max-things"]
    assert (one.group, one.field, one.key, one.variable) == (
        "group",
        "max_things",
        "max_things",
        "TESTSMITH_MAX_THINGS",
    )
    assert Group().max_things == 40


def test_text_in__blanks_are_unset() -> None:
    one = OPTIONS["word"]
    assert one.text_in({}) is one.text_in({"TESTSMITH_WORD": " \n"}) is None
    assert one.text_in({"TESTSMITH_WORD": " abc\n"}) == "abc"


@pytest.mark.parametrize(
    ("name", "text"),
    [("max-things", "40"), ("share", "0.50"), ("color", "red"), ("names", "none"), ("fast", "true")],
)
def test_default_text(name: str, text: str) -> None:
    assert OPTIONS[name].default_text == text


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("max-things", "50", 50),
        ("share", "1e-3", 0.001),
        ("share", "2", 2.0),
        ("color", "dark-blue", Color.DARK_BLUE),
        ("names", "a, b\n\n c ,", ("a", "b", "c")),
        ("place", "/tmp/x", Path("/tmp/x")),  # noqa: S108 - no file
        ("fast", "FALSE", False),
        ("word", "abc", "abc"),
    ],
)
def test_parsed__text_of_each_type(name: str, text: str, value: object) -> None:
    assert OPTIONS[name].parsed(text, "here") == value


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("max-things", "0", "here: `max-things` must be a whole number, from 1 to 50, not 0."),
        ("max-things", "51", "from 1 to 50, not 51."),
        ("max-things", "1.5", "a whole number, from 1 to 50, not `1.5`."),
        ("share", "-1", "a number, at least 0, not -1.0."),
        ("share", "nan", "a number, at least 0, not nan."),
        ("share", "inf", "a number, at least 0, not inf."),
        ("color", "green", "`color` must be one of red, dark-blue, not `green`."),
        ("fast", "yes", "`fast` must be true or false, not `yes`."),
        ("word", "Abc", "`word` must be a word in lower case, not `Abc`."),
    ],
)
def test_parsed__text_that_stands_for_nothing(name: str, text: str, message: str) -> None:
    with pytest.raises(UsageFailure) as caught:
        OPTIONS[name].parsed(text, "here")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("max-things", True), ("max-things", "3"), ("share", None), ("names", "a"), ("names", [1]), ("fast", 1)],
)
def test_checked__a_value_of_another_type(name: str, value: object) -> None:
    with pytest.raises(UsageFailure, match=f"`{name}` must be"):
        OPTIONS[name].checked(value, "here")


def test_checked__a_whole_number_where_any_will_do() -> None:
    assert OPTIONS["share"].checked(2, "here") == 2


def test_nearest() -> None:
    assert nearest("max-thing", OPTIONS) == " Did you mean `max-things`?"
    assert nearest("zzz", OPTIONS) == ""

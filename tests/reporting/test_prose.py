from __future__ import annotations

import pytest

from testsmith.reporting.escaping import (
    TextSpan,
    code,
    joined,
    one_line,
    parse,
    plain,
    shown_code,
    text_of,
    visible,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b31m\x00\r", r"\x9b31m\x00\r"),
        ("a\u202eb\u200b\ufeff", r"a\u202eb\u200b\ufeff"),
        ("bad\udcff", r"bad\udcff"),
        ("\U000e0041", r"\U000e0041"),
        ("naïve 猫 🐈", "naïve 猫 🐈"),
    ],
)
def test_visible__spells_out_what_cannot_be_seen(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_shown_code__has_plain_line_ends_and_no_blank_edges() -> None:
    assert shown_code("\n\nx = 1\r\n\r\ny = '\x1b'\n\n") == "x = 1\n\ny = '\\x1b'"


def test_one_line__joins_lines() -> None:
    assert one_line("  a\n\n b\t c ") == "a b c"


@pytest.mark.parametrize(
    ("text", "shown"), [("abcde", "abcde"), ("abcdef", "abcd…"), ("a\x1bbcde", "a\\x1…")]
)
def test_one_line__is_cut_at_the_limit(text: str, shown: str) -> None:
    assert one_line(text, 5) == shown


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("no code", (TextSpan("no code"),)),
        ("`a` and `b`", (TextSpan("a", is_code=True), TextSpan(" and "), TextSpan("b", is_code=True))),
        ("``a``", (TextSpan("a", is_code=True),)),
        ("a lone ` tick", (TextSpan("a lone ` tick"),)),
        ("", ()),
    ],
)
def test_parse__finds_code_between_backticks(text: str, spans: tuple[TextSpan, ...]) -> None:
    assert parse(text) == spans


def test_code__keeps_the_backticks_of_a_name() -> None:
    assert code("a`b`") == (TextSpan("a`b`", is_code=True),)


def test_joined__stands_between_parts_only() -> None:
    assert text_of(joined(" · ", (plain("a"), code("b"), plain("c")))) == "a · b · c"
    assert joined(" · ", ()) == ()

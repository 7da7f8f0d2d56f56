"""Texts for regular expressions: those that match, and those that nearly do."""

from __future__ import annotations

import re

import pytest

from testsmith.languages.python.explorer.inputs.regex_samples import LONGEST, matching, nearly_matching

PATTERNS = [
    r"\d{4}-\d\d-\d\d",
    r"[a-z]+@[a-z]+\.(com|org)",
    r"'((?:\\.|[^'\\])*)'",
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?P<zone>Z|[+-]\d{2}:?\d{2})?",
    r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$",
    r"(\w)\1",
    r"[^\W\d_]{3,5}?\s*",
    r"[\u4e00-\u9fff]+",
    r"(?:a|b|cd)++.",
    r"[^a]\D\S\W",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_matching__texts_do_match(pattern: str) -> None:
    found = matching(pattern)

    assert found
    assert [text for text in found if re.fullmatch(pattern, text) is None] == []


def test_matching__begins_with_the_shortest_and_shows_what_may_be_there() -> None:
    assert matching(r"P(\d+Y)?(\d+M)?")[:2] == ["P", "P11Y11M"]


def test_matching__goes_on_from_letter_to_letter_in_one_of_them() -> None:
    assert "12:34:56" in matching(r"\d\d:\d\d:\d\d")


def test_matching__reads_an_expression_as_its_flags_say() -> None:
    assert matching("a b  # a comment", re.VERBOSE) == ["ab"]


@pytest.mark.parametrize("pattern", ["(", "a{4000}", "((a{900}){900}){900}", "x" * 3_000])
def test_matching__of_what_is_broken_or_huge_is_nothing(pattern: str) -> None:
    assert matching(pattern) == []


def test_matching__is_no_longer_than_a_reader_bears() -> None:
    assert all(len(text) <= LONGEST for pattern in PATTERNS for text in matching(pattern))


def test_nearly_matching__goes_on_too_far_or_lacks_a_mark() -> None:
    assert nearly_matching(["11:22:33"])[:3] == ["11:22:33x", "11:2233", "11:22::33"]


def test_nearly_matching__of_nothing_is_nothing() -> None:
    assert nearly_matching([]) == []

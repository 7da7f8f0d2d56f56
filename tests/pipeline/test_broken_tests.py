"""Why a suggestion is left out next to questions about tests that a change breaks."""

from __future__ import annotations

from testsmith.pipeline.broken_tests import why_repeated


def test_why_repeated__names_a_test_only_if_it_makes_all_calls() -> None:
    edited = [("test_a", frozenset({"1"})), ("test_b", frozenset({"1", "2"})), ("test_c", frozenset({"3"}))]

    assert why_repeated(frozenset({"1", "2"}), edited) == "the corrected `test_b` makes the same calls"
    assert why_repeated(frozenset({"2", "3"}), edited) == "the corrected tests together make the same calls"

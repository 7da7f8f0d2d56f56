from __future__ import annotations

import pytest

from testsmith.forge.comment_markers import (
    SUMMARY_MARK,
    SuggestionMarker,
    content_digest,
    is_same_login,
    is_summary,
    run_digest,
    run_mark,
    run_of,
    suggestion_of,
)

CONTENT = "0123456789abcdef"
MARK = f"<!-- testsmith:suggestion 12 {CONTENT} -->"


@pytest.mark.parametrize("end", ["", "\n", "  \n\n", "\r\n"])
def test_marks__are_found_at_the_end(end: str) -> None:
    assert suggestion_of(f"text\r\n\r\n{MARK}{end}") == SuggestionMarker(number=12, content=CONTENT)
    assert is_summary(f"text\n{SUMMARY_MARK}{end}")
    assert run_of(f"{run_mark(CONTENT)}{end}") == CONTENT


@pytest.mark.parametrize(
    "body",
    [
        "",
        "text",
        f"> {MARK}",
        f"{MARK} and more",
        f"{MARK}\nmore",
        f"```\n{MARK}\n```",
        MARK[:-1],
        MARK.replace("12", "0"),
        MARK.replace("12", "012"),
        MARK.replace("12", "1234567"),
        MARK.replace("12", "-1"),
        MARK.replace(CONTENT, CONTENT.upper()),
        MARK.replace(CONTENT, CONTENT[:-1]),
        MARK.replace("testsmith", "other"),
    ],
)
def test_marks__anything_else_is_none(body: str) -> None:
    assert suggestion_of(body) is None
    assert run_of(body) is None
    assert not is_summary(body)


def test_suggestion_mark__reads_as_written() -> None:
    mark = SuggestionMarker(number=999_999, content=CONTENT)
    assert suggestion_of(f"text\n\n{mark}") == mark


@pytest.mark.parametrize("same", ["\r\na = 1  \r\nb = 2", "a = 1\nb = 2\n\n", "\na = 1\nb = 2\t"])
def test_content_digest__how_lines_end_does_not_count(same: str) -> None:
    assert content_digest("m", same) == content_digest("m", "a = 1\nb = 2")


@pytest.mark.parametrize(
    ("member", "code"), [("m", "a = 1\n  b = 2"), ("n", "a = 1\nb = 2"), ("ma", " = 1\nb = 2"), ("m", "")]
)
def test_content_digest__member_and_code_count(member: str, code: str) -> None:
    assert content_digest(member, code) != content_digest("m", "a = 1\nb = 2")


def test_content_digest__takes_any_text() -> None:
    assert len(content_digest("caf\u00e9/\udcff.py::f", "\ud800")) == 16


def test_run_digest__the_order_does_not_count_but_the_head_does() -> None:
    assert run_digest("h", ["1", "2"]) == run_digest("h", ["2", "1"])
    assert run_digest("h", ["1", "2"]) != run_digest("i", ["1", "2"])
    assert run_digest("h", ["1"]) != run_digest("h", ["1", "2"])


def test_is_same_login__the_kind_of_account_counts() -> None:
    assert is_same_login("Ada", "ada")
    assert not is_same_login("github-actions", "github-actions[bot]")

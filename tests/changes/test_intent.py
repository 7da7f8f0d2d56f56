from __future__ import annotations

import pytest

from testsmith.changes.intent import (
    MOST_CHARACTERS,
    described,
    intent_of,
    is_document,
    keeps_behavior,
    linked_issues,
)


def test_described__without_what_a_template_or_a_tool_put_there() -> None:
    body = (
        "<!-- Describe\nyour change -->\r\nSplit at a trailing dot.\r\n\r\n"
        "- [x] I ran the tests\n- [ ] Docs\n![shot](https://example.org/a.png)\n\n- a real item\n\n"
        "Signed-off-by: A <a@example.org>\n"
    )
    assert described(" Hosts ", body) == "Hosts\n\nSplit at a trailing dot.\n\n- a real item"


def test_described__is_cut() -> None:
    text = described("Hosts", "x" * 10_000)
    assert text.endswith("xxx [cut]")
    assert len(text) < 2_020


def test_intent_of__messages_that_say_nothing_new_are_left_out() -> None:
    text = f"Pull request: {described('Split hosts', 'At a trailing dot.')}"
    same = "Split hosts\n\nAt a trailing dot.\n\nCo-authored-by: B <b@example.org>"
    assert intent_of((text,), [same, "Fix a typo", "Fix a typo"]) == f"{text}\n\nCommit: Fix a typo"


def test_intent_of__stays_within_the_limit() -> None:
    assert intent_of((), []) == ""
    messages = [f"{number} " + "b" * 900 for number in range(9)]
    assert 3_500 < len(intent_of(("a" * 2_000, ""), messages)) < MOST_CHARACTERS + 10


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("CHANGELOG.md", True),
        ("docs/usage.rst", True),
        ("shop.py", False),
        ("TESTSMITH.md", False),
        ("shop/AGENTS.md", False),
        ("CLAUDE.md", False),
        (".github/copilot-instructions.md", False),
    ],
)
def test_is_document__no_file_of_conventions_is(path: str, *, is_one: bool) -> None:
    assert is_document(path) is is_one


def test_intent_of__short_additions_to_documents_count() -> None:
    entry, guide = "- ``http://localhost:80@attacker.test/`` is rejected.\n", "A guide. " * 400

    found = intent_of(("Reject it",), [], [guide, "", entry])

    assert found == f"Reject it\n\nDocumentation:\n\n{entry.strip()}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fixes #12.", (12,)),
        ("closes: #7, resolved #8 and FIXED #9", (7, 8)),
        ("Fix #3 (close #3)", (3,)),
        ("Closes octo/Shop#5, fixes octo/other#6", (5,)),
        ("Resolves https://github.com/octo/shop/issues/769#issuecomment-1", (769,)),
        *[
            (text, ())
            for text in ("See #12", "prefixes #12", "fixes 12", "Fixes #0", "<!-- Fixes #12 -->", "Fixes\n#1")
        ],
    ],
)
def test_linked_issues__are_those_of_the_repository_that_it_closes(
    text: str, expected: tuple[int, ...]
) -> None:
    assert linked_issues(text, "octo/shop") == expected


@pytest.mark.parametrize(
    ("intent", "expected"),
    [
        ("Commit: Avoid quadratic backtracking in replace_tags (#268)", True),
        ("perf(parser): read each line once", True),
        ("Commit: refactor the lexer\n\nIt fixes nothing.", True),
        ("Fix a crash of empty files\n\nThe loop is faster, too.", False),
        ("Improve the performance of search", True),
        ("Commit: Add a linear model", False),
        ("Commit: Add an optimized path", False),
        ("feat: report performance metrics", False),
        ("Show performance metrics", False),
        ("Remove the optimizer", False),
        ("docs: say what is rounded", False),
        ("", False),
    ],
)
def test_keeps_behavior__is_what_the_first_line_announces(intent: str, expected: bool) -> None:
    assert keeps_behavior(intent) is expected

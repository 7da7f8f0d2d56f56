from __future__ import annotations

from dataclasses import replace
from time import process_time

import pytest
from reporting.pages import Page

from fakes.reports import VIEW, a_member, a_suggestion, sample_report
from testsmith.model import Evidence, Label
from testsmith.reporting.pull_requests.comments import (
    folds_in,
    listed_fold,
    suggestion_comment,
)


def test_suggestion_comment__shows_the_code_to_the_letter() -> None:
    report = sample_report()

    comment = suggestion_comment(report.suggestions[0], report.members[0], VIEW)

    assert comment.startswith("**`Cart.add`** · new behavior · 2 tests for `tests/shop/test_cart.py`\n")
    assert Page(comment).blocks == [report.suggestions[0].code]
    assert comment.split("\n")[-1] == (
        "<sub>Suggestion 1, by the offline engine · reproduce: `testsmith suggest --base main --provider "
        "offline --only src/shop/cart.py::Cart.add`</sub>"
    )


def test_suggestion_comment__tells_of_replies_where_they_are_understood() -> None:
    member = a_member("f")

    comment = suggestion_comment(a_suggestion(member), member, replace(VIEW, commands=True))

    assert comment.endswith(" · reply `apply`, `reject` or `explain`</sub>")


@pytest.mark.parametrize("label", [Label.QUESTION, Label.CATCHES])
def test_suggestion_comment__asks_and_folds_the_test(label: Label) -> None:
    member = a_member("f")
    evidence = Evidence(passes=0, runs=5)

    comment = suggestion_comment(a_suggestion(member, label=label, evidence=evidence), member, VIEW)

    asked, folded = comment.split("<details><summary>")
    assert asked.rstrip().endswith("?")
    assert "```" not in asked
    assert "def test_f():" in folded.partition("</details>")[0]


def test_suggestion_comment__too_long_for_a_comment_says_how_to_see_the_test() -> None:
    member = a_member("f")

    comment = suggestion_comment(a_suggestion(member, code="x = 1\n" * 20_000), member, VIEW)

    assert len(comment) < 1000
    assert "The test module has 20,000 lines, too many for a comment. The command below prints it." in comment


def test_suggestion_comment__shows_the_whole_test_where_it_cannot_be_committed() -> None:
    member = a_member("f")
    plain = suggestion_comment(a_suggestion(member), member, VIEW)

    for text in ("a\r", "<!-- a -->", "x\n" * 40_000):
        assert suggestion_comment(a_suggestion(member), member, VIEW, text) == plain


@pytest.mark.parametrize("label", [Label.QUESTION, Label.CATCHES])
def test_suggestion_comment__never_offers_to_commit_a_question(label: Label) -> None:
    member = a_member("f")
    asking = a_suggestion(member, label=label)

    assert "suggestion\n" not in suggestion_comment(asking, member, VIEW, "a")


@pytest.mark.parametrize(
    "code",
    [
        "x = 1",
        "<!-- testsmith:listed end -->",
        f"```\n<!-- testsmith:listed {'b' * 16} -->\n<!-- testsmith:listed end -->",
        "</details>",
    ],
)
def test_folds_in__gives_back_what_was_listed(code: str) -> None:
    member, content = a_member("f"), "a" * 16
    whole, short = listed_fold(a_suggestion(member, code=code), member, VIEW, content)

    for fold in (whole, short):
        body = f"text\n\n{fold}\n\nmore\n".replace("\n", "\r\n")
        assert folds_in(body) == {content: fold}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<!-- testsmith:listed end -->",
        f"<!-- testsmith:listed {'a' * 16} -->\nnever ends",
        "<!-- testsmith:listed no-digest -->\na\n<!-- testsmith:listed end -->",
        f"> <!-- testsmith:listed {'a' * 16} -->\na\n<!-- testsmith:listed end -->",
    ],
)
def test_folds_in__takes_nothing_that_is_not_whole(body: str) -> None:
    assert folds_in(body) == {}


def test_folds_in__takes_linear_time() -> None:
    body = f"<!-- testsmith:listed {'a' * 16} -->\n" * 1_600

    started = process_time()
    folds_in(body)

    assert process_time() - started < 0.5

"""What a pull request gets to read about its own tests, from one push to the next."""

from __future__ import annotations

from dataclasses import replace

from reporting.written_pull_request import PullRequest

from testsmith.forge.comment_positions import Hunk, ShownFile
from testsmith.forge.interface import CreateReview
from testsmith.forge.pr_state import without_block
from testsmith.model import Audit, AuditedTest, AuditVerdict, Report

PATH = "tests/test_refund.py"
SHOWN = {PATH: ShownFile(path=PATH, hunks=(Hunk(lines={4: "", 5: "def test_a():"}, changed=frozenset({5})),))}
CANNOT_FAIL = AuditedTest(
    path=PATH,
    name="test_a",
    line=5,
    verdict=AuditVerdict.CANNOT_FAIL,
    reason="passes even with `refund` removed",
)
GOOD = replace(
    CANNOT_FAIL, verdict=AuditVerdict.FAILS_WITHOUT_CHANGE, reason="fails without the change: `1 == 2`"
)


def report_of(*tests: AuditedTest, head: str = "a" * 40) -> Report:
    return Report(members=(), head=head, audit=Audit(tests=tests))


def test_comments__at_a_test_until_it_is_repaired() -> None:
    pull = PullRequest(files=SHOWN)
    (review,) = [one for one in pull.run(report_of(CANNOT_FAIL)).operations if isinstance(one, CreateReview)]
    assert review.body.startswith("TestSmith comments on 1 test of this pull request.")
    (comment,) = review.comments
    assert (comment.anchor.path, comment.anchor.line) == (PATH, 5)
    assert comment.body.startswith("`test_a` cannot fail: it passes even with `refund` removed.")
    assert "The test of this pull request cannot fail." in pull.conversation.summary()
    assert "| 1 |" not in pull.conversation.summary()
    assert "question" not in without_block(pull.conversation.summary())

    assert not pull.run(report_of(CANNOT_FAIL, head="b" * 40)).operations[:-1]  # nothing but the summary
    pull.run(report_of(GOOD, head="c" * 40))
    (posted,) = pull.conversation.review_comments.values()
    assert posted.is_minimized
    assert "The test of this pull request fails without it." in pull.conversation.summary()


def test_comments__where_the_diff_does_not_show_the_test_only_the_summary_says_so() -> None:
    pull = PullRequest()
    pull.run(report_of(CANNOT_FAIL))
    assert not pull.conversation.review_comments
    assert "`test_a` cannot fail" in pull.conversation.summary()


def test_summary__a_run_that_does_not_judge_keeps_what_was_said_of_the_same_head() -> None:
    pull = PullRequest()
    pull.run(report_of(CANNOT_FAIL))
    pull.run(replace(report_of(CANNOT_FAIL), audit=None))
    assert "`test_a` cannot fail" in pull.conversation.summary()
    pull.run(replace(report_of(head="d" * 40), audit=None))
    assert "cannot fail" not in pull.conversation.summary()

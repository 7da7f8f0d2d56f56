from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from reporting.pages import Page, assert_harmless
from reporting.written_pull_request import PullRequest

from fakes.golden import check_golden
from fakes.reports import (
    HOSTILE_CODE,
    HOSTILE_TEXT,
    VIEW,
    empty_report,
    hostile_report,
    large_report,
    remembered,
    sample_report,
)
from testsmith.forge.review_result import PostStatus, ReviewResult
from testsmith.model import Report
from testsmith.reporting.pull_requests.job_summary import BYTES_LIMIT, job_summary
from testsmith.settings import ReviewSettings

GOLDEN = Path(__file__).parent / "golden" / "job_summary"
NOT_ALLOWED = (
    "Cannot make the review: Resource not accessible by integration. "
    "Grant the workflow's token `pull-requests: write`."
)


def settled(report: Report, delivery: PostStatus = PostStatus.POSTED, max_comments: int = 10) -> ReviewResult:
    """Return what came of a review whose proposals were settled."""
    planned = PullRequest().plan(report, ReviewSettings(max_comments=max_comments))
    return ReviewResult(delivery=delivery, report=report, settled=planned.settled)


def not_allowed(report: Report) -> ReviewResult:
    return replace(
        settled(report, PostStatus.NOT_ALLOWED), reason=NOT_ALLOWED, missing=("pull-requests: write",)
    )


def test_job_summary__where_the_token_may_not_write() -> None:
    check_golden(GOLDEN / "not_allowed.md", job_summary(not_allowed(sample_report()), VIEW))


def test_job_summary__of_a_fork_names_no_permission_to_grant() -> None:
    reviewed = replace(not_allowed(sample_report()), is_read_only=True)

    page = job_summary(reviewed, VIEW)

    assert page.startswith("> [!NOTE]\n> The review could not be posted on the pull request.")
    assert "a read-only token.\n" in page
    assert "pull-requests: write" not in page
    assert sample_report().suggestions[0].code in Page(page).blocks


def test_job_summary__of_what_is_posted_has_no_code() -> None:
    reviewed = replace(settled(sample_report()), notes=("A thread could not be resolved.",))

    check_golden(GOLDEN / "posted.md", job_summary(reviewed, VIEW))


def test_job_summary__has_the_code_of_what_has_no_comment() -> None:
    report = sample_report()

    page = job_summary(settled(report, max_comments=1), VIEW)

    blocks = Page(page).blocks
    assert report.suggestions[0].code not in blocks
    assert [one.code for one in report.suggestions[1:]] == [one for one in blocks if one.startswith("from ")]


@pytest.mark.parametrize("delivery", [PostStatus.FAILED, PostStatus.HEAD_MOVED, PostStatus.NOT_ALLOWED])
def test_job_summary__is_whole_where_little_was_posted(delivery: PostStatus) -> None:
    report = sample_report()

    page = job_summary(settled(report, delivery), VIEW)

    assert {one.code for one in report.suggestions} <= set(Page(page).blocks)


def test_job_summary__without_settled_numbers_has_those_of_the_run() -> None:
    reason = "The pull request could not be read (502); the next push tries again."
    reviewed = ReviewResult(delivery=PostStatus.FAILED, report=sample_report(), reason=reason)

    page = job_summary(reviewed, VIEW)

    assert page.startswith("> [!WARNING]\n")
    assert reason in page
    assert "| 5 | `total` | changed | question, passed before |" in page
    assert "<sub>Question 5, by the model" in page


def test_job_summary__of_nothing_to_review_says_why_and_no_more() -> None:
    reviewed = ReviewResult(delivery=PostStatus.NOTHING, reason="The pull request is a draft.")

    page = job_summary(reviewed, VIEW)

    assert page == "> [!NOTE]\n> There was nothing to review. The pull request is a draft.\n"


@pytest.mark.parametrize("report", [empty_report(), remembered(sample_report())])
def test_job_summary__without_a_funnel_has_no_chart(report: Report) -> None:
    assert "mermaid" not in job_summary(settled(report), VIEW)


def test_job_summary__names_every_missing_permission_and_grants_them_together() -> None:
    reviewed = replace(
        not_allowed(sample_report()),
        missing=("pull-requests: write", "contents: write", "issues: write", "checks: read"),
    )

    page = job_summary(reviewed, VIEW)

    assert "- `contents: write`, to commit tests, and to resolve outdated threads\n" in page
    assert "- `checks: read`\n" in page
    workflow = "permissions:\n  contents: write\n  pull-requests: write\n  issues: write\n  checks: read"
    assert f"```yaml\n{workflow}\n```" in page


def test_job_summary__of_a_hostile_review_is_harmless() -> None:
    reviewed = replace(
        not_allowed(hostile_report()),
        reason=HOSTILE_TEXT,
        missing=(HOSTILE_TEXT, f"x: {HOSTILE_TEXT}"),
        notes=(HOSTILE_TEXT, f"- {HOSTILE_TEXT}"),
    )

    page = job_summary(reviewed, VIEW)

    assert_harmless(page)


@pytest.mark.parametrize("code", ["x = 1\n" * 5_000, "x = '\u4e2d\u6587'\n" * 6_000, HOSTILE_CODE * 100])
def test_job_summary__never_has_too_many_bytes(code: str) -> None:
    report = large_report(400)
    large = replace(
        report,
        suggestions=tuple(replace(one, code=f"# {one.number}\n{code}") for one in report.suggestions),
        skipped=tuple(replace(one, reason="\u4e2d" * 900 + one.reason) for one in report.skipped),
        notes=("\u4e2d" * 900,) * 900,
    )
    reviewed = replace(not_allowed(large), notes=("\u4e2d" * 900,) * 900, reason="\u4e2d" * 9_000)

    page = job_summary(reviewed, VIEW)

    assert BYTES_LIMIT / 2 < len(page.encode()) <= BYTES_LIMIT
    shown = page.count("\n---\n")
    assert page.endswith(
        f"\n… and {200 - shown} more suggestions; the JSON report of this run lists all of them.\n"
    )


def test_job_summary__of_a_pull_request_that_was_not_looked_at_claims_no_review() -> None:
    summary = job_summary(ReviewResult(delivery=PostStatus.FAILED, reason="GitHub is away."), VIEW)

    assert summary.startswith("> [!WARNING]\n> The pull request was not reviewed. GitHub is away.")
    assert "stands here" not in summary


def test_job_summary__has_the_patch_of_what_could_not_be_committed() -> None:
    patch = "diff --git a/t.py b/t.py\n--- /dev/null\n+++ b/t.py\n@@ -0,0 +1 @@\n+```\n"
    reviewed = replace(settled(sample_report()), patch=patch)
    assert f"````diff\n{patch}````" in job_summary(reviewed, VIEW)
    long = job_summary(replace(reviewed, patch="+x\n" * 100_000), VIEW)
    assert "The output `patch` has its path" in long
    assert "git apply" not in job_summary(settled(sample_report()), VIEW)

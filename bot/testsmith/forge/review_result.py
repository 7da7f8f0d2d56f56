"""What came of the review of one pull request: the report, what was done with it, and why not more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from testsmith.forge.reconcile import Reconciled
from testsmith.model import Report


class PostStatus(StrEnum):
    """What was done on the pull request."""

    POSTED = "posted"  # all that was planned is done; nothing may have been to do
    NOT_ALLOWED = "not-allowed"  # the token may not write: the job summary and annotations tell all of it
    HEAD_MOVED = "head-moved"  # nothing was posted, since the pull request has a new head
    FAILED = "failed"  # the forge could not be read or written; `reason` says what and what to do
    NOTHING = "nothing"  # there was nothing to review; `reason` says why


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewResult:
    """What came of the review of one pull request.

    Attributes:
        delivery: What was done on the pull request.
        report: What the run found; None where nothing was looked at.
        settled: The numbers and places of the proposals; None where they were not settled.
        reason: Why not all was done, in one sentence or two; empty where all was.
        missing: Permissions that the token lacks, as a workflow grants them: `pull-requests: write`.
        notes: Sentences for the log and the job summary.
        is_read_only: Whether the run could not be expected to write: that of a fork, or Dependabot's.
        patch: What could not be committed, for `git apply`; empty for nothing.
        commit: Full object id of the commit that was made; empty for none.
        follow_up: Number of the bot's own pull request that has it; None where it is on the branch itself.
        text: Of a sweep: what its pull request says, or would, as Markdown; empty for a review.
        matrix: Of a planned sweep: the matrix of its shards, as JSON; empty for nothing.
        parts: Where a sweep's parts for other machines lie, relative to the workspace; empty for none.
    """

    delivery: PostStatus
    report: Report | None = None
    settled: Reconciled | None = None
    reason: str = ""
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_read_only: bool = False
    patch: str = ""
    commit: str = ""
    follow_up: int | None = None
    text: str = ""
    matrix: str = ""
    parts: str = ""

"""The result of the review of one pull request."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from testsmith.forge.interface import Operation
from testsmith.forge.reconcile import Reconciled
from testsmith.model import Report


class PostStatus(StrEnum):
    """Status of the posting."""

    PLANNED = "planned"  # nothing was posted, because only a plan was wanted; see `operations`
    POSTED = "posted"  # all planned operations are done, possibly none
    NOT_ALLOWED = "not-allowed"  # the token may not write; the job summary and annotations report everything
    HEAD_MOVED = "head-moved"  # nothing was posted because the pull request has a new head
    FAILED = "failed"  # the forge could not be read or written; see `reason`
    NOTHING = "nothing"  # there was nothing to review; see `reason`


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewResult:
    """The result of the review of one pull request.

    Attributes:
        delivery: Status of the posting.
        report: The report of the run; None if nothing was processed.
        settled: The numbers and locations of the proposals; None if they were not decided.
        operations: What was changed on the pull request, or would have been if only a plan was wanted.
        reason: Why not everything was done, in one or two sentences; empty if all was.
        missing: Permissions that the token lacks, as a workflow grants them: `pull-requests: write`.
        notes: Sentences for the log and the job summary.
        is_read_only: Whether a read-only token was expected: the pull request is from a fork or from
            Dependabot.
        fails_audit: Whether the job fails because of what was found out about the pull request's own tests.
        patch: Changes that could not be committed, for `git apply`; empty for none.
        commit: Full object id of the commit that was made; empty for none.
        follow_up: Number of the bot's pull request with the commit; None if it is on the branch itself.
        text: Sweeps only: the Markdown text of the pull request, posted or not; empty for a review.
        matrix: Planned sweeps only: the matrix of the shards, as JSON; empty for none.
        parts: Directory of a sweep's parts for other machines, relative to the workspace; empty for none.
    """

    delivery: PostStatus
    report: Report | None = None
    settled: Reconciled | None = None
    operations: tuple[Operation, ...] = ()
    reason: str = ""
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_read_only: bool = False
    fails_audit: bool = False
    patch: str = ""
    commit: str = ""
    follow_up: int | None = None
    text: str = ""
    matrix: str = ""
    parts: str = ""

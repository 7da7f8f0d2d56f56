"""Commit the tests of a review: the step between its run and its comments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from testsmith.forge.comment_markers import content_digest
from testsmith.forge.commits import CommittingForge
from testsmith.forge.interface import ForgeFailure, PullRequest
from testsmith.forge.reconcile import DesiredState, PostLimits, Reconciled, ShownWhere, reconcile
from testsmith.forge.review_result import ReviewResult
from testsmith.languages.language import Language
from testsmith.model import Report, Suggestion
from testsmith.publish import PublishOrder, PublishResult, PublishStatus, publish_for
from testsmith.reporting.pull_requests.member_status import found_in
from testsmith.review.checkouts import States
from testsmith.settings import CommitSettings, Mode
from testsmith.tasks import in_thread
from testsmith.test_files.lifecycle import removals
from testsmith.test_files.plan import Marking


async def commit_proven(
    forge: CommittingForge,
    order: PublishOrder,
    pull: PullRequest,
    prove: Callable[[str], Awaitable[tuple[PublishOrder, PullRequest] | None]] | None = None,
) -> PublishResult:
    """Commit verified suggestions; if the branch has moved, verify them on its new head and try once more.

    Args:
        forge: The forge of the pull request.
        order: What to commit.
        pull: The pull request.
        prove: Verifies the suggestions on a new head and returns the new request, or None if it cannot.
            Without it, a moved branch is not retried.
    """
    done = await in_thread(publish_for, forge, order, pull)
    if done.status is not PublishStatus.MOVED or prove is None:
        return done
    again = await prove(done.found)
    if again is None:
        return done
    second = await in_thread(publish_for, forge, *again)
    if second.status is not PublishStatus.MOVED:
        return second
    reason = (
        "The branch went on twice while the tests were proven, so nothing was committed. Try again later."
    )
    return replace(second, status=PublishStatus.RACE_LOST, reason=reason)


@dataclass(slots=True, kw_only=True)
class CommitStep:
    """Commits the suggestions of a review and records the result.

    Attributes:
        forge: The forge of the pull request.
        number: Its number.
        head: Full object id of the head that was processed.
        states: Its base and head.
        report: The report of the run.
        languages: The languages.
        limits: The posting limits.
        settings: The commit settings.
        made: The result; None if there was nothing to commit.
        trouble: Why committing could not even be tried; empty if it could.
    """

    forge: CommittingForge
    number: int
    head: str
    states: States
    report: Report
    languages: Sequence[Language]
    limits: PostLimits
    settings: CommitSettings
    made: PublishResult | None = None
    trouble: str = ""

    def aimed(self, wanted: DesiredState) -> DesiredState:
        """Commit according to the mode, and return the desired state that follows from it."""
        if self.settings.mode is Mode.SUGGEST:
            return wanted
        try:
            order = self._order(wanted)
            pull = self.forge.pull_request(self.number)
            self.made = publish_for(self.forge, order, pull) if order is not None else None
            return wanted if self.made is None else self._after(wanted, self.made)
        except ForgeFailure as failure:
            self.trouble = str(failure)
            return wanted

    def _order(self, wanted: DesiredState) -> PublishOrder | None:
        existing = self.forge.existing(self.number)
        suggestions = tuple(self._chosen(reconcile(existing, wanted, self.limits)))
        gone = tuple(removals(self.report.earlier))
        if not suggestions and not gone:
            return None
        return PublishOrder(
            head=self.head,
            suggestions=suggestions,
            tree=self.states.head_tree,
            languages=self.languages,
            settings=self.settings,
            marking=Marking.of(self.report, marks=self.settings.mark_tests),
            removals=gone,
        )

    def _chosen(self, settled: Reconciled) -> Iterator[Suggestion]:
        """Yield green suggestions that were neither rejected nor committed before."""
        found = found_in(self.report, settled)
        for one in settled.proposals:
            if one.posting not in {ShownWhere.REJECTED, ShownWhere.COMMITTED} and not one.draft.is_question:
                yield found[one.draft.content].suggestion

    def _after(self, wanted: DesiredState, made: PublishResult) -> DesiredState:
        there = (*made.suggestions, *made.standing)
        contents = frozenset(content_digest(one.member, one.code) for one in there)
        wishes = replace(wanted.wishes, applied=wanted.wishes.applied | contents)
        if made.commit is None:
            return replace(wanted, wishes=wishes)
        wishes = replace(wishes, place=made.place)
        if self.settings.mode is Mode.COMMIT:
            self.forge.await_head(self.number, made.commit.sha)
            wanted = replace(wanted, head=made.commit.sha)
        return replace(wanted, wishes=wishes, has_news=True)

    def with_commit_result(self, reviewed: ReviewResult) -> ReviewResult:
        """Return the result of the review with the result of the commit added."""
        made = self.made
        if made is None:
            return reviewed if not self.trouble else replace(reviewed, notes=(*reviewed.notes, self.trouble))
        missing = ("contents: write",) if made.status is PublishStatus.NOT_ALLOWED else ()
        unplaced = (f"The tests of `{one.member}` were not committed: {one.reason}." for one in made.unplaced)
        reason = (made.reason,) if made.reason and made.status is not PublishStatus.MOVED else ()
        return replace(
            reviewed,
            notes=(*reviewed.notes, *reason, *unplaced),
            missing=(*reviewed.missing, *missing),
            patch=made.patch,
            commit="" if made.commit is None else made.commit.sha,
            follow_up=None if made.pull is None else made.pull.number,
        )

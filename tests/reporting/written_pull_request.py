"""A pull request that the bot writes to: what runs want there, and all that stands there after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from forge.conversation import Conversation, Planned, Wanted, plan_for

from fakes.reports import VIEW
from testsmith.forge.comment_markers import content_digest
from testsmith.forge.comment_positions import ShownFile
from testsmith.forge.interface import Anchor
from testsmith.forge.pr_state import without_block
from testsmith.forge.reconcile import (
    MemberOutcome,
    Proposal,
    Reconciled,
    Texts,
    own_summaries,
)
from testsmith.model import Member, Report
from testsmith.reporting.pull_requests.member_status import shown_words
from testsmith.reporting.pull_requests.pull_request import texts
from testsmith.reporting.rendering import View
from testsmith.review.desired_state import audit_outcomes
from testsmith.settings import ReviewSettings


@dataclass
class PullRequest:
    """A pull request on which one run after the other leaves its texts.

    Attributes:
        places: Members whose lines the diff does not show.
        files: The test files that the diff shows, for comments at tests.
    """

    conversation: Conversation = field(default_factory=Conversation)
    view: View = VIEW
    without_place: frozenset[str] = frozenset()
    changes: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, ShownFile] = field(default_factory=dict)

    def run(self, report: Report, limits: ReviewSettings | None = None) -> Planned:
        """Plan what a report leaves there, and do it."""
        planned = self.plan(report, limits)
        self.conversation.apply(planned.operations)
        return planned

    def plan(self, report: Report, limits: ReviewSettings | None = None) -> Planned:
        """Plan what a report leaves there."""
        before = "".join(one.body for one in own_summaries(self.conversation.existing())[:1])

        def write(settled: Reconciled, _: str = "") -> Texts:
            return texts(report, settled, self.view, self.changes, before)

        wanted = Wanted(head=report.head or "", outcomes=self._outcomes(report), write=write, has_news=True)
        return plan_for(self.conversation.existing(), wanted, limits or ReviewSettings())

    def shown(self) -> str:
        """Return all texts that stand there, one after the other, without what is remembered."""
        reviews = [f"%%%% review\n{one.body}" for one in self.conversation.reviews.values()]
        remarks = [
            f"%%%% {one.path}, line {one.line}{', hidden' if one.is_minimized else ''}\n{one.body}"
            for one in self.conversation.review_comments.values()
        ]
        return (
            "\n\n".join((*reviews, *remarks, f"%%%% summary\n{without_block(self.conversation.summary())}"))
            + "\n"
        )

    def _outcomes(self, report: Report) -> tuple[MemberOutcome, ...]:
        of_members = (self._outcome(report, member) for member in report.members)
        return (*of_members, *audit_outcomes(report, self.files))

    def _outcome(self, report: Report, member: Member) -> MemberOutcome:
        anchor = None if member.id in self.without_place else Anchor(path=member.path, line=member.line)
        skipped = next((one for one in report.skipped if one.member == member.id), None)
        return MemberOutcome(
            member=member.id,
            source=report.sources.get(member.id, ""),
            proposals=tuple(
                Proposal(
                    member=member.id,
                    content=content_digest(one.member, one.code),
                    anchor=anchor,
                    is_question=not one.is_green,
                    shown=shown_words(one),
                )
                for one in report.suggestions
                if one.member == member.id
            ),
            stage=None if skipped is None else skipped.stage,
            shown=shown_words(skipped) if skipped else "",
            is_unchanged=member.id in report.unchanged,
        )

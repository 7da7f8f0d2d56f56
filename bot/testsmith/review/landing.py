"""What a review commits, where the mode says so: before it posts, for what is committed needs no comment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from testsmith.forge.commits import CommittingForge
from testsmith.forge.forge import ForgeFailure
from testsmith.forge.marks import content_digest
from testsmith.forge.reviewed import Reviewed
from testsmith.forge.settling import Limits, Posting, Settled, Wanted, settle
from testsmith.languages.driver import LanguageDriver
from testsmith.model import Report, Suggestion
from testsmith.placement.life import removals
from testsmith.placement.plan import Marking
from testsmith.report.account import found_in
from testsmith.review.committing import CommitOrder, Committed, Committing, commit
from testsmith.review.states import States
from testsmith.settings import CommitSettings, Mode


@dataclass(slots=True, kw_only=True)
class Landing:
    """Commits what a review has found, and tells what came of it.

    Attributes:
        forge: Where the pull request lives.
        number: Its number.
        head: Full object id of the head that was looked at.
        states: Its two states.
        report: What was found.
        drivers: The languages.
        limits: How much is posted at once.
        settings: How tests are committed.
        made: What came of it; None where nothing was to be committed.
        trouble: Why it could not even be tried; empty where it could.
    """

    forge: CommittingForge
    number: int
    head: str
    states: States
    report: Report
    drivers: Sequence[LanguageDriver]
    limits: Limits
    settings: CommitSettings
    made: Committing | None = None
    trouble: str = ""

    def aimed(self, wanted: Wanted) -> Wanted:
        """Commit what the mode says, and return what the pull request is to have after that."""
        if self.settings.mode is Mode.SUGGEST:
            return wanted
        try:
            order = self._order(wanted)
            self.made = commit(self.forge, order) if order is not None else None
            return wanted if self.made is None else self._after(wanted, self.made)
        except ForgeFailure as failure:
            self.trouble = str(failure)
            return wanted

    def _order(self, wanted: Wanted) -> CommitOrder | None:
        existing = self.forge.existing(self.number)
        suggestions = tuple(self._chosen(settle(existing, wanted, self.limits)))
        gone = tuple(removals(self.report.earlier))
        if not suggestions and not gone:
            return None
        return CommitOrder(
            pull=self.forge.pull_request(self.number),
            head=self.head,
            suggestions=suggestions,
            tree=self.states.head_tree,
            drivers=self.drivers,
            login=existing.viewer.login,
            settings=self.settings,
            marking=Marking.of(self.report, marks=self.settings.mark_tests),
            removals=gone,
        )

    def _chosen(self, settled: Settled) -> Iterator[Suggestion]:
        """Yield what is green, not rejected, and not committed before."""
        found = found_in(self.report, settled)
        for one in settled.proposals:
            if one.posting not in {Posting.REJECTED, Posting.COMMITTED} and not one.draft.is_question:
                yield found[one.draft.content].suggestion

    def _after(self, wanted: Wanted, made: Committing) -> Wanted:
        there = (*made.suggestions, *made.standing)
        contents = frozenset(content_digest(one.member, one.code) for one in there)
        wishes = replace(wanted.wishes, applied=wanted.wishes.applied | contents)
        if made.commit is None:
            return replace(wanted, wishes=wishes)
        place = made.commit.sha if made.follow_up is None else f"#{made.follow_up.number}"
        wishes = replace(wishes, place=place)
        if self.settings.mode is Mode.COMMIT:
            self.forge.await_head(self.number, made.commit.sha)
            wanted = replace(wanted, head=made.commit.sha)
        return replace(wanted, wishes=wishes, has_news=True)

    def told(self, reviewed: Reviewed) -> Reviewed:
        """Return what came of the review, with what came of the commit."""
        made = self.made
        if made is None:
            return reviewed if not self.trouble else replace(reviewed, notes=(*reviewed.notes, self.trouble))
        missing = ("contents: write",) if made.outcome is Committed.NOT_ALLOWED else ()
        unplaced = (f"The tests of `{one.member}` were not committed: {one.reason}." for one in made.unplaced)
        reason = (made.reason,) if made.reason and made.outcome is not Committed.MOVED else ()
        return replace(
            reviewed,
            notes=(*reviewed.notes, *reason, *unplaced),
            missing=(*reviewed.missing, *missing),
            patch=made.patch,
            commit="" if made.commit is None else made.commit.sha,
            follow_up=None if made.follow_up is None else made.follow_up.number,
        )

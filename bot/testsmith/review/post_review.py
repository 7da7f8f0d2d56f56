"""Do to a pull request what is to be done, until nothing is left to do.

What goes wrong in between is mended in one way: read again, plan again. That holds for a place that the forge
refuses, for an answer that was lost, and for another run that writes at the same moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from testsmith.events import is_own_commit
from testsmith.forge.interface import (
    Commit,
    CreateReview,
    Existing,
    Forge,
    HeadMoved,
    OutcomeUnknown,
)
from testsmith.forge.plan import PostPlan, plan
from testsmith.forge.reconcile import DesiredState, PostLimits, Reconciled, remember

MOST_OWN = 5
"""How many commits of the bot's own are followed back at most."""

ROUNDS = 4
"""How often is read and planned at most: once to write, once to see that it is done, and for two mishaps."""


@dataclass(slots=True)
class PostProgress:
    """What has been done so far.

    Attributes:
        settled: The numbers and places, by the last plan.
        notes: Sentences for the log and the job summary, each once.
        written: How many operations were carried out.
    """

    settled: Reconciled | None = None
    notes: dict[str, None] = field(default_factory=dict)
    written: int = 0

    def note(self, notes: Iterable[str]) -> None:
        """Keep what a reader should know."""
        self.notes.update(dict.fromkeys(note for note in notes if note))


def post(forge: Forge, number: int, wanted: DesiredState, limits: PostLimits, posting: PostProgress) -> None:
    """Let a pull request have what is wanted.

    Args:
        forge: Where it lives.
        number: Its number.
        wanted: What it is to have.
        limits: How much is posted at once.
        posting: Is kept up to date with what is done, also where an error ends it.

    Raises:
        HeadMoved: It has a new head, and not by commits of the bot's own alone, for which no run will report;
            nothing was written for the old one since that was seen.
        ForgeFailure: It could not be read or written.
    """
    for _ in range(ROUNDS):
        existing = forge.existing(number)
        planned = plan(existing, wanted, limits)
        posting.settled = planned.settled
        posting.note(planned.notes)
        if not planned.operations:
            return
        try:
            wanted = _carried_out(forge, number, wanted, planned, posting)
        except HeadMoved as moved:
            if not is_followed_by_own(forge, existing, wanted.head, moved.found):
                raise
            wanted = _at(moved.found, wanted)
    posting.note(("Other writers kept changing the comments; the next push sets right what is left.",))


def _carried_out(
    forge: Forge, number: int, wanted: DesiredState, planned: PostPlan, posting: PostProgress
) -> DesiredState:
    """Carry out a plan as far as it holds; return what is wanted from now on."""
    makes_review = any(isinstance(operation, CreateReview) for operation in planned.operations)
    if wanted.head and not makes_review:
        _expect_head(forge, number, wanted.head)  # making a review does so by itself
    for operation in planned.operations:
        try:
            applied = forge.apply(number, operation)
        except OutcomeUnknown as failure:
            posting.note((str(failure),))
            return wanted
        posting.written += 1
        posting.note((applied.note,))
        if applied.refused:
            return replace(wanted, refused=wanted.refused | frozenset(applied.refused))
    return wanted


def is_certainly_own(commit: Commit, sha: str, existing: Existing) -> bool:
    """Tell whether a commit is the bot's own, so that nothing has to be looked at again.

    By its author and its trailer, and since anyone can write both, also by the forge's own signature, or by
    what the pull request remembers of the bot's commits.
    """
    if not is_own_commit(commit.author, commit.message, existing.viewer.login):
        return False
    return commit.is_certain or any(landing.place == sha for landing in remember(existing).landings)


def is_followed_by_own(forge: Forge, existing: Existing, head: str, found: str) -> bool:
    """Tell whether commits of the bot's own, and nothing else, lead from one head to another.

    So it is where a command was obeyed meanwhile. No run will report on such a commit, so this one has to.

    Args:
        forge: Where the commits are.
        existing: What is on the pull request.
        head: The head that was looked at.
        found: The head that there is now.
    """
    for _ in range(MOST_OWN):
        if found == head:
            return True
        commit = forge.commit(found)
        if len(commit.parents) != 1 or not is_certainly_own(commit, found, existing):
            return False
        found = commit.parents[0]
    return found == head


def _at(head: str, wanted: DesiredState) -> DesiredState:
    """Return what is wanted at a head to which the bot's own commits have led: they change test files alone.

    A place in a test file may lie elsewhere now, so what would stand there stands in the summary.
    """
    moved = {
        draft.content
        for outcome in wanted.outcomes
        for draft in outcome.drafts
        if draft.anchor is not None and draft.anchor.path != outcome.member.partition("::")[0]
    }
    return replace(wanted, head=head, refused=wanted.refused | moved)


def _expect_head(forge: Forge, number: int, head: str) -> None:
    """Make sure that a pull request's head is still the one that is looked at.

    Raises:
        HeadMoved: It is another.
    """
    found = forge.head(number)
    if found != head:
        raise HeadMoved(found)

"""Apply the desired state to a pull request until nothing is left to do.

A rejected position, a lost response or a concurrent run are all handled the same way: read again, plan again.
So the conversation is read once before writing, and once more after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from testsmith.events import is_own_commit
from testsmith.forge.interface import (
    Commit,
    CreateReview,
    Existing,
    Forge,
    HeadMoved,
    Operation,
    OutcomeUnknown,
)
from testsmith.forge.plan import notes_on, plan
from testsmith.forge.reconcile import (
    DesiredState,
    Reconciled,
    Texts,
    own_summaries,
    reconcile,
    remember,
)
from testsmith.settings import ReviewSettings

MOST_OWN = 5
"""Maximum number of the bot's own commits to follow back."""

ROUNDS = 4
"""Maximum rounds of reading and planning: one to write, one to confirm, and two for retries."""


@dataclass(slots=True)
class PostProgress:
    """The progress of posting.

    Attributes:
        settled: The numbers and locations of the suggestions, from the last plan.
        notes: Sentences for the log and the job summary, each once.
        operations: The operations applied, or only planned.
    """

    settled: Reconciled | None = None
    notes: dict[str, None] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)

    def note(self, notes: Iterable[str]) -> None:
        """Add notes for the reader, each once."""
        self.notes.update(dict.fromkeys(note for note in notes if note))


Write = Callable[[Reconciled, str], Texts]
"""Renders the texts, given the current body of the summary comment (empty if there is none). Pure."""


def plan_post(
    existing: Existing, wanted: DesiredState, limits: ReviewSettings, write: Write, posting: PostProgress
) -> tuple[Operation, ...]:
    """Return the operations that bring a pull request to its desired state.

    Args:
        existing: Its comments and reviews.
        wanted: The desired state.
        limits: The posting limits.
        write: Renders the texts.
        posting: Gets the notes, and where the suggestions are shown.
    """
    posting.settled = settled = reconcile(existing, wanted, limits)
    posting.note(notes_on(settled))
    before = next((one.body for one in own_summaries(existing)), "")
    texts = write(settled, before) if settled.speaks else None
    return tuple(plan(existing, wanted.head, settled, texts))


def post(  # noqa: PLR0913, PLR0917
    forge: Forge,
    number: int,
    wanted: DesiredState,
    limits: ReviewSettings,
    write: Write,
    posting: PostProgress,
) -> None:
    """Bring a pull request to its desired state.

    Args:
        forge: The forge of the pull request.
        number: Its number.
        wanted: The desired state.
        limits: The posting limits.
        write: Renders the texts.
        posting: Updated as operations are applied, including when an error is raised.

    Raises:
        HeadMoved: The pull request has a new head with commits by others, so another run will report on it.
            Nothing was written for the old head after that was detected.
        ForgeFailure: The forge could not be read or written.
    """
    for _ in range(ROUNDS):
        existing = forge.existing(number)
        operations = plan_post(existing, wanted, limits, write, posting)
        if not operations:
            return
        try:
            wanted = _carried_out(forge, number, wanted, operations, posting)
        except HeadMoved as moved:
            if not is_followed_by_own(forge, existing, wanted.head, moved.found):
                raise
            wanted = _at(moved.found, wanted)
    posting.note(("The comments kept changing during the run; the next push completes the review.",))


def _carried_out(
    forge: Forge, number: int, wanted: DesiredState, operations: Sequence[Operation], posting: PostProgress
) -> DesiredState:
    """Apply a plan as far as possible; return the desired state for the next round."""
    makes_review = any(isinstance(operation, CreateReview) for operation in operations)
    if wanted.head and not makes_review:
        _expect_head(forge, number, wanted.head)  # creating a review checks the head itself
    for operation in operations:
        try:
            applied = forge.apply(number, operation)
        except OutcomeUnknown as failure:
            posting.note((str(failure),))
            return wanted
        posting.operations.append(operation)
        posting.note((applied.note,))
        if applied.refused:
            return replace(wanted, refused=wanted.refused | frozenset(applied.refused))
    return wanted


def is_certainly_own(commit: Commit, sha: str, existing: Existing) -> bool:
    """Return whether a commit is certainly the bot's own, so that nothing has to be processed again.

    The author and the trailer must match. Because anyone can forge both, the forge must also have signed the
    commit, or the pull request's stored state must list it.
    """
    if not is_own_commit(commit.author, commit.message, existing.viewer.login):
        return False
    return commit.is_certain or any(landing.place == sha for landing in remember(existing).landings)


def is_followed_by_own(forge: Forge, existing: Existing, head: str, found: str) -> bool:
    """Return whether only commits by the bot lead from one head to another.

    That happens when a comment command commits tests during this run. No other run will report on such a
    commit, so this one has to.

    Args:
        forge: The forge that has the commits.
        existing: All comments and reviews of the pull request.
        head: The head that was processed.
        found: The current head.
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
    """Return the desired state at a head that the bot's own commits led to; those change only test files.

    Positions in test files may have moved, so suggestions placed there are listed in the summary instead.
    """
    moved = {
        one.content
        for outcome in wanted.outcomes
        for one in outcome.proposals
        if one.anchor is not None and one.anchor.path != outcome.member.partition("::")[0]
    }
    return replace(wanted, head=head, refused=wanted.refused | moved)


def _expect_head(forge: Forge, number: int, head: str) -> None:
    """Check that a pull request's head is still the one that was processed.

    Raises:
        HeadMoved: The pull request has another head.
    """
    found = forge.head(number)
    if found != head:
        raise HeadMoved(found)

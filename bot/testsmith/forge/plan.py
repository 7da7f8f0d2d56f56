"""From what is there and what is wanted to what is to be done. All pure.

A plan that was carried out leaves nothing to plan. So whatever goes wrong in between (an answer that is lost,
a place that is refused, another run at the same moment) is mended in one way: read again, plan again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from testsmith.forge.comment_markers import (
    SUMMARY_MARK,
    SuggestionMarker,
    composed,
    is_same_login,
    run_digest,
    run_mark,
    run_of,
)
from testsmith.forge.interface import (
    Classifier,
    CreateReview,
    CreateSummary,
    DeletePendingReview,
    Existing,
    Minimise,
    NewComment,
    Operation,
    ResolveThread,
    Restore,
    Review,
    ReviewComment,
    UnresolveThread,
    UpdateSummary,
)
from testsmith.forge.pr_state import State, decode, encode, fits, without_block, without_skipped
from testsmith.forge.reconcile import (
    DesiredState,
    PostLimits,
    Proposal,
    Reconciled,
    ShownWhere,
    Texts,
    own_reviews,
    own_summaries,
    reconcile,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostPlan:
    """What is to be done, in this order, and what a reader should know of it.

    Attributes:
        operations: What is to be done: the review before the summary that speaks of it.
        notes: Sentences for the log and the job summary.
        settled: What becomes of each suggestion.
        texts: What was written; None where there is nothing to say on the pull request.
    """

    operations: tuple[Operation, ...]
    notes: tuple[str, ...]
    settled: Reconciled
    texts: Texts | None


def plan(existing: Existing, wanted: DesiredState, limits: PostLimits) -> PostPlan:
    """Return what is to be done to a pull request so that it has what is wanted.

    Args:
        existing: What is there, from whomever, in full.
        wanted: What is to be there.
        limits: How much is posted at once.
    """
    blocked = tuple(_pending_of_others(existing))
    settled = reconcile(existing, wanted, PostLimits(max_comments=0) if blocked else limits)
    summaries = own_summaries(existing)
    speaks = bool(summaries) or wanted.has_news or settled.has_proposals()
    texts = wanted.write(settled, summaries[0].body if summaries else "") if speaks else None
    operations = tuple(_operations(existing, wanted, settled, texts))
    return PostPlan(
        operations=operations, notes=tuple(_notes(settled, blocked)), settled=settled, texts=texts
    )


def _operations(
    existing: Existing, wanted: DesiredState, settled: Reconciled, texts: Texts | None
) -> Iterator[Operation]:
    pending = [review for review in own_reviews(existing) if review.is_pending]
    yield from (DeletePendingReview(review=review.id) for review in pending)
    if texts is not None:
        yield from _review(existing, wanted.head, settled, texts)
    yield from _tidying(settled)
    if texts is not None:
        yield from _summary(existing, settled.state, texts.summary)


def _review(existing: Existing, head: str, settled: Reconciled, texts: Texts) -> Iterator[CreateReview]:
    """Yield the one review, unless it is there already."""
    new = [proposal for proposal in settled.proposals if proposal.posting is ShownWhere.NEW]
    run = run_digest(head, (proposal.draft.content for proposal in new))
    runs = {run_of(review.body) for review in own_reviews(existing) if not review.is_pending}
    if not new or run in runs:
        return
    yield CreateReview(
        head=head,
        body=composed(" ".join(texts.review.split()), run_mark(run)),
        comments=tuple(_comments(new, texts)),
        run=run,
    )


def _comments(new: list[Proposal], texts: Texts) -> Iterator[NewComment]:
    for proposal in new:
        content, anchor = proposal.draft.content, proposal.draft.anchor
        if anchor is not None:
            mark = str(SuggestionMarker(number=proposal.number, content=content))
            yield NewComment(anchor=anchor, body=composed(texts.comments[content], mark), content=content)


def _tidying(settled: Reconciled) -> Iterator[Operation]:
    for comment in settled.restored:
        yield Restore(node_id=comment.node_id)
        thread = comment.thread
        if thread and thread.is_resolved and thread.viewer_may_unresolve:
            yield UnresolveThread(thread=thread.node_id)
    for comment in settled.applied:
        yield from _resolving(comment)
    for comment in settled.rejected:
        yield from _hiding(comment, Classifier.RESOLVED)
    for comment in settled.retired:
        yield from _hiding(comment, Classifier.OUTDATED)
    for comment in settled.duplicates:
        yield from _hiding(comment, Classifier.DUPLICATE)


def _hiding(comment: ReviewComment, classifier: Classifier) -> Iterator[Operation]:
    yield Minimise(node_id=comment.node_id, classifier=classifier)
    yield from _resolving(comment)


def _resolving(comment: ReviewComment) -> Iterator[ResolveThread]:
    thread = comment.thread
    if thread and thread.viewer_may_resolve and not thread.is_resolved:
        yield ResolveThread(thread=thread.node_id)


def _summary(existing: Existing, state: State, text: str) -> Iterator[Operation]:
    """Yield what makes the oldest summary of ours say this, and hides the others."""
    body = composed(text, f"{encode(state)}\n{SUMMARY_MARK}")
    summaries = own_summaries(existing)
    if not summaries:
        yield CreateSummary(body=body)
    elif not is_same_summary(summaries[0].body, body):
        yield UpdateSummary(comment=summaries[0].id, body=body)
    for comment in summaries[1:]:
        if not comment.is_minimised:
            yield Minimise(node_id=comment.node_id, classifier=Classifier.DUPLICATE)


def is_same_summary(one: str, other: str) -> bool:
    """Tell whether two bodies of a summary say and remember the same.

    The last line of the text does not count, since it tells what the last run cost, nor do line ends and
    blanks at the ends of lines. Where a state was too large, its skipped members do not count either: which
    of them have found room says nothing.
    """
    return _compared(one) == _compared(other) and _compared_state(one) == _compared_state(other)


def _compared(body: str) -> list[str]:
    text = without_block(body).rstrip().removesuffix(SUMMARY_MARK).rstrip()
    lines = [line.rstrip() for line in text.split("\n")]
    return lines[:-1] or lines


def _compared_state(body: str) -> State | None:
    state = decode(body)
    return state if state is None or not state.is_cut else without_skipped(state)


def _pending_of_others(existing: Existing) -> Iterator[Review]:
    """Yield reviews of our account that wait and are not the bot's: whoever made them is to end them."""
    ours = {review.id for review in own_reviews(existing)}
    for review in existing.reviews:
        if (
            review.is_pending
            and is_same_login(review.author, existing.viewer.login)
            and review.id not in ours
        ):
            yield review


def _notes(settled: Reconciled, blocked: tuple[Review, ...]) -> Iterator[str]:
    if blocked:
        yield (
            "A review of this account waits to be submitted, so no other can be made; what there is to say "
            "stands in the summary comment. Submit or delete that review."
        )
    listed = sum(proposal.posting is ShownWhere.LISTED for proposal in settled.proposals)
    if listed:
        yield f"{listed} of {len(settled.proposals)} proposals stand in the summary comment only."
    if not fits(settled.state):
        yield "The summary comment cannot remember all members; some are looked at again at the next push."

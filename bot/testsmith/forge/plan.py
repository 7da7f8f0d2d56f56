"""Plan the operations that bring a pull request to its desired state. Pure functions.

Planning again after a plan was carried out yields no operations. That is how every fault in between (a lost
response, a rejected position, a concurrent run) is fixed: read again, plan again.
"""

from __future__ import annotations

from collections.abc import Iterator

from testsmith.forge.comment_markers import (
    SUMMARY_MARK,
    SuggestionMarker,
    composed,
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
    HideComment,
    NewComment,
    Operation,
    ResolveThread,
    ReviewComment,
    UpdateSummary,
)
from testsmith.forge.pr_state import State, decode, encode, fits, without_block, without_skipped
from testsmith.forge.reconcile import (
    Proposal,
    Reconciled,
    ShownWhere,
    Texts,
    own_reviews,
    own_summaries,
)


def plan(existing: Existing, head: str, settled: Reconciled, texts: Texts | None) -> Iterator[Operation]:
    """Yield the operations that bring a pull request to its desired state, the summary last.

    Args:
        existing: All comments and reviews, whoever wrote them.
        head: Full object id of the head that was processed.
        settled: The outcome of each suggestion.
        texts: The texts to post; None for none.
    """
    pending = [review for review in own_reviews(existing) if review.is_pending]
    yield from (DeletePendingReview(review=review.id) for review in pending)
    if texts is not None:
        yield from _review(existing, head, settled, texts)
    yield from _tidying(settled)
    if texts is not None:
        yield from _summary(existing, settled.state, texts.summary)


def _review(existing: Existing, head: str, settled: Reconciled, texts: Texts) -> Iterator[CreateReview]:
    """Yield the review, unless it was already posted."""
    new = [proposal for proposal in settled.proposals if proposal.posting is ShownWhere.NEW]
    run = run_digest(head, (proposal.content for proposal in new))
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
        content, anchor = proposal.content, proposal.anchor
        if anchor is not None:
            mark = str(SuggestionMarker(number=proposal.number, content=content))
            yield NewComment(anchor=anchor, body=composed(texts.comments[content], mark), content=content)


def _tidying(settled: Reconciled) -> Iterator[Operation]:
    for comment in settled.restored:
        yield HideComment(node_id=comment.node_id, reason=None)
        thread = comment.thread
        if thread and thread.is_resolved and thread.viewer_may_unresolve:
            yield ResolveThread(thread=thread.node_id, is_resolved=False)
    for comment in settled.applied:
        yield from _resolving(comment)
    for comment in settled.rejected:
        yield from _hiding(comment, Classifier.RESOLVED)
    for comment in settled.retired:
        yield from _hiding(comment, Classifier.OUTDATED)
    for comment in settled.duplicates:
        yield from _hiding(comment, Classifier.DUPLICATE)


def _hiding(comment: ReviewComment, classifier: Classifier) -> Iterator[Operation]:
    yield HideComment(node_id=comment.node_id, reason=classifier)
    yield from _resolving(comment)


def _resolving(comment: ReviewComment) -> Iterator[ResolveThread]:
    thread = comment.thread
    if thread and thread.viewer_may_resolve and not thread.is_resolved:
        yield ResolveThread(thread=thread.node_id)


def _summary(existing: Existing, state: State, text: str) -> Iterator[Operation]:
    """Yield the operations that update the oldest summary of the bot and hide any others."""
    body = composed(text, f"{encode(state)}\n{SUMMARY_MARK}")
    summaries = own_summaries(existing)
    if not summaries:
        yield CreateSummary(body=body)
    elif not is_same_summary(summaries[0].body, body):
        yield UpdateSummary(comment=summaries[0].id, body=body)
    for comment in summaries[1:]:
        if not comment.is_minimized:
            yield HideComment(node_id=comment.node_id, reason=Classifier.DUPLICATE)


def is_same_summary(one: str, other: str) -> bool:
    """Return whether two summary bodies have the same text and state.

    The last line of the text is ignored because it reports the cost of the last run, as are line endings and
    trailing blanks. If a state was cut for size, its skipped members are ignored too, because which of them
    fit is arbitrary.
    """
    return _compared(one) == _compared(other) and _compared_state(one) == _compared_state(other)


def _compared(body: str) -> list[str]:
    text = without_block(body).rstrip().removesuffix(SUMMARY_MARK).rstrip()
    lines = [line.rstrip() for line in text.split("\n")]
    return lines[:-1] or lines


def _compared_state(body: str) -> State | None:
    state = decode(body)
    return state if state is None or not state.is_cut else without_skipped(state)


def notes_on(settled: Reconciled) -> Iterator[str]:
    """Yield what a reader should know about the outcome, as sentences for the log and the job summary."""
    if settled.is_blocked:
        yield (
            "This account has a pending review, so no other can be posted. All proposals are in the "
            "summary comment. Submit or delete the pending review."
        )
    listed = sum(proposal.posting is ShownWhere.LISTED for proposal in settled.proposals)
    if listed:
        are = "is" if listed == 1 else "are"
        yield f"{listed} of {len(settled.proposals)} proposals {are} only in the summary comment."
    if not fits(settled.state):
        yield (
            "The summary comment is too small to store all results; some functions are processed again on "
            "the next push."
        )

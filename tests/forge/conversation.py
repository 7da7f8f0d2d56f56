"""The conversation on a pull request, in memory: what plans do to it, and what people do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from testsmith.forge.comment_markers import content_digest, suggestion_of
from testsmith.forge.interface import (
    Anchor,
    Comment,
    CreateReview,
    CreateSummary,
    DeletePendingReview,
    Existing,
    HideComment,
    Operation,
    ResolveThread,
    Review,
    ReviewComment,
    Thread,
    UpdateSummary,
    Viewer,
)
from testsmith.forge.plan import notes_on, plan
from testsmith.forge.pr_state import State
from testsmith.forge.reconcile import (
    DesiredState,
    MemberOutcome,
    Proposal,
    Reconciled,
    ShownWhere,
    Texts,
    own_suggestions,
    own_summaries,
    reconcile,
    remember,
)
from testsmith.model import SkipStage
from testsmith.settings import ReviewSettings

BOT = "github-actions[bot]"
PERSON = "ada"
CODE = "def test_it(): ..."
HEAD = "a" * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted(DesiredState):
    """What a run wants, with what writes its texts."""

    write: Callable[[Reconciled, str], Texts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What is decided from what stands there: numbers, texts, operations."""

    settled: Reconciled
    texts: Texts | None
    operations: tuple[Operation, ...]
    notes: tuple[str, ...]


def plan_for(existing: Existing, want: Wanted, limits: ReviewSettings) -> Planned:
    """Decide as a run does before it writes."""
    settled = reconcile(existing, want, limits)
    before = "".join(one.body for one in own_summaries(existing)[:1])
    texts = want.write(settled, before) if settled.speaks else None
    operations = tuple(plan(existing, want.head, settled, texts))
    return Planned(settled=settled, texts=texts, operations=operations, notes=tuple(notes_on(settled)))


@dataclass
class Conversation:
    """All comments of one pull request.

    Attributes:
        may_resolve: Whether the token may resolve threads.
    """

    comments: dict[int, Comment] = field(default_factory=dict)
    review_comments: dict[int, ReviewComment] = field(default_factory=dict)
    reviews: dict[int, Review] = field(default_factory=dict)
    may_resolve: bool = True
    made: int = 0

    def existing(self) -> Existing:
        return Existing(
            viewer=Viewer(login=BOT),
            comments=tuple(self.comments.values()),
            review_comments=tuple(self.review_comments.values()),
            reviews=tuple(self.reviews.values()),
        )

    def run(self, wanted: Wanted, limits: ReviewSettings | None = None) -> Planned:
        """Plan and do it."""
        planned = plan_for(self.existing(), wanted, limits or ReviewSettings())
        self.apply(planned.operations)
        return planned

    def apply(self, operations: Iterable[Operation]) -> None:
        for operation in operations:
            self._apply(operation)

    def _apply(self, operation: Operation) -> None:
        match operation:
            case CreateReview():
                self._review(operation)
            case CreateSummary(body=body):
                self.say(body, BOT)
            case UpdateSummary(comment=number, body=body):
                self.comments[number] = replace(self.comments[number], body=body)
            case HideComment(node_id=node, reason=reason):
                self.hide(node, hidden=reason is not None)
            case ResolveThread(thread=thread, is_resolved=is_resolved):
                self.resolve(thread, resolved=is_resolved)
            case DeletePendingReview(review=number):
                assert self.reviews.pop(number).is_pending

    def _review(self, operation: CreateReview) -> None:
        assert not any(review.is_pending and review.author == BOT for review in self.reviews.values())
        assert operation.comments
        self.review(operation.body)
        for comment in operation.comments:
            self.remark(comment.body, BOT, comment.anchor)

    def review(self, body: str, author: str = BOT, *, is_pending: bool = False) -> Review:
        number = self._next()
        self.reviews[number] = Review(id=number, body=body, author=author, is_pending=is_pending)
        return self.reviews[number]

    def say(self, body: str, author: str = PERSON) -> Comment:
        number = self._next()
        self.comments[number] = Comment(id=number, node_id=f"C{number}", body=body, author=author)
        return self.comments[number]

    def remark(self, body: str, author: str = PERSON, anchor: Anchor | None = None) -> ReviewComment:
        number = self._next()
        place = anchor or Anchor(path="shop/cart.py", line=1)
        may = self.may_resolve
        self.review_comments[number] = ReviewComment(
            id=number,
            node_id=f"R{number}",
            path=place.path,
            line=place.line,
            body=body,
            author=author,
            thread=Thread(node_id=f"T{number}", viewer_may_resolve=may, viewer_may_unresolve=may),
        )
        return self.review_comments[number]

    def hide(self, node: str, *, hidden: bool = True) -> None:
        """Minimise a comment, or show it again."""
        number = int(node[1:])
        if node.startswith("C"):
            self.comments[number] = replace(self.comments[number], is_minimized=hidden)
        else:
            self.review_comments[number] = replace(self.review_comments[number], is_minimized=hidden)

    def resolve(self, node: str, *, resolved: bool = True) -> None:
        number = int(node[1:])
        comment = self.review_comments[number]
        assert comment.thread
        self.review_comments[number] = replace(comment, thread=replace(comment.thread, is_resolved=resolved))

    def summary(self) -> str:
        """Return the text of the one summary that is shown."""
        (shown,) = [one for one in own_summaries(self.existing()) if not one.is_minimized]
        return shown.body

    def shown_contents(self) -> list[str]:
        """Return the contents of the suggestions' comments that are not hidden."""
        posted = own_suggestions(self.existing())
        return [one.mark.content for one in posted if not one.comment.is_minimized]

    def memory(self) -> State:
        return remember(self.existing())

    def _next(self) -> int:
        self.made += 1
        return self.made


def content_of(member: str, code: str = CODE) -> str:
    return content_digest(member, code)


def draft(member: str, code: str = CODE, *, line: int | None = 3, question: bool = False) -> Proposal:
    """Return what would be proposed for a member; without a line it has no place in the diff."""
    anchor = None if line is None else Anchor(path=member.partition("::")[0], line=line)
    return Proposal(
        member=member, content=content_of(member, code), anchor=anchor, is_question=question, shown="1 test"
    )


def proposing(member: str, code: str = CODE, source: str = "s1") -> MemberOutcome:
    return MemberOutcome(member=member, source=source, proposals=(draft(member, code),))


def skipping(member: str, stage: SkipStage = SkipStage.GATE, source: str = "s1") -> MemberOutcome:
    return MemberOutcome(member=member, source=source, stage=stage, shown="why")


def wanted(
    *outcomes: MemberOutcome, head: str = "a" * 40, is_complete: bool = True, cost: str = "1 call"
) -> Wanted:
    """Return what a run wants, with texts that name what they are about."""

    def write(settled: Reconciled, _: str = "") -> Texts:
        return Texts(
            comments={
                one.content: f"Suggestion {one.number} for `{one.member}`"
                for one in settled.proposals
                if one.posting is ShownWhere.NEW
            },
            summary="\n".join(
                (*(f"{e.member}: {e.number or e.stage}" for e in settled.state.entries), "", cost)
            ),
            review="TestSmith proposes tests.",
        )

    return Wanted(head=head, outcomes=outcomes, write=write, is_complete=is_complete)


def numbers_in(conversation: Conversation) -> dict[str, int]:
    """Return the number in each suggestion's comment, by content."""
    marks = [suggestion_of(comment.body) for comment in conversation.review_comments.values()]
    return {mark.content: mark.number for mark in marks if mark}

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from forge.conversation import BOT, HEAD, Conversation, Wanted, content_of, proposing, skipping, wanted

from testsmith.forge.interface import (
    Applied,
    Commit,
    CreateReview,
    CreateSummary,
    Existing,
    FilePatch,
    Forbidden,
    ForgeFailure,
    HeadMoved,
    HideComment,
    Issue,
    Operation,
    OutcomeUnknown,
    PullRequest,
    ResolveThread,
    UpdateSummary,
)
from testsmith.forge.reconcile import ShownWhere as Place
from testsmith.review.post_review import PostProgress, post
from testsmith.settings import ReviewSettings

NUMBER = 7


@dataclass
class TalkingForge:
    """A forge with one pull request, whose conversation is in memory.

    Attributes:
        faults: By operation's class, what becomes of the next ones: called before the work is done; its
            answer, if any, is given in place of the work's.
    """

    conversation: Conversation = field(default_factory=Conversation)
    head_sha: str = HEAD
    faults: dict[type[object], list[Callable[[Operation], Applied | None]]] = field(default_factory=dict)
    reads: int = 0
    done: list[Operation] = field(default_factory=list)

    def pull_request(self, number: int) -> PullRequest:
        self.reads += 1
        return PullRequest(
            repository="octo/shop",
            number=number,
            head_sha=self.head_sha,
            base_sha="b" * 40,
            base_ref="main",
            head_repository="octo/shop",
        )

    def head(self, number: int) -> str:
        return self.pull_request(number).head_sha

    def issue(self, number: int) -> Issue:
        raise AssertionError(number)

    def file_patches(self, number: int) -> tuple[FilePatch, ...]:
        assert number == NUMBER
        self.reads += 1
        return ()

    def commit(self, sha: str) -> Commit:
        self.reads += 1
        return Commit(author="ada", message=sha)

    def existing(self, number: int) -> Existing:
        assert number == NUMBER
        self.reads += 1
        return self.conversation.existing()

    def apply(self, number: int, operation: Operation) -> Applied:
        assert number == NUMBER
        if isinstance(operation, CreateReview) and operation.head != self.head_sha:
            raise HeadMoved(self.head_sha)
        fault = self.faults.get(type(operation))
        given = fault.pop(0)(operation) if fault else None
        if given is None:
            self.conversation.apply([operation])
            self.done.append(operation)
        return given or Applied()


def posted(
    forge: TalkingForge,
    want: Wanted,
    limits: ReviewSettings | None = None,
    posting: PostProgress | None = None,
) -> PostProgress:
    posting = posting or PostProgress()
    post(forge, NUMBER, want, limits or ReviewSettings(), want.write, posting)
    return posting


def kinds(forge: TalkingForge) -> list[type[object]]:
    return [type(operation) for operation in forge.done]


def test_post__first_run_then_nothing_to_do() -> None:
    forge = TalkingForge()
    assert len(posted(forge, wanted(proposing("a"), skipping("b"))).operations) == 2
    assert kinds(forge) == [CreateReview, CreateSummary]
    forge.reads = 0
    assert posted(forge, wanted(proposing("a"), skipping("b"))).operations == []
    assert forge.reads == 1


def test_post__nothing_to_say_writes_and_asks_nothing() -> None:
    forge = TalkingForge()
    assert posted(forge, wanted(skipping("b"))).operations == []
    assert (forge.conversation.comments, forge.reads) == ({}, 1)


def test_post__a_place_that_is_refused_costs_no_other_proposal() -> None:
    forge = TalkingForge()

    def refuse_a(operation: Operation) -> Applied:
        assert isinstance(operation, CreateReview)
        kept = tuple(one for one in operation.comments if one.content != content_of("a"))
        forge.conversation.apply(
            [CreateReview(head=HEAD, body=operation.body, comments=kept, run=operation.run)]
        )
        return Applied(refused=(content_of("a"),))

    forge.faults[CreateReview] = [refuse_a]
    posting = posted(forge, wanted(proposing("a"), proposing("b")))
    assert forge.conversation.shown_contents() == [content_of("b")]
    assert "b: 2\na: 3" in forge.conversation.summary()  # no 1 was ever shown
    assert posting.settled
    assert {one.member: one.posting for one in posting.settled.proposals} == {
        "a": Place.LISTED,
        "b": Place.STANDING,
    }


def test_post__an_answer_that_was_lost_doubles_nothing() -> None:
    forge = TalkingForge()

    def lose(operation: Operation) -> Applied:
        forge.conversation.apply([operation])
        raise OutcomeUnknown("The answer was lost.")

    forge.faults = {CreateReview: [lose], CreateSummary: [lose]}
    posting = posted(forge, wanted(proposing("a")))
    assert len(forge.conversation.reviews) == len(forge.conversation.comments) == 1
    assert list(posting.notes) == ["The answer was lost."]


def test_post__another_run_at_the_same_moment_leaves_one_summary() -> None:
    forge = TalkingForge()

    def meanwhile(_: Operation) -> None:
        forge.conversation.run(wanted(proposing("a")))

    forge.faults[CreateReview] = [meanwhile]
    posted(forge, wanted(proposing("a")))
    assert forge.conversation.shown_contents() == [content_of("a")]
    assert forge.conversation.summary()
    assert posted(forge, wanted(proposing("a"))).operations == []


def test_post__endless_others_end_with_a_note() -> None:
    forge = TalkingForge()

    def lose(_: Operation) -> Applied:
        raise OutcomeUnknown("The answer was lost.")

    forge.faults[CreateReview] = [lose] * 10
    posting = posted(forge, wanted(proposing("a")))
    assert "next push" in list(posting.notes)[-1]
    assert len(forge.faults[CreateReview]) == 6


@pytest.mark.parametrize("first", [True, False])
def test_post__nothing_where_the_head_has_moved(*, first: bool) -> None:
    forge = TalkingForge()
    if not first:
        posted(forge, wanted(proposing("a")))
    before = (dict(forge.conversation.comments), dict(forge.conversation.review_comments))
    forge.head_sha = "c" * 40
    with pytest.raises(HeadMoved):
        posted(forge, wanted(proposing("a") if first else skipping("a")))
    assert (forge.conversation.comments, forge.conversation.review_comments) == before


def test_post__a_thread_that_may_not_be_resolved_is_a_note() -> None:
    forge = TalkingForge()
    posted(forge, wanted(proposing("a")))

    def note(_: Operation) -> Applied:
        return Applied(note="Threads stay open.")

    forge.faults[ResolveThread] = [note]
    posting = posted(forge, wanted(skipping("a", source="s2")))
    assert list(posting.notes) == ["Threads stay open."]
    assert kinds(forge)[2:] == [HideComment, UpdateSummary]


def test_post__what_is_forbidden_ends_it_and_tells_the_numbers() -> None:
    forge, posting = TalkingForge(), PostProgress()

    def forbid(_: Operation) -> Applied:
        raise Forbidden("no", permission="pull-requests: write")

    forge.faults[CreateReview] = [forbid]
    with pytest.raises(Forbidden):
        posted(forge, wanted(proposing("a")), posting=posting)
    assert (posting.operations, forge.conversation.comments) == ([], {})
    assert posting.settled
    assert [one.number for one in posting.settled.proposals] == [1]


def test_post__a_failure_in_between_is_mended_by_the_next_run() -> None:
    forge = TalkingForge()

    def fail(_: Operation) -> Applied:
        raise ForgeFailure("GitHub is away.")

    forge.faults[CreateSummary] = [fail]
    with pytest.raises(ForgeFailure):
        posted(forge, wanted(proposing("a")))
    posted(forge, wanted(proposing("a")))
    assert len(forge.conversation.reviews) == 1
    assert BOT in {comment.author for comment in forge.conversation.comments.values()}
    assert "a: 1" in forge.conversation.summary()

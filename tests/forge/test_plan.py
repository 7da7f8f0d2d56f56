from __future__ import annotations

import random
from dataclasses import replace

import pytest
from forge.conversation import (
    BOT,
    PERSON,
    Conversation,
    Wanted,
    content_of,
    draft,
    numbers_in,
    plan_for,
    proposing,
    skipping,
    wanted,
)

from testsmith.forge.comment_markers import (
    BODY_LIMIT,
    CUT_NOTE,
    SUMMARY_MARK,
    run_mark,
    run_of,
    suggestion_of,
)
from testsmith.forge.interface import (
    Anchor,
    Classifier,
    CreateReview,
    CreateSummary,
    DeletePendingReview,
    HideComment,
    ResolveThread,
    UpdateSummary,
)
from testsmith.forge.plan import is_same_summary
from testsmith.forge.pr_state import State, decode, encode
from testsmith.forge.reconcile import MemberOutcome, Reconciled, Texts
from testsmith.model import SkipStage
from testsmith.settings import ReviewSettings

LIMITS = ReviewSettings()


def kinds(conversation: Conversation, want: Wanted, limits: ReviewSettings = LIMITS) -> list[type]:
    return [type(operation) for operation in plan_for(conversation.existing(), want, limits).operations]


def test_plan__first_run() -> None:
    conversation = Conversation()
    planned = conversation.run(wanted(proposing("shop/a.py::f"), skipping("shop/a.py::g")))
    review, summary = planned.operations
    assert isinstance(review, CreateReview)
    assert review.head == "a" * 40
    assert review.body == f"TestSmith proposes tests.\n\n{run_mark(review.run)}"
    (comment,) = review.comments
    assert comment.anchor == Anchor(path="shop/a.py", line=3)
    assert comment.body.startswith("Suggestion 1 for `shop/a.py::f`\n\n")
    mark = suggestion_of(comment.body)
    assert mark is not None
    assert (mark.number, mark.content) == (1, content_of("shop/a.py::f"))
    assert isinstance(summary, CreateSummary)
    assert summary.body.startswith("shop/a.py::f: 1\nshop/a.py::g: gate\n\n1 call\n\n<!-- testsmith:state {")
    assert summary.body.endswith(f"-->\n{SUMMARY_MARK}")


@pytest.mark.parametrize("outcomes", [(), (skipping("a"), skipping("b"))])
def test_plan__nothing_to_say_is_no_comment(outcomes: tuple[MemberOutcome, ...]) -> None:
    planned = plan_for(Conversation().existing(), wanted(*outcomes), LIMITS)
    assert planned.operations == ()
    assert planned.texts is None


def test_plan__news_are_said_without_a_proposal() -> None:
    want = replace(wanted(skipping("a")), has_news=True)
    assert kinds(Conversation(), want) == [CreateSummary]


def test_plan__only_rejected_ones_are_nothing_to_say() -> None:
    conversation = Conversation()
    conversation.run(wanted(proposing("a")))
    state = replace(conversation.memory(), rejected=(content_of("a"),))
    (summary,) = conversation.comments.values()
    conversation.comments[summary.id] = replace(summary, body=f"x\n\ncost\n\n{encode(state)}\n{SUMMARY_MARK}")
    planned = conversation.run(wanted(proposing("a")))
    assert [type(one) for one in planned.operations] == [UpdateSummary]
    assert not planned.settled.has_proposals()
    assert conversation.memory().rejected == (content_of("a"),)


def test_plan__the_same_again_is_nothing() -> None:
    conversation = Conversation()
    want = wanted(proposing("a"), proposing("b"), skipping("c"))
    conversation.run(want)
    assert plan_for(conversation.existing(), want, LIMITS).operations == ()


def test_plan__a_new_cost_line_alone_is_nothing() -> None:
    conversation = Conversation()
    conversation.run(wanted(proposing("a"), cost="1 call"))
    assert kinds(conversation, wanted(proposing("a"), head="b" * 40, cost="no call")) == []


def test_plan__an_unchanged_member_beside_a_changed_one() -> None:
    conversation = Conversation()
    conversation.run(wanted(proposing("a"), proposing("b")))
    unchanged = MemberOutcome(member="a", source="s1", is_unchanged=True)
    planned = conversation.run(wanted(unchanged, proposing("b", "new code", "s2")))
    assert [type(one) for one in planned.operations] == [
        CreateReview,
        HideComment,
        ResolveThread,
        UpdateSummary,
    ]
    assert conversation.shown_contents() == [content_of("a"), content_of("b", "new code")]
    assert numbers_in(conversation)[content_of("b", "new code")] == 3
    assert [(entry.member, entry.number) for entry in conversation.memory().entries] == [("a", 1), ("b", 3)]


def test_plan__a_deleted_member_is_hidden_and_resolved_where_that_is_permitted() -> None:
    for may in (True, False):
        conversation = Conversation(may_resolve=may)
        conversation.run(wanted(proposing("a"), proposing("b")))
        (comment, _) = conversation.review_comments.values()
        assert comment.thread
        operations = plan_for(conversation.existing(), wanted(proposing("b")), LIMITS).operations
        resolving = (ResolveThread(thread=comment.thread.node_id),) if may else ()
        hiding = HideComment(node_id=comment.node_id, reason=Classifier.OUTDATED)
        assert operations[:-1] == (hiding, *resolving)
        assert isinstance(operations[-1], UpdateSummary)


def test_plan__a_summary_is_updated_even_when_nothing_is_left_to_say() -> None:
    conversation = Conversation()
    conversation.run(wanted(proposing("a")))
    conversation.run(wanted())
    assert conversation.shown_contents() == []
    assert kinds(conversation, wanted()) == []
    assert conversation.memory().next_number == 2


@pytest.mark.parametrize("deed", ["hides", "resolves", "both"])
def test_plan__what_a_person_closed_is_not_posted_again(deed: str) -> None:
    conversation = Conversation()
    conversation.run(wanted(proposing("a")))
    (comment,) = conversation.review_comments.values()
    assert comment.thread
    if deed != "resolves":
        conversation.hide(comment.node_id)
    if deed != "hides":
        conversation.resolve(comment.thread.node_id)
    assert kinds(conversation, wanted(proposing("a"), head="b" * 40)) == []
    assert kinds(conversation, wanted(proposing("a", source="s2"))) == [UpdateSummary]


def test_plan__a_comment_that_a_person_deleted_is_not_posted_again() -> None:
    conversation = Conversation()
    conversation.run(wanted(proposing("a")))
    conversation.review_comments.clear()
    assert kinds(conversation, wanted(proposing("a"), head="b" * 40)) == []


def test_plan__what_applies_again_is_shown_again() -> None:
    conversation = Conversation()
    conversation.run(wanted(proposing("a"), proposing("b")))
    conversation.run(wanted(proposing("b")))
    planned = conversation.run(wanted(proposing("a"), proposing("b")))
    assert [type(one) for one in planned.operations] == [HideComment, ResolveThread, UpdateSummary]
    threads = [one.thread and one.thread.is_resolved for one in conversation.review_comments.values()]
    assert threads == [False, False]
    assert sorted(conversation.shown_contents()) == sorted([content_of("a"), content_of("b")])
    assert numbers_in(conversation)[content_of("a")] == 1


def test_plan__what_a_person_hid_stays_hidden_when_it_applies_again() -> None:
    conversation = Conversation()
    conversation.run(wanted(proposing("a"), proposing("b")))
    conversation.hide(next(iter(conversation.review_comments.values())).node_id)
    conversation.run(wanted(proposing("b")))
    conversation.run(wanted(proposing("a"), proposing("b")))
    assert conversation.shown_contents() == [content_of("b")]


def test_plan__a_summary_that_was_deleted_comes_back_with_its_numbers() -> None:
    conversation = Conversation()
    conversation.run(wanted(proposing("a")))
    conversation.comments.clear()
    planned = conversation.run(wanted(proposing("b"), proposing("a")))
    assert [type(one) for one in planned.operations] == [CreateReview, CreateSummary]
    assert numbers_in(conversation) == {content_of("a"): 1, content_of("b"): 2}


def test_plan__of_two_summaries_the_oldest_stays() -> None:
    conversation, other = Conversation(), Conversation()
    conversation.run(wanted(proposing("a")))
    other.run(wanted(proposing("a"), proposing("b")))
    second = conversation.say(other.summary(), BOT)
    planned = conversation.run(wanted(proposing("a"), proposing("b")))
    assert [type(one) for one in planned.operations] == [UpdateSummary, HideComment]
    assert planned.operations[-1] == HideComment(node_id=second.node_id, reason=Classifier.DUPLICATE)
    assert [(entry.member, entry.number) for entry in conversation.memory().entries] == [("a", 1), ("b", 2)]
    assert kinds(conversation, wanted(proposing("a"), proposing("b"))) == []


def test_plan__two_runs_at_once_leave_one_of_each() -> None:
    conversation = Conversation()
    want = wanted(proposing("a"), proposing("b"))
    both = [plan_for(conversation.existing(), want, LIMITS) for _ in range(2)]
    for planned in both:
        conversation.apply(planned.operations)
    planned = conversation.run(want)
    assert {type(one) for one in planned.operations} == {HideComment, ResolveThread}
    assert conversation.summary()
    assert sorted(conversation.shown_contents()) == sorted([content_of("a"), content_of("b")])
    assert kinds(conversation, want) == []


def test_plan__a_summary_that_a_person_hid_is_edited_all_the_same() -> None:
    conversation = Conversation()
    conversation.run(wanted(proposing("a")))
    conversation.hide(next(iter(conversation.comments.values())).node_id)
    assert kinds(conversation, wanted(proposing("a"), skipping("b"))) == [UpdateSummary]


def test_plan__what_was_left_out_is_listed_and_does_not_follow_later() -> None:
    (note,) = Conversation().run(wanted(*(proposing(f"m{n}") for n in range(11)))).notes
    assert note == "1 of 11 proposals is only in the summary comment."
    conversation = Conversation()
    want = wanted(*(proposing(f"m{n}") for n in range(35)))
    planned = conversation.run(want)
    assert planned.notes == ("25 of 35 proposals are only in the summary comment.",)
    assert len(conversation.review_comments) == 10
    assert [entry.number for entry in conversation.memory().entries] == list(range(1, 36))
    assert kinds(conversation, replace(want, head="b" * 40)) == []


def test_plan__a_place_that_was_refused_is_planned_again_without_it() -> None:
    conversation = Conversation()
    want = wanted(proposing("a"), proposing("b"))
    review = plan_for(conversation.existing(), want, LIMITS).operations[0]
    assert isinstance(review, CreateReview)
    conversation.apply([replace(review, comments=review.comments[1:])])
    again = conversation.run(replace(want, refused=frozenset({content_of("a")})))
    assert [type(one) for one in again.operations] == [CreateSummary]
    assert conversation.shown_contents() == [content_of("b")]
    assert kinds(conversation, want) == []


def test_plan__an_answer_that_was_lost_is_no_second_review() -> None:
    conversation = Conversation()
    want = wanted(proposing("a"))
    conversation.apply(plan_for(conversation.existing(), want, LIMITS).operations[:1])
    assert kinds(conversation, want) == [CreateSummary]
    conversation.review_comments.clear()
    assert kinds(conversation, want) == [CreateSummary]


def test_plan__our_leftover_pending_review_goes_first() -> None:
    conversation = Conversation()
    left = conversation.review(f"line\n\n{run_mark('0' * 16)}", is_pending=True)
    planned = conversation.run(wanted(proposing("a")))
    assert planned.operations[0] == DeletePendingReview(review=left.id)
    assert [type(one) for one in planned.operations[1:]] == [CreateReview, CreateSummary]


def test_plan__a_pending_review_of_somebody_else_with_our_login_is_left_alone() -> None:
    conversation = Conversation()
    conversation.review("my thoughts", is_pending=True)
    planned = plan_for(conversation.existing(), wanted(proposing("a")), LIMITS)
    assert [type(one) for one in planned.operations] == [CreateSummary]
    assert planned.notes[0].endswith("Submit or delete the pending review.")


@pytest.mark.parametrize("author", [PERSON, "github-actions", "other[bot]"])
def test_plan__persons_who_paste_our_marks_change_nothing(author: str) -> None:
    conversation, clean = Conversation(), Conversation()
    clean.run(wanted(proposing("a"), proposing("b")))
    hostile = State(next_number=900, rejected=(content_of("a"), content_of("b")))
    conversation.say(f"text\n\n{encode(hostile)}\n{SUMMARY_MARK}", author)
    for comment in clean.review_comments.values():
        conversation.remark(comment.body, author)
    for review in clean.reviews.values():
        conversation.review(review.body, author)
    conversation.review(run_mark("0" * 16), author, is_pending=True)
    before = (dict(conversation.comments), dict(conversation.review_comments), dict(conversation.reviews))
    conversation.run(wanted(proposing("a"), proposing("b")))
    conversation.run(wanted(proposing("b")))
    assert sorted(numbers_in_ours(conversation).values()) == [1, 2]
    assert {key: conversation.comments[key] for key in before[0]} == before[0]
    assert {key: conversation.review_comments[key] for key in before[1]} == before[1]
    assert {key: conversation.reviews[key] for key in before[2]} == before[2]


def numbers_in_ours(conversation: Conversation) -> dict[str, int]:
    ours = {key: one for key, one in conversation.review_comments.items() if one.author == BOT}
    return numbers_in(replace(conversation, review_comments=ours))


def test_plan__bodies_fit_whatever_is_written() -> None:
    def write(settled: Reconciled, _: str = "") -> Texts:
        long = "\n".join(["```python", *(["x = 1"] * 30_000), "```", "", "the last line"])
        return Texts(
            comments={one.content: long for one in settled.proposals},
            summary=long,
            review="one\n@line " * 20,
        )

    conversation = Conversation()
    want = replace(wanted(*(proposing(f"m{n}") for n in range(40))), write=write)
    planned = conversation.run(want, ReviewSettings(max_comments=25))
    review, summary = planned.operations
    assert isinstance(review, CreateReview)
    assert isinstance(summary, CreateSummary)
    assert len(review.body.split("\n")) == 3
    for body in (*(comment.body for comment in review.comments), summary.body):
        assert len(body) <= BODY_LIMIT
        assert f"x = 1\n```\n\n{CUT_NOTE}\n\nthe last line\n\n<!-- " in body
    state = decode(summary.body)
    assert state is not None
    assert len(state.entries) == 40
    assert plan_for(conversation.existing(), want, ReviewSettings(max_comments=25)).operations == ()


def test_plan__a_state_without_room_for_all_settles_down() -> None:
    conversation = Conversation()
    members = [f"{'deep/' * 40}m{n}" for n in range(300)]
    want = wanted(*(proposing(name) for name in members[:80]), *(skipping(name) for name in members[80:]))
    planned = conversation.run(want)
    assert "is too small to store all results" in planned.notes[-1]
    for _ in range(3):
        assert conversation.run(want).operations == ()
    assert conversation.memory().numbers() == planned.settled.state.numbers()


SUMMARY = f"head\n\ncost\n\n{encode(State(next_number=3))}\n{SUMMARY_MARK}"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (SUMMARY, True),
        (SUMMARY.replace("\n", "\r\n") + "\n", True),
        (SUMMARY.replace("head", "head  "), True),
        (SUMMARY.replace("cost", "other cost"), True),
        (SUMMARY.replace('"next":3', '"next": 3'), True),
        (SUMMARY.replace("head", "other"), False),
        (SUMMARY.replace('"next":3', '"next":4'), False),
        (SUMMARY.replace('"version":1', '"version":'), False),
        ("", False),
    ],
)
def test_is_same_summary__by_what_it_says_and_remembers(other: str, same: bool) -> None:
    assert is_same_summary(SUMMARY, other) is same


@pytest.mark.parametrize("seed", range(12))
def test_plan__random_lives_of_a_pull_request(seed: int) -> None:
    seeded = random.Random(seed)  # noqa: S311 (a test's numbers, no secret)
    conversation = Conversation(may_resolve=seeded.random() < 0.5)
    numbered = dict[int, str]()
    for push in range(25):
        want = random_push(seeded, push)
        limits = ReviewSettings(max_comments=seeded.choice([1, 3, 10]))
        planned = conversation.run(want, limits)
        assert plan_for(conversation.existing(), want, limits).operations == ()
        remember_numbers(conversation, planned.settled, numbered)
        assert len(set(conversation.shown_contents())) == len(conversation.shown_contents())
        assert sum(comment.author == BOT for comment in conversation.comments.values()) <= 1
        meddle(seeded, conversation)
    assert len(numbers_in_ours(conversation)) == sum(
        one.author == BOT for one in conversation.review_comments.values()
    )


def random_push(seeded: random.Random, push: int) -> Wanted:
    outcomes = []
    for member in seeded.sample([f"shop/m{n}.py::f" for n in range(8)], seeded.randint(0, 8)):
        source = f"s{seeded.randint(1, 3)}"
        drafts = tuple(
            draft(member, f"{source} {n}", line=seeded.choice([3, 3, None]), question=n > 0)
            for n in range(seeded.choice([0, 1, 1, 2]))
        )
        stage = None if drafts else seeded.choice(list(SkipStage))
        is_decided = seeded.random() < 0.85
        is_unchanged = seeded.random() < 0.2
        outcomes.append(
            MemberOutcome(
                member=member,
                source=source,
                proposals=drafts if is_decided else (),
                stage=stage or SkipStage.ENVIRONMENT,
                is_unchanged=is_unchanged,
                is_decided=is_decided,
            )
        )
    return wanted(*outcomes, head=f"{push:040x}", is_complete=seeded.random() < 0.8)


def remember_numbers(conversation: Conversation, settled: Reconciled, numbered: dict[int, str]) -> None:
    """Fail where a number stands for two contents, over the whole life of the pull request."""
    pairs = [(number, content) for content, number in numbers_in_ours(conversation).items()]
    pairs += [(one.number, one.content) for one in settled.proposals]
    for number, content in pairs:
        assert numbered.setdefault(number, content) == content


def meddle(seeded: random.Random, conversation: Conversation) -> None:
    """Do what people do: hide, resolve, delete, damage, paste."""
    deed = seeded.randrange(8)
    if deed == 0 and conversation.review_comments:
        conversation.hide(seeded.choice(list(conversation.review_comments.values())).node_id)
    elif deed == 1 and conversation.review_comments:
        thread = seeded.choice(list(conversation.review_comments.values())).thread
        conversation.resolve(thread.node_id if thread else "")
    elif deed == 2 and conversation.comments:
        conversation.remark(seeded.choice(list(conversation.comments.values())).body, PERSON)
    elif deed == 3 and conversation.review_comments:
        conversation.remark(seeded.choice(list(conversation.review_comments.values())).body, PERSON)
        conversation.review(run_mark("0" * 16), PERSON)


def test_run_mark__of_a_review_is_of_what_it_posts() -> None:
    first = plan_for(Conversation().existing(), wanted(proposing("a")), LIMITS).operations[0]
    other = plan_for(Conversation().existing(), wanted(proposing("b")), LIMITS).operations[0]
    assert isinstance(first, CreateReview)
    assert isinstance(other, CreateReview)
    assert run_of(first.body) == first.run
    assert first.run != other.run

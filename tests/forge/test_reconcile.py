from __future__ import annotations

from dataclasses import replace

import pytest
from forge.conversation import BOT, PERSON, Conversation, content_of, draft, proposing, wanted

from testsmith.forge.comment_markers import SUMMARY_MARK, SuggestionMarker
from testsmith.forge.pr_state import MemberState, PastSuggestion, State, StateEntry, encode
from testsmith.forge.reconcile import (
    Decisions,
    MemberOutcome,
    ShownWhere,
    own_suggestions,
    own_summaries,
    reconcile,
)
from testsmith.model import SkipStage
from testsmith.settings import ReviewSettings

LIMITS = ReviewSettings()


def summary_of(state: State) -> str:
    return f"text\n\ncost\n\n{encode(state)}\n{SUMMARY_MARK}"


def suggested(member: str, number: int, source: str = "s1") -> StateEntry:
    return StateEntry(
        member=member, source=source, outcome=MemberState.SUGGESTED, number=number, content=content_of(member)
    )


def mark(member: str, number: int) -> str:
    return f"text\n\n{SuggestionMarker(number=number, content=content_of(member))}"


def postings(
    conversation: Conversation, *outcomes: MemberOutcome, limits: ReviewSettings = LIMITS
) -> list[tuple[str, int, ShownWhere]]:
    settled = reconcile(conversation.existing(), wanted(*outcomes), limits)
    return [(one.member, one.number, one.posting) for one in settled.proposals]


def test_settle__numbers_in_order_and_one_comment_a_member() -> None:
    a = MemberOutcome(member="a", proposals=(draft("a", "1", line=None), draft("a", "2"), draft("a", "3")))
    assert postings(Conversation(), a, proposing("b")) == [
        ("a", 1, ShownWhere.LISTED),
        ("a", 2, ShownWhere.NEW),
        ("a", 3, ShownWhere.LISTED),
        ("b", 4, ShownWhere.NEW),
    ]


def test_settle__beyond_the_limit_they_are_listed() -> None:
    found = postings(
        Conversation(), *(proposing(f"m{n}") for n in range(35)), limits=ReviewSettings(max_comments=10)
    )
    assert [number for _, number, _ in found] == list(range(1, 36))
    assert [posting for _, _, posting in found] == [ShownWhere.NEW] * 10 + [ShownWhere.LISTED] * 25


def test_settle__the_same_content_twice_counts_once() -> None:
    twice = MemberOutcome(member="a", proposals=(draft("a"), draft("a")))
    assert postings(Conversation(), twice) == [("a", 1, ShownWhere.NEW)]


def test_settle__what_is_known_keeps_its_number_and_gets_no_comment() -> None:
    conversation = Conversation()
    state = State(
        entries=(suggested("listed", 4),),
        past=(PastSuggestion(number=2, content=content_of("past")),),
        rejected=(content_of("rejected"), content_of("listed rejected")),
        next_number=9,
    )
    conversation.say(summary_of(state), BOT)
    conversation.remark(mark("posted", 6), BOT)
    members = ("posted", "listed", "past", "rejected", "new")
    assert postings(conversation, *(proposing(member) for member in members)) == [
        ("posted", 6, ShownWhere.STANDING),
        ("listed", 4, ShownWhere.LISTED),
        ("past", 2, ShownWhere.LISTED),
        ("rejected", 9, ShownWhere.REJECTED),
        ("new", 10, ShownWhere.NEW),
    ]


def test_settle__refused_places_are_listed() -> None:
    want = replace(wanted(proposing("a"), proposing("b")), refused=frozenset({content_of("a")}))
    settled = reconcile(Conversation().existing(), want, LIMITS)
    assert [one.posting for one in settled.proposals] == [ShownWhere.LISTED, ShownWhere.NEW]


def test_settle__a_hidden_comment_stands_all_the_same() -> None:
    conversation = Conversation()
    conversation.hide(conversation.remark(mark("a", 1), BOT).node_id)
    assert postings(conversation, proposing("a")) == [("a", 1, ShownWhere.STANDING)]


def test_settle__marks_of_persons_are_none() -> None:
    conversation = Conversation()
    conversation.remark(mark("a", 500), PERSON)
    conversation.remark(mark("a", 500), "github-actions")
    conversation.say(summary_of(State(next_number=700, rejected=(content_of("a"),))), PERSON)
    assert own_suggestions(conversation.existing()) == ()
    assert own_summaries(conversation.existing()) == ()
    assert postings(conversation, proposing("a")) == [("a", 1, ShownWhere.NEW)]


def test_settle__our_own_words_that_quote_a_mark_are_none() -> None:
    conversation = Conversation()
    conversation.say(f"Somebody wrote:\n{summary_of(State(next_number=700))}\n\nand more.", BOT)
    assert postings(conversation, proposing("a")) == [("a", 1, ShownWhere.NEW)]


def test_settle__what_unchanged_members_have_stays() -> None:
    conversation = Conversation()
    skip = StateEntry(member="b", source="s1", outcome=MemberState.SKIPPED, stage=SkipStage.GATE, shown="why")
    entries = (suggested("a", 1), skip, suggested("gone", 2))
    conversation.say(summary_of(State(entries=entries, next_number=3)), BOT)
    outcomes = [MemberOutcome(member=name, source="s1", is_unchanged=True) for name in ("b", "a", "unknown")]
    settled = reconcile(conversation.existing(), wanted(*outcomes), LIMITS)
    assert settled.state.entries == (suggested("a", 1), skip)
    assert settled.state.past == (PastSuggestion(number=2, content=content_of("gone")),)
    assert settled.proposals == ()
    assert settled.has_proposals()


def test_settle__a_member_that_could_not_be_judged_keeps_what_it_has() -> None:
    conversation = Conversation()
    conversation.remark(mark("a", 1), BOT)
    conversation.say(summary_of(State(entries=(suggested("a", 1, "old"),), next_number=2)), BOT)
    undecided = [
        MemberOutcome(member=name, source="new", stage=SkipStage.ENVIRONMENT, is_decided=False, shown="why")
        for name in ("a", "b")
    ]
    settled = reconcile(conversation.existing(), wanted(*undecided), LIMITS)
    assert settled.retired == ()
    assert settled.state.entries[0] == suggested("a", 1, "old")
    assert settled.state.entries[1].stage is SkipStage.ENVIRONMENT


def test_settle__incomplete_outcomes_leave_the_others_alone() -> None:
    conversation = Conversation()
    for number, member in enumerate(("a", "b", "unknown"), 1):
        conversation.remark(mark(member, number), BOT)
    conversation.say(summary_of(State(entries=(suggested("a", 1), suggested("b", 2)), next_number=4)), BOT)
    settled = reconcile(conversation.existing(), wanted(proposing("a", "other"), is_complete=False), LIMITS)
    assert [one.body for one in settled.retired] == [mark("a", 1)]
    assert {entry.member for entry in settled.state.entries} == {"a", "b"}
    assert settled.state.past == (
        PastSuggestion(number=1, content=content_of("a"), was_hidden=True),
        PastSuggestion(number=3, content=content_of("unknown")),
    )


def test_settle__the_order_of_what_is_remembered_is_kept() -> None:
    conversation = Conversation()
    conversation.say(summary_of(State(entries=(suggested("b", 1), suggested("a", 2)), next_number=3)), BOT)
    settled = reconcile(conversation.existing(), wanted(*(proposing(name) for name in "cab")), LIMITS)
    assert [(entry.member, entry.number) for entry in settled.state.entries] == [("b", 1), ("a", 2), ("c", 3)]


@pytest.mark.parametrize(("is_complete", "order"), [(True, "acb"), (False, "bac")])
def test_settle__the_order_of_skipped_members(is_complete: bool, order: str) -> None:
    conversation = Conversation()
    skipped = tuple(
        StateEntry(member=name, source="s1", outcome=MemberState.SKIPPED, stage=SkipStage.GATE)
        for name in "ba"
    )
    conversation.say(summary_of(State(entries=skipped)), BOT)
    outcomes = [MemberOutcome(member=name, source="s1", stage=SkipStage.GATE) for name in "acb"]
    settled = reconcile(conversation.existing(), wanted(*outcomes, is_complete=is_complete), LIMITS)
    assert "".join(entry.member for entry in settled.state.entries) == order


def test_settle__what_another_version_wrote_of_an_entry_is_kept() -> None:
    conversation = Conversation()
    entry = replace(suggested("a", 1), extra=(("votes", "3"),))
    conversation.say(summary_of(State(entries=(entry,), next_number=2, extra=(("later", "[]"),))), BOT)
    state = reconcile(conversation.existing(), wanted(proposing("a", source="s2")), LIMITS).state
    assert state.extra == (("later", "[]"),)
    assert state.entries[0].extra == (("votes", "3"),)
    assert state.entries[0].source == "s2"


def test_settle__a_damaged_summary_costs_no_number() -> None:
    conversation = Conversation()
    conversation.remark(mark("a", 3), BOT)
    conversation.say(f"text\n\n<!-- testsmith:state {{oops -->\n{SUMMARY_MARK}", BOT)
    assert postings(conversation, proposing("b"), proposing("a")) == [
        ("b", 4, ShownWhere.NEW),
        ("a", 3, ShownWhere.STANDING),
    ]


def test_settle__of_two_contents_with_one_number_the_older_keeps_it() -> None:
    conversation = Conversation()
    conversation.remark(mark("a", 1), BOT)
    conversation.remark(mark("b", 1), BOT)
    assert postings(conversation, proposing("b"), proposing("a")) == [
        ("b", 2, ShownWhere.STANDING),
        ("a", 1, ShownWhere.STANDING),
    ]


def test_settle__what_a_person_wants_is_remembered_and_its_comment_put_away() -> None:
    state = State(entries=(suggested("a", 1), suggested("b", 2)), next_number=3)
    conversation = Conversation()
    conversation.say(summary_of(state), BOT)
    for member, number in (("a", 1), ("b", 2)):
        conversation.remark(mark(member, number), BOT)
    wishes = Decisions(
        rejected=frozenset({content_of("a")}), applied=frozenset({content_of("b")}), is_ignored=True
    )
    settled = reconcile(conversation.existing(), replace(wanted(is_complete=False), wishes=wishes), LIMITS)
    assert settled.state.rejected == (content_of("a"),)
    assert settled.state.applied == (content_of("b"),)
    assert settled.state.is_ignored
    assert settled.state.entries == state.entries
    assert [one.body for one in settled.rejected] == [mark("a", 1)]
    assert [one.body for one in settled.applied] == [mark("b", 2)]
    assert not settled.has_proposals()


def test_settle__what_was_asked_for_stays_though_the_change_has_it_not() -> None:
    state = State(entries=(replace(suggested("a", 1), is_asked=True), suggested("b", 2)), next_number=3)
    conversation = Conversation()
    conversation.say(summary_of(state), BOT)
    settled = reconcile(conversation.existing(), wanted(proposing("c")), LIMITS)
    assert [entry.member for entry in settled.state.entries] == ["a", "c"]

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from forge.conversation import numbers_in
from reporting.pages import Page, assert_harmless
from reporting.written_pull_request import PullRequest

from fakes.golden import check_golden
from fakes.reports import (
    HOSTILE_CODE,
    HOSTILE_TEXT,
    VIEW,
    a_member,
    a_suggestion,
    hostile_report,
    large_report,
    remembered,
    sample_report,
)
from testsmith.forge.comment_markers import (
    BODY_LIMIT,
    content_digest,
    is_summary,
    length,
    suggestion_of,
)
from testsmith.forge.interface import CreateReview
from testsmith.forge.pr_state import MEMBER_LIMIT
from testsmith.model import Change, Report, Skipped, SkipStage, Suggestion
from testsmith.reporting.pull_requests.pull_request import SUMMARY_LIMIT, texts
from testsmith.settings import ReviewSettings

GOLDEN = Path(__file__).parent / "golden" / "pull_request"


def content_of(suggestion: Suggestion) -> str:
    return content_digest(suggestion.member, suggestion.code)


def questions_alone(report: Report) -> Report:
    """Return a report that asks, and proposes nothing."""
    asking = tuple(one for one in report.suggestions if not one.is_green)
    members = {one.member for one in asking}
    return replace(
        report,
        members=tuple(one for one in report.members if one.id in members),
        suggestions=tuple(replace(one, number=number) for number, one in enumerate(asking, start=1)),
        skipped=(),
    )


def test_texts__of_a_first_review() -> None:
    pull = PullRequest(without_place=frozenset({"src/shop/ranges.py::clamp"}))

    pull.run(sample_report())

    check_golden(GOLDEN / "first.md", pull.shown())


def test_texts__of_a_push_that_changes_one_member() -> None:
    pull = PullRequest(without_place=frozenset({"src/shop/ranges.py::clamp"}))
    first = sample_report()
    pull.run(first)
    changed, later = first.members[0], remembered(first)
    again = a_suggestion(
        changed, code="def test_add():\n    assert Cart().add('tea') == 1\n", tests=("test_add",)
    )

    pull.run(
        replace(
            later,
            suggestions=(again,),
            skipped=tuple(one for one in later.skipped if one.member != changed.id),
            unchanged=later.unchanged - {changed.id},
            sources={**later.sources, changed.id: "s2"},
        )
    )

    check_golden(GOLDEN / "repeat.md", pull.shown())


def test_texts__of_questions_alone() -> None:
    pull = PullRequest()

    pull.run(questions_alone(sample_report()))

    check_golden(GOLDEN / "questions.md", pull.shown())


def test_texts__of_many_suggestions() -> None:
    pull = PullRequest()

    pull.run(large_report(6 * 2), ReviewSettings(max_comments=2))

    check_golden(GOLDEN / "many.md", pull.shown())


@pytest.mark.parametrize("make", [sample_report, hostile_report])
@pytest.mark.parametrize("max_comments", [0, 2, 10])
def test_texts__are_harmless(make: object, max_comments: int) -> None:
    assert callable(make)
    pull = PullRequest(view=replace(VIEW, commands=True))

    planned = pull.plan(make(), ReviewSettings(max_comments=max_comments))

    assert planned.texts
    for text in (*planned.texts.comments.values(), planned.texts.summary, planned.texts.review):
        assert_harmless(text)


@pytest.mark.parametrize("report", [sample_report(), hostile_report(), large_report(30)])
@pytest.mark.parametrize("max_comments", [0, 1, 10])
def test_texts__of_a_quiet_repeat_push_are_the_same(report: Report, max_comments: int) -> None:
    pull, limits = PullRequest(), ReviewSettings(max_comments=max_comments)
    pull.run(report, limits)

    quiet = [pull.plan(one, limits) for one in (report, remembered(report))]

    assert [one.operations for one in quiet] == [(), ()]


HOSTILE_NAMES = (
    "a\r\nb", "a\n::error::b", "'a' \"b\"", "\u00fcn\u00ef/\u540d", "::set-output name=a::b", "##[error]a",
    "<!-- testsmith:summary -->", "a -->", "```", "@octocat", "#1", "<b>", "[a](https://e.example)", "a|b",
    "$(touch x)", "`", "x" * (MEMBER_LIMIT // 3),
)  # fmt: skip
NAMES_NOT_REMEMBERED = ("\udcff", "x" * MEMBER_LIMIT)


def report_of(name: str) -> Report:
    """Return a report in which everything has this name."""
    member = a_member(name, f"src/{name}.py", change=Change.AFFECTED, because=(name,))
    other = a_member(f"other {name}", f"src/{name}.py")
    suggestion = a_suggestion(
        member, code=f"# {name}\n\n{name}", tests=(name,), test_path=f"{name}.py", summary=name
    )
    return Report(
        members=(member, other),
        suggestions=(suggestion,),
        skipped=(
            Skipped(path=other.path, member=other.id, stage=SkipStage.GATE, reason=name),
            Skipped(path=name, stage=SkipStage.CHANGES, reason=name),
        ),
        base="0" * 40,
        failure=name,
        notes=(name,),
        sources={member.id: "s1", other.id: "s1"},
    )


@pytest.mark.parametrize("name", [*HOSTILE_NAMES, *NAMES_NOT_REMEMBERED])
@pytest.mark.parametrize("max_comments", [0, 10])
def test_texts__are_safe_whatever_things_are_called(name: str, max_comments: int) -> None:
    pull, limits = PullRequest(), ReviewSettings(max_comments=max_comments)

    planned = pull.run(report_of(name), limits)

    assert planned.texts
    for text in (*planned.texts.comments.values(), planned.texts.summary, planned.texts.review):
        assert_harmless(text)
        assert text.encode()
    assert is_summary(pull.conversation.summary())
    assert list(numbers_in(pull.conversation).values()) == [1] * bool(max_comments)


@pytest.mark.parametrize(
    "name", [name for name in HOSTILE_NAMES if len(name) < MEMBER_LIMIT and name != "\udcff"]
)
def test_texts__of_a_quiet_repeat_push_are_the_same_whatever_things_are_called(name: str) -> None:
    pull, limits = PullRequest(), ReviewSettings(max_comments=0)
    pull.run(report_of(name), limits)

    assert pull.plan(remembered(report_of(name)), limits).operations == ()


def test_texts__differ_in_the_last_line_alone_between_runs_that_found_the_same() -> None:
    pull, report = PullRequest(), sample_report()
    first = pull.run(report).texts

    second = pull.plan(replace(remembered(report), notes=("took 3 s",), head="b" * 40)).texts

    assert first
    assert second
    assert second.summary != first.summary
    assert second.summary.split("\n")[:-1] == first.summary.split("\n")[:-1]


def test_texts__have_the_numbers_of_the_pull_request() -> None:
    pull, first = PullRequest(), a_member("f")
    pull.run(Report(members=(first,), suggestions=(a_suggestion(first, code="x = 1"),)))

    second = pull.run(Report(members=(first,), suggestions=(a_suggestion(first, code="x = 2"),))).texts

    assert second
    (comment,) = second.comments.values()
    assert "<sub>Suggestion 2, by" in comment
    assert "| 2 | `f` | added |" in second.summary
    assert "| 1 |" not in second.summary


def test_texts__tell_of_no_rejected_proposal() -> None:
    pull, report = PullRequest(), sample_report()
    pull.run(report)
    rejected = content_of(report.suggestions[1])
    settled = pull.plan(report).settled
    settled = replace(settled, state=replace(settled.state, rejected=(rejected,)))

    summary = texts(report, settled, VIEW, {}).summary

    assert "naturaldelta" not in summary
    assert "\nRejected: 2.\n" in summary
    assert summary.startswith(
        "**TestSmith** proposes tests for 2 of 11 changed functions and asks 2 questions."
    )


def test_texts__show_a_proposal_without_a_comment_in_a_fold() -> None:
    report = sample_report()

    planned = PullRequest(without_place=frozenset({report.suggestions[0].member})).plan(report)

    assert planned.texts
    assert content_of(report.suggestions[0]) not in planned.texts.comments
    page = Page(planned.texts.summary)
    assert page.blocks == [report.suggestions[0].code]
    assert "| 1 | `Cart.add` | added | 2 tests, kill 6 of 7 · below |" in planned.texts.summary


def test_texts__carry_a_fold_while_its_proposal_stands() -> None:
    report = sample_report()
    pull = PullRequest(without_place=frozenset({report.suggestions[0].member}))
    pull.run(report)
    later, gone = remembered(report), report.members[0]
    left = tuple(one for one in later.skipped if one.member != gone.id)

    kept = pull.plan(later).texts
    dropped = pull.plan(replace(later, members=later.members[1:], skipped=left)).texts

    assert kept
    assert dropped
    assert Page(kept.summary).blocks == [report.suggestions[0].code]
    assert Page(dropped.summary).blocks == []
    assert gone.name not in dropped.summary


def test_texts__carry_no_fold_that_a_person_pastes_elsewhere() -> None:
    report = sample_report()
    pull = PullRequest(without_place=frozenset({report.suggestions[0].member}))
    pull.run(report)
    pasted = pull.conversation.summary().replace("assert cart", "assert not cart")
    pull.conversation.say(pasted)

    planned = pull.plan(remembered(report))

    assert planned.operations == ()


@pytest.mark.parametrize("code", ["x = 1\n" * 3_000, "x = '\U0001f375'\n" * 4_000, HOSTILE_CODE * 60])
@pytest.mark.parametrize("members", [4, 40, 400])
def test_texts__of_the_summary_are_never_too_long(code: str, members: int) -> None:
    report = large_report(members)
    suggestions = tuple(replace(one, code=f"# {one.number}\n{code}") for one in report.suggestions)
    skipped = tuple(replace(one, reason=HOSTILE_TEXT * 3) for one in report.skipped)
    hostile = replace(
        report, suggestions=suggestions, skipped=skipped, failure=HOSTILE_TEXT * 9, notes=(HOSTILE_TEXT,) * 99
    )

    planned = PullRequest().plan(hostile, ReviewSettings(max_comments=0))

    assert planned.texts
    assert length(planned.texts.summary) <= SUMMARY_LIMIT
    (summary,) = (one for one in planned.operations)
    assert length(getattr(summary, "body", "")) <= BODY_LIMIT
    assert planned.texts.summary in getattr(summary, "body", "")
    assert_harmless(planned.texts.summary)


def test_texts__shorten_folds_before_they_leave_one_out() -> None:
    report = large_report(40)
    suggestions = tuple(
        replace(one, code=f"# {one.number}\n" + "x = 1\n" * 1_000) for one in report.suggestions
    )

    planned = PullRequest().plan(replace(report, suggestions=suggestions), ReviewSettings(max_comments=0))

    assert planned.texts
    summary = planned.texts.summary
    assert summary.count("<!-- testsmith:listed end -->") == 20
    assert 0 < len(Page(summary).blocks) < 20
    assert summary.count("The test does not fit into this comment. The command below prints it.") == 20 - len(
        Page(summary).blocks
    )


def test_texts__of_a_comment_leave_room_for_its_mark() -> None:
    member = a_member("f")
    line = "x = '\U0001f375'\n"

    for lines in (7_200, 7_250, 7_300, 20_000):
        report = Report(members=(member,), suggestions=(a_suggestion(member, code=line * lines),))
        (review,) = (one for one in PullRequest().plan(report).operations if isinstance(one, CreateReview))
        (comment,) = review.comments
        assert length(comment.body) <= BODY_LIMIT
        assert suggestion_of(comment.body)
        assert "reproduce: `testsmith suggest" in comment.body


@pytest.mark.parametrize(
    ("suggestions", "line"),
    [
        (sample_report().suggestions, "TestSmith proposes 4 tests for 3 functions and asks 2 questions."),
        (sample_report().suggestions[:2], "TestSmith proposes 3 tests for 2 functions."),
        (sample_report().suggestions[3:4], "TestSmith asks 1 question."),
    ],
)
def test_texts__of_the_review_are_one_line(suggestions: tuple[Suggestion, ...], line: str) -> None:
    report = sample_report()
    numbered = tuple(replace(one, number=number) for number, one in enumerate(suggestions, start=1))

    planned = PullRequest().plan(replace(report, suggestions=numbered))

    assert planned.texts
    assert planned.texts.review == line


def test_texts__offer_to_commit_where_the_test_file_is_in_the_diff() -> None:
    report = sample_report()
    first = report.suggestions[0]
    change = '    last_line()\n\n\ndef test_new():\n    assert "```"'

    planned = PullRequest(changes={content_of(first): change}).plan(report)

    assert planned.texts
    comment = planned.texts.comments[content_of(first)]
    assert (
        "This pull request changes the test file. Committing this suggestion adds the tests to it.\n\n"
        f"````suggestion\n{change}\n````\n"
    ) in comment


def test_texts__say_what_a_skipped_member_was_left_for_at_every_push() -> None:
    member = a_member("f")
    skipped = Skipped(path=member.path, member=member.id, stage=SkipStage.GATE, reason="gains `nothing`" * 30)
    pull = PullRequest()
    report = Report(members=(member,), skipped=(skipped,), base="0" * 40, sources={member.id: "s1"})

    first, second = pull.run(report).texts, pull.plan(remembered(report)).texts

    assert first
    assert second
    assert "| `f` | gate | gains" in first.summary
    assert second.summary.rpartition("\n")[0] == first.summary.rpartition("\n")[0]


def test_texts__of_an_incomplete_run_tell_of_members_that_only_memory_knows() -> None:
    pull, report = PullRequest(), sample_report()
    pull.run(report)
    settled = pull.plan(report).settled

    summary = texts(replace(report, members=(), suggestions=(), skipped=()), settled, VIEW, {}).summary

    assert "| 1 | `src/shop/cart.py::Cart.add` |  | 2 tests, kill 6 of 7 |" in summary
    assert "| `src/shop/net.py::fetch` | verification | needs the network |" in summary
    assert summary.startswith(
        "**TestSmith** proposes tests for 3 of 11 changed functions and asks 2 questions."
    )

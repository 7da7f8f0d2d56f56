from __future__ import annotations

from dataclasses import replace

import pytest
from reporting.test_job_summary import not_allowed, settled

from fakes.reports import (
    HOSTILE_CODE,
    a_member,
    a_suggestion,
    hostile_report,
    large_report,
    sample_report,
)
from testsmith.forge.review_result import PostStatus, ReviewResult
from testsmith.model import Report
from testsmith.reporting.pull_requests.annotations import (
    ANNOTATIONS_LIMIT,
    MESSAGE_LIMIT,
    Annotation,
    annotations_of,
)


def test_annotations_of__say_what_a_comment_would_have_said() -> None:
    first, *_ = annotations_of(not_allowed(sample_report()))

    assert (first.file, first.start_line, first.line) == ("src/shop/cart.py", 12, 12)
    assert first.title == "Cart.add · new behavior · 2 tests for tests/shop/test_cart.py"
    sentence, _, rest = first.message.partition("\n\n")
    assert sentence == "Adding an item twice adds up its count; a count below 1 is refused."
    assert rest.startswith("import pytest\n")
    assert "pass in 5 of 5 runs · kill 6 of 7 mutants" in rest
    assert rest.endswith("\n\nThe job summary shows the full review.")


@pytest.mark.parametrize("delivery", PostStatus)
def test_annotations_of__are_for_what_could_not_be_posted(delivery: PostStatus) -> None:
    told = annotations_of(settled(sample_report(), delivery))

    assert bool(told) is (delivery in {PostStatus.NOT_ALLOWED, PostStatus.FAILED})


def test_annotations_of__without_a_report_are_none() -> None:
    assert annotations_of(ReviewResult(delivery=PostStatus.FAILED, reason="no answer")) == ()


@pytest.mark.parametrize(("suggestions", "told"), [(9, 9), (10, 10), (35, 10)])
def test_annotations_of__are_no_more_than_are_kept(suggestions: int, told: int) -> None:
    found = annotations_of(not_allowed(large_report(2 * suggestions)))

    assert len(found) == told <= ANNOTATIONS_LIMIT
    if suggestions >= ANNOTATIONS_LIMIT:
        left = suggestions - 9
        assert found[-1] == Annotation(
            title=f"{left} more suggestion{'s' if left > 1 else ''}",
            message="The job summary shows the full review.",
        )


def test_annotations_of__leave_out_what_a_person_has_rejected() -> None:
    reviewed = not_allowed(sample_report())
    assert reviewed.settled
    contents = tuple(one.content for one in reviewed.settled.proposals)
    state = replace(reviewed.settled.state, rejected=contents[1:])

    told = annotations_of(replace(reviewed, settled=replace(reviewed.settled, state=state)))

    assert [one.title.partition(" ")[0] for one in told] == ["Cart.add"]


@pytest.mark.parametrize(
    "code", ["x = 1\n" * 300, "x = 1\n" * 5_000, HOSTILE_CODE * 20, "::" * 999, "\U0001f375" * 1_999]
)
def test_annotations_of__are_never_too_long(code: str) -> None:
    member = a_member("f" * 5_000)
    long = a_suggestion(member, code=code, summary="\U0001f375" * 5_000, test_path="t" * 5_000)

    (told,) = annotations_of(not_allowed(Report(members=(member,), suggestions=(long,))))

    assert len(told.message.encode("utf-16-le")) // 2 <= MESSAGE_LIMIT
    assert len(told.title) <= 200


def test_annotations_of__of_a_hostile_report_hold_no_command_and_nothing_invisible() -> None:
    for told in annotations_of(not_allowed(hostile_report())):
        assert told.file == "src/@octocat/`a`|<i>.py"
        assert "\n" not in told.title
        for text in (told.title, told.message):
            assert "##[" not in text
            assert not any(line.lstrip().startswith("::") for line in text.split("\n"))
            assert "\x1b" not in text
            assert text.encode()


def test_annotations_of__name_a_file_that_can_be_encoded() -> None:
    member = a_member("f", "src/bad\udcff\n.py")

    (told,) = annotations_of(not_allowed(Report(members=(member,), suggestions=(a_suggestion(member),))))

    assert told.file == "src/bad\\udcff\n.py"

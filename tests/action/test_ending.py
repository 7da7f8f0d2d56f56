"""How a review ended, and what the step says and returns for it."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.reports import sample_report
from testsmith.action.outputs import Level
from testsmith.action.run import (
    ActionResult,
    annotations_of,
    last_lines,
    outputs_of,
)
from testsmith.forge.review_result import PostStatus, ReviewResult
from testsmith.model import Report


def ended(
    delivery: PostStatus, *, fails: bool = False, internal: bool = False, **reviewed: Any
) -> ActionResult:
    return ActionResult(
        reviewed=ReviewResult(delivery=delivery, **reviewed), fails_on_error=fails, is_internal=internal
    )


KEY_REFUSED = Report(members=(), failure="The key was refused.")


@pytest.mark.parametrize("delivery", [one for one in PostStatus if one is not PostStatus.FAILED])
def test_exit_code__a_whole_report_is_well_whatever_became_of_it(delivery: PostStatus) -> None:
    one = ended(delivery, fails=True, report=sample_report())

    assert one.exit_code == 0


@pytest.mark.parametrize(
    ("delivery", "report"), [(PostStatus.POSTED, KEY_REFUSED), (PostStatus.FAILED, Report(members=()))]
)
def test_exit_code__failures_count_where_asked_for(delivery: PostStatus, report: Report) -> None:
    lenient, strict = (
        ended(delivery, fails=fails, report=report, reason="Broken.") for fails in (False, True)
    )

    assert (lenient.exit_code, strict.exit_code) == (0, 1)
    assert [level for level, _ in annotations_of(lenient)] == [Level.WARNING]
    assert [level for level, _ in annotations_of(strict)] == [Level.ERROR]


def test_exit_code__own_faults_always_count() -> None:
    assert ended(PostStatus.FAILED, internal=True, reason="internal error").exit_code == 1


def test_annotations__each_failure_once() -> None:
    both = ended(PostStatus.FAILED, report=KEY_REFUSED, reason="GitHub cannot be reached.")
    same = ended(PostStatus.FAILED, report=KEY_REFUSED, reason="The key was refused.")

    assert [one.message for _, one in annotations_of(both)] == [
        "GitHub cannot be reached.",
        "The key was refused.",
    ]
    assert len(list(annotations_of(same))) == 1


def test_annotations__a_missing_permission_is_a_warning_but_on_a_fork() -> None:
    report = sample_report()
    own = list(annotations_of(ended(PostStatus.NOT_ALLOWED, reason="The token may not.", report=report)))
    fork = list(annotations_of(ended(PostStatus.NOT_ALLOWED, is_read_only=True, report=report)))

    assert (own[0][0], own[0][1].message.startswith("The token may not. The job summary")) == (
        Level.WARNING,
        True,
    )
    assert own[1:] == fork
    assert {level for level, _ in fork} == {Level.NOTICE}
    assert 0 < len(fork) <= 10


def test_annotations__none_where_the_review_is_posted() -> None:
    assert list(annotations_of(ended(PostStatus.POSTED, report=sample_report()))) == []


def test_outputs__figures_of_the_report() -> None:
    report = sample_report()

    outputs = outputs_of(
        ReviewResult(delivery=PostStatus.POSTED, report=report), "testsmith-report/report.json"
    )

    assert outputs["members"] == str(len(report.members))
    assert outputs["suggestions"] == str(len(report.suggestions))
    assert outputs["skipped"] == str(len(report.skipped))
    assert outputs["api-calls"] == str(report.statistics.spending.api_calls)
    assert outputs["cache-hits"] == str(report.statistics.cache.hits)
    assert outputs["report"] == "testsmith-report/report.json"


def test_outputs__nothing_looked_at() -> None:
    assert list(outputs_of(None).values()) == ["0"] * 5 + [""] * 6


def test_outputs__what_was_committed_and_what_could_not_be() -> None:
    reviewed = ReviewResult(delivery=PostStatus.POSTED, commit="1f2e", follow_up=12)

    outputs = outputs_of(reviewed, patch="testsmith-report/tests.patch")

    assert (outputs["commit"], outputs["pull-request"]) == ("1f2e", "12")
    assert outputs["patch"] == "testsmith-report/tests.patch"


def test_last_lines__notes_then_what_came_of_it() -> None:
    reviewed = ReviewResult(
        delivery=PostStatus.HEAD_MOVED, report=Report(members=()), reason="It moved.", notes=("Seen.",)
    )
    lines = list(last_lines(reviewed))

    assert (lines[0], lines[-1], len(lines)) == ("Seen.", "It moved.", 3)

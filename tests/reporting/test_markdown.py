from __future__ import annotations

from reporting.pages import Page, assert_harmless

from fakes.reports import HOSTILE_CODE, VIEW, hostile_report, sample_report
from testsmith.reporting.escaping import shown_code
from testsmith.reporting.pull_requests.comments import suggestion_comment
from testsmith.reporting.pull_requests.summary import render_markdown


def test_render_markdown__is_the_summary_and_every_comment() -> None:
    report = sample_report()

    shown = render_markdown(report, VIEW)

    assert shown.startswith(
        "**TestSmith** proposes 4 tests for 3 of 11 changed functions and asks 2 questions."
    )
    members = {member.id: member for member in report.members}
    for suggestion in report.suggestions:
        assert suggestion_comment(suggestion, members[suggestion.member], VIEW) in shown


def test_render_markdown__of_a_hostile_report_is_harmless() -> None:
    assert_harmless(render_markdown(hostile_report(), VIEW))


def test_render_markdown__of_hostile_code_shows_it_to_the_letter() -> None:
    page = Page(render_markdown(hostile_report(), VIEW))

    assert page.blocks == [shown_code(HOSTILE_CODE)] * 2

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.reports import (
    a_member,
    a_suggestion,
    empty_report,
    failed_report,
    hostile_report,
    large_report,
    sample_report,
)
from testsmith.model import Failure, Label, Report, Skipped, SkipStage
from testsmith.reporting.report_assembly import (
    Inconsistent,
    check,
    display_names,
    entries,
    numbered,
    skipped_groups,
    totals,
)

F, G, H = (a_member(name) for name in "fgh")


def left_out(name: str, reason: str = "why", stage: SkipStage = SkipStage.GATE) -> Skipped:
    member = a_member(name)
    return Skipped(path=member.path, member=member.id, stage=stage, reason=reason)


@pytest.mark.parametrize(
    "report", [sample_report(), hostile_report(), empty_report(), failed_report(), large_report(20)]
)
def test_check__accepts_a_whole_report(report: Report) -> None:
    check(report)


@pytest.mark.parametrize(
    ("report", "fault"),
    [
        (Report(members=(F, G), suggestions=(a_suggestion(F),)), "::g has neither a suggestion nor a reason"),
        (Report(members=(F,), skipped=(left_out("f"), left_out("f", "too"))), "::f is skipped 2 times"),
        (
            Report(members=(F,), suggestions=(a_suggestion(F),), skipped=(left_out("f"),)),
            "::f is both suggested for and skipped",
        ),
        (Report(members=(F, F), suggestions=(a_suggestion(F),)), "::f is listed 2 times"),
        (Report(members=(), suggestions=(a_suggestion(F),)), "::f, which is not among the members"),
        (
            Report(members=(F,), suggestions=(a_suggestion(F), a_suggestion(F, 2))),
            "::f has 2 green suggestions",
        ),
        (Report(members=(F,), suggestions=(a_suggestion(F, 2),)), "::f has number 2, not 1"),
    ],
)
def test_check__names_the_member_of_an_inconsistent_report(report: Report, fault: str) -> None:
    with pytest.raises(Inconsistent, match=fault) as raised:
        check(report)

    assert isinstance(raised.value, Failure)
    assert str(raised.value).startswith("internal error: ")


def test_check__allows_questions_beside_a_green_suggestion() -> None:
    question = a_suggestion(F, 2, label=Label.QUESTION)

    check(Report(members=(F,), suggestions=(a_suggestion(F), question, replace(question, number=3))))


def test_numbered__follows_the_members_and_puts_green_first() -> None:
    question = a_suggestion(F, 0, label=Label.QUESTION)

    ordered = numbered((F, G), (a_suggestion(G, 9), question, a_suggestion(F, 9)))

    assert [(one.number, one.member, one.is_green) for one in ordered] == [
        (1, F.id, True),
        (2, F.id, False),
        (3, G.id, True),
    ]


def test_entries__keep_the_order_of_the_members() -> None:
    report = Report(members=(F, G, H), suggestions=(a_suggestion(H), a_suggestion(F, 2), a_suggestion(H, 3)))

    assert [(entry.member.name, [one.number for one in entry.suggestions]) for entry in entries(report)] == [
        ("f", [2]),
        ("h", [1, 3]),
    ]


def test_display_names__are_ids_where_names_are_shared() -> None:
    other = a_member("f", "other.py")

    assert display_names((F, G, other)) == {F.id: F.id, G.id: "g", other.id: "other.py::f"}


def test_skipped_groups__follow_the_stages_and_share_reasons() -> None:
    file = Skipped(path="logo.bin", stage=SkipStage.CHANGES, reason="is binary")
    report = Report(
        members=(F, G, H),
        skipped=(left_out("f", stage=SkipStage.BUDGET), left_out("g", "flaky"), left_out("h", "flaky"), file),
    )

    groups = [(group.stage, group.reason, group.members, group.files) for group in skipped_groups(report)]

    assert groups == [
        (SkipStage.CHANGES, "is binary", (), ("logo.bin",)),
        (SkipStage.GATE, "flaky", ("g", "h"), ()),
        (SkipStage.BUDGET, "why", ("f",), ()),
    ]


def test_totals__count_what_is_proposed_asked_and_left_out() -> None:
    figures = totals(sample_report())

    assert (figures.members, figures.tested, figures.tests, figures.questions) == (11, 3, 4, 2)
    assert (figures.skipped_members, figures.skipped_files, figures.unproven) == (6, 1, False)

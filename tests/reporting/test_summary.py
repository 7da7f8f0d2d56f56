from __future__ import annotations

import re
from dataclasses import replace

import pytest

from fakes.reports import (
    HOSTILE_TEXT,
    VIEW,
    a_member,
    a_suggestion,
    large_report,
    sample_report,
)
from testsmith.forge.comment_markers import length
from testsmith.model import GeneratedTest, Report, Skipped, SkipStage, StaleTestAction
from testsmith.reporting.pull_requests.member_status import account
from testsmith.reporting.pull_requests.pull_request import SUMMARY_LIMIT
from testsmith.reporting.pull_requests.summary import Extras, summary_text
from testsmith.reporting.rendering import View


def summary_of(report: Report, view: View = VIEW) -> str:
    return summary_text(report, account(report), view, Extras())


def test_summary_text__of_the_sample() -> None:
    lines = summary_of(sample_report(), VIEW).split("\n")

    assert lines[0] == "**TestSmith** proposes 4 tests for 3 of 11 changed functions and asks 2 questions."
    assert "| 3 | `clamp` | affected by `_bounds` | 1 test, +1 line |" in lines
    assert "| `huge`, `late` | budget | over the limit of 40 members |" in lines
    assert lines[-1] == (
        "<p><sub>3 existing tests fail without this change.<br>"
        "tests: 13 asked, 12 answered, 11 ran, 10 stable, 7 useful, 6 proposed<br>"
        "2 model calls, 3,120 tokens · 4 functions from the cache · 12.3 s · head <code>1a2b3c4</code>"
        "</sub></p>"
        "<details><summary>1 note</summary>"
        "<sub>sandbox: without Landlock: the kernel does not support it</sub></details>"
    )


def test_summary_text__names_commands_only_where_they_are_enabled() -> None:
    assert "testsmith help" not in summary_of(sample_report(), VIEW)
    assert "<code>/testsmith help</code>" in summary_of(sample_report(), replace(VIEW, commands=True))


def test_summary_text__tells_members_of_the_same_name_apart() -> None:
    first, second = a_member("run", "a.py"), a_member("run", "b.py")
    report = Report(members=(first, second), suggestions=(a_suggestion(first), a_suggestion(second, 2)))

    comment = summary_of(report, VIEW)

    assert "| 1 | `a.py::run` |" in comment
    assert "| 2 | `b.py::run` |" in comment


def test_summary_text__of_a_failed_run_begins_with_the_failure() -> None:
    comment = summary_of(Report(members=(), failure="the key was refused"), VIEW)

    assert comment.startswith(
        "> The run ended early: the key was refused\n\nNo function or class was examined.\n"
    )


@pytest.mark.parametrize("text", ["reason", HOSTILE_TEXT, "|" * 500])
def test_summary_text__is_never_too_long_and_says_what_it_left_out(text: str) -> None:
    large = large_report(3000)
    skipped = tuple(replace(entry, reason=f"{index} {text}") for index, entry in enumerate(large.skipped))

    comment = summary_of(replace(large, skipped=skipped, failure=text, notes=(text,) * 100), VIEW)

    assert length(comment) <= SUMMARY_LIMIT
    told = re.findall(r"^… and [\d,]+ more rows; `--format json` lists all of them\.$", comment, re.MULTILINE)
    assert len(told) == 2


def test_summary_text__says_how_many_notes_it_left_out() -> None:
    comment = summary_of(Report(members=(), notes=("word " * 100,) * 50), VIEW)

    assert re.search(r"<summary>50 notes</summary>.*<br>… and \d+ more notes</sub>", comment)


def test_summary_text__names_the_first_of_many_left_out_for_one_reason() -> None:
    members = tuple(a_member(f"f{number}") for number in range(25))
    skipped = tuple(
        Skipped(path=member.path, member=member.id, stage=SkipStage.BUDGET, reason="too many")
        for member in members
    )

    comment = summary_of(Report(members=members, skipped=skipped, base="0"), VIEW)

    assert "`f19` and 5 more | budget | too many |" in comment


def test_summary_text__without_a_proposal_shows_at_once_why() -> None:
    member = a_member("f")
    skipped = Skipped(path=member.path, member=member.id, stage=SkipStage.ENVIRONMENT, reason="no sandbox")
    report = Report(members=(member,), skipped=(skipped,), base="0" * 40)

    assert "<details open><summary>1 function without a proposal</summary>" in summary_of(report)


def test_summary_text__says_which_tests_of_earlier_runs_to_look_at() -> None:
    gone = GeneratedTest(
        path="tests/t.py",
        name="test_f",
        member="a.py::f",
        fate=StaleTestAction.REMOVE,
        is_edited=False,
        fails=None,
    )
    assert "\n\n`f` no longer exists. Remove its tests: `tests/t.py::test_f`.\n" in summary_of(
        replace(sample_report(), earlier=(gone,))
    )

"""The text of the pull request of sweeps: what it says, that it fits, and that nothing foreign acts in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from fakes.golden import check_golden
from fakes.swept import a_sweep, memory_of, new_in
from testsmith.forge.comment_markers import BODY_LIMIT, length
from testsmith.forge.sweep_memory import SweepMemory, decode
from testsmith.model import Report
from testsmith.reporting.sweep_pull_request import sweep_plan_text, sweep_pull_text, sweep_text
from testsmith.sweep_results import SuiteFigures, SweepPlan, SweepReport
from testsmith.test_files.plan import NotPlaced

GOLDEN = Path(__file__).parent / "golden" / "sweep_pull"
HOSTILE = "x`|<!-- --> @ada #7 ::error::##[group]\n<details>"


def body(swept: SweepReport, *earlier: str) -> str:
    return sweep_pull_text(swept, memory_of(swept, *earlier), new_in(swept)).body


def test_golden__a_first_sweep() -> None:
    check_golden(GOLDEN / "first.md", body(a_sweep()))


def test_golden__a_later_sweep_beside_earlier_tests() -> None:
    unplaced = NotPlaced(member="src/shop/part_1.py::odd", path="tests/test_odd.py", reason="not UTF-8")
    swept = a_sweep()
    memory = memory_of(swept, "src/shop/old.py::Old.one", "src/shop/old.py::Old.two")
    check_golden(GOLDEN / "later.md", sweep_pull_text(swept, memory, new_in(swept), (unplaced,)).body)


def test_golden__a_plan() -> None:
    check_golden(GOLDEN / "plan.md", sweep_plan_text(a_sweep().plan))


def test_title__counts_all_that_stands_there() -> None:
    swept = a_sweep()
    text = sweep_pull_text(swept, memory_of(swept, "a.py::f"), new_in(swept))
    assert text.title == "Tests for 5 functions without full coverage"


def test_text__says_nothing_that_was_not_measured() -> None:
    swept = a_sweep(before=SuiteFigures(), after=SuiteFigures(), made={})
    text = body(swept)
    assert "| before |" not in text
    assert "mermaid" not in text
    assert "Made beside" not in text


def test_text__of_a_sweep_that_found_nothing() -> None:
    nothing = SweepReport(plan=SweepPlan(ranked=()), report=Report(members=()))
    text = sweep_text(nothing, SweepMemory(), frozenset(), is_proposed=False)
    assert text.startswith("**TestSmith** found no useful tests this time.")


def test_text__tells_why_a_run_has_ended_early() -> None:
    swept = a_sweep()
    swept = replace(swept, report=replace(swept.report, failure="the key was refused"))
    assert body(swept).startswith("> The run ended early: the key was refused")


@pytest.mark.parametrize("count", [400, 4_000])
def test_text__of_thousands_of_members_fits_and_what_is_remembered_stays_whole(count: int) -> None:
    swept = a_sweep(count, prefix="a_function_with_a_name_of_some_length")
    text = body(swept, *(f"src/old/module_{number}.py::f" for number in range(count)))
    assert length(text) <= BODY_LIMIT
    assert decode(text) is not None
    assert "more rows" in text


def test_text__nothing_foreign_acts_in_it() -> None:
    swept = a_sweep(prefix=HOSTILE, made={HOSTILE: HOSTILE})
    skipped = tuple(replace(one, reason=HOSTILE) for one in swept.report.skipped)
    swept = replace(swept, report=replace(swept.report, skipped=skipped, notes=(HOSTILE,)))
    text = body(swept, HOSTILE)
    assert text.count("<!--") == 1
    assert "##[" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    assert "@ada" not in text
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert html.count("<details>") == html.count("</details>")
    memory = decode(text)
    assert memory
    assert memory.proposed[0].member == HOSTILE

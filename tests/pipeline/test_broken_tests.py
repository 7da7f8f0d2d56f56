"""Which edit of a broken test is asked about, and why a suggestion is left out next to it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from fakes.reports import a_member, a_suggestion
from testsmith.execution.jobs import FAILED, PASSED, FunctionResult, JobResult
from testsmith.languages.python.language import PYTHON
from testsmith.model import Label, Report, Skipped, SkipStage
from testsmith.pipeline.broken_tests import _holds_in_file, why_repeated, with_questions


def test_why_repeated__names_a_test_only_if_it_makes_all_calls() -> None:
    edited = [("test_a", frozenset({"1"})), ("test_b", frozenset({"1", "2"})), ("test_c", frozenset({"3"}))]

    assert why_repeated(frozenset({"1", "2"}), edited) == "the corrected `test_b` makes the same calls"
    assert why_repeated(frozenset({"2", "3"}), edited) == "the corrected tests together make the same calls"


@pytest.mark.parametrize(
    ("on_head", "on_base", "holds"),
    [(PASSED, FAILED, True), (FAILED, FAILED, False), (PASSED, PASSED, False), (None, FAILED, False)],
    ids=["holds", "is wrong", "shows nothing", "did not run"],
)
def test_holds_in_file__passes_with_the_change_and_fails_without_it(
    on_head: str | None, on_base: str, *, holds: bool
) -> None:
    async def run(setting: Any, jobs: Any) -> dict[int, JobResult]:
        status = on_head if setting == "head" else on_base
        functions = {} if status is None else {"test_a": FunctionResult(status=status)}
        return {job.number: JobResult(functions=functions) for job in jobs}

    workspace = SimpleNamespace(parallel=1)
    runner = SimpleNamespace(settings_in_file=lambda: ("head", "base"), run=run, workspace=workspace)
    context: Any = SimpleNamespace(runner=runner, settings=SimpleNamespace(test_seconds=1.0))
    test: Any = SimpleNamespace(name="test_a", path="tests/test_a.py", language=PYTHON)
    assert asyncio.run(_holds_in_file(context, test, "def test_a(): ...\n")) is holds


def test_with_questions__why_there_is_no_new_test_is_a_note() -> None:
    asked, other = a_member("total"), a_member("Cart.add")
    skipped = tuple(Skipped.of(one, SkipStage.GATE, f"{one.name} is flaky") for one in (asked, other))
    report = Report(members=(asked, other), skipped=skipped, notes=("first",))
    question = a_suggestion(asked, label=Label.QUESTION)
    found = with_questions(report, [question], ["second"])
    assert (found.suggestions, found.skipped) == ((question,), skipped[1:])
    assert found.notes == ("first", "second", "no new test of `total` is suggested: total is flaky")

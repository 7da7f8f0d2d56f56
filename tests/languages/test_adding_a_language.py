"""The small language in docs/adding-a-language.md does what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fakes.scopes import scope
from testsmith.languages.language import Language
from testsmith.languages.source import CannotParse
from testsmith.model import Change

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-language.md"


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """The names that the page's examples define, one after the other."""
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102 - the project's own page
    return names


def test_page__its_language_finds_members_and_asks_for_tests(page: dict[str, Any]) -> None:
    language: Language = page["FORMULAS"]
    compared = scope(
        {"fees.formula": "total(a, b) = a\n"},
        {"fees.formula": "total(a, b) = a + b\ntwice(a) = total(a, a)\n"},
    )
    members = language.source.changed_members(compared).members
    assert [(one.id, one.change) for one in members] == [
        ("fees.formula::total", Change.CHANGED),
        ("fees.formula::twice", Change.ADDED),
    ]
    (request,) = language.source.requests(compared.head, members[:1], "", "why")
    assert (request.test_path, request.intent) == ("fees.test", "why")


def test_page__its_tests_are_read_judged_and_run_against_mutants(page: dict[str, Any]) -> None:
    language: Language = page["FORMULAS"]
    compared = scope({}, {"fees.formula": "total(a, b) = a + b\n"})
    (member,) = language.source.all_members(compared.head, ["fees.formula"], "").members
    code = "adds: total(1, 2) == 3\nruns: total(1, 2)\n"
    assert language.tests.test_functions(code) == ("adds", "runs")
    assert language.tests.keep_tests(code, ["adds"]) == "adds: total(1, 2) == 3\n"
    assert language.judge.smells(code, member) == {"runs": "asserts nothing"}
    with pytest.raises(CannotParse):
        language.judge.smells("nothing", member)
    text = "total(a, b) = a + b\n"
    (mutant,) = language.mutator.mutants(text, member, 10)
    assert mutant.edit.applied(text) == "total(a, b) = a - b\n"
    gone = language.mutator.taken_away(text, member)
    assert gone is not None
    assert gone.edit.applied(text) == "total(a, b) = a + b if fail() else 0\n"

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import validate

from fakes.reports import sample_report
from testsmith import reporting
from testsmith.model import Evidence, GeneratedTest, Label, StaleTestAction
from testsmith.reporting.escaping import inline
from testsmith.reporting.formats import render
from testsmith.reporting.json_contract import contract
from testsmith.reporting.phrases import earlier_words, fold_words
from testsmith.reporting.rendering import View
from testsmith.settings import OutputFormat

SCHEMA = Path(reporting.__file__).parent / "schema.json"


def earlier(
    name: str,
    fate: StaleTestAction = StaleTestAction.REMOVE,
    member: str = "a.py::f",
    *,
    edited: bool = False,
) -> GeneratedTest:
    return GeneratedTest(path="tests/t.py", name=name, member=member, fate=fate, is_edited=edited, fails=True)


def words(*tests: GeneratedTest) -> list[str]:
    return [inline(one) for one in earlier_words(tests)]


def test_earlier_words__one_sentence_a_member() -> None:
    assert words(
        earlier("test_a"),
        earlier("test_b"),
        earlier("test_c", edited=True),
        earlier("test_d", StaleTestAction.MEND, edited=True),
    ) == [
        "`f` no longer exists. Remove its tests: `tests/t.py::test_a`, `tests/t.py::test_b`.",
        "`f` no longer exists. Remove its tests (edited by hand): `tests/t.py::test_c`.",
        "`f` has changed. Fix or remove its failing tests (edited by hand): `tests/t.py::test_d`.",
    ]


def test_earlier_words__never_too_many() -> None:
    many = words(*(earlier("test", member=f"a.py::f{number}") for number in range(30)))
    assert (len(many), many[-1]) == (21, "… and tests of 10 more functions.")
    (long,) = words(*(earlier(f"test_{number}") for number in range(30)))
    assert long.endswith(" and 20 more.")
    assert words() == []


@pytest.mark.parametrize("shown", [one for one in OutputFormat if one is not OutputFormat.JSON])
def test_earlier__stands_in_every_format_that_people_read(shown: OutputFormat) -> None:
    told = replace(sample_report(), earlier=(earlier("test_a"),))
    said = render(told, shown, View(project="shop", command=("testsmith", "suggest")))
    assert "no longer exists. Remove its tests: " in said


def test_earlier__in_the_contract() -> None:
    told = replace(sample_report(), earlier=(earlier("test_a", StaleTestAction.MEND, edited=True),))
    document = contract(told)
    assert document["earlier"] == [
        {"test": "tests/t.py::test_a", "member": "a.py::f", "fate": "mend", "edited": True, "fails": True}
    ]
    validate(document, json.loads(SCHEMA.read_text()))


def test_fold_words__say_if_it_is_an_edit_of_a_broken_test() -> None:
    question = next(one for one in sample_report().suggestions if one.label is Label.QUESTION)
    assert fold_words(question) == "The test for the documented behavior"
    edit = replace(question, evidence=Evidence(passes=5, runs=5))
    assert fold_words(edit) == "The edit of the test, if the change is intended"

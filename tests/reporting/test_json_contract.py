from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fakes.reports import (
    HOSTILE_CODE,
    a_member,
    a_suggestion,
    empty_report,
    failed_report,
    hostile_report,
    large_report,
    sample_report,
)
from testsmith.model import BaseOutcome, Change, Label, Origin, Report, SkipStage
from testsmith.reporting.json_contract import contract, render_json

SCHEMA: dict[str, Any] = json.loads(
    files("testsmith.reporting").joinpath("schema.json").read_text(encoding="utf-8")
)
VALIDATOR = Draft202012Validator(SCHEMA)


@pytest.mark.parametrize(
    "report", [sample_report(), hostile_report(), empty_report(), failed_report(), large_report(20)]
)
def test_render_json__keeps_the_schema(report: Report) -> None:
    VALIDATOR.validate(json.loads(render_json(report)))


def test_schema__is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("key", ["schema", "members", "suggestions", "skipped", "stats"])
def test_schema__wants_every_key_of_the_contract(key: str) -> None:
    document = contract(sample_report())
    del document[key]

    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("member", "properties", "change"), list(Change)),
        (("suggestion", "properties", "label"), [*Label, None]),
        (("suggestion", "properties", "origin"), list(Origin)),
        (("evidence", "properties", "base"), list(BaseOutcome)),
        (("skipped", "properties", "stage"), list(SkipStage)),
    ],
)
def test_schema__knows_the_same_words_as_the_model(path: tuple[str, ...], words: list[str | None]) -> None:
    part = SCHEMA["$defs"]
    for key in path:
        part = part[key]

    assert part["enum"] == words


def test_render_json__is_the_contract_to_the_letter() -> None:
    member = a_member("Cart.add")
    report = Report(members=(member,), suggestions=(a_suggestion(member, code="x = 'é'\n"),))

    document = json.loads(render_json(report))

    assert document["members"] == [
        {
            "id": "src/shop/cart.py::Cart.add",
            "path": "src/shop/cart.py",
            "name": "Cart.add",
            "language": "python",
            "change": "added",
            "line": 12,
            "because": [],
        }
    ]
    assert document["suggestions"] == [
        {
            "member": "src/shop/cart.py::Cart.add",
            "number": 1,
            "test_path": "tests/shop/test_cart.py",
            "code": "x = 'é'\n",
            "patch": None,
            "tests": ["test_add"],
            "framework": "pytest",
            "run": "pytest tests/shop/test_cart.py",
            "observed": [],
            "label": "new-behaviour",
            "origin": "offline",
            "witness": None,
            "summary": "",
            "evidence": {
                "passes": 5,
                "runs": 5,
                "base": "absent",
                "tests": 1,
                "fail_to_pass": None,
                "mutants": None,
                "mutants_killed": None,
                "mutants_gained": None,
                "mutants_guarded": None,
                "killed": [],
                "lines_gained": None,
                "branches_gained": None,
            },
        }
    ]


def test_render_json__has_the_figures_of_the_run() -> None:
    assert contract(sample_report())["stats"] == {
        "api_calls": 2,
        "not_asked": 0,
        "cache_hits": 4,
        "cache_misses": 3,
        "cache_entries": 20,
        "prompt_tokens": 2480,
        "prefix_tokens": 0,
        "completion_tokens": 640,
        "thinking_tokens": 0,
        "cost": 0.0,
        "seconds": 12.34,
        "added_seconds": None,
        "funnel": {"asked": 13, "answered": 12, "ran": 11, "stable": 10, "gains": 7, "posted": 6},
    }


def test_render_json__without_verification_has_no_evidence_and_no_label() -> None:
    member = a_member("f")
    report = Report(members=(member,), suggestions=(a_suggestion(member, evidence=None, label=None),))

    (suggestion,) = json.loads(render_json(report))["suggestions"]

    assert (suggestion["evidence"], suggestion["label"]) == (None, None)


def test_render_json__leaves_letters_readable() -> None:
    report = Report(members=(), notes=("naïve 猫",))

    assert '"naïve 猫"' in render_json(report)


def test_render_json__gives_hostile_text_back_unchanged_but_prints_nothing_a_terminal_obeys() -> None:
    document = render_json(hostile_report())

    assert re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\ud800-\udfff]", document) == []
    read = json.loads(document)
    assert read["suggestions"][0]["code"] == HOSTILE_CODE
    assert read["skipped"][1]["path"] == "bad\udcff\n::notice::name"

"""Recorded calls are read with distrust, and open what no text of the tests shows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fakes.engine import answers, candidate, run_pytest
from testsmith.languages.python.explorer.usage.recorded_calls import recorded_expressions


def kept(text: str, *imports: tuple[str, str]) -> list[str]:
    return [each.text for each in recorded_expressions([(text, imports)], {"shop", "tests"})]


@pytest.mark.parametrize(
    ("text", "imports"),
    [
        ('price("2.50", [1, -2], {"a": None})', [("shop.money", "price")]),
        ("Cart(date(2024, 2, 29)).total", [("shop", "Cart"), ("datetime", "date")]),
        ("len(Cart({1, 2})[0])", [("shop", "Cart")]),
    ],
)
def test_recorded_expressions__keep_calls_with_plain_values(
    text: str, imports: list[tuple[str, str]]
) -> None:
    assert kept(text, *imports) == [text]


@pytest.mark.parametrize(
    ("text", "imports"),
    [
        pytest.param("price(1)", [], id="a name without an import"),
        pytest.param("open('x')", [], id="a built-in function that does something"),
        pytest.param("price(1)", [("os", "price")], id="another module"),
        pytest.param("price(1)", [("shop._money", "price")], id="a private module"),
        pytest.param("price(1)", [("tests.test_money", "price")], id="a module of tests"),
        pytest.param("price._cache(1)", [("shop", "price")], id="a private attribute"),
        pytest.param("price(lambda: 1)", [("shop", "price")], id="more than a call"),
        pytest.param("price(1)\nprice(2)", [("shop", "price")], id="more than one line"),
        pytest.param("price(1", [("shop", "price")], id="no expression"),
        pytest.param("price(1)", [("shop", "price; import os")], id="no name"),
    ],
)
def test_recorded_expressions__leave_out_what_a_test_may_not_contain(
    text: str, imports: list[tuple[str, str]]
) -> None:
    assert kept(text, *imports) == []


LABELS = """def label(text, width=8):
    name, mark, rest = text.partition("::")
    if not mark:
        raise ValueError("there is no mark")
    return name{changed}.ljust(width)
"""
TABLE = """import pytest

from labels import label

CASES = [f"{name}::{size}" for name in ("Ab", "cd") for size in (1, 2)]


@pytest.mark.parametrize("text", CASES)
def test_label(text):
    assert label(text).strip() == text[:2]
"""


def test_calls_of_computed_tables__show_what_changed(tmp_path: Path) -> None:
    files = {"labels.py": LABELS.replace("{changed}", ".lower()"), "tests/test_labels.py": TABLE}
    before = {**files, "labels.py": LABELS.replace("{changed}", "")}

    made = candidate(asyncio.run(answers(tmp_path / "work", files, before))["label"])

    assert 'label("Ab::1") == "ab      "' in made.code
    done = run_pytest(tmp_path, {"labels": files["labels.py"]}, {"label": made.code})
    assert "failed" not in done, done

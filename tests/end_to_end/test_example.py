"""The example of the README: what the bot says of it, and the pictures of that in the docs."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

import testsmith
from fakes.plain_python import plain_environment

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = json.loads(
    (Path(testsmith.__file__).parent / "reporting" / "schema.json").read_text(encoding="utf-8")
)


@pytest.fixture(name="picture")
def _picture(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(DOCS)
    monkeypatch.setenv("VIRTUAL_ENV", str(plain_environment()))
    return importlib.import_module("picture")


def without_small_print(text: str) -> list[str]:
    """Return the lines of a text without seconds and notes, which this machine decides.

    In Markdown they are one line of small print; elsewhere they are at the end.
    """
    lines = [line for line in text.splitlines() if not line.startswith("<p><sub>")]
    return lines[: next((place for place, line in enumerate(lines) if "no model calls" in line), None)]


def check_picture(picture: ModuleType, name: str, text: str) -> None:
    shown = (picture.PICTURES / name).read_text(encoding="utf-8")
    assert without_small_print(text) == without_small_print(shown), (
        "The bot says something else now: run `make picture`."
    )


@pytest.mark.parametrize("name", ["audit.md", "audit_all_well.md", "terminal.ansi", "report.html"])
def test_pictures__show_what_the_bot_says(name: str, picture: ModuleType) -> None:
    check_picture(picture, name, picture.TEXTS[name]())


def test_example__by_the_action_and_the_offline_engine(
    picture: ModuleType, shop: Path, tmp_path: Path
) -> None:
    summary, report, posted = picture.action_run()

    check_picture(picture, "job_summary.md", summary)
    check_review(picture, summary, posted)
    jsonschema.validate(report, SCHEMA)
    changes = {member["id"]: member["change"] for member in report["members"]}
    assert changes == {
        "src/shop/cart.py::Cart.add": "changed",
        "src/shop/cart.py::Cart.size": "added",
        "src/shop/prices.py::discounted": "affected",
        "src/shop/prices.py::shipping": "changed",
        "src/shop/prices.py::cents": "added",
        "src/shop/stock.py::reserve": "added",
    }
    suggested, skipped = members(report["suggestions"]), members(report["skipped"])
    assert suggested | skipped == set(changes)
    assert not suggested & skipped
    green = [one for one in report["suggestions"] if one["label"] not in {"question", "catches"}]
    assert {"src/shop/cart.py::Cart.add", "src/shop/stock.py::reserve"} <= members(green)
    assert [(one["evidence"]["passes"], one["evidence"]["runs"]) for one in green] == [(5, 5)] * len(green)
    assert pass_plainly([one["code"] for one in green], shop / "src", tmp_path / "plain")
    said = f"proposes {sum(len(one['tests']) for one in green)} tests for the 6 changed functions and asks 1"
    assert said in (picture.PICTURES / "review.md").read_text(encoding="utf-8").splitlines()[0]
    of_cents = [one for one in report["suggestions"] if one["member"] == "src/shop/prices.py::cents"]
    [contradicted] = [one for one in of_cents if one["label"] == "question"]
    assert "115" in contradicted["code"]
    assert not [one for one in of_cents if one is not contradicted and '"1.15"' in one["code"]]
    check_audit(report)


def check_review(picture: ModuleType, summary: str, posted: list[str]) -> None:
    """The picture of a review shows what is posted, and the summary what the job summary shows."""
    shown = (picture.PICTURES / "review.md").read_text(encoding="utf-8")
    first, *comments = shown.split(picture.BETWEEN_COMMENTS)
    parts = [without_commands(one.partition("\n\n")[2]) for one in comments]
    in_summary = [one for one in parts if one not in map(without_commands, posted)]
    assert len(in_summary) == len(parts) - len(posted)
    assert {line for one in in_summary for line in one} <= {*without_commands(summary)}
    lines = [line for line in without_small_print(first) if line.startswith(("|", "- "))]
    assert lines == [line for line in without_small_print(summary) if line in lines]


def without_commands(text: str) -> list[str]:
    """Return the lines of a comment without its last ones, which say how to reproduce it, and its marks."""
    return [line for line in text.splitlines() if line and not line.startswith(("<sub>", "<!--"))]


def check_audit(report: dict[str, Any]) -> None:
    """Without tests of the change, what is said is about the mutants whose fate is known anyway."""
    audit = report["audit"]
    assert audit["tests"] == []
    survived = audit["changed_lines_survived"]
    assert audit["changed_lines_mutants"] >= len(survived) > 0
    killed = {
        (one["member"].partition("::")[0], mutant)
        for one in report["suggestions"]
        if one["label"] not in {"question", "catches"}
        for mutant in one["evidence"]["killed"]
    }
    assert all(one["proposed"] for one in survived if (one["path"], one["mutant"]) in killed)
    assert {one["proposed"] for one in survived} == {one["reached"] for one in survived} == {True, False}


def members(entries: list[dict[str, Any]]) -> set[str]:
    return {entry["member"] for entry in entries if entry["member"] is not None}


def pass_plainly(codes: list[str], sources: Path, folder: Path) -> bool:
    """Tell whether modules pass by plain pytest, in an empty folder, with the source roots alone."""
    folder.mkdir()
    for number, code in enumerate(codes):
        (folder / f"test_suggested_{number}.py").write_text(code, encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(sources), "HOME": str(folder)}
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", ".")
    return (
        subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False).returncode == 0
    )

"""Suggestions as edits of the test files that a project has."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from fakes.command_line import CommandLine
from fakes.git_repository import GitRepository
from testsmith.languages.python.language import PYTHON
from testsmith.languages.tests import TestMark

BEFORE = """\
def shipping(weight: int) -> int:
    return weight * 2


def label(name: str) -> str:
    return name.strip()
"""
AFTER = """\
def shipping(weight: int) -> int:
    return 0 if weight > 100 else weight * 2


def label(name: str) -> str:
    return name.strip().upper()
"""
TEST_SHIPPING = """\
import prices as p


class TestShipping:
    def test_light(self):
        assert p.shipping(3) == 6


class TestOthers:
    def test_nothing(self):
        assert p
"""
TEST_LABEL = """\
import pytest

import prices


@pytest.fixture(autouse=True)
def unchanged_labels(monkeypatch):
    monkeypatch.setattr(prices, "label", lambda name: name)


def test_label():
    assert prices.label("a") == "a"
"""


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    made = GitRepository.create(tmp_path / "shop")
    made.commit(
        {"prices.py": BEFORE, "tests/test_shipping.py": TEST_SHIPPING, "tests/test_label.py": TEST_LABEL}
    )
    made.git("branch", "base")
    made.commit({"prices.py": AFTER})
    return made


def suggested(command_line: CommandLine, folder: Path, *options: str) -> dict[str, dict[str, Any]]:
    """Return the suggestions by the name of their function."""
    base = ("--base", "base", "--provider", "offline", "--runs", "1", *options)
    report = command_line.suggest(folder, *base).report
    return {one["member"].partition("::")[2]: one for one in report["suggestions"]}


def test_patch__goes_into_the_class_that_tests_the_function_or_a_new_file_where_it_does_not_hold(
    command_line: CommandLine, repository: GitRepository
) -> None:
    both = suggested(command_line, repository.folder)

    found = both["shipping"]
    assert found["test_path"] == "tests/test_shipping.py"
    subprocess.run(("git", "apply", "-"), input=found["patch"], text=True, check=True, cwd=repository.folder)
    text = (repository.folder / "tests/test_shipping.py").read_text(encoding="utf-8")
    head, others = text.split("class TestOthers")
    assert "    def test_shipping" in head
    assert "p.shipping(" in head.partition("test_light")[2].partition("def test_shipping")[2]
    assert "from prices import" not in text
    assert others == TEST_SHIPPING.split("class TestOthers")[1]

    assert both["label"]["patch"] is None
    assert both["label"]["test_path"] == "tests/test_label_2.py"
    assert both["label"]["evidence"]["fail_to_pass"]


OUTDATED = """\
import pytest

import prices


@pytest.fixture(autouse=True)
def unchanged_labels(monkeypatch, request):
    if request.node.name != "test_label":
        monkeypatch.setattr(prices, "label", lambda name: name)


def test_label():
    assert prices.label("a") == "a"
"""


def test_patch__in_place_of_an_outdated_test_is_proven_in_the_file(
    command_line: CommandLine, repository: GitRepository
) -> None:
    mark = TestMark(version="1", source="12345678", member="prices.py::label")
    marked = PYTHON.tests.seal(PYTHON.tests.mark(OUTDATED, mark))
    repository.git("checkout", "-q", "base")
    repository.commit({"tests/test_label.py": marked, "prices.py": BEFORE})
    repository.git("checkout", "-qb", "changed")
    repository.commit({"prices.py": AFTER})

    found = suggested(command_line, repository.folder, "--only", "prices.py::label")["label"]
    assert found["patch"] is None
    assert found["test_path"] == "tests/test_label_2.py"

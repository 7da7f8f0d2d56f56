"""`testsmith prove` on tests that someone else wrote: the labeled ones of an example project, and others."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from fakes.command_line import CommandLine
from fakes.git_repository import GitRepository

LABELED = Path(__file__).parents[2] / "examples" / "labeled"
_LABEL = re.compile(r"^ *# ([\w -]+): ([\w-]+)\n(?: *@.*\n)* *def (test_\w+)", re.MULTILINE)
GOOD = frozenset({"real", "over-mocked", "snapshot"})
"""Kinds of tests that protect something, if their verdict says so."""


def labels() -> dict[str, tuple[str, str | None]]:
    """Return the kind of each labeled test and the verdict that is right, by its name."""
    found: dict[str, tuple[str, str | None]] = {}
    for file in sorted((LABELED / "head" / "tests").glob("test_*.py")):
        for kind, verdict, name in _LABEL.findall(file.read_text()):
            assert f"{file.name}::{name}" not in found
            found[f"{file.name}::{name}"] = kind, None if verdict == "none" else verdict
    return found


@pytest.fixture
def labeled(tmp_path: Path) -> Path:
    """The labeled project, with the change in its working tree."""
    project = GitRepository.create(tmp_path / "project")
    shutil.copytree(LABELED / "base", project.folder, dirs_exist_ok=True)
    project.git("add", "--all")
    project.git("commit", "-qm", "base")
    shutil.copytree(LABELED / "head", project.folder, dirs_exist_ok=True)
    return project.folder


def test_labels__are_there_for_each_kind() -> None:
    kinds = Counter(kind for kind, _ in labels().values())
    assert sum(kinds.values()) >= 60
    assert kinds.keys() >= {
        *("real", "vacuous", "tautological", "wrong target", "flaky", "mock-only", "over-mocked", "snapshot"),
        *("order-dependent", "import time", "subprocess", "fixture only"),
    }


@pytest.mark.slow
def test_prove__judges_the_labeled_tests_as_their_labels_say(
    command_line: CommandLine, labeled: Path
) -> None:
    ran = command_line.run(
        *("prove", "tests", "--repo", str(labeled), "--base", "HEAD", "--format", "json"), seconds=300
    )
    assert ran.code == 1, ran.stderr
    found = {one["test"].removeprefix("tests/"): one for one in ran.report["audit"]["tests"]}
    judged = {f"{name.partition('::')[0]}::{name.rpartition('::')[2]}": one for name, one in found.items()}
    expected = labels()
    assert judged.keys() == {*expected, "test_base.py::test_split_of_nothing"}

    confusion = Counter((verdict, judged[name]["verdict"]) for name, (_, verdict) in expected.items())
    wrong = {
        name: (kind, verdict, judged[name]["verdict"], judged[name]["reason"])
        for name, (kind, verdict) in expected.items()
        if judged[name]["verdict"] != verdict
    }
    assert not wrong, confusion
    good = [name for name, (_, verdict) in expected.items() if verdict != "cannot-fail"]
    assert not [name for name in good if judged[name]["verdict"] == "cannot-fail"]
    assert confusion["cannot-fail", "cannot-fail"] >= 15

    first = judged["test_change.py::test_refund_after_three_weeks"]
    assert first["reason"] == "fails without the change: `assert 100 == 50`"
    assert (first["base"], first["passes"], first["runs"]) == ("fails", 3, 3)
    assert first["killed"]
    assert all(one.startswith("src/ledger/money.py: ") for one in first["killed"])
    weak = judged["test_added.py::test_fee_is_itself"]
    assert weak["weakness"] == "passes whatever `fee` returns"
    assert judged["test_vacuous.py::test_swallowed"]["reason"] == "passes even with `refund` removed"
    assert judged["test_change.py::test_true"]["verdict"] == "cannot-fail"  # a method of a TestCase


MODULE = "def f(a):\n    return a + 1\n"
TEST = "from m import f\n\n\ndef test_f():\n    assert f(1) == 2\n\n\ndef test_nothing():\n    pass\n"


def project_of(folder: Path, **files: str) -> Path:
    project = GitRepository.create(folder / "project")
    project.commit(
        {"m.py": MODULE, **{name.replace("__", "/") + ".py": text for name, text in files.items()}}
    )
    return project.folder


@pytest.mark.slow
def test_prove__says_in_text_what_each_test_protects_and_judges_only_what_is_named(
    command_line: CommandLine, tmp_path: Path
) -> None:
    folder = project_of(tmp_path, tests__test_m=TEST)
    ran = command_line.run("prove", "tests/test_m.py::test_f", "--repo", str(folder), "--base", "HEAD")
    assert (ran.code, ran.stdout) == (
        0,
        (
            "✓ tests/test_m.py::test_f: passes without the change, and fails with + to - on line 2\n"
            "\n"
            "The test of this change guards other behavior.\n"
        ),
    ), ran.stderr
    assert ran.stderr == "testsmith: auditing tests (2)\n"


@pytest.mark.slow
def test_prove__a_base_class_in_another_file_and_a_module_that_is_missing_on_both_sides(
    command_line: CommandLine, tmp_path: Path
) -> None:
    """Without a module that is not the project's, nothing is said of the change."""
    project = GitRepository.create(tmp_path / "project")
    base = "import unittest\n\n\nclass ShopBase(unittest.TestCase):\n    pass\n"
    lacking = "import not_there_at_all\n\n\ndef test_a():\n    pass\n"
    project.commit({"shop.py": "def price():\n    return 1\n", "tests/bases.py": base})
    text = (
        "from bases import ShopBase\nfrom shop import price\n\n\n"
        "class PriceCheck(ShopBase):\n    def test_price(self):\n        self.assertEqual(price(), 1)\n"
    )
    project.write({"tests/test_shop.py": text, "tests/test_lacking.py": lacking})
    arguments = ("prove", "tests", "--repo", str(project.folder), "--base", "HEAD", "--format", "json")
    ran = command_line.run(*arguments, seconds=300)
    assert ran.code == 0, ran.stderr
    without, found = ran.report["audit"]["tests"]
    assert found["test"] == "tests/test_shop.py::PriceCheck::test_price"
    assert found["verdict"] == "guards-other-behavior"
    assert (without["verdict"], without["base"]) == (None, "not-run")
    assert "not_there_at_all" in without["reason"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("tests/test_n.py", "tests/test_n.py: no such file or folder; did you mean tests/test_m.py?"),
        ("tests/test_m.py::test_g", "no test function `test_g` in tests/test_m.py; did you mean test_f?"),
        ("m.py", "m.py: no test functions there"),
    ],
)
def test_prove__what_is_not_there_is_wrong_usage(
    command_line: CommandLine, tmp_path: Path, path: str, words: str
) -> None:
    folder = project_of(tmp_path, tests__test_m=TEST)
    ran = command_line.run("prove", path, "--repo", str(folder), "--base", "HEAD")
    assert (ran.code, ran.stdout) == (2, "")
    assert words in ran.stderr

"""Suggestions as edits of the test files that a project has."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from fakes.command_line import CommandLine
from fakes.endpoint import Body, Endpoint, members_in
from fakes.git_repository import GitRepository
from testsmith.languages.python.language import PYTHON
from testsmith.languages.tests import TestMark

BEFORE = """\
def shipping(weight: int) -> int:
    return weight * 2


def label(name: str) -> str:
    return name.strip()


def tag(name: str) -> str:
    return name.strip()
"""
AFTER = """\
def shipping(weight: int) -> int:
    return 0 if weight > 100 else weight * 2


def label(name: str) -> str:
    return name.strip().upper()


def tag(name: str) -> str:
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


OUTDATED = """\
import pytest

import prices


@pytest.fixture(autouse=True)
def unchanged_tags(monkeypatch, request):
    if request.node.name != "test_tag":
        monkeypatch.setattr(prices, "tag", lambda name: name)


def test_tag():
    assert prices.tag("a") == "a"
"""
MARK = TestMark(version="1", source="12345678", member="prices.py::tag")


def test_patch__goes_into_the_class_that_tests_the_function_or_a_new_file_where_it_does_not_hold(
    command_line: CommandLine, tmp_path: Path
) -> None:
    """In place of an outdated test, it is proven in the file as well."""
    repository = GitRepository.create(tmp_path / "shop")
    outdated = {"tests/test_tag.py": PYTHON.tests.seal(PYTHON.tests.mark(OUTDATED, MARK))}
    repository.commit(
        {"prices.py": BEFORE, "tests/test_shipping.py": TEST_SHIPPING, "tests/test_label.py": TEST_LABEL}
    )
    repository.commit({**outdated})
    repository.write({"prices.py": AFTER})
    base = ("--base", "HEAD", "--provider", "offline", "--runs", "1")
    report = command_line.suggest(repository.folder, *base).report
    found = {one["member"].partition("::")[2]: one for one in report["suggestions"]}

    shipping = found["shipping"]
    assert shipping["test_path"] == "tests/test_shipping.py"
    subprocess.run(
        ("git", "apply", "-"), input=shipping["patch"], text=True, check=True, cwd=repository.folder
    )
    text = (repository.folder / "tests/test_shipping.py").read_text(encoding="utf-8")
    head, others = text.split("class TestOthers")
    assert "    def test_shipping" in head
    assert "p.shipping(" in head.partition("test_light")[2].partition("def test_shipping")[2]
    assert "from prices import" not in text
    assert others == TEST_SHIPPING.split("class TestOthers")[1]

    for name in ("label", "tag"):
        assert found[name]["patch"] is None
        assert found[name]["test_path"] == f"tests/test_{name}_2.py"
        assert found[name]["evidence"]["fail_to_pass"]


TOTAL = "def total(cart):\n    return cart.price\n"
TOTAL_OF_GIFT = "def total(cart):\n    return 0 if cart.is_gift else cart.price\n"
TEST_TOTAL = """\
from holding import total


class Cart:
    price = 3


def test_total():
    assert total(Cart()) == 3
"""
ONE_FIELD = """\


def test_fields():
    assert [name for name in vars(Cart) if name[0] != "_"] == ["price"]
"""
WITH_FIELD = """\
@@
 class Cart:
     price = 3
+    is_gift = False
@@
 def test_total():
     assert total(Cart()) == 3
+
+
+def test_total__of_a_gift():
+    cart = Cart()
+    cart.is_gift = True
+    assert total(cart) == 0
"""


def test_patch__may_give_a_field_to_what_stands_in_if_no_other_test_fails_with_it(
    command_line: CommandLine, tmp_path: Path
) -> None:
    repository = GitRepository.create(tmp_path / "shop")
    breaking = TEST_TOTAL.replace("holding", "breaking") + ONE_FIELD
    repository.commit(
        {
            **dict.fromkeys(["holding.py", "breaking.py"], TOTAL),
            "tests/test_holding.py": TEST_TOTAL,
            "tests/test_breaking.py": breaking,
        }
    )
    repository.write(dict.fromkeys(["holding.py", "breaking.py"], TOTAL_OF_GIFT))

    def answer(body: Body) -> str:
        return json.dumps(
            {"tests": [{"name": one, "code": "", "patch": WITH_FIELD} for one in members_in(body)]}
        )

    with Endpoint(answer=answer) as endpoint:
        model = ("--base-url", endpoint.url, "--model", "a-model", "--strategy", "write")
        quickly = ("--runs", "1", "--repairs", "0")
        report = command_line.suggest(
            repository.folder, "--base", "HEAD", *model, *quickly, key="sk-test"
        ).report

    found = {one["member"]: one for one in report["suggestions"]}
    one, other = found["holding.py::total"], found["breaking.py::total"]
    assert (one["test_path"], one["label"]) == ("tests/test_holding.py", "new-behaviour")
    assert "+    is_gift = False" in one["patch"].splitlines()
    assert (other["test_path"], other["patch"]) == ("tests/test_total.py", None)
    [note] = [each for each in report["notes"] if "`tests/test_breaking.py`" in each]
    assert "where `test_fields` fails with it" in note

"""Which values of a test module may depend on the project."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from testsmith.languages.python.running.worker.audit.test_code import TestCode

SOURCE = """
import math
import re
from decimal import Decimal
from pathlib import Path
from unittest.mock import ANY, Mock

import pytest
import shop_of_nobody
from shop_of_nobody import LIMIT, Cart, total

NUMBERS = [1, 2]
COPY = NUMBERS
PATTERN = re.compile("a+")
FOLDER = Path(__file__).parent / "data"
AMOUNT = Decimal("1.5") * 2
DOUBLE = Mock()
SQUARES = [number * number for number in NUMBERS]
MARK = pytest.mark.slow
READ = Path(__file__).read_text()
OPENED = open(__file__).close()
RESULT = total(NUMBERS)
CART = Cart()
OWN = LIMIT
MADE = [each for each in (1, 2)]


def helper():
    return 1


BY_HELPER = helper()
for LOOPED in (1, 2):
    pass


class TestCart:
    limit = 3
    made = total(NUMBERS)
    __test__ = True


@pytest.mark.parametrize("number", NUMBERS)
def test_literal(number): ...


@pytest.mark.parametrize("number", [total(NUMBERS)])
def test_computed(number): ...


def test_default(number=RESULT): ...
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestCode:
    project: Any = ModuleType("shop_of_nobody")
    exec("LIMIT = 3\nclass Cart: ...\ndef total(numbers): return sum(numbers)\n", vars(project))  # noqa: S102
    monkeypatch.setitem(sys.modules, "shop_of_nobody", project)
    module = ModuleType("test_shop")
    module.__file__ = str(tmp_path / "test_shop.py")
    (tmp_path / "test_shop.py").write_text(SOURCE)
    exec(compile(SOURCE, module.__file__, "exec"), vars(module))  # noqa: S102 - it is ours
    return TestCode(module, frozenset({"test_shop"}), frozenset())


def test_dependent__all_but_literals_and_what_is_part_of_python(code: TestCode) -> None:
    found = {name for _, name in code.dependent()}
    of_project = {"shop_of_nobody", "LIMIT", "Cart", "total"}
    computed = {"READ", "OPENED", "RESULT", "CART", "OWN", "BY_HELPER", "LOOPED", "made"}
    assert found == of_project | computed


def test_dependent__modules_of_the_project_stay_for_others_to_empty(code: TestCode) -> None:
    there = TestCode(code.module, frozenset({"test_shop"}), frozenset({"shop_of_nobody"}))
    assert "shop_of_nobody" not in {name for _, name in there.dependent()}


@pytest.mark.parametrize(
    ("name", "computes"), [("test_literal", False), ("test_computed", True), ("test_default", True)]
)
def test_computes__what_a_test_is_given_when_its_file_is_loaded(
    code: TestCode, name: str, *, computes: bool
) -> None:
    assert code.computes({name}) is computes

from __future__ import annotations

from textwrap import dedent

import pytest

from testsmith.languages.python.language import PYTHON
from testsmith.languages.python.test_files.inherited_tests import inherited_runs

BEFORE = dedent(
    """\
    import json
    import os
    from unittest import TestCase

    import shop
    from helpers import open_shop, temporary


    class _TestShop(TestCase):
        def _open(self):
            raise NotImplementedError

        def test_old(self):
            assert os.sep


    class _TestSmallShop(_TestShop):
        def _open(self):
            return open_shop(1)

        def test_own(self):
            assert json.dumps(1)


    class _TestLargeShop(_TestShop):
        def _open(self):
            return temporary(2)


    class _TestOther(TestCase):
        def test_other(self):
            assert temporary(3)


    del _TestShop
    """
)
NEW = """
    def test_new(self):
        assert shop.fare(self._open()) == 1
"""
KEPT = dedent(
    """\
    from unittest import TestCase

    import shop
    from helpers import open_shop, temporary


    class _TestShop(TestCase):
        def _open(self):
            raise NotImplementedError

        def test_new(self):
            assert shop.fare(self._open()) == 1


    class _TestSmallShop(_TestShop):
        def _open(self):
            return open_shop(1)


    class _TestLargeShop(_TestShop):
        def _open(self):
            return temporary(2)


    del _TestShop
    """
)


def after(line: str) -> str:
    return BEFORE.replace(line, f"{line}{NEW}")


def test_edited_tests__the_classes_that_run_a_new_test_stay_without_their_own_tests() -> None:
    code = PYTHON.tests.edited_tests(BEFORE, after("assert os.sep\n"))
    assert code == KEPT
    assert PYTHON.tests.test_functions(code) == ("_TestShop::test_new",)
    assert PYTHON.tests.joined_edit(BEFORE, after("assert os.sep\n"), code) == after("assert os.sep\n")


def test_edited_tests__of_a_class_that_is_a_test_case_through_another_one() -> None:
    code = PYTHON.tests.edited_tests(BEFORE, after("assert json.dumps(1)\n"))
    assert PYTHON.tests.test_functions(code) == ("_TestSmallShop::test_new",)
    assert "_TestLargeShop" not in code


BOTH = {"_Base::test_x": ("TestOne::test_x", "TestTwo::test_x")}
ONE = {"_Base::test_x": ("TestOne::test_x",)}
TWO = {"_Base::test_x": ("TestTwo::test_x",)}
CASE = "class _Base(TestCase):\n    def test_x(self): ...\n"
MIXIN = "class _Base:\n    def test_x(self): ...\n"
HEIRS = "class TestOne(_Base): ...\nclass TestTwo(_Base): ...\n"


@pytest.mark.parametrize(
    ("code", "runs"),
    [
        (f"{CASE}{HEIRS}del _Base\n", BOTH),
        (f"{CASE}{HEIRS}", {}),
        (f"{MIXIN}{HEIRS}", BOTH),
        (f"{MIXIN}class TestOne(_Base, TestCase): ...\nclass Helper(_Base): ...\n", ONE),
        (f"{MIXIN}class Middle(_Base): ...\nclass TestOne(Middle): ...\n", ONE),
        (f"{MIXIN}class TestOne(TestCase, _Base): ...\n", ONE),
        (f"{MIXIN}class TestOne(other.Case, _Base): ...\n", {}),
        (f"{MIXIN}class TestOne(other._Base): ...\n", {}),
        (f"{MIXIN}class TestOne(_Base, metaclass=Meta): ...\n", {}),
        (f"{MIXIN}class TestOne(_Base):\n    def test_x(self): ...\nclass TestTwo(_Base): ...\n", TWO),
        (f"{MIXIN}class TestOne(_Base):\n    test_x = None\n", {}),
        (f"{MIXIN}class TestOne(_Base):\n    from other import test_x\n", {}),
        (f"{MIXIN}{HEIRS}TestOne = object\n", TWO),
        (f"{MIXIN}{HEIRS}try: ...\nexcept ValueError as TestOne: ...\n", TWO),
        (f"{MIXIN}{HEIRS}match 1:\n    case TestOne: ...\n", TWO),
        (f"{MIXIN}{HEIRS}match []:\n    case [*TestOne]: ...\n", TWO),
        (f"{MIXIN}{HEIRS}match {{}}:\n    case {{**TestOne}}: ...\n", TWO),
        (f"{MIXIN}{HEIRS}_Base = object\n", {}),
        (f"{MIXIN}    test_x = None\n{HEIRS}", {}),
        (f"{MIXIN}    __test__ = False\n{HEIRS}", {}),
        (f"{CASE}    __test__ = False\nclass TestOne(_Base):\n    __test__ = True\n", ONE),
        ("class TestOne(TestTwo): ...\nclass TestTwo(TestOne): ...\n", {}),
        (f"{MIXIN}class Middle(_Base): ...\nclass TestOne(_Base, Middle): ...\n", {}),
    ],
)
def test_inherited_runs__only_if_it_is_certain_which_test_runs(
    code: str, runs: dict[str, tuple[str, ...]]
) -> None:
    assert inherited_runs(code) == runs

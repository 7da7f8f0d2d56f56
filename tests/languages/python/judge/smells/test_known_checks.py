from __future__ import annotations

import textwrap

import pytest

from fakes.requests import make_member
from fakes.trees import MemoryTree
from testsmith.languages.python.judge.judge import PythonJudge

_FILES = {
    "src/shop.py": "def check_price(x):\n    assert x\n\ndef total(x): return x\n",
    "tests/base.py": """
        import unittest

        class Validator(unittest.TestCase):
            def validate(self, text):
                self.compare(text, text)

            def compare(self, one, other):
                self.assertEqual(one, other)

            def show(self, text):
                print(text)
    """,
    "tests/helpers.py": """
        import pytest

        def roundtrip(value):
            if value != load(value):
                raise AssertionError(value)

        def refuses(value):
            with pytest.raises(ValueError):
                load(value)

        def load(value): return value
    """,
    "tests/conftest.py": """
        import pytest

        @pytest.fixture
        def same():
            def compare(one, other):
                assert one == other
            return compare
    """,
    "tests/broken.py": "def roundtrip(",
}


_MEMBER = make_member("src/shop.py::total", "def total(x): return x")


def _smell(test: str) -> str | None:
    judge = PythonJudge().of_project(MemoryTree({path: textwrap.dedent(t) for path, t in _FILES.items()}))
    code = "import functools\nfrom functools import partial\nimport shop\n"
    code += "from shop import check_price, total\nfrom . import helpers\n"
    code += "from .base import Validator\nfrom tests.helpers import load, refuses, roundtrip\n\n"
    return next(iter(judge.smells(code + test, _MEMBER).values()), None)


@pytest.mark.parametrize(
    "test",
    [
        "class TestTotal(Validator):\n    def test_total(self): self.validate(total(1))\n",
        "class TestTotal(Validator):\n    def test_total(self): self.compare(total(1), 1)\n",
        "def test_total(): roundtrip(total(1))\n",
        "def test_total(): helpers.refuses(total(1))\n",
        "def test_total(same): same(total(1), 1)\n",
        "def test_total():\n    _check(total(1))\n\ndef _check(value): roundtrip(value)\n",
        "check = partial(helpers.refuses)\n\ndef test_total(): check(total(1))\n",
        "check = functools.partial(refuses)\n\ndef test_total(): check(total(1))\n",
        "def test_total(): _check(total(1))\n\n_check = partial(_same, 1)\ndef _same(x, y): roundtrip(y)\n",
    ],
)
def test_smells_of__helpers_of_other_test_files_assert(test: str) -> None:
    assert _smell(test) is None
    assert list(PythonJudge().smells(test, _MEMBER).values()) == ["asserts nothing"]


@pytest.mark.parametrize(
    "test",
    [
        "class TestTotal(Validator):\n    def test_total(self): self.show(total(1))\n",
        "def test_total(): load(total(1))\n",
        "check = partial(load)\n\ndef test_total(): check(total(1))\n",
        "check = other(roundtrip)\n\ndef test_total(): check(total(1))\n",
        "def test_total(): check_price(total(1))\n",
        "def test_total(): shop.check_price(total(1))\n",
        "def test_total():\n    result = total(1)\n    result.validate('x')\n",
    ],
)
def test_smells_of__what_is_called_asserts_nothing(test: str) -> None:
    assert _smell(test) == "asserts nothing"


_BASES = """
import os
import tempfile
import unittest
from .cases import Case

class TempDirTestCase(Case):
    @classmethod
    def setUpClass(cls):
        cls._folder = tempfile.TemporaryDirectory()
        os.chdir(cls._folder.name)

class InSources(unittest.TestCase):
    def setUp(self):
        os.chdir(os.path.dirname(__file__))

class Inner(TempDirTestCase):
    pass
"""
_CASES = """
import unittest

class Case(unittest.TestCase):
    def setUp(self):
        os.chdir(self.tempdir)
"""
_OWN_SETUP = "    def setUpClass(cls): pass\n    def setUp(self): pass\n"
_WRITES = (
    "    def test_total(self):\n        open('config', 'w').close()\n        self.assertEqual(total(1), 1)\n"
)


@pytest.mark.parametrize(
    ("code", "writes"),
    [
        ("from .util import TempDirTestCase\nclass A(TempDirTestCase):\n", False),
        ("from tests.util import TempDirTestCase as Base\nclass A(Base):\n", False),
        ("from tests import util\nclass A(util.TempDirTestCase):\n", False),
        ("from tests.util import Inner\nclass B(Inner):\n    pass\nclass A(B):\n", False),
        ("from tests.cases import Case\nclass A(Case):\n    def setUp(self): super().setUp()\n", False),
        ("from tests.cases import Case\nclass A(Case):\n    def setUp(self): self.x = 1\n", True),
        (f"from tests.util import Inner\nclass A(Inner):\n{_OWN_SETUP}", True),
        ("from tests.util import InSources\nclass A(InSources):\n", True),
        ("from tests.other import TempDirTestCase\nclass A(TempDirTestCase):\n", True),
        ("import unittest\nclass A(unittest.TestCase):\n", True),
    ],
)
def test_smells_of__the_setup_of_a_base_class_may_change_the_folder(code: str, *, writes: bool) -> None:
    files = {"shop.py": "def total(x): return x\n", "tests/util.py": _BASES, "tests/cases.py": _CASES}
    judge = PythonJudge().of_project(MemoryTree(files))
    found = judge.smells(f"from shop import total\n{code}{_WRITES}", _MEMBER)
    assert list(found.values()) == (["writes outside `tmp_path`"] if writes else [])


@pytest.mark.parametrize(("call", "smells"), [("self.validate", []), ("rules.validate", ["asserts nothing"])])
def test_smells_of__helper_of_the_class_with_the_name_of_the_member(call: str, smells: list[str]) -> None:
    tree = MemoryTree({path: textwrap.dedent(text) for path, text in _FILES.items()})
    member = make_member("src/rules.py::validate", "def validate(text): return text")
    code = f"class A(Validator):\n    def test_a(self): {call}('a')\n"
    code = f"import rules\nfrom .base import Validator\n\n{code}"
    assert list(PythonJudge().of_project(tree).smells(code, member).values()) == smells


_COMPARE = """
def compare(actual, expected):
    if actual != expected:
        raise AssertionError(actual)

def refuse(value):
    assert value
"""
_USING = """
from shop.compare import compare, refuse
from shop import total

def test_old():
    compare(total(1), 1)
    refuse(total(1))
"""


@pytest.mark.parametrize(
    ("call", "test_path", "reason"),
    [
        ("compare(total(2), 2)", "tests/test_shop.py", None),
        ("compare(total(2), 2)", "tests/test_other.py", "asserts nothing"),
        ("compare(total(2), 2)", None, "asserts nothing"),
        ("refuse(total(2))", "tests/test_shop.py", "asserts nothing"),
    ],
)
def test_smells__a_function_of_the_project_for_tests_asserts(
    call: str, test_path: str | None, reason: str | None
) -> None:
    files = {"src/shop/compare.py": _COMPARE, "src/shop/__init__.py": "", "tests/test_shop.py": _USING}
    judge = PythonJudge().of_project(MemoryTree(files))
    code = f"{_USING}\n\ndef test_new():\n    {call}\n"
    assert judge.smells(code, _MEMBER, test_path).get("test_new") == reason

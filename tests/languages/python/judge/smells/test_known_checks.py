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

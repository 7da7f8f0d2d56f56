from __future__ import annotations

import pytest

from fakes.requests import make_member
from fakes.trees import MemoryTree
from testsmith.languages.python.judge.judge import PythonJudge

_MEMBER = make_member("shop.py::total", "def total(x): return x")
_GRANTS = """
import tempfile
import unittest
from shop import total


class GrantTests(unittest.TestCase):
    base = {"a": 1}
    grant = {}

    def setUp(self):
        self.grant.update(self.base)
        self.folder = tempfile.mkdtemp()
        open("setup.log", "w").close()

    def test_total(self):
        self.assertEqual(total(1), 1)
"""
_NEW = """
    def test_total_of_two(self):
        self.assertEqual(total(2), 2)
"""


def _smells(code: str, test_path: str | None) -> dict[str, str]:
    judge = PythonJudge(MemoryTree({"tests/test_grants.py": _GRANTS}))
    return judge.smells(code, _MEMBER, test_path)


def test_smells__what_the_files_own_setup_does_is_known() -> None:
    code = _GRANTS + _NEW
    assert _smells(code, "tests/test_grants.py") == {}
    assert _smells(code, "tests/test_other.py") == dict.fromkeys(
        ("GrantTests::test_total", "GrantTests::test_total_of_two"), "writes outside `tmp_path`"
    )
    harmless = code.replace('        open("setup.log", "w").close()\n', "").replace("tempfile.mkdtemp()", "1")
    assert set(_smells(harmless, None).values()) == {"changes global state"}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("total(2), 2)", "total(2), 2)\n        self.grant.update(b=2)", "changes global state"),
        ("total(2), 2)", "total(2), 2)\n        open('new.log', 'w')", "writes outside `tmp_path`"),
        ("setup.log", "other.log", "writes outside `tmp_path`"),
        ("self.grant.update(self.base)", "self.base.update(self.grant)", "writes outside `tmp_path`"),
    ],
)
def test_smells__what_is_new_is_not_known(old: str, new: str, reason: str) -> None:
    code = (_GRANTS + _NEW).replace(old, new)
    assert _smells(code, "tests/test_grants.py")["GrantTests::test_total_of_two"] == reason


_OPTIONAL = """
import pytest
from shop import total
try:
    import h2
except ImportError:
    h2 = None

pytestmark = pytest.mark.skipif(h2 is None, reason="h2 is not installed")


@pytest.mark.skipif(total.__doc__ is None, reason="no documentation")
def test_total():
    assert total(1) == 1
"""
_DOCUMENTED = '@pytest.mark.skipif(total.__doc__ is None, reason="no documentation")\n'
_OTHERWISE = '@pytest.mark.skipif(total is None, reason="none")\n'


@pytest.mark.parametrize(
    ("code", "test_path", "reason"),
    [
        (_OPTIONAL, "tests/test_h2.py", None),
        (_OPTIONAL, "tests/test_other.py", "is skipped"),
        (_OPTIONAL, None, "is skipped"),
        (_OPTIONAL.replace("h2 is None", "h2 is not None"), "tests/test_h2.py", "is skipped"),
        (_OPTIONAL.replace(_DOCUMENTED, ""), "tests/test_h2.py", None),
        (_OPTIONAL.replace(_DOCUMENTED, _OTHERWISE), "tests/test_h2.py", "is skipped"),
        (
            _OPTIONAL.replace("    assert total", "    pytest.skip('x')\n    assert total"),
            "tests/test_h2.py",
            "is skipped",
        ),
    ],
)
def test_smells__conditions_for_skipping_that_the_file_has_are_known(
    code: str, test_path: str | None, reason: str | None
) -> None:
    judge = PythonJudge(MemoryTree({"tests/test_h2.py": _OPTIONAL}))
    assert judge.smells(code, _MEMBER, test_path).get("test_total") == reason


_BY_BACKEND = """
import pytest
from shop import total


def test_total(request, backend, value):
    if "arrow" in str(backend):
        request.applymarker(pytest.mark.xfail)
    if backend == "old":
        pytest.skip()
    assert total(1) == 1
"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("", "", None),
        ('"arrow" in str(backend)', 'any(one in str(backend) for one in ("arrow", "spark"))', None),
        ('"arrow" in str(backend)', "value", "is expected to fail"),
        ('if "arrow" in str(backend)', "if True", "is expected to fail"),
        ("pytest.skip()", "pytest.exit()", "is skipped"),
        ('if backend == "old":\n        ', "", "is skipped"),
    ],
)
def test_smells__a_test_may_skip_itself_by_the_parameters_by_which_others_do(
    old: str, new: str, reason: str | None
) -> None:
    judge = PythonJudge(MemoryTree({"tests/test_backend.py": _BY_BACKEND}))
    code = _BY_BACKEND.replace(old, new, 1) if old else _BY_BACKEND
    assert judge.smells(code, _MEMBER, "tests/test_backend.py").get("test_total") == reason
    assert judge.smells(code, _MEMBER).get("test_total") is not None


@pytest.mark.parametrize("returns", ["", " -> None"])
def test_smells__types_are_looked_at_where_the_test_file_has_annotations(returns: str) -> None:
    file = f"from shop import total\n\n\ndef test_total(){returns}:\n    assert total(1) == 1\n"
    judge = PythonJudge(MemoryTree({"tests/test_a.py": file}))
    code = f"{file}\n\ndef test_new(shop: object) -> None:\n    assert total(shop.size) == 1\n"
    found = judge.smells(code, _MEMBER, "tests/test_a.py")
    assert found.keys() == ({"test_new"} if returns else set())
    assert judge.smells(code, _MEMBER).keys() == {"test_new"}


_COPIED = """
def make_cart(prices, rate=2):
    cart = {}
    for price in prices:
        cart[price] = rate
    return cart
"""
_USING = """
from shop import total

def test_total():
    assert total(make_cart([1])) == 1
"""
_SUITE = """
import unittest
from shop import total

class TotalTest(unittest.TestCase):
    def setUp(self):
        self.grant.update(self.base)
        self.folder = tempfile.mkdtemp()
        open("setup.log", "w").close()

    def test_total(self):
        self.assertEqual(total(1), 1)
"""
_DATA = "class Cart:\n    prices = [1]\n    rate = 2\n    owner = 'a'\n"


_RENAMED = _COPIED.replace("make_cart(prices", "cart_of(prices: list").replace("cart =", "'A'; cart =")


@pytest.mark.parametrize(
    ("code", "path", "copied"),
    [
        (_COPIED + _USING, "tests/test_new.py", "`make_cart` from `tests/base.py`"),
        (_RENAMED + _USING, "tests/test_new.py", "`cart_of` from `tests/base.py`"),
        ("@fixture" + _COPIED + _USING, "tests/test_new.py", "`make_cart` from `tests/base.py`"),
        (_SUITE, "tests/test_new.py", "`setUp` from `tests/test_grants.py`"),
        (_DATA + _USING, "tests/test_new.py", "`Cart` from `tests/base.py`"),
        (_COPIED + _USING, "tests/test_grants.py", ""),
        (_COPIED.replace("= rate", "= 3") + _USING, "tests/test_new.py", ""),
        (_COPIED.replace("rate=2", "rate=3") + _USING, "tests/test_new.py", ""),
        ("def short(x):\n    return x[0]\n" + _USING, "tests/test_new.py", ""),
        ("def of_source(x):\n    a = x\n    b = a\n    return b\n" + _USING, "tests/test_new.py", ""),
        (_USING, "tests/test_new.py", ""),
    ],
)
def test_smells__a_new_file_copies_no_helper_of_a_test_file(code: str, path: str, copied: str) -> None:
    files = {
        "shop.py": "def total(x): return x\ndef of_source(x):\n    a = x\n    b = a\n    return b\n",
        "tests/base.py": f"import shop\n{_COPIED}\n\n{_DATA}\ndef short(x):\n    return x[0]\n",
        "tests/broken.py": "def make_cart(prices, rate):",
        "tests/test_grants.py": _GRANTS,
    }
    judge = PythonJudge().of_project(MemoryTree(files))
    found = {finding.reason for ones in judge.findings(code, _MEMBER, path).values() for finding in ones}
    reasons = {f"copies {copied} instead of using it"} if copied else set()
    assert {one for one in found if one.startswith("copies")} == reasons
    assert judge.copies(code, path) == "".join(reasons)

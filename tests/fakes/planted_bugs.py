"""Members whose code contradicts their own text, with tests that pin the bug; and honest look-alikes.

Each case is a module `case`, one member of it, and a test module for that member. In a planted case the
functions `test_bug...` pin what contradicts the text, the functions `test_fine...` do not. In an honest case
nothing contradicts anything.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from fakes.trees import MemoryTree
from testsmith.languages.python.language import PYTHON
from testsmith.model import Member


@dataclass(frozen=True)
class GuardCase:
    """One member and one test module.

    Attributes:
        name: What it is about.
        source: The module's text.
        test: The test module's text, with `case` for the module's name.
        member: The member's name; the first one of the module where it is empty.
        asks: What the question says, for a planted bug; empty where a question cannot be written.
    """

    name: str
    source: str
    test: str
    member: str = ""
    asks: str = ""

    @property
    def module(self) -> str:
        return f"planted_{self.name}"

    @property
    def module_text(self) -> str:
        return textwrap.dedent(self.source).lstrip("\n")

    @property
    def code(self) -> str:
        code = textwrap.dedent(self.test).lstrip("\n").replace("case", self.module)
        return code if "import pytest" in code or "pytest." not in code else f"import pytest\n{code}"

    @property
    def path(self) -> str:
        return f"{self.module}.py"

    def subject(self) -> Member:
        tree = MemoryTree({self.path: self.module_text})
        members = PYTHON.source.all_members(tree, [self.path], "").members
        return next(one for one in members if self.member in {"", one.name})


PLANTED = (
    GuardCase(
        "example_value",
        '''
        def cents(text):
            """Read an amount.

            >>> cents("1.15")
            115
            """
            return int(float(text) * 100)
        ''',
        """
        from case import cents
        def test_bug(): assert cents("1.15") == 114
        def test_fine(): assert cents("2") == 200
        """,
        asks='The docstring says `cents("1.15")` is `115`; it returns `114`.',
    ),
    GuardCase(
        "example_error",
        '''
        def cents(text):
            """Read an amount.

            >>> cents("x")
            Traceback (most recent call last):
            ValueError: no amount
            """
            return int(text) if text.isdigit() else 0
        ''',
        """
        from case import cents
        def test_bug():
            result = cents("x")
            assert result == 0
        def test_fine(): assert cents("2") == 2
        """,
        asks='The docstring says `cents("x")` raises `ValueError`; it returns `0`.',
    ),
    GuardCase(
        "example_row",
        '''
        def plural(count, word):
            """Count things.

            >>> plural(0, "egg")
            '0 eggs'
            """
            return f"{count} {word}s" if count > 1 else f"{count} {word}"
        ''',
        """
        import pytest
        from case import plural
        CASES = [(0, "0 egg"), (1, "1 egg"), (2, "2 eggs")]
        @pytest.mark.parametrize(("count", "expected"), CASES, ids=["none", "one", "two"])
        def test_fine(count, expected):
            assert plural(count, "egg") == expected
        """,
        asks="The docstring says `plural(0, \"egg\")` is `'0 eggs'`; it returns `'0 egg'`.",
    ),
    GuardCase(
        "example_constant",
        '''
        def first(items):
            """Return the first.

            >>> first([3, 2])
            3
            """
            return sorted(items)[0]
        ''',
        """
        from case import first
        EXPECTED = 2
        def test_bug(): assert first([3, 2]) == EXPECTED
        def test_fine(): assert first([1, 2]) == 1
        """,
        asks="The docstring says `first([3, 2])` is `3`; it returns `2`.",
    ),
    GuardCase(
        "example_helper",
        '''
        def half(number):
            """Halve.

            >>> half(3)
            1.5
            """
            return number // 2
        ''',
        """
        from case import half
        def check(number, expected):
            assert half(number) == expected
        def test_bug(): check(3, 1)
        def test_fine(): check(4, 2)
        """,
        asks="The docstring says `half(3)` is `1.5`; it returns `1`.",
    ),
    GuardCase(
        "example_stacked",
        '''
        def power(base, times):
            """Raise.

            >>> power(2, 0)
            1
            """
            return base ** times if times else 0
        ''',
        """
        import pytest
        from case import power
        @pytest.mark.parametrize("base", [2])
        @pytest.mark.parametrize(("times", "expected"), [(0, 0), (1, 2)])
        def test_bug(base, times, expected):
            assert power(base, times) == expected
        def test_fine(): assert power(3, 2) == 9
        """,
        asks="The docstring says `power(2, 0)` is `1`; it returns `0`.",
    ),
    GuardCase(
        "example_nested",
        '''
        import asyncio
        async def fetch(key):
            """Fetch.

            >>> asyncio.run(fetch("a"))
            'A'
            """
            return key
        ''',
        """
        import asyncio
        from case import fetch
        def test_bug():
            async def main():
                assert await fetch("a") == "a"
            asyncio.run(main())
        def test_fine(): assert asyncio.run(fetch("B")) == "B"
        """,
        asks="The docstring says `asyncio.run(fetch(\"a\"))` is `'A'`; it returns `'a'`.",
    ),
    GuardCase(
        "none_for_text",
        """
        def title(text: str | None) -> str:
            if text is None:
                return None
            return text.title()
        """,
        """
        from case import title
        def test_bug(): assert title(None) is None
        def test_fine(): assert title("a b") == "A B"
        """,
        asks="The annotation says `str`; `title(None)` returns `None`.",
    ),
    GuardCase(
        "text_for_number",
        """
        def total(prices: list[int]) -> int:
            return sum(prices) if prices else "0"
        """,
        """
        from case import total
        def test_bug():
            result = total([])
            assert result == "0"
        def test_fine(): assert total([1, 2]) == 3
        """,
        asks="The annotation says `int`; `total([])` returns `'0'`.",
    ),
    GuardCase(
        "half_for_whole",
        """
        def middle(low: int, high: int) -> int:
            return (low + high) / 2
        """,
        """
        from case import middle
        def test_bug(): assert middle(1, 2) == 1.5
        def test_fine(): assert middle(1, 3) == 2
        """,
        asks="The annotation says `int`; `middle(1, 2)` returns `1.5`.",
    ),
    GuardCase(
        "instance_of_other",
        """
        def ratio(a: int, b: int) -> float:
            return "inf" if b == 0 else a / b
        """,
        """
        from case import ratio
        def test_bug():
            assert isinstance(ratio(1, 0), str)
            assert ratio(1, 0) == "inf"
        def test_fine(): assert ratio(1, 2) == 0.5
        """,
        asks="The annotation says `float`; `ratio(1, 0)` returns `'inf'`.",
    ),
    GuardCase(
        "elements",
        """
        def ids(text: str) -> list[int]:
            return text.split(",")
        """,
        """
        from case import ids
        def test_bug(): assert ids("1,2") == ["1", "2"]
        """,
        asks="The annotation says `list[int]`; `ids('1,2')` returns `['1', '2']`.",
    ),
    GuardCase(
        "mapping",
        """
        from typing import Dict
        def count(words: list) -> Dict[str, int]:
            return {word: str(words.count(word)) for word in words}
        """,
        """
        from case import count
        def test_bug(): assert count(["a"]) == {"a": "1"}
        def test_fine(): assert count([]) == {}
        """,
        asks="The annotation says `Dict[str, int]`; `count(['a'])` returns `{'a': '1'}`.",
    ),
    GuardCase(
        "optional_text",
        """
        from typing import Optional
        def find(key: str) -> Optional[str]:
            return {"a": "A"}.get(key, False)
        """,
        """
        from case import find
        def test_bug(): assert find("b") is False
        def test_fine(): assert find("a") == "A"
        """,
        asks="The annotation says `Optional[str]`; `find('b')` returns `False`.",
    ),
    GuardCase(
        "literal",
        """
        from typing import Literal
        def sign(number: int) -> Literal["plus", "minus"]:
            return "zero" if not number else "plus" if number > 0 else "minus"
        """,
        """
        from case import sign
        def test_bug(): assert sign(0) == "zero"
        def test_fine(): assert sign(1) == "plus"
        """,
        asks="The annotation says `Literal['plus', 'minus']`; `sign(0)` returns `'zero'`.",
    ),
    GuardCase(
        "forward",
        """
        def label(number: int) -> "str | bytes":
            return number or "none"
        """,
        """
        from case import label
        def test_bug(): assert label(3) == 3
        def test_fine(): assert label(0) == "none"
        """,
        asks="The annotation says `str | bytes`; `label(3)` returns `3`.",
    ),
    GuardCase(
        "pair",
        """
        def split(text: str) -> tuple[str, str]:
            return tuple(text.split("="))
        """,
        """
        from case import split
        def test_bug(): assert split("a") == ("a",)
        def test_fine(): assert split("a=b") == ("a", "b")
        """,
        asks="The annotation says `tuple[str, str]`; `split('a')` returns `('a',)`.",
    ),
    GuardCase(
        "generator",
        """
        from collections.abc import Iterator
        def numbers(text: str) -> Iterator[int]:
            yield from text.split()
        """,
        """
        from case import numbers
        def test_bug(): assert list(numbers("1 2")) == ["1", "2"]
        def test_fine(): assert list(numbers("")) == []
        """,
        asks="The annotation says `Iterator[int]`; `numbers('1 2')` returns `['1', '2']`.",
    ),
    GuardCase(
        "coroutine",
        """
        async def fetch(key: str) -> bytes:
            return key.encode() if key else None
        """,
        """
        import asyncio
        from case import fetch
        def test_bug(): assert asyncio.run(fetch("")) is None
        def test_fine(): assert asyncio.run(fetch("a")) == b"a"
        """,
        asks="The annotation says `bytes`; `fetch('')` returns `None`.",
    ),
    GuardCase(
        "method",
        """
        class Cart:
            def __init__(self): self.items = []
            def last(self) -> str:
                return self.items[-1] if self.items else None
        """,
        """
        import pytest
        from case import Cart
        @pytest.fixture
        def cart():
            return Cart()
        class TestLast:
            def test_bug(self, cart):
                assert cart.last() is None
            def test_fine(self, cart):
                cart.items.append("tea")
                assert cart.last() == "tea"
        """,
        member="Cart.last",
        asks="The annotation says `str`; `cart.last()` returns `None`.",
    ),
    GuardCase(
        "a_property",
        """
        class Cart:
            items = ()
            @property
            def size(self) -> int:
                return len(self.items) or "empty"
        """,
        """
        from case import Cart
        def test_bug():
            cart = Cart()
            assert cart.size == "empty"
        """,
        member="Cart.size",
        asks="The annotation says `int`; `cart.size` returns `'empty'`.",
    ),
    GuardCase(
        "a_static_method",
        """
        class Cart:
            @staticmethod
            def tax(price: float) -> float:
                return price * 0.2 if price > 0 else None
        """,
        """
        from case import Cart
        def test_bug(): assert Cart.tax(-1.0) is None
        def test_fine(): assert Cart.tax(10.0) == 2.0
        """,
        member="Cart.tax",
        asks="The annotation says `float`; `Cart.tax(-1.0)` returns `None`.",
    ),
    GuardCase(
        "rows",
        """
        def yes(text: str) -> bool:
            return {"y": True, "n": False}.get(text)
        """,
        """
        import pytest
        from case import yes
        @pytest.mark.parametrize("text, expected", [("y", True), ("n", False), ("", None)])
        def test_fine(text, expected):
            assert yes(text) is expected
        """,
        asks="The annotation says `bool`; `yes('')` returns `None`.",
    ),
    GuardCase(
        "never",
        """
        from typing import NoReturn
        def fail(text: str) -> NoReturn:
            if text:
                raise ValueError(text)
        """,
        """
        import pytest
        from case import fail
        def test_bug(): assert fail("") is None
        def test_fine():
            with pytest.raises(ValueError, match="x"):
                fail("x")
        """,
        asks="The annotation says `NoReturn`; `fail('')` returns `None`.",
    ),
    GuardCase(
        "testcase",
        """
        def name(number: int) -> str:
            return None if number < 0 else str(number)
        """,
        """
        import unittest
        from case import name
        class TestName(unittest.TestCase):
            def test_bug(self):
                self.assertIsNone(name(-1))
            def test_fine(self):
                self.assertEqual(name(1), "1")
        """,
        asks="The annotation says `str`; `name(-1)` returns `None`.",
    ),
    GuardCase(
        "procedure",
        """
        def clear(items: list) -> None:
            items.clear()
            return items == []
        """,
        """
        from case import clear
        def test_bug(): assert clear([1])
        """,
        asks="The annotation says `None`; `clear([1])` returns something else.",
    ),
    GuardCase(
        "google",
        '''
        def price(name: str) -> int:
            """Look a price up.

            Args:
                name: Of the thing.

            Raises:
                ValueError: There is no such thing.
            """
            return {"tea": 3}[name]
        ''',
        """
        import pytest
        from case import price
        def test_bug():
            with pytest.raises(KeyError, match="x"):
                price("x")
        def test_fine(): assert price("tea") == 3
        """,
        asks="The docstring documents `ValueError`; `price('x')` raises `KeyError`.",
    ),
    GuardCase(
        "numpy",
        '''
        def at(items, place):
            """Look an item up.

            Raises
            ------
            KeyError
                There is none.
            ValueError : never mind

            Returns
            -------
            object
            """
            return items[place]
        ''',
        """
        import pytest
        from case import at
        def test_bug():
            items = [1]
            with pytest.raises(IndexError) as caught:
                at(items, 5)
            assert "range" in str(caught.value)
        def test_fine(): assert at([1], 0) == 1
        """,
        asks="The docstring documents `KeyError` and `ValueError`; `at([1], 5)` raises `IndexError`.",
    ),
    GuardCase(
        "fields",
        '''
        def whole(text: str) -> int:
            """Read a number.

            :param text: The text.
            :raises LookupError: it is none
            """
            return int(text)
        ''',
        """
        import pytest
        from case import whole
        def test_bug(): pytest.raises(ValueError, whole, "x")
        def test_fine(): assert whole("3") == 3
        """,
        asks="The docstring documents `LookupError`; `whole('x')` raises `ValueError`.",
    ),
    GuardCase(
        "sentence",
        '''
        def share(total: int, people: int) -> float:
            """Share a sum. Raises ValueError where there is nobody."""
            return total / people
        ''',
        """
        import pytest
        from case import share
        @pytest.mark.parametrize("people", [0])
        def test_bug(people):
            with pytest.raises(ZeroDivisionError):
                share(1, people)
        def test_fine(): assert share(4, 2) == 2
        """,
        asks="The docstring documents `ValueError`; `share(1, 0)` raises `ZeroDivisionError`.",
    ),
    GuardCase(
        "own_exception",
        '''
        class CartError(Exception): ...
        def size(cart):
            """Count.

            Raises:
                CartError: It is no cart.
            """
            return len(cart.items)
        ''',
        """
        from case import size
        class Full:
            items = [1]
        def test_bug():
            with pytest.raises(AttributeError):
                size(None)
        def test_fine(): assert size(Full()) == 1
        """,
        member="size",
        asks="The docstring documents `CartError`; `size(None)` raises `AttributeError`.",
    ),
    GuardCase(
        "wrong_type_error",
        '''
        def add(left: int | str, right: int) -> int:
            """Add up.

            Raises:
                ValueError: `left` is no number.
            """
            return left + right
        ''',
        """
        from case import add
        def test_bug():
            with pytest.raises(TypeError):
                add("1", 1)
        def test_fine(): assert add(1, 1) == 2
        """,
        asks="The docstring documents `ValueError`; `add('1', 1)` raises `TypeError`.",
    ),
    GuardCase(
        "constructor",
        '''
        class Money:
            """An amount.

            Raises:
                ValueError: It is no amount.
            """
            def __init__(self, text: str) -> None:
                self.amount = {"one": 1}[text]
        ''',
        """
        from case import Money
        def test_bug():
            with pytest.raises(KeyError):
                Money("two")
        def test_fine(): assert Money("one").amount == 1
        """,
        asks="The docstring documents `ValueError`; `Money('two')` raises `KeyError`.",
    ),
)

HONEST = (
    GuardCase(
        "ellipsis_in_example",
        '''
        def table(n):
            """Show.

            >>> table(2)  # doctest: +ELLIPSIS
            [0, ..., 3]
            """
            return [0, 1, 2, 3]
        ''',
        "from case import table\ndef test_ok(): assert table(2) == [0, 1, 2, 3]\n",
    ),
    GuardCase(
        "floats_in_example",
        '''
        def third(n):
            """Divide.

            >>> third(1)
            0.333333
            """
            return round(n / 3, 6)
        ''',
        "import pytest\nfrom case import third\ndef test_ok(): assert third(1) == pytest.approx(0.333333)\n",
    ),
    GuardCase(
        "order_in_example",
        '''
        def count(text):
            """Count.

            >>> count("ab")
            {'b': 1, 'a': 1}
            """
            return {letter: text.count(letter) for letter in text}
        ''',
        "from case import count\ndef test_ok(): assert count('ab') == {'a': 1, 'b': 1}\n",
    ),
    GuardCase(
        "spaces_in_example",
        '''
        def pairs(n):
            """Pair.

            >>> pairs(2)
            [(0,   0),
             (1,   1)]
            """
            return [(i, i) for i in range(n)]
        ''',
        "from case import pairs\ndef test_ok(): assert pairs(2) == [(0, 0), (1, 1)]\n",
    ),
    GuardCase(
        "quotes_in_example",
        '''
        def greet(name):
            """Greet.

            >>> greet("Ann")
            "Hello, Ann"
            >>> print(greet("Bo"))
            Hello, Bo
            """
            return f"Hello, {name}"
        ''',
        """
        from case import greet
        def test_ok():
            assert greet("Ann") == 'Hello, Ann'
            assert greet("Bo") == 'Hello, Bo'
        """,
    ),
    GuardCase(
        "other_object_in_example",
        '''
        class Cart:
            def __init__(self): self.items = []
            def total(self):
                """Add up.

                >>> cart = Cart()
                >>> cart.items.append(3)
                >>> cart.total()
                3
                """
                return sum(self.items)
        ''',
        "from case import Cart\ndef test_ok():\n    cart = Cart()\n    assert cart.total() == 0\n",
        member="Cart.total",
    ),
    GuardCase(
        "whole_for_float",
        "def mean(a: float, b: float) -> float:\n    return (a + b) // 2\n",
        "from case import mean\ndef test_ok():\n    assert mean(1, 3) == 2\n"
        "    assert isinstance(mean(1, 3), int)\n",
    ),
    GuardCase(
        "bool_for_int",
        "def flag(n: int) -> int:\n    return n > 0\n",
        "from case import flag\ndef test_ok(): assert flag(1) is True\n",
    ),
    GuardCase(
        "number_for_bool",
        "def flag(n: int) -> bool:\n    return n > 0\n",
        "from case import flag\ndef test_ok(): assert flag(1) == 1\n",
    ),
    GuardCase(
        "float_for_int",
        "def twice(n: int) -> int:\n    return n * 2\n",
        "from case import twice\ndef test_ok(): assert twice(2) == 4.0\n",
    ),
    GuardCase(
        "none_in_union",
        "from typing import Union\ndef get(k: str) -> Union[int, None]:\n    return {'a': 1}.get(k)\n",
        "from case import get\ndef test_ok(): assert get('b') is None\n",
        member="get",
    ),
    GuardCase(
        "alias",
        "Name = str | None\ndef get(k: str) -> Name:\n    return None\n",
        "from case import get\ndef test_ok(): assert get('b') is None\n",
    ),
    GuardCase(
        "type_variable",
        "from typing import TypeVar\nT = TypeVar('T')\ndef same(x: T) -> T:\n    return x\n",
        "from case import same\ndef test_ok(): assert same(None) is None\n",
    ),
    GuardCase(
        "unknown_in_union",
        "Missing = None\ndef get(k: str) -> 'str | Missing':\n    return None\n",
        "from case import get\ndef test_ok(): assert get('b') is None\n",
    ),
    GuardCase(
        "sequence",
        "from collections.abc import Sequence\ndef parts(t: str) -> Sequence[str]:\n    return t.split()\n",
        "from case import parts\ndef test_ok():\n    assert parts('a b') == ['a', 'b']\n"
        "    assert isinstance(parts('a'), list)\n",
    ),
    GuardCase(
        "iterable",
        "from typing import Iterable\ndef parts(t: str) -> Iterable[int]:\n    yield from map(int, t)\n",
        "from case import parts\ndef test_ok(): assert list(parts('12')) == [1, 2]\n",
    ),
    GuardCase(
        "decimal",
        "from decimal import Decimal\ndef amount(n: int) -> Decimal:\n    return Decimal(n)\n",
        "from case import amount\ndef test_ok(): assert amount(3) == 3\n",
    ),
    GuardCase(
        "context_manager",
        """
        from contextlib import contextmanager
        from typing import Iterator
        @contextmanager
        def opened(n: int) -> Iterator[int]:
            yield n
        """,
        "from case import opened\ndef test_ok():\n    with opened(3) as n:\n        assert n == 3\n",
    ),
    GuardCase(
        "decorated",
        """
        def texts(function):
            return lambda *args: str(function(*args))
        @texts
        def number(n: int) -> int:
            return n
        """,
        "from case import number\ndef test_ok(): assert number(3) == '3'\n",
        member="number",
    ),
    GuardCase(
        "literal_of_number",
        "from typing import Literal\ndef one(n: int) -> Literal[1, 2]:\n    return 1\n",
        "from case import one\ndef test_ok():\n    assert one(5) == 1\n    assert isinstance(one(5), int)\n",
    ),
    GuardCase(
        "ordered",
        """
        from collections import OrderedDict
        from typing import Any
        def load(t: str) -> 'OrderedDict[str, Any]':
            return OrderedDict(a=t)
        """,
        "from case import load\ndef test_ok(): assert load('x') == {'a': 'x'}\n",
    ),
    GuardCase(
        "frozen",
        "def letters(t: str) -> frozenset[str]:\n    return frozenset(t)\n",
        "from case import letters\ndef test_ok(): assert letters('aa') == {'a'}\n",
    ),
    GuardCase(
        "long_tuple",
        "def chars(t: str) -> tuple[str, ...]:\n    return tuple(t)\n",
        "from case import chars\ndef test_ok():\n    assert chars('') == ()\n"
        "    assert chars('ab') == ('a', 'b')\n",
    ),
    GuardCase(
        "subclass_exception",
        '''
        def read(data: bytes) -> str:
            """Read.

            Raises:
                ValueError: It is no text.
            """
            return data.decode()
        ''',
        """
        from case import read
        def test_ok():
            with pytest.raises(UnicodeDecodeError):
                read(b"\\xff")
        """,
    ),
    GuardCase(
        "wider_exception",
        '''
        def read(path: str) -> str:
            """Read.

            Raises:
                FileNotFoundError: There is no such file.
            """
            return open(path).read()
        ''',
        """
        from case import read
        def test_ok():
            with pytest.raises(OSError):
                read("/no/such/file")
        """,
    ),
    GuardCase(
        "json_error",
        '''
        import json
        def load(text: str) -> object:
            """Load. Raises ValueError if it is no JSON."""
            return json.loads(text)
        ''',
        """
        import json
        from case import load
        def test_ok():
            with pytest.raises(json.JSONDecodeError):
                load("{")
        """,
    ),
    GuardCase(
        "incomplete_list",
        '''
        def take(items: list, n: int) -> list:
            """Take.

            Raises:
                ValueError: `n` is negative.
            """
            if n < 0:
                raise ValueError("n")
            if n > len(items):
                raise IndexError("n")
            return items[:n]
        ''',
        """
        from case import take
        def test_ok():
            with pytest.raises(IndexError):
                take([], 1)
        """,
    ),
    GuardCase(
        "raised_again",
        '''
        def get(items: dict, key: str) -> int:
            """Get.

            :raises ValueError: never
            """
            try:
                return items[key]
            except KeyError:
                raise
        ''',
        """
        from case import get
        def test_ok():
            with pytest.raises(KeyError):
                get({}, "a")
        """,
    ),
    GuardCase(
        "made_elsewhere",
        '''
        def _error(): return KeyError("x")
        def get(key: str) -> int:
            """Get.

            :raises ValueError: sometimes
            """
            raise _error()
        ''',
        """
        from case import get
        def test_ok():
            with pytest.raises(KeyError):
                get("a")
        """,
        member="get",
    ),
    GuardCase(
        "ill_typed_call",
        '''
        def double(number: int) -> int:
            """Double.

            Raises:
                OverflowError: It is too large.
            """
            return number + number + 0
        ''',
        """
        from case import double
        def test_ok():
            with pytest.raises(TypeError):
                double("a")
        """,
    ),
    GuardCase(
        "too_few_arguments",
        '''
        def double(number: int) -> int:
            """Double.

            Raises:
                OverflowError: It is too large.
            """
            return number * 2
        ''',
        """
        from case import double
        def test_ok():
            with pytest.raises(TypeError):
                double()
        """,
    ),
    GuardCase(
        "untyped_call",
        '''
        def double(number):
            """Double.

            Raises:
                OverflowError: It is too large.
            """
            return number + 0
        ''',
        """
        from case import double
        def test_ok():
            with pytest.raises(TypeError):
                double("a")
        """,
    ),
    GuardCase(
        "own_subclass",
        '''
        class Missing(ValueError): ...
        def _look(name): raise Missing(name)
        def price(name: str) -> int:
            """Look up.

            Raises:
                ValueError: There is none.
            """
            return _look(name)
        ''',
        """
        from case import Missing, price
        def test_ok():
            with pytest.raises(Missing):
                price("a")
        """,
        member="price",
    ),
    GuardCase(
        "negative_sentence",
        '''
        def price(name: str) -> int:
            """Look up. Never raises ValueError."""
            return {"tea": 3}[name]
        ''',
        """
        from case import price
        def test_ok():
            with pytest.raises(KeyError):
                price("a")
        """,
    ),
    GuardCase(
        "documented_exception",
        '''
        def whole(text: str) -> int:
            """Read.

            Raises:
                :exc:`ValueError`: It is no number.
            """
            return int(text)
        ''',
        """
        from case import whole
        def test_ok():
            with pytest.raises(ValueError, match="invalid"):
                whole("x")
        """,
    ),
    GuardCase(
        "other_call",
        "def name(n: int) -> str:\n    return str(n)\ndef other(n: int) -> None:\n    name(n)\n",
        "from case import name, other\ndef test_ok():\n    assert other(1) is None\n"
        "    assert name(1) == '1'\n",
    ),
)

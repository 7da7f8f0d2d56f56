"""How a small project uses its members, as it is read from its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from testsmith.languages.python.explorer.render.expressions import Import
from testsmith.languages.python.explorer.usage.project_files import Usages
from testsmith.languages.python.explorer.usage.usage_calls import MemberUsage, UsedCall, Where
from testsmith.model import Change, Member, MemberKind

SOURCE = "src/shop/cart.py"


def member(name: str, kind: MemberKind, path: str = SOURCE) -> Member:
    module = path.removeprefix("src/").removesuffix(".py").replace("/", ".")
    return Member(
        path=path,
        name=name,
        language="python",
        change=Change.ADDED,
        line=1,
        end_line=1,
        kind=kind,
        source="",
        module=module,
    )


def usage(
    folder: Path,
    files: Mapping[str, str | bytes],
    name: str = "total",
    kind: MemberKind = MemberKind.FUNCTION,
    others: tuple[str, ...] = (),
) -> MemberUsage:
    for path, text in {SOURCE: "", **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text if isinstance(text, bytes) else text.encode())
    usages = Usages(folder, (folder, folder / "src"), frozenset({"shop"}))
    return usages.of(member(name, kind), others=others)


def told(call: UsedCall) -> str:
    """Return a call as text: `fails` before what fails, its object, its arguments."""
    given = ", ".join(
        (f"{each.name}=" if each.name else "") + (each.value.text if each.value else "?")
        for each in call.arguments
    )
    receiver = f"{call.receiver.text}." if call.receiver else ""
    return f"{'fails ' if call.fails else ''}{receiver}({given})"


def calls(folder: Path, text: str, path: str = "tests/test_cart.py") -> list[str]:
    return [told(call) for call in usage(folder, {path: text}).calls]


def method_calls(folder: Path, text: str, **more: str) -> list[str]:
    files = {"tests/test_cart.py": text, **more}
    return [told(call) for call in usage(folder, files, "Cart.add", MemberKind.METHOD).calls]


@pytest.mark.parametrize(
    "text",
    [
        "from shop.cart import total\ntotal(1, rate=2)",
        "from shop.cart import total as t\nt(1, rate=2)",
        "import shop.cart as c\nc.total(1, rate=2)",
        "import shop.cart\nshop.cart.total(1, rate=2)",
        "from shop import cart\ncart.total(1, rate=2)",
        "from shop import total\ntotal(1, rate=2)",
        "from shop.cart import *\ntotal(1, rate=2)",
        "def test_it():\n    from shop.cart import total\n    assert total(1, rate=2)",
    ],
)
def test_call__is_known_by_any_import(tmp_path: Path, text: str) -> None:
    assert calls(tmp_path, text) == ["(1, rate=2)"]


@pytest.mark.parametrize(
    "text",
    [
        "from other import total\ntotal(1)",
        "from shop.bill import total\ntotal(1)",
        "def total(x): ...\ntotal(1)",
        "from shop.cart import total\ndef f(total): total(1)",
        "from shop.cart import total\ntotal(*[1, 2])",
        "cart.total(1)",
    ],
)
def test_call__of_something_else_is_none(tmp_path: Path, text: str) -> None:
    assert calls(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PRICE = 250\ndef test_it():\n    total(PRICE)", "(250)"),
        ("def test_it():\n    price = 2\n    price = 3\n    total(price)", "(3)"),
        ("def test_it():\n    low, high = 1, (2, 3)\n    total(high)", "((2, 3))"),
        ("def test_it():\n    total(unknown(1), 2)", "(?, 2)"),
        ("def test_it(tmp_path):\n    total(tmp_path / 'x', 1)", "(?, 1)"),
        ("total('it is', b'x')", '("it is", b"x")'),
        ("total([n * 2 for n in range(3)])", "([n * 2 for n in range(3)])"),
        ("total(key=lambda pair: pair[1])", "(key=lambda pair: pair[1])"),
        ("import datetime\ntotal(datetime.date(2024, 2, 29))", "(date(2024, 2, 29))"),
        ("import time\ntotal(1, time.monotonic())", "(1, ?)"),
        ("total(f'{1}', 2)", "(?, 2)"),
    ],
)
def test_argument__is_what_its_names_stand_for(tmp_path: Path, text: str, expected: str) -> None:
    assert calls(tmp_path, f"from shop.cart import total\n{text}\n") == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "@parametrize('a, b', [(1, 2), pytest.param(3, 4, id='x')])\ndef test_it(a, b):\n    total(a, b)",
        "ROWS = [(1, 2), (3, 4)]\n@parametrize(('a', 'b'), ROWS)\ndef test_it(a, b):\n    total(a, b)",
        "@parametrize(['a', 'b'], [(1, 2), (3, 4)])\nclass TestIt:\n  def test(self, a, b):\n    total(a, b)",
        "def test_it():\n    for a, b in [(1, 2), (3, 4)]:\n        total(a, b)",
        "def test_it():\n    for a, b in {1: 2, 3: 4}.items():\n        total(a, b)",
        "def test_it():\n    [total(a, b) for a, b in ((1, 2), (3, 4))]",
    ],
)
def test_table__gives_a_call_for_each_row(tmp_path: Path, text: str) -> None:
    head = "import pytest\nfrom pytest.mark import parametrize\nfrom shop.cart import total\n"

    assert calls(tmp_path, f"{head}{text}\n") == ["(1, 2)", "(3, 4)"]


def test_calls__of_several_sites_come_by_turns_and_failing_ones_last(tmp_path: Path) -> None:
    text = (
        "import pytest\nfrom shop.cart import total\n"
        "def test_error():\n    with pytest.raises(ValueError):\n        total(-1)\n"
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_it(n):\n    total(n)\n"
        "def test_other():\n    total(7)\n    total(1)\n"
    )

    assert calls(tmp_path, text) == ["(1)", "(7)", "(2)", "fails (-1)"]


CALL = "from shop.cart import total\ntotal(1)\n"


@pytest.mark.parametrize(
    ("path", "text", "where"),
    [
        ("README.md", "```python\nfrom shop.cart import total\ntotal(1)\n```\n", Where.DOCUMENTATION),
        ("README.md", "Hello\n\n>>> from shop.cart import total\n>>> total(1)\n1\n", Where.DOCUMENTATION),
        (
            "docs/use.rst",
            ".. code-block:: python\n\n   from shop.cart import total\n   total(1)\n\nSo.\n",
            Where.DOCUMENTATION,
        ),
        (
            "src/shop/bill.py",
            '"""Bill.\n\n>>> from shop.cart import total\n>>> total(1)\n"""\n',
            Where.DOCUMENTATION,
        ),
        ("tests/unit/test_cart.py", CALL, Where.TESTS),
        ("src/shop/bill.py", "from .cart import total\ntotal(1)\n", Where.CODE),
        (SOURCE, "def total(x): ...\ndef other():\n    return total(1)\n", Where.CODE),
        ("examples/demo.py", CALL, Where.CODE),
    ],
)
def test_call__is_read_in_tests_documents_and_code(
    tmp_path: Path, path: str, text: str, where: Where
) -> None:
    (call,) = usage(tmp_path, {path: text}).calls

    assert (told(call), call.where) == ("(1)", where)


def test_docstring_of_the_member__is_no_usage_since_it_is_its_documentation(tmp_path: Path) -> None:
    text = 'def total(x):\n    """Add.\n\n    >>> total(1)\n    1\n    """\n'

    assert calls(tmp_path, text, SOURCE) == []


def test_imports__come_with_the_values(tmp_path: Path) -> None:
    text = "from decimal import Decimal as D\nfrom shop.cart import total, Item\ntotal(D(1), Item('tea'))\n"

    (call,) = usage(tmp_path, {"tests/test_cart.py": text}).calls

    values = [argument.value for argument in call.arguments if argument.value]
    assert [value.text for value in values] == ["Decimal(1)", 'Item("tea")']
    assert [value.imports for value in values] == [
        {Import("decimal", "Decimal")},
        {Import("shop.cart", "Item")},
    ]


@pytest.mark.parametrize(
    "imported",
    [
        "from tests.data import X",
        "from unittest.mock import X",
        "from numpy import X",
        "from shop.cart import _X as X",
    ],
)
def test_value__of_tests_strangers_and_privates_is_not_known(tmp_path: Path, imported: str) -> None:
    assert calls(tmp_path, f"{imported}\nfrom shop.cart import total\ntotal(X)\ntotal(1)\n") == ["(1)"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cart('EUR').add(1)", 'Cart("EUR").(1)'),
        ("def test_it():\n    cart = Cart('EUR')\n    cart.add(1)", 'Cart("EUR").(1)'),
        (
            "@pytest.fixture\ndef cart():\n    return Cart('EUR')\ndef test_it(cart):\n    cart.add(1)",
            'Cart("EUR").(1)',
        ),
        (
            "@fixture(name='cart')\ndef c():\n    yield Cart('EUR')\ndef test_it(cart):\n    cart.add(1)",
            'Cart("EUR").(1)',
        ),
        (
            "class T:\n def setUp(self):\n  self.cart = Cart('EUR')\n def test(self):\n  self.cart.add(1)",
            'Cart("EUR").(1)',
        ),
        ("Cart.empty('EUR').add(1)", 'Cart.empty("EUR").(1)'),
        (
            "from functools import partial\nmake = partial(Cart, 'EUR')\nmake(limit=2).add(1)",
            'Cart("EUR", limit=2).(1)',
        ),
    ],
)
def test_method__is_called_on_what_makes_its_object(tmp_path: Path, text: str, expected: str) -> None:
    assert method_calls(tmp_path, f"import pytest\nfrom shop.cart import Cart\n{text}\n") == [expected]


def test_method__on_a_fixture_of_conftest(tmp_path: Path) -> None:
    conftest = "import pytest\nfrom shop.cart import Cart\n@pytest.fixture\ndef cart():\n    return Cart(2)\n"

    found = method_calls(tmp_path, "def test_it(cart):\n    cart.add(1)\n", **{"tests/conftest.py": conftest})

    assert found == ["Cart(2).(1)"]


def test_method__on_an_object_of_unknown_class_gives_values_where_its_class_is_near(tmp_path: Path) -> None:
    text = "def test_it(cart):\n    cart.put(1)\n    cart.put(cart.last('x'))\n    cart.pop(2)\n"
    near = {"tests/test_cart.py": f"from shop.cart import Cart\nCart('EUR')\n{text}"}

    assert [told(call) for call in usage(tmp_path / "near", near, "Cart.put", MemberKind.METHOD).calls] == [
        "(1)",
        '(Cart("EUR").last("x"))',
    ]
    assert not usage(tmp_path / "common", near, "Cart.pop", MemberKind.METHOD).calls
    assert not usage(tmp_path / "far", {"tests/test_cart.py": text}, "Cart.put", MemberKind.METHOD).calls


def test_class__has_its_objects_by_their_frequency_and_calls_of_its_other_methods(tmp_path: Path) -> None:
    text = "from shop.cart import Cart\nCart()\nCart('EUR').add(1)\nCart('EUR')\nCart.empty(2).add(3)\n"

    found = usage(tmp_path, {"tests/test_cart.py": text}, "Cart.total", MemberKind.METHOD, ("add", "empty"))

    assert [made.text for made in found.objects] == ['Cart("EUR")', "Cart()", "Cart.empty(2)"]
    assert {name: [told(call) for call in calls] for name, calls in found.others.items()} == {
        "add": ['Cart("EUR").(1)', "Cart.empty(2).(3)"],
        "empty": ["(2)"],
    }


def test_value_of_a_parameter__is_that_given_by_its_place_or_name(tmp_path: Path) -> None:
    text = "from shop.cart import total\ntotal(1, 2)\ntotal(price=3)\ntotal(1, rate=4)\n"

    found = usage(tmp_path, {"tests/test_cart.py": text})

    assert [value.text for value in found.values(0, "price")] == ["1", "3"]
    assert [value.text for value in found.values(1, "rate")] == ["2", "4"]


def test_hostile_files__are_as_if_they_were_not_there(tmp_path: Path) -> None:
    deep = "from shop.cart import total\ntotal(" + "(" * 3000 + "1" + ")" * 3000 + ")\n"
    (tmp_path / "tests").mkdir()
    (tmp_path / "outside.py").write_text(CALL)
    (tmp_path / "tests/test_link.py").symlink_to(tmp_path / "outside.py")
    (tmp_path / "outside.py").rename(tmp_path / "outside.txt")
    files: dict[str, str | bytes] = {
        "tests/test_deep.py": deep,
        "tests/test_large.py": CALL + "#" * 500_000,
        "tests/test_latin.py": CALL.encode() + b"# \xff\xfe",
        "tests/test_binary.py": CALL.encode() + b"\0",
        "tests/test_broken.py": f"{CALL}def (",
        "tests/test_loop.py": "from shop import total\ndef test():\n    x = y\n    y = x\n    total(x, 5)\n",
    }

    assert [told(call) for call in usage(tmp_path, files).calls] == ["(?, 5)"]


def test_many_calls__are_few_and_the_same_again(tmp_path: Path) -> None:
    rows = ", ".join(map(str, range(500)))
    text = f"from shop.cart import total\nfor n in [{rows}]:\n    total(n)\n" + "".join(
        f"total({n})\n" for n in range(1000, 1400)
    )

    first, second = calls(tmp_path, text), calls(tmp_path, text)

    assert first == second
    assert len(first) == 24
    assert first[:2] == ["(0)", "(1000)"]

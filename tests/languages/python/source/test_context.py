from __future__ import annotations

import time
from dataclasses import replace
from textwrap import dedent

from fakes.trees import MemoryTree
from testsmith.languages.python.language import PYTHON
from testsmith.model import Change, Member, Place, Request, ShownChange

CART = dedent('''\
    """The cart."""

    from __future__ import annotations

    import math
    from typing import TYPE_CHECKING

    from . import stock as store
    from .prices import PRICES, discounted as cheaper
    from shop import Money

    if TYPE_CHECKING:
        from .customers import Customer

    LIMIT = 3
    TABLE = {n: "x" * 50 for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)}
    unused = 1


    class Base:
        """What all carts are."""

        def clear(self):
            ...


    class Cart(Base):
        """Items and how many of each.

        Not shown.
        """

        size: int = 0
        names = ("a", "b")

        def __init__(self, owner: str, *, limit: int = LIMIT) -> None:
            """Make one."""
            self.owner = owner
            self.limit = limit
            print(self.owner)

        def add(self, item: str, by: Customer) -> Money:
            """Add an item."""
            if store.find(item) and self._fits(item):
                return Money(cheaper(PRICES[item]))
            return Money(math.ceil(_rest(LIMIT)))

        def _fits(self, item: str) -> bool:
            """Tell whether it fits.

            Not shown.
            """
            return len(item) < self.limit

        def other(self): ...


    def _rest(amount):
        return amount - TABLE[1]


    async def alone(x: int = 1) -> int:
        return x


    def tabled(n):
        return TABLE[n] or tabled(n - 1)
''')

FILES = {
    "src/shop/__init__.py": "from ._money import Money\n",
    "src/shop/_money.py": dedent('''\
        class Money(tuple):
            """An amount."""

            def __new__(cls, cents): ...

            @property
            def euros(self) -> float:
                """In euros."""
                return 1

            @euros.setter
            def euros(self, value): ...

            def _secret(self): ...
    '''),
    "src/shop/cart.py": CART,
    "src/shop/stock.py": "def find(item: str) -> bool:\n    '''Find an item.'''\n    return True\n",
    "src/shop/prices.py": "from .deep import PRICES\n\n"
    "@cached\ndef discounted(price, *args, by=2, **more): ...\n",
    "src/shop/deep.py": "PRICES: dict[str, int] = {}\n",
    "src/shop/customers.py": "class Customer: ...\n",
    "tests/test_other.py": "def test_style():\n    assert 1\n",
    "TESTSMITH.md": "Be brief.\n",
}


def requests(files: dict[str, str] | None = None) -> dict[str, Request]:
    language = PYTHON
    tree = MemoryTree(files or FILES)
    paths = [
        path for path in tree.paths() if language.source.handles(path) and not language.tests.is_test(path)
    ]
    members = language.source.all_members(tree, paths, "").members
    found = list(language.source.requests(tree, members, "", ""))
    assert [request.member for request in found] == list(members)
    return {request.member.name: request for request in found}


def test_requests__the_enclosing_class_first_then_what_is_used_in_order() -> None:
    assert requests()["Cart.add"].context.signatures == dedent('''\
        # shop.cart
        class Cart(Base):
            """Items and how many of each."""
            size: int = 0
            names = ('a', 'b')
            def __init__(self, owner: str, *, limit: int=LIMIT) -> None:
                """Make one."""
                self.owner = owner
                self.limit = limit
                ...
            ...
            def _fits(self, item: str) -> bool:
                """Tell whether it fits."""
            ...

        # shop.customers
        class Customer:
            ...

        # shop._money
        class Money(tuple):
            """An amount."""
            def __new__(cls, cents): ...
            @property
            def euros(self) -> float:
                """In euros."""

        # shop.stock
        def find(item: str) -> bool:
            """Find an item."""

        # shop.prices
        @cached
        def discounted(price, *args, by=2, **more): ...

        # shop.deep
        PRICES: dict[str, int] = {}

        # shop.cart
        def _rest(amount): ...

        # shop.cart
        LIMIT = 3

        # shop.cart
        class Base:
            """What all carts are."""
            def clear(self): ...''')


SINK = dedent('''\
    class Sink:
        def __init__(self, path, mode):
            """Open it."""
            self.path = path
            if mode == "w":
                self.mode = "w"
            self.lines = []

        def write(self, line):
            self.lines.append(line)
''')


def test_requests__a_constructor_shows_where_what_is_between_its_fields_is_left_out() -> None:
    text = {"sink.py": SINK}
    assert _signatures(requests(text)["Sink.write"].member, text) == dedent('''\
        # sink
        class Sink:
            def __init__(self, path, mode):
                """Open it."""
                self.path = path
                ...
                self.lines = []
            ...''')


def test_requests__a_constructor_that_is_a_member_too_is_without_fields_in_its_class() -> None:
    tree = MemoryTree({"sink.py": SINK})
    write = requests({"sink.py": SINK})["Sink.write"].member
    members = [replace(write, name="Sink.__init__"), write]
    [_, request] = PYTHON.source.requests(tree, members, "", "")
    assert '"""Open it."""\n    ...' in request.context.signatures
    assert "self.path" not in request.context.signatures


def test_requests__bodies_of_what_changed_lines_call() -> None:
    add = requests()["Cart.add"].member
    shown = _signatures(
        replace(
            add,
            change=Change.CHANGED,
            shown_change=ShownChange(
                own="""\
@@ Cart.add @@
-    if store.find(item):
-        return Money(cheaper(1))
+    if store.find(item) and self._fits(item):
+        return Money(_rest(LIMIT))
"""
            ),
        )
    )
    assert shown.startswith(
        dedent('''\
        # shop.stock
        def find(item: str) -> bool:
            """Find an item."""
            return True

        # shop.cart
        def _fits(self, item: str) -> bool:
            """Tell whether it fits."""
            return len(item) < self.limit

        # shop.cart
        def _rest(amount):
            return amount - TABLE[1]

        # shop.cart
        class Cart(Base):''')
    )
    assert shown.count("def find") == shown.count("def _rest") == 1
    assert "def discounted(price, *args, by=2, **more): ..." in shown


def test_requests__bodies_of_what_changed_private_definitions_call() -> None:
    member, path = requests()["tabled"].member, "src/shop/cart.py"
    affected = replace(
        member,
        change=Change.AFFECTED,
        because_places=(
            Place(path=path, line=1, end_line=1, name="Cart._fits"),
            Place(path=path, line=1, end_line=1, name="Cart.add"),
            Place(path=path, line=1, end_line=1, name="gone"),
        ),
        shown_change=ShownChange(private=("+        if store.find(item) and self._fits(item):",)),
    )
    shown = _signatures(affected)
    assert shown.startswith("# shop.stock\ndef find(item: str) -> bool:")
    assert "    return True" in shown
    assert "def _fits" not in shown


def test_requests__bodies_that_are_long_are_left_out() -> None:
    lines = "\n".join(f"    x = {number}" for number in range(30))
    text = f"def long():\n{lines}\n\ndef use():\n    return long()\n"
    member = requests({"shop.py": text})["use"].member
    changed = replace(member, change=Change.CHANGED, shown_change=ShownChange(own="+    return long()"))
    assert _signatures(changed, {"shop.py": text}) == "# shop\ndef long(): ..."


def _signatures(member: Member, files: dict[str, str] | None = None) -> str:
    [request] = PYTHON.source.requests(MemoryTree(files or FILES), [member], "", "")
    return request.context.signatures


def test_requests__a_member_that_uses_nothing_and_one_that_uses_itself() -> None:
    found = requests()
    assert found["alone"].context.signatures == ""
    table = found["tabled"].context.signatures
    assert table.startswith("# shop.cart\nTABLE = {n: 'x' * 50 for n in (1, 2, 3")
    assert "def tabled" not in table


def test_requests__all_that_a_generator_is_told() -> None:
    request = requests()["Cart.add"]
    assert request.test_path == "tests/test_cart.py"
    assert (request.framework, request.is_run_by_framework) == ("pytest", True)
    assert request.conventions == "Be brief."
    assert request.normalized_source.startswith("def add(self, item: str, by: Customer) -> Money:")
    assert request.context.style_sample == "def test_style():\n    assert 1"


def test_requests__tests_that_call_a_member_or_use_other_code_of_its_file_are_counted_by_file() -> None:
    tests = {
        "alone": "from shop.cart import alone\n\n\ndef test_alone():\n    assert alone\n",
        "tabled": "from shop.cart import tabled\n\n\ndef test_table():\n    assert tabled(1)\n",
        "find": "from shop.stock import find\n\n\ndef test_find():\n    assert find('alone')\n",
        "style": "def test_style():\n    assert 'alone'\n",
    }
    files = {**FILES, **{f"tests/test_{name}.py": text for name, text in tests.items()}}
    tree = MemoryTree(files)
    members = PYTHON.source.all_members(tree, ["src/shop/cart.py"], "").members
    found = PYTHON.source.requests(tree, members, "", "Commit: Change the style of what is alone and tabled")
    choice = next(one.files for one in found if one.member.name == "alone")
    assert choice is not None
    counts = {path: choice.tests(path)[1:] for path in choice.paths if path in files}
    assert counts["tests/test_alone.py"] == (1, 0)
    assert counts["tests/test_tabled.py"] == (0, 1)
    assert counts["tests/test_find.py"] == (0, 0)


def test_requests__a_file_that_cannot_be_read_takes_no_context_from_others() -> None:
    files = {**FILES, "src/shop/stock.py": "def (:\n", "src/shop/prices.py": "x = '\0'\n"}
    signatures = requests(files)["Cart.add"].context.signatures
    assert "shop.stock" not in signatures
    assert "class Cart(Base):" in signatures


def test_requests__imports_in_a_circle_end() -> None:
    files = {
        "a/__init__.py": "from .b import thing\n",
        "a/b.py": "from . import thing\nfrom a.b import *\n\n\ndef f():\n    return thing.x.y()\n",
    }
    assert requests(files)["f"].context.signatures == ""


def test_requests__code_nested_too_deep_does_without_context() -> None:
    files = {"a.py": f"def f(x):\n    return {'x + ' * 2_000}x\n\n\ndef g(x):\n    return f(x)\n"}
    found = requests(files)
    assert found["f"].context.signatures == ""
    assert found["g"].context.signatures == "# a\ndef f(x): ..."


def test_requests__a_very_long_class_is_cut() -> None:
    methods = "".join(f"    def m{n}(self): ...\n" for n in range(200))
    files = {"big.py": f"class Big:\n{methods}\n\ndef f():\n    return Big()\n"}
    signatures = requests(files)["f"].context.signatures
    assert len(signatures.splitlines()) == 42
    assert signatures.endswith("    ...")


def test_requests__a_thousand_files_take_a_moment() -> None:
    body = "".join(f"def f{n}(x: int) -> int:\n    return g(x) + {n}\n\n\n" for n in range(6))
    files = {f"src/shop/m{n}.py": f"from shop.base import g\n\n\n{body}" for n in range(1_000)}
    files["src/shop/base.py"] = "def g(x): ...\n"
    tree = MemoryTree(files)
    language = PYTHON
    members = language.source.all_members(tree, tree.paths(), "").members
    began = time.process_time()
    found = list(language.source.requests(tree, members, "", ""))
    assert time.process_time() - began < 8
    assert len(found) == 6_001
    assert found[-1].context.signatures == "# shop.base\ndef g(x): ..."

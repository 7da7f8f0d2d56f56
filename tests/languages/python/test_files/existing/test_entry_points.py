from __future__ import annotations

import pytest

from fakes.scopes import scope
from fakes.trees import MemoryTree
from testsmith.languages.python.source.context import requests
from testsmith.languages.python.source.members import changed_members
from testsmith.model import Request

PACKAGE = {
    "shop/__init__.py": """\
from shop.stack import Stack


def parse(text):
    return _stack().run(text)


def _stack():
    return Stack()
""",
    "shop/stack.py": """\
from shop.rules import split


class Stack:
    def run(self, text):
        return split(text)
""",
    "shop/rules.py": "def split(text):\n    return text.split(',')\n",
}
TESTS = """\
import shop


def test_empty():
    assert shop.parse("") == [""]


def test_semicolon():
    assert shop.parse("a;b") == ["a;b"]


def test_other():
    assert shop.other == 1
"""


def request_for_split(tests: dict[str, str]) -> Request:
    head = {**PACKAGE, "shop/rules.py": "def split(text):\n    return text.replace(';', ',').split(',')\n"}
    head["shop/rules.py"] = head["shop/rules.py"].replace("return", "return 'semicolon' and")
    members = changed_members(scope({**PACKAGE, **tests}, {**head, **tests})).members
    found = requests(MemoryTree({**head, **tests}), members, "", "")
    return next(one for one in found if one.member.name == "split")


def test_entry_points__calls_of_the_public_function_by_which_tests_reach_a_member() -> None:
    request = request_for_split({"tests/test_shop.py": TESTS})
    assert request.entry_points == ("shop.parse('a;b')", "shop.parse('')")
    assert request.test_path == "tests/test_shop.py"
    lines = request.test_text.splitlines()
    first = [lines[number - 1] for number in sorted(request.context.test_lines[0])]
    assert first[:3] == ["import shop", "def test_semicolon():", '    assert shop.parse("a;b") == ["a;b"]']


def test_entry_points__none_if_a_test_calls_the_member() -> None:
    direct = "from shop.rules import split\n\n\ndef test_split():\n    assert split('a') == ['a']\n"
    request = request_for_split({"tests/test_shop.py": TESTS, "tests/test_rules.py": direct})
    assert request.entry_points == ()
    assert request.test_path == "tests/test_rules.py"


HEADERS = """\
def unquote(text):
    return text[1:]


def parse_types(text):
    return unquote(text)


def parse_list(text):
    return unquote(text).split(",")
"""
HEADER_TESTS = """\
from headers import parse_list, parse_types


def test_types():
    assert parse_types("'a") == "a"


def test_no_types():
    assert parse_types("") == ""


def test_list():
    assert parse_list("'a,b") == ["a", "b"]
"""


def test_entry_points__one_that_the_change_edits_too_before_one_with_more_tests() -> None:
    base = {"headers.py": HEADERS, "tests/test_headers.py": HEADER_TESTS}
    unquote = HEADERS.replace("[1:]", "[1:-1]")
    for text, call in (unquote, "parse_types('')"), (unquote.replace('","', '", "'), 'parse_list("\'a,b")'):
        head = {**base, "headers.py": text}
        members = changed_members(scope(base, head)).members
        found = requests(MemoryTree(head), members, "", "")
        assert next(one.entry_points for one in found if one.member.name == "unquote")[-1] == call


def test_entry_points__none_without_tests() -> None:
    assert request_for_split({}).entry_points == ()


BASKETS = """\
class Basket(dict):
    def __init__(self, items):
        super().__init__(items)


def baskets_in(text):
    return [Basket({text: 1})]
"""
REDUCED = BASKETS.replace(
    "\n\ndef baskets", "\n    def __reduce__(self):\n        return Basket, (dict(self),)\n\n\ndef baskets"
)
BASKET_TESTS = """\
from baskets import Basket, baskets_in


def test_basket():
    assert Basket({"a": 1}) == {"a": 1}


def test_baskets_in():
    assert baskets_in("a") == [{"a": 1}]


def test_baskets_in_nothing():
    assert baskets_in("") == [{"": 1}]
"""


def test_entry_points__of_a_special_method_are_calls_of_its_class() -> None:
    base = {"baskets.py": BASKETS, "tests/test_baskets.py": BASKET_TESTS}
    head = {**base, "baskets.py": REDUCED}
    members = changed_members(scope(base, head)).members
    [request] = requests(MemoryTree(head), members, "", "")
    assert request.member.name == "Basket.__reduce__"
    assert request.entry_points == ("Basket({'a': 1})",)


def test_entry_points__a_class_that_is_only_named_is_not_called() -> None:
    named = """\
import pytest
from baskets import Basket, baskets_in


def test_none():
    with pytest.raises(Basket):
        raise baskets_in("a")
"""
    base = {"baskets.py": BASKETS, "tests/test_baskets.py": named}
    head = {**base, "baskets.py": REDUCED}
    members = changed_members(scope(base, head)).members
    [request] = requests(MemoryTree(head), members, "", "")
    assert request.entry_points == ()
    assert request.test_path == "tests/test_baskets.py"


PAGES = {
    "pages/__init__.py": """\
from pages.document import Document


class HTML:
    def render(self):
        return Document()

    def write_page(self):
        return self.render().write_page()
""",
    "pages/document.py": """\
from pages.writing import generate


class Document:
    def write_page(self):
        return generate(self)
""",
    "pages/writing.py": """\
from pages.stream import Stream


def generate(document):
    return Stream().color()
""",
    "pages/stream.py": "class Stream:\n    def color(self):\n        return 'red'\n",
    "tests/helpers.py": """\
from pages import HTML


class FakeHTML(HTML):
    def write_page(self, *options):
        return super().write_page(*options)
""",
    "tests/test_pages.py": """\
from .helpers import FakeHTML


def test_color():
    assert FakeHTML("red").write_page() == "red"
""",
}


def test_entry_points__a_method_that_delegates_if_no_test_calls_a_function() -> None:
    head = PAGES | {"pages/stream.py": PAGES["pages/stream.py"].replace("'red'", "'blue'")}
    members = changed_members(scope(PAGES, head)).members
    found = requests(MemoryTree(head), members, "", "")
    request = next(one for one in found if one.member.name == "Stream.color")
    assert request.entry_points == ("FakeHTML('red').write_page()",)
    assert request.test_path == "tests/test_pages.py"


def test_entry_points__a_method_in_the_test_file_before_a_function_elsewhere() -> None:
    named = "tests/test_stream.py"
    used = "from pages.writing import generate\n\n\ndef test_generate():\n    assert generate(None)\n"
    tests = {named: PAGES["tests/test_pages.py"], "tests/test_others.py": used}
    head = PAGES | tests | {"pages/stream.py": PAGES["pages/stream.py"].replace("'red'", "'blue'")}
    members = changed_members(scope(PAGES | tests, head)).members
    found = requests(MemoryTree(head), members, "", "")
    request = next(one for one in found if one.member.name == "Stream.color")
    assert request.entry_points == ("FakeHTML('red').write_page()",)
    assert request.test_path == named


FACADE = {
    "ddl/__init__.py": "",
    "ddl/op.py": "import ddl.proxies\n\nddl.proxies.fill(globals())\n",
    "ddl/proxies.py": "def fill(names):\n    names['add_column'] = print\n",
    "ddl/base.py": """\
def add_column(column):
    return f'ADD {column}'


def drop(column):
    return ''
""",
    "tests/test_op.py": """\
from ddl import op


def test_add_column():
    assert op.add_column("c1") == "ADD c1"


def test_drop():
    assert op.drop("c1") == ""
""",
}


def test_entry_points__calls_by_the_name_of_the_member_if_a_facade_has_it() -> None:
    head = FACADE | {"ddl/base.py": FACADE["ddl/base.py"].replace("return f'ADD", "return f'add")}
    head["ddl/base.py"] = head["ddl/base.py"].replace("return ''", "return 'drop'")
    members = changed_members(scope(FACADE, head)).members
    found = {one.member.name: one for one in requests(MemoryTree(head), members, "", "")}
    assert found["add_column"].entry_points == ("op.add_column('c1')",)
    assert found["add_column"].test_path == "tests/test_op.py"
    assert found["drop"].entry_points == ()


STOCK = """\
def reserve(n):
    return n


def reserve_all(n):
    return reserve(n)


class Shop:
    def __init__(self):
        reserve(0)

    def sell(self, n):
        return reserve(n)
"""


ALONE = STOCK.replace("reserve_all", "_reserve_all")


@pytest.mark.parametrize(
    ("stock", "doors", "calls"),
    [
        (STOCK, ["Shop()"], ()),
        (STOCK, ["Shop()", "Shop()", "Shop().sell(1)"], ("Shop().sell(1)",)),
        (ALONE, ["Shop()", "Shop()", "Shop().sell(1)"], ("Shop()",)),
    ],
    ids=["no method either", "a method", "no function"],
)
def test_entry_points__no_class_if_there_is_a_function(
    stock: str, doors: list[str], calls: tuple[str, ...]
) -> None:
    tests = "".join(
        f"\n\ndef test_shop_{number}():\n    assert {door}\n" for number, door in enumerate(doors)
    )
    base = {"stock.py": stock, "tests/test_stock.py": f"from stock import Shop\n{tests}"}
    head = {**base, "stock.py": stock.replace("return n", "return -n", 1)}
    members = changed_members(scope(base, head)).members
    found = requests(MemoryTree(head), members, "", "")
    assert next(one.entry_points for one in found if one.member.name == "reserve") == calls

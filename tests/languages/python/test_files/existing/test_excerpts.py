from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

import pytest

from fakes.requests import make_member
from fakes.trees import MemoryTree
from testsmith.languages.python.source.context import requests
from testsmith.languages.python.source.members import all_members
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.python.test_files.existing import excerpts
from testsmith.languages.python.test_files.existing.excerpts import (
    lines_to_show,
    most_alike,
    nearest_tests,
)
from testsmith.model import ExistingTest, Request, ShownChange

SOURCE = "def add(a, b): return a + b\ndef double(a): return a * 2\n"


def request_for(name: str, tests: str) -> Request:
    tree = MemoryTree({"shop.py": SOURCE, "tests/test_shop.py": tests})
    members = all_members(tree, ["shop.py"], "").members
    return next(one for one in requests(tree, members, "", "") if one.member.name == name)


def shown(request: Request) -> list[str]:
    lines = request.test_text.splitlines()
    return [lines[number - 1] for number in sorted(frozenset().union(*request.context.test_lines))]


def test_requests__show_the_test_with_what_it_uses_of_its_file() -> None:
    tests = """\
import json
import os
from shop import (
    add,
    double,
    more,
    most,
)

A = 1
B = 2


def total(x):
    return x + A


def other():
    return B


def test_add():
    assert add(A, 1) == total(1)


def test_double():
    assert double(2) == 4 + B
"""
    request = request_for("add", tests)
    assert request.test_path == "tests/test_shop.py"
    assert request.test_text == tests
    assert shown(request) == [
        *tests.split("\n")[:8],
        "A = 1",
        "def total(x):",
        "    return x + A",
        "def test_add():",
        "    assert add(A, 1) == total(1)",
        "",
        "",
        "def test_double():",
        "    assert double(2) == 4 + B",
    ]
    assert request.context.style_sample == ""


def test_requests__show_the_head_and_helpers_of_a_test_class() -> None:
    tests = """\
import unittest
import shop


@unittest.skipIf(False, "")
class AddTests(unittest.TestCase):
    \"\"\"Adding.\"\"\"

    def setUp(self):
        self.one = 1

    def check(self, a, b):
        self.assertEqual(a, b)

    def unused(self):
        pass

    def test_add(self):
        self.check(shop.add(self.one, 1), 2)
"""
    assert shown(request_for("add", tests)) == [
        "import unittest",
        "import shop",
        '@unittest.skipIf(False, "")',
        "class AddTests(unittest.TestCase):",
        "    def setUp(self):",
        "        self.one = 1",
        "    def check(self, a, b):",
        "        self.assertEqual(a, b)",
        "    def test_add(self):",
        "        self.check(shop.add(self.one, 1), 2)",
    ]


def test_requests__show_the_attributes_of_a_test_class_that_its_base_may_read() -> None:
    tests = """\
import shop
from tools import Case

HERE = "here"
THERE = "there"


class TestAdd(Case):
    options = {"folder": HERE}

    def test_add(self):
        self.check(shop.add(1, 1), 2)
"""
    shown_lines = shown(request_for("add", tests))
    assert '    options = {"folder": HERE}' in shown_lines
    assert [line for line in shown_lines if line.isupper() or "HERE =" in line] == ['HERE = "here"']
    many = tests.replace("    options =", "".join(f"    a{n} = {n}\n" for n in range(15)) + "    options =")
    assert '    options = {"folder": HERE}' not in shown(request_for("add", many))


def test_requests__a_function_without_tests_is_shown_two_of_its_module() -> None:
    names = (3, 1, 2)
    tests = [f"def test_{n}():\n" + "    assert double(1) == 2\n" * n for n in names]
    request = request_for("add", "".join(["from shop import double\n", *tests]))
    assert request.test_path == "tests/test_shop.py"
    assert [line for line in shown(request) if line.startswith("def")] == ["def test_1():", "def test_2():"]
    alike = tests[0].replace("test_3", "test_double_can_add")
    request = request_for("add", "".join(["from shop import double\n", alike, *tests[1:]]))
    of_tests = [line for line in shown(request) if line.startswith("def")]
    assert of_tests[:2] == ["def test_double_can_add():", "def test_1():"]


def test_requests__a_project_without_tests_has_nothing_to_edit() -> None:
    tree = MemoryTree({"shop.py": SOURCE})
    for request in requests(tree, all_members(tree, ["shop.py"], "").members, "", ""):
        assert (request.test_text, request.context.test_lines) == ("", ())
        assert request.test_path == "tests/test_shop.py"


LONG_BODY = "        pass\n" * 10


def shown_after(text: str, last: str) -> list[str]:
    """Return the shown lines below the last line of a test."""
    lines = shown(request_for("add", f"from shop import add\n\n\n{text}"))
    return [line for line in lines[lines.index(last) + 1 :] if line]


@pytest.mark.parametrize(
    ("following", "expected"),
    [
        (f"def test_later(\n    tmp_path,\n):\n{LONG_BODY}", ["def test_later(", "    tmp_path,", "):"]),
        ("# Later.\n\n\ndef test_it():\n    pass\n", ["# Later.", "def test_it():", "    pass"]),
        (
            f"class TestLater:\n    def test_it(self):\n{LONG_BODY}",
            ["class TestLater:", "    def test_it(self):"],
        ),
        ("@skip(\n" + "    1,\n" * 10 + ")\ndef test_later():\n    pass\n", []),
        ("TABLE = [\n" + "    1,\n" * 10 + "]\n", []),
        ("", []),
    ],
)
def test_requests__what_follows_a_test_is_shown_whole_or_to_the_end_of_its_signature(
    following: str, expected: list[str]
) -> None:
    text = f"def test_add():\n    assert add(1, 1) == 2\n\n\n{following}"
    assert shown_after(text, "    assert add(1, 1) == 2") == expected


def test_requests__what_follows_the_last_test_of_a_class_shows_its_end() -> None:
    test = "    def test_add(self):\n        assert add(1, 1) == 2\n"
    text = f"class TestAdd:\n{test}\n\ndef test_it():\n{LONG_BODY}"
    assert shown_after(text, "        assert add(1, 1) == 2") == ["def test_it():"]


CONFTEST = """\
import pytest
from shop import add
from ._bags import BAG

SIZE = 3


class Till:
    def put(self, price):
        self.total = add(price, SIZE)


@pytest.fixture(name="till")
def make_till(open_till):
    return open_till


@pytest.fixture
def open_till():
    return Till()


@pytest.fixture
def coin():
    return 1
"""


def fixtures_of(tests: str, conftests: Mapping[str, str]) -> list[str]:
    """Return the heads of the statements that are shown of conftest files."""
    files = {f"{folder}/conftest.py": text for folder, text in conftests.items()}
    texts = texts_of_others(tests, files)
    return [next(line for line in text.split("\n") if line[:1] != "@") for text in texts]


def texts_of_others(tests: str, files: Mapping[str, str]) -> list[str]:
    """Return what is shown of other files."""
    tree = MemoryTree({"shop.py": SOURCE, "tests/till/test_shop.py": tests, **files})
    members = all_members(tree, ["shop.py"], "").members
    found = next(one for one in requests(tree, members, "", "") if one.member.name == "add")
    return list(found.context.fixtures)


def test_requests__show_the_fixtures_of_conftest_files_that_tests_use_with_their_helpers() -> None:
    tests = "from shop import add\n\n\ndef test_add(till, tmp_path):\n    assert add(1, 1) == 2\n"
    assert fixtures_of(tests, {"tests": CONFTEST}) == [
        "SIZE = 3",
        "class Till:",
        "def make_till(open_till):",
        "def open_till():",
    ]
    nearer = "import pytest\n\n\n@pytest.fixture\ndef till(coin):\n    return coin\n"
    assert fixtures_of(tests, {"tests": CONFTEST, "tests/till": nearer}) == ["def till(coin):"]
    assert fixtures_of(tests, {"tests": "def ("}) == []


def test_requests__show_the_helpers_that_tests_import_from_other_test_modules() -> None:
    long = "\n".join(f"    value += {number}" for number in range(40))
    helpers = f"""\
LIMIT = 3


class Till:
    size = LIMIT


@wrapped
def checked(value):
    \"\"\"Check a value.\"\"\"
{long}


def unused():
    pass


def test_other():
    pass
"""
    tests = """\
from shop import add
from tests.helpers import LIMIT, Till, checked as sure, test_other, unused

from ..helpers import Till as Drawer
from .nothing import gone
from . import helpers


def test_add():
    sure(Till(LIMIT), Drawer, gone, helpers, test_other)
    assert add(1, 1) == 2
"""
    found = texts_of_others(tests, {"tests/helpers.py": helpers, "tests/till/helpers.py": "def far(): ..."})
    assert found == [
        '@wrapped\ndef checked(value):\n    """Check a value."""',
        "class Till:\n    size = LIMIT",
    ]
    assert texts_of_others(tests, {"tests/helpers.py": "def ("}) == []
    assert texts_of_others(tests, {"tests/helpers/__init__.py": "class Till:\n    pass\n"}) == [
        "class Till:\n    pass"
    ]


def test_requests__a_fixture_that_the_file_defines_itself_is_not_that_of_a_conftest_file() -> None:
    tests = """\
import pytest
from shop import add


@pytest.fixture
def till(coin):
    return coin


@pytest.mark.usefixtures("open_till")
def test_add(till):
    assert add(1, 1) == 2
"""
    assert fixtures_of(tests, {"tests": CONFTEST}) == [
        "SIZE = 3",
        "class Till:",
        "def open_till():",
        "def coin():",
    ]


def test_requests__show_the_fixtures_of_a_test_class() -> None:
    tests = """\
import pytest
import shop


class TestAdd:
    @pytest.fixture
    def one(self):
        return 1

    @pytest.fixture(autouse=True)
    def opened(self):
        self.is_open = True

    @pytest.fixture
    def unused(self):
        return 2

    def test_add(self, one):
        assert shop.add(one, 1) == 2
"""
    lines = shown(request_for("add", tests))
    assert [line for line in lines if "def " in line] == [
        "    def one(self):",
        "    def opened(self):",
        "    def test_add(self, one):",
    ]


LONG_HELPER = """\
    def check(self, make):
        \"""
        Check what a maker makes.

        It is described at length.
        \"""
        first = self.server(make)
"""


def lines_of_class(*helpers: str) -> list[str]:
    """Return the shown lines of a test class with one test, without blank lines."""
    test = "    def test_add(self):\n        self.check(shop.add(1, 1))\n"
    text = "import shop\n\n\nclass TestAdd:\n" + "\n".join([*helpers, test])
    return [line.strip() for line in shown(request_for("add", text))[2:] if line.strip()][:-2]


def test_requests__show_the_methods_of_a_test_class_that_its_helpers_call() -> None:
    lines = lines_of_class(
        "    def check(self, found):\n        assert self.server(found)\n",
        "    def server(self, found):\n        return self.deeper(found)\n",
        "    def deeper(self, found):\n        return found\n",
    )
    assert lines == [
        "def check(self, found):",
        "assert self.server(found)",
        "def server(self, found):",
        "return self.deeper(found)",
    ]


def test_requests__show_the_beginning_of_a_long_helper_and_the_methods_that_it_calls() -> None:
    lines = lines_of_class(
        LONG_HELPER + "        assert first\n" * 30,
        "    def server(self, make):\n        return make()\n",
    )
    assert lines[:5] == [
        "def check(self, make):",
        '"""',
        "Check what a maker makes.",
        '"""',
        "first = self.server(make)",
    ]
    assert lines[5:] == ["assert first"] * 20 + ["def server(self, make):", "return make()"]


def test_requests__show_of_further_helpers_only_the_signatures_if_they_are_many() -> None:
    calls = "".join(f"        self.server_{n}()\n" for n in range(5))
    lines = lines_of_class(
        f"    def check(self, found):\n{calls}",
        *(f"    def server_{n}(self):\n" + f"        a({n})\n" * 24 for n in range(5)),
    )
    added = lines[6:]
    assert [added.count(f"a({n})") for n in range(5)] == [24, 24, 0, 0, 0]
    assert [line for line in added if "def" in line] == [f"def server_{n}(self):" for n in range(5)]


def test_requests__show_the_signature_of_a_long_class_and_the_beginning_of_a_long_function() -> None:
    tests = (
        'import shop\n\n\nclass Bag:\n    """Holds things."""\n\n'
        + "    def put(self):\n        pass\n\n" * 10
        + "\ndef total(bag):\n"
        + "    bag.put()\n" * 30
        + "    return bag\n\n\ndef test_add():\n    assert shop.add(1, 1) == total(Bag())\n"
    )
    lines = [line for line in shown(request_for("add", tests)) if line]
    expected = ["import shop", "class Bag:", '    """Holds things."""', "def total(bag):"]
    assert lines[:-2] == [*expected, *["    bag.put()"] * 24]


def test_requests__show_the_beginnings_of_other_classes_of_tests() -> None:
    others = (
        'class TestExpiry:\n    """Entries expire."""\n\n    def make(self):\n        pass\n\n'
        "    def test_expired(self):\n        assert 1\n\n    def test_fresh(self):\n        assert 2\n"
        "\n\nclass Helper:\n    def check(self):\n        assert 3\n"
    )
    text = f"import shop\n\n\ndef test_add():\n    assert shop.add(1, 1)\n\n\n{others}"
    lines = [line for line in shown(request_for("add", text)) if line]
    assert lines[3:] == ["class TestExpiry:", '    """Entries expire."""', "    def test_expired(self):"]
    more = "\n\nclass Test{n}:\n    def test_it(self):\n        assert {n}\n"
    many = text + "".join(more.format(n=n) for n in range(99))
    assert len(shown(request_for("add", many))) < 100


def test_lines_to_show__the_middle_of_a_long_test_is_left_out() -> None:
    text = "def test_add():\n" + "".join(f"    assert {n}\n" for n in range(1, 100))
    test = ExistingTest(path="t.py", suite="", name="test_add", line=1, end_line=100, source=text)
    (lines,) = lines_to_show(text, [test])
    assert (1 in lines, 50 in lines, 100 in lines, len(lines)) == (True, False, True, 60)
    assert lines_to_show("def (", [test]) == ()


def test_nearest_tests__nearest_most_alike_and_one_with_a_table() -> None:
    found = [
        ExistingTest(
            path="t.py",
            suite="",
            name=f"test_{n}",
            line=n,
            end_line=n,
            source="assert f('leap year')" if n == 5 else "assert f('year')",
            calls=("f()",),
            has_cases=n == 7,
        )
        for n in range(1, 9)
    ]
    change = ShownChange(own="@@ f @@\n-    return year\n+    return leap(year)")
    member = replace(make_member("a.py::f"), shown_change=change)
    names = [test.name for test in nearest_tests(found, "t.py", member)]
    assert names == ["test_1", "test_2", "test_5", "test_7"]
    assert nearest_tests(found, "other.py", member) == []


def test_most_alike__of_an_affected_member_by_the_private_change() -> None:
    tests = [
        ExistingTest(
            path="t.py", suite="", name=f"test_{word}", line=n, end_line=n, source=f"f(form='{word}')"
        )
        for n, word in enumerate(("indent", "python", "comma"))
    ]
    change = ShownChange(private=("@@ _PythonForm.quote @@\n-    return text\n+    return escaped(text)",))
    source = "def f(comma):\n    return _quoted(comma)\n"
    member = replace(make_member("a.py::f", source), because=("_PythonForm.quote",), shown_change=change)
    assert most_alike(tests, member)[0].name == "test_python"


def test_requests__parse_a_test_file_once_for_all_members(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def parse(text: str) -> ast.Module:
        parsed.append(text)
        return parse_untrusted(text)

    monkeypatch.setattr(excerpts, "parse_untrusted", parse)
    tests = (
        "from shop import add, double\n\ndef test_add_once(): assert add(1, 1) == 2\n\n"
        "def test_double_once(): assert double(1) == 2\n"
    )
    tree = MemoryTree({"shop.py": SOURCE, "tests/test_shop.py": tests})
    found = list(requests(tree, all_members(tree, ["shop.py"], "").members, "", ""))
    assert [bool(one.context.test_lines) for one in found] == [True, True]
    assert parsed == [tests]


def test_requests__show_tests_with_the_names_that_the_authors_give_next_to_those_that_call_it() -> None:
    tests = """\
import shop


def test_other_rows():
    assert shop.rows == 1


def test_add():
    assert shop.add(1, 1) == 2


def test_rows():
    assert shop.from_rows("1", round_up=True) == 1


def test_from_rows():
    assert shop.from_rows("1") == 1
"""
    tree = MemoryTree({"shop.py": SOURCE, "tests/test_shop.py": tests})
    members = all_members(tree, ["shop.py"], "").members
    intent = "Commit: Do not recurse in from_rows with round_up"
    request = next(one for one in requests(tree, members, "", intent) if one.member.name == "add")
    assert [line for line in shown(request) if line.startswith("def ")] == [
        "def test_add():",
        "def test_rows():",
        "def test_from_rows():",
    ]


def test_most_alike__names_of_several_words_count_as_a_whole() -> None:
    tests = [
        ExistingTest(path="t.py", suite="", name=name, line=1, end_line=1, source=source)
        for name, source in {"test_a": "from_rows, other_env", "test_b": "from_env, rows"}.items()
    ]
    member = replace(make_member(), name="zorb", source="")
    found = most_alike(tests, member, "Commit: Do not recurse in from_env")
    assert [test.name for test in found] == ["test_b", "test_a"]


COMMON = '''\
import shop


def make_bag(*items):
    """Return a bag with items."""
    return {item: 1 for item in items}


def once():
    return 1


def long_check(bag):
    """Check a bag."""
'''
"""Helpers of a test file: a short one, one with a single user, and a long one."""


def test_requests__show_the_helpers_that_several_other_tests_use() -> None:
    text = (
        COMMON
        + "    assert bag\n" * 20
        + "\n\ndef test_add():\n    assert shop.add(1, 1) == 2\n"
        + "\n\ndef test_once():\n    long_check(make_bag(once()))\n"
        + "\n\ndef test_more():\n    long_check(make_bag(2))\n"
    )
    lines = [line for line in shown(request_for("add", text)) if line]
    assert lines == [
        "import shop",
        "def make_bag(*items):",
        '    """Return a bag with items."""',
        "    return {item: 1 for item in items}",
        "def long_check(bag):",
        '    """Check a bag."""',
        "def test_add():",
        "    assert shop.add(1, 1) == 2",
        "def test_once():",
        "    long_check(make_bag(once()))",
    ]


def test_requests__show_the_helpers_of_a_test_class_that_several_other_tests_use() -> None:
    text = (
        "import shop\n\n\nclass TestAdd:\n    def bag(self):\n        return {}\n\n"
        "    def test_add(self):\n        assert shop.add(1, 1) == 2\n\n"
        + "".join(f"    def test_{n}(self):\n        assert self.bag()\n\n" for n in range(2))
    )
    lines = shown(request_for("add", text))
    assert "    def bag(self):" in lines
    assert "        return {}" in lines

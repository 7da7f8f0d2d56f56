from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from languages.python.test_files.existing.test_member_tests import SHOP

from fakes.trees import MemoryTree
from testsmith.languages.python.source.members import all_members
from testsmith.languages.python.source.project_names import ProjectNames
from testsmith.languages.python.test_files.existing.file_subjects import FileSubjects, RankedFiles
from testsmith.languages.python.test_files.existing.member_tests import MemberTests
from testsmith.model import Change, ShownChange

USUAL = "tests/test_cart.py"
FILES = {
    USUAL: """\
from shop.cart import parse_price

def test_plain():
    assert parse_price("1") == 1

def test_negative():
    assert parse_price("-1") == -1

def test_large():
    assert parse_price("1000") == 1000
""",
    "tests/test_currencies.py": """\
from shop.cart import parse_price

def test_symbol():
    assert parse_price("£1") == 1

def test_code():
    assert parse_price("1 EUR", currency="EUR") == 1
""",
    "tests/test_stock.py": """\
from shop.cart import Cart

def test_empty():
    assert Cart().total() == 0
""",
    "tests/test_sums.py": """\
from shop.cart import Cart

def test_two():
    assert Cart().total(2) == 2
""",
}


def file_of(intent: str = "", change: ShownChange | None = None, usual: str = USUAL) -> str:
    """Return the test file for a change to `parse_price`."""
    return ranked(intent, change, usual).paths[0]


def ranked(
    intent: str = "",
    change: ShownChange | None = None,
    usual: str = USUAL,
    files: Mapping[str, str] = FILES,
) -> RankedFiles:
    """Return the test files that may get the tests of a change to `parse_price`."""
    tree = MemoryTree(SHOP | dict(files))
    members = all_members(tree, ["src/shop/cart.py"], "").members
    member = next(each for each in members if each.name == "parse_price")
    member = replace(member, change=Change.CHANGED, shown_change=change or ShownChange())
    tests = MemberTests(tree, [member], ProjectNames(tree, ""))
    return FileSubjects(tests, intent).ranked(member, usual, USUAL)


@pytest.mark.parametrize("usual", FILES)
def test_file_of__the_usual_one_if_nothing_is_known_of_the_change(usual: str) -> None:
    assert file_of(usual=usual) == usual


def test_file_of__the_usual_one_if_the_words_of_the_change_are_in_no_test() -> None:
    change = ShownChange(own="--- a\n+++ b\n-    zorb()\n+    blig()\n")
    assert file_of("Commit: Rename zorb", change) == USUAL


def test_file_of__the_one_that_the_authors_name() -> None:
    assert file_of("Commit: Prices in other currencies have a code") == "tests/test_currencies.py"


def test_file_of__the_one_whose_tests_have_the_words_of_the_diff() -> None:
    change = ShownChange(own='--- a\n+++ b\n-    code = ""\n+    code = currency or symbol(text)\n')
    assert file_of("Commit: Read the code and the symbol", change) == "tests/test_currencies.py"


def test_file_of__by_the_diffs_of_private_code_if_the_member_is_only_affected() -> None:
    change = ShownChange(private=('--- a\n+++ b\n+    currency = SYMBOLS["EUR"] or code or symbol\n',))
    assert file_of("Commit: symbol of a code", change) == "tests/test_currencies.py"


@pytest.mark.parametrize(
    ("intent", "change", "is_sure"),
    [
        ("", None, True),
        ("Commit: Prices have no sign", None, True),
        ("Commit: Prices in other currencies have a code", None, False),
    ],
    ids=["nothing is known", "only calls and names speak for it", "the authors' words speak for another"],
)
def test_ranked__is_sure_if_the_first_leads_by_far(
    intent: str, change: ShownChange | None, is_sure: bool
) -> None:
    assert ranked(intent, change).is_sure is is_sure
    few = {path: text for path, text in FILES.items() if path != "tests/test_sums.py"}
    assert ranked(intent, change, files=few).is_sure

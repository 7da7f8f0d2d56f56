from __future__ import annotations

from fakes.trees import MemoryTree
from testsmith.languages.go.source.packages import Packages
from testsmith.languages.go.test_files.renaming import apart
from testsmith.languages.go.test_files.test_paths import package_of_tests
from testsmith.languages.source import CannotParse
from testsmith.languages.tests import UnformattedModule

TREE = MemoryTree(
    {
        "go.mod": "module example.com/shop\n",
        "cart/cart.go": "package cart\n\nfunc Add() {}\n\nvar limit = 1\n",
        "cart/cart_test.go": 'package cart\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {}\n',
        "cart/api_test.go": "package cart_test\n\nfunc TestApi(t *testing.T) {}\n",
        "fees/fees.go": "package fees\n",
    }
)
MODULE = """package cart

import "testing"

type row struct{ limit int }

var limit = 2

func TestAdd(t *testing.T) {
	r := row{limit: limit}
	if r.limit != 2 {
		t.Fail()
	}
}
"""


def _apart(*codes: str, path: str = "cart/new_test.go") -> list[str | CannotParse]:
    return apart([UnformattedModule(code, path) for code in codes], TREE)


def test_apart__from_the_package_and_from_each_other() -> None:
    first, second = _apart(MODULE, MODULE)
    assert first == MODULE.replace("var limit", "var limit2").replace(
        "limit: limit", "limit: limit2"
    ).replace("TestAdd", "TestAdd2")
    assert isinstance(second, str)
    assert "type row2 struct{ limit int }" in second
    assert "func TestAdd3" in second
    assert "r := row2{limit: limit3}" in second


def test_apart__the_other_package_of_a_folder_has_its_own_names() -> None:
    code = 'package cart_test\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {}\n'
    assert _apart(code) == [code]
    assert _apart(code.replace("TestAdd", "TestApi")) == [code.replace("TestAdd", "TestApi2")]


def test_apart__in_the_package_of_a_file_that_exists() -> None:
    code = 'package cart_test\n\nimport "testing"\n\nfunc TestX(t *testing.T) {}\n'
    assert _apart(code, path="cart/cart_test.go") == [code.replace("cart_test", "cart")]
    assert _apart(code, path="cart/api_test.go") == [code]


def test_apart__a_package_clause_that_cannot_be_right_is_replaced() -> None:
    body = "\n\nfunc TestX(t *testing.T) {}\n"
    assert _apart(f"package main{body}", "func TestY() {}\n") == [
        f"package cart{body}",
        "package cart\n\nfunc TestY() {}\n",
    ]


def test_apart__what_cannot_be_read_costs_only_itself() -> None:
    wrong, right = _apart("package cart\n\nfunc {", "package cart\n")
    assert isinstance(wrong, CannotParse)
    assert right == "package cart\n"


def test_package_of_tests__as_its_file_says_or_as_others_do() -> None:
    packages = Packages(TREE)
    assert package_of_tests(packages, "cart", "cart/api_test.go") == "cart_test"
    assert package_of_tests(packages, "cart", "cart/new_test.go") == "cart"
    assert package_of_tests(packages, "fees", "fees/fees_test.go") == "fees"
    outside = MemoryTree(
        {
            "go.mod": "module a\n",
            "a.go": "package a\n",
            "b/b.go": "package b\n",
            "b/b_test.go": "package b_test\n",
            "c/main.go": "package main\n",
        }
    )
    assert package_of_tests(Packages(outside), "", "a_test.go") == "a_test"
    assert package_of_tests(Packages(outside), "c", "c/main_test.go") == "main"

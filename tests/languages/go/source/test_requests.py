from __future__ import annotations

from fakes.trees import MemoryTree
from testsmith.languages.go.source.members import all_members
from testsmith.languages.go.source.requests import prompt_rules, requests
from testsmith.model import Request, TestPlace

CART = """package cart

import "example.com/shop/money"

// Cart holds items.
type Cart struct {
	items []int

	limit int
}

// New makes a cart.
// It is empty.
func New(limit int) *Cart { return &Cart{limit: limit} }

// Add adds an item.
func (c *Cart) Add(n int) bool {
	if len(c.items) >= c.limit || n > most {
		return false
	}
	c.items = append(c.items, n)
	return money.Whole(n)
}

const most = 100

// Empty says so.
func Empty(c *Cart) bool { return len(c.items) == 0 }
"""
CART_TEST = """package cart

import (
	"fmt"
	"testing"
)

func full(t *testing.T) *Cart {
	t.Helper()
	return New(0)
}

func TestAdd(t *testing.T) {
	for _, tt := range []struct{ n int }{{1}} {
		if !New(1).Add(tt.n) {
			t.Error("no")
		}
	}
}

func TestFull(t *testing.T) {
	if full(t).Add(1) {
		t.Error("yes")
	}
}

func ExampleCart_Add() {
	fmt.Println(New(1).Add(1))
	// Output: true
}
"""
FILES = {
    "go.mod": "module example.com/shop\n",
    "TESTSMITH.md": "Use tables.\n",
    "money/money.go": "package money\n\n// Whole says so.\nfunc Whole(n int) bool { return n%1 == 0 }\n",
    "cart/cart.go": CART,
    "cart/cart_test.go": CART_TEST,
}


def _requests(files: dict[str, str], path: str = "cart/cart.go") -> dict[str, Request]:
    tree = MemoryTree(files)
    members = all_members(tree, [path], "").members
    return {one.member.name: one for one in requests(tree, members, "", "Carts have limits.")}


def test_requests__tests_that_call_it_and_their_place() -> None:
    add = _requests(FILES)["Cart.Add"]
    assert (add.test_path, add.framework, add.conventions) == ("cart/cart_test.go", "go test", "Use tables.")
    assert [(one.name, one.calls, one.has_cases) for one in add.existing] == [
        ("TestAdd", ("New(1).Add(tt.n)",), True),
        ("TestFull", ("full(t).Add(1)",), False),
    ]
    assert add.place == TestPlace(path="cart/cart_test.go", after="TestAdd")
    assert add.test_text == CART_TEST
    lines = CART_TEST.split("\n")
    shown = [lines[line - 1] for line in sorted(add.context.test_lines[1])]
    assert shown[:2] == ["package cart", "import ("]
    assert "func full(t *testing.T) *Cart {" in shown
    assert "func TestFull(t *testing.T) {" in shown
    assert "func TestAdd(t *testing.T) {" not in shown
    assert add.intent == "Carts have limits."
    assert "the test file says `package cart`" in add.import_line


def test_requests__of_a_long_test_the_end_is_shown_too() -> None:
    body = "".join(f"\tcart.Add({number})\n" for number in range(200))
    tests = f'package cart\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {{\n\tcart := New(1)\n{body}}}\n'
    add = _requests({**FILES, "cart/cart_test.go": tests})["Cart.Add"]
    lines = tests.split("\n")
    shown = [lines[line - 1] for line in sorted(add.context.test_lines[0])]
    assert shown[-4:] == ["\tcart.Add(118)", "\tcart.Add(198)", "\tcart.Add(199)", "}"]


def test_requests__what_it_uses_and_its_examples() -> None:
    blocks = _requests(FILES)["Cart.Add"].context.signatures.split("\n\n")
    assert blocks == [
        "// example.com/shop/cart\n// Cart holds items.\ntype Cart struct {\n\titems []int\n\tlimit int\n}",
        "// example.com/shop/cart\n// New makes a cart.\nfunc New(limit int) *Cart",
        "// example.com/shop/cart\nconst most = 100",
        "// example.com/shop/money\n// Whole says so.\nfunc Whole(n int) bool",
        "// cart_test.go\nfunc ExampleCart_Add() {\n\tfmt.Println(New(1).Add(1))\n\t// Output: true\n}",
    ]


def test_requests__without_tests_of_its_own_a_sample_of_style() -> None:
    empty = _requests(FILES)["Empty"]
    assert empty.existing == ()
    assert empty.test_text == ""
    assert empty.context.style_sample.startswith(
        'package cart\n\nimport (\n\t"fmt"\n\t"testing"\n)\n\nfunc TestAdd'
    )
    whole = _requests(FILES, "money/money.go")["Whole"]
    assert (whole.test_path, whole.place) == ("money/money_test.go", None)
    assert "func TestAdd" in whole.context.style_sample


def test_requests__without_tests_of_its_own_below_those_of_the_nearest_function() -> None:
    source = CART.replace(
        "const most", "// Len counts.\nfunc (c *Cart) Len() int { return len(c.items) }\n\nconst most"
    )
    tests = {"cart/cart_test.go": "package cart\n", "cart/cart_add_test.go": CART_TEST}
    found = _requests({**FILES, **tests, "cart/cart.go": source})["Cart.Len"]
    assert found.existing == ()
    assert found.place == TestPlace(path="cart/cart_add_test.go", after="TestAdd")
    assert "func TestAdd" in found.context.style_sample


def test_requests__a_method_of_a_common_name_is_not_taken_for_that_of_another_type() -> None:
    errors = "package cart\n\n// Full says so.\ntype Full struct{}\n"
    errors = f'{errors}\nfunc (f *Full) Error() string {{ return "" }}\n'
    test = """package cart

import (
	"errors"
	"testing"
)

func TestOther(t *testing.T) {
	if errors.New("a").Error() != "a" {
		t.Error("no")
	}
}
"""
    files = {**FILES, "cart/full.go": errors, "cart/other_test.go": test}
    error = _requests(files, "cart/full.go")["Full.Error"]
    assert (error.existing, error.test_path) == ((), "cart/full_test.go")


def test_requests__in_a_package_of_tests() -> None:
    outside = CART_TEST.replace("package cart", "package cart_test")
    add = _requests({**FILES, "cart/cart_test.go": outside})["Cart.Add"]
    assert add.import_line == 'import "example.com/shop/cart", in a file of `package cart_test`'


def test_requests__the_cache_key_has_the_documentation() -> None:
    one = _requests(FILES)["Cart.Add"].normalized_source
    formatted = CART.replace("\treturn money", "\n\treturn  money").replace("items, n)", "items, n) // more")
    assert _requests({**FILES, "cart/cart.go": formatted})["Cart.Add"].normalized_source != ""
    other = CART.replace("// Add adds an item.", "// Add adds one item.")
    assert _requests({**FILES, "cart/cart.go": other})["Cart.Add"].normalized_source != one


def test_prompt_rules__speak_of_go() -> None:
    rules = prompt_rules()
    assert "t.Errorf" in rules
    assert "pytest" not in rules

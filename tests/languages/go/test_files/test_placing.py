from __future__ import annotations

import pytest

from testsmith.languages.go.test_files import test_modules
from testsmith.languages.go.test_files.placing import place
from testsmith.languages.tests import CannotPlace
from testsmith.model import TestPlace

FILE = """package cart

import "testing"

func helper() int { return 1 }

func TestAdd(t *testing.T) {
	t.Log("a")
}

// TestLast is the last one.
func TestLast(t *testing.T) {
	t.Log("z")
}

func after() {}
"""

MODULE = """package cart

import (
	"strings"
	"testing"
)

// helper makes one.
func helper(n int) *Cart { return &Cart{limit: n} }

func TestAdd(t *testing.T) {
	if !helper(1).Add(1) {
		t.Error(strings.ToUpper("no"))
	}
}
"""

PLACED = """package cart

import (
	"strings"
	"testing"
)

func helper() int { return 1 }

func TestAdd(t *testing.T) {
	t.Log("a")
}

// helper makes one.
func helper2(n int) *Cart { return &Cart{limit: n} }

func TestAdd2(t *testing.T) {
	if !helper2(1).Add(1) {
		t.Error(strings.ToUpper("no"))
	}
}

// TestLast is the last one.
func TestLast(t *testing.T) {
	t.Log("z")
}

func after() {}
"""


def test_place__a_new_file() -> None:
    assert place(None, MODULE) == MODULE


def test_place__below_the_nearest_test_with_names_of_its_own() -> None:
    placed = place(FILE, MODULE, at=TestPlace(path="cart_test.go", after="TestAdd"))
    assert placed == PLACED
    assert place(placed, MODULE, at=TestPlace(path="cart_test.go", after="TestAdd")) == placed


def test_place__below_the_last_test_without_a_place() -> None:
    assert test_modules.test_functions(place(FILE, MODULE)) == ("TestAdd", "TestLast", "TestAdd2")
    placed = place("package cart\n", MODULE)
    assert placed.startswith("package cart\n\nimport (")
    assert test_modules.test_functions(placed) == ("TestAdd",)


def test_place__instead_of_outdated_tests() -> None:
    placed = place(PLACED, MODULE.replace("Add(1)", "Add(2)"), instead_of=["TestAdd2"])
    assert test_modules.test_functions(placed) == ("TestAdd", "TestAdd2", "TestLast")
    assert "Add(2)" in placed
    assert "Add(1)" not in placed


def test_place__a_test_that_is_there_under_another_name_is_not_added() -> None:
    module = 'package cart\n\nimport "testing"\n\nfunc TestMore(t *testing.T) {\n\n\tt.Log("z")\n}\n'
    assert place(FILE, module) == FILE


def test_place__imports_by_the_names_of_the_file() -> None:
    file = FILE.replace('import "testing"', 'import (\n\t"testing"\n\n\tstr "strings"\n)')
    placed = place(file, MODULE)
    assert 't.Error(str.ToUpper("no"))' in placed
    assert placed.count('"strings"') == 1


def test_place__imports_are_sorted_into_their_group() -> None:
    file = FILE.replace('import "testing"', 'import (\n\t"os"\n\t"testing"\n\n\t"example.com/b"\n)')
    module = MODULE.replace('"testing"\n', '"testing"\n\n\t"example.com/a"\n').replace("Add(1)", "Add(a.X)")
    placed = place(file, module)
    assert 'import (\n\t"os"\n\t"strings"\n\t"testing"\n\n\t"example.com/a"\n\t"example.com/b"\n)' in placed


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (MODULE.replace("package cart", "package cart_test"), "in package cart"),
        (f"{MODULE}\nfunc TestMain(m *testing.M) {{}}\n", "how all tests"),
        (f"{MODULE}\nfunc init() {{}}\n", "how all tests"),
        (MODULE.replace('"strings"', 'testing "strings"'), "another package as testing"),
    ],
)
def test_place__what_would_act_on_other_tests_is_refused(module: str, why: str) -> None:
    with pytest.raises(CannotPlace, match=why):
        place(FILE, module)

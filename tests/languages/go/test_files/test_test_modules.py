from __future__ import annotations

import pytest

from testsmith.languages.go.test_files import test_modules
from testsmith.languages.go.test_files.test_modules import (
    keep_tests,
    without_declarations,
    without_tests,
)
from testsmith.languages.source import CannotParse

CODE = """package cart

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var errX = errors.New("x")

type row struct{ in, want int }

// helper makes one.
func helper(t *testing.T, n int) *Cart {
	t.Helper()
	return &Cart{limit: n}
}

func TestAdd(t *testing.T) {
	if !helper(t, 3).Add(1) {
		t.Error("no")
	}
}

// TestOther has a table.
func TestOther(t *testing.T) {
	for _, r := range []row{{1, 2}} {
		require.Equal(t, r.want, r.in)
	}
}

func TestStrings(t *testing.T) {
	if strings.ToUpper("a") != "A" {
		t.Fatal(errX)
	}
}

func Testlower(t *testing.T) {}

func TestTwo(t *testing.T, x int) {}

func BenchmarkAdd(b *testing.B) {}
"""

ADD = """package cart

import (
	"testing"
)

// helper makes one.
func helper(t *testing.T, n int) *Cart {
	t.Helper()
	return &Cart{limit: n}
}

func TestAdd(t *testing.T) {
	if !helper(t, 3).Add(1) {
		t.Error("no")
	}
}
"""


def test_test_functions__only_what_the_go_command_runs_as_tests() -> None:
    assert test_modules.test_functions(CODE) == ("TestAdd", "TestOther", "TestStrings")
    assert test_modules.test_functions(
        "package a\n\nfunc TestMain(t *testing.T) {}\nfunc Test(t *testing.T) {}\n"
    ) == ("Test",)
    with pytest.raises(CannotParse):
        test_modules.test_functions("package a\n\nfunc TestA(t *testing.T) { x := ; }\n")


def test_keep_tests__what_they_use_and_nothing_else() -> None:
    assert keep_tests(CODE, ["TestAdd"]) == ADD
    strings = keep_tests(CODE, ["TestStrings"])
    assert 'import (\n\t"errors"\n\t"strings"\n\t"testing"\n)\n\nvar errX' in strings
    assert "row" not in strings
    other = keep_tests(CODE, ["TestOther"])
    assert 'import (\n\t"testing"\n\n\t"github.com/stretchr/testify/require"\n)\n\ntype row' in other
    assert "// TestOther has a table.\nfunc TestOther" in other


def test_keep_tests__what_go_itself_runs_stays_to_be_judged() -> None:
    code = f"{CODE}\nfunc TestMain(m *testing.M) {{ m.Run() }}\n\nfunc init() {{ errX = nil }}\n"
    kept = keep_tests(code, ["TestAdd"])
    assert "func TestMain" in kept
    assert "func init() { errX = nil }" in kept
    assert "errors.New" in kept


def test_keep_tests__a_group_of_which_one_is_used_stays_whole() -> None:
    code = """package a

import "testing"

const (
	one = iota
	two
)

var x = 1

func TestA(t *testing.T) {
	if F() != two {
		t.Fail()
	}
}
"""
    assert keep_tests(code, ["TestA"]) == code.replace("var x = 1\n\n", "")


def test_keep_tests__an_import_whose_name_is_unknown_stays() -> None:
    imports = 'import (\n\t"example.com/a-b.c"\n\t"testing"\n)'
    code = f"package a\n\n{imports}\n\nfunc TestA(t *testing.T) {{ abc.X() }}\n"
    assert '"example.com/a-b.c"' in keep_tests(code, ["TestA"])


def test_without_tests__other_declarations_stay() -> None:
    left = without_tests(CODE, ["TestAdd", "TestStrings"])
    assert test_modules.test_functions(left) == ("TestOther",)
    assert "func helper" in left
    assert '"strings"' not in left
    assert "\n\n\n" not in left


def test_without_declarations__makes_room_for_others_of_the_same_name() -> None:
    left = without_declarations(CODE, {"TestAdd", "helper"})
    assert "helper" not in left
    assert "func TestOther" in left
    assert test_modules.test_functions("package a\n") == ()

from __future__ import annotations

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.go.test_files import test_modules
from testsmith.languages.go.test_files.file_edits import (
    changed_tests,
    edited_tests,
    joined_edit,
    self_contained,
    with_test,
)
from testsmith.languages.tests import CannotPlace

FILE = """package cart

import "testing"

func check(t *testing.T, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%d, want %d", got, want)
	}
}

func TestTotal(t *testing.T) {
	tests := []struct {
		name string
		xs   []int
		want int
	}{
		{"none", nil, 0},
		{"one", []int{7}, 7}, // the usual
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			check(t, Total(tt.xs), tt.want)
		})
	}
}

func TestEmpty(t *testing.T) {
	check(t, Total(nil), 0)
}
"""
ROW = '\t\t{"two", []int{7, 1}, 8},\n'
EXTENDED = FILE.replace("// the usual\n", f"// the usual\n{ROW}")
ADDED_TEST = """
func TestNegative(t *testing.T) {
	check(t, Total([]int{-1}), -1)
}
"""
ADDED = FILE.replace("\nfunc TestEmpty", f"{ADDED_TEST}\nfunc TestEmpty")


SET_UP = "\nfunc init() { limit = 3 }\n\nfunc TestMain(m *testing.M) { m.Run() }\n"


@pytest.mark.parametrize("edited", [EXTENDED, ADDED])
def test_edited_tests__what_the_file_does_for_all_its_tests_is_no_part_of_the_edit(edited: str) -> None:
    module = edited_tests(FILE + SET_UP, edited + SET_UP)
    assert "func init" not in module
    assert "func TestMain" not in module
    assert SET_UP in joined_edit(FILE + SET_UP, edited + SET_UP, module)


@pytest.mark.parametrize("added", ["func init() {}\n", "func TestMain(m *testing.M) {}\n"])
def test_edited_tests__refuses_what_acts_on_all_tests(added: str) -> None:
    init = "\nfunc init() { limit = 3 }\n"
    file, edited = FILE + init, f"{ADDED}\n{added}{init}"
    with pytest.raises(CannotPlace, match="how all tests"):
        edited_tests(file, edited)


def test_edited_tests__only_the_new_rows_of_a_table() -> None:
    module = edited_tests(FILE, EXTENDED)
    assert '{"two", []int{7, 1}, 8},' in module
    assert '"none"' not in module
    assert "// the usual" not in module
    assert "func check(" in module
    assert "TestEmpty" not in module
    assert joined_edit(FILE, EXTENDED, module) == EXTENDED


def test_edited_tests__imports_of_rows_that_are_left_out_go_with_them() -> None:
    file = FILE.replace('import "testing"', 'import (\n\t"bytes"\n\t"testing"\n)').replace(
        '{"none", nil, 0}', '{"none", bytes.Runes(nil), 0}'
    )
    module = edited_tests(file, file.replace("// the usual\n", f"// the usual\n{ROW}"))
    assert '"bytes"' not in module
    assert '"testing"' in module


def test_edited_tests__variables_of_rows_that_are_left_out_go_with_them() -> None:
    file = FILE.replace(
        "\ttests := ", "\tone := 7\n\tmany := func() []int {\n\t\treturn []int{one}\n\t}\n\ttests := "
    )
    file = file.replace('{"one", []int{7}, 7}', '{"one", many(), 7}')
    module = edited_tests(file, file.replace("// the usual\n", f"// the usual\n{ROW}"))
    assert "many" not in module
    assert "one := 7" not in module
    assert module == edited_tests(FILE, EXTENDED)


def test_edited_tests__an_added_test_uses_what_the_file_has() -> None:
    module = edited_tests(FILE, ADDED)
    assert module == f'package cart\n\nimport "testing"\n{ADDED_TEST}'
    assert joined_edit(FILE, ADDED, module) == ADDED


def test_joined_edit__what_was_cut_is_put_back() -> None:
    both = ADDED.replace("// the usual\n", f"// the usual\n{ROW}").replace(
        'import "testing"', 'import (\n\t"strings"\n\t"testing"\n)'
    )
    both = both.replace("check(t, Total([]int{-1}), -1)", 'help(t, strings.ToUpper("x"))')
    both += "\nfunc help(t *testing.T, text string) {}\n"
    module = edited_tests(FILE, both)
    only_row = module.replace(module[module.index("func TestNegative") : module.index("func help")], "")
    assert (
        joined_edit(FILE, both, only_row).replace('import (\n\t"testing"\n)', 'import "testing"') == EXTENDED
    )
    changed = module.replace('"x"', '"y"')
    assert 'strings.ToUpper("y")' in joined_edit(FILE, both, changed)
    with pytest.raises(CannotPlace, match="not in the edited file"):
        joined_edit(FILE, EXTENDED, module)


def test_joined_edit__of_two_new_rows_one_stays() -> None:
    two = EXTENDED.replace(ROW, f'{ROW}\t\t{{"three", []int{{1}}, 1}},\n')
    module = edited_tests(FILE, two)
    assert joined_edit(FILE, two, module.replace('{"three", []int{1}, 1},', "")) == EXTENDED


def test_edited_tests__rows_of_maps_and_in_one_line() -> None:
    file = FILE.replace('{"none", nil, 0},\n\t\t{"one", []int{7}, 7}, // the usual\n\t', '{"none", nil, 0}')
    wider = file.replace('{"none", nil, 0}', '{"none", nil, 0}, {"two", []int{1}, 1}')
    module = edited_tests(file, wider)
    assert '"none"' not in module
    assert joined_edit(file, wider, module) == wider


def test_edited_tests__rows_of_a_table_that_tests_share() -> None:
    file = FILE.replace("\ttests := []struct", "\tfor range 1 {\n\t}\n\ttests := shared\n\t_ = []struct")
    file += '\nvar shared = []row{\n\t{"none", nil, 0},\n}\n\ntype row struct {\n\tname string\n}\n'
    wider = file.replace('\t{"none", nil, 0},\n}\n\ntype', f'\t{{"none", nil, 0}},\n{ROW[1:]}}}\n\ntype')
    assert wider != file
    module = edited_tests(file, wider)
    assert test_modules.test_functions(module) == ("TestTotal",)
    assert 'var shared = []row{\n\t{"two", []int{7, 1}, 8},\n}' in module
    assert joined_edit(file, wider, module) == wider
    assert joined_edit(file, wider, module.replace(ROW[1:], "")) == file
    assert changed_tests(file, wider) == ("TestTotal",)


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (FILE, "adds no tests"),
        (FILE.replace("nil, 0}", "nil, 1}"), "something else"),
        (EXTENDED.replace("t.Helper()\n", ""), "something else"),
        (EXTENDED.replace("range tests", "range tests[1:]"), "something else"),
        (EXTENDED[: EXTENDED.index("\nfunc TestEmpty")], "removes something"),
        (f"{ADDED}\nfunc TestMain(m *testing.M) {{}}\n", "how all tests"),
        (ADDED.replace("package cart", "package cart_test"), "changes the package"),
    ],
)
def test_edited_tests__other_changes_are_refused(after: str, why: str) -> None:
    with pytest.raises(CannotPlace, match=why):
        edited_tests(FILE, after)


def test_changed_tests__added_and_changed_ones() -> None:
    assert changed_tests(FILE, EXTENDED) == ("TestTotal",)
    assert changed_tests(FILE, ADDED) == ("TestNegative",)
    assert changed_tests(FILE, FILE.replace("\t\t{", "\t\t  {")) == ()


def test_with_test__only_that_one_changes() -> None:
    other = FILE.replace("Total(nil), 0", "Total(nil), 1")
    assert with_test(FILE, other, "TestEmpty") == other
    assert with_test(FILE, other, "TestTotal") == FILE
    with pytest.raises(CannotPlace, match="imports"):
        with_test(FILE, other.replace('"testing"', 'testing "x"'), "TestEmpty")
    with pytest.raises(CannotPlace, match="no test TestNone"):
        with_test(FILE, other, "TestNone")


def test_with_test__the_only_one_under_another_name() -> None:
    def renamed(text: str) -> str:
        return text.replace("TestEmpty", "TestNothing").replace("Total(nil), 0", "Total(nil), 1")

    alone = test_modules.keep_tests(FILE, ["TestEmpty"])
    assert with_test(FILE, renamed(alone), "TestEmpty") == renamed(FILE)


def test_self_contained__with_helpers_of_other_files_or_names_of_its_own() -> None:
    helpers = 'package cart\n\nimport "strings"\n\nfunc low(x string) string { return strings.ToLower(x) }\n'
    tree = MemoryTree(
        {
            "go.mod": "module a\n",
            "cart.go": "package cart\n",
            "cart_test.go": FILE,
            "help_test.go": f"{helpers}\nfunc TestNegative(t *testing.T) {{}}\n",
        }
    )
    module = edited_tests(FILE, EXTENDED.replace('"two"', 'low("two")'))
    whole = self_contained(module, "cart_test.go", tree)
    assert "func low(x string)" in whole
    assert '"strings"' in whole
    added = edited_tests(FILE, ADDED)
    assert self_contained(added, "cart_test.go", tree) == added.replace("TestNegative", "TestNegative2")

from __future__ import annotations

from fakes.trees import MemoryTree
from testsmith.languages.go.judge.judge import GoJudge
from testsmith.languages.go.source.members import all_members
from testsmith.languages.go.source.parsing import parse
from testsmith.languages.syntax_tree import field, line_of, text_of, walk

SOURCE = "package shop\n\nfunc Total(xs []int) int { return len(xs) }\n"
(MEMBER,) = all_members(MemoryTree({"go.mod": "module shop\n", "a.go": SOURCE}), ["a.go"], "").members
CODE = """package shop

import (
	"fmt"
	"os"
	"testing"
)

func clean(t *testing.T) {
	os.RemoveAll("x")
}

func TestTotal(t *testing.T) {
	if got := Total(nil); got != 0 {
		t.Errorf("Total = %s", fmt.Sprint(got))
	}
}

func TestOther(t *testing.T) {
	if len("x") == 2 {
		clean(t)
	}
}
"""
JUDGE = GoJudge()


def _idle(*names: str) -> list[tuple[int, int, int, int]]:
    calls = [node for node in walk(parse(CODE).root) if node.type == "call_expression"]
    return [
        (line_of(one), one.start_point.column, one.end_point.row + 1, one.end_point.column)
        for one in calls
        if text_of(field(one, "function")) in names
    ]


def test_calls_not_run__reports_of_failures_do_not_run_in_a_test_that_passes() -> None:
    assert JUDGE.calls_not_run(CODE, MEMBER, _idle("t.Errorf", "fmt.Sprint")) == {}
    assert JUDGE.calls_not_run(CODE, MEMBER, []) == {}


def test_calls_not_run__what_might_do_harm_on_another_machine() -> None:
    idle = _idle("clean", "os.RemoveAll")
    assert JUDGE.calls_not_run(CODE, MEMBER, idle) == {
        "TestOther": "calls `os.RemoveAll` only under conditions that did not occur"
    }
    assert list(JUDGE.calls_not_run(CODE, MEMBER, _idle("Total"))) == ["TestTotal"]


def test_names_member__itself_or_by_a_helper() -> None:
    assert JUDGE.names_member(CODE, "TestTotal", MEMBER)
    assert not JUDGE.names_member(CODE, "TestOther", MEMBER)
    assert not JUDGE.names_member("func {", "TestTotal", MEMBER)


def test_messages__of_assertions_panics_and_the_compiler() -> None:
    failed = "    cart_test.go:12: Total(nil) = 1, want 0\n"
    assert JUDGE.first_words(failed) == "Total(nil) = 1, want 0"
    assert JUDGE.is_assertion(failed)
    assert not JUDGE.is_of_environment(failed)
    panic = "panic: runtime error: index out of range [1]\n    cart_test.go:12: x\n"
    assert not JUDGE.is_assertion(panic)
    assert not JUDGE.is_of_environment(panic)
    assert JUDGE.is_of_environment("    a_test.go:3: open x: no such file or directory")
    assert JUDGE.is_of_environment("it exceeded the time limit")
    assert JUDGE.is_interface_mismatch("./a_test.go:3:7: not enough arguments in call to Total")
    assert not JUDGE.is_interface_mismatch("./a_test.go:3:7: undefined: Total")
    assert not JUDGE.is_interface_mismatch(failed)


def test_lengths_lines_and_form() -> None:
    assert JUDGE.lengths(CODE) == {"TestTotal": 4, "TestOther": 4}
    assert JUDGE.first_line(CODE, "TestOther") == 19
    assert JUDGE.first_line(CODE, "TestNone") == 0
    assert JUDGE.normalized("package a // x\n\nvar  x = 1") == JUDGE.normalized("package a\nvar x = 1\n")

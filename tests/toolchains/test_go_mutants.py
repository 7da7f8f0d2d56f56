"""Mutants of Go are copies of function bodies in one build."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from fakes.go_workspaces import GoSite
from testsmith.execution.jobs import (
    CRASHED,
    FAILED,
    PASSED,
    TIMED_OUT,
    ChangedModule,
    ChangedModules,
    JobResult,
    TestJob,
)

STACK = """package calc

import "errors"

var limit = 3

// Stack is a stack of values.
type Stack[T any] struct{ items []T }

// Push adds a value and returns the new size.
func (s *Stack[T]) Push(item T) (size int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("full")
		}
	}()
	if len(s.items) >= limit {
		panic("full")
	}
	s.items = append(s.items, item)
	return len(s.items), nil
}

// First returns the first key that is not empty.
func First[K comparable](keys []K) (K, bool) {
	var none K
search:
	for _, key := range keys {
		switch key {
		case none:
			continue search
		default:
			return key, true
		}
	}
	return none, false
}

// Count counts down, and does nothing else.
func Count(from int) {
	for from > 0 {
		from--
	}
}

// Caught returns whether it was called while something panicked.
func Caught() bool {
	return recover() != nil
}
"""
CODE = """package calc

import "testing"

func TestPush(t *testing.T) {
	var s Stack[int]
	for i := 1; i <= 3; i++ {
		if n, err := s.Push(i); n != i || err != nil {
			t.Fatalf("Push(%d) = %d, %v", i, n, err)
		}
	}
	if _, err := s.Push(4); err == nil {
		t.Fatal("a full stack takes a fourth value")
	}
}

func TestFirst(t *testing.T) {
	if got, ok := First([]string{"", "a", "b"}); got != "a" || !ok {
		t.Fatal(got, ok)
	}
	if _, ok := First([]int{0}); ok {
		t.Fatal("found nothing")
	}
}

func TestCount(t *testing.T) {
	Count(3)
}

func TestBroken(t *testing.T) {
	t.Fatal("fails without a mutant")
}
"""


def change(number: int, old: str, new: str, *tests: str, whole: bool = False) -> ChangedModule:
    start = STACK.index(old)
    assert STACK.count(old) == 1, old
    edit = (start, start + len(old), new)
    return ChangedModule(number=number, edit=edit, function=None, tests=frozenset(tests), whole=whole)


CHANGES = (
    change(100, "s.items = append(s.items, item)", "", "TestPush"),  # taken away
    change(0, "len(s.items) >= limit", "len(s.items) > limit", "TestPush"),
    change(1, 'err = errors.New("full")', "", "TestPush"),
    change(2, "return len(s.items), nil", "return 0, nil", "TestPush", "TestFirst", whole=True),
    change(3, "continue search", "break search", "TestFirst"),
    change(4, "return none, false", "return none", "TestFirst"),  # does not compile
    change(5, "limit = 3", "limit = 2", "TestPush"),  # in no function
    change(6, "from--", "", "TestCount"),  # never ends
    change(7, "return key, true", "return key, !true", "TestFirst", "TestBroken"),
    change(8, "recover() != nil", "recover() == nil", "TestCount"),
    replace(change(9, "return key, true", "return key, false", "TestFirst"), latest=0.0),  # no time for it
)


def test_run_changed__all_mutants_of_a_file_in_one_build(go: GoSite, tmp_path: Path) -> None:
    changed = ChangedModules(
        path="calc/stack.go",
        source=STACK,
        names=frozenset(),
        changes=CHANGES,
        direct=("calc", "Stack.Push", 100),
    )
    job = TestJob(number=0, code=CODE, seconds=20.0, changed=changed, test_path="calc/stack_test.go")

    async def running() -> JobResult:
        async with go.runner(tmp_path, {"calc/stack.go": STACK}) as runner:
            return (await runner.run_changed([job]))[0]

    result = asyncio.run(running())
    assert result.changed == {
        100: {"TestPush": CRASHED},
        0: {"TestPush": FAILED},
        1: {"TestPush": FAILED},
        2: {"TestPush": FAILED, "TestFirst": PASSED},
        3: {"TestFirst": FAILED},
        5: {"TestPush": FAILED},
        6: {"TestCount": TIMED_OUT},
        7: {"TestFirst": FAILED},
        8: {"TestCount": PASSED},
    }


def test_run_changed__a_test_that_ends_before_it_calls_anything_is_unmasked(
    go: GoSite, tmp_path: Path
) -> None:
    code = (
        'package calc\n\nimport "testing"\n\nfunc TestVacuous(t *testing.T) {\n'
        "\tdefer func() { recover() }()\n\tif len(t.Name()) > 100 {\n\t\tCount(1)\n\t}\n}\n\n"
        "func TestRecovers(t *testing.T) {\n\tdefer func() { recover() }()\n\tCount(1)\n}\n"
    )
    gone = change(100, "from--", "", "TestVacuous", "TestRecovers", whole=True)
    changed = ChangedModules(
        path="calc/stack.go",
        source=STACK,
        names=frozenset(),
        changes=(gone,),
        direct=("calc", "Count", 100),
    )
    job = TestJob(number=0, code=code, seconds=20.0, changed=changed, test_path="calc/stack_test.go")

    async def running() -> JobResult:
        async with go.runner(tmp_path, {"calc/stack.go": STACK}) as runner:
            return (await runner.run_changed([job]))[0]

    assert asyncio.run(running()).changed == {100: {"TestVacuous": PASSED, "TestRecovers": CRASHED}}

"""The project's own tests of Go: what they reach, which of them fail on base, and which mutants they kill."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fakes.go_workspaces import GoSite, go_member
from testsmith.execution.audit_runs import AuditedMutants, AuditRuns
from testsmith.execution.baseline import OwnSuite, WholeSuite
from testsmith.execution.jobs import FAILED, PASSED, ChangedModule, ChangedModules
from testsmith.execution.measurements import NoMeasurements
from testsmith.languages.go.running.runner import GoRunner
from testsmith.model import BaselineStatus, Member
from testsmith.settings import VerificationSettings

CALC = """package calc

// Add adds.
func Add(a, b int) int {
	if a == 0 {
		return b
	}
	return a + b
}

// Less returns the smaller one.
func Less(a, b int) int {
	if a < b {
		return a
	}
	return b
}

// Lost is not tested.
func Lost(a int) int {
	return a - 1
}
"""
OWN = """package calc

import (
	"os"
	"testing"
)

func TestAdd(t *testing.T) {
	if got := Add(1, 2); got != 3 {
		t.Fatal(got)
	}
}

func TestAddZero(t *testing.T) {
	os.WriteFile("written", nil, 0o600)
	if got := Add(0, 2); got != 2 {
		t.Fatal(got)
	}
}

func TestLess(t *testing.T) {
	if got := Less(1, 2); got != 5 {
		t.Fatal(got)
	}
}

func TestSkipped(t *testing.T) {
	t.Skip("not today")
}

func ExampleAdd() {
	println(Add(2, 2))
}
"""
USER = """package user_test

import (
	"testing"

	"example.com/calc/calc"
)

func TestUser(t *testing.T) {
	if calc.Add(5, 5) != 10 {
		t.Fatal("not ten")
	}
}
"""
HEAD = {"calc/calc.go": CALC, "calc/calc_test.go": OWN, "user/user_test.go": USER}
BASE = {
    **HEAD,
    "calc/calc.go": CALC.replace("return b\n\t}\n\treturn a + b", "return 0\n\t}\n\treturn a + b"),
}
MEMBERS = [go_member(CALC, name) for name in ("Add", "Less", "Lost")]


async def measured(runner: GoRunner, members: Sequence[Member] = MEMBERS) -> OwnSuite:
    return await runner.own_tests(members, VerificationSettings(), NoMeasurements())


def test_own_tests__what_they_reach_and_which_of_them_fail_on_base(go: GoSite, tmp_path: Path) -> None:
    async def running() -> tuple[OwnSuite, OwnSuite]:
        async with go.runner(tmp_path, HEAD, BASE) as runner:
            suite = await measured(runner)
            return suite, await runner.own_on_base(suite, MEMBERS, 60.0)

    suite, on_base = asyncio.run(running())
    assert (suite.status, suite.tests) == (BaselineStatus.PARTLY, 5)
    assert set(suite.members) == {"calc/calc.go::Add", "calc/calc.go::Lost"}
    add = suite.members["calc/calc.go::Add"]
    own, user = "calc/calc_test.go::", "user/user_test.go::TestUser"
    assert add.reached.lines == {5, 6, 8}
    assert not add.branches_known
    assert set(add.tests[8]) == {f"{own}TestAdd", user}
    assert add.tests[6] == (f"{own}TestAddZero",)
    assert suite.members["calc/calc.go::Lost"].reached.lines == set()
    assert suite.failed == frozenset({f"{own}TestLess"})
    assert suite.blamed == {"calc/calc.go::Less": {f"{own}TestLess"}}
    assert suite.notes == (f"1 test of the project did not pass in the sandbox: {own}TestLess",)
    assert suite.passed == {f"{own}TestAdd", f"{own}TestAddZero", user}
    assert on_base.on_base is not None
    assert on_base.on_base.failed == {f"{own}TestAddZero"}
    assert on_base.on_base.passed == {f"{own}TestAdd", user}
    assert on_base.fails_on_base("calc/calc.go::Add")


def test_own_on_base__a_test_of_a_new_function_has_failed_and_costs_no_other(
    go: GoSite, tmp_path: Path
) -> None:
    head = {
        "calc/calc.go": f"{CALC}\n// Twice doubles.\nfunc Twice(a int) int {{\n\treturn Add(a, a)\n}}\n",
        "calc/calc_test.go": 'package calc\n\nimport "testing"\n\n'
        "func TestTwice(t *testing.T) {\n\tif Twice(2) != 4 {\n\t\tt.Fatal()\n\t}\n}\n\n"
        "func TestAdd(t *testing.T) {\n\tif Add(1, 2) != 3 {\n\t\tt.Fatal()\n\t}\n}\n",
    }
    base = {"calc/calc.go": CALC, "calc/old_test.go": "package calc\n\nvar removedByTheChange = Twice\n"}

    async def running() -> OwnSuite:
        async with go.runner(tmp_path, head, base) as runner:
            return await runner.own_on_base(await measured(runner), MEMBERS, 60.0)

    suite = asyncio.run(running())
    assert suite.on_base is not None
    assert suite.on_base.failed == {"calc/calc_test.go::TestTwice"}
    assert suite.on_base.passed == {"calc/calc_test.go::TestAdd"}


def test_own_changed__the_mutants_that_they_kill(go: GoSite, tmp_path: Path) -> None:
    own = "calc/calc_test.go::"

    def change(number: int, old: str, new: str, *tests: str) -> ChangedModule:
        start = CALC.index(old)
        edit = (start, start + len(old), new)
        return ChangedModule(number=number, edit=edit, function=None, tests=frozenset(tests))

    changed = ChangedModules(
        path="calc/calc.go",
        source=CALC,
        names=frozenset(),
        changes=(
            change(0, "a + b", "a - b", f"{own}TestAdd", "user/user_test.go::TestUser"),
            change(1, "return b\n\t}\n\treturn a + b", "return 0\n\t}\n\treturn a + b", f"{own}TestAddZero"),
            change(2, "return b\n\t}\n\treturn a + b", "return b + 1\n\t}\n\treturn a + b", f"{own}TestAdd"),
            change(3, "a < b", "a > b", f"{own}TestLess"),  # fails without a mutant, too
        ),
    )

    async def running() -> dict[str, dict[int, bool]]:
        async with go.runner(tmp_path, HEAD) as runner:
            found = await runner.own_changed({"calc/calc.go::Add": changed}, 60.0)
            return {member: dict(killed) for member, killed in found.items()}

    assert asyncio.run(running()) == {"calc/calc.go::Add": {0: True, 1: True, 2: False}}


def test_own_tests__without_time_or_without_tests(go: GoSite, tmp_path: Path) -> None:
    async def running() -> tuple[OwnSuite, OwnSuite]:
        async with go.runner(tmp_path, {"calc/calc.go": CALC}) as runner:
            settings = replace(VerificationSettings(), suite_seconds=0.0)
            return await measured(runner), await runner.own_tests(MEMBERS, settings, NoMeasurements())

    without_tests, without_time = asyncio.run(running())
    assert without_tests.status is BaselineStatus.NONE
    assert without_time.status is BaselineStatus.NOT_RUN


def test_own_whole__coverage_of_whole_files(go: GoSite, tmp_path: Path) -> None:
    head = {**HEAD, "other/other.go": "package other\n\nfunc One() int {\n\treturn 1\n}\n"}

    async def running() -> WholeSuite:
        async with go.runner(tmp_path, head) as runner:
            return await runner.own_whole(["calc/calc.go", "other/other.go"], VerificationSettings())

    suite = asyncio.run(running())
    assert suite.is_known
    assert not suite.has_branches
    assert suite.failed == frozenset({"calc/calc_test.go::TestLess"})
    assert suite.notes == ()
    assert suite.files.keys() == {"calc/calc.go"}
    reach = suite.files["calc/calc.go"]
    reached = {line for line in range(1, 24) if reach.reaches(range(line, line + 1))}
    assert reached == {5, 6, 8, 13, 14}


def test_own_not_loading__the_files_that_do_not_compile(go: GoSite, tmp_path: Path) -> None:
    head = {**HEAD, "calc/new_test.go": "package calc\n\nvar one = Nothing(1)\n"}

    async def running() -> tuple[Mapping[str, str], Mapping[str, str]]:
        async with go.runner(tmp_path, head) as runner:
            files = ["calc/new_test.go", "calc/calc_test.go", "user/user_test.go"]
            other = runner.on_copy(runner.workspace.head)
            assert other.builder is runner.builder  # builds of both take turns
            return await runner.own_not_loading(files, 60.0), await other.not_loading(MEMBERS)

    broken, members = asyncio.run(running())
    assert broken == {"calc/new_test.go": "undefined: Nothing"}
    assert members == {}


def test_audit__how_tests_end_and_what_they_kill(go: GoSite, tmp_path: Path) -> None:
    own = "calc/calc_test.go::"
    zoned = (
        'package calc\n\nimport (\n\t"testing"\n\t"time"\n)\n\n'
        "func TestZone(t *testing.T) {\n"
        "\tif _, offset := time.Now().Zone(); offset != 0 {\n\t\tt.Fatal(offset)\n\t}\n}\n"
    )
    head = {**HEAD, "calc/zone_test.go": zoned}
    functions = [f"{own}TestAdd", f"{own}TestAddZero", f"{own}TestLess", "calc/zone_test.go::TestZone"]
    start = CALC.index("a + b")
    change = ChangedModule(
        number=4, edit=(start, start + 5, "a - b"), function=None, tests=frozenset({functions[0]})
    )
    changed = ChangedModules(path="calc/calc.go", source=CALC, names=frozenset(), changes=(change,))

    async def running() -> tuple[AuditRuns, AuditedMutants]:
        async with go.runner(tmp_path, head, BASE) as runner:
            runs = await runner.audit_runs(functions, 60.0, OwnSuite())
            numbered = {number: [one] for number, one in enumerate(functions)}
            return runs, await runner.audit_mutants({"calc/calc.go": changed}, numbered, 60.0)

    runs, mutants = asyncio.run(running())
    [on_head] = runs.head
    assert {one: run.status for one, run in on_head.functions.items()} == {
        **dict.fromkeys(functions, PASSED),
        f"{own}TestLess": FAILED,
    }
    assert on_head.functions[f"{own}TestAdd"].lines == {"calc/calc.go": {5, 8}}
    assert on_head.functions["calc/zone_test.go::TestZone"].lines == {}
    assert runs.base is not None
    assert {one: run.status for one, run in runs.base.functions.items()} == {
        **dict.fromkeys(functions, PASSED),
        f"{own}TestAddZero": FAILED,
        f"{own}TestLess": FAILED,
    }
    assert mutants.killed == {("calc/calc.go", 4): True}
    assert [mutants.functions[number].alone for number in range(4)] == [PASSED, PASSED, FAILED, FAILED]
    assert mutants.functions[0].passes is None

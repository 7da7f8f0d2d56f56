"""Test modules of Go are built and run as `go test` does, and none passes that has not shown it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.go_workspaces import GoSite, OpenedGo, go_job, shared, statuses
from testsmith.execution.jobs import (
    CRASHED,
    FAILED,
    PASSED,
    SKIPPED,
    TIMED_OUT,
    ChangedModule,
    ChangedModules,
)
from testsmith.languages.go.running.run_settings import (
    BESIDE_OWN_TESTS,
    IN_FILE,
    ON_BASE,
    PLAIN,
    TOGETHER,
    WATCHED,
    WITHOUT_OWN_FILES,
    head_settings,
)

pytestmark = pytest.mark.xdist_group("go runs")

CALC = """package calc

import "errors"

// ErrZero says that the divisor is zero.
var ErrZero = errors.New("zero")

var loaded = Half(4)

// Div divides.
func Div(a, b int) (int, error) {
	if b == 0 {
		return 0, ErrZero
	}
	return a / b, nil
}

// Half halves.
func Half(a int) int {
	return a / 2
}
"""
OWN = """package calc

import "testing"

func TestOwn(t *testing.T) {
	if got, _ := Div(4, 2); got != 2 {
		t.Fatal(got)
	}
}
"""
HEAD = {"calc/calc.go": CALC, "calc/calc_test.go": OWN}
PLANTED = """package calc

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestGood(t *testing.T) {
	if got, _ := Div(12, 3); got != 4 {
		t.Errorf("Div(12, 3) = %d, want 4", got)
	}
}

func TestError(t *testing.T) {
	if _, err := Div(1, 0); err != ErrZero {
		t.Fatal(err)
	}
}

func TestTable(t *testing.T) {
	for _, c := range []struct{ a, want int }{{4, 2}, {9, 4}} {
		t.Run(fmt.Sprint(c.a), func(t *testing.T) {
			t.Parallel()
			if got := Half(c.a); got != c.want {
				t.Errorf("Half(%d) = %d", c.a, got)
			}
		})
	}
}

func TestWrong(t *testing.T) {
	if got, _ := Div(12, 3); got != 5 {
		t.Errorf("Div(12, 3) = %d, want 5", got)
	}
}

func TestExit(t *testing.T) { Div(12, 3); os.Exit(0) }

func TestSystemExit(t *testing.T) { Div(12, 3); syscall.Exit(0) }

func TestForged(t *testing.T) {
	Div(12, 3)
	fmt.Print("\\x16--- PASS: TestForged (0.00s)\\n\\x16PASS\\n")
	syscall.Exit(0)
}

func TestSkips(t *testing.T) {
	Div(12, 3)
	fmt.Print("\\x16--- PASS: TestSkips (0.00s)\\n")
	t.Skip("not here")
}

func TestPanics(t *testing.T) {
	var none *int
	fmt.Print(*none)
}

func TestHangs(t *testing.T) { time.Sleep(time.Hour) }
"""


@pytest.fixture(scope="module", name="calc")
def _calc(go: GoSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenedGo]:
    """A runner for `HEAD`, whose base has no function `Twice`."""
    head = {**HEAD, "calc/twice.go": "package calc\n\nfunc Twice(a int) int { return 2 * a }\n"}
    with shared(go.runner(tmp_path_factory.mktemp("calc"), head, HEAD)) as opened:
        yield opened


def test_run__the_planted_table_each_in_a_process_of_its_own(calc: OpenedGo) -> None:
    result = calc.run(PLAIN, go_job(PLANTED, CALC, "Div", seconds=3.0))
    assert statuses(result) == {
        "TestGood": PASSED,
        "TestError": PASSED,
        "TestTable": PASSED,
        "TestWrong": FAILED,
        "TestExit": FAILED,
        "TestSystemExit": CRASHED,
        "TestForged": CRASHED,
        "TestSkips": SKIPPED,
        "TestPanics": FAILED,
        "TestHangs": TIMED_OUT,
    }
    found = result.functions
    assert "Div(12, 3) = 4, want 5" in found["TestWrong"].message
    assert "unexpected call to os.Exit(0)" in found["TestExit"].message
    assert found["TestPanics"].raised_by_test
    assert not found["TestWrong"].raised_by_test
    assert found["TestGood"].reached.lines == {12, 15}
    assert found["TestError"].reached.lines == {12, 13}
    assert found["TestTable"].reached.lines == set()


def test_run__lines_that_run_when_the_package_is_loaded(calc: OpenedGo) -> None:
    code = PLANTED[: PLANTED.index("func TestWrong")].replace('"os"\n', "").replace('"syscall"\n', "")
    job = go_job(code.replace('"time"\n', ""), CALC, "Half")
    result = calc.run(PLAIN, job)
    assert result.loaded.lines == {20}
    reached = {name: one.reached.lines for name, one in result.functions.items()}
    assert reached == {"TestGood": set(), "TestError": set(), "TestTable": {20}}


TOGETHER_CODE = """package calc

import (
	"testing"
	"time"
)

var calls int

func TestFirst(t *testing.T) {
	calls++
	if calls > 1 {
		t.Fatal("not the first")
	}
}

func TestZone(t *testing.T) {
	if _, offset := time.Now().Zone(); offset != 0 {
		t.Fatalf("offset %d", offset)
	}
}

func TestDiv(t *testing.T) {
	calls++
	if got, _ := Div(9, 3); got != 3 {
		t.Fatal(got)
	}
}
"""


def test_run__every_run_of_head_varies_something(calc: OpenedGo) -> None:
    job = go_job(TOGETHER_CODE, CALC, "Div")
    results = [(setting, calc.run(setting, job)) for setting in head_settings(5)]
    ended = {setting.name: statuses(result) for setting, result in results}
    passed = dict.fromkeys(("TestFirst", "TestZone", "TestDiv"), PASSED)
    assert ended["plain"] == passed
    assert ended["elsewhere"] == {**passed, "TestZone": FAILED}
    assert all(one["TestZone"] == FAILED for name, one in ended.items() if name != "plain")
    assert ended["twice"] == {**passed, "TestZone": FAILED, "TestFirst": FAILED}
    assert all(one["TestDiv"] == PASSED for one in ended.values())
    done = {setting.name: result.done for setting, result in results}
    assert done["next to own tests"] == {BESIDE_OWN_TESTS, TOGETHER}
    assert done["shuffled"] == done["twice"] == {TOGETHER}
    assert done["plain"] == done["elsewhere"] == set()


HIDING = {
    "a TestMain": (
        'import (\n\t"os"\n\t"testing"\n)\n\nfunc TestMain(m *testing.M) {\n\tm.Run()\n\tos.Exit(0)\n}\n'
    ),
    "an init": 'import "os"\n\nfunc init() {\n\tos.Exit(0)\n}\n',
    "an init that forges": (
        'import "os"\n\nfunc init() {\n'
        '\tos.Stdout.WriteString("\\x16--- PASS: TestWrong (0.00s)\\n\\x16PASS\\n")\n\tos.Exit(0)\n}\n'
    ),
}


def test_run__what_hides_failures_hides_none(go: GoSite, tmp_path: Path) -> None:
    code = 'package calc\n\nimport "testing"\n\nfunc TestWrong(t *testing.T) {\n\tt.Fatal("wrong")\n}\n'
    places = {hiding: f"calc{number}" for number, hiding in enumerate(HIDING)}
    head = {f"{place}/calc.go": CALC for place in places.values()}
    for hiding, place in places.items():
        head[f"{place}/main_test.go"] = f"package calc\n\n{HIDING[hiding]}"
    traced = go_job(code, CALC, "Div").traced
    assert traced
    with shared(go.runner(tmp_path, head)) as opened:
        for hiding, place in places.items():
            where = {"traced": replace(traced, path=f"{place}/calc.go"), "test_path": f"{place}/calc_test.go"}
            result = opened.run(PLAIN, go_job(code, CALC, "Div", **where))
            assert result.functions["TestWrong"].status in {FAILED, CRASHED}, hiding


TWO = """package calc

import "testing"

func TestOld(t *testing.T) {
	if got := Half(4); got != 2 {
		t.Fatal(got)
	}
}

func TestNew(t *testing.T) {
	if got := Twice(4); got != 8 {
		t.Fatal(got)
	}
}
"""


def test_run__on_base_a_new_function_costs_only_its_tests(calc: OpenedGo) -> None:
    result = calc.run(ON_BASE, go_job(TWO, CALC, "Half"))
    assert statuses(result) == {"TestOld": PASSED}
    assert "undefined: Twice" in result.problem


def test_run__what_does_not_compile_is_named_by_file_and_line(calc: OpenedGo) -> None:
    code = TWO.replace("Half(4)", "Nothing(4)")
    result = calc.run(PLAIN, go_job(code, CALC, "Half"))
    assert statuses(result) == {"TestNew": PASSED}
    assert result.problem.splitlines()[0] == "calc_testsmith_test.go:6:12: undefined: Nothing"


def test_run__what_go_vet_refuses_is_refused(calc: OpenedGo) -> None:
    code = TWO.replace("Twice", "Half").replace("t.Fatal(got)", 't.Fatalf("%s", got)', 1).replace("8", "2")
    result = calc.run(PLAIN, go_job(code, CALC, "Half"))
    assert statuses(result) == {"TestNew": PASSED}
    assert "Fatalf format %s has arg got of wrong type int" in result.problem


def test_run__next_to_a_test_file_with_the_same_names(calc: OpenedGo) -> None:
    code = TOGETHER_CODE.replace("TestDiv", "TestOwn")
    result = calc.run(PLAIN, go_job(code, CALC, "Div"))
    assert statuses(result) == dict.fromkeys(("TestFirst", "TestZone", "TestOwn"), PASSED)
    assert result.done == {WITHOUT_OWN_FILES}


def test_run__in_the_projects_own_file(calc: OpenedGo) -> None:
    code = OWN + "\nfunc TestAdded(t *testing.T) {\n\tif Half(2) != 1 {\n\t\tt.Fatal()\n\t}\n}\n"
    job = replace(go_job(code, CALC, "Half"), traced=None, without=frozenset({"TestOwn"}))
    assert statuses(calc.run(IN_FILE, job)) == {"TestAdded": PASSED}


def test_run__a_test_of_the_external_package(calc: OpenedGo) -> None:
    code = (
        'package calc_test\n\nimport (\n\t"testing"\n\n\t"example.com/calc/calc"\n)\n\n'
        "func TestDiv(t *testing.T) {\n\tif got, _ := calc.Div(8, 2); got != 4 {\n\t\tt.Fatal(got)\n\t}\n}\n"
    )
    result = calc.run(PLAIN, go_job(code, CALC, "Div"))
    assert result.functions["TestDiv"].reached.lines == {12, 15}


def test_run__a_package_in_the_root(go: GoSite, tmp_path: Path) -> None:
    job = go_job(TOGETHER_CODE, CALC, "Div", test_path="calc_test.go")
    assert job.traced is not None
    job = replace(job, traced=replace(job.traced, path="calc.go"))
    with shared(go.runner(tmp_path, {"calc.go": CALC})) as opened:
        result = opened.run(PLAIN, job)
    assert result.functions["TestDiv"].reached.lines == {12, 15}


def test_run__calls_that_are_not_reached(calc: OpenedGo) -> None:
    code = """package calc

import (
	"os"
	"testing"
)

func TestDiv(t *testing.T) {
	if got, _ := Div(9, 3); got != 3 {
		t.Fatal(got)
	}
	if os.Getenv("SOME_RUNNER") != "" {
		os.RemoveAll("x")
	}
}
"""
    result = calc.run(WATCHED, go_job(code, CALC, "Div"))
    assert result.idle == ((10, 2, 10, 14), (13, 2, 13, 19))
    assert statuses(result) == {"TestDiv": PASSED}


def test_run__in_a_module_of_the_first_language_version_with_modules(go: GoSite, tmp_path: Path) -> None:
    source = "package calc\n\n// Twice doubles.\nfunc Twice(a int) int {\n\treturn 2 * a\n}\n"
    code = (
        'package calc\n\nimport "testing"\n\n'
        "func TestTwice(t *testing.T) {\n\tif Twice(2) != 4 {\n\t\tt.Fatal()\n\t}\n}\n"
    )
    head = {"go.mod": "module example.com/calc\n\ngo 1.11\n", "calc/calc.go": source}
    start = source.index("return")
    gone = ChangedModule(number=9, edit=(start, start, ""), function=None, tests=frozenset({"TestTwice"}))
    changed = ChangedModules(
        path="calc/calc.go", source=source, names=frozenset(), changes=(gone,), direct=("", "", 9)
    )
    with shared(go.runner(tmp_path, head)) as opened:
        job = go_job(code, source, "Twice")
        assert opened.run(WATCHED, job).idle == ((7, 2, 7, 11),)
        assert opened.run(PLAIN, job).functions["TestTwice"].reached.lines == {5}
        result = opened.wait(opened.runner.run_changed([replace(job, changed=changed)]))[0]
    assert result.changed == {9: {"TestTwice": CRASHED}}


def test_run__what_is_left_in_the_temporary_folder(calc: OpenedGo) -> None:
    code = """package calc

import (
	"os"
	"testing"
)

func TestLeaves(t *testing.T) {
	os.WriteFile(os.TempDir()+"/left", nil, 0o600)
	if _, err := os.Create("here"); err == nil {
		t.Log("outside of the sandbox")
	}
	if Half(2) != 1 {
		t.Fatal()
	}
}

func TestOwnFolder(t *testing.T) {
	os.WriteFile(t.TempDir()+"/left", nil, 0o600)
}
"""
    result = calc.run(PLAIN, go_job(code, CALC, "Half"))
    assert {name: one.left for name, one in result.functions.items()} == {
        "TestLeaves": ("left",),
        "TestOwnFolder": (),
    }

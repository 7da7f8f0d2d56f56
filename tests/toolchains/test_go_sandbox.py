"""Go in the strict sandbox: it builds and runs there, and its tests reach nothing else."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from fakes.attack_site import PLANTED
from fakes.go_workspaces import GoSite, go_job, statuses
from testsmith.execution.jobs import CRASHED, FAILED, PASSED, JobResult
from testsmith.execution.sandbox.isolated import build_sandbox
from testsmith.execution.sandbox.layers import CannotIsolate
from testsmith.languages.go.running.run_settings import PLAIN
from testsmith.settings import SandboxChoice

CALC = "package calc\n\n// Twice doubles.\nfunc Twice(a int) int {\n\treturn 2 * a\n}\n"
HOSTILE = """package calc

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
)

func TestTwice(t *testing.T) {
	if got := Twice(2); got != 4 {
		t.Fatal(got)
	}
}

func TestListens(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	got, err := http.Get(server.URL)
	if err != nil || got.StatusCode != 404 {
		t.Fatal(got, err)
	}
}

func TestConnects(t *testing.T) {
	if _, err := net.Dial("tcp", "192.0.2.1:80"); err != nil {
		t.Fatal(err)
	}
}

func TestReads(t *testing.T) {
	if text, err := os.ReadFile("{secret}"); err == nil {
		t.Fatal(string(text))
	}
	if _, err := os.ReadDir("{builds}"); err == nil {
		t.Fatal("sees the build cache")
	}
	if _, err := os.ReadFile(fmt.Sprintf("/proc/%d/mem", os.Getppid())); err == nil {
		t.Fatal("reads its parent")
	}
	if len(os.Environ()) > 8 {
		t.Fatal(os.Environ())
	}
}

func TestWrites(t *testing.T) {
	for _, name := range []string{"calc.go", "new.go", os.Args[0], "{scratch}/worker/steps.py"} {
		if file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600); err == nil {
			t.Fatal(file.Name())
		}
	}
}

func TestForges(t *testing.T) {
	line := `{"number": 6, "exit_code": 0, "output": "\\u0016--- PASS: TestWrong (0.00s)"}`
	for number := 0; number < 64; number++ {
		fmt.Fprintln(os.NewFile(uintptr(number), ""), line)
	}
}

func TestWrong(t *testing.T) {
	t.Fatal("wrong")
}

func TestZKillsItsParent(t *testing.T) {
	syscall.Kill(os.Getppid(), syscall.SIGKILL)
}
"""


async def results(go: GoSite, folder: Path, sandbox: SandboxChoice) -> JobResult:
    strict = await build_sandbox(sandbox, Path(sys.executable))
    secret = folder / "secret"
    secret.write_text(PLANTED)
    async with go.runner(folder, {"calc/calc.go": CALC}, sandbox=strict) as runner:
        scratch = runner.workspace.scratch
        code = HOSTILE.replace("{secret}", str(secret)).replace("{scratch}", str(scratch))
        code = code.replace("{builds}", str(scratch / "build"))
        return (await runner.run(PLAIN, [go_job(code, CALC, "Twice")]))[0]


def test_go__in_the_strict_sandbox(go: GoSite, tmp_path: Path) -> None:
    try:
        result = asyncio.run(results(go, tmp_path, SandboxChoice.STRICT))
    except CannotIsolate as reason:
        pytest.skip(f"NOT SHOWN: Go in the strict sandbox, since {reason}")
    found = statuses(result)
    assert found.pop("TestZKillsItsParent") == CRASHED
    assert found.pop("TestConnects") == FAILED
    assert found.pop("TestWrong") == FAILED
    assert set(found) == {"TestTwice", "TestListens", "TestReads", "TestWrites", "TestForges"}
    assert set(found.values()) == {PASSED}, {n: one.message for n, one in result.functions.items()}
    connects = result.functions["TestConnects"]
    assert connects.wants_network, connects.message

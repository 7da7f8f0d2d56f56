"""Go by the command line, a real endpoint and the strict sandbox: no test that hides a failure is posted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from fakes.arena import everybodys_folder
from fakes.command_line import CommandLine
from fakes.endpoint import Body, Endpoint, members_in
from fakes.git_repository import GitRepository
from fakes.go_workspaces import GO_MOD, GoSite

pytestmark = pytest.mark.slow

_HEAD = """package bounds

import "errors"

// ErrBounds says that the bounds do not fit.
var ErrBounds = errors.New("bounds")
"""
_BODY = """
// {name} returns a value between two bounds, or an error if they do not fit.
func {name}(value, low, high int) (int, error) {{
	if low > {times}*high {{
		return 0, ErrBounds
	}}
	if value > {times}*high {{
		return high, nil
	}}
	return max(value, low), nil
}}
"""
_RIGHT = """	if got, err := {name}(12, 1, 9); got != 9 || err != nil {{
		t.Errorf("{name}(12, 1, 9) = %d, %v, want 9, nil", got, err)
	}}
"""
_ERROR = """	if _, err := {name}(5, 9, 8); !errors.Is(err, ErrBounds) {{
		t.Errorf("{name}(5, 9, 8) returns the error %v, want %v", err, ErrBounds)
	}}
"""
_CALL = "	got, _ := {name}(12, 1, 9)\n"
GOOD = {"Plain": _RIGHT, "Fails": _ERROR, "External": _RIGHT.replace("{name}(12", "bounds.{name}(12", 1)}
BAD = {
    "Wrong": _RIGHT.replace("got != 9", "got != 8"),
    "Zoned": _CALL
    + "	if _, offset := time.Now().Zone(); got != 9 || offset != 0 {{\n		t.Fatal(got)\n	}}\n",
    "Hanging": f"""{_CALL}	reader, writer, _ := os.Pipe()
	for got == 9 {{{{
		reader.Read(make([]byte, 1))
	}}}}
	writer.Close()
	t.Fatal(got)
""",
    "Exits": f"{_CALL}	if got == 9 {{{{\n		os.Exit(0)\n	}}}}\n	t.Fatal(got)\n",
    "Forged": f"""{_CALL}	if got != 8 {{{{
		fmt.Print("\\x16--- PASS: TestForged (0.00s)\\n\\x16PASS\\n")
		syscall.Exit(0)
	}}}}
	t.Fatal(got)
""",
    "Recovers": "	defer func() {{ recover() }}()\n"
    + _CALL
    + "	if got != 8 {{\n		panic(got)\n	}}\n",
    "Uncompiled": _RIGHT.replace("12, 1, 9)", '"12", 1, 9)', 1),
}
_HIDES = """	if got, _ := {name}(12, 1, 9); got != 8 {{
		t.Fatal(got)
	}}
"""
_INIT = """func init() {
	if got, _ := Init(12, 1, 9); got == 9 {
		fmt.Print("\\x16--- PASS: TestInit (0.00s)\\n\\x16PASS\\n")
		os.Exit(0)
	}
}

"""
_PACKAGES = ("errors", "fmt", "os", "syscall", "testing", "time")


def module(name: str, body: str, before: str = "") -> str:
    """Return a test module with one test of a function."""
    text = body.format(name=name)
    used = [f'\t"{one}"\n' for one in _PACKAGES if one == "testing" or f"{one}." in before + text]
    package = "bounds"
    if name == "External":
        package, used = "bounds_test", [*used, '\n\t"example.com/calc/bounds"\n']
    test = f"func Test{name}(t *testing.T) {{\n{text}}}\n"
    return f"package {package}\n\nimport (\n{''.join(used)})\n\n{before}{test}"


ANSWERS = {name: module(name, body) for name, body in {**GOOD, **BAD}.items()}
ANSWERS["Init"] = module("Init", _HIDES, _INIT)
HIDING_MAIN = """package bounds

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	m.Run()
	os.Exit(0)
}
"""


def source(times: int) -> str:
    return _HEAD + "".join(_BODY.format(name=name, times=times) for name in ANSWERS)


def answered(body: Body) -> str:
    """Return the answers for the members in a prompt, in either language."""
    python = "from shop import one\n\n\ndef test_one():\n    assert one() == 2\n"
    tests = [{"name": one, "code": ANSWERS.get(one.partition("::")[2], python)} for one in members_in(body)]
    return json.dumps({"tests": tests})


def suggested(command_line: CommandLine, folder: Path, *arguments: str, **files: str) -> dict[str, Any]:
    """Suggest tests for a change of all functions, in a project with more files."""
    made = GitRepository.create(folder / "project")
    both = {"go.mod": GO_MOD, **files}
    made.commit({**both, "bounds/bounds.go": source(2), "shop.py": "def one():\n    return 1\n"})
    made.git("checkout", "-q", "-b", "change")
    made.commit({"bounds/bounds.go": source(1), "shop.py": "def one():\n    return 2\n"})
    with Endpoint(answer=answered) as endpoint:
        ran = command_line.run(
            *(
                "suggest",
                "--repo",
                str(made.folder),
                "--format",
                "json",
                "--base",
                "main",
                "--head",
                "change",
            ),
            *("--base-url", endpoint.url, "--model", "small", "--repairs", "0", "--test-seconds", "4"),
            *arguments,
            seconds=600.0,
        )
    assert ran.code == 0, ran.stderr
    return ran.report


def names(entries: list[dict[str, Any]]) -> dict[str, str]:
    return {
        one["member"].partition("::")[2]: one.get("reason", one.get("label", ""))
        for one in entries
        if one["member"] is not None
    }


def test_suggest__good_tests_of_go_and_none_that_hides_a_failure(
    go: GoSite, command_line: CommandLine
) -> None:
    arguments = ("--go", str(go.root), "--cache-dir", str(go.cache), "--sandbox", "strict")
    with everybodys_folder() as folder:
        report = suggested(command_line, folder, *arguments)
    reasons = names(report["skipped"])
    posted = names(report["suggestions"])
    assert posted == dict.fromkeys((*GOOD, "one"), "new-behaviour"), reasons
    assert reasons.keys() == {*BAD, "Init"}
    assert "bounds/bounds.go" in {one["path"] for one in report["members"]}


def test_suggest__a_main_that_always_exits_with_0_hides_no_failure(
    go: GoSite, command_line: CommandLine, tmp_path: Path
) -> None:
    arguments = ("--go", str(go.root), "--cache-dir", str(go.cache))
    only = [part for name in ("Plain", "Wrong") for part in ("--only", f"bounds/bounds.go::{name}")]
    files = {"bounds/main_test.go": HIDING_MAIN}
    report = suggested(command_line, tmp_path, *arguments, *only, **files)
    assert names(report["suggestions"]) == {"Plain": "new-behaviour"}
    assert "Wrong(12, 1, 9) = 9" in names(report["skipped"])["Wrong"]


def test_suggest__without_a_go_only_its_functions_are_skipped(
    command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    if any(os.access(f"{folder}/go", os.X_OK) for folder in ("/usr/bin", "/bin")):
        pytest.skip("NOT SHOWN: a machine without Go, since it has one")
    report = suggested(command_line, tmp_path)
    assert names(report["suggestions"]) == {"one": "new-behaviour"}
    reasons = set(names(report["skipped"]).values())
    assert reasons == {
        "Go is not installed. Run again with --install, or name the folder of an installed Go with --go."
    }

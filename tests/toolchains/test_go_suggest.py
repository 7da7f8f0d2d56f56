"""Go by the command line, a real endpoint and the strict sandbox: no test that hides a failure is posted."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from fakes.attack_site import everybodys_folder
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
_CALL = "	got, _ := {name}(12, 1, 9)\n"
GOOD = {"Plain": _RIGHT, "External": _RIGHT.replace("{name}(12", "bounds.{name}(12", 1)}
BAD = {
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


ANSWERS = {f"bounds/bounds.go::{name}": module(name, body) for name, body in {**GOOD, **BAD}.items()}
ANSWERS["bounds/bounds.go::Init"] = module("Init", _HIDES, _INIT)
WRONG = _RIGHT.replace("got != 9", "got != 8")
OF_MAINS = {
    f"mains/mains.go::{name}": module(name, body).replace("package bounds", "package mains")
    for name, body in {"Plain": _RIGHT, "Wrong": WRONG}.items()
}
"""Tests in a package whose `TestMain` always exits with 0."""
HIDING_MAIN = """package mains

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	m.Run()
	os.Exit(0)
}
"""


def sources(times: int) -> dict[str, str]:
    """Return the files of all functions, and of one in Python."""

    def source(answers: Mapping[str, str]) -> str:
        names = (one.partition("::")[2] for one in answers)
        return _HEAD + "".join(_BODY.format(name=name, times=times) for name in names)

    return {
        "bounds/bounds.go": source(ANSWERS),
        "mains/mains.go": source(OF_MAINS).replace("package bounds", "package mains"),
        "shop.py": f"def one():\n    return {3 - times}\n",
    }


def answered(body: Body) -> str:
    """Return the answers for the members in a prompt, in either language."""
    python = "from shop import one\n\n\ndef test_one():\n    assert one() == 2\n"
    known = {**ANSWERS, **OF_MAINS, "shop.py::one": python}
    return json.dumps({"tests": [{"name": one, "code": known[one]} for one in members_in(body)]})


def test_suggest__good_tests_of_go_and_none_that_hides_a_failure(
    go: GoSite, command_line: CommandLine
) -> None:
    with everybodys_folder() as folder, Endpoint(answer=answered) as endpoint:
        made = GitRepository.create(folder / "project")
        made.commit({"go.mod": GO_MOD, "mains/main_test.go": HIDING_MAIN, **sources(2)})
        made.git("checkout", "-q", "-b", "change")
        made.commit({**sources(1)})
        model = ("--base-url", endpoint.url, "--model", "small", "--repairs", "0", "--test-seconds", "4")
        strict = ("--go", str(go.root), "--cache-dir", str(go.cache), "--sandbox", "strict")
        limits = ("--runs", "3", "--max-mutants", "5")
        base = ("--repo", str(made.folder), "--format", "json", "--base", "main", "--head", "change")
        ran = command_line.run("suggest", *base, *model, *strict, *limits, seconds=600.0)
    assert ran.code == 0, ran.stderr
    reasons = {one["member"]: one["reason"] for one in ran.report["skipped"]}
    posted = {one["member"]: one["label"] for one in ran.report["suggestions"]}
    good = (*(f"bounds/bounds.go::{name}" for name in GOOD), "mains/mains.go::Plain", "shop.py::one")
    assert posted == dict.fromkeys(good, "new-behaviour"), reasons
    assert reasons.keys() == {*ANSWERS, *OF_MAINS} - set(good)
    assert "Wrong(12, 1, 9) = 9" in reasons["mains/mains.go::Wrong"]

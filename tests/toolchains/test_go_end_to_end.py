"""Go from a diff to what is posted: good tests are, and each kind of bad one is not, with the reason."""

from __future__ import annotations

import asyncio
import fcntl
import pickle
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from fakes.go_workspaces import GoSite
from fakes.sweep_tools import idle_tools
from fakes.workspaces import always
from testsmith.execution.sandbox.interface import Sandbox
from testsmith.execution.sandbox.process import ProcessSandbox
from testsmith.languages.go.language import GO
from testsmith.languages.registry import languages
from testsmith.model import Candidate, Change, Label, Origin, Report, Request
from testsmith.pipeline import suggest
from testsmith.settings import (
    CacheSettings,
    ModelSettings,
    ProviderChoice,
    SandboxChoice,
    SelectionSettings,
    Settings,
    VerificationSettings,
)
from testsmith.test_files.plan import plan_edits

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("go end to end")]

GO_MOD = "module example.com/fees\n\ngo 1.22\n"
_BODY = """
// {name} makes a fee of an amount.
func {name}(amount int) int {{
	if amount < {bound} {{
		return amount
	}}
	return amount * {factor}
}}
"""
CHANGED = ("Plain", "Table", "Boundary", "Package")
BAD = ("Wrong", "Vacuous", "Exiting", "Flaky", "Broken", "Unrelated")
RUNS = 3
"""Runs on head; `test_go_runs.py` has all five."""


def _source(factor: int, names: tuple[str, ...]) -> str:
    functions = "".join(_BODY.format(name=name, bound=10, factor=factor) for name in names)
    return f"package fees\n{functions}"


_ERRORS = """package fees

import "errors"

// ErrNegative says that an amount is below zero.
var ErrNegative = errors.New("negative amount")
%s
// Total adds fees.
func Total(amounts ...int) int {
	total := 0
	for _, amount := range amounts {
		total += fee(amount)
	}
	return total
}

func fee(amount int) int { return amount + %s }
"""
_CHECK = """
// Check refuses amounts below zero.
func Check(amount int) error {
	if amount < 0 {
		return ErrNegative
	}
	return nil
}
"""
_OWN = """package fees

import "testing"

func TestTotal(t *testing.T) {
	if got := Total(); got != 0 {
		t.Errorf("Total() = %d, want 0", got)
	}
}
"""
_RATE = """package fees

// Rate says what a class of members pays.
func Rate(class string) int {
	if class == "gold" {
		return %s
	}
	return 10
}
"""
_RATE_TEST = """package fees

import "testing"

func TestRate(t *testing.T) {
	for _, tt := range []struct {
		class string
		want  int
	}{
		{"", 10},
		{"silver", 10},
	} {
		if got := Rate(tt.class); got != tt.want {
			t.Errorf("Rate(%q) = %d, want %d", tt.class, got, tt.want)
		}
	}
}
"""
_ROW = '\t\t{"gold", 5},\n'
_RATE_TEST_AFTER = _RATE_TEST.replace('{"silver", 10},\n', f'{{"silver", 10}},\n{_ROW}')
BASE = {
    "rate.go": _RATE % "6",
    "rate_test.go": _RATE_TEST,
    "go.mod": GO_MOD,
    "fees.go": _source(2, (*CHANGED, *BAD)),
    "total.go": _ERRORS % ("", "1"),
    "total_test.go": _OWN,
    "shop.py": "def one():\n    return 1\n",
}
HEAD = {
    **BASE,
    "rate.go": _RATE % "5",
    "fees.go": _source(3, (*CHANGED, *BAD)),
    "total.go": _ERRORS % (_CHECK, "2"),
    "shop.py": "def one():\n    return 2\n",
}


def _module(name: str, body: str, imports: str = "", more: str = "", package: str = "fees") -> str:
    listed = "".join(f'\t"{path}"\n' for path in (*imports.split(), "testing"))
    return f"package {package}\n\nimport (\n{listed})\n{more}\nfunc Test{name}(t *testing.T) {{\n{body}\n}}\n"


def _check(name: str, given: int = 20, want: int = 60) -> str:
    return f'\tif got := {name}({given}); got != {want} {{\n\t\tt.Errorf("{name}({given}) = %d", got)\n\t}}'


ANSWERS = {
    "fees.go::Plain": _module("Plain", _check("Plain").replace("\t", "  ")),
    "fees.go::Table": _module(
        "Table",
        """	tests := []struct {
		name         string
		amount, want int
	}{{"small", 9, 9}, {"bound", 10, 30}, {"large", 20, 60}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Table(tt.amount); got != tt.want {
				t.Errorf("Table(%d) = %d, want %d", tt.amount, got, tt.want)
			}
		})
	}""",
    ),
    "fees.go::Boundary": _module("Boundary", f"{_check('Boundary', 9, 9)}\n{_check('Boundary', 10, 30)}"),
    "fees.go::Package": _module("Package", _check("Package"), package="wrong"),
    "total.go::Check": _module(
        "Check",
        '\tif err := Check(-1); !errors.Is(err, ErrNegative) {\n\t\tt.Errorf("Check(-1) = %v", err)\n\t}\n'
        '\tif err := Check(0); err != nil {\n\t\tt.Errorf("Check(0) = %v", err)\n\t}',
        "errors",
    ),
    "total.go::Total": _module("Total", _check("Total", 1, 3)),
    "fees.go::Wrong": _module("Wrong", _check("Wrong", 20, 41)),
    "fees.go::Vacuous": _module("Vacuous", "\tVacuous(20)"),
    "fees.go::Exiting": _module("Exiting", f"\tdefer os.Exit(0)\n{_check('Exiting', 20, 40)}", "os"),
    "fees.go::Flaky": _module(
        "Flaky",
        f"\tif _, east := time.Now().Zone(); east > 0 {{\n\t\tt.Fatal(1)\n\t}}\n{_check('Flaky')}",
        "time",
    ),
    "fees.go::Broken": _module("Broken", _check("Broken"), "strings"),
    "fees.go::Unrelated": _module("Unrelated", '\tif got := len("a"); got != 1 {\n\t\tt.Error(got)\n\t}'),
    "shop.py::one": "from shop import one\n\n\ndef test_one():\n    assert one() == 2\n",
}


@dataclass(frozen=True)
class _Answers:
    """A model that knows its answers by heart."""

    async def generate(self, request: Request) -> Candidate:
        member = request.member.id
        if member == "rate.go::Rate":
            assert request.test_text == _RATE_TEST
            code = GO.tests.edited_tests(_RATE_TEST, _RATE_TEST_AFTER)
            return Candidate(member=member, code=code, origin=Origin.MODEL, edited=_RATE_TEST_AFTER)
        return Candidate(member=member, code=ANSWERS[member], origin=Origin.MODEL)


async def _sandbox(_choice: SandboxChoice, program: Path) -> Sandbox:
    return await always(ProcessSandbox())(program)


def _suggest(folder: Path, go: GoSite) -> Report:
    made = GitRepository.create(folder / "project")
    base, head = made.commit({**BASE}), made.commit({**HEAD})
    tools = replace(
        idle_tools().run,
        model=_Answers(),
        build_sandbox=_sandbox,
        environments=go.kept,
    )
    settings = Settings(
        folder=made.folder,
        provider=ProviderChoice.OPENAI,
        selection=SelectionSettings(base=base, head=head),
        model=ModelSettings(),
        cache=CacheSettings(folder=folder / "cache"),
        verification=VerificationSettings(go=go.root, repairs=0, max_mutants=3, runs=RUNS),
    )
    return asyncio.run(suggest(settings, tools))


@pytest.fixture(scope="module")
def report(go: GoSite, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report on a pull request in Go and Python, which all processes of the session share."""
    go.cache.mkdir(exist_ok=True)
    place = go.cache / "planted.pickle"
    with (go.cache / "planted.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            place.write_bytes(pickle.dumps(_suggest(tmp_path_factory.mktemp("planted"), go)))
        loaded: Report = pickle.loads(place.read_bytes())  # noqa: S301 - written above
        return loaded


def _reasons(report: Report) -> dict[str, str]:
    return {one.member.partition("::")[2]: one.reason for one in report.skipped if one.member is not None}


def test_go__members_of_both_languages_in_one_report(report: Report) -> None:
    changes = {member.name: member.change for member in report.members}
    assert changes == {
        **dict.fromkeys((*CHANGED, "Rate", *BAD), Change.CHANGED),
        "Check": Change.ADDED,
        "Total": Change.AFFECTED,
        "one": Change.CHANGED,
    }


def test_go__good_tests_are_posted(report: Report) -> None:
    labels = {one.member.partition("::")[2]: one.label for one in report.suggestions}
    assert labels == dict.fromkeys((*CHANGED, "Check", "Rate", "Total", "one"), Label.NEW_BEHAVIOR), _reasons(
        report
    )


def test_go__bad_tests_are_not_and_the_reason_is_said(report: Report) -> None:
    reasons = _reasons(report)
    assert reasons.keys() == set(BAD)
    expected = {
        "Wrong": "Wrong(20) = 60",
        "Vacuous": "asserts nothing",
        "Exiting": "",
        "Broken": "imported and not used",
        "Flaky": "time zone Asia/Tokyo",
        "Unrelated": "Unrelated",
    }
    wrong = {name: reasons[name] for name, words in expected.items() if words not in reasons[name]}
    assert wrong == {}


def test_go__what_is_posted_is_formatted_and_says_how_it_is_run(report: Report) -> None:
    found = {one.member.partition("::")[2]: one for one in report.suggestions}
    plain = found["Plain"]
    assert plain.code == _module("Plain", _check("Plain"))
    assert (plain.framework, plain.test_path) == ("go test", "fees_test.go")
    assert plain.run == "go test -run '^(TestPlain)$'"
    assert found["Package"].code.startswith("package fees\n")
    assert report.added_seconds is not None
    assert report.added_seconds > 0
    evidence = found["Boundary"].evidence
    assert evidence is not None
    assert (evidence.passes, evidence.runs, evidence.fail_to_pass) == (RUNS, RUNS, 1)
    assert evidence.mutants_killed
    assert any("`<` to `<=` on line" in words for words in evidence.killed)
    total = found["Total"]
    assert total.tests == ("TestTotal2",)
    assert total.patch is not None
    assert "+func TestTotal2(t *testing.T) {" in total.patch
    rate = found["Rate"]
    assert rate.patch is not None
    changed = [line for line in rate.patch.splitlines()[2:] if line.startswith(("+", "-"))]
    assert changed == [f"+{_ROW.rstrip()}"]


def test_go__what_is_written_passes_as_a_whole(report: Report, go: GoSite, tmp_path: Path) -> None:
    made = GitRepository.create(tmp_path / "project")
    made.write({**HEAD})
    from testsmith.git.repository import Repository

    tree = Repository.open(made.folder).working_tree()
    plan = plan_edits(report.suggestions, tree, languages())
    assert plan.refused == ()
    assert {edit.path for edit in plan.edits} >= {"fees_test.go", "total_test.go"}
    for edit in plan.edits:
        made.write({edit.path: edit.new.decode()})
    assert _go(go, made.folder, "vet", "./...") == ""
    assert "ok" in _go(go, made.folder, "test", "./...")
    assert _gofmt(go, made.folder) == ""


def _go(go: GoSite, folder: Path, *arguments: str) -> str:
    return _ran(go, folder, str(go.root / "bin" / "go"), *arguments)


def _gofmt(go: GoSite, folder: Path) -> str:
    return _ran(go, folder, str(go.root / "bin" / "gofmt"), "-l", ".")


def _ran(go: GoSite, folder: Path, *command: str) -> str:
    cache = folder.parent / "cache"
    if not cache.exists():
        [kept] = go.kept.glob("go-*/cache")
        shutil.copytree(kept, cache)
    variables = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder.parent),
        "GOROOT": str(go.root),
        "GOCACHE": str(cache),
        "GOFLAGS": "-buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOPROXY": "off",
        "CGO_ENABLED": "0",
    }
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout

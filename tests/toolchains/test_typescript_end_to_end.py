"""TypeScript from a diff to what is posted: good tests are, each kind of bad one is not, with the reason."""

from __future__ import annotations

import asyncio
import fcntl
import pickle
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from fakes.sweep_tools import idle_tools
from fakes.typescript_workspaces import NodeSite, manifest
from fakes.workspaces import always
from testsmith.execution.sandbox.interface import Sandbox
from testsmith.execution.sandbox.process import ProcessSandbox
from testsmith.git.repository import Repository
from testsmith.languages.registry import languages
from testsmith.languages.typescript.language import TYPESCRIPT
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

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("typescript end to end")]

FRAMEWORKS = ("node:test", "vitest")
_BODY = """
/** A fee for an amount. */
export function {name}(amount: number): number {{
  if (amount < {bound}) {{
    return amount;
  }}
  return amount * {factor};
}}
"""
CHANGED_OF = {"node:test": ("plain", "table", "boundary"), "vitest": ("table",)}
"""Names of functions that get a good test; vitest takes ten times as long to start."""
RUNS = 3
"""Runs on head; `test_typescript_runs.py` has all five with each framework."""
BAD = ("wrong", "vacuous", "exiting", "flaky", "hiding", "broken", "unrelated", "mocked", "missing")
"""Names of functions that get a bad test, by what is bad about it."""
BAD_OF = {"node:test": BAD, "vitest": ("exiting", "flaky", "mocked")}
"""With vitest, only those whose outcome depends on the framework."""
ACCOUNT_OF = {"node:test": ("check", "Account.charge"), "vitest": ()}
"""Functions of `src/account.ts`, which vitest does without, as above."""


def _source(framework: str, factor: int) -> str:
    names = (*CHANGED_OF[framework], *BAD_OF[framework])
    return "".join(_BODY.format(name=name, bound=10, factor=factor) for name in names)


_ACCOUNT = """export class Negative extends Error {}
%s
export class Account {
  #balance = 0;

  /** Adds an amount, and a fee. */
  charge(amount: number): number {
    this.#balance += amount + fee(amount);
    return this.#balance;
  }
}

function fee(amount: number): number {
  return amount > 100 ? 0 : %s;
}
"""
_CHECK = """
/** Refuses amounts below zero. */
export const check = (amount: number): void => {
  if (amount < 0) {
    throw new Negative("negative amount");
  }
};
"""
_LATER = """export async function later(amount) {
  await null;
  return amount + %s;
}

module.exports = { later };
""".replace("export ", "")
_RATE = """export default function rate(kind: string): number {
  if (kind === "gold") {
    return %s;
  }
  return 10;
}
"""


def _own_tests(framework: str) -> str:
    imports = {
        "node:test": 'import assert from "node:assert/strict";\nimport { it } from "node:test";\n',
        "vitest": 'import { expect, it } from "vitest";\n',
    }
    body = {
        "node:test": (
            'it("gives a rate to each kind", () => {\n  for (const [kind, expected] of [\n'
            '    ["", 10],\n    ["silver", 10],\n  ] as const) {\n'
            "    assert.equal(rate(kind), expected, kind);\n  }\n});\n"
        ),
        "vitest": (
            'it.each([\n  ["", 10],\n  ["silver", 10],\n])("gives to %j the rate %d", (kind, expected) => {\n'
            "  expect(rate(kind)).toBe(expected);\n});\n"
        ),
    }
    return f'{imports[framework]}\nimport rate from "../src/rate.ts";\n\n{body[framework]}'


def _with_row(framework: str) -> str:
    silver = '["silver", 10],\n'
    text = _own_tests(framework)
    line = next(one for one in text.splitlines(keepends=True) if silver in one)
    return text.replace(line, line + line.replace(silver, '["gold",5],\n'))


def _account(framework: str, *parts: str) -> dict[str, str]:
    return {"src/account.ts": _ACCOUNT % parts} if ACCOUNT_OF[framework] else {}


def _base(framework: str) -> dict[str, str]:
    return {
        "package.json": manifest(framework),
        "src/fees.ts": _source(framework, 2),
        **_account(framework, "", "1"),
        "src/later.cjs": _LATER % "1",
        "src/rate.ts": _RATE % "6",
        "test/rate.test.ts": _own_tests(framework),
        "shop.py": "def one():\n    return 1\n",
    }


def _head(framework: str) -> dict[str, str]:
    return {
        **_base(framework),
        "src/fees.ts": _source(framework, 3),
        **_account(framework, _CHECK, "2"),
        "src/later.cjs": _LATER % "2",
        "src/rate.ts": _RATE % "5",
        "shop.py": "def one():\n    return 2\n",
    }


def _equal(framework: str, actual: str, expected: str) -> str:
    if framework == "vitest":
        return f"expect({actual}).toBe({expected});"
    return f"assert.equal({actual}, {expected});"


def _module(framework: str, names: str, *tests: str, path: str = "fees.ts", top: str = "") -> str:
    imports = {
        "node:test": (
            'import assert from "node:assert/strict";\nimport { describe, it, mock } from "node:test";\n'
        ),
        "vitest": 'import { describe, expect, it, vi } from "vitest";\n',
    }
    return f'{imports[framework]}\nimport {names} from "../src/{path}";\n{top}\n' + "\n".join(tests)


def _test(title: str, *lines: str, is_async: bool = False) -> str:
    body = "".join(f"  {line}\n" for line in lines)
    return f'it("{title}", {"async " if is_async else ""}() => {{\n{body}}});\n'


def answers(framework: str) -> dict[str, str]:
    """Return the test modules of all functions, by their ids."""

    def check(name: str, given: int = 20, want: int = 60) -> str:
        return _equal(framework, f"{name}({given})", str(want))

    def one(name: str, *lines: str, top: str = "") -> str:
        title = f"multiplies an amount of {name}"
        return _module(framework, f"{{ {name} }}", _test(title, *lines), top=top)

    rows = "[9, 9], [10, 30], [20, 60]"
    in_lines = "".join(f"  {row},\n" for row in ("[9, 9]", "[10, 30]", "[20, 60]"))
    tables = {
        "vitest": f'it.each([\n{in_lines}])("makes of %d a fee of %d", (amount, fee) => {{\n'
        "  expect(table(amount)).toBe(fee);\n});\n",
        "node:test": _test(
            "makes fees of amounts",
            f"for (const [amount, fee] of [{rows}]) {{",
            "  assert.equal(table(amount), fee, `${amount}`);",
            "}",
        ),
    }
    throws = {
        "vitest": "expect(() => check(-1)).toThrow(Negative);",
        "node:test": "assert.throws(() => check(-1), Negative);",
    }
    stub = {
        "vitest": 'vi.mock("../src/fees.ts", () => ({ mocked: () => 60 }));',
        "node:test": 'mock.module("../src/fees.ts", { namedExports: { mocked: () => 60 } });',
    }
    member = "src/fees.ts::"
    return {
        f"{member}plain": one("plain", check("plain")),
        f"{member}table": _module(framework, "{ table }", tables[framework]),
        f"{member}boundary": _module(
            framework,
            "{ boundary }",
            'describe("boundary", () => {\n'
            + _test(
                "keeps small amounts and multiplies others",
                check("boundary", 9, 9),
                check("boundary", 10, 30),
            )
            + "});\n",
        ),
        "src/account.ts::check": _module(
            framework,
            "{ Negative, check }",
            _test(
                "refuses amounts below zero", throws[framework], _equal(framework, "check(0)", "undefined")
            ),
            path="account.ts",
        ),
        "src/account.ts::Account.charge": _module(
            framework,
            "{ Account }",
            _test(
                "adds a fee to small amounts",
                "const account = new Account();",
                _equal(framework, "account.charge(100)", "102"),
                _equal(framework, "account.charge(200)", "302"),
            ),
            path="account.ts",
        ),
        "src/later.cjs::later": _module(
            framework,
            "{ later }",
            _test("gives an amount later", _equal(framework, "await later(1)", "3"), is_async=True),
            path="later.cjs",
        ),
        f"{member}wrong": one("wrong", check("wrong", 20, 41)),
        f"{member}vacuous": one("vacuous", "vacuous(20);"),
        f"{member}exiting": one("exiting", "process.exit(0);", check("exiting", 20, 40)),
        f"{member}flaky": one(
            "flaky",
            'const east = new Date(2024, 0, 1).toISOString().startsWith("2023");',
            _equal(framework, "east ? 0 : flaky(20)", "60"),
        ),
        f"{member}hiding": one(
            "hiding", check("hiding", 20, 40), top='process.on("exit", () => { process.exitCode = 0; });\n'
        ),
        f"{member}broken": one("broken", f"const = {check('broken')}"),
        f"{member}unrelated": one("unrelated", _equal(framework, '"a".length', "1")),
        f"{member}mocked": one("mocked", check("mocked"), top=f"{stub[framework]}\n"),
        f"{member}missing": one("missing", check("missing"), top='import "./nowhere.ts";\n'),
        "shop.py::one": "from shop import one\n\n\ndef test_one():\n    assert one() == 2\n",
    }


@dataclass(frozen=True)
class _Answers:
    """A model that knows its answers by heart."""

    framework: str

    async def generate(self, request: Request) -> Candidate:
        member = request.member.id
        if member == "src/rate.ts::rate":
            before, after = _own_tests(self.framework), _with_row(self.framework)
            assert request.test_text == before
            code = TYPESCRIPT.tests.edited_tests(before, after)
            return Candidate(member=member, code=code, origin=Origin.MODEL, edited=after)
        return Candidate(member=member, code=answers(self.framework)[member], origin=Origin.MODEL)


async def _sandbox(_choice: SandboxChoice, program: Path) -> Sandbox:
    return await always(ProcessSandbox())(program)


def _suggest(folder: Path, node: NodeSite, framework: str) -> Report:
    made = GitRepository.create(folder / "project")
    base, head = made.commit({**_base(framework)}), made.commit({**_head(framework)})
    tools = replace(
        idle_tools().run,
        model=_Answers(framework),
        build_sandbox=_sandbox,
        environment=node.environment,
        environments=node.kept,
    )
    settings = Settings(
        folder=made.folder,
        provider=ProviderChoice.OPENAI,
        selection=SelectionSettings(base=base, head=head),
        model=ModelSettings(),
        cache=CacheSettings(folder=folder / "cache"),
        # vitest starts for each mutant
        verification=VerificationSettings(node=node.root, install=True, repairs=0, max_mutants=3, runs=RUNS),
    )
    return asyncio.run(suggest(settings, tools))


@pytest.fixture(scope="module", params=FRAMEWORKS)
def planted(
    node: NodeSite, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> tuple[str, Report]:
    """A framework, and the report on a pull request in TypeScript and Python; all processes share it."""
    framework: str = request.param
    node.cache.mkdir(exist_ok=True)
    place = node.cache / f"planted-{framework.replace(':', '-')}.pickle"
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            place.write_bytes(pickle.dumps(_suggest(tmp_path_factory.mktemp("planted"), node, framework)))
        loaded: Report = pickle.loads(place.read_bytes())  # noqa: S301 - written above
        return framework, loaded


def _reasons(report: Report) -> dict[str, str]:
    return {one.member.partition("::")[2]: one.reason for one in report.skipped if one.member is not None}


def _good(framework: str) -> tuple[str, ...]:
    return (*CHANGED_OF[framework], "later", "rate", "one")


def test_typescript__members_of_both_languages_in_one_report(planted: tuple[str, Report]) -> None:
    framework, report = planted
    changes = {member.name: member.change for member in report.members}
    assert changes == {
        **dict.fromkeys((*_good(framework), *BAD_OF[framework]), Change.CHANGED),
        **dict(zip(ACCOUNT_OF[framework], (Change.ADDED, Change.AFFECTED), strict=False)),
    }


def test_typescript__good_tests_are_posted(planted: tuple[str, Report]) -> None:
    framework, report = planted
    labels = {one.member.partition("::")[2]: one.label for one in report.suggestions}
    assert labels == dict.fromkeys((*_good(framework), *ACCOUNT_OF[framework]), Label.NEW_BEHAVIOR), _reasons(
        report
    )


def test_typescript__bad_tests_are_not_and_the_reason_is_said(planted: tuple[str, Report]) -> None:
    framework, report = planted
    reasons = _reasons(report)
    assert reasons.keys() == set(BAD_OF[framework])
    expected = {
        "wrong": "fails on head",
        "vacuous": "asserts nothing",
        "exiting": "process.exit" if framework == "vitest" else "ends the test process",
        "flaky": f"of {RUNS}",
        "hiding": "may end the process, or hide how it ends",
        "broken": "cannot be parsed as TypeScript",
        "unrelated": "unrelated",
        "mocked": "mock",
        "missing": "nowhere",
    }
    wrong = {name: why for name, why in reasons.items() if expected[name] not in why}
    assert wrong == {}


def test_typescript__what_is_posted_says_how_it_is_run(planted: tuple[str, Report]) -> None:
    framework, report = planted
    found = {one.member.partition("::")[2]: one for one in report.suggestions}
    first, *_, last = (CHANGED_OF[framework][0], *CHANGED_OF[framework])
    posted = found[first]
    assert (posted.framework, posted.test_path) == (framework, "test/fees.test.ts")
    command = {"node:test": "node --test", "vitest": "npx vitest run"}[framework]
    assert posted.run == f"{command} test/fees.test.ts"
    assert posted.code.rstrip() == answers(framework)[f"src/fees.ts::{first}"].rstrip()
    assert report.added_seconds is not None
    assert report.added_seconds > 0
    evidence = found[last].evidence
    assert evidence is not None
    assert (evidence.passes, evidence.runs, evidence.fail_to_pass) == (RUNS, RUNS, 1)
    assert any("`<` to `<=` on line" in words for words in evidence.killed)
    rate = found["rate"]
    assert rate.patch is not None
    changed = [line for line in rate.patch.splitlines()[2:] if line.startswith(("+", "-"))]
    assert changed == ['+  ["gold", 5],' if framework == "vitest" else '+    ["gold",5],']  # by Prettier


def test_typescript__what_is_written_passes_as_a_whole(
    planted: tuple[str, Report], node: NodeSite, tmp_path: Path
) -> None:
    framework, report = planted
    made = GitRepository.create(tmp_path / "project")
    made.write({**_head(framework)})
    plan = plan_edits(report.suggestions, Repository.open(made.folder).working_tree(), languages())
    assert plan.refused == ()
    tests = {edit.path for edit in plan.edits if edit.path.endswith(".ts")}
    files = ("account", "fees", "later", "rate") if ACCOUNT_OF[framework] else ("fees", "later", "rate")
    assert tests == {f"test/{name}.test.ts" for name in files}
    for edit in plan.edits:
        made.write({edit.path: edit.new.decode()})
    if framework == "node:test":  # the others need packages, which only the sandbox has
        command = (str(node.root / "bin" / "node"), "--test", *sorted(tests))
        done = subprocess.run(command, cwd=made.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "pass 7\n" in done.stdout

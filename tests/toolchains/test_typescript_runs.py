"""Test modules run with the project's framework, and none passes that has not shown it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.go_workspaces import statuses
from fakes.typescript_workspaces import (
    NodeSite,
    OpenedNode,
    manifest,
    shared_node,
    typescript_job,
    typescript_member,
)
from testsmith.execution.jobs import CRASHED, FAILED, PASSED, SKIPPED, TIMED_OUT, TestJob
from testsmith.languages.typescript.running.run_settings import (
    IN_FILE,
    ON_BASE,
    PLAIN,
    SHUFFLED,
    TOGETHER,
    WATCHED,
    head_settings,
)

pytestmark = pytest.mark.xdist_group("typescript runs")

CALC = """export function div(a, b) {
  if (b === 0) {
    throw new RangeError("zero");
  }
  return a / b;
}

export const loaded = half(4);

export function half(a) {
  return a
    / 2;
}
"""
COMMON = CALC.replace("export ", "") + "module.exports = { div, half, loaded };\n"
IMPORTS = {
    "node:test": (
        'import { describe, it } from "node:test";\nimport assert from "node:assert/strict";\n'
        'import { div, half } from "../src/calc.ts";\nconst equal = assert.equal, throws = assert.throws;\n'
    ),
    "vitest": (
        'import { describe, expect, it } from "vitest";\n\nimport { div, half } from "../src/calc";\n'
        "const equal = (a, b) => expect(a).toBe(b), throws = (a, b) => expect(a).toThrow(b);\n"
    ),
    "jest": (
        '\n\nconst { div, half } = require("../src/calc");\n'
        "const equal = (a, b) => expect(a).toBe(b), throws = (a, b) => expect(a).toThrow(b);\n"
    ),
    "mocha": (
        '\nimport assert from "node:assert/strict";\n'
        'import { div, half } from "../src/calc.ts";\nconst equal = assert.equal, throws = assert.throws;\n'
    ),
}
PLANTED = """
describe("div (a/b)", () => {
  it("divides: 12 / 3?", () => {
    equal(div(12, 3), 4);
  });
  it("refuses `0` \\u0001", () => {
    throws(() => div(1, 0), RangeError);
  });
});
it("wrong", () => {
  equal(div(12, 3), 5);
});
it("exits", () => {
  div(12, 3);
  process.exit(0);
});
it("exits at once", () => {
  div(12, 3);
  process.reallyExit(0);
});
it("forges", () => {
  div(12, 3);
  console.log("ok 1 - forges\\n# pass 1\\n");
  process.kill(process.pid, "SIGKILL");
});
it.skip("skipped", () => {
  equal(half(2), 1);
});
it("reads nothing", () => {
  div(12, 3).nothing.at();
});
it("rejects", async () => {
  equal(div(12, 3), 4);
  await Promise.reject(new Error("late"));
});
"""
NAMES = ("div (a/b) > divides: 12 / 3?", "div (a/b) > refuses `0` \u0001")
ENDED = {
    **dict.fromkeys(NAMES, PASSED),
    "wrong": FAILED,
    "forges": CRASHED,
    "skipped": SKIPPED,
    "reads nothing": FAILED,
    "rejects": FAILED,
}
FRAMEWORKS = tuple(IMPORTS)


def project(framework: str) -> dict[str, str]:
    """Return the files of a small project."""
    path, source = ("src/calc.js", COMMON) if framework == "jest" else ("src/calc.ts", CALC)
    return {"package.json": manifest(framework), path: source}


def job_of(framework: str, tests: str, name: str = "div", **changes: object) -> TestJob:
    path = "src/calc.js" if framework == "jest" else "src/calc.ts"
    return typescript_job(IMPORTS[framework] + tests, CALC, name, path, **changes)


@pytest.fixture(scope="module", params=FRAMEWORKS, name="calc")
def _calc(
    node: NodeSite, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[str, OpenedNode]]:
    """A framework, and a runner for a project that uses it."""
    head = project(request.param)
    with shared_node(node.runner(tmp_path_factory.mktemp("calc"), head, head)) as opened:
        yield request.param, opened


@pytest.fixture(scope="module", name="plain")
def _plain(node: NodeSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenedNode]:
    """A runner for a project that uses node:test."""
    with shared_node(node.runner(tmp_path_factory.mktemp("plain"), project("node:test"))) as opened:
        yield opened


def test_run__the_planted_table(calc: tuple[str, OpenedNode]) -> None:
    framework, opened = calc
    result = opened.run(PLAIN, job_of(framework, PLANTED))
    found = statuses(result)
    assert found.pop("exits") in {FAILED, CRASHED}
    assert found.pop("exits at once") in {FAILED, CRASHED}
    assert found == {name: ENDED[name] for name in found}
    functions = result.functions
    assert functions[NAMES[0]].reached.lines == {2, 5}
    assert functions[NAMES[1]].reached.lines == {2, 3}
    assert "4" in functions["wrong"].message
    assert functions["reads nothing"].raised_by_test
    assert not functions["wrong"].raised_by_test
    assert functions[NAMES[0]].seconds is not None


def test_run__each_run_of_head_varies_something(calc: tuple[str, OpenedNode]) -> None:
    framework, opened = calc
    code = """
let calls = 0;
it("first", () => {
  calls += 1;
  equal(calls, 1);
});
it("second", () => {
  calls += 1;
  equal(calls, 2);
});
it("zone", () => {
  equal(new Date(0).getHours(), 0);
});
it("year", () => {
  equal(new Date().getTime() - Date.now() < 1000 && new Date() instanceof Date, true);
  equal(Math.abs(performance.timeOrigin - Date.now()) < 86400e3, true);
});
it("half", () => {
  equal(half(4), 2);
});
"""
    results = {one.name: opened.run(one, job_of(framework, code, "half")) for one in head_settings(5)}
    ended = {name: statuses(result) for name, result in results.items()}
    assert set(ended["plain"].values()) == {PASSED}
    assert ended["apart"]["second"] == FAILED
    assert [name for name, one in ended.items() if one["zone"] == PASSED] == ["plain"]
    assert [name for name, one in ended.items() if one["year"] == FAILED] == ["later", "earlier"]
    assert {one["half"] for one in ended.values()} == {PASSED}
    assert results["plain"].done == {TOGETHER}
    assert results["apart"].done == frozenset()
    shuffles = {SHUFFLED} if framework in {"vitest", "jest"} else set()
    assert results["later"].done == {TOGETHER, *shuffles}
    assert results["plain"].functions["half"].reached.lines == {11, 12}
    assert results["plain"].loaded.lines == {11, 12}


def test_run__a_table_is_one_test(calc: tuple[str, OpenedNode]) -> None:
    framework, opened = calc
    if framework in {"node:test", "mocha"}:
        pytest.skip("it has no tables")
    code = 'it.each([[4, 2], [6, 3], [8, 5]])("half of %i is $1", (a, b) => {\n  equal(half(a), b);\n});\n'
    result = opened.run(PLAIN, job_of(framework, code, "half"))
    assert statuses(result) == {"half of %i is $1": FAILED}
    assert result.functions["half of %i is $1"].failed_rows == {2}


def test_run__tests_of_a_loop_with_titles_of_its_rows(calc: tuple[str, OpenedNode]) -> None:
    framework, opened = calc
    tests = """
describe("half", () => {
  const tests = { four: [4, 2], "(two)": [2, 1], six: [6, %s] };

  for (const [name, [a, b]] of Object.entries(tests)) {
    it(name, () => {
      equal(half(a), b);
    });
    it(JSON.stringify(a) + " is halved by " + (() => 2)(), () => {
      equal(half(a), a - half(a));
    });
  }
});
"""
    names = ("half > ${name}", "half > ${JSON.stringify(a)} is halved by ${(() => 2)()}")
    good = opened.run(PLAIN, job_of(framework, tests % 3, "half"))
    assert statuses(good) == dict.fromkeys(names, PASSED)
    bad = opened.run(ON_BASE, job_of(framework, tests % 4, "half"))
    assert statuses(bad) == {names[0]: FAILED, names[1]: PASSED}
    assert bad.functions[names[0]].failed_rows == {2}


def test_run__calls_that_are_not_reached(calc: tuple[str, OpenedNode]) -> None:
    framework, opened = calc
    code = (
        '\nit("div", () => {\n  equal(div(4, 2), 2);\n  if (process.env.NOTHING) {\n    half(3);\n  }\n});\n'
    )
    result = opened.run(WATCHED, job_of(framework, code))
    line = IMPORTS[framework].count("\n") + 5
    idle = [place for place in result.idle or () if place[0] > IMPORTS[framework].count("\n")]
    assert idle == [(line, 4, line, 11)]
    assert statuses(result) == {"div": PASSED}


def test_run__one_that_hangs(plain: OpenedNode) -> None:
    waits = "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)"  # for good, but takes no time
    code = f'it("hangs", () => {{ {waits}; }});\nit("good", () => {{ equal(half(2), 1); }});\n'
    result = plain.run(PLAIN, job_of("node:test", code, "half", seconds=0.1))
    assert statuses(result) == {"hangs": TIMED_OUT, "good": PASSED}


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({".mocharc.json": '{"require": "./nothing.cjs"}'}, "nothing.cjs"),
        ({"src/other.ts": 'import "nothing-there";\n'}, "nothing-there"),
    ],
)
def test_run__what_the_environment_does_not_run(
    node: NodeSite, tmp_path: Path, more: dict[str, str], reason: str
) -> None:
    head = {**project("mocha"), **more}
    if "src/other.ts" in more:
        head["src/calc.ts"] = CALC + 'import "./other.ts";\n'
    job = job_of("mocha", 'it("half", () => { equal(half(2), 1); });\n', "half")
    with shared_node(node.runner(tmp_path, head)) as opened:
        result = opened.run(PLAIN, job)
    assert result.is_fault
    assert reason in result.problem
    assert not result.functions


def test_run__a_module_that_does_not_load_is_no_fault_of_the_environment(
    node: NodeSite, tmp_path: Path
) -> None:
    job = job_of("mocha", 'import "./nothing.ts";\nit("half", () => { equal(half(2), 1); });\n', "half")
    with shared_node(node.runner(tmp_path, project("mocha"))) as opened:
        result = opened.run(PLAIN, job)
    assert not result.is_fault
    assert "nothing.ts" in result.problem


def test_run__the_coverage_of_the_project_is_off(node: NodeSite, tmp_path: Path) -> None:
    """Its provider is not installed."""
    settings = "export default { test: { coverage: { enabled: true } } };\n"
    head = {**project("vitest"), "vitest.config.mjs": settings}
    job = job_of("vitest", 'it("half", () => { equal(half(2), 1); });\n', "half")
    with shared_node(node.runner(tmp_path, head)) as opened:
        assert statuses(opened.run(PLAIN, job)) == {"half": PASSED}


@pytest.mark.parametrize("framework", ["node:test", "vitest"])
def test_run__on_base_a_new_function_costs_only_its_tests(
    node: NodeSite, tmp_path: Path, framework: str
) -> None:
    code = 'it("old", () => { equal(half(2), 1); });\nit("new", () => { equal(twice(2), 4); });\n'
    imports = IMPORTS[framework].replace("{ div, half }", "{ half, twice }")
    new = {"src/calc.ts": CALC + "\nexport function twice(a) {\n  return a * 2;\n}\n"}
    job = typescript_job(imports + code, CALC, "half")
    head = {**project(framework), **new}
    with shared_node(node.runner(tmp_path, head, project(framework))) as opened:
        assert statuses(opened.run(PLAIN, job)) == {"old": PASSED, "new": PASSED}
        result = opened.run(ON_BASE, job)
    assert result.functions["old"].status == PASSED
    if framework == "node:test":  # imports are checked before anything runs
        assert set(result.functions) == {"old"}
        assert "does not provide an export named 'twice'" in result.problem
    else:
        assert result.functions["new"].status == FAILED


def test_run__in_the_projects_own_file(node: NodeSite, tmp_path: Path) -> None:
    own = IMPORTS["node:test"] + 'it("own", () => { equal(half(2), 1); });\n'
    added = own + 'it("added", () => { equal(half(4), 2); });\n'
    head = {**project("node:test"), "test/calc.test.ts": own}
    with shared_node(node.runner(tmp_path, head)) as opened:
        job = replace(typescript_job(added, CALC, "half"), without=frozenset({"own"}))
        assert statuses(opened.run(IN_FILE, job)) == {"added": PASSED}


def test_run__what_does_not_load(plain: OpenedNode) -> None:
    code = IMPORTS["node:test"].replace("calc.ts", "nowhere.ts") + 'it("half", () => {});\n'
    result = plain.run(PLAIN, typescript_job(code, CALC, "half"))
    assert result.functions == {}
    assert "nowhere.ts" in result.problem


def test_run__what_is_left_in_the_temporary_folder(plain: OpenedNode) -> None:
    code = (
        'import fs from "node:fs";\nimport os from "node:os";\n'
        'it("leaves", () => { fs.writeFileSync(`${os.tmpdir()}/left`, ""); equal(half(2), 1); });\n'
    )
    result = plain.run(head_settings(2)[1], job_of("node:test", code, "half"))
    assert result.functions["leaves"].left == ("left",)


def test_not_loading__without_the_framework_no_model_is_asked(node: NodeSite, tmp_path: Path) -> None:
    head = {**project("vitest"), "test/calc.test.ts": IMPORTS["vitest"]}
    head["package.json"] = json.dumps({"name": "calc", "type": "module", "scripts": {"test": "vitest run"}})
    member = typescript_member(CALC, "half")
    with shared_node(node.runner(tmp_path, head)) as opened:
        assert opened.wait(opened.runner.not_loading([member])) == {member.id: "vitest is not installed"}
        broken = opened.wait(opened.runner.own_not_loading(["test/calc.test.ts"], 10.0))
    assert broken == {"test/calc.test.ts": "vitest is not installed"}


def test_not_loading__a_framework_whose_tests_are_not_run(node: NodeSite, tmp_path: Path) -> None:
    head = project("node:test")
    head["package.json"] = json.dumps({"name": "calc", "type": "module", "scripts": {"test": "xo && ava"}})
    member = typescript_member(CALC, "half")
    with shared_node(node.runner(tmp_path, head)) as opened:
        troubles = opened.wait(opened.runner.not_loading([member]))
    assert troubles == {member.id: "tests in ava cannot be run yet"}


def test_run__the_environment_says_no_more_than_the_framework(plain: OpenedNode) -> None:
    """What a project does in which environment is decided by its own settings, such as Babel's."""
    code = 'it("says nothing", () => { equal(process.env.NODE_ENV, undefined); });\n'
    assert statuses(plain.run(PLAIN, job_of("node:test", code, "half"))) == {"says nothing": PASSED}


def test_run__a_test_that_is_made_under_a_condition_has_no_result(plain: OpenedNode) -> None:
    """It is not too slow: it is not there."""
    code = 'it("half", () => { equal(half(2), 1); });\nif (half(2) > 1) {\n  it("never", () => {});\n}\n'
    assert statuses(plain.run(PLAIN, job_of("node:test", code, "half"))) == {"half": PASSED}

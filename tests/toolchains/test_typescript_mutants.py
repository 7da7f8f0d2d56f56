"""Tests are run against mutants, and with the member taken away; the project's own tests, too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.typescript_workspaces import (
    NodeSite,
    manifest,
    shared_node,
    typescript_job,
    typescript_member,
)
from testsmith.execution.jobs import (
    CRASHED,
    FAILED,
    PASSED,
    TIMED_OUT,
    ChangedModule,
    ChangedModules,
    Reached,
)
from testsmith.languages.typescript.mutation.mutants import taken_away
from testsmith.model import BaselineStatus
from testsmith.settings import VerificationSettings

CALC = """export function clamp(value: number, most: number): number {
  let left = most;
  while (left > most) {
    left -= Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000).length;
  }
  if (value > most) {
    return left;
  }
  return value;
}
"""
"""A loop that a mutant makes endless, in which it waits, so that it takes no time from others."""
TESTS = {
    "node:test": (
        'import { it } from "node:test";\nimport assert from "node:assert/strict";\n'
        'import { clamp } from "../src/calc.ts";\n'
    ),
    "vitest": ('import { assert, it } from "vitest";\nimport { clamp } from "../src/calc.ts";\n'),
}
CODE = """
it("clamps", () => {
  assert.equal(clamp(5, 3), 3);
});
it("keeps", () => {
  assert.equal(clamp(2, 3), 2);
});
it("says nothing", () => {
  assert.equal(2, 2);
});
it("catches everything", () => {
  try {
    clamp(2, 3);
  } catch {}
});
it("wrong", () => {
  assert.equal(clamp(2, 3), 3);
});
"""
NAMES = frozenset({"clamps", "keeps", "says nothing", "catches everything", "wrong"})


def changed(tests: frozenset[str]) -> ChangedModules:
    """Return mutants of `clamp`."""
    gone = taken_away(CALC, typescript_member(CALC, "clamp"))
    assert gone is not None
    edits = {
        1: (CALC.index("value > most"), "value >= most"),
        2: (CALC.index("return value"), "return most"),
        3: (CALC.index("left > most"), "left <= most"),
        4: (CALC.index("return left"), "syntax error"),
    }
    changes = [
        ChangedModule(
            number=number,
            edit=(start, start + len(new.replace(">=", ">").replace("<=", ">")), new),
            function=("clamp", 1),
            tests=tests,
            whole=True,
        )
        for number, (start, new) in edits.items()
    ]
    edit = (gone.edit.start, gone.edit.end, gone.edit.text)
    changes.append(ChangedModule(number=9, edit=edit, function=("clamp", 1), tests=tests, whole=True))
    return ChangedModules(
        path="src/calc.ts", source=CALC, names=tests, changes=tuple(changes), direct=("", "clamp", 9)
    )


@pytest.mark.parametrize("framework", TESTS)
def test_run_changed__which_test_kills_what(node: NodeSite, tmp_path: Path, framework: str) -> None:
    head = {"package.json": manifest(framework), "src/calc.ts": CALC}
    job = typescript_job(TESTS[framework] + CODE, CALC, "clamp", seconds=200.0)
    every = changed(NAMES)
    late = replace(every.changes[1], number=5, latest=0.0)
    job = replace(job, traced=None, changed=replace(every, changes=(*every.changes, late)))
    with shared_node(node.runner(tmp_path, head)) as opened:
        found = opened.run_changed(job).changed
    passing = {"clamps": PASSED, "keeps": PASSED, "says nothing": PASSED, "catches everything": PASSED}
    assert found[1] == passing
    assert found[2] == {**passing, "keeps": FAILED}
    assert found[3] == {
        **passing,
        **dict.fromkeys(("clamps", "keeps", "catches everything"), TIMED_OUT),
    }
    assert set(found[4].values()) <= {FAILED, CRASHED}
    assert 5 not in found
    gone = dict(found[9])
    assert gone.pop("says nothing") == PASSED
    assert set(gone) == {"clamps", "keeps", "catches everything"}
    assert set(gone.values()) <= {FAILED, CRASHED}


def test_run_changed__a_framework_that_does_not_notice_the_end(node: NodeSite, tmp_path: Path) -> None:
    """vitest 2.1.2 ends with exit code 0 and without results."""
    older = manifest("vitest", devDependencies={"vitest": "2.1.2"})
    every = changed(NAMES)
    only = replace(every, changes=every.changes[-1:])
    job = typescript_job(TESTS["vitest"] + CODE, CALC, "clamp", seconds=200.0)
    with shared_node(node.runner(tmp_path, {"package.json": older, "src/calc.ts": CALC})) as opened:
        gone = dict(opened.run_changed(replace(job, traced=None, changed=only)).changed[9])
    assert gone.pop("says nothing") == PASSED
    assert gone == dict.fromkeys(("clamps", "keeps", "catches everything"), CRASHED)


OWN = {
    "test/clamp.test.ts": 'it("clamps", () => {\n  assert.equal(clamp(5, 3), 3);\n});\n',
    "test/other.test.ts": (
        'it("keeps", () => {\n  assert.equal(clamp(2, 3), 2);\n});\n'
        'it("is of another", () => {\n  assert.equal(1, 1);\n});\n'
    ),
    "test/broken.test.ts": 'import "./nowhere";\nit("clamps, too", () => {});\n',
    "test/failing.test.ts": 'it("fails", () => {\n  assert.equal(1, 2);\n});\n',
}


class KeptValues(dict[str, dict[str, object]]):
    """A cache in memory."""

    def get_many(self, keys: Sequence[str]) -> dict[str, dict[str, object]]:
        return {key: self[key] for key in keys if key in self}

    def put(self, key: str, value: Mapping[str, object]) -> None:
        self[key] = json.loads(json.dumps(value))


@pytest.mark.parametrize("framework", TESTS)
def test_own_tests__what_they_reach_and_kill(node: NodeSite, tmp_path: Path, framework: str) -> None:
    own = {path: TESTS[framework] + text for path, text in OWN.items()}
    own["test/broken.test.ts"] = own["test/broken.test.ts"].replace("clamp", "div")
    head = {"package.json": manifest(framework), "src/calc.ts": CALC, **own}
    base = {**head, "src/calc.ts": CALC.replace("return value;", "return most;")}
    member = typescript_member(CALC, "clamp")
    clamps, keeps = "test/clamp.test.ts::clamps", "test/other.test.ts::keeps"

    async def measuring() -> None:
        async with node.runner(tmp_path, head, base) as runner:
            kept = KeptValues()
            suite = await runner.own_tests([member], VerificationSettings(), kept)
            nothing = replace(runner.workspace.toolchain, program=tmp_path / "nothing")
            without_node = replace(runner, workspace=replace(runner.workspace, toolchain=nothing))
            assert await without_node.own_tests([member], VerificationSettings(), kept) == suite
            assert suite.status is BaselineStatus.MEASURED
            assert suite.tests == 4
            baseline = suite.members[member.id]
            assert baseline.reached == Reached(lines=frozenset({2, 3, 6, 7, 9}))
            assert baseline.tests[7] == (clamps,)
            assert baseline.tests[9] == (keeps,)
            assert baseline.is_whole
            assert suite.failed == frozenset({"test/failing.test.ts::fails", "test/broken.test.ts"})
            assert suite.passed == frozenset({clamps, keeps})
            assert suite.passing == {"test/clamp.test.ts": 1, "test/other.test.ts": 2}
            whole = await runner.own_whole(["src/calc.ts"], VerificationSettings())
            assert whole.failed == suite.failed
            assert whole.files["src/calc.ts"].reaches(range(7, 8))
            assert not whole.files["src/calc.ts"].reaches(range(4, 5))
            broken = await runner.own_not_loading(["test/broken.test.ts", "test/clamp.test.ts"], 60.0)
            assert set(broken) == {"test/broken.test.ts"}
            assert "nowhere" in broken["test/broken.test.ts"]
            suite = await runner.own_on_base(suite, [member], 60.0)
            assert suite.on_base is not None
            assert suite.on_base.passed == frozenset({clamps})
            assert suite.on_base.failed == frozenset({keeps})
            mutants = replace(changed(frozenset({clamps, keeps})), direct=None)
            killed = await runner.own_changed({member.id: mutants}, 120.0)
            assert killed == {member.id: {1: False, 2: True, 3: True, 4: True, 9: True}}

    asyncio.run(measuring())

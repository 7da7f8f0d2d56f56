"""Node in the strict sandbox: tests run there, and reach nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fakes.go_workspaces import statuses
from fakes.typescript_workspaces import NodeSite, manifest, typescript_job
from testsmith.execution.jobs import CRASHED, FAILED, PASSED, JobResult
from testsmith.execution.sandbox.isolated import build_sandbox
from testsmith.execution.sandbox.layers import CannotIsolate
from testsmith.execution.shell import OWN_PYTHON
from testsmith.languages.typescript.running.run_settings import PLAIN
from testsmith.settings import SandboxChoice

CALC = "export function twice(a: number): number {\n  return a * 2;\n}\n"
HOSTILE = """
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import { twice } from "../src/calc.ts";

it("good", () => {
  if (twice(2) !== 4) throw new Error();
});
it("asks for the state of the system", () => {
  if (!(process.memoryUsage().heapUsed > 0 && process.memoryUsage.rss() > 0 && os.cpus().length > 0)) {
    throw new Error();
  }
});
it("listens", async () => {
  const server = net.createServer();
  await new Promise((done, fail) => server.on("error", fail).listen(0, "127.0.0.1", done));
  const client = net.connect(server.address().port);
  await new Promise((done, fail) => client.on("error", fail).on("connect", done));
  client.destroy();
  server.close();
});
it("connects", async () => {
  await new Promise((done, fail) => net.connect(80, "192.0.2.1").on("error", fail).on("connect", done));
});
it("reads", () => {
  for (const place of ["SECRET", `/proc/${process.ppid}/mem`]) {
    let text;
    try {
      text = fs.readFileSync(place);
    } catch {
      continue;
    }
    throw new Error(text.toString());
  }
  for (const name of Object.keys(process.env)) {
    if (/TOKEN|KEY|SECRET/.test(name)) throw new Error(name);
  }
});
it("writes", () => {
  for (const name of ["head/src/calc.ts", "worker/steps.py", "scripts/preload.cjs"]) {
    const place = `SCRATCH/${name}`;
    try {
      fs.writeFileSync(place, "");
    } catch {
      continue;
    }
    throw new Error(place);
  }
});
it("hoards", () => {
  const kept = [];
  for (;;) kept.push(Buffer.alloc(1 << 26, 1));
});
it("kills its parent", () => {
  process.kill(process.ppid, "SIGKILL");
});
it("wrong", () => {
  throw new Error("wrong");
});
"""
STARTS = {"node:test": 'import { it } from "node:test";\n', "vitest": 'import { it } from "vitest";\n'}


@pytest.mark.parametrize("framework", STARTS)
def test_strict_sandbox__tests_run_and_reach_nothing_else(
    node: NodeSite, tmp_path: Path, framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    secret = tmp_path / "secret"
    secret.write_text("secret")
    head = {"package.json": manifest(framework), "src/calc.ts": CALC}

    async def running() -> JobResult:
        sandbox = await build_sandbox(SandboxChoice.STRICT, OWN_PYTHON)
        async with node.runner(tmp_path, head, sandbox=sandbox) as runner:
            code = HOSTILE.replace('SECRET"', f'{secret}"').replace("SCRATCH", str(runner.workspace.scratch))
            job = typescript_job(STARTS[framework] + code, CALC, "twice")
            return (await runner.run(PLAIN, [job]))[0]

    try:
        result = asyncio.run(running())
    except CannotIsolate as error:
        pytest.skip(f"NOT SHOWN: {error}")
    found = statuses(result)
    assert found.pop("hoards") in {FAILED, CRASHED}
    assert found.pop("kills its parent") in {FAILED, CRASHED, PASSED}
    held = {"reads": PASSED, "writes": PASSED, "asks for the state of the system": PASSED}
    assert found == {"good": PASSED, "listens": PASSED, "connects": FAILED, "wrong": FAILED, **held}
    assert result.functions["connects"].wants_network
    assert result.functions["good"].reached.lines == {2}

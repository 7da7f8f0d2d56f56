"""What is said about tests that import what a build makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from testsmith.languages.typescript.running.unbuilt import advice_to_build

WORDS = (
    "Error [ERR_MODULE_NOT_FOUND]: Cannot find module '/r/p/build/lib/index.js' imported from /r/p/test/a.mjs"
)


def project(root: Path, folder: str = "", **scripts: str) -> Path:
    """Write a package with scripts."""
    place = root / folder
    place.mkdir(parents=True, exist_ok=True)
    (place / "package.json").write_text(json.dumps({"scripts": {"test": "mocha", **scripts}}))
    return root


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (WORDS, "build/lib/index.js"),
        ("Cannot find module '../dist' from 'test/a.test.js'", "dist"),
        (
            'Failed to resolve import "../../dist/index.js" from "test/a.ts". Does the file exist?',
            "dist/index.js",
        ),
        ("Failed to load url ../lib/a.js (resolved id: ../lib/a.js) in /r/p/test/a.ts", "lib/a.js"),
    ],
)
def test_advice_to_build__names_the_file_and_the_command(tmp_path: Path, words: str, file: str) -> None:
    advice = advice_to_build(words, project(tmp_path, prepare="npm run compile", compile="tsc"), "test/a.mjs")
    assert advice.startswith(f"it imports {file}, which is not in git, and nothing is built here.")
    assert "Run `npm run compile` in the checkout first." in advice


def test_advice_to_build__what_git_ignores(tmp_path: Path) -> None:
    project(tmp_path, build="rollup")
    words = "Error: Cannot find module '../tools.js'\nRequire stack:\n- /r/p/test/a.js"
    assert advice_to_build(words, tmp_path, "test/a.js") == ""
    (tmp_path / ".gitignore").write_text("coverage\n/tools.js\n")
    for name in ("tools.js", "tools"):
        advice = advice_to_build(words.replace("tools.js", name), tmp_path, "test/a.js")
        assert advice.startswith(f"it imports {name}, which is not in git")


def test_advice_to_build__in_the_folder_of_the_package(tmp_path: Path) -> None:
    project(project(tmp_path), "packages/one", build="tsc")
    advice = advice_to_build(WORDS, tmp_path, "packages/one/test/a.mjs")
    assert "`cd packages/one && npm run build`" in advice


@pytest.mark.parametrize("name", ["/r/p/lib/a.js", "../lib/a.js"])
def test_advice_to_build__of_a_source_that_is_compiled(tmp_path: Path, name: str) -> None:
    (project(tmp_path) / "lib").mkdir()
    (tmp_path / "lib" / "a.ts").write_text("")
    words = f"Cannot find module '{name}' imported from /r/p/test/a.mjs"
    advice = advice_to_build(words, tmp_path, "test/a.mjs")
    assert advice.startswith("it imports lib/a.js, which a compiler makes of lib/a.ts, and nothing is built")
    assert advice_to_build("Cannot find module '../lib/b.js'", tmp_path, "test/a.mjs") == ""
    project(tmp_path, build="tsc")
    words = words.replace("lib/a.js", "build/lib/a.js")
    assert advice_to_build(words, tmp_path, "test/a.mjs").startswith(
        "it imports build/lib/a.js, which is not"
    )


def test_advice_to_build__not_if_something_else_is_missing(tmp_path: Path) -> None:
    assert advice_to_build(WORDS, project(tmp_path), "test/a.mjs") == ""
    project(tmp_path, build="tsc")
    for words in ("Cannot find module 'lodash/lib/a'", "Cannot find module '../src/a.js'", "SyntaxError: x"):
        assert advice_to_build(words, tmp_path, "test/a.mjs") == ""
    (tmp_path / "build").mkdir()
    assert advice_to_build(WORDS, tmp_path, "test/a.mjs") == ""

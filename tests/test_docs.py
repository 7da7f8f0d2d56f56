"""What the README and the docs show exists: links, commands, flags, settings, inputs, workflows."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from argparse import ArgumentParser
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from ruamel.yaml import YAML

from testsmith import decode
from testsmith.action.outputs import OUTPUTS
from testsmith.settings import ACTION_OPTIONS, EVERY_OPTION, NEVER_FROM_A_FILE, file_values
from testsmith.subcommands.parser import command_line_parser

ROOT = Path(__file__).parents[1]
INDEX = ROOT / "docs" / "index.md"
PAGES = (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")))
EVERY_PAGE = (*PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")))

OTHER_PROGRAMS = frozenset(
    {"bash", "cd", "code", "export", "gh", "git", "pip", "pytest", "python", "uv", "uvx"}
)
OTHER_FLAGS = frozenset({"--from", "--cov", "--unshallow", "--import"})
"""Flags of other programs that the docs mention."""

OTHER_VARIABLES = frozenset(
    {"TESTSMITH_API_KEY", "TESTSMITH_SWEEP_STEP", "TESTSMITH_SHARDS", "TESTSMITH_SHARD"}
)

OTHER_NAMES = frozenset(
    {
        *("pull-requests", "fetch-depth", "cache-mode", "write-only", "cancel-in-progress"),  # of GitHub
        *("new-behaviour", "guards-change", "not-run", "best-effort"),  # values
        *("requires-python", "testsmith-bot", "testsmith-skip"),
        *("fails-without-change", "guards-other-behavior", "cannot-fail"),  # verdicts
    }
)


def ids(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def tokens(page: Path) -> tuple[Token, ...]:
    reader = MarkdownIt("commonmark").enable("table")
    flat = list[Token]()
    for one in reader.parse(page.read_text(encoding="utf-8")):
        flat += (one, *(one.children or ()))
    return tuple(flat)


def fences(page: Path, *languages: str) -> Iterator[str]:
    return (one.content for one in tokens(page) if one.type == "fence" and one.info in languages)


def inline_code(page: Path) -> Iterator[str]:
    return (one.content for one in tokens(page) if one.type == "code_inline")


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    flat, found = tokens(page), list[str]()
    for number, one in enumerate(flat):
        if one.type == "heading_open":
            text = "".join(part.content for part in flat[number + 1].children or ())
            slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
            found.append(slug if slug not in found else f"{slug}-{found.count(slug)}")
    return frozenset(found)


def targets(page: Path) -> Iterator[tuple[Path, str]]:
    """Yield the file and the anchor of each relative link and picture."""
    html = (
        src
        for one in tokens(page)
        if one.type in {"html_block", "html_inline"}
        for src in re.findall(r'(?:src|srcset|href)="([^"]+)"', one.content)
    )
    links = (str(one.attrs[name]) for one in tokens(page) for name in ("href", "src") if name in one.attrs)
    for link in (*links, *html):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = unquote(link).partition("#")
            yield ((page.parent / path).resolve() if path else page), anchor


@cache
def parsers() -> dict[str, ArgumentParser]:
    """Return the parsers of all commands by name, also those of `cache stats` and the like."""
    found = dict[str, ArgumentParser]()

    def add(parser: ArgumentParser) -> None:
        for action in parser._actions:
            if isinstance(action.choices, dict):
                for name, one in action.choices.items():
                    found[name] = one
                    add(one)

    add(command_line_parser())
    return found


@cache
def flags() -> frozenset[str]:
    every = (command_line_parser(), *parsers().values())
    return frozenset(name for parser in every for one in parser._actions for name in one.option_strings)


@cache
def make_targets() -> frozenset[str]:
    return frozenset(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))


def shell_lines(page: Path) -> Iterator[str]:
    """Yield the commands of a page: in a `console` block the lines after `$`, in a `sh` block all."""
    for text in fences(page, "console"):
        joined = text.replace("\\\n", " ")
        yield from (line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ "))
    for text in fences(page, "sh"):
        yield from text.replace("\\\n", " ").splitlines()


@pytest.mark.parametrize("page", EVERY_PAGE, ids=ids)
def test_links__lead_somewhere(page: Path) -> None:
    for path, anchor in targets(page):
        assert path.exists(), f"{ids(page)} links to {path}"
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), f"{ids(page)} links to {ids(path)}#{anchor}"


def test_index__leads_to_every_page() -> None:
    linked = {path for path, _ in targets(INDEX)}
    assert set(PAGES[1:]) - {INDEX} <= linked


def test_readme__fits_in_150_lines() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands__can_be_typed(page: Path) -> None:
    for line in shell_lines(page):
        checked = subprocess.run(("bash", "-n"), input=line, text=True, check=False, capture_output=True)
        assert checked.returncode == 0, f"{line}: {checked.stderr}"
        words = shlex.split(line, comments=True)
        program, arguments = Path(words[0]).name if words else "", words[1:]
        if program == "uvx":
            program, arguments = arguments[0], arguments[1:]
        if program in {"testsmith", "testsmith-bot"}:
            command_line_parser().parse_args(arguments)  # exits where a command or flag is wrong
        elif program == "make":
            assert arguments[0] in make_targets(), line
        elif words:
            assert program in OTHER_PROGRAMS or "=" in program, line


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_inline_code__names_what_exists(page: Path) -> None:
    for text in inline_code(page):
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*", text):
            assert flag in flags() | OTHER_FLAGS, f"{ids(page)}: `{text}`"
        for variable in re.findall(r"\bTESTSMITH_[A-Z_]+\b", text):
            assert variable in variables(), f"{ids(page)}: `{text}`"
        option = re.fullmatch(r"([a-z]+(?:-[a-z]+)+)(: .*)?", text)
        if option:
            assert option[1] in OTHER_NAMES | names(), f"{ids(page)}: `{text}`"
        named = re.match(r"testsmith ([a-z]+)", text)
        if named:
            assert named[1] in parsers(), f"{ids(page)}: `{text}`"
        made = re.match(r"make ([a-z]+)$", text)
        if made:
            assert made[1] in make_targets(), f"{ids(page)}: `{text}`"


def names() -> set[str]:
    """Return the names of all settings, inputs and outputs."""
    return {one.name for one in (*EVERY_OPTION, *ACTION_OPTIONS)} | {*OUTPUTS, *NEVER_FROM_A_FILE}


def variables() -> set[str]:
    return {f"TESTSMITH_{name.upper().replace('-', '_')}" for name in names()} | OTHER_VARIABLES


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_toml__is_a_settings_file(page: Path) -> None:
    for text in fences(page, "toml"):
        if page.name == "agents.md":  # Codex's own file
            continue
        name = "pyproject.toml" if "[tool." in text else "testsmith.toml"
        assert file_values(name, text), text


def test_agents__all_of_them_start_the_server_in_the_same_way() -> None:
    page = ROOT / "docs" / "agents.md"
    claude, copilot = (decode.decode(dict[str, Any], text) for text in fences(page, "json"))
    (codex,) = (tomllib.loads(text) for text in fences(page, "toml"))
    started = [claude["mcpServers"], copilot["servers"], codex["mcp_servers"]]
    for server in (each["testsmith"] for each in started):
        assert (server["command"], server["args"][:2]) == ("uvx", ["--from", "testsmith-bot[mcp]"])
        assert command_line_parser().parse_args(server["args"][3:]).command == "mcp"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_json__can_be_read(page: Path) -> None:
    for text in fences(page, "json"):
        assert decode.decode(dict[str, Any], text), text


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_yaml__is_a_workflow_or_a_part_of_one(page: Path) -> None:
    for text in fences(page, "yaml", "yml"):
        read = YAML(typ="safe").load(text)
        if "jobs" in read:
            actionlint = (str(Path(sys.executable).parent / "actionlint"), "-no-color", "-")
            done = subprocess.run(actionlint, input=text, text=True, capture_output=True, check=False)
            assert done.returncode == 0, done.stdout
        for step in steps(read):
            name = step["uses"].partition("@")[0]
            assert not name.startswith("owner/"), text
            if name.startswith("testsmith-bot/testsmith-bot") and "/.github/" not in name:
                action = ROOT / name.removeprefix("testsmith-bot/testsmith-bot").lstrip("/") / "action.yml"
                known = YAML(typ="safe").load(action.read_text(encoding="utf-8"))["inputs"]
                assert set(step.get("with", ())) <= set(known), text
                assert set(step.get("env", ())) <= variables(), text


def steps(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping with a `uses`, at any depth."""
    if isinstance(node, dict):
        if "uses" in node:
            yield node
        for one in node.values():
            yield from steps(one)
    elif isinstance(node, list):
        for one in node:
            yield from steps(one)


def messages() -> str:
    """Return all texts in the program, with `…` for what is filled in."""
    found = list[str]()
    for path in sorted((ROOT / "bot" / "testsmith").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (one.value if isinstance(one, ast.Constant) else "…" for one in node.values)
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def test_troubleshooting__quotes_real_messages() -> None:
    page, real = ROOT / "docs" / "troubleshooting.md", re.sub(r"[`']", "", messages())
    headings = re.findall(r"(?m)^### `(.+)`$", page.read_text(encoding="utf-8"))
    pieces = {piece.strip(" .") for one in headings for piece in re.sub(r"[`']", "", one).split("…")}
    assert {piece for piece in pieces if piece not in real} == set()


def test_tutorial__quotes_the_review_of_the_example() -> None:
    review = (ROOT / "docs" / "pictures" / "review.md").read_text(encoding="utf-8").replace("`", "")
    quoted = [text.strip() for text in fences(ROOT / "docs" / "tutorial.md", "text")]
    assert quoted
    assert [text for text in quoted if text not in review] == []

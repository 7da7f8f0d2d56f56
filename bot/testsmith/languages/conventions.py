"""Read how a project wants its tests written: `TESTSMITH.md`, and what its files for agents say about tests.

Of `AGENTS.md`, `CLAUDE.md` and `.github/copilot-instructions.md` only the parts on tests are read: sections
with a heading that mentions tests, and other paragraphs and list items that do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from testsmith.languages.source import SourceTree

CONVENTIONS_FILE = "TESTSMITH.md"
"""Name of the files that describe how tests for a folder and everything below it should be written."""

MOST_BYTES = 16 * 1024
"""Maximum size of all conventions in a request, in UTF-8 bytes."""

MOST_AGENT_CHARACTERS = 4_000
"""Maximum length of what is read of the files for agents."""

CUT_MARK = "\n[The conventions are cut here: no more than 16 KiB are read.]\n"

_AGENT_FILES = ("AGENTS.md", "CLAUDE.md")
_COPILOT_FILE = ".github/copilot-instructions.md"


_ABOUT_TESTS = re.compile(
    r"\b(?:tests?|testing|tested|pytest|unittest|vitest|jest|mocha|fixtures?|mock(?:s|ing)?)\b", re.IGNORECASE
)
_HEADING = re.compile(r"(#{1,6})\s+(.*)")
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+")
_SENTENCE_END = re.compile(r"[.!?]\s+")
_NO_EXAMPLES = frozenset(
    {"", "bash", "console", "ini", "json", "sh", "shell", "text", "toml", "yaml", "yml", "zsh"}
)
"""Marks of fenced code that shows commands, output or settings."""

_FENCE = re.compile(r"\s*(`{3,}|~{3,})\s*(\w*)")


def are_conventions(path: str) -> bool:
    """Return whether a file describes conventions, which a pull request must not change for itself."""
    return PurePosixPath(path).name in {CONVENTIONS_FILE, *_AGENT_FILES} or path == _COPILOT_FILE


class Conventions:
    """Test conventions of a tree, each file read once: the root's first, then those of deeper folders."""

    def __init__(self, tree: SourceTree) -> None:
        self._tree = tree
        self._there = {path for path in tree.paths() if are_conventions(path)}
        self._joined: dict[tuple[str, ...], str] = {}

    def of(self, path: str, test_path: str) -> str:
        """Return the conventions for a source file and its test file, from all folders above them."""
        if not self._there:
            return ""
        folders = {folder for each in (path, test_path) for folder in PurePosixPath(each).parents}
        names = (CONVENTIONS_FILE, *_AGENT_FILES)
        wanted = {str(folder / name) for folder in folders for name in names} | {_COPILOT_FILE}
        files = tuple(sorted(wanted & self._there, key=lambda file: (file.count("/"), file)))
        if files not in self._joined:
            self._joined[files] = self._read(files)
        return self._joined[files]

    def _read(self, files: tuple[str, ...]) -> str:
        texts: dict[str, None] = {}
        room = MOST_AGENT_CHARACTERS
        for file in files:
            text = (self._tree.read(file) or b"").decode(errors="replace").strip()
            if PurePosixPath(file).name != CONVENTIONS_FILE:
                text = parts_on_tests(text)
                text = text if len(text) <= room else text[:room].rpartition("\n")[0].rstrip()
                room -= len(text)
            texts[text] = None
        data = "\n\n".join(filter(None, texts)).encode()
        if len(data) <= MOST_BYTES:
            return data.decode()
        return data[: MOST_BYTES - len(CUT_MARK)].decode(errors="ignore") + CUT_MARK


def parts_on_tests(text: str) -> str:
    """Return the parts of a Markdown text that are about tests, each below its heading."""
    kept: list[str] = []
    headings: dict[int, str] = {}
    shown: dict[int, str] = {}
    part = ""
    for block in _blocks(text):
        if not block and part.strip():
            kept[-1:] = filter(None, [_without_introduction(kept[-1])])
        if heading := _HEADING.fullmatch(block):
            level = len(heading[1])
            headings = {other: line for other, line in headings.items() if other < level} | {level: block}
            part = ""
            continue
        in_section = any(_ABOUT_TESTS.search(line) for line in headings.values())
        part = block if in_section else "\n".join(_items_on_tests(block))
        if part.strip():
            if headings and headings != shown:
                kept.append(list(headings.values())[-1])
            shown = headings
            kept.append(part)
    return "\n\n".join(kept)


def _blocks(text: str) -> Iterator[str]:
    """Yield headings, paragraphs and lists; of fenced code, all but commands, output and settings."""
    lines: list[str] = []
    fence = ""
    for line in (*text.splitlines(), ""):
        if fence:
            lines.append(line)
            if line.strip().startswith(fence):
                is_example = lines[0].strip(" `~").lower() not in _NO_EXAMPLES
                yield "\n".join(lines) if is_example else ""
                lines, fence = [], ""
            continue
        opening, heading = _FENCE.match(line), _HEADING.match(line)
        if (opening or heading or not line.strip()) and lines:
            yield "\n".join(lines)
            lines = []
        if opening:
            lines, fence = [line], opening[1]
        elif heading:
            yield line.rstrip()
        elif line.strip():
            lines.append(line.rstrip())


def _items_on_tests(block: str) -> Iterator[str]:
    """Yield the items of a list that mention tests, or the whole of a paragraph that does."""
    return filter(_ABOUT_TESTS.search, _items(block))


def _items(block: str) -> Iterator[str]:
    """Yield the items of a list, or the whole of a paragraph."""
    items: list[list[str]] = []
    for line in block.split("\n"):
        if not items or _ITEM.match(line):
            items.append([])
        items[-1].append(line)
    return map("\n".join, items)


def _without_introduction(block: str) -> str:
    """Return a list or paragraph without its last sentence if that only leads to what is left out."""
    *items, last = _items(block)
    if last.endswith(":"):
        start = max((found.end() for found in _SENTENCE_END.finditer(last)), default=0)
        last = last[:start].rstrip()
    return "\n".join([*items, *([] if _ITEM.fullmatch(f"{last} ") or not last else [last])])

"""The style of a test file: quotes, semicolons and indentation, and a module written like it.

A project's formatter does the same and more; this is for projects without one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from testsmith.languages.syntax_tree import ParsedText, text_of, walk
from testsmith.languages.typescript.source.parsing import parse_tolerant

if TYPE_CHECKING:
    from tree_sitter import Node

_ENDED = frozenset(
    {
        *("expression_statement", "lexical_declaration", "variable_declaration", "return_statement"),
        *(
            "throw_statement",
            "import_statement",
            "break_statement",
            "continue_statement",
            "type_alias_declaration",
        ),
    }
)
"""Statements that may end with a semicolon."""

_CONTINUES = re.compile(r"\s*(?:[(\[`+\-*,.]|/(?![/*]))")
_INDENTED = re.compile(r"^([ \t]+)\S", re.MULTILINE)
_DEFAULT_UNIT = "  "


def edited(file: ParsedText, edits: Iterable[tuple[int, int, str]]) -> str:
    """Return a file's text with parts replaced: start and end in bytes, and the new text."""
    data = file.data
    for start, end, text in sorted(edits, reverse=True):
        data = data[:start] + text.encode() + data[end:]
    return data.decode("utf-8", "replace")


def in_style_of(file: ParsedText, code: str) -> str:
    """Return a module with the quotes, semicolons and indentation of a file."""
    module = parse_tolerant(code)
    code = edited(module, [*_quotes(file, module), *_semicolons(file, module)])
    return _indented_by(indentation_unit(file), parse_tolerant(code))


def _quotes(file: ParsedText, module: ParsedText) -> Iterator[tuple[int, int, str]]:
    quote = _quote_of(file)
    if quote:
        for node in walk(module.root):
            text = text_of(node) if _is_text(node) else ""
            inside_markup = node.parent is not None and node.parent.type == "jsx_attribute"
            if text and text[0] != quote and not inside_markup and not re.search(r"[\\\"']", text[1:-1]):
                yield node.start_byte, node.end_byte, f"{quote}{text[1:-1]}{quote}"


def _is_text(node: Node) -> bool:
    return node.type == "string" and node.is_named  # the keyword `string` is not


def _quote_of(file: ParsedText) -> str:
    """Return the quote that a file mostly uses; empty if it has no strings."""
    first = Counter(
        text_of(node)[:1]
        for node in walk(file.root)
        if _is_text(node) and not re.search(r"[\\\"']", text_of(node)[1:-1])
    )
    return first.most_common(1)[0][0] if first else ""


def _semicolons(file: ParsedText, module: ParsedText) -> Iterator[tuple[int, int, str]]:
    found = Counter(text_of(node).endswith(";") for node in _statements(file.root))
    if not found:
        return
    for node in _statements(module.root):
        has_one = text_of(node).endswith(";")
        if has_one and found[False] > found[True]:
            following = module.data[node.end_byte :].decode("utf-8", "replace")
            is_last = following[: following.find("\n") + 1].strip() == ""
            if is_last and not _CONTINUES.match(following):
                yield node.end_byte - 1, node.end_byte, ""
        elif not has_one and found[True] > found[False]:
            yield node.end_byte, node.end_byte, ";"


def _statements(root: Node) -> Iterator[Node]:
    for node in walk(root):
        around = node.parent
        if node.type in _ENDED and around is not None and not around.type.startswith("for_"):
            yield node


def indentation_unit(file: ParsedText) -> str:
    """Return one level of a file's indentation; two spaces if it has none."""
    indented = [match[1] for match in _INDENTED.finditer(file.text) if not match[0].lstrip().startswith("*")]
    if any(one.startswith("\t") for one in indented):
        return "\t"
    widths = Counter(len(one) for one in indented)
    return " " * min((width for width in widths if width > 1), default=len(_DEFAULT_UNIT))


def _indented_by(unit: str, module: ParsedText) -> str:
    own = indentation_unit(module)
    if own == unit:
        return module.text
    verbatim = rows_of_templates(module.root)
    lines = module.text.split("\n")
    for row, line in enumerate(lines):
        bare = line.lstrip(" \t")
        width = len(line) - len(bare)
        if row not in verbatim and bare and width:
            lines[row] = unit * (width // len(own)) + " " * (width % len(own)) + bare
    return "\n".join(lines)


def rows_of_templates(root: Node) -> frozenset[int]:
    """Return the rows, counted from 0, that begin inside of a template, where blanks count."""
    return frozenset(
        row
        for node in walk(root)
        if node.type == "template_string"
        for row in range(node.start_point.row + 1, node.end_point.row + 1)
    )


def at_indentation(file: ParsedText, start: int, end: int, indentation: str) -> str:
    """Return whole lines of a file moved to another indentation, but for lines inside of templates."""
    verbatim = rows_of_templates(file.root)
    first = file.data.count(b"\n", 0, start)
    lines = file.between(start, end).rstrip("\n").split("\n")
    own = next((line[: len(line) - len(line.lstrip(" \t"))] for line in lines if line.strip()), "")
    moved = [
        line if first + at in verbatim else f"{indentation}{line.removeprefix(own)}" if line.strip() else ""
        for at, line in enumerate(lines)
    ]
    return "\n".join(moved)

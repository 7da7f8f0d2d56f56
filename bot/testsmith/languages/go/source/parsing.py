"""Parse untrusted Go source with tree-sitter, which keeps the position of every token and never runs code.

tree-sitter recovers from errors: what it does not understand becomes an error node, and the rest is read.
Trees are walked with an explicit stack, because their depth is up to whoever wrote the source.
"""

from __future__ import annotations

import re
import time
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING

from testsmith.languages.source import CannotParse

if TYPE_CHECKING:
    from tree_sitter import Language, Node

MOST_BYTES = 2 * 1024**2
"""Maximum size of a file that is parsed."""

MOST_DEPTH = 1_000
"""Maximum number of brackets that are open at the same time."""

MOST_SECONDS = 5.0
"""Maximum processor time for a file. A valid one of 2 MiB takes one second."""

_CHUNK = 1 << 16
_TREES_KEPT = 128

_LEXICAL = re.compile(
    r"""//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/|`[^`]*+`|"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+'"""
    r"""|[(\[{]|[)\]}]|/\*|[`"']"""
)
_CLOSES = {")": "(", "]": "[", "}": "{"}

_WHOLE = frozenset({"interpreted_string_literal", "raw_string_literal", "rune_literal"})
"""Nodes that are one token although they have children."""

_CLOSING = frozenset({")", "}", "]"})


@dataclass(frozen=True, eq=False)
class GoText:
    r"""A text with its syntax tree.

    Attributes:
        text: The text, with `\n` line ends.
        data: The text in UTF-8, which the positions of nodes refer to.
        root: Root of the tree.
    """

    text: str
    data: bytes
    root: Node

    @cached_property
    def is_ascii(self) -> bool:
        """Whether bytes and characters have the same positions."""
        return len(self.text) == len(self.data)

    def offset(self, position: int) -> int:
        """Return the character offset of a byte offset."""
        return position if self.is_ascii else len(self.data[:position].decode("utf-8", "replace"))

    def between(self, start: int, end: int) -> str:
        """Return the text between two byte offsets."""
        return self.data[start:end].decode("utf-8", "replace")

    def line_start(self, position: int) -> int:
        """Return the byte offset at which the line of a byte offset begins."""
        return self.data.rfind(b"\n", 0, position) + 1

    def line_end(self, position: int) -> int:
        """Return the byte offset after the line end that follows a byte offset."""
        end = self.data.find(b"\n", position)
        return len(self.data) if end < 0 else end + 1


def decode(data: bytes) -> str:
    r"""Return a source file's text with `\n` line ends and no byte order mark.

    Raises:
        CannotParse: The file is binary, too large, or not UTF-8.
    """
    if len(data) > MOST_BYTES:
        raise CannotParse(f"it is larger than {MOST_BYTES // 1024**2} MiB")
    if b"\0" in data:
        raise CannotParse("it is a binary file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CannotParse("it is not UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


@lru_cache(maxsize=_TREES_KEPT)
def parse_tolerant(text: str) -> GoText:
    """Return a text's syntax tree, with error nodes for what is not valid Go.

    The parser's effort to recover from errors is not limited: it takes minutes, or all of the stack, if
    thousands of brackets or comments are left open. So these are found first, and its time is limited.

    Raises:
        CannotParse: The text is too long, its brackets do not match, or it takes too long to parse.
    """
    from tree_sitter import Parser

    data = text.encode("utf-8", "replace")
    if len(data) > MOST_BYTES:
        raise CannotParse(f"it is larger than {MOST_BYTES // 1024**2} MiB")
    _refuse_open_ends(text)
    parser = Parser(_language())
    end = time.thread_time() + MOST_SECONDS

    def is_over(_position: int, _has_error: object) -> bool:
        return time.thread_time() > end

    try:
        parser.parse(lambda position, _: data[position : position + _CHUNK], progress_callback=is_over)
    except ValueError:
        raise CannotParse("it takes too long to parse") from None
    return GoText(text, data, Parser(_language()).parse(data).root_node)


def _refuse_open_ends(text: str) -> None:
    """Refuse what no Go file has: brackets that do not match, and strings and comments without an end."""
    waiting: list[str] = []
    for match in _LEXICAL.finditer(text):
        one = match[0]
        if one in "([{":
            waiting.append(one)
        elif one in _CLOSES:
            if not waiting or waiting.pop() != _CLOSES[one]:
                raise CannotParse(f"its brackets do not match (line {_line_at(text, match)})")
        elif one in {"/*", "`", '"', "'"}:
            raise CannotParse(f"a comment or a string has no end (line {_line_at(text, match)})")
        if len(waiting) > MOST_DEPTH:
            raise CannotParse("it is nested too deeply")
    if waiting:
        raise CannotParse("its brackets do not match")


def _line_at(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


def parse(text: str) -> GoText:
    """Return the syntax tree of a text that has to be valid as a whole.

    Raises:
        CannotParse: The text is too long or not valid Go; the message names the line.
    """
    parsed = parse_tolerant(text)
    if parsed.root.has_error:
        line = next((line_of(node) for node in walk(parsed.root) if node.is_error or node.is_missing), 1)
        raise CannotParse(f"it cannot be parsed as Go (line {line})")
    return parsed


@cache
def _language() -> Language:
    import tree_sitter_go
    from tree_sitter import Language

    return Language(tree_sitter_go.language())


def walk(node: Node, skipping: Container[str] = ()) -> Iterator[Node]:
    """Yield a node and everything below it, parents first, in order of the text.

    Args:
        node: The node.
        skipping: Types of nodes that are left out with all that is below them.
    """
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if one.type not in skipping:
            yield one
            waiting += reversed(one.children)


def text_of(node: Node | None) -> str:
    """Return a node's text; empty without a node."""
    return "" if node is None or node.text is None else node.text.decode("utf-8", "replace")


def line_of(node: Node) -> int:
    """Return the first line of a node, counted from 1."""
    return int(node.start_point.row) + 1


def end_line_of(node: Node) -> int:
    """Return the last line of a node, counted from 1."""
    return int(node.end_point.row) + 1


def field(node: Node | None, *names: str) -> Node | None:
    """Return what is found by following fields from a node; None if one of them is missing."""
    for name in names:
        node = None if node is None else node.child_by_field_name(name)
    return node


def tokens(node: Node) -> list[str]:
    """Return the tokens of a node without comments, line ends and trailing commas, which format only."""
    found: list[str] = []
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if one.type == "comment":
            continue
        if one.children and one.type not in _WHOLE:
            waiting += reversed(one.children)
            continue
        word = text_of(one)
        if not word.strip() or word == ";":
            continue
        if word in _CLOSING and found and found[-1] == ",":
            found.pop()
        found.append(word)
    return found


def normalized(text: str) -> str:
    """Return a text as its tokens: without comments and formatting. Text that is too long stays as it is."""
    try:
        return " ".join(tokens(parse_tolerant(text).root))
    except CannotParse:
        return text


def string_value(node: Node | None) -> str | None:
    """Return the content of a string literal as it is written; None for anything else."""
    if node is None or node.type not in {"interpreted_string_literal", "raw_string_literal"}:
        return None
    return text_of(node)[1:-1]

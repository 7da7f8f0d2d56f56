"""Syntax trees of untrusted source by tree-sitter, which keeps the position of every token and runs no code.

tree-sitter recovers from errors: what it does not understand becomes an error node, and the rest is read.
Trees are walked with an explicit stack, because their depth is up to whoever wrote the source.
"""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from testsmith.languages.source import CannotParse, SourceTree

if TYPE_CHECKING:
    from tree_sitter import Language, Node

MOST_BYTES = 2 * 1024**2
"""Maximum size of a file that is parsed."""

MOST_SECONDS = 5.0
"""Maximum processor time for a file. A valid one of 2 MiB takes one or two seconds."""

TREES_KEPT = 128
"""Number of trees that a language keeps for when a text is parsed again."""

_CHUNK = 1 << 16


@dataclass(frozen=True, eq=False)
class ParsedText:
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


def text_in(tree: SourceTree, path: str) -> str:
    """Return the text of a source file of a tree; see `decode`.

    Raises:
        CannotParse: It is missing, or cannot be decoded.
    """
    data = tree.read(path)
    if data is None:
        raise CannotParse("it is not a regular file, or cannot be read")
    return decode(data)


def parsed(text: str, language: Language) -> ParsedText:
    """Return a text's syntax tree, with error nodes for what is not valid.

    The parser's effort to recover from errors is not limited, so its time is. It is also recursive: the
    languages first refuse what would take all of the stack, such as thousands of open brackets. Neither
    limits its memory: while it looks for a way out of some broken texts, it does not ask whether its time is
    over. The worst that was found takes 11 GB and 36 s for 270 kB.

    Raises:
        CannotParse: The text is too long, or takes too long to parse.
    """
    from tree_sitter import Parser

    data = text.encode("utf-8", "replace")
    if len(data) > MOST_BYTES:
        raise CannotParse(f"it is larger than {MOST_BYTES // 1024**2} MiB")
    end = time.thread_time() + MOST_SECONDS

    def is_over(_position: int, _has_error: object) -> bool:
        return time.thread_time() > end

    try:
        tree = Parser(language).parse(
            lambda position, _: data[position : position + _CHUNK], progress_callback=is_over
        )
    except ValueError:
        raise CannotParse("it takes too long to parse") from None
    # Only a tree of bytes knows its text; what the first tree has is not parsed again.
    return ParsedText(text, data, Parser(language).parse(data, old_tree=tree).root_node)


def without_errors(file: ParsedText, title: str) -> ParsedText:
    """Return a parsed text that is valid as a whole.

    Raises:
        CannotParse: It is not; the message names the line.
    """
    if file.root.has_error:
        line = next((line_of(node) for node in walk(file.root) if node.is_error or node.is_missing), 1)
        raise CannotParse(f"it cannot be parsed as {title} (line {line})")
    return file


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


def items_of(listed: Node) -> list[Node]:
    """Return the items of a list, without comments."""
    return [item for item in listed.named_children if item.type != "comment"]


def without_items(file: ParsedText, items: Iterable[Node]) -> str:
    """Return a text without items of lists, their commas, and their lines if they are their own."""
    gone = [*items]
    ids = {item.id for item in gone}
    data, cut_from = file.data, len(file.data)
    for start, end in sorted((_item_span(file, item, ids) for item in gone), key=lambda one: -one[1]):
        data = data[:start] + data[min(end, cut_from) :] if start < cut_from else data
        cut_from = min(start, cut_from)
    return data.decode("utf-8", "replace")


def _item_span(file: ParsedText, item: Node, gone: Container[int]) -> tuple[int, int]:
    """Return the byte offsets of an item of a list with its comma, and with its lines if they are its own."""
    comma = item.next_sibling
    is_followed = comma is not None and comma.type == ","
    start = item.start_byte
    end = comma.end_byte if comma is not None and is_followed else item.end_byte
    rest = file.between(end, file.line_end(end))
    if not file.between(file.line_start(start), start).strip() and (
        not rest.strip() or rest.strip().startswith("//")
    ):
        return file.line_start(start), file.line_end(end)
    if is_followed:
        return start, end + len(rest) - len(rest.lstrip(" "))
    before = item.prev_sibling  # the comma after the last item that stays
    while before is not None and (before.type == "," or before.id in gone):
        start = before.start_byte if before.type == "," else start
        before = before.prev_sibling
    return start if before is not None and before.is_named else item.start_byte, end

"""Parse untrusted Go source; see `testsmith.languages.syntax_tree`."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from testsmith.languages.source import CannotParse
from testsmith.languages.syntax_tree import TREES_KEPT, ParsedText, parsed, text_of, without_errors

if TYPE_CHECKING:
    from tree_sitter import Language, Node

MOST_DEPTH = 1_000
"""Maximum number of brackets that are open at the same time."""

_LEXICAL = re.compile(
    r"""//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/|`[^`]*+`|"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+'"""
    r"""|[(\[{]|[)\]}]|/\*|[`"']"""
)
_CLOSES = {")": "(", "]": "[", "}": "{"}

_WHOLE = frozenset({"interpreted_string_literal", "raw_string_literal", "rune_literal"})
"""Nodes that are one token although they have children."""

_CLOSING = frozenset({")", "}", "]"})


@lru_cache(maxsize=TREES_KEPT)
def parse_tolerant(text: str) -> ParsedText:
    """Return a text's syntax tree, with error nodes for what is not valid Go.

    Raises:
        CannotParse: The text is too long, its brackets do not match, or it takes too long to parse.
    """
    _refuse_open_ends(text)
    return parsed(text, _language())


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


def parse(text: str) -> ParsedText:
    """Return the syntax tree of a text that has to be valid as a whole.

    Raises:
        CannotParse: The text is too long or not valid Go; the message names the line.
    """
    return without_errors(parse_tolerant(text), "Go")


@cache
def _language() -> Language:
    import tree_sitter_go
    from tree_sitter import Language

    return Language(tree_sitter_go.language())


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


def normalized(code: str) -> str:
    """Return a text as its tokens: without comments and formatting. Text that is too long stays as it is."""
    try:
        return " ".join(tokens(parse_tolerant(code).root))
    except CannotParse:
        return code


def string_value(node: Node | None) -> str | None:
    """Return the content of a string literal as it is written; None for anything else."""
    if node is None or node.type not in {"interpreted_string_literal", "raw_string_literal"}:
        return None
    return text_of(node)[1:-1]

"""Reading untrusted Python text as syntax trees that are safe to walk."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from testsmith.languages.driver import CannotParse
from testsmith.languages.python import syntax

if TYPE_CHECKING:
    import libcst as cst

_LAYOUT = frozenset({tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT})
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")

MAX_DEPTH = 100
"""The deepest nesting of syntax nodes that is read. Hand-written code stays under 40; a text that nests some
thousands deep ends `libcst`'s parser by overflowing the process's stack, which no `except` can catch."""

MAX_PATTERN_COST = 300_000
"""What the patterns of a text's `case` clauses may cost together. With each bracket around a token `libcst`
reads it up to four times as often, holding the interpreter's lock: `{1: {1: ...}}` nested 12 deep takes a
minute. This much takes about a second; a clause of hand-written code costs some hundreds."""


def parse_untrusted(code: str) -> ast.Module:
    """Return the syntax tree of a text, which may begin with a byte order mark.

    Raises:
        CannotParse: It is no Python, or is nested too deep.
    """
    tree = syntax.parse(code.removeprefix("\ufeff"))
    _refuse_depth(tree)
    return tree


def parse_concrete(code: str) -> cst.Module:
    """Return the concrete syntax tree of a text, comments and formatting included.

    Raises:
        CannotParse: It is not Python, or is nested too deep.
    """
    import libcst as cst

    refuse_costly_patterns(code)
    try:
        return cst.parse_module(code)
    except (cst.ParserSyntaxError, ValueError, RecursionError) as error:
        raise CannotParse(f"its formatting cannot be read ({type(error).__name__})") from error


def refuse_costly_patterns(code: str) -> None:
    """Refuse a text that would keep `parse_concrete` busy for minutes, or for ever.

    Raises:
        CannotParse: Its patterns are too many or nested too deep, or it is not Python.
    """
    tree = parse_untrusted(code)
    if not any(isinstance(node, ast.Match) for node in ast.walk(tree)):
        return
    cost = 0
    for weight, line in _tokens_of_patterns(code.removeprefix("\ufeff")):
        cost += weight
        if cost > MAX_PATTERN_COST:
            raise CannotParse(f"line {line} ends patterns that are too many, or nested too deep")


def _tokens_of_patterns(code: str) -> Iterator[tuple[int, int]]:
    """Yield the weight and the line of each token of what may be the head of a `case` clause."""
    begins, reads, depth = True, False, 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type in _LAYOUT:
                begins = begins or token.type == tokenize.NEWLINE
                continue
            if begins:
                begins, reads, depth = False, token.string == "case", 0
            if not reads:
                continue
            depth += (token.string in _OPENING) - (token.string in _CLOSING)
            reads = depth > 0 or token.string != ":"
            yield 4 ** max(0, depth), token.start[0]
    except (tokenize.TokenError, SyntaxError) as error:
        raise CannotParse(f"its tokens cannot be read ({type(error).__name__})") from error


@contextmanager
def refusing_depth() -> Iterator[None]:
    """Turn what is nested, or hangs together, too deep for the work inside into a refusal.

    Raises:
        CannotParse: The work recursed too deep.
    """
    try:
        yield
    except RecursionError as error:
        raise CannotParse(
            "it is nested too deep, or its definitions call each other in too long a chain"
        ) from error


def lines_of(text: str) -> list[str]:
    """Return a text's lines as Python counts them, with their ends."""
    return io.StringIO(text, newline="").readlines()


def _refuse_depth(tree: ast.Module) -> None:
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    line = next((node.lineno for node in level if isinstance(node, ast.stmt | ast.expr)), 1)
    raise CannotParse(f"line {line} is nested more than {MAX_DEPTH} deep")

"""Reading untrusted Python text as syntax trees that are safe to walk."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bot.languages.driver import CannotParse
from bot.languages.python import syntax

if TYPE_CHECKING:
    import libcst as cst

MAX_DEPTH = 100
"""The deepest nesting of syntax nodes that is read. Hand-written code stays under 40; a text that nests some
thousands deep ends `libcst`'s parser by overflowing the process's stack, which no `except` can catch."""


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
        CannotParse: It is no Python, or is nested too deep.
    """
    import libcst as cst

    parse_untrusted(code)
    try:
        return cst.parse_module(code)
    except (cst.ParserSyntaxError, ValueError, RecursionError) as error:
        raise CannotParse(f"its formatting cannot be read ({type(error).__name__})") from error


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

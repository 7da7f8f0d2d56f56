"""Reading untrusted Python text: a syntax tree, or `CannotParse` and never anything else."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING

from bot.languages.driver import CannotParse

if TYPE_CHECKING:
    import libcst as cst

MAX_DEPTH = 100
"""The deepest nesting of syntax nodes that is read. Hand-written code stays under 40; a text that nests some
thousands deep ends `libcst`'s parser by overflowing the process's stack, which no `except` can catch."""


def parse(code: str, feature_version: tuple[int, int] | None = None) -> ast.Module:
    """Return the syntax tree of a text, read as the newest Python, or as `feature_version`.

    Raises:
        CannotParse: It is no Python, or is nested too deep.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code, feature_version=feature_version)
    except SyntaxError as error:
        raise CannotParse(f"line {error.lineno or 1}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise CannotParse(f"it is no text that Python can read ({type(error).__name__})") from error
    _refuse_depth(tree)
    return tree


def parse_concrete(code: str) -> cst.Module:
    """Return the concrete syntax tree of a text, comments and formatting included.

    Raises:
        CannotParse: It is no Python, or is nested too deep.
    """
    import libcst as cst

    parse(code)
    try:
        return cst.parse_module(code)
    except (cst.ParserSyntaxError, ValueError, RecursionError) as error:
        raise CannotParse(f"its formatting cannot be read ({type(error).__name__})") from error


def _refuse_depth(tree: ast.Module) -> None:
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    line = next((node.lineno for node in level if isinstance(node, ast.stmt | ast.expr)), 1)
    raise CannotParse(f"line {line}: nested more than {MAX_DEPTH} deep")

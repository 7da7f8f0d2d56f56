"""Calls that the project's tests made while they ran, as source text that a test may contain.

The process that recorded them also ran the project's code, so the texts are untrusted: they may hold only
calls, literals and names that the imports bind, nothing private, and modules of the project and a few others.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable

from testsmith.languages.python.explorer.render.expressions import Expression, Import
from testsmith.languages.python.explorer.usage.checked_expressions import CheckedCode
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.python.test_files.test_paths import is_test
from testsmith.languages.source import CannotParse

_PLAIN = (
    *(ast.Expr, ast.Call, ast.keyword, ast.Name, ast.Attribute, ast.Subscript, ast.Load, ast.Constant),
    *(ast.List, ast.Tuple, ast.Set, ast.Dict, ast.UnaryOp, ast.USub, ast.Compare, ast.In),
)
_BUILT_IN = frozenset(
    {
        *("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "len", "list"),
        *("object", "range", "repr", "set", "str", "tuple"),
    }
)
_VALUES = frozenset({"collections", "datetime", "decimal", "fractions", "math", "pathlib", "re", "uuid"})


def recorded_expressions(
    calls: Iterable[tuple[str, Iterable[tuple[str, str]]]], owned: Collection[str]
) -> list[CheckedCode]:
    """Return recorded calls as expressions, without those that a test may not contain.

    Args:
        calls: Source texts, each with its imports as pairs of a module and a name.
        owned: The project's own top-level modules.
    """
    found = []
    for text, pairs in calls:
        imports = frozenset(Import(module, name) for module, name in pairs)
        if all(_is_usable(each, owned) for each in imports) and _is_plain(text, imports):
            found.append(CheckedCode((), Expression(text, imports)))
    return found


def _is_usable(needed: Import, owned: Collection[str]) -> bool:
    parts = [*needed.module.split("."), *([needed.name] if needed.name else ())]
    is_public = all(each.isidentifier() and not each.startswith("_") for each in parts)
    path = needed.module.replace(".", "/") + ".py"
    return is_public and (needed.module in _VALUES or (parts[0] in owned and not is_test(path)))


def _is_plain(text: str, imports: Iterable[Import]) -> bool:
    """Return whether a text is one expression of calls and literals, in one line."""
    try:
        [statement] = parse_untrusted(text).body
    except (CannotParse, ValueError):
        return False
    bound = _BUILT_IN.union(each.bound for each in imports)
    return (
        isinstance(statement, ast.Expr)
        and statement.end_lineno == 1
        and all(
            isinstance(node, _PLAIN)
            and (not isinstance(node, ast.Name) or node.id in bound)
            and (not isinstance(node, ast.Attribute) or not node.attr.startswith("_"))
            for node in ast.walk(statement)
        )
    )

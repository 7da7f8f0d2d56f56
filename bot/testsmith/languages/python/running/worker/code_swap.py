"""Replace the code of functions that are already loaded with code compiled from a changed source text."""

from __future__ import annotations
import __future__

import ast
import gc
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from types import CodeType, FunctionType

Edit = tuple[int, int, str]
"""Start offset, end offset (exclusive) and replacement text."""

Exchange = Sequence[tuple[FunctionType, CodeType]]
"""Functions, each with its new code."""

_FUTURE_FLAGS = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


def applied(source: str, edit: Edit) -> str:
    """Return a text with an edit applied."""
    start, end, text = edit
    return source[:start] + text + source[end:]


class LoadedModule:
    """The module to change, which is already loaded.

    Args:
        file: File name as in code objects.
        source: Source text.
    """

    def __init__(self, file: str, source: str) -> None:
        self._file = file
        self._source = source
        self._functions = _functions_of(file)
        self._rows = source.split("\n")
        self._statements = [_lines(statement) for statement in ast.parse(source).body]

    def exchange(self, edit: Edit, place: tuple[str, int] | None) -> Exchange | None:
        """Return the functions with their new code; None if the code cannot be replaced.

        Functions that the changed one has returned before, for example as a decorator, are among them.

        Args:
            edit: The edit.
            place: Plain name and first line of the function that contains it; None if there is none.
        """
        targets = [function for function in self._functions if _place(function.__code__) == place]
        code = self._new_code(edit, targets[0].__code__) if targets else None
        if code is None or any(function.__code__.co_freevars != code.co_freevars for function in targets):
            return None
        return [*((function, code) for function in targets), *self._made_by(code)]

    def _made_by(self, code: CodeType) -> Iterator[tuple[FunctionType, CodeType]]:
        inside = list(_codes(code))
        places = Counter(map(_place, inside))
        changed = {_place(inner): inner for inner in inside if places[_place(inner)] == 1}
        for function in self._functions if changed else ():
            inner = changed.get(_place(function.__code__))
            is_other = inner is not None and inner != function.__code__
            if inner is not None and is_other and inner.co_freevars == function.__code__.co_freevars:
                yield function, inner

    def exchange_all(self, tree: ast.Module) -> Exchange:
        """Return all functions that also exist in another version of the module, with their code there."""
        flags = self._functions[0].__code__.co_flags & _FUTURE_FLAGS if self._functions else 0
        code = compiled(tree, self._file, flags)
        by_place = {} if code is None else {_place(found): found for found in _codes(code)}
        pairs = [(function, by_place.get(_place(function.__code__))) for function in self._functions]
        return [
            (function, new)
            for function, new in pairs
            if new is not None and new.co_freevars == function.__code__.co_freevars
        ]

    def _new_code(self, edit: Edit, old: CodeType) -> CodeType | None:
        """Compile only the top-level statement that contains the function."""
        line = old.co_firstlineno
        for first, last in self._statements:
            if first <= line <= last:
                part = self._changed_part(edit, first, last)
                code = compiled(part, self._file, old.co_flags & _FUTURE_FLAGS)
                inner = () if code is None else _codes(code)
                return next((found for found in inner if _place(found) == _place(old)), None)
        return None

    def _changed_part(self, edit: Edit, first: int, last: int) -> str:
        """Return the changed text of some lines, preceded by as many empty lines."""
        before = sum(len(row) + 1 for row in self._rows[: first - 1])
        after = sum(len(row) + 1 for row in self._rows[last:])
        changed = applied(self._source, edit)
        return "\n" * (first - 1) + changed[before : len(changed) - after]


def _functions_of(file: str) -> list[FunctionType]:
    """Return all functions whose code is in a file, however they are wrapped."""
    return [
        thing
        for thing in gc.get_objects()
        if type(thing) is FunctionType and thing.__code__.co_filename == file
    ]


def _lines(statement: ast.stmt) -> tuple[int, int]:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
    return first, statement.end_lineno or statement.lineno


def _place(code: CodeType) -> tuple[str, int]:
    return code.co_name, code.co_firstlineno


def compiled(source: str | ast.Module, file: str, flags: int = 0) -> CodeType | None:
    """Compile the text or tree of a module; return None if it is invalid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            code: CodeType = compile(source, file, "exec", flags=flags, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
    return code


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)

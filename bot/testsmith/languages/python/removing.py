"""Taking tests out of a test file: what stands beside them is kept to the letter."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import libcst as cst

from testsmith.languages.python.parsing import parse_concrete, refusing_depth
from testsmith.languages.python.uses import dotted, imported_name, used_names

_Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class Remainder:
    """What is left of a file.

    Attributes:
        text: Its text.
        after: How many statements stand before the place of the first test that was taken out.
    """

    text: str
    after: int


def without_tests(text: str, names: Collection[str], needed: Collection[str] = ()) -> Remainder:
    """Return a test file without some functions or classes, their marks, and the imports only they used.

    Args:
        text: The file's text.
        names: Names at the module's own level.
        needed: Names whose imports stay in any case.

    Raises:
        CannotParse: The text is no Python.
    """
    with refusing_depth():
        module = parse_concrete(text)
        removed = [each for each in module.body if _is_named(each, names)]
        if not removed:
            return Remainder(text=text, after=len(module.body))
        kept = [each for each in module.body if not _is_named(each, names)]
        used = _used(each for each in kept if not _is_import(each))
        orphaned = _used(removed) - used - frozenset(needed)
        before = module.body[: module.body.index(removed[0])]
        body, footer = _kept(module, names, orphaned)
        left = module.with_changes(body=body, footer=footer).code
        return Remainder(
            text=left if text[:1] in "\r\n" else left.lstrip("\r\n"),
            after=sum(_without_names(each, orphaned) is not None for each in before),
        )


def _kept(
    module: cst.Module, names: Collection[str], orphaned: Collection[str]
) -> tuple[list[_Statement], tuple[cst.EmptyLine, ...]]:
    """Return the statements and the footer that are left, each with the comments of others above it."""
    body, carried = list[_Statement](), tuple[cst.EmptyLine, ...]()
    for each in module.body:
        if _is_named(each, names):
            carried = (*carried, *_before_mark(each))
            continue
        left = _without_names(each, orphaned)
        if left is not None:
            body.append(_led(left, carried))
            carried = ()
    return body, (*carried, *module.footer)


def _is_named(statement: _Statement, names: Collection[str]) -> bool:
    return isinstance(statement, cst.FunctionDef | cst.ClassDef) and statement.name.value in names


def _used(statements: Iterable[_Statement]) -> frozenset[str]:
    return frozenset(name for each in statements for name in used_names(each))


def _is_import(statement: _Statement) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and any(
        isinstance(part, cst.Import | cst.ImportFrom) for part in statement.body
    )


def _before_mark(statement: _Statement) -> tuple[cst.EmptyLine, ...]:
    """Return the lines above a test that are somebody's own: all above the blank line before its mark."""
    lines = tuple(statement.leading_lines)
    last = max((index for index, line in enumerate(lines) if line.comment is None), default=-1)
    own = lines[: last + 1]
    return own if any(line.comment is not None for line in own) else ()


def _led(statement: _Statement, carried: tuple[cst.EmptyLine, ...]) -> _Statement:
    if not carried:
        return statement
    return statement.with_changes(leading_lines=(*carried, *statement.leading_lines))


def _without_names(statement: _Statement, orphaned: Collection[str]) -> _Statement | None:
    """Return an import without the names that nothing uses any more; None for nothing left."""
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        return statement
    part = statement.body[0]
    if not isinstance(part, cst.Import | cst.ImportFrom) or isinstance(part.names, cst.ImportStar):
        return statement
    if isinstance(part, cst.ImportFrom) and dotted(part.module) == "__future__":
        return statement
    from_module = isinstance(part, cst.ImportFrom)
    names = [each for each in part.names if imported_name(each, from_module=from_module) not in orphaned]
    if len(names) == len(part.names):
        return statement
    if not names:
        return None
    names[-1] = names[-1].with_changes(comma=part.names[-1].comma)
    return statement.with_changes(body=[part.with_changes(names=names)])

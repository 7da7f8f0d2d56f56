"""Cutting a test module down: tests that are not wanted, then all that nothing reaches any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from testsmith.languages.python.test_modules import ACT_ON_THE_WHOLE_FILE, is_suite, is_test_name
from testsmith.languages.python.uses import (
    Binding,
    bindings,
    branch_statements,
    dotted,
    imported_name,
    used_names,
)

_Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement


def without_other_tests(module: cst.Module, names: frozenset[str]) -> cst.Module:
    """Return the module without the test functions whose names (`Class::name`) are not among these."""
    return cst.ensure_type(module.visit(_TestRemover(names)), cst.Module)


def without_unused(module: cst.Module) -> cst.Module:
    """Return the module without the definitions and imports that nothing reaches which has to stay."""
    pieces = [piece for statement in module.body for piece in _pieces(statement)]
    reached = _reached(pieces)
    body = _kept_body(module.body, reached)
    return module.with_changes(body=_without_leading_blanks(module, body))


class _TestRemover(cst.CSTTransformer):
    """Removes test functions at the module's and its suites' own level, under whatever condition."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self._names = names
        self._suites: list[str] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.ClassDef):
            self._suites.append(node.name.value)
            return is_suite_class(node)
        return not isinstance(node, cst.FunctionDef | cst.BaseExpression | cst.SimpleStatementLine)

    def on_leave(
        self,
        original_node: cst.CSTNodeT,
        updated_node: cst.CSTNodeT,
    ) -> cst.CSTNodeT | cst.RemovalSentinel:
        if isinstance(original_node, cst.ClassDef):
            self._suites.pop()
            emptied = self._suites and is_suite_class(original_node) and not has_tests(updated_node)
            return cst.RemoveFromParent() if emptied else updated_node
        if isinstance(original_node, cst.FunctionDef) and is_test(original_node):
            kept = "::".join([*self._suites, original_node.name.value]) in self._names
            return updated_node if kept else cst.RemoveFromParent()
        return updated_node


def is_test(definition: cst.FunctionDef) -> bool:
    """Tell whether pytest collects a function, where it stands at a module's or suite's own level."""
    return is_test_name(definition.name.value) and not is_fixture(definition)


def is_suite_class(definition: cst.ClassDef) -> bool:
    """Tell whether pytest looks for tests in a class."""
    return is_suite(definition.name.value, [dotted(base.value) for base in definition.bases])


def has_tests(node: cst.CSTNode) -> bool:
    """Tell whether a statement is, or holds at its own level, a test function."""
    if isinstance(node, cst.FunctionDef):
        return is_test(node)
    if isinstance(node, cst.ClassDef):
        return is_suite_class(node) and any(has_tests(inner) for inner in node.body.body)
    return any(has_tests(inner) for inner in branch_statements(node))


def is_fixture(definition: cst.FunctionDef) -> bool:
    """Tell whether a function is a pytest fixture."""
    return any(dotted(each.decorator).rpartition(".")[2] == "fixture" for each in definition.decorators)


def _is_autouse(definition: cst.FunctionDef) -> bool:
    calls = (decorator.decorator for decorator in definition.decorators)
    arguments = (argument for call in calls if isinstance(call, cst.Call) for argument in call.args)
    return any(argument.keyword is not None and argument.keyword.value == "autouse" for argument in arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """What stays or goes as one: a statement, or one name of an import."""

    bound: frozenset[str]
    uses: frozenset[str]
    must_stay: bool


def _pieces(statement: cst.CSTNode) -> Iterator[_Piece]:
    """Yield the pieces of a statement of the module's own level."""
    found = bindings(statement)
    if found is None or _must_stay(statement, found):
        yield _Piece(bound=frozenset(), uses=used_names(statement), must_stay=True)
        return
    for binding in found:
        yield _Piece(bound=frozenset(binding.names), uses=binding.uses, must_stay=False)


def _must_stay(statement: cst.CSTNode, found: Sequence[Binding]) -> bool:
    if has_tests(statement) or any(ACT_ON_THE_WHOLE_FILE.intersection(binding.names) for binding in found):
        return True
    return isinstance(statement, cst.FunctionDef) and _is_autouse(statement)


def _reached(pieces: Iterable[_Piece]) -> frozenset[str]:
    """Return the names that are used, directly or through others, by what has to stay."""
    binding: dict[str, list[_Piece]] = {}
    waiting: list[str] = []
    for piece in pieces:
        for name in piece.bound:
            binding.setdefault(name, []).append(piece)
        if piece.must_stay:
            waiting.extend(piece.uses)
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(use for piece in binding.get(name, ()) for use in piece.uses)
    return frozenset(reached)


def _kept_body(body: Sequence[_Statement], reached: frozenset[str]) -> list[_Statement]:
    """Return what is left of the statements; a blank line above one that goes moves on to the next."""
    kept_body: list[_Statement] = []
    gap: list[cst.EmptyLine] = []
    for statement in body:
        kept = _kept(statement, reached)
        if kept is None:
            gap = gap or _blank_lines(statement)
            continue
        if gap and not _blank_lines(kept):
            kept = kept.with_changes(leading_lines=[*gap, *kept.leading_lines])
        kept_body.append(kept)
        gap = []
    return kept_body


def _blank_lines(statement: _Statement) -> list[cst.EmptyLine]:
    return [line for line in statement.leading_lines if line.comment is None]


def _kept(statement: _Statement, reached: frozenset[str]) -> _Statement | None:
    """Return what is left of a statement of the module's own level; None where nothing is."""
    found = bindings(statement)
    if found is None or _must_stay(statement, found):
        return statement
    if isinstance(statement, cst.SimpleStatementLine):
        return _kept_line(statement, reached)
    return statement if any(reached.intersection(binding.names) for binding in found) else None


def _kept_line(line: cst.SimpleStatementLine, reached: frozenset[str]) -> cst.SimpleStatementLine | None:
    parts = [kept for part in line.body if (kept := _kept_part(part, reached)) is not None]
    if not parts:
        return None
    parts[-1] = parts[-1].with_changes(semicolon=line.body[-1].semicolon)
    return line.with_changes(body=parts)


def _kept_part(part: cst.BaseSmallStatement, reached: frozenset[str]) -> cst.BaseSmallStatement | None:
    if isinstance(part, cst.Import | cst.ImportFrom):
        return _kept_import(part, reached)
    found = bindings(cst.SimpleStatementLine(body=[part]))
    return part if found is None or any(reached.intersection(binding.names) for binding in found) else None


def _kept_import(part: cst.Import | cst.ImportFrom, reached: frozenset[str]) -> cst.BaseSmallStatement | None:
    if isinstance(part.names, cst.ImportStar):
        return part
    from_module = isinstance(part, cst.ImportFrom)
    names = [alias for alias in part.names if imported_name(alias, from_module=from_module) in reached]
    if not names:
        return None
    names[-1] = names[-1].with_changes(comma=part.names[-1].comma)
    return part.with_changes(names=names)


def _without_leading_blanks(module: cst.Module, body: Sequence[_Statement]) -> Sequence[_Statement]:
    """Return the body without blank lines above a statement that stands first now."""
    if not body or module.header or body[0] is module.body[0]:
        return body
    lines = list(body[0].leading_lines)
    while lines and lines[0].comment is None:
        del lines[0]
    return [body[0].with_changes(leading_lines=lines), *body[1:]]

"""Collect the definitions of a module: functions, classes, methods, properties and module constants.

A name bound in several places (branches of an `if` or `try`, a property's getter and setter) is one
definition with several parts. Overloads and code that only runs under a type checker or `python -m` are
ignored. A definition inside a function is part of that function.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from testsmith.languages.python.source.parsing import LineSpan, decode, parse_untrusted, span_of, text_of
from testsmith.model import MemberKind, Place

Function = ast.FunctionDef | ast.AsyncFunctionDef

Guard = tuple[str, tuple[ast.AST, ...]]
"""Branch that a statement is in: a keyword and its conditions."""

TYPING_DECORATORS = frozenset({"override", "final"})
"""Decorators that matter only to type checkers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A statement with its enclosing branches.

    Attributes:
        statement: A definition or simple statement, never an `if`, `try`, `with` or loop.
        guards: Enclosing branches, outermost first.
        suite: Identity of the statement list that contains it.
    """

    statement: ast.stmt
    guards: tuple[Guard, ...]
    suite: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A name that a module defines.

    Attributes:
        name: Dotted name inside the module.
        kind: Kind of member, or None for a module constant.
        parts: Statements that define it, in order; never empty.
    """

    name: str
    kind: MemberKind | None
    parts: tuple[Placed, ...]

    @property
    def is_async(self) -> bool:
        """Whether a call returns an awaitable or an asynchronous iterator."""
        return isinstance(self.parts[-1].statement, ast.AsyncFunctionDef)

    @property
    def spans(self) -> tuple[LineSpan, ...]:
        """Lines of its parts."""
        return tuple(span_of(part.statement) for part in self.parts)

    def source(self, lines: Sequence[str]) -> str:
        """Return its dedented source text from the lines of its file."""
        return "\n\n".join(text_of(lines, part.statement) for part in self.parts)


def definitions(tree: ast.Module) -> dict[str, Definition]:
    """Return the definitions of a module by dotted name, in order of first appearance."""
    found: dict[str, Definition] = {}
    placed = list(statements(tree.body))
    for part in placed:
        if isinstance(part.statement, Function | ast.ClassDef):
            _enter(found, part, "")
    found.update(_constants(placed, found))
    return found


def functions_in(data: bytes, path: str) -> tuple[Place, ...]:
    """Return where the functions and methods of a file are, public or not.

    Raises:
        CannotParse: `data` is not valid Python.
    """
    return tuple(
        Place(path=path, line=span.first, end_line=span.last, name=definition.name)
        for definition in definitions(parse_untrusted(decode(data))).values()
        if definition.kind not in {None, MemberKind.CLASS}
        for span in definition.spans
    )


def statements(body: Sequence[ast.stmt], guards: tuple[Guard, ...] = ()) -> Iterator[Placed]:
    """Yield the definitions and simple statements of a module or class body, with branches flattened."""
    for statement in body:
        branches = _branches(statement)
        if branches is None:
            yield Placed(statement=statement, guards=guards, suite=id(body))
            continue
        for guard, branch in branches:
            yield from statements(branch, guards if guard is None else (*guards, guard))


Branch = tuple[Guard | None, Sequence[ast.stmt]]


def _branches(statement: ast.stmt) -> Sequence[Branch] | None:
    """Return the branches of a compound statement, or None for other statements."""
    match statement:
        case ast.If():
            return _branches_of_if(statement)
        case ast.Try() | ast.TryStar():
            handlers: list[Branch] = [(_handler_guard(each), each.body) for each in statement.handlers]
            return [(None, statement.body), *handlers, (None, statement.orelse), (None, statement.finalbody)]
        case ast.Match():
            return [(_case_guard(statement.subject, each), each.body) for each in statement.cases]
        case ast.With() | ast.AsyncWith() | ast.For() | ast.AsyncFor() | ast.While():
            return [(_header(statement), statement.body), (None, getattr(statement, "orelse", ()))]
    return None


def _handler_guard(handler: ast.ExceptHandler) -> Guard:
    return "except", () if handler.type is None else (handler.type,)


def _case_guard(subject: ast.expr, case: ast.match_case) -> Guard:
    return "case", (subject, case.pattern, *(() if case.guard is None else (case.guard,)))


def _header(statement: ast.With | ast.AsyncWith | ast.For | ast.AsyncFor | ast.While) -> Guard:
    if isinstance(statement, ast.With | ast.AsyncWith):
        return "with", tuple(statement.items)
    if isinstance(statement, ast.While):
        return "while", (statement.test,)
    return "for", (statement.target, statement.iter)


def _branches_of_if(statement: ast.If) -> Sequence[Branch]:
    test = statement.test
    if is_type_checking(test) or _is_main_guard(test):
        return [(None, statement.orelse)]
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and is_type_checking(test.operand):
        return [(None, statement.body)]
    return [(("if", (test,)), statement.body), (("else", (test,)), statement.orelse)]


def is_type_checking(test: ast.expr) -> bool:
    """Return whether a condition is `TYPE_CHECKING`, in any spelling."""
    return last_name(test) == "TYPE_CHECKING"


def last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name or of the called name, or `""` for other expressions."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=func):
            return last_name(func)
    return ""


def is_overload(node: ast.stmt) -> bool:
    """Return whether a definition is a `typing.overload`."""
    return isinstance(node, Function) and any(last_name(each) == "overload" for each in node.decorator_list)


def _is_main_guard(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and last_name(test.left) == "__name__"


def _enter(found: dict[str, Definition], part: Placed, prefix: str) -> None:
    """Add a function or class and, for a class, its nested definitions."""
    node = part.statement
    assert isinstance(node, Function | ast.ClassDef)  # noqa: S101 - checked by the callers
    if is_overload(node):
        return
    name = prefix + node.name
    before = _kept_parts(found, name, part)
    kind = found[name].kind if before else _kind(node, is_in_class=bool(prefix))
    found[name] = Definition(name=name, kind=kind, parts=(*before, part))
    if isinstance(node, ast.ClassDef):
        for inner in statements(node.body, part.guards):
            if isinstance(inner.statement, Function | ast.ClassDef):
                _enter(found, inner, f"{name}.")


def _kept_parts(found: dict[str, Definition], name: str, part: Placed) -> tuple[Placed, ...]:
    """Return the parts that remain when the same name is defined again.

    Parts in other branches remain, as do parts the new one builds on (`@total.setter`, `@show.register`).
    Otherwise it replaces the parts in its own statement list.
    """
    if name not in found:
        return ()
    parts = found[name].parts
    if _builds_on_another(part.statement):
        return parts
    kept = tuple(each for each in parts if each.suite != part.suite)
    if not kept:
        for inner in [each for each in found if each.startswith(f"{name}.")]:
            del found[inner]
    return kept


def _builds_on_another(node: ast.stmt) -> bool:
    decorators = getattr(node, "decorator_list", ())
    return any(last_name(each) in {"getter", "setter", "deleter", "register"} for each in decorators)


def _kind(node: Function | ast.ClassDef, *, is_in_class: bool) -> MemberKind:
    if isinstance(node, ast.ClassDef):
        return MemberKind.CLASS
    if not is_in_class:
        return MemberKind.FUNCTION
    names = {last_name(decorator).lower() for decorator in node.decorator_list}
    if any(name.endswith("property") or name in {"getter", "setter", "deleter"} for name in names):
        return MemberKind.PROPERTY
    if any(name.endswith("staticmethod") for name in names):
        return MemberKind.STATIC_METHOD
    return (
        MemberKind.CLASS_METHOD if any(name.endswith("classmethod") for name in names) else MemberKind.METHOD
    )


def _constants(placed: Sequence[Placed], defined: dict[str, Definition]) -> dict[str, Definition]:
    """Return the module constants: assigned names with the statements that bind or change them."""
    found: dict[str, Definition] = {}
    for part in placed:
        bound = list(_bound_names(part.statement))
        altered = [name for name in _altered_names(part.statement) if name in found]
        for name in dict.fromkeys((*bound, *altered)):
            if name not in defined:
                known = found.get(name, Definition(name=name, kind=None, parts=()))
                found[name] = replace(known, parts=(*known.parts, part))
    return found


def _bound_names(statement: ast.stmt) -> Iterator[str]:
    for target in _targets(statement):
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id


def _targets(statement: ast.stmt) -> Sequence[ast.expr]:
    match statement:
        case ast.Assign(targets=targets):
            return targets
        case ast.AugAssign(target=target):
            return [target]
        case ast.AnnAssign(target=target, value=value) if value is not None:
            return [target]
    return ()


def _altered_names(statement: ast.stmt) -> Iterator[str]:
    """Yield the names whose values a statement changes: `NAMES["x"] = 1`, `NAMES.update(...)`."""
    expressions = _targets(statement)
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        expressions = [statement.value.func]
    for expression in expressions:
        root = expression
        while isinstance(root, ast.Attribute | ast.Subscript):
            root = root.value
        if isinstance(root, ast.Name) and root is not expression:
            yield root.id

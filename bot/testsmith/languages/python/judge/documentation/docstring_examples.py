"""Read doctest examples from docstrings.

Text is parsed by the `doctest` module, so examples mean the same as for `python -m doctest`. Nothing is
executed; an example is kept only if its value can be read as source text.
"""

from __future__ import annotations

import ast
import doctest
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from testsmith.languages.source import DocumentedExample
from testsmith.model import Member

_Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCall:
    """An expression shown in a docstring.

    Attributes:
        setup: Everything doctest runs before it, in order.
        needed: The subset of `setup` that it appears to need.
        call: Source text of the expression.
        line: Line in the file, 1-based.
    """

    setup: tuple[str, ...]
    needed: tuple[str, ...]
    call: str
    line: int


def documented_examples(member: Member) -> tuple[DocumentedExample, ...]:
    """Return the examples for which the member's docstring states a value or an exception.

    Statements, skipped examples (`+SKIP`) and examples whose value is not source text (an address, a bare
    `repr`, an ellipsis as a wildcard, printed text with normalized whitespace) are left out. Printed text
    counts as the value of `str(...)`.
    """
    return tuple(example for step in _steps(member) if (example := _documented(step)) is not None)


def shown_calls(member: Member) -> tuple[ShownCall, ...]:
    """Return every expression in the member's docstring that is followed by a value, exception or output."""
    return tuple(
        ShownCall(setup=step.setup, needed=step.needed, call=call, line=step.line)
        for step in _steps(member)
        if step.is_shown and (call := _shown_expression(step.source)) is not None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """A doctest example with the statements before it."""

    source: str
    want: str
    exception: str | None
    ellipsis: bool
    folded: bool
    line: int
    setup: tuple[str, ...]
    needed: tuple[str, ...]

    @property
    def is_shown(self) -> bool:
        return bool(self.want) or self.exception is not None


def _steps(member: Member) -> Iterator[_Step]:
    docstring = docstring_of(member)
    if docstring is None:
        return
    text, first_line = docstring
    setup: list[str] = []
    before: list[_Statement] = []
    for example in _parsed(text):
        tree = _tree(example.source)
        if tree is None or example.options.get(doctest.SKIP):
            continue
        source = _without_comments(example.source, tree)
        yield _Step(
            source=source,
            want=example.want,
            exception=example.exc_msg,
            ellipsis=bool(example.options.get(doctest.ELLIPSIS)),
            folded=bool(example.options.get(doctest.NORMALIZE_WHITESPACE)),
            line=first_line + example.lineno,
            setup=tuple(setup),
            needed=_needed(before, tree),
        )
        if example.exc_msg is None:
            setup.append(source)
            before.append(_Statement.of(source, tree))
        else:
            setup += _refused(source)


def _refused(source: str) -> tuple[str, str]:
    """Return an example that raises as statements that continue after the exception, as doctest does."""
    lines = [f"    {line}" for line in ast.unparse(ast.parse(source)).splitlines()]
    return "from contextlib import suppress", "\n".join(["with suppress(Exception):", *lines])


def _without_comments(source: str, tree: ast.Module) -> str:
    """Return the statements without trailing comments, such as doctest directives."""
    return "\n".join(_segment(source, node) for node in tree.body)


def _segment(source: str, node: ast.stmt) -> str:
    decorated = bool(getattr(node, "decorator_list", ()))  # a source segment starts after the decorators
    return (None if decorated else ast.get_source_segment(source, node)) or ast.unparse(node)


def docstring_of(member: Member) -> tuple[str, int] | None:
    """Return the member's own docstring and the line on which it begins, or None."""
    tree = _tree(member.source)
    definition = next((node for node in tree.body if isinstance(node, _Documented)), None) if tree else None
    if definition is None or not definition.body:
        return None
    match definition.body[0]:
        case ast.Expr(value=ast.Constant(value=str(text)) as node):
            return text, member.line + node.lineno - 1
    return None


def _parsed(text: str) -> list[doctest.Example]:
    try:
        return doctest.DocTestParser().get_examples(text)
    except ValueError:  # prompts without a space, or inconsistent lines
        return []


def _tree(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    """A statement of a docstring and its data flow.

    Attributes:
        source: Source text.
        binds: Names it binds.
        loads: Names it reads, whose values it may therefore modify.
        constant: Whether the values it binds are immutable, so that only rebinding matters.
    """

    source: str
    binds: frozenset[str]
    loads: frozenset[str]
    constant: bool

    @classmethod
    def of(cls, source: str, tree: ast.Module) -> _Statement:
        return cls(
            source=source,
            binds=_bound(tree),
            loads=_loaded(tree),
            constant=all(map(_binds_a_constant, tree.body)),
        )


def needed_statements(before: Sequence[ast.stmt], node: ast.expr) -> list[ast.stmt]:
    """Return the statements of a block that the names of an expression after them lead back to."""
    statements = [_Statement.of(str(at), _module(each)) for at, each in enumerate(before)]
    return [before[int(at)] for at in _needed(statements, _module(ast.Expr(node)))]


def _module(statement: ast.stmt) -> ast.Module:
    return ast.Module([statement], [])


def _needed(before: list[_Statement], tree: ast.Module) -> tuple[str, ...]:
    """Return the statements that an example's names lead back to.

    Statements with other side effects are left out too; the engine compares the result with that of the
    complete setup.
    """
    wanted = set(_loaded(tree))
    alterable = frozenset[str]().union(*(each.binds for each in before if not each.constant))
    kept: list[str] = []
    for at, statement in reversed([*enumerate(before)]):
        touches = statement.binds | (statement.loads & alterable)
        if touches & _linked(wanted, before[:at], alterable):
            kept.append(statement.source)
            wanted = (wanted - (statement.binds - statement.loads)) | statement.loads
    return tuple(reversed(kept))


def _linked(names: AbstractSet[str], before: Sequence[_Statement], alterable: AbstractSet[str]) -> set[str]:
    """Return names extended by those that may share state: bound together, or one from the other."""
    found = set(names)
    for statement in reversed(before):
        together = statement.binds | (statement.loads & alterable)
        if not statement.constant and statement.binds & found:
            found |= together
    return found


def _bound(tree: ast.Module) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name.partition(".")[0] for alias in aliases}
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
    return frozenset(names)


def _loaded(tree: ast.Module) -> frozenset[str]:
    extended = {id(node.target) for node in ast.walk(tree) if isinstance(node, ast.AugAssign)}
    return frozenset(
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and (isinstance(node.ctx, ast.Load) or id(node) in extended)
    )


_CONSTANT_TYPES = frozenset(
    {
        "timedelta",
        "date",
        "datetime",
        "time",
        "Decimal",
        "Fraction",
        "int",
        "float",
        "str",
        "bytes",
        "frozenset",
    }
)


def _binds_a_constant(node: ast.stmt) -> bool:
    """Return whether a statement binds names to immutable values: numbers, strings, dates, modules."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    if not isinstance(node, ast.Assign):
        return False
    value = node.value
    if isinstance(value, ast.Call):
        return ast.unparse(value.func).rpartition(".")[2] in _CONSTANT_TYPES
    return isinstance(value, ast.Constant | ast.UnaryOp | ast.JoinedStr)


def _shown_expression(source: str) -> str | None:
    """Return the expression an example shows; for a `print` call, the printed expression as `str`."""
    try:
        node = ast.parse(source, mode="eval").body
    except SyntaxError:
        return None
    if any(isinstance(part, ast.Await | ast.NamedExpr) for part in ast.walk(node)):
        return None
    printer = _printer(node)
    if printer:
        match node:
            case ast.Call(args=[argument], keywords=[]) if not isinstance(argument, ast.Starred):
                printed = ast.get_source_segment(source, argument)
                return printed if printer == "pprint" else f"str({printed})"
        return None
    return source


def _printer(node: ast.expr) -> str:
    """Return the name of the printing function, `print` or `pprint`, or `""`."""
    match node:
        case ast.Call(func=ast.Name(id="print" | "pprint" as name)):
            return name
    return ""


def _documented(step: _Step) -> DocumentedExample | None:
    call = _shown_expression(step.source) if step.is_shown else None
    if call is None:
        return None
    exception = None if step.exception is None else step.exception.partition(":")[0].strip()
    expected = (
        None
        if exception
        else _expected(step, printed=call != step.source and not step.source.startswith("pprint"))
    )
    if expected is None and not exception:
        return None
    return DocumentedExample(
        setup=step.setup, call=call, expected=expected, exception=exception or None, line=step.line
    )


def _expected(step: _Step, *, printed: bool) -> str | None:
    """Return the documented value as source text, or None if it cannot be read as such."""
    if step.ellipsis and doctest.ELLIPSIS_MARKER in step.want:
        return None
    if printed and step.folded:
        return None
    if printed:
        return repr(step.want.removesuffix("\n").replace(doctest.BLANKLINE_MARKER, ""))
    text = step.want.strip()
    try:
        value = ast.parse(f"({text}\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return (text if "\n" not in text else ast.unparse(value)) if _is_value(value) else None


def _is_value(node: ast.expr) -> bool:
    """Return whether an expression is a value display: literals, containers, and calls with those."""
    match node:
        case ast.Constant(value=value):
            return value is not Ellipsis
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return isinstance(operand, ast.Constant)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            return _is_value(left) and isinstance(right, ast.Constant)
        case ast.Attribute(value=value):
            return _is_dotted(value)
    parts = _parts(node)
    return parts is not None and all(part is not None and _is_value(part) for part in parts)


def _parts(node: ast.expr) -> list[ast.expr | None] | None:
    """Return the elements of a container or the arguments of a call, or None for other expressions."""
    match node:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return [*parts]
        case ast.Dict(keys=keys, values=values):
            return [*keys, *values]
        case ast.Call(func=function, args=parts, keywords=keywords) if _is_dotted(function):
            return [*parts, *(keyword.value for keyword in keywords)]
    return None


def _is_dotted(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and _is_dotted(node.value))

"""The one reader of docstring examples: what a member's own documentation says that it does.

The text is parsed by the `doctest` module, so an example is here what it is to `python -m doctest`. Nothing
is run: an example is kept only where its value can be read as source text.
"""

from __future__ import annotations

import ast
import doctest
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from testsmith.languages.driver import DocumentedExample
from testsmith.model import Member

_Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCall:
    """One expression that a docstring shows, whatever it says about its value.

    Attributes:
        setup: All that doctest runs before it, in order.
        needed: Those of these statements that it seems to need: a shorter way to the same, if it is one.
        call: The expression, as source text.
        line: Its line in the file, counted from 1.
    """

    setup: tuple[str, ...]
    needed: tuple[str, ...]
    call: str
    line: int


def documented_examples(member: Member) -> tuple[DocumentedExample, ...]:
    """Return the examples whose value, or whose exception, the member's docstring states.

    Left out are skipped examples (`+SKIP`), those whose value cannot be read as source text (an address, a
    bare `repr`, an ellipsis that stands for anything, a printed text in which any blanks will do) and
    statements. A printed text counts as the value of `str(...)`.
    """
    return tuple(example for step in _steps(member) if (example := _documented(step)) is not None)


def shown_calls(member: Member) -> tuple[ShownCall, ...]:
    """Return every expression that the member's docstring shows with a value, an exception or an output."""
    return tuple(
        ShownCall(setup=step.setup, needed=step.needed, call=call, line=step.line)
        for step in _steps(member)
        if step.is_shown and (call := _shown_expression(step.source)) is not None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One example as doctest sees it, with the statements before it."""

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
            before.append(_Statement.of(source, tree, shown=bool(example.want)))
        else:
            setup += _refused(source)


def _refused(source: str) -> tuple[str, str]:
    """Return an example that raises as statements that go on behind it, as doctest does."""
    lines = [f"    {line}" for line in ast.unparse(ast.parse(source)).splitlines()]
    return "from contextlib import suppress", "\n".join(["with suppress(Exception):", *lines])


def _without_comments(source: str, tree: ast.Module) -> str:
    """Return the statements without what stands behind them, as a directive to doctest."""
    return "\n".join(_segment(source, node) for node in tree.body)


def _segment(source: str, node: ast.stmt) -> str:
    decorated = bool(getattr(node, "decorator_list", ()))  # a segment begins after the decorators
    return (None if decorated else ast.get_source_segment(source, node)) or ast.unparse(node)


def docstring_of(member: Member) -> tuple[str, int] | None:
    """Return the member's own docstring and the line of the file on which it begins; None without one."""
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
    except ValueError:  # prompts without a blank, lines that do not belong together
        return []


def _tree(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    """A statement of a docstring, and what it has to do with the ones after it.

    Attributes:
        source: Its text.
        binds: Names that it binds.
        loads: Names that it reads, and so may alter what they stand for.
        optional: Whether it is needed only where one of its names is: it shows a value, imports something or
            binds a plain value. Everything else may have an effect beyond its names.
        constant: Whether what it binds can never be altered, so that nothing but a new binding matters.
    """

    source: str
    binds: frozenset[str]
    loads: frozenset[str]
    optional: bool
    constant: bool

    @classmethod
    def of(cls, source: str, tree: ast.Module, *, shown: bool) -> _Statement:
        return cls(
            source=source,
            binds=_bound(tree),
            loads=_loaded(tree),
            optional=shown or all(map(_only_binds, tree.body)),
            constant=all(map(_binds_a_constant, tree.body)),
        )


def _needed(before: list[_Statement], tree: ast.Module) -> tuple[str, ...]:
    """Return the statements that an example may need, reading backwards from its names."""
    wanted = set(_loaded(tree))
    alterable = frozenset[str]().union(*(each.binds for each in before if not each.constant))
    kept: list[str] = []
    for at, statement in reversed([*enumerate(before)]):
        touches = statement.binds | (statement.loads & alterable)
        if statement.optional and not touches & _linked(wanted, before[:at], alterable):
            continue
        kept.append(statement.source)
        if statement.optional:
            wanted -= statement.binds - statement.loads
        wanted |= statement.loads
    return tuple(reversed(kept))


def _linked(names: AbstractSet[str], before: Sequence[_Statement], alterable: AbstractSet[str]) -> set[str]:
    """Return names with those that may share something with them: bound together, or one from the other."""
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
    return frozenset(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    )


def _only_binds(node: ast.stmt) -> bool:
    """Tell whether a statement does nothing but bind names: to a module, a definition, an object."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return True
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            return not any(_may_act(part) for part in ast.walk(value))
    return False


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
    """Tell whether a statement binds names to what cannot be altered: a number, a text, a date, a module."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    if not isinstance(node, ast.Assign):
        return False
    value = node.value
    if isinstance(value, ast.Call):
        return ast.unparse(value.func).rpartition(".")[2] in _CONSTANT_TYPES
    return isinstance(value, ast.Constant | ast.UnaryOp | ast.JoinedStr)


def _may_act(node: ast.AST) -> bool:
    """Tell whether an expression may do more than make an object; `Cart()` is taken for making one."""
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func).rpartition(".")[2]
        return not name[:1].isupper() and name not in _CONSTANT_TYPES
    return isinstance(node, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr)


def _shown_expression(source: str) -> str | None:
    """Return the expression that an example shows; where it prints one, that one as a text."""
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
    """Return what prints: `print`, or `pprint`, which shows a value as it is written; else nothing."""
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
    """Return the documented value as source text, or None where it cannot be read as such."""
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
    """Tell whether an expression is how a value is written: literals, containers, calls with them."""
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
    """Return what a container, or the call of a dotted name, holds; None where it is neither."""
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

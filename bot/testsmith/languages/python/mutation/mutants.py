"""Select the mutants of a member, each with one changed syntax node, preferring changed lines.

At most two mutants per line, from different operators, and a limit per member: most lines have mutants that
are killed or survive together ("Practical mutation testing at scale", arXiv 2102.11378).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from testsmith.languages.mutants import (
    Edit,
    Mutant,
    Replacement,
    Scope,
    best_of_lines,
    changed_first,
)
from testsmith.languages.python.mutation.operators import (
    Swap,
    condition_swaps,
    handler_swaps,
    is_boundary_of,
    is_mute_boundary,
    statement_swaps,
    swaps_within,
)
from testsmith.languages.python.source.parsing import bodies, parse_untrusted, span_of
from testsmith.languages.source import CannotParse
from testsmith.model import Member

_LOG_METHODS = frozenset(
    {"debug", "info", "warning", "warn", "error", "exception", "critical", "log", "fatal"}
)
_TEXT_METHODS = frozenset({"__repr__", "__str__", "__format__"})

_GONE = 'raise ().__class__.__class__("MemberTakenAway", (BaseException,), {})'
"""Expression that raises, with no name a parameter could shadow; `except Exception` does not catch it."""

_RETURNED = tuple(
    f'().__class__.__class__("Returned", (), {{"__bool__": lambda _: {truth}, "__hash__": lambda _: 1, '
    '"__eq__": lambda _, other: other.__class__.__name__ == "Returned" or NotImplemented})()'
    for truth in (True, False)
)
"""Expressions for objects equal only to their own kind; one is truthy, the other falsy."""

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def plain_text(data: bytes) -> str:
    r"""Return a module's text with `\n` line ends and no byte order mark.

    Raises:
        CannotParse: `data` cannot be decoded with its declared encoding.
    """
    import io
    import tokenize

    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise CannotParse(f"it does not have its declared encoding: {error}") from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def mutants_of(text: str, member: Member, most: int, per_line: int = 2) -> tuple[Mutant, ...]:
    """Return the mutants of a member, most informative first. The result is deterministic.

    Args:
        text: The module's text; see `plain_text`.
        member: The member.
        most: Maximum number of mutants.
        per_line: Maximum number of mutants per line, each from a different operator.

    Raises:
        CannotParse: `text` is not valid Python.
    """
    parts = _parts(text, member)
    places = _Places(text)
    sites = (site for part in parts for site in _sites(part))
    found = [_mutant(places, site) for site in sites if not _is_no_text(site, member)]
    every = [mutant for mutant in found if mutant is not None]
    ranked = sorted(best_of_lines(every, per_line), key=_telling)
    return changed_first([mutant for _, mutant in ranked], member, most)


def taken_away(text: str, member: Member) -> Replacement | None:
    """Return a replacement of a member that raises, or None if the text does not contain the member.

    Raises:
        CannotParse: `text` is not valid Python.
    """
    parts = _parts(text, member)
    if not parts:
        return None
    definition = parts[0]
    if isinstance(definition, ast.ClassDef):
        places = _Places(text)
        end = places.offset(definition.end_lineno or definition.lineno, definition.end_col_offset or 0)
        text = f"\n{' ' * definition.col_offset}{definition.name} = {_raising_class(definition.name)}"
        return Replacement(edit=Edit(start=end, end=end, text=text), function=None)
    return _begun_with(_GONE, [part for part in parts if isinstance(part, _Function)], text)


def returning_at_once(text: str, member: Member) -> tuple[Replacement, ...]:
    """Return replacements of a function that immediately return an uninformative value; none for a class.

    Generators yield that value first. A test that passes with all replacements does not check the member.

    Raises:
        CannotParse: `text` is not valid Python.
    """
    functions = [part for part in _parts(text, member) if isinstance(part, _Function)]
    if not functions:
        return ()
    form = "yield {}; return" if _is_generator(functions[0]) else "return {}"
    return tuple(_begun_with(form.format(value), functions, text) for value in _RETURNED)


def _is_generator(function: _Function) -> bool:
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, _Definition | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return False


def _begun_with(statement: str, functions: Sequence[_Function], text: str) -> Replacement:
    """Return the replacement that lets each of these functions begin with a statement.

    It is put before the body, so that the function keeps its kind (generator, coroutine) and its closure.
    """
    places = _Places(text)
    begun, starts = "", list[int]()
    for function in functions:
        first = _first_statement(function)
        start = places.offset(span_of(first).first, first.col_offset)
        on_own_line = span_of(first).first > function.lineno and places.begins_line(start)
        begun += text[starts[-1] : start] if starts else ""
        begun += f"{statement}\n{' ' * first.col_offset}" if on_own_line else f"{statement}; "
        starts.append(start)
    edit = Edit(start=starts[0], end=starts[-1], text=begun)
    return Replacement(edit=edit, function=_named(functions[0]) if len(functions) == 1 else None)


def _raising_class(name: str) -> str:
    """Return an expression for a class that raises when it is called or any attribute is read."""
    methods = ("__getattribute__", "__call__", "__iter__", "__getitem__", "__contains__", "__len__")
    more = ("__instancecheck__", "__subclasscheck__", "__eq__", "__hash__", "__or__", "__ror__")
    gone = '().__class__.__class__("MemberTakenAway", (BaseException,), {})'
    raising = f"lambda *_, **__: (_ for _ in ()).throw({gone})"
    body = ", ".join(f'"{method}": {raising}' for method in (*methods, *more))
    kind = "().__class__.__class__"
    return f'{kind}("TakenAway", ({kind},), {{{body}}})("{name}", (), {{}})'


def _first_statement(function: _Function) -> ast.stmt:
    """Return the first statement after the docstring."""
    first, *rest = function.body
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return rest[0] if rest and is_docstring else first


class _Places:
    """Converts positions of syntax nodes, which are in bytes, to text offsets."""

    def __init__(self, source: str) -> None:
        self._lines = source.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def offset(self, line: int, column: int) -> int:
        """Return the text offset of a position."""
        before = self._lines[line - 1].encode()[:column].decode("utf-8", "replace")
        return self._starts[line - 1] + len(before)

    def edit(self, node: ast.expr | ast.stmt, text: str) -> Edit:
        """Return the edit that replaces a node with a text."""
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        start, end = self.offset(node.lineno, node.col_offset), self.offset(end_line, end_column)
        return Edit(start=start, end=end, text=text)

    def begins_line(self, offset: int) -> bool:
        """Return whether only whitespace precedes the offset on its line."""
        line = next(number for number, start in enumerate(self._starts) if start > offset) - 1
        return not self._lines[line][: offset - self._starts[line]].strip()


def _parts(text: str, member: Member) -> list[_Definition]:
    """Return the member's definition and the other accessors of its property, in order; none if it has none.

    If the name is defined several times, the definition is the one on the member's line.
    """
    found = list(_named_definitions(parse_untrusted(text).body, member.name.split(".")))
    inside = [node for node in found if member.line <= node.lineno <= member.end_line]
    chosen = ([node for node in found if span_of(node).first == member.line] or inside)[-1:]
    others = [node for node in inside if node not in chosen and _is_accessor(node)]
    return sorted((*chosen, *others), key=lambda node: node.lineno)


def _is_accessor(node: _Definition) -> bool:
    """Return whether a definition is `@name.setter`, or another accessor of the property of its name."""
    return any(
        isinstance(decorator, ast.Attribute)
        and decorator.attr in {"getter", "setter", "deleter"}
        and isinstance(decorator.value, ast.Name)
        and decorator.value.id == node.name
        for decorator in node.decorator_list
    )


def _named_definitions(body: Sequence[ast.stmt], names: Sequence[str]) -> Iterator[_Definition]:
    for statement in body:
        if isinstance(statement, _Definition):
            if statement.name == names[0] and len(names) == 1:
                yield statement
            elif statement.name == names[0] and isinstance(statement, ast.ClassDef):
                yield from _named_definitions(statement.body, names[1:])
        else:
            for inner in bodies(statement):
                yield from _named_definitions(inner, names)


def _named(function: _Function) -> Scope:
    return Scope(name=function.name, line=span_of(function).first)


@dataclass(frozen=True, slots=True)
class _Site:
    """A change and its location."""

    swap: Swap
    statement: tuple[int, int]
    function: Scope | None


def _sites(
    statement: ast.stmt, function: Scope | None = None, following: ast.stmt | None = None
) -> Iterator[_Site]:
    """Yield the changes of a statement and everything inside it; `following` is the next statement."""
    if _is_left_out(statement):
        return
    lines = _head_lines(statement)
    for swap in _head_swaps(statement):
        if not _is_mute(swap, statement, following):
            yield _Site(swap, lines, function)
    for handler in getattr(statement, "handlers", ()):
        for swap in handler_swaps(handler):
            yield _Site(swap, (handler.lineno, swap.node.end_lineno or handler.lineno), function)
    inside = function
    if inside is None and isinstance(statement, _Function):
        inside = _named(statement)
    for body in bodies(statement):
        for inner, after in zip(body, [*body[1:], None], strict=True):
            yield from _sites(inner, inside, after)


def _is_mute(swap: Swap, statement: ast.stmt, following: ast.stmt | None) -> bool:
    """Return whether a change moves a boundary at which both branches have the same result."""
    if not isinstance(statement, ast.If) or not is_boundary_of(swap, statement.test):
        return False
    others = statement.orelse or ([following] if following is not None else [])
    match statement.body, others:
        case [ast.Return(value=ast.expr() as one)], [ast.Return(value=ast.expr() as other)]:
            return is_mute_boundary(statement.test, one, other)
        case [ast.Assign(targets=[one], value=other)], _ if not statement.orelse:
            return is_mute_boundary(statement.test, one, other)
    return False


def _head_swaps(statement: ast.stmt) -> Iterator[Swap]:
    yield from statement_swaps(statement)
    if isinstance(statement, (ast.If, ast.While)):
        yield from condition_swaps(statement.test)
    for expression in _head(statement):
        yield from swaps_within(expression)


def _head(statement: ast.stmt) -> list[ast.expr]:
    """Return the mutable expressions of a statement, without nested statements."""
    found: Sequence[ast.expr | None] = ()
    match statement:
        case ast.If(test=test) | ast.While(test=test):
            found = (test,)
        case ast.For(iter=iterable) | ast.AsyncFor(iter=iterable):
            found = (iterable,)
        case ast.With(items=items) | ast.AsyncWith(items=items):
            found = [item.context_expr for item in items]
        case ast.Match(subject=subject, cases=cases):
            found = (subject, *(case.guard for case in cases))
        case ast.Expr(value=ast.Constant()):  # a docstring
            found = ()
        case ast.Expr(value=call) if _only_yields(call):
            found = ()
        case ast.Assign() | ast.AugAssign() | ast.AnnAssign() | ast.Return() | ast.Expr():
            found = (statement.value,)
        case ast.FunctionDef(args=given) | ast.AsyncFunctionDef(args=given):
            found = (*given.defaults, *given.kw_defaults)
    return [node for node in found if node is not None]


def _only_yields(node: ast.expr) -> bool:
    """Return whether an expression is a zero sleep that yields control; a longer sleep shows nothing."""
    match node.value if isinstance(node, ast.Await) else node:
        case ast.Call(func=function, args=[ast.Constant(value=0)]):
            return ast.unparse(function).rpartition(".")[2] == "sleep"
    return False


def _head_lines(statement: ast.stmt) -> tuple[int, int]:
    if not bodies(statement):
        return statement.lineno, statement.end_lineno or statement.lineno
    ends = [node.end_lineno or node.lineno for node in _head(statement)]
    return span_of(statement).first, max([statement.lineno, *ends])


def _is_left_out(statement: ast.stmt) -> bool:
    """Return whether a statement should not be mutated because it does not run or only logs."""
    match statement:
        case ast.Assert():
            return True
        case ast.If(test=test):
            words = ast.unparse(test)
            return words.endswith("TYPE_CHECKING") or words.startswith("__name__")
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=attr, value=value))):
            return attr in _LOG_METHODS and _is_log(value)
        case ast.FunctionDef(decorator_list=decorators) | ast.AsyncFunctionDef(decorator_list=decorators):
            return any(ast.unparse(node).rpartition(".")[2] == "overload" for node in decorators)
    return False


def _is_log(node: ast.expr) -> bool:
    name = ast.unparse(node).lower()
    return "log" in name or name == "warnings"


def _is_no_text(site: _Site, member: Member) -> bool:
    """Return whether a change affects text in a method that describes its object."""
    holder = member.plain_name if site.function is None else site.function.name
    node = site.swap.node
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return is_text and holder in _TEXT_METHODS


def _mutant(places: _Places, site: _Site) -> Mutant | None:
    swap = site.swap
    if swap.old == swap.new:
        return None
    return Mutant(
        line=swap.node.lineno,
        words=f"`{swap.old}` to `{swap.new}` on line {swap.node.lineno}",
        operator=swap.operator,
        edit=places.edit(swap.node, swap.text),
        statement=site.statement,
        function=site.function,
    )


def _telling(ranked: tuple[int, Mutant]) -> tuple[int, int]:
    rank, mutant = ranked
    return rank, mutant.line

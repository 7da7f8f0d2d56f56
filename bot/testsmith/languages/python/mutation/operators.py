"""Mutation operators: ways to change one syntax node.

Changes that are easily recognized as equivalent (`x + 0`, `x[:len(x) + 1]`, `<=` for `<` when both sides are
equal then) or that do not matter to reviewers (the text of a message or of an option's help) are left out.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from testsmith.languages import node_changes
from testsmith.languages.mutants import Operator

_LARGEST_NUMBER = 10**15
_OFTEN_MUTE_KEYWORDS = frozenset({"encoding", "errors"})
_KEYWORDS_OF_HELP = frozenset({"help", "doc", "description", "epilog"})
_CALLS_OF_MUTE_TEXTS = frozenset({"cast", "getLogger", "TypeVar", "NewType"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """A node and its replacement text.

    Attributes:
        operator: Kind of change.
        node: The node.
        text: Replacement text.
        old: Description of the original, for readers.
        new: Description of the replacement, for readers.
    """

    operator: Operator
    node: ast.expr | ast.stmt
    text: str
    old: str
    new: str


_BOUNDARIES: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_OPPOSITES: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
_SYMBOLS: Mapping[type[ast.AST], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.And: "and",
    ast.Or: "or",
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
}


def swaps_within(expression: ast.expr) -> Iterator[Swap]:
    """Yield the changes of an expression and its subexpressions."""
    make = _OF_EXPRESSIONS.get(type(expression))
    if make is not None:
        yield from make(expression)
    for child in _children(expression):
        for swap in swaps_within(child):
            if not (isinstance(expression, ast.IfExp) and _is_mute_in(expression, swap)):
                yield swap


def _is_mute_in(choice: ast.IfExp, swap: Swap) -> bool:
    test = choice.test
    return is_boundary_of(swap, test) and is_mute_boundary(test, choice.body, choice.orelse)


def is_boundary_of(swap: Swap, test: ast.expr) -> bool:
    """Return whether a change moves the boundary of a condition as a whole."""
    return swap.operator is Operator.BOUNDARY and swap.node is test


def is_mute_boundary(test: ast.expr, one: ast.expr, other: ast.expr) -> bool:
    """Return whether a condition chooses between the values it compares, so that equality does not matter."""
    match test:
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _BOUNDARIES:
            return {ast.unparse(left), ast.unparse(right)} == {ast.unparse(one), ast.unparse(other)}
    return False


def condition_swaps(test: ast.expr) -> Iterator[Swap]:
    """Yield the negation of a condition, unless a change of its parts is equivalent."""
    says_the_same = isinstance(test, (ast.Compare, ast.BoolOp, ast.Constant)) or (
        isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    )
    if not says_the_same:
        text = f"not ({ast.unparse(test)})"
        old = snippet(test)
        yield Swap(operator=Operator.CONDITION, node=test, text=text, old=old, new=f"not {old}")


def statement_swaps(statement: ast.stmt) -> Iterator[Swap]:
    """Yield the changes of a statement as a whole."""
    make = _OF_STATEMENTS.get(type(statement))
    if make is not None:
        yield from make(statement)


def handler_swaps(handler: ast.ExceptHandler) -> Iterator[Swap]:
    """Yield changes of what is caught: another exception, or fewer exceptions."""
    caught = handler.type
    if isinstance(caught, ast.Tuple) and len(caught.elts) > 1:
        text = ast.unparse(caught.elts[0])
        yield Swap(
            operator=Operator.EXCEPTION, node=caught, text=text, old=snippet(caught), new=snippet(text)
        )
    elif caught is not None:
        yield from _other_exception(caught)


def snippet(node: ast.AST | str) -> str:
    """Return code as a short single line, to quote in backticks."""
    return node_changes.snippet(node if isinstance(node, str) else ast.unparse(node))


def _children(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the subexpressions that may be changed."""
    if isinstance(node, ast.JoinedStr):  # positions inside are wrong before Python 3.12
        return
    if isinstance(node, ast.Call):
        yield node.func
        yield from (argument for argument in node.args if not _is_mute(node, argument))
        yield from (given.value for given in node.keywords if not _is_mute_keyword(given))
        return
    if isinstance(node, ast.NamedExpr):
        yield node.value
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child
        else:  # a non-expression node that contains expressions, for example a comprehension's `for`
            yield from _children(child)


def _is_mute(call: ast.Call, argument: ast.expr) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name in _CALLS_OF_MUTE_TEXTS and isinstance(argument, ast.Constant)


def _is_mute_keyword(given: ast.keyword) -> bool:
    is_sentence = isinstance(given.value, ast.Constant) and " " in str(given.value.value)
    return given.arg in _OFTEN_MUTE_KEYWORDS or (given.arg in _KEYWORDS_OF_HELP and is_sentence)


def _comparison(node: ast.Compare) -> Iterator[Swap]:
    for operator, table in ((Operator.BOUNDARY, _BOUNDARIES), (Operator.COMPARISON, _OPPOSITES)):
        for index, before in enumerate(node.ops):
            after = table.get(type(before))
            if after is not None:
                ops = [*node.ops[:index], after(), *node.ops[index + 1 :]]
                changed = ast.Compare(left=node.left, ops=ops, comparators=node.comparators)
                yield _of_symbol(operator, node, changed, type(before), after)


def _boolean(node: ast.BoolOp) -> Iterator[Swap]:
    after = ast.Or if isinstance(node.op, ast.And) else ast.And
    changed = ast.BoolOp(op=after(), values=node.values)
    yield _of_symbol(Operator.BOOLEAN, node, changed, type(node.op), after)


def _arithmetic(node: ast.BinOp) -> Iterator[Swap]:
    after = _ARITHMETIC.get(type(node.op))
    if after is not None and not _is_dull(node.op, node.left, node.right):
        changed = ast.BinOp(left=node.left, op=after(), right=node.right)
        yield _of_symbol(Operator.ARITHMETIC, node, changed, type(node.op), after)


def _is_dull(op: ast.operator, left: ast.expr | None, right: ast.expr) -> bool:
    """Return whether changing the operator makes no difference, or one that any call shows (strings)."""
    if any(isinstance(side, ast.JoinedStr) or _is_text(side) for side in (left, right)):
        return True
    neutral = 0 if isinstance(op, (ast.Add, ast.Sub, ast.LShift, ast.RShift)) else 1
    multiplies = isinstance(op, (ast.Mult, ast.Div, ast.Pow, ast.Add, ast.Sub, ast.LShift, ast.RShift))
    return multiplies and isinstance(right, ast.Constant) and right.value == neutral


def _is_text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)


def _constant(node: ast.Constant) -> Iterator[Swap]:
    after = _other_value(node.value)
    if after is not None:
        old, new = snippet(node), snippet(repr(after))
        yield Swap(operator=Operator.CONSTANT, node=node, text=repr(after), old=old, new=new)


def _other_value(value: object) -> object:
    """Return a different value of the same type, or None."""
    match value:
        case bool():
            return not value
        case int() | float() if abs(value) < _LARGEST_NUMBER:
            return value + 1
        case str():
            return "" if value else "x"
        case bytes():
            return b"" if value else b"x"
    return None


def _sign(node: ast.UnaryOp) -> Iterator[Swap]:
    is_zero = isinstance(node.operand, ast.Constant) and node.operand.value == 0
    if isinstance(node.op, ast.Not) or (isinstance(node.op, ast.USub) and not is_zero):
        text = f"({ast.unparse(node.operand)})"
        yield Swap(operator=Operator.SIGN, node=node, text=text, old=snippet(node), new=snippet(node.operand))


def _subscript(node: ast.Subscript) -> Iterator[Swap]:
    """Yield changes of bounds, except constants (changed elsewhere) and `len(x)` (no effect)."""
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    length = f"len({ast.unparse(node.value)})"
    for part in parts:
        if isinstance(part, ast.Slice):
            yield from _one_more(part.lower)
            is_length = part.upper is not None and ast.unparse(part.upper) == length
            yield from () if is_length else _one_more(part.upper)


def _range(node: ast.Call) -> Iterator[Swap]:
    is_range = isinstance(node.func, ast.Name) and node.func.id == "range"
    if is_range and node.args and not isinstance(node.args[0], ast.Starred):
        yield from _one_more(node.args[min(1, len(node.args) - 1)])


def _one_more(bound: ast.expr | None) -> Iterator[Swap]:
    is_constant = isinstance(bound, ast.Constant) or (
        isinstance(bound, ast.UnaryOp) and isinstance(bound.operand, ast.Constant)
    )
    if bound is not None and not is_constant and not isinstance(bound, ast.Starred):
        text = f"(({ast.unparse(bound)}) + 1)"
        new = snippet(ast.unparse(bound) + " + 1")
        yield Swap(operator=Operator.OFF_BY_ONE, node=bound, text=text, old=snippet(bound), new=new)


def _choice(node: ast.IfExp) -> Iterator[Swap]:
    yield from condition_swaps(node.test)


def _comprehension(
    node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp,
) -> Iterator[Swap]:
    for part in node.generators:
        for test in part.ifs:
            yield from condition_swaps(test)


def _of_symbol(
    operator: Operator,
    node: ast.expr,
    changed: ast.expr,
    before: type[ast.AST],
    after: type[ast.AST],
) -> Swap:
    text = f"({ast.unparse(changed)})"
    return Swap(operator=operator, node=node, text=text, old=_SYMBOLS[before], new=_SYMBOLS[after])


def _return(node: ast.Return) -> Iterator[Swap]:
    is_plain = isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool | None)
    if node.value is not None and not is_plain:
        yield _replaced(Operator.RETURN, node, "return None")


def _raise(node: ast.Raise) -> Iterator[Swap]:
    if node.exc is not None:
        yield from _other_exception(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
    yield _replaced(Operator.STATEMENT, node, "pass")


def _other_exception(node: ast.expr) -> Iterator[Swap]:
    """Yield changes only for names that look like classes."""
    old = ast.unparse(node)
    new = "ValueError" if old == "TypeError" else "TypeError"
    if isinstance(node, (ast.Name, ast.Attribute)) and old.rpartition(".")[2][:1].isupper():
        yield Swap(operator=Operator.EXCEPTION, node=node, text=new, old=snippet(old), new=new)


def _expression_statement(node: ast.Expr) -> Iterator[Swap]:
    called = node.value.value if isinstance(node.value, ast.Await) else node.value
    if isinstance(called, ast.Call):
        yield _replaced(Operator.STATEMENT, node, "pass")


def _assignment(node: ast.Assign) -> Iterator[Swap]:
    """Removing an assignment would leave a name undefined, which any call shows, unless it reads the name."""
    names = {target.id for target in node.targets if isinstance(target, ast.Name)}
    read = {inner.id for inner in ast.walk(node.value) if isinstance(inner, ast.Name)}
    plain = all(isinstance(one, (ast.Attribute, ast.Subscript, ast.Name)) for one in node.targets)
    if plain and names <= read:
        yield _replaced(Operator.STATEMENT, node, "pass")


def _deletion(node: ast.Delete) -> Iterator[Swap]:
    if all(isinstance(target, (ast.Attribute, ast.Subscript)) for target in node.targets):
        yield _replaced(Operator.STATEMENT, node, "pass")


def _yield(node: ast.Yield) -> Iterator[Swap]:
    if node.value is not None and not isinstance(node.value, ast.Constant):
        old, new = snippet(node), "yield None"
        yield Swap(operator=Operator.RETURN, node=node, text="(yield None)", old=old, new=new)


def _in_place(node: ast.AugAssign) -> Iterator[Swap]:
    after = _ARITHMETIC.get(type(node.op))
    if after is not None and not _is_dull(node.op, None, node.value):
        changed = copy.copy(node)
        changed.op = after()
        yield Swap(
            operator=Operator.ARITHMETIC,
            node=node,
            text=ast.unparse(changed),
            old=_SYMBOLS[type(node.op)] + "=",
            new=_SYMBOLS[after] + "=",
        )
    text = f"{ast.unparse(node.target)} = {ast.unparse(node.value)}"
    old = _SYMBOLS.get(type(node.op), "@") + "="
    yield Swap(operator=Operator.STATEMENT, node=node, text=text, old=old, new="=")


def _break(node: ast.Break) -> Iterator[Swap]:
    yield _replaced(Operator.JUMP, node, "continue")


def _continue(node: ast.Continue) -> Iterator[Swap]:
    yield _replaced(Operator.JUMP, node, "break")


def _replaced(operator: Operator, node: ast.stmt, text: str) -> Swap:
    return Swap(operator=operator, node=node, text=text, old=snippet(node), new=text)


_OF_EXPRESSIONS: Mapping[type[ast.AST], Callable[..., Iterator[Swap]]] = {
    ast.Compare: _comparison,
    ast.BoolOp: _boolean,
    ast.BinOp: _arithmetic,
    ast.Constant: _constant,
    ast.UnaryOp: _sign,
    ast.Subscript: _subscript,
    ast.Call: _range,
    ast.IfExp: _choice,
    ast.Yield: _yield,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.DictComp: _comprehension,
    ast.GeneratorExp: _comprehension,
}
_OF_STATEMENTS: Mapping[type[ast.AST], Callable[..., Iterator[Swap]]] = {
    ast.Return: _return,
    ast.Raise: _raise,
    ast.Expr: _expression_statement,
    ast.Assign: _assignment,
    ast.Delete: _deletion,
    ast.AugAssign: _in_place,
    ast.Break: _break,
    ast.Continue: _continue,
}

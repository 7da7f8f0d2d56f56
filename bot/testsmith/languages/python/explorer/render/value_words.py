"""Describe values and conditions in words, for test names."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from itertools import takewhile
from operator import eq

_NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve"
_LONGEST_WORD = 20
_LONGEST_SHOWN = 30
_LARGEST_FACTOR = 1e100
_MOST_WORDS = 5
_SENTENCE = frozenset(
    {
        *("are", "can", "cannot", "could", "did", "does", "expected", "failed", "has", "have", "is", "may"),
        *("must", "need", "needs", "not", "should", "was"),
    }
)
"""Words of messages that say more than what is refused."""


_MARKS = {
    "!": "exclamation_mark",
    "#": "hash",
    "%": "percent_sign",
    "&": "ampersand",
    "*": "star",
    "+": "plus",
    ",": "comma",
    "-": "dash",
    ".": "dot",
    "/": "slash",
    ":": "colon",
    ";": "semicolon",
    "<": "less_than_sign",
    "=": "equals_sign",
    ">": "greater_than_sign",
    "?": "question_mark",
    "@": "at_sign",
    "_": "underscore",
    "|": "bar",
    "~": "tilde",
    '"': "double_quote",
    "'": "single_quote",
    "\\": "backslash",
    "$": "dollar_sign",
}
"""Words for texts that consist of one punctuation mark."""


def snake(name: str) -> str:
    """Return a name or text in snake case."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")


def value_words(text: str, name: str) -> str:
    """Return a value in words for a test's name, for example `zero` or `empty_list`.

    Args:
        text: Source text of the value.
        name: Parameter that it is passed for.

    Returns:
        The words, or an empty string if there are none.
    """
    node = _parsed(text)
    match node:
        case ast.Constant(value=str() | bytes() as value):
            return _text_words(_as_text(value), name)
        case ast.Constant() | ast.UnaryOp():
            return _number_words(text) or snake(text)
        case ast.Call(func=function, args=arguments, keywords=keywords):
            return _call_words(ast.unparse(function), arguments, keywords)
        case ast.Attribute(attr=attribute):
            return snake(attribute)
    return _container_words(node)


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return None


def _as_text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _text_words(value: str, name: str) -> str:
    if not value:
        return f"empty_{snake(name)}"
    if not value.strip():
        return f"blank_{snake(name)}"
    if value in _MARKS:
        return _MARKS[value]
    return snake(value) if len(value) <= _LONGEST_WORD and value.isidentifier() else ""


def difference_words(before: str, now: str, given: str) -> str:
    """Return what is added to a text or left out of it in words, such as `adds_slash`; empty for others.

    Args:
        before: The text on base.
        now: The text on head.
        given: What the call was given.
    """
    start = _alike(before, now)
    end = _alike(before[start:][::-1], now[start:][::-1])
    removed, added = before[start : len(before) - end], now[start : len(now) - end]
    word = _text_words(added or removed, "") if (added or removed).strip() else ""
    if not word or (added and removed):
        return ""
    if removed:
        return f"drops_{word}" if removed in given else ""
    if now.count(added) <= given.count(added):
        return f"keeps_{word}"
    return f"doubles_{word}" if now[:start].endswith(added) else f"adds_{word}"


def _alike(one: str, other: str) -> int:
    """Return the length of the beginning that two texts have in common."""
    return sum(1 for _ in takewhile(bool, map(eq, one, other)))


def refusal_words(message: str, left_out: Collection[str]) -> str:
    """Return what a message refuses, such as `index_out_of_range`; empty if it is a sentence or has values.

    Args:
        message: The message.
        left_out: Names to leave out.
    """
    words = [word for word in message.rstrip(".").split() if word not in left_out]
    is_plain = all(word.isalpha() and word.isascii() for word in words) and len(words) <= _MOST_WORDS
    return snake(" ".join(words)) if is_plain and _SENTENCE.isdisjoint(map(str.lower, words)) else ""


def _number_words(text: str) -> str:
    number = text.replace("_", "").replace(" ", "")
    if number.startswith("-"):
        inner = _number_words(number[1:])
        return f"minus_{inner}" if inner else ""
    if number.isdigit():
        small = dict(enumerate(_NUMBERS.split()))
        return small.get(int(number), number)
    return re.sub(r"[^0-9a-z]+", "_", number.lower()).strip("_") if number[:1].isdigit() else ""


def _container_words(node: ast.expr | None) -> str:
    match node:
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            count = len(parts)
        case ast.Dict(keys=keys):
            count = len(keys)
        case _:
            return ""
    kind = type(node).__name__.lower()
    return {0: f"empty_{kind}", 1: f"one_item_{kind}"}.get(count, "")


def _call_words(function: str, arguments: list[ast.expr], keywords: list[ast.keyword]) -> str:
    """Return a call in words: `29_days` for a duration, `empty_set`, otherwise an empty string."""
    plain = snake(function.rpartition(".")[2])
    if plain == "timedelta":
        return "_".join(map(_duration_words, keywords)) or "no_time"
    match arguments:
        case [ast.Constant(value="" | b"")]:
            return f"empty_{plain}"
        case [] if plain in {"set", "frozenset"}:
            return f"empty_{plain}"
    return ""


def _duration_words(keyword: ast.keyword) -> str:
    text, unit = ast.unparse(keyword.value), keyword.arg or ""
    sign = "minus_" if text.startswith("-") else ""
    number = text.removeprefix("-")
    return f"{sign}{snake(number)}_{unit.removesuffix('s') if number == '1' else unit}"


_SECONDS = {
    "weeks": 604800.0,
    "days": 86400.0,
    "hours": 3600.0,
    "minutes": 60.0,
    "seconds": 1.0,
    "milliseconds": 1e-3,
    "microseconds": 1e-6,
}


def size_of(text: str) -> float | None:
    """Return the size of a number, numeric text or duration from its source, or None for others."""
    match _parsed(text):
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.Constant(value=str() as value) if value.isdecimal() and len(value) <= _LONGEST_SHOWN:
            return int(value)
        case ast.BinOp(left=left, op=ast.Pow() | ast.Mult() as operator, right=right):
            return _combined(size_of(ast.unparse(left)), operator, size_of(ast.unparse(right)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = size_of(ast.unparse(operand))
            return None if inner is None else -inner
        case ast.Call(func=ast.Name(id="timedelta"), args=[], keywords=keywords):
            sizes = [size_of(ast.unparse(keyword.value)) for keyword in keywords]
            units = [_SECONDS.get(keyword.arg or "", 0.0) for keyword in keywords]
            return sum((size or 0) * unit for size, unit in zip(sizes, units, strict=True))
    return None


def _combined(left: float | None, operator: ast.operator, right: float | None) -> float | None:
    """Return a power or product of nonnegative numbers, or None if it is too large."""
    if left is None or right is None or left < 0 or max(left, abs(right)) > _LARGEST_FACTOR:
        return None
    try:
        return float(left) ** float(right) if isinstance(operator, ast.Pow) else left * right
    except (ArithmeticError, TypeError):
        return None


_COMPARED: dict[type[ast.cmpop], str] = {
    ast.Lt: "{name}_below_{other}",
    ast.LtE: "{name}_up_to_{other}",
    ast.Gt: "{name}_above_{other}",
    ast.GtE: "{name}_from_{other}_on",
    ast.Eq: "{name}_{other}",
    ast.NotEq: "{name}_other_than_{other}",
}
_NEGATED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
_MIRRORED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
}


def condition_words(test: ast.expr, parameters: Collection[str]) -> str:
    """Return a condition on one parameter in words, for example `count_below_one`, or an empty string."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=name)) if name in parameters:
            return f"empty_{snake(name)}"
        case ast.UnaryOp(op=ast.Not(), operand=ast.Call(func=ast.Name(id="isinstance"), args=[thing, kind])):
            return _kind_words(thing, kind, parameters)
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return _comparison_words(left, operator, right, parameters)
        case ast.BoolOp(op=ast.And(), values=[first, second]) if _asks_for_none(first):
            return condition_words(second, parameters)
    return ""


def _asks_for_none(test: ast.expr) -> bool:
    match test:
        case ast.Compare(ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            return True
    return False


def _kind_words(thing: ast.expr, kind: ast.expr, parameters: Collection[str]) -> str:
    if not isinstance(thing, ast.Name) or thing.id not in parameters or not isinstance(kind, ast.Name):
        return ""
    return f"{snake(thing.id)}_that_is_no_{snake(kind.id)}"


def _comparison_words(
    left: ast.expr, operator: ast.cmpop, right: ast.expr, parameters: Collection[str]
) -> str:
    if isinstance(operator, ast.In | ast.NotIn):
        return _membership_words(left, operator, right, parameters)
    if isinstance(right, ast.Name) and right.id in parameters and isinstance(left, ast.Constant):
        mirrored = _MIRRORED.get(type(operator), type(operator))
        return _comparison_words(right, mirrored(), left, parameters)
    if not isinstance(left, ast.Name) or left.id not in parameters:
        return ""
    name = snake(left.id)
    if isinstance(right, ast.Constant) and right.value is None:
        return f"no_{name}" if isinstance(operator, ast.Is) else ""
    other = _other_words(right)
    if isinstance(operator, ast.Lt) and other == "zero":
        return f"negative_{name}"
    template = _COMPARED.get(type(operator))
    return template.format(name=name, other=other) if template and other else ""


def _membership_words(
    left: ast.expr, operator: ast.cmpop, right: ast.expr, parameters: Collection[str]
) -> str:
    """Return what is searched for in a parameter, or that a parameter is not a known value, in words."""
    if isinstance(right, ast.Name) and right.id in parameters:
        sought = snake(left.id) if isinstance(left, ast.Name) else _constant_words(left)
        link = "with" if isinstance(operator, ast.In) else "without"
        return f"{snake(right.id)}_{link}_{sought}" if sought else ""
    if isinstance(left, ast.Name) and left.id in parameters and isinstance(operator, ast.NotIn):
        return f"unknown_{snake(left.id)}"
    return ""


def _constant_words(node: ast.expr) -> str:
    return value_words(ast.unparse(node), "text") if isinstance(node, ast.Constant) else ""


def _other_words(node: ast.expr) -> str:
    """Return the other side of a comparison in words: a number or a name."""
    if isinstance(node, ast.Name):
        return f"the_{snake(node.id)}" if len(node.id) <= _LONGEST_SHOWN else ""
    if isinstance(node, ast.Constant | ast.UnaryOp):
        return value_words(ast.unparse(node), "text")
    return ""


def negated(test: ast.expr) -> ast.expr | None:
    """Return the opposite of a simple condition, or None."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return operand
        case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in _NEGATED:
            return ast.Compare(left=left, ops=[_NEGATED[type(operator)]()], comparators=[right])
    return None

"""Edits of a test whose equality assertions fail, so that it expects the values that were observed."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from testsmith.languages.judge import ObservedEdit
from testsmith.languages.python.judge.test_reading.claims import functions_of
from testsmith.languages.python.judge.test_reading.edits import Piece, Text
from testsmith.languages.python.judge.test_reading.situations import Shared, is_literal
from testsmith.languages.python.source.definitions import Function
from testsmith.languages.python.source.parsing import parse_untrusted

_MOST_CHARACTERS = 500
"""Maximum length of an observed value; longer ones are not put into a test."""

_MOST_REPORTED = 1_500
_SEEN = "_testsmith_seen"
_REPORT = "testsmith saw"
_REPORTED = re.compile(rf"(?:AssertionError: )?{_REPORT} (\d+): (.+)")
_LACKING = re.compile(
    r"object has no attribute |\(\) got an unexpected keyword argument |\(\) missing \d+ required "
    r"|\(\) takes .{1,20} positional arguments? but |object is not (?:callable|subscriptable|iterable)"
)
"""In messages of the interpreter, for example on a stand-in of the test that lacks what the change needs."""

_EQUALITIES = re.compile(r"assert(?:|List|Tuple|Dict|Set|Sequence|MultiLine)Equals?")


@dataclass(frozen=True, slots=True)
class _Equality:
    """An assertion that something equals or is a literal, or equals a parameter or variable of the test.

    Attributes:
        statement: The assertion.
        subject: What is compared.
        expected: What it is compared with.
        inner: The parameter in the text that is expected, if it is a text around one; None if it is not.
        operator: `==` or `is`.
    """

    statement: ast.stmt
    subject: ast.expr
    expected: ast.expr
    inner: ast.Name | None = None
    operator: str = "=="


def watched(text: str, name: str) -> str:
    """Return a test file in which the equality assertions of a test report the values that fail them.

    Raises:
        CannotParse: The text is not valid Python.
    """
    file = _TestFile(text, name)
    pieces: list[Piece] = []
    for number, each in enumerate(file.equalities):
        subject, expected = file.text.of(each.subject), file.text.of(each.expected)
        value = _SEEN if each.inner is None else f"({_SEEN}, {expected})"
        report = f"'{_REPORT} {number}: ' + repr({value})"
        piece = f"assert ({_SEEN} := ({subject})) {each.operator} ({expected}), {report}"
        pieces.append((*file.text.place(each.statement), piece))
    return file.text.with_pieces(pieces)


def with_observed(text: str, name: str, message: str, failed_rows: Collection[int]) -> ObservedEdit | None:
    """Return a test file in which the assertion of a test that failed expects the observed value.

    Args:
        text: The test file.
        name: The test.
        message: Its failure message when it ran as `watched`. Untrusted.
        failed_rows: The rows of its table that failed.

    Returns:
        The edit; None if another statement failed, if the value or the expectation is not a plain literal,
        or if the value has a message of the interpreter about what something lacks.

    Raises:
        CannotParse: The text is not valid Python.
    """
    reported = _REPORTED.match(message)
    file = _TestFile(text, name)
    if reported is None or int(reported[1]) >= len(file.equalities) or len(reported[2]) > _MOST_REPORTED:
        return None
    equality = file.equalities[int(reported[1])]
    expected = file.literal(equality.inner or equality.expected, failed_rows)
    try:
        value = ast.literal_eval(reported[2])
        if expected is not None and equality.inner is not None:
            seen, whole = value
            value = _inside(seen, whole, ast.literal_eval(expected))
        if expected is None or _is_same(ast.literal_eval(expected), value):
            return None
        if len(repr(value)) > _MOST_CHARACTERS or _LACKING.search(reported[2]):
            return None
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    pieces = _pieces_of(file.text, equality, expected, value)
    observed = reported[2] if equality.inner is None else repr(value)
    edited = file.text.with_pieces(pieces)
    return ObservedEdit(text=edited, expected=file.text.of(expected), observed=observed) if pieces else None


def _is_same(one: object, other: object) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _inside(seen: object, whole: object, part: object) -> str:
    """Return what a text has where another one has a part.

    Raises:
        ValueError: The text is not like the other one around the part.
    """
    if isinstance(seen, str) and isinstance(whole, str) and isinstance(part, str) and part:
        before, _, after = whole.partition(part)
        if whole.count(part) == 1 and seen.startswith(before) and seen.endswith(after):
            return seen[len(before) : len(seen) - len(after)]
    raise ValueError


class _TestFile:
    def __init__(self, text: str, name: str) -> None:
        tree = parse_untrusted(text)
        test = dict(functions_of(tree)).get(name, ast.Pass())
        self.text = Text(text)
        self._rows = Shared.of(tree).rows_of(name, test) if isinstance(test, Function) else None
        self._variables = dict(_literal_variables(test))
        parameters = {key for row in (self._rows.values if self._rows else ()) for key in row}
        names = self._variables.keys() | parameters
        texts = _texts_around(test, parameters)
        found = (_equality(node, names) or _of_text(node, texts) for node in ast.walk(test))
        self.equalities = [each for each in found if each is not None]

    def literal(self, expected: ast.expr, failed_rows: Collection[int]) -> ast.expr | None:
        """Return the literal that is expected; for a parameter, that of the first row that failed."""
        if not isinstance(expected, ast.Name):
            return expected
        values = [] if self._rows is None else self._rows.values
        row = min(failed_rows, default=len(values))
        of_row = values[row].get(expected.id) if row < len(values) else None
        found = self._variables.get(expected.id, of_row)
        return found if found is not None and is_literal(found) else None


def _literal_variables(test: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the local variables that are bound once, to a literal."""
    nodes = list(ast.walk(test))
    stored = Counter(each.id for each in nodes if isinstance(each, ast.Name) and _is_stored(each))
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if stored[name] == 1 and is_literal(
                value
            ):
                yield name, value


def _texts_around(test: ast.AST, parameters: Collection[str]) -> dict[str, ast.Name]:
    """Return the variables bound to a text that has one parameter in it, once, with that parameter."""
    found = {}
    for node in ast.walk(test):
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.JoinedStr() | ast.BinOp(op=ast.Add()) as text
            ):
                inside = [
                    each for each in ast.walk(text) if isinstance(each, ast.Name) and each.id in parameters
                ]
                if len(inside) == 1:
                    found[name] = inside[0]
    return found


def _of_text(node: ast.AST, texts: Mapping[str, ast.Name]) -> _Equality | None:
    match node:
        case ast.Assert(
            test=ast.Compare(left=subject, ops=[ast.Eq()], comparators=[ast.Name(id=name) as expected])
        ) if name in texts:
            return _Equality(node, subject, expected, texts[name])
    return None


def _is_stored(name: ast.Name) -> bool:
    return not isinstance(name.ctx, ast.Load)


def _equality(node: ast.AST, names: Collection[str]) -> _Equality | None:
    match node:
        case ast.Assert(test=ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant() as right])):
            return None if is_literal(left) else _Equality(node, left, right, operator="is")
        case ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[right])):
            sides = left, right
        case ast.Expr(
            value=ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=attr), args=args)
        ) if _EQUALITIES.fullmatch(attr) and len(args) in {2, 3}:
            sides = args[0], args[1]
        case _:
            return None
    fixed = [is_literal(side) or (isinstance(side, ast.Name) and side.id in names) for side in sides]
    if all(fixed):  # a variable that is compared with a literal was changed before
        fixed = [is_literal(side) for side in sides]
    if fixed[0] == fixed[1]:
        return None
    subject, expected = sides if fixed[1] else sides[::-1]
    return _Equality(node, subject, expected)


def _pieces_of(text: Text, equality: _Equality, expected: ast.expr, value: Any) -> list[Piece]:
    """Return the replacements that make an assertion expect another value; none if it would read badly.

    `None` is compared by `is`, and so are truth values if the assertion does so.
    """
    is_by_identity = value is None or (isinstance(value, bool) and equality.operator == "is")
    if expected is not equality.expected or is_by_identity == (equality.operator == "is"):
        return list(_pieces(text, expected, value))
    (_, start), (first, end) = text.place(equality.subject), text.place(expected)
    if text.between(start, first).strip() != equality.operator:  # in brackets, or the literal is on the left
        return []
    return [(start, end, f" {'is' if is_by_identity else '=='} {_literal(value, text.of(expected))}")]


def _pieces(text: Text, expected: ast.expr, value: Any) -> Iterator[Piece]:
    """Yield the replacements that make a literal mean another value, as small as possible."""
    before = ast.literal_eval(expected)
    if before == value:
        return
    match expected:
        case ast.List(elts=parts) | ast.Tuple(elts=parts) if type(before) is type(value) and len(
            parts
        ) == len(value):
            for part, each in zip(parts, value, strict=True):
                yield from _pieces(text, part, each)
        case ast.Dict(values=parts) if isinstance(value, dict) and list(before) == list(value):
            for part, each in zip(parts, value.values(), strict=True):
                yield from _pieces(text, part, each)
        case _:
            yield (*text.place(expected), _literal(value, text.of(expected)))


def _literal(value: object, before: str) -> str:
    """Return the source of a value, with the quotes of the literal that it replaces."""
    source = repr(value)
    if isinstance(value, str) and before.startswith('"') and source.startswith("'") and '"' not in value:
        return f'"{source[1:-1]}"'
    return source

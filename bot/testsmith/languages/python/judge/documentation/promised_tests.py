"""Create the test for a documented promise by replacing the claim in the test that contradicts it."""

from __future__ import annotations

import ast
import builtins
import re
import textwrap
from collections.abc import Iterator, Sequence

from testsmith.languages.python.judge.documentation.annotation_types import (
    classes_of,
    element_type,
    never_returns,
    read_annotation,
)
from testsmith.languages.python.judge.documentation.contradictions import Contradiction, Promise
from testsmith.languages.python.judge.test_reading.claims import expected_exception, functions_of
from testsmith.languages.python.judge.test_reading.edits import Piece, Text, row_counts, without_rows
from testsmith.languages.python.judge.test_reading.situations import BoundNames
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.python.test_files.test_modules import keep_tests
from testsmith.languages.source import CannotParse
from testsmith.model import Member


def promised_test(code: str, member: Member, found: Contradiction, name: str) -> tuple[str, str] | None:
    """Return a test module that claims the promised result, and the name of its one test function.

    The code around the contradicting claim is kept; the code after it is removed.

    Args:
        code: The test module with the contradicting claim.
        member: The member.
        found: The claim.
        name: Name for the test function.

    Returns:
        None if no such test can be written.
    """
    tree = parse_untrusted(code)
    whole = found.function.rpartition("::")[0]
    whole = f"{whole}::{name}" if whole else name
    try:
        pieces = list(_Rewriting(code, tree, member).pieces(found, name))
        cut = Text(code).with_pieces(pieces) if pieces else code
        rows = range(row_counts(cut).get(whole, 0)) if found.row is not None else ()
        alone = without_rows(cut, {whole: frozenset(rows) - {found.row or 0}} if rows else {})
        return (keep_tests(alone, {whole}), whole) if pieces else None
    except CannotParse:
        return None


class _Rewriting:
    """Finds the pieces of a test module to replace."""

    def __init__(self, code: str, tree: ast.Module, member: Member) -> None:
        self._text = Text(code)
        self._tree = tree
        self._member = member
        self._imported = BoundNames.of(
            member, [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
        ).imported

    def pieces(self, found: Contradiction, name: str) -> Iterator[Piece]:
        """Yield the replacements: the claim and everything after it, the function name, missing imports."""
        block = _block_of(self._tree, found.statement)
        claim = self._claim(found)
        function = dict(functions_of(self._tree)).get(found.function)
        if not block or not claim or function is None:
            return
        start, end = self._text.place(block[0])[0], self._text.place(block[-1])[1]
        yield start, end, self._indented(claim, block[0])
        head = self._text.of(function)
        named = re.search(r"def\s+(?P<name>\w+)", head)
        if named is not None:
            first = self._text.place(function)[0]
            yield (
                first + len(head[: named.start("name")].encode()),
                first + len(head[: named.end("name")].encode()),
                name,
            )
        yield from self._imports(found.promise, claim)

    def _indented(self, claim: str, place: ast.stmt) -> str:
        """Return the claim as a replacement for a statement, which may follow a colon on the same line."""
        before = self._text.before(place)
        blanks = len(before) - len(before.lstrip())
        if not before.strip():
            return textwrap.indent(claim, before).lstrip()
        return "\n" + textwrap.indent(claim, before[:blanks] + "    ")

    def _claim(self, found: Contradiction) -> str:
        if found.promise.exceptions:
            return self._claim_of_exceptions(found)
        start, end = self._text.place(found.statement)
        first, last = self._text.place(found.written) if hasattr(found.written, "lineno") else (end, end)
        annotation = read_annotation(found.promise.annotation)
        if annotation is None or not start <= first <= last <= end:
            return ""  # the subject of the claim is defined elsewhere, in a row or an argument
        return value_claim(self._text.of(found.written), annotation, found)

    def _claim_of_exceptions(self, found: Contradiction) -> str:
        names = [name.rpartition(".")[2] for name in found.promise.exceptions]
        listed = names[0] if len(names) == 1 else f"({', '.join(names)})"
        inside = found.statement.body if isinstance(found.statement, ast.With | ast.AsyncWith) else []
        for call in (node for node in ast.walk(found.statement) if isinstance(node, ast.Call)):
            if expected_exception(call) is None:
                continue
            if not inside:
                start, _ = self._text.place(found.statement)
                first, last = (place - start for place in self._text.place(call.args[0]))
                whole = self._text.of(found.statement).encode()
                return (whole[:first] + listed.encode() + whole[last:]).decode()
            body = "\n".join(self._text.of(statement) for statement in inside)
            keyword = "async with" if isinstance(found.statement, ast.AsyncWith) else "with"
            raises = f"{self._text.of(call.func)}({listed})"
            others = [
                self._text.of(item.context_expr)
                for item in getattr(found.statement, "items", ())
                if item.context_expr is not call
            ]
            return f"{keyword} {', '.join([*others, raises])}:\n    {body}"
        return ""

    def _imports(self, promise: Promise, claim: str) -> Iterator[Piece]:
        """Yield the imports that the new claim needs and the module lacks."""
        names = [name.rpartition(".")[2] for name in promise.exceptions]
        missing = [name for name in names if name not in self._imported and not hasattr(builtins, name)]
        lines = [f"from {self._member.module} import {name}\n" for name in missing]
        lines += ["import pytest\n"] if "pytest." in claim and "pytest" not in self._imported else []
        body = [node for node in self._tree.body if not _comes_first(node)]
        if lines and body:
            decorators: Sequence[ast.expr] = getattr(body[0], "decorator_list", ())
            line = min([body[0].lineno, *(one.lineno for one in decorators)])
            yield self._text.line_start(line), self._text.line_start(line), "".join(lines)


def value_claim(written: str, annotation: ast.expr, found: Contradiction) -> str:
    """Return a statement that claims that an expression has its annotated type.

    If built-in classes cannot express this, the statement claims that the value is not the observed one.
    """
    if never_returns(annotation):
        return f"with pytest.raises(BaseException):\n    {written}"
    kind = None if found.collected else _classes_text(classes_of(annotation))
    if kind and _is_outside(found, annotation):
        return f"assert {written} is None" if kind == "None" else f"assert isinstance({written}, {kind})"
    element = element_type(annotation)
    inner = None if element is None else _classes_text(classes_of(element))
    if inner and inner != "None" and _holds_elements(found.claimed):
        return f"assert all(isinstance(item, {inner}) for item in {written})"
    if not found.claimed:
        return ""
    differs = "is not" if found.claimed in {"None", "True", "False"} else "!="
    return f"assert {written} {differs} {found.claimed}"


def _holds_elements(claimed: str) -> bool:
    """Return whether a claimed value is written as a list, tuple or set."""
    node = ast.parse(claimed, mode="eval").body if claimed else None
    return isinstance(node, ast.List | ast.Tuple | ast.Set)


def _is_outside(found: Contradiction, annotation: ast.expr) -> bool:
    """Return whether the value's own class is the contradiction, rather than its contents."""
    classes = classes_of(annotation) or ()
    try:
        value = ast.literal_eval(found.claimed) if found.claimed else None
    except (ValueError, TypeError, SyntaxError, MemoryError):
        return not found.claimed
    return not found.claimed or not isinstance(value, tuple(classes))


def _classes_text(classes: frozenset[type] | None) -> str:
    if not classes:
        return ""
    names = sorted("type(None)" if one is type(None) else one.__name__ for one in classes)
    if names == ["type(None)"]:
        return "None"
    return names[0] if len(names) == 1 else f"({', '.join(names)})"


def _comes_first(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Constant(value=str())) | ast.ImportFrom(module="__future__"):
            return True
    return False


def _block_of(tree: ast.Module, statement: ast.stmt) -> list[ast.stmt]:
    """Return a statement and all that follow it in the same block."""
    place = statement.lineno, statement.col_offset
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            for at, one in enumerate(block if isinstance(block, list) else ()):
                if type(one) is type(statement) and (one.lineno, one.col_offset) == place:
                    return list(block or ())[at:]
    return []

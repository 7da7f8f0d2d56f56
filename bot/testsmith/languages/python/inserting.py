"""Putting lines into a test file's text: where its imports end, and where its definitions do."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from testsmith.languages.python.definitions import Function, last_name
from testsmith.languages.python.parsing import lines_of, parse_untrusted
from testsmith.languages.python.syntax import span_of

_BLANKS_BETWEEN_DEFINITIONS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What is to be put into a file: whole lines, ended by newlines, indented by four blanks.

    Attributes:
        imports: Lines of imports; may be empty.
        definitions: All else, never empty.
    """

    imports: str
    definitions: str


def inserted(text: str, parts: Parts, after: int | None = None) -> str:
    """Return a file's text with the parts put in, ended and indented as the file's own lines are.

    No line of the text is altered; a last one without an end is given one.

    Args:
        text: The file's text.
        parts: What is put in.
        after: How many statements stand before the definitions; None for the end of the file.

    Raises:
        CannotParse: The text is no Python.
    """
    lines = lines_of(text)
    body = parse_untrusted(text).body
    newline = "\r\n" if lines[0].endswith("\r\n") else "\n"
    if not lines[-1].endswith(("\n", "\r")):
        lines[-1] += newline
    first, last = _place_of_imports(body, lines), _place_of_definitions(body, lines)
    if after and after < len(body):
        last = min(last, max(first, _end_of_line(body, body[after - 1].end_lineno or 0)))
    added = [_import_lines(parts.imports, body, lines, first), _definition_lines(parts, lines, last)]
    imports, definitions = ([line.replace("\n", newline) for line in part] for part in added)
    return "".join([*lines[:first], *imports, *lines[first:last], *definitions, *lines[last:]])


def indentation(text: str) -> str:
    """Return what a file indents its definitions by; four blanks where it has none.

    Raises:
        CannotParse: The text is no Python.
    """
    lines = lines_of(text)
    for statement in parse_untrusted(text).body:
        if isinstance(statement, Function | ast.ClassDef) and statement.body[0].lineno > statement.lineno:
            inner = statement.body[0]
            return lines[inner.lineno - 1][: inner.col_offset]
    return "    "


def _place_of_imports(body: Sequence[ast.stmt], lines: Sequence[str]) -> int:
    """Return how many lines stand before the place where imports are added."""
    if not body:
        return len(lines)
    before = _before_definitions(body)
    plain = [each for each in before if isinstance(each, ast.Import | ast.ImportFrom)]
    conditional = [each for each in before if isinstance(each, ast.If | ast.Try) and _imports(each)]
    docstring = [each for each in body[:1] if _is_docstring(each)]
    ends = [each.end_lineno or 0 for each in (plain or conditional or docstring)]
    return _end_of_line(body, max(ends)) if ends else _above(body[0], lines)


def _before_definitions(body: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    stop = next((i for i, each in enumerate(body) if isinstance(each, Function | ast.ClassDef)), len(body))
    return body[:stop]


def _imports(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(statement))


def _is_docstring(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _end_of_line(body: Sequence[ast.stmt], line: int) -> int:
    """Return the last line of the statements that share this line by semicolons."""
    for statement in body:
        if statement.lineno <= line:
            line = max(line, statement.end_lineno or 0)
    return line


def _above(statement: ast.stmt, lines: Sequence[str]) -> int:
    """Return how many lines stand above a statement and the comments that belong to it."""
    start = span_of(statement).first - 1
    above = start
    while above and lines[above - 1].lstrip().startswith("#"):
        above -= 1
    return above or start


def _place_of_definitions(body: Sequence[ast.stmt], lines: Sequence[str]) -> int:
    """Return how many lines stand before the end of the file, or before a closing `if __name__ == ...`."""
    last = body[-1] if body else None
    test = last.test if isinstance(last, ast.If) else None
    if last is not None and isinstance(test, ast.Compare) and last_name(test.left) == "__name__":
        return _above(last, lines)
    return len(lines)


def _import_lines(imports: str, body: Sequence[ast.stmt], lines: Sequence[str], place: int) -> list[str]:
    added = lines_of(imports) if imports else []
    if any(map(_imports, _before_definitions(body))):
        return [line for line in added if line.strip()]
    if not added or not body:
        return added
    follows_text = place and lines[place - 1].strip()
    precedes_text = place < len(lines) and lines[place].strip()
    return [*["\n"] * bool(follows_text), *added, *["\n"] * bool(precedes_text)]


def _definition_lines(parts: Parts, lines: Sequence[str], place: int) -> list[str]:
    before = lines[:place]
    present = next((i for i, line in enumerate(reversed(before)) if line.strip()), len(before))
    gap = ["\n"] * max(0, _BLANKS_BETWEEN_DEFINITIONS - present) if present < len(before) else []
    behind = lines[place:]
    follows = next((i for i, line in enumerate(behind) if line.strip()), len(behind))
    after = ["\n"] * max(0, _BLANKS_BETWEEN_DEFINITIONS - follows) if follows < len(behind) else []
    return [*gap, *lines_of(parts.definitions), *after]

"""Find the statements and branches of a Python file that tests can reach.

Works on the syntax tree alone, at about 50,000 lines per second, so that a whole repository can be measured.
Docstrings, `...` and type-checking blocks do not count. As in coverage.py, `# pragma: no cover` on a line
excludes its statement and everything inside it.

A branch is one outcome of an `if`, a loop or a `case`: into its body or past it. Statements on a single line
are not counted because lines cannot distinguish their branches; neither are branches to a bare jump
(`continue`, `break`, `pass`), which tracers report inconsistently.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from itertools import accumulate

from testsmith.languages.python.source.definitions import definitions, is_type_checking
from testsmith.languages.python.source.parsing import bodies, decode, parse_untrusted, span_of
from testsmith.languages.source import CannotParse, CodeBranch, Reachable
from testsmith.model import Member

_PRAGMA = re.compile(r"#\s*(?:pragma|PRAGMA)[:\s]?\s*(?:no|NO)\s*(?:cover|COVER)")
_JUMPS = (ast.Continue, ast.Break, ast.Pass)
_Deciding = ast.If | ast.For | ast.AsyncFor | ast.While


def reachable(data: bytes) -> Reachable:
    """Return the statements and branches of a file.

    Raises:
        CannotParse: `data` is not valid Python.
    """
    text = decode(data)
    lines = text.split("\n") if "cover" in text.lower() else []
    excluded = frozenset(number for number, line in enumerate(lines, start=1) if _PRAGMA.search(line))
    reader = _Reader(excluded)
    reader.take(parse_untrusted(text).body)
    return Reachable(statements=tuple(reader.statements), ways=tuple(reader.ways))


def is_conditional(data: bytes, member: Member) -> bool:
    """Return whether a member is defined only in a branch of its file; False if the file cannot be parsed."""
    try:
        known = definitions(parse_untrusted(decode(data)))
    except CannotParse:
        return False
    names = accumulate(member.name.split("."), "{}.{}".format)
    found = [known[name] for name in names if name in known]
    return any(len(each.parts) == 1 and each.parts[0].guards for each in found)


def decisions(source: str) -> int:
    """Return the number of decision points of a definition (McCabe).

    Counts conditions, loops, handlers, cases and each `and` and `or` in them. 0 for straight-line code and
    for source that cannot be parsed.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 0
    return sum(map(_parting, ast.walk(tree)))


def _parting(node: ast.AST) -> int:
    match node:
        case ast.BoolOp(values=values):
            return len(values) - 1
        case ast.comprehension(ifs=ifs):
            return 1 + len(ifs)
        case ast.If() | ast.IfExp() | ast.For() | ast.AsyncFor() | ast.While() | ast.ExceptHandler():
            return 1
        case ast.match_case() | ast.Assert():
            return 1
    return 0


class _Reader:
    """Collects statements, including nested ones.

    Attributes:
        statements: Lines of each statement.
        ways: Branches.
    """

    def __init__(self, excluded: frozenset[int]) -> None:
        self.statements: list[range] = []
        self.ways: list[CodeBranch] = []
        self._excluded = excluded

    def take(self, body: Sequence[ast.stmt]) -> None:
        """Collect a list of statements."""
        for statement in body:
            if _does_something(statement) and self._excluded.isdisjoint(head := head_lines(statement)):
                self.statements.append(head)
                self._take_ways(statement, head)
                for inner in bodies(statement):
                    self.take(inner)

    def _take_ways(self, statement: ast.stmt, head: range) -> None:
        if isinstance(statement, ast.Match):
            for case in statement.cases:
                self._into(head, case.body)
        elif isinstance(statement, _Deciding):
            body = head_lines(statement.body[0])
            if body.start in head or isinstance(statement.body[0], _JUMPS):
                return
            self._into(head, statement.body)
            if statement.orelse and isinstance(statement, ast.If):
                self._into(head, statement.orelse)
            else:
                self.ways.append(CodeBranch(head=head, target=body, past=True))

    def _into(self, head: range, body: Sequence[ast.stmt]) -> None:
        target = head_lines(body[0])
        if self._excluded.isdisjoint(target) and not isinstance(body[0], _JUMPS):
            self.ways.append(CodeBranch(head=head, target=target))


def _does_something(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant()) | ast.Global() | ast.Nonlocal():
            return False
        case ast.If(test=test) if is_type_checking(test):
            return False
        case ast.AnnAssign(value=None):
            return False
    return True


def head_lines(statement: ast.stmt) -> range:
    """Return the lines of a statement; for a compound statement, those before its first body."""
    first = span_of(statement).first
    if isinstance(statement, ast.Match):
        return range(first, (statement.subject.end_lineno or first) + 1)
    body = getattr(statement, "body", None)
    if not isinstance(body, list) or not body:
        return range(first, (statement.end_lineno or first) + 1)
    return range(first, max(span_of(body[0]).first, statement.lineno + 1))

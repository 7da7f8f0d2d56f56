"""What tests can reach of a Python file: its statements, and the two ways on from each that decides. Pure.

Read from the syntax tree alone, at some 50,000 lines a second, so that a whole repository can be counted.
A statement is one line or several that run as one; docstrings, `...` and what only a type checker sees do
nothing and do not count. As with coverage.py, a line with `# pragma: no cover` leaves out its statement
and all that stands in it.

A branch is one of the ways of an `if`, a loop or a `case`: into its body, or past it. One that stands on a
single line cannot be told apart by lines, and does not count; neither does one into a mere jump (`continue`,
`break`, `pass`), which tracers tell of in different ways.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from itertools import accumulate

from testsmith.languages.driver import CannotParse, CodeBranch, Reachable
from testsmith.languages.python.definitions import definitions, is_type_checking
from testsmith.languages.python.parsing import bodies, decode, parse_untrusted, span_of
from testsmith.model import Member

_PRAGMA = re.compile(r"#\s*(?:pragma|PRAGMA)[:\s]?\s*(?:no|NO)\s*(?:cover|COVER)")
_JUMPS = (ast.Continue, ast.Break, ast.Pass)
_Deciding = ast.If | ast.For | ast.AsyncFor | ast.While


def reachable(data: bytes) -> Reachable:
    """Return what there is to reach in a file.

    Raises:
        CannotParse: It is no Python.
    """
    text = decode(data)
    lines = text.split("\n") if "cover" in text.lower() else []
    excluded = frozenset(number for number, line in enumerate(lines, start=1) if _PRAGMA.search(line))
    reader = _Reader(excluded)
    reader.take(parse_untrusted(text).body)
    return Reachable(statements=tuple(reader.statements), ways=tuple(reader.ways))


def is_conditional(data: bytes, member: Member) -> bool:
    """Tell whether a member is defined only in one branch of its file; no, if that cannot be read."""
    try:
        known = definitions(parse_untrusted(decode(data)))
    except CannotParse:
        return False
    names = accumulate(member.name.split("."), "{}.{}".format)
    found = [known[name] for name in names if name in known]
    return any(len(each.parts) == 1 and each.parts[0].guards for each in found)


def decisions(source: str) -> int:
    """Return at how many points the way of a definition parts, as McCabe counts them.

    Conditions, loops, handlers, cases, and each `and` and `or` in them; 0 for a straight one, and for a text
    that cannot be read.
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
    """Takes statements in, those in the bodies of others included.

    Attributes:
        statements: The lines of each.
        ways: The ways on from those that decide.
    """

    def __init__(self, excluded: frozenset[int]) -> None:
        self.statements: list[range] = []
        self.ways: list[CodeBranch] = []
        self._excluded = excluded

    def take(self, body: Sequence[ast.stmt]) -> None:
        """Take a list of statements in."""
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
    """Return the lines of a statement; of a compound one those before its first body."""
    first = span_of(statement).first
    if isinstance(statement, ast.Match):
        return range(first, (statement.subject.end_lineno or first) + 1)
    body = getattr(statement, "body", None)
    if not isinstance(body, list) or not body:
        return range(first, (statement.end_lineno or first) + 1)
    return range(first, max(span_of(body[0]).first, statement.lineno + 1))

"""Choose which lines of a test file to show: tests of a member, with what they use of the file."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from testsmith.languages.python.source.definitions import Function
from testsmith.languages.python.source.parsing import parse_untrusted, span_of
from testsmith.languages.python.test_files.test_modules import SETUPS
from testsmith.languages.source import CannotParse
from testsmith.model import ExistingTest, Member

MOST_TESTS = 4
"""Maximum number of tests shown of a member."""

_MOST_SAMPLES = 2
_MOST_LINES_OF_A_TEST = 60
_LAST_LINES = 20
_MOST_LINES_OF_A_HELPER = 25
_MOST_LINES_OF_AN_IMPORT = 30
_MOST_LINES_AFTER_A_TEST = 8
_MOST_HELPERS = 12
_WORD = re.compile(r"[A-Za-z]{3,}")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Between the words of a name such as `OutputPHPFilter`."""


def most_alike(tests: Sequence[ExistingTest], member: Member) -> list[ExistingTest]:
    """Return tests with those first that have the rarest words of the change, otherwise in their order.

    The change of an affected member is that of the private definitions that it uses.
    """
    change = member.shown_change
    causes = [_HUMP.sub(" ", name) for name in member.because]
    diffs = [change.own] if change.own else change.private
    lines = [line for diff in diffs for line in diff.split("\n") if line[:1] in {"+", "-"}]
    sought = _words("\n".join([member.name, *causes, *lines] if lines else [member.source]))
    words = {test: sought & _words(f"{test.id} {test.source}") for test in tests}
    counts = Counter(word for found in words.values() for word in found)
    return sorted(tests, key=lambda test: -sum(1 / counts[word] for word in words[test]))


def _words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(text))


def nearest_tests(existing: Sequence[ExistingTest], path: str, member: Member) -> list[ExistingTest]:
    """Return a member's nearest tests in a file; if none calls it, two short ones as samples.

    Half of them are those most like the change. One that runs over a table of cases is among them, because
    its table may take the new cases.
    """
    here = [test for test in existing if test.path == path]
    calling = [test for test in here if test.calls]
    if not calling:
        short = sorted(here, key=lambda test: test.end_line - test.line)[:_MOST_SAMPLES]
        return [test for test in here if test in short]
    nearest = calling[: MOST_TESTS // 2]
    others = [test for test in most_alike(calling, member) if test not in nearest]
    shown = [*nearest, *others[: MOST_TESTS - len(nearest)]]
    table = next((test for test in calling if test.has_cases), None)
    return shown if table is None or table in shown else [*shown[:-1], table]


def lines_to_show(text: str, tests: Sequence[ExistingTest]) -> tuple[frozenset[int], ...]:
    """Return the lines to show for each test of a file, counted from 1; none if it cannot be parsed.

    They are those of the test, of the head and `setUp` of its class, of the constants, fixtures and helpers
    that it uses, and all imports. What follows the test is shown if it is short, otherwise its signature:
    it marks where the test, or its class, ends. The middle of a long test, and names of a very long import
    that it does not use, are left out.
    """
    if not tests:
        return ()
    try:
        file, length = _file(text), text.count("\n")
        return tuple(frozenset(line for line in file.lines(test) if line <= length) for test in tests)
    except CannotParse:
        return ()


@lru_cache(maxsize=16)  # members arrive file by file, and those of a file share their test files
def _file(text: str) -> _File:
    return _File(parse_untrusted(text))


class _File:
    """The top-level statements of a test file by the names that they bind."""

    def __init__(self, tree: ast.Module) -> None:
        self._body = tree.body
        self._binding: dict[str, list[ast.stmt]] = {}
        for statement in tree.body:
            for name in _bound(statement):
                self._binding.setdefault(name, []).append(statement)

    def lines(self, test: ExistingTest) -> Iterator[int]:
        """Yield the lines to show for one test."""
        yield from _of_test(test)
        for statement in self._body:
            if isinstance(statement, ast.Import | ast.ImportFrom) and _is_short(statement):
                yield from span_of(statement).lines()
        used: list[ast.AST] = []
        body: Sequence[ast.stmt] = self._body
        following = [_next_statement(body, test)]
        for suite in filter(None, test.suite.split("::")):
            classes = (each for each in body if isinstance(each, ast.ClassDef))
            for node in (each for each in classes if each.name == suite):
                yield from range(span_of(node).first, max(node.lineno + 1, span_of(node.body[0]).first))
                used += [*node.bases, *node.decorator_list]
                body = node.body
                following.append(_next_statement(body, test))
        yield from _until(next(filter(None, reversed(following)), None), test)
        functions = [each for each in body if isinstance(each, Function)]
        tests = [each for each in functions if span_of(each).first == test.line]
        of_self = {each.attr for node in tests for each in ast.walk(node) if isinstance(each, ast.Attribute)}
        for helper in functions if test.suite else ():
            is_used = helper.name in SETUPS or helper.name in of_self
            if is_used and helper not in tests and _length(helper) <= _MOST_LINES_OF_A_HELPER:
                yield from span_of(helper).lines()
                used.append(helper)
        yield from self._used_lines([*tests, *used])

    def _used_lines(self, nodes: Sequence[ast.AST]) -> Iterator[int]:
        """Yield the lines of the top-level statements that bind what nodes use, directly or indirectly."""
        names = [name for node in nodes for name in _names(node)]
        seen: set[int] = set()
        for name in names:
            for statement in self._binding.get(name, ()):
                if isinstance(statement, ast.Import | ast.ImportFrom):
                    yield from _of_import(statement, name)
                elif id(statement) not in seen and len(seen) < _MOST_HELPERS and _is_helper(statement):
                    seen.add(id(statement))
                    yield from span_of(statement).lines()
                    names.extend(_names(statement))


def _of_test(test: ExistingTest) -> Iterator[int]:
    length = test.end_line - test.line + 1
    if length <= _MOST_LINES_OF_A_TEST:
        yield from range(test.line, test.end_line + 1)
        return
    yield from range(test.line, test.line + _MOST_LINES_OF_A_TEST - _LAST_LINES)
    yield from range(test.end_line - _LAST_LINES + 1, test.end_line + 1)


def _next_statement(body: Sequence[ast.stmt], test: ExistingTest) -> ast.stmt | None:
    return next((each for each in body if span_of(each).first > test.end_line), None)


def _until(following: ast.stmt | None, test: ExistingTest) -> range:
    """Return the lines after a test to the end of the next statement, or of its signature if it is long."""
    if following is None:
        return range(0)
    ends = [span_of(following).last]
    if isinstance(following, Function | ast.ClassDef):
        ends.append(max(following.lineno, span_of(following.body[0]).first - 1))
    fitting = (end for end in ends if end - test.end_line <= _MOST_LINES_AFTER_A_TEST)
    return range(test.end_line + 1, next(fitting, test.end_line) + 1)


def _of_import(statement: ast.Import | ast.ImportFrom, name: str) -> Iterator[int]:
    """Yield the lines of an import; of a long one, the first and last, and that of a name."""
    span = span_of(statement)
    if _is_short(statement):
        yield from span.lines()
        return
    yield from (span.first, span.last)
    yield from (alias.lineno for alias in statement.names if name == _bound_by(alias))


def _is_short(statement: ast.Import | ast.ImportFrom) -> bool:
    return _length(statement) <= _MOST_LINES_OF_AN_IMPORT


def _is_helper(statement: ast.stmt) -> bool:
    """Return whether a statement is short, and neither a test nor a class of tests."""
    name = getattr(statement, "name", "")
    return _length(statement) <= _MOST_LINES_OF_A_HELPER and not name.lower().startswith("test")


def _length(statement: ast.stmt) -> int:
    span = span_of(statement)
    return span.last - span.first + 1


def _names(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node reads, and those of its parameters, which may be fixtures."""
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.arg):
            yield each.arg


def _bound(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from map(_bound_by, names)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Assign() | ast.AnnAssign():
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            nodes = (node for target in targets for node in ast.walk(target))
            yield from (node.id for node in nodes if isinstance(node, ast.Name))
        case ast.If() | ast.Try():
            for inner in ast.iter_child_nodes(statement):
                if isinstance(inner, ast.stmt):
                    yield from _bound(inner)


def _bound_by(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]

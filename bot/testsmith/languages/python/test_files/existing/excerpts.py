"""Choose which lines of a test file to show: tests of a member, with what they use of the file."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache

from testsmith.languages.python.source.definitions import Function
from testsmith.languages.python.source.parsing import parse_untrusted, span_of
from testsmith.languages.python.test_files.existing.conftest_fixtures import fixture_name, requested_fixtures
from testsmith.languages.python.test_files.test_modules import SETUPS, is_autouse, is_fixture
from testsmith.languages.source import CannotParse
from testsmith.model import ExistingTest, Member

MOST_TESTS = 4
"""Maximum number of tests shown of a member."""

_MOST_SAMPLES = 2
_MOST_LINES_OF_A_TEST = 60
_LAST_LINES = 20
_MOST_LINES_OF_A_HELPER = 25
_MOST_LINES_OF_AN_IMPORT = 30
_MOST_LINES_OF_ATTRIBUTES = 15
_MOST_LINES_AFTER_A_TEST = 8
_MOST_HELPERS = 12
_MOST_LINES_OF_FURTHER_HELPERS = 60
_MOST_LINES_OF_A_COMMON_HELPER = 12
_MOST_LINES_OF_COMMON_HELPERS = 40
_MOST_LINES_OF_OTHER_CLASSES = 60
_FEWEST_USERS = 2
_MOST_FIXTURES = 6
_MOST_IMPORTED_HELPERS = 6
_WORD = re.compile(r"[A-Za-z]{3,}")
_NAME = re.compile(r"\b_*([A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+)")
"""A name of several words, which says more than they do."""

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Between the words of a name such as `OutputPHPFilter`."""


def most_alike(tests: Sequence[ExistingTest], member: Member, intent: str = "") -> list[ExistingTest]:
    """Return tests with those first that have the rarest words of the change, otherwise in their order.

    The change of an affected member is that of the private definitions that it uses. Names in what the
    authors say about the change count like a word that only one test has, or more.
    """
    change = member.shown_change
    causes = [_HUMP.sub(" ", name) for name in member.because]
    diffs = [change.own] if change.own else change.private
    lines = [line for diff in diffs for line in diff.split("\n") if line[:1] in {"+", "-"}]
    said = names_in(intent)
    sought = _words("\n".join([member.name, *causes, *lines] if lines else [member.source])) | said
    words = {test: sought & _words(f"{test.id} {test.source}") for test in tests}
    counts = Counter(word for found in words.values() for word in found)
    weights = {word: (word in said) + 1 / count for word, count in counts.items()}
    return sorted(tests, key=lambda test: -sum(weights[word] for word in words[test]))


def _words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(text)) | names_in(text)


def names_in(text: str) -> frozenset[str]:
    """Return the names of several words in a text, such as `from_env`."""
    return frozenset(name.lower() for name in _NAME.findall(text))


def nearest_tests(
    existing: Sequence[ExistingTest], path: str, member: Member, intent: str = ""
) -> list[ExistingTest]:
    """Return a member's nearest tests in a file; if none calls it, the two that are most like the change.

    Half of them are those most like the change. One that runs over a table of cases is among them, because
    its table may take the new cases.
    """
    here = [test for test in existing if test.path == path]
    calling = [test for test in here if test.calls]
    if not calling:
        shortest_first = sorted(here, key=lambda test: test.end_line - test.line)
        samples = most_alike(shortest_first, member, intent)[:_MOST_SAMPLES]
        return [test for test in here if test in samples]
    nearest = calling[: MOST_TESTS // 2]
    others = [test for test in most_alike(calling, member, intent) if test not in nearest]
    shown = [*nearest, *others[: MOST_TESTS - len(nearest)]]
    table = next((test for test in calling if test.has_cases), None)
    return shown if table is None or table in shown else [*shown[:-1], table]


def lines_to_show(text: str, tests: Sequence[ExistingTest]) -> tuple[frozenset[int], ...]:
    """Return the lines to show for each test of a file, counted from 1; none if it cannot be parsed.

    They are those of the test, of the head, the attributes and `setUp` of its class, of the constants,
    fixtures and helpers that it uses, and all imports. What follows the test is shown if it is short,
    otherwise its signature: it marks where the test, or its class, ends. The middle of a long test, and
    names of a very long import that it does not use, are left out. For all tests together, a limited
    number of lines shows the beginning of long helpers, and the methods of its class that a helper calls.
    Two more sets of lines come last: of the helpers that several functions of the file use, and of the
    beginnings of the other classes, which say what tests of another subject are next to.
    """
    if not tests:
        return ()
    try:
        file, length = _file(text), text.count("\n")
        shown = list(_with_further_helpers(file, tests, [frozenset(file.lines(test)) for test in tests]))
        shown.append(_of_common_helpers(file, tests, frozenset[int]().union(*shown)))
        shown.append(_of_other_classes(file, frozenset[int]().union(*shown)))
        return tuple(frozenset(line for line in lines if line <= length) for lines in shown if lines)
    except CannotParse:
        return ()


def _with_further_helpers(
    file: _File, tests: Sequence[ExistingTest], shown: Sequence[frozenset[int]]
) -> Iterator[frozenset[int]]:
    """Yield the lines of each test with those of helpers that are long, or that helpers call."""
    everywhere, left = set[int]().union(*shown), _MOST_LINES_OF_FURTHER_HELPERS
    for test, lines in zip(tests, shown, strict=True):
        further = set[int]()
        for helper in file.further_helpers(test):
            added = next((some for some in _excerpts(helper) if len(some - everywhere) <= left), set())
            left -= len(added - everywhere)
            everywhere |= added
            further |= added
        yield lines | further


def _of_common_helpers(file: _File, tests: Sequence[ExistingTest], shown: Collection[int]) -> frozenset[int]:
    """Return the lines of the helpers that several functions of a file use; of a long one, its signature."""
    lines = set[int]()
    for helper in file.common_helpers(tests):
        excerpts = list(_excerpts(helper))
        added = excerpts[0 if _length(helper) <= _MOST_LINES_OF_A_COMMON_HELPER else -1]
        if helper.lineno not in shown and len(lines | added) <= _MOST_LINES_OF_COMMON_HELPERS:
            lines |= added
    return frozenset(lines)


def _of_other_classes(file: _File, shown: Collection[int]) -> frozenset[int]:
    """Return the lines of the classes of tests that are not shown, to the signature of the first test."""
    lines = set[int]()
    for suite, first in file.suites_with_first_tests():
        *_, beginning = _excerpts(suite)
        beginning |= {*_head(first)}
        inside = range(max(beginning), span_of(suite).last + 1)
        is_shown = any(line in shown for line in inside)
        if not is_shown and len(lines | beginning) <= _MOST_LINES_OF_OTHER_CLASSES:
            lines |= beginning
    return frozenset(lines)


def fixtures_to_show(
    text: str, tests: Sequence[ExistingTest], modules: Callable[[], Iterable[str]]
) -> tuple[str, ...]:
    """Return the short fixtures of other files that tests use, after the helpers that these use.

    Args:
        text: Text of the test file.
        tests: The tests of it that are shown.
        modules: Returns the modules that give fixtures to the file, nearest first.
    """
    found: dict[str, None] = {}
    try:
        wanted = {name for test in tests for name in _file(text).fixtures_of_others(test)}
        for module in modules() if wanted else ():
            file = _file(module)
            fixtures = file.fixtures(wanted)
            wanted -= fixtures.keys()
            texts = (one for fixture in fixtures.values() for one in file.with_helpers(fixture))
            found |= dict.fromkeys(texts)
    except CannotParse:
        return ()
    return tuple(found)[:_MOST_FIXTURES]


def imported_helpers(
    text: str, tests: Sequence[ExistingTest], module: Callable[[ast.ImportFrom], str]
) -> tuple[str, ...]:
    """Return functions and classes that tests import from other test modules; of long ones, the signature.

    Args:
        text: Text of the test file.
        tests: The tests of it that are shown.
        module: Returns the text of the test module that an import is from; empty if it is from another one.
    """
    found: dict[str, None] = {}
    try:
        imported = dict.fromkeys(each for test in tests for each in _file(text).imported(test))
        for statement, name in imported:
            shown = _file(module(statement)).shown_helper(name) if len(found) < _MOST_IMPORTED_HELPERS else ""
            found |= dict.fromkeys([shown] if shown else [])
    except CannotParse:
        return ()
    return tuple(found)


@lru_cache(maxsize=16)  # members arrive file by file, and those of a file share their test files
def _file(text: str) -> _File:
    return _File(text)


class _File:
    """The top-level statements of a test file by the names that they bind."""

    def __init__(self, text: str) -> None:
        self._text = text.split("\n")
        self._body = parse_untrusted(text).body
        self._binding: dict[str, list[ast.stmt]] = {}
        for statement in self._body:
            for name in _bound(statement):
                self._binding.setdefault(name, []).append(statement)

    def lines(self, test: ExistingTest) -> Iterator[int]:
        """Yield the lines to show for one test."""
        yield from _of_test(test)
        for statement in self._body:
            if isinstance(statement, ast.Import | ast.ImportFrom) and _is_short(statement):
                yield from span_of(statement).lines()
        suites = self._suites(test)
        for suite in suites:
            yield from _head(suite)
        yield from _until_next(test, [self._body, *(suite.body for suite in suites)])
        nodes = self._nodes(test)
        for helper in nodes[1:] if suites else ():
            if isinstance(helper, Function | ast.Assign | ast.AnnAssign):
                yield from span_of(helper).lines()
        for statement, name in self._used(nodes):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                yield from _of_import(statement, name)
            else:
                yield from span_of(statement).lines()

    def further_helpers(self, test: ExistingTest) -> Iterator[Function | ast.ClassDef]:
        """Yield the helpers of a test that are long, and those that a method of its class uses."""
        suites, functions = self._suites(test), self._functions(test)
        tests = [each for each in functions if span_of(each).first == test.line]
        direct = _helpers(tests, functions) if suites else []
        indirect = _helpers(direct, functions) if suites else []
        yield from direct
        yield from (each for each in indirect if each not in tests and not _is_test(each))
        heads = (each for suite in suites for each in (*suite.bases, *suite.decorator_list))
        nodes: list[ast.AST] = [*tests, *direct, *indirect, *heads]
        nodes += [each for each, _ in self._used(nodes) if not isinstance(each, ast.Import | ast.ImportFrom)]
        for name in dict.fromkeys(name for node in nodes for name in _names(node)):
            for statement in self._binding.get(name, ()):
                is_own = statement in suites or statement in tests
                if isinstance(statement, Function | ast.ClassDef) and not is_own and not _is_test(statement):
                    yield statement

    def common_helpers(self, tests: Sequence[ExistingTest]) -> list[Function | ast.ClassDef]:
        """Return the helpers of the file, and of the classes of tests, that several functions use."""
        own = [each for test in tests if test.suite for each in self._functions(test)]
        helpers = [each for each in (*self._body, *own) if isinstance(each, Function | ast.ClassDef)]
        known = [each for each in helpers if not _is_test(each) and each.name not in SETUPS]
        common = [each for each in known if self._users[each.name] >= _FEWEST_USERS]
        return sorted(common, key=lambda each: -self._users[each.name])

    def suites_with_first_tests(self) -> Iterator[tuple[ast.ClassDef, Function]]:
        """Yield the classes of the file that hold tests, each with its first one."""
        for suite in self._body:
            if isinstance(suite, ast.ClassDef):
                tests = [each for each in suite.body if isinstance(each, Function) and _is_test(each)]
                yield from ((suite, test) for test in tests[:1])

    @cached_property
    def _users(self) -> Counter[str]:
        """The number of functions of the file that use each name, as a name, a parameter or an attribute."""
        functions = (each for statement in self._body for each in _functions_in(statement))
        return Counter(name for function in functions for name in _all_names(function))

    def fixtures_of_others(self, test: ExistingTest) -> Iterator[str]:
        """Yield the names of the fixtures that a test asks for and that are not in this file."""
        nodes = self._nodes(test)
        own = {node.name for node in nodes if isinstance(node, Function)}
        helpers = (statement for statement, _ in self._used(nodes))
        asked = (name for node in (*nodes, *helpers) for name in requested_fixtures(node))
        yield from (name for name in asked if name not in own and name not in self._binding)

    def fixtures(self, names: Collection[str]) -> dict[str, Function]:
        """Return the short fixtures of this file with one of these names."""
        functions = (each for each in self._body if isinstance(each, Function) and is_fixture(each))
        named = {fixture_name(each): each for each in functions if _is_helper(each)}
        return {name: each for name, each in named.items() if name in names}

    def imported(self, test: ExistingTest) -> Iterator[tuple[ast.ImportFrom, str]]:
        """Yield the imports of what a test uses, with the name in the other module."""
        for statement, name in self._used(self._nodes(test)):
            if isinstance(statement, ast.ImportFrom):
                yield from ((statement, alias.name) for alias in statement.names if name == _bound_by(alias))

    def shown_helper(self, name: str) -> str:
        """Return the text of a function or class of this file, or its signature; empty if it is none."""
        helper = next(iter(self._binding.get(name, ())), None)
        if not isinstance(helper, Function | ast.ClassDef) or _is_test(helper):
            return ""
        *_, head = _excerpts(helper)
        lines = span_of(helper).lines() if _length(helper) <= _MOST_LINES_OF_A_HELPER else sorted(head)
        return "\n".join(self._text[line - 1] for line in lines)

    def with_helpers(self, fixture: Function) -> list[str]:
        """Return the texts of a fixture, and of the short statements of this file that it uses, in order."""
        used = (statement for statement, _ in self._used([fixture]))
        helpers = {each.lineno: each for each in used if not isinstance(each, ast.Import | ast.ImportFrom)}
        spans = [span_of(each) for _, each in sorted({**helpers, fixture.lineno: fixture}.items())]
        return ["\n".join(self._text[span.first - 1 : span.last]) for span in spans]

    def _suites(self, test: ExistingTest) -> list[ast.ClassDef]:
        """Return the classes that contain a test, outermost first."""
        suites: list[ast.ClassDef] = []
        for name in filter(None, test.suite.split("::")):
            body = suites[-1].body if suites else self._body
            suites += [each for each in body if isinstance(each, ast.ClassDef) and each.name == name][-1:]
        return suites

    def _functions(self, test: ExistingTest) -> list[Function]:
        """Return the functions of the class of a test, or of the top level."""
        suites = self._suites(test)
        return [each for each in (suites[-1].body if suites else self._body) if isinstance(each, Function)]

    def _nodes(self, test: ExistingTest) -> list[ast.AST]:
        """Return a test, what it uses of its class, and the heads and attributes of the classes around it.

        A base class may read the attributes, for example to set up each test.
        """
        suites, functions = self._suites(test), self._functions(test)
        nodes: list[ast.AST] = [each for each in functions if span_of(each).first == test.line]
        if suites:
            nodes += [each for each in _helpers(nodes, functions) if _length(each) <= _MOST_LINES_OF_A_HELPER]
        nodes += [each for suite in suites for each in _attributes(suite)]
        return [*nodes, *(each for suite in suites for each in (*suite.bases, *suite.decorator_list))]

    def _used(self, nodes: Sequence[ast.AST]) -> Iterator[tuple[ast.stmt, str]]:
        """Yield the top-level statements that bind what nodes use, directly or indirectly, with the name."""
        names = [name for node in nodes for name in _names(node)]
        seen: set[int] = set()
        for name in names:
            for statement in self._binding.get(name, ()):
                if isinstance(statement, ast.Import | ast.ImportFrom):
                    yield statement, name
                elif id(statement) not in seen and len(seen) < _MOST_HELPERS and _is_helper(statement):
                    seen.add(id(statement))
                    yield statement, name
                    names.extend(_names(statement))


def _attributes(suite: ast.ClassDef) -> list[ast.stmt]:
    """Return the assignments in the body of a class; none if they are long."""
    found: list[ast.stmt] = [each for each in suite.body if isinstance(each, ast.Assign | ast.AnnAssign)]
    return found if sum(map(_length, found)) <= _MOST_LINES_OF_ATTRIBUTES else []


def _helpers(users: Sequence[ast.AST], methods: Sequence[Function]) -> list[Function]:
    """Return the methods of a class that some of its functions use, and those that run before each test."""
    named = {each.attr for node in users for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    asked = {name for node in users for name in requested_fixtures(node)}
    return [
        helper
        for helper in methods
        if helper not in users
        if helper.name in SETUPS
        or helper.name in named
        or (is_fixture(helper) and (fixture_name(helper) in asked or is_autouse(helper)))
    ]


def _excerpts(helper: Function | ast.ClassDef) -> Iterator[set[int]]:
    """Yield the lines of a helper: as many as may be shown, and those to the first line of its docstring."""
    span, first = span_of(helper), helper.body[0]
    head = {*_head(helper)}
    match first:
        case ast.Expr(value=ast.Constant(value=str(text))):
            head |= {first.lineno, first.lineno + text.startswith("\n")}
            inner = range(first.end_lineno or first.lineno, span.last + 1)
        case _:
            inner = range(max(head) + 1, span.last + 1)
    if _length(helper) <= _MOST_LINES_OF_A_HELPER:
        yield set(span.lines())
    elif isinstance(helper, Function):
        yield head | set(inner[: max(_MOST_LINES_OF_A_HELPER - len(head), 0)])
    yield head


def _head(definition: Function | ast.ClassDef) -> range:
    """Return the lines of the decorators and the signature of a definition."""
    last = max(definition.lineno, span_of(definition.body[0]).first - 1)
    return range(span_of(definition).first, last + 1)


def _of_test(test: ExistingTest) -> Iterator[int]:
    length = test.end_line - test.line + 1
    if length <= _MOST_LINES_OF_A_TEST:
        yield from range(test.line, test.end_line + 1)
        return
    yield from range(test.line, test.line + _MOST_LINES_OF_A_TEST - _LAST_LINES)
    yield from range(test.end_line - _LAST_LINES + 1, test.end_line + 1)


def _until_next(test: ExistingTest, bodies: Iterable[Sequence[ast.stmt]]) -> range:
    """Return the lines after a test to the end of the next statement, or of its signature if it is long.

    Args:
        test: The test.
        bodies: The statements of its file, and of each class around it.
    """
    later = [each for body in bodies for each in body if span_of(each).first > test.end_line]
    if not later:
        return range(0)
    following = min(later, key=lambda each: span_of(each).first)
    ends = [span_of(following).last]
    if isinstance(following, Function | ast.ClassDef):
        ends.append(_head(following)[-1])
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
    return _length(statement) <= _MOST_LINES_OF_A_HELPER and not _is_test(statement)


def _is_test(statement: ast.stmt) -> bool:
    is_named_like_test = getattr(statement, "name", "").lower().startswith("test")
    return is_named_like_test and not (isinstance(statement, Function) and is_fixture(statement))


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


def _functions_in(statement: ast.stmt) -> Iterator[Function]:
    """Yield a function of the top level, or the methods of a class and of the classes in it."""
    if isinstance(statement, Function):
        yield statement
    elif isinstance(statement, ast.ClassDef):
        for each in statement.body:
            yield from _functions_in(each)


def _all_names(function: Function) -> set[str]:
    attributes = (each.attr for each in ast.walk(function) if isinstance(each, ast.Attribute))
    return {*_names(function), *attributes}


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

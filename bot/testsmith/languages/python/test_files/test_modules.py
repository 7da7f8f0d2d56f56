"""Find the test functions of a test module, and reduce a module to some of them."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from testsmith.languages.python.source.definitions import Function, last_name
from testsmith.languages.python.source.parsing import parse_concrete, parse_untrusted, refusing_depth

ACT_ON_THE_WHOLE_FILE = frozenset(
    {
        "pytest_generate_tests",
        "pytest_plugins",
        "pytestmark",
        "setup_function",
        "setup_module",
        "setUpModule",
        "tearDownModule",
        "teardown_function",
        "teardown_module",
    },
)
"""Names in a test module that pytest itself reads and that affect all its tests."""

SETUPS = frozenset(
    {
        "asyncSetUp",
        "setUp",
        "setUpClass",
        "setup",
        "setup_class",
        "setup_function",
        "setup_method",
        "setup_module",
    }
)
"""Names of functions that run before the tests of a class or module."""


@lru_cache(maxsize=16_384)  # asked before and after formatting, for proof and for the report
def test_functions(code: str) -> tuple[str, ...]:
    """Return the names of the test functions pytest collects, in order, with methods as `Class::name`.

    Conditional definitions count once. Fixtures are not tests, whatever their names.

    Raises:
        CannotParse: `code` is not valid Python.
    """
    tree = parse_untrusted(code)
    return tuple(dict.fromkeys(tests_in(tree.body, "", _suites_of(tree))))


def keep_tests(code: str, names: Collection[str]) -> str:
    """Return the module with only the named test functions and what they use.

    Imports, helper functions, classes and constants that no kept test uses are removed. Statements with
    effects (for example calls) and what pytest itself reads (`pytestmark`, autouse fixtures) stay, and so do
    classes that run a kept test. Comments and formatting of what remains are unchanged.

    Args:
        code: A test module.
        names: Names as returned by `test_functions`; unknown names are ignored.

    Raises:
        CannotParse: `code` is not valid Python.
    """
    from testsmith.languages.python.test_files.cutting import without_other_tests, without_unused
    from testsmith.languages.python.test_files.inherited_tests import inherited_runs

    with refusing_depth():
        inherited = inherited_runs(code)
        runs = [run for name in names for run in (name, *inherited.get(name, ()))]
        needed = {run.partition("::")[0] for run in runs if "::" in run}
        return without_unused(without_other_tests(parse_concrete(code), frozenset(names)), needed).code


def suites_of_file(bases: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Return the classes of a file whose tests run: in the class itself, or in one that inherits from it.

    Args:
        bases: Last names of the bases of each class of the top level.
    """
    test_cases = unittest_suites(bases)
    waiting = [name for name, own in bases.items() if name in test_cases or is_suite(name, own)]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(base for base in bases[name] if base in bases)
    return frozenset(found)


def unittest_suites(bases: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Return the classes of a file that inherit from a `TestCase`, directly or from another class of it.

    Args:
        bases: Last names of the bases of each class of the top level.
    """
    found = {name for name, own in bases.items() if is_of_unittest(name, own)}
    while more := {name for name, own in bases.items() if not found.isdisjoint(own)} - found:
        found |= more
    return frozenset(found)


def is_suite(name: str, bases: Collection[str]) -> bool:
    """Return whether pytest looks for tests in a class with this name and these base names.

    Names such as `test_Cart` count because some projects set `python_classes = test_*`.
    """
    is_named = name.startswith(("Test", "test_")) or any(base.endswith("TestBase") for base in bases)
    return is_named or is_of_unittest(name, bases)


def is_of_unittest(name: str, bases: Collection[str]) -> bool:
    """Return whether a class inherits from a `TestCase`, as far as names say.

    For a class whose own name does not begin with `Test`, a base such as `UnitTest` says so, too: otherwise,
    pytest would not look for tests in it.
    """
    endings = ("TestCase",) if name.startswith(("Test", "test_")) else ("TestCase", "Test", "Tests")
    return any(base.endswith(endings) for base in bases)


def is_test_name(name: str) -> bool:
    """Return whether pytest treats a function of this name as a test."""
    return name.startswith("test")


def is_fixture(function: Function) -> bool:
    """Return whether a function is a pytest fixture."""
    return any(last_name(decorator) == "fixture" for decorator in function.decorator_list)


def is_autouse(function: Function) -> bool:
    """Return whether a function is a fixture that every test of its file or class uses."""
    calls = [each for each in function.decorator_list if isinstance(each, ast.Call)]
    return is_fixture(function) and any(word.arg == "autouse" for call in calls for word in call.keywords)


def parametrized_arguments(decorators: Iterable[ast.expr]) -> Iterator[str]:
    """Yield the arguments that `parametrize` marks give values to themselves, without fixtures."""
    for mark in decorators:
        if not isinstance(mark, ast.Call) or last_name(mark) != "parametrize":
            continue
        named = {keyword.arg: keyword.value for keyword in mark.keywords}
        argnames, _, indirect, *_ = (*mark.args, None, None, None)
        names = {part.strip() for text in _texts(named.get("argnames", argnames)) for part in text.split(",")}
        match named.get("indirect", indirect):
            case None | ast.Constant(value=False):
                yield from names
            case ast.List() | ast.Tuple() as fixtures:
                yield from names.difference(_texts(fixtures))


def _texts(node: ast.expr | None) -> Iterator[str]:
    constants = (each for each in ast.walk(node or ast.Tuple([])) if isinstance(each, ast.Constant))
    yield from (each.value for each in constants if isinstance(each.value, str))


def inner_statements(statement: ast.stmt) -> Sequence[ast.stmt]:
    """Return the statements of all branches of a compound statement, in order."""
    inner: list[ast.stmt] = []
    for node in ast.iter_child_nodes(statement):
        if isinstance(node, ast.stmt):
            inner.append(node)
        elif isinstance(node, ast.ExceptHandler | ast.match_case):
            inner.extend(node.body)
    return inner


def _suites_of(tree: ast.Module) -> frozenset[str]:
    classes = [each for each in tree.body if isinstance(each, ast.ClassDef)]
    return suites_of_file({each.name: [last_name(base) for base in each.bases] for each in classes})


def tests_in(statements: Sequence[ast.stmt], prefix: str, suites: Collection[str]) -> Iterator[str]:
    """Yield the names of the test functions in the body of a module or class.

    Args:
        statements: The body.
        prefix: Start of the names: empty for a module, else the class with `::`.
        suites: Classes of the top level that have tests besides those that `is_suite` knows.
    """
    for statement in statements:
        if isinstance(statement, Function):
            if is_test_name(statement.name) and not is_fixture(statement):
                yield prefix + statement.name
        elif isinstance(statement, ast.ClassDef):
            bases = [last_name(base) for base in statement.bases]
            if is_suite(statement.name, bases) or (not prefix and statement.name in suites):
                yield from tests_in(statement.body, f"{prefix}{statement.name}::", suites)
        else:
            yield from tests_in(inner_statements(statement), prefix, suites)

"""Tests of classes that are not collected themselves, but run in classes of their file that inherit them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from testsmith.languages.python.source.definitions import last_name
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.python.test_files.test_modules import is_suite, tests_in, unittest_suites

_WITHOUT_TESTS = frozenset({"ABC", "IsolatedAsyncioTestCase", "TestCase", "object"})
"""Classes of the standard library that test classes inherit from."""

_MOST_ANCESTORS = 20


@lru_cache(maxsize=1_024)  # asked for each run
def inherited_runs(code: str) -> Mapping[str, tuple[str, ...]]:
    """Return the tests that run only in classes that inherit them, with the names that they have there.

    Their own class is deleted, has `__test__ = False`, or is neither a `TestCase` nor named like a class of
    tests. Tests are left out if another definition of their name could be the one that runs.

    Returns:
        For example, `{"Base::test_x": ("TestOne::test_x", "TestTwo::test_x")}`.

    Raises:
        CannotParse: `code` is not valid Python.
    """
    tree = parse_untrusted(code)
    classes = _classes(tree)
    orders = {name: _resolution_order(name, classes) for name in classes}
    collected = _collected(tree, classes, orders)
    runs: dict[str, list[str]] = {}
    for suite in (name for name in classes if name in collected):
        overridden: set[str] = set()
        for owner in orders[suite]:
            own = Counter(_bound_names(classes[owner].body))
            for test in tests_in(classes[owner].body, "", ()) if owner not in collected else ():
                if own[test] == 1 and test not in overridden:
                    runs.setdefault(f"{owner}::{test}", []).append(f"{suite}::{test}")
            overridden.update(own)
    return {name: tuple(found) for name, found in runs.items()}


def _classes(tree: ast.Module) -> dict[str, ast.ClassDef]:
    """Return the classes of the top level whose names are bound once, without those that have a metaclass."""
    bound = Counter(_bound_names(tree.body))
    found = (each for each in tree.body if isinstance(each, ast.ClassDef))
    return {each.name: each for each in found if bound[each.name] == 1 and not each.keywords}


def _collected(
    tree: ast.Module, classes: Mapping[str, ast.ClassDef], orders: Mapping[str, Sequence[str]]
) -> frozenset[str]:
    """Return the classes that are collected themselves."""
    deletions = (each for each in tree.body if isinstance(each, ast.Delete))
    deleted = {last_name(target) for each in deletions for target in each.targets}
    bases = {name: [last_name(base) for base in each.bases] for name, each in classes.items()}
    test_cases = unittest_suites(bases)
    return frozenset(
        name
        for name in classes
        if name not in deleted
        and (name in test_cases or is_suite(name, bases[name]))
        and next((value for each in orders[name] for value in _marks(classes[each])), True)
    )


def _marks(suite: ast.ClassDef) -> Iterator[bool]:
    """Yield the value of `__test__` that a class has itself."""
    for statement in suite.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="__test__")], value=ast.Constant(value=value)):
                yield bool(value)


def _resolution_order(name: str, classes: Mapping[str, ast.ClassDef]) -> list[str]:
    """Return a class and its ancestors in the order in which Python looks for a method.

    The order ends before the first class whose methods are not known.
    """
    made: dict[str, type] = {}

    def make(one: str, depth: int) -> type:
        if one not in made:
            if depth > _MOST_ANCESTORS:
                raise TypeError
            bases = map(_base_name, classes[one].bases if one in classes else ())
            made[one] = type(one, tuple(make(base, depth + 1) for base in bases if base != "object"), {})
        return made[one]

    try:
        order = [each.__name__ for each in make(name, 0).__mro__[:-1]]
    except (TypeError, ValueError):  # Python refuses such bases, too
        return []
    others = (at for at, one in enumerate(order) if one not in classes and one not in _WITHOUT_TESTS)
    return [one for one in order[: next(others, len(order))] if one in classes]


def _base_name(base: ast.expr) -> str:
    """Return a name that is only the same for the same base."""
    if isinstance(base, ast.Name) or last_name(base) in _WITHOUT_TESTS:
        return last_name(base)
    return ast.unparse(base)


def _bound_names(body: Sequence[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements may bind, those inside of functions and classes included."""
    for node in (each for statement in body for each in ast.walk(statement)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.MatchMapping(rest=str(name)):
                yield name
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                yield name
            case ast.alias(name=name, asname=local):
                yield local or name.partition(".")[0]

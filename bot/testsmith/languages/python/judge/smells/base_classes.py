"""Find what base classes, which may be in other test files, run before the tests of a class."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from testsmith.languages.python.judge.smells.known_checks import KnownChecks
from testsmith.languages.python.judge.test_reading.situations import dotted_name
from testsmith.languages.python.source.definitions import Function
from testsmith.languages.python.test_files.test_modules import SETUPS, is_autouse

_MOST_CLASSES = 20


def inherited_setups(suite: ast.ClassDef, module: ast.Module, checks: KnownChecks) -> Iterator[Function]:
    """Yield the setup functions and automatic fixtures that a class of tests inherits and that run for it.

    What a class overrides runs only if the override calls it.

    Args:
        suite: The class.
        module: Its module.
        checks: What the project's test files have.
    """
    hidden: set[str] = set()
    waiting = [(suite, module)]
    for _ in range(_MOST_CLASSES):
        if not waiting:
            return
        owner, place = waiting.pop()
        own = [one for one in owner.body if isinstance(one, Function)]
        setups = [one for one in own if one.name in SETUPS or is_autouse(one)]
        if owner is not suite:
            yield from (one for one in setups if one.name not in hidden)
        hidden.update(one.name for one in setups if not _calls_inherited(one))
        waiting += reversed([found for base in owner.bases for found in _classes(base, place, checks)])


def _calls_inherited(setup: Function) -> bool:
    """Return whether a method calls another one of its name, such as that of a base class."""
    calls = (node.func for node in ast.walk(setup) if isinstance(node, ast.Call))
    return any(isinstance(called, ast.Attribute) and called.attr == setup.name for called in calls)


def _classes(
    base: ast.expr, module: ast.Module, checks: KnownChecks
) -> Iterator[tuple[ast.ClassDef, ast.Module]]:
    """Yield the class of a base with its module, if it is known which one it is."""
    *_, home, name = ["", "", *dotted_name(base).split(".")]
    own = [one for one in module.body if isinstance(one, ast.ClassDef) and one.name == name and not home]
    if own:
        yield own[-1], module
        return
    for statement in module.body if not home else ():
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                if (alias.asname or alias.name) == name:
                    home, name = (statement.module or "").rpartition(".")[2], alias.name
    found = list(checks.classes(name, home)) if home else []
    if len(found) == 1:
        yield found[0]

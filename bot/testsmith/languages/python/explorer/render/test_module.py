"""Render a member's tests as a complete pytest module.

The module runs with plain `pytest FILE` in an empty folder with the source roots on PYTHONPATH, and uses only
Python 3.9 syntax.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterable, Sequence

from testsmith.languages.python.explorer.cases import Case
from testsmith.languages.python.explorer.render.assertions import (
    PYTEST,
    Lines,
    Written,
    act_and_assert,
    comparison,
    exception_imports,
    indented,
    match_text,
    refusal,
    spread,
)
from testsmith.languages.python.explorer.render.call_text import call_text
from testsmith.languages.python.explorer.render.expressions import NONE, Import, Imports
from testsmith.languages.python.explorer.render.summaries import Test

_INDENT = "    "


class CannotRender(ValueError):
    """The tests do not form a module: a name clash, or text that is not valid Python."""


def write_module(tests: Sequence[tuple[str, Test]], top_package: str) -> str:
    """Return the text of a test module.

    Args:
        tests: Tests with their names, in order.
        top_package: The project's top-level package, whose imports come last.

    Raises:
        CannotRender: The tests conflict.
    """
    written = [_written(name, test) for name, test in tests]
    blocks = ["\n".join(lines) for lines, _ in written]
    read = _names_read("\n".join(blocks))
    imports = frozenset(each for _, needed in written for each in needed if each.bound in read)
    if len({each.bound for each in imports}) < len(imports):
        raise CannotRender("two things by one name")
    return "\n\n\n".join([_import_text(imports, top_package), *blocks]) + "\n"


def _names_read(code: str) -> set[str]:
    try:
        return {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    except SyntaxError as error:
        raise CannotRender(str(error)) from error


def _import_text(imports: Imports, top_package: str) -> str:
    """Return sorted imports: standard library, installed packages, the project."""
    groups: dict[int, set[Import]] = {0: set(), 1: set(), 2: set()}
    for each in imports:
        top = each.module.partition(".")[0]
        groups[2 if top == top_package else 0 if top in sys.stdlib_module_names else 1].add(each)
    return "\n\n".join("\n".join(_group_lines(group)) for group in groups.values() if group)


def _group_lines(group: Iterable[Import]) -> Lines:
    plain = sorted(each.statement for each in group if not each.name)
    modules: dict[str, list[Import]] = {}
    for each in sorted((each for each in group if each.name), key=_isort_key):
        modules.setdefault(each.module, []).append(each)
    return [*plain, *(_from_line(module, names) for module, names in modules.items())]


def _isort_key(each: Import) -> tuple[str, int, str]:
    """Return isort's sort key: constants, then classes, then other names."""
    kind = 0 if each.name.isupper() and len(each.name) > 1 else 1 if each.name[:1].isupper() else 2
    return each.module, kind, each.name


def _from_line(module: str, names: Sequence[Import]) -> str:
    return f"from {module} import {', '.join(each.statement.partition(' import ')[2] for each in names)}"


def _written(name: str, test: Test) -> Written:
    return _table(name, test) if test.is_table else _single(name, test.first)


def _single(name: str, case: Case) -> Written:
    """Write a test of one case."""
    lines, imports = _body(case)
    if case.trial.in_loop:
        lines = ["async def scenario():", *indented(lines), "", "asyncio.run(scenario())"]
        imports |= {_ASYNCIO}
    if case.in_folder:
        lines = ["monkeypatch.chdir(tmp_path)", *lines]
    text = "\n".join(lines)
    fixtures = [fixture for fixture in _FIXTURES if re.search(rf"\b{fixture}\b", text)]
    return [f"def {name}({', '.join(fixtures)}):", *indented(lines)], imports


_FIXTURES = ("capsys", "monkeypatch", "tmp_path")
_ASYNCIO = Import("asyncio")


def _body(case: Case) -> Written:
    trial = case.trial
    setup, call = _setup_and_call(case)
    lines, imports = act_and_assert(case, call)
    before = [line for statement in (*trial.still, *setup) for line in _spaced(statement)]
    blank = [""] if len(before) > 1 and not lines[0].startswith("assert") else []
    return _with_single_blanks([*before, *blank, *lines]), trial.imports | imports


def _spaced(statement: str) -> Lines:
    """Return the lines of a statement, with blank lines around a function or class."""
    lines = statement.splitlines()
    return ["", *lines, ""] if statement.startswith(("@", "def ", "async def ", "class ")) else lines


def _with_single_blanks(lines: Lines) -> Lines:
    """Return lines with at most one consecutive blank line, and none at the beginning."""
    return [line for at, line in enumerate(lines) if line or (at and lines[at - 1])]


def _setup_and_call(case: Case) -> tuple[Lines, str]:
    """Return the setup statements and the call; an object that is used once is inlined."""
    trial = case.trial
    arguments = [argument.text() for argument in trial.arguments]
    value = case.outcome.value.text if case.outcome.value else ""
    if trial.made and not case.states_changes and value != trial.receiver:
        mentioned = re.compile(rf"\b{re.escape(trial.receiver)}\b")
        if not any(mentioned.search(argument) for argument in arguments):
            return [], call_text(trial.pieces, trial.made, arguments)
    return list(trial.setup), trial.call


def _table(name: str, test: Test) -> Written:
    """Write a parametrized test."""
    case = test.first
    varying = _varying(test)
    columns = {argument: _column_name(argument, case) for argument in varying}
    results = _Results(test)
    arguments = [argument.text(columns.get(argument.name)) for argument in case.trial.arguments]
    call = call_text(case.trial.pieces, _receiver(case), arguments)
    head = [*columns.values(), *([results.column] if results.column else [])]
    lines, imports = results.body(call)
    still = [line for statement in case.trial.still for line in _spaced(statement)]
    signature = ", ".join([*head, *(["monkeypatch"] if still else [])])
    needed = NONE.union(*(each.trial.imports for each in test.cases), imports, {PYTEST})
    rows = [_row(each, varying, results) for each in test.cases]
    return [
        "@pytest.mark.parametrize(",
        f"{_INDENT}{_head(head)},",
        f"{_INDENT}[",
        *(f"{_INDENT * 2}{row}," for row in rows),
        f"{_INDENT}],",
        ")",
        f"def {name}({signature}):",
        *indented(_with_single_blanks([*still, *_table_setup(case), *lines])),
    ], needed


def _head(names: Sequence[str]) -> str:
    return f'"{names[0]}"' if len(names) == 1 else "(" + ", ".join(f'"{name}"' for name in names) + ")"


def _receiver(case: Case) -> str:
    trial = case.trial
    return trial.made or trial.receiver


def _table_setup(case: Case) -> Lines:
    return [] if case.trial.made else list(case.trial.setup)


def _varying(test: Test) -> list[str]:
    """Return the arguments that differ between rows, or the first if none does."""
    names = [argument.name for argument in test.first.trial.arguments]
    texts = [{argument.name: argument.value.text for argument in case.trial.arguments} for case in test.cases]
    return [name for name in names if len({row[name] for row in texts}) > 1] or names[:1]


_RESERVED = frozenset({"expected", "message", "request", "capsys"})
"""Names not allowed for a table's columns: result columns and fixtures."""


def _column_name(argument: str, case: Case) -> str:
    taken = {each.bound for each in case.trial.imports} | _RESERVED | {case.trial.receiver}
    return f"{argument}_" if argument in taken or hasattr(builtins, argument) else argument


class _Results:
    """Expected results of a table's rows: one column, or one value for all."""

    def __init__(self, test: Test) -> None:
        self._case = test.first
        self._raised = self._case.outcome.kind == "raised"
        texts = [self.of(case) for case in test.cases]
        texts = texts if all(texts) else [""]
        differs = len(set(texts)) > 1
        self._common = "" if differs else texts[0]
        self._identity = not self._raised and all(case.outcome.relation == "is" for case in test.cases)
        self.column = ("message" if self._raised else "expected") if differs else ""
        values = [case.outcome.value for case in test.cases]
        self._imports = NONE.union(*(value.imports for value in values if value is not None))

    def of(self, case: Case) -> str:
        """Return the source text of a row's result."""
        if self._raised:
            return match_text(case.outcome.message)
        return case.outcome.value.text if case.outcome.value else "None"

    def body(self, call: str) -> Written:
        """Return the body of the test."""
        outcome = self._case.outcome
        expected = self.column or self._common
        if self._raised and outcome.home is not None:
            lines, imports = refusal(outcome.form, call, outcome.home.path, expected)
            return lines, imports | exception_imports(outcome)
        lines, imports = comparison(outcome.form, call, "is" if self._identity else "==", expected)
        return lines, imports | self._imports


def _row(case: Case, varying: Sequence[str], results: _Results) -> str:
    cells = [argument.value.text for argument in case.trial.arguments if argument.name in varying]
    texts = [*map(spread, [*cells, *([results.of(case)] if results.column else [])])]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"

"""The text of a member's tests: one complete pytest module, as a careful person would write it.

It runs by plain `pytest FILE` from an empty folder with the source roots on PYTHONPATH, and keeps to the
syntax of Python 3.9.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Callable, Iterable, Sequence

from bot.generation.offline.calls import call_text, variable_for
from bot.generation.offline.cases import Case, telling
from bot.generation.offline.expressions import NONE, Import, Imports, quoted
from bot.generation.offline.grouping import Test
from bot.generation.offline.naming import row_id
from bot.generation.offline.observations import Fact

_PYTEST = Import("pytest")
_ASYNCIO = Import("asyncio")
_MATH = Import("math")
_ISLICE = Import("itertools", "islice")

_FIRST_ITEMS = 5
_MOST_FACTS = 3
_LONGEST_MATCH = 60
_INDENT = "    "

Lines = list[str]


class CannotWrite(ValueError):
    """The tests do not make a module: two need different things by one name, or a text is no Python."""


def write_module(tests: Sequence[tuple[str, Test]], top_package: str) -> str:
    """Return the text of a test module.

    Args:
        tests: Tests with their names, in order.
        top_package: The project's own top-level package, whose imports stand last.

    Raises:
        CannotWrite: They do not go together.
    """
    written = [_written(name, test) for name, test in tests]
    blocks = ["\n".join(lines) for lines, _ in written]
    read = _names_read("\n".join(blocks))
    imports = frozenset(each for _, needed in written for each in needed if each.bound in read)
    if len({each.bound for each in imports}) < len(imports):
        raise CannotWrite("two things by one name")
    return "\n\n\n".join([_import_text(imports, top_package), *blocks]) + "\n"


def _names_read(code: str) -> set[str]:
    try:
        return {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    except SyntaxError as error:
        raise CannotWrite(str(error)) from error


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
    """Sort as isort does: constants, then classes, then all others."""
    kind = 0 if each.name.isupper() and len(each.name) > 1 else 1 if each.name[:1].isupper() else 2
    return each.module, kind, each.name


def _from_line(module: str, names: Sequence[Import]) -> str:
    return f"from {module} import {', '.join(each.statement.partition(' import ')[2] for each in names)}"


def _written(name: str, test: Test) -> tuple[Lines, Imports]:
    return _table(name, test) if test.is_table else _single(name, test.first)


def _single(name: str, case: Case) -> tuple[Lines, Imports]:
    """Write a test of one case."""
    lines, imports = _body(case)
    fixtures = ["capsys"] if case.outcome.kind == "printed" else []
    if case.in_folder:
        fixtures += ["monkeypatch", "tmp_path"]
        lines = ["monkeypatch.chdir(tmp_path)", *lines]
    return [f"def {name}({', '.join(fixtures)}):", *_indented(lines)], imports


def _indented(lines: Iterable[str]) -> Lines:
    return [_INDENT + line if line else "" for line in lines]


def _body(case: Case) -> tuple[Lines, Imports]:
    trial = case.trial
    setup, call = _setup_and_call(case)
    lines, imports = _act_and_assert(case, call)
    before = [line for statement in setup for line in statement.splitlines()]
    blank = [""] if len(before) > 1 and not lines[0].startswith("assert") else []
    return [*before, *blank, *lines], trial.imports | imports


def _setup_and_call(case: Case) -> tuple[Lines, str]:
    """Return the statements before the call, and the call; an object that is used once stands in the call."""
    trial = case.trial
    arguments = [argument.text() for argument in trial.arguments]
    value = case.outcome.value.text if case.outcome.value else ""
    if trial.made and not _looks_at_state(case) and value != trial.receiver:
        mentioned = re.compile(rf"\b{re.escape(trial.receiver)}\b")
        if not any(mentioned.search(argument) for argument in arguments):
            return [], call_text(trial.pieces, trial.made, arguments)
    return list(trial.setup), trial.call


def _looks_at_state(case: Case) -> bool:
    return case.with_state and bool(case.changes)


def _act_and_assert(case: Case, call: str) -> tuple[Lines, Imports]:
    """Return the call and what is asserted of it."""
    if case.contradicts or case.outcome.kind == "none":
        return _documented(case, call)
    if case.gives_none and _looks_at_state(case):
        return _state_only(case, call)
    lines, imports = _WRITERS[case.outcome.kind](case, call)
    if not _looks_at_state(case):
        return lines, imports
    checks, more = _fact_lines(case.shown_changes[:1])
    return [*lines, *checks], imports | more


def _documented(case: Case, call: str) -> tuple[Lines, Imports]:
    """Write what the documentation says, whatever the code does."""
    example = case.trial.example
    if example is not None and example.exception is not None:
        name = example.exception.rpartition(".")[2]
        return [f"with pytest.raises({name}):", f"{_INDENT}{call}"], frozenset({_PYTEST})
    expected = _tidy(example.expected) if example is not None and example.expected is not None else "None"
    expression, imports = _brought_out(case.outcome.form, call)
    return [_assertion(expression, "is" if expected in _SINGLETONS else "==", expected)], imports


def _tidy(text: str) -> str:
    """Return a literal of a text in the quotes of all others."""
    value = ast.parse(text, mode="eval").body
    return quoted(value.value) if isinstance(value, ast.Constant) and isinstance(value.value, str) else text


_SINGLETONS = frozenset({"None", "True", "False"})


def _raises(case: Case, call: str) -> tuple[Lines, Imports]:
    outcome = case.outcome
    assert outcome.home is not None  # noqa: S101 - every exception that is kept has one
    expression, imports = _brought_out(outcome.form, call)
    match = match_text(outcome.message)
    arguments = outcome.home.path + (f", match={match}" if match else "")
    if outcome.home.module != "builtins":
        imports |= {outcome.home.imported}
    return [f"with pytest.raises({arguments}):", f"{_INDENT}{expression}"], imports | {_PYTEST}


def match_text(message: str | None) -> str:
    """Return the pattern for a message, as source text; empty where there is none worth giving.

    The message's longest part without characters that mean something in a pattern, where that is most of
    it; else the whole message with those escaped.
    """
    if not message or not message.strip():
        return ""
    short = message if len(message) <= _LONGEST_MATCH else message[:_LONGEST_MATCH].rpartition(" ")[0]
    plain = max(re.split(r"[\\^$.|?*+()\[\]{}]", short), key=len).strip()
    if len(plain) * 3 >= len(short) * 2:
        return quoted(plain)
    escaped = re.escape(short).replace("\\ ", " ").replace("\\'", "'").replace('\\"', '"').replace("\\-", "-")
    return f"r{quoted(escaped)}".replace("\\\\", "\\")


def _object(case: Case, call: str) -> tuple[Lines, Imports]:
    """Write what can be said of an object that has no source text of its own."""
    outcome = case.outcome
    expression, imports = _brought_out(outcome.form, call)
    taken = {each.bound for each in case.trial.imports} | {case.trial.receiver}
    variable = variable_for(outcome.home.path if outcome.home else "result", taken)
    facts = telling(outcome.facts)[:_MOST_FACTS]
    if len(facts) == 1:
        lines, more = _fact_lines(facts, expression)
        return lines, imports | more
    lines, more = _fact_lines(facts, variable)
    return [f"{variable} = {expression}", "", *lines], imports | more


def _state_only(case: Case, call: str) -> tuple[Lines, Imports]:
    checks, imports = _fact_lines(case.shown_changes)
    expression, more = _brought_out(case.outcome.form, call)
    return [expression, "", *checks], imports | more


def _fact_lines(facts: Iterable[Fact], of: str = "{}") -> tuple[Lines, Imports]:
    lines, imports = [], NONE
    for fact in facts:
        relation = "is" if fact.value.text in _SINGLETONS else "=="
        lines.append(f"assert {fact.of.replace('{}', of)} {relation} {fact.value.text}")
        imports |= fact.value.imports
    return lines, imports


def _value(case: Case, call: str) -> tuple[Lines, Imports]:
    outcome = case.outcome
    relation, text = outcome.relation, outcome.value.text if outcome.value else "None"
    imports = outcome.value.imports if outcome.value else NONE
    if outcome.form in _BLOCKS:
        lines, more = _block(outcome.form, call, f"{relation} {text}")
        return lines, imports | more
    expression, more = _brought_out(outcome.form, call)
    if relation == "nan":
        return [f"assert math.isnan({expression})"], imports | more | {_MATH}
    return [_assertion(expression, relation, text)], imports | more


def _assertion(expression: str, relation: str, text: str) -> str:
    if text == "True" and isinstance(ast.parse(expression, mode="eval").body, ast.Compare):
        return f"assert {expression}"
    return f"assert {_operand(expression)} {relation} {text}"


_LOOSE = (ast.Compare, ast.BoolOp, ast.Lambda, ast.IfExp, ast.Tuple)
"""What binds no closer than a comparison."""


def _operand(expression: str) -> str:
    """Return an expression as the left side of a comparison."""
    is_loose = isinstance(ast.parse(expression, mode="eval").body, _LOOSE)
    return f"({expression})" if is_loose else expression


def _printed(case: Case, call: str) -> tuple[Lines, Imports]:
    text = case.outcome.value.text if case.outcome.value else '""'
    expression, imports = _brought_out(case.outcome.form, call)
    return [expression, "", f"assert capsys.readouterr().out == {text}"], imports


_WRITERS: dict[str, Callable[[Case, str], tuple[Lines, Imports]]] = {
    "value": _value,
    "object": _object,
    "raised": _raises,
    "printed": _printed,
}


def _brought_out(form: str, call: str) -> tuple[str, Imports]:
    """Return the expression that brings the value out of what a call gives."""
    if form in {"awaited", "async listed", "async entered"}:
        return f"asyncio.run({call})", frozenset({_ASYNCIO})
    if form == "listed":
        return f"list({call})", NONE
    if form == "begun":
        return f"list(islice({call}, {_FIRST_ITEMS}))", frozenset({_ISLICE})
    return call, NONE


_BLOCKS = frozenset({"entered", "async entered", "async listed"})


def _block(form: str, call: str, compared: str) -> tuple[Lines, Imports]:
    """Write a call whose value is only there inside a block."""
    if form == "entered":
        return [f"with {call} as entered:", f"{_INDENT}assert entered {compared}"], NONE
    if form == "async entered":
        inner = ["async def enter():", f"    async with {call} as entered:", "        return entered"]
    else:
        inner = ["async def items():", f"    return [item async for item in {call}]"]
    name = "enter" if form == "async entered" else "items"
    return [*inner, "", f"assert asyncio.run({name}()) {compared}"], frozenset({_ASYNCIO})


def _table(name: str, test: Test) -> tuple[Lines, Imports]:
    """Write a parametrized test."""
    case = test.first
    varying = _varying(test)
    columns = {argument: _column_name(argument, case) for argument in varying}
    results = _Results(test)
    arguments = [argument.text(columns.get(argument.name)) for argument in case.trial.arguments]
    call = call_text(case.trial.pieces, _receiver(case), arguments)
    head = [*columns.values(), *([results.column] if results.column else [])]
    lines, imports = results.body(call)
    signature = ", ".join(head)
    needed = NONE.union(*(each.trial.imports for each in test.cases), imports, {_PYTEST})
    rows = [_row(each, varying, results) for each in test.cases]
    return [
        "@pytest.mark.parametrize(",
        f"{_INDENT}{_head(head)},",
        f"{_INDENT}[",
        *(f"{_INDENT * 2}{row}," for row in _with_ids(rows, test, varying)),
        f"{_INDENT}],",
        ")",
        f"def {name}({signature}):",
        *_indented([*_table_setup(case), *lines]),
    ], needed


def _head(names: Sequence[str]) -> str:
    return f'"{names[0]}"' if len(names) == 1 else "(" + ", ".join(f'"{name}"' for name in names) + ")"


def _receiver(case: Case) -> str:
    trial = case.trial
    return trial.made or trial.receiver


def _table_setup(case: Case) -> Lines:
    return [] if case.trial.made else list(case.trial.setup)


def _varying(test: Test) -> list[str]:
    """Return the arguments that differ between the rows; the first where none does."""
    names = [argument.name for argument in test.first.trial.arguments]
    texts = [{argument.name: argument.value.text for argument in case.trial.arguments} for case in test.cases]
    return [name for name in names if len({row[name] for row in texts}) > 1] or names[:1]


_RESERVED = frozenset({"expected", "message", "request", "capsys"})
"""Names that a table's columns must not have: those of its results, and of fixtures."""


def _column_name(argument: str, case: Case) -> str:
    taken = {each.bound for each in case.trial.imports} | {
        case.trial.receiver,
        "expected",
        "message",
        "request",
    }
    return f"{argument}_" if argument in taken or hasattr(builtins, argument) else argument


class _Results:
    """What the rows of a table come to: one column, or the same for all."""

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
        """Return what a row comes to, as source text."""
        if self._raised:
            return match_text(case.outcome.message)
        return case.outcome.value.text if case.outcome.value else "None"

    def body(self, call: str) -> tuple[Lines, Imports]:
        """Return the lines of the test."""
        outcome = self._case.outcome
        expected = self.column or self._common
        if not self._raised:
            relation = "is" if self._identity else "=="
            if outcome.form in _BLOCKS:
                lines, imports = _block(outcome.form, call, f"{relation} {expected}")
                return lines, imports | self._imports
            expression, imports = _brought_out(outcome.form, call)
            return [_assertion(expression, relation, expected)], imports | self._imports
        assert outcome.home is not None  # noqa: S101 - every exception that is kept has one
        expression, imports = _brought_out(outcome.form, call)
        arguments = outcome.home.path + (f", match={expected}" if expected else "")
        if outcome.home.module != "builtins":
            imports |= {outcome.home.imported}
        return [f"with pytest.raises({arguments}):", f"{_INDENT}{expression}"], imports


def _row(case: Case, varying: Sequence[str], results: _Results) -> str:
    cells = [argument.value.text for argument in case.trial.arguments if argument.name in varying]
    return ", ".join([*cells, *([results.of(case)] if results.column else [])])


def _with_ids(rows: Sequence[str], test: Test, varying: Sequence[str]) -> list[str]:
    ids = [row_id(case, varying) for case in test.cases]
    unique = [name if ids.count(name) == 1 else f"{name} ({at + 1})" for at, name in enumerate(ids)]
    return [f"pytest.param({row}, id={quoted(name)})" for row, name in zip(rows, unique, strict=True)]

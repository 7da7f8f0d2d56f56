"""Render the call and the assertions of a case."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from testsmith.languages.python.explorer.cases import CallResult, Case, Fact
from testsmith.languages.python.explorer.render.call_text import variable_for
from testsmith.languages.python.explorer.render.expressions import NONE, Import, Imports, quoted

PYTEST = Import("pytest")

_ASYNCIO = Import("asyncio")
_MATH = Import("math")
_ISLICE = Import("itertools", "islice")

_FIRST_ITEMS = 5
_LONGEST_MATCH = 60
_LONGEST_UNSPREAD = 60
_INDENT = "    "

_ASKING = frozenset({"all", "any", "isinstance", "issubclass", "callable", "hasattr"})
_SINGLETONS = frozenset({"None", "True", "False"})
_LOOSE = (ast.Compare, ast.BoolOp, ast.Lambda, ast.IfExp, ast.Tuple)
"""Expressions that bind no tighter than a comparison."""

_MEANING = r"\\^$.|?*+()\[\]{}"
"""Regex metacharacters, as the content of a character set."""

Lines = list[str]
Written = tuple[Lines, Imports]


def spread(text: str) -> str:
    """Return the source text of a long string split into readable lines; others are returned unchanged."""
    node = ast.parse(text, mode="eval").body if len(text) > _LONGEST_UNSPREAD else None
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return text
    parts = [part for line in node.value.splitlines(keepends=True) for part in _wrapped(line)]
    return f"({' '.join(map(quoted, parts))})" if len(parts) > 1 else text


def _wrapped(line: str) -> Lines:
    """Split a line into parts of readable length, each including its trailing space."""
    parts = [""]
    for word in re.findall(r"\S+\s*|^\s+", line):
        if parts[-1] and len(parts[-1]) + len(word) > _LONGEST_UNSPREAD:
            parts.append("")
        parts[-1] += word
    return parts


def indented(lines: Iterable[str]) -> Lines:
    """Indent lines by one level; empty ones stay empty."""
    return [_INDENT + line if line else "" for line in lines]


class Brought(NamedTuple):
    """How the relevant value is obtained from a call's result.

    Attributes:
        expression: Expression for the value.
        imports: Imports it requires.
        before: Lines that come before.
        block: Head of the block in which the value is available; empty for none.
    """

    expression: str
    imports: Imports = NONE
    before: tuple[str, ...] = ()
    block: str = ""

    def framed(self, lines: Lines) -> Lines:
        """Return lines that use the expression, with the required surrounding lines."""
        inner = [self.block, *indented(lines)] if self.block else lines
        return [*self.before, "", *inner] if self.before else inner


def brought_out(form: str, call: str) -> Brought:
    """Return how the value is obtained from a call, for a form reported by the explorer."""
    maker = _FORMS.get(form)
    return Brought(call) if maker is None else maker(call)


def _async_listed(call: str) -> Brought:
    before = ("async def items():", f"    return [item async for item in {call}]")
    return Brought("asyncio.run(items())", frozenset({_ASYNCIO}), before)


def _async_begun(call: str) -> Brought:
    before = (
        "async def first_items():",
        "    found = []",
        f"    async for item in {call}:",
        "        found.append(item)",
        f"        if len(found) == {_FIRST_ITEMS}:",
        "            return found",
    )
    return Brought("asyncio.run(first_items())", frozenset({_ASYNCIO}), before)


def _begun_in_loop(call: str) -> Brought:
    before = (
        "items = []",
        f"async for item in {call}:",
        "    items.append(item)",
        f"    if len(items) == {_FIRST_ITEMS}:",
        "        break",
    )
    return Brought("items", before=before)


def _async_entered(call: str) -> Brought:
    before = ("async def enter():", f"    async with {call} as entered:", "        return entered")
    return Brought("asyncio.run(enter())", frozenset({_ASYNCIO}), before)


_FORMS: dict[str, Callable[[str], Brought]] = {
    "awaited": lambda call: Brought(f"asyncio.run({call})", frozenset({_ASYNCIO})),
    "listed": lambda call: Brought(f"list({call})"),
    "begun": lambda call: Brought(f"list(islice({call}, {_FIRST_ITEMS}))", frozenset({_ISLICE})),
    "entered": lambda call: Brought("entered", block=f"with {call} as entered:"),
    "async listed": _async_listed,
    "async begun": _async_begun,
    "async entered": _async_entered,
    "await": lambda call: Brought(f"await {call}"),
    "async for": lambda call: Brought(f"[item async for item in {call}]"),
    "async for, begun": _begun_in_loop,
    "async with": lambda call: Brought("entered", block=f"async with {call} as entered:"),
}


def act_and_assert(case: Case, call: str) -> Written:
    """Return the call and its assertions."""
    if case.contradicts or case.outcome.kind == "none":
        return _documented(case, call)
    if case.gives_none and case.states_changes:
        return _changes_alone(case, call)
    lines, imports = _WRITERS[case.outcome.kind](case, call)
    if not case.states_changes:
        return lines, imports
    checks, more = _fact_lines(case.shown_changes[: None if case.trial.noted else 1])
    return [*lines, *checks], imports | more


def _documented(case: Case, call: str) -> Written:
    """Assert the documented result, regardless of what the code does."""
    example = case.trial.example
    if example is not None and example.exception is not None:
        return refusal(case.outcome.form, call, example.exception.rpartition(".")[2])
    expected = _tidy(example.expected) if example is not None and example.expected is not None else "None"
    return comparison(case.outcome.form, call, "is" if expected in _SINGLETONS else "==", expected)


def _tidy(text: str) -> str:
    """Return a string literal with the usual quotes."""
    value = ast.parse(text, mode="eval").body
    return quoted(value.value) if isinstance(value, ast.Constant) and isinstance(value.value, str) else text


def comparison(form: str, call: str, relation: str, expected: str) -> Written:
    """Return the assertion of a call's value."""
    brought = brought_out(form, call)
    if relation == "nan":
        return brought.framed([f"assert math.isnan({brought.expression})"]), brought.imports | {_MATH}
    return brought.framed([_assertion(brought.expression, relation, expected)]), brought.imports


def _assertion(expression: str, relation: str, text: str) -> str:
    node = ast.parse(expression, mode="eval").body
    if text == "True" and (isinstance(node, ast.Compare) or _asks(node)):
        return f"assert {expression}"
    operand = f"({expression})" if isinstance(node, _LOOSE) else expression
    return f"assert {operand} {relation} {spread(text)}"


def _asks(node: ast.expr) -> bool:
    """Return whether an expression is a call of a built-in function that returns only True or False."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ASKING


def refusal(form: str, call: str, exception: str, match: str = "") -> Written:
    """Return the assertion that a call raises.

    Args:
        form: How a value would be obtained.
        call: The call.
        exception: Name of the exception in the test.
        match: Source text of the message pattern; empty for any message.
    """
    brought = brought_out(form, call)
    expression = _entered_text(form, call) if brought.block else brought.expression
    arguments = exception + (f", match={match}" if match else "")
    lines = [f"with pytest.raises({arguments}):", *indented(expression.splitlines())]
    return brought._replace(block="").framed(lines), brought.imports | {PYTEST}


def _entered_text(form: str, call: str) -> str:
    return f"await {call}.__aenter__()" if form == "async with" else f"{call}.__enter__()"


def exception_imports(outcome: CallResult) -> Imports:
    """Return the imports that the outcome's exception requires."""
    is_builtin = outcome.home is None or outcome.home.module == "builtins"
    return NONE if outcome.home is None or is_builtin else frozenset({outcome.home.imported})


def _value(case: Case, call: str) -> Written:
    outcome = case.outcome
    text, needed = (outcome.value.text, outcome.value.imports) if outcome.value else ("None", NONE)
    lines, imports = comparison(outcome.form, call, outcome.relation, text)
    return lines, imports | needed


def _raised(case: Case, call: str) -> Written:
    outcome = case.outcome
    if outcome.is_exit and outcome.message:
        return _exited(outcome, call)
    name = outcome.home.path if outcome.home else "Exception"
    lines, imports = refusal(outcome.form, call, name, match_text(outcome.message))
    return lines, imports | exception_imports(outcome)


def _exited(outcome: CallResult, call: str) -> Written:
    brought = brought_out(outcome.form, call)
    message = outcome.message or ""
    status = message if message.isdecimal() else quoted(message)
    lines = ["with pytest.raises(SystemExit) as exit_info:", *indented(brought.expression.splitlines())]
    lines += ["", f"assert exit_info.value.code == {status}"]
    return brought._replace(block="").framed(lines), brought.imports | {PYTEST}


def match_text(message: str | None) -> str:
    """Return the source text of a pattern for a message; empty if none is useful.

    The pattern is the longest part of whole words without metacharacters if that is most of the message, and
    otherwise the escaped message.
    """
    if not message or not message.strip():
        return ""
    short = message if len(message) <= _LONGEST_MATCH else message[:_LONGEST_MATCH].rpartition(" ")[0]
    parts = re.findall(rf"(?:^|(?<= ))[^{_MEANING}]+(?=[{_MEANING}]?(?: |$))", short)
    whole = [part for part in parts if part == short or not part.count("'") % 2]
    plain = max(whole, key=len, default="").strip()
    if len(plain) * 3 >= len(short) * 2:
        return quoted(plain)
    escaped = re.escape(short).replace("\\ ", " ").replace("\\'", "'").replace('\\"', '"').replace("\\-", "-")
    return f"r{quoted(escaped)}".replace("\\\\", "\\")


def _object(case: Case, call: str) -> Written:
    """Assert the facts about an object without source text."""
    outcome = case.outcome
    brought = brought_out(outcome.form, call)
    if outcome.home is not None and case.has_another_class:
        lines = [f"assert isinstance({brought.expression}, {outcome.home.path})"]
        return brought.framed(lines), brought.imports | {outcome.home.imported}
    facts = case.shown_facts
    if len(facts) == 1 or brought.block:
        lines, imports = _fact_lines(facts, brought.expression)
        return brought.framed(lines), brought.imports | imports
    taken = {each.bound for each in case.trial.imports} | {case.trial.receiver}
    variable = variable_for(outcome.home.path if outcome.home else "result", taken)
    lines, imports = _fact_lines(facts, variable)
    return brought.framed([f"{variable} = {brought.expression}", "", *lines]), brought.imports | imports


def _printed(case: Case, call: str) -> Written:
    text = case.outcome.value.text if case.outcome.value else '""'
    brought = brought_out(case.outcome.form, call)
    lines = [brought.expression, "", f"assert capsys.readouterr().out == {spread(text)}"]
    return brought.framed(lines), brought.imports


def _changes_alone(case: Case, call: str) -> Written:
    checks, imports = _fact_lines(case.shown_changes)
    brought = brought_out(case.outcome.form, call)
    return brought.framed([brought.expression, "", *checks]), brought.imports | imports


def _fact_lines(facts: Iterable[Fact], of: str = "{}") -> Written:
    lines, imports = [], NONE
    for fact in facts:
        relation = "is" if fact.value.text in _SINGLETONS else "=="
        lines.append(f"assert {fact.of.replace('{}', of)} {relation} {spread(fact.value.text)}")
        imports |= fact.value.imports
    return lines, imports


_WRITERS: dict[str, Callable[[Case, str], Written]] = {
    "value": _value,
    "object": _object,
    "raised": _raised,
    "printed": _printed,
}

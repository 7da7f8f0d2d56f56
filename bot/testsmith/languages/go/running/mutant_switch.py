"""Put all mutants of a file into one build: each is a copy of its function's body behind a `switch`.

A copy is a closure in the original function, so it needs no names for parameters and results, and labels do
not collide. Nothing is chosen while the variable is not set. `//line` directives name the mutant, so that the
compiler's errors say which one does not compile.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from testsmith.execution.jobs import ChangedModule
from testsmith.languages.go.running.test_names import package_name
from testsmith.languages.go.source.parsing import parse_tolerant
from testsmith.languages.syntax_tree import ParsedText, text_of, walk
from testsmith.languages.syntax_tree import field as field_of

if TYPE_CHECKING:
    from tree_sitter import Node

VARIABLE = "TESTSMITH_MUTANT"
"""Environment variable with the number of the mutant that is active."""

GONE = 97
"""Exit code of a process that calls a function that was taken away; no `recover` catches it."""

SUPPORT_FILE = "testsmith_mutants.go"
_SUPPORT = """package {package}

import (
\ttestsmithos "os"
\ttestsmithstrconv "strconv"
)

var testsmithMutant = func() int {{
\tnumber, err := testsmithstrconv.Atoi(testsmithos.Getenv("{variable}"))
\tif err != nil {{
\t\treturn -1
\t}}
\treturn number
}}()

func testsmithGone() {{
\ttestsmithos.Exit({gone})
}}
"""
_NAMED = re.compile(r"testsmith_mutant_(\d{1,9})\.go")


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """A file with mutants.

    Attributes:
        text: Its text.
        support: Text of another file of its package.
        numbers: The mutants in it.
        left: The mutants that have to be built one by one, because they are not in a function's body.
    """

    text: str
    support: str
    numbers: frozenset[int]
    left: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Function:
    """A function's body, in characters of the text, and what is inserted into it."""

    start: int
    end: int
    line: int
    results: str
    recovers: bool
    branches: list[str] = field(default_factory=list)


def switched(
    source: str, file: str, changes: Iterable[ChangedModule], gone: int | None, without: frozenset[int]
) -> Switched:
    """Return a file with mutants.

    Args:
        source: Text of the file.
        file: Its name.
        changes: The mutants.
        gone: Number of the one that takes the member away; None for none.
        without: Numbers of mutants to leave out.

    Raises:
        CannotParse: The file cannot be parsed at all.
    """
    parsed = parse_tolerant(source)
    functions = list(_functions(parsed))
    numbers, left = set(), set()
    for change in changes:
        if change.number in without:
            continue
        is_gone = change.number == gone
        function = next((one for one in functions if _is_in(change, one, loosely=is_gone)), None)
        if function is None or (function.recovers and not is_gone):
            left.add(change.number)
            continue
        function.branches.append(_gone(gone) if is_gone else _branch(source, function, change))
        numbers.add(change.number)
    text = source
    for function in sorted(functions, key=lambda one: one.start, reverse=True):
        if function.branches:
            start = function.start + 1
            inserted = "".join(function.branches)
            text = (
                f"{text[:start]}\nswitch testsmithMutant {{\n{inserted}}}\n//line {file}:{function.line}\n"
                f"{text[start:]}"
            )
    support = _SUPPORT.format(package=package_name(source), variable=VARIABLE, gone=GONE)
    return Switched(text=text, support=support, numbers=frozenset(numbers), left=frozenset(left))


def mutants_in(text: str) -> frozenset[int]:
    """Return the numbers of the mutants that the compiler's output names."""
    return frozenset(int(number) for number in _NAMED.findall(text))


def applied(source: str, change: ChangedModule) -> str:
    """Return a file's text with one mutant in it."""
    start, end, new = change.edit
    return source[:start] + new + source[end:]


def _functions(parsed: ParsedText) -> Iterable[_Function]:
    for node in parsed.root.named_children:
        body = field_of(node, "body")
        if node.type not in {"function_declaration", "method_declaration"} or body is None:
            continue
        yield _Function(
            start=parsed.offset(body.start_byte),
            end=parsed.offset(body.end_byte),
            line=int(body.start_point.row) + 1,
            results=text_of(field_of(node, "result")),
            recovers=_recovers(body),
        )


def _recovers(body: Node) -> bool:
    """Return whether a function calls `recover` itself, which has no effect in a closure."""
    calls = (node for node in walk(body, {"func_literal"}) if node.type == "call_expression")
    return any(text_of(field_of(call, "function")) == "recover" for call in calls)


def _is_in(change: ChangedModule, function: _Function, *, loosely: bool) -> bool:
    start, end, _ = change.edit
    if loosely:  # it may replace a whole declaration
        return start < function.end and end >= function.start
    return function.start < start and end < function.end


def _gone(number: int | None) -> str:
    return f"case {number}:\ntestsmithGone()\n"


def _branch(source: str, function: _Function, change: ChangedModule) -> str:
    start, end, new = change.edit
    body = source[function.start : start] + new + source[end : function.end]
    call = f"func() {function.results} {body}()"
    ending = f"return {call}" if function.results else f"{call}\nreturn"
    return f"case {change.number}:\n//line testsmith_mutant_{change.number}.go:{function.line}\n{ending}\n"

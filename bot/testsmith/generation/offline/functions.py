"""Trials of members that take functions or give them back: decorators, their factories, callbacks, closures.

A decorator is put on a function of the test's own, which notes what it is called with; a callback notes
likewise; a function that is given back is called.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from testsmith.generation.offline.calls import Argument, Piece, Slot
from testsmith.generation.offline.columns import Columns, exchange, imports_of, takes_function, texts_of
from testsmith.generation.offline.description import Parameter, Shape
from testsmith.generation.offline.expressions import Expression, Layer
from testsmith.generation.offline.inputs import inputs, shape_of
from testsmith.generation.offline.returned import (
    Returned,
    decorator_in,
    innermost,
    is_nullary,
    noting_calls,
    parameters_of,
    returned_functions,
    ways_to_call,
)
from testsmith.generation.offline.sources import reachable
from testsmith.generation.offline.subjects import Subject
from testsmith.generation.offline.trial import CALLS, Recording, Trial
from testsmith.generation.offline.values import values

_MOST_FACTORIES = 5
_MOST_INNER = 8
_MOST_OUTER = 6


_MAY_BE_CALLED = frozenset({"any", "callable", "instance", "union", "unknown"})
"""Kinds of what a decorator may say that it gives back."""


class Scenario(NamedTuple):
    """What is done with a decorated function.

    Attributes:
        of: The function in words, for a test's name.
        when: What happens, in words for a test's name; may be empty.
        name: The function's name.
        body: Its lines, beside the one that notes the call.
        given: What it is given at each call.
        fails: Whether it raises, the first time at least.
        layer: How ordinary that is.
    """

    of: str
    when: str
    name: str
    body: tuple[str, ...]
    given: tuple[str, ...]
    layer: Layer
    fails: bool = False


_DOUBLE = ("return number * 2",)
_FAILS = ('raise ValueError("no luck")',)
_FAILS_ONCE = ("if len(calls) == 1:", '    raise ValueError("no luck")', "return number * 2")

_SCENARIOS = (
    Scenario("the_function", "for_equal_calls", "double", _DOUBLE, ("3", "3"), Layer.ORDINARY),
    Scenario("the_function", "for_different_calls", "double", _DOUBLE, ("3", "4"), Layer.BOUNDARY),
    Scenario("a_failing_function", "", "fail", _FAILS, ("3",), Layer.BOUNDARY, True),
    Scenario("a_function_that_fails_at_first", "", "flaky", _FAILS_ONCE, ("3",), Layer.BOUNDARY, True),
)

_ANSWERS = ("return 42",)
_ANSWERS_AT_LAST = (*_FAILS_ONCE[:2], "return 42")
_NULLARY = (
    Scenario("the_function", "for_two_calls", "answer", _ANSWERS, ("", ""), Layer.ORDINARY),
    Scenario("a_failing_function", "", "fail", _FAILS, ("",), Layer.BOUNDARY, True),
    Scenario("a_function_that_fails_at_first", "", "flaky", _ANSWERS_AT_LAST, ("",), Layer.BOUNDARY, True),
)
"""The same for decorators of functions that take nothing."""


def function_trials(subject: Subject, columns: Columns, plain: Trial, path: str) -> Iterator[Trial]:
    """Yield the trials of a function that has to do with functions.

    Args:
        subject: The member.
        columns: Its values.
        plain: Its call with nothing given yet.
        path: How a test names it.
    """
    definition = subject.source.definitions.get(subject.member.name)
    given = returned_functions(definition, subject.source.definitions)
    decorator = decorator_in(given)
    if _is_decorator(subject, given):
        yield from _decorated(subject, plain, path)
    if decorator is not None or _gives_decorators(subject):
        for arguments in islice(_rows(subject, columns), _MOST_FACTORIES):
            made = replace(plain, imports=plain.imports | imports_of(arguments))
            yield from _decorated(subject, made, f"{path}({texts_of(arguments)})")
    yield from _with_callbacks(subject, columns, replace(plain, pieces=(f"{path}(", Slot.ALL, ")")))
    closures = [] if _is_decorator(subject, given) else [each for each in given if each is not decorator]
    yield from _called(subject, columns, replace(plain, pieces=(f"{path}(",)), closures)


def _rows(subject: Subject, columns: Columns) -> Iterator[Sequence[Argument]]:
    base = columns.ordinary(subject.callee)
    if base is not None:
        yield base
        yield from columns.exchanged(base)


def _is_decorator(subject: Subject, given: Sequence[Returned]) -> bool:
    """Tell whether a member takes one function, and may give one back."""
    parameters = [each for each in subject.parameters if each.mode in {"positional", "either"}]
    if not parameters or any(each.required for each in parameters[1:]) or subject.gives_nothing:
        return False
    gives = bool(given) or subject.callee.returns.kind in _MAY_BE_CALLED
    return gives and takes_function(shape_of(parameters[0], subject.hints))


def _gives_decorators(subject: Subject) -> bool:
    """Tell whether a member says that it returns what takes a function."""
    returns = subject.callee.returns
    return returns.kind == "callable" and bool(returns.parts) and returns.parts[0].kind == "callable"


def _decorated(subject: Subject, plain: Trial, decorator: str) -> Iterator[Trial]:
    definitions = reachable(subject.member.name, subject.source, 1)
    text = "\n".join(map(ast.unparse, definitions))
    given = returned_functions(definitions[0] if definitions else None, subject.source.definitions)
    takes_nothing = bool(given) and all(map(is_nullary, innermost(given)))
    for scenario in _NULLARY if takes_nothing else _SCENARIOS:
        for in_loop in ways_to_call(given, text):
            yield _scenario_trial(plain, decorator, scenario, in_loop=in_loop)


def _scenario_trial(plain: Trial, decorator: str, scenario: Scenario, *, in_loop: bool) -> Trial:
    takes, noted = ("number", "number") if any(scenario.given) else ("", '"called"')
    lines = (f"{CALLS}.append({noted})", *scenario.body)
    prefix, wait = ("async ", "await ") if in_loop else ("", "")
    head = f"@{decorator}\n{prefix}def {scenario.name}({takes}):"
    *before, last = scenario.given
    return replace(
        plain,
        setup=(
            *plain.setup,
            f"{CALLS} = []",
            "\n    ".join((head, *lines)),
            *(f"{wait}{scenario.name}({given})" for given in before),
        ),
        pieces=(f"{scenario.name}({last})",),
        watched=(*plain.watched, CALLS),
        layer=scenario.layer,
        in_loop=in_loop,
        recording=Recording(CALLS, scenario.of, scenario.when, decorator, scenario.fails),
    )


def _with_callbacks(subject: Subject, columns: Columns, plain: Trial) -> Iterator[Trial]:
    """Yield calls with a function that notes what it is called with, where that is all it is for."""
    definition = subject.source.definitions.get(subject.member.name)
    base = columns.ordinary(subject.callee)
    for parameter in subject.parameters if base is not None else ():
        noted = noting_calls(definition, parameter.name)
        if noted is None or base is None:
            continue
        setup, given = callback(parameter.name, *noted)
        noting = replace(
            plain,
            setup=(*plain.setup, *setup),
            watched=(*plain.watched, CALLS),
            layer=Layer.ORDINARY,
            recording=Recording(CALLS, parameter.name),
        )
        for arguments in islice(_rows_with(parameter, given, base, columns), _MOST_OUTER):
            yield replace(noting, arguments=tuple(arguments), imports=plain.imports | imports_of(arguments))


def _rows_with(
    parameter: Parameter, given: str, base: Sequence[Argument], columns: Columns
) -> Iterator[Sequence[Argument]]:
    """Yield rows of arguments with a function for one parameter."""
    value = Expression(given, layer=Layer.ORDINARY)
    if parameter.required:
        yield from (exchange(row, parameter.name, value) for row in (base, *columns.exchanged(base)))
    else:
        own = Argument(parameter.name, value, by_keyword=True)
        rows = (base, *columns.exchanged(base))
        yield from ([*row, own] for row in rows if parameter.name not in {each.name for each in row})


def callback(name: str, arguments: Sequence[str], awaited: bool) -> tuple[tuple[str, ...], str]:
    """Return the statements that make a function that notes its calls, and how it is given.

    Args:
        name: The parameter that it is given for.
        arguments: What it is called with, as names.
        awaited: Whether its calls are awaited.
    """
    if len(arguments) == 1 and not awaited:
        return (f"{CALLS} = []",), f"{CALLS}.append"
    names = ", ".join(arguments)
    noted = names if len(arguments) == 1 else f"({names})"
    prefix = "async " if awaited else ""
    own = f"{prefix}def {name}({names}):\n    {CALLS}.append({noted})"
    return (f"{CALLS} = []", own), name


def _called(
    subject: Subject, columns: Columns, plain: Trial, closures: Sequence[Returned]
) -> Iterator[Trial]:
    """Yield calls of the function that the member gives back."""
    inner = _inner_parameters(subject, closures)
    if inner is None:
        return
    known = [inputs(each, subject.hints, ()) or values(Shape(kind="int"), each.name) for each in inner]
    for at, outer in enumerate(islice(_rows(subject, columns), _MOST_OUTER)):
        for given in _inner_rows(inner, known)[: _MOST_INNER if at == 0 else 1]:
            yield _call_of_returned(plain, outer, given)


def _inner_parameters(subject: Subject, closures: Sequence[Returned]) -> list[Parameter] | None:
    """Return what a function that is given back takes; None where none is given back."""
    if closures:
        own = {each.name for each in subject.parameters}
        found = parameters_of(closures[0])
        return [replace(each, name=f"{each.name}_given") if each.name in own else each for each in found]
    returns = subject.callee.returns
    if returns.kind != "callable" or _gives_decorators(subject):
        return None
    return [Parameter(name=f"value_{at}", shape=shape) for at, shape in enumerate(returns.parts[:-1], 1)]


def _inner_rows(
    parameters: Sequence[Parameter], known: Sequence[Sequence[Expression]]
) -> list[list[Argument]]:
    """Return rows of arguments: the first of each column, then one exchanged at a time."""
    first = [Argument(each.name, known[at][0]) for at, each in enumerate(parameters)]
    rows = [first]
    for at, each in enumerate(parameters):
        rows += [[*first[:at], Argument(each.name, value), *first[at + 1 :]] for value in known[at][1:]]
    return rows


def _call_of_returned(plain: Trial, outer: Sequence[Argument], inner: Sequence[Argument]) -> Trial:
    ordered = sorted(outer, key=lambda argument: argument.by_keyword)
    arguments = (*ordered, *inner)
    pieces: list[Piece] = [*plain.pieces]
    for at in range(len(arguments)):
        opening = ")(" if at == len(ordered) else ", " if at else ""
        pieces += [opening, at] if opening else [at]
    closing = ")" if inner else ")()"
    return replace(
        plain,
        pieces=(*pieces, closing),
        arguments=arguments,
        imports=plain.imports | imports_of(arguments),
        layer=max([plain.layer, *(argument.value.layer for argument in arguments)]),
    )

"""Trials of members that take or return functions: decorators, decorator factories, callbacks, closures.

A decorator is applied to a function in the test that records its calls, a callback records its calls too, and
a returned function is called.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

from testsmith.languages.python.explorer.inputs.argument_pool import (
    Columns,
    exchange,
    imports_of,
    takes_function,
    texts_of,
)
from testsmith.languages.python.explorer.inputs.parameter_values import guessed, inputs, shape_of
from testsmith.languages.python.explorer.inputs.values import values
from testsmith.languages.python.explorer.module_source import Definition, Function, reachable
from testsmith.languages.python.explorer.render.call_text import Argument, Piece, Slot
from testsmith.languages.python.explorer.render.expressions import Expression, InputSource
from testsmith.languages.python.explorer.subjects import Parameter, Shape, Subject
from testsmith.languages.python.explorer.trial import CALLS, Recording, Trial

_KINDS = frozenset({"bool", "bytes", "dict", "float", "int", "list", "set", "str", "tuple"})

Returned = Function | ast.Lambda


def returned_functions(
    node: ast.AST | None, known: Mapping[str, Definition] = MappingProxyType({})
) -> list[Returned]:
    """Return the inner functions that a function returns, directly or wrapped.

    Args:
        node: The function.
        known: Definitions of its module by name; functions they create for it count as well.
    """
    if not isinstance(node, Returned):
        return []
    if isinstance(node, ast.Lambda):
        return [node.body] if isinstance(node.body, ast.Lambda) else []
    inner = {each.name: each for each in _own_nodes(node) if isinstance(each, Function)}
    bound = {
        target.id: each.value
        for each in _own_nodes(node)
        if isinstance(each, ast.Assign)
        for target in each.targets
        if isinstance(target, ast.Name)
    }
    given = [each.value for each in _own_nodes(node) if isinstance(each, ast.Return) and each.value]
    found = [function for value in given for function in _functions_in(value, inner, bound)]
    made = [known[name] for name in map(_called_name, given) if name in known and known[name] is not node]
    return list(dict.fromkeys([*found, *(each for maker in made for each in returned_functions(maker))]))


def _called_name(value: ast.expr) -> str:
    is_plain = isinstance(value, ast.Call) and isinstance(value.func, ast.Name)
    return ast.unparse(value.func) if isinstance(value, ast.Call) and is_plain else ""


def _own_nodes(node: Function) -> Iterator[ast.AST]:
    """Yield the nodes of a function, without those of inner functions."""
    waiting: list[ast.AST] = [*node.body]
    while waiting:
        each = waiting.pop(0)
        yield each
        if not isinstance(each, Definition | ast.Lambda):
            waiting += ast.iter_child_nodes(each)


def _functions_in(
    value: ast.expr, inner: dict[str, Function], bound: dict[str, ast.expr], depth: int = 0
) -> Iterator[Returned]:
    match value:
        case ast.Lambda():
            yield value
        case ast.Name(id=name) if name in inner:
            yield inner[name]
        case ast.Name(id=name) if name in bound and not depth:
            yield from _functions_in(bound[name], inner, bound, 1)
        case ast.Call(func=function, args=arguments):
            for part in (function, *arguments):
                yield from _functions_in(part, inner, bound, depth)
        case ast.IfExp(body=first, orelse=second):
            for part in (first, second):
                yield from _functions_in(part, inner, bound, depth)


def parameters_of(node: Returned) -> list[Parameter]:
    """Return the required positional parameters of a function, according to its source."""
    places = [*node.args.posonlyargs, *node.args.args]
    needed = places[: len(places) - len(node.args.defaults)]
    return [Parameter(name=each.arg, shape=_shape(each)) for each in needed]


def _shape(argument: ast.arg) -> Shape:
    """Return the shape of a plain annotation; others are left to guessing."""
    text = "" if argument.annotation is None else ast.unparse(argument.annotation).strip("'\"")
    if "Callable" in text:
        return Shape(kind="callable")
    return Shape(kind=text if text in _KINDS else "any")


def decorator_in(functions: list[Returned]) -> Returned | None:
    """Return the first of these functions that takes a function first and returns one."""
    return next((each for each in functions if _returns_decorator(each)), None)


def _returns_decorator(node: Returned) -> bool:
    parameters = parameters_of(node)
    if len(parameters) != 1:
        return False
    (parameter,) = parameters
    is_callable = parameter.shape.kind == "callable" or _guessed_kind(parameter) == "callable"
    return is_callable or bool(returned_functions(node))


def _guessed_kind(parameter: Parameter) -> str:
    return guessed(parameter, frozenset()).kind if parameter.shape.kind == "any" else parameter.shape.kind


def innermost(given: Sequence[Returned]) -> list[Returned]:
    """Return the functions that these functions return, or these functions if they return none."""
    return [each for outer in given for each in returned_functions(outer)] or [*given]


def is_nullary(node: Returned) -> bool:
    """Return whether a function takes no arguments."""
    arguments = node.args
    return not (arguments.posonlyargs or arguments.args or arguments.vararg or arguments.kwonlyargs)


def ways_to_call(given: Sequence[Returned], text: str) -> tuple[bool, ...]:
    """Return how to try a function produced by a decorator: called, awaited, or both.

    Args:
        given: What the decorator, or its factory, returns.
        text: Source text of everything involved.
    """
    last = innermost(given)
    if last and all(isinstance(each, ast.AsyncFunctionDef) for each in last):
        return (True,)
    marks = ("await ", "async def ", "Awaitable", "Coroutine", "iscoroutine")
    return (False, True) if any(mark in text for mark in marks) else (False,)


def noting_calls(node: ast.AST | None, name: str) -> tuple[list[str], bool] | None:
    """Return the arguments that a callback is called with, and whether the call is awaited.

    Args:
        node: Definition of the member.
        name: The callback parameter.

    Returns:
        Argument names, or None if it is not called or its result is used.
    """
    if node is None:
        return None
    for statement in ast.walk(node):
        value = statement.value if isinstance(statement, ast.Expr) else None
        awaited = isinstance(value, ast.Await)
        call = value.value if isinstance(value, ast.Await) else value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == name:
            return _argument_names(call), awaited
    return None


def _argument_names(call: ast.Call) -> list[str]:
    names = [each.id if isinstance(each, ast.Name) else f"value_{at}" for at, each in enumerate(call.args, 1)]
    names += [each.arg for each in call.keywords if each.arg is not None]
    return names if len(set(names)) == len(names) else [f"value_{at}" for at in range(1, len(names) + 1)]


# Trials.

_MOST_FACTORIES = 5
_MOST_INNER = 8
_MOST_OUTER = 6


_MAY_BE_CALLED = frozenset({"any", "callable", "instance", "union", "unknown"})
"""Kinds of annotations for what a decorator returns."""


class Scenario(NamedTuple):
    """How a decorated function is tried.

    Attributes:
        of: Description of the function, for the test's name.
        when: What happens, for the test's name; may be empty.
        name: Name of the function.
        body: Its lines, except the one that records the call.
        given: Arguments of each call.
        fails: Whether it raises, at least the first time.
        layer: How ordinary the scenario is.
    """

    of: str
    when: str
    name: str
    body: tuple[str, ...]
    given: tuple[str, ...]
    layer: InputSource
    fails: bool = False


_DOUBLE = ("return number * 2",)
_FAILS = ('raise ValueError("no luck")',)
_FAILS_ONCE = ("if len(calls) == 1:", '    raise ValueError("no luck")', "return number * 2")

_SCENARIOS = (
    Scenario("the_function", "for_equal_calls", "double", _DOUBLE, ("3", "3"), InputSource.ORDINARY),
    Scenario("the_function", "for_different_calls", "double", _DOUBLE, ("3", "4"), InputSource.BOUNDARY),
    Scenario("a_failing_function", "", "fail", _FAILS, ("3",), InputSource.BOUNDARY, True),
    Scenario("a_function_that_fails_at_first", "", "flaky", _FAILS_ONCE, ("3",), InputSource.BOUNDARY, True),
)

_ANSWERS = ("return 42",)
_ANSWERS_AT_LAST = (*_FAILS_ONCE[:2], "return 42")
_NULLARY = (
    Scenario("the_function", "for_two_calls", "answer", _ANSWERS, ("", ""), InputSource.ORDINARY),
    Scenario("a_failing_function", "", "fail", _FAILS, ("",), InputSource.BOUNDARY, True),
    Scenario(
        "a_function_that_fails_at_first", "", "flaky", _ANSWERS_AT_LAST, ("",), InputSource.BOUNDARY, True
    ),
)
"""The same scenarios for decorators of functions without parameters."""


def function_trials(subject: Subject, columns: Columns, plain: Trial, path: str) -> Iterator[Trial]:
    """Yield the trials of a function that takes or returns functions.

    Args:
        subject: The member.
        columns: Its candidate values.
        plain: Its call without arguments.
        path: How a test refers to it.
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
    """Return whether a member takes one function and may return one."""
    parameters = [each for each in subject.parameters if each.mode in {"positional", "either"}]
    if not parameters or any(each.required for each in parameters[1:]) or subject.gives_nothing:
        return False
    gives = bool(given) or subject.callee.returns.kind in _MAY_BE_CALLED
    return gives and takes_function(shape_of(parameters[0], subject.hints))


def _gives_decorators(subject: Subject) -> bool:
    """Return whether a member is annotated to return something that takes a function."""
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
    """Yield calls with a recording function, for parameters that are only called."""
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
            layer=InputSource.ORDINARY,
            recording=Recording(CALLS, parameter.name),
        )
        for arguments in islice(_rows_with(parameter, given, base, columns), _MOST_OUTER):
            yield replace(noting, arguments=tuple(arguments), imports=plain.imports | imports_of(arguments))


def _rows_with(
    parameter: Parameter, given: str, base: Sequence[Argument], columns: Columns
) -> Iterator[Sequence[Argument]]:
    """Yield rows of arguments with a function for one parameter."""
    value = Expression(given, layer=InputSource.ORDINARY)
    if parameter.required:
        yield from (exchange(row, parameter.name, value) for row in (base, *columns.exchanged(base)))
    else:
        own = Argument(parameter.name, value, by_keyword=True)
        rows = (base, *columns.exchanged(base))
        yield from ([*row, own] for row in rows if parameter.name not in {each.name for each in row})


def callback(name: str, arguments: Sequence[str], awaited: bool) -> tuple[tuple[str, ...], str]:
    """Return statements that define a function that records its calls, and the expression to pass it.

    Args:
        name: Parameter that it is passed for.
        arguments: Names of its parameters.
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
    """Yield calls of the function that the member returns."""
    inner = _inner_parameters(subject, closures)
    if inner is None:
        return
    known = [inputs(each, subject.hints, ()) or values(Shape(kind="int"), each.name) for each in inner]
    for at, outer in enumerate(islice(_rows(subject, columns), _MOST_OUTER)):
        for given in _inner_rows(inner, known)[: _MOST_INNER if at == 0 else 1]:
            yield _call_of_returned(plain, outer, given)


def _inner_parameters(subject: Subject, closures: Sequence[Returned]) -> list[Parameter] | None:
    """Return the parameters of the returned function, or None if no function is returned."""
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
    """Return rows of arguments: the first of each column, then with one replaced at a time."""
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

"""Functions that a function gives back, as its text tells: what they take, and whether they decorate."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from testsmith.generation.offline.description import Parameter, Shape
from testsmith.generation.offline.guesses import guessed
from testsmith.generation.offline.sources import Definition, Function

_KINDS = frozenset({"bool", "bytes", "dict", "float", "int", "list", "set", "str", "tuple"})

Returned = Function | ast.Lambda


def returned_functions(
    node: ast.AST | None, known: Mapping[str, Definition] = MappingProxyType({})
) -> list[Returned]:
    """Return the functions inside a function that it returns, by themselves or wrapped up.

    Args:
        node: The function.
        known: The definitions of its module by name: what one of them makes for it counts as well.
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
    """Yield the nodes of a function without those of the functions inside it."""
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
    """Return what a function must be given by place, as its text tells."""
    places = [*node.args.posonlyargs, *node.args.args]
    needed = places[: len(places) - len(node.args.defaults)]
    return [Parameter(name=each.arg, shape=_shape(each)) for each in needed]


def _shape(argument: ast.arg) -> Shape:
    """Return the shape that a plain annotation stands for; all others are for guesses."""
    text = "" if argument.annotation is None else ast.unparse(argument.annotation).strip("'\"")
    if "Callable" in text:
        return Shape(kind="callable")
    return Shape(kind=text if text in _KINDS else "any")


def decorator_in(functions: list[Returned]) -> Returned | None:
    """Return the function among these that takes a function first and gives one back."""
    return next((each for each in functions if _is_decorator(each)), None)


def _is_decorator(node: Returned) -> bool:
    parameters = parameters_of(node)
    if len(parameters) != 1:
        return False
    (parameter,) = parameters
    is_callable = parameter.shape.kind == "callable" or _guessed_kind(parameter) == "callable"
    return is_callable or bool(returned_functions(node))


def _guessed_kind(parameter: Parameter) -> str:
    return guessed(parameter, frozenset()).kind if parameter.shape.kind == "any" else parameter.shape.kind


def innermost(given: Sequence[Returned]) -> list[Returned]:
    """Return what these functions give back in turn, or these themselves where they give back none."""
    return [each for outer in given for each in returned_functions(outer)] or [*given]


def is_nullary(node: Returned) -> bool:
    """Tell whether a function takes nothing."""
    arguments = node.args
    return not (arguments.posonlyargs or arguments.args or arguments.vararg or arguments.kwonlyargs)


def ways_to_call(given: Sequence[Returned], text: str) -> tuple[bool, ...]:
    """Return how a function is tried that a decorator has made: by itself, awaited, or both.

    Args:
        given: What the decorator, or what makes it, gives back.
        text: The text of all that has to do with it.
    """
    last = innermost(given)
    if last and all(isinstance(each, ast.AsyncFunctionDef) for each in last):
        return (True,)
    marks = ("await ", "async def ", "Awaitable", "Coroutine", "iscoroutine")
    return (False, True) if any(mark in text for mark in marks) else (False,)


def noting_calls(node: ast.AST | None, name: str) -> tuple[list[str], bool] | None:
    """Return what a function that a parameter holds is called with, and whether that is awaited.

    Args:
        node: The member's definition.
        name: The parameter.

    Returns:
        Names for the arguments; None where it is not called, or something is done with what it gives.
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

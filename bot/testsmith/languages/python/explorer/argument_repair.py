"""Replace arguments according to what an exception says about them.

Without an annotation, the first guess for a parameter may be wrong. Python's own messages name what is
missing (an attribute, an operation, a key or a format), and lead step by step to a call that works.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from testsmith.languages.python.explorer.cases import Observation
from testsmith.languages.python.explorer.inputs.argument_pool import imports_of
from testsmith.languages.python.explorer.inputs.parameter_values import shape_of, shape_with
from testsmith.languages.python.explorer.inputs.values import text_for, values
from testsmith.languages.python.explorer.render.call_text import Argument
from testsmith.languages.python.explorer.render.expressions import Expression, InputSource, quoted
from testsmith.languages.python.explorer.subjects import Shape, Subject
from testsmith.languages.python.explorer.trial import Trial

_MOST_REASONS = 8
_MOST_VALUES = 3

_OPERATIONS = (
    (r"object is not iterable|has no len\(\)|not subscriptable|not reversible", "list"),
    (r"object is not callable", "callable"),
    (r"is not a mapping|string indices must be|indices must be integers or slices, not str", "dict"),
    (r"bytes-like object is required|must be bytes|expected bytes", "bytes"),
    (r"expected str|must be str|expected string|must be a string|path should be string", "str"),
    (r"cannot be interpreted as an integer|must be an integer|an integer is required", "int"),
    (r"must be real number|bad operand type|not supported between|unsupported operand", "int"),
)
"""What messages ask for; the first match is used."""

_ATTRIBUTE = re.compile(r"'(\w+)' object has no attribute '(\w+)'")
_TYPE = re.compile(r"'(\w+)'")
_FORMAT = re.compile(r"time data '.*' does not match format '(.*)'")

_TEXTS = (
    (r"invalid literal for int\(\)", '"12"'),
    (r"could not convert string to float", '"1.5"'),
    (r"Invalid isoformat string", '"2024-02-29"'),
    (r"Expecting value|Extra data", "'{\"a\": 1}'"),
    (r"non-hexadecimal", '"ff"'),
)
"""Replacement texts by the error message that rejects other texts."""


def repaired_arguments(
    subject: Subject, trials: Mapping[int, Trial], seen: Mapping[int, Observation]
) -> Iterator[Trial]:
    """Yield trials that the exceptions of earlier ones suggest, for the first trial with each message.

    Args:
        subject: The member.
        trials: Its trials by number.
        seen: Their observations.
    """
    first: dict[str, Trial] = {}
    for number, observation in seen.items():
        if observation.outcome.error:
            first.setdefault(observation.outcome.reason, trials[number])
    for reason, trial in islice(first.items(), _MOST_REASONS):
        yield from _steps(subject, trial, reason)


def _steps(subject: Subject, trial: Trial, reason: str) -> Iterator[Trial]:
    for argument in trial.arguments:
        for value in islice(_instead(subject, argument, reason), _MOST_VALUES):
            if value.text != argument.value.text:
                yield _exchanged(trial, argument, value)


def _exchanged(trial: Trial, argument: Argument, value: Expression) -> Trial:
    changed = replace(argument, value=value)
    arguments = tuple(changed if each is argument else each for each in trial.arguments)
    return replace(
        trial,
        arguments=arguments,
        imports=trial.imports | imports_of(arguments),
        layer=max(trial.layer, InputSource.TYPED),
        example=None,
    )


def _instead(subject: Subject, argument: Argument, reason: str) -> Iterator[Expression]:
    """Yield replacements for an argument: another text, an additional key, or a value of another type."""
    node = _parsed(argument.value.text)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _other_texts(reason)
    if isinstance(node, ast.Dict) and reason.startswith("KeyError: '"):
        yield _with_key(node, reason.removeprefix("KeyError: ").strip("'"))
    parameter = next((each for each in subject.parameters if each.name == argument.name), None)
    if parameter is None or parameter.shape.kind != "any":
        return  # an annotation is more reliable than an exception
    missed = _missed(reason)
    if missed is not None and _kind(node) in _TYPE.findall(reason) + _unnamed(reason):
        tried = shape_of(parameter, subject.hints)
        yield from values(missed, parameter.name if tried.kind == missed.kind else "")


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return ast.Name(text)


def _other_texts(reason: str) -> Iterator[Expression]:
    form = _FORMAT.search(reason)
    if form is not None:
        yield Expression(quoted(_in_format(form[1])))
    yield from (Expression(text) for mark, text in _TEXTS if re.search(mark, reason))


_MOMENT = {"Y": "2024", "m": "02", "d": "29", "H": "13", "M": "30", "S": "00", "y": "24", "b": "Feb"}


def _in_format(form: str) -> str:
    """Return a date and time in a `strptime` format."""
    return re.sub(r"%(\w)", lambda found: _MOMENT.get(found[1], found[0]), form)


def _with_key(node: ast.Dict, key: str) -> Expression:
    """Return a mapping with an additional key, without keys that were only guessed."""
    guessed = all(isinstance(each, ast.Constant) and each.value in {"a", "b"} for each in node.keys)
    pairs = (
        []
        if guessed
        else [
            f"{ast.unparse(each) if each else ''}: {ast.unparse(value)}"
            for each, value in zip(node.keys, node.values, strict=True)
        ]
    )
    texts = [pair.replace("'", '"') for pair in pairs]
    return Expression("{" + ", ".join([*texts, f"{quoted(key)}: {quoted(text_for(key))}"]) + "}")


def _missed(reason: str) -> Shape | None:
    """Return the shape of what a message asks for, or None if unknown."""
    attribute = _ATTRIBUTE.search(reason)
    if attribute is not None:
        return shape_with(attribute[2])
    kind = next((kind for mark, kind in _OPERATIONS if re.search(mark, reason)), None)
    return None if kind is None else Shape(kind=kind)


def _unnamed(reason: str) -> list[str]:
    """Return the types that a message without a type name may refer to."""
    return [] if _TYPE.search(reason) else ["str", "int", "list"]


def _kind(node: ast.expr) -> str:
    """Return the type name of a literal, or `""` for other expressions."""
    if isinstance(node, ast.Constant):
        return type(node.value).__name__
    return {ast.List: "list", ast.Dict: "dict", ast.Set: "set", ast.Tuple: "tuple"}.get(type(node), "")

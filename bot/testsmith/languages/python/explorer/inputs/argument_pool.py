"""Candidate values for each parameter of a member, and ordinary arguments for calls."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from keyword import iskeyword
from random import Random

from testsmith.languages.python.explorer.inputs.parameter_values import fitting_or_made, inputs, shape_of
from testsmith.languages.python.explorer.inputs.values import FIRST_KEY, accepts_text_keys, interleaved
from testsmith.languages.python.explorer.render.call_text import Argument
from testsmith.languages.python.explorer.render.expressions import (
    NONE,
    Expression,
    Imports,
    InputSource,
    quoted,
    unique,
)
from testsmith.languages.python.explorer.subjects import Callee, Parameter, Shape, Subject
from testsmith.languages.python.explorer.usage.usage_calls import UsedCall

_MOST = 8
_MOST_VARIED = 4
_LONGEST = 40

_MOST_OPTIONAL = 10
_MOST_USED = 8
_MOST_BEFORE_VARIED = 10
_OPTIONAL_SHARE = 0.3


class Columns:
    """Candidate values for the parameters of a member and of the other methods of its class.

    Args:
        subject: The member.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._known: dict[str, list[Expression]] = {}

    def of(self, parameter: Parameter) -> list[Expression]:
        """Return the values to try for a parameter, most ordinary first; empty if unknown."""
        if parameter.name not in self._known:
            names = [each.name for each in self._subject.parameters]
            place = names.index(parameter.name) if parameter.name in names else -1
            documented = self._subject.documentation.arguments_for(place, parameter.name)
            used = self._subject.usage.values(place, parameter.name)[:_MOST_USED]
            found = self._turned(parameter, inputs(parameter, self._subject.hints, [*documented, *used]))
            found = [*found[:_MOST_BEFORE_VARIED], *varied(used), *found[_MOST_BEFORE_VARIED:]]
            self._known[parameter.name] = unique([*self._keys_for(parameter), *found]) if found else []
        return self._known[parameter.name]

    def _turned(self, parameter: Parameter, found: list[Expression]) -> list[Expression]:
        """Return the values in another order for a parameter that is not the first to take a function."""
        hints = self._subject.hints
        functions = [each for each in self._subject.parameters if _takes_function(shape_of(each, hints))]
        turns = functions.index(parameter) % len(found) if found and parameter in functions else 0
        return [*found[turns:], *found[:turns]]

    def _keys_for(self, parameter: Parameter) -> list[Expression]:
        """Return the keys of another mapping argument, for a text that may be a key."""
        shapes = [shape_of(each, self._subject.hints) for each in self._subject.parameters]
        has_texts = any(shape.kind == "dict" and accepts_text_keys(shape) for shape in shapes)
        is_text = shape_of(parameter, self._subject.hints).kind == "str"
        return [Expression(FIRST_KEY, layer=InputSource.ORDINARY)] if has_texts and is_text else []

    def optional(self, parameter: Parameter) -> list[Expression]:
        """Return values for an optional parameter that differ from its default."""
        default = parameter.default.text if parameter.default else ""
        return [value for value in self.of(parameter) if value.text != default][:_MOST_OPTIONAL]

    def ordinary(self, callee: Callee) -> list[Argument] | None:
        """Return the required arguments of a call, or None if a value is unknown."""
        found = []
        used = self._used(callee)
        for place, parameter in enumerate(callee.parameters or ()):
            if not parameter.required:
                continue
            value = used.given(place, parameter.name) if used else None
            column = self._fitting(value, parameter) or self.of(parameter)
            if not column:
                return None
            found.append(Argument(parameter.name, column[0], parameter.mode == "keyword"))
        return found

    def _used(self, callee: Callee) -> UsedCall | None:
        """Return the project's first successful call of a method whose arguments are all known."""
        usage = self._subject.usage
        is_own = callee == self._subject.callee
        calls = usage.calls if is_own else usage.others.get(callee.name, ())
        return next((call for call in calls if call.is_whole and not call.fails), None)

    def _fitting(self, value: Expression | None, parameter: Parameter) -> list[Expression]:
        """Return a value from a call if the parameter accepts it."""
        return [] if value is None else fitting_or_made([value], shape_of(parameter, self._subject.hints))

    def used(self, call: UsedCall) -> list[Argument] | None:
        """Return the arguments of a project's call, with unknown values filled in.

        None if a required value is unknown, or the call gives something that is not accepted.
        """
        parameters = self._subject.parameters
        taken = {each.name: each for each in parameters if each.mode not in {"rest", "keywords"}}
        found = []
        for place, argument in enumerate(call.arguments):
            by_place = parameters[place] if place < len(parameters) else None
            parameter = taken.get(argument.name or (by_place.name if by_place else ""))
            if parameter is None:
                return None
            values = [argument.value] if argument.value else self.of(parameter)[:1]
            if not values and parameter.required:
                return None
            found += [given(parameter, value) for value in values]
        return found

    def exchanged(self, base: Sequence[Argument]) -> Iterable[list[Argument]]:
        """Yield rows with one required argument replaced or one optional argument added, in turn."""
        rows: list[list[list[Argument]]] = []
        for parameter in self._subject.parameters:
            if parameter.mode == "keywords":
                rows.append([[*base, option] for option in self._options(parameter, base)])
            elif parameter.required:
                rows.append([_exchange(base, parameter.name, value) for value in self.of(parameter)[1:]])
            else:
                by_keyword = not self._is_given_by_place(parameter, base)
                values = [given(parameter, each, by_keyword=by_keyword) for each in self.optional(parameter)]
                rows.append([[*others(base, parameter.name), value] for value in values])
        for rank in range(max(map(len, rows), default=0)):
            yield from (row[rank] for row in rows if rank < len(row))

    def _options(self, parameter: Parameter, base: Sequence[Argument]) -> Iterator[Argument]:
        """Yield keyword arguments that no parameter names, but that the code looks for."""
        taken = {each.name for each in self._subject.parameters} | {each.name for each in base}
        for key in dict.fromkeys(self._subject.hints.keys[parameter.name]):
            if key.isidentifier() and not iskeyword(key) and key not in taken:
                yield Argument(key, Expression(quoted(key), layer=InputSource.ORDINARY), by_keyword=True)

    def _is_given_by_place(self, parameter: Parameter, base: Sequence[Argument]) -> bool:
        """Return whether the documentation passes the first optional parameter by position."""
        place = len(base)
        names = [each.name for each in self._subject.parameters]
        is_next = names[place : place + 1] == [parameter.name] and not any(each.by_keyword for each in base)
        return is_next and parameter.mode != "keyword" and place in self._subject.documentation.given

    def drawn(self, random: Random) -> list[Argument]:
        """Return random arguments."""
        found: list[Argument] = []
        for parameter in self._subject.parameters:
            column = self.of(parameter) if parameter.required else self.optional(parameter)
            wanted = parameter.required or random.random() < _OPTIONAL_SHARE
            if column and wanted:
                by_keyword = not self._is_given_by_place(parameter, found)
                found.append(given(parameter, random.choice(column), by_keyword=by_keyword))
        return found


def given(parameter: Parameter, value: Expression, *, by_keyword: bool = True) -> Argument:
    """Return an argument for a parameter, by name if it is optional, unless `by_keyword` is false."""
    is_named = by_keyword and not parameter.required and parameter.mode != "rest"
    return Argument(parameter.name, value, is_named or parameter.mode == "keyword")


def _takes_function(shape: Shape) -> bool:
    """Return whether a parameter of a shape may be a function."""
    options = shape.parts if shape.kind == "union" else (shape,)
    return any(option.kind == "callable" for option in options)


def others(base: Sequence[Argument], name: str) -> list[Argument]:
    """Return the arguments without one of them."""
    return [each for each in base if each.name != name]


def _exchange(base: Sequence[Argument], name: str, value: Expression) -> list[Argument]:
    """Return the arguments with one value replaced."""
    return [Argument(each.name, value, each.by_keyword) if each.name == name else each for each in base]


def texts_of(arguments: Iterable[Argument]) -> str:
    """Return the source text of arguments, without parentheses."""
    return ", ".join(argument.text() for argument in arguments)


def imports_of(arguments: Iterable[Argument]) -> Imports:
    """Return the imports that arguments require."""
    return NONE.union(*(argument.value.imports for argument in arguments))


def varied(used: Iterable[Expression]) -> list[Expression]:
    """Return values near the first of these, alternating; non-literals have none."""
    columns = [[*_neighbors(each)] for each in [*used][:_MOST_VARIED]]
    return unique(interleaved(columns))[:_MOST]


def _neighbors(expression: Expression) -> Iterator[Expression]:
    try:
        value = ast.literal_eval(expression.text)
    except (ValueError, SyntaxError, TypeError, MemoryError):
        return
    for other in _near(value):
        text = quoted(other) if isinstance(other, str) else repr(other)
        yield Expression(text, layer=InputSource.TYPED)


def _near(value: object) -> list[object]:
    match value:
        case bool() | None:
            return []
        case int():
            return [value + 1, -value]
        case float():
            return [-value]
        case str() if 0 < len(value) <= _LONGEST:
            return [
                value[:-1],
                *(other for other in (value.swapcase(),) if other != value),
                value + value[-1],
            ]
        case list() | tuple() if value and len(value) <= _LONGEST:
            return [value[:-1], value[::-1]]
    return []

"""The values to try for each parameter of a member, and the ordinary arguments of calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

from bot.generation.offline.calls import Argument
from bot.generation.offline.description import Callee, Parameter, Shape
from bot.generation.offline.expressions import NONE, Expression, Imports, Layer, unique
from bot.generation.offline.inputs import inputs, shape_of
from bot.generation.offline.subjects import Subject
from bot.generation.offline.values import FIRST_KEY, accepts_text_keys

_MOST_OPTIONAL = 10
_OPTIONAL_SHARE = 0.3


class Columns:
    """The values to try for the parameters of one member, and of the other methods of its class.

    Args:
        subject: The member.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._known: dict[str, list[Expression]] = {}

    def of(self, parameter: Parameter) -> list[Expression]:
        """Return the values to try for a parameter, the most ordinary first; none where none is known."""
        if parameter.name not in self._known:
            names = [each.name for each in self._subject.parameters]
            place = names.index(parameter.name) if parameter.name in names else -1
            documented = self._subject.documentation.arguments_for(place, parameter.name)
            found = self._turned(parameter, inputs(parameter, self._subject.hints, documented))
            self._known[parameter.name] = unique([*self._keys_for(parameter), *found]) if found else []
        return self._known[parameter.name]

    def _turned(self, parameter: Parameter, found: list[Expression]) -> list[Expression]:
        """Return other functions first for a parameter that is not the first to take one."""
        hints = self._subject.hints
        functions = [each for each in self._subject.parameters if takes_function(shape_of(each, hints))]
        turns = functions.index(parameter) % len(found) if found and parameter in functions else 0
        return [*found[turns:], *found[:turns]]

    def _keys_for(self, parameter: Parameter) -> list[Expression]:
        """Return a key of a mapping that the member is given as well, for a text that may be one."""
        shapes = [shape_of(each, self._subject.hints) for each in self._subject.parameters]
        has_texts = any(shape.kind == "dict" and accepts_text_keys(shape) for shape in shapes)
        is_text = shape_of(parameter, self._subject.hints).kind == "str"
        return [Expression(FIRST_KEY, layer=Layer.ORDINARY)] if has_texts and is_text else []

    def optional(self, parameter: Parameter) -> list[Expression]:
        """Return the values to give an optional parameter: others than its default."""
        default = parameter.default.text if parameter.default else ""
        return [value for value in self.of(parameter) if value.text != default][:_MOST_OPTIONAL]

    def ordinary(self, callee: Callee) -> list[Argument] | None:
        """Return the arguments that a call must have; None where a value is not known."""
        found = []
        for parameter in callee.parameters or ():
            if not parameter.required:
                continue
            column = self.of(parameter)
            if not column:
                return None
            found.append(Argument(parameter.name, column[0], parameter.mode == "keyword"))
        return found

    def exchanged(self, base: Sequence[Argument]) -> Iterable[list[Argument]]:
        """Exchange one required argument, or give one optional one, by turns."""
        rows: list[list[list[Argument]]] = []
        for parameter in self._subject.parameters:
            if parameter.required:
                rows.append([exchange(base, parameter.name, value) for value in self.of(parameter)[1:]])
            else:
                by_keyword = not self._is_given_by_place(parameter, base)
                values = self.optional(parameter)
                rows.append([[*base, given(parameter, value, by_keyword=by_keyword)] for value in values])
        for rank in range(max(map(len, rows), default=0)):
            yield from (row[rank] for row in rows if rank < len(row))

    def _is_given_by_place(self, parameter: Parameter, base: Sequence[Argument]) -> bool:
        """Tell whether the documentation gives the first optional parameter by its place."""
        place = len(base)
        names = [each.name for each in self._subject.parameters]
        is_next = names[place : place + 1] == [parameter.name] and not any(each.by_keyword for each in base)
        return is_next and parameter.mode != "keyword" and place in self._subject.documentation.given

    def drawn(self, random: Random) -> list[Argument]:
        """Draw arguments."""
        found: list[Argument] = []
        for parameter in self._subject.parameters:
            column = self.of(parameter) if parameter.required else self.optional(parameter)
            wanted = parameter.required or random.random() < _OPTIONAL_SHARE
            if column and wanted:
                by_keyword = not self._is_given_by_place(parameter, found)
                found.append(given(parameter, random.choice(column), by_keyword=by_keyword))
        return found


def given(parameter: Parameter, value: Expression, *, by_keyword: bool = True) -> Argument:
    """Return an argument for a parameter, by name where it is optional unless that is not wanted."""
    is_named = by_keyword and not parameter.required and parameter.mode != "rest"
    return Argument(parameter.name, value, is_named or parameter.mode == "keyword")


def takes_function(shape: Shape) -> bool:
    """Tell whether a parameter of a shape may be given a function."""
    options = shape.parts if shape.kind == "union" else (shape,)
    return any(option.kind == "callable" for option in options)


def exchange(base: Sequence[Argument], name: str, value: Expression) -> list[Argument]:
    """Return arguments with another value for one of them."""
    return [Argument(each.name, value, each.by_keyword) if each.name == name else each for each in base]


def texts_of(arguments: Iterable[Argument]) -> str:
    """Return arguments as they stand between the brackets of a call."""
    return ", ".join(argument.text() for argument in arguments)


def imports_of(arguments: Iterable[Argument]) -> Imports:
    """Return what arguments need."""
    return NONE.union(*(argument.value.imports for argument in arguments))

"""Trials of what objects do under `with`, `async with` and `async for`, and when a property is set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from testsmith.generation.offline.calls import Argument, Slot
from testsmith.generation.offline.columns import imports_of
from testsmith.generation.offline.description import Parameter
from testsmith.generation.offline.expressions import Layer
from testsmith.generation.offline.hints import Hints
from testsmith.generation.offline.inputs import inputs
from testsmith.generation.offline.trial import Trial
from testsmith.generation.offline.words import value_words

_MOST_SET = 6
_MOST_ITERATED = 3

_HEADS = {"__enter__": "with ", "__exit__": "with ", "__aenter__": "async with ", "__aexit__": "async with "}
_ITERATED = {"__aiter__": ("[item async for item in ", "]"), "__anext__": ("await ", ".__anext__()")}


def is_entered(name: str) -> bool:
    """Tell whether a special method works by one of these statements."""
    return name in _HEADS or name in _ITERATED


def entering_trials(name: str, bare: Sequence[Trial]) -> Iterator[Trial]:
    """Yield what shows a special method at work.

    Args:
        name: The method's name.
        bare: Calls of it on several objects.
    """
    for trial in bare[: _MOST_ITERATED if name in _ITERATED else 1]:
        if name in _ITERATED:
            before, after = _ITERATED[name]
            pieces = (before, Slot.RECEIVER, after)
            yield replace(trial, pieces=pieces, in_loop=True, about="gives_its_items")
            continue
        head, in_loop = _HEADS[name], name.startswith("__a")
        entered = replace(trial, in_loop=in_loop, layer=Layer.ORDINARY)
        if name.endswith("enter__"):
            yield replace(entered, pieces=(Slot.RECEIVER,), enters=True, inside=True, about="when_entered")
        yield replace(entered, pieces=(head, Slot.RECEIVER, ":\n    pass"), about="after_it_is_left")
        raises = ':\n    raise ValueError("no luck")'
        failing = replace(entered, layer=Layer.BOUNDARY, about="when_something_fails_inside")
        yield replace(failing, pieces=(head, Slot.RECEIVER, raises))


def setting_trials(trial: Trial, parameter: Parameter, name: str, hints: Hints) -> Iterator[Trial]:
    """Yield assignments to a property.

    Args:
        trial: Something done with the object.
        parameter: What the property is set to.
        name: The property's name.
        hints: What the text of its class says.
    """
    for value in inputs(parameter, hints, ())[:_MOST_SET]:
        given = Argument(name, value)
        yield replace(
            trial,
            pieces=(Slot.RECEIVER, f".{name} = ", Slot.FIRST),
            arguments=(given,),
            about="_".join(filter(None, ("set_to", value_words(value.text, name)))),
            imports=trial.imports | imports_of([given]),
            layer=max(trial.layer, value.layer),
        )

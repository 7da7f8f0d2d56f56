"""Cases of the offline engine, made by hand."""

from __future__ import annotations

from collections.abc import Collection

from testsmith.generation.offline.calls import Argument, Slot
from testsmith.generation.offline.cases import Case
from testsmith.generation.offline.description import Home
from testsmith.generation.offline.expressions import Expression, Import, Layer
from testsmith.generation.offline.observations import Fact, Observation, Outcome
from testsmith.generation.offline.trial import Trial


def call(
    *values: str, layer: Layer = Layer.ORDINARY, options: dict[str, str] | None = None, name: str = "f"
) -> Trial:
    """Return a call `f(...)` of a function of the module `m` with parameters `a`, `b`, ..."""
    given = [Argument("abcdef"[place], Expression(text)) for place, text in enumerate(values)]
    given += [Argument(key, Expression(text), by_keyword=True) for key, text in (options or {}).items()]
    return Trial(
        imports=frozenset({Import("m", name)}),
        pieces=(f"{name}(", Slot.ALL, ")"),
        arguments=tuple(given),
        layer=layer,
    )


def on_object(*statements: str, method: str = "put", argument: str = '"x"') -> Trial:
    """Return a call of a method on a `Bag` of the module `m`, after other statements."""
    return Trial(
        imports=frozenset({Import("m", "Bag")}),
        setup=("bag = Bag()", *statements),
        pieces=(Slot.RECEIVER, f".{method}(", Slot.ALL, ")"),
        receiver="bag",
        arguments=(Argument("item", Expression(argument)),),
        watched=("bag",),
    )


def gives(text: str, *imports: Import, form: str = "plain", agrees: bool | None = None) -> Outcome:
    relation = "is" if text in {"True", "False", "None"} else "=="
    value = Expression(text, frozenset(imports))
    return Outcome(kind="value", form=form, relation=relation, value=value, agrees=agrees)


def raises(message: str | None, name: str = "ValueError", module: str = "builtins", line: int = 9) -> Outcome:
    return Outcome(kind="raised", home=Home(module=module, path=name), message=message, line=line)


def fact(of: str, text: str, before: str | None = None) -> Fact:
    return Fact(of=of, value=Expression(text), before=before)


def case(
    trial: Trial,
    outcome: Outcome,
    *,
    lines: Collection[int] = (),
    state: Collection[Fact] = (),
    base: Outcome | Observation | None = None,
) -> Case:
    seen = Observation(outcome=outcome, lines=frozenset(lines), state=tuple(state))
    before = Observation(outcome=base) if isinstance(base, Outcome) else base
    return Case(trial=trial, seen=seen, base=before)

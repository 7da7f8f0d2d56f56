"""Cases of the offline engine, made by hand."""

from __future__ import annotations

from collections.abc import Collection

from testsmith.languages.python.explorer.cases import CallResult, Case, Fact, Observation
from testsmith.languages.python.explorer.render.call_text import Argument, Slot
from testsmith.languages.python.explorer.render.expressions import Expression, Import, InputSource
from testsmith.languages.python.explorer.subjects import Home
from testsmith.languages.python.explorer.trial import Trial


def call(
    *values: str,
    layer: InputSource = InputSource.ORDINARY,
    options: dict[str, str] | None = None,
    name: str = "f",
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


def gives(text: str, *imports: Import, form: str = "plain", agrees: bool | None = None) -> CallResult:
    relation = "is" if text in {"True", "False", "None"} else "=="
    value = Expression(text, frozenset(imports))
    return CallResult(kind="value", form=form, relation=relation, value=value, agrees=agrees)


def raises(
    message: str | None, name: str = "ValueError", module: str = "builtins", line: int = 9
) -> CallResult:
    return CallResult(kind="raised", home=Home(module=module, path=name), message=message, line=line)


def fact(of: str, text: str, before: str | None = None) -> Fact:
    return Fact(of=of, value=Expression(text), before=before)


def case(
    trial: Trial,
    outcome: CallResult,
    *,
    lines: Collection[int] = (),
    state: Collection[Fact] = (),
    base: CallResult | Observation | None = None,
) -> Case:
    seen = Observation(outcome=outcome, lines=frozenset(lines), state=tuple(state))
    before = Observation(outcome=base) if isinstance(base, CallResult) else base
    return Case(trial=trial, seen=seen, base=before)

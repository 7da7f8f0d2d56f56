"""What a member's tests show, in one sentence, and what the change does, on an input where base differs."""

from __future__ import annotations

from collections.abc import Sequence

from bot.generation.offline.cases import Case
from bot.generation.offline.observations import Fact, Outcome

_LONGEST = 120
_MOST_TOLD = 2


def summary(cases: Sequence[Case]) -> str:
    """Return one sentence on the most telling cases; empty where nothing short can be said."""
    told = [f"{_called(case)} {_does(case.outcome, case.changes)}" for case in cases if not case.contradicts]
    short = [text for text in dict.fromkeys(told) if len(text) <= _LONGEST][:_MOST_TOLD]
    return "; ".join(short) + "." if short else ""


def witness(cases: Sequence[Case]) -> str | None:
    """Return what the first witness shows, as a sentence; None where there is none."""
    for case in cases:
        if case.is_witness and not case.contradicts and case.base is not None:
            before = _did(case.base.outcome, _differing(case.base.state, case.seen.state))
            now = _does(case.outcome, _differing(case.seen.state, case.base.state))
            return f"{_called(case)} {before} before this change and {now} now."
    return None


def _differing(facts: Sequence[Fact], others: Sequence[Fact]) -> tuple[Fact, ...]:
    known = {fact.of: fact.value.text for fact in others}
    return tuple(fact for fact in facts if known.get(fact.of, fact.value.text) != fact.value.text)


def _called(case: Case) -> str:
    """Return the call in words, with what was called before it."""
    after = case.trial.setup[1:] if case.trial.receiver else ()
    before = f" after {' and '.join(f'`{statement}`' for statement in after)}" if after else ""
    return f"`{case.expression}`{before}"


def _does(outcome: Outcome, changed: Sequence[Fact]) -> str:
    return _told(
        outcome, changed, {"gives": "gives", "raises": "raises", "prints": "prints", "leaves": "leaves"}
    )


def _did(outcome: Outcome, changed: Sequence[Fact]) -> str:
    return _told(
        outcome, changed, {"gives": "gave", "raises": "raised", "prints": "printed", "leaves": "left"}
    )


def _told(outcome: Outcome, changed: Sequence[Fact], verbs: dict[str, str]) -> str:
    value = outcome.value.text if outcome.value else ""
    if outcome.kind == "raised" or outcome.error:
        name = outcome.home.path if outcome.home else outcome.error
        return f"{verbs['raises']} `{name}`"
    if outcome.kind == "printed":
        return f"{verbs['prints']} `{value}`"
    if outcome.kind == "object" and outcome.facts:
        fact = outcome.facts[0]
        name = outcome.home.path if outcome.home else "an object"
        return f"{verbs['gives']} `{name}` with `{fact.of.replace('{}', 'it')}` equal to `{fact.value.text}`"
    if value == "None" and changed:
        return f"{verbs['leaves']} `{changed[0].of}` as `{changed[0].value.text}`"
    if outcome.relation == "nan":
        return f"{verbs['gives']} `nan`"
    return f"{verbs['gives']} `{value}`" if value else f"{verbs['gives']} something else"

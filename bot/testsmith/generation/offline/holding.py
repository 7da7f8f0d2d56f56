"""Which relations hold: those that were true on several inputs, and false on none of their kind."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from testsmith.generation.offline.calls import Pieces
from testsmith.generation.offline.cases import Case

FEWEST = 3
"""On how many inputs a relation has to be seen at work before it is stated."""


def with_true_relations(cases: Iterable[Case]) -> list[Case]:
    """Return the cases without those of relations that do not hold, and those that show nothing of one."""
    cases = [*cases]
    kept = [case for group in related(cases) for case in _holding(group)]
    return [case for case in cases if case.trial.relation is None or case in kept]


def related(cases: Iterable[Case]) -> list[list[Case]]:
    """Return the cases of each relation, in the order in which they come."""
    groups: dict[tuple[Pieces, tuple[str, ...]], list[Case]] = {}
    for case in cases:
        if case.trial.relation is not None:
            groups.setdefault((case.trial.pieces, case.trial.setup), []).append(case)
    return [*groups.values()]


def _holding(group: Sequence[Case]) -> list[Case]:
    """Return what is to be stated of one relation; it may hold for texts, say, and not for bytes."""
    refuted = {_kind(case) for case in group if case.outcome.kind != "raised" and not case.holds}
    telling = [case for case in group if case.holds and not case.is_idle and _kind(case) not in refuted]
    refused = sum(case.outcome.kind == "raised" for case in group)
    return telling if len(telling) >= max(FEWEST, refused) else []


def _kind(case: Case) -> str:
    """Return what kind of input a relation was tried on."""
    node = ast.parse(case.trial.arguments[0].value.text, mode="eval").body
    return type(node.value if isinstance(node, ast.Constant) else node).__name__

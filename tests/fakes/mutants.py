"""Mutants as values, and what test functions do with them."""

from __future__ import annotations

from collections.abc import Mapping

from testsmith.languages.mutants import Edit, Mutant, Operator, Scope
from testsmith.verification.mutation import Mutation


def a_mutant(
    line: int, operator: Operator = Operator.BOUNDARY, *, words: str = "", loaded: bool = False
) -> Mutant:
    """Return a mutant on a line of a function that begins on line 1, or of what is run when it is loaded."""
    return Mutant(
        line=line,
        words=words or f"`<` to `<=` on line {line}",
        operator=operator,
        edit=Edit(start=10 * line, end=10 * line + 1, text="<="),
        statement=(line, line),
        function=None if loaded else Scope(name="total", line=1),
    )


def a_mutation(mutants: tuple[Mutant, ...], kills: Mapping[str, tuple[Mutant, ...]], *empty: str) -> Mutation:
    """Return which test functions fail with which mutants."""
    killed = {name: frozenset(ones) for name, ones in kills.items()}
    return Mutation(mutants=mutants, kills=killed, empty=frozenset(empty))

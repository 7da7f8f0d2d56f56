"""The changes of a module that the trials of one member may notice: of its own text, and of what it uses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from testsmith.generation.offline.sources import ModuleSource, reachable
from testsmith.languages.driver import CannotParse
from testsmith.languages.python.mutants import Mutant, mutants_of
from testsmith.languages.python.syntax import span_of
from testsmith.model import Member

MOST_OWN = 80
MOST_OF_OTHERS = 32

_STEPS = 2


def mutants_around(member: Member, source: ModuleSource, most: int = MOST_OWN) -> tuple[Mutant, ...]:
    """Return the mutants of a member, then those of the private functions of its module that it uses.

    Only those inside of functions, since only these can be put in place of what is loaded. None where the
    module's text cannot be read.

    Args:
        member: The member.
        source: Its module.
        most: How many mutants of its own it has at most.
    """
    if source.text is None:
        return ()
    try:
        own = mutants_of(source.text, member, most)
        others = [
            mutant
            for other in _private_ones(member, source)
            for mutant in mutants_of(source.text, other, MOST_OF_OTHERS)
        ]
    except (CannotParse, RecursionError):
        return ()
    found = (*own, *others[:MOST_OF_OTHERS])
    return tuple(mutant for mutant in found if mutant.function is not None)


def _private_ones(member: Member, source: ModuleSource) -> Iterator[Member]:
    """Yield the private functions that a member uses, as if each were the member."""
    used = reachable(member.name, source, _STEPS)[1:]
    for name, definition in source.definitions.items():
        if definition in used and _is_private(name) and not isinstance(definition, ast.ClassDef):
            span = span_of(definition)
            yield replace(member, name=name, line=span.first, end_line=span.last)


def _is_private(name: str) -> bool:
    return any(part.startswith("_") and not part.endswith("__") for part in name.split("."))

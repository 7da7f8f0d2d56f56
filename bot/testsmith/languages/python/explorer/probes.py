"""Inputs that a model chose, as trials, and their results as facts."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence

from testsmith.languages.python.explorer.cases import Case
from testsmith.languages.python.explorer.render.expressions import Import, InputSource
from testsmith.languages.python.explorer.render.summaries import in_words
from testsmith.languages.python.explorer.subjects import reference
from testsmith.languages.python.explorer.trial import Trial
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import CannotParse
from testsmith.model import Member

_MOST_STATEMENTS = 8


def probe_trials(probes: Sequence[str], member: Member) -> list[Trial]:
    """Return the inputs that can be run as trials of a member; its import is there already."""
    return [trial for probe in probes if (trial := _trial(probe, member)) is not None]


def _trial(probe: str, member: Member) -> Trial | None:
    try:
        body = parse_untrusted(probe).body
    except CannotParse:
        return None
    imports = frozenset(each for statement in body for each in _imported(statement))
    statements = [each for each in body if not isinstance(each, ast.Import | ast.ImportFrom)]
    if not 0 < len(statements) <= _MOST_STATEMENTS:
        return None
    *setup, last = statements
    call = last.value if isinstance(last, ast.Expr | ast.Assign) else last
    name, own = reference(member.name, member.module)
    is_named = name == own.bound and all(each.bound != name for each in imports)
    return Trial(
        imports=imports | {own} if is_named else imports,
        setup=tuple(map(ast.unparse, setup)),
        pieces=(ast.unparse(call),),
        watched=tuple(dict.fromkeys(_bound(setup))),
        layer=InputSource.USED,
        in_loop=any(isinstance(node, ast.Await) for node in ast.walk(last)),
    )


def _imported(statement: ast.stmt) -> Iterator[Import]:
    if isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
        yield from (Import(statement.module, each.name, each.asname or "") for each in statement.names)
    elif isinstance(statement, ast.Import):
        yield from (Import(each.name, "", each.asname or "") for each in statement.names)


def _bound(setup: Sequence[ast.stmt]) -> Iterator[str]:
    for statement in setup:
        if isinstance(statement, ast.Assign):
            yield from (target.id for target in statement.targets if isinstance(target, ast.Name))


def probe_facts(cases: Sequence[Case], trials: Collection[Trial]) -> tuple[str, ...]:
    """Return what came of inputs on base and head, those with a difference first."""
    found = [case for case in cases if case.trial in trials and not case.contradicts]
    return tuple(map(in_words, sorted(found, key=lambda case: not case.is_witness)))

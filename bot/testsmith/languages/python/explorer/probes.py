"""Inputs that a model chose or that the authors' texts contain, as trials, and their results as facts."""

from __future__ import annotations

import ast
import builtins
import doctest
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from testsmith.languages.python.explorer.cases import Case
from testsmith.languages.python.explorer.module_source import ModuleSource
from testsmith.languages.python.explorer.render.expressions import Import, InputSource
from testsmith.languages.python.explorer.render.summaries import in_words
from testsmith.languages.python.explorer.subjects import reference
from testsmith.languages.python.explorer.trial import Trial
from testsmith.languages.python.judge.documentation.docstring_examples import needed_statements
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import CannotParse
from testsmith.model import Member

_MOST_STATEMENTS = 8
_MOST_STATED = 6
_MOST_CHARACTERS = 20_000

_FENCED = re.compile(r"^ *(`{3,}|~{3,})[^\n]*\n(.*?)^ *\1 *$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)([^`\n]{3,200})(?<!`)\1(?!`)")


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


def probe_facts(cases: Sequence[Case], member: Member) -> tuple[str, ...]:
    """Return what came of inputs on base and head, those with a difference first.

    What base does as well is left out if no line of the member ran.

    Args:
        cases: The cases of the inputs.
        member: The member.
    """
    lines = range(member.line + 1, member.end_line + 1)
    found = [case for case in cases if not case.contradicts]
    telling = [
        case for case in found if case.is_witness or not lines or not case.seen.lines.isdisjoint(lines)
    ]
    return tuple(map(in_words, sorted(telling, key=lambda case: not case.is_witness)))


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedNames:
    """What names in the authors' texts mean.

    Attributes:
        member: The member that the texts are about.
        source: Source of its module.
        owned: The project's own top-level modules.
    """

    member: Member
    source: ModuleSource
    owned: Collection[str]

    def import_of(self, name: str) -> Import | None:
        """Return the import that a name needs; None if it has no known meaning."""
        found = self.source.imports.get(name)
        if name == self.member.name.partition(".")[0] or name in self.source.definitions:
            found = Import(self.member.module, name)
        elif name in self.owned or (found is None and name in sys.stdlib_module_names):
            found = Import(name)
        is_public = found is not None and not any(part[:1] == "_" for part in found.module.split("."))
        return found if is_public and not name.startswith("_") else None

    def is_own(self, needed: Import) -> bool:
        """Return whether an import is of the project."""
        return needed.module.partition(".")[0] in self.owned


def stated_inputs(text: str, names: StatedNames) -> tuple[str, ...]:
    """Return the expressions in a text of the authors that can be run and use the project.

    They are in code spans, fenced blocks and doctest examples. Of a comparison it is the left side. The
    assignments of a block that an expression needs come before it.
    """
    found = (each for script in _scripts(text[:_MOST_CHARACTERS]) for each in _runnable(script, names))
    return tuple(islice(dict.fromkeys(found), _MOST_STATED))


def _scripts(text: str) -> Iterator[list[ast.stmt]]:
    """Yield the statements of each piece of code in a text."""
    try:
        examples = [example.source for example in doctest.DocTestParser().get_examples(text)]
    except ValueError:  # prompts without a space, or inconsistent lines
        examples = []
    fenced = [block for _, block in _FENCED.findall(text) if ">>>" not in block]
    spans = [span.strip() for _, span in _SPAN.findall(_FENCED.sub("", text))]
    for source in ("".join(examples), *fenced, *spans):
        try:
            yield parse_untrusted(source).body
        except CannotParse:
            continue


def _runnable(script: Sequence[ast.stmt], names: StatedNames) -> Iterator[str]:
    for at, statement in enumerate(script):
        shown = _shown(statement)
        if shown is None:
            continue
        wanted, setup = set(_loaded(shown)), needed_statements(script[:at], shown)
        for before in reversed(setup):
            bound = {*_bound([before]), *(each.bound for each in _imported(before))}
            wanted = (wanted - bound) | set(_loaded(before))
        if not setup and _only_names(shown):
            continue
        needed = [names.import_of(name) for name in sorted(wanted) if not hasattr(builtins, name)]
        imports = [each for each in needed if each is not None]
        known = (*imports, *(each for one in setup for each in _imported(one)))
        if len(imports) == len(needed) and any(map(names.is_own, known)):
            yield "\n".join((*(one.statement for one in imports), *map(ast.unparse, (*setup, shown))))


def _shown(statement: ast.stmt) -> ast.expr | None:
    """Return the expression whose value a statement shows; None if it shows none."""
    match statement:
        case (
            ast.Assert(test=ast.Compare(left=shown) | shown)
            | ast.Expr(value=ast.Call(func=ast.Name(id="print"), args=[shown], keywords=[]))
            | ast.Expr(value=ast.Compare(left=shown) | shown)
        ):
            acts = any(isinstance(node, ast.Call | ast.Subscript) for node in ast.walk(shown))
            return shown if acts else None
    return None


def _only_names(shown: ast.expr) -> bool:
    """Return whether it is a function's name with empty parentheses, as texts name functions."""
    match shown:
        case ast.Call(func=function, args=[], keywords=[]):
            return not any(isinstance(node, ast.Call) for node in ast.walk(function))
    return False


def _loaded(node: ast.AST) -> Iterator[str]:
    return (
        each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)
    )

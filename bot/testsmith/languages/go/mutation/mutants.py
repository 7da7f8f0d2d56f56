"""Select the mutants of a Go function, each with one changed node, preferring changed lines.

As in Python: at most two mutants a line, of different operators, and a limit for each function. A removed
statement becomes `_ = 0`, so that every mutant keeps the lines of its file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from testsmith.languages.go.mutation.operators import changes_of, is_left_out
from testsmith.languages.go.source.declarations import Declaration, DeclarationKind, declarations
from testsmith.languages.go.source.parsing import parse_tolerant
from testsmith.languages.go.source.references import has_body
from testsmith.languages.mutants import Edit, Mutant, Operator, Replacement, Scope
from testsmith.languages.node_changes import NodeChange, changed_node, selected
from testsmith.languages.syntax_tree import ParsedText, end_line_of, field, line_of, text_of
from testsmith.model import Member

if TYPE_CHECKING:
    from tree_sitter import Node


_GONE = 'go func() { panic("taken away") }(); select {}; '
"""Ends the process: no `recover` catches a panic of another goroutine. It needs no import."""

_STATEMENTS = frozenset({"statement_list", "block", "communication_case", "expression_case", "type_case"})


def mutants_of(text: str, member: Member, most: int, per_line: int = 2) -> tuple[Mutant, ...]:
    """Return the mutants of a member, most informative first; see `Mutator.mutants`.

    Raises:
        CannotParse: The text is too long or its brackets do not match.
    """
    file = parse_tolerant(text)
    declaration = _declaration(file, member)
    if declaration is None or declaration.node.has_error:
        return ()
    function = Scope(name=declaration.plain_name, line=declaration.line) if has_body(declaration) else None
    body = field(declaration.node, "body") if function is not None else field(declaration.node, "value")
    if body is None:
        return ()
    errors = _errors(file)
    found = [change.as_mutant(file, _head_lines(node), function) for change, node in _changes(body, errors)]
    return selected(found, member, most, per_line)


def taken_away(text: str, member: Member) -> Replacement | None:
    """Return a replacement of a function that ends the process; None if the text does not contain it.

    Raises:
        CannotParse: The text is too long or its brackets do not match.
    """
    file = parse_tolerant(text)
    declaration = _declaration(file, member)
    body = None if declaration is None else field(declaration.node, "body")
    if declaration is None or body is None or not has_body(declaration):
        return None
    start = file.offset(body.start_byte + 1)
    scope = Scope(name=declaration.plain_name, line=declaration.line)
    return Replacement(edit=Edit(start=start, end=start, text=f" {_GONE}"), function=scope)


def _declaration(file: ParsedText, member: Member) -> Declaration | None:
    found = [one for one in declarations(file) if one.name == member.name]
    return next((one for one in found if one.line == member.line), found[0] if found else None)


def _errors(file: ParsedText) -> dict[str, str]:
    """Return another error for each error that the file declares as a variable, by name."""
    found = (one.name for one in declarations(file) if one.kind is DeclarationKind.VAR)
    names = [name for name in found if name.startswith(("Err", "err")) and name not in {"err", "errs"}]
    return dict(zip(names, [*names[1:], *names[:1]], strict=True)) if len(names) > 1 else {}


def _changes(body: Node, errors: Mapping[str, str]) -> Iterator[tuple[NodeChange, Node]]:
    """Yield the changes in a body with the statements that contain them."""
    waiting = [(body, body)]
    while waiting:
        node, statement = waiting.pop()
        if is_left_out(node):
            continue
        if node.parent is not None and node.parent.type in _STATEMENTS and node.is_named:
            statement = node
        for change in changes_of(node):
            yield change, statement
        other = errors.get(text_of(node)) if node.type == "identifier" else None
        if other is not None and statement.type == "return_statement":
            yield changed_node(Operator.EXCEPTION, node, other), statement
        waiting += [(child, statement) for child in reversed(node.children)]


def _head_lines(statement: Node) -> tuple[int, int]:
    """Return the lines of a statement, of one with a body only those above it."""
    blocks = [one for one in statement.named_children if one.type in {"block", "statement_list"}]
    cases = [one for one in statement.named_children if one.type.endswith("_case")]
    first = line_of(statement)
    inner = [line_of(one) for one in (*blocks, *cases)]
    return first, max(first, min(inner)) if inner else end_line_of(statement)

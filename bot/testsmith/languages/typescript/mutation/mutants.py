"""Select the mutants of a TypeScript function, each with one changed node, preferring changed lines.

As in Python: at most two mutants a line, of different operators, and a limit for each function.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from testsmith.languages.mutants import Edit, Mutant, Replacement, Scope
from testsmith.languages.node_changes import NodeChange, selected
from testsmith.languages.syntax_tree import ParsedText, end_line_of, field, line_of, text_of, walk
from testsmith.languages.typescript.mutation.operators import changes_of, is_left_out
from testsmith.languages.typescript.source.declarations import CLASSES, FUNCTIONS
from testsmith.languages.typescript.source.parsing import parse_tolerant
from testsmith.model import Member

if TYPE_CHECKING:
    from tree_sitter import Node

GONE = "globalThis.process.reallyExit(97)"
"""Ends the process at once: nothing catches it, and nothing runs afterwards.

After a signal, some versions of vitest would wait for the process for ten seconds.
"""

_STATEMENTS = frozenset({"program", "statement_block", "class_body", "switch_case", "switch_default"})
_DEFINING = frozenset(
    {*FUNCTIONS, *CLASSES, "variable_declarator", "public_field_definition", "enum_declaration"}
)

_WRAPPERS = frozenset(
    {"call_expression", "parenthesized_expression", "as_expression", "satisfies_expression"}
)
"""What a function may be in that is the value of a constant, as in `memoize(() => 1)`."""

_VALUES = frozenset({"object", "array", "new_expression"})
_BODIES = frozenset({"statement_block", "class_body", "switch_body", "else_clause", "catch_clause"})


def mutants_of(text: str, member: Member, most: int, per_line: int = 2) -> tuple[Mutant, ...]:
    """Return the mutants of a member, most informative first; see `Mutator.mutants`.

    Raises:
        CannotParse: The text is too long, has too many brackets, or takes too long to parse.
    """
    file = parse_tolerant(text, member.path)
    node = _defined(file, member)
    if node is None or node.has_error:
        return ()
    function = _function_in(node)
    scope = None if function is None else Scope(name=member.plain_name, line=member.line)
    found = (
        change.as_mutant(file, _head_lines(statement), scope)
        for change, statement in _changes(node if function is None else function)
    )
    return selected(found, member, most, per_line)


def taken_away(text: str, member: Member) -> Replacement | None:
    """Return a replacement of a function that ends the process; None if the text does not contain it.

    Raises:
        CannotParse: The text is too long, has too many brackets, or takes too long to parse.
    """
    file = parse_tolerant(text, member.path)
    node = _defined(file, member)
    if node is not None and node.type in CLASSES:
        node = _constructor(node) or node
    function = None if node is None else _function_in(node)
    body = field(function, "body")
    if function is None or body is None:
        return None
    start, end = file.offset(body.start_byte), file.offset(body.end_byte)
    if body.type == "statement_block":
        edit = Edit(start=start + 1, end=start + 1, text=f" {GONE}; ")
    elif body.type == "class_body":
        edit = Edit(start=start + 1, end=start + 1, text=f" testsmithGone = {GONE}; ")
    else:
        edit = Edit(start=start, end=end, text=f"({GONE}, {file.text[start:end]})")
    return Replacement(edit=edit, function=Scope(name=member.plain_name, line=member.line))


def _defined(file: ParsedText, member: Member) -> Node | None:
    """Return the node that defines a member: the outermost one in its lines, by its name if that is there."""
    inside = range(member.line, member.end_line + 1)
    nodes = [node for node in walk(file.root) if node.type in _DEFINING]
    named = [node for node in nodes if _name_of(node) == member.plain_name and _is_defining(node)]
    near = [node for node in named if line_of(node) in inside and end_line_of(node) in inside]
    there = [node for node in nodes if line_of(node) in inside and end_line_of(node) in inside]
    return next(iter((*near, *there, *named)), None)


def _name_of(node: Node) -> str:
    name = field(node, "name")
    text = text_of(name)
    return text.strip("'\"") if name is not None and name.type == "string" else text.removeprefix("#")


def _is_defining(node: Node) -> bool:
    """Return whether a node has something to run."""
    return (
        node.type not in {"variable_declarator", "public_field_definition"}
        or field(node, "value") is not None
    )


def _function_in(node: Node) -> Node | None:
    """Return the function that a node is, or that its value is or is made of."""
    if node.type in {*FUNCTIONS, *CLASSES}:
        return node
    value = field(node, "value")
    while value is not None and value.type not in {*FUNCTIONS, *CLASSES}:
        given = field(value, "arguments") if value.type == "call_expression" else value
        inner = () if given is None or given.type in _VALUES else given.named_children
        value = next((one for one in inner if one.type in {*FUNCTIONS, *CLASSES, *_WRAPPERS}), None)
    return value


def _constructor(node: Node) -> Node | None:
    body = field(node, "body")
    methods = [] if body is None else body.named_children
    return next((one for one in methods if _name_of(one) == "constructor" and field(one, "body")), None)


def _changes(root: Node) -> Iterator[tuple[NodeChange, Node]]:
    """Yield the changes in a definition with the statements that contain them."""
    waiting = [(root, root)]
    while waiting:
        node, statement = waiting.pop()
        if is_left_out(node):
            continue
        if node.parent is not None and node.parent.type in _STATEMENTS and node.is_named:
            statement = node
        for change in changes_of(node):
            yield change, statement
        waiting += [(child, statement) for child in reversed(node.children)]


def _head_lines(statement: Node) -> tuple[int, int]:
    """Return the lines of a statement, of one with a body only those above it."""
    first = line_of(statement)
    inner = [line_of(one) for one in statement.named_children if one.type in _BODIES]
    return first, max(first, min(inner)) if inner else end_line_of(statement)

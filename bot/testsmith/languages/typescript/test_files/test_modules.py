"""Find the tests of a test file, and reduce a file to some of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from testsmith.languages.syntax_tree import ParsedText, field, text_of, walk
from testsmith.languages.typescript.source.declarations import BOUND_NAMES
from testsmith.languages.typescript.source.parsing import parse, parse_tolerant
from testsmith.languages.typescript.test_files.imports import (
    NAMES,
    is_import,
    lines_of,
    without_unused_imports,
)
from testsmith.languages.typescript.test_files.test_blocks import (
    FUNCTIONS,
    BlockKind,
    TestBlock,
    blocks_in,
    tests_in,
)

if TYPE_CHECKING:
    from tree_sitter import Node

_DECLARING = frozenset(
    {
        *("function_declaration", "generator_function_declaration", "class_declaration", "enum_declaration"),
        *("lexical_declaration", "variable_declaration", "type_alias_declaration", "interface_declaration"),
        "abstract_class_declaration",
    }
)
_ACTING = frozenset(
    {
        *("call_expression", "new_expression", "await_expression", "assignment_expression"),
        *("augmented_assignment_expression", "update_expression", "yield_expression"),
    }
)
_MOST_ROUNDS = 20


@lru_cache(maxsize=2048)
def test_functions(code: str) -> tuple[str, ...]:
    """Return the names of the tests of a test file, in order.

    Raises:
        CannotParse: `code` is not valid TypeScript.
    """
    return tuple(dict.fromkeys(one.name for one in tests_in(parse(code))))


def keep_tests(code: str, names: Collection[str]) -> str:
    """Return a test module with only the named tests, without what only the others used.

    Raises:
        CannotParse: `code` is not valid TypeScript.
    """
    file = parse(code)
    blocks = blocks_in(file)
    gone = [one for one in blocks if one.kind is BlockKind.TEST and one.name not in names]
    return _without_unused(code, cut(file, _units(blocks, gone))) if gone else code


def without_tests(text: str, names: Collection[str]) -> str:
    """Return a test file without the named tests, and what only they used.

    Raises:
        CannotParse: `text` is not valid TypeScript.
    """
    return keep_tests(text, [name for name in test_functions(text) if name not in names])


def _units(blocks: Sequence[TestBlock], gone: Collection[TestBlock]) -> list[Node]:
    """Return the statements to cut: of each suite or loop that has no other tests, all of it."""
    kept = [one for one in blocks if one.kind is BlockKind.TEST and one not in gone]
    needed = {id(around) for one in kept for around in one.with_suites}
    units: dict[int, Node] = {}
    for one in gone:
        top = [around for around in one.with_suites if id(around) not in needed][-1]
        unit = unit_of(top)
        shares = any(unit.start_byte <= other.call.start_byte < unit.end_byte for other in kept)
        if not shares:
            units[unit.id] = unit
        elif top.statement.type == "expression_statement":
            units[top.statement.id] = top.statement
    return list(units.values())


def unit_of(block: TestBlock) -> Node:
    """Return the statement of the file, or of the suite around a block, that contains the block."""
    scope = None if block.parent is None else block.parent.body
    node = block.statement
    while node.parent is not None and node.parent.type != "program":
        if scope is not None and node.parent.id == scope.id:
            break
        if scope is None and block.parent is not None and node.parent.id == block.parent.call.id:
            break
        node = node.parent
    return node


def cut(file: ParsedText, gone: Iterable[Node]) -> str:
    """Return a file's text without statements, the comments above them, and the blank lines around them."""
    data = file.data
    for start, end in sorted({span_of(file, one) for one in gone}, reverse=True):
        before, after = data[:start].rstrip(b" \t\n"), data[end:].lstrip(b"\n")
        is_spaced = b"\n\n" in data[len(before) : start] or data[end : end + 1] == b"\n"
        is_edge = before.endswith((b"{", b"(", b"[")) or after.lstrip().startswith((b"}", b")"))
        between = b"\n\n" if is_spaced and before and after and not is_edge else b"\n"
        data = before + between + after if before else after
    return data.decode("utf-8", "replace")


def span_of(file: ParsedText, node: Node) -> tuple[int, int]:
    """Return the byte offsets of a statement's whole lines, with the comments above it."""
    start, end = lines_of(file, node)
    before = node.prev_named_sibling
    first = node
    while before is not None and before.type == "comment":
        is_near = before.end_point.row + 1 >= first.start_point.row
        is_alone = not file.between(file.line_start(before.start_byte), before.start_byte).strip()
        if not is_near or not is_alone:
            break
        start, first = file.line_start(before.start_byte), before
        before = before.prev_named_sibling
    return start, end


def scopes_of(file: ParsedText, blocks: Sequence[TestBlock]) -> list[Node]:
    """Return the bodies that contain tests: the file's, and those of suites."""
    bodies = (one.body for one in blocks if one.kind is BlockKind.SUITE)
    return [file.root, *(body for body in bodies if body is not None)]


def declared_by(statement: Node) -> list[str]:
    """Return the names that a statement declares; none for one that is exported."""
    if statement.type not in _DECLARING:
        return []
    declarators = [one for one in statement.named_children if one.type == "variable_declarator"]
    if not declarators:
        return [text_of(field(statement, "name"))]
    names = (field(one, "name") for one in declarators)
    return [text_of(one) for name in names if name is not None for one in _bound(name)]


def _bound(pattern: Node) -> Iterator[Node]:
    yield from (one for one in walk(pattern) if one.type in BOUND_NAMES)


def _without_unused(before: str, after: str) -> str:
    """Return a text that was cut without the imports and declarations that it does not use any more."""
    old = parse_tolerant(before)
    used_before = {name for name, count in _outer_uses(old).items() if count}
    for _ in range(_MOST_ROUNDS):
        file = parse_tolerant(after)
        used = _outer_uses(file)
        gone = [
            node
            for scope in scopes_of(file, blocks_in(file))
            for node in scope.named_children
            if (names := declared_by(node))
            and not is_import(node)
            and all(name in used_before and not used[name] for name in names)
            and not _acts(node)
        ]
        if not gone:
            break
        after = cut(file, gone)
    return without_unused_imports(before, after)


def _outer_uses(file: ParsedText) -> Counter[str]:
    """Count the uses of names outside of the statements that declare them."""
    uses = Counter(text_of(one) for one in walk(file.root, {"comment"}) if one.type in NAMES)
    for scope in scopes_of(file, blocks_in(file)):
        for statement in scope.named_children:
            for name in declared_by(statement):
                uses[name] -= sum(
                    text_of(one) == name for one in walk(statement, {"comment"}) if one.type in NAMES
                )
    return uses


def _acts(statement: Node) -> bool:
    """Return whether a declaration does something when it is run."""
    return any(
        one.type in _ACTING for one in walk(statement, {*FUNCTIONS, "function_declaration", "comment"})
    )

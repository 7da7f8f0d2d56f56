"""Read, remove and merge the imports of test files, by `import` and by `require`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testsmith.languages.syntax_tree import ParsedText, field, text_of, walk
from testsmith.languages.typescript.source.parsing import parse_tolerant, string_value

if TYPE_CHECKING:
    from tree_sitter import Node

FRAMEWORKS = frozenset({"@jest/globals", "bun:test", "mocha", "node:test", "test", "vitest"})
"""Modules that give tests the functions of a framework."""

NAMES = frozenset({"identifier", "type_identifier", "shorthand_property_identifier"})
_DECLARATIONS = frozenset({"lexical_declaration", "variable_declaration"})
_LISTS = frozenset({"import_clause", "named_imports", "object_pattern", *_DECLARATIONS})
_NESTED = frozenset({*_LISTS, "variable_declarator"})
_ENDING = re.compile(r"(?:/index)?(?:\.[cm]?[jt]sx?)?$")


@dataclass(frozen=True, eq=False)
class ImportBinding:
    """A name that a file gets from another module.

    Attributes:
        local: The file's name for it.
        imported: Its name in the module, `default`, or `*` for the module itself.
        source: The module, as it is written.
        statement: The statement.
        specifier: What is to be removed to remove the name from a statement with several.
        is_required: Whether it is imported by `require`.
        is_type: Whether it is only a type.
    """

    local: str
    imported: str
    source: str
    statement: Node
    specifier: Node
    is_required: bool = False
    is_type: bool = False

    @property
    def module(self) -> str:
        """The module, without an ending that may be left out."""
        return (
            _ENDING.sub("", self.source) if self.source.startswith(".") else self.source.removeprefix("node:")
        )


def bindings_of(file: ParsedText) -> list[ImportBinding]:
    """Return what a file imports, in order."""
    return [one for node in file.root.named_children for one in bindings_in(node)]


def import_statements(file: ParsedText) -> list[Node]:
    """Return the statements of a file that only import, in order."""
    return [node for node in file.root.named_children if is_import(node)]


def is_import(node: Node) -> bool:
    """Return whether a statement only imports."""
    if node.type not in _DECLARATIONS:
        return node.type == "import_statement" or is_bare_require(node)
    declarators = [one for one in node.named_children if one.type == "variable_declarator"]
    return bool(declarators) and all(any(bindings_of_declarator(one)) for one in declarators)


def is_bare_require(node: Node) -> bool:
    """Return whether a statement requires a module only for what it does when it is loaded."""
    inner = node.named_children[0] if node.type == "expression_statement" and node.named_children else None
    return required_by(inner) is not None


def source_of(node: Node) -> str:
    """Return the module that a statement imports, as it is written; empty for none."""
    written = string_value(field(node, "source"))
    if written is None and node.type == "expression_statement":
        written = required_by(node.named_children[0])
    return written or next((one.source for one in bindings_in(node)), "")


def bindings_in(node: Node) -> Iterator[ImportBinding]:
    """Yield what a statement imports."""
    if node.type == "import_statement":
        yield from _esm(node)
    elif node.type in _DECLARATIONS:
        for one in node.named_children:
            yield from bindings_of_declarator(one)


def _esm(node: Node) -> Iterator[ImportBinding]:
    is_type = any(child.type in {"type", "typeof"} for child in node.children)
    for clause in node.named_children:
        if clause.type == "import_require_clause":
            name = clause.named_children[0]
            source = string_value(field(clause, "source"))
            yield ImportBinding(text_of(name), "*", source or "", node, node, is_required=True)
        if clause.type != "import_clause":
            continue
        source = string_value(field(node, "source")) or ""
        for one in clause.named_children:
            if one.type == "identifier":
                yield ImportBinding(text_of(one), "default", source, node, one, is_type=is_type)
            elif one.type == "namespace_import":
                local = text_of(one.named_children[0])
                yield ImportBinding(local, "*", source, node, one, is_type=is_type)
            elif one.type == "named_imports":
                for each in one.named_children:
                    if each.type == "import_specifier":
                        yield _named(node, each, source, is_type=is_type)


def _named(statement: Node, specifier: Node, source: str, *, is_type: bool) -> ImportBinding:
    name = field(specifier, "name")
    local = text_of(field(specifier, "alias") or name)
    is_type = is_type or any(child.type == "type" for child in specifier.children)
    imported = string_value(name) or text_of(name)
    return ImportBinding(local, imported, source, statement, specifier, is_type=is_type)


def bindings_of_declarator(declarator: Node) -> Iterator[ImportBinding]:
    """Yield what a declarator gets from `require` or an awaited `import`."""
    node = declarator.parent
    if node is None or declarator.type != "variable_declarator":
        return
    value, name = field(declarator, "value"), field(declarator, "name")
    imported = "*"
    if value is not None and value.type == "member_expression":  # `require("x").y`
        imported = text_of(field(value, "property"))
        value = field(value, "object")
    source = required_by(value)
    if source is None or name is None:
        return
    if name.type == "identifier":
        yield ImportBinding(text_of(name), imported, source, node, declarator, is_required=True)
    elif name.type == "object_pattern" and imported == "*":
        for one in name.named_children:
            if one.type == "shorthand_property_identifier_pattern":
                yield ImportBinding(text_of(one), text_of(one), source, node, one, is_required=True)
            elif one.type == "pair_pattern" and (value := field(one, "value")) is not None:
                yield ImportBinding(
                    text_of(value), text_of(field(one, "key")), source, node, one, is_required=True
                )


def required_by(node: Node | None) -> str | None:
    """Return the module of a call of `require` or of an awaited `import`; None for anything else."""
    if node is not None and node.type == "await_expression" and node.named_children:
        node = node.named_children[0]
    if (
        node is None
        or node.type != "call_expression"
        or text_of(field(node, "function")) not in {"require", "import"}
    ):
        return None
    given = field(node, "arguments")
    return string_value(given.named_children[0]) if given is not None and given.named_children else None


def used_names(node: Node) -> frozenset[str]:
    """Return all identifiers in a piece of code that may name a value or a type, but for properties."""
    return frozenset(text_of(one) for one in walk(node, {"comment"}) if one.type in NAMES)


def names_outside_imports(file: ParsedText) -> frozenset[str]:
    """Return the identifiers that a file uses outside of its imports."""
    below = (one for one in file.root.named_children if not is_import(one))
    return frozenset(name for node in below for name in used_names(node))


def without_unused_imports(before: str, after: str) -> str:
    """Return a text that was cut without the imports that it does not use any more.

    An import that was not used before either stays.
    """
    file = parse_tolerant(after)
    lost = names_outside_imports(parse_tolerant(before)) - names_outside_imports(file)
    if any(one.type.startswith("jsx_") for one in walk(file.root)):
        lost -= {"React", "h"}
    return without_bindings(file, [one for one in bindings_of(file) if one.local in lost])


def without_bindings(file: ParsedText, gone: Collection[ImportBinding]) -> str:
    """Return a file's text without some of its imports."""
    ids = {one.specifier.id for one in gone}
    data = file.data
    for statement in reversed(list({one.statement.id: one.statement for one in gone}.values())):
        if is_import(statement) and all(one.specifier.id in ids for one in bindings_in(statement)):
            start, end = lines_of(file, statement)
            data = data[:start] + data[end:]
        else:
            removed = ids | {one.id for one in walk(statement) if _is_emptied(one, ids)}
            left = _text_without(file, statement, removed).encode()
            data = data[: statement.start_byte] + left + data[statement.end_byte :]
    return data.decode("utf-8", "replace").lstrip("\n") if gone else file.text


def lines_of(file: ParsedText, node: Node) -> tuple[int, int]:
    """Return the byte offsets of the lines of a node, or of the node if it shares them with others."""
    start, end = file.line_start(node.start_byte), file.line_end(node.end_byte)
    is_alone = not file.between(start, node.start_byte).strip()
    rest = file.between(node.end_byte, end).strip(" \t\n;")
    is_last = not rest or rest.startswith("//")
    return (start, end) if is_alone and is_last else (node.start_byte, node.end_byte)


def _is_emptied(node: Node, gone: Collection[int]) -> bool:
    """Return whether all names in a list of names are removed."""
    inner = field(node, "name") if node.type == "variable_declarator" else node
    if inner is None or inner.type not in {"named_imports", "object_pattern"}:
        return False
    return all(one.id in gone for one in _items(inner))


def _items(node: Node) -> list[Node]:
    return [one for one in node.named_children if one.type != "comment"]


def _text_without(file: ParsedText, node: Node, removed: Collection[int]) -> str:
    """Return the text of a node without some of the items in its lists, in the format of each list."""
    items = _items(node)
    if node.type in _LISTS and any(one.id in removed for one in items):
        kept = [_text_without(file, one, removed) for one in items if one.id not in removed]
        between = file.between(items[0].end_byte, items[1].start_byte) if len(items) > 1 else ", "
        opening = file.between(node.start_byte, items[0].start_byte)
        return f"{opening}{between.join(kept)}{file.between(items[-1].end_byte, node.end_byte)}"
    text, end = "", node.start_byte
    for child in node.children:
        text += file.between(end, child.start_byte)
        text += _text_without(file, child, removed) if child.type in _NESTED else text_of(child)
        end = child.end_byte
    return text + file.between(end, node.end_byte)

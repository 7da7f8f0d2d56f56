"""The package-level declarations of a Go file: functions, methods, types, constants and variables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from testsmith.languages.go.source.parsing import parse_tolerant, tokens
from testsmith.languages.syntax_tree import ParsedText, end_line_of, field, line_of, text_of, walk
from testsmith.model import MemberKind

if TYPE_CHECKING:
    from tree_sitter import Node


class DeclarationKind(StrEnum):
    """What a declaration declares."""

    FUNCTION = "function"
    METHOD = "method"
    TYPE = "type"
    CONST = "const"
    VAR = "var"


FUNCTIONS = frozenset({DeclarationKind.FUNCTION, DeclarationKind.METHOD})
"""Kinds of declarations that have a body."""


@dataclass(frozen=True, eq=False)
class Declaration:
    """A package-level declaration.

    Attributes:
        name: Its name; of a method with its type, for example `Cart.Add`.
        kind: What is declared.
        node: A function with its body, or one specification of a group.
        group: The whole declaration that contains the node.
        file: The file's text.
    """

    name: str
    kind: DeclarationKind
    node: Node
    group: Node
    file: ParsedText

    @property
    def receiver(self) -> str:
        """Name of the type of a method; empty for others."""
        return self.name.rpartition(".")[0]

    @property
    def plain_name(self) -> str:
        """Last part of the name."""
        return self.name.rpartition(".")[2]

    @property
    def is_exported(self) -> bool:
        """Whether other packages can use it: it and its type begin with a capital letter."""
        return all(map(is_exported, self.name.split(".")))

    @property
    def is_member(self) -> bool:
        """Whether it is a function that tests can call: an exported one, or a method of an exported type."""
        return self.kind in FUNCTIONS and self.is_exported and field(self.node, "body") is not None

    @property
    def member_kind(self) -> MemberKind:
        """How a test calls it."""
        return MemberKind.METHOD if self.kind is DeclarationKind.METHOD else MemberKind.FUNCTION

    @property
    def line(self) -> int:
        """First line, without comments."""
        return line_of(self.node)

    @property
    def end_line(self) -> int:
        """Last line."""
        return end_line_of(self.node)

    @cached_property
    def doc_start(self) -> int:
        """Byte offset at which its documentation begins; its own if it has none."""
        first = self.node if self._is_in_list else self.group
        start = first.start_byte
        while (above := self.file.line_start(start)) > 0:
            line = self.file.line_start(above - 1)
            if not self.file.data[line:above].lstrip().startswith(b"//"):
                break
            start = line
        return self._after_space(start)

    def _after_space(self, start: int) -> int:
        data = self.file.data
        while data[start : start + 1] in {b" ", b"\t"}:
            start += 1
        return start

    @property
    def _is_in_list(self) -> bool:
        return bool(self.node.start_point.row != self.group.start_point.row)

    @property
    def doc(self) -> str:
        """Its documentation, as comments."""
        first = self.node if self._is_in_list else self.group
        return self.file.between(self.doc_start, first.start_byte).rstrip()

    @property
    def source(self) -> str:
        """Its source, with the documentation above it."""
        if not self._is_in_list:
            return self.file.between(self.doc_start, self.group.end_byte)
        return f"{self.kind} {text_of(self.node)}"

    @cached_property
    def meaning(self) -> tuple[str, ...]:
        """What decides its behavior: its tokens. A constant of an enumeration depends on those above it."""
        if self.kind is DeclarationKind.CONST and "iota" in (group := tokens(self.group)):
            return (*group, *tokens(self.node))
        return tuple(tokens(self.node))


def nameless(declaration: Declaration) -> tuple[str, ...]:
    """Return the meaning of a declaration without its name."""
    name = field(declaration.node, "name")
    return tuple("itself" if one == text_of(name) else one for one in declaration.meaning)


def is_exported(name: str) -> bool:
    """Return whether an identifier begins with a capital letter."""
    return name[:1].isupper()


def package_name(file: ParsedText) -> str:
    """Return the name in a file's package clause; empty if there is none."""
    for node in file.root.children:
        if node.type == "package_clause":
            return next((text_of(one) for one in node.named_children if one.type != "comment"), "")
    return ""


def declarations(file: ParsedText) -> list[Declaration]:
    """Return the declarations of a file, in order."""
    return [one for node in file.root.children for one in _declared(node, file)]


def _declared(node: Node, file: ParsedText) -> Iterator[Declaration]:
    match node.type:
        case "function_declaration":
            yield Declaration(text_of(field(node, "name")), DeclarationKind.FUNCTION, node, node, file)
        case "method_declaration":
            name = f"{receiver_type(node)}.{text_of(field(node, 'name'))}"
            yield Declaration(name, DeclarationKind.METHOD, node, node, file)
        case "type_declaration" | "const_declaration" | "var_declaration":
            kind = DeclarationKind(node.type.removesuffix("_declaration"))
            for spec in _specs(node):
                for each in spec.children_by_field_name("name"):
                    if each.is_named:
                        yield Declaration(text_of(each), kind, spec, node, file)


def _specs(group: Node) -> Iterator[Node]:
    for node in group.named_children:
        if node.type == "var_spec_list":
            yield from (one for one in node.named_children if one.type == "var_spec")
        elif node.type in {"type_spec", "type_alias", "const_spec", "var_spec"}:
            yield node


def receiver_type(method: Node) -> str:
    """Return the name of the type that a method is declared on."""
    receiver = field(method, "receiver")
    nodes = () if receiver is None else walk(receiver, {"type_arguments", "comment"})
    return next((text_of(node) for node in nodes if node.type == "type_identifier"), "")


def declarations_of(text: str) -> list[Declaration]:
    """Return the declarations of a text, in order; see `parse_tolerant`."""
    return declarations(parse_tolerant(text))

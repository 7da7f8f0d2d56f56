"""Cuts a GraphQL schema to what some documents use."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, TypeVar

from graphql import (
    DefinitionNode,
    DocumentNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    Node,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_specified_scalar_type,
    visit,
)

_Node = TypeVar("_Node", bound=Node)


class Cut:
    """What of a schema is kept.

    Args:
        schema: The whole schema.
        document: The documents that must stay possible.
    """

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fields: dict[str, set[str]] = defaultdict(set)
        self._whole: set[str] = set()
        info = TypeInfo(schema)
        visit(document, TypeInfoVisitor(info, _FieldCollector(info, self)))
        self._keep_implementations()

    def keep_field(self, owner: GraphQLNamedType, name: str, field: Any) -> None:
        """Keep a field, its type, and all its arguments."""
        self._fields[owner.name].add(name)
        self._keep_type(get_named_type(field.type))
        for argument in field.args.values():
            self._keep_type(get_named_type(argument.type))

    def _keep_type(self, kept: GraphQLNamedType) -> None:
        if isinstance(kept, GraphQLScalarType):
            if not is_specified_scalar_type(kept):
                self._whole.add(kept.name)
        elif isinstance(kept, GraphQLEnumType):
            self._whole.add(kept.name)
        elif isinstance(kept, GraphQLInputObjectType):
            self._keep_input(kept)
        else:
            self._fields[kept.name] |= set()

    def _keep_input(self, kept: GraphQLInputObjectType) -> None:
        if kept.name not in self._whole:
            self._whole.add(kept.name)
            for field in kept.fields.values():
                self._keep_type(get_named_type(field.type))

    def _keep_implementations(self) -> None:
        """Keep what implements a kept interface, with the interface's kept fields."""
        for name in list(self._fields):
            interface = self._schema.type_map[name]
            if isinstance(interface, GraphQLInterfaceType):
                for one in self._schema.get_possible_types(interface):
                    for field in self._fields[name]:
                        self.keep_field(one, field, one.fields[field])

    def of(self, sdl: DocumentNode) -> DocumentNode:
        """Return the kept part of a schema's text."""
        kept = [cut for node in sdl.definitions if (cut := self._definition(node)) is not None]
        return DocumentNode(definitions=tuple(kept))

    def _definition(self, node: DefinitionNode) -> DefinitionNode | None:
        name = getattr(getattr(node, "name", None), "value", None)
        if node.kind == "schema_definition":
            return node
        if name in self._whole:
            return _without_prose(node)
        if name not in self._fields or node.kind.startswith("directive"):
            return None
        kept = self._fields[str(name)]
        return _without_prose(
            node,
            fields=tuple(
                _without_prose(one) for one in (getattr(node, "fields", None) or ()) if one.name.value in kept
            ),
            interfaces=tuple(
                one for one in (getattr(node, "interfaces", None) or ()) if one.name.value in self._fields
            ),
        )


class _FieldCollector(Visitor):
    """Tells a cut of each field that a document uses."""

    def __init__(self, info: TypeInfo, cut: Cut) -> None:
        super().__init__()
        self._info = info
        self._cut = cut

    def enter_field(self, node: FieldNode, *_where: Any) -> None:
        owner, field = self._info.get_parent_type(), self._info.get_field_def()
        if isinstance(owner, GraphQLObjectType | GraphQLInterfaceType) and field is not None:
            self._cut.keep_field(owner, node.name.value, field)


def _without_prose(node: _Node, **changed: Any) -> _Node:
    """Return a copy of a definition without descriptions and directives, with some parts replaced."""
    parts = {key: getattr(node, key, None) for key in node.keys if key != "loc"} | changed
    for key in ("fields", "values", "arguments"):
        parts |= {key: tuple(_without_prose(one) for one in parts[key] or ())} if key in parts else {}
    if "description" in parts:
        parts["description"] = None
    if "directives" in parts:
        parts["directives"] = ()
    return type(node)(**parts)

"""The declarations of a module, and what it exports: by `export`, or by `module.exports` and `exports`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from testsmith.languages.syntax_tree import ParsedText, line_of, text_of
from testsmith.languages.syntax_tree import field as field_of
from testsmith.languages.typescript.source.parsing import behavior, parse_tolerant, string_value
from testsmith.languages.typescript.test_files.imports import bindings_of_declarator, required_by
from testsmith.model import MemberKind

if TYPE_CHECKING:
    from tree_sitter import Node

DEFAULT = "default"
"""Name of what a module exports by default, and of what has no other name."""

FUNCTIONS = frozenset(
    {
        *("function_declaration", "generator_function_declaration", "function_expression"),
        *("generator_function", "arrow_function", "method_definition"),
    }
)
"""Nodes with parameters and a body."""

CLASSES = frozenset({"class_declaration", "abstract_class_declaration", "class"})

BOUND_NAMES = frozenset({"identifier", "shorthand_property_identifier_pattern"})
"""Nodes of a pattern that are the names it binds."""

_LISTS = frozenset({"lexical_declaration", "variable_declaration"})
_NAMESPACES = frozenset({"internal_module", "module"})
_SIGNATURES = frozenset({"function_signature", "method_signature"})
_WHOLE_MODULE = frozenset({"module.exports", "exports"})
_UNWRAPPED = frozenset(
    {"parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression"}
)


@dataclass(frozen=True, eq=False, kw_only=True)
class TypeScriptDeclaration:
    """Something that a module declares at its top level, or a method of it.

    Attributes:
        name: Its name; of a method with its class or object, for example `Cart.add`.
        kind: How a test calls it; None for a value, and for the rest of a class whose methods are apart.
        nodes: The function, the class, or the value; of a property its getter and its setter.
        whole: Its statement, with `export`; within a list of declarations or a class, its own part.
        start: Byte offset at which its documentation, decorators and overloads begin.
        end: Byte offset at which it ends.
        file: The module's text.
        is_public: Whether it is exported, and not private by its name or a modifier.
        apart: Ids of nodes in it that are declarations of their own.
    """

    name: str
    kind: MemberKind | None
    nodes: tuple[Node, ...]
    whole: Node
    start: int
    end: int
    file: ParsedText
    is_public: bool
    apart: frozenset[int] = field(default_factory=frozenset)

    @property
    def node(self) -> Node:
        """The function, the class, or the value."""
        return self.nodes[0]

    @property
    def around(self) -> str:
        """Name of the class or object of a method; empty for others."""
        return self.name.rpartition(".")[0]

    @property
    def plain_name(self) -> str:
        """Last part of the name."""
        return self.name.rpartition(".")[2]

    @property
    def is_constructor(self) -> bool:
        """Whether it is the constructor of a class with other methods."""
        return self.name.endswith(".constructor")

    @property
    def is_member(self) -> bool:
        """Whether tests can call it."""
        return self.kind is not None and self.is_public

    @property
    def has_function(self) -> bool:
        """Whether it is a function or a method."""
        return self.node.type in FUNCTIONS

    @property
    def line(self) -> int:
        """First line, without documentation and overloads."""
        return line_of(self.whole)

    @property
    def end_line(self) -> int:
        """Last line."""
        return self.line + self.file.data.count(b"\n", self.whole.start_byte, self.end)

    @property
    def is_async(self) -> bool:
        """Whether calling it returns a promise or an asynchronous iterator, as far as it says."""
        returned = text_of(field_of(self.node, "return_type")).lstrip(": ")
        return any(one.type == "async" for one in self.node.children) or returned.startswith("Promise<")

    @cached_property
    def doc(self) -> str:
        """Its documentation: the comment above it."""
        above = self.file.between(self.start, self.whole.start_byte).strip()
        return above[: above.rfind("*/") + 2] if above.startswith("/*") else ""

    @property
    def source(self) -> str:
        """Its source, dedented, with documentation, decorators and overloads."""
        text = self.file.between(self.start, self.end)
        if self.whole.type == "variable_declarator":
            return f"const {text}"
        line = self.file.line_start(self.start)
        margin = self.file.between(line, self.start)
        if not margin or margin.strip():
            return text
        return "\n".join(one.removeprefix(margin) for one in text.split("\n"))

    @cached_property
    def meaning(self) -> tuple[str, ...]:
        """What decides its behavior: its tokens, without types."""
        return tuple(token for node in self.nodes for token in behavior(node, self.apart))

    @property
    def nameless(self) -> tuple[str, ...]:
        """Its meaning without its name."""
        return tuple("itself" if one == self.plain_name else one for one in self.meaning)


@dataclass(frozen=True, slots=True)
class ReExport:
    """What a module exports of another one.

    Attributes:
        name: Name by which it is exported; `*` for everything.
        imported: Its name in the other module; `*` for the module itself.
        source: The other module, as it is written.
    """

    name: str
    imported: str
    source: str


@dataclass(frozen=True, eq=False)
class ModuleOutline:
    """What a module declares and exports.

    Attributes:
        declarations: What it declares, in order, without types.
        exports: Names of declarations by the names that they are exported by.
        re_exports: What it exports of other modules.
    """

    declarations: Sequence[TypeScriptDeclaration]
    exports: Mapping[str, str]
    re_exports: Sequence[ReExport]


def outline(file: ParsedText) -> ModuleOutline:
    """Return what a module declares and exports."""
    exports: dict[str, str] = {}
    re_exports: list[ReExport] = []
    for node in file.root.named_children:
        again = list(_re_exports(node))
        re_exports += again
        exports.update(_exported(node) if not again else ())
    others = _other_names(file.root.named_children)
    exports = {name: others.get(declared, declared) for name, declared in exports.items()}
    reader = _Reader(file, frozenset(exports.values()))
    return ModuleOutline(_united(reader.declarations(file.root.named_children)), exports, re_exports)


def _other_names(statements: Sequence[Node]) -> dict[str, str]:
    """Return functions and classes by constants that are only another name, or another type, for them."""
    named: dict[str, str] = {}
    functions: set[str] = set()
    for statement in statements:
        inner = field_of(statement, "declaration") or statement
        if inner.type in FUNCTIONS or inner.type in CLASSES:
            functions.add(_own_name(inner))
        is_constant = text_of(field_of(inner, "kind")) == "const"
        for one in inner.named_children if inner.type in _LISTS and is_constant else ():
            value = field_of(one, "value")
            value = None if value is None else _unwrapped(value)
            if value is not None and value.type == "identifier":
                named[text_of(field_of(one, "name"))] = text_of(value)
            elif value is not None and (value.type in FUNCTIONS or value.type in CLASSES):
                functions.add(text_of(field_of(one, "name")))
    return {name: other for name, other in named.items() if other in functions}


def declarations_of(text: str) -> Sequence[TypeScriptDeclaration]:
    """Return the declarations of a module's text, or of the source of a single method."""
    found = outline(parse_tolerant(text)).declarations
    if found:
        return found
    file = parse_tolerant(f"class Itself {{\n{text}\n}}")
    reader = _Reader(file, frozenset({"Itself"}))
    return _united(one for node in file.root.children for one in reader.methods("Itself", node))


def _united(declarations: Iterable[TypeScriptDeclaration]) -> list[TypeScriptDeclaration]:
    """Return declarations by different names: a getter with its setter, and of others the first."""
    found: dict[str, TypeScriptDeclaration] = {}
    last = ""
    for one in declarations:
        known = found.setdefault(one.name, one)
        if known is not one and {known.kind, one.kind} == {MemberKind.PROPERTY}:
            end = one.end if last == one.name else known.end
            found[one.name] = replace(known, nodes=(*known.nodes, *one.nodes), end=end)
        last = one.name
    return list(found.values())


def _re_exports(node: Node) -> Iterator[ReExport]:
    """Yield what a statement exports of another module, by `export` or by `require`."""
    if node.type == "expression_statement" and node.named_children:
        targets, value = _targets(node.named_children[0])
        required = required_by(value)
        for target in targets if required is not None else ():
            name = "*" if target in _WHOLE_MODULE else _exported_name(target)
            if name:
                yield ReExport(name, "*" if name == "*" else DEFAULT, required or "")
    source = string_value(field_of(node, "source")) if node.type == "export_statement" else None
    if source is None:
        return
    for one in node.children:
        if one.type == "*":
            yield ReExport("*", "*", source)
        elif one.type == "namespace_export":
            yield ReExport(_name_of(one.named_children[-1]), "*", source)
        elif one.type == "export_clause":
            for name, exported in _specifiers(one):
                yield ReExport(exported, name, source)


def _specifiers(clause: Node) -> Iterator[tuple[str, str]]:
    """Yield the names of what a clause exports, each with the name that it is exported by."""
    for one in clause.named_children:
        if one.type == "export_specifier" and not any(each.type == "type" for each in one.children):
            name = field_of(one, "name")
            yield _name_of(name), _name_of(field_of(one, "alias") or name)


def _name_of(node: Node | None) -> str:
    return string_value(node) or text_of(node)


def _exported(statement: Node) -> Iterator[tuple[str, str]]:
    """Yield the names that a statement exports, each with the name of what is declared."""
    if statement.type == "export_statement":
        is_type = any(one.type == "type" for one in statement.children)
        yield from () if is_type else _exported_by_keyword(statement)
    elif statement.type in _LISTS:
        for one in statement.named_children:
            if not _WHOLE_MODULE.isdisjoint(_targets(field_of(one, "value"))[0]):
                yield DEFAULT, text_of(field_of(one, "name"))
    elif statement.type == "expression_statement":
        targets, value = _targets(statement.named_children[0] if statement.named_children else None)
        for target in targets:
            if target in _WHOLE_MODULE:
                yield from _exported_as_module(value)
            elif (name := _exported_name(target)) and value is not None and not _is_nothing(value):
                yield name, text_of(value) if value.type == "identifier" else name


def _exported_by_keyword(statement: Node) -> Iterator[tuple[str, str]]:
    is_default = any(one.type in {"default", "="} for one in statement.children)
    declared = field_of(statement, "declaration")
    if declared is not None:
        names = list(_names(declared))
        if is_default:
            yield DEFAULT, names[0] if names else DEFAULT
        else:
            yield from ((name, name) for name in names)
    elif is_default:
        value = _unwrapped(field_of(statement, "value") or statement.named_children[-1])
        yield DEFAULT, text_of(value) if value.type == "identifier" else _own_name(value)
    for one in statement.named_children:
        if one.type == "export_clause":
            yield from ((exported, name) for name, exported in _specifiers(one))


def _exported_as_module(value: Node | None) -> Iterator[tuple[str, str]]:
    """Yield what a module exports by one object, function or class."""
    if value is None:
        return
    if value.type != "object":
        yield DEFAULT, text_of(value) if value.type == "identifier" else _own_name(value)
        return
    for one in value.named_children:
        if one.type == "shorthand_property_identifier":
            yield text_of(one), text_of(one)
        elif one.type in {"pair", "method_definition"}:
            name = _name_of(field_of(one, "key") or field_of(one, "name"))
            inner = field_of(one, "value")
            yield name, text_of(inner) if inner is not None and inner.type == "identifier" else name


def _exported_name(target: str) -> str:
    """Return the name in `exports.name` and `module.exports.name`; empty for anything else."""
    name = target.removeprefix("module.").removeprefix("exports.")
    return "" if name == target.removeprefix("module.") or "." in name else name


def _is_nothing(value: Node) -> bool:
    return text_of(value) in {"void 0", "undefined"}


def _targets(node: Node | None) -> tuple[list[str], Node | None]:
    """Return what an assignment assigns to, for example `module.exports`, and the value."""
    targets = []
    while node is not None and node.type == "assignment_expression":
        targets.append(text_of(field_of(node, "left")).replace(" ", ""))
        node = field_of(node, "right")
    return targets, None if node is None else _unwrapped(node)


def _unwrapped(node: Node) -> Node:
    """Return an expression without parentheses, casts, and further names that it is assigned to."""
    while True:
        if node.type in _UNWRAPPED and node.named_children:
            node = node.named_children[0]
        elif node.type == "type_assertion" and node.named_children:
            node = node.named_children[-1]
        elif node.type == "assignment_expression" and (right := field_of(node, "right")) is not None:
            node = right
        else:
            return node


def _own_name(value: Node) -> str:
    return text_of(field_of(value, "name")) or DEFAULT


def _names(declared: Node) -> Iterator[str]:
    """Yield the names that a declaration declares."""
    if declared.type not in _LISTS:
        if name := text_of(field_of(declared, "name")):
            yield name
        return
    for one in declared.named_children:
        if one.type == "variable_declarator":
            yield from names_bound(field_of(one, "name"))


def names_bound(pattern: Node | None) -> Iterator[str]:
    """Yield the names that a pattern binds: of an identifier, an object, or an array."""
    if pattern is not None:
        waiting = [pattern]
        while waiting:
            one = waiting.pop()
            if one.type in BOUND_NAMES:
                yield text_of(one)
            elif one.type in {"pair_pattern", "assignment_pattern", "object_assignment_pattern"}:
                inner = field_of(one, "value") or field_of(one, "left")
                waiting += [] if inner is None else [inner]
            else:
                waiting += reversed(one.named_children)


@dataclass(frozen=True)
class _Reader:
    """Reads the declarations of a file, given the names of those that are exported."""

    file: ParsedText
    exported: frozenset[str]

    def declarations(self, statements: Sequence[Node], prefix: str = "") -> Iterator[TypeScriptDeclaration]:
        """Yield what statements declare, with a prefix before each name."""
        for node, start in _documented(statements):
            inner = field_of(node, "declaration") or field_of(node, "value") or node
            if node.type == "export_statement" and inner is node:
                inner = node.named_children[-1] if any(one.type == "=" for one in node.children) else node
            if inner.type == "expression_statement" and inner.named_children:
                inner = inner.named_children[0]
            if inner.type in _NAMESPACES:
                yield from self._namespace(inner, node, prefix)
            elif inner.type in _LISTS:
                yield from self._list(inner, node, start, prefix)
            elif inner.type == "assignment_expression":
                yield from self._assigned(inner, node, start)
            elif inner.type != "export_statement" and _declares(inner, node):
                yield from self._one(
                    f"{prefix}{_own_name(_unwrapped(inner))}", _unwrapped(inner), node, start
                )

    def _namespace(self, namespace: Node, whole: Node, prefix: str) -> Iterator[TypeScriptDeclaration]:
        name, body = text_of(field_of(namespace, "name")), field_of(namespace, "body")
        is_exported = whole.type == "export_statement" or f"{prefix}{name}" in self.exported
        statements = [] if body is None else body.named_children
        inner = {name for one in statements for name, _ in _exported(one) if is_exported}
        reader = replace(self, exported=frozenset(f"{prefix}{name}.{one}" for one in inner))
        yield from reader.declarations(statements, f"{prefix}{name}.")

    def _list(self, declared: Node, whole: Node, start: int, prefix: str) -> Iterator[TypeScriptDeclaration]:
        declarators = [one for one in declared.named_children if one.type == "variable_declarator"]
        for one in declarators:
            if any(bindings_of_declarator(one)):
                continue
            if len(declarators) > 1:
                whole, start = one, one.start_byte
            pattern, value = field_of(one, "name"), field_of(one, "value")
            if pattern is not None and pattern.type == "identifier":
                node = one if value is None else _unwrapped(value)
                yield from self._one(f"{prefix}{text_of(pattern)}", node, whole, start)
            else:
                for name in names_bound(pattern):
                    yield self._declaration(f"{prefix}{name}", None, one, (whole, start))

    def _assigned(self, assignment: Node, whole: Node, start: int) -> Iterator[TypeScriptDeclaration]:
        """Yield what is declared by assigning to `exports`, to a function, or to a prototype."""
        targets, value = _targets(assignment)
        if value is None or value.type == "identifier" or _is_nothing(value):
            return
        for target in targets:
            of_class, _, method = target.partition(".prototype")
            if target in _WHOLE_MODULE and value.type == "object":
                yield from self._properties("", value, MemberKind.FUNCTION)
                yield from self._constants(value)
            elif target in _WHOLE_MODULE:
                yield from self._one(_own_name(value), value, whole, start)
            elif name := _exported_name(target):
                yield from self._one(name, value, whole, start)
            elif of_class != target and not method and value.type == "object":
                yield from self._properties(f"{of_class}.", value, MemberKind.METHOD)
            elif value.type in FUNCTIONS and target.count(".") and target.replace(".", "").isidentifier():
                kind = MemberKind.STATIC_METHOD if of_class == target else MemberKind.METHOD
                name = f"{of_class}{method}" if method else target
                yield self._declaration(name, kind, value, (whole, start))
            else:
                continue
            return

    def _one(self, name: str, node: Node, whole: Node, start: int) -> Iterator[TypeScriptDeclaration]:
        """Yield a function, a class or an object with its methods, or a value."""
        place = (whole, start)
        if node.type in FUNCTIONS:
            yield self._declaration(name, MemberKind.FUNCTION, node, place)
        elif node.type in CLASSES:
            methods = list(self.methods(name, node))
            if any(one.is_member and not one.is_constructor for one in methods):
                apart = frozenset(each.id for one in methods for each in one.nodes)
                yield replace(self._declaration(name, None, node, place), apart=apart)
                yield from methods
            else:
                yield self._declaration(name, MemberKind.CLASS, node, place)
        else:
            methods = []
            if node.type == "object":
                methods = list(self._properties(f"{name}.", node, MemberKind.STATIC_METHOD))
            apart = frozenset(each.id for one in methods for each in one.nodes)
            yield replace(self._declaration(name, None, node, place), apart=apart)
            yield from methods

    def methods(self, name: str, node: Node) -> Iterator[TypeScriptDeclaration]:
        """Yield the methods of a class."""
        body = field_of(node, "body")
        for one, start in _documented([] if body is None else body.named_children):
            function = one if one.type == "method_definition" else field_of(one, "value")
            if function is None or function.type not in FUNCTIONS:
                continue
            method = _name_of(field_of(one, "name"))
            kind = MemberKind.METHOD
            if any(each.type in {"get", "set"} for each in one.children):
                kind = MemberKind.PROPERTY
            elif any(each.type == "static" for each in one.children):
                kind = MemberKind.STATIC_METHOD
            found = self._declaration(f"{name}.{method}", kind, function, (one, start))
            is_hidden = any(
                each.type == "accessibility_modifier" and text_of(each) != "public" for each in one.children
            )
            yield replace(found, is_public=found.is_public and not is_hidden)

    def _properties(self, prefix: str, node: Node, kind: MemberKind) -> Iterator[TypeScriptDeclaration]:
        """Yield the functions in an object."""
        for one, start in _documented(node.named_children):
            value = one if one.type == "method_definition" else field_of(one, "value")
            value = None if value is None else _unwrapped(value)
            name = f"{prefix}{_name_of(field_of(one, 'key') or field_of(one, 'name'))}"
            if value is not None and value.type in FUNCTIONS:
                is_accessor = any(each.type in {"get", "set"} for each in one.children)
                own = MemberKind.PROPERTY if is_accessor else kind
                yield self._declaration(name, own, value, (one, start))
            elif value is not None and value.type in CLASSES and not prefix:
                yield from self._one(name, value, one, start)

    def _constants(self, exported: Node) -> Iterator[TypeScriptDeclaration]:
        """Yield the values in the object that a module exports, without functions and other names."""
        for one, start in _documented(exported.named_children):
            value = field_of(one, "value")
            value = None if value is None else _unwrapped(value)
            if value is not None and value.type not in {"identifier", *FUNCTIONS, *CLASSES}:
                yield self._declaration(_name_of(field_of(one, "key")), None, one, (one, start))

    def _declaration(
        self, name: str, kind: MemberKind | None, node: Node, place: tuple[Node, int]
    ) -> TypeScriptDeclaration:
        whole, start = place
        parts = name.split(".")
        is_exported = any(".".join(parts[:count]) in self.exported for count in range(1, len(parts) + 1))
        return TypeScriptDeclaration(
            name=name,
            kind=kind,
            nodes=(node,),
            whole=whole,
            start=start,
            end=whole.end_byte,
            file=self.file,
            is_public=is_exported and not any(part.startswith(("_", "#", "[")) for part in parts),
        )


def _declares(node: Node, statement: Node) -> bool:
    """Return whether a node is a declaration, or an expression that is exported by default."""
    if node.type in {"enum_declaration", *CLASSES} or node.type in FUNCTIONS:
        return True
    return statement.type == "export_statement" and field_of(statement, "declaration") is None


def _documented(nodes: Sequence[Node]) -> Iterator[tuple[Node, int]]:
    """Yield nodes with the byte offset at which the comments, decorators and overloads above them begin."""
    start: int | None = None
    last_row = -1
    for node in nodes:
        row = node.start_point.row
        is_apart = row > last_row + 1 or (node.type == "comment" and row == last_row and start is None)
        if node.type in {"comment", "decorator", *_SIGNATURES} or _is_signature(node):
            if start is None or row > last_row + 1:
                start = None if node.type == "comment" and row == last_row else node.start_byte
        else:
            yield node, node.start_byte if start is None or is_apart else start
            start = None
        last_row = node.end_point.row


def _is_signature(node: Node) -> bool:
    declared = field_of(node, "declaration") if node.type == "export_statement" else None
    return declared is not None and declared.type in _SIGNATURES

"""A TypeScript test module as the judge reads it: tests with the hooks and helpers that run for them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from testsmith.languages.syntax_tree import ParsedText, field, text_of, walk
from testsmith.languages.typescript.source.parsing import string_value
from testsmith.languages.typescript.test_files.imports import (
    NAMES,
    bindings_in,
    bindings_of,
    bindings_of_declarator,
    is_import,
    required_by,
    source_of,
)
from testsmith.languages.typescript.test_files.test_blocks import (
    FUNCTIONS,
    BlockKind,
    TestBlock,
    arguments_of,
    blocks_in,
    tests_in,
)
from testsmith.languages.typescript.test_files.test_modules import declared_by, scopes_of, unit_of
from testsmith.model import Member

if TYPE_CHECKING:
    from tree_sitter import Node

GLOBAL_OBJECTS = frozenset({"globalThis", "global", "window", "self"})
"""Names of the object that has all globals."""

CONTEXT = "context"
"""What the first parameter of a test means."""

_CHAINS = frozenset({"member_expression", "subscript_expression", "call_expression"})
_WRAPPED = frozenset(
    {
        *("parenthesized_expression", "non_null_expression", "as_expression", "satisfies_expression"),
        "await_expression",
    }
)
_CHANGING = frozenset(
    {"assignment_expression", "augmented_assignment_expression", "update_expression", "for_in_statement"}
)
_NAMING = frozenset({"identifier", "member_expression"})
_PARTS = frozenset({"identifier", "member_expression", "subscript_expression"})
_NAMED = frozenset({"identifier", "type_identifier", "shorthand_property_identifier_pattern"})
_BINDING = {
    **dict.fromkeys(("variable_declarator", "function_declaration", "class_declaration"), "name"),
    **dict.fromkeys(("generator_function_declaration", "enum_declaration"), "name"),
    **dict.fromkeys(("required_parameter", "optional_parameter"), "pattern"),
    **dict.fromkeys(("arrow_function", "catch_clause"), "parameter"),
    "for_in_statement": "left",
}
"""Fields with the names that nodes bind."""

_HELPERS = frozenset(
    {
        *("function_declaration", "generator_function_declaration", "class_declaration"),
        *("type_alias_declaration", "interface_declaration", "enum_declaration"),
    }
)
_CONFINED = re.compile(
    r"\.|(?:node:)?(?:assert(?:/strict)?|test|events|path|stream|url|util)$|(?:vitest|mocha|chai|@jest/globals)$"
)
"""Modules that give a test no access to the system: those of the project, and of frameworks."""

_REACHING = GLOBAL_OBJECTS | {
    *("process", "module", "eval", "Function", "fetch", "WebSocket", "XMLHttpRequest", "Bun", "Deno"),
    *("constructor", "__proto__", "getBuiltinModule", "createRequire", "mainModule"),
}

_ASSERTIONS = re.compile(
    r"(?:(?:assert|chai|power-assert)(?:/strict)?(?:\.default)?(?:\.strict)?(?:\.assert)?(?:\.\w+)?\(\)"
    r"|context\.(?:deepEqual|deepStrictEqual|equal|is|match|notEqual|ok|rejects|strictEqual|throws)\(\)"
    r"|(?:\w+\.)?assert(?:\.strict)?(?:\.\w+)?\(\)|sinon(?:\.default)?\.assert\.\w+\(\)"
    r"|(?:[\w@/-]+\.)*expect(?:\.(?:soft|poll|element))?\(\)\..+|(?:[\w@/-]+\.)*expect\.(?:fail|unreachable)\(\)"
    r"|(?:.+\.)?should(?:\(\))?\..+)"
)
"""What fails a test if it does not hold, as resolved names: `vitest.expect().toBe()`."""

OF_REQUEST = re.compile(r"supertest\b.*\.expect\(\).*")
"""Assertions about the answer to a request, which is a promise unless it is given what to call in the end."""

_CHAI_PROPERTIES = frozenset(
    {
        *(
            "ok",
            "true",
            "false",
            "null",
            "undefined",
            "NaN",
            "exist",
            "empty",
            "arguments",
            "extensible",
            "sealed",
        ),
        *(
            "frozen",
            "finite",
            "called",
            "calledOnce",
            "calledTwice",
            "notCalled",
            "fulfilled",
            "rejected",
            "numeric",
        ),
    }
)
"""Properties that assert when they are read."""

SNAPSHOT = re.compile(r".*\.to(?:Match|ThrowErrorMatching)(?:Aria)?(?:File)?(?P<inline>Inline)?Snapshot\(\)")
_SAYS_SO = re.compile(r"(?:assert|expect|verify|check|should|must)[A-Z_]\w*")


@dataclass(frozen=True, eq=False)
class TypeScriptTestModule:
    """A test module.

    Attributes:
        file: Its text.
        member: The member that it tests.
    """

    file: ParsedText
    member: Member

    @cached_property
    def blocks(self) -> Sequence[TestBlock]:
        """Its suites, tests and hooks."""
        return blocks_in(self.file)

    @cached_property
    def tests(self) -> Sequence[TestBlock]:
        """Its tests."""
        return tests_in(self.file)

    @cached_property
    def imports(self) -> Mapping[str, str]:
        """What its imported names mean: `fs.writeFileSync`, or `fs` for the module itself."""
        found = {}
        for one in (each for node in walk(self.file.root, {"comment"}) for each in bindings_in(node)):
            source = one.source.removeprefix("node:")
            found[one.local] = source if one.imported in {"*", "default"} else f"{source}.{one.imported}"
        return found

    @cached_property
    def is_confined(self) -> bool:
        """Whether all that it can reach is the project's: no system, no other package, no code from text."""
        for node in walk(self.file.root, {"comment"}):
            source = source_of(node) if is_import(node) else required_by(node)
            if source and not _CONFINED.match(source):
                return False
            if node.type in {"identifier", "property_identifier"} and text_of(node) in _REACHING:
                return False
            is_loading = node.type in {"identifier", "import"} and text_of(node) in {"require", "import"}
            around = node.parent
            is_statement = around is not None and around.type == "import_statement"
            if is_loading and not is_statement and required_by(around) is None:
                return False
        return True

    @cached_property
    def _bound(self) -> frozenset[str]:
        """Names that are bound anywhere in the module, other than by imports."""
        found = set()
        for node in walk(self.file.root, {"comment"}):
            pattern = field(node, _BINDING.get(node.type, ""))
            if pattern is not None and next(bindings_of_declarator(node), None) is None:
                found |= {text_of(one) for one in walk(pattern) if one.type in _NAMED}
        return frozenset(found)

    @cached_property
    def aliases(self) -> Mapping[str, str]:
        """What names mean that are bound to something imported or global, or to a part of it."""
        found: dict[str, str] = {}
        for node in walk(self.file.root, {"comment"}):
            name, value = field(node, "name"), unwrapped(field(node, "value"))
            if (
                node.type != "variable_declarator"
                or name is None
                or value is None
                or value.type not in _PARTS
            ):
                continue
            root = next((one for one in chain(value) if one.type == "identifier"), value)
            is_known = text_of(root) in self.imports or text_of(root) in found
            meaning = self._dotted(value, found) if is_known or text_of(root) not in self._bound else ""
            if name.type == "identifier" and meaning:
                found[text_of(name)] = meaning
            elif name.type == "object_pattern" and meaning:
                for one in name.named_children:
                    local = field(one, "value") or one
                    found[text_of(local)] = f"{meaning}.{text_of(field(one, 'key') or one)}"
        return found

    @cached_property
    def declared(self) -> frozenset[str]:
        """Names that it declares anywhere, other than for parts of what is imported or global."""
        return self._bound - {name for name, meaning in self.aliases.items() if name not in self.imports}

    @cached_property
    def declared_outside(self) -> frozenset[str]:
        """Names that it declares outside of tests and helpers, other than by imports."""
        statements = (one for body in self._bodies for one in body.named_children if not is_import(one))
        names = (name for one in statements for name in declared_by(one))
        return frozenset(names) - self.aliases.keys()

    @cached_property
    def _bodies(self) -> Sequence[Node]:
        return scopes_of(self.file, self.blocks)

    def resolved(self, node: Node) -> str:
        """Return what a chain of names and calls means: `fs.promises.writeFile`, `expect().not.toBe()`.

        What begins with a name that is declared in the module is empty.
        """
        return self._dotted(node, self.aliases)

    def _dotted(self, node: Node, aliases: Mapping[str, str]) -> str:
        parts: list[str] = []
        inner: Node | None = node
        while inner is not None and inner.type in {*_CHAINS, *_WRAPPED}:
            if (loaded := required_by(inner)) is not None:
                return loaded.removeprefix("node:") + "".join(reversed(parts))
            if inner.type == "call_expression":
                parts.append("()")
                inner = field(inner, "function")
            elif inner.type == "member_expression":
                parts.append(f".{text_of(field(inner, 'property'))}")
                inner = field(inner, "object")
            elif inner.type == "subscript_expression":
                parts.append(f".{string_value(field(inner, 'index')) or '[]'}")
                inner = field(inner, "object")
            else:
                inner = unwrapped(inner)
        if inner is None or inner.type not in {"identifier", "this", "import"}:
            return ""
        root = text_of(inner)
        meaning = self.imports.get(root) or aliases.get(root) or ("" if root in self._bound else root)
        if root in self._contexts:
            meaning = CONTEXT
        if not meaning:
            return ""
        name = meaning + "".join(reversed(parts))
        first, _, rest = name.partition(".")
        return rest if first in GLOBAL_OBJECTS and rest else name

    @cached_property
    def _contexts(self) -> frozenset[str]:
        """Names of the first parameter of tests and hooks, which a framework gives them."""
        functions = (
            one.function for one in self.blocks if one.kind is not BlockKind.SUITE and one.table is None
        )
        given = (field(one, "parameters") for one in functions)
        first = (one.named_children[0] for one in given if one is not None and one.named_children)
        names = (field(one, "pattern") for one in first)
        single = (field(one, "parameter") for one in (block.function for block in self.blocks))
        return frozenset(
            text_of(one) for one in (*names, *single) if one is not None and one.type == "identifier"
        )

    @cached_property
    def helpers(self) -> Mapping[str, list[Node]]:
        """Functions and classes of the module, by name."""
        found: dict[str, list[Node]] = {}
        for node in walk(self.file.root, {"comment"}):
            value = unwrapped(field(node, "value")) if node.type == "variable_declarator" else node
            if (
                value is not None
                and value.type in {*FUNCTIONS, *_HELPERS}
                and field(node, "name") is not None
            ):
                found.setdefault(text_of(field(node, "name")), []).append(node)
        return found

    @cached_property
    def shared(self) -> Sequence[Node]:
        """Statements of the module and of suites that are run for all tests, without those of tests."""
        units = {unit_of(one).id for one in self.blocks}
        return [
            node
            for body in self._bodies
            for node in body.named_children
            if node.id not in units
            and node.type != "comment"
            and not is_import(node)
            and not _is_helper(node)
        ]


def unwrapped(node: Node | None) -> Node | None:
    """Return an expression without parentheses and types around it."""
    while node is not None and node.type in _WRAPPED and node.named_children:
        node = node.named_children[0]
    return node


@dataclass(frozen=True, eq=False)
class TypeScriptTest:
    """A test with what runs for it.

    Attributes:
        block: The test.
        module: Its module.
        has_own_code: Whether its own code counts, or only what other tests may run as well.
    """

    block: TestBlock
    module: TypeScriptTestModule
    has_own_code: bool = True

    @cached_property
    def bodies(self) -> Sequence[Node]:
        """The test, and the functions of the module that it may call, by name alone."""
        own = self.block.statement
        return [one for one in self._with_helpers([own]) if self.has_own_code or one.id != own.id]

    @cached_property
    def around(self) -> Sequence[Node]:
        """What else runs for it: hooks, and statements of its suites and of the module."""
        around = {None, *self.block.with_suites}
        hooks = [
            one.statement for one in self.module.blocks if one.kind is BlockKind.HOOK and one.parent in around
        ]
        own = {one.id for one in self.bodies}
        return [one for one in self._with_helpers([*hooks, *self.module.shared]) if one.id not in own]

    def _with_helpers(self, roots: Collection[Node]) -> Sequence[Node]:
        found: dict[int, Node] = {one.id: one for one in roots}
        waiting = list(roots)
        while waiting:
            for node in walk(waiting.pop(), {"comment"}):
                for helper in self.module.helpers.get(text_of(node), ()) if node.type in NAMES else ():
                    inside = any(one.start_byte <= helper.start_byte < one.end_byte for one in roots)
                    if helper.id not in found and not inside:
                        found[helper.id] = helper
                        waiting.append(helper)
        return tuple(found.values())

    @cached_property
    def nodes(self) -> Sequence[Node]:
        """All nodes of the test and its helpers, without comments and types."""
        return [node for body in self.bodies for node in walk(body, _SILENT)]

    @cached_property
    def all_nodes(self) -> Sequence[Node]:
        """All nodes that run for the test, with those of hooks and the module."""
        return [*self.nodes, *(node for body in self.around for node in walk(body, _SILENT))]

    @cached_property
    def calls(self) -> Sequence[Node]:
        """All calls in the test and its helpers."""
        return [node for node in self.nodes if node.type == "call_expression"]

    @cached_property
    def uses(self) -> Sequence[str]:
        """What all its code uses that is imported or global, as longest resolved names, once for each use."""
        return [name for node in self.all_nodes if is_whole(node) and (name := self.module.resolved(node))]

    @cached_property
    def assertions(self) -> Sequence[Node]:
        """Expressions that can fail the test."""
        return [node for node in self.nodes if self.is_assertion(node)]

    def is_of_framework(self, assertion: Node) -> bool:
        """Return whether an assertion is made by a framework itself, and not by a helper."""
        return _ASSERTIONS.fullmatch(self._asserting(assertion)) is not None

    def _asserting(self, node: Node) -> str:
        """Return what a chain means, of chai's `should` without what it is about."""
        links = [text_of(field(one, "property") or one) for one in chain(node) if one.type in _NAMING]
        if "should" not in links[1:]:
            return self.module.resolved(node)
        return f"should.{links[0]}{'()' if node.type == 'call_expression' else ''}"

    def is_assertion(self, node: Node) -> bool:
        """Return whether an expression can fail the test: of a framework, or by a helper that says so.

        A comparison with a snapshot that is not in the test passes if there is none yet.
        """
        if not is_whole(node):
            return False
        name = self._asserting(node)
        snapshot = SNAPSHOT.fullmatch(name)
        if snapshot is not None:
            return snapshot["inline"] is not None and any(
                one.type in {"string", "template_string"} for one in arguments_of(node)
            )
        if _ASSERTIONS.fullmatch(name) or OF_REQUEST.fullmatch(name):
            return _is_complete(name, node)
        if node.type != "call_expression" or not name.endswith("()"):
            return False
        called = name.removesuffix("()").rpartition(".")[2]
        is_known = called in self.module.helpers or re.search(r"\bexpect\b", name) is not None
        says_so = _SAYS_SO.fullmatch(called) is not None or self._is_check_by_name(node)
        return bool(arguments_of(node)) and not is_known and says_so

    def _is_check_by_name(self, call: Node) -> bool:
        """Return whether an imported helper is asked to check the member: `check({ name: "isMail" })`."""
        values = (field(pair, "value") for one in arguments_of(call) for pair in one.named_children)
        is_named = any(string_value(one) == self.module.member.plain_name for one in values)
        is_statement = call.parent is not None and call.parent.type == "expression_statement"
        helper = text_of(field(call, "function"))
        return (
            is_named
            and is_statement
            and any(
                one.local == helper and one.source.startswith(".") for one in bindings_of(self.module.file)
            )
        )

    def binding(self, name: str) -> Node | None:
        """Return the only value that a name is bound to; None if there are several or none."""
        values: list[Node | None] = []
        for node in self.all_nodes:
            if node.type == "variable_declarator" and text_of(field(node, "name")) == name:
                values.append(field(node, "value"))
            elif text_of(field(node, "left") or field(node, "argument")) == name and node.type in _CHANGING:
                values += [None, None]
        return values[0] if len(values) == 1 else None


_SILENT = frozenset(
    {"comment", "type_annotation", "type_arguments", "type_parameters", *("interface_declaration",)}
)


def _is_helper(statement: Node) -> bool:
    """Return whether a statement does nothing until what it declares is called."""
    values = [field(one, "value") for one in statement.named_children if one.type == "variable_declarator"]
    is_function = bool(values) and all(one is not None and one.type in FUNCTIONS for one in values)
    return is_function or statement.type in _HELPERS


def _is_complete(name: str, node: Node) -> bool:
    """Return whether an assertion of `expect` has a matcher: a call, or a property of chai."""
    if "expect(" not in name and "should" not in name:
        return True
    is_statement = node.parent is not None and node.parent.type in {"expression_statement", "arrow_function"}
    return node.type == "call_expression" or (is_statement and name.rpartition(".")[2] in _CHAI_PROPERTIES)


def is_whole(node: Node) -> bool:
    """Return whether a node is a name or a chain of names and calls, and not the start of a longer one."""
    if node.type not in {*_CHAINS, "identifier", "new_expression"}:
        return False
    inner, around = node, node.parent
    while around is not None and around.type in _WRAPPED:
        inner, around = around, around.parent
    if around is None or around.type not in _CHAINS:
        return True
    part = field(around, "function") or field(around, "object")
    return part is None or part.id != inner.id


def chain(node: Node) -> Iterator[Node]:
    """Yield the nodes of a chain of names and calls, the whole one first."""
    inner: Node | None = node
    while inner is not None:
        yield inner
        is_link = inner.type in {*_CHAINS, *_WRAPPED}
        inner = (field(inner, "function") or field(inner, "object") or unwrapped(inner)) if is_link else None

"""A Go test module as the judge reads it: test functions with the helpers that they use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from testsmith.languages.go.source.declarations import FUNCTIONS, Declaration, DeclarationKind, declarations
from testsmith.languages.go.source.imports import imports_in
from testsmith.languages.go.source.parsing import string_value
from testsmith.languages.go.source.references import bound_in
from testsmith.languages.go.test_files.imports import used_names
from testsmith.languages.go.test_files.test_modules import is_test
from testsmith.languages.syntax_tree import ParsedText, field, text_of, walk
from testsmith.model import Member

if TYPE_CHECKING:
    from tree_sitter import Node

FAILING = frozenset({"Error", "Errorf", "Fatal", "Fatalf", "Fail", "FailNow"})
"""Methods of `testing.T` that fail a test."""

TESTIFY = ("github.com/stretchr/testify/assert", "github.com/stretchr/testify/require")

_SAYS_SO = re.compile(
    r"assert|require|check|expect|equal|must|want|verify|compare|same|error|fail|test|run", re.IGNORECASE
)


@dataclass(frozen=True, eq=False)
class GoTestModule:
    """A test module.

    Attributes:
        file: Its text.
        member: The member that it tests.
    """

    file: ParsedText
    member: Member

    @cached_property
    def imports(self) -> Mapping[str, str]:
        """Import paths by name."""
        return {one.name: one.path for one, _ in imports_in(self.file)}

    @cached_property
    def declared(self) -> list[Declaration]:
        """What it declares."""
        return declarations(self.file)

    @cached_property
    def tests(self) -> list[Declaration]:
        """Its test functions."""
        return [one for one in self.declared if is_test(one)]

    @cached_property
    def by_name(self) -> Mapping[str, list[Declaration]]:
        """Functions other than tests, by their last name."""
        found: dict[str, list[Declaration]] = {}
        for one in self.declared:
            if one.kind in FUNCTIONS and not is_test(one):
                found.setdefault(one.plain_name, []).append(one)
        return found

    @cached_property
    def names(self) -> frozenset[str]:
        """Names that it declares, without methods."""
        return frozenset(one.name for one in self.declared if one.kind is not DeclarationKind.METHOD)

    def imported(self, node: Node | None) -> str:
        """Return what a selector names of an imported package, for example `os.Exit`; empty for others."""
        if node is None or node.type not in {"selector_expression", "qualified_type"}:
            return ""
        package = text_of(field(node, "operand") or field(node, "package"))
        path = self.imports.get(package)
        return "" if path is None else f"{path}.{text_of(field(node, 'field') or field(node, 'name'))}"


@dataclass(frozen=True, eq=False)
class GoTestFunction:
    """A test function.

    Attributes:
        declaration: The function.
        module: Its module.
    """

    declaration: Declaration
    module: GoTestModule

    @cached_property
    def bodies(self) -> Sequence[Node]:
        """The function, and the functions of the module that it may call, methods by name alone."""
        found: dict[int, Node] = {self.declaration.node.id: self.declaration.node}
        waiting = [self.declaration.node]
        while waiting:
            for name in _called_names(waiting.pop()):
                for helper in self.module.by_name.get(name, ()):
                    if helper.node.id not in found:
                        found[helper.node.id] = helper.node
                        waiting.append(helper.node)
        return tuple(found.values())

    @cached_property
    def nodes(self) -> Sequence[Node]:
        """All nodes of its bodies, without comments."""
        return [node for body in self.bodies for node in walk(body, {"comment"})]

    @cached_property
    def calls(self) -> Sequence[Node]:
        """All calls in its bodies."""
        return [node for node in self.nodes if node.type == "call_expression"]

    @cached_property
    def uses(self) -> frozenset[str]:
        """What it uses of imported packages, for example `os.Exit`."""
        selected = (self.module.imported(node) for node in self.nodes)
        return frozenset(name for name in selected if name)

    @cached_property
    def assertions(self) -> Sequence[Node]:
        """Calls that can fail the test."""
        return [call for call in self.calls if self.is_assertion(call)]

    def is_assertion(self, call: Node) -> bool:
        """Return whether a call can fail the test: of `testing.T`, of testify, or of a helper of the project.

        A helper that is not in the module, or in another package, counts if it is given the test and more,
        and its name says so.
        """
        called = field(call, "function")
        name = text_of(called).rpartition(".")[2].partition("[")[0]
        if called is not None and called.type == "selector_expression":
            operand = text_of(field(called, "operand"))
            if self.module.imports.get(operand) in TESTIFY:
                return True
            if operand not in self.module.imports:
                return name in FAILING and operand in _test_names(call)
            is_known = False
        else:
            is_known = name in self.module.by_name or name in self.module.names
        given = field(call, "arguments")
        arguments = [] if given is None else given.named_children
        tests = _test_names(call)
        is_given_test = len(arguments) > 1 and any(text_of(one) in tests for one in arguments)
        return is_given_test and not is_known and _SAYS_SO.search(name) is not None

    def binding(self, name: str) -> Node | None:
        """Return the only value that a name is bound to; None if there are several or none."""
        values = []
        for node in self.nodes:
            if node.type in {"short_var_declaration", "assignment_statement", "var_spec"}:
                left = field(node, "left") or field(node, "name")
                right = field(node, "right") or field(node, "value")
                if text_of(left) == name and right is not None and len(right.named_children) == 1:
                    values.append(right.named_children[0])
        return values[0] if len(values) == 1 else None

    @cached_property
    def local_names(self) -> frozenset[str]:
        """Names that its bodies bind."""
        return frozenset(name for body in self.bodies for name in bound_in(body))


def _called_names(node: Node) -> Iterator[str]:
    """Yield names that may be those of helpers: called, or handed on."""
    yield from used_names(node)
    for one in walk(node, {"comment"}):
        if one.type == "field_identifier":
            yield text_of(one)


def _test_names(node: Node) -> frozenset[str]:
    """Return the names of parameters around a node whose type is `*testing.T` or `testing.TB`."""
    found = set()
    around: Node | None = node
    while around is not None:
        parameters = field(around, "parameters")
        for one in () if parameters is None else parameters.named_children:
            kind = "".join(text_of(field(one, "type")).split())
            if kind.lstrip("*").rpartition(".")[2] in {"T", "TB", "TestingT"}:
                found |= {text_of(name) for name in one.children_by_field_name("name")}
        around = around.parent
    return frozenset(found)


def literal_length(node: Node | None) -> int:
    """Return the length of a string literal; 0 for anything else."""
    return len(string_value(node) or "")

"""Rename top-level names of a module and all their uses."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

import libcst as cst
from libcst.metadata import Assignment, BaseAssignment, GlobalScope, MetadataWrapper, Scope, ScopeProvider

from testsmith.languages.python.test_files.cutting import dotted, imported_name, is_fixture, is_test
from testsmith.languages.python.test_files.equivalence import NAMING_FIXTURES


def rename(module: cst.Module, new_names: Mapping[str, str], fixtures: Collection[str] = ()) -> cst.Module:
    """Return the module with top-level names changed where they are bound and used.

    Local names and attributes with the same spelling stay. A renamed import gets an alias.

    Args:
        module: The module.
        new_names: New names by old name.
        fixtures: Old names that are pytest fixtures; parameters that request them and strings that name them
            to pytest change too.
    """
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    scopes = {
        node: scope for node, scope in wrapper.resolve(ScopeProvider).items() if isinstance(scope, Scope)
    }
    found = _Occurrences(new_names, fixtures, scopes)
    wrapper.module.visit(found)
    return cst.ensure_type(wrapper.module.visit(_Replacement(found.replacements)), cst.Module)


class _Occurrences(cst.CSTVisitor):
    """Finds nodes to replace, and their replacements."""

    def __init__(
        self,
        new_names: Mapping[str, str],
        fixtures: Collection[str],
        scopes: Mapping[cst.CSTNode, object],
    ) -> None:
        super().__init__()
        self.replacements: dict[cst.CSTNode, cst.CSTNode] = {}
        self._new_names = new_names
        self._fixtures = fixtures
        self._scopes = scopes
        self._asking: set[cst.CSTNode] = set()

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Name):
            self._visit_name(node)
        elif isinstance(node, cst.FunctionDef):
            self._asking.update(
                param for param in asking_parameters(node) if param.name.value in self._fixtures
            )
        elif isinstance(node, cst.Import | cst.ImportFrom):
            self._visit_import(node)
        elif isinstance(node, cst.Call) and dotted(node).rpartition(".")[2] in NAMING_FIXTURES:
            self._visit_texts([argument.value for argument in node.args], self._fixtures)
        elif isinstance(node, cst.Annotation):
            self._visit_texts([node.annotation], self._new_names)
        elif isinstance(node, cst.Global):
            self._visit_global(node)
        return True

    def _visit_name(self, node: cst.Name) -> None:
        if node.value in self._new_names and any(map(self._is_meant, self._assignments(node))):
            self.replacements[node] = node.with_changes(value=self._new_names[node.value])

    def _assignments(self, node: cst.Name) -> Collection[BaseAssignment]:
        scope = self._scopes.get(node)
        return scope[node.value] if isinstance(scope, Scope) else ()

    def _is_meant(self, assignment: BaseAssignment) -> bool:
        if isinstance(assignment, Assignment) and assignment.node in self._asking:
            return True
        return isinstance(assignment.scope, GlobalScope)

    def _visit_import(self, node: cst.Import | cst.ImportFrom) -> None:
        if isinstance(node.names, cst.ImportStar) or not isinstance(self._scopes.get(node), GlobalScope):
            return
        for alias in node.names:
            name = imported_name(alias, from_module=isinstance(node, cst.ImportFrom))
            if name in self._new_names:
                as_name = cst.AsName(name=cst.Name(self._new_names[name]))
                self.replacements[alias] = alias.with_changes(asname=as_name)

    def _visit_global(self, node: cst.Global) -> None:
        for item in node.names:
            if item.name.value in self._new_names:
                self.replacements[item.name] = cst.Name(self._new_names[item.name.value])

    def _visit_texts(self, nodes: list[cst.BaseExpression], names: Collection[str]) -> None:
        """Change names inside string literals that pytest or a type checker reads as names."""
        for text in (inner for node in nodes for inner in _texts(node)):
            value = re.sub(r"\w+", lambda word: self._in_text(word[0], names), text.value)
            if value != text.value:
                self.replacements[text] = text.with_changes(value=value)

    def _in_text(self, word: str, names: Collection[str]) -> str:
        return self._new_names.get(word, word) if word in names else word


def asking_parameters(function: cst.FunctionDef) -> Iterator[cst.Param]:
    """Yield the parameters of a test or fixture that pytest fills with fixtures."""
    if not (is_test(function) or is_fixture(function)):
        return
    given = {name for decorator in function.decorators for name in _parametrized_names(decorator.decorator)}
    params = function.params
    for param in (*params.posonly_params, *params.params, *params.kwonly_params):
        if param.name.value not in given:
            yield param


def _parametrized_names(decorator: cst.BaseExpression) -> Iterator[str]:
    if isinstance(decorator, cst.Call) and dotted(decorator).endswith("parametrize") and decorator.args:
        for text in _texts(decorator.args[0].value):
            yield from re.findall(r"\w+", text.value)


def _texts(node: cst.CSTNode) -> Iterator[cst.SimpleString]:
    if isinstance(node, cst.SimpleString):
        yield node
    for child in node.children:
        yield from _texts(child)


class _Replacement(cst.CSTTransformer):
    """Replaces nodes by identity."""

    def __init__(self, replacements: Mapping[cst.CSTNode, cst.CSTNode]) -> None:
        super().__init__()
        self._replacements = replacements

    def on_leave(self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT) -> cst.CSTNode:  # type: ignore[override]  # libcst's own type is narrower than what it takes
        return self._replacements.get(original_node, updated_node)

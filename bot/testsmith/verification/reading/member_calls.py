"""Telling calls of the member from other calls, in the text of a test."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from testsmith.languages.python.test_modules import is_fixture
from testsmith.model import MemberKind
from testsmith.verification.reading.situations import Names, bound_names, dotted_name, resolved

_COLLECTING = frozenset({"list", "tuple", "set", "frozenset", "sorted"})
_Statements = Sequence[ast.stmt]


@dataclass(frozen=True, slots=True)
class MemberCall:
    """A call of the member, or a look at a property.

    Attributes:
        node: The call, with the plain values of variables put in.
        collected: Whether what is looked at is a collection of what it gave, as in `list(f())`.
    """

    node: ast.Call | ast.Attribute
    collected: bool = False


@dataclass(frozen=True, slots=True)
class MemberCalls:
    """Finds calls of the member.

    Attributes:
        names: How names are read; holds the member.
        fixtures: What the fixtures of the test module return, with what comes before it in them.
    """

    names: Names
    fixtures: Mapping[str, tuple[ast.expr, _Statements]]

    def find(self, expression: ast.expr, before: _Statements) -> MemberCall | None:
        """Return the call of the member that an expression is; None where it is anything else.

        The object that a method is called on has to be made in sight: of others nobody knows the class.
        """
        known, before = resolved(expression, before)
        match known:
            case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]) if name in _COLLECTING:
                found = self.find(inner, before)
                return None if found is None else MemberCall(found.node, collected=True)
        waited = _awaited(known)
        if (waited is not None) != self.names.member.is_async:
            return None
        node = known if waited is None else resolved(waited, before)[0]
        match node:
            case ast.Call(func=function) if self._is_member(function, before):
                return MemberCall(node)
            case ast.Attribute() if self._is_property(node, before):
                return MemberCall(node)
        return None

    def _is_member(self, function: ast.expr, before: _Statements) -> bool:
        member = self.names.member
        if member.kind is MemberKind.PROPERTY:
            return False
        dotted = member.name.removesuffix(".__init__")
        if member.kind is not MemberKind.METHOD or dotted != member.name:
            return self._stands_for(function, dotted, before) or self._is_on_object(function, before)
        return self._is_on_object(function, before)

    def _is_property(self, node: ast.Attribute, before: _Statements) -> bool:
        return self.names.member.kind is MemberKind.PROPERTY and self._is_on_object(node, before)

    def _is_on_object(self, node: ast.expr, before: _Statements) -> bool:
        """Tell whether it is the member, looked up on an object of its class that is made in sight."""
        owner, _, last = self.names.member.name.rpartition(".")
        if not owner or not isinstance(node, ast.Attribute) or node.attr != last:
            return False
        made, earlier = resolved(node.value, before)
        if isinstance(made, ast.Name) and made.id in self.fixtures and made.id not in bound_names(before):
            made, earlier = self.fixtures[made.id]
            made, earlier = resolved(made, earlier)
        return isinstance(made, ast.Call) and self._stands_for(made.func, owner, earlier)

    def _stands_for(self, node: ast.expr, name: str, before: _Statements) -> bool:
        """Tell whether an imported name stands for something of the member's package."""
        root, _, rest = dotted_name(node).partition(".")
        origin = self.names.imported.get(root)
        if origin is None or root in bound_names(before):
            return False
        whole = f"{origin}.{rest}" if rest else origin
        package = self.names.member.module.partition(".")[0]
        return whole.startswith(f"{package}.") and whole.endswith(f".{name}")


def _awaited(node: ast.expr) -> ast.expr | None:
    """Return what is awaited or run by `asyncio.run`; None where an expression does neither."""
    match node:
        case ast.Await(value=value):
            return value
        case ast.Call(func=function, args=[value]) if dotted_name(function) == "asyncio.run":
            return value
    return None


def fixtures_of(tree: ast.Module) -> dict[str, tuple[ast.expr, _Statements]]:
    """Return what the fixtures of a module return, with what comes before it in them."""
    found: dict[str, tuple[ast.expr, _Statements]] = {}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or not is_fixture(node):
            continue
        for at, statement in enumerate(node.body):
            match statement:
                case (
                    ast.Return(value=ast.expr() as value)
                    | ast.Expr(value=ast.Yield(value=ast.expr() as value))
                ):
                    found[node.name] = value, node.body[:at]
    return found

"""Which names the statements of a module bind and use, in concrete syntax trees."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from keyword import iskeyword

import libcst as cst

_IDENTIFIER = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Names that one statement, or one name of an import, binds together.

    Attributes:
        names: The names bound; a fixture's own name (`name="cart"`) among them.
        uses: The names that are needed for it.
    """

    names: tuple[str, ...]
    uses: frozenset[str] = frozenset()


def bindings(statement: cst.CSTNode) -> Sequence[Binding] | None:
    """Return what a statement binds, if binding names is all it does; None where it does more.

    Star imports and `from __future__` count as doing more. A conditional statement is one binding.
    """
    if isinstance(statement, cst.FunctionDef | cst.ClassDef):
        return [_definition(statement)]
    if isinstance(statement, cst.SimpleStatementLine):
        return _of_all(statement.body)
    if isinstance(statement, cst.If | cst.Try | cst.TryStar):
        found = _of_all(list(branch_statements(statement)))
        return None if found is None else [_joined(found, used_names(statement))]
    return None


def branch_statements(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield the statements of all branches of a compound statement that is no definition."""
    for child in node.children:
        if isinstance(child, cst.BaseSuite):
            yield from child.body
        elif isinstance(
            child,
            cst.If | cst.Else | cst.ExceptHandler | cst.ExceptStarHandler | cst.Finally | cst.MatchCase,
        ):
            yield from branch_statements(child)


def imported_name(alias: cst.ImportAlias, *, from_module: bool) -> str:
    """Return the name that an import's alias binds: `a` for `import a.b`."""
    if alias.asname is not None:
        return dotted(alias.asname.name)
    name = dotted(alias.name)
    return name if from_module else name.partition(".")[0]


def dotted(node: cst.CSTNode | None) -> str:
    """Return a node's dotted name, of a call the called one's; empty where it has none."""
    if isinstance(node, cst.Call):
        return dotted(node.func)
    if isinstance(node, cst.Attribute):
        return f"{dotted(node.value)}.{node.attr.value}"
    return node.value if isinstance(node, cst.Name) else ""


def used_names(node: cst.CSTNode) -> frozenset[str]:
    """Return the names that a statement may need: too many rather than too few.

    Local names count, and so do parameters, which pytest fills with fixtures. A name inside a text counts
    in annotations, and where it is the whole text (`usefixtures("cart")`).
    """
    visitor = _Uses()
    node.visit(visitor)
    return frozenset(visitor.names)


def _of_all(statements: Sequence[cst.CSTNode]) -> list[Binding] | None:
    found: list[Binding] = []
    for statement in statements:
        bound = _simple(statement) if isinstance(statement, cst.BaseSmallStatement) else bindings(statement)
        if bound is None:
            return None
        found.extend(bound)
    return found


def _simple(statement: cst.BaseSmallStatement) -> list[Binding] | None:
    if isinstance(statement, cst.Import):
        return [Binding(names=(imported_name(alias, from_module=False),)) for alias in statement.names]
    if isinstance(statement, cst.ImportFrom):
        if isinstance(statement.names, cst.ImportStar) or dotted(statement.module) == "__future__":
            return None
        return [Binding(names=(imported_name(alias, from_module=True),)) for alias in statement.names]
    if isinstance(statement, cst.Pass):
        return []
    names = _assigned(statement)
    return None if names is None else [Binding(names=names, uses=used_names(statement))]


def _assigned(statement: cst.BaseSmallStatement) -> tuple[str, ...] | None:
    """Return the names an assignment binds; None where it is none, or sets an attribute or item."""
    if isinstance(statement, cst.Assign):
        targets = [_target(target.target) for target in statement.targets]
    elif isinstance(statement, cst.AnnAssign | cst.AugAssign):
        targets = [_target(statement.target)]
    elif isinstance(statement, cst.TypeAlias):
        targets = [_target(statement.name)]
    else:
        return None
    if any(target is None for target in targets):
        return None
    return tuple(name for target in targets for name in target or ())


def _target(target: cst.BaseExpression) -> tuple[str, ...] | None:
    if isinstance(target, cst.Name):
        return (target.value,)
    if not isinstance(target, cst.Tuple | cst.List):
        return None
    inner = [_target(element.value) for element in target.elements]
    return None if None in inner else tuple(name for names in inner for name in names or ())


def _definition(node: cst.FunctionDef | cst.ClassDef) -> Binding:
    names = [node.name.value]
    for decorator in node.decorators:
        if isinstance(decorator.decorator, cst.Call):
            names.extend(_fixture_names(decorator.decorator))
    return Binding(names=tuple(names), uses=used_names(node))


def _fixture_names(call: cst.Call) -> Iterator[str]:
    for argument in call.args:
        is_name = argument.keyword is not None and argument.keyword.value == "name"
        if is_name and isinstance(argument.value, cst.SimpleString):
            yield str(argument.value.evaluated_value)


def _joined(found: Sequence[Binding], uses: frozenset[str]) -> Binding:
    return Binding(names=tuple(name for binding in found for name in binding.names), uses=uses)


class _Uses(cst.CSTVisitor):
    """Collects the names that are read, skipping attributes, keywords and imports."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self._annotations = 0

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Attribute | cst.Arg):
            node.value.visit(self)
            return False
        if isinstance(node, cst.Name):
            self.names.add(node.value)
        elif isinstance(node, cst.SimpleString):
            self._read_text(node.evaluated_value)
        self._annotations += isinstance(node, cst.Annotation)
        return not isinstance(node, cst.Import | cst.ImportFrom)

    def on_leave(self, original_node: cst.CSTNode) -> None:
        self._annotations -= isinstance(original_node, cst.Annotation)

    def _read_text(self, text: str | bytes) -> None:
        if isinstance(text, bytes):
            return
        if self._annotations:
            self.names.update(_IDENTIFIER.findall(text))
        elif text.isidentifier() and not iskeyword(text):
            self.names.add(text)

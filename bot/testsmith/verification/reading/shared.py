"""What the test functions of a module share: rows of parametrizations, constants and helper functions."""

from __future__ import annotations

import ast
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from testsmith.verification.reading.situations import dotted_name, is_literal

TestFunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
MOST_ROWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A parametrization whose rows can be taken away one by one.

    Attributes:
        elements: Its rows, as they are written.
        values: What each row puts in for which name.
        labels: The names of the rows, where `ids` lists them.
    """

    elements: list[ast.expr]
    values: list[dict[str, ast.expr]]
    labels: list[ast.expr]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the test functions of a module share.

    Attributes:
        lists: The lists and tuples that module constants stand for.
        literals: The plain values, likewise.
        reads: How often each name is read.
        helpers: The module's plain functions that are no tests.
        marks: The parametrizations that a class or the module gives each of its test functions.
    """

    lists: Mapping[str, ast.List | ast.Tuple]
    literals: Mapping[str, ast.expr]
    reads: Mapping[str, int]
    helpers: Mapping[str, TestFunctionNode]
    marks: Mapping[str, Sequence[ast.Call]]

    @classmethod
    def of(cls, tree: ast.Module) -> Shared:
        """Return what the test functions of a module share."""
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        stored = Counter(node.id for node in names if not isinstance(node.ctx, ast.Load))
        constants = {name: value for name, value in map(_constant, tree.body) if name and stored[name] == 1}
        return cls(
            lists={
                name: value for name, value in constants.items() if isinstance(value, ast.List | ast.Tuple)
            },
            literals={name: value for name, value in constants.items() if is_literal(value)},
            reads=Counter(node.id for node in names if isinstance(node.ctx, ast.Load)),
            helpers={
                node.name: node
                for node in tree.body
                if isinstance(node, ast.FunctionDef)
                and not node.name.startswith("test")
                and not node.decorator_list
            },
            marks=dict(_inherited_marks(tree.body, "", _module_marks(tree))),
        )

    def constants_for(self, function: TestFunctionNode) -> dict[str, ast.expr]:
        """Return the plain values that a function reads by the name of a module constant."""
        read = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        own = {argument.arg for argument in ast.walk(function) if isinstance(argument, ast.arg)}
        return {name: self.literals[name] for name in read - own if name in self.literals}

    def rows_of(self, name: str, function: TestFunctionNode) -> Rows | None:
        """Return the rows of a function that is parametrized once, by rows of its own; else None."""
        marks = [*self.marks.get(name, ()), *parametrize_marks(function.decorator_list)]
        if len(marks) != 1 or self.marks.get(name):
            return None
        listed = self._listed(marks[0])
        labels = _labels(marks[0])
        if listed is None or labels is None or not self._is_its_own(marks[0]):
            return None
        elements, values = listed
        if labels and len(labels) != len(elements):
            return None
        return Rows(elements=elements, values=values, labels=labels)

    def cases(
        self, name: str, function: TestFunctionNode
    ) -> Iterator[tuple[int | None, dict[str, ast.expr]]]:
        """Yield what each case of a function puts in for its parameters, with its row where it can be cut."""
        rows = self.rows_of(name, function)
        if rows is not None:
            yield from enumerate(rows.values)
            return
        marks = [*self.marks.get(name, ()), *parametrize_marks(function.decorator_list)]
        listed = [self._listed(mark) or ([], [{}]) for mark in marks]
        products = itertools.product(*(values for _, values in listed))
        for values in itertools.islice(products, MOST_ROWS):
            yield None, {key: value for part in values for key, value in part.items()}

    def _listed(self, mark: ast.Call) -> tuple[list[ast.expr], list[dict[str, ast.expr]]] | None:
        """Return the rows of a mark and what they put in; None where they are not written out."""
        rows = _rows_argument(mark)
        if isinstance(rows, ast.Name):
            rows = self.lists.get(rows.id)
        names = _parameter_names(mark.args[0]) if mark.args else []
        if not names or not isinstance(rows, ast.List | ast.Tuple) or len(rows.elts) > MOST_ROWS:
            return None
        return rows.elts, [row_values(names, element) or {} for element in rows.elts]

    def _is_its_own(self, mark: ast.Call) -> bool:
        """Tell whether nothing else reads the rows of a mark."""
        rows = _rows_argument(mark)
        return not isinstance(rows, ast.Name) or self.reads[rows.id] == 1


def parametrize_marks(decorators: Sequence[ast.expr]) -> list[ast.Call]:
    """Return the parametrizations among decorators."""
    return [
        node
        for node in decorators
        if isinstance(node, ast.Call) and dotted_name(node.func).endswith("parametrize")
    ]


def _module_marks(tree: ast.Module) -> list[ast.Call]:
    found: list[ast.Call] = []
    for name, value in map(_constant, tree.body):
        if name == "pytestmark":
            found += parametrize_marks(value.elts if isinstance(value, ast.List | ast.Tuple) else [value])
    return found


def _inherited_marks(
    body: Sequence[ast.stmt], prefix: str, marks: Sequence[ast.Call]
) -> Iterator[tuple[str, Sequence[ast.Call]]]:
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield prefix + name, marks
            case ast.ClassDef(name=name, body=inner, decorator_list=decorators):
                yield from _inherited_marks(
                    inner, f"{prefix}{name}::", [*marks, *parametrize_marks(decorators)]
                )


def _constant(statement: ast.stmt) -> tuple[str, ast.expr]:
    """Return the name and the value that a statement binds; an empty name where it is no plain binding."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            return name, value
    return "", ast.Constant(None)


def _rows_argument(mark: ast.Call) -> ast.expr | None:
    named = [keyword.value for keyword in mark.keywords if keyword.arg == "argvalues"]
    return next(iter([*mark.args[1:2], *named]), None)


def _labels(mark: ast.Call) -> list[ast.expr] | None:
    """Return the names of the rows that `ids` lists; None where they stand elsewhere."""
    named = next((keyword.value for keyword in mark.keywords if keyword.arg == "ids"), None)
    match named:
        case ast.List(elts=labels) | ast.Tuple(elts=labels):
            return labels
        case None | ast.Constant(value=None) | ast.Lambda() | ast.Name(id="str" | "repr"):
            return []
    return None


def _parameter_names(node: ast.expr) -> list[str]:
    match node:
        case ast.Constant(value=str(text)):
            return [name.strip() for name in text.split(",") if name.strip()]
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return [
                part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)
            ]
    return []


def row_values(names: Sequence[str], element: ast.expr) -> dict[str, ast.expr] | None:
    """Return what a row puts in for each name; None where it cannot be told."""
    if isinstance(element, ast.Call) and dotted_name(element.func).endswith("param"):
        values = element.args
    elif len(names) == 1:
        values = [element]
    elif isinstance(element, ast.Tuple | ast.List):
        values = element.elts
    else:
        return None
    return dict(zip(names, values, strict=True)) if len(names) == len(values) else None

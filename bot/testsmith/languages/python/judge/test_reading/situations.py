"""Normalize a call and the earlier operations on its objects, so that calls can be compared.

The result does not depend on how a call is written: imports are resolved, positional arguments of the member
become keyword arguments, variables with literal values are replaced, and local variables are numbered. No
code is run.
"""

from __future__ import annotations

import ast
import copy
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import CannotParse
from testsmith.model import Member, MemberKind

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class BoundNames:
    """Name resolution: imported names, and the member.

    Attributes:
        member: The member.
        imported: The dotted origin of each imported name.
        parameters: Names of the member's positional parameters, without `self` or `cls`.
    """

    member: Member
    imported: Mapping[str, str] = field(default_factory=dict)
    parameters: Sequence[str] = ()

    @classmethod
    def of(cls, member: Member, statements: Sequence[ast.stmt]) -> BoundNames:
        """Return the name resolution after these statements."""
        return cls(member, dict(_imported(statements)), _parameters(member))


def situation(call: ast.expr, before: Sequence[ast.stmt], names: BoundNames) -> str:
    """Return a call and the earlier operations on its objects in a comparable form."""
    call, before = resolved(call, before)
    needed = _needed(call, before)
    statements = [*needed, ast.Expr(call)]
    local = bound_names(needed)
    plain = [_Plain(names, local).visit(copy.deepcopy(statement)) for statement in statements]
    renamed = [_Renamed(local, plain).visit(statement) for statement in plain]
    return "\n".join(ast.dump(statement) for statement in renamed)


def plain_value(value: ast.expr, names: BoundNames) -> ast.expr:
    """Return an expression with imports resolved."""
    plain: ast.expr = _Plain(names, frozenset()).visit(copy.deepcopy(value))
    return plain


def resolved(expression: ast.expr, before: Sequence[ast.stmt]) -> tuple[ast.expr, Sequence[ast.stmt]]:
    """Return a variable's value and the statements before it, with literals inserted.

    `result = call(x)` followed by a claim about `result` is a claim about `call(x)`.
    """
    bound = _single_bindings(before)
    if isinstance(expression, ast.Name) and expression.id in bound:
        at, value = bound[expression.id]
        return resolved(value, before[:at])
    literals = {name: value for name, (_, value) in bound.items() if is_literal(value)}
    replaced: ast.expr = _Replacing(literals).visit(copy.deepcopy(expression))
    return replaced, before


def replaced(body: Sequence[ast.stmt], put_in: Mapping[str, ast.expr]) -> list[ast.stmt]:
    """Return statements with names that they read replaced by expressions."""
    if not put_in:
        return list(body)
    return [_Replacing(put_in).visit(copy.deepcopy(statement)) for statement in body]


def is_literal(node: ast.expr) -> bool:
    """Return whether an expression is a literal."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def dotted_name(node: ast.expr) -> str:
    """Return a dotted name as a string; empty for any other expression."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute):
            before = dotted_name(value)
            return f"{before}.{attribute}" if before else ""
    return ""


def bound_names(statements: Sequence[ast.stmt]) -> frozenset[str]:
    """Return the variables that statements bind."""
    return frozenset(
        part.id
        for statement in statements
        for part in ast.walk(statement)
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load)
    )


class _Replacing(ast.NodeTransformer):
    """Replaces names with expressions."""

    def __init__(self, put_in: Mapping[str, ast.expr]) -> None:
        self._put_in = put_in

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Replace a name that is read."""
        found = self._put_in.get(node.id) if isinstance(node.ctx, ast.Load) else None
        return node if found is None else copy.deepcopy(found)


def _single_bindings(statements: Sequence[ast.stmt]) -> dict[str, tuple[int, ast.expr]]:
    """Return the variables that are bound once, by a simple assignment, with position and value."""
    found: dict[str, list[tuple[int, ast.expr | None]]] = {}
    for at, statement in enumerate(statements):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.setdefault(name, []).append((at, value))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found.setdefault(name, []).append((at, value))
            case _:
                for name in bound_names([statement]):
                    found.setdefault(name, []).append((at, None))
    return {
        name: (at, value)
        for name, [(at, value), *others] in found.items()
        if value is not None and not others
    }


def _needed(call: ast.expr, before: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Return the statements that involve the local objects in a call, in order."""
    local = bound_names(before)
    wanted = _read_names(call) & local
    touched = [(each, (bound_names([each]) | _read_names(each)) & local) for each in before]
    known = frozenset[str]()
    while wanted != known:  # what shares a name with a needed object may change it
        known, wanted = wanted, wanted.union(*(names for _, names in touched if names & wanted))
    kept = [
        each
        for each, names in touched
        if names & wanted and not isinstance(each, ast.Import | ast.ImportFrom)
    ]
    return _without_idle_names(kept, call)


def _without_idle_names(statements: list[ast.stmt], call: ast.expr) -> list[ast.stmt]:
    """Remove unused variables: `first = cart.add(1)` affects the cart in the same way as `cart.add(1)`."""
    read = _read_names(call).union(*(_read_names(statement) for statement in statements))
    plain: list[ast.stmt] = []
    for statement in statements:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in read:
                plain.append(ast.Expr(value))
            case _:
                plain.append(statement)
    return plain


def _read_names(node: ast.AST) -> frozenset[str]:
    return frozenset(
        part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
    )


def _imported(statements: Sequence[ast.stmt]) -> Iterator[tuple[str, str]]:
    for statement in statements:
        match statement:
            case ast.Import(names=aliases):
                for alias in aliases:
                    yield (alias.asname, alias.name) if alias.asname else (alias.name.partition(".")[0],) * 2
            case ast.ImportFrom(module=module, names=aliases):
                for alias in aliases:
                    yield alias.asname or alias.name, f"{module or ''}.{alias.name}"


class _Plain(ast.NodeTransformer):
    """Removes differences in how a call is written."""

    def __init__(self, names: BoundNames, local: frozenset[str]) -> None:
        self._names = names
        self._local = local
        self._parameters = names.parameters

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Resolve the import."""
        return self._without_import(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """Resolve the import."""
        return self._without_import(node)

    def visit_Await(self, node: ast.Await) -> ast.expr:
        """Remove the `await`."""
        value: ast.expr = self.visit(node.value)
        return value

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Remove `asyncio.run`, and turn the member's positional arguments into keyword arguments."""
        if dotted_name(node.func) == "asyncio.run" and len(node.args) == 1:
            inner: ast.expr = self.visit(node.args[0])
            return inner
        self.generic_visit(node)
        last = (
            node.func.attr
            if isinstance(node.func, ast.Attribute)
            else dotted_name(node.func).rpartition(".")[2]
        )
        return self._with_named_arguments(node) if last == self._names.member.plain_name else node

    def _without_import(self, node: ast.Name | ast.Attribute) -> ast.expr:
        written = dotted_name(node)
        root, _, rest = written.partition(".")
        if not written or root in self._local:
            self.generic_visit(node)
            return node
        origin = self._names.imported.get(root, root)
        parts = [*origin.split("."), *(rest.split(".") if rest else [])]
        own = self._names.member.name.partition(".")[0]
        kept = parts[parts.index(own) :] if own in parts else parts[-1:]
        return ast.Name(id=".".join(kept), ctx=ast.Load())

    def _with_named_arguments(self, node: ast.Call) -> ast.Call:
        positional = node.args[: len(self._parameters)]
        if any(isinstance(argument, ast.Starred) for argument in node.args):
            return node
        named = [
            ast.keyword(arg=name, value=value)
            for name, value in zip(self._parameters, positional, strict=False)
        ]
        keywords = sorted([*named, *node.keywords], key=lambda keyword: keyword.arg or "")
        return ast.Call(func=node.func, args=node.args[len(positional) :], keywords=keywords)


class _Renamed(ast.NodeTransformer):
    """Names local variables in the order in which they appear."""

    def __init__(self, local: frozenset[str], statements: Sequence[ast.AST]) -> None:
        seen = [
            node.id
            for statement in statements
            for node in ast.walk(statement)
            if isinstance(node, ast.Name) and node.id in local
        ]
        self._new = {name: f"<{number}>" for number, name in enumerate(dict.fromkeys(seen))}

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Rename a variable."""
        return ast.Name(id=self._new.get(node.id, node.id), ctx=node.ctx)


def _parameters(member: Member) -> list[str]:
    """Return the names of a member's positional parameters, without `self` or `cls`."""
    try:
        body = parse_untrusted(member.source).body
    except CannotParse:
        return []
    function = next((node for node in body if isinstance(node, _Function)), None)
    if function is None:
        return []
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    is_bound = member.kind in {MemberKind.METHOD, MemberKind.CLASS_METHOD, MemberKind.PROPERTY}
    return names[1:] if is_bound else names


TestFunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
MOST_ROWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A parametrization whose rows can be removed one by one.

    Attributes:
        elements: Its rows, as written.
        values: The values of each row, by parameter name.
        labels: The names of the rows, if `ids` lists them.
    """

    elements: list[ast.expr]
    values: list[dict[str, ast.expr]]
    labels: list[ast.expr]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Definitions that the test functions of a module share.

    Attributes:
        lists: Module constants that are lists or tuples.
        literals: Module constants that are literals.
        reads: How often each name is read.
        helpers: The module's simple functions that are not tests.
        marks: Parametrizations that a class or the module applies to each of its test functions.
    """

    lists: Mapping[str, ast.List | ast.Tuple]
    literals: Mapping[str, ast.expr]
    reads: Mapping[str, int]
    helpers: Mapping[str, TestFunctionNode]
    marks: Mapping[str, Sequence[ast.Call]]

    @classmethod
    def of(cls, tree: ast.Module) -> Shared:
        """Return the shared definitions of a module."""
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
        """Return the literals that a function reads through module constants."""
        read = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        own = {argument.arg for argument in ast.walk(function) if isinstance(argument, ast.arg)}
        return {name: self.literals[name] for name in read - own if name in self.literals}

    def rows_of(self, name: str, function: TestFunctionNode) -> Rows | None:
        """Return the rows of a function that has a single parametrization with rows of its own; else None."""
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
        """Yield the parameter values of each case of a function, with its row if it can be removed."""
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
        """Return the rows of a mark and their values; None if they are not literal."""
        rows = _rows_argument(mark)
        if isinstance(rows, ast.Name):
            rows = self.lists.get(rows.id)
        names = _parameter_names(mark.args[0]) if mark.args else []
        if not names or not isinstance(rows, ast.List | ast.Tuple) or len(rows.elts) > MOST_ROWS:
            return None
        return rows.elts, [row_values(names, element) or {} for element in rows.elts]

    def _is_its_own(self, mark: ast.Call) -> bool:
        """Return whether nothing else reads the rows of a mark."""
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
    """Return the name and value that a statement binds; an empty name for any other statement."""
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
    """Return the row names that `ids` lists; None if they are defined elsewhere."""
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
    """Return a row's values by parameter name; None if they are unknown."""
    if isinstance(element, ast.Call) and dotted_name(element.func).endswith("param"):
        values = element.args
    elif len(names) == 1:
        values = [element]
    elif isinstance(element, ast.Tuple | ast.List):
        values = element.elts
    else:
        return None
    return dict(zip(names, values, strict=True)) if len(names) == len(values) else None

"""Make expressions self-contained: replace names by their values, and extract imports."""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterator, Mapping, Sequence

from testsmith.languages.python.explorer.render.expressions import Expression, Import, InputSource, quoted
from testsmith.languages.python.explorer.usage.scopes import SELF, BoundValue, NameScope, Row, names_in
from testsmith.languages.python.source.definitions import last_name
from testsmith.languages.python.source.references import ImportTarget, is_private

MOST_TEXT = 160
"""Maximum length of a value that is readable in a test."""

_DEEPEST = 12
_MOST_NODES = 120
_TESTING = frozenset({"unittest", "tempfile", "pytest", "conftest", "tests", "test"})
_BY_NAME = frozenset({"datetime", "decimal", "fractions", "pathlib", "uuid", "zoneinfo", "collections"})
"""Modules whose classes are imported by name, as in all generated tests."""

_FLEETING = frozenset(
    {
        "now",
        "utcnow",
        "today",
        "localtime",
        "perf_counter",
        "monotonic",
        "random",
        "randint",
        "uuid4",
        "urandom",
    }
    | {"getcwd", "environ", "getenv", "open", "id", "input", "getpid", "mktemp", "mkdtemp"}
)
"""Names of functions whose values vary between runs or machines."""

_OF_EMPTY_TEXT = re.compile(r"""(?:''|"")\.""")
"""A call of a method of an empty string, which is unusual in a test."""

_NONE: Mapping[str, Expression] = {}
_NOT_ALONE = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.Starred, ast.JoinedStr, ast.IfExp)


class Unknown(Exception):
    """An expression cannot be made self-contained."""


class Resolver:
    """Resolves the expressions of one call.

    Args:
        row: Values of names in the table row that applies to the call.
        allowed: Top-level modules, besides the standard library, that may be imported.
        owned: The project's own modules among them.
        stand_ins: Expressions for names that nothing else is known about.
    """

    def __init__(
        self,
        row: Row,
        allowed: frozenset[str],
        owned: frozenset[str],
        stand_ins: Mapping[str, Expression] = _NONE,
    ) -> None:
        self._row = row
        self._stand_ins = stand_ins
        self._allowed = allowed
        self._owned = owned
        self._imports: set[Import] = set()
        self._left = _MOST_NODES

    def expression(self, node: ast.expr, scope: NameScope, line: int) -> Expression | None:
        """Return a self-contained expression, or None if that is not possible or it is too long."""
        found = self.after([], node, scope, line)
        return None if found is None else found[1]

    def after(
        self, before: Sequence[ast.stmt], node: ast.expr, scope: NameScope, line: int
    ) -> tuple[tuple[str, ...], Expression] | None:
        """Return statements and an expression that need nothing else, or None if that is not possible."""
        self._imports, self._left = set(), _MOST_NODES * (len(before) + 1)
        own = frozenset(name for each in before for name in _stored_names(each))
        try:
            nodes = [
                ast.fix_missing_locations(_Alone(self, scope, line, local=own).visit(each))
                for each in (*before, node)
            ]
            texts = [*map(ast.unparse, nodes)]
        except (Unknown, RecursionError, ValueError):
            return None
        if any(len(text) > MOST_TEXT or "\n" in text or _OF_EMPTY_TEXT.search(text) for text in texts):
            return None
        read = {name.partition(".")[0] for name in names_in(nodes)}
        imports = frozenset(each for each in self._imports if each.bound in read)
        if not own.isdisjoint({each.bound for each in imports}):
            return None
        return tuple(texts[:-1]), Expression(texts[-1], imports, InputSource.USED)

    def bound(self, name: str, scope: NameScope, line: int) -> BoundValue | None:
        """Return the value of a name in this row."""
        return self._row.get(name) or scope.find(name, line)

    def paths(self, node: ast.expr, scope: NameScope, line: int) -> Iterator[str]:
        """Yield the fully qualified names that a function expression may refer to."""
        *above, root = _dotted(node)[::-1] or [""]
        rest = "".join(f".{part}" for part in above[::-1])
        if not root or self.bound(root, scope, line) is not None:
            return
        targets = scope.file.imports.names.get(root, ())
        yield from (_path(target) + rest for target in targets)
        if not targets and root in scope.file.defined:
            yield f"{scope.file.module}.{root}{rest}"
        elif not targets:
            yield from (f"{star}.{root}{rest}" for star in scope.file.imports.stars)

    def maker(self, node: ast.expr, scope: NameScope, line: int, depth: int = 0) -> str:
        """Return the dotted name of what creates an object: `shop.Cart`, `shop.Cart.empty`, or `""`."""
        if depth > _DEEPEST:
            return ""
        match node:
            case ast.Call(func=function, args=arguments):
                paths = [*self.paths(function, scope, line)]
                if "functools.partial" in paths and arguments:
                    return next(self.paths(arguments[0], scope, line), "")
                return paths[0] if paths else self._maker_behind(function, scope, line, depth)
        return self._maker_behind(node, scope, line, depth)

    def _maker_behind(self, node: ast.expr, scope: NameScope, line: int, depth: int) -> str:
        found = self.behind(node, scope, line)
        if found is None or found.node is None:
            return ""
        return self.maker(found.node, found.scope, found.line, depth + 1)

    def count(self) -> None:
        """Count another node.

        Raises:
            Unknown: The limit is exceeded.
        """
        self._left -= 1
        if self._left < 0:
            raise Unknown

    def named(self, name: str, scope: NameScope) -> ast.expr:
        """Return the expression for an imported or defined name, and record its import.

        Raises:
            Unknown: The name is unknown, or tests must not import it.
        """
        targets = scope.file.imports.names.get(name, ())
        if targets:
            return self._imported(targets[0], name)
        if name in scope.file.defined:
            return self._imported(ImportTarget(scope.file.module, name), name)
        if hasattr(builtins, name):
            return ast.Name(name, ast.Load())
        stars = [star for star in scope.file.imports.stars if star.partition(".")[0] in self._owned]
        if len(stars) == 1:
            return self._imported(ImportTarget(stars[0], name), name)
        raise Unknown

    def _imported(self, target: ImportTarget, name: str) -> ast.expr:
        """Return the expression for an imported name, and record its import, by its own name if possible."""
        original = target.name or ""
        if not self._may_import(target.module, original):
            raise Unknown
        keeps_alias = not original or hasattr(builtins, original)
        alias = name if keeps_alias and name not in {original, target.module} else ""
        self._imports.add(Import(target.module, original, alias))
        return ast.Name(name if keeps_alias else original, ast.Load())

    def attribute(self, node: ast.Attribute, scope: NameScope, line: int) -> ast.expr | None:
        """Return an attribute of a module as a directly imported name, or None for other attributes."""
        first, *rest = _dotted(node) or [""]
        if not first or not rest or self.bound(first, scope, line) is not None:
            return None
        targets = [target for target in scope.file.imports.names.get(first, ()) if target.name is None]
        path = ".".join(rest)
        for target in targets:
            if target.module in _BY_NAME or target.module.partition(".")[0] in self._owned:
                return self._by_name(target.module, path)
        return None

    def _by_name(self, module: str, path: str) -> ast.expr | None:
        name, _, rest = path.partition(".")
        while name.islower() and rest and not rest.partition(".")[0].islower():
            module, (name, _, rest) = f"{module}.{name}", rest.partition(".")
        if hasattr(builtins, name) or not self._may_import(module, name):
            return None
        self._imports.add(Import(module, name))
        return ast.Name(f"{name}.{rest}" if rest else name, ast.Load())

    def _may_import(self, module: str, name: str) -> bool:
        """Return whether tests may import a name: nothing private, and nothing from the project's tests."""
        parts = module.split(".")
        is_known = parts[0] in self._allowed or parts[0] in sys.stdlib_module_names
        if not module or not is_known or any(map(_belongs_to_tests, parts)):
            return False
        return parts[0] not in self._owned or not is_private(name)

    def stand_in(self, node: ast.AST) -> ast.expr | None:
        """Return the replacement for a name that nothing else is known about, or None for other nodes."""
        found = self._stand_ins.get(node.id) if isinstance(node, ast.Name) else None
        if found is None:
            return None
        self._imports |= found.imports
        return ast.Name(found.text, ast.Load())

    def behind(self, node: ast.AST, scope: NameScope, line: int) -> BoundValue | None:
        """Return the value of a name or of an attribute of `self`."""
        match node:
            case ast.Name(id=name):
                return self.bound(name, scope, line)
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                return scope.find(SELF + name, line)
        return None


class _Alone(ast.NodeTransformer):
    """Copies expressions, replacing every name by its value."""

    def __init__(
        self,
        resolver: Resolver,
        scope: NameScope,
        line: int,
        depth: int = 0,
        local: frozenset[str] = frozenset(),
    ) -> None:
        self._resolver = resolver
        self._scope = scope
        self._line = line
        self._depth = depth
        self._local = local

    def visit(self, node: ast.AST) -> ast.AST:
        """Return a self-contained copy of a node.

        Raises:
            Unknown: The value of a name in it is unknown.
        """
        self._resolver.count()
        if isinstance(node, _NOT_ALONE) or (isinstance(node, ast.expr) and last_name(node) in _FLEETING):
            raise Unknown
        if isinstance(node, ast.Name) and node.id in self._local:
            return node
        stand_in = self._resolver.stand_in(node)
        if stand_in is not None:
            return stand_in
        behind = self._resolver.behind(node, self._scope, self._line)
        if behind is None:
            alone: ast.AST = super().visit(node)
            return alone
        if behind.node is None or self._depth > _DEEPEST:
            raise Unknown
        return _Alone(self._resolver, behind.scope, behind.line, self._depth + 1).visit(behind.node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Copy the node, so that the original tree is not modified."""
        fields = {name: [*held] if isinstance(held, list) else held for name, held in ast.iter_fields(node)}
        copy: ast.AST = type(node)(**fields)
        outer, self._local = self._local, self._local | _bound_inside(node)
        made: ast.AST = super().generic_visit(copy)
        self._local = outer
        return made

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """Normalize the quotes of string literals."""
        match node.value:
            case str(text):
                return ast.Name(quoted(text), ast.Load())
            case bytes(data) if b'"' not in data and b"'" not in data:
                return ast.Name(f'b"{repr(data)[2:-1]}"', ast.Load())
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Import a name that the file imports or defines."""
        return self._resolver.named(node.id, self._scope)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Import a module attribute by its own name."""
        return self._resolver.attribute(node, self._scope, self._line) or self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Replace a call of a `partial` by a direct call, and keywords from a dictionary by plain ones."""
        made = self.generic_visit(node)
        if not isinstance(made, ast.Call):
            return made
        made.keywords = [each for keyword in made.keywords for each in _plain_keywords(keyword)]
        return _folded(made)


def _belongs_to_tests(part: str) -> bool:
    return part in _TESTING or part.startswith("test_")


def _path(target: ImportTarget) -> str:
    return target.module if target.name is None else f"{target.module}.{target.name}"


def _dotted(node: ast.expr) -> list[str]:
    """Return the parts of a dotted name; empty for other expressions."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *parts[::-1]] if isinstance(node, ast.Name) else []


def _bound_inside(node: ast.AST) -> frozenset[str]:
    """Return the names that a comprehension or lambda binds."""
    match node:
        case ast.Lambda(args=arguments):
            return frozenset(each.arg for each in ast.walk(arguments) if isinstance(each, ast.arg))
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            names = (each for part in node.generators for each in ast.walk(part.target))
            return frozenset(each.id for each in names if isinstance(each, ast.Name))
    return frozenset()


def _plain_keywords(keyword: ast.keyword) -> list[ast.keyword]:
    """Return `a=1, b=2` for `**{"a": 1, "b": 2}`, and other keywords as they are."""
    if keyword.arg is not None or not isinstance(keyword.value, ast.Dict):
        return [keyword]
    try:
        names = [ast.literal_eval(key.id if isinstance(key, ast.Name) else "") for key in keyword.value.keys]
    except (ValueError, SyntaxError):
        return [keyword]
    if not all(isinstance(name, str) and name.isidentifier() for name in names):
        return [keyword]
    return [ast.keyword(name, value) for name, value in zip(names, keyword.value.values, strict=True)]


def _stored_names(statement: ast.stmt) -> set[str]:
    names = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
    return {node.id for node in names if isinstance(node.ctx, ast.Store)}


class _Filled(ast.NodeTransformer):
    """Replaces names by expressions."""

    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Return the expression for a name."""
        return self._values.get(node.id, node)


def _folded(call: ast.Call) -> ast.expr:
    """Return `Cart(1, 2)` for `partial(Cart, 1)(2)`, and `f(1)` for `(lambda n: f(n))(1)`."""
    match call.func:
        case ast.Lambda(args=ast.arguments(posonlyargs=[], args=names, kwonlyargs=[]), body=body) if (
            len(names) == len(call.args) and not call.keywords
        ):
            values = {each.arg: value for each, value in zip(names, call.args, strict=True)}
            filled: ast.expr = _Filled(values).visit(body)
            return filled
        case ast.Call(func=ast.Name(id="partial"), args=[function, *first], keywords=keywords):
            later = {each.arg for each in call.keywords}
            kept = [each for each in keywords if each.arg not in later]
            return ast.Call(function, [*first, *call.args], [*kept, *call.keywords])
    return call

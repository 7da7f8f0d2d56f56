"""Convert a module of pytest functions to methods of a `unittest.TestCase`.

Only forms with a known equivalent are converted; for anything else, conversion fails with the reason. The
result has not been run, so its tests must be verified again.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from testsmith.languages.python.source.definitions import Function, last_name
from testsmith.languages.python.source.parsing import parse_untrusted, refusing_depth
from testsmith.languages.python.test_files.test_modules import (
    is_fixture,
    is_of_unittest,
    is_suite,
    is_test_name,
)
from testsmith.languages.tests import CannotConvert

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "assertEqual",
    ast.NotEq: "assertNotEqual",
    ast.Is: "assertIs",
    ast.IsNot: "assertIsNot",
    ast.In: "assertIn",
    ast.NotIn: "assertNotIn",
    ast.Lt: "assertLess",
    ast.LtE: "assertLessEqual",
    ast.Gt: "assertGreater",
    ast.GtE: "assertGreaterEqual",
}
_CONTEXTS = {"raises": "assertRaises", "warns": "assertWarns"}
_TOLERANCES = {"rel": "rel_tol", "abs": "abs_tol"}
_FIXTURES = {
    "monkeypatch": (),
    "tmp_path": (
        "temporary = tempfile.TemporaryDirectory()",
        "self.addCleanup(temporary.cleanup)",
        "tmp_path = pathlib.Path(temporary.name)",
    ),
    "capsys": (
        'patcher = mock.patch("sys.stdout", new_callable=io.StringIO)',
        "printed = patcher.start()",
        "self.addCleanup(patcher.stop)",
    ),
}
"""Replacement of each pytest fixture at the beginning of a method."""

_CHDIR = ("self.addCleanup(os.chdir, os.getcwd())", "os.chdir({0})")
_PATCH = ("patcher = {0}", "patcher.start()", "self.addCleanup(patcher.stop)")
_STANDARD = ("contextlib", "io", "math", "os", "pathlib", "tempfile", "unittest")


def class_name_of(member: str) -> str:
    """Return the name of the class for a member's tests: `TestCartAdd` for `Cart.add`."""
    parts = re.split(r"[._]+", member)
    return "Test" + "".join(part[:1].upper() + part[1:] for part in parts if part)


def in_unittest_form(code: str, class_name: str) -> str:
    """Return a test module with its test functions as `TestCase` methods, unchanged if it has none.

    Args:
        code: The module.
        class_name: Name of the class.

    Raises:
        CannotParse: `code` is not valid Python.
        CannotConvert: The module contains something with no known unittest equivalent.
    """
    with refusing_depth():
        tree = parse_untrusted(code)
        tests = [each for each in tree.body if isinstance(each, Function) and is_test_name(each.name)]
        _refuse_suites_of_pytest(tree)
        if not tests and not _names(tree, "pytest"):
            return code
        taken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        others = [each for each in tree.body if each not in tests]
        suite = ast.ClassDef(
            name=class_name if class_name not in taken else f"{class_name}Behavior",
            bases=[_expression("unittest.TestCase")],
            keywords=[],
            body=[_method(each) for each in tests],
            decorator_list=[],
        )
        body = [_Rewriting().visit(each) for each in others if not _imports_pytest(each)]
        at = max((index for index, each in enumerate(body, 1) if _is_import(each)), default=0)
        whole = ast.Module(body=[*body, suite] if tests else body, type_ignores=[])
        needed = [ast.Import(names=[ast.alias(name=name)]) for name in _STANDARD if _lacks(whole, name)]
        mock = _statements("from unittest import mock") if _lacks(whole, "mock") else []
        whole.body[at:at] = [*needed, *mock]
        if _names(whole, "pytest"):
            raise CannotConvert("it uses pytest in a way that has no form in unittest")
        return f"{ast.unparse(ast.fix_missing_locations(whole))}\n"


def _refuse_suites_of_pytest(tree: ast.Module) -> None:
    for each in tree.body:
        if isinstance(each, ast.ClassDef):
            bases = [last_name(base) for base in each.bases]
            is_test_case = is_of_unittest(each.name, bases) or _asserts_by_method(each)
            if is_suite(each.name, bases) and not is_test_case:
                raise CannotConvert(f"`{each.name}` is a class of tests, and no TestCase")
        elif isinstance(each, Function) and is_fixture(each):
            raise CannotConvert(f"`{each.name}` is a fixture of pytest")


def _asserts_by_method(suite: ast.ClassDef) -> bool:
    """Return whether a class uses assertions of a `TestCase`, which one of its bases may be by any name."""
    return bool(suite.bases) and any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "self"
        and re.match("assert[A-Z]", node.func.attr)
        for node in ast.walk(suite)
    )


def _names(tree: ast.AST, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))


def _lacks(tree: ast.Module, name: str) -> bool:
    """Return whether a module is used but not imported under its name."""
    bound = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    return name not in bound and _names(tree, name)


def _is_import(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Import | ast.ImportFrom)


def _imports_pytest(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.ImportFrom) and (statement.module or "").partition(".")[0] == "pytest":
        raise CannotConvert("it imports names from pytest")
    return isinstance(statement, ast.Import) and [each.name for each in statement.names] == ["pytest"]


def _method(function: Function) -> ast.stmt:
    if isinstance(function, ast.AsyncFunctionDef):
        raise CannotConvert(f"`{function.name}` is a coroutine")
    table = _table_of(function)
    fixtures = [each.arg for each in function.args.args if table is None or each.arg not in table.columns]
    unknown = [name for name in fixtures if name not in _FIXTURES]
    if unknown:
        raise CannotConvert(f"`{function.name}` needs the fixture `{unknown[0]}`")
    if "capsys" in fixtures and sum(_reads_output(node) for node in ast.walk(function)) != 1:
        raise CannotConvert(f"`{function.name}` reads what was printed several times")
    setup = [each for name in sorted(fixtures) for line in _FIXTURES[name] for each in _statements(line)]
    rewriting = _Rewriting()
    doc = [each for each in function.body[:1] if ast.get_docstring(function) is not None]
    body = [done for each in function.body[len(doc) :] for done in _listed(rewriting.visit(each))]
    inner = [*setup, *body]
    return ast.FunctionDef(
        name=function.name,
        args=ast.arguments(
            posonlyargs=[], args=[ast.arg("self")], kwonlyargs=[], kw_defaults=[], defaults=[]
        ),
        body=[*doc, *(inner if table is None else [table.loop(inner)])],
        decorator_list=[],
        returns=function.returns,
    )


def _reads_output(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "readouterr"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """Rows of a parametrized test.

    Attributes:
        columns: Parameter names.
        rows: Values of each row.
        ids: Name of each row; empty if rows have no names.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[ast.expr, ...], ...]
    ids: tuple[ast.expr, ...] = ()
    taken: frozenset[str] = field(default_factory=frozenset)

    def loop(self, body: Sequence[ast.stmt]) -> ast.stmt:
        """Return a loop over the rows, each in its own `subTest`."""
        case = "case" if "case" not in self.taken else "case_name"
        columns = (case, *self.columns) if self.ids else self.columns
        cells = [(self.ids[at], *row) if self.ids else row for at, row in enumerate(self.rows)]
        names = [ast.Name(id=name, ctx=ast.Store()) for name in columns]
        shown = case if self.ids else ", ".join(f"{name}={name}" for name in columns)
        subtest = _expression(f"self.subTest({shown})")
        return ast.For(
            target=ast.Tuple(elts=list(names), ctx=ast.Store()) if len(names) > 1 else names[0],
            iter=ast.List(
                elts=[ast.Tuple(elts=list(row), ctx=ast.Load()) if len(row) > 1 else row[0] for row in cells],
                ctx=ast.Load(),
            ),
            body=[ast.With(items=[ast.withitem(context_expr=subtest)], body=list(body))],
            orelse=[],
        )


def _table_of(function: ast.FunctionDef) -> _Table | None:
    if not function.decorator_list:
        return None
    match function.decorator_list:
        case [ast.Call(func=func, args=[head, ast.List(elts=rows)], keywords=keywords)] if (
            ast.unparse(func) == "pytest.mark.parametrize"
        ):
            columns = _columns(head)
        case _:
            raise CannotConvert(f"`{function.name}` has a decorator that has no form in unittest")
    found = [_row(row, len(columns)) for row in rows]
    ids = [name for _, name in found if name is not None] or _ids(keywords)
    if ids and len(ids) != len(rows):
        raise CannotConvert(f"`{function.name}` has rows with and without a name")
    taken = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)} | set(columns)
    return _Table(
        columns=columns, rows=tuple(row for row, _ in found), ids=tuple(ids), taken=frozenset(taken)
    )


def _columns(head: ast.expr) -> tuple[str, ...]:
    match head:
        case ast.Constant(value=str(names)):
            return tuple(name.strip() for name in names.split(","))
        case ast.Tuple(elts=names) | ast.List(elts=names):
            return tuple(str(each.value) for each in names if isinstance(each, ast.Constant))
    raise CannotConvert("its parameters are not written out")


def _row(row: ast.expr, width: int) -> tuple[tuple[ast.expr, ...], ast.expr | None]:
    """Return the values of a row, and its name."""
    name = None
    match row:
        case ast.Call(func=func, args=values, keywords=keywords) if ast.unparse(func) == "pytest.param":
            if any(each.arg != "id" for each in keywords):
                raise CannotConvert("a row of it has a mark")
            name = next((each.value for each in keywords), None)
        case ast.Tuple(elts=values) | ast.List(elts=values) if width > 1:
            pass
        case _:
            values = [row]
    if len(values) != width or any(isinstance(each, ast.Starred) for each in values):
        raise CannotConvert("a row of it has another number of values than it has parameters")
    return tuple(values), name


def _ids(keywords: Sequence[ast.keyword]) -> list[ast.expr]:
    match keywords:
        case []:
            return []
        case [ast.keyword(arg="ids", value=ast.List(elts=names) | ast.Tuple(elts=names))]:
            return list(names)
    raise CannotConvert("its rows are parametrized in a way that has no form in unittest")


class _Rewriting(ast.NodeTransformer):
    """Converts asserts and pytest contexts to calls of `TestCase` methods."""

    def __init__(self) -> None:
        self._caught: set[str] = set()

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        self.generic_visit(node)
        data = [] if node.msg is None else [node.msg]
        name, arguments = _claim(node.test)
        return ast.Expr(_call(name, [*arguments, *data]))

    def visit_With(self, node: ast.With) -> ast.stmt:
        for item in node.items:
            match item.context_expr:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="pytest"), attr=attr)) if (
                    attr in _CONTEXTS
                ):
                    if isinstance(item.optional_vars, ast.Name) and attr == "raises":
                        self._caught.add(item.optional_vars.id)
                    elif item.optional_vars is not None:
                        raise CannotConvert("it looks at warnings")
                    item.context_expr = _context(_CONTEXTS[attr], item.context_expr)
        self.generic_visit(node)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if name in self._caught:
                if attr != "value":
                    raise CannotConvert(f"it uses `{attr}` of what was raised")
                return ast.Attribute(value=node.value, attr="exception", ctx=node.ctx)
            case ast.Attribute(value=ast.Call(func=ast.Attribute(value=ast.Name(id="capsys"))), attr=attr):
                if attr != "out":
                    raise CannotConvert("it reads standard error")
                return _expression("printed.getvalue()")
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.stmt | list[ast.stmt]:
        match node.value:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="monkeypatch"), attr=attr)) as call:
                return list(_without_monkeypatch(attr, call))
        self.generic_visit(node)
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id == "monkeypatch":
            raise CannotConvert("it hands `monkeypatch` on")
        return node


def _claim(test: ast.expr) -> tuple[str, list[ast.expr]]:  # noqa: PLR0911 - one return per form
    """Return the assertion method for a condition, and its arguments."""
    match test:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Call() as right]) if _is_approx(right):
            return "assertTrue", [_close(left, right)]
        case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            return "assertIsNone", [left]
        case ast.Compare(left=left, ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            return "assertIsNotNone", [left]
        case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=bool() as truth)]):
            return "assertIs", [left, ast.Constant(value=truth)]
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _COMPARISONS[type(op)], [left, right]
        case ast.Call(func=ast.Name(id="isinstance"), args=[value, kind], keywords=[]):
            return "assertIsInstance", [value, kind]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return "assertFalse", [operand]
    return "assertTrue", [test]


def _is_approx(call: ast.Call) -> bool:
    return ast.unparse(call.func) == "pytest.approx"


def _close(left: ast.expr, approx: ast.Call) -> ast.expr:
    """Return a comparison of a number with the given or pytest's default tolerance."""
    match approx.args:
        case [ast.List() | ast.Tuple() | ast.Dict() | ast.Set() | ast.ListComp()] | []:
            raise CannotConvert("it compares several numbers with `pytest.approx`")
    if any(each.arg not in _TOLERANCES for each in approx.keywords):
        raise CannotConvert("it uses `pytest.approx` in a way that has no form in unittest")
    given = {_TOLERANCES[str(each.arg)]: each.value for each in approx.keywords}
    usual = {"rel_tol": ast.Constant(value=1e-6), "abs_tol": ast.Constant(value=1e-12)}
    tolerances = (
        {**usual, **given} if "abs_tol" not in given else {"rel_tol": ast.Constant(value=0.0), **given}
    )
    return ast.Call(
        func=_expression("math.isclose"),
        args=[left, approx.args[0]],
        keywords=[ast.keyword(arg=name, value=value) for name, value in tolerances.items()],
    )


def _context(method: str, call: ast.Call) -> ast.Call:
    match call:
        case ast.Call(args=[kind], keywords=[]):
            return _call(method, [kind])
        case ast.Call(args=[kind], keywords=[ast.keyword(arg="match", value=pattern)]):
            return _call(f"{method}Regex", [kind, pattern])
    raise CannotConvert("it expects an exception in a way that has no form in unittest")


def _without_monkeypatch(attr: str, call: ast.Call) -> Iterator[ast.stmt]:
    arguments = [ast.unparse(each) for each in call.args]
    match attr, arguments:
        case "chdir", [folder]:
            lines = [line.format(folder) for line in _CHDIR]
        case "setattr", [_, value] if isinstance(call.args[0], ast.Constant):
            lines = _patching(f"mock.patch({arguments[0]}, {value})")
        case "setattr", [owner, name, value]:
            lines = _patching(f"mock.patch.object({owner}, {name}, {value})")
        case "setenv", [name, value]:
            lines = _patching(f"mock.patch.dict(os.environ, {{{name}: {value}}})")
        case "setitem", [owner, name, value]:
            lines = _patching(f"mock.patch.dict({owner}, {{{name}: {value}}})")
        case "delenv", [name]:
            lines = [*_patching("mock.patch.dict(os.environ)"), f"os.environ.pop({name}, None)"]
        case _:
            raise CannotConvert(f"it uses `monkeypatch.{attr}` in a way that has no form in unittest")
    if any(each.arg != "raising" for each in call.keywords):
        raise CannotConvert(f"it uses `monkeypatch.{attr}` in a way that has no form in unittest")
    for line in lines:
        yield from _statements(line)


def _patching(patcher: str) -> list[str]:
    return [line.format(patcher) if "{0}" in line else line for line in _PATCH]


def _call(method: str, arguments: Sequence[ast.expr]) -> ast.Call:
    return ast.Call(func=_expression(f"self.{method}"), args=list(arguments), keywords=[])


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _statements(text: str) -> list[ast.stmt]:
    return ast.parse(text).body


def _listed(done: ast.stmt | list[ast.stmt]) -> list[ast.stmt]:
    return done if isinstance(done, list) else [done]

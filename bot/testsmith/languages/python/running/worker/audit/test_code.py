"""Read test modules: which of their values are independent of the project."""

from __future__ import annotations

import ast
import builtins
import sys
import sysconfig
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import pytest

from ..test_run import plain_name

_OF_TESTS = frozenset({"pytest", "_pytest", "mock", "pytest_mock", "builtins"})
_PLUGINS = _OF_TESTS | {"pytest_asyncio", "anyio"}
"""Plugins whose fixtures know nothing of a project."""

_REACHING_OUT = frozenset(
    {
        *(
            "os",
            "posix",
            "subprocess",
            "importlib",
            "io",
            "_io",
            "shutil",
            "glob",
            "runpy",
            "socket",
            "urllib",
        ),
        *("http", "sqlite3", "pickle", "inspect", "sys", "gc", "ctypes", "builtins", "pkgutil", "site"),
    }
)
"""Standard modules whose functions may read files, modules or other programs."""

_READING = ("read", "open", "load", "exists", "is_", "iter", "glob", "rglob", "walk", "stat")
"""Beginnings of the names of methods that may read files."""

_HARMLESS = frozenset(
    {
        *("abs", "bool", "bytearray", "bytes", "chr", "complex", "dict", "divmod", "enumerate", "float"),
        *("frozenset", "int", "len", "list", "map", "max", "min", "object", "ord", "pow", "range", "repr"),
        *("reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "zip", "True", "False"),
        *("None", "NotImplemented", "Ellipsis"),
    }
)
_STANDARD: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset())
_STANDARD_FOLDER = sysconfig.get_path("stdlib")

_Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def is_standard(name: str) -> bool:
    """Return whether a module is part of Python, or of what runs tests."""
    top = name.partition(".")[0]
    if top in _OF_TESTS or top in _STANDARD:
        return True
    if _STANDARD:
        return False
    file = str(getattr(sys.modules.get(top), "__file__", None) or "")  # before Python 3.10
    return file.startswith(_STANDARD_FOLDER) and "site-packages" not in file


def home_of(value: Any) -> str:
    """Return the module that a function or class comes from; empty for anything else."""
    if isinstance(value, (FunctionType, BuiltinFunctionType, type)):
        return str(getattr(value, "__module__", None) or "")
    return ""


class TestCode:
    """A module of the tests.

    Args:
        module: The module.
        modules: Names of all modules of the tests.
        of_project: Names of the project's modules, from which everything is taken away.
    """

    __test__ = False

    def __init__(self, module: ModuleType, modules: Collection[str], of_project: Collection[str]) -> None:
        self.module = module
        self._modules = modules
        self._of_project = of_project
        self._values = dict(vars(module))
        self._tree = _parsed(str(module.__file__))
        self._assigned = _assigned(self._tree.body)
        self._standard = _imported_from_standard(self._tree.body)
        self._known: dict[str, bool] = {}

    def dependent(self) -> Iterator[tuple[Any, str]]:
        """Yield what may come from elsewhere, as the module or class that has it, and its name there."""
        for name, value in self._values.items():
            if name.startswith("__") or self._is_kept(name, value):
                continue
            yield self.module, name
        for statement in self._tree.body:
            found = self._values.get(statement.name) if isinstance(statement, ast.ClassDef) else None
            if isinstance(found, type) and isinstance(statement, ast.ClassDef):
                yield from self._of_class(found, statement)

    def _of_class(self, found: type, statement: ast.ClassDef) -> Iterator[tuple[Any, str]]:
        assigned = _assigned(statement.body)
        for name, value in vars(found).items():
            is_data = not isinstance(value, (FunctionType, type, staticmethod, classmethod, property))
            is_hidden = name.startswith("_") and name not in assigned  # set by unittest or Python
            if is_hidden or name == "__doc__" or not is_data or _is_of_pytest(value):
                continue
            if not all(self.is_safe(each) for each in assigned.get(name, [None])):
                yield found, name

    def _is_kept(self, name: str, value: Any) -> bool:
        if isinstance(value, ModuleType):
            name = value.__name__
            return is_standard(name) or name in self._modules or name in self._of_project
        if _is_of_pytest(value) or name in self._standard:
            return True
        home = home_of(value)
        return (is_standard(home) or home in self._modules) if home else self._is_plain(name)

    def _is_plain(self, name: str) -> bool:
        """Return whether a global of the module is made of literals and of what is part of Python."""
        if name not in self._known:
            self._known[name] = False  # for one that is defined by itself
            self._known[name] = all(self.is_safe(each) for each in self._assigned.get(name, [None]))
        return self._known[name]

    def is_safe(self, node: ast.AST | None) -> bool:
        """Return whether the value of an expression cannot depend on the project."""
        return node is not None and all(self._is_safe_part(part) for part in ast.walk(node))

    def _is_safe_part(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Call):
            return self._is_safe_call(node.func)
        if isinstance(node, ast.Name):
            return self._is_safe_name(node.id)
        return not isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr))

    def _is_safe_name(self, name: str) -> bool:
        if name not in self._values:  # a builtin, or local to the expression
            return not hasattr(builtins, name) or name in _HARMLESS or isinstance(vars(builtins)[name], type)
        if name == "__file__" or name in self._assigned:
            return name == "__file__" or self._is_plain(name)
        value = self._values[name]
        if isinstance(value, ModuleType):
            return is_standard(value.__name__)
        return _is_of_pytest(value) or name in self._standard or is_standard(home_of(value) or "?")

    def _is_safe_call(self, function: ast.expr) -> bool:
        """Return whether a call cannot reach out; its names are judged separately."""
        first = _first_name(function)
        value = self._values.get(first)
        if isinstance(function, ast.Attribute) and not isinstance(value, ModuleType):
            return not function.attr.startswith(_READING)  # a method
        if isinstance(value, ModuleType):
            top = value.__name__.partition(".")[0]
            return top not in _REACHING_OUT and not ast.unparse(function).split(".")[-1].startswith(_READING)
        home = home_of(value).partition(".")[0]
        return isinstance(value, type) or (home not in _REACHING_OUT if home else first not in self._values)

    def computes(self, names: Collection[str]) -> bool:
        """Return whether functions or classes of these names are given what is computed at import."""
        return not all(
            self._is_safe_argument(argument)
            for node in ast.walk(self._tree)
            if isinstance(node, (*_Function, ast.ClassDef)) and node.name in names
            for argument in _run_at_import(node)
        )

    def _is_safe_argument(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Call) and self._is_patch(node.func):
            given = [*node.args, *(each.value for each in node.keywords)]
            return all(isinstance(each, (ast.Name, ast.Attribute)) or self.is_safe(each) for each in given)
        return self.is_safe(node)

    def _is_patch(self, function: ast.expr) -> bool:
        home = home_of(self._values.get(_first_name(function))).partition(".")[0]
        return home in {"unittest", "mock"} or ast.unparse(function).startswith(("mock.patch", "unittest."))


def foreign_fixture(item: pytest.Item, modules: Collection[str]) -> str:
    """Return a fixture that a test uses and that may know the project, in words; empty if there is none.

    Args:
        item: The test.
        modules: Names of the modules of the tests.
    """
    for name, function in fixtures_of(item):
        home = str(getattr(function, "__module__", None) or "?")
        if home.partition(".")[0] not in _PLUGINS and home not in modules and not is_standard(home):
            return f"it uses the fixture `{name}` of {home}"
    return ""


def names_of(item: pytest.Item) -> frozenset[str]:
    """Return the names of a test function and of the classes that contain it."""
    classes = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    return frozenset([*classes, plain_name(item)])


def _run_at_import(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterable[ast.expr]:
    if isinstance(node, ast.ClassDef):
        return node.decorator_list
    defaults = [each for each in node.args.kw_defaults if each is not None]
    return [*node.decorator_list, *node.args.defaults, *defaults]


def fixtures_of(item: pytest.Item) -> Iterator[tuple[str, Any]]:
    """Yield the fixtures that a test asks for, and those that they ask for, with their functions."""
    info = getattr(item, "_fixtureinfo", None)
    definitions = getattr(info, "name2fixturedefs", {})
    waiting, known = list(getattr(info, "argnames", ())), set[str]()
    while waiting:
        name = waiting.pop()
        if name in known:
            continue
        known.add(name)
        for definition in definitions.get(name) or ():
            yield name, definition.func
            waiting += definition.argnames


def _is_of_pytest(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] in {"pytest", "_pytest"}


def _first_name(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _parsed(file: str) -> ast.Module:
    try:
        return ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module(body=[], type_ignores=[])


def _imported_from_standard(body: Iterable[ast.stmt]) -> frozenset[str]:
    """Return the names imported from modules that are part of Python, or of what runs tests."""
    found = (one for one in body if isinstance(one, ast.ImportFrom) and not one.level)
    return frozenset(
        alias.asname or alias.name
        for one in found
        if one.module is not None and is_standard(one.module)
        for alias in one.names
    )


def _assigned(body: Iterable[ast.stmt]) -> dict[str, list[ast.expr | None]]:
    """Return the expressions that each name is bound to; None for a binding of another kind."""
    found: dict[str, list[ast.expr | None]] = {}
    for statement in body:
        if isinstance(statement, ast.Assign):
            targets = statement.targets
            value: ast.expr | None = statement.value
        elif isinstance(statement, ast.AnnAssign):
            targets, value = [statement.target], statement.value
        elif isinstance(statement, (*_Function, ast.ClassDef, ast.Import, ast.ImportFrom)):
            continue
        else:
            targets, value = [node for node in ast.walk(statement) if isinstance(node, ast.Name)], None
        for target in targets:
            for node in ast.walk(target):
                if isinstance(node, ast.Name) and (value is not None or isinstance(node.ctx, ast.Store)):
                    found.setdefault(node.id, []).append(value)
    return found

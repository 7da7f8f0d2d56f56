"""Detect test modules that access what runs them: internals of pytest or the bot, frames, code objects.

A test runs in the same process as the code that judges it, so it could pass by changing the judge. No list
can name every way to do this; this one names those that a valid test has no use for. Other ways are detected
when the test still passes with its member removed. Tampering in one test rejects only this test: the others
are run again without it.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from testsmith.languages.python.judge.test_reading.situations import BoundNames, dotted_name

_INSIDES = frozenset({"_pytest", "pluggy", "_testsmith_worker"})
_PUBLIC = frozenset(
    {
        *("CaptureFixture", "ExceptionInfo", "FixtureRequest", "LogCaptureFixture", "MonkeyPatch"),
        *("Pytester", "TempPathFactory", "Testdir", "WarningsRecorder"),
    }
)
"""Classes that pytest gives to tests. Before pytest 6.2, some were available only from internal modules."""

_PLUGINS = "pytest_plugins"
_NAMES = frozenset(
    {
        # End the process without cleanup.
        "_exit",
        # Find arbitrary objects, or change them regardless of their type.
        *("get_objects", "get_referrers", "get_referents", "pythonapi", "py_object", "__subclasses__"),
        # Access variables of other functions.
        *("__globals__", "_getframe", "_current_frames", "f_back", "f_globals", "f_locals"),
        # Turn a module into a plugin.
        _PLUGINS,
        # Trace code, which the bot also uses to record coverage.
        *("settrace", "setprofile", "sys.monitoring"),
    }
)
_PART_OF_PYTEST = re.compile(r"(?:_pytest|pluggy|_testsmith_worker)(?:\.\w+)*|pytest(?:\.\w+)+")
_FINDING = frozenset(
    {"__getattribute__", "__import__", "attrgetter", "get", "getattr", "import_module", "methodcaller", "pop"}
)
_SETTING = frozenset({"__setattr__", "delattr", "patch", "setattr"})
_CODE = "__code__"
_MAKES_ROWS = "pytest_generate_tests"


def tampering(nodes: Sequence[ast.AST], names: BoundNames) -> Iterator[str]:
    """Yield how part of a test module could pass whatever it asserts.

    Args:
        nodes: The nodes of the part, parents first.
        names: Name resolution, including the member.
    """
    own = names.member.plain_name
    yield from (_reaching(name) for name in _Reach(names.imported).names(nodes) if name != own)
    yield from ("compares with an object that equals everything" for one in nodes if _equals_anything(one))


def plugged_in(tree: ast.Module) -> Iterator[str]:
    """Yield how a test module acts as a pytest plugin."""
    yield from (_reaching(name) for statement in tree.body for name in _hook(statement))


def _reaching(name: str) -> str:
    return f"manipulates the test runner: `{name}`"


def _equals_anything(node: ast.AST) -> bool:
    match node:
        case ast.FunctionDef(name="__eq__", body=[*_, ast.Return(value=ast.Constant(value=True))]):
            return True
        case ast.Assign(targets=[ast.Name(id="__eq__")], value=ast.Lambda(body=ast.Constant(value=True))):
            return True
    return False


class _Reach:
    """Finds names of the test machinery in part of a module."""

    def __init__(self, imported: Mapping[str, str]) -> None:
        self._imported = imported
        self._harmless: set[ast.AST] = set()  # determined from their calls, which come first

    def names(self, nodes: Iterable[ast.AST]) -> Iterator[str]:
        """Yield these names."""
        for node in nodes:
            yield from self._of_text(node)
            yield from self._of(node)

    def _of(self, node: ast.AST) -> Iterator[str]:
        match node:
            case ast.Import(names=names):
                yield from (one.name for one in names if _is_inside(one.name))
            case ast.ImportFrom(module=str(module), names=names):
                if _is_inside(module) and not {one.name for one in names} <= _PUBLIC:
                    yield module
                yield from (one.name for one in names if {one.name, f"{module}.{one.name}"} & _NAMES)
            case ast.Name(id=name, ctx=ast.Store()) if name == _PLUGINS:
                yield name
            case ast.Call(func=ast.Attribute() as called, args=arguments):
                if _is_of_its_own(called, arguments):
                    self._harmless.add(called)
            case ast.Attribute() if node not in self._harmless:
                yield from self._of_attribute(node)

    def _of_attribute(self, node: ast.Attribute) -> Iterator[str]:
        name = dotted_name(node)
        yield from (known for known in (node.attr, name) if known in _NAMES)
        if name.endswith("pluginmanager.register"):
            yield name
        if isinstance(node.ctx, ast.Load):
            return
        root, _, rest = name.partition(".")
        origin = f"{self._imported.get(root, root)}.{rest}"
        if _PART_OF_PYTEST.fullmatch(origin):
            yield origin
        elif node.attr == _CODE:
            yield _CODE

    def _of_text(self, node: ast.AST) -> Iterator[str]:
        """Yield names in strings that are used to look up or set an attribute, not in string values."""
        match node:
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), args=arguments):
                texts = _texts(arguments)
                if called in _FINDING:
                    yield from (text for text in texts if text in _NAMES or _is_inside(text))
                if called in _SETTING:
                    yield from (text for text in texts if text == _CODE or _PART_OF_PYTEST.fullmatch(text))
            case ast.Subscript(slice=key):
                yield from (text for text in _texts([key]) if text in _NAMES or _is_inside(text))
            case (
                ast.Assign(value=value)
                | ast.NamedExpr(value=value)
                | ast.AnnAssign(value=ast.expr() as value)
            ):
                yield from (text for text in _texts([value]) if text in _NAMES)


def _hook(statement: ast.stmt) -> Iterator[str]:
    """Yield the name of a hook that a statement of a module defines."""
    match statement:
        case ast.FunctionDef(name=name) | ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda()):
            if name.startswith("pytest_") and name != _MAKES_ROWS:
                yield name


def _is_of_its_own(called: ast.Attribute, arguments: Sequence[ast.expr]) -> bool:
    """Return whether a call returns the test's own frame, or the subclasses of one of its own classes."""
    match called, arguments:
        case ast.Attribute(attr="_getframe"), [] | [ast.Constant(value=0)]:
            return True
        case ast.Attribute(attr="__subclasses__", value=ast.Name(id=name)), []:
            return not hasattr(builtins, name)
    return False


def _texts(nodes: Iterable[ast.expr]) -> list[str]:
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _is_inside(module: str) -> bool:
    return module.partition(".")[0] in _INSIDES

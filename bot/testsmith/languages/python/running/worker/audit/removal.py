"""Take the project away from tests, in memory, to find tests that pass without it.

Everything that is not certainly independent of the project is taken away with it, and whatever a test reaches
in a way that cannot be taken away, such as another program or a file, is reported. So a test that passes
without the project is one that it cannot make fail.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import gc
import inspect
import os
import sys
import unittest
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import pytest

from .test_code import TestCode, fixtures_of, foreign_fixture, home_of, is_standard, names_of

GONE, NOTHING, TRUE, FALSE = "gone", "nothing", "true", "false"
"""How the project is taken away: its functions raise and all else raises when it is used; all else is None;
its functions return at once an object that is true, and one that is false."""

_INSPECTED = frozenset({"__init__", "__init_subclass__", "__post_init__", "__set_name__", "__del__"})
"""Methods that have to return None."""

_TEXT = frozenset({"__repr__", "__str__", "__format__"})
_PROGRAMS = ("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty.spawn")
_CONNECTIONS = ("socket.connect", "socket.getaddrinfo", "sqlite3.connect", "ctypes.dlopen")
_FOLDERS = frozenset({"tests", "test", "testing", "__snapshots__", "snapshots"})
_STATE = frozenset(
    {
        *("getLogger", "environ", "getenv", "modules", "filters", "getlocale", "entry_points", "metadata"),
        *("distribution", "get_objects", "meta_path", "path_hooks", "currentframe", "getcontext"),
        *("getdefaulttimeout", "getrecursionlimit", "getfixturevalue", "import_module", "importorskip"),
        *("resolve_name", "find_spec", "__import__", "reload"),
    }
)
"""Names by which a test gets at modules, or at what they may have changed when they were loaded."""

_OF_MODULES = frozenset(
    {f"__{name}__" for name in ("name", "package", "loader", "spec", "path", "file", "cached", "builtins")}
)
"""What every module has; everything else is taken away."""

_EXPECTED = (AttributeError, TypeError, ImportError)
"""Errors by which the absence of the project shows."""


class ProjectTakenAway(AttributeError):
    """Raised by everything that was taken away."""


def _raise(*_args: Any, **_kwargs: Any) -> Any:
    raise ProjectTakenAway("taken away")


class _Returned:
    """What a function returns that does nothing. It equals nothing but its own kind."""

    def __init__(self, truth: bool) -> None:
        self._truth = truth

    def __bool__(self) -> bool:
        return self._truth

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Returned)

    def __hash__(self) -> int:
        return 1


_SPECIAL = (
    *("eq", "ne", "lt", "le", "gt", "ge", "hash", "bool", "len", "iter", "next", "contains", "getitem"),
    *("setitem", "delitem", "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv"),
    *("rfloordiv", "mod", "rmod", "pow", "rpow", "and", "rand", "or", "ror", "xor", "rxor", "neg", "pos"),
    *("invert", "abs", "int", "float", "index", "complex", "round", "str", "repr", "format", "bytes"),
    *("fspath", "enter", "exit", "aenter", "aexit", "aiter", "anext", "reversed", "getattr", "setattr"),
    *("delattr", "mro_entries", "matmul", "rmatmul", "lshift", "rshift", "divmod", "rdivmod"),
)
_Absent = type("Absent", (), {f"__{name}__": _raise for name in _SPECIAL})


class ProjectCode(NamedTuple):
    """What belongs to the project.

    Attributes:
        root: Copy of the git root.
        files: Its source files. Other files below the root belong to the tests.
        owned: Its top-level modules.
    """

    root: str
    files: frozenset[str]
    owned: frozenset[str]


class Removal:
    """The project's code in this process, which has collected the tests.

    Args:
        project: What belongs to it.

    Attributes:
        obstacle: Why it cannot be taken away; empty if it can be.
    """

    def __init__(self, project: ProjectCode) -> None:
        self._project = project
        self.obstacle = ""
        self._modules: list[ModuleType] = []
        self._tests: list[TestCode] = []
        found: list[ModuleType] = []
        for name, module in list(sys.modules.items()):
            file = str(getattr(module, "__file__", None) or "")
            if file in project.files:
                self._modules.append(module)
            elif file.endswith(".py") and file.startswith(f"{project.root}/"):
                found.append(module)
            elif file and name.partition(".")[0] in project.owned:
                self.obstacle = f"{name} is not Python source of the project"
        self._names = frozenset(module.__name__ for module in found)
        own = frozenset(module.__name__ for module in self._modules)
        self._tests = [TestCode(module, self._names, own) for module in found]
        spaces = {id(vars(module)) for module in self._modules}
        self._functions = [
            thing
            for thing in gc.get_objects()
            if type(thing) is FunctionType
            and (thing.__code__.co_filename in project.files or id(thing.__globals__) in spaces)
        ]
        self._caches = [
            thing
            for thing in gc.get_objects()
            if isinstance(thing, functools._lru_cache_wrapper)  # noqa: SLF001
        ]

    def obstacle_of(self, item: pytest.Item) -> str:
        """Return why it is not known whether a test passes without the project; empty if it is."""
        if self.obstacle:
            return self.obstacle
        if reason := foreign_fixture(item, self._names):
            return reason
        fixtures = frozenset(name for name, _ in fixtures_of(item))
        file = str(getattr(item, "path", None) or item.fspath)
        for code in self._tests:
            names = fixtures | names_of(item) if code.module.__file__ == file else fixtures
            if code.computes(names):
                return "what it is given is computed when its file is loaded"
        if reason := self._foreign_class(item):
            return reason
        functions = [getattr(item, "function", None), *(function for _, function in fixtures_of(item))]
        return "it looks at the state of the process" if self._looks_at_state(functions) else ""

    def _foreign_class(self, item: pytest.Item) -> str:
        """Return where a test or its class comes from, if that is neither the tests nor the project."""
        function, holder = getattr(item, "function", None), getattr(item, "cls", None)
        for one in (inspect.unwrap(function) if function else None, *getattr(holder, "__mro__", ())):
            home = str(getattr(one, "__module__", None) or "?")
            is_own = home in self._names or home.partition(".")[0] in self._project.owned
            if not is_own and not (isinstance(one, type) and is_standard(home)):
                return f"it is made by {home}"
        return ""

    def _looks_at_state(self, functions: Sequence[Any]) -> bool:
        """Return whether functions, or helpers that they name, look at the state of the process."""
        waiting, known = list(functions), set[int]()
        while waiting:
            function = waiting.pop()
            function = inspect.unwrap(function) if callable(function) else function
            code = getattr(function, "__code__", None)
            if not isinstance(code, CodeType) or id(code) in known:
                continue
            known.add(id(code))
            names = _names_in(code)
            if _STATE & names:
                return True
            space = getattr(function, "__globals__", {})
            waiting += [space[name] for name in names if home_of(space.get(name)) in self._names]
        return False

    def apply(self, way: str, notice: Callable[[str], None]) -> None:
        """Take the project away in this process.

        Args:
            way: How.
            notice: Called with what a test reaches and cannot be taken away.
        """
        for cache in self._caches:
            cache.cache_clear()
        for function in self._functions:
            with contextlib.suppress(ValueError):
                function.__code__ = _code(function.__code__, function.__name__, way)
        if way in {GONE, NOTHING}:
            absent = _Absent() if way == GONE else None
            for place, name in self._taken():
                with contextlib.suppress(AttributeError, TypeError):
                    type.__setattr__(place, name, absent) if isinstance(place, type) else setattr(
                        place, name, absent
                    )
            sys.meta_path.insert(0, _Blocker(self._project.files))
            self._refuse_imports()
        _watch_expected_errors(notice)
        _watch_calls(self._project.root, notice)

    def _refuse_imports(self) -> None:
        """Refuse imports of the project's modules by the tests, also of those that are loaded."""
        before, modules = builtins.__import__, {module.__name__ for module in self._modules}

        def refuse(name: str, space: Any = None, *others: Any, **named: Any) -> Any:
            home = str((space or {}).get("__name__"))
            if home in self._names and (name in modules or name.partition(".")[0] in self._project.owned):
                raise ImportError(f"{name} was taken away", name=name)
            return before(name, space, *others, **named)

        vars(builtins)["__import__"] = refuse

    def _taken(self) -> Iterator[tuple[Any, str]]:
        """Yield the modules and classes whose values are taken away, with their names."""
        for module in self._modules:
            for name, value in list(vars(module).items()):
                home = home_of(value)
                is_own = not home or home.partition(".")[0] in self._project.owned
                if name not in _OF_MODULES and not isinstance(value, ModuleType) and is_own:
                    yield module, name
        for code in self._tests:
            yield from list(code.dependent())


def _names_in(code: CodeType | None) -> set[str]:
    """Return the names of attributes and globals that code uses."""
    if not isinstance(code, CodeType):
        return set()
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*map(_names_in, inner))


class _Blocker:
    """Finder that refuses the project's modules."""

    def __init__(self, files: frozenset[str]) -> None:
        self._files = files

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raise an error if the module belongs to the project; else leave it to others."""
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.origin in self._files:
                    raise ImportError(f"{fullname} was taken away", name=fullname)
                return None
        return None


@functools.cache
def _code(old: CodeType, name: str, way: str) -> CodeType:
    """Return code that raises or returns at once, of the same kind and with the same free variables."""
    is_generator, is_async = bool(old.co_flags & 0x220), bool(old.co_flags & 0x280)
    given = "_raise()" if way in {GONE, NOTHING} else _returned(name, way)
    value = f"__import__('sys').modules[{__name__!r}].{given}" if given.startswith("_") else given
    lines = [
        "def testsmith_outer():",
        *(f"    {free} = None" for free in old.co_freevars),
        f"    {'async ' if is_async else ''}def testsmith_inner(*testsmith_args, **testsmith_named):",
        *(f"        {free}" for free in old.co_freevars),
        f"        {'yield' if is_generator else 'return'} {value}",
    ]
    outer = _inner(compile("\n".join(lines), old.co_filename, "exec", dont_inherit=True))
    return _inner(outer).replace(co_name=old.co_name, co_firstlineno=old.co_firstlineno)


def _inner(code: CodeType) -> CodeType:
    return next(each for each in code.co_consts if isinstance(each, CodeType))


def _returned(name: str, way: str) -> str:
    if name in _INSPECTED:
        return "None"
    if name in _TEXT:
        return "''"
    return f"_Returned({way == TRUE})"


def _watch_expected_errors(notice: Callable[[str], None]) -> None:
    """Notice tests that expect an exception and get the one of what was taken away."""
    contexts: list[Any] = [unittest.case._AssertRaisesContext]  # noqa: SLF001
    for module, name in (("_pytest.raises", "RaisesExc"), ("_pytest.python_api", "RaisesContext")):
        found = getattr(sys.modules.get(module), name, None)
        contexts += [] if found is None or found in contexts else [found]
    for context in contexts:
        before = context.__exit__

        def leave(self: Any, kind: Any, error: Any, trace: Any, before: Any = before) -> Any:
            is_expected = before(self, kind, error, trace)
            if is_expected and isinstance(error, _EXPECTED):
                notice("it expects an exception")
            return is_expected

        context.__exit__ = leave


def _watch_calls(root: str, notice: Callable[[str], None]) -> None:
    """Notice programs, connections and files of the project that tests use."""
    prefix, here = f"{root}/", root

    def look(path: Any) -> None:
        nonlocal here
        if isinstance(path, (str, bytes, os.PathLike)):
            with contextlib.suppress(OSError):  # the working folder may be gone
                here = os.getcwd()  # noqa: PTH109 - as text
            text = os.path.normpath(os.path.join(here, os.fsdecode(path)))  # noqa: PTH118 - as text
            below = text[len(prefix) :].split("/") if text.startswith(prefix) else []
            if below and not (_FOLDERS & set(below) or _is_test_file(below[-1])):
                notice(f"it reads `{'/'.join(below)[:100]}`")

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(_PROGRAMS):
            notice("it runs another program")
        elif event.startswith(_CONNECTIONS):
            notice("it opens a connection")
        elif event in {"open", "os.listdir", "os.scandir"} and arguments:
            look(arguments[0])

    sys.addaudithook(hear)
    for name in ("stat", "lstat", "access"):
        before = getattr(os, name)

        def called(path: Any, *args: Any, before: Any = before, **kwargs: Any) -> Any:
            look(path)
            return before(path, *args, **kwargs)

        setattr(os, name, called)


def _is_test_file(name: str) -> bool:
    return name.startswith(("test_", "conftest", ".")) or name.endswith(("_test.py", ".pyc")) or not name

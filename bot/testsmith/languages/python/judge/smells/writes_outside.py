"""Detect test functions that write to a path of their own choice instead of `tmp_path`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from testsmith.languages.python.judge.smells.base_classes import inherited_setups
from testsmith.languages.python.judge.smells.test_function import Body, TestFunction
from testsmith.languages.python.source.definitions import last_name

_WRITING_METHODS = frozenset(
    {
        "hardlink_to",
        "mkdir",
        "rename",
        "replace",
        "rmdir",
        "symlink_to",
        "touch",
        "unlink",
        "write_bytes",
        "write_text",
    }
)
_LOOKING_METHODS = frozenset({"exists", "is_dir", "is_file", "read_bytes", "read_text", "stat", "unlink"})
_PATH_METHODS = frozenset(
    {"absolute", "expanduser", "joinpath", "resolve", "with_name", "with_stem", "with_suffix"}
)
_WRITES_FIRST = frozenset(
    {
        "dbm.open",
        "logging.FileHandler",
        "os.makedirs",
        "os.mkdir",
        "os.remove",
        "os.removedirs",
        "os.rename",
        "os.replace",
        "os.rmdir",
        "os.truncate",
        "os.unlink",
        "shelve.open",
        "shutil.rmtree",
    }
)
_WRITES_SECOND = frozenset(
    {
        "os.link",
        "os.rename",
        "os.replace",
        "os.symlink",
        "shutil.copy",
        "shutil.copy2",
        "shutil.copyfile",
        "shutil.copytree",
        "shutil.move",
    }
)
_OPENS = frozenset(
    {
        "bz2.open",
        "codecs.open",
        "gzip.open",
        "io.open",
        "lzma.open",
        "open",
        "tarfile.open",
        "zipfile.ZipFile",
    }
)
_LEAVES = frozenset({"tempfile.mkdtemp", "tempfile.mkstemp"})
_REMOVES = frozenset({"addCleanup", "remove", "rmdir", "rmtree", "unlink"})
_SAME_PATH = frozenset({"os.path.abspath", "os.path.expanduser", "os.path.join", "os.path.realpath", "str"})
_PATHS = frozenset({"Path", "PosixPath", "PurePath"})
_TEMPORARY = re.compile(r"te?mp", re.IGNORECASE)
_NOWHERE = ("/dev/", ":memory:", "file::memory:")


def writes_outside(function: TestFunction) -> Iterator[ast.AST]:
    """Yield the calls that write to a path that it names itself, in the reviewer's own folder.

    Any path is allowed if the working folder is changed for the test, or is not a real one, and so is what
    the helpers and fixtures of the project's own tests write.
    """
    if _is_elsewhere(function):
        return
    removes = any(function.last(call.func) in _REMOVES for _, call, _ in function.all_calls())
    for body in filter(function.is_new, function.bodies):
        place = _Places(function, body)
        for call in body.calls():
            leaves = not removes and function.origin(call.func) in _LEAVES
            if leaves or place.writes(call):
                yield call


def _is_elsewhere(function: TestFunction) -> bool:
    parameters = {argument.arg for body in function.bodies for argument in body.node.args.args}
    moves = {"isolated_filesystem", "mock_open"}
    moved = any(
        function.last(call.func) in moves or (function.last(call.func) == "chdir" and _is_unnamed(call))
        for _, call, _ in function.all_calls()
    )
    return "fs" in parameters or moved or _is_moved_by_base_class(function)


def _is_moved_by_base_class(function: TestFunction) -> bool:
    """Return whether the setup of a base class changes to a temporary folder."""
    checks = function.of.checks
    return checks is not None and any(
        isinstance(node, ast.Call) and last_name(node.func) == "chdir" and _is_unnamed(node)
        for suite in function.suites
        for setup in inherited_setups(suite, function.module, checks)
        if _TEMPORARY.search(ast.unparse(setup))
        for node in ast.walk(setup)
    )


def _is_unnamed(call: ast.Call) -> bool:
    return bool(call.args) and not isinstance(call.args[0], ast.Constant)


class _Places:
    """Detects which expressions of a body name a path of the test's own choice."""

    def __init__(self, function: TestFunction, body: Body) -> None:
        self._function = function
        self._body = body
        self._bound = function.values_in(body)
        self._texts: dict[ast.expr, bool] = {}
        self._paths: dict[ast.expr, bool] = {}

    def writes(self, call: ast.Call) -> bool:
        """Return whether a call writes to such a path."""
        origin = self._function.origin(call.func)
        if origin in _OPENS:
            return _opens_for_writing(call.args[1:2], call) and self._is_named(call.args[:1])
        if origin in _WRITES_SECOND and self._is_named(call.args[1:2]):
            return True
        if origin in _WRITES_FIRST or origin == "sqlite3.connect":
            return self._is_named(call.args[:1])
        if origin == "tempfile.NamedTemporaryFile":
            return any(one.arg == "delete" and ast.unparse(one.value) == "False" for one in call.keywords)
        return self._writes_by_method(call) or self._has_it_written(call)

    def _writes_by_method(self, call: ast.Call) -> bool:
        match call.func:
            case ast.Attribute(value=path, attr=method) if self._is_path(path):
                return method in _WRITING_METHODS or (
                    method == "open" and _opens_for_writing(call.args[:1], call)
                )
        return False

    def _has_it_written(self, call: ast.Call) -> bool:
        """Return whether the code under test is given a path, and the test then inspects it."""
        origin = self._function.origin(call.func)
        package = self._function.names.member.module.partition(".")[0]
        if not origin.startswith(f"{package}."):
            return False
        given = {self._text(one) for one in call.args if self._is_path(one)}
        return bool(given) and any(
            self._text(looked.func.value) in given
            for looked in self._body.calls()
            if isinstance(looked.func, ast.Attribute) and looked.func.attr in _LOOKING_METHODS
        )

    def _text(self, node: ast.expr) -> str:
        return ast.dump(self._bound.get(node.id, node) if isinstance(node, ast.Name) else node)

    def _is_named(self, arguments: list[ast.expr]) -> bool:
        return bool(arguments) and (self._is_text(arguments[0]) or self._is_path(arguments[0]))

    def _is_text(self, node: ast.expr) -> bool:
        if node not in self._texts:
            self._texts[node] = False  # if a name is bound to itself, as in `path = str(path)`
            self._texts[node] = self._gives_text(node)
        return self._texts[node]

    def _is_path(self, node: ast.expr) -> bool:
        if node not in self._paths:
            self._paths[node] = False
            self._paths[node] = self._gives_path(node)
        return self._paths[node]

    def _gives_text(self, node: ast.expr) -> bool:
        match node:
            case ast.Constant(value=str(text)) | ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
                return text != "" and not text.startswith(_NOWHERE)
            case ast.Name(id=name):
                return name == "__file__" or (name in self._bound and self._is_text(self._bound[name]))
            case ast.BinOp(left=left, op=ast.Add()):
                return self._is_text(left)
            case ast.Call(func=function, args=arguments):
                origin = self._function.origin(function)
                return origin == "os.getcwd" or (origin in _SAME_PATH and self._is_named(arguments[:1]))
        return False

    def _gives_path(self, node: ast.expr) -> bool:
        match node:
            case ast.Name(id=name):
                return name in self._bound and self._is_path(self._bound[name])
            case ast.BinOp(left=value, op=ast.Div()) | ast.Attribute(value=value, attr="parent"):
                return self._is_path(value)
            case ast.Call(func=made, args=arguments) if self._function.last(made) in _PATHS:
                return not arguments or self._is_named(arguments[:1])
            case ast.Call(func=ast.Attribute(value=value, attr=method)):
                is_start = self._function.last(value) in _PATHS and method in {"cwd", "home"}
                return is_start or (method in _PATH_METHODS and self._is_path(value))
        return False


def _opens_for_writing(positional: list[ast.expr], call: ast.Call) -> bool:
    named = [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    modes = [node.value for node in [*positional, *named] if isinstance(node, ast.Constant)]
    return any(isinstance(mode, str) and not {"w", "a", "x", "+"}.isdisjoint(mode) for mode in modes)

"""Evaluate the texts of a trial, and block network access, programs and writes outside its folder.

The sandbox blocks these, too. Blocking them here gives a reason to report, and ensures that the result of a
blocked trial is never mistaken for the member's behavior.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import os
import sys
from collections.abc import Coroutine, Iterable
from pathlib import Path
from types import CodeType
from typing import Any

_NETWORK = frozenset(
    {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}
)
_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"})
_CHANGES = frozenset(
    {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.link", "os.symlink"}
    | {"os.truncate", "shutil.rmtree", "shutil.move", "shutil.copyfile", "shutil.copytree"}
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Restrictions:
    """Blocks forbidden operations in this process.

    Args:
        folder: The only writable folder.

    Attributes:
        reason: Description of the first blocked operation; None if there was none.
    """

    def __init__(self, folder: str) -> None:
        self.reason: str | None = None
        self._folder = os.path.join(os.path.realpath(folder), "")  # noqa: PTH118 - used as a prefix
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _NETWORK:
            self._refuse("it needs the network")
        elif event in _PROGRAMS:
            self._refuse("it starts another program")
        elif event == "open":
            self._look_at_open(*arguments)
        elif event in _CHANGES and not all(map(self._is_ours, arguments)):
            self._refuse("it changes files outside its folder")

    def _look_at_open(self, path: object, _mode: object, flags: object) -> None:
        if isinstance(flags, int) and flags & _WRITING and not self._is_ours(path) and path != os.devnull:
            self._refuse("it writes files outside its folder")

    def _is_ours(self, path: object) -> bool:
        """Return whether a path is in the folder; anything else is allowed."""
        if not isinstance(path, (str, bytes, os.PathLike)):
            return True
        return f"{os.path.realpath(os.fsdecode(path))}{os.sep}".startswith(self._folder)

    def _refuse(self, reason: str) -> None:
        self.reason = self.reason or reason
        raise PermissionError(reason)


TRIAL = "<trial>"
"""File name of a trial's code."""

GIVEN_FOLDER = "given"
"""Name of the folder used for pytest's `tmp_path`, below the working folder."""

_SECONDS_TO_WAIT = 1.0
_MOST_LOOKS = 10


class WaitsForever(Exception):
    """A coroutine waits for something that does not happen."""


def carried_out(coroutine: Coroutine[Any, Any, Any], *, in_loop: bool) -> Any:
    """Run a coroutine and return its result.

    Args:
        coroutine: The coroutine.
        in_loop: Whether to run it in an event loop; if not, it must not wait for anything.

    Raises:
        WaitsForever: It waits longer than a test should.
    """
    if in_loop:
        return asyncio.run(_within_patience(coroutine))
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise WaitsForever


async def _within_patience(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Wait for a coroutine in short steps, which take longer on a busy machine, so the limit adapts."""
    task = asyncio.ensure_future(coroutine)
    try:
        for _ in range(_MOST_LOOKS):
            if (await asyncio.wait({task}, timeout=_SECONDS_TO_WAIT / _MOST_LOOKS))[0]:
                return task.result()
    finally:
        task.cancel()
    await asyncio.wait({task}, timeout=_SECONDS_TO_WAIT)
    raise WaitsForever


def fixtures(text: str) -> dict[str, Any]:
    """Return objects for the pytest fixtures whose names occur in a text."""
    found: dict[str, Any] = {}
    if "tmp_path" in text:
        found["tmp_path"] = Path(GIVEN_FOLDER).resolve()
        found["tmp_path"].mkdir()
    if "monkeypatch" in text:
        found["monkeypatch"] = importlib.import_module("pytest").MonkeyPatch()
    return found


def prepare(texts: Iterable[str]) -> None:
    """Import what the fixtures in some texts need, before children are forked."""
    if any("monkeypatch" in text for text in texts):
        importlib.import_module("pytest")


def take_back(namespace: dict[str, Any]) -> None:
    """Undo changes by the fixtures in a namespace."""
    if "monkeypatch" in namespace:
        namespace["monkeypatch"].undo()


RETURNED = "_testsmith_returned"
"""Name of a function that receives and returns the results of using the member in a trial's call."""


async def evaluated(text: str, namespace: dict[str, Any], member: str = "") -> Any:
    """Return the value of an expression, which may contain `await`, or execute a statement.

    Args:
        text: The expression or statement.
        namespace: Available names.
        member: Plain name of a member whose results are passed to `RETURNED`; empty for none.
    """
    try:
        tree: ast.Expression | ast.Module = ast.parse(text, TRIAL, "eval")
    except SyntaxError:
        tree = ast.parse(text, TRIAL)
    if member:
        tree = ast.fix_missing_locations(_Returns(member).visit(tree))
    mode = "eval" if isinstance(tree, ast.Expression) else "exec"
    code: CodeType = compile(tree, TRIAL, mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    given = eval(code, namespace)  # noqa: S307 - in the sandbox
    return await given if code.co_flags & inspect.CO_COROUTINE else given


class _Returns(ast.NodeTransformer):
    """Passes the results of calls and attributes with the member's name to `RETURNED`."""

    def __init__(self, member: str) -> None:
        self._member = member

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Wrap calls of the member."""
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr == self._member:
            function.value = self.visit(function.value)
        elif not (isinstance(function, ast.Name) and function.id == self._member):
            self.generic_visit(node)
            return node
        node.args = [self.visit(argument) for argument in node.args]
        node.keywords = [self.visit(keyword) for keyword in node.keywords]
        return _handed_on(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """Wrap reads of the attribute, for example a property."""
        self.generic_visit(node)
        is_use = node.attr == self._member and isinstance(node.ctx, ast.Load)
        return _handed_on(node) if is_use else node


def _handed_on(node: ast.expr) -> ast.expr:
    hand = ast.copy_location(ast.Name(RETURNED, ast.Load()), node)
    return ast.copy_location(ast.Call(func=hand, args=[node], keywords=[]), node)

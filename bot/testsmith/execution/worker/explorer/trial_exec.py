"""What a trial may not do: reach the network, start programs, write outside its own folder.

The sandbox has its own layers for that; here it is noticed, so that a reason can be told, and a trial that
did so is never taken for the member's behaviour.
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
    """Refuses from now on, in this process.

    Args:
        folder: The only folder to write in.

    Attributes:
        reason: What was tried first, in words; None where nothing was refused.
    """

    def __init__(self, folder: str) -> None:
        self.reason: str | None = None
        self._folder = os.path.join(os.path.realpath(folder), "")  # noqa: PTH118 - plain texts are compared
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
        """Tell whether a path lies in the folder; what is no path does not matter."""
        if not isinstance(path, (str, bytes, os.PathLike)):
            return True
        return f"{os.path.realpath(os.fsdecode(path))}{os.sep}".startswith(self._folder)

    def _refuse(self, reason: str) -> None:
        self.reason = self.reason or reason
        raise PermissionError(reason)


TRIAL = "<trial>"
"""The name of the file that a trial's text seems to stand in."""

GIVEN_FOLDER = "given"
"""What stands for pytest's `tmp_path` is a folder of this name in the working folder."""

_SECONDS_TO_WAIT = 1.0
_MOST_LOOKS = 10


class WaitsForever(Exception):
    """A coroutine waits for something that does not come."""


def carried_out(coroutine: Coroutine[Any, Any, Any], *, in_loop: bool) -> Any:
    """Carry out a coroutine and return what it gives.

    Args:
        coroutine: The coroutine.
        in_loop: Whether it runs inside a loop; else it must have nothing to wait for.

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
    """Wait for a coroutine, by looks at it: on a busy machine each takes longer, and so does the waiting."""
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
    """Return what pytest would give for the names of its fixtures that a text uses."""
    found: dict[str, Any] = {}
    if "tmp_path" in text:
        found["tmp_path"] = Path(GIVEN_FOLDER).resolve()
        found["tmp_path"].mkdir()
    if "monkeypatch" in text:
        found["monkeypatch"] = importlib.import_module("pytest").MonkeyPatch()
    return found


def prepare(texts: Iterable[str]) -> None:
    """Load what the fixtures of some texts need, before children are forked for them."""
    if any("monkeypatch" in text for text in texts):
        importlib.import_module("pytest")


def take_back(namespace: dict[str, Any]) -> None:
    """Take back what the fixtures of a namespace have changed."""
    if "monkeypatch" in namespace:
        namespace["monkeypatch"].undo()


RETURNED = "_testsmith_returned"
"""The name of a function that is given what a member's use in a trial's call gives, and gives it back."""


async def evaluated(text: str, namespace: dict[str, Any], member: str = "") -> Any:
    """Return an expression's value, which may be awaited in it; carry out what is a statement.

    Args:
        text: The expression or statement.
        namespace: What its names stand for.
        member: The plain name of a member whose uses are handed to `RETURNED`; empty for none.
    """
    try:
        tree: ast.Expression | ast.Module = ast.parse(text, TRIAL, "eval")
    except SyntaxError:
        tree = ast.parse(text, TRIAL)
    if member:
        tree = ast.fix_missing_locations(_Returns(member).visit(tree))
    mode = "eval" if isinstance(tree, ast.Expression) else "exec"
    code: CodeType = compile(tree, TRIAL, mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    given = eval(code, namespace)  # noqa: S307 - this is the sandbox, made for it
    return await given if code.co_flags & inspect.CO_COROUTINE else given


class _Returns(ast.NodeTransformer):
    """Hands what the uses of a member give to `RETURNED`: calls by its name, and attributes of that name."""

    def __init__(self, member: str) -> None:
        self._member = member

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Hand on what a call of the member gives."""
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
        """Hand on what an attribute, as of a property, gives where it is read."""
        self.generic_visit(node)
        is_use = node.attr == self._member and isinstance(node.ctx, ast.Load)
        return _handed_on(node) if is_use else node


def _handed_on(node: ast.expr) -> ast.expr:
    hand = ast.copy_location(ast.Name(RETURNED, ast.Load()), node)
    return ast.copy_location(ast.Call(func=hand, args=[node], keywords=[]), node)

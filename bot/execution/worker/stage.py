"""Where the text of a trial is carried out: as a test would, by itself or inside a coroutine of its own."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

TRIAL = "<trial>"
"""The name of the file that a trial's text seems to stand in."""

GIVEN_FOLDER = "given"
"""What stands for pytest's `tmp_path` is a folder of this name in the working folder."""

_SECONDS_TO_WAIT = 1.0


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
    try:
        return await asyncio.wait_for(coroutine, _SECONDS_TO_WAIT)
    except (TimeoutError, asyncio.TimeoutError) as error:  # noqa: UP041 - two classes before Python 3.11
        raise WaitsForever from error


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


async def evaluated(text: str, namespace: dict[str, Any]) -> Any:
    """Return an expression's value, which may be awaited in it; carry out what is a statement."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        code = compile(text, TRIAL, "eval", flags=flags)
    except SyntaxError:
        code = compile(text, TRIAL, "exec", flags=flags)
    given = eval(code, namespace)  # noqa: S307 - this is the sandbox, made for it
    return await given if code.co_flags & inspect.CO_COROUTINE else given

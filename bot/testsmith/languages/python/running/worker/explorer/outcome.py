"""The outcome of a call, in a form that a test can assert.

An outcome is one of

    {"kind": "value", "form", "text", "imports", "relation"}
    {"kind": "object", "form", "home", "facts"}       no source text, but facts that have one
    {"kind": "raised", "home", "message", "line"}     by a `raise` statement of the project, or its `sys.exit`
    {"kind": "printed", "text"}                        returned None and printed something
    {"kind": "none", "reason"}      nothing that a test could assert, and why; if the call raised, the name of
                                    the class is in `error`

For a documented example, `agrees` says whether the outcome is the documented one.

The form says how the value was obtained from the result of the call; see `FORMS` in the module that writes
the tests. A fact is `{"of", "text", "imports"}`, where `of` is a template, for example `len({})`.
"""

from __future__ import annotations

import asyncio
import contextlib
import dis
import functools
import inspect
import io
import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from types import FunctionType, TracebackType
from typing import Any

from .literals import (
    WrittenLiteral,
    is_of_this_machine,
    public_home,
    quoted,
    written,
)
from .trial_exec import TRIAL

Json = dict[str, Any]

_LONGEST_FACT = 100
_MOST_FACTS = 6
_MOST_ITEMS = 20
_FIRST_ITEMS = 5
_LONGEST_MESSAGE = 200
_LONGEST_CHAIN = 20
_SYSTEM_FOLDERS = ("/dev/", "/etc/", "/proc/", "/run/", "/sys/", "/usr/", "/var/")
_RAISE = dis.opmap["RAISE_VARARGS"]


class Bringing:
    """Obtains the relevant value from the result of a call; exits any context managers at the end.

    Args:
        in_loop: Whether an event loop is running.
        enters: Whether to enter any context manager, whatever its class.

    Attributes:
        form: How the value was obtained.
    """

    def __init__(self, *, in_loop: bool, enters: bool) -> None:
        self.form = "plain"
        self._in_loop = in_loop
        self._enters = enters
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> None:
        await self._stack.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, trace)

    async def out(self, given: Any) -> Any:
        """Return the value."""
        self.form = form_of(given, enters=self._enters)
        if self._in_loop and self.form in _IN_LOOP:
            self.form = _IN_LOOP[self.form]
            return await self._out_in_loop(given)
        if self.form == "entered":
            return self._stack.enter_context(given)
        self.form, value = settle(given, self.form)
        return value

    async def _out_in_loop(self, given: Any) -> Any:
        if self.form == "await":
            return await given
        if self.form == "async with":
            return await self._stack.enter_async_context(given)
        items = await _async_items(given)
        if len(items) > _MOST_ITEMS:
            self.form = "async for, begun"
        return _first(items)


_IN_LOOP = {"awaited": "await", "async listed": "async for", "async entered": "async with"}
"""Forms outside of an event loop, and their equivalents in one."""


def form_of(value: Any, *, enters: bool = False) -> str:
    """Return how to obtain the relevant value from the result of a call."""
    if inspect.iscoroutine(value):
        return "awaited"
    if inspect.isasyncgen(value) or hasattr(type(value), "__anext__"):
        return "async listed"
    if _is_context(value, "_GeneratorContextManager") or (enters and hasattr(type(value), "__enter__")):
        return "entered"
    if _is_context(value, "_AsyncGeneratorContextManager") or (enters and hasattr(type(value), "__aenter__")):
        return "async entered"
    if isinstance(value, Iterator) and not isinstance(value, io.IOBase):
        return "listed"
    return "plain"


def settle(value: Any, form: str) -> tuple[str, Any]:
    """Obtain the value from the result of a call; return the final form and the value."""
    if form == "awaited":
        return form, asyncio.run(value)
    if form == "async listed":
        items = asyncio.run(_async_items(value))
        return form if len(items) <= _MOST_ITEMS else "async begun", _first(items)
    if form == "async entered":
        return form, asyncio.run(_enter(value))
    if form == "listed":
        items = [*itertools.islice(value, _MOST_ITEMS + 1)]
        return form if len(items) <= _MOST_ITEMS else "begun", _first(items)
    return form, value


def _first(items: list[Any]) -> list[Any]:
    """Return all items, or the first ones if there are too many to list."""
    return items if len(items) <= _MOST_ITEMS else items[:_FIRST_ITEMS]


def _is_context(value: object, name: str) -> bool:
    """Return whether a value comes from a `contextmanager` or `asynccontextmanager` function."""
    return type(value).__module__ == "contextlib" and type(value).__name__ == name


async def _async_items(value: Any) -> list[Any]:
    found: list[Any] = []
    async for item in value:
        found.append(item)
        if len(found) > _MOST_ITEMS:
            break
    return found


class TooManyItems(Exception):
    """There are more items than a test would list."""


async def _enter(manager: Any) -> Any:
    async with manager as value:
        return value


def value_outcome(form: str, value: Any, known: dict[str, Any], longest: int, roots: Sequence[str]) -> Json:
    """Return the outcome of a call that returned a value.

    Args:
        form: How the value was obtained.
        value: The value.
        known: Objects in the trial by name; the call may return one of them.
        longest: Maximum length of the value's text; 0 to always describe an object by facts.
        roots: Folders of the project.
    """
    for name, thing in known.items():
        if thing is value and not _is_plain(value):
            return {"kind": "value", "form": form, "relation": "is", **as_json(WrittenLiteral(name))}
    if isinstance(value, float) and math.isnan(value):
        return {"kind": "value", "form": form, "relation": "nan", **as_json(WrittenLiteral(""))}
    text = written(value, longest)
    if text is not None:
        relation = "is" if isinstance(value, (bool, type(None), type)) else "=="
        return {"kind": "value", "form": form, "relation": relation, **as_json(text)}
    found = [] if type(value).__module__ == "builtins" else facts(value, roots)
    if not found:
        return nothing(_why_not_written(value))
    return {"kind": "object", "form": form, "home": _home(type(value)), "facts": found}


def is_documented(value: Any, documented: Any) -> bool | None:
    """Return whether a value is the documented one; None if they differ only by rounding or `==`."""
    if bool(value == documented):
        return True
    if isinstance(value, float) and isinstance(documented, float):
        return None if math.isclose(value, documented, rel_tol=1e-2) else False
    return None if repr(value) == repr(documented) else False


def nothing(reason: str) -> Json:
    """Return an outcome without anything to assert."""
    return {"kind": "none", "reason": reason[:_LONGEST_MESSAGE]}


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, (bool, int, float, str, bytes, tuple, frozenset))


def as_json(text: WrittenLiteral) -> Json:
    """Return a source text as JSON data."""
    return {"text": text.text, "imports": sorted(text.imports)}


def _home(cls: Any) -> list[str] | None:
    module = public_home(cls)
    return None if module is None else [module, cls.__qualname__]


def _why_not_written(value: object) -> str:
    if callable(value):
        return "it returns a function"
    if isinstance(value, (str, bytes, int, list, dict, tuple, set)):
        return "its value is too long or differs from run to run"
    return f"it returns a {type(value).__name__}, which has no comparable value"


def facts(thing: Any, roots: Sequence[str]) -> list[Json]:
    """Return facts about an object as source texts: its items, length, public attributes and text.

    Args:
        thing: The object.
        roots: Folders of the project; facts defined by other packages are left out.
    """
    found: list[Json] = []
    for template, look in _looks(thing, roots):
        if len(found) >= _MOST_FACTS:
            break
        try:
            text = written(look(), _LONGEST_FACT)
        except Exception:  # noqa: BLE001, S112 - properties may raise anything
            continue
        if text is not None:
            found.append({"of": template, **as_json(text)})
    return found


def _looks(thing: Any, roots: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield expressions and values that describe an object, most informative first."""
    if isinstance(thing, (list, dict, set, bytearray)) and type(thing).__module__ == "builtins":
        yield "{}", lambda: thing
        return
    if isinstance(thing, io.IOBase):
        name = "getvalue" if hasattr(thing, "getvalue") else "read"
        yield "{}." + name + "()", getattr(thing, name)
        return
    if hasattr(type(thing), "keys") and hasattr(type(thing), "__getitem__"):
        yield "dict({})", lambda: dict(thing)
    elif _is_iterated(thing) and not isinstance(thing, Iterator):
        yield "list({})", lambda: _all_items(thing)
    elif hasattr(type(thing), "__len__"):
        yield "len({})", lambda: len(thing)
    for name in _attributes(thing):
        yield "{}." + name, functools.partial(getattr, thing, name)
    if _has_own(thing, "__str__"):
        yield "str({})", lambda: str(thing)
    if _has_own(thing, "__repr__") and _stands_in(_definer(thing, "__repr__"), roots):
        yield "repr({})", lambda: repr(thing)


def _is_iterated(thing: Any) -> bool:
    """Return whether the object's package or Python defines its iteration."""
    base = next((each for each in type(thing).__mro__ if "__iter__" in vars(each)), None)
    if base is None:
        return False
    packages = {"builtins", "collections", "_collections_abc", "typing"}
    return base.__module__.partition(".")[0] in {type(thing).__module__.partition(".")[0], *packages}


def _all_items(thing: Any) -> list[Any]:
    items = [*itertools.islice(thing, _MOST_ITEMS + 1)]
    if len(items) > _MOST_ITEMS:
        raise TooManyItems
    return items


def _attributes(thing: Any) -> list[str]:
    """Return the names of public attributes and properties in definition order."""
    names = [name for name in getattr(thing, "__dict__", ()) if isinstance(name, str)]
    for base in type(thing).__mro__:
        if base.__module__.partition(".")[0] == type(thing).__module__.partition(".")[0]:
            slots = base.__dict__.get("__slots__", ())
            names += [slots] if isinstance(slots, str) else slots
            names += [name for name, own in vars(base).items() if _is_property(own)]
    public = [name for name in names if name.isidentifier() and not name.startswith("_")]
    inherited = _inherited(type(thing))
    return [*dict.fromkeys(name for name in public if name not in inherited)]


def _inherited(cls: type) -> frozenset[str]:
    """Return names used only by base classes from other packages, which are not tested here."""
    package = cls.__module__.partition(".")[0]
    own, foreign = set[str](), set[str]()
    for base in cls.__mro__:
        names = own if base.__module__.partition(".")[0] == package else foreign
        for function in vars(base).values():
            if isinstance(function, FunctionType):
                names.update(function.__code__.co_names)
    return frozenset(foreign - own)


def _is_property(attribute: object) -> bool:
    return isinstance(attribute, (property, functools.cached_property))


def _has_own(thing: object, name: str) -> bool:
    """Return whether a class that is not built in defines a special method of an object."""
    return any(name in vars(base) and base.__module__ != "builtins" for base in type(thing).__mro__)


def _definer(thing: object, name: str) -> type:
    """Return the class that defines a special method of an object."""
    return next(base for base in type(thing).__mro__ if name in vars(base))


def _stands_in(cls: type, roots: Sequence[str]) -> bool:
    """Return whether a class is defined in one of the folders."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return isinstance(file, str) and file.startswith(tuple(roots))


class Raises:
    """Distinguishes exceptions that the project raises from those that occur in it.

    Args:
        roots: Folders of the project, and other files whose `raise` statements count.
        allowed: Name of an exception class that counts in any case; empty for none.
    """

    def __init__(self, roots: list[str], allowed: str = "") -> None:
        self._roots = tuple(roots)
        self._allowed = allowed

    def outcome(self, error: BaseException, documented: str | None) -> Json:
        """Return the outcome of a call that raised an exception.

        Args:
            error: The exception.
            documented: Name of the documented exception class, if any, which counts in any case.
        """
        silent = {**nothing(f"{type(error).__name__}: {_text_of(error)}"), "error": type(error).__name__}
        if self._is_of_the_system(error):
            return silent
        place = self._raise_place(error.__traceback__, is_exit=type(error) is SystemExit)
        home = _exception_home(type(error))
        if (
            documented is not None
            and documented.rpartition(".")[2] == type(error).__name__
            and home is not None
        ):
            message = None if place is None else self._message(error)
            return {"kind": "raised", "home": home, "message": message, "line": place, "agrees": True}
        if home is not None and type(error).__name__ == self._allowed:
            return {"kind": "raised", "home": home, "message": None, "line": place or 0}
        if place is None or home is None:
            return silent
        return {"kind": "raised", "home": home, "message": self._message(error), "line": place}

    def _is_of_the_system(self, error: BaseException) -> bool:
        """Return whether the exception follows from a network or a system file that is not there.

        Another machine may have it; the sandbox that the call runs in has not.
        """
        chain = [error]
        while len(chain) < _LONGEST_CHAIN and (before := chain[-1].__cause__ or chain[-1].__context__):
            chain.append(before)
        return any(_is_refused(each) and self._raise_place(each.__traceback__) is None for each in chain)

    def _raise_place(self, trace: TracebackType | None, *, is_exit: bool = False) -> int | None:
        """Return the line of the project's `raise` statement; 0 for the trial's own, None for neither.

        A call of `sys.exit` by the project counts, too.
        """
        if trace is None:
            return None
        while trace.tb_next is not None:
            trace = trace.tb_next
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith(self._roots):
            return None
        instruction, argument = code.co_code[trace.tb_lasti : trace.tb_lasti + 2]
        # A bare `raise` has no argument; it may re-raise an exception of the interpreter.
        if not is_exit and (instruction != _RAISE or not argument):
            return None
        return 0 if code.co_filename == TRIAL else trace.tb_lineno

    def _message(self, error: BaseException) -> str | None:
        """Return the message if it is entirely the project's own text and the same on every machine."""
        text = _text_of(error)
        others = [other for other in (error.__cause__, error.__context__) if other is not None]
        if any(_text_of(other) in text for other in others if self._raise_place(other.__traceback__) is None):
            return None
        fits = 0 < len(text) <= _LONGEST_MESSAGE and text.isprintable()
        return text if fits and not is_of_this_machine(text) else None


def _is_refused(error: BaseException) -> bool:
    """Return whether the network or a file of the system failed."""
    if isinstance(error, TimeoutError | ConnectionError):
        return True
    if not isinstance(error, OSError) or error.errno is None:
        return False
    return error.filename is None or str(error.filename).startswith(_SYSTEM_FOLDERS)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)[:1000]
    except Exception:  # noqa: BLE001 - `__str__` may raise anything
        return ""


def _exception_home(cls: type) -> list[str] | None:
    """Return where the class or its nearest public base is imported from; None if that is too general."""
    for base in cls.__mro__:
        if base in {Exception, BaseException, object}:
            return None
        home = ["builtins", base.__name__] if base.__module__ == "builtins" else _home(base)
        if home is not None:
            return home
    return None


def printed(text: str, longest: int) -> Json:
    """Return the outcome of a call that returned None and printed text."""
    if len(text) > longest or is_of_this_machine(text):
        return nothing("its output is too long or differs from run to run")
    return {"kind": "printed", "text": quoted(text)}

"""Record the calls that a test makes of some members, as digests that are equal for equal calls.

A call counts if no other member is running, with its arguments, the test's temporary folders and the
environment. The lines and branches that it reaches count as well, because a call also depends on what
a test has patched. What cannot be described, such as an open file, equals nothing.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import inspect
import os
import re
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from .tracer import ReachedByFile, Spans, make_tracer

_MOST_CALLS = 1_000
_MOST_VALUES = 5_000
_MOST_FILES = 200
_MOST_FILE_BYTES = 1_000_000
_PLAIN = (bool, int, float, complex, bytes, type(None), type(Ellipsis))
_WITH_NAME = (type, FunctionType, BuiltinFunctionType, ModuleType)
_OF_PYTEST = "PYTEST_CURRENT_TEST"

_random = os.urandom  # whatever a test replaces it with later


class _CannotDescribe(ValueError):
    """A value may differ from one that looks the same."""


class ComparableCalls:
    """Records calls of members.

    Args:
        spans: Locations of the members.
        folder: Folder of the run; pytest's temporary folders are in its `tmp`.
        file: File of the test module.
    """

    def __init__(self, spans: Spans, folder: Path, file: Path) -> None:
        self._spans = spans
        self._folder = folder
        self._file = file
        self._tracer = make_tracer(spans, self._entered)
        self._tracer.exchange(ReachedByFile())
        self._calls: set[str] = set()
        self._loaded: frozenset[str] | None = None
        self._is_describing = False

    def start(self) -> None:
        """Start recording."""
        self._tracer.start()

    def close_load(self) -> None:
        """Attribute the calls so far to loading the module, and so to each of its tests."""
        self._tracer.exchange(ReachedByFile())  # what the project's modules do while they are loaded
        self._loaded = self.taken()

    def taken(self) -> frozenset[str]:
        """Return the calls since the last time, and what they reached, with those made while loading."""
        reached = self._tracer.exchange(ReachedByFile())
        parts = reached.parts.items() if isinstance(reached, ReachedByFile) else ()
        lines = {f"{file}:{line}" for file, part in parts for line in part.lines}
        branches = {f"{file}:{branch}" for file, part in parts for branch in part.branches}
        calls, self._calls = self._calls, set()
        return (self._loaded or frozenset()) | {_digest(one) for one in (*lines, *branches, *calls)}

    def _entered(self, frame: Any) -> None:
        if self._is_describing or len(self._calls) > _MOST_CALLS or self._is_inner(frame):
            return
        if self._loaded is None and not self._is_of_module(frame.f_back):
            return
        self._is_describing = True
        try:
            self._calls.add(self._described(frame))
        except Exception:  # noqa: BLE001 - objects of the project may do anything when they are looked at
            self._calls.add(_random(16).hex())
        finally:
            self._is_describing = False
        if len(self._calls) > _MOST_CALLS:
            self._calls.add(_random(16).hex())

    def _is_of_module(self, frame: Any) -> bool:
        """Return whether the test module itself is running, rather than what it imports."""
        return frame is not None and frame.f_code.co_filename == str(self._file)

    def _is_inner(self, frame: Any) -> bool:
        """Return whether another call of a member is running."""
        outer = frame.f_back
        while outer is not None and not self._spans.holds(outer.f_code):
            outer = outer.f_back
        return outer is not None

    def _described(self, frame: Any) -> str:
        if threading.current_thread() is not threading.main_thread():
            raise _CannotDescribe
        code, values = frame.f_code, frame.f_locals
        count = code.co_argcount + code.co_kwonlyargcount
        count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
        description = _Description(self._folder, self._file)
        texts = [description.of(values[name]) for name in code.co_varnames[:count]]
        environment = {key: value for key, value in os.environ.items() if key != _OF_PYTEST}
        about = (description.of(environment), description.of(os.getcwd()))  # noqa: PTH109 - a text
        return "\n".join((f"{code.co_filename}:{code.co_firstlineno}", *texts, *about, *description.files()))


class _Description:
    """Describes values without the names of this run's folders."""

    def __init__(self, folder: Path, file: Path) -> None:
        self._file = file
        self._names = {str(folder): "<run>"}
        self._temporary = re.compile(re.escape(str(folder / "tmp")) + r"/[^/\s'\"]+")
        self._inside: list[int] = []
        self._left = _MOST_VALUES

    def of(self, value: Any) -> str:
        """Return a text that is the same for equal values of the same types.

        Raises:
            _CannotDescribe: The value is too large, or its type does not say what it consists of.
        """
        self._left -= 1
        if self._left < 0 or type(value) is object:
            raise _CannotDescribe
        if type(value) in _PLAIN:
            return f"{type(value).__name__}:{value!r}"
        if type(value) is str or isinstance(value, PurePath):
            return f"{type(value).__name__}:{self._without_folders(str(value))!r}"
        if isinstance(value, _WITH_NAME):
            return self._named(value)
        if isinstance(value, enum.Enum):
            return f"{self._named(type(value))}.{value.name}"
        if id(value) in self._inside:
            return f"<{self._inside.index(id(value))}>"
        self._inside.append(id(value))
        try:
            return self._parts(value)
        finally:
            self._inside.pop()

    def _parts(self, value: Any) -> str:
        kind = type(value)
        if kind in {list, tuple}:
            return self._joined(kind.__name__, map(self.of, value))
        if kind in {set, frozenset}:
            return self._joined(kind.__name__, sorted(map(self.of, value)))
        if kind is dict:
            return self._joined("dict", (f"{self.of(key)}={self.of(one)}" for key, one in value.items()))
        reduced = value.__reduce_ex__(4)
        if not isinstance(reduced, tuple):
            raise _CannotDescribe
        function, arguments, *state = reduced
        texts = [self.of(list(one) if isinstance(one, Iterator) else one) for one in state]
        return self._joined(self._named(kind), [self.of(function), self.of(arguments), *texts])

    @staticmethod
    def _joined(name: str, parts: Iterable[str]) -> str:
        return f"{name}({', '.join(parts)})"

    def _named(self, thing: Any) -> str:
        """Return the name of a class, function or module, with its text if the test module defines it."""
        if isinstance(thing, ModuleType):
            return f"module:{thing.__name__}"
        module, name = getattr(thing, "__module__", None) or "", thing.__qualname__
        owner = getattr(thing, "__self__", None)
        if "<" in name or not (owner is None or isinstance(owner, (type, ModuleType))):
            raise _CannotDescribe
        is_own = getattr(sys.modules.get(module), "__file__", None) == str(self._file)
        return f"{module}.{name}{inspect.getsource(thing) if is_own else ''}"

    def _without_folders(self, text: str) -> str:
        """Replace temporary folders in a text by numbers in the order in which they are first used."""
        for name in self._temporary.findall(text):
            self._names.setdefault(name, f"<folder {len(self._names)}>")
        for name in sorted(self._names, key=len, reverse=True):
            text = text.replace(name, self._names[name])
        return text

    def files(self) -> Iterator[str]:
        """Yield the names and contents of the files in all temporary folders that were used.

        Raises:
            _CannotDescribe: There are too many.
        """
        seen = 0
        for folder in list(self._names)[1:]:
            for path in sorted(Path(folder).rglob("*")):
                seen += 1
                size = path.stat().st_size if path.is_file() else 0
                if seen > _MOST_FILES or size > _MOST_FILE_BYTES:
                    raise _CannotDescribe
                content = ""
                if path.is_file():
                    with contextlib.suppress(UnicodeDecodeError):
                        content = self._without_folders(path.read_text(encoding="utf-8"))
                    content = content or path.read_bytes().hex()
                yield f"{self._without_folders(str(path))}\n{content}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]

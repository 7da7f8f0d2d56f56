"""Record the calls of the project that reach some members, as source text that makes the same call again.

It is the outermost call of a public function of the project, written down when it begins, and reported if it
then reaches a member. An object without a source text of its own is written as the call that returned it.
"""

from __future__ import annotations

import inspect
import sys
import threading
from types import CodeType, FrameType
from typing import Any, NamedTuple

from ..forking import Send
from ..tracer import Spans
from .literals import WrittenLiteral, public_home, written

_MOST_CALLS = 300
_MOST_OF_A_FUNCTION = 400
_MOST_WRITTEN = 6_000
_MOST_OBJECTS = 1_000
_LONGEST = 300
_SPECIAL = {
    "__call__": "{0}({1})",
    "__contains__": "{1} in {0}",
    "__getitem__": "{0}[{1}]",
    "__iter__": "list({0})",
    "__len__": "len({0})",
    "__repr__": "repr({0})",
    "__str__": "str({0})",
}
"""Expressions that call special methods, with the object and the arguments."""


class _Entered(NamedTuple):
    """The call through which the project is being run.

    Attributes:
        frame: Its frame.
        call: Its text, or None if it has none.
    """

    frame: FrameType
    call: WrittenLiteral | None


class CallRecorder:
    """Reports calls while it runs, each once.

    Args:
        files: Source files of the project, as in code objects.
        spans: Locations of the members.
        send: Sends a report.
    """

    def __init__(self, files: frozenset[str], spans: Spans, send: Send) -> None:
        self._files = files
        self._spans = spans
        self._send = send
        self._entered: _Entered | None = None
        self._made: dict[int, tuple[object, WrittenLiteral]] = {}
        self._counts: dict[CodeType, int] = {}
        self._sent: set[str] = set()
        self._written = 0

    @property
    def is_full(self) -> bool:
        """Whether no other call is reported any more."""
        return len(self._sent) >= _MOST_CALLS or self._written > _MOST_WRITTEN

    def _enter(self, frame: FrameType) -> None:
        if threading.current_thread() is not threading.main_thread() or frame.f_code.co_name == "<module>":
            return
        if self._entered is None:
            self._entered = _Entered(frame, None)  # to write the call runs code of the project, too
            try:
                self._entered = _Entered(frame, self._call(frame))
            except LookupError:
                self._entered = None
        if self._entered is not None and self._entered.call is not None:
            self._report(self._entered.call, frame.f_code)

    def _leave(self, frame: FrameType, value: object) -> None:
        if self._entered is None or self._entered.frame is not frame:
            return
        call, self._entered = self._entered.call, None
        if value is not None and not isinstance(value, (bool, int, float, str, bytes)):
            self._keep(value, call)

    def _keep(self, value: object, call: WrittenLiteral | None) -> None:
        """Remember the call that returned an object, and the object, so that its id stays its own."""
        if call is not None and len(self._made) < _MOST_OBJECTS:
            self._made[id(value)] = (value, call)

    def _report(self, call: WrittenLiteral, code: CodeType) -> None:
        """Report a call if it has just reached a member."""
        is_new = call.text not in self._sent and len(self._sent) < _MOST_CALLS
        if is_new and self._spans.holds(code):
            self._sent.add(call.text)
            self._send({"kind": "call", "text": call.text, "imports": sorted(call.imports)})

    def _call(self, frame: FrameType) -> WrittenLiteral | None:
        """Return the text of a call that has just begun; None if it has none.

        Raises:
            LookupError: It is not a call of a public function.
        """
        code = frame.f_code
        self._counts[code] = self._counts.get(code, 0) + 1
        if self._counts[code] > _MOST_OF_A_FUNCTION or self._written > _MOST_WRITTEN:
            return None
        self._written += 1
        function = _function_of(frame)
        try:
            return self._call_of(frame, function)
        except Exception:  # noqa: BLE001 - objects of the project may do anything when they are looked at
            return None

    def _call_of(self, frame: FrameType, function: Any) -> WrittenLiteral | None:
        if _is_of(frame.f_globals.get(frame.f_code.co_name), frame.f_code):
            return _joined(_named(function), self._arguments(frame, function, 0))
        first = frame.f_locals[frame.f_code.co_varnames[0]]
        if isinstance(function, property):
            own = self._value(first)
            return None if own is None else own._replace(text=f"{own.text}.{frame.f_code.co_name}")
        return self._method(frame, function, first)

    def _method(self, frame: FrameType, method: Any, first: object) -> WrittenLiteral | None:
        """Return the text of a method's call on an object or class."""
        name, arguments = frame.f_code.co_name, self._arguments(frame, method, 1)
        if name == "__init__":
            made = _joined(_named(type(first)), arguments)
            self._keep(first, made)
            return made
        own = _named(first) if isinstance(first, type) else self._value(first)
        given = _joined(WrittenLiteral(""), arguments)
        template = _SPECIAL.get(name, "" if name.startswith("__") else f"{{0}}.{name}({{1}})")
        if own is None or given is None or not template:
            return None
        text = template.format(own.text, given.text[1:-1])
        return WrittenLiteral(text, own.imports | given.imports) if len(text) <= _LONGEST else None

    def _arguments(self, frame: FrameType, function: Any, skipped: int) -> list[WrittenLiteral] | None:
        """Return the texts of the arguments without defaults; None if one has none."""
        found: list[WrittenLiteral] = []
        by_name = False
        for parameter in [*inspect.signature(inspect.unwrap(function)).parameters.values()][skipped:]:
            value = frame.f_locals[parameter.name]
            if parameter.kind is parameter.VAR_POSITIONAL:
                parts = [("", each) for each in value]
            elif parameter.kind is parameter.VAR_KEYWORD:
                parts = [*value.items()]
            elif value is parameter.default:
                by_name = True
                continue
            else:
                by_name = by_name or parameter.kind is parameter.KEYWORD_ONLY
                parts = [(parameter.name if by_name else "", value)]
            texts = [(name, self._value(each)) for name, each in parts]
            for name, text in texts:
                if text is None or not (name == "" or name.isidentifier()):
                    return None
                found.append(text._replace(text=f"{name}={text.text}") if name else text)
        return found

    def _value(self, value: object) -> WrittenLiteral | None:
        made = self._made.get(id(value))
        if made is not None and made[0] is value:
            return made[1]
        text = written(value, _LONGEST)
        return None if text is None or text.approximate else text

    def start(self) -> None:
        """Start recording."""
        if sys.version_info >= (3, 12):
            self._monitor()
        else:
            sys.setprofile(self._profiled)

    def _profiled(self, frame: FrameType, event: str, value: object) -> None:
        if frame.f_code.co_filename in self._files:
            if event == "call":
                self._enter(frame)
            elif event == "return":
                self._leave(frame, value)

    if sys.version_info >= (3, 12):
        _TOOL = 3  # not an id reserved for debuggers, coverage tools or profilers

        def _monitor(self) -> None:
            monitoring, events = sys.monitoring, sys.monitoring.events
            monitoring.use_tool_id(self._TOOL, "testsmith calls")
            monitoring.register_callback(self._TOOL, events.PY_START, self._started)
            monitoring.register_callback(self._TOOL, events.PY_RETURN, self._returned)
            for event in (events.PY_YIELD, events.PY_UNWIND):
                monitoring.register_callback(self._TOOL, event, self._left)
            monitoring.set_events(self._TOOL, events.PY_START | events.PY_UNWIND)

        def _started(self, code: CodeType, _offset: int) -> Any:
            if code.co_filename not in self._files:
                return sys.monitoring.DISABLE
            if code not in self._counts:
                self._counts[code] = 0
                events = sys.monitoring.events
                sys.monitoring.set_local_events(self._TOOL, code, events.PY_RETURN | events.PY_YIELD)
            self._enter(sys._getframe(1))  # noqa: SLF001 - the events do not name their frame
            return None

        def _returned(self, _code: CodeType, _offset: int, value: object) -> None:
            self._leave(sys._getframe(1), value)  # noqa: SLF001 - as above

        def _left(self, _code: CodeType, _offset: int, _value: object) -> None:
            self._leave(sys._getframe(1), None)  # noqa: SLF001 - as above


def _named(thing: Any) -> WrittenLiteral | None:
    """Return the name of a function or class, with the import that it needs."""
    home = public_home(thing)
    if home is None:
        return None
    return WrittenLiteral(thing.__qualname__, frozenset({(home, thing.__qualname__.partition(".")[0])}))


def _function_of(frame: FrameType) -> Any:
    """Return the function, method or property that a frame runs.

    Raises:
        LookupError: It is private, or has no name of its own, such as a wrapper.
    """
    code, name = frame.f_code, frame.f_code.co_name
    function = frame.f_globals.get(name)
    if _is_of(function, code) and not name.startswith("_"):
        return function
    if code.co_argcount and (not name.startswith("_") or name.endswith("__")):
        first = frame.f_locals[code.co_varnames[0]]
        defined = inspect.getattr_static(first if isinstance(first, type) else type(first), name, None)
        method = getattr(defined, "fget", getattr(defined, "__func__", defined))
        if _is_of(method, code):
            return defined if isinstance(defined, property) else method
    raise LookupError(name)


def _is_of(function: Any, code: CodeType) -> bool:
    """Return whether a function, under any decorators, has this code."""
    return getattr(inspect.unwrap(function), "__code__", None) is code


def _joined(function: WrittenLiteral | None, arguments: list[WrittenLiteral] | None) -> WrittenLiteral | None:
    if function is None or arguments is None:
        return None
    text = f"{function.text}({', '.join(each.text for each in arguments)})"
    imports = function.imports.union(*(each.imports for each in arguments))
    return WrittenLiteral(text, imports) if len(text) <= _LONGEST else None

"""Which lines and branches of members are reached, told apart by what was running at the time.

From Python 3.12 on by `sys.monitoring`, below by `sys.settrace`. Only code that stands in the members' own
lines costs anything: all other code is looked at once, when it is entered for the first time.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from types import CodeType, FrameType
from typing import Any, NamedTuple

from .branching import branching_lines, yields_at

_MOST_OPEN_FRAMES = 10_000


class Span(NamedTuple):
    """Where a member stands.

    Attributes:
        file: The file as code objects name it.
        first: Its first line, decorators included; 0 where what a file does when it is loaded counts, too.
        last: Its last line.
    """

    file: str
    first: int
    last: int

    def holds(self, code: CodeType) -> bool:
        """Tell whether a code object is the member's own, or lies within it."""
        return (
            self.first <= code.co_firstlineno <= self.last
            and code.co_filename == self.file
            and (code.co_name != "<module>" or self.first == 0)
        )


class Spans:
    """Where several members stand, in any files."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._by_file: dict[str, list[Span]] = {}
        for span in spans:
            self._by_file.setdefault(span.file, []).append(span)

    def holds(self, code: CodeType) -> bool:
        """Tell whether a code object is that of one of the members, or lies within it."""
        return any(span.holds(code) for span in self._by_file.get(code.co_filename, ()))


class Reached:
    """A set of lines and of line-to-line arcs."""

    def __init__(self) -> None:
        self.lines: set[int] = set()
        self.branches: set[tuple[int, int]] = set()

    def of(self, _file: str) -> Reached:
        """Return the part that a file's lines are noted in: of the one file that is traced this itself."""
        return self

    def add(self, other: Reached) -> None:
        """Take in what another has reached."""
        self.lines |= other.lines
        self.branches |= other.branches

    def as_json(self) -> dict[str, Any]:
        """Return it as it is told."""
        return {"lines": sorted(self.lines), "branches": sorted(self.branches)}


class ReachedByFile(Reached):
    """Lines and arcs of several files.

    Attributes:
        parts: What was reached of each file.
    """

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[str, Reached] = {}

    def of(self, file: str) -> Reached:
        """Return the part of a file."""
        part = self.parts.get(file)
        if part is None:
            part = self.parts[file] = Reached()
        return part

    def add(self, other: Reached) -> None:
        """Take in what another has reached."""
        if isinstance(other, ReachedByFile):
            for file, part in other.parts.items():
                self.of(file).add(part)


class Tracer:
    """Notes what is reached into `reached`, which may be exchanged at any time.

    Attributes:
        reached: Where lines and branches are noted.
    """

    def __init__(self, span: Span | Spans) -> None:
        self.reached = Reached()
        self._span = span
        self._branching: dict[CodeType, frozenset[int]] = {}
        self._last_line: dict[int, int] = {}

    def exchange(self, reached: Reached) -> Reached:
        """Note into another place from now on; return the one before."""
        before, self.reached = self.reached, reached
        return before

    def start(self) -> None:
        """Begin to trace."""
        raise NotImplementedError

    def _admit(self, code: CodeType) -> bool:
        """Tell whether a code object is the member's; learn its branches where it is."""
        if code in self._branching:
            return True
        if not self._span.holds(code):
            return False
        self._branching[code] = branching_lines(code)
        return True

    def _enter(self, frame: FrameType) -> None:
        if len(self._last_line) > _MOST_OPEN_FRAMES:  # frames that were left by an exception
            self._last_line.clear()
        self._last_line.pop(id(frame), None)

    def _line(self, frame: FrameType, line: int) -> None:
        reached = self.reached.of(frame.f_code.co_filename)
        reached.lines.add(line)
        before = self._last_line.get(id(frame))
        if before in self._branching[frame.f_code] and before != line:
            reached.branches.add((before, line))
        self._last_line[id(frame)] = line

    def _leave(self, frame: FrameType) -> None:
        before = self._last_line.pop(id(frame), None)
        if before in self._branching[frame.f_code]:
            reached = self.reached.of(frame.f_code.co_filename)
            reached.branches.add((before, -frame.f_code.co_firstlineno))


class SettraceTracer(Tracer):
    """By `sys.settrace`, for Python below 3.12."""

    def __init__(self, span: Span | Spans) -> None:
        super().__init__(span)
        self._suspended: set[int] = set()
        self._raising: set[int] = set()

    def start(self) -> None:
        """Begin to trace, in threads to come as well."""
        threading.settrace(self._called)
        sys.settrace(self._called)

    def _called(self, frame: FrameType, _event: str, _argument: object) -> Callable[..., Any] | None:
        if not self._admit(frame.f_code):
            return None
        if id(frame) in self._suspended:
            self._suspended.discard(id(frame))
        else:
            self._enter(frame)
        return self._traced

    def _traced(self, frame: FrameType, event: str, _argument: object) -> Callable[..., Any]:
        if event == "line":
            self._raising.discard(id(frame))
            self._line(frame, frame.f_lineno)
        elif event == "exception":
            self._raising.add(id(frame))
        elif event == "return":
            self._returned(frame)
        return self._traced

    def _returned(self, frame: FrameType) -> None:
        """A frame is left: for now (`yield`), by an exception, or for good."""
        if yields_at(frame.f_code, frame.f_lasti):
            self._suspended.add(id(frame))
        elif id(frame) in self._raising:
            self._raising.discard(id(frame))
            self._last_line.pop(id(frame), None)
        else:
            self._leave(frame)


if sys.version_info >= (3, 12):

    class MonitoringTracer(Tracer):
        """By `sys.monitoring`."""

        _TOOL = 4  # none of the ids that debuggers, coverage tools and profilers agree on

        def start(self) -> None:
            """Begin to trace."""
            monitoring, events = sys.monitoring, sys.monitoring.events
            monitoring.use_tool_id(self._TOOL, "testsmith")
            monitoring.register_callback(self._TOOL, events.PY_START, self._started)
            monitoring.register_callback(self._TOOL, events.LINE, self._reached_line)
            monitoring.register_callback(self._TOOL, events.PY_RETURN, self._returned)
            monitoring.set_events(self._TOOL, events.PY_START)

        def _started(self, code: CodeType, _offset: int) -> Any:
            known = code in self._branching
            if not self._admit(code):
                return sys.monitoring.DISABLE
            if not known:
                events = sys.monitoring.events
                sys.monitoring.set_local_events(self._TOOL, code, events.LINE | events.PY_RETURN)
            self._enter(sys._getframe(1))  # noqa: SLF001 - the events do not name their frame
            return None

        def _reached_line(self, _code: CodeType, line: int) -> None:
            self._line(sys._getframe(1), line)  # noqa: SLF001 - as above

        def _returned(self, _code: CodeType, _offset: int, _value: object) -> None:
            self._leave(sys._getframe(1))  # noqa: SLF001 - as above


def make_tracer(span: Span | Spans) -> Tracer:
    """Return the tracer that this interpreter can carry."""
    if sys.version_info >= (3, 12):
        return MonitoringTracer(span)
    return SettraceTracer(span)

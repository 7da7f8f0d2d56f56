"""Trace which lines and branches of members are reached.

Uses `sys.monitoring` from Python 3.12 on, otherwise `sys.settrace`. Only code of the members has a cost; any
other code object is checked once, when it is first entered. Before Python 3.10, the end of a function has no
line of its own, so branches to it are not reported.
"""

from __future__ import annotations

import dis
import sys
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable
from types import CodeType, FrameType
from typing import Any, NamedTuple

_OUT = -1
_RETURNS = frozenset({"RETURN_VALUE", "RETURN_CONST"})
_NEVER_GO_ON = _RETURNS | {"RAISE_VARARGS", "RERAISE"}
_END_OF_ASYNC_LOOP = "END_ASYNC_FOR"
"""Only reached by an exception, but the code after the loop follows it."""

_JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)


def branching_lines(code: CodeType) -> frozenset[int]:
    """Return the lines with several successors: other lines or the exit.

    Exceptions do not count, nor do lines that occur twice without a decision, for example the line of a
    `with`.
    """
    line_at = _Lines(code)
    waiting = {found.offset for found in dis.get_instructions(code) if found.opname == "SEND"}
    onward: dict[int, set[int]] = {}
    deciding: set[int] = set()
    for offset, targets in _reachable(code).items():
        line = line_at(offset)
        lines = {-code.co_firstlineno if target == _OUT else line_at(target) for target in targets}
        onward.setdefault(line, set()).update(lines - {line})
        if len(set(targets)) > 1 and offset not in waiting:
            deciding.add(line)
    return frozenset(line for line in deciding if len(onward[line]) > 1)


def ways_on(code: CodeType) -> frozenset[tuple[int, int]]:
    """Return the arcs from lines with several successors, as the tracer may report them.

    A line that only jumps may be reported or skipped. The target of an exit is the negative first line of the
    code.
    """
    line_at = _Lines(code)
    deciding = branching_lines(code)
    plain = _ways(code)
    found = {
        (line_at(offset), -code.co_firstlineno if target == _OUT else line_at(target))
        for offset, targets in _reachable(code).items()
        if line_at(offset) in deciding
        for target in (*targets, *plain[offset])
    }
    return frozenset(way for way in found if way[0] != way[1])


def yields_at(code: CodeType, offset: int) -> bool:
    """Return whether the instruction at an offset yields a value and waits to be resumed."""
    names = [dis.opname[number] for number in code.co_code[offset : offset + 3 : 2]]
    # Before 3.11, a frame that waits in `yield from` or `await` is one instruction before it.
    return names[:1] == ["YIELD_VALUE"] or names[1:] == ["YIELD_FROM"]


def _reachable(code: CodeType) -> dict[int, list[int]]:
    """Return the successors of each instruction, without code that only an exception reaches.

    The end of an asynchronous loop is reached by an exception, too, but is included.
    """
    ways = _ways(code)
    ends = [found.offset for found in dis.get_instructions(code) if found.opname == _END_OF_ASYNC_LOOP]
    jumps = {found.offset: found.argval for found in dis.get_instructions(code) if _only_jumps(found)}
    reached: dict[int, list[int]] = {}
    left = [0, *ends]
    while left:
        offset = left.pop()
        if offset not in reached and offset != _OUT:
            reached[offset] = [_landing(way, jumps) for way in ways[offset]]
            left += reached[offset]
    return reached


def _landing(target: int, jumps: dict[int, int]) -> int:
    """Follow jumps that are only passed through and do not start a line."""
    passed: set[int] = set()
    while target in jumps and target not in passed:
        passed.add(target)
        target = jumps[target]
    return target


def _ways(code: CodeType) -> dict[int, list[int]]:
    """Return the successors of each instruction, by offset."""
    instructions = list(dis.get_instructions(code))
    ways: dict[int, list[int]] = {}
    for instruction, following in zip(instructions, [*instructions[1:], None]):  # noqa: B905 - Python 3.9 has no `strict`
        targets = ways.setdefault(instruction.offset, [])
        if instruction.opname in _RETURNS:
            targets.append(_OUT)
        if _jumps(instruction):
            targets.append(instruction.argval)
        if following is not None and _goes_on(instruction.opname):
            targets.append(following.offset)
    return ways


def _jumps(instruction: dis.Instruction) -> bool:
    name = instruction.opname
    return instruction.opcode in _JUMPS and not name.startswith("SETUP_") and name != _END_OF_ASYNC_LOOP


def _goes_on(name: str) -> bool:
    """Return whether execution can continue with the following instruction."""
    return name not in _NEVER_GO_ON and (not name.startswith("JUMP_") or "_IF_" in name)


def _has_line(start: tuple[int, int | None]) -> bool:
    return start[1] is not None  # from Python 3.13 on, an instruction may have no line


def _only_jumps(instruction: dis.Instruction) -> bool:
    return _jumps(instruction) and not _goes_on(instruction.opname)


class _Lines:
    """Line of each instruction; one without a line belongs to the previous line."""

    def __init__(self, code: CodeType) -> None:
        found = [*filter(_has_line, dis.findlinestarts(code))]
        self._offsets = [offset for offset, _ in found]
        self._lines = [line for _, line in found]

    def __call__(self, offset: int) -> int:
        return self._lines[max(0, bisect_right(self._offsets, offset) - 1)] if self._lines else 0


_MOST_OPEN_FRAMES = 10_000


class MemberSpan(NamedTuple):
    """Location of a member.

    Attributes:
        file: File name as in code objects.
        first: First line, including decorators; 0 to include module-level code.
        last: Last line.
    """

    file: str
    first: int
    last: int

    def holds(self, code: CodeType) -> bool:
        """Return whether a code object is the member's or nested in it."""
        return (
            self.first <= code.co_firstlineno <= self.last
            and code.co_filename == self.file
            and (code.co_name != "<module>" or self.first == 0)
        )


class Spans:
    """Locations of several members in any files."""

    def __init__(self, spans: Iterable[MemberSpan]) -> None:
        self._by_file: dict[str, list[MemberSpan]] = {}
        for span in spans:
            self._by_file.setdefault(span.file, []).append(span)

    def holds(self, code: CodeType) -> bool:
        """Return whether a code object belongs to a member or is nested in one."""
        return any(span.holds(code) for span in self._by_file.get(code.co_filename, ()))


class ReachedLines:
    """A set of lines and arcs."""

    def __init__(self) -> None:
        self.lines: set[int] = set()
        self.branches: set[tuple[int, int]] = set()

    def of(self, _file: str) -> ReachedLines:
        """Return the set for a file; here there is only one."""
        return self

    def add(self, other: ReachedLines) -> None:
        """Add lines and arcs from another set."""
        self.lines |= other.lines
        self.branches |= other.branches

    def as_json(self) -> dict[str, Any]:
        """Return the lines and arcs as JSON data."""
        return {"lines": sorted(self.lines), "branches": sorted(self.branches)}


class ReachedByFile(ReachedLines):
    """Lines and arcs of several files.

    Attributes:
        parts: Lines and arcs by file.
    """

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[str, ReachedLines] = {}

    def of(self, file: str) -> ReachedLines:
        """Return the set for a file."""
        part = self.parts.get(file)
        if part is None:
            part = self.parts[file] = ReachedLines()
        return part

    def add(self, other: ReachedLines) -> None:
        """Add lines and arcs from another set."""
        if isinstance(other, ReachedByFile):
            for file, part in other.parts.items():
                self.of(file).add(part)


class Tracer:
    """Records lines and arcs in `reached`, which may be replaced at any time.

    Args:
        span: Location of the members.
        entered: Called with the frame of each call of a member that begins; None for nothing.

    Attributes:
        reached: Current set of lines and arcs.
    """

    def __init__(self, span: MemberSpan | Spans, entered: Callable[[FrameType], None] | None = None) -> None:
        self.reached = ReachedLines()
        self._span = span
        self._entered = entered
        self._branching: dict[CodeType, frozenset[int]] = {}
        self._last_line: dict[int, int] = {}

    def exchange(self, reached: ReachedLines) -> ReachedLines:
        """Record into another set from now on; return the previous one."""
        before, self.reached = self.reached, reached
        return before

    def start(self) -> None:
        """Start tracing."""
        raise NotImplementedError

    def _admit(self, code: CodeType) -> bool:
        """Return whether a code object belongs to a member; if so, analyze its branches."""
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
        if self._entered is not None:
            self._entered(frame)

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
    """Tracer based on `sys.settrace`, for Python before 3.12."""

    def __init__(self, span: MemberSpan | Spans, entered: Callable[[FrameType], None] | None = None) -> None:
        super().__init__(span, entered)
        self._suspended: set[int] = set()
        self._raising: set[int] = set()

    def start(self) -> None:
        """Start tracing, including future threads."""
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
        """Handle leaving a frame by `yield`, an exception or a return."""
        if yields_at(frame.f_code, frame.f_lasti):
            self._suspended.add(id(frame))
        elif id(frame) in self._raising:
            self._raising.discard(id(frame))
            self._last_line.pop(id(frame), None)
        else:
            self._leave(frame)


if sys.version_info >= (3, 12):

    class MonitoringTracer(Tracer):
        """Tracer based on `sys.monitoring`."""

        _TOOL = 4  # not an id reserved for debuggers, coverage tools or profilers

        def start(self) -> None:
            """Start tracing."""
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


def make_tracer(span: MemberSpan | Spans, entered: Callable[[FrameType], None] | None = None) -> Tracer:
    """Return the tracer for this version of Python; see `Tracer` for the arguments."""
    if sys.version_info >= (3, 12):
        return MonitoringTracer(span, entered)
    return SettraceTracer(span, entered)

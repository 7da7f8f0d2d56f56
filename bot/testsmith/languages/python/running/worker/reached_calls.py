"""Find the calls and imports in a test module that were not reached while its tests ran.

Instructions are tracked instead of lines: in `ready and send()`, the line runs even if `send` is not called.
Uses `sys.monitoring` from Python 3.12 on, with a one-time cost per instruction, otherwise `sys.settrace`.
"""

from __future__ import annotations

import dis
import sys
import threading
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any

Place = tuple[int, int, int, int]
"""First line and column, last line and column; all but the first line are -1 if unknown."""


class OwnCalls:
    """Records which instructions of one file are reached.

    Args:
        file: File name as in code objects.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._reached: dict[CodeType, set[int]] = {}

    def start(self) -> None:
        """Start recording."""
        if sys.version_info >= (3, 12):
            self._monitor()
        else:
            threading.settrace(self._called)
            sys.settrace(self._called)

    def left(self, source: str) -> list[Place]:
        """Return the locations of calls and imports in the file that were not reached, in order."""
        reached: set[Place] = set()
        every: set[Place] = set()
        for code in _codes(compile(source, self._file, "exec", dont_inherit=True)):
            offsets = self._reached.get(code, set())
            for offset, place in _calls(code):
                every.add(place)
                if offset in offsets:
                    reached.add(place)
        return sorted(every - reached)

    def _note(self, code: CodeType, offset: int) -> None:
        self._reached.setdefault(code, set()).add(offset)

    def _called(self, frame: FrameType, _event: str, _argument: object) -> Callable[..., Any] | None:
        if frame.f_code.co_filename != self._file:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._traced

    def _traced(self, frame: FrameType, event: str, _argument: object) -> Callable[..., Any]:
        if event == "opcode":
            self._note(frame.f_code, frame.f_lasti)
        return self._traced

    if sys.version_info >= (3, 12):
        _TOOL = 3  # like the line tracer's, not a reserved id

        def _monitor(self) -> None:
            monitoring, events = sys.monitoring, sys.monitoring.events
            monitoring.use_tool_id(self._TOOL, "testsmith")
            monitoring.register_callback(self._TOOL, events.PY_START, self._started)
            monitoring.register_callback(self._TOOL, events.INSTRUCTION, self._instruction)
            monitoring.set_events(self._TOOL, events.PY_START)

        def _started(self, code: CodeType, _offset: int) -> Any:
            if code.co_filename == self._file:
                sys.monitoring.set_local_events(self._TOOL, code, sys.monitoring.events.INSTRUCTION)
            return sys.monitoring.DISABLE

        def _instruction(self, code: CodeType, offset: int) -> Any:
            self._note(code, offset)
            return sys.monitoring.DISABLE


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _calls(code: CodeType) -> Iterator[tuple[int, Place]]:
    """Yield the offsets of instructions that call or import something, and their locations in the source."""
    line = code.co_firstlineno
    places = [*code.co_positions()] if sys.version_info >= (3, 11) else []
    starts = dict(dis.findlinestarts(code))
    for instruction in dis.get_instructions(code):
        line = starts.get(instruction.offset) or line
        name = instruction.opname
        is_call = name.startswith("CALL") and not name.startswith("CALL_INTRINSIC")
        if not is_call and name != "IMPORT_NAME":
            continue
        first, last, column, end = places[instruction.offset // 2] if places else (line, None, None, None)
        if first is None or last is None or column is None or end is None:
            yield instruction.offset, (first or line, -1, -1, -1)
        else:
            yield instruction.offset, (first, column, last, end)

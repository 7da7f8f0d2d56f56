"""Which lines of a code object have more than one way on, read from its instructions."""

from __future__ import annotations

import dis
from bisect import bisect_right
from collections.abc import Iterator
from types import CodeType

_NEVER_GO_ON = frozenset({"RAISE_VARARGS", "RERAISE"})
_RETURNS = frozenset({"RETURN_VALUE", "RETURN_CONST"})
_NO_BRANCHES = frozenset({"SEND", "END_ASYNC_FOR"})
_JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)


def branching_lines(code: CodeType) -> frozenset[int]:
    """Return the lines from which execution can go on to more than one other line, or out of the code.

    The ways of exceptions do not count.
    """
    ways: dict[int, set[int]] = {}
    for line, following in _steps(code):
        if line != following:
            ways.setdefault(line, set()).add(following)
    return frozenset(line for line, others in ways.items() if len(others) > 1)


def yields_at(code: CodeType, offset: int) -> bool:
    """Tell whether the instruction at an offset hands over a value and waits to be resumed."""
    names = [dis.opname[number] for number in code.co_code[offset : offset + 3 : 2]]
    # Below 3.11 a frame that waits in `yield from` or `await` stands one instruction before it.
    return names[:1] == ["YIELD_VALUE"] or names[1:] == ["YIELD_FROM"]


def _steps(code: CodeType) -> Iterator[tuple[int, int]]:
    """Yield the lines before and after each step an instruction can make; out of the code is negative."""
    line_at = _Lines(code)
    instructions = list(dis.get_instructions(code))
    for position, instruction in enumerate(instructions):
        line = line_at(instruction.offset)
        name = instruction.opname
        if name in _RETURNS:
            yield line, -code.co_firstlineno
            continue
        if _jumps(instruction):
            yield line, line_at(instruction.argval)
        if _goes_on(name) and position + 1 < len(instructions):
            yield line, line_at(instructions[position + 1].offset)


def _jumps(instruction: dis.Instruction) -> bool:
    name = instruction.opname
    return instruction.opcode in _JUMPS and not name.startswith("SETUP_") and name not in _NO_BRANCHES


def _goes_on(name: str) -> bool:
    """Tell whether the instruction after this one can be the next."""
    return name not in _NEVER_GO_ON and (not name.startswith("JUMP_") or "_IF_" in name)


def _has_line(start: tuple[int, int | None]) -> bool:
    return start[1] is not None  # from Python 3.13 on an instruction may stand on no line


class _Lines:
    """The line of each instruction; one without a line belongs to the line before."""

    def __init__(self, code: CodeType) -> None:
        found = [*filter(_has_line, dis.findlinestarts(code))]
        self._offsets = [offset for offset, _ in found]
        self._lines = [line for _, line in found]

    def __call__(self, offset: int) -> int:
        return self._lines[max(0, bisect_right(self._offsets, offset) - 1)] if self._lines else 0

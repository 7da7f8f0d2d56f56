"""Which lines of a code object have more than one way on, read from its instructions.

Python 3.9 names no line of its own for the end of a function, so there the ways out of it are not told.
"""

from __future__ import annotations

import dis
from bisect import bisect_right
from types import CodeType

_OUT = -1
_RETURNS = frozenset({"RETURN_VALUE", "RETURN_CONST"})
_NEVER_GO_ON = _RETURNS | {"RAISE_VARARGS", "RERAISE"}
_END_OF_ASYNC_LOOP = "END_ASYNC_FOR"
"""Only an exception leads to it, and the code after the loop comes after it."""

_JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)


def branching_lines(code: CodeType) -> frozenset[int]:
    """Return the lines that decide: from which there is more than one way on, to other lines or out.

    The ways of exceptions do not count, nor does a line that is only met twice, as that of a `with`.
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
    """Return the ways from the lines that decide, as a tracer may tell them.

    A line that does nothing but jump may be told or passed over; the way out of the code is its first line,
    negative.
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
    """Tell whether the instruction at an offset hands over a value and waits to be resumed."""
    names = [dis.opname[number] for number in code.co_code[offset : offset + 3 : 2]]
    # Below 3.11 a frame that waits in `yield from` or `await` stands one instruction before it.
    return names[:1] == ["YIELD_VALUE"] or names[1:] == ["YIELD_FROM"]


def _reachable(code: CodeType) -> dict[int, list[int]]:
    """Return where each instruction can go on, without those that only an exception reaches.

    The end of an asynchronous loop is such an exception as well, but no mistake.
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
    """Return where a way really leads: a jump that is only passed through begins no line."""
    passed: set[int] = set()
    while target in jumps and target not in passed:
        passed.add(target)
        target = jumps[target]
    return target


def _ways(code: CodeType) -> dict[int, list[int]]:
    """Return where each instruction can go on, by offsets."""
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
    """Tell whether the instruction after this one can be the next."""
    return name not in _NEVER_GO_ON and (not name.startswith("JUMP_") or "_IF_" in name)


def _has_line(start: tuple[int, int | None]) -> bool:
    return start[1] is not None  # from Python 3.13 on an instruction may stand on no line


def _only_jumps(instruction: dis.Instruction) -> bool:
    return _jumps(instruction) and not _goes_on(instruction.opname)


class _Lines:
    """The line of each instruction; one without a line belongs to the line before."""

    def __init__(self, code: CodeType) -> None:
        found = [*filter(_has_line, dis.findlinestarts(code))]
        self._offsets = [offset for offset, _ in found]
        self._lines = [line for _, line in found]

    def __call__(self, offset: int) -> int:
        return self._lines[max(0, bisect_right(self._offsets, offset) - 1)] if self._lines else 0

"""The lines of JSON that a process in the sandbox has printed: read in one way, whoever printed them.

Foreign code runs beside what prints them, so a line may be anything. One that cannot be understood does not
count, whatever goes wrong while it is read, and more than a run can have to say is not read at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

_MOST_VALUES = 2_000_000
"""Of all lines together, counted by what stands before a value: some hundred bytes of memory each."""


def read_lines(output: bytes, take: Callable[[dict[str, Any]], None]) -> bool:
    """Give each line that is a JSON object to a function, in order.

    Args:
        output: What was printed.
        take: Takes one line in. Whatever it raises, the line does not count, so it keeps what it has
            understood only when it has understood all of it.

    Returns:
        Whether all of it was read.
    """
    start, left = 0, _MOST_VALUES
    while start < len(output) and left >= 0:
        end = output.find(b"\n", start)
        line = output[start:] if end < 0 else output[start:end]
        start += len(line) + 1
        left -= 1 + sum(map(line.count, (b",", b"[", b"{")))
        if left >= 0 and line.lstrip().startswith(b"{"):
            _take(line, take)
    return left >= 0


def _take(line: bytes, take: Callable[[dict[str, Any]], None]) -> None:
    try:
        take(json.loads(line))
    except Exception:  # noqa: BLE001 - as a number that no float holds, or nesting that no parser takes
        return

"""The files of a job: a line of JSON for each call, and one for what became of it. Pure.

What is read comes from outside: a line of another shape is none, and a longer one than any answer is dropped
before it is whole. Shapes: https://platform.openai.com/docs/api-reference/batch.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from testsmith.providers.jobs import MOST_BYTES, MOST_CALLS, JobCall, JobPart

MOST_LINE_BYTES = 16 * 1024**2
"""A longer line is no answer: JSON may spell each of an answer's 4 million characters with several."""

ANSWERED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """What became of one call, as its line tells.

    Attributes:
        call: The id that the call was given.
        status: The HTTP status of its answer; None where it was never made.
        body: The answer's JSON.
        code: Why it was never made, as `batch_expired`; empty where it was.
        message: The same in the endpoint's words.
    """

    call: str
    status: int | None = None
    body: Any = None
    code: str = ""
    message: str = ""


@dataclass(slots=True)
class LineCounts:
    """Lines that were of no use: for nobody's call, for one that was answered, no JSON of the right shape."""

    unknown: int = 0
    repeated: int = 0
    broken: int = 0

    def note(self) -> str:
        """Return the counts in words; empty where there is nothing to count."""
        counts = {"of other calls": self.unknown, "repeated": self.repeated, "broken": self.broken}
        return ", ".join(f"{count} {words}" for words, count in counts.items() if count)


@dataclass(slots=True)
class Lines:
    """Cuts a stream of bytes into lines, and drops those that are too long.

    Attributes:
        too_long: How many were dropped.
    """

    too_long: int = 0
    _kept: list[bytes] = field(default_factory=list)
    _size: int = 0

    async def cut(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Yield the lines that hold anything, the last one also without an end."""
        async for chunk in chunks:
            *ended, rest = chunk.split(b"\n")
            for part in ended:
                self._add(part)
                if line := self._line():
                    yield line
            self._add(rest)
        if line := self._line():
            yield line

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= MOST_LINE_BYTES:
            self._kept.append(part)
        else:
            self._kept.clear()

    def _line(self) -> bytes:
        line = b"".join(self._kept).strip()
        self.too_long += self._size > MOST_LINE_BYTES
        self._kept, self._size = [], 0
        return line


def written(call: str, body: Mapping[str, Any], url: str) -> bytes:
    """Return the line that asks for one call.

    Args:
        call: Its id.
        body: What would be sent for it alone.
        url: The path of the endpoint that answers it, as `/v1/chat/completions`.

    Raises:
        UnicodeEncodeError: It holds a text that is not Unicode.
    """
    line = {"custom_id": call, "method": "POST", "url": url, "body": body}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def parted(
    calls: Sequence[JobCall],
    lines: Sequence[bytes],
    *,
    most_calls: int = MOST_CALLS,
    most_bytes: int = MOST_BYTES,
) -> tuple[JobPart, ...]:
    """Return calls and their lines in as few jobs as the limits allow, in order."""
    parts: list[JobPart] = []
    start = size = 0
    for end, line in enumerate(lines):
        if end > start and (end - start == most_calls or size + len(line) > most_bytes):
            parts.append(JobPart(calls=tuple(calls[start:end]), file=b"".join(lines[start:end])))
            start, size = end, 0
        size += len(line)
    if lines:
        parts.append(JobPart(calls=tuple(calls[start:]), file=b"".join(lines[start:])))
    return tuple(parts)


def read(line: bytes) -> JobLine | None:
    """Return what a line tells; None where it is of another shape."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    call = told.get("custom_id") if isinstance(told, dict) else None
    if not isinstance(call, str):
        return None
    error, response = told.get("error"), told.get("response")
    status = response.get("status_code") if isinstance(response, dict) else None
    if isinstance(status, int):
        return JobLine(call=call, status=status, body=response.get("body"))
    if isinstance(error, dict):
        return JobLine(
            call=call, code=str(error.get("code") or "no code"), message=str(error.get("message") or "")
        )
    return None

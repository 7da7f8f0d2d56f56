"""The bodies of comments: text, then hidden lines, within what the forge takes. All pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

BODY_LIMIT = 65_536
"""The most characters of a comment that GitHub takes; beyond it answers 422."""

CUT_NOTE = "… the rest is too long for a comment; the job summary has all of it."
"""What stands where a body was cut."""

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_TAG = re.compile(r"<(/?)(details|pre)\b", re.IGNORECASE)
_ROOM_TO_CLOSE = 400


def composed(text: str, hidden: str, limit: int = BODY_LIMIT, cut_note: str = CUT_NOTE) -> str:
    """Return a body: the text, cut where it is too long, and the hidden lines, which are never cut.

    A cut is made between lines and before the last line, which stays; what is open there, a fence, a fold or
    a block of code, is closed.

    Args:
        text: The text.
        hidden: The hidden lines.
        limit: The most characters.
        cut_note: What stands where the text was cut.
    """
    room = limit - length(hidden) - len("\n\n")
    text = text.replace("\r\n", "\n").rstrip()
    if length(text) > room:
        text = _cut(text, room, cut_note)
    return f"{text}\n\n{hidden}" if text else hidden


def length(text: str) -> int:
    """Count as UTF-16 does: whichever way the forge counts, it counts no more."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _cut(text: str, room: int, note: str) -> str:
    lines = text.split("\n")
    last = lines[-1] if length(lines[-1]) < room // 4 else ""
    kept, used = list[str](), length(last) + len(note) + _ROOM_TO_CLOSE
    for line in lines[:-1]:
        used += length(line) + 1
        if used > room:
            break
        kept.append(line)
    return "\n".join((*_whole(kept), "", note, "", last)).rstrip()


def _whole(kept: list[str]) -> list[str]:
    """Return the lines with what is open at their end closed; beyond the room for that, fewer of them."""
    closing = _closing(kept)
    while length("\n".join(closing)) > _ROOM_TO_CLOSE - len("\n\n\n\n\n"):
        kept = kept[: len(kept) // 2]
        closing = _closing(kept)
    return [*kept, *closing]


def _closing(lines: Iterable[str]) -> list[str]:
    """Return the lines that close what is open after these."""
    fence, open_tags = "", list[str]()
    for line in lines:
        fence = _fence_after(line, fence)
        if not fence:
            _follow_tags(line, open_tags)
    code_ends = [fence] if fence else [f"</{tag}>" for tag in open_tags[-1:] if tag == "pre"]
    folds = [f"</{tag}>" for tag in reversed(open_tags) if tag == "details"]
    return [*code_ends, *(("", *folds) if folds else ())]


def _fence_after(line: str, fence: str) -> str:
    """Return the fence that is open after a line, given the one before; empty for none."""
    match = _FENCE.fullmatch(line)
    if match is None:
        return fence
    run, rest = match[1], match[2]
    if not fence:
        return "" if run[0] == "`" and "`" in rest else run
    return "" if run.startswith(fence) and not rest.strip() else fence


def _follow_tags(line: str, open_tags: list[str]) -> None:
    for match in _TAG.finditer(line):
        tag = match[2].lower()
        if not match[1]:
            open_tags.append(tag)
        elif tag in open_tags:
            del open_tags[len(open_tags) - 1 - open_tags[::-1].index(tag) :]

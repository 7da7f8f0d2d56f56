"""The hidden marks in the bot's comments, by which it finds them again. All pure.

A mark is an HTML comment, and the last line of a body: one anywhere else, as in a text that is quoted, is
none. A mark alone proves nothing, since anyone can paste one: a comment is the bot's own where its author's
login *and* the mark say so.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

SUMMARY_MARK = "<!-- testsmith:summary -->"
"""What the last line of a summary comment is."""

NUMBER_LIMIT = 999_999
"""The greatest number that a suggestion can have."""

DIGEST = re.compile(r"[0-9a-f]{16}")
"""The shape of the digests in marks."""

_RUN = re.compile(r"<!-- testsmith:run ([0-9a-f]{16}) -->")
_ANSWER = re.compile(r"<!-- testsmith:answer ([1-9][0-9]{0,18}) -->")
_SUGGESTION = re.compile(r"<!-- testsmith:suggestion ([1-9][0-9]{0,5}) ([0-9a-f]{16}) -->")


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionMarker:
    """What the mark of a suggestion says: its number, and the digest of its content."""

    number: int
    content: str

    def __str__(self) -> str:
        return f"<!-- testsmith:suggestion {self.number} {self.content} -->"


def run_mark(run: str) -> str:
    """Return the mark of a review."""
    return f"<!-- testsmith:run {run} -->"


def answer_mark(comment: int) -> str:
    """Return the mark of an answer to a comment."""
    return f"<!-- testsmith:answer {comment} -->"


def content_digest(member: str, code: str) -> str:
    """Return the digest of a suggestion's content.

    Args:
        member: The member's id.
        code: The test module, best as its language's driver normalises it; line ends, blanks at the ends of
            lines and blank lines around the whole do not count.
    """
    lines = (line.rstrip() for line in code.replace("\r\n", "\n").split("\n"))
    return _digest((member, "\n".join(lines).strip("\n")))


def run_digest(head: str, contents: Iterable[str]) -> str:
    """Return the digest of a review: of the commit that it is of, and of what it posts."""
    return _digest((head, *sorted(contents)))


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        text = part.encode("utf-8", "surrogatepass")
        digest.update(b"%d:%b" % (len(text), text))
    return digest.hexdigest()[:16]


def is_summary(body: str) -> bool:
    """Tell whether a body has the mark of a summary."""
    return _last_line(body) == SUMMARY_MARK


def run_of(body: str) -> str | None:
    """Return the digest in the mark of a review's body; None without one."""
    match = _RUN.fullmatch(_last_line(body))
    return match[1] if match else None


def answer_to(body: str) -> int | None:
    """Return the comment that the mark of an answer names; None without one."""
    match = _ANSWER.fullmatch(_last_line(body))
    return int(match[1]) if match else None


def suggestion_of(body: str) -> SuggestionMarker | None:
    """Return what the mark in a body says of a suggestion; None without one."""
    match = _SUGGESTION.fullmatch(_last_line(body))
    return SuggestionMarker(number=int(match[1]), content=match[2]) if match else None


def is_marked(body: str) -> bool:
    """Tell whether a body has any of these marks, and so was written by the bot or copied from it."""
    found = (run_of(body), answer_to(body), suggestion_of(body))
    return is_summary(body) or any(one is not None for one in found)


def is_same_login(one: str, other: str) -> bool:
    """Tell whether two logins, both in REST's form, are one account's."""
    return one.casefold() == other.casefold()


def _last_line(body: str) -> str:
    return body.rstrip().rpartition("\n")[2].strip()


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

"""Hidden markers by which the bot finds its own comments. Pure functions.

A marker is an HTML comment on the last line of a body; one anywhere else, for example in quoted text, does
not count. Anyone can paste a marker, so a comment belongs to the bot only if both its author's login and its
marker match.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

SUMMARY_MARK = "<!-- testsmith:summary -->"
"""The last line of a summary comment."""

NUMBER_LIMIT = 999_999
"""Largest number a suggestion can have."""

DIGEST = re.compile(r"[0-9a-f]{16}")
"""Pattern of the digests in markers and hidden lines."""

HIDDEN_LIMIT = 20_000
"""Maximum characters of a hidden line, including its markers."""

_MEANT_FOR_MARKUP = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "<>&@#"})

_RUN = re.compile(r"<!-- testsmith:run ([0-9a-f]{16}) -->")
_ANSWER = re.compile(r"<!-- testsmith:answer ([1-9][0-9]{0,18}) -->")
_SUGGESTION = re.compile(r"<!-- testsmith:suggestion ([1-9][0-9]{0,5}) ([0-9a-f]{16}) -->")


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionMarker:
    """The marker of a suggestion: its number and the digest of its content."""

    number: int
    content: str

    def __str__(self) -> str:
        return f"<!-- testsmith:suggestion {self.number} {self.content} -->"


def run_mark(run: str) -> str:
    """Return the marker of a review."""
    return f"<!-- testsmith:run {run} -->"


def answer_mark(comment: int) -> str:
    """Return the marker of an answer to a comment."""
    return f"<!-- testsmith:answer {comment} -->"


def content_digest(member: str, code: str) -> str:
    """Return the digest of a suggestion's content.

    Args:
        member: The member's id.
        code: The test module, ideally normalized by its language. Line endings, trailing blanks, and
            blank lines at the start and end are ignored.
    """
    lines = (line.rstrip() for line in code.replace("\r\n", "\n").split("\n"))
    return _digest((member, "\n".join(lines).strip("\n")))


def run_digest(head: str, contents: Iterable[str]) -> str:
    """Return the digest of a review: its commit and the contents it posts."""
    return _digest((head, *sorted(contents)))


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        text = part.encode("utf-8", "surrogatepass")
        digest.update(b"%d:%b" % (len(text), text))
    return digest.hexdigest()[:16]


def is_summary(body: str) -> bool:
    """Return whether a body has the marker of a summary."""
    return _last_line(body) == SUMMARY_MARK


def run_of(body: str) -> str | None:
    """Return the digest in the marker of a review's body, or None."""
    match = _RUN.fullmatch(_last_line(body))
    return match[1] if match else None


def answer_to(body: str) -> int | None:
    """Return the id of the comment that an answer's marker names, or None."""
    match = _ANSWER.fullmatch(_last_line(body))
    return int(match[1]) if match else None


def suggestion_of(body: str) -> SuggestionMarker | None:
    """Return the suggestion marker of a body, or None."""
    match = _SUGGESTION.fullmatch(_last_line(body))
    return SuggestionMarker(number=int(match[1]), content=match[2]) if match else None


def is_marked(body: str) -> bool:
    """Return whether a body has any marker, so that it was written by the bot or copied from it."""
    found = (run_of(body), answer_to(body), suggestion_of(body))
    return is_summary(body) or any(one is not None for one in found)


def is_same_login(one: str, other: str) -> bool:
    """Return whether two logins, both in the form of GitHub's REST API, name the same account."""
    return one.casefold() == other.casefold()


def hidden_line(name: str, data: object) -> str:
    """Return data as a hidden line of JSON, in which nothing means anything to Markdown, HTML or GitHub.

    Args:
        name: The line's name, for example `state`.
        data: The data.

    Raises:
        ValueError: It contains NaN or infinity.
    """
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return f"<!-- testsmith:{name} {text.translate(_MEANT_FOR_MARKUP)} -->"


def hidden_data(name: str, body: str) -> str:
    """Return the JSON in the last hidden line of a name; empty if there is none, or if it is far too long."""
    opening, closing = f"<!-- testsmith:{name} ", " -->"
    start = max(body.rfind(f"\n{opening}") + 1, 0)
    if not body.startswith(opening, start):
        return ""
    line = body[start + len(opening) : start + 2 * HIDDEN_LIMIT].partition("\n")[0].rstrip()
    return line.removesuffix(closing) if line.endswith(closing) else ""


def _last_line(body: str) -> str:
    return body.rstrip().rpartition("\n")[2].strip()


BODY_LIMIT = 65_536
"""Maximum characters of a comment; GitHub answers 422 to longer ones."""

CUT_NOTE = "… the rest is too long for a comment. The job summary shows all of it."
"""Text that replaces the part of a body that was cut."""

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_TAG = re.compile(r"<(/?)(details|pre)\b", re.IGNORECASE)
_ROOM_TO_CLOSE = 400


def composed(text: str, hidden: str, limit: int = BODY_LIMIT, cut_note: str = CUT_NOTE) -> str:
    """Return a comment body: the text, cut if it is too long, then the hidden lines, which are never cut.

    The text is cut between lines; its last line stays. Fences, folds and code blocks that the cut leaves open
    are closed.

    Args:
        text: The visible text.
        hidden: The hidden lines.
        limit: Maximum characters.
        cut_note: Text that replaces the part that was cut.
    """
    room = limit - length(hidden) - len("\n\n")
    text = text.replace("\r\n", "\n").rstrip()
    if length(text) > room:
        text = _cut(text, room, cut_note)
    return f"{text}\n\n{hidden}" if text else hidden


def length(text: str) -> int:
    """Return the length in UTF-16 code units, an upper bound for any way the forge may count."""
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
    """Return the lines with open constructs closed, dropping lines if that takes too much room."""
    closing = _closing(kept)
    while length("\n".join(closing)) > _ROOM_TO_CLOSE - len("\n\n\n\n\n"):
        kept = kept[: len(kept) // 2]
        closing = _closing(kept)
    return [*kept, *closing]


def _closing(lines: Iterable[str]) -> list[str]:
    """Return the lines that close the constructs left open by these lines."""
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

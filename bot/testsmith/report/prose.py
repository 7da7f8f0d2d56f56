"""Sentences with code in them, as every format shows them, and what makes foreign text safe to look at.

Names, reasons and witnesses come from the project under test or from a model. In such text a pair of
backticks marks code. It is read once, here, into spans; each format then escapes the spans in its own way,
so no format has to tell trusted words from untrusted ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls other than tab and newline, terminal escapes among them
    "\xad\u061c\u180e\u200b\u200e\u200f\u2060-\u2064\ufeff"  # nothing to see
    "\u2028\u2029"  # line breaks to some readers, not to others
    "\u202a-\u202e\u2066-\u206f"  # change the reading direction: shown code would not be what is run
    "\ud800-\udfff"  # cannot be encoded; stand for undecodable bytes of a path
    "\U000e0000-\U000e007f]"  # tags: a second, invisible alphabet
)
_TICKS = re.compile("`+")

SENTENCE_LIMIT = 600
"""The most characters of a foreign sentence that are shown; the JSON holds all of it."""

NAME_LIMIT = 200
"""The most characters of a foreign name that are shown."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a sentence: words, or code."""

    text: str
    is_code: bool = False


Prose = tuple[Span, ...]
"""One sentence or part of one, on one line."""


def visible(text: str) -> str:
    r"""Return a text with its invisible characters spelled out, as `\x1b`; tabs and newlines stay."""
    return _UNSEEN.sub(spelled_out, text)


def spelled_out(match: re.Match[str]) -> str:
    """Return the escape sequence of a matched character, as Python and JavaScript spell it."""
    return match[0].encode("unicode_escape").decode("ascii")


def shown_code(code: str) -> str:
    r"""Return a test module as it may be shown: `\n` line ends, nothing invisible, no blank edges."""
    return visible(code.replace("\r\n", "\n")).strip("\n")


def one_line(text: str, limit: int = SENTENCE_LIMIT) -> str:
    """Return a text on one line, nothing invisible in it, cut with an ellipsis at the limit."""
    line = visible(" ".join(text.split())[: limit + 1])
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def plain(text: str) -> Prose:
    """Return words that hold no code, whatever their characters are."""
    return (Span(text),)


def code(text: str) -> Prose:
    """Return a foreign name or expression as code."""
    return (Span(one_line(text, NAME_LIMIT), is_code=True),)


def parse(text: str) -> Prose:
    """Return a foreign sentence: what stands between two backticks is code, a lone backtick is itself."""
    line = _TICKS.sub("`", one_line(text))
    if line.count("`") % 2:
        return plain(line)
    pieces = enumerate(line.split("`"))
    return tuple(Span(piece, is_code=bool(index % 2)) for index, piece in pieces if piece)


def joined(separator: str, parts: Iterable[Prose]) -> Prose:
    """Return the parts as one, with the separator between them."""
    spans: list[Span] = []
    for part in parts:
        spans.extend((Span(separator), *part) if spans else part)
    return tuple(spans)


def text_of(prose: Prose) -> str:
    """Return the words alone, code without a mark."""
    return "".join(span.text for span in prose)

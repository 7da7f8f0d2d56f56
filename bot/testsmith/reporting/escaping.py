"""Escape untrusted text for every output format.

Names, reasons and witnesses come from the project under test or from a model. In such text a pair of
backticks marks code. It is parsed here once into spans; each format then escapes the spans in its own way, so
no format has to distinguish trusted text from untrusted text.

Markdown output must pass all such text through `inline`, `cell`, `tagged` or one of the block functions. The
result has no HTML, links, mentions, issue references, closing fences, bot markers (`<!--`) or workflow
commands (`::name::` at the start of a line, `##[name]` anywhere).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters except tab and newline, including terminal escapes
    "\xad\u061c\u180e\u200b\u200e\u200f\u2060-\u2064\ufeff"  # invisible characters
    "\u2028\u2029"  # line breaks only to some readers
    "\u202a-\u202e\u2066-\u206f"  # bidirectional controls: the code shown would differ from the code run
    "\ud800-\udfff"  # surrogates: not encodable; represent undecodable bytes of a path
    "\U000e0000-\U000e007f]"  # tags: a second, invisible alphabet
)
_TICKS = re.compile("`+")

SENTENCE_LIMIT = 600
"""Maximum characters of an untrusted sentence in text output; JSON has all of it."""

NAME_LIMIT = 200
"""Maximum characters of an untrusted name in text output."""


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A piece of a sentence: words or code."""

    text: str
    is_code: bool = False


Prose = tuple[TextSpan, ...]
"""A sentence or part of one, on one line."""


def visible(text: str) -> str:
    r"""Return a text with invisible characters escaped, for example `\x1b`; tabs and newlines stay."""
    return _UNSEEN.sub(spelled_out, text)


def spelled_out(match: re.Match[str]) -> str:
    """Return the escape sequence of a matched character, as in Python and JavaScript."""
    return match[0].encode("unicode_escape").decode("ascii")


def shown_code(code: str) -> str:
    r"""Return a test module for display: `\n` line endings, nothing invisible, no blank lines around it."""
    return visible(code.replace("\r\n", "\n")).strip("\n")


def one_line(text: str, limit: int = SENTENCE_LIMIT) -> str:
    """Return a text on one line without invisible characters, cut with an ellipsis at the limit."""
    line = visible(" ".join(text.split())[: limit + 1])
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def plain(text: str) -> Prose:
    """Return a text as words without code."""
    return (TextSpan(text),)


def code(text: str) -> Prose:
    """Return an untrusted name or expression as code."""
    return (TextSpan(one_line(text, NAME_LIMIT), is_code=True),)


def parse(text: str) -> Prose:
    """Parse an untrusted sentence: text between two backticks is code; a lone backtick is literal."""
    line = _TICKS.sub("`", one_line(text))
    if line.count("`") % 2:
        return plain(line)
    pieces = enumerate(line.split("`"))
    return tuple(TextSpan(piece, is_code=bool(index % 2)) for index, piece in pieces if piece)


def joined(separator: str, parts: Iterable[Prose]) -> Prose:
    """Join parts with a separator."""
    spans: list[TextSpan] = []
    for part in parts:
        spans.extend((TextSpan(separator), *part) if spans else part)
    return tuple(spans)


def text_of(prose: Prose) -> str:
    """Return the text alone, without marking code."""
    return "".join(span.text for span in prose)


# Escaping for Markdown comments.

_ZERO_WIDTH_SPACE = "\u200b"

_SPECIAL = re.compile(r"[\\`*_\[\]>|~&$]")
_LINKING = re.compile(r"@|#(?=\d)|GH(?=-\d)|:(?=//)|www(?=\.)", re.IGNORECASE)
_BLOCK_STARTS = ("-", "+", "=", "#", ":")
_LEADING_NUMBER = re.compile(r"(\d{1,9})[.)]")
_FENCE_IS_UNSAFE = re.compile(r"<!--|^[^\S\n]*::|##\[", re.MULTILINE)
_COMMAND_START = re.compile(r"^([^\S\n]*):(?=:)|(?<=##)\[", re.MULTILINE)
_SPAN_NEEDS_ENTITIES = re.compile(r"<!--|##\[|`")
_CELL_NEEDS_ENTITIES = re.compile(r"<!--|##\[|[`|\\]")
_MEANT_FOR_MARKUP = re.compile(r"[\\`*_\[\]<>|~&$!@#]|:(?=\S)")
_NOT_A_WORD = re.compile(r"\W", re.ASCII)


def code_block(text: str, language: str) -> str:
    """Return a code block that shows and copies the code exactly and that the code cannot close early.

    If a fence would expose workflow commands or bot markers, it is an HTML block, in which those characters
    are written as entities.
    """
    language = _NOT_A_WORD.sub("", language)
    if _FENCE_IS_UNSAFE.search(text):
        spelled = _COMMAND_START.sub(_command_entity, html.escape(text, quote=False))
        return f'<pre lang="{language}"><code>{spelled}</code></pre>'
    return _fenced(text, language)


def change_block(text: str) -> str:
    """Return a suggested change for a reviewer to commit; empty if it cannot be shown exactly."""
    if _FENCE_IS_UNSAFE.search(text) or visible(text) != text:
        return ""
    return _fenced(text, "suggestion")


def _fenced(text: str, info: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(text)), default=0))
    return f"{fence}{info}\n{text}\n{fence}"


def _command_entity(match: re.Match[str]) -> str:
    return "&#91;" if match[0] == "[" else f"{match[1]}&#58;"


def paragraph(prose: Prose) -> str:
    """Return prose that is safe at the start of a line: no list, heading or workflow command."""
    text = inline(prose)
    leading = _LEADING_NUMBER.match(text)
    if leading:
        return f"{leading[1]}\\{text[leading.end(1) :]}"
    return f"\\{text}" if text.startswith(_BLOCK_STARTS) else text


def inline(prose: Prose) -> str:
    """Return prose as Markdown within a line."""
    return "".join(
        _code_span(span.text, _SPAN_NEEDS_ENTITIES) if span.is_code else _words(span.text) for span in prose
    )


def cell(prose: Prose) -> str:
    """Return prose as Markdown within a table cell, in which a bar ends the cell even in code."""
    return "".join(
        _code_span(span.text, _CELL_NEEDS_ENTITIES) if span.is_code else _words(span.text) for span in prose
    )


def tagged(prose: Prose) -> str:
    """Return prose as HTML within a line where Markdown is not parsed, for example a fold's heading.

    It looks the same if Markdown is parsed after all.
    """
    return "".join(
        f"<code>{_entities(span.text)}</code>" if span.is_code else _entities(_unlinked(span.text))
        for span in prose
    )


def _words(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", _unlinked(text)).replace("<", "&lt;")


def _unlinked(text: str) -> str:
    return _LINKING.sub(_broken, text)


def _broken(match: re.Match[str]) -> str:
    """Break up a match that would become a link; an `@` is separated on both sides."""
    before = _ZERO_WIDTH_SPACE if match[0] == "@" else ""
    return f"{before}{match[0]}{_ZERO_WIDTH_SPACE}"


def _entities(text: str) -> str:
    return _MEANT_FOR_MARKUP.sub(lambda match: f"&#{ord(match[0])};", text)


def _code_span(text: str, needs_entities: re.Pattern[str]) -> str:
    if not text or needs_entities.search(text):
        return f"<code>{_entities(text)}</code>"
    return f"`{text}`"

"""Sentences with code in them, as every format shows them, and what makes foreign text safe to look at.

Names, reasons and witnesses come from the project under test or from a model. In such text a pair of
backticks marks code. It is read once, here, into spans; each format then escapes the spans in its own way,
so no format has to tell trusted words from untrusted ones.
"""

from __future__ import annotations

import html
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
class TextSpan:
    """A piece of a sentence: words, or code."""

    text: str
    is_code: bool = False


Prose = tuple[TextSpan, ...]
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
    return (TextSpan(text),)


def code(text: str) -> Prose:
    """Return a foreign name or expression as code."""
    return (TextSpan(one_line(text, NAME_LIMIT), is_code=True),)


def parse(text: str) -> Prose:
    """Return a foreign sentence: what stands between two backticks is code, a lone backtick is itself."""
    line = _TICKS.sub("`", one_line(text))
    if line.count("`") % 2:
        return plain(line)
    pieces = enumerate(line.split("`"))
    return tuple(TextSpan(piece, is_code=bool(index % 2)) for index, piece in pieces if piece)


def joined(separator: str, parts: Iterable[Prose]) -> Prose:
    """Return the parts as one, with the separator between them."""
    spans: list[TextSpan] = []
    for part in parts:
        spans.extend((TextSpan(separator), *part) if spans else part)
    return tuple(spans)


def text_of(prose: Prose) -> str:
    """Return the words alone, code without a mark."""
    return "".join(span.text for span in prose)


# What makes foreign text safe and true in a comment, wherever in it the text stands.
#
# Everything from the project under test or a model passes `inline`, `cell`, `tagged` or one of the
# blocks. After them nothing in it is HTML, a link, a mention, a reference to an issue, the end of a
# fence, a marker of ours (`<!--`), or a command to the runner that prints it (`::name::` at the start of
# a line, `##[name]` anywhere).

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
    """Return code that reads and copies to the letter, and ends where we end it.

    A fence cannot hold what the runner or our own markers would be found in; then it is an HTML block, in
    which each such character can be spelled as an entity.
    """
    language = _NOT_A_WORD.sub("", language)
    if _FENCE_IS_UNSAFE.search(text):
        spelled = _COMMAND_START.sub(_command_entity, html.escape(text, quote=False))
        return f'<pre lang="{language}"><code>{spelled}</code></pre>'
    return _fenced(text, language)


def change_block(text: str) -> str:
    """Return lines for a person to commit from a comment; empty if they cannot be shown to the letter."""
    if _FENCE_IS_UNSAFE.search(text) or visible(text) != text:
        return ""
    return _fenced(text, "suggestion")


def _fenced(text: str, info: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(text)), default=0))
    return f"{fence}{info}\n{text}\n{fence}"


def _command_entity(match: re.Match[str]) -> str:
    return "&#91;" if match[0] == "[" else f"{match[1]}&#58;"


def paragraph(prose: Prose) -> str:
    """Return prose that may stand at the start of a line: it begins no list, heading or runner's command."""
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
    """Return prose as Markdown within a table's cell, where a bar would end the cell even in code."""
    return "".join(
        _code_span(span.text, _CELL_NEEDS_ENTITIES) if span.is_code else _words(span.text) for span in prose
    )


def tagged(prose: Prose) -> str:
    """Return prose as HTML within a line, where Markdown is not read, as in a fold's heading.

    It reads the same where Markdown is read after all.
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
    """Return what would link, so that it does not; an `@` is set apart on both sides."""
    before = _ZERO_WIDTH_SPACE if match[0] == "@" else ""
    return f"{before}{match[0]}{_ZERO_WIDTH_SPACE}"


def _entities(text: str) -> str:
    return _MEANT_FOR_MARKUP.sub(lambda match: f"&#{ord(match[0])};", text)


def _code_span(text: str, needs_entities: re.Pattern[str]) -> str:
    if not text or needs_entities.search(text):
        return f"<code>{_entities(text)}</code>"
    return f"`{text}`"

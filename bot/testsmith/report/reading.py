"""The code of suggestions, read back from the comments that show it. All pure.

What a reader sees is what is read, but for a suggested change: that shows lines of a test file, not the test
module that was proven, which so stands in a hidden line below it.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import zlib
from collections.abc import Sequence

from testsmith.model import Origin
from testsmith.report.words import ORIGIN_WORDS

CODE_LIMIT = 200_000
"""The most bytes of a test module that are read back."""

_HIDDEN = re.compile(r"<!-- testsmith:code ([0-9A-Za-z+/=]+) -->")
_FENCE = re.compile(r"(`{3,})([a-z]*)")
_PRE = re.compile(r'<pre lang="[a-z]*"><code>(.*?)</code></pre>', re.DOTALL)
_CHANGE = "suggestion"
_OFFLINE = ORIGIN_WORDS[Origin.OFFLINE]


def hidden_code(code: str) -> str:
    """Return the hidden line that holds a test module."""
    packed = base64.b64encode(zlib.compress(code.encode("utf-8", "surrogatepass"), 9))
    return f"<!-- testsmith:code {packed.decode()} -->"


def shows_change(text: str) -> bool:
    """Tell whether a comment shows a suggested change, so that its test module is hidden."""
    fence = next((match for line in _lines(text) if (match := _FENCE.fullmatch(line))), None)
    return fence is not None and fence[2] == _CHANGE


def origin_in(text: str) -> Origin:
    """Return who has made the tests that a comment shows, by its own words."""
    footers = [line for line in _lines(text) if line.startswith("<sub>")]
    return Origin.OFFLINE if footers and _OFFLINE in footers[-1] else Origin.MODEL


def code_in(text: str) -> str | None:
    """Return the test module in the text of a comment, or of a fold; None where it has none."""
    lines = _lines(text)
    for index, line in enumerate(lines):
        fence = _FENCE.fullmatch(line)
        if fence is not None:
            return _hidden(lines) if fence[2] == _CHANGE else _fenced(lines[index + 1 :], fence[1])
        if line.startswith("<pre "):
            block = _PRE.match("\n".join(lines[index:]))
            return html.unescape(block[1]) if block else None
    return None


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").split("\n")


def _fenced(lines: Sequence[str], fence: str) -> str | None:
    return "\n".join(lines[: lines.index(fence)]) if fence in lines else None


def _hidden(lines: Sequence[str]) -> str | None:
    match = next((found for line in lines if (found := _HIDDEN.fullmatch(line))), None)
    if match is None:
        return None
    reader = zlib.decompressobj()
    try:
        code = reader.decompress(base64.b64decode(match[1], validate=True), CODE_LIMIT)
        return code.decode() if reader.eof else None
    except (binascii.Error, zlib.error, UnicodeDecodeError):
        return None

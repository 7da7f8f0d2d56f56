"""Inputs that the authors of a change write in comments, commit messages and documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from testsmith.languages.python.explorer.literal_sites import read_literal
from testsmith.languages.python.explorer.render.expressions import Expression, InputSource, quoted
from testsmith.model import Member

_SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)([^`\n]{1,80})(?<!`)\1(?!`)")
_QUOTED = re.compile(r"""(?<![\w"'])(["'])(?=\S)([^"'\n]{1,80}?)(?<=\S)\1(?![\w"'])""")
_NUMBER = re.compile(r"(?<![\w.,#:/§-])-?(?:\d[\d_]*\d(?:\.\d+)?|\d\.\d\d+)(?![\w/-]|[.,:]\d)")
_CODE_POINT = re.compile(r"\bU\+([0-9A-F]{4,6})\b")
_NAME = re.compile(r"[^\W\d][\w.]*(\(\))?")
_PATTERN = re.compile(r"\(\?|\\[dwsbDWSB]")
_COMMENT = re.compile(r"(?:^|\s)# ?(.*)")
_MOST_TEXTS = 12
_MOST_NUMBERS = 8


def stated_texts(member: Member, intent: str) -> list[str]:
    """Return the code and the quoted texts of changed comments and of what the authors say.

    Names of functions and variables, and regular expressions, are left out. A character can be named by its
    code point.
    """
    changed = "\n".join(_changed_lines(member))
    prose = _prose(member, intent)
    spans = [text for _, text in _SPAN.findall(f"{changed}\n{intent}")]
    found = [text for text in spans if not _NAME.fullmatch(text)]
    found += [text for _, text in _QUOTED.findall(prose)]
    found = [text.replace("\\n", "\n").replace("\\t", "\t") for text in found if not _PATTERN.search(text)]
    found += [chr(int(code, 16)) for code in _CODE_POINT.findall(prose)]
    return list(islice(dict.fromkeys(found), _MOST_TEXTS))


def stated_values(member: Member, intent: str) -> list[Expression]:
    """Return the texts as values, after the literals among them and the numbers next to them."""
    texts = stated_texts(member, intent)
    numbers = dict.fromkeys(_NUMBER.findall(_prose(member, intent)))
    literals = [text for text in (*texts, *islice(numbers, _MOST_NUMBERS)) if read_literal(text) is not None]
    written = [*literals, *map(quoted, texts)]
    return [Expression(text, layer=InputSource.USED) for text in dict.fromkeys(written)]


def _changed_lines(member: Member) -> Iterator[str]:
    for diff in (member.shown_change.own, *member.shown_change.private):
        yield from (line[1:] for line in diff.splitlines() if line[:1] in {"+", "-"})


def _prose(member: Member, intent: str) -> str:
    comments = (found[1] for line in _changed_lines(member) if (found := _COMMENT.search(line)))
    return "\n".join((*comments, intent))

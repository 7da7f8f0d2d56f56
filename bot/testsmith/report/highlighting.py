"""The few kinds of code that are worth a colour, the same few on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import Any

_CHARACTERS_LIMIT = 60_000
_LINES_LIMIT = 2_000
"""Longer code is shown without colours: on hostile text (25,000 blank lines) a lexer takes half a minute."""


class Kind(StrEnum):
    """What a piece of code is; the value is its class on the page."""

    PLAIN = ""
    KEYWORD = "k"
    STRING = "s"
    NUMBER = "n"
    COMMENT = "c"
    NAME = "f"
    """The name of what is defined or decorated here."""


def pieces(code: str, language: str) -> Iterator[tuple[Kind, str]]:
    """Yield the code in pieces of one kind each; together they are the code, to the letter."""
    for kind, group in groupby(_kinds(code, language), key=itemgetter(0)):
        yield kind, "".join(text for _, text in group)


def _kinds(code: str, language: str) -> Iterator[tuple[Kind, str]]:
    lexer = _lexer(language) if _is_ordinary(code) else None
    if lexer is None:
        yield Kind.PLAIN, code
        return
    for token, text in lexer.get_tokens(code):
        yield _kind(token), text


def _is_ordinary(code: str) -> bool:
    return len(code) <= _CHARACTERS_LIMIT and code.count("\n") <= _LINES_LIMIT


def _lexer(language: str) -> Any | None:
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]  # it ships no types
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]  # it ships no types

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


def _kind(token: Any) -> Kind:
    from pygments.token import Token  # type: ignore[import-untyped]  # it ships no types

    kinds = (
        (Token.Keyword, Kind.KEYWORD),
        (Token.Operator.Word, Kind.KEYWORD),
        (Token.Literal.String.Interpol, Kind.PLAIN),
        (Token.Literal.String, Kind.STRING),
        (Token.Literal.Number, Kind.NUMBER),
        (Token.Comment, Kind.COMMENT),
        (Token.Name.Function, Kind.NAME),
        (Token.Name.Class, Kind.NAME),
        (Token.Name.Decorator, Kind.NAME),
    )
    return next((kind for parent, kind in kinds if token in parent), Kind.PLAIN)

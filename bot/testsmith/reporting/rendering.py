"""Shared parts of the renderers: the view, templates and syntax highlighting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testsmith import PROGRAM
from testsmith.settings import OPTIONS, SelectionSettings, Settings

if TYPE_CHECKING:
    from jinja2 import Environment


PREPARING = ("install", "setup_command", "test_command", "python_version")
"""The arguments that say how a project is set up and tested."""

_PLACES = frozenset({"python", "go", "node", "coverage", "replay"})
_HERE = ("sandbox", "python", "go", "node", "coverage", *PREPARING)
_FOR_A_MODEL = ("provider", "base_url", "replay")
_LEFT_OUT = frozenset({"max_members"})  # the command is for one member


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a report is displayed, and how a reader can reproduce it.

    Attributes:
        project: Name of the repository, or of the folder if there is none.
        command: The words that repeat the run, for example `("testsmith", "suggest", "--base", "main")`.
        for_model: Additional words that repeat the model settings.
        width: Terminal width in columns.
        color: Whether the terminal supports colors.
        commands: Whether comment commands such as `apply` work where the report is displayed.
        root: Root of the repository on this machine, for links to its files; None for no links.
        web_address: Web page of the repository on GitHub; empty for none.
    """

    project: str
    command: tuple[str, ...] = ("testsmith", "suggest")
    for_model: tuple[str, ...] = ()
    width: int = 100
    color: bool = False
    commands: bool = False
    root: Path | None = None
    web_address: str = ""


def view_of(
    settings: Settings, arguments: Mapping[str, object], *, width: int = 100, color: bool = False
) -> View:
    """Return the view of a command line run.

    Args:
        settings: The settings of the run.
        arguments: The given arguments, by the keys of the argument parser.
        width: Terminal width in columns.
        color: Whether the terminal supports colors.
    """
    elsewhere = arguments.get("repo", ".") != "."
    typed = {
        key: str(Path(str(value)).expanduser().absolute())
        if elsewhere and key in _PLACES and value
        else value
        for key, value in arguments.items()
    }
    repo = ("--repo", str(settings.folder)) if elsewhere else ()
    selected = _selection_words(settings.selection)
    return View(
        project=settings.folder.name,
        command=(
            *(*PROGRAM, "suggest", *repo, *selected),
            *repeated(typed, (*_HERE, *_options("selection", "verification"))),
        ),
        for_model=repeated(typed, (*_FOR_A_MODEL, *_options("model"))),
        width=width,
        color=color,
    )


def _options(*groups: str) -> tuple[str, ...]:
    return tuple(one.key for one in OPTIONS if one.group in groups and one.key not in _LEFT_OUT)


def repeated(arguments: Mapping[str, object], keys: Iterable[str]) -> tuple[str, ...]:
    """Return the words that repeat some arguments, skipping those that were not given."""
    return tuple(word for key in keys for word in _words(key.replace("_", "-"), arguments.get(key)))


def _words(name: str, value: object) -> Iterator[str]:
    match value:
        case None | "":
            return
        case bool():
            if value:
                yield f"--{name}"
            elif name in _NEGATABLE:
                yield f"--no-{name}"
        case list() | tuple():
            for each in value:
                yield from (f"--{name}", str(each))
        case _:
            text = str(value)
            yield from (f"--{name}={text}",) if text.startswith("-") else (f"--{name}", text)


_NEGATABLE = frozenset(one.name for one in OPTIONS if one.kind is bool)


def _selection_words(selection: SelectionSettings) -> tuple[str, ...]:
    if selection.all_paths:
        return ("--all", *selection.all_paths)
    base = () if selection.base is None else ("--base", selection.base)
    head = () if selection.head is None else ("--head", selection.head)
    return (*base, *head)


# Templates. The HTML template escapes its values; the Markdown templates get Markdown that is already
# escaped, because only the caller knows the position of a text in its line.


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Render a template, without trailing line breaks.

    Raises:
        jinja2.UndefinedError: The template uses a missing value.
    """
    return _environment().get_template(template).render(values).rstrip("\n")


def source(name: str) -> str:
    """Return the text of a file in the templates' directory."""
    return files("testsmith.reporting").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=PackageLoader("testsmith.reporting"),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )


_CHARACTERS_LIMIT = 60_000
_LINES_LIMIT = 2_000
"""Maximum lines of highlighted code: on hostile text (25,000 blank lines) a lexer takes half a minute."""


class TokenKind(StrEnum):
    """The kind of a piece of code; the value is its CSS class."""

    PLAIN = ""
    KEYWORD = "k"
    STRING = "s"
    NUMBER = "n"
    COMMENT = "c"
    NAME = "f"
    """The name in a definition or decorator."""
    ADDED = "add"
    """An added line of a diff."""
    REMOVED = "del"
    """A removed line of a diff."""
    HEADING = "h"
    """A line of a diff that names a file or a place."""


def pieces(code: str, language: str) -> Iterator[tuple[TokenKind, str]]:
    """Yield the code in pieces of one kind each; joined, they equal the code."""
    for kind, group in groupby(_kinds(code, language), key=itemgetter(0)):
        yield kind, "".join(text for _, text in group)


def _kinds(code: str, language: str) -> Iterator[tuple[TokenKind, str]]:
    if language == "diff":
        yield from _kinds_of_diff(code)
        return
    lexer = _lexer(language) if _is_ordinary(code) else None
    if lexer is None:
        yield TokenKind.PLAIN, code
        return
    for token, text in lexer.get_tokens(code):
        yield _kind(token), text


def _kinds_of_diff(patch: str) -> Iterator[tuple[TokenKind, str]]:
    kinds = {"@": TokenKind.HEADING, "+": TokenKind.ADDED, "-": TokenKind.REMOVED}
    is_heading = True
    for line in patch.splitlines(keepends=True):
        is_heading = is_heading and not line.startswith("@@")  # until the first place, files are named
        yield TokenKind.HEADING if is_heading else kinds.get(line[0], TokenKind.PLAIN), line


def _is_ordinary(code: str) -> bool:
    return len(code) <= _CHARACTERS_LIMIT and code.count("\n") <= _LINES_LIMIT


def _lexer(language: str) -> Any | None:
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]  # it ships no types
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]  # it ships no types

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


def _kind(token: Any) -> TokenKind:
    from pygments.token import Token  # type: ignore[import-untyped]  # it ships no types

    kinds = (
        (Token.Keyword, TokenKind.KEYWORD),
        (Token.Operator.Word, TokenKind.KEYWORD),
        (Token.Literal.String.Interpol, TokenKind.PLAIN),
        (Token.Literal.String, TokenKind.STRING),
        (Token.Literal.Number, TokenKind.NUMBER),
        (Token.Comment, TokenKind.COMMENT),
        (Token.Name.Function, TokenKind.NAME),
        (Token.Name.Class, TokenKind.NAME),
        (Token.Name.Decorator, TokenKind.NAME),
    )
    return next((kind for parent, kind in kinds if token in parent), TokenKind.PLAIN)

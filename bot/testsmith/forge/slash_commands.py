"""Parse the comment commands in a comment. Pure functions.

    /testsmith apply 1 3-5
    /testsmith reject 2 the name says it already
    /testsmith retry 4 -- use a leap year

A command is a line of a top-level Markdown paragraph; lines in quotes, lists, tables, code or HTML do not
count. The bot's keywords are case-insensitive; everything else is case-sensitive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from testsmith.forge.comment_markers import NUMBER_LIMIT

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

PREFIX = "/testsmith"
"""Prefix of a command line."""

MOST_COMMANDS = 10
"""Maximum commands per comment; if there are more, none is run."""

MOST_NUMBERS = 100
"""Maximum numbers, or paths and members, per command."""

MOST_CHARACTERS = 200
"""Maximum characters of one path, member or reason."""

MOST_HINT_CHARACTERS = 500
"""Maximum characters of a hint."""

BODY_LIMIT = 65_536
"""Maximum characters of a comment that are read; GitHub's limit."""

_BLOCKS = (
    *("blockquote", "code", "fence", "heading", "hr"),
    *("html_block", "lheading", "list", "reference", "table"),
)
_INLINES = ("backticks", "escape", "html_inline", "newline")
_COMMAND = re.compile(r"[ \t]*/testsmith(?:[ \t]+(.*))?[ \t]*", re.IGNORECASE)
_HINT = re.compile(r"^[ \t]*/testsmith(?:\s|$)", re.IGNORECASE | re.MULTILINE)
_HINTED = re.compile(r"(?:^|\s)(?:--|\u2014)\s+(\S.*)$")
"""A hint. Phones turn `--` into a long dash."""
_TARGET = re.compile(r'"([^"]*)"|`([^`]*)`|(\S+)')
_NUMBER = r"#?[0-9]{1,6}(?:-#?[0-9]{1,6})?"
_NUMBERS = re.compile(rf"{_NUMBER}(?:,{_NUMBER})*,?", re.ASCII)


class Verb(StrEnum):
    """The name of a command."""

    SUGGEST = "suggest"
    APPLY = "apply"
    REJECT = "reject"
    RETRY = "retry"
    EXPLAIN = "explain"
    IGNORE = "ignore"
    RESUME = "resume"
    HELP = "help"


class Takes(Enum):
    """What a command accepts after its name."""

    NOTHING = "nothing"
    NUMBERS = "numbers"
    NUMBERS_OR_ALL = "numbers, or `all`"
    NUMBERS_AND_REASON = "numbers, then a reason"
    TARGETS = "paths and functions"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """Description of a command.

    Attributes:
        takes: What it accepts after its name.
        usage: Its arguments, as the help shows them.
        help: What it does, as the help shows it.
        runs_code: Whether it runs the pull request's code.
        is_shortcut: Whether its bare name is a command in the thread of a suggestion.
        takes_hint: Whether `--` and a hint for the model may follow.
    """

    takes: Takes
    usage: str = ""
    help: str
    runs_code: bool = False
    is_shortcut: bool = False
    takes_hint: bool = False


COMMANDS: Mapping[Verb, CommandSpec] = {
    Verb.SUGGEST: CommandSpec(
        takes=Takes.TARGETS,
        usage="[path or function ...] [-- hint]",
        help="suggest tests again, for the whole pull request or for the given paths and functions, "
        "changed or not",
        runs_code=True,
        takes_hint=True,
    ),
    Verb.APPLY: CommandSpec(
        takes=Takes.NUMBERS_OR_ALL,
        usage="[numbers or all]",
        help="prove these tests again on the latest commit, and commit them to the branch",
        runs_code=True,
        is_shortcut=True,
    ),
    Verb.REJECT: CommandSpec(
        takes=Takes.NUMBERS_AND_REASON,
        usage="numbers [reason]",
        help="do not propose these tests again",
        is_shortcut=True,
    ),
    Verb.RETRY: CommandSpec(
        takes=Takes.NUMBERS,
        usage="[numbers] [-- hint]",
        help="replace these tests with new ones, or try again where there are none",
        runs_code=True,
        takes_hint=True,
        is_shortcut=True,
    ),
    Verb.EXPLAIN: CommandSpec(
        takes=Takes.NUMBERS,
        usage="number",
        help="run the tests again and show everything that is known about them",
        runs_code=True,
        is_shortcut=True,
    ),
    Verb.IGNORE: CommandSpec(takes=Takes.NOTHING, help="pause TestSmith on this pull request"),
    Verb.RESUME: CommandSpec(
        takes=Takes.NOTHING, help="continue after `ignore`, and review the pull request", runs_code=True
    ),
    Verb.HELP: CommandSpec(takes=Takes.NOTHING, help="show this list"),
}
"""All commands, in the order of the help. `review/commands/handlers.py` has the handlers."""

_SHORTCUTS = "|".join(verb for verb, spec in COMMANDS.items() if spec.is_shortcut)
_SHORTCUT = re.compile(rf"\s*({_SHORTCUTS})(?:[.!]|\s*:\s*([^\n]+))?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlashCommand:
    """One command.

    Attributes:
        verb: The requested action.
        numbers: The suggestions it names, each once; empty for none.
        is_all: Whether it says `all`.
        targets: The paths and members it names.
        reason: The reason given by the author.
        hint: What the author asks the tests to look at.
    """

    verb: Verb
    numbers: tuple[int, ...] = ()
    is_all: bool = False
    targets: tuple[str, ...] = ()
    reason: str = ""
    hint: str = ""

    def __str__(self) -> str:
        words = (
            f"{PREFIX} {self.verb}",
            *map(str, self.numbers),
            *(("all",) if self.is_all else ()),
            *map(_quoted, self.targets),
            self.reason,
            f"-- {self.hint}" if self.hint else "",
        )
        return " ".join(word for word in words if word)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidCommand:
    """A line that begins like a command but is not valid.

    Attributes:
        line: The line, cut to a maximum length; untrusted text.
        problem: Why it is not valid, without any quoted text.
    """

    line: str
    problem: str

    def __str__(self) -> str:
        return self.line


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedComment:
    """The commands of one comment.

    Attributes:
        lines: The commands and invalid lines, in order.
        is_shortcut: Whether the comment is one bare word, which counts as a command only in reply to a
            suggestion of the bot.
    """

    lines: tuple[SlashCommand | InvalidCommand, ...] = ()
    is_shortcut: bool = False

    @property
    def commands(self) -> tuple[SlashCommand, ...]:
        """The commands to run; none if there are too many."""
        if self.are_too_many:
            return ()
        return tuple(line for line in self.lines if isinstance(line, SlashCommand))

    @property
    def misread(self) -> tuple[InvalidCommand, ...]:
        """The invalid lines."""
        return tuple(line for line in self.lines if isinstance(line, InvalidCommand))

    @property
    def are_too_many(self) -> bool:
        """Whether the comment has more commands than allowed."""
        return len(self.lines) > MOST_COMMANDS


def orders_in(body: str, *, is_reply: bool = False) -> ParsedComment:
    """Return the commands of a comment.

    Args:
        body: Its Markdown text.
        is_reply: Whether it is in the thread of a review comment, where a bare word may be a command.
    """
    body = body[:BODY_LIMIT]
    shortcut = _SHORTCUT.fullmatch(body) if is_reply else None
    if shortcut is not None:
        return _shortcut(Verb(shortcut[1].lower()), shortcut[2])
    if not _HINT.search(body):
        return ParsedComment()
    found = (_COMMAND.fullmatch(line) for line in _own_lines(body))
    return ParsedComment(lines=tuple(_read(match[1] or "") for match in found if match))


def _shortcut(verb: Verb, words: str | None) -> ParsedComment:
    words = words or ""
    if COMMANDS[verb].takes_hint:
        return ParsedComment(lines=(SlashCommand(verb=verb, hint=_hint(words)),), is_shortcut=True)
    if words and COMMANDS[verb].takes is not Takes.NUMBERS_AND_REASON:
        return ParsedComment()
    return ParsedComment(lines=(SlashCommand(verb=verb, reason=_reason(words)),), is_shortcut=True)


def _own_lines(body: str) -> Iterator[str]:
    """Yield the lines of top-level paragraphs; none if the text breaks the parser."""
    try:
        tokens = _reader().parse(body)
    except (IndexError, RecursionError):  # a quoted list that ends inside HTML, or nesting that is too deep
        return
    for before, token in pairwise(tokens):
        if before.level == 0 and (before.type == "paragraph_open" or _is_underlined(before)):
            yield from _text(token.children or ()).split("\n")


def _is_underlined(token: Token) -> bool:
    """Return whether a token opens a setext (underlined) heading, which is rarely meant below a command."""
    return token.type == "heading_open" and token.markup in {"-", "="}


@cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("zero", {"html": True}).enable([*_BLOCKS, *_INLINES]).disable("text_join")


def _text(tokens: Sequence[Token]) -> str:
    """Return the text of a paragraph. Code and escapes stay as written, so they cannot begin a command."""
    parts = []
    for token in tokens:
        if token.type in {"softbreak", "hardbreak"}:
            parts.append("\n")
        elif token.type == "code_inline":
            parts.append(f"`{token.content}`")
        elif token.type == "text_special":
            parts.append(token.markup)
        elif not token.content.startswith("<!--"):
            parts.append(token.content)
    return "".join(parts)


def _read(words: str) -> SlashCommand | InvalidCommand:
    name, _, rest = words.strip().partition(" ")
    line = f"{PREFIX} {words}".strip()[:MOST_CHARACTERS]
    try:
        return _command(Verb(name.lower() or Verb.HELP), rest.strip())
    except ValueError as error:
        known = name.lower() in set(Verb)
        return InvalidCommand(line=line, problem=str(error) if known else "there is no such command")


def _command(verb: Verb, rest: str) -> SlashCommand:
    """Return a command.

    Raises:
        ValueError: The verb's arguments are not valid; the message says why.
    """
    takes, hint = COMMANDS[verb].takes, ""
    if COMMANDS[verb].takes_hint and (found := _HINTED.search(rest)):
        rest, hint = rest[: found.start()].strip(), _hint(found[1])
    if takes is Takes.NOTHING:
        if rest:
            raise ValueError(f"`{verb}` takes no arguments")
        return SlashCommand(verb=verb)
    if takes is Takes.TARGETS:
        return SlashCommand(verb=verb, targets=_targets(rest), hint=hint)
    if takes is Takes.NUMBERS_OR_ALL and rest.lower() == "all":
        return SlashCommand(verb=verb, is_all=True)
    numbers, left = _numbers(rest)
    if left and takes is not Takes.NUMBERS_AND_REASON:
        raise ValueError(f"`{verb}` takes numbers, for example `1 3` or `2-4`")
    return SlashCommand(verb=verb, numbers=numbers, reason=_reason(left), hint=hint)


def _targets(text: str) -> tuple[str, ...]:
    found = (next(filter(None, match.groups()), "").strip() for match in _TARGET.finditer(text))
    targets = tuple(dict.fromkeys(target for target in found if target))
    if len(targets) > MOST_NUMBERS or any(len(target) > MOST_CHARACTERS for target in targets):
        raise ValueError(
            f"`suggest` takes at most {MOST_NUMBERS} paths or functions, each at most "
            f"{MOST_CHARACTERS} characters long"
        )
    return targets


def _quoted(target: str) -> str:
    if not any(character.isspace() for character in target):
        return target
    return f"`{target}`" if '"' in target else f'"{target}"'


def _numbers(text: str) -> tuple[tuple[int, ...], str]:
    """Return the numbers that a text begins with, and the rest of it."""
    found = dict[int, None]()
    while match := re.match(r"\S+", text):
        if not _NUMBERS.fullmatch(match[0]):
            break
        for part in filter(None, match[0].replace("#", "").split(",")):
            first, _, last = part.partition("-")
            found.update(dict.fromkeys(_range(int(first), int(last or first))))
        text = text[match.end() :].lstrip()
        if len(found) > MOST_NUMBERS:
            raise ValueError(f"a command takes at most {MOST_NUMBERS} numbers")
    return tuple(found), text


def _range(first: int, last: int) -> range:
    if not 0 < first <= last <= NUMBER_LIMIT:
        raise ValueError("numbers start at 1, and a range must be ascending")
    if last - first >= MOST_NUMBERS:
        raise ValueError(f"a command takes at most {MOST_NUMBERS} numbers")
    return range(first, last + 1)


def _hint(text: str) -> str:
    return " ".join(text.split())[:MOST_HINT_CHARACTERS].strip()


def _reason(text: str) -> str:
    return " ".join(text.split())[:MOST_CHARACTERS].strip()

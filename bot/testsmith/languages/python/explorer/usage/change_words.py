"""The literals on the lines of a change, which are inputs that tests of it may need."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from testsmith.languages.python.source.definitions import Function
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import CannotParse
from testsmith.model import Member

_MOST_NEW = 8
_LONGEST = 40
_FEWEST_CHARACTERS = 3
_LITERAL = re.compile(r"""(?<![\w"'])(["'])((?:\\.|(?!\1)[^\\\n])+)\1""")
_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")
_FILES = re.compile(
    r"\b(?:mkdir|makedirs|open|exists|isdir|is_dir|isfile|is_file|rmtree|listdir|iterdir|touch)\("
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeWords:
    """The literals on the lines of a change.

    Attributes:
        new: Texts that only head has, and the parts of them that are new, shortest first.
        known: Texts on these lines that base has or that head has as a whole, and the parts of those of base.
        numbers: Numbers that only head has.
        parameters: Names of the member's parameters that base does not have.
        lost: Names before a `=` or `:` that only base has.
        touches_files: Whether a line of head looks at files or folders, or makes them.
        said: What the authors say about the change, in lower case.
        added: The lines of head, without comments.
    """

    new: tuple[str, ...]
    known: frozenset[str]
    numbers: tuple[int, ...] = ()
    parameters: tuple[str, ...] = ()
    lost: frozenset[str] = frozenset()
    touches_files: bool = False
    said: str = ""
    added: str = ""

    @property
    def telling(self) -> list[str]:
        """The known texts that are not short, sorted."""
        return sorted(text for text in self.known if len(text) >= _FEWEST_CHARACTERS)


def read_change_words(member: Member, intent: str = "") -> ChangeWords:
    """Return the literals on the changed lines of a member, and of what changed below it."""
    diffs = (member.shown_change.own, *member.shown_change.private)
    lines = [line for diff in diffs for line in diff.splitlines() if line[:3] not in {"+++", "---"}]
    added, removed = ("\n".join(_code(lines, mark)) for mark in "+-")
    after, before = _texts_in(added), _texts_in(removed)
    on_base = {*before, *chain.from_iterable(map(_parts_of, before))}
    parts = chain.from_iterable(_parts_of(text) for text in after if text not in before)
    new = [text for text in dict.fromkeys([*parts, *after]) if text not in on_base and _is_input(text)]
    numbers = dict.fromkeys(map(int, _NUMBER.findall(added)))
    numbers_of_base = set(map(int, _NUMBER.findall(removed)))
    return ChangeWords(
        new=tuple(sorted(new, key=len)[:_MOST_NEW]),
        known=frozenset(filter(_is_input, (*on_base, *after))),
        numbers=tuple(number for number in numbers if number not in numbers_of_base)[:_MOST_NEW],
        parameters=tuple(_new_parameters(member, added, removed)),
        lost=frozenset(re.findall(r"\b(\w+)\s*[:=]", removed)) - set(re.findall(r"\w+", added)),
        touches_files=_FILES.search(added) is not None,
        said=intent.lower(),
        added=added,
    )


def _code(lines: list[str], mark: str) -> Iterator[str]:
    return (line[1:] for line in lines if line[:1] == mark and line[1:].strip()[:1] != "#")


def _texts_in(lines: str) -> list[str]:
    found = []
    for mark, body in _LITERAL.findall(lines):
        try:
            found.append(ast.literal_eval(f"{mark}{body}{mark}"))
        except (ValueError, SyntaxError):
            continue
    return [text for text in dict.fromkeys(found) if text.strip()]


def _parts_of(text: str) -> list[str]:
    return [part for part in re.split(r"[,|\s]+", text) if part]


def _is_input(text: str) -> bool:
    """Return whether a text may be an input; no template is one."""
    return len(text) <= _LONGEST and "{" not in text and "%" not in text


def _new_parameters(member: Member, added: str, removed: str) -> Iterator[str]:
    try:
        tree = parse_untrusted(member.source)
    except CannotParse:
        return
    functions = (node for node in tree.body if isinstance(node, Function))
    for each in (one for node in functions for one in (*node.args.args, *node.args.kwonlyargs)):
        is_added = re.search(rf"\b{each.arg}\s*[:=]", added)
        if is_added and not re.search(rf"\b{each.arg}\b", removed):
            yield each.arg

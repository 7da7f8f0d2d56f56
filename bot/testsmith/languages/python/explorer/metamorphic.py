"""Relations between members: round trips, checks, idempotence, and preserved items.

Candidate members are found by name, and the relations are run on several inputs like other calls. Each is a
call that returns True if the relation holds, so that tests need no intermediate values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from testsmith.languages.python.explorer.inputs.argument_pool import Columns, imports_of, texts_of
from testsmith.languages.python.explorer.render.call_text import Argument, Piece, Pieces, Slot, call_text
from testsmith.languages.python.explorer.render.expressions import (
    NONE,
    Expression,
    Imports,
    InputSource,
    unique,
)
from testsmith.languages.python.explorer.render.value_words import snake
from testsmith.languages.python.explorer.subjects import Callee, Parameter
from testsmith.languages.python.explorer.trial import StatedRelation, Trial

_OPPOSITES = (
    ("build", "parse"),
    ("compress", "decompress"),
    ("dump", "load"),
    ("dumps", "loads"),
    ("explode", "implode"),
    ("flatten", "unflatten"),
    ("format", "parse"),
    ("freeze", "thaw"),
    ("gzip", "gunzip"),
    ("join", "split"),
    ("pack", "unpack"),
    ("render", "parse"),
    ("stringify", "parse"),
    ("to", "from"),
    ("write", "read"),
)
"""Word pairs of which the second undoes the first."""

_PREFIXES = (("", "un"), ("", "de"), ("en", "de"))
"""Prefixes that turn a word into its inverse, as in `quote` and `unquote`."""

_CHECKS = frozenset({"check", "is", "matches", "valid", "validate", "verify"})
_MADE = frozenset({"create", "encode", "generate", "get", "hash", "make", "sign"})

_SETTLING = (
    "canonical canonicalise canonicalize clean collapse dedent dedupe deduplicate lower normalise normalize "
    "sanitise sanitize simplify slug slugify sort sorted squash squeeze strip trim uniq unique upper"
)
_KEEPING = "heapify permute reorder reverse reversed rotate shuffle shuffled sort sorted"
_SPLITTING = "batch batched chunk chunked chunks"
"""Words in member names that promise a property."""


def undoes(name: str, other: str) -> bool:
    """Return whether, by their names, one member may undo the other.

    Args:
        name: Plain name of the second member, such as `b64_decode`.
        other: Plain name of the first member, such as `b64_encode`.
    """
    second, first = snake(name).split("_"), snake(other).split("_")
    if second == first:
        return False
    if len(second) == len(first):
        return _one_word_undone(second, first) or _crosswise(second, first)
    return len(second) == 1 and any(_word_undoes(second[0], word) for word in first)


def _one_word_undone(second: list[str], first: list[str]) -> bool:
    differing = [(back, there) for back, there in zip(second, first, strict=True) if back != there]
    return len(differing) == 1 and _word_undoes(*differing[0])


def _word_undoes(back: str, there: str) -> bool:
    """Return whether a word undoes another, in either direction: `parse` and `format` undo each other."""
    if (there, back) in _OPPOSITES or (back, there) in _OPPOSITES:
        return True
    return any(_by_prefix(*words, *pair) for pair in _PREFIXES for words in ((back, there), (there, back)))


def _by_prefix(back: str, there: str, plain: str, undoing: str) -> bool:
    stem = there.removeprefix(plain)
    return len(stem) > 2 and there.startswith(plain) and back == undoing + stem  # noqa: PLR2004 - `is`, `in`


def _crosswise(second: list[str], first: list[str]) -> bool:
    """Return whether two names mirror each other, like `bytes_to_int` and `int_to_bytes`."""
    for word in ("to", "from", "2"):
        if word in first and first[1:-1].count(word) == 1:
            at = first.index(word)
            return second == [*first[at + 1 :], word, *first[:at]]
    return False


def checks(name: str, other: str) -> bool:
    """Return whether one member may check the other's results, for example `validate` for `sign`."""
    second, first = snake(name).split("_"), snake(other).split("_")
    if not _CHECKS & set(second) or not _MADE & set(first):
        return False
    left, right = set(second) - _CHECKS, set(first) - _MADE
    return left == right or not left or not right


def settles(name: str) -> bool:
    """Return whether a member may be idempotent."""
    return _has_one_of(_SETTLING, name)


def keeps_items(name: str) -> bool:
    """Return whether a member may return its input items in another order."""
    return _has_one_of(_KEEPING, name)


def splits_items(name: str) -> bool:
    """Return whether a member may return its input items in groups."""
    return _has_one_of(_SPLITTING, name)


def _has_one_of(words: str, name: str) -> bool:
    return not set(words.split()).isdisjoint(snake(name).split("_"))


def related_names(name: str, others: Iterable[str]) -> list[str]:
    """Return the names that may undo or check a member, or the reverse."""
    found = []
    for other in others:
        related = undoes(other, name) or checks(other, name) or checks(name, other)
        if related and other != name:
            found.append(other)
    return found


# Relation trials.

MOST_RELATED = 40
"""Maximum number of relation trials for one member."""

_MOST_INPUTS = 10

_ANYTHING = (
    Expression('"hello world"', layer=InputSource.ORDINARY),
    Expression("[1, 2, 3]", layer=InputSource.ORDINARY),
    Expression('{"a": 1, "b": [True, None]}', layer=InputSource.ORDINARY),
    Expression('b"hello"', layer=InputSource.ORDINARY),
    Expression("2.5", layer=InputSource.ORDINARY),
)
"""Additional values for a parameter that accepts anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One of the two members of a relation.

    Attributes:
        callee: What is called.
        opening: Text of the call before its arguments.
        imports: Imports it requires.
    """

    callee: Callee
    opening: Pieces
    imports: Imports = NONE

    @property
    def name(self) -> str:
        """Plain name."""
        return self.callee.name.rpartition(".")[2]

    @property
    def required(self) -> list[Parameter]:
        """Required parameters."""
        return [each for each in self.callee.parameters or () if each.required]

    @property
    def takes_one(self) -> bool:
        """Whether its first parameter is positional."""
        first = next(iter(self.callee.parameters or ()), None)
        return first is not None and first.mode in {"positional", "either"}

    def called(self, *inner: Piece) -> Pieces:
        """Return its call with the given arguments; generators are converted to lists."""
        around = ("list(", ")") if self.callee.generator else ("", "")
        return (around[0], *self.opening, *inner, ")" + around[1])


class Relations:
    """Plans the relation trials of a member.

    Args:
        columns: Candidate values.
        ground: Base trial; for a method, it creates the object.
        own: The member.
        others: Other members of its class or module.
    """

    def __init__(self, columns: Columns, ground: Trial, own: Party, others: Sequence[Party]) -> None:
        self._columns = columns
        self._ground = ground
        self._own = own
        self._others = others

    def trials(self) -> Iterator[Trial]:
        """Yield the trials of each relation on several inputs."""
        return islice(self._all(), MOST_RELATED)

    def _all(self) -> Iterator[Trial]:
        if not self._own.takes_one:
            return
        for other in self._others:
            if other.takes_one:
                yield from self._with_another(self._own, other, by_own=False)
                yield from self._with_another(other, self._own, by_own=True)
        yield from self._alone()

    def _with_another(self, first: Party, second: Party, *, by_own: bool) -> Iterator[Trial]:
        """Yield relations of the second member to the first, one of which is the member itself."""
        more = self._arguments_after(second, first)
        if undoes(second.name, first.name) and more is not None:
            inner = first.called(Slot.ALL)
            relation = (*second.called(*inner, more), " == ", Slot.FIRST)
            words = f"reverses_{snake(first.name)}" if by_own else f"is_reversed_by_{snake(second.name)}"
            yield from self._tried(first, second, relation, words, (*inner, " == ", Slot.FIRST))
        if checks(second.name, first.name):
            words = (
                f"accepts_what_{snake(first.name)}_gives"
                if by_own
                else f"is_accepted_by_{snake(second.name)}"
            )
            yield from self._accepted(first, second, words)

    def _arguments_after(self, second: Party, first: Party) -> str | None:
        """Return the second call's arguments after the first one's result, or None if unknown."""
        known = {each.name for each in first.required}
        found = []
        for parameter in second.required[1:]:
            column = self._columns.of(parameter) if parameter.name in known else []
            if not column:
                return None
            found.append(Argument(parameter.name, column[0], parameter.mode == "keyword"))
        return f", {texts_of(found)}" if found else ""

    def _accepted(self, first: Party, second: Party, words: str) -> Iterator[Trial]:
        """Yield trials that check the first member's result, alone or together with its arguments."""
        inner = first.called(Slot.ALL)
        if len(second.required) <= 1:
            idle = second.called(Slot.FIRST)
            yield from self._tried(first, second, second.called(*inner), words, idle)
        else:
            for places in ((Slot.FIRST, ", ", *inner), (*inner, ", ", Slot.FIRST)):
                idle = second.called(Slot.FIRST, ", ", Slot.FIRST)
                yield from self._tried(first, second, second.called(*places), words, idle)

    def _alone(self) -> Iterator[Trial]:
        """Yield trials of the properties that the member's own name promises."""
        own, name = self._own, self._own.name
        once = own.called(Slot.ALL)
        idle = (*once, " == ", Slot.FIRST)
        if settles(name) and len(own.required) <= 1:
            twice = (*own.called(*once), " == ", *once)
            yield from self._tried(own, own, twice, "changes_nothing_twice", idle)
        if keeps_items(name):
            same_items = ("sorted(", *once, ") == sorted(", Slot.FIRST, ")")
            yield from self._tried(own, own, same_items, "keeps_every_item", idle)
        if splits_items(name):
            joined = ("[item for part in ", *once, " for item in part] == list(", Slot.FIRST, ")")
            yield from self._tried(own, own, joined, "keeps_every_item", idle)

    def _tried(
        self, first: Party, second: Party, pieces: Pieces, words: str, idle: Pieces
    ) -> Iterator[Trial]:
        """Yield trials of a relation on several inputs of its first member."""
        for value in islice(self._values(first), _MOST_INPUTS):
            arguments = self._arguments(first, value)
            if arguments is None:
                return
            texts = [argument.text() for argument in arguments]
            nothing = call_text(idle, self._ground.receiver, texts)
            yield replace(
                self._ground,
                imports=self._ground.imports | first.imports | second.imports | imports_of(arguments),
                pieces=pieces,
                arguments=tuple(arguments),
                watched=(),
                probes=(nothing,),
                relation=StatedRelation(words, nothing),
                layer=max(self._ground.layer, value.layer),
            )

    def _values(self, first: Party) -> list[Expression]:
        parameter = (first.callee.parameters or ())[0]
        more = _ANYTHING if parameter.shape.kind == "any" else ()
        found = self._columns.of(parameter)
        return unique([*found[: _MOST_INPUTS - len(more)], *more, *found])

    def _arguments(self, first: Party, value: Expression) -> list[Argument] | None:
        """Return the arguments of the first call: the value, and other required ones."""
        parameter = (first.callee.parameters or ())[0]
        found = [Argument(parameter.name, value)]
        for other in first.required:
            column = self._columns.of(other)
            if other.name == parameter.name:
                continue
            if not column:
                return None
            found.append(Argument(other.name, column[0], other.mode == "keyword"))
        return found

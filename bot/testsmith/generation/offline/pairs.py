"""Which members of a module may undo or check each other, told by their names alone; running them decides."""

from __future__ import annotations

from collections.abc import Iterable

from testsmith.generation.offline.words import snake

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
"""Words of which the second undoes the first."""

_PREFIXES = (("", "un"), ("", "de"), ("en", "de"))
"""Beginnings that make of one word another that undoes it, as in `quote` and `unquote`."""

_CHECKS = frozenset({"check", "is", "matches", "valid", "validate", "verify"})
_MADE = frozenset({"create", "encode", "generate", "get", "hash", "make", "sign"})

_SETTLING = (
    "canonical canonicalise canonicalize clean collapse dedent dedupe deduplicate lower normalise normalize "
    "sanitise sanitize simplify slug slugify sort sorted squash squeeze strip trim uniq unique upper"
)
_KEEPING = "heapify permute reorder reverse reversed rotate shuffle shuffled sort sorted"
_SPLITTING = "batch batched chunk chunked chunks"
"""Words that promise something, in names of members."""


def undoes(name: str, other: str) -> bool:
    """Tell whether, going by their names, one member may undo what the other does.

    Args:
        name: The plain name of the one that comes second, as `b64_decode`.
        other: The plain name of the one that comes first, as `b64_encode`.
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
    """Tell whether a word undoes another, in either direction: `parse` and `format` undo each other."""
    if (there, back) in _OPPOSITES or (back, there) in _OPPOSITES:
        return True
    return any(_by_prefix(*words, *pair) for pair in _PREFIXES for words in ((back, there), (there, back)))


def _by_prefix(back: str, there: str, plain: str, undoing: str) -> bool:
    stem = there.removeprefix(plain)
    return len(stem) > 2 and there.startswith(plain) and back == undoing + stem  # noqa: PLR2004 - `is`, `in`


def _crosswise(second: list[str], first: list[str]) -> bool:
    """Tell whether two names are as `bytes_to_int` and `int_to_bytes`."""
    for word in ("to", "from", "2"):
        if word in first and first[1:-1].count(word) == 1:
            at = first.index(word)
            return second == [*first[at + 1 :], word, *first[:at]]
    return False


def checks(name: str, other: str) -> bool:
    """Tell whether one member may check what the other gives, as `validate` what `sign` gives."""
    second, first = snake(name).split("_"), snake(other).split("_")
    if not _CHECKS & set(second) or not _MADE & set(first):
        return False
    left, right = set(second) - _CHECKS, set(first) - _MADE
    return left == right or not left or not right


def settles(name: str) -> bool:
    """Tell whether a member may well change nothing in what it has given itself."""
    return _has_one_of(_SETTLING, name)


def keeps_items(name: str) -> bool:
    """Tell whether a member may well give the items that it is given in another order."""
    return _has_one_of(_KEEPING, name)


def splits_items(name: str) -> bool:
    """Tell whether a member may well give the items that it is given in groups."""
    return _has_one_of(_SPLITTING, name)


def _has_one_of(words: str, name: str) -> bool:
    return not set(words.split()).isdisjoint(snake(name).split("_"))


def related_names(name: str, others: Iterable[str]) -> list[str]:
    """Return those of the other names that may undo or check a member, or the other way round."""
    found = []
    for other in others:
        related = undoes(other, name) or checks(other, name) or checks(name, other)
        if related and other != name:
            found.append(other)
    return found

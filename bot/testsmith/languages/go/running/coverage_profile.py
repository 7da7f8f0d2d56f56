"""Read coverage profiles of Go (`-coverprofile`): counted blocks of statements. Untrusted text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

_BLOCK = re.compile(r"(?P<file>[^\n:]+):(\d{1,7})\.(\d{1,6}),(\d{1,7})\.(\d{1,6}) (\d{1,7}) (\d{1,19})")
_MOST_BLOCKS = 100_000
_MOST_BLOCK_LINES = 5_000
_NO_CODE = re.compile(r"[\s(){}\[\],;]*(?://.*)?")


@dataclass(frozen=True, slots=True)
class Block:
    """Statements that run one after the other.

    Attributes:
        file: File with its import path, for example `example.com/shop/cart/cart.go`.
        start: Line and column of its first character, counted from 1.
        end: Line and column after its last character.
    """

    file: str
    start: tuple[int, int]
    end: tuple[int, int]


@lru_cache(maxsize=8)
def read_profile(text: str) -> Mapping[Block, int]:
    """Return how often each block ran. Lines that cannot be parsed are ignored."""
    counts: dict[Block, int] = {}
    for line in text.splitlines()[:_MOST_BLOCKS]:
        found = _BLOCK.fullmatch(line)
        if found is not None:
            first, at, last, until, _, count = map(int, found.groups()[1:])
            block = Block(file=found["file"], start=(first, at), end=(last, until))
            counts[block] = counts.get(block, 0) + count
    return counts


def lines_run(
    counts: Mapping[Block, int], file: str, source: str, less: Mapping[Block, int]
) -> frozenset[int]:
    """Return the lines of a file with statements that ran.

    Args:
        counts: How often each block ran.
        file: The file with its import path.
        source: Its text.
        less: How often each block ran without the test, while packages were initialized.
    """
    lines = source.splitlines()
    code = _code_lines(source)
    ran = (block for block, count in counts.items() if block.file == file and count > less.get(block, 0))
    return frozenset(line for block in ran for line in _lines_of(block, lines) if line in code)


def _lines_of(block: Block, lines: Sequence[str]) -> Iterator[int]:
    """Yield the lines of a block; its last one only if it has more of the block than a closing brace."""
    (first, _), (last, until) = block.start, block.end
    yield from range(first, min(last, first + _MOST_BLOCK_LINES))
    if last == first or (last <= len(lines) and lines[last - 1][: until - 1].strip("\t }")):
        yield last


@lru_cache(maxsize=64)
def _code_lines(source: str) -> frozenset[int]:
    """Return the lines that have more than brackets and a comment."""
    lines = enumerate(source.splitlines(), 1)
    return frozenset(number for number, line in lines if not _NO_CODE.fullmatch(line))

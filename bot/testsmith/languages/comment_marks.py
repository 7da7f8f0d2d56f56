"""Marks above tests, in languages whose comments begin with `//`.

A mark is the comment `// testsmith <version> <digest of the member> <digest of the test> <member id>` above
the test. Formatting does not change the digest of a test.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from testsmith.languages.syntax_tree import ParsedText, text_of, walk
from testsmith.languages.tests import MarkedTest, TestMark

if TYPE_CHECKING:
    from tree_sitter import Node

BEGINNING = "// testsmith "
"""How each mark begins."""

_UNSEALED = "0" * 8
_MARK = re.compile(
    r"// testsmith (?P<version>\S{1,40}) (?P<source>[0-9a-f]{8}) (?P<test>[0-9a-f]{8})"
    r" (?P<member>\S[^\r\n]{0,1000})"
)
_MARK_LINE = re.compile(rf"^[ \t]*{_MARK.pattern}\n", re.MULTILINE)


class FoundMark(NamedTuple):
    """A test with the mark above it.

    Attributes:
        name: Name of the test.
        digest: Digest of the test as it is.
        match: The mark; see `mark_in`.
        start: Byte offset of the mark.
    """

    name: str
    digest: str
    match: re.Match[str]
    start: int

    @property
    def as_test(self) -> MarkedTest:
        """The test, edited if its digest is not the one in the mark."""
        mark = TestMark(
            version=self.match["version"], source=self.match["source"], member=self.match["member"]
        )
        return MarkedTest(name=self.name, mark=mark, is_edited=self.match["test"] != self.digest)


def mark_in(comment: str) -> re.Match[str] | None:
    """Return the mark that a comment is; None if it is another comment."""
    return _MARK.fullmatch(comment)


def without_marks(text: str) -> str:
    """Return a text without the lines of marks."""
    return _MARK_LINE.sub("", text)


def with_marks(file: ParsedText, mark: TestMark, starts: Iterable[int]) -> str:
    """Return a file with an unsealed mark above each of some lines, as far indented.

    Args:
        file: The file.
        mark: The mark.
        starts: Byte offsets of what the lines begin with.
    """
    data = file.data
    for start in sorted(starts, reverse=True):
        line = file.line_start(start)
        text = (
            f"{file.between(line, start)}{BEGINNING}{mark.version} {mark.source} {_UNSEALED} {mark.member}\n"
        )
        data = data[:line] + text.encode() + data[line:]
    return data.decode("utf-8", "replace")


def sealed_marks(file: ParsedText, found: Sequence[FoundMark]) -> str:
    """Return a file with the digests of its tests in unsealed marks."""
    data = file.data
    for one in sorted(found, key=lambda one: one.start, reverse=True):
        if one.match["test"] == _UNSEALED:
            first = one.start + len(one.match[0][: one.match.start("test")].encode())
            data = data[:first] + one.digest.encode() + data[first + len(_UNSEALED) :]
    return data.decode("utf-8", "replace")


def digest_of(test: Node, tokens: Iterable[str]) -> str:
    """Return the digest of a test: of its tokens, and its comments."""
    comments = (text_of(one) for one in walk(test) if one.type == "comment")
    text = "\n".join((*tokens, *comments))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[: len(_UNSEALED)]

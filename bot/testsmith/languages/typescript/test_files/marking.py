"""Write and read the marks above tests, and detect manual edits.

A mark is the comment `// testsmith <version> <digest of the member> <digest of the test> <member id>`, in the
line above the test. Formatting does not change the digest of a test.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator

from testsmith.languages.source import CannotParse
from testsmith.languages.syntax_tree import ParsedText, text_of, walk
from testsmith.languages.tests import MarkedTest, TestMark
from testsmith.languages.typescript.source.parsing import normalized, parse, tokens
from testsmith.languages.typescript.test_files.imports import is_import
from testsmith.languages.typescript.test_files.test_blocks import TestBlock, tests_in
from testsmith.languages.typescript.test_files.test_modules import without_tests

_UNSEALED = "0" * 8
_MARK = re.compile(
    r"// testsmith (?P<version>\S{1,40}) (?P<source>[0-9a-f]{8}) (?P<test>[0-9a-f]{8})"
    r" (?P<member>\S[^\r\n]{0,1000})"
)
_MARK_LINE = re.compile(rf"^[ \t]*{_MARK.pattern}\n", re.MULTILINE)


def marked(code: str, mark: TestMark, names: Collection[str] | None = None) -> str:
    """Return text with an unsealed mark above tests; see `TestFiles.mark`.

    Raises:
        CannotParse: `code` is not valid TypeScript.
    """
    if names is None:
        code = _MARK_LINE.sub("", code)
    file = parse(code)
    line = f"// testsmith {mark.version} {mark.source} {_UNSEALED} {mark.member}\n"
    data = file.data
    for test in reversed(tests_in(file)):
        start = file.line_start(test.statement.start_byte)
        indentation = file.between(start, test.statement.start_byte)
        if (names is None or test.name in names) and not indentation.strip():
            data = data[:start] + f"{indentation}{line}".encode() + data[start:]
    return data.decode()


def sealed(text: str) -> str:
    """Return a test file with the digests of tests added to unsealed marks.

    Raises:
        CannotParse: `text` is not valid TypeScript.
    """
    if "// testsmith " not in text:
        return text
    file = parse(text)
    data = file.data
    for test, match, start in reversed(list(_marks(file))):
        if match["test"] == _UNSEALED:
            first = start + len(match[0][: match.start("test")].encode())
            data = data[:first] + _digest(test).encode() + data[first + len(_UNSEALED) :]
    return data.decode()


def marked_tests(text: str) -> tuple[MarkedTest, ...]:
    """Return the marked tests of a file, in order.

    Raises:
        CannotParse: `text` has marks and is not valid TypeScript.
    """
    if "// testsmith " not in text:
        return ()
    return tuple(
        MarkedTest(
            name=test.name,
            mark=TestMark(version=match["version"], source=match["source"], member=match["member"]),
            is_edited=match["test"] != _digest(test),
        )
        for test, match, _ in _marks(parse(text))
    )


def beside_marked(text: str) -> str:
    """Return the content of a test file without tests that the bot added and no one edited.

    Imports, comments and formatting are ignored. Text that is not valid TypeScript is returned unchanged.
    """
    try:
        ours = {one.name for one in marked_tests(text) if not one.is_edited}
        left = parse(without_tests(text, ours))
    except CannotParse:
        return text
    nodes = (one for one in left.root.named_children if not is_import(one))
    return " ".join(filter(None, (normalized(text_of(node)) for node in nodes)))


def _marks(file: ParsedText) -> Iterator[tuple[TestBlock, re.Match[str], int]]:
    """Yield each marked test with its mark, and the byte offset of the mark."""
    for test in tests_in(file):
        above = test.statement.prev_named_sibling
        row = test.statement.start_point.row
        while above is not None and above.type == "comment" and above.end_point.row + 1 >= row:
            match = _MARK.fullmatch(text_of(above))
            if match is not None:
                yield test, match, above.start_byte
                break
            row = above.start_point.row
            above = above.prev_named_sibling


def _digest(test: TestBlock) -> str:
    comments = (text_of(one) for one in walk(test.statement) if one.type == "comment")
    text = "\n".join((*tokens(test.statement), *comments))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[: len(_UNSEALED)]

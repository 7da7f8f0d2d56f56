"""Write and read the marks above TypeScript tests; see `testsmith.languages.comment_marks`."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from testsmith.languages.comment_marks import (
    BEGINNING,
    FoundMark,
    digest_of,
    mark_in,
    sealed_marks,
    with_marks,
    without_marks,
)
from testsmith.languages.source import CannotParse
from testsmith.languages.syntax_tree import ParsedText, text_of
from testsmith.languages.tests import MarkedTest, TestMark
from testsmith.languages.typescript.source.parsing import normalized, parse, tokens
from testsmith.languages.typescript.test_files.imports import is_import
from testsmith.languages.typescript.test_files.test_blocks import tests_in
from testsmith.languages.typescript.test_files.test_modules import without_tests


def marked(code: str, mark: TestMark, names: Collection[str] | None = None) -> str:
    """Return text with an unsealed mark above tests; see `TestFiles.mark`.

    Raises:
        CannotParse: `code` is not valid TypeScript.
    """
    file = parse(without_marks(code) if names is None else code)
    starts = (one.statement.start_byte for one in tests_in(file) if names is None or one.name in names)
    first_in_line = (one for one in starts if not file.between(file.line_start(one), one).strip())
    return with_marks(file, mark, first_in_line)


def sealed(text: str) -> str:
    """Return a test file with the digests of tests added to unsealed marks.

    Raises:
        CannotParse: `text` is not valid TypeScript.
    """
    if BEGINNING not in text:
        return text
    file = parse(text)
    return sealed_marks(file, list(_marks(file)))


def marked_tests(text: str) -> tuple[MarkedTest, ...]:
    """Return the marked tests of a file, in order.

    Raises:
        CannotParse: `text` has marks and is not valid TypeScript.
    """
    return tuple(one.as_test for one in _marks(parse(text))) if BEGINNING in text else ()


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


def _marks(file: ParsedText) -> Iterator[FoundMark]:
    for test in tests_in(file):
        above, row = test.statement.prev_named_sibling, test.statement.start_point.row
        while above is not None and above.type == "comment" and above.end_point.row + 1 >= row:
            match = mark_in(text_of(above))
            if match is not None:
                digest = digest_of(test.statement, tokens(test.statement))
                yield FoundMark(test.name, digest, match, above.start_byte)
                break
            row, above = above.start_point.row, above.prev_named_sibling

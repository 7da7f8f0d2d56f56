"""Write and read the marks in the line above `func`; see `testsmith.languages.comment_marks`."""

from __future__ import annotations

import re
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
from testsmith.languages.go.source.parsing import normalized, parse, tokens
from testsmith.languages.go.test_files.test_modules import cut, tests_in
from testsmith.languages.source import CannotParse
from testsmith.languages.syntax_tree import ParsedText, text_of
from testsmith.languages.tests import MarkedTest, TestMark


def marked(code: str, mark: TestMark, names: Collection[str] | None = None) -> str:
    """Return text with an unsealed mark above tests; see `TestFiles.mark`.

    Raises:
        CannotParse: `code` is not valid Go.
    """
    file = parse(without_marks(code) if names is None else code)
    chosen = (one for one in tests_in(file) if names is None or one.name in names)
    return with_marks(file, mark, (one.node.start_byte for one in chosen))


def sealed(text: str) -> str:
    """Return a test file with the digests of tests added to unsealed marks.

    Raises:
        CannotParse: `text` is not valid Go.
    """
    if BEGINNING not in text:
        return text
    file = parse(text)
    return sealed_marks(file, list(_marks(file)))


def marked_tests(text: str) -> tuple[MarkedTest, ...]:
    """Return the marked tests of a file, in order.

    Raises:
        CannotParse: `text` has marks and is not valid Go.
    """
    return tuple(one.as_test for one in _marks(parse(text))) if BEGINNING in text else ()


def beside_marked(text: str) -> str:
    """Return the content of a test file without tests that the bot added and no one edited.

    Imports, comments and formatting are ignored. Text that is not valid Go is returned unchanged.
    """
    try:
        ours = {one.name for one in marked_tests(text) if not one.is_edited}
        file = parse(text)
        left = parse(cut(file, [one for one in tests_in(file) if one.name in ours]))
    except CannotParse:
        return text
    nodes = (one for one in left.root.children if one.type not in {"package_clause", "import_declaration"})
    return " ".join(filter(None, (normalized(text_of(node)) for node in nodes)))


def _marks(file: ParsedText) -> Iterator[FoundMark]:
    for test in tests_in(file):
        doc = file.between(test.doc_start, test.node.start_byte)
        for line in re.finditer(r"[^\n]+", doc):
            match = mark_in(line[0])
            if match is not None:
                start = test.doc_start + len(doc[: line.start()].encode())
                yield FoundMark(test.name, digest_of(test.node, tokens(test.node)), match, start)
                break

"""Find the test functions of a Go test file, and reduce a file to some of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from testsmith.languages.go.source.declarations import Declaration, DeclarationKind, declarations
from testsmith.languages.go.source.parsing import parse
from testsmith.languages.go.test_files.imports import used_names, without_unused_imports
from testsmith.languages.syntax_tree import ParsedText, field, text_of, walk

if TYPE_CHECKING:
    from tree_sitter import Node

_RUN_BY_GO = frozenset({"init", "TestMain", "_"})
"""Names of declarations that take effect although nothing uses them."""


def is_test_name(name: str) -> bool:
    """Return whether the go command runs a function of this name: `Test` and no lowercase letter."""
    return name.startswith("Test") and not name[4:5].islower()


def is_test(declaration: Declaration) -> bool:
    """Return whether a declaration is a test function, with one parameter of type `*testing.T`."""
    if declaration.kind is not DeclarationKind.FUNCTION or not is_test_name(declaration.name):
        return False
    return declaration.name != "TestMain" and parameter_of_test(declaration.node) is not None


def parameter_of_test(function: Node) -> str | None:
    """Return the name of the only parameter of a function if its type is `*testing.T`; None if not."""
    parameters = field(function, "parameters")
    given = [] if parameters is None else [one for one in parameters.named_children if one.type != "comment"]
    if len(given) != 1 or given[0].type != "parameter_declaration" or field(function, "result") is not None:
        return None
    kind_of = "".join(text_of(field(given[0], "type")).split())
    if not kind_of.startswith("*") or kind_of.rpartition(".")[2] != "T":
        return None
    return text_of(field(given[0], "name")) or "_"


def tests_in(file: ParsedText) -> list[Declaration]:
    """Return the test functions of a file, in order."""
    return [one for one in declarations(file) if is_test(one)]


@lru_cache(maxsize=2048)
def test_functions(code: str) -> tuple[str, ...]:
    """Return the names of the test functions of a test file, in order.

    Raises:
        CannotParse: `code` is not valid Go.
    """
    return tuple(dict.fromkeys(one.name for one in tests_in(parse(code))))


def keep_tests(code: str, names: Collection[str]) -> str:
    """Return a test module with only the named test functions, and what they use.

    Raises:
        CannotParse: `code` is not valid Go.
    """
    file = parse(code)
    found = declarations(file)
    kept = _needed(found, [one for one in found if is_test(one) and one.name in names])
    gone = [one for one in found if one not in kept and not _shares_group_with(one, kept)]
    return without_unused_imports(code, cut(file, gone))


def without_tests(text: str, names: Collection[str]) -> str:
    """Return a test file without the named tests and the imports that only they used.

    Raises:
        CannotParse: `text` is not valid Go.
    """
    file = parse(text)
    return without_unused_imports(text, cut(file, [one for one in tests_in(file) if one.name in names]))


def without_declarations(text: str, names: Collection[str]) -> str:
    """Return a file without its declarations of these names, and the imports that only they used.

    A test module that extends a table has a function that is in the test file, too. Without that one, both
    can be compiled together.

    Raises:
        CannotParse: `text` is not valid Go.
    """
    file = parse(text)
    return without_unused_imports(text, cut(file, [one for one in declarations(file) if one.name in names]))


def _needed(found: Sequence[Declaration], roots: Iterable[Declaration]) -> set[Declaration]:
    """Return declarations with all that they use, and what Go itself runs."""
    by_name: dict[str, list[Declaration]] = {}
    for one in found:
        by_name.setdefault(one.name.partition(".")[0], []).append(one)
    waiting = [*roots, *(one for one in found if one.plain_name in _RUN_BY_GO)]
    needed = set(waiting)
    while waiting:
        for name in used_names(waiting.pop().node):
            fresh = [one for one in by_name.get(name, ()) if one not in needed and not is_test(one)]
            needed |= set(fresh)
            waiting += fresh
    return needed


def _shares_group_with(one: Declaration, kept: Iterable[Declaration]) -> bool:
    return any(one.group.id == other.group.id for other in kept)


def cut(file: ParsedText, gone: Iterable[Declaration]) -> str:
    """Return a file's text without declarations, their comments, and the blank lines around them."""
    spans = {span_of(one) for one in gone}
    data = file.data
    for start, end in sorted(spans, reverse=True):
        before, after = data[:start].rstrip(b"\n"), data[end:].lstrip(b"\n")
        data = before + (b"\n\n" if before and after else b"\n") + after
    return data.decode("utf-8", "replace")


def span_of(one: Declaration) -> tuple[int, int]:
    """Return the byte offsets of a declaration's whole lines, with the comments above it."""
    first = min(one.doc_start, one.group.start_byte)
    return one.file.line_start(first), one.file.line_end(one.group.end_byte - 1)


def calls_in(node: Node) -> list[Node]:
    """Return the calls in a piece of code."""
    return [one for one in walk(node, {"comment"}) if one.type == "call_expression"]

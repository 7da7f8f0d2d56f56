"""Read, remove and merge the imports of Go files; everything else in a file stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from testsmith.languages.go.source.imports import GoImport, import_declarations
from testsmith.languages.go.source.parsing import parse, parse_tolerant
from testsmith.languages.syntax_tree import ParsedText, line_of, text_of, walk

if TYPE_CHECKING:
    from tree_sitter import Node

_IDENTIFIERS = frozenset({"identifier", "type_identifier", "package_identifier"})
_SPEC = re.compile(r'^\t(?:([\w.]+) )?"([^"]+)"')


def used_names(node: Node) -> frozenset[str]:
    """Return all identifiers in a piece of code that may name a package, a type, a function or a value."""
    return frozenset(text_of(one) for one in walk(node, {"comment"}) if one.type in _IDENTIFIERS)


def names_outside_imports(file: ParsedText) -> frozenset[str]:
    """Return the identifiers that a file uses below its imports."""
    below = (one for one in file.root.children if one.type not in {"import_declaration", "package_clause"})
    return frozenset(name for node in below for name in used_names(node))


def without_unused_imports(before: str, after: str) -> str:
    """Return a text that was cut without the imports that it does not use any more.

    An import that was not used before either, as far as its path shows, stays: its name is not known.
    """
    file = parse_tolerant(after)
    lost = names_outside_imports(parse_tolerant(before)) - names_outside_imports(file)
    data = file.data
    for declaration, specs in reversed(import_declarations(file)):
        gone = [spec for one, spec in specs if one.name in lost]
        if gone and len(gone) == len(specs):
            head, tail = data[: declaration.start_byte], data[declaration.end_byte :]
            data = head.rstrip(b"\n") + b"\n\n" + tail.lstrip(b"\n")
        elif gone:
            start, end = declaration.start_byte, declaration.end_byte
            inner = data[start:end]
            for spec in reversed(gone):
                first, last = file.line_start(spec.start_byte), file.line_end(spec.end_byte)
                inner = inner[: first - start] + inner[last - start :]
            data = data[:start] + _tidied(inner) + data[end:]
    return data.decode("utf-8", "replace")


def _tidied(declaration: bytes) -> bytes:
    """Return a list of imports without blank lines at its edges, and without two of them in a row."""
    declaration = re.sub(rb"\n{3,}", b"\n\n", declaration)
    return re.sub(rb"\n+\)$", b"\n)", re.sub(rb"\(\n+", b"(\n", declaration))


def with_imports(text: str, added: Sequence[GoImport]) -> str:
    """Return a file with more imports, each sorted into the group of its kind.

    Raises:
        CannotParse: `text` is not valid Go.
    """
    for one in added:
        text = _with_import(text, one)
    return text


def _with_import(text: str, added: GoImport) -> str:
    file = parse(text)
    lists = [
        child
        for node in file.root.children
        if node.type == "import_declaration"
        for child in node.named_children
        if child.type == "import_spec_list" and line_of(child) != child.end_point.row + 1
    ]
    if not lists:
        return _with_declaration(file, added)
    lines = text.split("\n")
    first, last = line_of(lists[0]), lists[0].end_point.row  # the lines between the parentheses, from 0
    groups = list(_groups(lines, first, last))
    own = [group for group in groups if _is_of_library(lines[group.start]) is added.is_of_library]
    line = f"\t{added.spec}"
    if own:
        group = own[-1]
        at = next((at for at in group if _path_of(lines[at]) > added.path), group.stop)
        lines.insert(at, line)
    elif added.is_of_library or not groups:
        lines[first:first] = [line, *([""] if groups else [])]
    else:
        lines[groups[-1].stop : groups[-1].stop] = ["", line]
    return "\n".join(lines)


def _groups(lines: Sequence[str], first: int, last: int) -> Iterator[range]:
    """Yield the runs of lines with imports, as ranges of indexes."""
    start = None
    for at in range(first, last + 1):
        is_spec = at < last and _SPEC.match(lines[at]) is not None
        if is_spec and start is None:
            start = at
        elif not is_spec and start is not None:
            yield range(start, at)
            start = None


def _path_of(line: str) -> str:
    match = _SPEC.match(line)
    return "" if match is None else match[2]


def _is_of_library(line: str) -> bool:
    return GoImport(_path_of(line)).is_of_library


def _with_declaration(file: ParsedText, added: GoImport) -> str:
    """Return a file without a list of imports with one that also has its single imports."""
    there = import_declarations(file)
    if not there:
        clause = next((one for one in file.root.children if one.type == "package_clause"), None)
        end = 0 if clause is None else clause.end_byte
        return f"{file.between(0, end)}\n\nimport {added.spec}{file.between(end, len(file.data))}"
    found = [added, *(one for _, specs in there for one, _ in specs)]
    found.sort(key=lambda one: (not one.is_of_library, one.path))
    library = [f"\t{one.spec}\n" for one in found if one.is_of_library]
    others = [f"\t{one.spec}\n" for one in found if not one.is_of_library]
    body = "".join([*library, *(["\n"] if library and others else []), *others])
    start, end = there[0][0].start_byte, there[-1][0].end_byte
    return f"{file.between(0, start)}import (\n{body}){file.between(end, len(file.data))}"

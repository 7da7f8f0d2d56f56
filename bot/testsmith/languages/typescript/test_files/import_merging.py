"""Add to a test file what a test module imports, in the form that the file imports in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testsmith.languages.syntax_tree import ParsedText, end_line_of, line_of, text_of
from testsmith.languages.tests import CannotPlace
from testsmith.languages.typescript.source.parsing import parse
from testsmith.languages.typescript.test_files.imports import (
    FRAMEWORKS,
    ImportBinding,
    bindings_of,
    import_statements,
    names_outside_imports,
    source_of,
)
from testsmith.languages.typescript.test_files.style import edited
from testsmith.languages.typescript.test_files.test_blocks import tests_in

if TYPE_CHECKING:
    from tree_sitter import Node

GLOBALS = frozenset(
    {
        *(
            "afterAll",
            "afterEach",
            "beforeAll",
            "beforeEach",
            "describe",
            "expect",
            "it",
            "jest",
            "suite",
            "test",
        ),
        *("vi", "vitest", "expectTypeOf", "assertType", "onTestFinished"),
    }
)
"""What a framework's functions are called, imported or global."""

_OF_GLOBALS = frozenset({"@jest/globals", "mocha", "vitest"})
"""Frameworks that may put their functions into globals."""

_BUILT_IN = frozenset(
    {"assert", "assert/strict", "fs", "fs/promises", "os", "path", "stream", "url", "util", "events"}
)


@dataclass(frozen=True, slots=True)
class NewImport:
    """A name that is to be imported.

    Attributes:
        imported: Its name in the module, `default`, or `*`.
        local: The file's name for it; empty for a module that is only loaded.
        source: The module.
        is_type: Whether it is only a type.
    """

    imported: str
    local: str
    source: str
    is_type: bool = False


def needed_imports(file: ParsedText, module: ParsedText) -> tuple[list[NewImport], dict[str, str]]:
    """Return what to import for a module's code in a file, and new names for what the module imports.

    Raises:
        CannotPlace: The file and the module import in forms that cannot be converted.
    """
    there, has_globals = bindings_of(file), uses_globals(file)
    taken = names_outside_imports(file) | {one.local for one in there}
    own = names_outside_imports(module)
    added: list[NewImport] = []
    names: dict[str, str] = {}
    for one in bindings_of(module):
        same = next((each for each in there if _is_same(each, one)), None)
        if same is not None:
            if same.local != one.local:
                names[one.local] = same.local
            continue
        if has_globals and one.source in _OF_GLOBALS and one.local == one.imported:
            continue
        local = one.local
        if any(each.local == local for each in there) or (local in taken and local not in GLOBALS):
            local = free_name(local, taken | own)
            names[one.local] = local
        added.append(NewImport(one.imported, local, one.source, one.is_type))
    framework = next((one for one in there if one.source in FRAMEWORKS), None)
    if framework is not None:
        bound = {one.local for one in (*there, *bindings_of(module))}
        added += [NewImport(name, name, framework.source) for name in sorted((own & GLOBALS) - bound)]
    return added, names


def _is_same(one: ImportBinding, other: ImportBinding) -> bool:
    is_whole = {one.imported, other.imported} <= {"default", "*"}
    is_alike = one.imported == other.imported or (is_whole and one.module in _BUILT_IN)
    return one.module == other.module and is_alike and (other.is_type or not one.is_type)


def uses_globals(file: ParsedText) -> bool:
    """Return whether a file has tests and does not import the functions that make them."""
    return bool(tests_in(file)) and all(one.source not in FRAMEWORKS for one in bindings_of(file))


def free_name(name: str, taken: Collection[str]) -> str:
    """Return a name with the lowest number from 2 that makes it free."""
    number = 2
    while f"{name}{number}" in taken:
        number += 1
    return f"{name}{number}"


def with_imports(text: str, added: Sequence[NewImport], bare: Sequence[str] = ()) -> str:
    """Return a file with more imports.

    Args:
        text: The file.
        added: Names to import.
        bare: Modules to load only for what they do then.

    Raises:
        CannotParse: `text` is not valid TypeScript.
        CannotPlace: The file uses `require`, and a default export of the project would be imported.
    """
    for source in dict.fromkeys(one.source for one in added):
        text = _with_source(text, source, [one for one in added if one.source == source])
    file = parse(text)
    missing = [one for one in bare if one not in {source_of(node) for node in import_statements(file)}]
    for source in missing:
        quoted = quoted_like(file, source)
        line = f"require({quoted})" if is_common_js(file) else f"import {quoted}"
        text = _with_line(parse(text), f"{line}{_end(file)}")
    return text


def _with_source(text: str, source: str, added: Sequence[NewImport]) -> str:
    file = parse(text)
    module = ImportBinding("", "*", source, file.root, file.root).module
    is_type = all(one.is_type for one in added)
    named = [one for one in added if one.imported not in {"default", "*"}]
    for node in import_statements(file):
        own = [one for one in bindings_of(file) if one.statement.id == node.id]
        lists = [one.specifier.parent for one in own if one.specifier.parent is not None]
        lists = [one for one in lists if one.type in {"named_imports", "object_pattern"}]
        is_typed = any(child.type == "type" for child in node.children)
        if named and lists and own[0].module == module and is_typed is is_type:
            at = lists[0].named_children[-1]
            text = edited(file, [(at.end_byte, at.end_byte, _specifiers(at, named, is_typed=is_typed))])
            rest = [one for one in added if one not in named]
            return _with_source(text, source, rest) if rest else text
    for line in _lines(file, source, added):
        text = _with_line(parse(text), line)
    return text


def _specifiers(after: Node, added: Sequence[NewImport], *, is_typed: bool) -> str:
    """Return names to add to a list of names, on lines of their own if the list is written so."""
    around = after.parent
    is_tall = around is not None and line_of(around) != end_line_of(around)
    between = f",\n{' ' * after.start_point.column}" if is_tall else ", "
    joint = ": " if around is not None and around.type == "object_pattern" else " as "
    return "".join(f"{between}{_specifier(one, joint, is_typed=is_typed)}" for one in added)


def _specifier(one: NewImport, joint: str, *, is_typed: bool) -> str:
    prefix = "type " if one.is_type and not is_typed and joint == " as " else ""
    return (
        f"{prefix}{one.imported}"
        if one.imported == one.local
        else f"{prefix}{one.imported}{joint}{one.local}"
    )


def _lines(file: ParsedText, source: str, added: Sequence[NewImport]) -> list[str]:
    """Return the statements that import names of a module."""
    quoted, end = quoted_like(file, source), _end(file)
    is_type = all(one.is_type for one in added)
    whole = [one for one in added if one.imported in {"default", "*"}]
    named = [one for one in added if one not in whole]
    if is_common_js(file) and not is_type:
        is_project = source.startswith((".", "/", "#", "@/"))
        if any(one.imported == "default" for one in whole) and is_project:
            raise CannotPlace("its test file uses `require`, which does not give the default export")
        lines = [f"const {one.local} = require({quoted}){end}" for one in whole]
        if named:
            names = ", ".join(_specifier(one, ": ", is_typed=False) for one in named)
            lines.append(f"const {{ {names} }} = require({quoted}){end}")
        return lines
    keyword = "import type" if is_type else "import"
    lines = [
        f"{keyword} {one.local if one.imported == 'default' else f'* as {one.local}'} from {quoted}{end}"
        for one in whole
    ]
    if named:
        names = ", ".join(_specifier(one, " as ", is_typed=is_type) for one in named)
        lines.append(f"{keyword} {{ {names} }} from {quoted}{end}")
    return lines


def is_common_js(file: ParsedText) -> bool:
    """Return whether a file only imports by `require`."""
    found = import_statements(file)
    return bool(found) and all(one.type != "import_statement" for one in found)


def quoted_like(file: ParsedText, source: str) -> str:
    """Return a module's name in the quotes of a file's imports."""
    text = next((text_of(node) for node in import_statements(file)), '"')
    quote = "'" if text.count("'") > text.count('"') else '"'
    return f"{quote}{source}{quote}"


def _end(file: ParsedText) -> str:
    statements = import_statements(file) or file.root.named_children
    return ";" if not statements or any(text_of(one).endswith(";") for one in statements) else ""


def _with_line(file: ParsedText, line: str) -> str:
    """Return a file with one more statement below its imports."""
    found = import_statements(file)
    if found:
        at = file.line_end(found[-1].end_byte)
        return edited(file, [(at, at, f"{line}\n")])
    at = 0
    for node in file.root.named_children:
        inner = (
            node.named_children[0].type if node.type == "expression_statement" and node.named_children else ""
        )
        if node.type not in {"comment", "hash_bang_line"} and inner != "string":
            break
        at = file.line_end(node.end_byte)
    return edited(file, [(at, at, f"{line}\n\n")])

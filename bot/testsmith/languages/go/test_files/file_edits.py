"""Edits of a whole Go test file: the tests that an edit adds or extends, and the file with some of them.

A test is extended by rows in its tables: composite literals, of which the edit keeps all rows in order. A
table may also be a variable of the package that tests use.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from testsmith.languages.go.source.declarations import (
    Declaration,
    DeclarationKind,
    declarations,
    package_name,
)
from testsmith.languages.go.source.imports import imports_in
from testsmith.languages.go.source.packages import Packages
from testsmith.languages.go.source.parsing import parse, tokens
from testsmith.languages.go.test_files.imports import (
    names_outside_imports,
    used_names,
    with_imports,
    without_unused_imports,
)
from testsmith.languages.go.test_files.renaming import declared_names, free_name, renamed
from testsmith.languages.go.test_files.test_modules import (
    cut,
    is_test,
    keep_tests,
    span_of,
    without_declarations,
)
from testsmith.languages.source import SourceTree
from testsmith.languages.syntax_tree import ParsedText, field, items_of, text_of, walk, without_items
from testsmith.languages.tests import CannotPlace

if TYPE_CHECKING:
    from tree_sitter import Node

_RUN_FOR_ALL = frozenset({"init", "TestMain"})

_Row = tuple[str, ...]


def edited_tests(before: str, after: str) -> str:
    """Return the tests that an edit of a test file adds or extends, as a module of their own.

    Of a table that was extended, the module has only the new rows. What the file has already is left out, but
    for an extended test, which cannot be compiled together with the file. `init` and `TestMain` of the file
    are always left out: they are run for all of its tests, and no part of what the edit adds.

    Raises:
        CannotParse: One of the texts is not valid Go.
        CannotPlace: The edit adds no tests, or changes anything else than tests, tables and imports.
    """
    edit = _Edit(parse(before), parse(after))
    edit.refuse_other_changes()
    names = [*edit.added, *edit.tests_extended]
    if not names:
        raise CannotPlace("it adds no tests")
    known = {name: [old if new else [] for old, new in edit.rows(name)] for name in edit.extended}
    module = keep_tests(_without_idle_variables(_without_rows(edit.after, known), known), names)
    module = without_declarations(module, _RUN_FOR_ALL if edit.extended else edit.shared | _RUN_FOR_ALL)
    return without_unused_imports(after, module)


def _without_idle_variables(text: str, names: Container[str]) -> str:
    """Return a file whose tests of some names have no variables that nothing uses, as Go refuses them."""
    while True:
        file = parse(text)
        idle = next(
            (
                node
                for one in declarations(file)
                if one.name in names
                for node in walk(one.node, {"comment"})
                if node.type == "short_var_declaration" and _is_idle(node, one.node)
            ),
            None,
        )
        if idle is None:
            return text
        start, end = file.line_start(idle.start_byte), file.line_end(idle.end_byte - 1)
        text = f"{file.between(0, start)}{file.between(end, len(file.data))}"


def _is_idle(declaration: Node, function: Node) -> bool:
    """Return whether nothing but a declaration itself names its variables."""
    around = declaration.parent
    if around is None or around.type not in {"block", "statement_list"}:
        return False
    bound = field(declaration, "left")
    names = set() if bound is None else {text_of(one) for one in bound.named_children}
    inside = range(declaration.start_byte, declaration.end_byte)
    used = (one for one in walk(function, {"comment"}) if one.type == "identifier")
    return names.isdisjoint(text_of(one) for one in used if one.start_byte not in inside)


def joined_edit(before: str, after: str, code: str) -> str:
    """Return an edited test file whose added and extended tests are as in a module that was made of them.

    Tests and rows that the module does not have are put back as they were.

    Raises:
        CannotParse: One of the texts is not valid Go.
        CannotPlace: A test of the module is not in the edited file.
    """
    edit, module = _Edit(parse(before), parse(after)), parse(code)
    there = {one.name: one for one in declarations(module)}
    kept = {name: one for name, one in there.items() if is_test(one)}
    if not kept.keys() <= {*edit.added, *edit.tests_extended}:
        raise CannotPlace("it has tests that are not in the edited file")
    gone: dict[str, list[list[_Row]]] = {}
    for name in edit.extended:
        left = _rows_in(there[name]) if name in there else ()
        gone[name] = [[row for row in new if row not in left] for _, new in edit.rows(name)]
    text = _without_rows(edit.after, gone)
    for name in edit.added:
        text = _with_declaration(text, name, kept)
    return without_unused_imports(after, _without_idle_helpers(text, edit))


def _with_declaration(text: str, name: str, kept: Mapping[str, Declaration]) -> str:
    """Return a file whose added test is as in a module, or is gone if it is not there."""
    file = parse(text)
    there = next(one for one in declarations(file) if one.name == name)
    if name not in kept:
        return cut(file, [there])
    start, end = there.node.start_byte, there.node.end_byte
    new = kept[name].file.between(kept[name].node.start_byte, kept[name].node.end_byte)
    return f"{file.between(0, start)}{new}{file.between(end, len(file.data))}"


def _without_idle_helpers(text: str, edit: _Edit) -> str:
    """Return a file without the declarations that an edit added and nothing else uses."""
    file = parse(text)
    found = declarations(file)
    by_name: dict[str, list[Declaration]] = {}
    for one in found:
        by_name.setdefault(one.name.partition(".")[0], []).append(one)
    waiting = [one for one in found if one.name in edit.old or is_test(one)]
    needed = set(waiting)
    while waiting:
        for name in used_names(waiting.pop().node):
            fresh = [one for one in by_name.get(name, ()) if one not in needed]
            needed.update(fresh)
            waiting += fresh
    return cut(file, [one for one in found if one not in needed])


def changed_tests(before: str, after: str) -> tuple[str, ...]:
    """Return the names of the tests that an edit of a test file adds or changes, or whose table it changes.

    Raises:
        CannotParse: One of the texts is not valid Go.
    """
    old, new = ({one.name: one for one in declarations(parse(text))} for text in (before, after))
    changed = [
        name for name, one in new.items() if name in old and tokens(old[name].node) != tokens(one.node)
    ]
    return tuple(
        name for name, one in new.items() if is_test(one) and (name not in old or _is_about(one, changed))
    )


def _is_about(one: Declaration, changed: Collection[str]) -> bool:
    """Return whether a test is one of some declarations, or uses a variable that is."""
    return is_test(one) and (one.name in changed or not used_names(one.node).isdisjoint(changed))


def with_test(text: str, code: str, name: str) -> str:
    """Return a test file in which one test is as in a module; everything else stays as it is.

    Raises:
        CannotParse: One of the texts is not valid Go.
        CannotPlace: One of them does not have the test, or the test uses imports that the file lacks.
    """
    file, module = parse(text), parse(code)
    old = {one.name: one for one in declarations(file) if is_test(one)}
    tests = {one.name: one for one in declarations(module) if is_test(one)}
    there, new = old.get(name), tests.get(name)
    if new is None and len(tests) == 1 and not tests.keys() & old.keys():
        [new] = tests.values()
    if there is None or new is None:
        raise CannotPlace(f"there is no test {name}")
    own = {one for one, _ in imports_in(file)}
    names = used_names(new.node)
    if any(one not in own and one.name in names for one, _ in imports_in(module)):
        raise CannotPlace("it uses imports that its test file does not have")
    start, end = there.node.start_byte, there.node.end_byte
    changed = module.between(new.node.start_byte, new.node.end_byte)
    return f"{file.between(0, start)}{changed}{file.between(end, len(file.data))}"


def self_contained(code: str, test_path: str, tree: SourceTree) -> str:
    """Return a module of tests of a test file that compiles in its package.

    If it has a test that is in the file, too, it is compiled without the package's test files, and so gets
    what it uses of them. Otherwise its names are made different from those in other files.

    Args:
        code: The test module.
        test_path: Path of the test file, relative to the git root.
        tree: Files of head.

    Raises:
        CannotParse: `code` is not valid Go.
    """
    packages, module = Packages(tree), parse(code)
    files = [
        file for file in packages.tests(posixpath.dirname(test_path)) if file.package == package_name(module)
    ]
    own = declared_names(module)
    home = next((file for file in files if file.path == test_path), None)
    if home is not None and own & {one.name for one in home.declarations if is_test(one)}:
        return _with_helpers(module, [one for file in files for one in file.declarations])
    others = {name for file in files if file.path != test_path for name in declared_names(file.file)}
    names = {name: free_name(name, others, own) for name in sorted(own & others)}
    return renamed(module, names) if names else code


def _with_helpers(module: ParsedText, known: Sequence[Declaration]) -> str:
    """Return a module with the declarations of other test files that it uses, and their imports."""
    by_name = {one.name.partition(".")[0]: one for one in known if not is_test(one)}
    own = declared_names(module)
    waiting = [*names_outside_imports(module)]
    needed: dict[int, Declaration] = {}
    while waiting:
        name = waiting.pop()
        methods = [one for one in known if one.receiver == name]
        for one in (by_name.get(name), *methods):
            if one is not None and name not in own and one.group.id not in needed:
                needed[one.group.id] = one
                waiting += used_names(one.group)
    text = module.text
    for one in needed.values():
        text = f"{text.rstrip()}\n\n{one.file.between(*span_of(one)).strip()}\n"
    there = {one.path for one, _ in imports_in(module)}
    used = {name for one in needed.values() for name in used_names(one.group)}
    added = {
        each
        for one in needed.values()
        for each, _ in imports_in(one.file)
        if each.path not in there and each.name in used
    }
    return with_imports(text, sorted(added, key=lambda one: one.path))


@dataclass(frozen=True, eq=False)
class _Edit:
    """An edit of a test file."""

    before: ParsedText
    after: ParsedText

    @cached_property
    def old(self) -> Mapping[str, Declaration]:
        """Declarations before the edit."""
        return {one.name: one for one in declarations(self.before)}

    @cached_property
    def new(self) -> Mapping[str, Declaration]:
        """Declarations after it."""
        return {one.name: one for one in declarations(self.after)}

    @cached_property
    def added(self) -> list[str]:
        """Names of the tests that it adds."""
        return [name for name, one in self.new.items() if is_test(one) and name not in self.old]

    @cached_property
    def extended(self) -> list[str]:
        """Names of the tests and variables whose tables it extends, and nothing else."""
        return [name for name in self._changed if self._is_extension(name)]

    @cached_property
    def tests_extended(self) -> list[str]:
        """Names of the tests whose tables it extends, also those in variables that they use."""
        return [name for name in self.new if name in self.old and _is_about(self.new[name], self.extended)]

    @cached_property
    def shared(self) -> frozenset[str]:
        """Names of what is the same before and after."""
        return frozenset(self.old) & frozenset(self.new) - frozenset(self._changed)

    @cached_property
    def _changed(self) -> list[str]:
        both = (name for name in self.new if name in self.old)
        return [name for name in both if tokens(self.old[name].node) != tokens(self.new[name].node)]

    def refuse_other_changes(self) -> None:
        """Raise `CannotPlace` if it changes more than tests, tables and imports."""
        if self.old.keys() - self.new.keys():
            raise CannotPlace("it removes something")
        if package_name(self.before) != package_name(self.after):
            raise CannotPlace("it changes the package")
        if any(name not in self.extended for name in self._changed):
            raise CannotPlace("it changes something else than the tables of tests")
        own = {one for one, _ in imports_in(self.before)}
        if own - {one for one, _ in imports_in(self.after)}:
            raise CannotPlace("it removes an import")
        old, new = (
            [one.name for one in declarations(text) if one.name in _RUN_FOR_ALL]
            for text in (self.before, self.after)
        )
        if old != new:  # a file may have several functions `init`
            raise CannotPlace("it changes how all tests of the package are run")

    def rows(self, name: str) -> list[tuple[list[_Row], list[_Row]]]:
        """Return the old and the new rows of each table of a test; none if the tables do not correspond."""
        old, new = _tables(self.old[name].node), _tables(self.new[name].node)
        if len(old) != len(new):
            return []
        known = [list(map(_row, items_of(table))) for table in old]
        added = [list(map(_row, items_of(table))) for table in new]
        return [
            (there, [row for row in rows if row not in there])
            for there, rows in zip(known, added, strict=True)
        ]

    def _is_extension(self, name: str) -> bool:
        if not is_test(self.new[name]) and self.new[name].kind is not DeclarationKind.VAR:
            return False
        rows = [new for _, new in self.rows(name)]
        if not any(rows):
            return False
        text = _without_rows(self.after, {name: rows})
        there = next(one for one in declarations(parse(text)) if one.name == name)
        return tokens(there.node) == tokens(self.old[name].node)


def _tables(function: Node) -> list[Node]:
    """Return the outermost composite literals of slices and maps in a test, as their bodies."""
    found: list[Node] = []
    for node in walk(function, {"comment"}):
        if node.type == "composite_literal":
            kind, body = field(node, "type"), field(node, "body")
            is_table = kind is not None and kind.type in {
                "slice_type",
                "map_type",
                "implicit_length_array_type",
            }
            is_inner = any(one.start_byte <= node.start_byte < one.end_byte for one in found)
            if is_table and body is not None and not is_inner:
                found.append(body)
    return found


def _row(node: Node) -> _Row:
    return tuple(tokens(node))


def _rows_in(test: Declaration) -> Container[_Row]:
    return {_row(row) for table in _tables(test.node) for row in items_of(table)}


def _without_rows(file: ParsedText, gone: Mapping[str, Sequence[Container[_Row]]]) -> str:
    """Return a file without some rows, given for each table of a test by the test's name."""
    rows_gone = (
        row
        for one in declarations(file)
        if one.name in gone
        for table, rows in zip(_tables(one.node), gone[one.name], strict=False)
        for row in items_of(table)
        if _row(row) in rows
    )
    return without_items(file, rows_gone)

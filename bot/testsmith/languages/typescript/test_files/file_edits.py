"""Edits of a whole TypeScript test file: the tests that one adds or extends, and the file with some of them.

A test is extended by rows in its tables: arrays, of which the edit keeps all rows in order. A table may also
be a constant that tests use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from testsmith.languages.syntax_tree import ParsedText, field, items_of, text_of, walk, without_items
from testsmith.languages.tests import CannotPlace
from testsmith.languages.typescript.source.parsing import parse, tokens
from testsmith.languages.typescript.test_files.imports import (
    bindings_of,
    import_statements,
    is_import,
    lines_of,
    source_of,
    used_names,
)
from testsmith.languages.typescript.test_files.style import at_indentation, edited
from testsmith.languages.typescript.test_files.test_blocks import TABLES, BlockKind, TestBlock, blocks_in
from testsmith.languages.typescript.test_files.test_modules import (
    declared_by,
    keep_tests,
    scopes_of,
    test_functions,
    unit_of,
)

if TYPE_CHECKING:
    from tree_sitter import Node

_CASTS = frozenset({"as_expression", "satisfies_expression", "parenthesized_expression"})

_Row = tuple[str, ...]
_Key = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Part:
    """A statement of a test file or of one of its suites.

    Attributes:
        node: The statement.
        tests: Names of the tests that it makes; none for a suite.
        meaning: Its tokens, of a suite without those of its body.
        acts: Whether it is run for other tests, too, and so may only be added together with its suite.
    """

    node: Node
    tests: tuple[str, ...]
    meaning: tuple[str, ...]
    acts: bool


def edited_tests(before: str, after: str) -> str:
    """Return the tests that an edit of a test file adds or extends, as a module of their own.

    Of a table that was extended, the module has only the new rows.

    Raises:
        CannotParse: One of the texts is not valid TypeScript.
        CannotPlace: The edit adds no tests, or changes anything else than tests, tables and imports.
    """
    edit = _Edit(parse(before), parse(after))
    edit.refuse_other_changes()
    names = [*edit.added, *edit.tests_extended]
    if not names:
        raise CannotPlace("it adds no tests")
    known = {key: [old if new else [] for old, new in edit.rows(key)] for key in edit.extended}
    return keep_tests(_without_rows(edit.after, known), names)


def joined_edit(before: str, after: str, code: str) -> str:
    """Return an edited test file whose added and extended tests are as in a module that was made of them.

    Tests and rows that the module does not have are put back as they were.

    Raises:
        CannotParse: One of the texts is not valid TypeScript.
        CannotPlace: A test of the module is not in the edited file, or uses names that the file lacks.
    """
    edit, module = _Edit(parse(before), parse(after)), parse(code)
    kept = test_functions(code)
    if not {*kept} <= {*edit.added, *edit.tests_extended}:
        raise CannotPlace("it has tests that are not in the edited file")
    there = _parts(module)
    gone: dict[_Key, list[list[_Row]]] = {}
    for key in edit.extended:
        left = _rows_in(there[key].node) if key in there else ()
        gone[key] = [[row for row in new if row not in left] for _, new in edit.rows(key)]
    text = _without_rows(edit.after, gone)
    names = [name for name in test_functions(text) if name not in edit.added or name in kept]
    text = keep_tests(text, names)
    for key, part in there.items():
        if part.tests and set(part.tests) <= set(edit.added):
            text = _with_part(text, module, key, part)
    return text


def changed_tests(before: str, after: str) -> tuple[str, ...]:
    """Return the names of the tests that an edit of a test file adds or changes, or whose table it changes.

    Raises:
        CannotParse: One of the texts is not valid TypeScript.
    """
    old, new = _parts(parse(before)) if before.strip() else {}, _parts(parse(after))
    changed = [part for key, part in new.items() if key not in old or old[key].meaning != part.meaning]
    names = {name for part in changed for name in part.tests}
    declared = {name for part in changed if not part.tests for name in declared_by(part.node)}
    uses = {
        name for part in new.values() for name in part.tests if not declared.isdisjoint(used_names(part.node))
    }
    return tuple(name for name in test_functions(after) if name in names or name in uses)


def with_test(text: str, code: str, name: str) -> str:
    """Return a test file in which one test is as in a module; everything else stays as it is.

    Raises:
        CannotParse: One of the texts is not valid TypeScript.
        CannotPlace: One of them does not have the test, or the test uses names that the file lacks.
    """
    module = parse(code)
    found = ((key, part) for key, part in _parts(module).items() if name in part.tests)
    key, part = next(found, ((), None))
    if part is None:
        raise CannotPlace(f"there is no test {name}")
    return _with_part(text, module, key, part)


def _with_part(text: str, module: ParsedText, key: _Key, part: _Part) -> str:
    """Return a file in which a statement with tests is as in a module."""
    file = parse(text)
    there = _parts(file).get(key)
    if there is None:
        raise CannotPlace(f"there is no test {part.tests[0]}")
    own = {(one.local, one.imported, one.module) for one in bindings_of(file)}
    used = used_names(part.node)
    if any(
        one.local in used and (one.local, one.imported, one.module) not in own for one in bindings_of(module)
    ):
        raise CannotPlace("it uses imports that its test file does not have")
    declared = {name for each in _parts(file).values() for name in declared_by(each.node)}
    missing = {name for each in _parts(module).values() for name in declared_by(each.node)} - declared
    if missing & used:
        raise CannotPlace("it uses names that its test file does not have")
    if there.meaning == part.meaning:
        return text
    start = file.line_start(there.node.start_byte)
    indentation = file.between(start, there.node.start_byte)
    moved = at_indentation(module, *lines_of(module, part.node), indentation).strip()
    return edited(file, [(there.node.start_byte, there.node.end_byte, moved)])


@dataclass(frozen=True, eq=False)
class _Edit:
    """An edit of a test file."""

    before: ParsedText
    after: ParsedText

    @cached_property
    def old(self) -> Mapping[_Key, _Part]:
        """Statements before the edit."""
        return _parts(self.before)

    @cached_property
    def new(self) -> Mapping[_Key, _Part]:
        """Statements after it."""
        return _parts(self.after)

    @cached_property
    def added(self) -> list[str]:
        """Names of the tests that it adds."""
        there = set(test_functions(self.before.text))
        return [name for name in test_functions(self.after.text) if name not in there]

    @cached_property
    def extended(self) -> list[_Key]:
        """Keys of the tests and constants whose tables it extends, and nothing else."""
        return [key for key in self._changed if self._is_extension(key)]

    @cached_property
    def tests_extended(self) -> list[str]:
        """Names of the tests whose tables it extends, also those in constants that they use."""
        declared = {name for key in self.extended for name in declared_by(self.new[key].node)}
        return [
            name
            for key, part in self.new.items()
            if key in self.old and (key in self.extended or not declared.isdisjoint(used_names(part.node)))
            for name in part.tests
        ]

    @cached_property
    def _changed(self) -> list[_Key]:
        both = (key for key in self.new if key in self.old)
        return [key for key in both if self.old[key].meaning != self.new[key].meaning]

    def refuse_other_changes(self) -> None:
        """Raise `CannotPlace` if it changes more than tests, tables and imports."""
        if self.old.keys() - self.new.keys():
            raise CannotPlace("it removes something")
        if any(key not in self.extended for key in self._changed):
            raise CannotPlace("it changes something else than the tables of tests")
        if _imports(self.before) - _imports(self.after):
            raise CannotPlace("it removes an import")
        added = self.new.keys() - self.old.keys()
        for key in added:
            suite = ("suite", *key[1:2]) if key[1] else None
            if self.new[key].acts and suite not in added:
                raise CannotPlace("it changes how all tests of the file are run")

    def rows(self, key: _Key) -> list[tuple[list[_Row], list[_Row]]]:
        """Return the old and the new rows of each table of a statement; none if there are more tables."""
        old, new = _tables(self.old[key].node), _tables(self.new[key].node)
        if len(old) != len(new):
            return []
        known = [list(map(_row, items_of(table))) for table in old]
        there = [list(map(_row, items_of(table))) for table in new]
        return [
            (rows, [row for row in both if row not in rows]) for rows, both in zip(known, there, strict=True)
        ]

    def _is_extension(self, key: _Key) -> bool:
        if not self.new[key].tests and not declared_by(self.new[key].node):
            return False
        rows = [new for _, new in self.rows(key)]
        if not any(rows):
            return False
        there = _parts(parse(_without_rows(self.after, {key: rows}))).get(key)
        return there is not None and there.meaning == self.old[key].meaning


def _imports(file: ParsedText) -> set[tuple[str, str, str]]:
    named = {(one.local, one.imported, one.module) for one in bindings_of(file)}
    return named | {("", "", source_of(one)) for one in import_statements(file)}


def _parts(file: ParsedText) -> dict[_Key, _Part]:
    """Return the statements of a file and of its suites other than imports, by what they are called."""
    blocks = blocks_in(file)
    titles = {one.body.id: one.name for one in blocks if one.kind is BlockKind.SUITE and one.body is not None}
    by_unit: dict[int, list[TestBlock]] = {}
    for one in blocks:
        by_unit.setdefault(unit_of(one).id, []).append(one)
    counts: Counter[_Key] = Counter()
    found = {}
    for scope in scopes_of(file, blocks):
        for node in scope.named_children:
            if node.type == "comment" or (scope.type == "program" and is_import(node)):
                continue
            key, part = _part(node, titles.get(scope.id, ""), by_unit.get(node.id, ()))
            counts[key] += 1
            found[key if counts[key] == 1 else (*key, str(counts[key]))] = part
    return found


def _part(node: Node, suite: str, blocks: Sequence[TestBlock]) -> tuple[_Key, _Part]:
    first = next(iter(blocks), None)
    meaning = tuple(tokens(node))
    if first is not None and first.kind is BlockKind.SUITE and first.statement.id == node.id and first.body:
        end = first.body.start_byte
        head = [one for one in walk(node) if not one.children and one.end_byte <= end]
        words = tuple(word for one in head for word in tokens(one))
        return ("suite", first.name), _Part(node, (), words, acts=False)
    tests = tuple(one.name for one in blocks if one.kind is BlockKind.TEST)
    if tests:
        return ("test", suite, tests[0]), _Part(node, tests, meaning, acts=False)
    names = declared_by(node)
    if names:
        return ("declaration", suite, *names), _Part(node, (), meaning, acts=False)
    return ("code", suite, *meaning), _Part(node, (), meaning, acts=True)


def _tables(statement: Node) -> list[Node]:
    """Return the outermost arrays in a statement that tests go over: given to `each`, named, or in a loop."""
    found: list[Node] = []
    for node in walk(statement, {"comment"}):
        is_inner = any(one.start_byte <= node.start_byte < one.end_byte for one in found)
        if node.type == "array" and not is_inner and _is_table(node):
            found.append(node)
    return found


def _is_table(array: Node) -> bool:
    around = array.parent
    while around is not None and around.type in _CASTS:
        around = around.parent
    if around is None or around.type != "arguments":
        return around is not None and around.type in {
            "variable_declarator",
            "for_in_statement",
            "member_expression",
        }
    return text_of(field(around.parent, "function", "property")) in TABLES


def _row(node: Node) -> _Row:
    return tuple(tokens(node))


def _rows_in(statement: Node) -> Container[_Row]:
    return {_row(row) for table in _tables(statement) for row in items_of(table)}


def _without_rows(file: ParsedText, gone: Mapping[_Key, Sequence[Container[_Row]]]) -> str:
    """Return a file without some rows, given for each table of a statement."""
    rows_gone = (
        row
        for key, part in _parts(file).items()
        if key in gone
        for table, rows in zip(_tables(part.node), gone[key], strict=False)
        for row in items_of(table)
        if _row(row) in rows
    )
    return without_items(file, rows_gone)

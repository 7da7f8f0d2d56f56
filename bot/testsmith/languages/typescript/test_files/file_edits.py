"""Edits of a whole TypeScript test file: the tests that one adds or extends, and the file with some of them.

A test is extended by rows in its tables: arrays and objects, of which the edit keeps all rows in order. A
table may also be a constant that tests use, or in a row of another table.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from testsmith.languages.syntax_tree import ParsedText, field, walk, without_items
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
from testsmith.languages.typescript.test_files.test_blocks import JOINT, BlockKind, TestBlock, blocks_in
from testsmith.languages.typescript.test_files.test_modules import (
    declared_by,
    keep_tests,
    scopes_of,
    test_functions,
    unit_of,
)
from testsmith.languages.typescript.test_files.test_tables import TableGrowth, growth_of, row_of, rows_in

if TYPE_CHECKING:
    from tree_sitter import Node

_Key = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Part:
    """A statement of a test file or of one of its suites.

    Attributes:
        node: The statement.
        compared: What it is compared by: itself; of a suite, what is called, and with what, without its body.
        tests: Names of the tests that it makes; none for a suite.
        inside: Names of the tests in it, also of a suite.
        meaning: Tokens of what it is compared by.
        acts: Whether it is run for other tests, too, and so may only be added together with its suite.
    """

    node: Node
    compared: tuple[Node, ...]
    tests: tuple[str, ...]
    inside: tuple[str, ...]
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
    known = [row for tables in edit.growth.values() for table in tables for row in table.known]
    return keep_tests(without_items(edit.after, known), names)


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
    gone = []
    for key, tables in edit.growth.items():
        left = rows_in(there[key].node) if key in there else ()
        added = (row for table in tables for row in table.added)
        gone += [row for row in added if row_of(row) not in left]
    text = without_items(edit.after, gone)
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
    names = {name for part in changed for name in part.inside}
    uses = _tests_that_use([part.node for part in changed], new)
    return tuple(name for name in test_functions(after) if name in names or name in uses)


def _tests_that_use(changed: Sequence[Node], parts: Mapping[_Key, _Part]) -> set[str]:
    """Return the names of the tests in statements that use what some statements declare."""
    ids = {node.id for node in changed}
    homes = {(key[1], name): part.node.id for key, part in parts.items() for name in declared_by(part.node)}
    found: set[str] = set()
    for key, part in parts.items():
        suite = key[1].rpartition(JOINT)[0] if key[0] == "suite" else key[1]
        around = [suite]
        while around[-1]:
            around.append(around[-1].rpartition(JOINT)[0])
        used = (name for one in part.compared for name in used_names(one))
        nearest = (next((homes[one, name] for one in around if (one, name) in homes), None) for name in used)
        if any(home in ids for home in nearest):
            found.update(part.inside)
    return found


def with_test(text: str, code: str, name: str) -> str:
    """Return a test file in which one test is as in a module; everything else stays as it is.

    Raises:
        CannotParse: One of the texts is not valid TypeScript.
        CannotPlace: One of them does not have the test, or the test uses names that the file lacks.
    """
    module = parse(code)
    old = {key: part for key, part in _parts(parse(text)).items() if part.tests}
    new = {key: part for key, part in _parts(module).items() if part.tests}
    there = next((key for key, part in old.items() if name in part.tests), None)
    part = next((part for part in new.values() if name in part.tests), None)
    if part is None and len(new) == 1 and not new.keys() & old.keys():
        [part] = new.values()
    if there is None or part is None:
        raise CannotPlace(f"there is no test {name}")
    return _with_part(text, module, there, part)


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
    def growth(self) -> Mapping[_Key, Sequence[TableGrowth]]:
        """The tables that it extends, by the tests, suites and constants in which nothing else is changed."""
        found = {key: growth_of(self.old[key].compared, self.new[key].compared) for key in self._changed}
        grown = {key: tables for key, tables in found.items() if tables}
        return {one: grown[one] for one in grown if self.new[one].inside or declared_by(self.new[one].node)}

    @cached_property
    def tests_extended(self) -> list[str]:
        """Names of the tests whose tables it extends, also those in constants that they use."""
        found = _tests_that_use([self.new[key].node for key in self.growth], self.new)
        found |= {name for key in self.growth for name in self.new[key].inside}
        there = {*test_functions(self.before.text)}
        return [name for name in test_functions(self.after.text) if name in found and name in there]

    @cached_property
    def _changed(self) -> list[_Key]:
        both = (key for key in self.new if key in self.old)
        return [key for key in both if self.old[key].meaning != self.new[key].meaning]

    def refuse_other_changes(self) -> None:
        """Raise `CannotPlace` if it changes more than tests, tables and imports."""
        if self.old.keys() - self.new.keys():
            raise CannotPlace("it removes something")
        if any(key not in self.growth for key in self._changed):
            raise CannotPlace("it changes something else than the tables of tests")
        if _imports(self.before) - _imports(self.after):
            raise CannotPlace("it removes an import")
        added = self.new.keys() - self.old.keys()
        for key in added:
            suite = ("suite", *key[1:2]) if key[1] else None
            if self.new[key].acts and suite not in added:
                raise CannotPlace("it changes how all tests of the file are run")


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
    tests = [one for one in blocks if one.kind is BlockKind.TEST]
    starts = [one.call.start_byte for one in tests]
    counts: Counter[_Key] = Counter()
    found = {}
    for scope in scopes_of(file, blocks):
        for node in scope.named_children:
            if node.type == "comment" or (scope.type == "program" and is_import(node)):
                continue
            inside = tests[bisect_left(starts, node.start_byte) : bisect_left(starts, node.end_byte)]
            key, part = _part(node, titles.get(scope.id, ""), by_unit.get(node.id, ()), inside)
            counts[key] += 1
            found[key if counts[key] == 1 else (*key, str(counts[key]))] = part
    return found


def _part(
    node: Node, suite: str, blocks: Sequence[TestBlock], inside: Sequence[TestBlock]
) -> tuple[_Key, _Part]:
    first = next(iter(blocks), None)
    names = tuple(dict.fromkeys(one.name for one in inside))
    if first is not None and first.kind is BlockKind.SUITE and first.statement.id == node.id and first.body:
        end = first.body.start_byte
        function = first.function
        heads = (field(first.call, "function"), *first.arguments, field(function, "parameters"))
        compared = tuple(one for one in heads if one is not None and one != function)
        head = [one for one in walk(node) if not one.children and one.end_byte <= end]
        words = tuple(word for one in head for word in tokens(one))
        return ("suite", first.name), _Part(node, compared, (), names, words, acts=False)
    meaning = tuple(tokens(node))
    if names:
        return ("test", suite, names[0]), _Part(node, (node,), names, names, meaning, acts=False)
    declared = declared_by(node)
    if declared:
        return ("declaration", suite, *declared), _Part(node, (node,), (), (), meaning, acts=False)
    return ("code", suite, *meaning), _Part(node, (node,), (), (), meaning, acts=True)

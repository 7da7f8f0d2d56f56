"""Edits of a whole test file: the tests that an edit adds or changes, and the file with only some of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from itertools import takewhile, zip_longest

from testsmith.languages.python.judge.test_reading.claims import functions_of
from testsmith.languages.python.judge.test_reading.edits import Text, without_rows
from testsmith.languages.python.judge.test_reading.situations import Rows, Shared
from testsmith.languages.python.source.definitions import Function, is_type_checking, last_name
from testsmith.languages.python.source.parsing import parse_untrusted, refusing_depth, span_of
from testsmith.languages.python.test_files.equivalence import module_bindings
from testsmith.languages.python.test_files.existing.file_imports import (
    Bound,
    imports_in,
    imports_of,
    is_relative_form,
)
from testsmith.languages.python.test_files.test_modules import is_fixture, is_suite, keep_tests
from testsmith.languages.tests import CannotPlace

_Import = ast.Import | ast.ImportFrom
_Variable = ast.Assign | ast.AnnAssign
_WORD = re.compile(r"\w+")


def edited_tests(before: str, after: str) -> str:
    """Return the tests that an edit of a test file adds or extends, as a module of their own.

    Of a parametrization that was extended, the module has only the new rows. Tests that lost or changed
    something are left out.

    Raises:
        CannotParse: One of the texts is not valid Python.
        CannotPlace: The edit adds no tests, or changes anything else than tests, tables and imports.
    """
    with refusing_depth():
        edit = _Edit(_TestFile(before), _TestFile(after))
        edit.refuse_other_changes()
        names = [name for name in edit.changed if edit.is_extension(name)]
        if not names:
            raise CannotPlace("it adds no tests")
        known = {name: known for name in names if (known := edit.known_rows(name))}
        return keep_tests(without_rows(after, known), names)


def joined_edit(before: str, after: str, code: str) -> str:
    """Return an edited test file with its added and extended tests as in a module that was made of them.

    Tests that the module no longer has, and rows that it no longer has, are put back as they were. A test for
    which a formatter has added an import to the module stays as it was written into the file. Variables and
    helpers that only the module has are added above the first test that uses them.

    Raises:
        CannotParse: One of the texts is not valid Python.
        CannotPlace: A test of the module is not in the edited file, or uses names that are not.
    """
    with refusing_depth():
        old, new, kept = _TestFile(before), _TestFile(after), _TestFile(code)
        edit = _Edit(old, new)
        if not kept.tests.keys() <= set(edit.changed):
            raise CannotPlace("it has tests that are not in the edited file")
        typing = {local for module, _, local in kept.imports if module == "typing"} - _names_in(new.tree)
        pieces = [
            (new.span(name), old.lines(name) if name in old.tests else [])
            for name in edit.changed
            if name not in kept.tests
        ]
        replaced = [
            name
            for name in kept.tests
            if name not in old.tests or (not edit.known_rows(name) and not kept.is_same(name, new))
            if not typing & _names_in(kept.tests[name])
        ]
        added = _lines_added(kept, new, replaced)
        pieces += [(new.span(name), [*added.get(name, ()), *kept.lines(name)]) for name in replaced]
        text = _with_pieces(new, [*pieces, *_emptied_suites(edit, kept), *_unread_tables(edit, kept)])
        text = without_rows(text, {name: rows for name in kept.tests if (rows := edit.cut_rows(name, kept))})
        return _without_idle_imports(old, _TestFile(text), kept)


def _lines_added(kept: _TestFile, new: _TestFile, tests: Sequence[str]) -> dict[str, list[str]]:
    """Return the lines of a module's variables and helpers that tests use and a file lacks, by first test.

    Fixtures are left out: a module has copies of those that the file gets from a `conftest.py`.

    Raises:
        CannotPlace: The first test is in a class.
    """
    there = set(module_bindings(new.tree))
    found: dict[str, list[str]] = {}
    for test in sorted(tests, key=new.span):
        wanted, statements = _names_in(kept.tests[test]), list[ast.stmt]()
        for statement in reversed(kept.tree.body):
            bound = module_bindings(ast.Module([statement], [])).keys() & wanted
            if isinstance(statement, _Import) or _is_suite(statement):
                continue
            if isinstance(statement, Function) and is_fixture(statement):
                continue
            if bound - there:
                statements.insert(0, statement)
                wanted |= _names_in(statement)
                there |= bound
        if statements and "::" in test:
            raise CannotPlace("a test in a class uses variables that are not in the edited file")
        for statement, following in zip_longest(statements, statements[1:]):
            span = span_of(statement)
            are_variables = isinstance(statement, _Variable) and isinstance(following, _Variable)
            blank = ["\n"] if are_variables else ["\n", "\n"]
            found.setdefault(test, []).extend((*kept.text_lines[span.first - 1 : span.last], *blank))
    return found


def changed_tests(before: str, after: str) -> tuple[str, ...]:
    """Return the names of the tests that an edit of a test file adds or changes, or whose table it changes.

    Raises:
        CannotParse: One of the texts is not valid Python.
    """
    with refusing_depth():
        return tuple(_Edit(_TestFile(before), _TestFile(after)).changed)


def tests_sharing_edits(before: str, after: str) -> tuple[str, ...]:
    """Return the names of the tests that may use a helper that an edit extends: all that the file had.

    Raises:
        CannotParse: One of the texts is not valid Python.
    """
    with refusing_depth():
        old, new = _TestFile(before), _TestFile(after)
        return tuple(old.tests) if _Edit(old, new).has_edited_helpers else ()


def with_known_rows(before: str, after: str) -> str:
    """Return an edited test file in which rows of tables that the edit changed are as they were.

    A row counts as changed if it is where the old row was, and has at least one of its values.

    Raises:
        CannotParse: One of the texts is not valid Python.
    """
    with refusing_depth():
        old, new = _TestFile(before), _TestFile(after)
        texts = Text(before), Text(after)
        pieces = [
            (*texts[1].place(row), texts[0].of(known))
            for name in old.tests.keys() & new.tests.keys()
            for known, row in _changed_rows(old.rows_of(name), new.rows_of(name))
        ]
        return texts[1].with_pieces(dict.fromkeys(pieces))


def _changed_rows(old: Rows | None, new: Rows | None) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the rows of a table that were changed, as they were and as they are."""
    if old is None or new is None:
        return
    rows = [[ast.dump(element) for element in each.elements] for each in (old, new)]
    for kind, first, last, start, _ in SequenceMatcher(a=rows[0], b=rows[1], autojunk=False).get_opcodes():
        for index in range(first, last) if kind == "replace" else ():
            at = start + index - first
            if at < len(new.elements) and _share_a_value(old.values[index], new.values[at]):
                yield old.elements[index], new.elements[at]


def _share_a_value(old: Mapping[str, ast.expr], new: Mapping[str, ast.expr]) -> bool:
    return any(ast.dump(value) == ast.dump(new[key]) for key, value in old.items() if key in new)


def with_test(text: str, code: str, name: str) -> str:
    """Return a test file in which one test is as in a module; everything else stays as it is.

    Raises:
        CannotParse: One of the texts is not valid Python.
        CannotPlace: One of them does not have the test, or the test uses imports that the file lacks.
    """
    with refusing_depth():
        file, module = _TestFile(text), _TestFile(code)
        new = name if name in module.tests else _renamed(file, module, name)
        if name not in file.tests or new is None:
            raise CannotPlace(f"it has no test {name}")
        own = {local for _, _, local in module.imports - file.imports}
        if own & _names_in(module.tests[new]):
            raise CannotPlace("the test uses imports that are not in the file")
        before, after = span_of(file.tests[name]), span_of(module.tests[new])
        lines = module.text_lines[after.first - 1 : after.last]
        return _with_pieces(file, [((before.first - 1, before.last), lines)])


def _renamed(file: _TestFile, module: _TestFile, name: str) -> str | None:
    """Return the only test of a module, if it is new and of the class of another test."""
    suite = name.rpartition("::")[0]
    found = [each for each in module.tests if each not in file.tests and each.rpartition("::")[0] == suite]
    return found[0] if len(module.tests) == len(found) == 1 else None


class _TestFile:
    """A parsed test file."""

    def __init__(self, text: str) -> None:
        self.tree = parse_untrusted(text)
        self.text = text
        self.text_lines = text.splitlines(keepends=True)
        self.tests = dict(functions_of(self.tree))

    @cached_property
    def shared(self) -> Shared:
        return Shared.of(self.tree)

    @cached_property
    def imports(self) -> frozenset[tuple[str, str, str]]:
        """Module, name and local name of each import of the top level."""
        return frozenset(each.key for each in imports_of(self.tree))

    @cached_property
    def typing_imports(self) -> frozenset[tuple[str, str, str]]:
        """Module, name and local name of each import for type checkers only."""
        return frozenset(each.key for block in _typing_blocks(self.tree) for each in imports_in(block.body))

    def is_imported(self, module: str, name: str, local: str) -> bool:
        """Return whether the file has an import, also as a relative one of the same module."""
        return any(
            (name, local) == (its_name, its_local) and (module == its or is_relative_form(its, module))
            for its, its_name, its_local in self.imports
        )

    def rows(self, name: str) -> list[str] | None:
        """Return the rows of a test's parametrization; None if it has none that can be told apart."""
        found = self.rows_of(name)
        return None if found is None else [ast.dump(element) for element in found.elements]

    def rows_of(self, name: str) -> Rows | None:
        return self.shared.rows_of(name, self.tests[name]) if name in self.tests else None

    def span(self, name: str) -> tuple[int, int]:
        """Return the range of a test's lines, from 0, with the comments directly above it."""
        span = span_of(self.tests[name])
        first = span.first - 1
        while first and self.text_lines[first - 1].lstrip().startswith("#"):
            first -= 1
        return first, span.last

    def lines(self, name: str) -> list[str]:
        first, last = self.span(name)
        return self.text_lines[first:last]

    def is_same(self, name: str, other: _TestFile) -> bool:
        return ast.dump(self.tests[name]) == ast.dump(other.tests[name])


@dataclass(frozen=True)
class _Edit:
    """A test file before and after an edit."""

    old: _TestFile
    new: _TestFile

    @cached_property
    def changed(self) -> list[str]:
        """Names of the tests that were added or changed, or whose table was."""
        return [
            name
            for name, test in self.new.tests.items()
            if name not in self.old.tests
            or not self.new.is_same(name, self.old)
            or not _names_in(test).isdisjoint(self.tables)
        ]

    @cached_property
    def tables(self) -> dict[str, tuple[ast.Assign, ast.Assign]]:
        """Variables of the top level whose value was changed, with both assignments."""
        old, new = _variables(self.old.tree), _variables(self.new.tree)
        both = {name: (old[name], new[name]) for name in old.keys() & new.keys()}
        return {name: each for name, each in both.items() if ast.dump(each[0]) != ast.dump(each[1])}

    @property
    def has_edited_helpers(self) -> bool:
        """Whether a function or class that is neither a test nor a class of tests was changed."""
        old, new = (
            {
                statement.name: ast.dump(statement)
                for statement in _other_statements(file.tree.body)
                if isinstance(statement, Function | ast.ClassDef)
            }
            for file in (self.old, self.new)
        )
        return any(new.get(name, text) != text for name, text in old.items())

    def is_extension(self, name: str) -> bool:
        """Return whether a test is new, or has everything that it had."""
        return name not in self.old.tests or _extends(self.old.tests[name], self.new.tests[name])

    def refuse_other_changes(self) -> None:
        """Raise `CannotPlace` if something other than tests was changed or removed."""
        if not self.old.tests.keys() <= self.new.tests.keys():
            raise CannotPlace("it removes tests")
        if not (self.old.imports <= self.new.imports and self.old.typing_imports <= self.new.typing_imports):
            raise CannotPlace("it removes imports")
        if not _has_all(_other_statements(self.old.tree.body), _other_statements(self.new.tree.body)):
            raise CannotPlace("it changes code that is not a test")

    def known_rows(self, name: str) -> frozenset[int]:
        """Return the rows of an extended test that it had before."""
        before, after = self.old.rows(name), self.new.rows(name)
        if before is None or after is None or not set(after) - set(before):
            return frozenset()
        return frozenset(index for index, row in enumerate(after) if row in before)

    def cut_rows(self, name: str, kept: _TestFile) -> frozenset[int]:
        """Return the new rows of an extended test that the module does not have."""
        known, after, left = self.known_rows(name), self.new.rows(name), kept.rows(name)
        if not known or after is None or left is None:
            return frozenset()
        return frozenset(index for index, row in enumerate(after) if index not in known and row not in left)


def _variables(tree: ast.Module) -> dict[str, ast.Assign]:
    """Return the assignments to variables of the top level."""
    return {
        target.id: statement
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def _names_in(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _is_suite(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ClassDef) and is_suite(
        statement.name, [last_name(base) for base in statement.bases]
    )


def _typing_blocks(tree: ast.Module) -> list[ast.If]:
    return [each for each in tree.body if isinstance(each, ast.If) and is_type_checking(each.test)]


def _other_statements(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Return the statements that are neither tests nor imports; blocks and classes of tests without these."""
    found: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.If) and is_type_checking(statement.test):
            found.append(block := copy(statement))
            block.body = [each for each in statement.body if not isinstance(each, _Import)]
        elif isinstance(statement, ast.ClassDef) and _is_suite(statement):
            found.append(shell := copy(statement))
            shell.body = _other_statements(statement.body)
        elif not isinstance(statement, _Import) and not (
            isinstance(statement, Function) and statement.name.startswith("test")
        ):
            found.append(statement)
    return found


def _has_all(old: Sequence[ast.stmt], new: Sequence[ast.stmt]) -> bool:
    """Return whether the statements are still there in their order, or extended."""
    left = iter(new)
    return all(any(_extends(before, after) for after in left) for before in old)


def _extends(old: ast.stmt, new: ast.stmt) -> bool:
    """Return whether a statement is the same but for rows and statements that were added."""
    if ast.dump(old) == ast.dump(new):
        return True
    before, after = _parts(old), _parts(new)
    if before is None or after is None or before[0] != after[0]:
        return False
    return _all_grown(before[1], after[1]) and _has_all(before[2], after[2])


def _parts(statement: ast.stmt) -> tuple[str, list[ast.expr], list[ast.stmt]] | None:
    """Return what may not change of a statement, its expressions with tables, and the statements in it."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            head = f"{type(statement).__name__} {statement.name} {ast.dump(statement.args)}"
            return head, statement.decorator_list, statement.body
        case ast.ClassDef():
            return f"class {statement.name}", [*statement.decorator_list, *statement.bases], statement.body
        case ast.For():
            return f"for {ast.dump(statement.target)}", [statement.iter], statement.body
        case ast.With():
            return f"with {' '.join(map(ast.dump, statement.items))}", [], statement.body
        case ast.Assign() | ast.Expr():
            targets = statement.targets if isinstance(statement, ast.Assign) else []
            return f"{' '.join(map(ast.dump, targets))} =", [statement.value], []
    return None


def _all_grown(old: Sequence[ast.expr], new: Sequence[ast.expr]) -> bool:
    return len(old) == len(new) and all(map(_is_grown, old, new))


def _is_grown(old: ast.expr, new: ast.expr) -> bool:
    """Return whether an expression is the same but for rows that were added to its tables.

    A table may also be a text of several lines, such as the cases of a small language.
    """
    if ast.dump(old) == ast.dump(new):
        return True
    match old, new:
        case ast.Constant(value=str(text)), ast.Constant(value=str(longer)) if "\n" in text.strip():
            following = iter(longer.splitlines())
            return all(line in following for line in text.splitlines())
        case (ast.List(elts=rows), ast.List(elts=others)) | (ast.Tuple(elts=rows), ast.Tuple(elts=others)):
            left = iter([ast.dump(each) for each in others])
            return all(ast.dump(each) in left for each in rows)
        case ast.Dict(), ast.Dict():
            entries = set(_entries(new))
            return all(entry in entries for entry in _entries(old))
        case ast.Call(), ast.Call():
            names = [each.arg for each in old.keywords] == [each.arg for each in new.keywords]
            values = [each.value for each in old.keywords], [each.value for each in new.keywords]
            same = names and ast.dump(old.func) == ast.dump(new.func)
            return same and _all_grown(old.args, new.args) and _all_grown(*values)
    return False


def _entries(table: ast.Dict) -> Iterator[tuple[str, str]]:
    for key, value in zip(table.keys, table.values, strict=True):
        yield "" if key is None else ast.dump(key), ast.dump(value)


_Piece = tuple[tuple[int, int], list[str]]
"""A range of lines and the lines in its place; without any, the blank lines above go too."""


def _unread_tables(edit: _Edit, kept: _TestFile) -> Iterator[_Piece]:
    """Yield the changed variables that no kept test reads, as they were before."""
    read = {name for test in kept.tests.values() for name in _names_in(test)}
    for name, (old, new) in edit.tables.items():
        if name not in read:
            before, after = span_of(old), span_of(new)
            yield (after.first - 1, after.last), edit.old.text_lines[before.first - 1 : before.last]


def _emptied_suites(edit: _Edit, kept: _TestFile) -> Iterator[_Piece]:
    """Yield the added classes none of whose tests are kept."""
    known = {each.name for each in edit.old.tree.body if isinstance(each, ast.ClassDef)}
    added = (each for each in edit.new.tree.body if isinstance(each, ast.ClassDef) and each.name not in known)
    for suite in added:
        if _is_suite(suite) and not any(name.startswith(f"{suite.name}::") for name in kept.tests):
            span = span_of(suite)
            yield (span.first - 1, span.last), []


def _with_pieces(file: _TestFile, pieces: Sequence[_Piece]) -> str:
    """Return the file with ranges of lines replaced; ranges inside of others are left out."""
    lines = list(file.text_lines)
    spans = [span for span, _ in pieces]
    for (first, last), instead in sorted(pieces, reverse=True):
        if any(start <= first and last <= end and (start, end) != (first, last) for start, end in spans):
            continue
        above = takewhile(lambda line: not line.strip(), reversed(lines[:first]))
        lines[first - (0 if instead else sum(1 for _ in above)) : last] = instead
    return "".join(lines)


def _without_idle_imports(old: _TestFile, new: _TestFile, kept: _TestFile) -> str:
    """Return the file without added imports that nothing uses.

    Raises:
        CannotPlace: A kept test uses a name that only its module has.
    """
    of_file = {key for key in kept.imports if new.is_imported(*key) or key in new.typing_imports}
    # A copied fixture may import the same name from elsewhere; the file's own import comes after it.
    own = {local for _, _, local in kept.imports - of_file} - {local for _, _, local in of_file}
    used_by = (new.tests[name] for name in kept.tests)
    if any(own & _names_in(test) for test in used_by):
        raise CannotPlace("a test uses imports that are not in the edited file")
    new = _TestFile(_with_pieces(new, _idle_typing_imports(old, new)))
    used = _names_in(new.tree)
    return _with_pieces(new, _idle(imports_of(new.tree), old.imports, used))


def _idle_typing_imports(old: _TestFile, new: _TestFile) -> list[_Piece]:
    """Return the added imports for type checkers that nothing uses, or whole blocks of them."""
    constants = (each.value for each in ast.walk(new.tree) if isinstance(each, ast.Constant))
    texts = (value for value in constants if isinstance(value, str))
    # An annotation may be written as a text, because the name is not there when tests run.
    used = _names_in(new.tree).union(*map(_WORD.findall, texts))
    pieces = list[_Piece]()
    for block in _typing_blocks(new.tree):
        idle = _idle(imports_in(block.body), old.typing_imports, used)
        is_whole = len(idle) == len(block.body) and not block.orelse
        span = span_of(block)
        pieces += [((span.first - 1, span.last), [])] if is_whole else idle
    return pieces


def _idle(
    found: Iterable[Bound], known: Collection[tuple[str, str, str]], used: Collection[str]
) -> list[_Piece]:
    imports = list(found)
    needed = {each.statement for each in imports if each.key in known or each.local.partition(".")[0] in used}
    return [
        ((each.lineno - 1, each.end_lineno or each.lineno), [])
        for each in dict.fromkeys(one.statement for one in imports)
        if each not in needed
    ]

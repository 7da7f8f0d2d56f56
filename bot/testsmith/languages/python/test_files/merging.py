"""Add the tests of a test module to an existing test file.

Existing text is kept verbatim: import lines are inserted after its imports, and definitions after its last
one. Added names that mean something else in the file are renamed.
"""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING

from testsmith.languages.python.source.definitions import Function
from testsmith.languages.python.source.parsing import parse_concrete, parse_untrusted, refusing_depth
from testsmith.languages.python.test_files.equivalence import (
    Bindings,
    BoundName,
    Condition,
    Identities,
    fixture_names,
    fixture_parameters,
    module_bindings,
    without_fallbacks,
)
from testsmith.languages.python.test_files.test_modules import ACT_ON_THE_WHOLE_FILE, test_functions
from testsmith.languages.source import CannotParse
from testsmith.languages.tests import CannotPlace
from testsmith.model import TestPlace

if TYPE_CHECKING:
    from testsmith.languages.python.test_files.existing.placing import Suite
    from testsmith.languages.python.test_files.insertion import Parts

_ENCODING = re.compile(r"(?:[ \t]*#.*\r?\n)?[ \t]*#.*?coding[:=][ \t]*(?!utf-?8\b)[-\w.]+", re.IGNORECASE)
"""PEP 263 declaration of another encoding, in one of the first two lines."""


def place(
    existing: str | None, code: str, instead_of: Collection[str] = (), at: TestPlace | None = None
) -> str:
    """Return a test file's text with the tests of a test module added.

    Args:
        existing: Text of the file, including line ends and byte order mark, or None for a new file.
        code: The test module.
        instead_of: Names of tests to remove; the new tests take the position of the first of them.
        at: Where in the file the tests go, if none are removed; None for the end.

    Raises:
        CannotParse: `existing` or `code` is not valid Python.
        CannotPlace: The module would affect the existing tests, or they would affect it.
    """
    mark = (existing or "")[: (existing or "").startswith("\ufeff")]
    addition = _Side(_imported_as_in(existing or "", code.replace("\r\n", "\n")))
    text, after = _remainder((existing or "").removeprefix(mark), instead_of, addition)
    if not text.strip():
        return code if code.endswith("\n") else f"{code}\n"
    with refusing_depth():
        if at is None:
            return mark + _placed(_Side(text), addition, after)
        return mark + _placed_at(_Side(text), addition.text, after, at)


def _imported_as_in(existing: str, code: str) -> str:
    """Return a module that imports what a file imports by the same statements.

    These are imports of a `TestCase` other than that of unittest, such as one of the project, and relative
    imports from the package of the tests.
    """
    has_test_case = "TestCase" in existing and "from unittest import" in code
    if not has_test_case and not re.search(r"^from \.", existing, re.MULTILINE):
        return code
    from testsmith.languages.python.test_files.existing.file_imports import imports_of
    from testsmith.languages.python.test_files.existing.placing import respelled

    with refusing_depth():
        text = existing.removeprefix("\ufeff")
        theirs = {each.local: each for each in imports_of(parse_untrusted(text))}
        for own in list(imports_of(parse_untrusted(code))):
            other = theirs.get(own.local)
            if other is not None and (own.is_also(other) or own.full_name == "unittest.TestCase"):
                code = respelled(code, TestPlace(path="", spelling=own.local), text)
    return code


def _placed_at(file: _Side, code: str, after: int | None, at: TestPlace) -> str:
    from testsmith.languages.python.test_files.existing.placing import (
        Suite,
        in_new_suite,
        position_after,
        respelled,
    )
    from testsmith.languages.python.test_files.existing.rows import with_rows

    text, code = with_rows(file.text, respelled(code, at, file.text))
    if not test_functions(code):
        return text
    file = _Side(text)
    suite = Suite.at(file.text, at.new_suite or at.suite)
    like = Suite.at(file.text, at.suite) if at.new_suite and suite is None else None
    if like is not None:
        code = in_new_suite(code, at.new_suite, like)
    if suite is not None:
        after = suite.index
    elif after is None:
        after = position_after(file.text, at)
    return _placed(file, _Side(code), after, suite, at.after)


def _remainder(text: str, instead_of: Collection[str], addition: _Side) -> tuple[str, int | None]:
    """Return a file without some tests, and the number of statements before them (None if not found)."""
    if not instead_of:
        return text, None
    from testsmith.languages.python.test_files.cutting import without_tests

    left = without_tests(text, instead_of, needed=addition.bindings.keys())
    return left.text, left.after


def _placed(
    file: _Side, addition: _Side, after: int | None, suite: Suite | None = None, test: str = ""
) -> str:
    there = _already_there(file, addition)
    if all(name.partition("::")[0] in there for name in test_functions(addition.text)):
        return file.text
    if _ENCODING.match(file.text) and not addition.text.isascii():
        raise CannotPlace("the existing file declares an encoding other than UTF-8")
    _refuse_acting_on_others(addition, there)
    _refuse_acted_upon(file, addition)
    from testsmith.languages.python.test_files.insertion import inserted

    parts = _parts_to_add(file, addition, there, suite)
    return inserted(file.text, parts, after, 0 if suite is None else suite.line_after(test))


@dataclass(frozen=True)
class _Side:
    """One of the two texts, with everything derived from it."""

    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return parse_untrusted(self.text)

    @cached_property
    def bindings(self) -> Bindings:
        return module_bindings(self.tree)

    @cached_property
    def identities(self) -> Identities:
        return Identities(self.bindings)

    def key(self, name: str) -> tuple[bool, str]:
        """Return a key that is equal for definitions that may replace each other."""
        return name.lower().startswith("test"), self.identities.of(name)

    def may_be_shared(self, name: str) -> bool:
        """Return whether a definition may be replaced by an equal one on the other side.

        Variables have state, and so does code that uses them, unless they are constants or marks. Otherwise
        only tests may be shared, because nothing else uses a test.
        """
        if self._is_constant(name) or name == "pytestmark":
            return True
        if not all(isinstance(each.statement, Function | ast.ClassDef) for each in self.bindings[name]):
            return False
        return name.lower().startswith("test") or self._variables.isdisjoint(self._reached(name))

    def _reached(self, name: str) -> set[str]:
        """Return the module's names that a definition uses, directly or indirectly."""
        reached: set[str] = set()
        waiting = [name]
        while waiting:
            each = waiting.pop()
            if each in self.bindings and each not in reached:
                reached.add(each)
                waiting.extend(name for bound in self.bindings[each] for name in _names_in(bound.statement))
        return reached

    @cached_property
    def _variables(self) -> frozenset[str]:
        bound = ((name, places) for name, places in self.bindings.items() if any(map(_is_variable, places)))
        return frozenset(name for name, _ in bound if not self._is_constant(name))

    def _is_constant(self, name: str) -> bool:
        """Return whether a name is bound once, to a text, a number, or another value that cannot change."""
        match self.bindings[name]:
            case [BoundName(statement=ast.Assign(value=ast.Constant()))]:
                return name not in self._rebound
        return False

    @cached_property
    def _rebound(self) -> frozenset[str]:
        nodes = (node for node in ast.walk(self.tree) if isinstance(node, ast.Global))
        return frozenset(name for node in nodes for name in node.names)

    @cached_property
    def loose_names(self) -> frozenset[str]:
        """Top-level names bound by loops, `with` and similar statements."""
        bound = {each.get_name() for each in _symbols(self.text).get_symbols() if each.is_assigned()}
        return frozenset(bound - self.bindings.keys())

    @cached_property
    def fixtures(self) -> frozenset[str]:
        return fixture_names(self.bindings)

    @cached_property
    def asked_fixtures(self) -> frozenset[str]:
        """Parameters that pytest fills with fixtures, in any test or fixture."""
        functions = (node for node in ast.walk(self.tree) if isinstance(node, Function))
        return frozenset(name for function in functions for name in fixture_parameters(function))

    @cached_property
    def global_names(self) -> frozenset[str]:
        """Top-level names and all names read as globals, including built-in ones."""
        return frozenset(_global_names(_symbols(self.text)))


def _is_variable(bound: BoundName) -> bool:
    return not isinstance(bound.statement, Function | ast.ClassDef | ast.Import | ast.ImportFrom)


def _names_in(statement: ast.stmt) -> Iterator[str]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def _symbols(text: str) -> symtable.SymbolTable:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return symtable.symtable(text, "<tests>", "exec")
    except SyntaxError as error:
        raise CannotParse(f"line {error.lineno or 1}: {error.msg}") from error


def _global_names(table: symtable.SymbolTable) -> Iterator[str]:
    is_module = table.get_type() == "module"
    yield from (symbol.get_name() for symbol in table.get_symbols() if is_module or symbol.is_global())
    for child in table.get_children():
        yield from _global_names(child)


def _refuse_acting_on_others(addition: _Side, there: Collection[str]) -> None:
    for name, places in addition.bindings.items():
        if name in there:
            continue
        if name in ACT_ON_THE_WHOLE_FILE or name == "*":
            what = "a star import" if name == "*" else f"`{name}`"
            raise CannotPlace(f"{what} would affect the existing tests")
        if any(True for each in places for _ in _decorator_arguments(each.statement, "autouse")):
            raise CannotPlace(f"the autouse fixture `{name}` would affect the existing tests")


def _refuse_acted_upon(file: _Side, addition: _Side) -> None:
    foreign = (addition.asked_fixtures - addition.fixtures) & file.fixtures
    built_in = {name for name in addition.global_names - addition.bindings.keys() if hasattr(builtins, name)}
    named = _names_given_to_fixtures(addition) & (file.asked_fixtures | file.fixtures)
    loose = addition.loose_names & file.global_names
    hidden = foreign | named | loose | (built_in & file.bindings.keys())
    if hidden:
        names = ", ".join(f"`{name}`" for name in sorted(hidden))
        raise CannotPlace(f"{names} means something else in the existing file")


def _names_given_to_fixtures(addition: _Side) -> set[str]:
    """Return the explicit names of fixtures that differ from their functions' names."""
    statements = [
        each.statement for places in addition.bindings.values() for each in places if each.is_fixture
    ]
    return {str(value) for each in statements for value in _decorator_arguments(each, "name")}


def _decorator_arguments(statement: ast.stmt, keyword: str) -> Iterator[object]:
    """Yield the values of a keyword argument in a definition's decorators; None for non-literals."""
    decorators: Sequence[ast.expr] = getattr(statement, "decorator_list", ())
    for call in decorators:
        if isinstance(call, ast.Call):
            values = (each.value for each in call.keywords if each.arg == keyword)
            yield from (value.value if isinstance(value, ast.Constant) else None for value in values)


def _parts_to_add(file: _Side, addition: _Side, there: Mapping[str, str], suite: Suite | None) -> Parts:
    from testsmith.languages.python.test_files.insertion import indentation, parts_of
    from testsmith.languages.python.test_files.renaming import rename

    new_names = {**_names_for_clashes(file, addition, there), **there}
    changes = {old: new for old, new in new_names.items() if old != new}
    module = rename(parse_concrete(addition.text), changes, addition.fixtures)
    return parts_of(
        module,
        without=frozenset(there.values()),
        bindings=file.bindings,
        indent=indentation(file.text),
        suite=suite,
    )


def _already_there(file: _Side, addition: _Side) -> Mapping[str, str]:
    """Return the definitions that the file already contains, as its name by the addition's name."""
    own = {file.key(name): name for name in file.bindings if file.may_be_shared(name)}
    keys = {name: addition.key(name) for name in addition.bindings if addition.may_be_shared(name)}
    return {name: own[key] for name, key in keys.items() if key in own}


def _names_for_clashes(file: _Side, addition: _Side, there: Mapping[str, str]) -> dict[str, str]:
    """Return a new name for each name of the addition that means something else in the file."""
    taken = set(file.global_names | addition.global_names | file.asked_fixtures | addition.asked_fixtures)
    new_names: dict[str, str] = {}
    for name, places in addition.bindings.items():
        if name in there or not _clashes(name, places, file, addition):
            continue
        known = _known_alias(places, file)
        new_names[name] = known or _fresh_name(name, taken)
        taken.add(new_names[name])
    return new_names


def _clashes(name: str, places: Sequence[BoundName], file: _Side, addition: _Side) -> bool:
    if name in addition.fixtures and name in file.asked_fixtures:
        return True
    if name not in file.global_names:
        return False
    is_same = _is_same_import(places, file.bindings.get(name, ()))
    if not is_same and any(isinstance(each.statement, ast.Import) and _is_dotted(each) for each in places):
        raise CannotPlace(f"`{name}` means something else in the existing file")
    return not is_same


def _is_same_import(places: Sequence[BoundName], others: Sequence[BoundName]) -> bool:
    """Return whether a name refers to the same import in both."""
    meanings = {each.imported for side in (places, others) if side for each in without_fallbacks(side)}
    return bool(others) and len(meanings) == 1 and None not in meanings


def _is_dotted(bound: BoundName) -> bool:
    return any(alias.asname is None and "." in alias.name for alias in getattr(bound.statement, "names", ()))


def _known_alias(places: Sequence[BoundName], file: _Side) -> str | None:
    """Return the name under which the file already imports the same thing."""
    wanted = {each.imported for each in places}
    for name, others in file.bindings.items():
        same = {each.imported for each in others} == wanted and None not in wanted
        if same and any(each.condition is not Condition.OTHER for each in others):
            return name
    return None


def _fresh_name(name: str, taken: Collection[str]) -> str:
    """Return `name_2` (or `Name2` for `CapWords`) with the first free number."""
    joint = "" if name[:1].isupper() and not name.isupper() else "_"
    return next(new for number in count(2) if (new := f"{name}{joint}{number}") not in taken)

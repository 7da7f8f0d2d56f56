"""Find the tests that a project has of a Go function: those that call it, themselves or by a helper."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from testsmith.languages.go.source.declarations import FUNCTIONS, Declaration
from testsmith.languages.go.source.packages import GoFile, Packages
from testsmith.languages.go.source.references import PackageNames, names_in
from testsmith.languages.go.test_files.test_modules import is_test
from testsmith.languages.go.test_files.test_paths import test_path_of
from testsmith.languages.syntax_tree import end_line_of, field, line_of, text_of, walk
from testsmith.model import ExistingTest, Member, TestPlace

if TYPE_CHECKING:
    from tree_sitter import Node

MOST_TESTS = 12
"""Maximum number of tests of a member that are reported."""

_MOST_CALLS = 4
_MOST_CALL_CHARACTERS = 200
_MOST_HELPERS = 3
"""Maximum number of helpers between a test and a call."""

_MOST_SIBLINGS = 8
_MOST_SHOWN = 3
_MOST_LINES = 120
_LAST_LINES = 3


@dataclass(frozen=True, eq=False)
class _Function:
    """A function of a test file."""

    file: GoFile
    declaration: Declaration

    @cached_property
    def calls(self) -> Mapping[str, list[Node]]:
        """Calls by the last name of what is called."""
        found: dict[str, list[Node]] = {}
        for node in walk(self.declaration.node, {"comment"}):
            if node.type == "call_expression":
                called = field(node, "function")
                called = (
                    field(called, "type") if called is not None and called.type == "generic_type" else called
                )
                name = text_of(called).rpartition(".")[2].partition("[")[0]
                found.setdefault(name, []).append(node)
        return found

    @cached_property
    def names(self) -> frozenset[str]:
        """All names that it uses."""
        names = names_in(self.declaration.node)
        return frozenset(names.plain) | names.fields

    @cached_property
    def has_cases(self) -> bool:
        """Whether it loops over a table."""
        return any(
            table_of(node) is not None for node in walk(self.declaration.node) if node.type == "range_clause"
        )


def table_of(clause: Node) -> Node | None:
    """Return the rows that a `range` clause goes over, in a literal of its function."""
    right = field(clause, "right")
    if right is None:
        return None
    if right.type == "composite_literal":
        return field(right, "body")
    if right.type != "identifier":
        return None
    name, around = text_of(right), clause.parent
    while around is not None and around.type != "function_declaration":
        around = around.parent
    if around is None:
        return None
    for node in walk(around):
        if node.type in {"short_var_declaration", "var_spec"}:
            bound = field(node, "left") or field(node, "name")
            value = field(node, "right") or field(node, "value")
            literal = value.named_children[0] if value is not None and value.named_children else None
            if text_of(bound) == name and literal is not None and literal.type == "composite_literal":
                return field(literal, "body")
    return None


@dataclass(frozen=True, eq=False)
class _Folder:
    """The test functions of a folder, and the other functions in its test files by name."""

    tests: list[_Function]
    helpers: Mapping[str, _Function]
    package: PackageNames

    def calls(self, test: _Function, member: Member) -> list[Node]:
        """Return the calls of a member that a test makes, itself or by helpers."""
        if not self._may_call(test, member):
            return []
        reached = self._reached(test)
        if not self._may_mean(reached, member):
            return []
        return [call for one in reached for call in one.calls.get(member.plain_name, ())]

    def _may_call(self, test: _Function, member: Member) -> bool:
        name = member.plain_name
        return name in test.calls or name in self._called_by_helpers

    def _may_mean(self, reached: list[_Function], member: Member) -> bool:
        """Return whether a call by a method's name may be one of it: its type or what makes it is used."""
        receiver = member.name.rpartition(".")[0]
        if not receiver or _is_named_after(reached[0].declaration.name, member):
            return True
        makers = {one.name for one in self.package.makers.get(receiver, ())}
        return any(not one.names.isdisjoint({receiver, *makers}) for one in reached)

    @cached_property
    def _called_by_helpers(self) -> frozenset[str]:
        return frozenset(name for one in self.helpers.values() for name in one.calls)

    def _reached(self, test: _Function) -> list[_Function]:
        """Return a test with the helpers that it calls."""
        reached = {id(test): test}
        frontier = [test]
        for _ in range(_MOST_HELPERS):
            called = [name for one in frontier for name in one.calls.keys() & self.helpers.keys()]
            frontier = [one for name in called if id(one := self.helpers[name]) not in reached]
            reached |= {id(one): one for one in frontier}
        return list(reached.values())


class ExistingTests:
    """The tests of packages; each folder is read once.

    Args:
        packages: The files.
        names: Returns the names that the package in a folder declares.
    """

    def __init__(self, packages: Packages, names: Callable[[str], PackageNames]) -> None:
        self._packages = packages
        self._names = names
        self._folders: dict[str, _Folder] = {}

    def _folder(self, folder: str) -> _Folder:
        if folder not in self._folders:
            functions = [
                _Function(file, one)
                for file in self._packages.tests(folder)
                for one in file.declarations
                if one.kind in FUNCTIONS
            ]
            tests = [one for one in functions if is_test(one.declaration)]
            others = [one for one in functions if one not in tests]
            helpers = {one.declaration.plain_name: one for one in others}
            self._folders[folder] = _Folder(tests, helpers, self._names(folder))
        return self._folders[folder]

    def of(self, member: Member) -> tuple[ExistingTest, ...]:
        """Return the tests of a member, nearest first; those that call it before those that are only near."""
        folder = self._folder(posixpath.dirname(member.path))
        home = test_path_of(member.path)
        found = []
        for one in folder.tests:
            calls = folder.calls(one, member)
            is_near = bool(calls) or _is_named_after(one.declaration.name, member)
            if is_near or (one.file.path == home and _uses_type(one, member)):
                found.append((one, calls))
        found.sort(key=lambda pair: _distance(pair[0], pair[1], member, home))
        return tuple(_existing(one, calls) for one, calls in found[:MOST_TESTS])

    def near(self, member: Member) -> tuple[ExistingTest, ...]:
        """Return the tests named after the nearest function of its file that has any, of its type first."""
        file = self._packages.file(member.path)
        declared = () if file is None else file.declarations
        others = [one for one in declared if one.is_member and one.name != member.name]
        receiver = member.name.rpartition(".")[0]

        def distance(one: Declaration) -> tuple[bool, int]:
            return one.receiver != receiver, abs(one.line - member.line)

        for one in sorted(others, key=distance)[:_MOST_SIBLINGS]:
            sibling = replace(member, name=one.name)
            named = tuple(
                each for each in self.of(sibling) if each.calls and _is_named_after(each.name, sibling)
            )
            if named:
                return named
        return ()

    def examples(self, member: Member) -> Iterator[str]:
        """Yield the examples of a member that have an output, which `go test` checks."""
        wanted = f"Example{member.name.replace('.', '_')}"
        for name, one in self._folder(posixpath.dirname(member.path)).helpers.items():
            is_about = name == wanted or name.startswith(f"{wanted}_")
            if is_about and "Output:" in (source := one.declaration.source):
                yield f"// {posixpath.basename(one.file.path)}\n{source}"


def _uses_type(one: _Function, member: Member) -> bool:
    receiver = member.name.rpartition(".")[0]
    return bool(receiver) and receiver in one.names


def _is_named_after(name: str, member: Member) -> bool:
    plain = name.removeprefix("Test").replace("_", "").lower()
    return plain.startswith((member.name.replace(".", "").lower(), member.plain_name.lower()))


def _distance(
    one: _Function, calls: list[Node], member: Member, home: str
) -> tuple[bool, bool, bool, str, int]:
    path = one.file.path
    is_named = _is_named_after(one.declaration.name, member)
    return not calls, path != home, not is_named, path, one.declaration.line


def _existing(one: _Function, calls: list[Node]) -> ExistingTest:
    texts = dict.fromkeys(" ".join(text_of(call).split())[:_MOST_CALL_CHARACTERS] for call in calls)
    declaration = one.declaration
    return ExistingTest(
        path=one.file.path,
        suite="",
        name=declaration.name,
        line=declaration.line,
        end_line=declaration.end_line,
        source=declaration.source,
        calls=tuple(texts)[:_MOST_CALLS],
        has_cases=one.has_cases,
    )


def place_of(member: Member, tests: tuple[ExistingTest, ...], near: tuple[ExistingTest, ...]) -> TestPlace:
    """Return where the tests of a member go: in the nearest file, below the last test that is named after it.

    Without such a test, they go below the last one that calls it.

    Args:
        member: The member.
        tests: Its tests.
        near: Tests of a similar function, which they go below if there are none.
    """
    called = [test for test in tests if test.calls] or list(near)
    path = called[0].path if called else test_path_of(member.path)
    there = [test for test in called or tests if test.path == path]
    own = [test for test in there if _is_named_after(test.name, member)] or there
    after = max(own, key=lambda test: test.line).name if own else ""
    return TestPlace(path=path, after=after)


def lines_to_show(file: GoFile, tests: tuple[ExistingTest, ...]) -> tuple[frozenset[int], ...]:
    """Return the lines to show of a test file for its nearest tests: each with imports and helpers."""
    own = [test for test in tests if test.path == file.path][:_MOST_SHOWN]
    head = {
        line
        for node in file.file.root.children
        if node.type in {"package_clause", "import_declaration"}
        for line in range(line_of(node), end_line_of(node) + 1)
    }
    by_name = {one.name: one for one in file.declarations}
    shown = []
    for test in own:
        declaration = by_name[test.name]
        lines = set(head) | set(range(test.line, min(test.end_line, test.line + _MOST_LINES) + 1))
        lines |= set(range(max(test.line, test.end_line - _LAST_LINES + 1), test.end_line + 1))
        for name in names_in(declaration.node).plain:
            used = by_name.get(name)
            if used is not None and not is_test(used) and used.end_line - used.line < _MOST_LINES:
                lines |= set(range(used.line, used.end_line + 1))
        shown.append(frozenset(lines))
    return tuple(shown)


def sample(file: GoFile, name: str = "") -> str:
    """Return a part of a test file as a sample of style: its imports and a test, the first without a name."""
    tests = (one for one in file.declarations if is_test(one) and name in {one.name, ""})
    first = next(tests, None)
    if first is None or first.end_line - first.line > _MOST_LINES:
        return ""
    heads = (one for one in file.file.root.children if one.type in {"package_clause", "import_declaration"})
    return "\n\n".join((*map(text_of, heads), first.source))

"""Find the tests that a project has of a member: those that call it, themselves or by a helper."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from testsmith.languages.syntax_tree import end_line_of, line_of, text_of, walk
from testsmith.languages.syntax_tree import field as field_of
from testsmith.languages.typescript.running.manifest import packages_around
from testsmith.languages.typescript.source.packages import (
    DeclarationKey,
    Modules,
    TypeScriptFile,
    is_run,
    project_folder,
)
from testsmith.languages.typescript.source.parsing import string_value
from testsmith.languages.typescript.test_files.test_blocks import (
    JOINT,
    BlockKind,
    TestBlock,
    blocks_in,
)
from testsmith.languages.typescript.test_files.test_paths import stem_of, test_path_of
from testsmith.languages.typescript.test_files.test_tables import takes_rows
from testsmith.model import ExistingTest, Member, MemberKind, TestPlace

if TYPE_CHECKING:
    from tree_sitter import Node

MOST_TESTS = 12
"""Maximum number of tests of a member that are reported."""

_MOST_FILES = 2_000
"""Maximum number of test files of a project that are searched."""

_MOST_PARSED = 25
"""Maximum number of test files that are parsed for a member."""

_MOST_CALLS = 4
_MOST_CALL_CHARACTERS = 200
_MOST_HELPERS = 3
"""Maximum number of helpers between a test and a call."""

_MOST_SIBLINGS = 8
_USING = frozenset({"call_expression", "new_expression"})


@dataclass(frozen=True, slots=True)
class _Imported:
    """What a test file has to import to call a member: the member, or the class that contains it.

    Attributes:
        key: Its declaration.
        exported: Names by which its module exports it.
        package: Name of the package that its module belongs to.
    """

    key: DeclarationKey
    exported: Sequence[str]
    package: str


@dataclass(frozen=True, eq=False)
class TypeScriptTestFile:
    """A test file of a project.

    Attributes:
        file: The module.
    """

    __test__ = False

    file: TypeScriptFile
    _helpers: dict[TestBlock, list[Node]] = field(default_factory=dict, init=False)

    @cached_property
    def blocks(self) -> Sequence[TestBlock]:
        """Its suites, tests and hooks."""
        return blocks_in(self.file.file)

    @cached_property
    def tests(self) -> Sequence[TestBlock]:
        """Its tests."""
        return [one for one in self.blocks if one.kind is BlockKind.TEST]

    @cached_property
    def _hooks(self) -> Sequence[TestBlock]:
        return [one for one in self.blocks if one.kind is BlockKind.HOOK]

    def helpers_of(self, block: TestBlock) -> list[Node]:
        """Return the statements of helpers that a test uses, themselves or by others, and its hooks."""
        if block not in self._helpers:
            self._helpers[block] = self._helpers_of(block)
        return self._helpers[block]

    def _helpers_of(self, block: TestBlock) -> list[Node]:
        around = {None, *block.with_suites}
        hooks = [one.statement for one in self._hooks if one.parent in around]
        found: dict[int, Node] = {one.id: one for one in hooks}
        frontier = [block.statement, *hooks]
        for _ in range(_MOST_HELPERS):
            names = dict.fromkeys(name for node in frontier for name in _names(node))
            used = [self.file.declared[name].whole for name in names if name in self.file.declared]
            frontier = [one for one in used if one.id not in found]
            found |= {one.id: one for one in frontier}
        return list(found.values())


def _names(node: Node) -> Iterator[str]:
    return (text_of(one) for one in walk(node, {"comment"}) if one.type == "identifier")


class TypeScriptExistingTests:
    """The tests of the projects in a tree; each file is read once."""

    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        self._files: dict[str, TypeScriptTestFile | None] = {}
        self._projects: dict[str, str] = {}
        self._paths: dict[str, list[str]] = {}
        self._homes: dict[str, str] = {}
        self._data: dict[str, bytes] = {}

    def file(self, path: str) -> TypeScriptTestFile | None:
        """Return a test file; None if it is missing or cannot be read."""
        if path not in self._files:
            file = self.modules.file(path) if path in self.modules.paths else None
            self._files[path] = None if file is None else TypeScriptTestFile(file)
        return self._files[path]

    def paths(self, path: str) -> list[str]:
        """Return the test files of the project that a file belongs to."""
        folder = posixpath.dirname(path)
        if folder not in self._projects:
            self._projects[folder] = project_folder(self.modules.tree, path, "")
        project = self._projects[folder]
        if project not in self._paths:
            inside = f"{project}/" if project else ""
            tests = (one for one in self.modules.paths if is_run(one) and one.startswith(inside))
            self._paths[project] = sorted(tests)[:_MOST_FILES]
        return self._paths[project]

    def near(self, test_path: str, path: str) -> list[str]:
        """Return the other test files of a project, those nearest to a test file first."""
        others = (one for one in self.paths(path) if one != test_path)
        return sorted(others, key=lambda one: (-_shared(one, test_path), one))

    def of(self, member: Member) -> tuple[ExistingTest, ...]:
        """Return the tests of a member, nearest first; those that call it before those that are only near."""
        home = self._home(member)
        imported = self._imported(member)
        found = []
        for path in self._candidates(member, home, imported):
            file = self.file(path)
            if file is None:
                continue
            spellings = self._spellings(file.file, imported)
            if not spellings and _is_named(path, member):
                spellings = frozenset({imported.key.name})  # it may reach it through something else
            is_selecting = "." not in member.name and self._is_selecting(file.file, imported)
            for block in file.tests:
                calls = _calls(file, block, member, spellings) if spellings else []
                if not calls and is_selecting:
                    calls = _named_in_strings(file, block, {*imported.exported, member.name})
                if calls or (path == home and spellings and _is_named_after(block, member)):
                    found.append((block, calls, path))
        found.sort(key=lambda one: _distance(one, member, home))
        return tuple(_existing(*one) for one in found)

    def of_sibling(self, member: Member) -> tuple[ExistingTest, ...]:
        """Return the tests of the nearest other function of a member's file that has any."""
        file = self.modules.file(member.path)
        others = [] if file is None else [one for one in file.declared.values() if one.is_member]
        around = member.name.rpartition(".")[0]
        others = [one for one in others if one.name != member.name]
        others.sort(key=lambda one: (one.around != around, abs(one.line - member.line)))
        for one in others[:_MOST_SIBLINGS]:
            sibling = replace(member, name=one.name, kind=one.kind or member.kind)
            found = tuple(test for test in self.of(sibling) if test.calls)
            if found:
                return found
        return ()

    def place_of(
        self, member: Member, tests: Sequence[ExistingTest], siblings: Sequence[ExistingTest]
    ) -> TestPlace:
        """Return where the tests of a member go: in the nearest file, below the last test that calls it.

        If several suites call it, they go to the one with most such tests.

        Args:
            member: The member.
            tests: Its tests.
            siblings: Tests of a similar function, which they go below if there are none that call it.
        """
        called = [test for test in tests if test.calls] or list(siblings)
        path = called[0].path if called else self._home(member)
        own = [test for test in called or tests if test.path == path]
        suites = Counter(_suite_of(test) for test in own)
        most = [test for test in own if suites[_suite_of(test)] == max(suites.values())]
        after = max(most, key=lambda test: test.line).name if most else ""
        return TestPlace(path=path, after=after)

    def _home(self, member: Member) -> str:
        """Return the path of the tests of a member's module, or of those that are named after the member."""
        path = member.path
        if path not in self._homes:
            self._homes[path] = test_path_of(path, self.paths(path))
        home, named = self._homes[path], [one for one in self.paths(path) if _is_named(one, member)]
        return home if home in self.modules.paths or not named else named[0]

    def _read(self, path: str) -> bytes:
        if path not in self._data:
            self._data[path] = self.modules.tree.read(path) or b""
        return self._data[path]

    def _candidates(self, member: Member, home: str, imported: _Imported) -> list[str]:
        """Return the test files that may call a member, nearest first."""
        names = {member.plain_name, *(imported.exported if "." not in member.name else ())}
        words = [b"import" if name == "default" else name.encode() for name in names]
        every = self.paths(member.path)
        found = [path for path in every if path == home or any(one in self._read(path) for one in words)]
        found.sort(
            key=lambda path: (path != home, not _is_named(path, member), -_shared(path, member.path), path)
        )
        return found[:_MOST_PARSED]

    def _imported(self, member: Member) -> _Imported:
        root = member.name.partition(".")[0]
        own = self.modules.file(member.path)
        exports = {} if own is None else own.outline.exports
        packages = packages_around(self.modules.tree.read, member.path)
        return _Imported(
            key=DeclarationKey(member.path, root),
            exported=[name for name, local in exports.items() if local == root],
            package=next((one.name for _, one in packages), ""),
        )

    def _is_selecting(self, file: TypeScriptFile, one: _Imported) -> bool:
        """Return whether a test file, or a helper that it imports, selects a function by its name."""
        helpers = (self.modules.resolved(each.source, file.path) for each in file.imports.values())
        files = (self.modules.file(path) for path in dict.fromkeys(helpers) if path and is_run(path))
        return any(
            node.type == "call_expression" and self._selects(each, field_of(node, "function"), one)
            for each in (file, *filter(None, files))
            if "[" in each.file.text
            for node in walk(each.file.root, {"comment"})
        )

    def _selects(self, file: TypeScriptFile, called: Node | None, one: _Imported) -> bool:
        """Return whether `module[name]` selects of a module that has a declaration."""
        if called is None or called.type != "subscript_expression":
            return False
        binding = file.imports.get(text_of(field_of(called, "object")))
        target = None if binding is None else self.modules.resolved(binding.source, file.path)
        return any(self._has(target, name, one.key) for name in (*one.exported, one.key.name))

    def _has(self, path: str | None, name: str, key: DeclarationKey) -> bool:
        """Return whether a module exports a declaration by a name, or in an object that is its default."""
        return self.modules.exported(path, name) == key or self._of_default(path, name) == key

    def _of_default(self, path: str | None, name: str) -> DeclarationKey | None:
        """Return what a name means in the object that a module exports by default."""
        default = self.modules.exported(path, "default")
        file = None if default is None else self.modules.file(default.path)
        declared = None if file is None or default is None else file.declared.get(default.name)
        value = None if declared is None else field_of(declared.node, "value") or declared.node
        if file is None or value is None or value.type != "object":
            return None
        pairs = value.named_children
        named = {text_of(field_of(one, "key") or one): field_of(one, "value") or one for one in pairs}
        local = text_of(named.get(name))
        binding = file.imports.get(local)
        if binding is None:
            return DeclarationKey(file.path, local)
        return self.modules.exported(self.modules.resolved(binding.source, file.path), binding.imported)

    def _spellings(self, file: TypeScriptFile, one: _Imported) -> frozenset[str]:
        """Return how a test file calls a member, or the class that contains it: `total`, `cart.total`."""
        exported = self.modules.exported
        found: set[str] = set()
        for local, binding in file.imports.items():
            target = self.modules.resolved(binding.source, file.path)
            if binding.imported != "*" and exported(target, binding.imported) == one.key:
                found.add(local)
            elif binding.imported in {"*", "default"} and target is not None:
                if target == one.key.path and "default" in one.exported and binding.is_required:
                    found.add(local)
                names = {*one.exported, one.key.name}
                found |= {f"{local}.{name}" for name in names if self._has(target, name, one.key)}
            elif binding.imported in one.exported and binding.source == one.package:
                found.add(local)
        return frozenset(found)


def _is_named(path: str, member: Member) -> bool:
    """Return whether a test file has the name of a member: `res.send.js`, `parse.test.ts`."""
    return stem_of(path).lower() == member.name.lower()


def _suite_of(test: ExistingTest) -> str:
    return test.name.rpartition(JOINT)[0]


def _shared(one: str, other: str) -> int:
    """Return the number of parts of two paths that are the same, whatever their order."""
    return len(set(one.split("/")) & set(other.split("/")))


def _calls(
    file: TypeScriptTestFile, block: TestBlock, member: Member, spellings: Collection[str]
) -> list[Node]:
    """Return the uses of a member that a test makes, itself or by helpers and hooks."""
    nodes = [block.statement, *file.helpers_of(block)]
    used = [one for node in nodes for one in walk(node, {"comment"})]
    if "." not in member.name:
        return [one for one in used if one.type in _USING and _called(one) in spellings]
    is_property = member.kind is MemberKind.PROPERTY
    if member.kind is MemberKind.STATIC_METHOD:
        wanted = {f"{one}.{member.plain_name}" for one in spellings}
        return [one for one in used if one.type in _USING and _called(one) in wanted]
    return [
        one
        for one in used
        if (one.type == "call_expression" or (is_property and one.type == "member_expression"))
        and text_of(field_of(one if is_property else field_of(one, "function"), "property"))
        == member.plain_name
    ]


def _named_in_strings(file: TypeScriptTestFile, block: TestBlock, names: Collection[str]) -> list[Node]:
    """Return the strings in a test and its helpers that are one of some names."""
    nodes = (block.statement, *file.helpers_of(block))
    return [one for each in nodes for one in walk(each, {"comment"}) if string_value(one) in names]


def _called(node: Node) -> str:
    return text_of(field_of(node, "function") or field_of(node, "constructor")).replace("?.", ".")


def _is_named_after(block: TestBlock, member: Member) -> bool:
    wanted = {member.name.lower(), member.plain_name.lower()}
    return any(not wanted.isdisjoint(title.lower().split()) for title in block.titles)


def _distance(
    one: tuple[TestBlock, list[Node], str], member: Member, home: str
) -> tuple[bool, bool, bool, str, int]:
    block, calls, path = one
    return not calls, path != home, not _is_named_after(block, member), path, block.call.start_byte


def _existing(block: TestBlock, calls: Sequence[Node], path: str) -> ExistingTest:
    texts = dict.fromkeys(" ".join(text_of(call).split())[:_MOST_CALL_CHARACTERS] for call in calls)
    return ExistingTest(
        path=path,
        suite="",
        name=block.name,
        line=line_of(block.statement),
        end_line=end_line_of(block.statement),
        source=text_of(block.statement),
        calls=tuple(texts)[:_MOST_CALLS],
        has_cases=takes_rows(block),
    )

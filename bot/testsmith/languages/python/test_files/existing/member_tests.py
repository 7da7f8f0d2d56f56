"""Find the project's tests of each member by reading its test files, without running anything.

A test is about a member if it calls or names it, itself or by a fixture, helper or `setUp` of its file.
Imports are resolved through the project's re-exports. What a method is called on is known if the test, a
fixture or `setUp` made it by a constructor, or by a function whose annotation says what it returns; otherwise
an uncommon method name is enough.
"""

from __future__ import annotations

import ast
import io
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath, PurePosixPath

from testsmith.languages.python.source.definitions import Function, last_name
from testsmith.languages.python.source.package import is_dunder
from testsmith.languages.python.source.parsing import decode, parse_untrusted, span_of, text_of
from testsmith.languages.python.source.project_names import ProjectNames
from testsmith.languages.python.test_files.existing.test_file_uses import (
    DefinitionKey,
    FileFunction,
    TestFileUses,
    uses_in,
)
from testsmith.languages.python.test_files.test_paths import TestFileNames, is_about_behavior
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.model import ExistingTest, Member, MemberKind

_MOST_FILE_BYTES = 1_000_000
_MOST_BYTES = 4_000_000
"""Maximum bytes of the test files that are read, those that name the most first."""

_MOST_NEAR = 12
"""Maximum number of tests of a member that do not call it."""

_MOST_WORDS_OF_A_BANNER = 8
_RULE = re.compile(r"([#=*~-])\1{3}")
_MADE_BY = frozenset({"__init__", "__new__", "__post_init__", "__call__"})
_COMMON = frozenset(
    name
    for kind in (str, bytes, dict, list, set, tuple, int, float, io.StringIO, PurePath, BaseException)
    for name in dir(kind)
)
_WORD = re.compile(rb"[A-Za-z_]\w*")
_PRIVATE_IMPORT = re.compile(rb"(?m)^[ \t]*(?:from|import)[ \t]+(\w+)(?:\.\w+)*?\._(?!_)\w")
_NAME_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
FILLERS = frozenset({"test", "tests", "case", "cases"})


_Readings = dict[str, "tuple[TestFile, TestFileUses] | None"]


class MemberTests:
    """The tests of a project by what they use, from one reading of its test files.

    Args:
        tree: Files of the project.
        members: Members whose tests will be asked for.
        names: Resolves names in the project's files.
        known: Tests of the same project for other members; no file is read twice.

    Attributes:
        all: All tests of the files that were read.
        by_file: The same, by path of their file.
        readings: Contents of the test files that were read, by path; None for those that cannot be parsed.
    """

    def __init__(
        self,
        tree: SourceTree,
        members: Sequence[Member],
        names: ProjectNames,
        known: MemberTests | None = None,
    ) -> None:
        self.tree = tree
        self.names = names
        self.readings: _Readings = {} if known is None else known.readings
        self._by_key: dict[DefinitionKey, list[FoundTest]] = defaultdict(list)
        self._by_path: dict[str, dict[FoundTest, None]] = defaultdict(dict)
        self._by_module_name: dict[str, list[FoundTest]] = defaultdict(list)
        self.all: list[FoundTest] = []
        self.by_file: dict[str, list[FoundTest]] = {}
        for file, uses in _files_read(tree, _wanted_words(members, names), names, self.readings):
            for function, its_uses in uses.tests():
                nodes: dict[DefinitionKey, list[ast.expr]] = defaultdict(list)
                for use in its_uses:
                    nodes[use.key].append(use.node)
                found = FoundTest.of(file, function, nodes)
                self.all.append(found)
                self.by_file.setdefault(file.path, []).append(found)
                self._by_module_name[_tested_module(file.path)].append(found)
                for key in nodes:
                    self._by_key[key].append(found)
                    self._by_path[key.path][found] = None

    def of(self, member: Member) -> tuple[ExistingTest, ...]:
        """Return the project's tests of a member, nearest first.

        First come the tests that call the member, of the file and class that do so most; then up to twelve
        that are named after it, or test its class or module.
        """
        direct = self.direct(member)
        near = [found for found in self.near(member) if found not in direct]
        return (
            *(found.existing(keys_of(member)) for found in ranked(direct, member)),
            *(found.existing(()) for found in ranked(near, member)[:_MOST_NEAR]),
        )

    def using(self, key: DefinitionKey) -> Sequence[FoundTest]:
        """Return the tests that use a definition."""
        return self._by_key.get(key, ())

    def direct(self, member: Member) -> Sequence[FoundTest]:
        """Return the tests that call or name a member.

        If some surely do, a method of that name of an unknown object counts only where those are, in the file
        named after the member's module, and in tests that use the member's class themselves.
        """
        found = dict.fromkeys(test for key in keys_of(member) for test in self._by_key.get(key, ()))
        sure = [test for test in found if any(key.path for key in test.uses if key in keys_of(member))]
        owner = DefinitionKey(member.path, member.name.rpartition(".")[0])
        files = {test.file.path for test in sure}
        return [
            test
            for test in found
            if not sure
            or test.file.path in files
            or is_named_after_module(test.file.path, member.path)
            or any(use.key == owner for use in test.function.uses)
        ]

    def of_module(self, member: Member) -> Sequence[FoundTest]:
        """Return the tests that use a definition of a member's file."""
        return list(self._by_path.get(member.path, ()))

    def near(self, member: Member) -> Sequence[FoundTest]:
        """Return the tests of a member's class, or else of its module."""
        of_module = self._by_path.get(member.path, {})
        owner = DefinitionKey(member.path, member.name.rpartition(".")[0])
        of_class = [found for found in of_module if owner.name and _uses_class(found, owner)]
        named = self._by_module_name.get(_module_name(member.path), ())
        return of_class or list(dict.fromkeys((*of_module, *named, *self._in_suites_of_module(member))))

    def _in_suites_of_module(self, member: Member) -> Iterator[FoundTest]:
        """Yield tests of classes named after a member's module, in a file named after one of its packages."""
        words = name_words(_module_name(member.path))
        for package in PurePosixPath(member.path).parents:
            for found in self._by_module_name.get(package.name.strip("_"), ()):
                if tuple(word for word in name_words(found.function.suite) if word not in FILLERS) == words:
                    yield found


def used_by_tests(
    tree: SourceTree, keys: Collection[DefinitionKey], project: str
) -> frozenset[DefinitionKey]:
    """Return the definitions that tests call or name; only files with a word of their names are parsed."""
    words = frozenset(key.name.rpartition(".")[2].encode() for key in keys)
    return frozenset(
        use.key
        for _, file in _files_read(tree, words, ProjectNames(tree, project), {})
        for _, uses in file.tests()
        for use in uses
        if use.key in keys and not isinstance(getattr(use.node, "ctx", None), ast.Store)
    )


def packages_tested_privately(tree: SourceTree, packages: Collection[str]) -> frozenset[str]:
    """Return the packages of which a test file names a private module with its package in an import."""
    found = {
        match[1].decode()
        for path in _test_paths(tree)
        if len(data := tree.read(path) or b"") <= _MOST_FILE_BYTES
        for match in _PRIVATE_IMPORT.finditer(data)
    }
    return frozenset(packages) & found


def _test_paths(tree: SourceTree) -> list[str]:
    is_test = TestFileNames.of(tree).is_test
    return [
        path for path in tree.paths() if path.endswith(".py") and is_test(path) and is_about_behavior(path)
    ]


def _files_read(
    tree: SourceTree, wanted: frozenset[bytes], names: ProjectNames, readings: _Readings
) -> Iterator[tuple[TestFile, TestFileUses]]:
    """Yield the test files with one of some words, each parsed once, `conftest.py` files first."""
    tests = _test_paths(tree) if wanted else []
    found: list[tuple[bool, int, str, bytes]] = []
    for path in tests:
        data = tree.read(path) or b""
        words = wanted.intersection(_WORD.findall(data)) if len(data) <= _MOST_FILE_BYTES else ()
        is_shared = PurePosixPath(path).name == "conftest.py"
        if words or is_shared:
            found.append((not is_shared, -len(words), path, data))
    room = _MOST_BYTES
    fixtures: dict[str, dict[str, DefinitionKey]] = {}
    for _, _, path, data in sorted(found):
        room -= len(data)
        if room < 0:
            break
        if path not in readings:
            folders = (str(folder) for folder in reversed(PurePosixPath(path).parents))
            shared = {name: key for folder in folders for name, key in fixtures.get(folder, {}).items()}
            readings[path] = _reading(path, data, names, shared)
        reading = readings[path]
        if reading is not None:
            if PurePosixPath(path).name == "conftest.py":
                fixtures[str(PurePosixPath(path).parent)] = reading[1].fixtures
            yield reading


def _reading(
    path: str, data: bytes, names: ProjectNames, shared: Mapping[str, DefinitionKey]
) -> tuple[TestFile, TestFileUses] | None:
    """Return a test file with what its functions use; None if it cannot be parsed."""
    try:
        text = decode(data)
        uses = uses_in(parse_untrusted(text), names.roots.module(path), names, shared)
    except CannotParse:
        return None
    lines = text.split("\n")
    return TestFile(path, lines, uses.spelling, tuple(_sections(lines))), uses


def _sections(lines: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the line below each separate comment on the top level, and the words of the comment."""
    block = list[str]()
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            block.append(line)
        elif block:
            words = name_words(" ".join(block))
            is_banner = not line.strip() or _RULE.search(" ".join(block)) is not None
            if is_banner and 0 < len(words) <= _MOST_WORDS_OF_A_BANNER:
                yield number, words
            block = []


def _wanted_words(members: Iterable[Member], names: ProjectNames) -> frozenset[bytes]:
    """Return the names of what the members' files define, and of their modules."""
    files = [names.file(path) for path in dict.fromkeys(member.path for member in members)]
    parts = {
        part
        for file in files
        if file is not None
        for name in (*file.definitions, file.module.name)
        for part in name.split(".")
        if part not in _COMMON
    }
    return frozenset(part.encode() for part in parts)


@dataclass(frozen=True, slots=True)
class TestFile:
    """A test file that was read.

    Attributes:
        path: Its path, relative to the git root.
        lines: Its lines.
        spelling: See `TestFileUses.spelling`.
        sections: First line of each section, counted from 1, and the words of the comment above it.
    """

    __test__ = False

    path: str
    lines: Sequence[str]
    spelling: Callable[[DefinitionKey], str]
    sections: Sequence[tuple[int, tuple[str, ...]]] = ()

    @property
    def stem(self) -> str:
        """Its name without suffix."""
        return PurePosixPath(self.path).stem

    def section(self, line: int) -> tuple[str, ...]:
        """Return the words of the comment above the section that contains a line."""
        return next((words for first, words in reversed(self.sections) if first <= line), ())


@dataclass(frozen=True, slots=True, eq=False)
class FoundTest:
    """A test of the project with the definitions that it uses.

    Attributes:
        file: The file that contains it.
        function: The test function.
        uses: What it uses, itself or by its fixtures and helpers.
        words: Words of its class and name, and of the comment above its section.
    """

    file: TestFile
    function: FileFunction
    uses: Mapping[DefinitionKey, Sequence[ast.expr]]
    words: tuple[str, ...]

    @classmethod
    def of(
        cls, file: TestFile, function: FileFunction, uses: Mapping[DefinitionKey, Sequence[ast.expr]]
    ) -> FoundTest:
        """Return a test with its words."""
        names = name_words(f"{function.suite}_{function.node.name}")
        words = (*names, *file.section(function.node.lineno))
        return cls(file, function, uses, tuple(word for word in words if word not in FILLERS))

    @property
    def line(self) -> int:
        """Its first line."""
        return span_of(self.function.node).first

    @property
    def lines(self) -> Sequence[str]:
        """Its source, with its decorators."""
        return self.file.lines[self.line - 1 : self.function.node.end_lineno]

    @property
    def id(self) -> str:
        """See `ExistingTest.id`."""
        return f"{self.function.suite}::{self.function.node.name}".removeprefix("::")

    @property
    def suite(self) -> tuple[str, str]:
        """Its file and class."""
        return self.file.path, self.function.suite

    def existing(self, keys: Iterable[DefinitionKey]) -> ExistingTest:
        """Return the test with its calls of some definitions."""
        node, calls = self.function.node, (node for key in keys for node in self.uses.get(key, ()))
        span = span_of(node)
        return ExistingTest(
            path=self.file.path,
            suite=self.function.suite,
            name=node.name,
            line=span.first,
            end_line=span.last,
            source=text_of(self.file.lines, node),
            calls=tuple(dict.fromkeys(map(ast.unparse, calls))),
            has_cases=_has_cases(node),
        )


def _uses_class(found: FoundTest, owner: DefinitionKey) -> bool:
    return any(
        key == owner or (key.path == owner.path and key.name.startswith(f"{owner.name}."))
        for key in found.uses
    )


def keys_of(member: Member) -> list[DefinitionKey]:
    """Return the definitions whose uses are uses of a member."""
    owner, _, name = member.name.rpartition(".")
    keys = [DefinitionKey(member.path, member.name)]
    if owner and name in _MADE_BY:
        keys.append(DefinitionKey(member.path, owner))
    elif owner and member.kind is not MemberKind.CLASS and name not in _COMMON and not is_dunder(name):
        keys.append(DefinitionKey("", name))
    return keys


def ranked(tests: Sequence[FoundTest], member: Member) -> list[FoundTest]:
    """Return tests with those of the file and class that is most about a member first."""
    weights = {found: weight(found, member) for found in tests}
    files, suites = Counter[str](), dict[tuple[str, str], tuple[int, int]]()
    for found, number in weights.items():
        files[found.file.path] += number * (1 + 2 * is_named_after_module(found.file.path, member.path))
        best, count = suites.get(found.suite, (0, 0))
        suites[found.suite] = max(best, number), count + number
    return sorted(
        tests,
        key=lambda found: (
            -files[found.file.path],
            found.file.path,
            *(-number for number in suites[found.suite]),
            found.suite,
            -weights[found],
            found.function.node.lineno,
        ),
    )


def weight(found: FoundTest, member: Member) -> int:
    """Return how much a test is about a member, judging by the words of its name and its class's."""
    sought, own = name_words(member.plain_name), found.words
    return (
        1
        + len(set(sought) & set(own))
        + 3 * is_named_after(found, member)
        + 2 * (own[: len(sought)] == sought)
    )


def is_named_after(found: FoundTest, member: Member) -> bool:
    """Return whether a test's name, or its class's, contains that of a member."""
    sought, words = name_words(member.plain_name), found.words
    return any(words[at : at + len(sought)] == sought for at in range(len(words)))


@lru_cache(maxsize=4096)  # the same few names are compared with many tests
def name_words(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case."""
    return tuple(part.lower() for part in _NAME_PART.findall(name))


def is_named_after_module(test_path: str, path: str) -> bool:
    """Return whether a test file has the name of a module."""
    return _tested_module(test_path) == _module_name(path)


def _tested_module(test_path: str) -> str:
    """Return the name of the module that a test file is named after."""
    return PurePosixPath(test_path).stem.removeprefix("test_").removesuffix("_test")


def _module_name(path: str) -> str:
    """Return a module's name as test files have it; for an `__init__.py`, that of its package."""
    module = PurePosixPath(path)
    return (module.parent.name if module.name == "__init__.py" else module.stem).strip("_")


def _has_cases(node: Function) -> bool:
    loops = (each for each in ast.walk(node) if isinstance(each, ast.For))
    return any(last_name(each) == "parametrize" for each in node.decorator_list) or any(
        isinstance(each.iter, ast.List | ast.Tuple | ast.Name | ast.Dict) for each in loops
    )

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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from testsmith.languages.python.test_files.test_paths import is_test
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.model import ExistingTest, Member, MemberKind

_MOST_FILE_BYTES = 1_000_000
_MOST_BYTES = 4_000_000
"""Maximum bytes of the test files that are read, those that name the most first."""

_MOST_NEAR = 12
"""Maximum number of tests of a member that do not call it."""

_MADE_BY = frozenset({"__init__", "__new__", "__post_init__", "__call__"})
_COMMON = frozenset(
    name
    for kind in (str, bytes, dict, list, set, tuple, int, float, io.StringIO, PurePath, BaseException)
    for name in dir(kind)
)
_WORD = re.compile(rb"[A-Za-z_]\w*")
_NAME_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_FILLERS = frozenset({"test", "tests", "case", "cases"})


def existing_tests(
    tree: SourceTree, members: Sequence[Member], names: ProjectNames
) -> Mapping[str, tuple[ExistingTest, ...]]:
    """Return the project's tests of each member by id, nearest first.

    First come the tests that call the member, of the file and class that do so most; then up to twelve that
    are named after it, or test its class or module.
    """
    index = _Index(_files_read(tree, members, names))
    return {member.id: tuple(index.tests_of(member)) for member in members}


def _files_read(
    tree: SourceTree, members: Sequence[Member], names: ProjectNames
) -> Iterator[tuple[_TestFile, TestFileUses]]:
    """Yield the test files that may be about the members, each parsed once, `conftest.py` files first."""
    wanted = _wanted_words(members, names)
    found: list[tuple[bool, int, str, bytes]] = []
    for path in tree.paths() if members else ():
        if path.endswith(".py") and is_test(path):
            data = tree.read(path) or b""
            words = wanted.intersection(_WORD.findall(data)) if len(data) <= _MOST_FILE_BYTES else ()
            is_shared = PurePosixPath(path).name == "conftest.py"
            if words or is_shared:
                found.append((not is_shared, -len(words), path, data))
    room = _MOST_BYTES
    fixtures: dict[str, dict[str, DefinitionKey]] = {}
    for _, _, path, data in sorted(found):
        room -= len(data)
        try:
            text = decode(data) if room >= 0 else ""
            parsed = parse_untrusted(text)
        except CannotParse:
            continue
        folders = (str(folder) for folder in reversed(PurePosixPath(path).parents))
        shared = {name: key for folder in folders for name, key in fixtures.get(folder, {}).items()}
        uses = uses_in(parsed, names.roots.module(path), names, shared)
        if PurePosixPath(path).name == "conftest.py":
            fixtures[str(PurePosixPath(path).parent)] = uses.fixtures
        yield _TestFile(path, text.split("\n")), uses


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
class _TestFile:
    path: str
    lines: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A test of the project with the definitions that it uses."""

    file: _TestFile
    function: FileFunction
    uses: Mapping[DefinitionKey, Sequence[ast.expr]]

    @property
    def suite(self) -> tuple[str, str]:
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


class _Index:
    """The tests of a project by what they use."""

    def __init__(self, files: Iterable[tuple[_TestFile, TestFileUses]]) -> None:
        self._by_key: dict[DefinitionKey, list[_Found]] = defaultdict(list)
        self._by_path: dict[str, dict[_Found, None]] = defaultdict(dict)
        self._all: list[_Found] = []
        for file, uses in files:
            for function, its_uses in uses.tests():
                nodes: dict[DefinitionKey, list[ast.expr]] = defaultdict(list)
                for use in its_uses:
                    nodes[use.key].append(use.node)
                found = _Found(file, function, nodes)
                self._all.append(found)
                for key in nodes:
                    self._by_key[key].append(found)
                    self._by_path[key.path][found] = None

    def tests_of(self, member: Member) -> Iterator[ExistingTest]:
        """Yield the tests of a member, nearest first."""
        keys = _keys(member)
        direct = dict.fromkeys(found for key in keys for found in self._by_key.get(key, ()))
        for found in _ranked(list(direct), member):
            yield found.existing(keys)
        near = [found for found in self._near(member) if found not in direct]
        for found in _ranked(near, member)[:_MOST_NEAR]:
            yield found.existing(())

    def _near(self, member: Member) -> Iterable[_Found]:
        """Return the tests of a member's class, or else of its module."""
        of_module = self._by_path.get(member.path, {})
        owner = DefinitionKey(member.path, member.name.rpartition(".")[0])
        of_class = [found for found in of_module if owner.name and _uses_class(found, owner)]
        named = (found for found in self._all if _is_named_after_module(found.file.path, member))
        return of_class or dict.fromkeys((*of_module, *named))


def _uses_class(found: _Found, owner: DefinitionKey) -> bool:
    return any(
        key == owner or (key.path == owner.path and key.name.startswith(f"{owner.name}."))
        for key in found.uses
    )


def _keys(member: Member) -> list[DefinitionKey]:
    """Return the definitions whose uses are uses of a member."""
    owner, _, name = member.name.rpartition(".")
    keys = [DefinitionKey(member.path, member.name)]
    if owner and name in _MADE_BY:
        keys.append(DefinitionKey(member.path, owner))
    elif owner and member.kind is not MemberKind.CLASS and name not in _COMMON and not is_dunder(name):
        keys.append(DefinitionKey("", name))
    return keys


def _ranked(tests: Sequence[_Found], member: Member) -> list[_Found]:
    """Return tests with those of the file and class that is most about a member first."""
    weights = {found: _weight(found, member) for found in tests}
    files, suites = Counter[str](), dict[tuple[str, str], tuple[int, int]]()
    for found, weight in weights.items():
        files[found.file.path] += weight * (1 + 2 * _is_named_after_module(found.file.path, member))
        best, count = suites.get(found.suite, (0, 0))
        suites[found.suite] = max(best, weight), count + weight
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


def _weight(found: _Found, member: Member) -> int:
    """Return how much a test is about a member, judging by the words of its name and its class's."""
    sought, words = _words(member.plain_name), _words(f"{found.function.suite}_{found.function.node.name}")
    own = tuple(word for word in words if word not in _FILLERS)
    is_named = any(words[at : at + len(sought)] == sought for at in range(len(words)))
    return 1 + len(set(sought) & set(own)) + 3 * is_named + 2 * (own[: len(sought)] == sought)


def _words(name: str) -> tuple[str, ...]:
    return tuple(part.lower() for part in _NAME_PART.findall(name))


def _stem(member: Member) -> str:
    path = PurePosixPath(member.path)
    return (path.parent.name if path.name == "__init__.py" else path.stem).strip("_")


def _is_named_after_module(path: str, member: Member) -> bool:
    stem = PurePosixPath(path).stem
    return stem.removeprefix("test_").removesuffix("_test") == _stem(member)


def _has_cases(node: Function) -> bool:
    loops = (each for each in ast.walk(node) if isinstance(each, ast.For))
    return any(last_name(each) == "parametrize" for each in node.decorator_list) or any(
        isinstance(each.iter, ast.List | ast.Tuple | ast.Name | ast.Dict) for each in loops
    )

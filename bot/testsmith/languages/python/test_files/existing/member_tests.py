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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from testsmith.model import ExistingTest, Member, MemberKind, TestPlace

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


Readings = dict[str, "tuple[_TestFile, TestFileUses] | None"]
"""Test files with what their functions use, by path; None for those that cannot be parsed."""


class MemberTests:
    """The tests of a project by what they use, from one reading of its test files.

    Args:
        tree: Files of the project.
        members: Members whose tests will be asked for.
        names: Resolves names in the project's files.
        readings: What is known of the project's test files; those that are read are added.
    """

    def __init__(
        self,
        tree: SourceTree,
        members: Sequence[Member],
        names: ProjectNames,
        readings: Readings | None = None,
    ) -> None:
        self._names = names
        self._by_key: dict[DefinitionKey, list[_Found]] = defaultdict(list)
        self._by_path: dict[str, dict[_Found, None]] = defaultdict(dict)
        self._all: list[_Found] = []
        files = _files_read(tree, members, names, {} if readings is None else readings)
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

    def of(self, member: Member) -> tuple[ExistingTest, ...]:
        """Return the project's tests of a member, nearest first.

        First come the tests that call the member, of the file and class that do so most; then up to twelve
        that are named after it, or test its class or module.
        """
        direct = self._direct(member)
        near = [found for found in self._near(member) if found not in direct]
        return (
            *(found.existing(_keys(member)) for found in _ranked(direct, member)),
            *(found.existing(()) for found in _ranked(near, member)[:_MOST_NEAR]),
        )

    def place_of(self, member: Member, named: str) -> TestPlace | None:
        """Return where the project has its tests of a member, or would add the first; None if unknown.

        Args:
            member: The member.
            named: The test file that is named after the member's module; it may not exist.
        """
        direct = self._direct(member)
        if direct and any(_is_named_after(found, member) for found in direct):
            return self._place(_group(direct, member), member)
        near = self._near(member)
        for pool in (direct, near):
            in_named = [found for found in pool if found.file.path == named]
            if in_named:
                return self._place(self._nearest(in_named, member, is_direct=pool is direct), member)
        if direct or near:
            return self._place(self._nearest(direct or near, member, is_direct=bool(direct)), member)
        using = [found for found in self._all if any(key.path for key in found.uses)]
        files = {found.file.path: found.file for found in using}
        modules = {key.path for found in using for key in found.uses if key.path}
        if len(files) == 1 and not any(
            _is_named_after_module(path, one) for path in files for one in modules
        ):
            [file] = files.values()
            top = DefinitionKey(member.path, member.name.partition(".")[0])
            return TestPlace(path=file.path, spelling=file.spelling(top))
        return None

    def _nearest(self, tests: Sequence[_Found], member: Member, *, is_direct: bool) -> Sequence[_Found]:
        """Return the tests of a file that are nearest to a member: by name, or by what they test."""
        if is_direct:
            return _group(tests, member)
        file = _group(tests, member)[0].file
        in_file = [found for found in tests if found.file is file]
        alike = [found for found in in_file if _is_alike(found, member)]
        if alike:
            return _group(alike, member)
        distances = {found: self._distance(found, member) for found in in_file}
        return [found for found in in_file if distances[found] == min(distances.values())]

    def _distance(self, found: _Found, member: Member) -> tuple[int, int]:
        """Return how far the nearest definition that a test uses is from a member, those above it first."""
        file = self._names.file(member.path)
        used = (key.name for key in found.uses if key.path == member.path)
        lines = [file.definitions[name].spans[0].first for name in used if file and name in file.definitions]
        return min(((line > member.line, abs(line - member.line)) for line in lines), default=(2, 0))

    def _place(self, tests: Sequence[_Found], member: Member) -> TestPlace:
        last = max(tests, key=lambda found: found.function.node.lineno)
        top = DefinitionKey(member.path, member.name.partition(".")[0])
        place = TestPlace(
            path=last.file.path,
            suite=last.function.suite,
            after=f"{last.function.suite}::{last.function.node.name}".removeprefix("::"),
            spelling=last.file.spelling(top),
            is_of_unittest=last.function.is_of_unittest,
        )
        if place.suite and self._is_of_another(last, member):
            return replace(place, new_suite=_suite_name(place.suite, member))
        return place

    def _is_of_another(self, found: _Found, member: Member) -> bool:
        """Return whether a test's class is named after a definition that has nothing to do with a member."""
        subject = tuple(word for word in _words(found.function.suite) if word not in _FILLERS)
        file = self._names.file(member.path)
        names = {part for name in (file.definitions if file else ()) for part in name.split(".")}
        is_about_one = any(_words(name) == subject for name in names)
        return is_about_one and not set(subject) <= set(_words(member.name))

    def _direct(self, member: Member) -> Sequence[_Found]:
        return list(dict.fromkeys(found for key in _keys(member) for found in self._by_key.get(key, ())))

    def _near(self, member: Member) -> Sequence[_Found]:
        """Return the tests of a member's class, or else of its module."""
        of_module = self._by_path.get(member.path, {})
        owner = DefinitionKey(member.path, member.name.rpartition(".")[0])
        of_class = [found for found in of_module if owner.name and _uses_class(found, owner)]
        named = (found for found in self._all if _is_named_after_module(found.file.path, member.path))
        return of_class or list(dict.fromkeys((*of_module, *named)))


def _files_read(
    tree: SourceTree, members: Sequence[Member], names: ProjectNames, readings: Readings
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
) -> tuple[_TestFile, TestFileUses] | None:
    """Return a test file with what its functions use; None if it cannot be parsed."""
    try:
        text = decode(data)
        uses = uses_in(parse_untrusted(text), names.roots.module(path), names, shared)
    except CannotParse:
        return None
    return _TestFile(path, text.split("\n"), uses.spelling), uses


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
    spelling: Callable[[DefinitionKey], str]


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A test of the project with the definitions that it uses."""

    file: _TestFile
    function: FileFunction
    uses: Mapping[DefinitionKey, Sequence[ast.expr]]

    @property
    def words(self) -> tuple[str, ...]:
        words = _words(f"{self.function.suite}_{self.function.node.name}")
        return tuple(word for word in words if word not in _FILLERS)

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
        files[found.file.path] += weight * (1 + 2 * _is_named_after_module(found.file.path, member.path))
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


def _group(tests: Sequence[_Found], member: Member) -> Sequence[_Found]:
    """Return the tests of the file and class that are most about a member, of these the best named."""
    first = _ranked(tests, member)[0]
    best = _weight(first, member)
    return [each for each in tests if each.suite == first.suite and _weight(each, member) == best]


def _weight(found: _Found, member: Member) -> int:
    """Return how much a test is about a member, judging by the words of its name and its class's."""
    sought, own = _words(member.plain_name), found.words
    return (
        1
        + len(set(sought) & set(own))
        + 3 * _is_named_after(found, member)
        + 2 * (own[: len(sought)] == sought)
    )


def _is_named_after(found: _Found, member: Member) -> bool:
    sought, words = _words(member.plain_name), found.words
    return any(words[at : at + len(sought)] == sought for at in range(len(words)))


def _is_alike(found: _Found, member: Member) -> bool:
    """Return whether a test's name has at least half of the words of a member's."""
    sought = set(_words(member.plain_name))
    return 2 * len(sought & set(found.words)) >= len(sought) > 0


def _suite_name(alike: str, member: Member) -> str:
    """Return the name of a class for the tests of a member, in the style of another's."""
    parts = re.split(r"_+", member.name.rpartition(".")[0] or member.name)
    subject = "".join(part[:1].upper() + part[1:] for part in parts)
    if alike.startswith("Test"):
        return f"Test{subject}"
    ending = re.search(r"(?:Tests?|TestCase)$", alike)
    return f"{subject}{ending[0] if ending else 'Tests'}"


def _words(name: str) -> tuple[str, ...]:
    return tuple(part.lower() for part in _NAME_PART.findall(name))


def _is_named_after_module(test_path: str, path: str) -> bool:
    module = PurePosixPath(path)
    name = (module.parent.name if module.name == "__init__.py" else module.stem).strip("_")
    return PurePosixPath(test_path).stem.removeprefix("test_").removesuffix("_test") == name


def _has_cases(node: Function) -> bool:
    loops = (each for each in ast.walk(node) if isinstance(each, ast.For))
    return any(last_name(each) == "parametrize" for each in node.decorator_list) or any(
        isinstance(each.iter, ast.List | ast.Tuple | ast.Name | ast.Dict) for each in loops
    )

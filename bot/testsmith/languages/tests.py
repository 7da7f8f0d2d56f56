"""What a language knows about test files: where they are, how they are read, cut, merged and formatted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from testsmith.languages.source import CannotParse, SourceTree
from testsmith.model import Member, TestPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class TestMark:
    """Content of the comment that the bot writes above each generated test.

    Attributes:
        version: Version of the bot.
        source: Digest of the member's behavior when the test was generated; see
            `SourceReader.digest`.
        member: Id of the member when the test was generated.
    """

    __test__ = False

    version: str
    source: str
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedTest:
    """A test with a mark.

    Attributes:
        name: Top-level name of the function, or of the class that contains the tests.
        mark: The parsed mark.
        is_edited: Whether the test was edited after the bot added it.
    """

    name: str
    mark: TestMark
    is_edited: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportFile:
    """A file that the first tests of a project need.

    Attributes:
        path: Its path, relative to the Git root.
        text: Its text.
        reason: Why it is needed.
    """

    path: str
    text: str
    reason: str


class UnformattedModule(NamedTuple):
    """A complete test module as generated, and the path of its test file relative to the Git root.

    The tests of an edit keep their layout if the formatter would write much of the file in another way.
    """

    code: str
    test_path: str
    is_edit: bool = False


class UnfinishedFile(NamedTuple):
    """A test file with added tests, its previous text (None for a new file), and its path."""

    text: str
    existing: str | None
    test_path: str


class CannotPlace(ValueError):
    """A test module cannot be added to a test file without changing existing code. The message says why."""


class CannotConvert(ValueError):
    """A test module cannot be converted to another framework. The message says why."""


class TestFiles(ABC):
    """Reads and edits the test files of one language. Methods that parse text raise `CannotParse`."""

    __test__ = False

    framework: str
    """Test framework to generate tests for if the project does not specify one."""

    def of_project(self, tree: SourceTree) -> TestFiles:  # noqa: ARG002 - a default
        """Return what reads the test files of a project, which may name them in its own way."""
        return self

    @abstractmethod
    def is_test(self, path: str) -> bool:
        """Return whether `path` is a test file or supports tests (for example `conftest.py`)."""

    def has_tests(self, path: str) -> bool:
        """Return whether a project with such a file already has a place for tests."""
        return self.is_test(path)

    def is_run_anywhere(self, name: str) -> bool:  # noqa: ARG002 - a default
        """Return whether a test file of this name is run on every system; in Go, `x_js_test.go` is not."""
        return True

    def command(self, framework: str, test_path: str, names: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002
        """Return the words of the command that runs these tests once they are in the project."""
        return (framework, test_path)

    @abstractmethod
    def test_functions(self, code: str) -> tuple[str, ...]:
        """Return the names of a test module's test functions in order, with methods as `Class::name`."""

    @abstractmethod
    def keep_tests(self, code: str, names: Collection[str]) -> str:
        """Return the module with only the named test functions, without imports that became unused."""

    def apart(self, modules: Sequence[UnformattedModule], tree: SourceTree) -> list[str | CannotParse]:  # noqa: ARG002
        """Return test modules whose names are not those of files that they are compiled together with.

        In a language whose names are unique in a package, tests are renamed before they are proven, so that
        they are posted as they were run. By default, names are unique in a module, and nothing changes.

        Args:
            modules: Modules of one run, also apart from each other.
            tree: Files of head.
        """
        return [module.code for module in modules]

    def place(
        self,
        existing: str | None,
        code: str,
        instead_of: Collection[str] = (),
        at: TestPlace | None = None,  # noqa: ARG002 - a default
    ) -> str:
        """Return a test file's text with the tests of a test module added; by default, to a new file only.

        The text in `existing` is kept verbatim. Imports are merged, and added names that would collide are
        renamed. Tests that the file already contains under any name are not added again. Tests named in
        `instead_of` are removed, and the new tests take the position of the first of them. Otherwise they go
        to the place `at` in the file, written as the tests there are. If `existing` is None, a new file is
        created.

        Raises:
            CannotPlace: The module would affect the existing tests.
        """
        if existing is None or not self.test_functions(self.remove(existing, instead_of)):
            return code
        raise CannotPlace("tests cannot be added to an existing file in this language")

    def edited_tests(self, before: str, after: str) -> str:  # noqa: ARG002 - a default
        """Return the tests that an edit of a test file adds or extends, as a module of their own.

        Of a table of cases that was extended, the module has only the new rows. By default, no edit is read.

        Raises:
            CannotPlace: The edit adds no tests, or changes anything else than tests, tables and imports.
        """
        raise CannotPlace("test files in this language cannot be edited")

    def changed_tests(self, before: str, after: str) -> tuple[str, ...]:
        """Return the names of the tests that an edit of a test file adds or changes; by default, adds."""
        there = frozenset(self.test_functions(before))
        return tuple(name for name in self.test_functions(after) if name not in there)

    def tests_sharing_edits(self, before: str, after: str) -> tuple[str, ...]:  # noqa: ARG002 - a default
        """Return the names of the tests that may use a helper that an edit of a test file changes.

        By default, none: then `changed_tests` has those that use it.
        """
        return ()

    def with_known_rows(self, before: str, after: str) -> str:  # noqa: ARG002 - a default
        """Return an edited test file in which rows of tables that the edit changed are as they were."""
        return after

    def self_contained(self, code: str, test_path: str, tree: SourceTree) -> str:  # noqa: ARG002 - a default
        """Return a module of tests of a test file with what it shares with other files, such as fixtures.

        Args:
            code: The test module.
            test_path: Path of the test file, relative to the git root.
            tree: Files of head.
        """
        return code

    def in_place(self, code: str, edited: str) -> str:  # noqa: ARG002 - a default
        """Return what `self_contained` completed as it is run next to the other files, on the same lines.

        Args:
            code: The module, completed, reduced and changed since.
            edited: Text of the test file that it is from.
        """
        return code

    def joined_edit(self, before: str, after: str, code: str) -> str:  # noqa: ARG002 - a default
        """Return an edited test file whose added and extended tests are as in `code`.

        Tests and rows that `code` does not have are put back as they were before the edit.

        Args:
            before: Text of the file before the edit.
            after: Its text after the edit.
            code: The module that `edited_tests` returned, reduced and changed since.

        Raises:
            CannotPlace: A test of the module is not in the edited file, or uses names that are not.
        """
        raise CannotPlace("test files in this language cannot be edited")

    def beside_subject(
        self,
        before: str,  # noqa: ARG002 - a default
        after: str,
        member: Member,  # noqa: ARG002
        own: Collection[str],  # noqa: ARG002
    ) -> str:
        """Return an edited test file without added tests between two tests of another subject.

        Args:
            before: Text of the file before the edit.
            after: Its text after the edit.
            member: What the added tests are about.
            own: Ids of the member's tests in the file, as in `ExistingTest.id`.
        """
        return after

    def with_test(self, text: str, code: str, name: str) -> str:  # noqa: ARG002 - a default
        """Return a test file in which one test is as in a module; everything else stays as it is.

        If the module has only one test, of a new name, that is the test under another name.

        Raises:
            CannotPlace: One of them does not have the test, or the test uses imports that the file lacks.
        """
        raise CannotPlace("test files in this language cannot be edited")

    def remove(self, text: str, names: Collection[str]) -> str:
        """Return a test file without the named tests, their marks and the imports that only they used."""
        return self.keep_tests(text, [name for name in self.test_functions(text) if name not in names])

    def mark(self, code: str, mark: TestMark, names: Collection[str] | None = None) -> str:  # noqa: ARG002
        """Return a test module with a mark above each test, or above the named ones of a test file.

        `seal` completes the marks. By default, there are none.
        """
        return code

    def seal(self, text: str) -> str:
        """Return a test file in which new marks contain the digests of their tests, to detect later edits."""
        return text

    def marked_tests(self, text: str) -> tuple[MarkedTest, ...]:  # noqa: ARG002 - a default
        """Return the marked tests of a test file, in order."""
        return ()

    def beside_marked(self, text: str) -> str:
        """Return the content of a test file without unedited marked tests, for comparison.

        Imports, comments and formatting are ignored. The result is empty if nothing remains. Text that is not
        valid source in this language is returned unchanged.
        """
        return text

    def in_framework(self, code: str, framework: str, member: Member) -> str:  # noqa: ARG002 - a default
        """Return a member's test module converted to another test framework.

        Raises:
            CannotConvert: The module contains something with no equivalent in the framework.
        """
        if framework == self.framework:
            return code
        raise CannotConvert(f"tests are written for {self.framework} only")

    def format(self, code: str, test_path: str, tree: SourceTree) -> str:  # noqa: ARG002 - a default
        """Return a test module formatted according to the project's settings.

        Applies the safe fixes of the project's linter and adds return types if neighboring tests have them.
        The behavior of the tests does not change.

        Args:
            code: A complete test module, as generated.
            test_path: Path of the test file relative to the Git root; settings may depend on it.
            tree: Files of head, from which the project's settings are read.

        Raises:
            CannotParse: `code` is not valid source in this language, or uses syntax newer than the oldest
                version the project supports.
        """
        return code

    def format_all(self, modules: Sequence[UnformattedModule], tree: SourceTree) -> list[str | CannotParse]:
        """Return each module as `format` would, or the error it would raise; by default, one by one."""
        results: list[str | CannotParse] = []
        for module in modules:
            try:
                results.append(self.format(module.code, module.test_path, tree))
            except CannotParse as error:
                results.append(error)
        return results

    def finish(
        self,
        text: str,
        existing: str | None,  # noqa: ARG002 - a default
        test_path: str,  # noqa: ARG002
        tree: SourceTree,  # noqa: ARG002
    ) -> str:
        """Return a test file produced by `place`, changed so that it passes the project's linter.

        Only text that is not in `existing` changes, except that imports are sorted if they were sorted
        before. Violations that cannot be fixed are suppressed line by line.

        Args:
            text: The complete test file, made of formatted modules.
            existing: Previous text of the file, or None for a new file.
            test_path: Path of the test file relative to the Git root.
            tree: Files of head, from which the project's settings are read.
        """
        return text

    def finish_all(self, files: Sequence[UnfinishedFile], tree: SourceTree) -> list[str]:
        """Return each file as `finish` would; by default, one by one."""
        return [self.finish(file.text, file.existing, file.test_path, tree) for file in files]

    def companions(self, test_path: str, paths: Collection[str]) -> tuple[str, ...]:  # noqa: ARG002 - a default
        """Return the empty files that a new test file requires, given the paths of the tree."""
        return ()

    def support_files(self, tree: SourceTree, project: str) -> tuple[SupportFile, ...]:  # noqa: ARG002
        """Return the files that the first tests of a project need.

        Args:
            tree: Files of head.
            project: The project's folder below the Git root; empty for the root.
        """
        return ()

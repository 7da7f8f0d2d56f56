"""Interface of a language driver.

A driver reads files through a `SourceTree` and never touches git, the file system or a subprocess, except
through the formatter that is passed to it. It reports a file that it cannot parse as `Skipped`, and the run
continues.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from testsmith.model import Member, Request, Skipped

CONVENTIONS_FILE = "TESTSMITH.md"
"""Name of the files that describe how tests for a folder and everything below it should be written."""


class SourceTree(Protocol):
    """Files of one state of a repository: a commit or the working tree."""

    def paths(self) -> Sequence[str]:
        """Return the sorted paths of all regular files, relative to the Git root."""
        ...

    def read(self, path: str) -> bytes | None:
        """Return the content of a regular file, or None if there is no regular file at `path`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFile:
    """A file that differs between base and head.

    Attributes:
        base_path: Path on base, or None if the file is new.
        head_path: Path on head, or None if the file was deleted.
        added_lines: Lines of head that the diff adds or changes, 1-based.
    """

    base_path: str | None
    head_path: str | None
    added_lines: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonScope:
    """Input of a comparison between base and head.

    Attributes:
        base: Files of the merge base.
        head: Files of head.
        files: Changed files that are not excluded, with renames paired, in path order.
        project: Project folder relative to the Git root, or `""` for the root. Source roots are this folder
            and its `src/`.
        reference_steps: Maximum number of references between a changed definition and an affected member.
    """

    base: SourceTree
    head: SourceTree
    files: Sequence[ChangedFile]
    project: str = ""
    reference_steps: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFindings:
    """Members found, and the files that could not be read, each with a reason."""

    members: tuple[Member, ...] = ()
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedExample:
    """An example from a member's documentation.

    Attributes:
        setup: All preceding statements of the same docstring, in order.
        call: Source text of the expression.
        expected: Source text of the documented value, or None if an exception is documented.
        exception: Name of the documented exception, or None if a value is documented.
        line: Line of the example in the file, 1-based.
    """

    setup: tuple[str, ...]
    call: str
    expected: str | None
    exception: str | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TestMark:
    """Content of the comment that the bot writes above each generated test.

    Attributes:
        version: Version of the bot.
        source: Digest of the member's behavior when the test was generated; see
            `LanguageDriver.source_digest`.
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


class CodeBranch(NamedTuple):
    """One branch of a statement such as `if` or `for`.

    Attributes:
        head: Lines of the statement without its bodies.
        target: Lines where its body begins.
        past: Whether this is the branch that skips the body.
    """

    head: range
    target: range
    past: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """Statements and branches of a file that tests can reach.

    Attributes:
        statements: Lines of each statement; for compound statements, without their bodies.
        ways: Branches of the statements that have any.
    """

    statements: tuple[range, ...] = ()
    ways: tuple[CodeBranch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberWeight:
    """Metrics used to rank members.

    Attributes:
        decisions: Number of decision points.
        dependents: Definitions of the same package that use the member, or its class, directly.
    """

    decisions: int = 0
    dependents: int = 0


class LanguageDriver(Protocol):
    """Support for one language. See `bot/testsmith/languages/python/driver.py` for an implementation."""

    language: str
    """Identifier used in module names, test file names, docs headings and settings."""

    framework: str
    """Test framework to generate tests for if the project does not specify one."""

    batches: bool
    """Whether several members of this language may share one model call."""

    def handles(self, path: str) -> bool:
        """Return whether `path` is a source file of this language."""
        ...

    def is_test(self, path: str) -> bool:
        """Return whether `path` is a test file or supports tests (for example `conftest.py`)."""
        ...

    def changed_members(self, scope: ComparisonScope) -> MemberFindings:
        """Return the added, changed and affected members, ordered by file and line."""
        ...

    def all_members(self, tree: SourceTree, paths: Sequence[str], project: str) -> MemberFindings:
        """Return every public member of the files as `added`."""
        ...

    def reachable(self, data: bytes) -> Reachable:
        """Return the statements and branches of a file that tests can reach.

        Raises:
            CannotParse: `data` is not valid source in this language.
        """
        ...

    def weights(
        self, tree: SourceTree, members: Sequence[Member], project: str
    ) -> Mapping[str, MemberWeight]:
        """Return the weights of members by id. Run time must grow linearly with the size of the tree."""
        ...

    def requests(self, tree: SourceTree, members: Sequence[Member], project: str) -> Iterator[Request]:
        """Yield one request per member, in order, with test path, context and normalized source."""
        ...

    def is_conditional(self, data: bytes, member: Member) -> bool:
        """Return whether a member is defined only under a condition in its file, and so may not exist.

        Args:
            data: Content of the file.
            member: The member.
        """
        ...

    def documented_examples(self, member: Member) -> tuple[DocumentedExample, ...]:
        """Return the examples in the member's own documentation."""
        ...

    def test_functions(self, code: str) -> tuple[str, ...]:
        """Return the names of a test module's test functions in order, with methods as `Class::name`.

        Raises:
            CannotParse: `code` is not valid source in this language.
        """
        ...

    def source_digest(self, source: str) -> str:
        """Return a digest of a member's behavior, ignoring its name and documentation."""
        ...

    def mark(self, code: str, mark: TestMark) -> str:
        """Return a test module with a mark above each test. `seal` completes the marks.

        Raises:
            CannotParse: `code` is not valid source in this language.
        """
        ...

    def seal(self, text: str) -> str:
        """Return a test file in which new marks contain the digests of their tests, to detect later edits.

        Raises:
            CannotParse: `text` is not valid source in this language.
        """
        ...

    def marked_tests(self, text: str) -> tuple[MarkedTest, ...]:
        """Return the marked tests of a test file, in order.

        Raises:
            CannotParse: `text` is not valid source in this language.
        """
        ...

    def beside_marked(self, text: str) -> str:
        """Return the content of a test file without unedited marked tests, for comparison.

        Imports, comments and formatting are ignored. The result is empty if nothing remains. Text that is not
        valid source in this language is returned unchanged.
        """
        ...

    def remove(self, text: str, names: Collection[str]) -> str:
        """Return a test file without the named tests, their marks and the imports that only they used.

        Raises:
            CannotParse: `text` is not valid source in this language.
        """
        ...

    def place(self, existing: str | None, code: str, instead_of: Collection[str] = ()) -> str:
        """Return a test file's text with the tests of a test module added.

        The text in `existing` is kept verbatim. Imports are merged, and added names that would collide are
        renamed. Tests that the file already contains under any name are not added again. Tests named in
        `instead_of` are removed, and the new tests take the position of the first of them. If `existing` is
        None, a new file is created.

        Raises:
            CannotParse: `existing` or `code` is not valid source in this language.
            CannotPlace: The module would affect the existing tests.
        """
        ...

    def in_framework(self, code: str, framework: str, member: Member) -> str:
        """Return a member's test module converted to another test framework.

        Raises:
            CannotParse: `code` is not valid source in this language.
            CannotConvert: The module contains something with no equivalent in the framework.
        """
        ...

    def format(self, code: str, test_path: str, tree: SourceTree) -> str:
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
        ...

    def finish(self, text: str, existing: str | None, test_path: str, tree: SourceTree) -> str:
        """Return a test file produced by `place`, changed so that it passes the project's linter.

        Only text that is not in `existing` changes, except that imports are sorted if they were sorted
        before. Violations that cannot be fixed are suppressed line by line.

        Args:
            text: The complete test file, made of formatted modules.
            existing: Previous text of the file, or None for a new file.
            test_path: Path of the test file relative to the Git root.
            tree: Files of head, from which the project's settings are read.
        """
        ...

    def companions(self, test_path: str, paths: Collection[str]) -> tuple[str, ...]:
        """Return the empty files that a new test file requires, given the paths of the tree."""
        ...

    def keep_tests(self, code: str, names: Collection[str]) -> str:
        """Return the module with only the named test functions, without imports that became unused."""
        ...


def driver_for(path: str, drivers: Sequence[LanguageDriver]) -> LanguageDriver | None:
    """Return the first driver that handles `path`, or None."""
    return next((driver for driver in drivers if driver.handles(path)), None)


class CannotParse(ValueError):
    """Text is not valid source in the driver's language. The message says where and why, without the text."""


class CannotPlace(ValueError):
    """A test module cannot be added to a test file without changing existing code. The message says why."""


class CannotConvert(ValueError):
    """A test module cannot be converted to another framework. The message says why."""

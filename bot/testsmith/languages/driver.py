"""What a language driver is: the one place that knows a programming language.

A driver reads files through a `SourceTree` and never touches git, the file system or a subprocess (its
formatter excepted, which is handed to it). Where a file cannot be read as its language, it says so in a
`Skipped`, and the run goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from testsmith.model import Member, Request, Skipped

CONVENTIONS_FILE = "TESTSMITH.md"
"""The name of the files in which a project says, for a folder and all below it, how its tests should be."""


class SourceTree(Protocol):
    """The files of one state of a repository: a commit, or the working tree."""

    def paths(self) -> Sequence[str]:
        """Return every regular file's path, sorted, relative to the git root."""
        ...

    def read(self, path: str) -> bytes | None:
        """Return a regular file's bytes; None where there is no such regular file."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFile:
    """One file that differs between base and head.

    Attributes:
        base_path: Its path on base; None where it is new.
        head_path: Its path on head; None where it is gone.
        added_lines: The lines of head that the diff adds or alters, counted from 1.
    """

    base_path: str | None
    head_path: str | None
    added_lines: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonScope:
    """What a driver compares.

    Attributes:
        base: The merge base's files.
        head: The head's files.
        files: What differs between them and is not left out: renames paired, in the order of their paths.
        project: Folder of the project below the git root, `""` where it is the root; source roots are
            this folder and its `src/`.
        reference_steps: How many references an affected member may lie away from what changed.
    """

    base: SourceTree
    head: SourceTree
    files: Sequence[ChangedFile]
    project: str = ""
    reference_steps: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFindings:
    """Members found, and the files that could not be read, each with its reason."""

    members: tuple[Member, ...] = ()
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedExample:
    """One example from a member's documentation.

    Attributes:
        setup: All statements of the same docstring that come before it, in order.
        call: The expression that is shown, as source text.
        expected: The documented value as source text; None where an exception is documented.
        exception: Name of the documented exception; None where a value is.
        line: The example's line in the file, counted from 1.
    """

    setup: tuple[str, ...]
    call: str
    expected: str | None
    exception: str | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TestMark:
    """What the comment above a test says that the bot has put into a test file.

    Attributes:
        version: The bot's version.
        source: Digest of what the member did when the test was made; see `LanguageDriver.source_digest`.
        member: The member's id then.
    """

    __test__ = False

    version: str
    source: str
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedTest:
    """A test of a test file that has a mark.

    Attributes:
        name: Its name at the file's own level: a function's, or a class's that holds tests.
        mark: What the mark says.
        is_edited: Whether it is not as the bot has put it there.
    """

    name: str
    mark: TestMark
    is_edited: bool


class CodeBranch(NamedTuple):
    """A way on from a statement that decides.

    Attributes:
        head: The lines of the statement, without its bodies.
        target: The lines that begin its body.
        past: Whether it is the way that does not lead there.
    """

    head: range
    target: range
    past: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """What tests can reach of one file.

    Attributes:
        statements: The lines of each statement, those of a compound one without its bodies.
        ways: The ways on from those that decide.
    """

    statements: tuple[range, ...] = ()
    ways: tuple[CodeBranch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberWeight:
    """What makes a member weigh more than another, as it is counted.

    Attributes:
        decisions: Points at which its way parts.
        dependents: Definitions of its package that use it, or its class, directly.
    """

    decisions: int = 0
    dependents: int = 0


class LanguageDriver(Protocol):
    """What knows one language. See `bot/testsmith/languages/python/driver.py` for the first."""

    language: str
    """The one identifier: in the module name, the tests' file name, the docs' heading and the settings."""

    framework: str
    """The test framework that generators write its tests for where the project says nothing else."""

    batches: bool
    """False opts this language out of batched model calls."""

    def handles(self, path: str) -> bool:
        """Tell whether a path is a source file of this language."""
        ...

    def is_test(self, path: str) -> bool:
        """Tell whether a path is a test file or belongs to the tests (a `conftest.py`, say)."""
        ...

    def changed_members(self, scope: ComparisonScope) -> MemberFindings:
        """Return the added, changed and affected members, in the order of their files and lines."""
        ...

    def all_members(self, tree: SourceTree, paths: Sequence[str], project: str) -> MemberFindings:
        """Return every public member of the files as `added`."""
        ...

    def reachable(self, data: bytes) -> Reachable:
        """Return what tests can reach of a file of these bytes.

        Raises:
            CannotParse: It is not of this language.
        """
        ...

    def weights(
        self, tree: SourceTree, members: Sequence[Member], project: str
    ) -> Mapping[str, MemberWeight]:
        """Return what the members weigh, by id; the time that takes grows with the tree, not its square."""
        ...

    def requests(self, tree: SourceTree, members: Sequence[Member], project: str) -> Iterator[Request]:
        """Yield one request a member, with test path, context and normalised source, in order."""
        ...

    def is_conditional(self, data: bytes, member: Member) -> bool:
        """Tell whether a member is defined only under a condition of its file, so that it may not exist.

        Args:
            data: The file.
            member: The member.
        """
        ...

    def documented_examples(self, member: Member) -> tuple[DocumentedExample, ...]:
        """Return the examples in the member's own documentation."""
        ...

    def test_functions(self, code: str) -> tuple[str, ...]:
        """Return the names of a test module's test functions, methods as `Class::name`, in order.

        Raises:
            CannotParse: The code is not of this language.
        """
        ...

    def source_digest(self, source: str) -> str:
        """Return the digest of what a member does; its name and its documentation do not count."""
        ...

    def mark(self, code: str, mark: TestMark) -> str:
        """Return a test module with a mark above each of its tests; `seal` makes it whole.

        Raises:
            CannotParse: The code is not of this language.
        """
        ...

    def seal(self, text: str) -> str:
        """Return a test file whose new marks know how their tests look, as they came into the file.

        Raises:
            CannotParse: The text is not of this language.
        """
        ...

    def marked_tests(self, text: str) -> tuple[MarkedTest, ...]:
        """Return the tests of a test file that have a mark, in order.

        Raises:
            CannotParse: The text is not of this language.
        """
        ...

    def beside_marked(self, text: str) -> str:
        """Return what a test file holds beside marked tests that nobody has edited, to be compared.

        What tests nothing by itself (imports, comments, formatting) does not count. Empty for nothing; a text
        that is not of this language counts as it is.
        """
        ...

    def remove(self, text: str, names: Collection[str]) -> str:
        """Return a test file without the tests of these names, their marks, and imports only they used.

        Raises:
            CannotParse: The text is not of this language.
        """
        ...

    def place(self, existing: str | None, code: str, instead_of: Collection[str] = ()) -> str:
        """Return a test file's text with a test module's tests added.

        What stands in `existing` is kept to the letter; imports are merged, and names that would collide
        are changed in what is added. With None it is a new file. Tests that the file already holds, under
        whatever name, are not added again. Where tests are named that the new ones stand for, those go, and
        the new ones stand where the first of them stood.

        Raises:
            CannotParse: One of the two is not of this language.
            CannotPlace: The module would act on the tests that are already there.
        """
        ...

    def in_framework(self, code: str, framework: str, member: Member) -> str:
        """Return a member's test module as the tests of a framework are written.

        Raises:
            CannotParse: The code is not of this language.
            CannotConvert: Something in it has no form there.
        """
        ...

    def format(self, code: str, test_path: str, tree: SourceTree) -> str:
        """Return a test module formatted as the project formats its tests.

        What the project's linter can mend safely is mended, return types are written where the neighbouring
        tests have them, and nothing that a test does is changed.

        Args:
            code: A whole test module, as a generator gives it.
            test_path: Where it would stand, relative to the git root; settings may depend on it.
            tree: The files from which the project's settings are read: those of head.

        Raises:
            CannotParse: The code is not of this language, or newer than the project's oldest version of it.
        """
        ...

    def finish(self, text: str, existing: str | None, test_path: str, tree: SourceTree) -> str:
        """Return a test file, as `place` gives it, passing the project's linter.

        Only what `existing` does not hold is changed, but for the order of its imports where that was right
        before. What cannot be mended is silenced rule by rule in its line.

        Args:
            text: The whole test file, of formatted modules.
            existing: What stood in the file before; None for a new file.
            test_path: Where it stands, relative to the git root.
            tree: As in `format`.
        """
        ...

    def companions(self, test_path: str, paths: Collection[str]) -> tuple[str, ...]:
        """Return the empty files that a new test file needs beside it, in a tree of these paths."""
        ...

    def keep_tests(self, code: str, names: Collection[str]) -> str:
        """Return the module with only these test functions, and without the imports nothing uses now."""
        ...


class CannotParse(ValueError):
    """A text is not of the driver's language; the message says where and why, without the text itself."""


class CannotPlace(ValueError):
    """A test module cannot be added to a test file without changing what stands there; says why."""


class CannotConvert(ValueError):
    """A test module cannot be written for another framework; the message says what stands in the way."""

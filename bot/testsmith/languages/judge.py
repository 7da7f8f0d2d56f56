"""What a language knows about the worth of a test, read from its text and its results."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from testsmith.languages.results import Proof
from testsmith.languages.source import SourceTree
from testsmith.model import Candidate, Member

_MOST_TEXT = 200


class CannotJudge(ValueError):
    """Tests of a language cannot be judged. The message says why."""


class Finding(NamedTuple):
    """What makes a test worthless or harmful even if it passes.

    Attributes:
        reason: A clause about the test.
        at: Source of the part of it that is meant; empty if that is not known, or the whole test is meant.
        is_lack: Whether the test lacks something, which each version of it has to have.
        is_shared: Whether it is in what several tests share, for example a fixture.
    """

    reason: str
    at: str = ""
    is_lack: bool = False
    is_shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(ABC):
    """Question for the maintainer: the documentation and the code differ.

    Attributes:
        candidate: A test module that claims the documented result.
        test: Name of its one test function.
        check: A test module that runs the documentation by its own rules. If it passes, the question is not
            asked. None if there is none.
        functions: The candidate's test functions that the question replaces.
    """

    candidate: Candidate
    test: str
    check: Candidate | None = None
    functions: tuple[str, ...] = ()

    @property
    @abstractmethod
    def subject(self) -> str:
        """What the question is about, for example the documented call. The same question has the same one."""

    @abstractmethod
    def text(self, message: str) -> str:
        """Return what differs, given the failure message of the documented claim. Untrusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflicts:
    """Conflicts of a candidate with the documentation.

    Attributes:
        questions: Questions to ask if running the documented claim shows that the code does not meet it.
        suspended: Test functions that are not posted, with the reason.
        rows: Parametrization rows that are not posted, by function that remains.
    """

    questions: tuple[Question, ...] = ()
    suspended: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, frozenset[int]] = field(default_factory=dict)


class ObservedEdit(NamedTuple):
    """A test file in which an assertion expects what was observed.

    Attributes:
        text: The edited file.
        expected: Source of the literal that the assertion expected.
        observed: Source of the observed value. Untrusted.
    """

    text: str
    expected: str
    observed: str


class Judge:
    """Judges tests of one language. This class judges nothing, so nothing that it is asked about is posted.

    A language has to implement `findings`; the other methods have defaults that post less, never more.

    Attributes:
        temporary_folder: What tests call the folder that they may write to.
    """

    temporary_folder: str = "the temporary folder"

    def of_project(self, tree: SourceTree) -> Judge:  # noqa: ARG002 - a default
        """Return the judge of a project's tests, which may read its test files."""
        return self

    def findings(
        self,
        code: str,  # noqa: ARG002 - a default
        member: Member,  # noqa: ARG002
        test_path: str | None = None,  # noqa: ARG002
    ) -> Mapping[str, Sequence[Finding]]:
        """Return all that makes test functions worthless or harmful even if they pass, by function name.

        Args:
            code: The test module.
            member: The member that it tests.
            test_path: The project's test file that it was made for; what is in there already does no harm.

        Raises:
            CannotParse: `code` is not valid source in this language.
            CannotJudge: Tests of this language cannot be judged.
        """
        raise CannotJudge("there is no judge for this language")

    def smells(self, code: str, member: Member, test_path: str | None = None) -> dict[str, str]:
        """Return the reason of the first finding of each test function that has one; see `findings`."""
        return added_smells(self.findings(code, member, test_path), {})

    def calls_not_run(
        self,
        code: str,  # noqa: ARG002 - a default
        member: Member,  # noqa: ARG002
        idle: Collection[tuple[int, int, int, int]],  # noqa: ARG002
        test_path: str | None = None,  # noqa: ARG002
    ) -> Mapping[str, str]:
        """Return why test functions are cut whose calls may have unknown effects, because they did not run.

        Args:
            code: The test module.
            member: The member that it tests.
            idle: Positions of calls and imports that were not reached; see `Proof.idle`.
            test_path: Path of the test file that the module was made for, relative to the git root; None if
                unknown. What its helpers do is known.
        """
        return {}

    def copies(self, code: str, test_path: str) -> str:  # noqa: ARG002 - a default
        """Return what a module for a new test file copies from the project's test files; by default, nothing.

        Args:
            code: The test module.
            test_path: Path of the test file, relative to the git root.

        Returns:
            A clause about the module; empty if it copies nothing, or the file is there.
        """
        return ""

    def conflicts(self, proof: Proof) -> Conflicts:  # noqa: ARG002 - a default
        """Return a candidate's conflicts with the documentation, given its results."""
        return Conflicts()

    def row_counts(self, code: str) -> Mapping[str, int]:  # noqa: ARG002 - a default
        """Return the number of rows of each function whose rows `without_rows` can remove."""
        return {}

    def without_rows(self, code: str, rows: Mapping[str, frozenset[int]]) -> str:  # noqa: ARG002 - a default
        """Return a test module without some rows of its parametrizations."""
        return code

    def names_member(self, code: str, function: str, member: Member) -> bool:  # noqa: ARG002 - a default
        """Return whether a test function, or module-level code that it shares, names the member."""
        return False

    def lengths(self, code: str) -> Mapping[str, int]:  # noqa: ARG002 - a default
        """Return the number of lines of each test function; of equal functions, the shorter one is kept."""
        return {}

    def normalized(self, code: str) -> str:
        """Return a test module without comments and formatting; unchanged if it cannot be parsed."""
        return code

    def observed_tests(self, before: str, after: str, member: Member) -> tuple[str, ...]:  # noqa: ARG002
        """Return the test functions that only changed the expected result of the same behavior.

        Args:
            before: The test module that was sent for repair.
            after: The complete repaired module.
            member: The member that they test.

        Returns:
            Names of functions of the repaired module, in order; empty if a module cannot be parsed.
        """
        return ()

    def watched(self, text: str, name: str) -> str:  # noqa: ARG002 - a default
        """Return a test file in which the assertions of a test report the values that fail them.

        Raises:
            CannotParse: The text is not valid source in this language.
        """
        return text

    def with_observed(
        self,
        text: str,  # noqa: ARG002 - a default
        name: str,  # noqa: ARG002
        message: str,  # noqa: ARG002
        failed_rows: Collection[int],  # noqa: ARG002
    ) -> ObservedEdit | None:
        """Return a test file in which the assertion of a test that failed expects the observed value.

        Only that literal changes.

        Args:
            text: The test file.
            name: The test.
            message: Its failure message when it ran as `watched`. Untrusted.
            failed_rows: The rows of its table that failed.

        Returns:
            The edit; None if it is not known which literal to replace, or by what.

        Raises:
            CannotParse: The text is not valid source in this language.
        """
        return None

    def covers(
        self,
        member: Member,  # noqa: ARG002 - a default
        lines: Collection[int],  # noqa: ARG002
        branches: Collection[tuple[int, int]],  # noqa: ARG002
    ) -> bool:
        """Return whether these lines and branches are all of a member; False in case of doubt.

        Of a changed member, only those of its changed lines count.
        """
        return False

    def first_words(self, message: str) -> str:
        """Return the most informative line of a failure message, truncated."""
        return short(next((line for line in message.splitlines() if line.strip()), ""))

    def is_interface_mismatch(self, message: str) -> bool:  # noqa: ARG002 - a default
        """Return whether a failure says only that a name does not exist, or not with these parameters."""
        return False

    def is_of_environment(self, message: str) -> bool:  # noqa: ARG002 - a default
        """Return whether a failure may be due to where the test runs; True in case of doubt."""
        return True

    def is_assertion(self, message: str) -> bool:  # noqa: ARG002 - a default
        """Return whether a failure is that of an assertion; False in case of doubt."""
        return False

    def first_line(self, text: str, test: str) -> int:  # noqa: ARG002 - a default
        """Return the line of a test function's name in a test file; 0 if unknown."""
        return 0

    def difference(self, code: str, member: Member, function: str, message: str) -> str:  # noqa: ARG002
        """Return a sentence with both results of the call that differs; empty if that call is unknown.

        Args:
            code: The test module.
            member: The member.
            function: The test function that passes on base and fails on head.
            message: Its failure message on head. Untrusted.
        """
        return ""


def added_smells(
    found: Mapping[str, Sequence[Finding]], known: Mapping[str, Sequence[Finding]]
) -> dict[str, str]:
    """Return the first reason against each test function, apart from what is in its file on head already.

    A test that was extended may have what it had on head, as often as it had it, but must not lack anything.
    Any test may have what it shares with tests that are there.

    Args:
        found: The findings of tests.
        known: The findings of the tests of their file on head.
    """
    shared = {one for findings in known.values() for one in findings if one.is_shared}
    reasons: dict[str, str] = {}
    for name, findings in found.items():
        there = Counter(known.get(name, ()))
        for one in findings:
            there[one] -= 1
            if one.is_lack or (there[one] < 0 and one not in shared):
                reasons.setdefault(name, one.reason)
    return reasons


def first_words_without(place: re.Pattern[str], message: str) -> str:
    """Return the first line of a failure message that is more than a place in a file, without the place."""
    lines = (place.sub("", line).strip() for line in message.splitlines())
    return short(next(filter(None, lines), ""))


def short(text: str) -> str:
    """Return a text on one line, without backticks, truncated."""
    line = " ".join(text.replace("`", "'").split())
    return line if len(line) <= _MOST_TEXT else line[:_MOST_TEXT] + "..."

"""All numbers that decide what is posted, in one place.

Values that users can set come from `VerificationSettings`; the others are the same in every run.
"""

from __future__ import annotations

from dataclasses import dataclass

from testsmith.settings import VerificationSettings

_SET = VerificationSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTable:
    """Limits and thresholds of the gate.

    Attributes:
        max_mutants: Maximum mutants per member.
        mutants_a_line: Maximum mutants per line, each by a different operator.
        named_mutants: Maximum number of killed mutants, and of survivors, to describe in the report.
        mutation_seconds: Time limit for all mutants of one candidate together.
        suite_seconds: Time limit for the project's own tests, and again for running them against the mutants
            that candidates kill.
        rounds: How many times a reduced candidate is run again in the form that would be posted.
        candidate_characters: Maximum length of a candidate that is run.
        snapshot_characters: Length above which an expected string or container counts as a snapshot of a
            whole output.
        questions: Maximum questions per candidate.
        named_reasons: Number of test functions whose reasons are listed if none is left.
        tests_of_change: Maximum number of test functions of a changed or affected member, and one more if it
            takes another changed branch.
        keeps_unchanged: Whether to keep test functions that show nothing about the change.
    """

    max_mutants: int = _SET.max_mutants
    mutants_a_line: int = 2
    named_mutants: int = 100
    mutation_seconds: float = 2 * _SET.test_seconds
    suite_seconds: float = _SET.suite_seconds
    rounds: int = 5
    candidate_characters: int = 200_000
    snapshot_characters: int = 600
    questions: int = 3
    named_reasons: int = 3
    tests_of_change: int = 2
    keeps_unchanged: bool = _SET.unchanged_behaviour

    @classmethod
    def of(cls, settings: VerificationSettings) -> GateTable:
        """Return the table for a run's settings."""
        return cls(
            max_mutants=settings.max_mutants,
            mutation_seconds=2 * settings.test_seconds,
            suite_seconds=settings.suite_seconds,
            keeps_unchanged=settings.unchanged_behaviour,
        )


DEFAULTS = GateTable()
"""The table with default settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLimits:
    """Limits of an audit.

    Attributes:
        tests: Maximum test functions.
        mutants: Maximum mutants of all test functions together; each gets an equal share.
        changed_mutants: Maximum mutants of changed lines per test function, and per member for the whole
            suite.
        other_mutants: Maximum mutants of other lines per test function; the first one killed is the last.
        mutants_of_function: Maximum mutants of one function of the project.
    """

    tests: int = 100
    mutants: int = 3000
    changed_mutants: int = 10
    other_mutants: int = 30
    mutants_of_function: int = 30


AUDIT_LIMITS = AuditLimits()
"""The limits of every audit."""

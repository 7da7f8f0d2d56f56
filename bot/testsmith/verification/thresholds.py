"""The table of the gate: every number that decides what is posted, in one place.

Those that a person may set stand in `VerificationSettings`, and come from there; the others are the same in
every run.
"""

from __future__ import annotations

from dataclasses import dataclass

from testsmith.settings import VerificationSettings

_SET = VerificationSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTable:
    """What the gate measures by.

    Attributes:
        max_mutants: The most mutants of one member.
        mutants_a_line: The most mutants of one line, each by another operator.
        named_mutants: How many of the killed mutants, and of the others, are told of in words.
        mutation_seconds: Time limit of all mutants of one candidate together.
        suite_seconds: Time limit of the project's own tests, and once more of their run against the mutants
            that candidates kill.
        rounds: How many times what is left of a candidate is run again as it would be posted.
        candidate_characters: A longer candidate is not run.
        snapshot_characters: A longer expected text, or a larger expected container, is a snapshot of a whole
            output.
        questions: How many questions of one candidate are asked at most.
        told_reasons: Of how many test functions the reason is told where none is left.
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
    told_reasons: int = 3

    @classmethod
    def of(cls, settings: VerificationSettings) -> GateTable:
        """Return the table of a run."""
        return cls(
            max_mutants=settings.max_mutants,
            mutation_seconds=2 * settings.test_seconds,
            suite_seconds=settings.suite_seconds,
        )


DEFAULTS = GateTable()
"""The table where nothing was set."""

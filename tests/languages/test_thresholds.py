from __future__ import annotations

from dataclasses import fields

from testsmith.languages.thresholds import DEFAULTS, GateTable
from testsmith.settings import VerificationSettings


def test_of__takes_what_a_person_may_set() -> None:
    settings = VerificationSettings(max_mutants=9, test_seconds=3.0, suite_seconds=11.0)
    table = GateTable.of(settings)
    assert (table.max_mutants, table.suite_seconds) == (9, 11.0)
    assert table.mutation_seconds == 6.0
    left = {field.name for field in fields(table)} - {
        "max_mutants",
        "suite_seconds",
        "mutation_seconds",
    }
    assert all(getattr(table, name) == getattr(DEFAULTS, name) for name in left)


def test_of__is_the_table_of_the_defaults_where_nothing_is_set() -> None:
    assert GateTable.of(VerificationSettings()) == DEFAULTS

from __future__ import annotations

import pytest

from verification.corpus.judging import HERE, Case, confusion_table, judge_corpus, misjudged, told
from verification.corpus.labels import GOOD, labeled_candidates

FEWEST_CANDIDATES = 160
FEWEST_GOOD_POSTED = 0.95
FEWEST_WELL_EXPLAINED = 0.9
ASKED = {"finds-bug", "held-before", "pins-bug-annotation", "pins-bug-example", "pins-bug-exception"}
"""The kinds that nobody but the maintainer can decide: they come out as questions."""

WORDS = {
    "against-example": ("contradicts the docstring",),
    "bare-except": ("swallows exceptions", "asserts under a condition"),
    "conditional": ("asserts under a condition",),
    "copies": ("repeats the function's own formula",),
    "crashes": ("ends the test process", "time limit", "fails on head"),
    "flaky-clock": ("clock at",),
    "flaky-folder": ("folder", "next to the project's tests", "fails on head"),
    "flaky-hash-seed": ("with hash seed",),
    "flaky-leftovers": ("two runs in one folder", "leaves files", "writes outside"),
    "flaky-locale": ("locale",),
    "flaky-order": ("shuffled", "order of the file", "each function in its own process"),
    "flaky-random": ("is flaky", "fails on head"),
    "flaky-threads": ("is flaky", "fails on head"),
    "flaky-zone": ("time zone",),
    "forged": (
        "fails on head",
        "ends the test process",
        "taken away",
        "never reaches",
        "manipulates the test runner",
    ),
    "global-state": ("changes global state",),
    "hangs": ("time limit",),
    "import-error": ("could not be run", "does not parse", "in setup"),
    "mocks-member": ("never reaches the function", "taken away"),
    "network": ("network",),
    "never-touches": ("never reaches the function",),
    "no-assertion": ("asserts nothing",),
    "nothing-raised": ("asserts only", "also passes if the function returns something else"),
    "only-mock": ("kills none of", "survives your tests"),
    "other-python": ("Python", "could not be run"),
    "own-values": ("also passes if the function returns something else", "never reaches the function"),
    "redundant-own": ("survives your tests", "own tests"),
    "redundant-within": ("shows nothing that",),
    "skipped": ("is skipped", "expected to fail"),
    "sleeps": ("sleeps",),
    "snapshot": ("whole output",),
    "tautology": ("also passes if the function returns something else",),
    "vacuous": ("taken away", "swallows exceptions", "asserts under a condition"),
    "writes-outside": ("writes outside", "leaves files outside"),
    "wrong-value": ("fails on head", "contradicts the docstring"),
}
"""By the kind of bad: what a reason must hold, one of them, to name the right thing."""


def test_labels__there_are_enough_and_each_is_known() -> None:
    candidates = labeled_candidates(HERE / "candidates")
    assert len(candidates) >= FEWEST_CANDIDATES
    assert {label for one in candidates for label in one.functions.values()} == WORDS.keys() | ASKED | {GOOD}


@pytest.mark.slow("minutes")
def test_corpus__agrees_with_a_careful_maintainer() -> None:
    judged = judge_corpus()
    good = [case for case in judged.cases if case.label == GOOD]
    bad = [case for case in judged.cases if case.label != GOOD]
    table = "\n".join(["", confusion_table(judged), *misjudged(judged.cases)])
    assert sum(case.posted for case in good) >= FEWEST_GOOD_POSTED * len(good), table
    assert not [case for case in bad if case.posted], table
    assert not [told(case) for case in bad if case.label in ASKED and not case.asked], table
    explained = [case for case in bad if case.label in WORDS]
    unclear = [told(case) for case in explained if not _names_the_kind(case)]
    assert len(unclear) <= (1 - FEWEST_WELL_EXPLAINED) * len(explained), "\n".join(["", *unclear])


def _names_the_kind(case: Case) -> bool:
    return any(word in reason for word in WORDS[case.label] for reason in case.reasons)

from __future__ import annotations

import pytest

from verification.corpus.judging import Judged, confusion_table, judge_corpus, misjudged, wrongly_explained
from verification.corpus.labels import GOOD

FEWEST_CASES = 120
FEWEST_GOOD_POSTED = 0.95
FEWEST_WELL_EXPLAINED = 0.9

WORDS = {
    "bare-except": ("swallows exceptions", "asserts under a condition"),
    "conditional": ("asserts under a condition",),
    "copies": ("repeats the member's own formula",),
    "crashes": ("ends the test process", "time limit", "fails on head"),
    "finds-bug": ("",),
    "flaky-clock": ("clock",),
    "flaky-folder": ("folder",),
    "flaky-hash-seed": ("hash seed",),
    "flaky-leftovers": ("left",),
    "flaky-locale": ("locale",),
    "flaky-order": ("order", "shared state"),
    "flaky-random": ("flaky", "by chance"),
    "flaky-threads": ("flaky", "by chance", "fails on head"),
    "flaky-zone": ("zone",),
    "forged": ("ends the test process", "taken away", "never reaches", "reaches into what runs it"),
    "global-state": ("changes global state",),
    "hangs": ("time limit",),
    "held-before": ("",),
    "import-error": ("could not be run", "does not parse", "in setup"),
    "mocks-member": ("never reaches the member", "taken away"),
    "network": ("network",),
    "never-touches": ("never reaches the member",),
    "no-assertion": ("asserts nothing",),
    "nothing-raised": ("asserts only",),
    "only-mock": ("a mock was called",),
    "other-python": ("Python", "could not be run"),
    "own-values": ("made itself",),
    "pins-bug-annotation": ("annotation", "annotated"),
    "pins-bug-example": ("docstring",),
    "pins-bug-exception": ("document", "docstring"),
    "redundant-own": ("own tests",),
    "redundant-within": ("shows nothing that",),
    "skipped": ("is skipped", "expected to fail"),
    "sleeps": ("sleeps",),
    "snapshot": ("whole output",),
    "tautology": ("always true",),
    "vacuous": ("taken away",),
    "writes-outside": ("writes outside",),
    "wrong-value": ("fails on head", "contradicts the docstring"),
}
"""By the kind of bad: what a reason must hold, one of them, to name the right thing."""


@pytest.mark.slow
def test_corpus__agrees_with_a_careful_maintainer() -> None:
    judged = judge_corpus()
    table = "\n".join(["", confusion_table(judged), *misjudged(judged.cases)])
    assert len(judged.cases) >= FEWEST_CASES, table
    assert _share_of_good_posted(judged) >= FEWEST_GOOD_POSTED, table
    assert not [case for case in judged.cases if case.label != GOOD and case.posted], table
    bad = [case for case in judged.cases if case.label != GOOD]
    unclear = wrongly_explained(bad, WORDS)
    assert len(unclear) <= (1 - FEWEST_WELL_EXPLAINED) * len(bad), "\n".join(["", *unclear])


def _share_of_good_posted(judged: Judged) -> float:
    good = [case for case in judged.cases if case.label == GOOD]
    return sum(case.posted for case in good) / len(good)

"""What is remembered of members that were tried in vain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.requests import make_member
from testsmith.model import Skipped, SkipStage
from testsmith.storage.keys import Tried, decode_tried, encode_tried, outcome_of, tried_key

MEMBER = make_member()

SKIPPED = Skipped(path="a.py", stage=SkipStage.GATE, reason="it adds nothing", member="a.py::f")


def test_tried__there_and_back() -> None:
    tried = Tried(stage=SkipStage.GATE, reason="it adds nothing", lasting=True)

    assert decode_tried(encode_tried(tried)) == tried


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"kind": "candidate"},
        {"stage": "budget"},
        {"stage": ["gate"]},
        {"reason": 5},
        {"reason": "x" * 5_000},
        {"lasting": 1},
        {"more": 1},
    ],
)
def test_decode__refuses_another_shape(change: dict[str, object]) -> None:
    value = encode_tried(Tried(stage=SkipStage.GATE, reason="", lasting=True))

    assert decode_tried({**value, **change}) is None


@pytest.mark.parametrize(
    ("stage", "permanent", "by_model", "lasting"),
    [
        (SkipStage.GATE, False, True, True),
        (SkipStage.VERIFICATION, False, False, True),
        (SkipStage.GENERATION, False, False, True),
        (SkipStage.GENERATION, True, True, True),
        (SkipStage.GENERATION, False, True, False),
        (SkipStage.ENVIRONMENT, False, False, False),
    ],
)
def test_outcome__what_speaks_of_the_source_lasts(
    *, stage: SkipStage, permanent: bool, by_model: bool, lasting: bool
) -> None:
    outcome = outcome_of(replace(SKIPPED, stage=stage, permanent=permanent), by_model=by_model)

    assert outcome == Tried(stage=stage, reason="it adds nothing", lasting=lasting)


@pytest.mark.parametrize("stage", [SkipStage.BUDGET, SkipStage.CHANGES])
def test_outcome__what_was_not_tried_is_not_remembered(stage: SkipStage) -> None:
    assert outcome_of(replace(SKIPPED, stage=stage), by_model=False) is None


def test_key__another_source_or_maker_is_another_key() -> None:
    other = replace(MEMBER, source=MEMBER.source + "\n    pass")

    assert tried_key(MEMBER, "offline") == tried_key(replace(MEMBER, line=900), "offline")
    assert len({tried_key(MEMBER, "offline"), tried_key(other, "offline"), tried_key(MEMBER, "openai")}) == 3

"""What is remembered of members that were tried in vain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.requests import make_member
from testsmith.cache.tried import Tried, decode_tried, encode_tried, outcome_of, tried_key
from testsmith.model import Skipped, Stage

MEMBER = make_member()

SKIPPED = Skipped(path="a.py", stage=Stage.GATE, reason="it adds nothing", member="a.py::f")


def test_tried__there_and_back() -> None:
    tried = Tried(stage=Stage.GATE, reason="it adds nothing", lasting=True)

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
    value = encode_tried(Tried(stage=Stage.GATE, reason="", lasting=True))

    assert decode_tried({**value, **change}) is None


@pytest.mark.parametrize(
    ("stage", "permanent", "by_model", "lasting"),
    [
        (Stage.GATE, False, True, True),
        (Stage.VERIFICATION, False, False, True),
        (Stage.GENERATION, False, False, True),
        (Stage.GENERATION, True, True, True),
        (Stage.GENERATION, False, True, False),
        (Stage.ENVIRONMENT, False, False, False),
    ],
)
def test_outcome__what_speaks_of_the_source_lasts(
    *, stage: Stage, permanent: bool, by_model: bool, lasting: bool
) -> None:
    outcome = outcome_of(replace(SKIPPED, stage=stage, permanent=permanent), by_model=by_model)

    assert outcome == Tried(stage=stage, reason="it adds nothing", lasting=lasting)


@pytest.mark.parametrize("stage", [Stage.BUDGET, Stage.CHANGES])
def test_outcome__what_was_not_tried_is_not_remembered(stage: Stage) -> None:
    assert outcome_of(replace(SKIPPED, stage=stage), by_model=False) is None


def test_key__another_source_or_maker_is_another_key() -> None:
    other = replace(MEMBER, source=MEMBER.source + "\n    pass")

    assert tried_key(MEMBER, "offline") == tried_key(replace(MEMBER, line=900), "offline")
    assert len({tried_key(MEMBER, "offline"), tried_key(other, "offline"), tried_key(MEMBER, "openai")}) == 3

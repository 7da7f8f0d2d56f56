from __future__ import annotations

import json

import pytest

from testsmith.model import (
    Candidate,
    Change,
    Member,
    MemberKind,
    Origin,
    Result,
    Skipped,
    SkipStage,
)
from testsmith.storage.store import decode_result, encode_result

MEMBER = Member(
    path="src/shop/cart.py",
    name="total",
    language="python",
    change=Change.ADDED,
    line=1,
    end_line=2,
    kind=MemberKind.FUNCTION,
    source="def total(): ...",
    module="shop.cart",
)
CANDIDATE = {"schema": 1, "kind": "candidate", "code": "def test_a(): ...\n"}
SKIPPED = {"schema": 1, "kind": "skipped", "stage": "generation", "reason": "Too long."}


@pytest.mark.parametrize(
    "result",
    [
        Candidate(member=MEMBER.id, code="def test_ä(): ...\n", origin=Origin.MODEL),
        Candidate(member=MEMBER.id, code="def test_a(): ...\n", origin=Origin.MODEL, edited="import shop\n"),
        Candidate(member=MEMBER.id, code="a = 1\n", origin=Origin.MODEL, test_path="tests/test_a.py"),
        Skipped(
            path=MEMBER.path,
            member=MEMBER.id,
            stage=SkipStage.GENERATION,
            reason="The prompt is too long.",
            permanent=True,
        ),
    ],
)
def test_encode_result__comes_back_from_json(result: Result) -> None:
    assert decode_result(json.loads(json.dumps(encode_result(result))), MEMBER) == result


def test_encode_result__cuts_a_reason_to_what_is_read_back() -> None:
    long = Skipped(path=MEMBER.path, member=MEMBER.id, stage=SkipStage.GENERATION, reason="x" * 9_999)

    decoded = decode_result(encode_result(long), MEMBER)

    assert isinstance(decoded, Skipped)
    assert decoded.reason == "x" * 2_000


def test_decode_result__names_the_member_that_asks() -> None:
    decoded = decode_result(CANDIDATE, MEMBER)

    assert isinstance(decoded, Candidate)
    assert decoded.member == "src/shop/cart.py::total"


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"schema": 1},
        {"schema": 2, "kind": "candidate", "code": "x"},
        {"schema": "1", "kind": "candidate", "code": "x"},
        {"kind": "candidate", "code": "x"},
        {"schema": 1, "kind": "suggestion", "code": "x"},
        {"schema": 1, "kind": [], "code": "x"},
        {**CANDIDATE, "more": 1},
        {**CANDIDATE, "code": None},
        {**CANDIDATE, "code": 5},
        {**CANDIDATE, "code": ["x"]},
        {**CANDIDATE, "code": ""},
        {**CANDIDATE, "code": " \n"},
        {**CANDIDATE, "code": "x = '\0'"},
        {**CANDIDATE, "code": "x = '\ud800'"},
        {**SKIPPED, "stage": "gate"},
        {**SKIPPED, "stage": None},
        {**SKIPPED, "reason": ""},
        {**SKIPPED, "reason": {"a": 1}},
        {**SKIPPED, "reason": "x" * 2_001},
        {**SKIPPED, "path": "/etc/passwd"},
    ],
)
def test_decode_result__any_other_shape_is_a_miss(value: dict[str, object]) -> None:
    assert decode_result(value, MEMBER) is None

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakes.requests import make_request
from testsmith.model import Candidate, Origin, TestFileChoice
from testsmith.pipeline.state import RunState

USUAL, OTHER, NEW = "tests/test_cart.py", "tests/test_prices.py", "tests/test_add.py"


@pytest.mark.parametrize(
    ("chosen", "path"),
    [
        ((), USUAL),
        ((OTHER,), OTHER),
        ((OTHER, NEW), OTHER),
        (("", NEW), USUAL),
        (("tests/test_unknown.py",), USUAL),
    ],
    ids=["no candidate", "one", "two generators", "the first keeps the usual file", "a file of no request"],
)
def test_in_chosen_files__the_first_candidate_of_a_member_decides(chosen: tuple[str, ...], path: str) -> None:
    request = make_request()
    files = TestFileChoice(
        paths=(USUAL, OTHER, NEW),
        digest="",
        tests=lambda _: ((), 0, 0),
        request=lambda other: replace(request, test_path=other),
    )
    other: Any = None
    run = RunState(
        settings=other,
        clients=other,
        options=other,
        repository=other,
        search=other,
        requests={request.member.id: replace(request, files=files)},
        deadline=other,
    )
    candidates = [
        Candidate(member=request.member.id, code="", origin=Origin.MODEL, test_path=one) for one in chosen
    ]
    assert run.in_chosen_files(candidates).requests[request.member.id].test_path == path

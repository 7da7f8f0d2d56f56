from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.requests import make_request
from testsmith.forge.pr_state import MemberState, State, StateEntry, decode, encode
from testsmith.model import Change, Context, Request, ShownChange, SkipStage
from testsmith.storage.keys import FingerprintInputs, is_same_but_for_tests, source_digest

INPUTS = FingerprintInputs(version="1.0", generators="offline", rules=(("runs", "5"),))
REQUEST = make_request()


def digest(
    request: Request = REQUEST,
    inputs: FingerprintInputs = INPUTS,
    base: bytes | None = b"base",
    own_tests: str = "tests",
) -> str:
    return source_digest(request, inputs, base, own_tests)


def with_member(**changes: object) -> Request:
    return replace(REQUEST, member=replace(REQUEST.member, **changes))  # type: ignore[arg-type]  # a test's table


@pytest.mark.parametrize(
    "other",
    [
        digest(replace(REQUEST, normalized_source="def add(a, b): return a - b")),
        digest(with_member(change=Change.CHANGED)),
        digest(with_member(because=("_bounds",))),
        digest(with_member(module="shop.other")),
        digest(replace(REQUEST, test_path="tests/other/test_cart.py")),
        digest(replace(REQUEST, conventions="Use fixtures.")),
        digest(replace(REQUEST, context=Context(signatures="class Cart:"))),
        digest(with_member(because_source=("LIMIT = 5",))),
        digest(with_member(shown_change=ShownChange(digest="9f"))),
        digest(inputs=replace(INPUTS, version="1.1")),
        digest(inputs=replace(INPUTS, generators="openai gpt-6-luna")),
        digest(inputs=replace(INPUTS, rules=(("runs", "6"),))),
        digest(base=b"other"),
        digest(base=None),
        digest(base=b""),
        digest(own_tests="other"),
        digest(own_tests=""),
    ],
)
def test_source_digest__differs_with_all_that_the_outcome_is_found_from(other: str) -> None:
    assert other != digest()


@pytest.mark.parametrize(
    "same",
    [
        digest(with_member(line=100, end_line=102, changed_lines=frozenset({101}))),
        digest(with_member(source="def add(a, b):\n    return a + b  # the sum\n")),
        digest(replace(REQUEST, context=Context(style_sample="def test_x(): ..."))),
    ],
)
def test_source_digest__stays_where_only_the_place_or_comments_differ(same: str) -> None:
    assert same == digest()


def test_is_same_but_for_tests__tells_what_else_has_changed() -> None:
    assert is_same_but_for_tests(digest(), digest(own_tests="other"))
    assert not is_same_but_for_tests(digest(), digest(base=b"other"))


def test_source_digest__can_be_remembered() -> None:
    entry = StateEntry(member="a.py::f", source=digest(), outcome=MemberState.SKIPPED, stage=SkipStage.GATE)
    assert decode(encode(State(entries=(entry,)))) == State(entries=(entry,))

from __future__ import annotations

from dataclasses import replace

import pytest

from testsmith.model import Change, Context, Member, MemberKind, Repair, Request, ShownChange
from testsmith.storage.keys import KeyParts, ModelIdentity, result_key

IDENTITY = ModelIdentity(
    provider="openai",
    model="small-1",
    temperature=0.0,
    effort="none",
    tokens_per_member=300,
    max_output_tokens=8192,
    prompt_version="1",
)
PARTS = KeyParts(
    language="python",
    member="Cart.add",
    module="shop.cart",
    source="def add(self): ...",
    framework="pytest",
    change="9f",
    signatures="class Cart:",
    conventions="Use fixtures.",
    identity=IDENTITY,
)
REQUEST = Request(
    member=Member(
        path="src/shop/cart.py",
        name="Cart.add",
        language="python",
        change=Change.CHANGED,
        line=10,
        end_line=20,
        kind=MemberKind.METHOD,
        source="def add(self): ...  # as written",
        module="shop.cart",
    ),
    test_path="tests/shop/test_cart.py",
    conventions="Use fixtures.",
    normalized_source="def add(self): ...",
    context=Context(signatures="class Cart:", style_sample="def test_x(): ..."),
)


def key_of(request: Request) -> str:
    return result_key(KeyParts.of(request, IDENTITY))


def with_member(**changes: object) -> Request:
    return replace(REQUEST, member=replace(REQUEST.member, **changes))  # type: ignore[arg-type]  # a test's table


@pytest.mark.parametrize(
    "other",
    [
        replace(PARTS, language="go"),
        replace(PARTS, member="Cart.remove"),
        replace(PARTS, module="shop.basket"),
        replace(PARTS, source="def add(self): pass"),
        replace(PARTS, framework="unittest"),
        replace(PARTS, change="9e"),
        replace(PARTS, signatures=""),
        replace(PARTS, conventions=""),
        replace(PARTS, identity=replace(IDENTITY, provider="other")),
        replace(PARTS, identity=replace(IDENTITY, model="small-2")),
        replace(PARTS, identity=replace(IDENTITY, temperature=0.5)),
        replace(PARTS, identity=replace(IDENTITY, effort="low")),
        replace(PARTS, identity=replace(IDENTITY, tokens_per_member=400)),
        replace(PARTS, identity=replace(IDENTITY, max_output_tokens=4096)),
        replace(PARTS, identity=replace(IDENTITY, prompt_version="2")),
        replace(PARTS, repair="1f"),
        replace(PARTS, test_file="1f"),
        replace(PARTS, review="1f"),
        replace(PARTS, identity=replace(PARTS.identity, strategy="probe")),
    ],
)
def test_result_key__every_part_counts(other: KeyParts) -> None:
    assert result_key(other) != result_key(PARTS)


def test_result_key__is_the_same_in_every_process_and_version() -> None:
    """A changed key throws away every user's cache: then KEY_SCHEMA is raised on purpose."""
    assert result_key(PARTS) == "0b21bcd14f62c508628a5b32d3e3cf2176104fdfe002a9a51c31d823d68a892c"


def test_result_key__parts_have_boundaries() -> None:
    shifted = [
        replace(PARTS, signatures="ab", conventions="c"),
        replace(PARTS, signatures="a", conventions="bc"),
        replace(PARTS, signatures='a","conventions":"bc', conventions=""),
        replace(PARTS, signatures="abc", conventions=""),
    ]

    assert len({result_key(parts) for parts in shifted}) == len(shifted)


def test_result_key__what_is_the_same_request() -> None:
    assert result_key(replace(PARTS, identity=replace(IDENTITY, temperature=0))) == result_key(PARTS)


def test_result_key__takes_any_text() -> None:
    assert len(result_key(replace(PARTS, source="\ud800 \x00 ä"))) == 64


@pytest.mark.parametrize(
    "same",
    [
        with_member(path="src/shop/_cart.py"),
        with_member(line=99, end_line=110),
        with_member(source="def add(self):\n    ..."),
        with_member(change=Change.AFFECTED, because=("_round",), steps=1),
        with_member(changed_lines=frozenset({11})),
        with_member(shown_change=ShownChange(own="-old  # a comment", digest="")),
        replace(REQUEST, test_path="tests/test_cart.py"),
        replace(REQUEST, context=replace(REQUEST.context, style_sample="")),
    ],
)
def test_of__where_a_member_stands_and_how_tests_look_do_not_count(same: Request) -> None:
    assert key_of(same) == key_of(REQUEST)


@pytest.mark.parametrize(
    "other",
    [
        with_member(name="Cart.remove"),
        with_member(module="shop"),
        with_member(instance="shop.cart.cart"),
        with_member(language="go"),
        replace(REQUEST, normalized_source="def add(self): pass"),
        replace(REQUEST, framework="unittest"),
        replace(REQUEST, conventions=""),
        replace(REQUEST, context=replace(REQUEST.context, signatures="")),
        with_member(shown_change=ShownChange(digest="9f")),
        replace(REQUEST, intent="Fix the total."),
        replace(REQUEST, hint="Use a leap year."),
    ],
)
def test_of__what_the_answer_depends_on_counts(other: Request) -> None:
    assert key_of(other) != key_of(REQUEST)


REPAIR = Repair(
    code="def test_b():\n    assert 1 == 2  # surely\n",
    normalized_code="def test_b():\n    assert 1 == 2",
    failures=(("test_b", "assert 1 == 2"), ("test_a", "fails")),
)


def mending(**changes: object) -> Request:
    return replace(REQUEST, repair=replace(REPAIR, **changes))  # type: ignore[arg-type]  # a test's table


def test_of__a_repair_is_another_request() -> None:
    assert key_of(mending()) != key_of(REQUEST)


@pytest.mark.parametrize(
    "same",
    [
        mending(
            failures=(("test_b", "assert 1 == 3, at 0x7f0c"), ("test_a", "")),
        ),
        mending(failures=REPAIR.failures[::-1]),
        mending(code="def test_b(): assert 1 == 2"),
    ],
)
def test_of__what_failed_tests_said_does_not_count(same: Request) -> None:
    assert key_of(same) == key_of(mending())


@pytest.mark.parametrize(
    "other",
    [
        mending(failures=REPAIR.failures[:1]),
        mending(failures=(("test_b,test_a", ""),)),
        mending(normalized_code="def test_b():\n    assert 1 == 3"),
        mending(normalized_code="", code="def test_b(): assert 1 == 2"),
    ],
)
def test_of__which_tests_failed_and_their_code_count(other: Request) -> None:
    assert key_of(other) != key_of(mending())

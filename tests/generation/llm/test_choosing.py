"""Test files that a model chooses before it is asked for tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from fakes.endpoint import Body, answer_all
from fakes.provider import FakeProvider
from fakes.requests import make_request
from fakes.streams import read_all
from testsmith.generation.llm.choosing import parse_files
from testsmith.generation.llm.generator import ModelGenerator
from testsmith.llm.interface import QuotaEmpty, ServerFailed
from testsmith.model import Candidate, Change, Context, Request, Result, ShownChange, TestFileChoice
from testsmith.settings import ModelSettings

ADD, DROP = "src/shop/cart.py::add", "src/shop/cart.py::drop"
CART, PRICES, STOCK = "tests/test_cart.py", "tests/test_prices.py", "tests/test_stock.py"
NEW = "tests/test_pounds.py"
SETTINGS = ModelSettings(model="a-model")


def undecided(member: str, *paths: str) -> Request:
    """A request for a changed member that may be tested in several files."""
    request = make_request(member)
    change = ShownChange(own=f"@@ {request.member.name} @@\n-    return 1\n+    return 2")
    return replace(
        request,
        member=replace(request.member, change=Change.CHANGED, shown_change=change),
        intent="Commit: Read prices in pounds",
        files=TestFileChoice(
            paths=(*paths, NEW),
            new=NEW,
            digest="",
            tests=lambda path: (
                [f"test_{number}_of_{path[11:-3]}" for number in range(12)],
                path == CART,
                2 * (path == STOCK),
            ),
            request=lambda path: request_in(request, path),
        ),
    )


def request_in(request: Request, path: str) -> Request:
    text = f"# {path}\ndef test_old():\n    assert True\n"
    return replace(
        request, test_path=path, test_text=text, context=Context(test_lines=(frozenset({1, 2, 3}),))
    )


def envelope(files: Mapping[str, object]) -> str:
    return json.dumps({"files": [{"name": name, "file": path} for name, path in files.items()]})


REQUESTS = [undecided(ADD, CART, PRICES), undecided(DROP, CART, STOCK)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (envelope({ADD: PRICES, DROP: CART}), {ADD: PRICES, DROP: CART}),
        (f"```json\n{envelope({'add': f'`{PRICES}`'})}\n```", {ADD: PRICES}),
        (envelope({ADD: PRICES, DROP: CART})[:-3], {ADD: PRICES}),
        (envelope({ADD: STOCK, DROP: "", "other": CART}), {DROP: NEW}),
        (envelope({ADD: 7}), {}),
        ("", {}),
        ('{"files": 7}', {}),
    ],
    ids=["plain", "fenced", "cut off", "a file of another member, and none", "no text", "nothing", "no list"],
)
def test_parse_files__takes_files_of_the_member(text: str, found: Mapping[str, str]) -> None:
    assert parse_files(text, REQUESTS) == found


def run(provider: FakeProvider, requests: Sequence[Request]) -> tuple[list[Result], ModelGenerator]:
    generator = ModelGenerator(provider, SETTINGS)
    results, _ = asyncio.run(read_all(generator.generate_batch(requests)))
    return results, generator


def answering(files: Mapping[str, object]) -> FakeProvider:
    def answer(body: Body) -> str:
        is_choice = "Choose the test file" in str(body["messages"][-1]["content"])
        return envelope(files) if is_choice else answer_all(body)

    return FakeProvider(answer=answer)


def paths_of(results: Sequence[Result]) -> dict[str | None, str]:
    return {one.member: one.test_path for one in results if isinstance(one, Candidate)}


def test_choice__decides_which_file_is_shown_and_goes_with_the_candidate() -> None:
    provider = answering({ADD: PRICES})
    results, _ = run(provider, [*REQUESTS, make_request("src/shop/cart.py::total")])
    assert paths_of(results) == {ADD: PRICES, DROP: "", "src/shop/cart.py::total": ""}
    choice, write = provider.requests
    assert f"Existing tests, in {PRICES}" in write.user_prompt
    assert f"Existing tests, in {STOCK}" not in write.user_prompt
    assert choice.user_prompt.endswith(
        "The test files:\n\n"
        "```text\n"
        f"{CART}, which calls a member in one test: {', '.join(f'test_{n}_of_cart' for n in range(10))}\n"
        f"{PRICES}: {', '.join(f'test_{n}_of_prices' for n in range(10))}\n"
        f"{STOCK}, which uses other code of a member's file in 2 tests: "
        f"{', '.join(f'test_{n}_of_stock' for n in range(10))}\n"
        "```\n\n"
        f"### member: {ADD}\n\n- looked at because: it changed\n- most likely: {CART}, {PRICES}\n\n"
        f"### member: {DROP}\n\n- looked at because: it changed\n- most likely: {CART}, {STOCK}\n"
    )
    assert "Commit: Read prices in pounds" in choice.user_prompt
    assert choice.user_prompt.count("+    return 2") == 2
    assert "@@ add in src/shop/cart.py @@\n-    return 1" in choice.user_prompt


def test_choice__shows_the_source_of_what_is_new() -> None:
    request = undecided(ADD, CART, PRICES)
    new = replace(request.member, change=Change.ADDED, shown_change=ShownChange())
    provider = answering({})
    run(provider, [replace(request, member=new)])
    added = "@@ add in src/shop/cart.py @@\n+def add(a, b):\n+    return a + b\n```"
    assert added in provider.requests[0].user_prompt


def test_choice__is_not_asked_for_if_every_file_is_clear() -> None:
    provider = answering({})
    run(provider, [make_request(ADD)])
    assert len(provider.requests) == 1


def test_choice__of_many_members_is_divided_and_shows_long_diffs_in_part() -> None:
    requests = [undecided(f"src/shop/cart.py::f{number}", CART, PRICES) for number in range(21)]
    long = ShownChange(own="\n".join(f"+    line_{number}()" for number in range(2000)))
    requests[0] = replace(requests[0], member=replace(requests[0].member, shown_change=long))
    provider = answering({})
    run(provider, requests)
    choices = [one for one in provider.requests if one.system_prompt.startswith("You know where")]
    assert [one.user_prompt.count("### member:") for one in choices] == [10, 11]
    assert "line_0()" in choices[0].user_prompt
    assert "line_1999()" not in choices[0].user_prompt


@pytest.mark.parametrize("error", [ServerFailed("it is down"), QuotaEmpty("no money")])
def test_choice__that_fails_leaves_the_most_likely_file(error: ServerFailed | QuotaEmpty) -> None:
    provider = FakeProvider(error, answer=answer_all)
    results, generator = run(provider, REQUESTS)
    assert paths_of(results) == {ADD: "", DROP: ""}
    assert generator.notes() == (f"the model chose no test file for some members: {error}",)


def test_choice__of_a_file_that_cannot_be_read_leaves_the_most_likely_one() -> None:
    def fail(_path: str) -> Request:
        raise RecursionError("nested too deep")

    files = REQUESTS[0].files
    assert files is not None
    broken = replace(REQUESTS[0], files=replace(files, request=fail))
    results, generator = run(answering({ADD: PRICES, DROP: STOCK}), [broken, REQUESTS[1]])
    assert paths_of(results) == {ADD: "", DROP: STOCK}
    assert "nested too deep" in generator.notes()[0]

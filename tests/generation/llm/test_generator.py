from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

import pytest

from fakes.endpoint import code_for, members_in
from fakes.faults import (
    Fault,
    content_filtered,
    empty_answer,
    extra_members,
    fenced,
    half_the_members,
    members_twice,
    plain_text,
    truncated,
    wrong_names,
)
from fakes.observer import FakeObserver
from fakes.provider import FakeProvider
from fakes.requests import make_repair, make_request, make_requests
from fakes.streams import read_all
from testsmith.generation.interface import BatchTestGenerator, ObservingGenerator, TestGenerator
from testsmith.generation.llm.generator import ModelGenerator, model_identity
from testsmith.generation.llm.prompts import PROMPT_VERSION
from testsmith.languages.python.language import PYTHON
from testsmith.llm.interface import (
    CompletionRequest,
    ContentFiltered,
    ContextTooLong,
    KeyRefused,
    QuotaEmpty,
    ServerFailed,
)
from testsmith.model import Candidate, Context, Origin, Request, Result, ReviewRequest, Skipped
from testsmith.settings import ModelSettings

SETTINGS = ModelSettings(model="a-model")


def generator_over(provider: FakeProvider, settings: ModelSettings = SETTINGS) -> ModelGenerator:
    return ModelGenerator(provider, settings)


def answers(
    provider: FakeProvider, requests: Sequence[Request], settings: ModelSettings = SETTINGS
) -> list[Result]:
    results, ended = asyncio.run(read_all(generator_over(provider, settings).generate_batch(requests)))
    assert ended is None
    assert_each_once(requests, results)
    return results


def assert_each_once(requests: Sequence[Request], results: Sequence[Result]) -> None:
    assert Counter(result.member for result in results) == Counter(request.member.id for request in requests)


def reasons(results: Sequence[Result]) -> dict[str | None, str]:
    return {result.member: result.reason for result in results if isinstance(result, Skipped)}


def sizes(provider: FakeProvider) -> list[int]:
    return [len(members) for members in provider.asked]


def test_protocols__both_are_there() -> None:
    generator: TestGenerator = generator_over(FakeProvider())
    assert isinstance(generator, BatchTestGenerator)


def test_generate__one_member() -> None:
    request = make_request()
    result = asyncio.run(generator_over(FakeProvider()).generate(request))
    assert result == Candidate(
        member=request.member.id, code=code_for(request.member.id), origin=Origin.MODEL
    )


def test_batch__nothing_asks_nothing() -> None:
    provider = FakeProvider()
    assert answers(provider, []) == []
    assert provider.requests == []


def test_batch__240_members_in_10_calls() -> None:
    provider = FakeProvider()
    results = answers(provider, make_requests(40, 6))
    assert sizes(provider) == [24] * 10
    assert all(isinstance(result, Candidate) for result in results)


def test_batch__what_a_call_asks_for() -> None:
    provider = FakeProvider()
    settings = ModelSettings(model="a-model", temperature=0.5)
    answers(provider, make_requests(1, 2), settings)
    [request] = provider.requests
    assert (request.model, request.temperature, request.response_format) == ("a-model", 0.5, "json_object")
    assert request.max_tokens == 2 * 2 * 300 + 1024
    assert "### member: src/shop/m0.py::f1\n" in request.user_prompt


def test_batch__system_prompt_is_one_over_all_calls() -> None:
    provider = FakeProvider(half_the_members(), plain_text(), truncated())
    answers(provider, make_requests(20, 10))
    assert len(provider.requests) > 10
    assert len({request.system_prompt for request in provider.requests}) == 1


def test_batch__settings_bound_the_calls() -> None:
    provider = FakeProvider()
    answers(provider, make_requests(1, 10), ModelSettings(tokens_per_member=500, max_output_tokens=2000))
    assert sorted(sizes(provider)) == [3, 3, 4]
    assert {request.max_tokens for request in provider.requests} == {2000}


@pytest.mark.parametrize("fault", [fenced(), members_twice(), extra_members()])
def test_odd_answers__cost_no_further_call(fault: Fault) -> None:
    provider = FakeProvider(fault)
    results = answers(provider, make_requests(1, 6))
    assert sizes(provider) == [6]
    assert reasons(results) == {}


def test_notes__count_what_was_ignored_over_all_answers() -> None:
    provider = FakeProvider(members_twice(), extra_members())
    generator = generator_over(provider)
    asyncio.run(read_all(generator.generate_batch(make_requests(2, 20))))
    [note] = generator.notes()
    assert note.endswith("20 for members that were answered already, 1 for members that were not asked for")


def test_notes__nothing_ignored_is_nothing_to_say() -> None:
    generator = generator_over(FakeProvider())
    asyncio.run(read_all(generator.generate_batch(make_requests(1, 3))))
    assert generator.notes() == ()


def test_half_the_members__only_the_others_are_asked_again() -> None:
    provider = FakeProvider(half_the_members())
    results = answers(provider, make_requests(1, 6))
    assert provider.asked[1:] == [[f"src/shop/m0.py::f{number}" for number in (3, 4, 5)]]
    assert reasons(results) == {}


def test_half_the_members__always_ends_with_a_reason_for_the_last() -> None:
    provider = FakeProvider(then=half_the_members())
    results = answers(provider, make_requests(1, 6))
    assert sizes(provider) == [6, 3, 2]
    assert reasons(results) == {
        "src/shop/m0.py::f5": "the model's answers held no usable test for it, asked 3 times"
    }


@pytest.mark.parametrize("fault", [plain_text(), wrong_names(), empty_answer()])
def test_useless_answers__are_asked_again_once_whole(fault: Fault) -> None:
    provider = FakeProvider(fault)
    assert reasons(answers(provider, make_requests(1, 6))) == {}
    assert sizes(provider) == [6, 6]
    assert provider.requests[0].user_prompt != provider.requests[1].user_prompt


def test_useless_answers__for_ever_cost_four_calls() -> None:
    provider = FakeProvider(then=plain_text())
    results = answers(provider, make_requests(1, 6))
    assert sizes(provider) == [6, 6, 3, 3]
    assert set(reasons(results).values()) == {"the model's answers were no tests, asked 3 times"}


def test_truncated__what_is_whole_is_kept() -> None:
    provider = FakeProvider(truncated(0.6))
    results = answers(provider, make_requests(1, 10))
    assert sizes(provider) == [10, 5]
    assert reasons(results) == {}


def test_truncated__an_endpoint_with_a_small_limit_still_answers_all() -> None:
    provider = FakeProvider(then=truncated(0.45))
    results = answers(provider, make_requests(1, 27))
    skipped = reasons(results)
    assert set(skipped.values()) == {"the model's answer for this member alone was cut off at 3248 tokens"}
    asked = Counter(member for members in provider.asked for member in members)
    assert max(asked.values()) <= 7


def test_truncated__one_member_gets_twice_the_length_once() -> None:
    provider = FakeProvider(truncated(0.5))
    assert reasons(answers(provider, make_requests(1, 1))) == {}
    assert [request.max_tokens for request in provider.requests] == [1624, 3248]


def test_context_too_long__halves_until_it_fits() -> None:
    provider = FakeProvider(*[ContextTooLong("too long")] * 3)
    assert reasons(answers(provider, make_requests(1, 8))) == {}
    assert sizes(provider) == [8, 4, 4, 2, 2, 2, 2]


def test_content_filter__only_the_guilty_member_is_lost() -> None:
    provider = GuiltyProvider("src/shop/m0.py::f5")
    results = answers(provider, make_requests(1, 16))
    assert reasons(results) == {"src/shop/m0.py::f5": "the prompt was filtered"}
    assert len(provider.requests) <= 1 + 2 * 4


def test_content_filter__in_the_answer() -> None:
    provider = FakeProvider(content_filtered())
    assert reasons(answers(provider, make_requests(1, 4))) == {}
    assert sizes(provider) == [4, 2, 2]


def test_transient_error__skips_only_that_calls_members() -> None:
    provider = FakeProvider(ServerFailed("The endpoint answered 500 (3 attempts)."))
    results = answers(provider, make_requests(2, 20))
    assert sizes(provider) == [20, 20]
    assert set(reasons(results).values()) == {"The endpoint answered 500 (3 attempts)."}
    assert len(reasons(results)) == 20


def test_spending_ended__skips_the_rest_then_raises() -> None:
    refused = KeyRefused("The key is not accepted.")
    provider = FakeProvider(None, then=refused)
    requests = make_requests(3, 20)
    results, ended = asyncio.run(read_all(generator_over(provider).generate_batch(requests)))
    assert ended is refused
    assert_each_once(requests, results)
    assert sum(isinstance(result, Candidate) for result in results) == 20
    assert set(reasons(results).values()) == {"The key is not accepted."}


def test_spending_ended__answers_on_their_way_are_kept() -> None:
    provider = FakeProvider(QuotaEmpty("empty"), wait=second_file_later)
    requests = make_requests(2, 20)
    results, ended = asyncio.run(read_all(generator_over(provider).generate_batch(requests)))
    assert isinstance(ended, QuotaEmpty)
    assert_each_once(requests, results)
    assert sum(isinstance(result, Candidate) for result in results) == 20


def test_spending_ended__nothing_is_asked_again_after_it() -> None:
    provider = FakeProvider(QuotaEmpty("empty"), half_the_members(), wait=second_file_later)
    requests = make_requests(2, 20)
    results, _ = asyncio.run(read_all(generator_over(provider).generate_batch(requests)))
    assert_each_once(requests, results)
    assert sum(isinstance(result, Candidate) for result in results) == 10
    assert sizes(provider) == [20, 20]


def test_stream__results_come_as_each_call_is_back() -> None:
    async def run() -> list[str]:
        gate = asyncio.Event()

        async def hold_the_first(request: CompletionRequest) -> None:
            if "m0.py" in request.user_prompt:
                await gate.wait()

        provider = FakeProvider(wait=hold_the_first)
        order: list[str] = []
        async with aclosing(generator_over(provider).generate_batch(make_requests(2, 20))) as stream:
            async for result in stream:
                order.append(str(result.member).partition("::")[0])
                gate.set()
        return order

    assert asyncio.run(run()) == ["src/shop/m1.py"] * 20 + ["src/shop/m0.py"] * 20


def test_stream__closing_it_cancels_the_calls() -> None:
    async def run() -> FakeProvider:
        async def hold_all_but_one(request: CompletionRequest) -> None:
            if "m0.py" not in request.user_prompt:
                await asyncio.Event().wait()

        provider = FakeProvider(wait=hold_all_but_one)
        async with aclosing(generator_over(provider).generate_batch(make_requests(4, 20))) as stream:
            await anext(stream)
        return provider

    provider = asyncio.run(run())
    assert provider.cancelled == 3


def test_stream__cancelling_the_reader_cancels_the_calls() -> None:
    async def run() -> FakeProvider:
        all_asked = asyncio.Event()

        async def hold(_request: CompletionRequest) -> None:
            if len(provider.requests) == 4:
                all_asked.set()
            await asyncio.Event().wait()

        provider = FakeProvider(wait=hold)
        reader = asyncio.create_task(read_all(generator_over(provider).generate_batch(make_requests(4, 20))))
        await all_asked.wait()
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        return provider

    assert asyncio.run(run()).cancelled == 4


def test_identity__names_what_a_result_depends_on() -> None:
    plain = model_identity(SETTINGS)
    assert (plain.provider, plain.model, plain.prompt_version) == ("openai", "a-model", str(PROMPT_VERSION))
    assert model_identity(ModelSettings(base_url="http://127.0.0.1/v1")).provider == "http://127.0.0.1/v1"


class GuiltyProvider(FakeProvider):
    """Filters every prompt that holds one member."""

    def __init__(self, guilty: str) -> None:
        super().__init__(wait=self._judge)
        self._guilty = guilty

    async def _judge(self, request: CompletionRequest) -> None:
        if self._guilty in members_in({"messages": [{"role": "user", "content": request.user_prompt}]}):
            raise ContentFiltered("the prompt was filtered")


async def second_file_later(request: CompletionRequest) -> None:
    """Answer for the second file after all others."""
    for _ in range(100 if "m1.py" in request.user_prompt else 0):
        await asyncio.sleep(0)


def test_generate_batch__repairs_of_two_files_are_one_call_with_prompts_of_their_own() -> None:
    provider = FakeProvider()
    requests = [make_repair(f"src/shop/{name}.py::add") for name in ("a", "b", "c")]
    assert len(answers(provider, requests)) == 3
    assert sizes(provider) == [3]
    [request] = provider.requests
    assert request.system_prompt.startswith("You fix pytest tests")
    assert "assert add(1, 2) == 4" in request.user_prompt
    assert "where 3 = add(1, 2)" in request.user_prompt


def test_generate_batch__a_repair_without_an_answer_is_asked_again_as_a_repair() -> None:
    provider = FakeProvider(half_the_members())
    requests = [make_repair(f"src/shop/a.py::f{number}") for number in range(4)]
    assert len(answers(provider, requests)) == 4
    assert sizes(provider) == [4, 2]
    assert all(request.system_prompt.startswith("You fix") for request in provider.requests)


OBSERVED = {"src/shop/m0.py::f1": ("`f1(1, 2)` gives `3`",)}


def test_observe_with__what_was_observed_stands_in_the_prompt() -> None:
    provider, observer = FakeProvider(), FakeObserver(OBSERVED)
    generator = generator_over(provider)
    generator.observe_with(observer)
    asyncio.run(read_all(generator.generate_batch(make_requests(1, 2))))
    asyncio.run(read_all(generator.generate_batch([])))

    [call] = provider.requests
    assert observer.asked == [["src/shop/m0.py::f0", "src/shop/m0.py::f1"]]
    assert call.user_prompt.count("Observed by running it") == 1
    assert "`f1(1, 2)` gives `3`" in call.user_prompt.partition("### member: src/shop/m0.py::f1")[2]


def test_observe_with__nothing_is_run_where_nothing_may_be_shown() -> None:
    provider, observer = FakeProvider(), FakeObserver(OBSERVED)
    generator = generator_over(provider, replace(SETTINGS, observation_token_budget=0))
    generator.observe_with(observer)
    asyncio.run(read_all(generator.generate_batch(make_requests(1, 2))))

    assert observer.asked == []
    assert "Observed" not in provider.requests[0].user_prompt
    assert isinstance(generator, ObservingGenerator)


TEST_FILE = "from shop.cart import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"
ROOMY = "@@\n     assert add(1, 2) == 3\n+\n+\n+def test_add__nothing():\n+    assert add(0, 0) == 0\n"
MODULE = "from shop.cart import add\n\n\ndef test_add__nothing():\n    assert add(0, 0) == 0\n"
EDITED = TEST_FILE + MODULE.removeprefix("from shop.cart import add\n")


def ask_for_edit(
    *texts: str, test_text: str = TEST_FILE
) -> tuple[list[Result], FakeProvider, tuple[str, ...]]:
    """What comes of answers with these texts, call by call, to a request with a test file."""
    left = iter(texts)
    provider = FakeProvider(answer=lambda _body: next(left))
    generator = ModelGenerator(provider, SETTINGS, {"python": PYTHON.tests})
    lines = frozenset(range(1, test_text.count("\n") + 1))
    context = Context(test_lines=(lines,) if test_text else ())
    request = replace(make_request(context=context), test_text=test_text)
    results, _ = asyncio.run(read_all(generator.generate_batch([request])))
    return results, provider, generator.notes()


def test_edit__goes_to_the_lines_that_were_shown_if_it_fits_in_several_places() -> None:
    rows = "\n\ndef test_%s():\n    for a, b in [\n        (1, 2),\n    ]:\n        assert add(a) == b\n"
    text = f"from shop.cart import add\n{rows % 'one'}{rows % 'two'}"
    patch = "@@\n         (1, 2),\n+        (2, 3),\n     ]:\n"
    provider = FakeProvider(answer=lambda _body: entry(code="", patch=patch))
    context = Context(test_lines=(frozenset(range(11, 16)),))
    request = replace(make_request(context=context), test_text=text)
    generator = ModelGenerator(provider, SETTINGS, {"python": PYTHON.tests})
    ([result], _) = asyncio.run(read_all(generator.generate_batch([request])))
    assert isinstance(result, Candidate)
    assert result.edited == text.removesuffix("    ]:\n        assert add(a) == b\n") + (
        "        (2, 3),\n    ]:\n        assert add(a) == b\n"
    )


def entry(**parts: str) -> str:
    return json.dumps({"tests": [{"name": "src/shop/cart.py::add", **parts}]})


@pytest.mark.parametrize(
    "answer",
    [
        entry(code="", patch=ROOMY),
        entry(patch=f"--- a/other.py\n+++ b/other.py\n{ROOMY}"),
        entry(code=ROOMY, patch=""),
        entry(code="def test_it():\n    assert True\n", patch=ROOMY),
        f"### test: src/shop/cart.py::add\n\n```diff\n{ROOMY}```\n",
        f"Here it is.\n\n```diff\n{ROOMY}```\n",
    ],
    ids=["patch", "other path", "as code", "both", "section", "only block"],
)
def test_edit__is_applied_and_its_tests_are_the_candidate(answer: str) -> None:
    results, provider, _ = ask_for_edit(answer)
    assert results == [
        Candidate(member="src/shop/cart.py::add", code=MODULE, origin=Origin.MODEL, edited=EDITED)
    ]
    assert "- test file: tests/test_cart.py\n" in provider.requests[0].user_prompt


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        (
            ROOMY.replace("== 3", "== 4"),
            "hunk 1 does not fit the file: it has no line `assert add(1, 2) == 4`",
        ),
        ("@@\n-    assert add(1, 2) == 3\n+    assert add(1, 2) == 4\n", "it adds no tests"),
        ("@@\n     assert add(1, 2) == 3\n+    assert (\n", "it cannot be parsed as Python"),
    ],
    ids=["does not fit", "adds no tests", "breaks the file"],
)
def test_edit__that_is_of_no_use_is_asked_again_and_at_last_for_code(patch: str, why: str) -> None:
    answers = [entry(code="", patch=patch)] * 2
    results, provider, notes = ask_for_edit(*answers, entry(code=MODULE, patch=""))
    assert results == [Candidate(member="src/shop/cart.py::add", code=MODULE, origin=Origin.MODEL)]
    again, last = (request.user_prompt for request in provider.requests[1:])
    assert "- test file: tests/test_cart.py\n" in again
    assert "until they stand there only once" in again
    assert f"\nsrc/shop/cart.py::add: {why}" in again
    assert f"\nsrc/shop/cart.py::add: {why}" in last
    assert "- test file:" not in last
    assert "a complete module in `code` and no `patch`" in last
    assert notes == ("ignored entries of the model's answers: 2 with a diff that does not fit",)


def test_edit__that_fits_when_asked_again_is_the_candidate() -> None:
    wrong = entry(code="", patch=ROOMY.replace("== 3", "== 4"))
    results, _, _ = ask_for_edit(wrong, entry(code="", patch=ROOMY))
    assert results == [
        Candidate(member="src/shop/cart.py::add", code=MODULE, origin=Origin.MODEL, edited=EDITED)
    ]


def test_edit__that_does_not_fit_leaves_the_code_of_the_same_entry() -> None:
    results, provider, _ = ask_for_edit(entry(code=MODULE, patch=ROOMY.replace("== 3", "== 4")))
    assert results == [Candidate(member="src/shop/cart.py::add", code=MODULE, origin=Origin.MODEL)]
    assert len(provider.requests) == 1


def test_edit__of_a_file_that_was_not_shown_is_no_answer() -> None:
    results, provider, _ = ask_for_edit(*[entry(code="", patch=ROOMY)] * 3, test_text="")
    assert len(provider.requests) == 3
    assert list(reasons(results).values()) == [
        "the model's answers held no usable test for it, asked 3 times"
    ]


REVIEWED = ReviewRequest(code=MODULE, evidence=("1 of 1 test functions fail on the code before the change",))


def review(*texts: str, fault: Fault | None = None) -> tuple[list[Result], FakeProvider]:
    """What comes of a review that is answered with these texts, call by call."""
    left = iter(texts)
    provider = FakeProvider(fault, answer=lambda _body: next(left))
    generator = ModelGenerator(provider, SETTINGS, {"python": PYTHON.tests})
    request = replace(make_request(), test_text=TEST_FILE, review=REVIEWED)
    results, _ = asyncio.run(read_all(generator.generate_batch([request])))
    return results, provider


def test_review__shows_the_tests_and_what_running_them_showed() -> None:
    results, provider = review(entry(code="", patch=ROOMY))
    [call] = provider.requests
    assert call.system_prompt.startswith("You are the strict maintainer")
    assert "Its tests, to be reviewed:\n\n```python\nfrom shop.cart import add" in call.user_prompt
    assert "fail on the code before the change" in call.user_prompt
    assert results == [
        Candidate(member="src/shop/cart.py::add", code=MODULE, origin=Origin.MODEL, edited=EDITED)
    ]


@pytest.mark.parametrize(
    ("text", "fault", "permanent"),
    [
        (entry(code="", patch=""), None, True),
        (json.dumps({"tests": []}), None, True),
        ("It is all fine.", None, False),
        (entry(code="", patch=""), truncated(0.5), False),
    ],
    ids=["left as it is", "no entry", "no format", "cut"],
)
def test_review__that_changes_nothing_keeps_the_tests(
    text: str, fault: Fault | None, *, permanent: bool
) -> None:
    results, provider = review(text, fault=fault)
    assert len(provider.requests) == 1
    [kept] = results
    assert isinstance(kept, Skipped)
    assert kept.reason == ("the review kept its tests" if permanent else "the answer could not be read")
    assert kept.permanent is permanent

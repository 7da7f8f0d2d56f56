"""Inputs that a model is asked for before it is asked for tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

import pytest

from fakes.endpoint import Body, answer_all, members_in
from fakes.observer import FakeObserver
from fakes.provider import FakeProvider
from fakes.requests import make_member, make_repair, make_requests
from fakes.streams import read_all
from testsmith.generation.interface import FactsSource, OwnTestFacts
from testsmith.generation.llm.generator import ModelGenerator, model_identity
from testsmith.generation.llm.probing import MAX_INPUTS, parse_inputs
from testsmith.llm.interface import QuotaEmpty, ServerFailed
from testsmith.model import Candidate, Context, Request, Result
from testsmith.settings import ModelSettings, Strategy

ADD, DROP = "src/shop/cart.py::Cart.add", "src/shop/cart.py::Cart.drop"
MEMBERS = [make_member(ADD), make_member(DROP)]
PROBING = ModelSettings(model="a-model", strategy=Strategy.PROBE)


def envelope(entries: Mapping[str, object]) -> str:
    return json.dumps({"probes": [{"name": name, "inputs": inputs} for name, inputs in entries.items()]})


@pytest.mark.parametrize(
    "text",
    [
        envelope({ADD: ["add(1)", "add(0)"], DROP: ["drop()"]}),
        f"Here:\n```json\n{envelope({ADD: ['add(1)', 'add(0)'], DROP: ['drop()']})}\n```",
        envelope({"add": [" add(1)\n", "add(0)", "add(1)"], "Cart.drop": ["drop()", 7, "", "x" * 601]}),
        envelope({ADD: ["add(1)", "add(0)"], DROP: ["drop()"], "other": ["f()"]}) + "}}",
        envelope({ADD: ["add(1)", "add(0)"], DROP: ["drop()"]})[:-2] + ', {"name": "cut off',
    ],
    ids=["plain", "fenced", "by plain names", "more than asked", "cut off"],
)
def test_parse_inputs__takes_what_is_whole(text: str) -> None:
    assert parse_inputs(text, MEMBERS) == {ADD: ("add(1)", "add(0)"), DROP: ("drop()",)}


@pytest.mark.parametrize(
    "text", ["", "no idea", "{", '{"probes": 7}', '{"probes": [7, {"name": 1, "inputs": "x"}]}', "[]"]
)
def test_parse_inputs__nothing_of_use(text: str) -> None:
    assert parse_inputs(text, MEMBERS) == {}


def test_parse_inputs__are_few() -> None:
    found = parse_inputs(envelope({ADD: [f"add({number})" for number in range(99)]}), MEMBERS)
    assert found[ADD] == tuple(f"add({number})" for number in range(MAX_INPUTS))


class NotingObserver(FakeObserver):
    """Notes the inputs that it is to run, and says that each gave 3."""

    def __init__(self) -> None:
        super().__init__({})
        self.inputs: dict[str, tuple[str, ...]] = {}

    async def observe(self, requests: Sequence[Request]) -> AsyncIterator[tuple[str, tuple[str, ...]]]:
        for request in requests:
            self.inputs[request.member.id] = request.context.probes
            yield request.member.id, tuple(f"`{probe}` gives `3`" for probe in request.context.probes)


def is_probe(body: Body) -> bool:
    return "Choose inputs for each" in str(body["messages"][-1]["content"])


def answer(body: Body) -> str:
    if not is_probe(body):
        return answer_all(body)
    return envelope({member: [f"{member.rpartition('::')[2]}(1)"] for member in members_in(body)})


def run(
    provider: FakeProvider,
    requests: Sequence[Request],
    settings: ModelSettings = PROBING,
    facts: FactsSource | None = None,
) -> tuple[list[Result], NotingObserver, ModelGenerator]:
    generator, observer = ModelGenerator(provider, settings), NotingObserver()
    generator.observe_with(observer, facts)
    results, _ = asyncio.run(read_all(generator.generate_batch(requests)))
    return results, observer, generator


def test_probe__inputs_are_run_and_their_results_are_facts_for_the_tests() -> None:
    provider, requests = FakeProvider(answer=answer), make_requests(2, 2)
    results, observer, _ = run(provider, requests)
    assert all(isinstance(result, Candidate) for result in results)
    assert observer.inputs == {one.member.id: (f"{one.member.name}(1)",) for one in requests}
    probe, write = provider.requests
    assert probe.system_prompt.startswith("You choose inputs")
    assert [probe.schema == write.schema, probe.model, probe.max_tokens] == [
        False,
        "a-model",
        write.max_tokens,
    ]
    assert "Observed" not in probe.user_prompt
    assert "`f1(1)` gives `3`" in write.user_prompt
    assert len(provider.asked[0]) == len(provider.asked[1]) == 4


@pytest.mark.parametrize(
    ("step", "note"),
    [
        (ServerFailed("it is down"), "the model had no inputs for some members: it is down"),
        (None, "the model had no inputs for some members: its answer held none"),
    ],
)
def test_probe__of_no_use_is_followed_by_tests_all_the_same(step: ServerFailed | None, note: str) -> None:
    provider = FakeProvider(step, answer=answer_all)
    results, observer, generator = run(provider, make_requests(1, 2))
    assert all(isinstance(result, Candidate) for result in results)
    assert set(observer.inputs.values()) == {()}
    assert len(provider.requests) == 2
    assert generator.notes() == (note,)


def test_probe__an_empty_quota_ends_the_run_at_the_next_call() -> None:
    provider = FakeProvider(then=QuotaEmpty("no money"))
    generator = ModelGenerator(provider, PROBING)
    generator.observe_with(NotingObserver())
    results, ended = asyncio.run(read_all(generator.generate_batch(make_requests(1, 1))))
    assert isinstance(ended, QuotaEmpty)
    assert len(results) == 1


@pytest.mark.parametrize(
    ("settings", "requests"),
    [
        (replace(PROBING, strategy=Strategy.EDIT), make_requests(1, 1)),
        (replace(PROBING, observation_token_budget=0), make_requests(1, 1)),
        (PROBING, [make_repair()]),
    ],
    ids=["another strategy", "nothing may be shown", "a repair"],
)
def test_probe__is_not_asked_for_where_it_is_of_no_use(
    settings: ModelSettings, requests: Sequence[Request]
) -> None:
    provider = FakeProvider(answer=answer)
    run(provider, requests, settings)
    assert len(provider.requests) == 1


def test_identity__depends_on_whether_inputs_are_asked_for() -> None:
    strategies = [replace(PROBING, strategy=strategy) for strategy in Strategy]
    assert [model_identity(each).strategy for each in strategies] == ["write", "probe", "write", "probe"]


GOAL = "line 2: `return n + 1` becomes `return n - 1`"


def facts_of(requests: Sequence[Request], *broken: str) -> FactsSource:
    async def known() -> OwnTestFacts:
        return OwnTestFacts(goals={requests[0].member.id: (GOAL,)}, broken=frozenset(broken))

    return known


@pytest.mark.parametrize("strategy", [Strategy.PROBE, Strategy.WRITE])
def test_goals__are_in_every_prompt_for_new_tests(strategy: Strategy) -> None:
    provider, requests = FakeProvider(answer=answer), make_requests(1, 2)
    run(provider, requests, replace(PROBING, strategy=strategy), facts_of(requests))
    prompts = [request.user_prompt for request in provider.requests]
    assert len(prompts) == (2 if strategy.probes else 1)
    assert [prompt.count(GOAL) for prompt in prompts] == [1] * len(prompts)
    assert all("Mutants of its changed lines that no test of the project kills" in each for each in prompts)


def test_facts__name_the_shown_tests_that_the_change_breaks() -> None:
    tests = "".join(f"def test_{name}():\n    pass\n" for name in ("add", "add_more", "sub", "hidden"))
    shown = Context(test_lines=(frozenset(range(1, 7)),))
    requests = [
        replace(make_requests(1, 1)[0], context=shown, test_text=f"{tests}# of another file: test_b\n")
    ]
    path = requests[0].test_path
    rows = (f"{path}::test_add[1-2]", f"{path}::test_add[3-4]")
    not_shown = (f"{path}::test_hidden", "tests/other.py::test_sub")
    for broken, said in [
        ((*rows, *not_shown), ["The change makes these fail: test_add."]),
        ((*rows, f"{path}::A::test_sub"), ["The change makes these fail: A::test_sub, test_add."]),
        (not_shown, []),
        ((), []),
    ]:
        provider = FakeProvider(answer=answer)
        run(provider, requests, replace(PROBING, strategy=Strategy.WRITE), facts_of(requests, *broken))
        (prompt,) = (one.user_prompt for one in provider.requests)
        lines = [line for line in prompt.splitlines() if line.startswith("The change makes these fail")]
        assert [line.partition(" That is")[0] for line in lines] == said


def test_facts__name_a_few_of_many_broken_tests() -> None:
    names = [f"test_{letter}" for letter in "abcdefgh"]
    request = replace(
        make_requests(1, 1)[0],
        context=Context(test_lines=(frozenset(range(1, 17)),)),
        test_text="".join(f"def {name}():\n    pass\n" for name in names),
    )
    provider = FakeProvider(answer=answer)
    broken = (f"{request.test_path}::{name}" for name in names)
    run(provider, [request], replace(PROBING, strategy=Strategy.WRITE), facts_of([request], *broken))
    assert f"fail: {', '.join(names[:6])}, and 2 more. That is" in provider.requests[0].user_prompt


def test_goals__of_a_repair_are_its_own() -> None:
    provider, request = FakeProvider(answer=answer), make_repair()
    own = "line 9: `x` becomes `y`"
    narrowed = replace(request, context=replace(request.context, goals=(own,)))
    run(provider, [narrowed], facts=facts_of([request]))
    (prompt,) = (one.user_prompt for one in provider.requests)
    assert (prompt.count(own), prompt.count(GOAL)) == (1, 0)

"""The program with a real model behind a real server: the wire, and that nothing wrong comes of wrong tests.

The model is far too small to write a test that holds, so nothing is asked of its answers but what became of
them. Nor does it write Python by itself: where a test of it is to be run, it fills in what is compared, and
the fake endpoint hands that on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fakes.command_line import CommandLine
from fakes.containers import CannotHave
from fakes.endpoint import Body, Endpoint, members_in
from fakes.requests import make_request
from fakes.small_model import CONTEXT, MODEL, interpreter_with_model, served
from testsmith.generation.llm.answers import ANSWER_SCHEMA
from testsmith.generation.llm.generator import CHARACTERS_A_TOKEN
from testsmith.generation.llm.prompts import Prompts
from testsmith.llm.budget import SpendingMeter
from testsmith.llm.factory import build_provider
from testsmith.llm.interface import CompletionRequest, CompletionResponse, ContextTooLong
from testsmith.settings import ModelSettings

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("small model")]

SCHEMA = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "green"]}, "large": {"type": "boolean"}},
    "required": ["colour", "large"],
    "additionalProperties": False,
}
EXPRESSION = {"type": "string", "pattern": "^reserve[(][a-z0-9, ]{1,20}[)] == [a-z0-9]{1,10}$"}
"""What the model may choose of a test, since by itself it writes no Python."""
RESERVE = "src/shop/stock.py::reserve"


@pytest.fixture(name="interpreter", scope="module")
def _interpreter() -> Path:
    try:
        return interpreter_with_model()
    except CannotHave as reason:
        pytest.skip(f"NOT SHOWN: what holds with a real model, since {reason}")


@pytest.fixture(name="url", scope="module")
def _url(interpreter: Path) -> Iterator[str]:
    with served(interpreter) as url:
        yield url


def complete(url: str, user_prompt: str, *, max_tokens: int, schema: dict[str, Any]) -> CompletionResponse:
    """Ask once, through the whole stack of providers and the real SDK."""

    async def asked() -> CompletionResponse:
        provider = build_provider(
            ModelSettings(base_url=url, model=MODEL, timeout_seconds=300.0), SpendingMeter()
        )
        request = CompletionRequest(
            system_prompt="Answer in JSON.",
            user_prompt=user_prompt,
            model=MODEL,
            max_tokens=max_tokens,
            schema=schema,
        )
        try:
            return await provider.complete(request)
        finally:
            await provider.aclose()

    return asyncio.run(asked())


def written_by(url: str, answers: list[str]) -> Callable[[Body], str]:
    """Return what answers for the fake endpoint with code of the real model, which is remembered."""

    def answer(body: Body) -> str:
        asked = str(body["messages"][1]["content"])
        source = asked.partition("\nSource")[2].split("```")[1].partition("\n")[2]
        prompt = f"Write what this function returns.\n\n{source}\n\nAnswer with one comparison."
        with ThreadPoolExecutor(1) as threads:  # the endpoint's own thread has a loop that runs
            told = threads.submit(complete, url, prompt, max_tokens=60, schema=EXPRESSION).result()
        answers.append(json.loads(told.text))
        code = f"from shop.stock import reserve\n\n\ndef test_reserve():\n    assert {answers[-1]}\n"
        return json.dumps({"tests": [{"name": one, "code": code} for one in members_in(body)]})

    return answer


def suggest(command_line: CommandLine, shop: Path, url: str, *arguments: str) -> dict[str, Any]:
    """Run the command line for the example's pull request, with short answers."""
    asking = ("--repo", str(shop), "--base", "main", "--head", "change", "--base-url", url, "--model", MODEL)
    short = ("--max-output-tokens", "64", "--tokens-per-member", "10", "--timeout", "300", "--repairs", "0")
    ran = command_line.run("suggest", "--format", "json", *asking, *short, *arguments, seconds=400.0)
    assert ran.code == 0, ran.stderr
    return ran.report


def check_proven(report: dict[str, Any]) -> None:
    """Whatever is proposed held in every run and adds something."""
    for one in report["suggestions"]:
        evidence = one["evidence"]
        assert evidence["passes"] == evidence["runs"] == 5
        assert evidence["mutants_killed"] or evidence["lines_gained"] or evidence["branches_gained"]


def test_real_model__holds_its_answer_to_the_schema(url: str) -> None:
    response = complete(url, "Describe an apple.", max_tokens=60, schema=SCHEMA)

    assert response.finish_reason == "stop"
    answer = json.loads(response.text)
    assert set(answer) == {"colour", "large"}
    assert answer["colour"] in {"red", "green"}
    assert 0 < response.usage.prompt_tokens < 60
    assert 0 < response.usage.completion_tokens <= 60


def test_real_model__counts_as_estimated_and_says_that_its_answer_was_cut(url: str) -> None:
    """Words and schema are those of a call for tests; to read all of them takes the model half a minute."""
    prompt = Prompts().system(make_request())[:1500]
    response = complete(url, prompt, max_tokens=20, schema=dict(ANSWER_SCHEMA))

    assert response.finish_reason == "length"
    assert response.usage.completion_tokens == 20
    assert response.usage.prompt_tokens == pytest.approx(len(prompt) / CHARACTERS_A_TOKEN, rel=0.2)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(response.text)


def test_real_model__says_that_a_prompt_is_too_long(url: str) -> None:
    with pytest.raises(ContextTooLong, match="too long for the model smollm2"):
        complete(url, "word " * 2 * CONTEXT, max_tokens=20, schema=SCHEMA)


def test_real_model__too_long_a_prompt_is_cut_down_to_one_member_and_its_source(
    command_line: CommandLine, shop: Path, interpreter: Path
) -> None:
    """The server reads so little that nothing fits; it refuses each call before it reads a token."""
    with served(interpreter, context=512) as url:
        report = suggest(command_line, shop, url, "--no-verify")

    assert len(report["members"]) == len(report["skipped"]) == 6
    assert report["stats"]["api_calls"] > 2 * 6
    assert report["stats"]["prompt_tokens"] == 0
    for one in report["skipped"]:
        assert "even asked for alone, with nothing but its source" in one["reason"]
        assert f"too long for the model {MODEL}" in one["reason"]


def test_real_model__code_that_it_has_written_is_run_and_posted_only_where_it_is_proven(
    command_line: CommandLine, shop: Path, url: str
) -> None:
    answers: list[str] = []
    with Endpoint(answer=written_by(url, answers)) as endpoint:
        change = ("--base", "main", "--head", "change", "--only", RESERVE)
        asking = ("--base-url", endpoint.url, "--model", MODEL, "--timeout", "300", "--repairs", "0")
        ran = command_line.suggest(shop, *change, *asking)

    assert ran.code == 0, ran.stderr
    [answer] = answers
    assert answer.startswith("reserve(")
    check_proven(ran.report)
    skipped = {one["member"]: one for one in ran.report["skipped"]}
    assert set(skipped) | {one["member"] for one in ran.report["suggestions"]} == {RESERVE}
    for one in skipped.values():
        assert one["stage"] in {"generation", "verification", "gate"}
        assert one["reason"]

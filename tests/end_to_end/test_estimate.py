"""`--estimate`, beside what an endpoint counts when the same run is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fakes.command_line import CommandLine
from fakes.endpoint import Body, Endpoint, code_for, members_in

CHANGE = ("--base", "main", "--head", "change")
NOWHERE = ("--base-url", "http://127.0.0.1:9/v1", "--model", "small")
TOKENS_A_MEMBER = 300
CHARACTERS_A_TOKEN = 4  # as the endpoint counts


def answer_as_expected(body: Body) -> str:
    """Test modules of the usual length."""
    modules = ((member, code_for(member)) for member in members_in(body))
    length = TOKENS_A_MEMBER * CHARACTERS_A_TOKEN
    entries = [{"name": member, "code": f"{code}{'#' * (length - len(code))}"} for member, code in modules]
    return json.dumps({"tests": entries})


def members_of(estimate: dict[str, Any]) -> list[str]:
    """The ids in calls, in the cache and left out, each as often as it stands there."""
    called = [member for call in estimate["calls"] for member in call["members"]]
    return sorted([*called, *estimate["cached"], *(one["member"] for one in estimate["skipped"])])


def test_estimate__is_what_the_endpoint_counts(command_line: CommandLine, shop: Path) -> None:
    with Endpoint(answer=answer_as_expected) as endpoint:
        asking = (
            *CHANGE,
            "--base-url",
            endpoint.url,
            "--model",
            "gpt-4o",
            "--no-verify",
            "--max-output-tokens",
            "700",
        )
        ran = command_line.suggest(shop, *asking, "--estimate")
        assert ran.code == 0, ran.stderr
        assert endpoint.requests == []
        came = command_line.suggest(shop, *asking).report
        again = command_line.suggest(shop, *asking, "--estimate").report

    estimate, counted = ran.report, came["stats"]
    assert estimate["stats"]["api_calls"] == counted["api_calls"] == len(endpoint.requests)
    calls = [call["members"] for call in estimate["calls"]]
    assert sorted(calls) == sorted(one.members for one in endpoint.requests)  # they arrive as they come
    prefixes = sum(len(one.body["messages"][0]["content"]) for one in endpoint.requests)
    assert counted["prefix_tokens"] == pytest.approx(prefixes / CHARACTERS_A_TOKEN, rel=0.01)
    for figure in ("prompt_tokens", "prefix_tokens", "completion_tokens", "cost"):
        assert estimate["stats"][figure] == pytest.approx(counted[figure], rel=0.2), figure
    assert members_of(estimate) == sorted(member["id"] for member in came["members"])
    assert again["calls"] == []
    assert len(again["cached"]) == again["stats"]["cache_hits"] == 6
    assert again["stats"]["cost"] == 0


def test_estimate__at_the_price_of_the_service_tier(command_line: CommandLine, shop: Path) -> None:
    flex = ("--service-tier", "flex")
    with Endpoint(answer=answer_as_expected, tier="flex") as endpoint:
        asking = (*CHANGE, "--base-url", endpoint.url, "--model", "gpt-6-luna", "--no-verify")
        standard, half = (
            command_line.suggest(shop, *asking, "--estimate", *more).report["stats"]["cost"]
            for more in ((), flex)
        )
        counted = command_line.suggest(shop, *asking, *flex).report["stats"]["cost"]

    assert half == pytest.approx(standard / 2, abs=1e-6)  # printed with six decimals
    assert counted == pytest.approx(half, rel=0.2)
    assert {received.body["service_tier"] for received in endpoint.requests} == {"flex"}


def test_estimate__counts_the_review_of_tests(command_line: CommandLine, shop: Path) -> None:
    asking = (*CHANGE, *NOWHERE, "--max-output-tokens", "700", "--estimate")
    both, written = (
        command_line.suggest(shop, *asking, "--strategy", strategy).report["calls"]
        for strategy in ("edit", "write")
    )
    assert [call["members"] for call in both] == [call["members"] for call in written for _ in range(2)]
    for write, review in zip(both[::2], both[1::2], strict=True):
        tests = len(review["members"]) * TOKENS_A_MEMBER
        assert review["prompt_tokens"] > write["prompt_tokens"] - 1000 + tests
        assert review["completion_tokens"] == write["completion_tokens"]


@pytest.mark.parametrize("caps", [("--max-calls", "2"), ("--max-tokens", "5000")], ids=" ".join)
def test_estimate__leaves_out_what_the_caps_leave_out(
    command_line: CommandLine, shop: Path, caps: tuple[str, ...]
) -> None:
    with Endpoint(answer=answer_as_expected) as endpoint:
        asking = (*CHANGE, "--base-url", endpoint.url, "--model", "small", "--no-verify", *caps)
        asking = (*asking, "--max-output-tokens", "700", "--max-concurrent-calls", "1")
        estimate = command_line.suggest(shop, *asking, "--estimate").report
        came = command_line.suggest(shop, *asking).report

    assert {one["stage"] for one in estimate["skipped"]} == {"budget"}
    assert len(estimate["skipped"]) == len(came["skipped"])  # which ones is as the calls come
    assert estimate["stats"]["api_calls"] == came["stats"]["api_calls"]


def test_estimate__asks_for_no_key_and_no_interpreter(command_line: CommandLine, shop: Path) -> None:
    ran = command_line.suggest(shop, *CHANGE, "--estimate", "--python", "/no/such/python", "--write")

    assert ran.code == 0, ran.stderr
    assert ran.report["model"] == "gpt-6-luna"
    assert len(ran.report["calls"]) == 2  # to write and to review
    assert ran.report["stats"]["cost"] > 0


def test_estimate__nothing_for_the_offline_engine(command_line: CommandLine, shop: Path) -> None:
    ran = command_line.suggest(shop, *CHANGE, "--estimate", "--provider", "offline")

    assert (ran.code, ran.report["calls"], ran.report["stats"]["cost"]) == (0, [], 0)


def test_estimate__as_a_table(command_line: CommandLine, shop: Path) -> None:
    arguments = ("suggest", "--repo", str(shop), *CHANGE, "--estimate", *NOWHERE)
    plain = command_line.run(*arguments)
    capped = command_line.run(*arguments, "--max-calls", "0")

    assert plain.code == capped.code == 0, plain.stderr
    assert "small would be called for 6 of 6 functions; 0 already in the cache." in plain.stdout
    table = {line.rsplit(maxsplit=1)[0].strip(): line.split()[-1] for line in plain.stdout.splitlines()[2:6]}
    assert (table["calls"], table["answer tokens"], table["cost"]) == ("2", "3,600", "unknown")
    assert "--prompt-price" in plain.stdout
    assert "% of the prompt tokens are the same in every call of a kind" in plain.stdout
    one = command_line.run(*arguments, "--strategy", "write")
    assert "same in every call" not in one.stdout
    assert "Skipped, 6 functions: The model was not called: the run's limit is 0 calls" in capped.stdout
    assert "  src/shop/cart.py::Cart.add" in capped.stdout


def test_estimate__is_no_page(command_line: CommandLine, shop: Path) -> None:
    ran = command_line.run("suggest", "--repo", str(shop), *CHANGE, "--estimate", "--format", "html")

    assert ran.code == 2
    assert "--estimate supports only --format text and json" in ran.stderr

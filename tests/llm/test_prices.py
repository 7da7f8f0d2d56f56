from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from testsmith.llm.budget import OwnPrices, Prices
from testsmith.llm.interface import TokenUsage
from testsmith.settings import DEFAULT_MODEL, STEP_UP_MODEL

MILLION = 1_000_000
USAGE = TokenUsage(prompt_tokens=MILLION, completion_tokens=MILLION)
OPENAI = "https://api.openai.com/v1"


def test_cost__of_listed_models_by_the_endpoint_or_their_name() -> None:
    listed = Prices(OPENAI).cost(DEFAULT_MODEL, USAGE)
    assert listed
    assert listed == Prices("http://127.0.0.1:1/v1").cost(DEFAULT_MODEL, USAGE)
    half = TokenUsage(prompt_tokens=MILLION // 2, completion_tokens=MILLION // 2)
    assert Prices(OPENAI).cost(DEFAULT_MODEL, half) == pytest.approx(listed / 2)


def test_cost__of_cached_tokens_is_less() -> None:
    cached = TokenUsage(prompt_tokens=MILLION, completion_tokens=MILLION, cached_tokens=MILLION)
    cheaper, whole = (Prices(OPENAI).cost(DEFAULT_MODEL, usage) for usage in (cached, USAGE))
    assert cheaper
    assert whole
    assert cheaper < whole


def test_cost__of_tokens_written_to_the_cache_is_more() -> None:
    plain = TokenUsage(prompt_tokens=100_000)
    written = TokenUsage(prompt_tokens=100_000, cache_write_tokens=100_000)
    assert Prices(OPENAI).cost(DEFAULT_MODEL, plain) == pytest.approx(0.01)
    assert Prices(OPENAI).cost(DEFAULT_MODEL, written) == pytest.approx(0.0125)
    odd = TokenUsage(prompt_tokens=10, cached_tokens=8, cache_write_tokens=100)
    assert Prices(OPENAI).cost(DEFAULT_MODEL, odd) is not None


@pytest.mark.parametrize(
    ("tier", "share"), [("flex", 0.5), ("priority", 2.0), ("default", 1.0), ("no such tier", 1.0)]
)
def test_cost__by_the_tier_that_the_answer_reports(tier: str, share: float) -> None:
    standard = Prices(OPENAI).cost(DEFAULT_MODEL, USAGE)
    assert standard
    billed = replace(USAGE, service_tier=tier)
    assert Prices(OPENAI).cost(DEFAULT_MODEL, billed) == pytest.approx(share * standard)
    assert Prices(OPENAI, OwnPrices(prompt=1.0, completion=10.0)).cost(DEFAULT_MODEL, billed) == 11.0


@pytest.mark.parametrize("model", [DEFAULT_MODEL, STEP_UP_MODEL])
def test_cost__of_the_recommended_models_is_known(model: str) -> None:
    assert Prices(OPENAI).cost(model, USAGE)


def test_cost__of_a_model_that_nobody_lists_is_not_known() -> None:
    prices = Prices(OPENAI)
    assert [prices.cost("no-such-model-at-all", USAGE) for _ in range(2)] == [None, None]


def test_cost__by_the_settings_wins() -> None:
    own = OwnPrices(prompt=1.0, completion=10.0)
    assert Prices(OPENAI, own).cost(DEFAULT_MODEL, USAGE) == 11.0
    assert Prices(OPENAI, own).cost("no-such-model-at-all", TokenUsage(prompt_tokens=500_000)) == 0.5
    assert Prices(OPENAI, OwnPrices(prompt=1.0)).cost("no-such-model-at-all", USAGE) is None


def test_cost__needs_no_network() -> None:
    script = (
        "import socket\n"
        "def refuse(*_: object, **__: object) -> None:\n    raise AssertionError('a connection')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "from testsmith.llm.budget import Prices\n"
        "from testsmith.llm.interface import TokenUsage\n"
        f"print(Prices('{OPENAI}').cost('gpt-6-luna', TokenUsage(prompt_tokens=1000)) > 0)\n"
    )
    done = subprocess.run((sys.executable, "-c", script), capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")

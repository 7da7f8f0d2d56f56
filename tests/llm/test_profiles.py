"""What is known of models beforehand, and that the models this project recommends are there to stay."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from testsmith.llm.profiles import THINKING_TOKENS, UNKNOWN, Profile, profile_of
from testsmith.settings import DEFAULT_MODEL, STEP_UP_MODEL, ReasoningEffort

NONE, MINIMAL, LOW, HIGH = (ReasoningEffort(word) for word in ("none", "minimal", "low", "high"))
LOWEST, MAX = ReasoningEffort.LOWEST, ReasoningEffort.MAX


def shutdown_dates() -> dict[str, str]:
    """The date at which OpenAI shuts each model down, as its SDK announces it."""
    source = files("openai").joinpath("types/chat/completion_create_params.py").read_text()
    deprecated = source.partition("Deprecated values:")[2].partition('"""')[0]
    entries = (" ".join(entry.split()) for entry in deprecated.split("\n    - "))
    announced = (re.fullmatch(r"(.*?): Announced shutdown date: (\S+?)\. .*", entry) for entry in entries)
    return {model: found[2] for found in announced if found for model in re.findall(r'"([^"]+)"', found[1])}


@pytest.mark.parametrize("model", [DEFAULT_MODEL, STEP_UP_MODEL])
def test_recommended_model__is_not_about_to_be_shut_down(model: str) -> None:
    dates = shutdown_dates()
    assert len(dates) > 20, "the SDK announces shutdowns in some other way: read them anew"
    assert dates.get(model) is None


@pytest.mark.parametrize(
    ("model", "wanted", "sent", "temperature"),
    [
        ("gpt-6-luna", LOWEST, NONE, True),
        ("gpt-6-luna", LOW, LOW, False),
        ("gpt-6-luna", MINIMAL, LOW, False),
        ("openai/gpt-6.1-terra", LOWEST, NONE, True),
        ("gpt-6.1-sol", LOWEST, LOW, False),
        ("gpt-6-astra-2026-09-02", NONE, LOW, False),
        ("gpt-6-astra", MAX, ReasoningEffort.XHIGH, False),
        ("gpt-5-mini", LOWEST, MINIMAL, False),
        ("gpt-5-mini", MAX, HIGH, False),
        ("gpt-5.4", LOWEST, NONE, True),
        ("claude-opus-5-5", LOWEST, None, False),
        ("claude-haiku-4-5", LOWEST, None, True),
        ("google/gemini-3.8-flash", LOWEST, MINIMAL, True),
        ("gemini-3.7-flash", LOWEST, LOW, True),
        ("us.openai.gpt-6-luna", LOWEST, NONE, True),
        ("my-own-model", LOWEST, None, True),
        ("my-own-model", HIGH, HIGH, True),
    ],
)
def test_profile__what_is_sent(
    model: str, wanted: ReasoningEffort, sent: ReasoningEffort | None, *, temperature: bool
) -> None:
    profile = profile_of(model)
    assert profile.effort(wanted) == sent
    assert profile.takes_temperature(sent) is temperature


def test_profile__of_the_default_model_leaves_nothing_for_thinking() -> None:
    assert profile_of(DEFAULT_MODEL).thinking_tokens(LOWEST) == 0
    assert profile_of(DEFAULT_MODEL).thinking_tokens(HIGH) == THINKING_TOKENS[HIGH]


def test_profile__a_model_that_always_thinks_gets_room_for_it() -> None:
    assert profile_of("claude-opus-5-5").thinking_tokens(LOWEST) == THINKING_TOKENS[LOW]
    assert profile_of("deepseek-r1").thinking_tokens(LOWEST) == THINKING_TOKENS[ReasoningEffort.MEDIUM]


@pytest.mark.parametrize("model", ["", "olmo-3", "not-gpt-6", "qwen3-coder", "o9"])
def test_profile__names_without_a_row(model: str) -> None:
    assert profile_of(model) is UNKNOWN
    assert Profile() == UNKNOWN

from __future__ import annotations

import pytest

from bot.providers.dialect import Dialect
from bot.providers.provider import CompletionRequest
from bot.providers.refusal import Refusal

REQUEST = CompletionRequest(system_prompt="Answer in JSON.", user_prompt="f", model="m", max_tokens=300)
OPENAI_SAYS = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead."
)


def learned(words: str, *, status: int = 400, parameter: str = "", limit: str = "max_tokens") -> set[str]:
    """The parameters that are still sent after a refusal."""
    dialect = Dialect(limit=limit)
    dialect.learn(Refusal(status=status, words=words, parameter=parameter), dialect.arguments(REQUEST))
    return set(dialect.arguments(REQUEST)) - {"model", "messages"}


def test_arguments__all_of_a_request() -> None:
    assert Dialect(limit="max_tokens").arguments(REQUEST) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Answer in JSON."},
            {"role": "user", "content": "f"},
        ],
        "max_tokens": 300,
        "temperature": 0.0,
        "response_format": {"type": "json_object"},
    }


@pytest.mark.parametrize(
    ("status", "words", "parameter"),
    [
        (400, "'response_format' is not supported by this model.", ""),
        (400, "Unsupported value.", "response_format"),
        (422, "body.response_format: extra fields not permitted", ""),
        (500, "response_format is not implemented", ""),
        (400, "JSON mode is not supported", ""),
    ],
)
def test_learn__no_response_format(status: int, words: str, parameter: str) -> None:
    assert learned(words, status=status, parameter=parameter) == {"max_tokens", "temperature"}


def test_learn__the_other_name_of_the_output_limit() -> None:
    assert learned(OPENAI_SAYS) == {"max_completion_tokens", "temperature", "response_format"}
    assert learned(
        "Unrecognized request argument supplied: max_completion_tokens", limit="max_completion_tokens"
    ) == {"max_tokens", "temperature", "response_format"}


def test_learn__no_output_limit_where_both_names_are_refused() -> None:
    dialect = Dialect(limit="max_tokens")
    for words in (OPENAI_SAYS, "Unknown argument: max_completion_tokens"):
        assert dialect.learn(Refusal(status=400, words=words), dialect.arguments(REQUEST))

    assert set(dialect.arguments(REQUEST)) == {"model", "messages", "temperature", "response_format"}


def test_learn__no_temperature() -> None:
    words = "Unsupported value: 'temperature' does not support 0 with this model."
    assert learned(words) == {"max_tokens", "response_format"}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "max_tokens is too large: 9000. This model supports at most 4096."),
        (400, "messages: too long"),
        (429, "response_format"),
        (401, "temperature"),
        (500, ""),
    ],
)
def test_learn__nothing_from_other_refusals(status: int, words: str) -> None:
    dialect = Dialect(limit="max_tokens")
    before = dialect.arguments(REQUEST)

    assert not dialect.learn(Refusal(status=status, words=words), before)
    assert dialect.arguments(REQUEST) == before


def test_learn__what_another_call_has_learned_meanwhile() -> None:
    dialect = Dialect(limit="max_tokens")
    sent = dialect.arguments(REQUEST)

    assert dialect.learn(Refusal(status=400, words=OPENAI_SAYS), sent)
    assert dialect.learn(Refusal(status=400, words=OPENAI_SAYS), sent)
    assert "max_completion_tokens" in dialect.arguments(REQUEST)


def test_learn__does_not_ask_forever() -> None:
    dialect = Dialect(limit="max_tokens")
    said = Refusal(
        status=400, words="unsupported: max_tokens max_completion_tokens temperature response_format"
    )
    times = 0
    while dialect.learn(said, dialect.arguments(REQUEST)):
        times += 1

    assert times == 4

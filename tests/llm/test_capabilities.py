from __future__ import annotations

from dataclasses import replace

import pytest

from testsmith.llm.capabilities import ANY, Capabilities, Dialect, capabilities_at
from testsmith.llm.error_mapping import Refusal
from testsmith.llm.interface import CompletionRequest
from testsmith.llm.profiles import profile_of
from testsmith.settings import ReasoningEffort, ServiceTier

REQUEST = CompletionRequest(system_prompt="Answer in JSON.", user_prompt="f", model="m", max_tokens=300)
OPENAI_SAYS = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead."
)


def learned(words: str, *, status: int = 400, parameter: str = "", limit: str = "max_tokens") -> set[str]:
    """The parameters that are still sent after a refusal."""
    dialect = Dialect(Capabilities(limit=limit))
    dialect.learn(Refusal(status=status, words=words, parameter=parameter), dialect.arguments(REQUEST))
    return set(dialect.arguments(REQUEST)) - {"model", "messages"}


def test_arguments__all_of_a_request() -> None:
    assert Dialect().arguments(REQUEST) == {
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
    dialect = Dialect()
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
    dialect = Dialect()
    before = dialect.arguments(REQUEST)

    assert not dialect.learn(Refusal(status=status, words=words), before)
    assert dialect.arguments(REQUEST) == before


def test_learn__what_another_call_has_learned_meanwhile() -> None:
    dialect = Dialect()
    sent = dialect.arguments(REQUEST)

    assert dialect.learn(Refusal(status=400, words=OPENAI_SAYS), sent)
    assert dialect.learn(Refusal(status=400, words=OPENAI_SAYS), sent)
    assert "max_completion_tokens" in dialect.arguments(REQUEST)


def test_learn__does_not_ask_forever() -> None:
    dialect = Dialect()
    said = Refusal(
        status=400, words="unsupported: max_tokens max_completion_tokens temperature response_format"
    )
    times = 0
    while dialect.learn(said, dialect.arguments(REQUEST)):
        times += 1

    assert times == 4


SCHEMA = {"type": "object"}


def formats_after(*refusals: str) -> list[str]:
    """How JSON is asked for, at first and after each refusal."""
    dialect, ways = Dialect(), []
    request = replace(REQUEST, schema=SCHEMA)
    for words in (*refusals, None):
        sent = dialect.arguments(request)
        ways.append(sent.get("response_format", {}).get("type", ""))
        if words is not None:
            assert dialect.learn(Refusal(status=400, words=words), sent)
    return ways


def test_arguments__json_by_a_schema_where_there_is_one() -> None:
    sent = Dialect().arguments(replace(REQUEST, schema=SCHEMA))
    assert sent["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
    }


@pytest.mark.parametrize(
    ("refusals", "ways"),
    [
        (["This response_format type is unavailable now"], ["json_schema", "json_object"]),
        (["response_format.type `json_schema` is unavailable"], ["json_schema", "json_object"]),
        (["'response_format' is not supported by this model."], ["json_schema", ""]),
        (
            ["json_schema is not supported", "'response_format' is not supported"],
            ["json_schema", "json_object", ""],
        ),
    ],
)
def test_learn__the_next_way_to_ask_for_json(refusals: list[str], ways: list[str]) -> None:
    assert formats_after(*refusals) == ways


def test_learn__two_calls_that_were_refused_alike_take_one_step() -> None:
    dialect, request = Dialect(), replace(REQUEST, schema=SCHEMA)
    sent, said = dialect.arguments(request), Refusal(status=400, words="json_schema is not supported")

    assert dialect.learn(said, sent)
    assert dialect.learn(said, sent)
    assert dialect.arguments(request)["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("url", "limit", "formats"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens", ("json_schema", "json_object")),
        ("https://mine.openai.azure.com/openai/v1/", "max_completion_tokens", ("json_schema", "json_object")),
        ("https://api.anthropic.com/v1/", "max_tokens", ()),
        ("https://api.deepseek.com", "max_tokens", ("json_object",)),
        ("https://openrouter.ai/api/v1", "max_tokens", ("json_schema", "json_object")),
        ("https://notapi.openai.com.evil.test/v1", "max_tokens", ("json_schema", "json_object")),
    ],
)
def test_capabilities_at__what_is_known_beforehand(url: str, limit: str, formats: tuple[str, ...]) -> None:
    assert capabilities_at(url) == Capabilities(limit=limit, formats=formats)


def efforts_after(model: str, wanted: str, *refusals: Refusal) -> list[str]:
    """The effort that is sent at first and after each refusal; empty for none."""
    dialect, sent = Dialect(profile=profile_of(model)), []
    request = replace(REQUEST, model=model, effort=ReasoningEffort(wanted))
    for said in (*refusals, None):
        arguments = dialect.arguments(request)
        sent.append(arguments.get("reasoning_effort", ""))
        if said is not None:
            assert dialect.learn(said, arguments)
    return sent


NO_NONE = Refusal(
    status=400,
    words="Unsupported value: 'none' is not supported with this model. Supported values are: 'low', 'high'.",
    parameter="reasoning_effort",
)
NO_MAX = Refusal(status=400, words="Unsupported value: 'reasoning_effort' does not support 'max' here.")
NO_EFFORT = Refusal(status=400, words="Unrecognized request argument supplied: reasoning_effort")


@pytest.mark.parametrize(
    ("model", "wanted", "refusals", "sent"),
    [
        ("gpt-6-luna", "lowest", [NO_NONE], ["none", "low"]),
        ("gpt-6-luna", "none", [NO_NONE], ["none", "low"]),
        ("gpt-6-luna", "max", [NO_MAX], ["max", "xhigh"]),
        ("gpt-6-luna", "lowest", [NO_EFFORT], ["none", ""]),
        ("unknown", "lowest", [], [""]),
        ("unknown", "max", [NO_MAX], ["max", "xhigh"]),
        ("unknown", "none", [NO_NONE, NO_EFFORT], ["none", "low", ""]),
    ],
)
def test_learn__the_nearest_effort_that_is_accepted(
    model: str, wanted: str, refusals: list[Refusal], sent: list[str]
) -> None:
    assert efforts_after(model, wanted, *refusals) == sent


def test_learn__an_effort_that_two_calls_were_refused_for() -> None:
    dialect, request = Dialect(profile=profile_of("gpt-6-luna")), replace(REQUEST, model="gpt-6-luna")
    sent = dialect.arguments(request)

    assert dialect.learn(NO_NONE, sent)
    assert dialect.learn(NO_NONE, sent)
    assert dialect.arguments(request)["reasoning_effort"] == "low"


def test_arguments__no_temperature_for_a_model_that_thinks() -> None:
    luna = Dialect(profile=profile_of("gpt-6-luna"))
    assert "temperature" in luna.arguments(REQUEST)
    assert "temperature" not in luna.arguments(replace(REQUEST, effort=ReasoningEffort.LOW))
    assert "temperature" not in Dialect(profile=profile_of("claude-opus-5-5")).arguments(REQUEST)


def test_learn__a_refusal_is_about_the_parameter_it_names() -> None:
    dialect, request = Dialect(profile=profile_of("gpt-6-luna")), replace(REQUEST, model="gpt-6-luna")
    words = "temperature is accepted only with reasoning_effort 'none'."
    assert dialect.learn(
        Refusal(status=400, words=words, parameter="temperature"), dialect.arguments(request)
    )
    assert "temperature" not in dialect.arguments(request)
    assert dialect.arguments(request)["reasoning_effort"] == "none"


def flex() -> Dialect:
    return Dialect(replace(ANY, tier=ServiceTier.FLEX))


def test_arguments__a_service_tier_if_one_is_asked_for() -> None:
    assert "service_tier" not in Dialect().arguments(REQUEST)
    assert flex().arguments(REQUEST) == {**Dialect().arguments(REQUEST), "service_tier": "flex"}


@pytest.mark.parametrize(
    ("said", "is_learned"),
    [
        (Refusal(status=400, words="Flex is not available for this model."), True),
        (Refusal(status=400, words="Unknown argument: service_tier"), True),
        (Refusal(status=422, words="Extra inputs are not permitted", parameter="service_tier"), True),
        (Refusal(status=429, words="Flex: resource unavailable"), False),
        (Refusal(status=400, words="The prompt is not flexible"), False),
    ],
)
def test_learn__a_service_tier_that_is_refused(said: Refusal, *, is_learned: bool) -> None:
    dialect = flex()

    assert dialect.learn(said, dialect.arguments(REQUEST)) == is_learned
    assert ("service_tier" in dialect.arguments(REQUEST)) != is_learned
    assert {**dialect.arguments(REQUEST), "service_tier": "flex"} == flex().arguments(REQUEST)

"""Capabilities of models, as data: reasoning efforts, temperature and output limits.

There is one row per model family, found by the longest matching prefix of the model's name. To support a new
model, add a row. Models without a row are called without optional parameters, and rejected ones are learned
(`capabilities.py`).

Each cell has its source in a comment:

- OpenAI: the model's page below https://developers.openai.com/api/docs/models, as of November 2026.
- SDK: openai 3.57, `types/chat/completion_create_params.py`.
- pydantic-ai: its `profiles/` at commit 4fda389, August 2026, verified there against the live API.
- Other sources are named where they are used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from testsmith.settings import ReasoningEffort

THINKING_TOKENS = {
    ReasoningEffort.NONE: 0,
    ReasoningEffort.MINIMAL: 2_048,
    ReasoningEffort.LOW: 8_192,
    ReasoningEffort.MEDIUM: 25_000,
    ReasoningEffort.HIGH: 32_768,
    ReasoningEffort.XHIGH: 49_152,
    ReasoningEffort.MAX: 65_536,
}
"""Output tokens to reserve for reasoning at each effort.

OpenAI's reasoning guide recommends reserving 25,000 at first. Google maps low, medium and high to 1,024,
8,192 and 24,576 (https://ai.google.dev/gemini-api/docs/openai). The values here are in between or above.
Unused tokens cost nothing.
"""

OUTPUT_TOKENS = 65_536
"""Maximum output tokens of a model without a row, for a retry after an answer was cut while reasoning."""

_ORDER = tuple(THINKING_TOKENS)


class Temperature(StrEnum):
    """When a model accepts a `temperature` other than its default."""

    ALWAYS = "always"
    WITHOUT_THINKING = "without thinking"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Capabilities of a model family.

    Attributes:
        efforts: Accepted values of `reasoning_effort` in chat completions, lowest first; empty to send the
            parameter only if an effort is requested.
        default: The effort that matches the model's behavior best if none is sent.
        temperature: When `temperature` is accepted.
        output_tokens: Maximum output tokens of one answer, including reasoning.
    """

    efforts: tuple[ReasoningEffort, ...] = ()
    default: ReasoningEffort = ReasoningEffort.NONE
    temperature: Temperature = Temperature.ALWAYS
    output_tokens: int = OUTPUT_TOKENS

    def effort(self, wanted: ReasoningEffort) -> ReasoningEffort | None:
        """Return the effort to send: the wanted one, or the nearest that the model accepts.

        None if no parameter should be sent.
        """
        if wanted is ReasoningEffort.LOWEST:
            return self.efforts[0] if self.efforts else None
        return nearest(wanted, self.efforts) if self.efforts else wanted

    def thinking_tokens(self, wanted: ReasoningEffort) -> int:
        """Return how many output tokens to reserve for reasoning."""
        return THINKING_TOKENS[self.effort(wanted) or self.default]

    def takes_temperature(self, sent: ReasoningEffort | None) -> bool:
        """Return whether `temperature` is accepted with this effort, or without one."""
        if self.temperature is Temperature.WITHOUT_THINKING:
            return (sent or self.default) is ReasoningEffort.NONE
        return self.temperature is Temperature.ALWAYS


def nearest(wanted: ReasoningEffort, efforts: tuple[ReasoningEffort, ...]) -> ReasoningEffort:
    """Return the lowest effort that is at least the wanted one, else the highest below it."""
    least = _ORDER.index(wanted)
    above = [effort for effort in efforts if _ORDER.index(effort) >= least]
    return min(above, key=_ORDER.index) if above else max(efforts, key=_ORDER.index)


UNKNOWN = Profile()
"""Profile of a model without a row."""


def _between(lowest: str, highest: str) -> tuple[ReasoningEffort, ...]:
    """Return the efforts in a range, without `minimal`, which only GPT-5 and Gemini support."""
    names = [
        effort
        for effort in _ORDER
        if effort is not ReasoningEffort.MINIMAL or lowest == ReasoningEffort.MINIMAL
    ]
    return tuple(names[names.index(ReasoningEffort(lowest)) : names.index(ReasoningEffort(highest)) + 1])


_MEDIUM = ReasoningEffort.MEDIUM
_HIGH = ReasoningEffort.HIGH

_PROFILES = {
    "gpt-6": Profile(
        efforts=_between("none", "max"),  # OpenAI: gpt-6-luna, gpt-6.1-terra
        default=_MEDIUM,  # OpenAI
        temperature=Temperature.WITHOUT_THINKING,  # BerriAI/litellm#42523; anomalyco/models.dev#6639 for 5.6
        output_tokens=128_000,  # OpenAI
    ),
    "gpt-6-astra": Profile(
        efforts=_between("low", "xhigh"),  # BerriAI/litellm-docs#1173, live: `none`, `max` rejected here
        default=_MEDIUM,  # OpenAI
        temperature=Temperature.NEVER,  # OpenAI, changelog of September 2026
        output_tokens=128_000,  # OpenAI
    ),
    "gpt-6.2-astra": Profile(
        efforts=_between("low", "xhigh"),  # as gpt-6-astra, its predecessor; differences are learned
        default=_MEDIUM,
        temperature=Temperature.NEVER,
        output_tokens=128_000,
    ),
    "gpt-6.1-sol": Profile(
        efforts=_between("low", "max"),  # rejects `none`: BerriAI/litellm#52347
        default=_MEDIUM,
        temperature=Temperature.NEVER,  # because reasoning cannot be turned off
        output_tokens=128_000,
    ),
    "gpt-6.2-sol": Profile(
        efforts=_between("low", "max"),  # BerriAI/litellm#52347
        default=_MEDIUM,
        temperature=Temperature.NEVER,
        output_tokens=128_000,
    ),
    "gpt-5.6": Profile(
        efforts=_between("none", "xhigh"),  # mnfst/modelparams.dev#236, live on chat completions
        default=_MEDIUM,  # pydantic-ai
        temperature=Temperature.WITHOUT_THINKING,  # pydantic-ai; anomalyco/models.dev#6639, live
        output_tokens=128_000,  # OpenAI
    ),
    "gpt-5.5": Profile(
        efforts=_between("none", "xhigh"),  # pydantic-ai
        default=_MEDIUM,  # pydantic-ai
        temperature=Temperature.WITHOUT_THINKING,  # pydantic-ai
        output_tokens=128_000,  # OpenAI
    ),
    "gpt-5.4": Profile(
        efforts=_between("none", "xhigh"),  # pydantic-ai
        temperature=Temperature.WITHOUT_THINKING,  # pydantic-ai
        output_tokens=128_000,  # OpenAI
    ),
    "gpt-5.3": Profile(
        efforts=_between("none", "xhigh"), temperature=Temperature.WITHOUT_THINKING, output_tokens=128_000
    ),  # pydantic-ai
    "gpt-5.2": Profile(
        efforts=_between("none", "xhigh"), temperature=Temperature.WITHOUT_THINKING, output_tokens=128_000
    ),  # pydantic-ai
    "gpt-5.1": Profile(
        efforts=_between("none", "high"), temperature=Temperature.WITHOUT_THINKING, output_tokens=128_000
    ),  # pydantic-ai
    "gpt-5": Profile(
        efforts=_between("minimal", "high"),  # pydantic-ai: always reasons
        default=_MEDIUM,  # pydantic-ai
        temperature=Temperature.NEVER,  # pydantic-ai
        output_tokens=128_000,  # OpenAI
    ),
    "gpt-5-chat": Profile(output_tokens=16_384),  # pydantic-ai: no reasoning
    "o3": Profile(
        efforts=_between("low", "high"), default=_MEDIUM, temperature=Temperature.NEVER, output_tokens=100_000
    ),  # pydantic-ai; OpenAI
    # Anthropic's compatible endpoint documents `reasoning_effort` as ignored, so it is not sent:
    # https://platform.claude.com/docs/en/api/openai-sdk
    "claude-opus-5": Profile(
        default=ReasoningEffort.LOW,  # decides by itself; Opus 5.5 always reasons: stdapi-ai/stdapi.ai#284
        temperature=Temperature.NEVER,  # pydantic-ai; PrimeIntellect-ai/prime-agent#2533 for 5.5
        output_tokens=128_000,
    ),
    "claude-fable": Profile(
        default=ReasoningEffort.LOW,  # always reasons: PrimeIntellect-ai/prime-agent#2533
        temperature=Temperature.NEVER,  # ibid.
        output_tokens=128_000,
    ),
    "claude-sonnet-5": Profile(
        default=ReasoningEffort.LOW,  # reasons unless turned off: ChatGPTBox-dev/chatGPTBox#1026
        temperature=Temperature.NEVER,  # ibid., with opus-4-7 and opus-4-8
        output_tokens=64_000,
    ),
    "claude-opus-4-7": Profile(temperature=Temperature.NEVER, output_tokens=64_000),  # pydantic-ai
    "claude-opus-4-8": Profile(temperature=Temperature.NEVER, output_tokens=64_000),  # pydantic-ai
    "claude-haiku-4-5": Profile(output_tokens=64_000),  # pydantic-ai: reasons only on request
    # Google's compatible endpoint maps `reasoning_effort` to thinking levels:
    # https://ai.google.dev/gemini-api/docs/openai
    "gemini-3": Profile(
        efforts=_between("minimal", "high"),  # pydantic-ai: reasoning cannot be turned off
        default=_HIGH,  # https://ai.google.dev/gemini-api/docs/thinking
        output_tokens=65_536,
    ),
    "gemini-3.7-flash": Profile(
        efforts=_between("low", "high"), default=_HIGH, output_tokens=65_536
    ),  # pydantic-ai: no `minimal`
    "gemini-3.1-pro": Profile(
        efforts=_between("low", "high"), default=_HIGH, output_tokens=65_536
    ),  # pydantic-ai: no `minimal`
    "gemini-3-pro": Profile(
        efforts=_between("low", "high"), default=_HIGH, output_tokens=65_536
    ),  # pydantic-ai: no `minimal`
    "gemini-2.5-flash": Profile(
        efforts=_between("none", "high"), default=_MEDIUM, output_tokens=65_536
    ),  # https://ai.google.dev/gemini-api/docs/openai
    "deepseek-v4": Profile(
        default=_MEDIUM,  # reasons unless turned off with its own parameter: pydantic-ai
        output_tokens=65_536,
    ),
    "deepseek-r1": Profile(default=_MEDIUM, output_tokens=65_536),  # pydantic-ai: always reasons
    "deepseek-reasoner": Profile(default=_MEDIUM, output_tokens=65_536),  # pydantic-ai: always reasons
    "grok-4.3": Profile(efforts=_between("none", "high"), default=_MEDIUM),  # pydantic-ai
    "grok-4.5": Profile(efforts=_between("low", "high"), default=_MEDIUM),  # pydantic-ai
    "glm-5.3": Profile(
        efforts=(ReasoningEffort.LOW, _HIGH, ReasoningEffort.MAX), default=_HIGH
    ),  # pydantic-ai: always reasons
    "magistral": Profile(default=_MEDIUM),  # pydantic-ai: always reasons
    "kimi-k3": Profile(default=_MEDIUM),  # pydantic-ai: reasons
    "kimi-k2-thinking": Profile(default=_MEDIUM),  # pydantic-ai: reasons
}
"""Profiles by prefix of the model's name. The longest match applies."""

_NAME = re.compile(r"(?:^|[/.:])((?:gpt|claude|gemini|deepseek|grok|glm|magistral|kimi|o\d).*)")
"""A model's own name, without the vendor or host prefix of gateways, as in `openai/gpt-6-luna`."""


def profile_of(model: str) -> Profile:
    """Return the capabilities of a model, by its name."""
    found = _NAME.search(model.lower())
    name = found[1] if found else ""
    prefixes = (prefix for prefix in _PROFILES if name.startswith(prefix))
    return _PROFILES.get(max(prefixes, key=len, default=""), UNKNOWN)

"""Optional parameters that a model at an endpoint accepts: known in advance, or learned from a rejection.

Endpoints differ in `response_format` (some do not support `json_schema`, some none at all) and in
`max_tokens`, which newer models reject in favor of `max_completion_tokens`, a name that many other servers do
not know. Models differ in `temperature`, which reasoning models accept only at its default, and in the values
of `reasoning_effort`; `profiles.py` lists what is known of them. Few endpoints offer a `service_tier`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from testsmith.llm.error_mapping import Refusal
from testsmith.llm.interface import CompletionRequest
from testsmith.llm.profiles import THINKING_TOKENS, UNKNOWN, Profile
from testsmith.settings import ReasoningEffort, ServiceTier

_REFUSING = frozenset({400, 404, 415, 422, 500, 501})
"""Statuses with which endpoints reject a parameter."""

_NAMED_BY = {
    "response_format": re.compile(
        r"response[_ ](format|schema)|json_object|json_schema|json mode|structured output", re.IGNORECASE
    ),
    "max_tokens": re.compile(r"\bmax_tokens\b"),
    "max_completion_tokens": re.compile(r"\bmax_completion_tokens\b"),
    "temperature": re.compile(r"\btemperature\b"),
    "reasoning_effort": re.compile(r"reasoning[_. ]effort|\bthinking\b", re.IGNORECASE),
    "service_tier": re.compile(r"service[_ ]tier|\bflex\b", re.IGNORECASE),
}
_OTHER_LIMIT = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_UNKNOWN = re.compile(
    r"unsupported|not support|unrecogni[sz]ed|unknown|unexpected|not (permitted|allowed)|extra"
    r"|deprecated|instead",
    re.IGNORECASE,
)
"""Words that mean an unknown parameter, rather than a limit that is too high."""
_OF_THE_SCHEMA = re.compile(r"schema|\btype\b|strict", re.IGNORECASE)
"""Words that mean that only this JSON format is rejected, not all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Parameters to send to an endpoint at first.

    Attributes:
        limit: Name of the output limit: `max_tokens` or `max_completion_tokens`.
        formats: Ways to request JSON, best first. If one is rejected, the next one is tried, and finally
            none.
        tier: Service tier; `auto` sends no parameter.
    """

    limit: str = "max_tokens"
    formats: tuple[str, ...] = ("json_schema", "json_object")
    tier: ServiceTier = ServiceTier.AUTO


ANY = Capabilities()
"""Parameters for an endpoint about which nothing is known."""

_OPENAI = Capabilities(limit="max_completion_tokens")
_KNOWN = {
    "api.openai.com": _OPENAI,
    "openai.azure.com": _OPENAI,
    "services.ai.azure.com": _OPENAI,
    "cognitiveservices.azure.com": _OPENAI,
    "api.anthropic.com": Capabilities(formats=()),  # accepts and ignores it
    "api.deepseek.com": Capabilities(formats=("json_object",)),
}
"""Known endpoints by host or domain suffix."""


def capabilities_at(url: str) -> Capabilities:
    """Return the parameters to send at first to the endpoint at a URL."""
    host = urlsplit(url).hostname or ""
    ends = (end for end in _KNOWN if host == end or host.endswith(f".{end}"))
    return _KNOWN.get(next(ends, ""), ANY)


def is_azure(url: str) -> bool:
    """Return whether a URL belongs to Azure, which expects the key in a different header."""
    return (urlsplit(url).hostname or "").endswith(".azure.com")


class Dialect:
    """Parameters that one model at one endpoint accepts, as far as known."""

    def __init__(self, capabilities: Capabilities = ANY, profile: Profile = UNKNOWN) -> None:
        """Start with all parameters that the endpoint and the model may accept."""
        self._limit = capabilities.limit
        self._formats = list(capabilities.formats)
        self._profile = profile
        self._tier = None if capabilities.tier is ServiceTier.AUTO else capabilities.tier.value
        self._refused: set[str] = set()

    def arguments(self, request: CompletionRequest) -> dict[str, Any]:
        """Return the parameters for a request."""
        effort = self._effort(request)
        optional = {
            self._limit: request.max_tokens,
            "reasoning_effort": effort and effort.value,
            "temperature": request.temperature if self._profile.takes_temperature(effort) else None,
            "response_format": self._format(request),
            "service_tier": self._tier,
        }
        messages = [
            {"role": "system", "content": request.system_prompt},
            {"role": "user", "content": request.user_prompt},
        ]
        known = {
            name: value for name, value in optional.items() if value is not None and name not in self._refused
        }
        return {"model": request.model, "messages": messages, **known}

    def learn(self, said: Refusal, sent: Mapping[str, Any]) -> bool:
        """Learn from a rejection which parameter to leave out; return whether it was about a parameter.

        Args:
            said: The rejection.
            sent: The rejected arguments. Another call may have learned the same in the meantime.
        """
        name = next((name for name in _NAMED_BY if name in sent and _complains_of(name, said)), None)
        if name is None:
            return False
        if name == "response_format":
            self._forget_format(sent[name]["type"], said)
        elif name == "reasoning_effort":
            self._forget_effort(ReasoningEffort(sent[name]), said)
        else:
            self._refused.add(name)
        if name == self._limit and _OTHER_LIMIT[name] not in self._refused:
            self._limit = _OTHER_LIMIT[name]
        return True

    def _format(self, request: CompletionRequest) -> Mapping[str, Any] | None:
        """Return the `response_format` of a request; None if JSON is not requested or not supported."""
        if request.response_format is None:
            return None
        offered = [way for way in self._formats if way != "json_schema" or request.schema is not None]
        if not offered:
            return None
        if offered[0] != "json_schema":
            return {"type": offered[0]}
        schema = {"name": "answer", "strict": True, "schema": request.schema}
        return {"type": "json_schema", "json_schema": schema}

    def _effort(self, request: CompletionRequest) -> ReasoningEffort | None:
        """Return the reasoning effort to send; None to send no parameter."""
        return None if "reasoning_effort" in self._refused else self._profile.effort(request.effort)

    def _forget_effort(self, sent: ReasoningEffort, said: Refusal) -> None:
        """Exclude an effort: use one that the rejection names, else any other, or leave the parameter out.

        A rejection that does not mention the value is about the parameter.
        """
        named = {effort for effort in THINKING_TOKENS if re.search(rf"\b{effort}\b", said.words)}
        known = self._profile.efforts or tuple(THINKING_TOKENS)
        left = tuple(effort for effort in known if effort != sent and (effort in named or not named - {sent}))
        if sent in named and left:
            self._profile = replace(self._profile, efforts=left)
        else:
            self._refused.add("reasoning_effort")

    def _forget_format(self, sent: str, said: Refusal) -> None:
        """Exclude one way to request JSON, or all if the endpoint supports none."""
        one_way = sent == "json_schema" and _OF_THE_SCHEMA.search(said.words)
        self._formats = [way for way in self._formats if one_way and way != sent]


def _complains_of(name: str, said: Refusal) -> bool:
    if said.status not in _REFUSING:
        return False
    parameter = said.parameter.partition(".")[0]
    if parameter != name and (parameter in _NAMED_BY or not _NAMED_BY[name].search(said.words)):
        return False
    return name not in _OTHER_LIMIT or bool(_UNKNOWN.search(" ".join((said.words, *said.codes))))

"""Which optional parameters one model at one endpoint takes: learned from its first refusal.

Endpoints differ in `response_format`, which some do not know; in `max_tokens`, which newer models refuse
in favour of `max_completion_tokens`, a name that many other servers do not know; and in `temperature`, which
reasoning models only take at its default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bot.providers.provider import CompletionRequest
from bot.providers.refusal import Refusal

_REFUSING = frozenset({400, 404, 415, 422, 500, 501})
"""The statuses with which endpoints refuse a parameter."""

_NAMED_BY = {
    "response_format": re.compile(r"response_format|json_object|json mode|structured output", re.IGNORECASE),
    "max_tokens": re.compile(r"\bmax_tokens\b"),
    "max_completion_tokens": re.compile(r"\bmax_completion_tokens\b"),
    "temperature": re.compile(r"\btemperature\b"),
}
_OTHER_LIMIT = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_UNKNOWN = re.compile(
    r"unsupported|not support|unrecogni[sz]ed|unknown|unexpected|not (permitted|allowed)|extra"
    r"|deprecated|instead",
    re.IGNORECASE,
)
"""What tells an unknown limit from one that is too high, which another name does not mend."""


class Dialect:
    """The parameters of one model at one endpoint, as far as they are known."""

    def __init__(self, *, limit: str) -> None:
        """Begin with all parameters.

        Args:
            limit: The name to try first for the output limit: `max_tokens` or `max_completion_tokens`.
        """
        self._limit = limit
        self._refused: set[str] = set()

    def arguments(self, request: CompletionRequest) -> dict[str, Any]:
        """Return a request as the endpoint takes it."""
        optional = {
            self._limit: request.max_tokens,
            "temperature": request.temperature,
            "response_format": request.response_format and {"type": request.response_format},
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
        """Learn from a refusal which parameter to leave out; tell whether it was about one.

        Args:
            said: The refusal.
            sent: The arguments that were refused; another call may have learned the same meanwhile.
        """
        name = next((name for name in _NAMED_BY if name in sent and _complains_of(name, said)), None)
        if name is None:
            return False
        self._refused.add(name)
        if name == self._limit and _OTHER_LIMIT[name] not in self._refused:
            self._limit = _OTHER_LIMIT[name]
        return True


def _complains_of(name: str, said: Refusal) -> bool:
    if said.status not in _REFUSING:
        return False
    if said.parameter != name and not _NAMED_BY[name].search(said.words):
        return False
    return name not in _OTHER_LIMIT or bool(_UNKNOWN.search(" ".join((said.words, *said.codes))))

"""Ask a model for inputs before it is asked for tests.

The inputs go into the requests (`Context.probes`). Whoever observes the members runs them, and the results
are facts for the call that asks for tests. An answer that is of no use costs nothing but itself: the member
is then asked for without inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from testsmith.generation.llm.answers import MAX_ANSWER_CHARACTERS, bare_name, json_objects, member_names
from testsmith.generation.llm.optional_calls import result_or_none
from testsmith.generation.llm.packing import Batch, BatchLimits, pack
from testsmith.generation.llm.prompts import Prompts
from testsmith.llm.interface import CompletionRequest, Provider
from testsmith.model import Member, Request
from testsmith.settings import ModelSettings
from testsmith.tasks import gather

MAX_INPUTS = 12
"""Maximum number of inputs of one member, the first ones."""

MAX_INPUT_CHARACTERS = 600
"""Maximum length of an input; longer ones are ignored."""

PROBE_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "probes": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "inputs": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["name", "inputs"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["probes"],
    "additionalProperties": False,
}
"""JSON Schema of an answer."""


def parse_inputs(text: str, members: Sequence[Member]) -> dict[str, tuple[str, ...]]:
    """Return the inputs in an answer by member id; entries of any other form are left out."""
    names = member_names(members)
    found: dict[str, tuple[str, ...]] = {}
    for entry in _entries(text[:MAX_ANSWER_CHARACTERS]):
        member, inputs = names.get(bare_name(entry.get("name"))), entry.get("inputs")
        if member is not None and isinstance(inputs, list):
            found.setdefault(member, tuple(_usable(inputs))[:MAX_INPUTS])
    return {member: inputs for member, inputs in found.items() if inputs}


def _entries(text: str) -> Iterator[dict[str, object]]:
    for value in json_objects(text, ("probes", "name", "inputs")):
        listed = value.get("probes", [value])
        yield from (each for each in listed if isinstance(each, dict)) if isinstance(listed, list) else ()


def _usable(inputs: Iterable[object]) -> Iterable[str]:
    texts = (each.strip() for each in inputs if isinstance(each, str) and "\0" not in each)
    return dict.fromkeys(text for text in texts if 0 < len(text) <= MAX_INPUT_CHARACTERS)


def probe_request(batch: Batch, prompts: Prompts, settings: ModelSettings) -> CompletionRequest:
    """Return the provider request that asks for inputs of the members of one call."""
    return CompletionRequest(
        system_prompt=prompts.probe_system(batch.requests[0]),
        user_prompt=prompts.user(batch, settings.prompt_token_budget, folder="probe"),
        model=settings.model,
        max_tokens=batch.max_tokens,
        temperature=settings.temperature,
        effort=settings.reasoning_effort,
        schema=PROBE_SCHEMA,
    )


class InputProbes:
    """Asks for the inputs of many members in few calls, packed like calls for tests."""

    def __init__(
        self, provider: Provider, settings: ModelSettings, limits: BatchLimits, prompts: Prompts
    ) -> None:
        self._provider = provider
        self._settings = settings
        self._limits = limits
        self._prompts = prompts
        self._reasons: dict[str, None] = {}

    async def asked_for(self, requests: Sequence[Request]) -> list[Request]:
        """Return the requests with inputs, as far as the model had any."""
        batches = pack(requests, self._limits)
        answers = await gather(*(result_or_none(self._ask(batch), self._reasons) for batch in batches))
        found = {member: inputs for answer in answers for member, inputs in (answer or {}).items()}
        return [
            replace(request, context=replace(request.context, probes=found.get(request.member.id, ())))
            for request in requests
        ]

    def note(self) -> str:
        """Return why inputs are missing; empty if none are."""
        reasons = ", ".join(self._reasons)
        return f"the model had no inputs for some members: {reasons}" if reasons else ""

    async def _ask(self, batch: Batch) -> dict[str, tuple[str, ...]]:
        if batch.task != "write":
            return {}
        response = await self._provider.complete(probe_request(batch, self._prompts, self._settings))
        found = parse_inputs(response.text, [request.member for request in batch.requests])
        if not found:
            self._reasons["its answer held none"] = None
        return found

"""A chat-completions endpoint with memory: a real HTTP server on 127.0.0.1, on the standard library alone.

    with Endpoint(faults=[rate_limited("2")]) as endpoint:
        ...  # talk to endpoint.url
    assert len(endpoint.requests) == 2

The first call gets the first fault, and so on; calls after the last fault, and calls whose fault is None,
get the ordinary answer. An endless iterator makes every call fail.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import responses
from itertools import count
from pathlib import PurePosixPath
from typing import Any, Self

from fakes.faults import STALL_SECONDS, Break, Fault, key_refused, refusal

Body = Mapping[str, Any]

_MEMBER = re.compile(r"^### member: (.+?)\s*$", re.MULTILINE)
_CHARACTERS_A_TOKEN = 4

_REFUSALS = {
    "max_tokens": refusal(
        400,
        "Unsupported parameter: 'max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead.",
        code="unsupported_parameter",
        param="max_tokens",
    ),
    "max_completion_tokens": refusal(400, "Unrecognized request argument supplied: max_completion_tokens"),
    "temperature": refusal(
        400,
        "Unsupported value: 'temperature' does not support 0 with this model. "
        "Only the default (1) value is supported.",
        code="unsupported_value",
        param="temperature",
    ),
    "response_format": refusal(
        400, "Invalid parameter: 'response_format' is not supported by this model.", param="response_format"
    ),
    "service_tier": refusal(400, "Flex is not available for this model."),
}
"""How real endpoints refuse a parameter they do not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingModel:
    """A model that thinks before it answers, out of the same output limit.

    Attributes:
        spends: The tokens it spends on thinking at each `reasoning_effort` that it accepts.
        default: The effort it takes if none is sent.
        refuses_temperature: Whether it refuses `temperature` even if it does not think.
    """

    spends: Mapping[str, int]
    default: str = "medium"
    refuses_temperature: bool = False

    def refuses(self, body: Body) -> Fault | None:
        effort = body.get("reasoning_effort", self.default)
        if effort not in self.spends:
            return refusal(
                400,
                f"Unsupported value: 'reasoning_effort' does not support '{effort}' with this model. "
                f"Supported values are: {', '.join(map(repr, self.spends))}.",
                code="unsupported_value",
                param="reasoning_effort",
            )
        if "temperature" in body and (self.refuses_temperature or self.thinks_for(body)):
            return _REFUSALS["temperature"]
        return None

    def thinks_for(self, body: Body) -> int:
        return self.spends[body.get("reasoning_effort", self.default)]


def no_latency(_members: int) -> float:
    return 0.0


def per_member_latency(*, scale: float = 1.0) -> Callable[[int], float]:
    """4.88 s a call and 0.12 s a member, times `scale`."""
    return lambda members: (4.88 + 0.12 * members) * scale


def members_in(body: Body) -> list[str]:
    """The ids of the members that a prompt names, in order."""
    return _MEMBER.findall("\n".join(m["content"] for m in body["messages"] if m["role"] == "user"))


def code_for(member: str) -> str:
    """A short test module that passes for any callable member."""
    path, _, name = member.partition("::")
    parts = PurePosixPath(path).with_suffix("").parts
    module = ".".join(part for part in parts if part not in {"src", "__init__"})
    test = re.sub(r"\W", "_", name).lower()
    return (
        f"from {module} import {name.partition('.')[0]}\n\n\n"
        f"def test_{test}_is_there() -> None:\n    assert {name} is not None\n"
    )


def answer_all(body: Body) -> str:
    """The envelope with a test module for every member in the prompt."""
    return json.dumps({"tests": [{"name": member, "code": code_for(member)} for member in members_in(body)]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One call as it arrived: when by `time.monotonic`, its headers in lower case, its JSON body."""

    arrived: float
    path: str
    headers: Mapping[str, str]
    body: Body

    @property
    def members(self) -> list[str]:
        return members_in(self.body)


def take_everything(_body: Body) -> Fault | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How the compatible endpoint of one service differs from others.

    Attributes:
        path: What stands after the host in its base URL, with a query where it wants one.
        refuses: What it answers to a request that it does not take; None where it takes it.
    """

    path: str = "/v1"
    refuses: Callable[[Body], Fault | None] = take_everything


class Endpoint:
    """The server; it runs in its own thread for as long as the context lasts.

    Attributes:
        requests: Every call, in the order of arrival.
        most_in_flight: The most calls that were being answered at the same time.
        in_flight: How many are right now; a client that left is none.
        last_answered: When the last call was over, by `time.monotonic`.
        prompt_tokens: Those of all calls that were answered, as it counts them.
        completion_tokens: Those of all answers.
    """

    def __init__(  # noqa: PLR0913 - every argument is one knob of the fake, all by keyword, each with a default
        self,
        *,
        faults: Iterable[Fault | None] = (),
        latency: Callable[[int], float] = no_latency,
        answer: Callable[[Body], str] = answer_all,
        refuses: Iterable[str] = (),
        service: Service | None = None,
        key: str | None = None,
        port: int = 0,
        model: ThinkingModel | None = None,
        tier: str | None = None,
        models: Iterable[Mapping[str, Any]] | None = None,
    ) -> None:
        """Set the script.

        Args:
            faults: What goes wrong, call by call.
            latency: Seconds until the answer, from the number of members in the prompt.
            answer: The completion's text for a request.
            refuses: Parameters that this endpoint does not know, as `max_tokens` and `response_format`.
            service: Whose endpoint this is one of; None for one that takes everything.
            key: The only key that is accepted; None accepts every caller.
            port: 0 for any that is free.
            model: What thinks before it answers; None for a model that does not.
            tier: The service tier that each answer reports; None for an endpoint that reports none.
            models: The models that it lists; None for an endpoint without a list.
        """
        self.requests: list[Received] = []
        self.most_in_flight = 0
        self.in_flight = 0
        self.last_answered = 0.0
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self._faults = iter(faults)
        self._latency = latency
        self._answer = answer
        self._refuses = tuple(refuses)
        self._service = service or Service()
        self._key = key
        self._port = port
        self._model = model
        self._tier = tier
        self._models = None if models is None else list(models)
        self._numbers = count(1)
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="fake endpoint", daemon=True)

    @property
    def url(self) -> str:
        """What goes into `--base-url`."""
        return f"http://127.0.0.1:{self._port}{self._service.path}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._connected, "127.0.0.1", self._port, backlog=256)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while not writer.is_closing():
                received = await _receive(reader)
                await self._counted(self._respond(received, reader, writer))
        writer.transport.abort()

    async def _counted(self, work: Awaitable[None]) -> None:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await work
        finally:
            self.in_flight -= 1
            self.last_answered = time.monotonic()

    async def _respond(
        self, received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.requests.append(received)
        fault = self._refusal(received) or next(self._faults, None) or Fault()
        if fault.breaks is Break.CONNECTION_DROPPED:
            writer.transport.abort()
            return
        seconds = self._latency(len(received.members)) if fault.body is None else 0.0
        if fault.breaks is Break.HEADERS_STALL:
            seconds = STALL_SECONDS
        if await _client_left(reader, seconds):
            writer.close()
            return
        body = fault.body if fault.body is not None else self._completion(received.body, fault)
        await _send(_Answer(fault, body.encode()), reader, writer)

    def _refusal(self, received: Received) -> Fault | None:
        """What this endpoint answers to any such call, whatever the script says."""
        path, _, query = self._service.path.partition("?")
        if received.path == f"{path}/models" and self._models is not None:
            accepted = self._key is None or received.headers.get("authorization") == f"Bearer {self._key}"
            return Fault(body=json.dumps({"data": self._models})) if accepted else key_refused()
        if received.path != f"{path}/chat/completions" + (f"?{query}" if query else ""):
            return refusal(404, f"Unknown request URL: {received.path}")
        if self._key is not None and received.headers.get("authorization") != f"Bearer {self._key}":
            return key_refused()
        body = received.body
        refused = self._service.refuses(body) or (self._model and self._model.refuses(body))
        return refused or next((_REFUSALS[name] for name in self._refuses if name in body), None)

    def _completion(self, request: Body, fault: Fault) -> str:
        prompt = "".join(message["content"] for message in request["messages"])
        limit = request.get("max_tokens") or request.get("max_completion_tokens") or len(prompt)
        thinking = min(limit, self._model.thinks_for(request)) if self._model else 0
        whole = fault.alter(self._answer(request))
        text = whole[: (limit - thinking) * _CHARACTERS_A_TOKEN]
        reason = fault.finish_reason or ("stop" if text == whole else "length")
        message = {"role": "assistant", "content": text, **fault.message}
        tokens = (_tokens(prompt), _tokens(text) + thinking)
        self.prompt_tokens += tokens[0]
        self.completion_tokens += tokens[1]
        return json.dumps(
            {
                "id": f"chatcmpl-{next(self._numbers)}",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": request["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": reason}],
                "service_tier": self._tier,
                "usage": {
                    "prompt_tokens": tokens[0],
                    "completion_tokens": tokens[1],
                    "total_tokens": sum(tokens),
                    "completion_tokens_details": {"reasoning_tokens": thinking},
                },
            }
        )


@dataclass(frozen=True, slots=True)
class _Answer:
    fault: Fault
    body: bytes

    @property
    def head(self) -> bytes:
        headers = {"content-type": "application/json", **self.fault.headers}
        lines = [
            f"HTTP/1.1 {self.fault.status} {responses.get(self.fault.status, 'Unknown')}",
            *(f"{name}: {value}" for name, value in headers.items()),
            f"content-length: {len(self.body)}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _receive(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request_line, *lines = head.rstrip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    data = await reader.readexactly(int(headers.get("content-length", "0")))
    _, path, _ = request_line.split()
    body = {"messages": [], **json.loads(data or b"{}")}
    return Received(arrived=time.monotonic(), path=path, headers=headers, body=body)


async def _client_left(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Wait, unless the client hangs up before; a client that waits for its answer sends nothing."""
    if seconds <= 0:
        return False
    try:
        await asyncio.wait_for(reader.read(1), seconds)
    except TimeoutError:
        return False
    return True


async def _send(answer: _Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    half = len(answer.body) // 2
    match answer.fault.breaks:
        case Break.BODY_DROPPED:
            await _write(writer, answer.head + answer.body[:half])
            writer.transport.abort()
        case Break.BODY_STALLS:
            await _write(writer, answer.head + answer.body[:half])
            await _client_left(reader, STALL_SECONDS)
            writer.close()
        case Break.BODY_DRIPS:
            await _drip(answer, reader, writer)
        case _:
            await _write(writer, answer.head + answer.body)


async def _drip(answer: _Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a byte at a time, for far longer than a client waits, but never silent for long."""
    await _write(writer, answer.head)
    for byte in answer.body:
        await _write(writer, bytes([byte]))
        if await _client_left(reader, 0.02):
            break
    writer.close()


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


def _tokens(text: str) -> int:
    return -(-len(text) // _CHARACTERS_A_TOKEN)

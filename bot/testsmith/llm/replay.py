"""Record a run's model calls in a file, and replay them.

The file has one JSON object per line: the `digest` of the request, `call` (the number of earlier calls with
this digest, in the order in which they began), the `request`, and its `response` or `error`. It contains no
key.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from testsmith.decode import Malformed, decode
from testsmith.llm.interface import (
    CompletionRequest,
    CompletionResponse,
    Provider,
    ProviderError,
    ReplayMissed,
)
from testsmith.model import UsageFailure

FORMAT = "testsmith-exchange-1"
"""Format marker in every line, so that other files are not accepted as recordings."""

Outcome = CompletionResponse | ProviderError
"""Result of a request."""


def request_digest(request: CompletionRequest) -> str:
    """Return the SHA-256 hex digest of a request's canonical JSON."""
    canonical = json.dumps(asdict(request), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One call: the request's digest, the number of earlier calls with it, and the result."""

    digest: str
    call: int
    outcome: Outcome


class RecordProvider:
    """The outermost layer: writes each answer or error to disk before the caller gets it."""

    def __init__(self, inner: Provider, file: Path) -> None:
        """Wrap a provider. New exchanges are appended to an existing recording.

        Raises:
            UsageFailure: The file cannot be written, or is not a recording.
        """
        self._inner = inner
        self._file = file
        self._append(b"")
        self._begun = Counter[str]()
        for exchange in read_recording(file):
            self._begun[exchange.digest] = max(self._begun[exchange.digest], exchange.call + 1)

    async def complete(self, request: CompletionRequest) -> CompletionResponse:
        """See `Provider.complete`."""
        digest = request_digest(request)
        call = self._begun[digest]
        self._begun[digest] += 1
        try:
            response = await self._inner.complete(request)
        except ProviderError as error:
            self._write(request, Exchange(digest=digest, call=call, outcome=error))
            raise
        self._write(request, Exchange(digest=digest, call=call, outcome=response))
        return response

    def _write(self, request: CompletionRequest, exchange: Exchange) -> None:
        line = {
            "format": FORMAT,
            "digest": exchange.digest,
            "call": exchange.call,
            "request": asdict(request),
        }
        line |= _encode(exchange.outcome)
        self._append(json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n")

    def _append(self, line: bytes) -> None:
        try:
            with self._file.open("ab", buffering=0) as file:
                file.write(line)
                os.fsync(file.fileno())
        except OSError as error:
            raise UsageFailure(
                f"Could not write the recording {self._file} ({error.strerror}). Choose another file."
            ) from error


class ReplayProvider:
    """Answers from a recording only. Repeated requests get their answers in the order of the calls."""

    def __init__(self, file: Path) -> None:
        """Read the recording.

        Raises:
            UsageFailure: The file cannot be read, or is not a recording.
        """
        self._file = file
        self._outcomes: defaultdict[str, deque[Outcome]] = defaultdict(deque)
        for exchange in sorted(read_recording(file), key=lambda exchange: exchange.call):
            self._outcomes[exchange.digest].append(exchange.outcome)

    async def complete(self, request: CompletionRequest) -> CompletionResponse:
        """Return the recorded answer. See `Provider.complete`.

        Raises:
            ReplayMissed: The recording has no answer to this request left.
        """
        digest = request_digest(request)
        if not self._outcomes[digest]:
            raise ReplayMissed(
                f"{self._file} has no answer left for this request (digest {digest[:12]}). Replay with "
                f"the revisions, settings and version of the recorded run, or record again."
            )
        outcome = self._outcomes[digest].popleft()
        if isinstance(outcome, ProviderError):
            raise outcome
        return outcome


def read_recording(file: Path) -> list[Exchange]:
    """Return a recording's exchanges, in the order in which they ended.

    Raises:
        UsageFailure: The file cannot be read, or a line was not written by `RecordProvider`.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise UsageFailure(f"Could not read the recording {file} ({error.strerror}).") from error
    return [_decode_line(line, f"{file}, line {number},") for number, line in enumerate(lines, start=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _RecordedError:
    kind: str
    message: str
    attempts: int

    def error(self) -> ProviderError:
        error = _error_kinds()[self.kind](self.message)
        error.attempts = self.attempts
        return error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    format: Literal["testsmith-exchange-1"]
    digest: str
    call: int
    response: CompletionResponse | None = None
    error: _RecordedError | None = None


def _decode_line(line: bytes, where: str) -> Exchange:
    try:
        read = decode(_Line, line)
        outcome = read.response if read.error is None else read.error.error()
        if outcome is not None:
            return Exchange(digest=read.digest, call=read.call, outcome=outcome)
    except (Malformed, KeyError):
        pass
    raise UsageFailure(f"{where} was not written by --record. Record again, or choose another file.")


def _encode(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, CompletionResponse):
        return {"response": asdict(outcome)}
    kind = type(outcome).__name__
    return {"error": {"kind": kind, "message": str(outcome), "attempts": outcome.attempts}}


def _error_kinds() -> dict[str, type[ProviderError]]:
    return {kind.__name__: kind for kind in _and_below(ProviderError)}


def _and_below(kind: type[ProviderError]) -> Iterator[type[ProviderError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _and_below(narrower)

"""Map SDK exceptions and endpoint responses to the errors in `interface.py`.

This is the only module that interprets them. Text from endpoints is always truncated, and the key is never
shown.
"""

from __future__ import annotations

import math
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from testsmith.llm.interface import (
    CannotConnect,
    ConnectionFailed,
    ContentFiltered,
    ContextTooLong,
    EndpointRetired,
    KeyRefused,
    ModelUnknown,
    ProviderError,
    QuotaEmpty,
    RateLimited,
    RequestRefused,
    ServerFailed,
    TimedOut,
    TransientError,
)
from testsmith.settings import Secret

MAX_READ_CHARACTERS = 2_000
"""Maximum characters of an endpoint's message to read."""

MAX_SHOWN_CHARACTERS = 300
"""Maximum characters of an endpoint's message to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEndpoint:
    """Endpoint and model of a call, for error messages.

    Attributes:
        url: The endpoint's URL in a form that may be shown, without user, password and query.
        model: The model's id.
        key: The key, which must never be shown; None if there is none.
        timeout_seconds: Time limit of one attempt.
    """

    url: str
    model: str
    key: Secret | None
    timeout_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """HTTP response that is not a completion.

    Attributes:
        status: The HTTP status.
        words: The endpoint's message, cleaned and truncated.
        codes: Its error codes and types, in lowercase.
        parameter: The parameter that it complains about; empty if it names none.
        retry_after: Requested delay in seconds; None if it names none.
    """

    status: int
    words: str = ""
    codes: frozenset[str] = frozenset()
    parameter: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    """Row of the table below: condition, error class, message and advice."""

    fits: Callable[[Refusal], bool]
    error: type[ProviderError]
    what: str
    advice: str


_QUOTA_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance"}
)
_MODEL_CODES = frozenset({"model_not_found", "deploymentnotfound", "invalid_model", "unknown_model"})
_FILTER_CODES = frozenset({"content_filter", "content_policy_violation", "responsibleaipolicyviolation"})
_CONTEXT_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_CONTEXT_WORDS = re.compile(
    r"context (length|window|size)|maximum context|(prompt|input) is too long|too many (input )?tokens"
    r"|token count.{0,40} exceeds|max_tokens must be at least 1, got -",
    re.IGNORECASE,
)
_MODEL_WORDS = re.compile(r"\bmodels?\b|no endpoints (found|available)", re.IGNORECASE)
"""The second alternative is the message of routers such as OpenRouter."""
_RETRY_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
_REDIRECTING = range(300, 400)
_TOO_LARGE = 413  # the name in `http` changed in Python 3.13
_PASSING = frozenset({408, 409, 425, *range(500, 600)})
"""Statuses of transient errors, the same that the SDK's own retries use."""
_REFUSING = frozenset({400, 413, 422, 500})
"""Statuses of requests that are rejected for their content. Some servers use 500."""

_RULES = (
    _Rule(
        lambda said: (
            said.status == HTTPStatus.PAYMENT_REQUIRED
            or bool(said.codes & _QUOTA_CODES)
            or "credit balance" in said.words
        ),
        QuotaEmpty,
        "The account has no credit left at {url}",
        "Add credit, or use another API key; --provider offline needs none.",
    ),
    _Rule(
        lambda said: (
            bool(said.codes & _FILTER_CODES)
            or (said.status == HTTPStatus.FORBIDDEN and "moderation" in said.words)
        ),
        ContentFiltered,
        "The endpoint's content filter refused the request",
        "Exclude this function, or use another model.",
    ),
    _Rule(
        lambda said: said.status == HTTPStatus.UNAUTHORIZED or "api_key_invalid" in said.codes,
        KeyRefused,
        "{url} does not accept the API key ({status})",
        "Check TESTSMITH_API_KEY or OPENAI_API_KEY, and that the API key belongs to this endpoint.",
    ),
    _Rule(
        lambda said: said.status == HTTPStatus.FORBIDDEN,
        KeyRefused,
        "{url} refuses access (403)",
        "Check that the API key may use the model {model}, and that the endpoint still exists.",
    ),
    _Rule(
        lambda said: said.status == HTTPStatus.TOO_MANY_REQUESTS,
        RateLimited,
        "Too many requests to {url} (429)",
        "Run again later, or lower --max-concurrent-calls.",
    ),
    _Rule(
        lambda said: (
            said.status == _TOO_LARGE
            or bool(said.codes & _CONTEXT_CODES)
            or (said.status in _REFUSING and bool(_CONTEXT_WORDS.search(said.words)))
        ),
        ContextTooLong,
        "The prompt is too long for the model {model}",
        "Use a model with a longer context, or lower --prompt-token-budget.",
    ),
    _Rule(
        lambda said: (
            bool(said.codes & _MODEL_CODES)
            or (said.status == HTTPStatus.BAD_REQUEST and said.parameter == "model")
            or "not a valid model" in said.words
            or (said.status == HTTPStatus.NOT_FOUND and bool(_MODEL_WORDS.search(said.words)))
        ),
        ModelUnknown,
        "There is no model {model} at {url}",
        "Choose another one with --model; providers may retire models at short notice.",
    ),
    _Rule(
        lambda said: said.status in {404, 405, 410},
        EndpointRetired,
        "There is no chat completions endpoint at {url} ({status})",
        "Check --base-url (most end in /v1). If the service was retired, use another one, or --provider "
        "offline.",
    ),
    _Rule(
        lambda said: said.status in _REDIRECTING,
        EndpointRetired,
        "{url} redirects to another address ({status})",
        "Set the new address with --base-url.",
    ),
    _Rule(
        lambda said: said.status in _PASSING,
        ServerFailed,
        "The server at {url} failed ({status})",
        "Run again later.",
    ),
    _Rule(
        lambda _: True,
        RequestRefused,
        "{url} refused the request ({status})",
        "Check --model; lower --max-output-tokens if it is over the model's limit.",
    ),
)
"""Rules from most specific to most general. The first match applies."""


def read_refusal(
    status: int, headers: Mapping[str, str], body: object, *, target: ModelEndpoint, now: float
) -> Refusal:
    """Parse an HTTP response that is not a completion.

    Args:
        status: Its status.
        headers: Its headers, looked up case-insensitively.
        body: Its JSON, or its text if it is not JSON.
        target: The endpoint.
        now: Seconds since the epoch, for a `Retry-After` that is a date.
    """
    whole = body[0] if isinstance(body, list) and body else body  # Gemini wraps it in a list
    error = whole.get("error", whole) if isinstance(whole, dict) else whole
    fields = error if isinstance(error, dict) else {}
    said = fields.get("message") or fields.get("detail") or ("" if isinstance(error, dict) else error)
    metadata, details = fields.get("metadata"), _details(fields)
    raw = metadata.get("raw") if isinstance(metadata, dict) else None  # the upstream provider, at OpenRouter
    codes = [*(fields.get(name) for name in ("code", "type")), *(one.get("reason") for one in details)]
    asked = retry_after_seconds(headers, now)
    return Refusal(
        status=status,
        words=_clean(f"{said}: {raw}" if raw else said, target.key),
        codes=frozenset(str(code).lower() for code in codes),
        parameter=str(fields.get("param") or ""),
        retry_after=_retry_delay(details) if asked is None else asked,
    )


def _details(fields: Mapping[str, object]) -> list[dict[str, object]]:
    """Return the error details of Google's services."""
    details = fields.get("details")
    return [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []


def _retry_delay(details: list[dict[str, object]]) -> float | None:
    """Return the delay that Google's services name in the body, for example `34s`, in seconds."""
    delays = (_RETRY_DELAY.fullmatch(str(one.get("retryDelay"))) for one in details)
    return next((float(delay[1]) for delay in delays if delay), None)


def refused(said: Refusal, target: ModelEndpoint) -> ProviderError:
    """Return the error for a rejection."""
    rule = next(rule for rule in _RULES if rule.fits(said))
    what = rule.what.format(url=target.url, model=target.model, status=said.status)
    own_words = "" if rule.error is KeyRefused else _shown(said.words)
    error = rule.error(f"{what}{own_words}. {rule.advice.format(model=target.model)}")
    if isinstance(error, TransientError):
        error.retry_after = said.retry_after
    return error


def content_filtered(target: ModelEndpoint) -> ContentFiltered:
    """Return the error for an answer that was filtered, or that the model declined to give."""
    return ContentFiltered(
        f"Model {target.model} gave no answer because of its content filter. "
        "Exclude this function, or use another model."
    )


def not_sendable() -> RequestRefused:
    """Return the error for a prompt that cannot be encoded as UTF-8, for example due to a file name."""
    return RequestRefused("The prompt has text that is not valid Unicode. Exclude this function.")


def no_completion(target: ModelEndpoint) -> ServerFailed:
    """Return the error for a successful response that does not contain a completion."""
    return ServerFailed(
        f"{target.url} returned an invalid completion. Check --base-url (most end in /v1), or run again "
        f"later."
    )


def broken_off(error: Exception, target: ModelEndpoint) -> ProviderError:
    """Return the error for an exception without an HTTP response."""
    import openai

    chain = tuple(_chain(error))
    names = {type(link).__name__ for link in chain}
    if names & {"ConnectError", "ConnectTimeout", "ProxyError"}:
        return CannotConnect(
            f"Could not connect to {target.url}: {_obstacle(chain)}. Check --base-url and the network."
        )
    if isinstance(error, TimeoutError | openai.APITimeoutError):
        return TimedOut(
            f"No complete answer from {target.url} within {target.timeout_seconds:g} s. "
            "Run again later, or raise --timeout."
        )
    return ConnectionFailed(
        f"The connection to {target.url} was lost. Check the network, or run again later."
    )


def retry_after_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """Return the delay from `retry-after-ms` or `retry-after` (a number or a date), in seconds."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    asked = headers.get("retry-after")
    seconds = _number(asked)
    if seconds is not None or asked is None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None


def _clean(said: object, key: Secret | None) -> str:
    """Return an endpoint's message on one line, truncated, without key, markup and control characters."""
    whole = str(said)
    text = (whole.replace(key.value, "***") if key else whole)[:MAX_READ_CHARACTERS]
    if text.lstrip().startswith("<"):
        return ""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())


def _shown(words: str) -> str:
    """Return an endpoint's cleaned message as the end of a message: truncated, without a final period."""
    cut = words if len(words) <= MAX_SHOWN_CHARACTERS else words[: MAX_SHOWN_CHARACTERS - 1] + "…"
    return cut and f": {cut.rstrip('.')}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _obstacle(chain: tuple[BaseException, ...]) -> str:
    """Describe why there is no connection."""
    for link in chain:
        if isinstance(link, socket.gaierror):
            return "there is no such host"
        if isinstance(link, ConnectionRefusedError):
            return "the connection was refused"
        if isinstance(link, ssl.SSLError):
            return "its TLS certificate or encryption was not accepted"
    return "there was no answer"

"""Translate failed requests into the forge's errors. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from testsmith.forge.interface import DiffTooLarge, Forbidden, ForgeFailure, NotFound, Refused

_SHOWN_LIMIT = 200
_FORBIDDEN_KIND = "FORBIDDEN"
_NOT_FOUND_KIND = "NOT_FOUND"
_LIMIT_KINDS = frozenset({"RATE_LIMIT", "RATE_LIMITED"})
_DEFAULT_WAIT = 60.0
_DOUBLINGS = 6
_DIGITS = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The purpose of a request.

    Attributes:
        what: The action, in words that follow "cannot": `read pull request 7`.
        permission: The permission it needs, as a workflow grants it.
    """

    what: str
    permission: str


class Lost(Exception):
    """No response, or an unreadable one: the request may or may not have been carried out."""


class Rejected(Exception):
    """GitHub did not carry out a request.

    Attributes:
        status: The HTTP status; 200 for a GraphQL error.
        headers: The response headers, with lower-case names.
        kinds: The GraphQL error types.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        kinds: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}
        self.kinds = kinds


def wait_asked(rejected: Rejected, *, now: float, attempt: int) -> float | None:
    """Return for how many seconds GitHub asks to wait; None if the response is not a rate limit.

    Args:
        rejected: The response.
        now: Seconds since 1970.
        attempt: Number of earlier rate-limited attempts.
    """
    if not _is_limit(rejected):
        return None
    data = _whole(rejected.headers.get("retry-after"))
    if data is not None:
        return float(max(1, data))
    reset = _whole(rejected.headers.get("x-ratelimit-reset"))
    if reset is not None and rejected.headers.get("x-ratelimit-remaining") == "0":
        return max(0.0, reset - now) + 1.0
    return _DEFAULT_WAIT * 2.0 ** min(attempt, _DOUBLINGS)


def _is_limit(rejected: Rejected) -> bool:
    if rejected.status == HTTPStatus.TOO_MANY_REQUESTS or _LIMIT_KINDS.intersection(rejected.kinds):
        return True
    data = "retry-after" in rejected.headers or "rate limit" in rejected.message.lower()
    return rejected.status == HTTPStatus.FORBIDDEN and data


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


def failure(rejected: Rejected, ask: Ask) -> ForgeFailure:
    """Return the forge error for a rejected request."""
    said = f"GitHub says {shown(rejected.message)}" if rejected.message else f"status {rejected.status}"
    message = f"Cannot {ask.what}: {said}."
    if _lacks_permission(rejected):
        return Forbidden(
            f"{message} Grant the workflow's token `{ask.permission}`.", permission=ask.permission
        )
    if rejected.status == HTTPStatus.UNAUTHORIZED:
        return ForgeFailure(f"{message} The token is not valid, or no longer: give the step a new one.")
    if rejected.status == HTTPStatus.NOT_FOUND or _NOT_FOUND_KIND in rejected.kinds:
        return NotFound(f"{message} Either it is gone, or the token may not see it.")
    if rejected.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return Refused(message)
    if rejected.status == HTTPStatus.NOT_ACCEPTABLE:
        return DiffTooLarge(message)
    return ForgeFailure(f"{message} The job can be run again.")


def _lacks_permission(rejected: Rejected) -> bool:
    said = rejected.message.lower()
    words = said.startswith("resource not accessible") or "must have" in said
    return _FORBIDDEN_KIND in rejected.kinds or (rejected.status == HTTPStatus.FORBIDDEN and words)


def shown(text: str) -> str:
    """Return a text from GitHub quoted, on one line, and shortened."""
    line = " ".join(text.split()).rstrip(".")
    return repr(line if len(line) <= _SHOWN_LIMIT else f"{line[:_SHOWN_LIMIT]}…")

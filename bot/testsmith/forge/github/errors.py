"""Translate failed requests into the forge's errors. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated

from testsmith.decode import IF_VALID, Malformed, OrElse, at, decode
from testsmith.forge.interface import DiffTooLarge, Forbidden, ForgeFailure, NotFound, Refused

_SHOWN_LIMIT = 200
_LIMIT_KINDS = frozenset({"RATE_LIMIT", "RATE_LIMITED"})
_DEFAULT_WAIT = 60.0
_DOUBLINGS = 6
_DIGITS = 11


class Lost(Exception):
    """No response, or an unreadable one: the request may or may not have been carried out."""


@dataclass(eq=False, kw_only=True)
class Rejected(Exception):
    """GitHub did not carry out a request.

    Attributes:
        status: The HTTP status; 200 for a GraphQL error.
        message: GitHub's message.
        permission: The permission that the request needs, as a workflow grants it.
        headers: The response headers, with lower-case names.
        kinds: The GraphQL error types.
    """

    status: int = 0
    message: str = ""
    permission: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()

    def has(self, kind: str, words: Iterable[str]) -> bool:
        """Return whether it is of a GraphQL error type, or has some words in its message."""
        said = self.message.lower()
        return kind in self.kinds or any(each in said for each in words)


@dataclass(frozen=True, slots=True)
class _Detail:
    message: str = ""


@dataclass(frozen=True, slots=True)
class _RestError:
    message: str
    errors: Annotated[tuple[Annotated[str | _Detail, IF_VALID], ...] | str, OrElse(())] = ()


def rest_error(status: int, headers: Mapping[str, str], text: str, permission: str) -> Rejected:
    """Return the error in a REST response that has neither succeeded nor been lost."""
    message = ""
    with suppress(Malformed):
        error = decode(_RestError, text)
        errors = (error.errors,) if isinstance(error.errors, str) else error.errors
        details = (one if isinstance(one, str) else one.message for one in errors)
        message = ": ".join((error.message, *filter(None, details)))
    return Rejected(status=status, message=message, permission=permission, headers=headers)


def permission_for(method: str, path: str) -> str:
    """Return the permission that a REST request below a repository needs, as a workflow grants it."""
    if path.startswith("/collaborators"):
        return "metadata: read"
    scope = "pull-requests" if path.startswith(("/pulls", "/issues")) else "contents"
    return f"{scope}: {'read' if method == 'GET' else 'write'}"


@dataclass(frozen=True, slots=True)
class _GraphQLError:
    message: str = ""
    type: str | None = None
    code: Annotated[str | None, at("extensions", "code")] = None  # instead of a type, of an invalid document


@dataclass(frozen=True, slots=True)
class _GraphQLErrors:
    errors: tuple[_GraphQLError, ...] = ()


def graphql_error(text: str, permission: str) -> Rejected | Lost | None:
    """Return the error in a GraphQL response. Without an error type, the outcome is unknown.

    Raises:
        Malformed: It is not a GraphQL response.
    """
    errors = decode(_GraphQLErrors, text).errors
    if not errors:
        return None
    kinds = tuple(kind for one in errors if (kind := one.type or one.code))
    message = " ".join(one.message for one in errors if one.message)
    if not kinds:
        return Lost(message or "an error without a message")
    return Rejected(status=200, message=message, permission=permission, kinds=kinds)


def wait_asked(rejected: Rejected, *, now: float, attempt: int) -> float | None:
    """Return for how many seconds GitHub asks to wait; None if the response is not a rate limit.

    Args:
        rejected: The response.
        now: Seconds since 1970.
        attempt: Number of earlier rate-limited attempts.
    """
    if not _is_limit(rejected):
        return None
    seconds = _whole(rejected.headers.get("retry-after"))
    if seconds is not None:
        return float(max(1, seconds))
    reset = _whole(rejected.headers.get("x-ratelimit-reset"))
    if reset is not None and rejected.headers.get("x-ratelimit-remaining") == "0":
        return max(0.0, reset - now) + 1.0
    return _DEFAULT_WAIT * 2.0 ** min(attempt, _DOUBLINGS)


def _is_limit(rejected: Rejected) -> bool:
    if rejected.status == HTTPStatus.TOO_MANY_REQUESTS or _LIMIT_KINDS.intersection(rejected.kinds):
        return True
    says_limit = "retry-after" in rejected.headers or "rate limit" in rejected.message.lower()
    return rejected.status == HTTPStatus.FORBIDDEN and says_limit


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


def failure(rejected: Rejected, what: str) -> ForgeFailure:
    """Return the forge error for a rejected request; `what` is as in `Connection`."""
    said = f"GitHub says {shown(rejected.message)}" if rejected.message else f"status {rejected.status}"
    message = f"Cannot {what}: {said}."
    if _lacks_permission(rejected):
        needed = rejected.permission
        return Forbidden(f"{message} Grant the workflow's token `{needed}`.", permission=needed)
    if rejected.status == HTTPStatus.UNAUTHORIZED:
        return ForgeFailure(f"{message} The token is not valid or has expired. Give the step a new one.")
    if rejected.status == HTTPStatus.NOT_FOUND or "NOT_FOUND" in rejected.kinds:
        return NotFound(f"{message} It no longer exists, or the token has no access to it.")
    if rejected.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return Refused(message)
    if rejected.status == HTTPStatus.NOT_ACCEPTABLE:
        return DiffTooLarge(message)
    return ForgeFailure(f"{message} Run the job again.")


def _lacks_permission(rejected: Rejected) -> bool:
    said = rejected.message.lower()
    words = said.startswith("resource not accessible") or "must have" in said
    return "FORBIDDEN" in rejected.kinds or (rejected.status == HTTPStatus.FORBIDDEN and words)


def refusal_of(failed: ForgeFailure) -> Rejected:
    """Return GitHub's answer that led to a failure; one without words if none did."""
    return failed.__cause__ if isinstance(failed.__cause__, Rejected) else Rejected()


def shown(text: str) -> str:
    """Return a text from GitHub quoted, on one line, and shortened."""
    line = " ".join(text.split()).rstrip(".")
    return repr(line if len(line) <= _SHOWN_LIMIT else f"{line[:_SHOWN_LIMIT]}…")

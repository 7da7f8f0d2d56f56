"""One request and its answer, apart from the server that carries them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fakes.github.state import Token

DOCUMENTATION = "https://docs.github.com/rest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request to an operation.

    Attributes:
        parameters: What the path says, by GitHub's names.
        token: None for a client that showed none.
    """

    method: str
    path: str
    parameters: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    token: Token | None

    @property
    def login(self) -> str:
        """Who asks; empty for nobody."""
        return self.token.login if self.token else ""

    @property
    def accepts(self) -> str:
        return self.headers.get("accept", "")

    def number(self, name: str) -> int:
        return int(self.parameters[name])

    def told(self, key: str, default: Any = None) -> Any:
        """Return a value of the body."""
        return (self.body or {}).get(key, default)


@dataclass(slots=True, kw_only=True)
class Answer:
    """What is sent back.

    Attributes:
        body: As JSON; None for an empty answer.
        text: What is sent in place of JSON, with its media type in `media`.
        is_cut: Whether the body is a whole list that the server still has to cut into pages.
    """

    status: int = 200
    body: Any = None
    text: bytes | None = None
    media: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


class Refused(Exception):
    """GitHub doesn't do what was asked."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: list[Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {message} {errors or ''}")
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = headers or {}

    def answer(self, *, plain_errors: bool = False) -> Answer:
        """Return it as GitHub would; some operations tell errors as objects, some as plain words."""
        body: dict[str, Any] = {"message": self.message}
        if self.errors is not None:
            tell = _as_words if plain_errors else _as_object
            body["errors"] = [tell(error) for error in self.errors]
        body |= {"documentation_url": DOCUMENTATION, "status": str(self.status)}
        return Answer(status=self.status, body=body, headers=dict(self.headers))


def _as_words(error: Any) -> str:
    return error if isinstance(error, str) else str(error.get("message", error))


def _as_object(error: Any) -> dict[str, Any]:
    return {"code": "custom", "message": error} if isinstance(error, str) else error


def not_found() -> Refused:
    return Refused(404, "Not Found")


def unprocessable(*errors: Any) -> Refused:
    return Refused(422, "Unprocessable Entity", list(errors))


def invalid(resource: str, field_name: str, message: str) -> Refused:
    """Return the other form that GitHub gives to a 422."""
    error = {"resource": resource, "code": "custom", "field": field_name, "message": message}
    return Refused(422, "Validation Failed", [error])


def conflict(message: str) -> Refused:
    return Refused(409, message)

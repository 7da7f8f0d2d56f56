"""Failures on demand: they hit the requests that a test names, before or after the work is done."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from fakes.github.wire import Answer


@dataclass(slots=True, kw_only=True)
class Fault:
    """One failure.

    Attributes:
        request: A regular expression that is searched in `POST /repos/o/r/pulls/1/reviews`.
        status: What is answered; 0 closes the connection without an answer.
        when: `after` does the work and loses the answer; `before` does nothing.
        times: How many requests it hits.
        skip: How many matching requests it lets pass first.
        body: What is answered, as JSON.
        text: What is answered in its place, as a page of HTML.
    """

    request: str
    status: int
    when: Literal["before", "after"] = "before"
    times: int = 1
    skip: int = 0
    body: Any = None
    text: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self) -> Answer:
        body = self.body if self.body is not None else {"message": f"fault {self.status}"}
        answer = Answer(status=self.status, body=body, headers=dict(self.headers))
        if self.text is not None:
            answer.text, answer.media = self.text, "text/html; charset=utf-8"
        return answer


@dataclass
class FaultQueue:
    """The failures that still wait for their requests."""

    waiting: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        self.waiting.append(fault)

    def take(self, request: str) -> Fault | None:
        """Return the failure that hits a request, None where none does."""
        for fault in self.waiting:
            if fault.times > 0 and re.search(fault.request, request):
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None


def secondary_limit(request: str, *, retry_after: int | None, times: int = 1, status: int = 403) -> Fault:
    """Return the failure with which GitHub slows down a client that writes too much."""
    return Fault(
        request=request,
        status=status,
        times=times,
        body={"message": SECONDARY, "documentation_url": "https://docs.github.com/rest/rate-limits"},
        headers={} if retry_after is None else {"Retry-After": str(retry_after)},
    )


SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "If you reach out to GitHub Support for help, please include the request ID."
)
"""What GitHub says when a client is slowed down."""

from __future__ import annotations

import pytest

from testsmith.forge.github.errors import Rejected, wait_asked

LIMIT = "API rate limit exceeded for installation ID 1."


@pytest.mark.parametrize(
    ("status", "message", "headers", "wait"),
    [
        (403, LIMIT, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1030"}, 31),
        (403, LIMIT, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "900"}, 1),
        (403, LIMIT, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, 60),
        (403, LIMIT, {"x-ratelimit-remaining": "7", "x-ratelimit-reset": "1030"}, 60),
        (429, "", {"retry-after": "5", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1030"}, 5),
        (429, "", {"retry-after": "-5"}, 60),
        (429, "", {"retry-after": "nan"}, 60),
        (429, "", {"retry-after": "٣"}, 60),
        (429, "", {"retry-after": "9" * 400}, 60),
        (403, "Forbidden", {"retry-after": "5"}, 5),
        (403, "Forbidden", {"x-ratelimit-remaining": "0"}, None),
        (404, "Not Found", {"retry-after": "5"}, None),
        (422, "rate limit", {}, None),
    ],
)
def test_wait_asked__by_what_github_tells(
    status: int, message: str, headers: dict[str, str], wait: float | None
) -> None:
    assert (
        wait_asked(Rejected(status=status, message=message, headers=headers), now=1_000.0, attempt=0) == wait
    )


def test_wait_asked__grows_where_no_time_is_told() -> None:
    waits = [wait_asked(Rejected(status=429), now=0.0, attempt=attempt) for attempt in (0, 1, 2, 10**9)]
    assert waits == [60, 120, 240, 3_840]

"""Cuts lists into pages as GitHub does, with the links to the others."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fakes.github.wire import Answer, Refused

_DEFAULT = 30
_MOST = 100


def cut(answer: Answer, url: str, query: dict[str, str]) -> None:
    """Leave of an answer's list the page that was asked for, and link to the others."""
    items, size = _list(answer.body), min(_number(query, "per_page", _DEFAULT), _MOST)
    if items is None:
        return
    page = _number(query, "page", 1)
    last = max(1, -(-len(items) // size))
    links = _links(page, last)
    kept = items[(page - 1) * size : page * size]
    items[:] = kept
    if links:
        targets = {name: urlencode(query | {"page": str(number)}) for name, number in links.items()}
        answer.headers["Link"] = ", ".join(
            f'<{url}?{target}>; rel="{name}"' for name, target in targets.items()
        )


def _links(page: int, last: int) -> dict[str, int]:
    back = {"prev": page - 1} if page > 1 else {}
    on = {"next": page + 1, "last": last} if page < last else {}
    return back | on | ({"first": 1} if page > 1 else {})


def _list(body: Any) -> list[Any] | None:
    """Return the list in a body: it itself, or the one beside `total_count`."""
    if isinstance(body, list):
        return body
    if isinstance(body, dict) and "total_count" in body:
        return next((value for value in body.values() if isinstance(value, list)), None)
    return None


def _number(query: dict[str, str], name: str, default: int) -> int:
    try:
        number = int(query.get(name, default))
    except ValueError as error:
        raise Refused(422, f"{name} is no number") from error
    return number if number > 0 else default

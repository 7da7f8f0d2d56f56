"""Render what would be posted on a pull request, exactly as it would be posted. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testsmith.forge.interface import (
    Anchor,
    CreateReview,
    CreateSummary,
    HideComment,
    NewComment,
    Operation,
    UpdateSummary,
)
from testsmith.reporting.escaping import code, inline
from testsmith.reporting.phrases import count
from testsmith.reporting.rendering import fill


def planned_review(operations: Sequence[Operation]) -> str:
    """Return the summary comment and the review comments as Markdown; empty if nothing would be posted."""
    posted = [_comment(one) for one in new_comments(operations)]
    summary = next((one.body for one in operations if isinstance(one, CreateSummary | UpdateSummary)), "")
    hidden = sum(isinstance(one, HideComment) and one.reason is not None for one in operations)
    parts = []
    if posted or summary:
        parts.append(fill("review.md.j2", {"summary": summary, "comments": posted}))
    if hidden:
        parts.append(f"{count(hidden, 'earlier comment')} would be hidden.")
    return "".join(f"{part}\n" for part in parts)


def new_comments(operations: Sequence[Operation]) -> Iterator[NewComment]:
    """Yield the review comments that would be posted."""
    for operation in operations:
        if isinstance(operation, CreateReview):
            yield from operation.comments


def _comment(comment: NewComment) -> dict[str, str]:
    return {"place": _place(comment.anchor), "text": comment.body}


def _place(anchor: Anchor) -> str:
    lines = (
        f"line {anchor.line}" if anchor.start_line is None else f"lines {anchor.start_line} to {anchor.line}"
    )
    return f"{inline(code(anchor.path))}, {lines}"

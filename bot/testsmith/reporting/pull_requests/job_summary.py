"""Render the job summary, with the full review if it is not on the pull request. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from testsmith.forge.reconcile import ShownWhere
from testsmith.forge.review_result import PostStatus, ReviewResult
from testsmith.model import Report
from testsmith.reporting.audit_phrases import OF_PULL_REQUEST, audit_section
from testsmith.reporting.escaping import code, code_block, inline, paragraph, parse
from testsmith.reporting.phrases import count
from testsmith.reporting.pull_requests.comments import suggestion_comment
from testsmith.reporting.pull_requests.member_status import MemberStatuses, account, found_in
from testsmith.reporting.pull_requests.summary import Extras, fitting, place, summary_text
from testsmith.reporting.rendering import View, fill
from testsmith.reporting.sweep_tables import funnel_chart

BYTES_LIMIT = 1_000_000
"""Maximum bytes of a job summary. GitHub shows nothing of one over 1,048,576 bytes."""

_ROWS_LIMIT = 80_000
_PATCH_LIMIT = 200_000
_NOTES_LIMIT = 24_000
_BYTES_FOR_CUT_NOTE = 200
_ELSEWHERE = "the JSON report of this run"

_DELIVERY_WORDS = {
    PostStatus.PLANNED: "",
    PostStatus.POSTED: "",
    PostStatus.NOT_ALLOWED: "The review could not be posted on the pull request. It is shown here in full.",
    PostStatus.HEAD_MOVED: "Nothing was posted.",
    PostStatus.FAILED: "The review may be incomplete on the pull request. It is shown here in full.",
    PostStatus.NOTHING: "There was nothing to review.",
}

_NOT_REVIEWED = "The pull request was not reviewed."

_READ_ONLY = "On pull requests from forks and Dependabot, GitHub gives workflows a read-only token."

_PERMISSION = re.compile(r"[a-z-]{1,40}: (?:read|write)")

_PERMISSION_USES = {
    "contents: read": "to read the project",
    "contents: write": "to commit tests, and to resolve outdated threads",
    "issues: write": "to post the summary comment",
    "pull-requests: read": "to read the pull request",
    "pull-requests: write": "to post the review and the summary comment",
}


def job_summary(reviewed: ReviewResult, view: View) -> str:
    """Return the job summary as Markdown, within GitHub's size limit.

    Args:
        reviewed: The result of the review.
        view: How a reader can reproduce it.
    """
    values = {
        "alert": _alert(reviewed),
        "permissions": tuple(_permission_words(one) for one in _lacking(reviewed)),
        "workflow": code_block(_granting(reviewed.missing), "yaml"),
        "patch": code_block(reviewed.patch.rstrip("\n"), "diff")
        if 0 < _size(reviewed.patch) <= _PATCH_LIMIT
        else "",
        "has_patch": bool(reviewed.patch),
    }
    blocks, summary = tuple[str, ...](), ""
    if reviewed.report is not None:
        data = account(reviewed.report, reviewed.settled)
        blocks = tuple(_blocks(reviewed, reviewed.report, data, view))
        summary = _summary(reviewed.report, data, view)
    if reviewed.text:
        blocks, summary = (), reviewed.text
    return _filled({**values, "summary": summary}, blocks)


def _summary(report: Report, data: MemberStatuses, view: View) -> str:
    chart = funnel_chart(report.statistics.funnel)
    extras = Extras(
        elsewhere=_ELSEWHERE,
        chart=chart,
        rows_limit=_ROWS_LIMIT,
        audit=audit_section(report, OF_PULL_REQUEST),
    )
    return summary_text(report, data, view, extras)


def _filled(values: Mapping[str, object], blocks: Sequence[str]) -> str:
    """Return the summary with as many of the blocks as fit."""
    bare = fill("job_summary.md.j2", {**values, "blocks": (), "cut": ""})
    shown = tuple(_fitting(blocks, BYTES_LIMIT - _size(bare) - _BYTES_FOR_CUT_NOTE))
    left = len(blocks) - len(shown)
    cut = f"… and {count(left, 'more suggestion')}; {_ELSEWHERE} lists all of them." if left else ""
    return f"{fill('job_summary.md.j2', {**values, 'blocks': shown, 'cut': cut})}\n"


def _alert(reviewed: ReviewResult) -> str:
    """Return an alert with the reason why the pull request is not complete, and notes; empty if it is."""
    is_whole = reviewed.delivery is not PostStatus.FAILED or reviewed.report is not None
    delivery = _DELIVERY_WORDS[reviewed.delivery] if is_whole else _NOT_REVIEWED
    if reviewed.text:  # a sweep's result is described by its reason alone
        delivery = ""
    words = " ".join(each for each in (delivery, _reason(reviewed)) if each)
    lines = (*([paragraph(parse(words))] if words else ()), *_note_lines(reviewed.notes))
    if not lines:
        return ""
    is_trouble = reviewed.delivery is PostStatus.FAILED or bool(_lacking(reviewed))
    return "\n>\n".join(
        (f"> [!{'WARNING' if is_trouble else 'NOTE'}]\n> {lines[0]}", *(f"> {line}" for line in lines[1:]))
    )


def _reason(reviewed: ReviewResult) -> str:
    if reviewed.is_read_only and reviewed.delivery is PostStatus.NOT_ALLOWED:
        return _READ_ONLY
    return reviewed.reason


def _lacking(reviewed: ReviewResult) -> tuple[str, ...]:
    """Return the missing permissions that a workflow can grant; none for a read-only run."""
    return () if reviewed.is_read_only else tuple(dict.fromkeys(reviewed.missing))


def _permission_words(permission: str) -> str:
    use = _PERMISSION_USES.get(permission, "")
    return inline((*code(permission), *parse(f", {use}" if use else "")))


def _granting(missing: Iterable[str]) -> str:
    """Return the workflow snippet that grants the permissions, including those the bot always needs."""
    granted = {"contents": "read", "pull-requests": "write"}
    for permission in filter(_PERMISSION.fullmatch, missing):
        scope, _, access = permission.partition(": ")
        if granted.get(scope) != "write":
            granted[scope] = access
    return "\n".join(("permissions:", *(f"  {scope}: {access}" for scope, access in granted.items())))


def _note_lines(notes: Sequence[str]) -> Iterator[str]:
    data = fitting([[paragraph(parse(note))] for note in notes], _NOTES_LIMIT)
    yield from (note for (note,) in data.shown)
    if data.left:
        yield f"… and {count(data.left, 'more note')} in the log"


def _blocks(reviewed: ReviewResult, report: Report, data: MemberStatuses, view: View) -> Iterator[str]:
    """Yield the suggestions without a comment, rendered like comments."""
    found, posted = found_in(report, reviewed.settled), _posted(reviewed)
    for content in (row.content for row in data.rows):
        if content in found and content not in posted:
            one = found[content]
            yield f"{place(one.member)}\n\n{suggestion_comment(one.suggestion, one.member, view)}"


def _posted(reviewed: ReviewResult) -> frozenset[str]:
    """Return the contents that have a comment on the pull request."""
    if reviewed.delivery is not PostStatus.POSTED or reviewed.settled is None:
        return frozenset()
    with_comment = {ShownWhere.NEW, ShownWhere.STANDING}
    proposals = reviewed.settled.proposals
    return frozenset(one.content for one in proposals if one.posting in with_comment)


def _fitting(blocks: Iterable[str], room: int) -> Iterator[str]:
    for block in blocks:
        room -= _size(f"\n\n---\n\n{block}")
        if room < 0:
            return
        yield block


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))

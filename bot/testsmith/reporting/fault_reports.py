"""Save a report in which a suggestion cannot be rendered, or every member had an internal error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from testsmith.faults import is_fault, skipped_by_fault
from testsmith.model import Report, SkipStage
from testsmith.reporting.report_assembly import numbered

_EVERY_MEMBER = (
    "every function and class was skipped because of an internal error. Run again with --verbose for the "
    "tracebacks, and please report it."
)


def readable(report: Report, show: Callable[[Report], object] | None = None) -> Report:
    """Return a report without suggestions that raise when rendered; their members are skipped.

    Args:
        report: The report.
        show: Renders a report; by default as JSON and as pull request comments.
    """
    show = show or _show
    try:
        show(report)
    except Exception as error:
        found = _guilty(report, show) if is_fault(error) else {}
        if not found:
            raise
        return _without(report, found)
    return report


def concluded(report: Report) -> Report:
    """Mark a report as failed if every member had an internal error."""
    lost = {one.member for one in report.skipped if one.stage is SkipStage.INTERNAL}
    is_failed = bool(report.members) and all(member.id in lost for member in report.members)
    return replace(report, failure=report.failure or _EVERY_MEMBER) if is_failed else report


def _show(report: Report) -> None:
    from testsmith.reporting.json_contract import render_json
    from testsmith.reporting.pull_requests.comments import suggestion_comment
    from testsmith.reporting.rendering import View

    render_json(report)
    members = {member.id: member for member in report.members}
    for one in report.suggestions:
        suggestion_comment(one, members[one.member], View(project=""))


def _guilty(report: Report, show: Callable[[Report], object]) -> dict[str, Exception]:
    """Return the members that cannot be rendered even alone, with the exceptions."""
    found: dict[str, Exception] = {}
    for member in dict.fromkeys(one.member for one in report.suggestions):
        own = tuple(one for one in report.suggestions if one.member == member)
        try:
            show(replace(report, suggestions=own, skipped=()))
        except Exception as error:
            if not is_fault(error):
                raise
            found[member] = error
    return found


def _without(report: Report, faults: Mapping[str, Exception]) -> Report:
    members = {member.id: member for member in report.members}
    lost = tuple(skipped_by_fault(members[member], error) for member, error in faults.items())
    return replace(
        report,
        suggestions=numbered(report.members, [one for one in report.suggestions if one.member not in faults]),
        skipped=(*report.skipped, *lost),
    )

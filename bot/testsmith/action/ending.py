"""From how a review ended to the step's exit code, outputs, annotations and last lines. All pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from testsmith.action.commands import Level
from testsmith.forge.reviewed import Delivery, Reviewed
from testsmith.model import Report
from testsmith.report.account import account
from testsmith.report.annotations import Annotation
from testsmith.report.annotations import annotations_of as proposals_of
from testsmith.report.words import headline

OUTPUTS = (
    "members",
    "suggestions",
    "skipped",
    "api-calls",
    "cache-hits",
    "report",
    "commit",
    "pull-request",
    "patch",
    "matrix",
    "parts",
)
"""Every output of the action."""

_TITLE = "TestSmith"
_GRANTING = "The job summary has the review, and the lines of the workflow that grant what is missing."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a review ended.

    Attributes:
        reviewed: What came of it.
        is_internal: Whether a fault of this program ended it.
        fails_on_error: Whether a failure of the forge or of the model's provider fails the step.
    """

    reviewed: Reviewed
    is_internal: bool = False
    fails_on_error: bool = False

    @property
    def failures(self) -> tuple[str, ...]:
        """What went wrong at the forge, at the model's provider, or here."""
        reviewed = self.reviewed
        forge = reviewed.reason if reviewed.delivery is Delivery.FAILED else ""
        run = reviewed.report.failure if reviewed.report is not None else None
        return tuple(dict.fromkeys(failure for failure in (forge, run) if failure))

    @property
    def exit_code(self) -> int:
        """The step's exit code: what is left out of a report is no failure."""
        return 1 if self.is_internal or (self.failures and self.fails_on_error) else 0


def about_the_run(level: Level, message: str) -> tuple[Level, Annotation]:
    """Return an annotation on the run as a whole."""
    return level, Annotation(title=_TITLE, message=message)


def annotations_of(ended: Ended) -> Iterator[tuple[Level, Annotation]]:
    """Give what is to be said about the run, and the proposals that are shown in no other way."""
    level = Level.ERROR if ended.exit_code else Level.WARNING
    for failure in ended.failures:
        yield about_the_run(level, failure)
    reviewed = ended.reviewed
    if reviewed.delivery is Delivery.NOT_ALLOWED and not reviewed.is_read_only:
        yield about_the_run(Level.WARNING, f"{reviewed.reason} {_GRANTING}")
    yield from ((Level.NOTICE, one) for one in proposals_of(reviewed))


def outputs_of(reviewed: Reviewed | None, report: str = "", patch: str = "") -> dict[str, str]:
    """Return the step's outputs.

    Args:
        reviewed: What came of the review; None where nothing was looked at.
        report: Where the report is, relative to the workspace; empty for nowhere.
        patch: Where the patch is, likewise.
    """
    reviewed = reviewed or Reviewed(delivery=Delivery.NOTHING)
    found = reviewed.report or Report(members=())
    figures = (
        len(found.members),
        len(found.suggestions),
        len(found.skipped),
        found.statistics.spending.api_calls,
        found.statistics.cache.hits,
    )
    handed_on = (reviewed.matrix, reviewed.parts)
    landed = (reviewed.commit, "" if reviewed.follow_up is None else str(reviewed.follow_up))
    return dict(
        zip(
            OUTPUTS,
            (*map(str, figures), report, *landed, patch, *handed_on),
            strict=True,
        )
    )


def last_lines(ended: Ended) -> Iterator[str]:
    """Give the sentences that end the log."""
    reviewed = ended.reviewed
    yield from reviewed.notes
    if reviewed.report is not None:
        yield headline(reviewed.report, account(reviewed.report, reviewed.settled).figures)
    if reviewed.reason and reviewed.delivery is not Delivery.FAILED:
        yield reviewed.reason

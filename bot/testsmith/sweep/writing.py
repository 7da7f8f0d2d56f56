"""Writing a sweep's tests into the working tree, with what they need in a project without tests."""

from __future__ import annotations

from collections.abc import Sequence

from testsmith import pipeline
from testsmith.changes.git import Repository
from testsmith.languages.driver import LanguageDriver
from testsmith.placement.plan import Marking, plan_edits
from testsmith.placement.support import with_support
from testsmith.settings import Settings
from testsmith.swept import SweepReport


def write_sweep(swept: SweepReport, settings: Settings, drivers: Sequence[LanguageDriver]) -> tuple[str, ...]:
    """Write a sweep's green suggestions into the working tree, and say in lines what came of it."""
    repository, report = Repository.open(settings.folder), swept.report
    tree = repository.working_tree()
    marking = Marking.of_members(report.members, drivers, marks=settings.commits.mark_tests)
    plan = plan_edits(report.suggestions, tree, drivers, marking)
    plan, made = with_support(plan, tree, repository.project, drivers)
    return (
        *pipeline.written(plan, repository.root),
        *(f"{path} is new: {reason}" for path, reason in made.items()),
    )

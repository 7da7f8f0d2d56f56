"""Run a sweep on a forge: respect the state of earlier pull requests, and publish to the open one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from testsmith.forge.comment_markers import content_digest
from testsmith.forge.commits import CommittingForge, PullText
from testsmith.forge.interface import ForgeFailure
from testsmith.forge.review_result import PostStatus, ReviewResult
from testsmith.forge.sweep_memory import Proposed, Remembered, SweepMemory, remembered
from testsmith.git.repository import Repository
from testsmith.git.trees import RepositoryTree
from testsmith.languages.language import Language
from testsmith.model import Member, Report
from testsmith.publish import (
    PublishOrder,
    PublishResult,
    PublishStatus,
    PullContents,
    publish_onto_default,
    why_not_ours,
)
from testsmith.reporting.phrases import proposal_words
from testsmith.reporting.sweep_pull_request import sweep_plan_text, sweep_pull_text, sweep_text
from testsmith.settings import CommitSettings, Settings, SweepSettings, SweepStep
from testsmith.sweep.machines import Planned, collect, plan_shards, prove_shard
from testsmith.sweep.parts import PartsFolder
from testsmith.sweep.run_sweep import SweepDependencies, plan, sweep
from testsmith.sweep.shards import matrix, shard_of
from testsmith.sweep_results import SweepPlan, SweepReport
from testsmith.tasks import in_thread
from testsmith.test_files.plan import Marking

SWEEP_BRANCH = "testsmith/sweep"
"""Name of the sweep branch."""

_DELIVERIES = {
    PublishStatus.DONE: PostStatus.POSTED,
    PublishStatus.NOTHING: PostStatus.NOTHING,
    PublishStatus.NOT_ALLOWED: PostStatus.NOT_ALLOWED,
}
_DRY = "This was a dry run: no tests were generated."
_UNREAD = "Could not read the pull requests of earlier sweeps, so some tests may be proposed again: {}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """The inputs of a sweep on a forge.

    Attributes:
        forge: The forge of the pull request.
        repository: The checked-out repository.
        head: Full object id of the swept commit of the default branch.
        settings: The settings.
        how: The step of the sweep to run.
        tools: The clients of the sweep.
        parts: Directory through which machines exchange parts.
        parts_place: Its path relative to the workspace.
        languages: The languages.
        notes: Sentences for the log and the job summary, added as they come up.
    """

    forge: CommittingForge
    repository: Repository
    head: str
    settings: Settings
    how: SweepSettings
    tools: SweepDependencies
    parts: PartsFolder
    parts_place: str
    languages: Sequence[Language]
    notes: list[str] = field(default_factory=list)


async def sweep_hosted(hosted: Hosted) -> ReviewResult:
    """Run the sweep step of a job, and return its result.

    Raises:
        Failure: The run cannot continue. If the forge refuses something, the result says so instead.
    """
    if hosted.how.dry_run and hosted.how.step in {SweepStep.SHARD, SweepStep.COLLECT}:
        return ReviewResult(delivery=PostStatus.NOTHING, reason=_DRY)
    if not hosted.how.dry_run and hosted.how.step in {SweepStep.PLAN, SweepStep.ALL}:
        obstacle = await in_thread(_obstacle, hosted)
        if obstacle:
            return ReviewResult(delivery=PostStatus.FAILED, reason=f"{obstacle} No tests were generated.")
    steps = {
        SweepStep.PLAN: _plan,
        SweepStep.SHARD: _prove_shard,
        SweepStep.COLLECT: _collect,
        SweepStep.ALL: _sweep_all,
    }
    done = await steps[hosted.how.step](hosted)
    return replace(done, notes=(*done.notes, *hosted.notes))


def _obstacle(hosted: Hosted) -> str:
    """Return why the tests could not be published, so that nothing is spent on them; empty if they could."""
    try:
        default = hosted.forge.default_branch()
        return why_not_ours(hosted.forge, SWEEP_BRANCH, default.name, hosted.head)
    except ForgeFailure:
        return ""


async def _plan(hosted: Hosted) -> ReviewResult:
    tools = replace(hosted.tools, why_not=await in_thread(_why_not, hosted))
    if hosted.how.dry_run:
        return _dry_result(await plan(hosted.settings, tools))
    planned = await plan_shards(hosted.settings, tools, hosted.parts, hosted.how.shards)
    return ReviewResult(
        delivery=PostStatus.NOTHING,
        report=Report(members=(), skipped=planned.plan.skipped, head=hosted.head),
        reason=_reason(planned),
        text=sweep_plan_text(planned.plan),
        matrix=json.dumps(matrix(len(planned.shards))) if planned.shards else "",
        parts=hosted.parts_place,
    )


def _reason(planned: Planned) -> str:
    if not planned.shards:
        return "Nothing to sweep: all functions and classes are covered or were already tried."
    return f"{len(planned.plan.taken)} functions are selected, in {len(planned.shards)} shards."


async def _prove_shard(hosted: Hosted) -> ReviewResult:
    shard = shard_of(hosted.how.shard)
    report = await prove_shard(hosted.settings, hosted.tools, hosted.parts, shard)
    data = SweepReport(plan=SweepPlan(ranked=()), report=report)
    return ReviewResult(
        delivery=PostStatus.NOTHING,
        report=report,
        reason=f"Shard {shard} is done. The last job combines the shards.",
        text=sweep_text(data, SweepMemory(), green_members(report), is_proposed=False),
        parts=hosted.parts_place,
    )


def green_members(report: Report) -> frozenset[str]:
    """Return the ids of the members that have accepted tests."""
    return frozenset(one.member for one in report.suggestions if one.is_green)


async def _collect(hosted: Hosted) -> ReviewResult:
    swept = await collect(hosted.settings, hosted.tools, hosted.parts)
    return await in_thread(_publish, hosted, swept)


async def _sweep_all(hosted: Hosted) -> ReviewResult:
    tools = replace(hosted.tools, why_not=await in_thread(_why_not, hosted))
    if hosted.how.dry_run:
        return _dry_result(await plan(hosted.settings, tools))
    return await in_thread(_publish, hosted, await sweep(hosted.settings, tools))


def _dry_result(planned: SweepPlan) -> ReviewResult:
    return ReviewResult(
        delivery=PostStatus.NOTHING,
        report=Report(members=(), skipped=planned.skipped, head=planned.head),
        reason=_DRY,
        text=sweep_plan_text(planned),
    )


def _why_not(hosted: Hosted) -> Callable[[Member], str]:
    """Return a function that says why a member must not be selected. An unreadable forge blocks nothing."""
    known = Remembered()
    try:
        default = hosted.forge.default_branch()
        known = remembered(hosted.forge.own_pulls(SWEEP_BRANCH, default.name))
    except ForgeFailure as failure:
        hosted.notes.append(_UNREAD.format(failure))
    return lambda member: known.why_not(content_for(member, hosted.languages))


def content_for(member: Member, languages: Sequence[Language]) -> str:
    """Return the content digest by which pull requests remember a member."""
    sources = (one.source.digest(member.source) for one in languages if one.name == member.language)
    return content_digest(member.id, next(sources, member.source))


def _publish(hosted: Hosted, swept: SweepReport) -> ReviewResult:
    tree = hosted.repository.commit_tree(hosted.head)
    done = publish_sweep(hosted.forge, swept, hosted.head, tree, hosted.languages, hosted.settings.commits)
    return _result(done, swept)


def publish_sweep(  # noqa: PLR0913, PLR0917
    forge: CommittingForge,
    swept: SweepReport,
    head: str,
    tree: RepositoryTree,
    languages: Sequence[Language],
    settings: CommitSettings,
) -> PublishResult:
    """Commit the tests of a sweep, and open or update its pull request.

    Args:
        forge: The forge of the repository.
        swept: The sweep.
        head: Full object id of the swept commit.
        tree: The files of that commit.
        languages: The languages.
        settings: The commit message settings, and whether tests are marked.
    """
    report = swept.report
    members = {member.id: member for member in report.members}
    marks, failing = settings.mark_tests, report.failing
    order = PublishOrder(
        head=head,
        suggestions=report.suggestions,
        tree=tree,
        languages=languages,
        settings=settings,
        marking=Marking.of_members(report.members, languages, marks=marks, failing=failing),
        adds_support=True,
    )

    def text(given: PullContents) -> PullText:
        known = remembered(given.pulls)
        kept = tuple(one for one in known.proposed if one.member not in given.dropped)
        new = [
            Proposed(
                member=one.member,
                content=content_for(members[one.member], languages),
                shown="".join(span.text for span in proposal_words([one])),
            )
            for one in given.suggestions
        ]
        memory = replace(known, proposed=kept).with_proposed(new)
        return sweep_pull_text(swept, memory, frozenset(one.member for one in new), given.unplaced)

    return publish_onto_default(forge, order, SWEEP_BRANCH, text)


def _result(done: PublishResult, swept: SweepReport) -> ReviewResult:
    committed = frozenset(one.member for one in done.suggestions)
    new = committed or green_members(swept.report)
    text = sweep_text(swept, SweepMemory(), new, done.unplaced, is_proposed=done.pull is not None)
    return ReviewResult(
        delivery=_DELIVERIES.get(done.status, PostStatus.FAILED),
        report=swept.report,
        reason=done.reason,
        missing=_missing(done),
        notes=swept.notes,
        patch=done.patch,
        commit=done.commit,
        follow_up=None if done.pull is None else done.pull.number,
        text=text,
    )


def _missing(done: PublishResult) -> tuple[str, ...]:
    return () if done.status is not PublishStatus.NOT_ALLOWED else ("contents: write", "pull-requests: write")

"""Review a pull request, from its event to its comments.

Read the current state, process what changed, then read again before writing: people push and comment during
the minutes that verification takes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from testsmith.events import COMMIT_TRAILER, ReviewPullRequest
from testsmith.forge.comment_positions import ShownFile, shown_files
from testsmith.forge.commits import CommittingForge
from testsmith.forge.interface import (
    DiffTooLarge,
    Existing,
    Forbidden,
    Forge,
    ForgeFailure,
    HeadMoved,
    Viewer,
)
from testsmith.forge.pr_state import State, is_unchanged
from testsmith.forge.reconcile import (
    DesiredState,
    PostLimits,
    Reconciled,
    Texts,
    own_summaries,
    reconcile,
    remember,
)
from testsmith.forge.review_result import PostStatus, ReviewResult
from testsmith.git.fetch import CannotFetch
from testsmith.languages.language import Language
from testsmith.model import Progress, Report, Suggestion
from testsmith.pipeline import RunOptions
from testsmith.reporting.pull_requests.comments import SuggestedChange
from testsmith.reporting.pull_requests.pull_request import texts
from testsmith.reporting.rendering import View
from testsmith.review.checkouts import States
from testsmith.review.commit_tests import CommitStep
from testsmith.review.desired_state import Places, outcomes_of, suggested_changes
from testsmith.review.post_review import PostProgress, is_certainly_own, is_followed_by_own, post
from testsmith.settings import CommitSettings
from testsmith.tasks import in_thread
from testsmith.test_files.plan import FileEdit, Marking, plan_edits

_NOT_LISTED = (
    "The pull request changes too many files for GitHub to list them all, so no comment can stand beside the "
    "code; all proposals stand in the summary comment."
)

_SEVERAL_SUMMARIES = (
    "The pull request has several summary comments by {}. Two runs at the same moment may have written them. "
    "If not, another workflow posts foreign text with the same token: look at them, and give the action a "
    "token of its own."
)

_IGNORED = (
    "The pull request is left alone, as a comment has asked for; the comment `/testsmith resume` ends that."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDependencies:
    """The clients of a review, built by `main`.

    Attributes:
        forge: The forge of the pull request.
        open_states: Checks out its base and head; may take a while.
        suggest: Generates and verifies the tests.
        limits: The posting limits.
        languages: The languages.
        progress: Receives the progress of the run.
        commands: Whether comment commands such as `apply` are enabled.
        commits: Returns the commit settings.
        repeated: Command line words that repeat how the project is set up and tested.
    """

    forge: CommittingForge
    open_states: Callable[[ReviewPullRequest], States]
    suggest: Callable[[States, RunOptions], Awaitable[Report]]
    limits: PostLimits
    languages: Sequence[Language]
    progress: Progress
    commands: bool = False
    commits: Callable[[States], CommitSettings] = lambda _: CommitSettings()
    repeated: tuple[str, ...] = ()


async def review(task: ReviewPullRequest, tools: ReviewDependencies) -> ReviewResult:
    """Review a pull request and post the results.

    Raises:
        Failure: The run cannot continue. If the forge refuses something, the result says so instead.
    """
    try:
        begun = await in_thread(_begin, task, tools)
    except Forbidden as failure:
        return ReviewResult(delivery=PostStatus.FAILED, reason=str(failure), missing=(failure.permission,))
    except HeadMoved as failure:
        return ReviewResult(delivery=PostStatus.HEAD_MOVED, reason=str(failure))
    except (ForgeFailure, CannotFetch) as failure:
        return ReviewResult(delivery=PostStatus.FAILED, reason=str(failure))
    if isinstance(begun, ReviewResult):
        return begun
    report = await tools.suggest(begun.states, begun.given())
    tools.progress.phase("posting", 1)
    landing = await in_thread(_landing, begun, report, tools)
    return landing.with_commit_result(await in_thread(deliver, begun, report, tools, landing.aimed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A pull request whose review has begun.

    Attributes:
        task: The task.
        states: Its base and head.
        remembered: Its stored state; empty if its comments may not be read.
        unreadable: Why its comments may not be read; None if they may.
    """

    task: ReviewPullRequest
    states: States
    remembered: State = field(default_factory=State)
    unreadable: Forbidden | None = None

    def given(self) -> RunOptions:
        """Return the options for the run."""
        return replace(
            self.states.given(),
            is_unchanged=lambda member, source: is_unchanged(self.remembered, member, source),
        )


def _begin(task: ReviewPullRequest, tools: ReviewDependencies) -> Begun | ReviewResult:
    """Read the pull request; return a result if there is nothing to review."""
    pull = tools.forge.pull_request(task.number)
    if not pull.is_open:
        return ReviewResult(delivery=PostStatus.NOTHING, reason="The pull request has been closed.")
    is_overtaken = pull.head_sha != task.head_sha
    if is_overtaken:
        task = _overtaken(task, pull.head_sha, tools.forge)
    tools.progress.phase("fetching the pull request", 1)
    states = tools.open_states(task)
    try:
        existing = tools.forge.existing(task.number)
    except Forbidden as failure:
        return Begun(task=task, states=states, unreadable=failure)
    if sum(not one.is_minimised for one in own_summaries(existing)) > 1:
        states = replace(states, notes=(*states.notes, _SEVERAL_SUMMARIES.format(existing.viewer.login)))
    if not is_overtaken and _is_own_commit(task, states.message, existing, tools.forge):
        return ReviewResult(delivery=PostStatus.NOTHING, reason="The head commit is the bot's own.")
    remembered = remember(existing)
    if remembered.is_ignored:
        return ReviewResult(delivery=PostStatus.NOTHING, reason=_IGNORED)
    return Begun(task=task, states=states, remembered=remembered)


def _overtaken(task: ReviewPullRequest, head: str, forge: Forge) -> ReviewPullRequest:
    """Return the task at the current head if only the bot's own commits led to it.

    Raises:
        HeadMoved: Someone else's commit led to it; the run for that commit will report.
    """
    try:
        existing = forge.existing(task.number)
    except Forbidden:  # then the bot has written nothing there
        raise HeadMoved(head) from None
    if not is_followed_by_own(forge, existing, task.head_sha, head):
        raise HeadMoved(head)
    return replace(task, head_sha=head)


def _is_own_commit(task: ReviewPullRequest, message: str, existing: Existing, forge: Forge) -> bool:
    """Return whether the head commit is the bot's own, which needs no review. The author is queried last."""
    if COMMIT_TRAILER not in message:
        return False
    return is_certainly_own(forge.commit(task.head_sha), task.head_sha, existing)


def _landing(begun: Begun, report: Report, tools: ReviewDependencies) -> CommitStep:
    return CommitStep(
        forge=tools.forge,
        number=begun.task.number,
        head=begun.task.head_sha,
        states=begun.states,
        report=report,
        languages=tools.languages,
        limits=tools.limits,
        settings=tools.commits(begun.states),
    )


def _as_it_is(wanted: DesiredState) -> DesiredState:
    return wanted


def deliver(
    begun: Begun,
    report: Report,
    tools: ReviewDependencies,
    aimed: Callable[[DesiredState], DesiredState] = _as_it_is,
) -> ReviewResult:
    """Post a report to the pull request and return the result.

    Args:
        begun: The pull request.
        report: The report of the run.
        tools: The clients.
        aimed: Adjusts the desired state of a full review to the one that is wanted here.
    """
    posting = PostProgress(notes=dict.fromkeys(begun.states.notes))
    wanted = aimed(_wanted(begun, report, tools, posting))
    data = _Told(begun, report, posting)
    try:
        if begun.unreadable is not None:
            raise begun.unreadable
        post(tools.forge, begun.task.number, wanted, tools.limits, posting)
    except HeadMoved as failure:
        return data.reviewed(PostStatus.HEAD_MOVED, failure)
    except Forbidden as failure:
        posting.settled = posting.settled or _settled_alone(wanted, tools.limits)
        return data.reviewed(PostStatus.NOT_ALLOWED, failure, (failure.permission,))
    except ForgeFailure as failure:
        return data.reviewed(PostStatus.FAILED, failure)
    return data.reviewed(PostStatus.POSTED)


@dataclass(frozen=True, slots=True)
class _Told:
    """Builds the result of a review, however it ended."""

    begun: Begun
    report: Report
    posting: PostProgress

    def reviewed(
        self, delivery: PostStatus, failure: ForgeFailure | None = None, missing: tuple[str, ...] = ()
    ) -> ReviewResult:
        """Return the result with a status."""
        return ReviewResult(
            delivery=delivery,
            report=self.report,
            settled=self.posting.settled,
            reason="" if failure is None else str(failure),
            missing=missing,
            notes=tuple(self.posting.notes),
            is_read_only=self.begun.task.has_small_token,
        )


def _wanted(begun: Begun, report: Report, tools: ReviewDependencies, posting: PostProgress) -> DesiredState:
    """Return the desired state of the pull request, given the report."""
    states, files = begun.states, _shown_files(begun.task.number, report, tools.forge, posting)
    changes = {}
    if files:  # otherwise the diff shows none of them, and head need not be listed
        changes = suggested_changes(report.suggestions, files, _edits_of(states, report, tools))
    places = Places(files=files, changes={content: change.anchor for content, change in changes.items()})
    view = _view(begun, tools)
    committable = {content: SuggestedChange(text=change.text) for content, change in changes.items()}

    def write(settled: Reconciled, before: str) -> Texts:
        return texts(report, settled, view, committable, before)

    return DesiredState(
        head=begun.task.head_sha,
        outcomes=outcomes_of(report, begun.remembered, places),
        write=write,
        has_news=bool(report.earlier),
    )


def _edits_of(
    states: States, report: Report, tools: ReviewDependencies
) -> Callable[[Suggestion], Sequence[FileEdit]]:
    """Return a function that computes the edits a single suggestion makes to the files of head."""
    marking = Marking.of(report, marks=tools.commits(states).mark_tests)
    tree, languages = states.head_tree, tools.languages
    return lambda suggestion: plan_edits([suggestion], tree, languages, marking).edits


def _shown_files(number: int, report: Report, forge: Forge, posting: PostProgress) -> Mapping[str, ShownFile]:
    """Return the lines that the diff shows, if there is something new to comment on."""
    if not report.suggestions:
        return {}
    try:
        return shown_files(forge.file_patches(number))
    except DiffTooLarge:
        posting.note((_NOT_LISTED,))
    except Forbidden as failure:
        posting.note((str(failure),))
    return {}


def _view(begun: Begun, tools: ReviewDependencies) -> View:
    repository = begun.task.repository
    return View(
        project=repository.rpartition("/")[2],
        command=("testsmith", "suggest", "--base", begun.task.base_ref, *tools.repeated),
        commands=tools.commands,
    )


def _settled_alone(wanted: DesiredState, limits: PostLimits) -> Reconciled:
    """Return the numbers of the proposals if no comments can be read."""
    return reconcile(Existing(viewer=Viewer(login="")), wanted, limits)

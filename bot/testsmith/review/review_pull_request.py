"""Review a pull request, from its event to its comments: check out, recall, run, commit, publish.

The conversation is read before the run, which may take minutes, and again before the bot commits or comments:
people push and comment meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from testsmith.changes.intent import described, linked_issues
from testsmith.events import COMMIT_TRAILER, ReviewPullRequest
from testsmith.forge.comment_markers import content_digest
from testsmith.forge.comment_positions import ShownFile, shown_files
from testsmith.forge.commits import CommittingForge
from testsmith.forge.interface import (
    DiffTooLarge,
    Existing,
    Forbidden,
    Forge,
    ForgeFailure,
    HeadMoved,
    PullRequest,
    Viewer,
)
from testsmith.forge.pr_state import State, is_unchanged
from testsmith.forge.reconcile import (
    DesiredState,
    Reconciled,
    Texts,
    own_summaries,
    reconcile,
    remember,
)
from testsmith.forge.review_result import PostStatus, ReviewResult
from testsmith.git.fetch import CannotFetch
from testsmith.languages.language import Language
from testsmith.model import Progress, Report
from testsmith.pipeline import RunOptions
from testsmith.publish import PublishOrder, PublishResult, PublishStatus, publish_for
from testsmith.reporting.pull_requests.audit_comments import remarked_tests
from testsmith.reporting.pull_requests.pull_request import texts
from testsmith.reporting.rendering import View
from testsmith.review.checkouts import States
from testsmith.review.desired_state import PlacedChange, audit_outcomes, outcomes_of, suggested_changes
from testsmith.review.post_review import (
    PostProgress,
    is_certainly_own,
    is_followed_by_own,
    plan_post,
    post,
)
from testsmith.settings import AuditMode, CommitSettings, Mode, ReviewSettings
from testsmith.tasks import in_thread
from testsmith.test_files.lifecycle import removals
from testsmith.test_files.plan import Marking, plan_edits

_NOT_LISTED = (
    "The pull request changes more files than GitHub lists, so no comments on the code are possible. All "
    "proposals are in the summary comment."
)

_SEVERAL_SUMMARIES = (
    "The pull request has several summary comments by {}. Two simultaneous runs may have posted them. "
    "Otherwise another workflow posts with the same token: check the comments, and give the action a "
    "separate token."
)

_IGNORED = "TestSmith is paused on this pull request. Comment `/testsmith resume` to continue."


_NOTHING_READ = Existing(viewer=Viewer(login=""))
_NO_STATE = State()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDependencies:
    """The clients of a review, built by `app`.

    Attributes:
        forge: The forge of the pull request.
        open_states: Checks out its base and head; may take a while.
        suggest: Generates and verifies the tests.
        limits: Returns how many comments may be posted.
        languages: The languages.
        progress: Receives the progress of the run.
        commands: Whether comment commands such as `apply` are enabled; None to see whether a workflow of base
            runs on comments.
        commits: Returns the commit settings.
        repeated: Command line words that repeat how the project is set up and tested.
        posts: Whether to post the review, rather than only to plan what would be posted.
    """

    forge: CommittingForge
    open_states: Callable[[ReviewPullRequest], States]
    suggest: Callable[[States, RunOptions], Awaitable[Report]]
    limits: Callable[[States], ReviewSettings]
    languages: Sequence[Language]
    progress: Progress
    commands: bool | None = None
    commits: Callable[[States], CommitSettings] = lambda _: CommitSettings()
    repeated: tuple[str, ...] = ()
    posts: bool = True

    def view(self, repository: str, base_ref: str, states: States) -> View:
        """Return how a reader of a pull request can reproduce its results."""
        return View(
            project=repository.rpartition("/")[2],
            command=("testsmith", "suggest", "--base", base_ref, *self.repeated),
            commands=states.has_commands if self.commands is None else self.commands,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedOut:
    """A pull request with its checkouts.

    Attributes:
        task: The task, at the head that is reviewed.
        states: Its base and head.
        existing: Its comments before the run; none if they may not be read.
        unreadable: Why its comments may not be read; None if they may.
        texts: What its authors say about it, for the model; see `RunOptions.texts`.
    """

    task: ReviewPullRequest
    states: States
    existing: Existing = _NOTHING_READ
    unreadable: Forbidden | None = None
    texts: tuple[str, ...] = ()

    def given(self) -> RunOptions:
        """Return the options for a run on its states."""
        return replace(self.states.given(), texts=self.texts)


class _NothingToReview(Exception):
    """There is nothing to review; the message says why."""


async def review(task: ReviewPullRequest, tools: ReviewDependencies) -> ReviewResult:
    """Review a pull request and post the results.

    Raises:
        Failure: The run cannot continue. If the forge refuses something, the result says so instead.
    """
    try:
        pull = await in_thread(check_out, task, tools)
        state = await in_thread(remembered_state, task, pull, tools.forge)
    except _NothingToReview as reason:
        return ReviewResult(delivery=PostStatus.NOTHING, reason=str(reason))
    except (ForgeFailure, CannotFetch) as failure:
        delivery = PostStatus.HEAD_MOVED if isinstance(failure, HeadMoved) else PostStatus.FAILED
        return ReviewResult(delivery=delivery, reason=str(failure), missing=_missing(failure))
    report = await tools.suggest(pull.states, _options(pull, state))
    if tools.posts:
        tools.progress.phase("posting", 1, 0.5)
    made = await in_thread(commit, pull, report, tools)
    mode = tools.commits(pull.states).mode
    reviewed = await in_thread(
        publish, pull, report, tools, partial(_after_commit, made=made, mode=mode), state
    )
    return _with_commit(reviewed, made)


def check_out(task: ReviewPullRequest, tools: ReviewDependencies) -> CheckedOut:
    """Read the pull request and its comments, and check out its base and head.

    If only the bot's own commits followed the task's head, the current head is checked out.

    Raises:
        _NothingToReview: The pull request is closed.
        HeadMoved: Someone else's commit followed; the run for that commit will report.
        CannotFetch: The commits could not be fetched.
    """
    forge = tools.forge
    current = forge.pull_request(task.number)
    if not current.is_open:
        raise _NothingToReview("The pull request has been closed.")
    existing, unreadable = _NOTHING_READ, None
    try:
        existing = forge.existing(task.number)
    except Forbidden as failure:
        unreadable = failure
    if current.head_sha != task.head_sha:
        if unreadable or not is_followed_by_own(forge, existing, task.head_sha, current.head_sha):
            raise HeadMoved(current.head_sha)
        task = replace(task, head_sha=current.head_sha)
    tools.progress.phase("fetching the pull request", 1, 0.05)
    return CheckedOut(
        task=task,
        states=tools.open_states(task),
        existing=existing,
        unreadable=unreadable,
        texts=texts_of(current, forge),
    )


def texts_of(pull: PullRequest, forge: Forge) -> tuple[str, ...]:
    """Return what the authors of a pull request say about it, and the issues that it closes.

    Issues that the token may not read are left out.
    """
    texts = [f"Pull request: {described(pull.title, pull.body)}"]
    for number in linked_issues(f"{pull.title}\n{pull.body}", pull.repository):
        with suppress(ForgeFailure):
            issue = forge.issue(number)
            texts.append(f"Issue {number}: {described(issue.title, issue.body)}")
    return tuple(texts)


def remembered_state(task: ReviewPullRequest, pull: CheckedOut, forge: Forge) -> State:
    """Return the stored state of a pull request; empty if its comments may not be read.

    Raises:
        _NothingToReview: The task's head is the bot's own commit, or the bot is paused on the pull request.
    """
    may_be_own = task.head_sha == pull.task.head_sha and COMMIT_TRAILER in pull.states.message
    if may_be_own and is_certainly_own(forge.commit(task.head_sha), task.head_sha, pull.existing):
        raise _NothingToReview("Skipped: the head commit is TestSmith's own.")
    state = remember(pull.existing)
    if state.is_ignored:
        raise _NothingToReview(_IGNORED)
    return state


def _options(pull: CheckedOut, state: State) -> RunOptions:
    """Return the options for a run that skips the members whose stored outcome is still valid."""
    return replace(pull.given(), is_unchanged=lambda member, source: is_unchanged(state, member, source))


def commit(pull: CheckedOut, report: Report, tools: ReviewDependencies) -> PublishResult | None:
    """Commit the green tests that were neither rejected nor committed before, if the mode says so.

    Returns:
        What came of it; None if there was nothing to commit.
    """
    forge, number, settings = tools.forge, pull.task.number, tools.commits(pull.states)
    if settings.mode is Mode.SUGGEST or not tools.posts:
        return None
    try:
        state = remember(forge.existing(number))
        done = {*state.rejected, *state.applied}
        order = PublishOrder(
            head=pull.task.head_sha,
            suggestions=tuple(
                one
                for one in report.suggestions
                if one.is_green and content_digest(one.member, one.code) not in done
            ),
            tree=pull.states.head_tree,
            languages=tools.languages,
            settings=settings,
            marking=Marking.of(report, marks=settings.mark_tests),
            removals=tuple(removals(report.earlier)),
        )
        if not order.suggestions and not order.removals:
            return None
        made = publish_for(forge, order, forge.pull_request(number))
    except ForgeFailure as failure:
        return PublishResult(status=PublishStatus.FAILED, reason=str(failure))
    if made.commit and settings.mode is Mode.COMMIT:
        with suppress(ForgeFailure):
            forge.await_head(number, made.commit)
    return made


def publish(
    pull: CheckedOut,
    report: Report,
    tools: ReviewDependencies,
    adjusted: Callable[[DesiredState], DesiredState],
    state: State = _NO_STATE,
) -> ReviewResult:
    """Post a report to the pull request and return the result.

    Args:
        pull: The pull request.
        report: The report of the run.
        tools: The clients.
        adjusted: Returns the desired state that is wanted here, given that of a full review. Pure.
        state: The stored state that the run was given.
    """
    posting = PostProgress(notes=dict.fromkeys(pull.states.notes))
    if sum(not one.is_minimized for one in own_summaries(pull.existing)) > 1:
        posting.note((_SEVERAL_SUMMARIES.format(pull.existing.viewer.login),))
    limits = tools.limits(pull.states)
    remarks = limits.audit is AuditMode.COMMENTS and bool(remarked_tests(report))
    files: Mapping[str, ShownFile] = {}
    if report.suggestions or remarks:
        files = _shown_files(pull.task.number, tools.forge, posting)
    changes = _suggested_changes(pull, report, files, tools)
    wanted = adjusted(
        DesiredState(
            head=pull.task.head_sha,
            outcomes=(
                *outcomes_of(report, state, files, changes),
                *(audit_outcomes(report, files) if remarks else ()),
            ),
            has_news=bool(report.earlier) or (report.audit is not None and not report.audit.is_good),
        )
    )
    view = tools.view(pull.task.repository, pull.task.base_ref, pull.states)
    changed_texts = {content: change.text for content, change in changes.items()}

    def write(settled: Reconciled, before: str) -> Texts:
        return texts(report, settled, view, changed_texts, before)

    fails_audit = limits.audit_fail and report.audit is not None and not report.audit.is_good
    failure: ForgeFailure | None = pull.unreadable
    if not tools.posts:
        posting.operations += plan_post(pull.existing, wanted, limits, write, posting)
    elif failure is None:
        failure = _posted(partial(post, tools.forge, pull.task.number, wanted, limits, write, posting))
    if isinstance(failure, Forbidden) and posting.settled is None:  # number the proposals all the same
        posting.settled = reconcile(_NOTHING_READ, wanted, limits)
    return ReviewResult(
        delivery=_delivery(failure, posts=tools.posts),
        report=report,
        settled=posting.settled,
        operations=tuple(posting.operations),
        reason="" if failure is None else str(failure),
        missing=_missing(failure),
        notes=tuple(posting.notes),
        is_read_only=pull.task.has_small_token,
        fails_audit=fails_audit,
    )


def _shown_files(number: int, forge: Forge, posting: PostProgress) -> Mapping[str, ShownFile]:
    """Return the lines that the diff shows."""
    try:
        return shown_files(forge.file_patches(number))
    except DiffTooLarge:
        posting.note((_NOT_LISTED,))
    except Forbidden as failure:
        posting.note((str(failure),))
    return {}


def _suggested_changes(
    pull: CheckedOut, report: Report, files: Mapping[str, ShownFile], tools: ReviewDependencies
) -> Mapping[str, PlacedChange]:
    if not files or not report.suggestions:  # otherwise head need not be listed
        return {}
    marking = Marking.of(report, marks=tools.commits(pull.states).mark_tests)
    tree = pull.states.head_tree
    return suggested_changes(
        report.suggestions, files, lambda one: plan_edits([one], tree, tools.languages, marking).edits
    )


def _posted(posting: Callable[[], None]) -> ForgeFailure | None:
    """Post, and return what stopped it; None if nothing did."""
    try:
        posting()
    except ForgeFailure as failure:
        return failure
    return None


def _delivery(failure: ForgeFailure | None, *, posts: bool) -> PostStatus:
    match failure:
        case None:
            return PostStatus.POSTED if posts else PostStatus.PLANNED
        case HeadMoved():
            return PostStatus.HEAD_MOVED
        case Forbidden():
            return PostStatus.NOT_ALLOWED
        case _:
            return PostStatus.FAILED


def _missing(failure: Exception | None) -> tuple[str, ...]:
    return (failure.permission,) if isinstance(failure, Forbidden) else ()


def _after_commit(wanted: DesiredState, made: PublishResult | None, mode: Mode) -> DesiredState:
    """Return the desired state once tests were committed: those are not proposed as well."""
    if made is None:
        return wanted
    there = (*made.suggestions, *made.present)
    contents = frozenset(content_digest(one.member, one.code) for one in there)
    wishes = replace(wanted.wishes, applied=wanted.wishes.applied | contents, place=made.place)
    wanted = replace(wanted, wishes=wishes, has_news=wanted.has_news or bool(made.commit))
    if made.commit and mode is Mode.COMMIT:
        wanted = replace(wanted, head=made.commit)
    return wanted


def _with_commit(reviewed: ReviewResult, made: PublishResult | None) -> ReviewResult:
    """Return the result of the review with the result of the commit added."""
    if made is None:
        return reviewed
    missing = ("contents: write",) if made.status is PublishStatus.NOT_ALLOWED else ()
    unplaced = (f"The tests of `{one.member}` were not committed: {one.reason}." for one in made.unplaced)
    reason = (made.reason,) if made.reason and made.status is not PublishStatus.MOVED else ()
    return replace(
        reviewed,
        notes=(*reviewed.notes, *reason, *unplaced),
        missing=(*reviewed.missing, *missing),
        patch=made.patch,
        commit=made.commit,
        follow_up=None if made.pull is None else made.pull.number,
    )

"""Commit accepted tests to the branch of a pull request, or open a follow-up pull request onto that branch.

The bot never force-pushes, never commits to a default or protected branch, and never writes outside the test
tree. If nothing can be committed, the result says why and includes a patch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from testsmith.events import is_own_commit
from testsmith.forge.comment_markers import content_digest
from testsmith.forge.commits import (
    Branch,
    BranchProtected,
    CannotOpenPulls,
    CommittingForge,
    FollowUp,
    MadeCommit,
    NewCommit,
    changes_of,
    is_too_large,
)
from testsmith.forge.interface import Forbidden, ForgeFailure, HeadMoved, PullRequest
from testsmith.forge.reconcile import DesiredState, PostLimits, Reconciled, ShownWhere, reconcile
from testsmith.forge.review_result import ReviewResult
from testsmith.git.trees import OverlaidTree, RepositoryTree
from testsmith.languages.driver import LanguageDriver
from testsmith.model import GeneratedTest, Report, Suggestion
from testsmith.reporting.pull_requests.commit_message import commit_message, follow_up_body, follow_up_title
from testsmith.reporting.pull_requests.member_status import found_in
from testsmith.review.checkouts import States
from testsmith.settings import CommitSettings, Mode
from testsmith.tasks import in_thread
from testsmith.test_files.lifecycle import removals
from testsmith.test_files.plan import EditPlan, Marking, NotPlaced, plan_edits, with_removals
from testsmith.test_files.write import patch_of, why_nothing, within_bounds

FOLLOW_UP_BRANCH = "testsmith/pr-"
"""Prefix of a follow-up branch; the number of the original pull request is appended."""


class Committed(StrEnum):
    """Outcome of committing."""

    DONE = "done"  # the tests are on the branch
    NOTHING = "nothing"  # nothing to commit: no green suggestion, or all are in the test tree already
    FORK = "fork"  # the branch is in a fork, where the token may not write
    NOT_ALLOWED = "not-allowed"  # the token lacks `contents: write`
    PROTECTED = "protected"  # the branch is the default branch, or its rules forbid the commit
    MOVED = "moved"  # the branch has moved; `found` is its new tip
    RACE_LOST = "race-lost"  # the branch moved again after the tests were verified again
    TOO_LARGE = "too-large"  # over 40 MB
    NO_PULL_REQUESTS = "no-pull-requests"  # committed, but the workflow's token may not open pull requests
    OTHERS_COMMITS = "others-commits"  # the follow-up branch has commits by others
    FAILED = "failed"  # the forge could not be read or written


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitOrder:
    """A request to commit suggestions.

    Attributes:
        pull: The pull request.
        head: Full object id of the head that the suggestions were verified on.
        suggestions: The suggestions to commit, numbered as on the pull request; questions are left out.
        tree: The files of that head.
        drivers: The language drivers.
        login: Login of the account that the token belongs to.
        settings: Where the tests are committed, and the commit message.
        marking: How tests are marked, and which marked tests they replace.
        removals: Tests of removed members to delete in the same commit.
    """

    pull: PullRequest
    head: str
    suggestions: tuple[Suggestion, ...]
    tree: RepositoryTree
    drivers: Sequence[LanguageDriver]
    login: str
    settings: CommitSettings = field(default_factory=CommitSettings)
    marking: Marking = field(default_factory=Marking)
    removals: tuple[GeneratedTest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitAttempt:
    """The result of a commit request.

    Attributes:
        outcome: The outcome.
        reason: Why not everything was committed and what to do; empty if all was.
        commit: The commit; None if none was made.
        follow_up: The bot's pull request with the commit; None if it is on the branch itself.
        suggestions: The suggestions in the commit.
        standing: The suggestions whose tests are in the test tree already, for example after an interrupted
            run.
        unplaced: Suggestions that fit into no test file, with reasons.
        patch: Changes that could not be committed, for `git apply`; empty if they were.
        found: The branch's tip, if it has moved.
    """

    outcome: Committed
    reason: str = ""
    commit: MadeCommit | None = None
    follow_up: FollowUp | None = None
    suggestions: tuple[Suggestion, ...] = ()
    standing: tuple[Suggestion, ...] = ()
    unplaced: tuple[NotPlaced, ...] = ()
    patch: str = ""
    found: str = ""


async def commit_proven(
    forge: CommittingForge,
    order: CommitOrder,
    prove: Callable[[str], Awaitable[CommitOrder | None]] | None = None,
) -> CommitAttempt:
    """Commit verified suggestions; if the branch has moved, verify them on its new head and try once more.

    Args:
        forge: The forge of the pull request.
        order: The commit request.
        prove: Verifies the suggestions on a new head and returns the new request, or None if it cannot.
            Without it, a moved branch is not retried.
    """
    done = await in_thread(commit, forge, order)
    if done.outcome is not Committed.MOVED or prove is None:
        return done
    again = await prove(done.found)
    if again is None:
        return done
    second = await in_thread(commit, forge, again)
    if second.outcome is not Committed.MOVED:
        return second
    reason = (
        "The branch went on twice while the tests were proven, so nothing was committed. Try again later."
    )
    return replace(second, outcome=Committed.RACE_LOST, reason=reason)


def commit(forge: CommittingForge, order: CommitOrder) -> CommitAttempt:
    """Commit verified suggestions once, where `order.settings.mode` says (default: the branch itself).

    If the forge refuses, the result says so; nothing is raised.
    """
    attempt = _Attempt(forge, order)
    try:
        return attempt.follow_up() if order.settings.mode is Mode.PULL_REQUEST else attempt.on_head()
    except HeadMoved as moved:
        return attempt.not_done(Committed.MOVED, str(moved), found=moved.found)
    except BranchProtected as refused:
        return attempt.not_done(Committed.PROTECTED, str(refused))
    except Forbidden as refused:
        return attempt.not_done(Committed.NOT_ALLOWED, str(refused))
    except ForgeFailure as failure:
        return attempt.not_done(Committed.FAILED, str(failure))
    except _Refused as refused:
        return attempt.not_done(refused.outcome, str(refused))


class _Refused(Exception):
    """Nothing can be committed; the message says why."""

    def __init__(self, outcome: Committed, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


class _Attempt:
    """One attempt to carry out a request."""

    def __init__(self, forge: CommittingForge, order: CommitOrder) -> None:
        self._forge = forge
        self._order = order
        self._plan = EditPlan()

    def not_done(self, outcome: Committed, reason: str, *, found: str = "") -> CommitAttempt:
        """Return the result if nothing was committed."""
        return CommitAttempt(
            outcome=outcome,
            reason=reason,
            standing=self._of(self._plan.unchanged),
            unplaced=self._plan.refused,
            patch=patch_of(self._plan.edits),
            found=found,
        )

    def on_head(self) -> CommitAttempt:
        """Commit to the head branch."""
        order, pull = self._order, self._order.pull
        self._plan_on(order.tree)
        self._require_own_repository()
        if pull.head_ref == pull.default_branch:
            raise _Refused(
                Committed.PROTECTED,
                f"The head of the pull request is the default branch, {pull.head_ref}, to which nothing is "
                "committed. Use `mode: pull-request`.",
            )
        if self._expect_head().is_protected:
            raise _Refused(
                Committed.PROTECTED,
                f"The branch {pull.head_ref} is protected, so nothing is committed to it. Use "
                "`mode: pull-request`.",
            )
        return self._done(self._forge.commit_files(self._commit(pull.head_ref, order.head)))

    def follow_up(self) -> CommitAttempt:
        """Commit to the follow-up branch, and open or update its pull request onto the head branch."""
        order = self._order
        self._plan_on(order.tree)
        self._require_own_repository()
        self._expect_head()
        name, known = self._branch_name()
        made = self._commit_to_own(name)
        title = follow_up_title(order.pull.number)
        body = follow_up_body(self._taken(), order.pull.number, order.head)
        try:
            if known is None:
                known = self._forge.open_follow_up(name, order.pull.head_ref, title, body)
            else:
                self._forge.update_follow_up(known.number, body)
        except CannotOpenPulls as refused:
            reason = f"{refused} The tests are on the branch {name}."
            return replace(self._done(made), outcome=Committed.NO_PULL_REQUESTS, reason=reason)
        return replace(self._done(made), follow_up=known)

    def _expect_head(self) -> Branch:
        """Return the head branch.

        Raises:
            HeadMoved: The branch is not at the commit that the suggestions were verified on.
        """
        tip = self._forge.branch(self._order.pull.head_ref)
        if tip is None or tip.sha != self._order.head:
            raise HeadMoved("" if tip is None else tip.sha)
        return tip

    def _commit_to_own(self, name: str) -> MadeCommit:
        """Commit to the follow-up branch; retry once on top of a concurrent commit.

        Raises:
            _Refused: The branch moved both times.
        """
        for _ in range(2):
            try:
                return self._forge.commit_files(self._commit(name, self._own_tip(name)))
            except HeadMoved:
                continue
        raise _Refused(
            Committed.RACE_LOST,
            f"Other runs wrote to the branch {name} twice meanwhile, so nothing was committed.",
        )

    def _branch_name(self) -> tuple[str, FollowUp | None]:
        """Return the name of the follow-up branch, and its pull request if one is open.

        A branch whose pull request was merged or closed is not reused; the new name includes this head.
        """
        order, name = self._order, f"{FOLLOW_UP_BRANCH}{self._order.pull.number}"
        known = self._forge.follow_up(name, order.pull.head_ref)
        if known is not None or self._forge.branch(name) is None:
            return name, known
        name = f"{name}-{order.head[:12]}"
        return name, self._forge.follow_up(name, order.pull.head_ref)

    def _own_tip(self, name: str) -> str:
        """Return the tip of the follow-up branch, created or moved if needed, and plan the edits on it.

        Raises:
            _Refused: The branch has commits by others.
        """
        order, tip = self._order, self._forge.branch(name)
        if tip is None:
            self._forge.create_branch(name, order.head)
            return order.head
        ahead = self._forge.ahead(order.head, tip.sha)
        if not ahead.authors and ahead.is_whole:
            self._forge.advance_branch(name, order.head)
            return order.head
        if not ahead.is_whole or not all(map(self._is_own, ahead.authors, ahead.messages)):
            raise _Refused(
                Committed.OTHERS_COMMITS,
                f"The branch {name} holds commits of others, so nothing is added to it. Merge its pull "
                "request, or delete the branch.",
            )
        self._plan_on(OverlaidTree(order.tree, ahead.contents))
        return tip.sha

    def _is_own(self, author: str | None, message: str) -> bool:
        return is_own_commit(author, message, self._order.login)

    def _plan_on(self, tree: RepositoryTree) -> None:
        """Plan the file edits.

        Raises:
            _Refused: There are no edits, or they are too large.
        """
        order = self._order
        planned = plan_edits(order.suggestions, tree, order.drivers, order.marking)
        planned = with_removals(planned, order.removals, tree, order.drivers)
        self._plan = within_bounds(planned, tree, order.drivers)
        if not self._plan.edits:
            raise _Refused(Committed.NOTHING, why_nothing(self._plan))
        if is_too_large(self._plan.edits):
            raise _Refused(
                Committed.TOO_LARGE,
                "The test files with the new tests are over 40 MB together, more than GitHub takes in one "
                "commit. Split the test files.",
            )

    def _require_own_repository(self) -> None:
        pull = self._order.pull
        if (pull.head_repository or "").casefold() != pull.repository.casefold():
            raise _Refused(
                Committed.FORK,
                "The branch is in a fork, where no token of this repository may write. The patch holds the "
                "tests: whoever may push there can take them over with `git apply`.",
            )

    def _commit(self, branch: str, parent: str) -> NewCommit:
        order = self._order
        removed = [f"{edit.path}::{name}" for edit in self._plan.edits for name in edit.removed]
        message = commit_message(self._taken(), removed, order.head, order.settings)
        return NewCommit(
            branch=branch,
            parent=parent,
            headline=message.headline,
            body=message.body,
            changes=tuple(changes_of(self._plan.edits, order.tree)),
        )

    def _taken(self) -> tuple[Suggestion, ...]:
        """Return the suggestions that the planned edits include."""
        return self._of({member for edit in self._plan.edits for member in edit.members})

    def _of(self, members: Collection[str]) -> tuple[Suggestion, ...]:
        return tuple(one for one in self._order.suggestions if one.is_green and one.member in members)

    def _done(self, made: MadeCommit) -> CommitAttempt:
        return CommitAttempt(
            outcome=Committed.DONE,
            commit=made,
            suggestions=self._taken(),
            standing=self._of(self._plan.unchanged),
            unplaced=self._plan.refused,
        )


@dataclass(slots=True, kw_only=True)
class CommitStep:
    """Commits the suggestions of a review and records the result.

    Attributes:
        forge: The forge of the pull request.
        number: Its number.
        head: Full object id of the head that was processed.
        states: Its base and head.
        report: The report of the run.
        drivers: The language drivers.
        limits: The posting limits.
        settings: The commit settings.
        made: The result; None if there was nothing to commit.
        trouble: Why committing could not even be tried; empty if it could.
    """

    forge: CommittingForge
    number: int
    head: str
    states: States
    report: Report
    drivers: Sequence[LanguageDriver]
    limits: PostLimits
    settings: CommitSettings
    made: CommitAttempt | None = None
    trouble: str = ""

    def aimed(self, wanted: DesiredState) -> DesiredState:
        """Commit according to the mode, and return the desired state that follows from it."""
        if self.settings.mode is Mode.SUGGEST:
            return wanted
        try:
            order = self._order(wanted)
            self.made = commit(self.forge, order) if order is not None else None
            return wanted if self.made is None else self._after(wanted, self.made)
        except ForgeFailure as failure:
            self.trouble = str(failure)
            return wanted

    def _order(self, wanted: DesiredState) -> CommitOrder | None:
        existing = self.forge.existing(self.number)
        suggestions = tuple(self._chosen(reconcile(existing, wanted, self.limits)))
        gone = tuple(removals(self.report.earlier))
        if not suggestions and not gone:
            return None
        return CommitOrder(
            pull=self.forge.pull_request(self.number),
            head=self.head,
            suggestions=suggestions,
            tree=self.states.head_tree,
            drivers=self.drivers,
            login=existing.viewer.login,
            settings=self.settings,
            marking=Marking.of(self.report, marks=self.settings.mark_tests),
            removals=gone,
        )

    def _chosen(self, settled: Reconciled) -> Iterator[Suggestion]:
        """Yield green suggestions that were neither rejected nor committed before."""
        found = found_in(self.report, settled)
        for one in settled.proposals:
            if one.posting not in {ShownWhere.REJECTED, ShownWhere.COMMITTED} and not one.draft.is_question:
                yield found[one.draft.content].suggestion

    def _after(self, wanted: DesiredState, made: CommitAttempt) -> DesiredState:
        there = (*made.suggestions, *made.standing)
        contents = frozenset(content_digest(one.member, one.code) for one in there)
        wishes = replace(wanted.wishes, applied=wanted.wishes.applied | contents)
        if made.commit is None:
            return replace(wanted, wishes=wishes)
        place = made.commit.sha if made.follow_up is None else f"#{made.follow_up.number}"
        wishes = replace(wishes, place=place)
        if self.settings.mode is Mode.COMMIT:
            self.forge.await_head(self.number, made.commit.sha)
            wanted = replace(wanted, head=made.commit.sha)
        return replace(wanted, wishes=wishes, has_news=True)

    def with_commit_result(self, reviewed: ReviewResult) -> ReviewResult:
        """Return the result of the review with the result of the commit added."""
        made = self.made
        if made is None:
            return reviewed if not self.trouble else replace(reviewed, notes=(*reviewed.notes, self.trouble))
        missing = ("contents: write",) if made.outcome is Committed.NOT_ALLOWED else ()
        unplaced = (f"The tests of `{one.member}` were not committed: {one.reason}." for one in made.unplaced)
        reason = (made.reason,) if made.reason and made.outcome is not Committed.MOVED else ()
        return replace(
            reviewed,
            notes=(*reviewed.notes, *reason, *unplaced),
            missing=(*reviewed.missing, *missing),
            patch=made.patch,
            commit="" if made.commit is None else made.commit.sha,
            follow_up=None if made.follow_up is None else made.follow_up.number,
        )

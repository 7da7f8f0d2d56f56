"""Proven tests onto the branch of a pull request, or into a pull request of the bot's own onto that branch.

Nothing is forced, nothing goes to a default or a protected branch, and no file outside the test tree is
written. Where nothing can be committed, the outcome says why and has a patch with all of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from testsmith.events import is_own_commit
from testsmith.execution.threads import in_thread
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
from testsmith.test_files.lifecycle import removals
from testsmith.test_files.plan import EditPlan, Marking, NotPlaced, plan_edits, with_removals
from testsmith.test_files.write import patch_of, why_nothing, within_bounds

FOLLOW_UP_BRANCH = "testsmith/pr-"
"""How the branch of a follow-up pull request begins; the number of the other one follows."""


class Committed(StrEnum):
    """What came of committing."""

    DONE = "done"  # the tests are on the branch
    NOTHING = "nothing"  # there was nothing to commit: no green suggestion, or all stand there already
    FORK = "fork"  # the branch is in another repository, where the token may not write
    NOT_ALLOWED = "not-allowed"  # the token lacks `contents: write`
    PROTECTED = "protected"  # the branch is the default one, or its rules forbid it
    MOVED = "moved"  # the branch has gone on; `found` is where it is
    RACE_LOST = "race-lost"  # it has gone on a second time, after the tests were proven anew
    TOO_LARGE = "too-large"  # over 40 MB
    NO_PULL_REQUESTS = "no-pull-requests"  # committed, but the workflow's token may open no pull request
    OTHERS_COMMITS = "others-commits"  # the follow-up branch holds commits of others
    FAILED = "failed"  # the forge could not be read or written


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitOrder:
    """What is to be committed.

    Attributes:
        pull: The pull request.
        head: Full object id of the head that the suggestions were proven on.
        suggestions: Those that are to be committed, numbered as on the pull request; questions are left out.
        tree: The files of that head.
        drivers: The languages.
        login: Whom the token speaks for.
        settings: Where the tests go, and what the message says.
        marking: How the tests are marked, and which marked ones they stand for.
        removals: Tests of gone members that are taken out beside that.
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
    """What came of an order.

    Attributes:
        outcome: In one word.
        reason: Why nothing, or not all, was done, in sentences with what to do; empty where all was.
        commit: The commit; None where there is none.
        follow_up: The bot's own pull request that has it; None where it is on the branch itself.
        suggestions: Those that are in the commit.
        standing: Those whose tests stand in the test tree already, as after a run that could not tell of it.
        unplaced: Those that go into no file, each with the reason.
        patch: What would have been committed, for `git apply`; empty where it was.
        found: Where the branch is, if it has gone on.
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
    """Commit proven suggestions; where the branch has gone on, prove them on its new head and try once more.

    Args:
        forge: Where the pull request lives.
        order: What is to be committed.
        prove: Proves the suggestions on a new head and returns what is to be committed then; None where that
            cannot be done. Without it, a branch that has gone on is the end.
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
    """Commit proven suggestions once, where `order.settings.mode` says: the branch itself is the default.

    Whatever the forge refuses is told in what is returned.
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
    """Nothing is to be committed; the message says why."""

    def __init__(self, outcome: Committed, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


class _Attempt:
    """One attempt to carry out an order."""

    def __init__(self, forge: CommittingForge, order: CommitOrder) -> None:
        self._forge = forge
        self._order = order
        self._plan = EditPlan()

    def not_done(self, outcome: Committed, reason: str, *, found: str = "") -> CommitAttempt:
        """Return what is told where nothing was committed."""
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
        """Commit to a branch of the bot's own, and open or update its pull request onto the head branch."""
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
        """Return the head branch, which must be where the suggestions were proven.

        Raises:
            HeadMoved: It is not.
        """
        tip = self._forge.branch(self._order.pull.head_ref)
        if tip is None or tip.sha != self._order.head:
            raise HeadMoved("" if tip is None else tip.sha)
        return tip

    def _commit_to_own(self, name: str) -> MadeCommit:
        """Commit to the follow-up branch; where another run was quicker, once more on top of that.

        Raises:
            _Refused: Another run was quicker twice.
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
        """Return the branch of the follow-up, and its pull request if that is open.

        A branch whose pull request was merged or closed is left alone: the next one is of this head.
        """
        order, name = self._order, f"{FOLLOW_UP_BRANCH}{self._order.pull.number}"
        known = self._forge.follow_up(name, order.pull.head_ref)
        if known is not None or self._forge.branch(name) is None:
            return name, known
        name = f"{name}-{order.head[:12]}"
        return name, self._forge.follow_up(name, order.pull.head_ref)

    def _own_tip(self, name: str) -> str:
        """Return where the follow-up branch is, made or moved on where it has to be; plan on its files.

        Raises:
            _Refused: It holds commits of others.
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
        """Decide which files change.

        Raises:
            _Refused: None does, or all together are too large.
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
        """Return the suggestions that the planned edits take up."""
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
    """Commits what a review has found, and tells what came of it.

    Attributes:
        forge: Where the pull request lives.
        number: Its number.
        head: Full object id of the head that was looked at.
        states: Its two states.
        report: What was found.
        drivers: The languages.
        limits: How much is posted at once.
        settings: How tests are committed.
        made: What came of it; None where nothing was to be committed.
        trouble: Why it could not even be tried; empty where it could.
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
        """Commit what the mode says, and return what the pull request is to have after that."""
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
        """Yield what is green, not rejected, and not committed before."""
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
        """Return what came of the review, with what came of the commit."""
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

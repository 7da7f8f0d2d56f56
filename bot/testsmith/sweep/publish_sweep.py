"""Commit the accepted tests of a sweep and open or update its pull request onto the default branch.

The bot never force-pushes, never commits to a default or protected branch, and never writes outside the test
tree. If nothing can be committed, the result says why and includes a patch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum

from testsmith.events import is_own_commit
from testsmith.forge.comment_markers import content_digest, is_same_login
from testsmith.forge.commits import (
    Ahead,
    Branch,
    BranchProtected,
    CannotOpenPulls,
    FileChange,
    FollowUp,
    MadeCommit,
    NewCommit,
    changes_of,
    is_too_large,
)
from testsmith.forge.interface import Forbidden, ForgeFailure, HeadMoved
from testsmith.forge.sweep_pull_request import (
    SWEEP_BRANCH,
    AdvanceBranch,
    BranchOperation,
    BringUpToDate,
    ExistingSweepPull,
    InTheWay,
    MakeBranch,
    MergeConflict,
    OpenPull,
    Proposed,
    PullText,
    RemoveBranch,
    SweepForge,
    SweepMemory,
    plan_branch,
    plan_pull,
    remembered,
)
from testsmith.git.trees import OverlaidTree, RepositoryTree
from testsmith.languages.driver import LanguageDriver
from testsmith.model import Member, Report, Suggestion
from testsmith.reporting.phrases import proposal_words
from testsmith.reporting.pull_requests.commit_message import commit_message
from testsmith.settings import CommitSettings
from testsmith.test_files.lifecycle import marked_in
from testsmith.test_files.plan import EditPlan, Marking, NotPlaced, plan_edits, with_support
from testsmith.test_files.write import patch_of, why_nothing, within_bounds

_ROUNDS = 4
"""Maximum rounds of reading the forge: each operation may reveal a concurrent change."""

_ATTEMPTS = 2
"""Maximum attempts to commit; retried after a concurrent commit."""

_FILE_CHANGED = "its file has changed on the default branch meanwhile"


class Swept(StrEnum):
    """Outcome of publishing a sweep."""

    OPENED = "opened"  # a new pull request was opened
    UPDATED = "updated"  # the open pull request was updated
    NOTHING = "nothing"  # there was nothing to commit
    NOT_ALLOWED = "not-allowed"  # the token lacks a permission
    PROTECTED = "protected"  # the branch's rules forbid it
    OTHERS_COMMITS = "others-commits"  # the branch has commits by others and no open pull request
    CONFLICT = "conflict"  # merging the default branch conflicts, and the branch has commits by others
    RACE_LOST = "race-lost"  # concurrent changes to the branch every time
    TOO_LARGE = "too-large"  # over 40 MB
    NO_PULL_REQUESTS = "no-pull-requests"  # committed, but the workflow's token may not open pull requests
    FAILED = "failed"  # the forge could not be read or written


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPullInputs:
    """The inputs of the pull request's text, in addition to the sweep's report.

    Attributes:
        memory: The stored state of the pull request, including this sweep's tests.
        new: Ids of the members whose tests this sweep adds.
        unplaced: Suggestions that fit into no test file, with reasons.
    """

    memory: SweepMemory
    new: frozenset[str]
    unplaced: tuple[NotPlaced, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOrder:
    """A request to publish a sweep.

    Attributes:
        head: Full object id of the commit of the default branch that the tests were verified on.
        report: The report of the run.
        tree: The files of that commit.
        drivers: The language drivers.
        text: Renders the pull request's title and text.
        settings: The commit message settings, and whether tests are marked.
    """

    head: str
    report: Report
    tree: RepositoryTree
    drivers: Sequence[LanguageDriver]
    text: Callable[[SweepPullInputs], PullText]
    settings: CommitSettings = field(default_factory=CommitSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPublisher:
    """The result of publishing a sweep.

    Attributes:
        outcome: The outcome.
        reason: Why not everything was done and what to do; empty if all was.
        commit: The commit; None if none was made.
        pull: The pull request; None if none is open.
        suggestions: The suggestions in the commit.
        unplaced: Suggestions that fit into no test file, with reasons.
        patch: Changes that could not be committed, for `git apply`; empty if they were.
        text: The text of the pull request, posted or not.
    """

    outcome: Swept
    reason: str = ""
    commit: MadeCommit | None = None
    pull: FollowUp | None = None
    suggestions: tuple[Suggestion, ...] = ()
    unplaced: tuple[NotPlaced, ...] = ()
    patch: str = ""
    text: PullText | None = None


def content_for(member: Member, drivers: Sequence[LanguageDriver]) -> str:
    """Return the content digest by which pull requests remember a member."""
    sources = (one.source_digest(member.source) for one in drivers if one.language == member.language)
    return content_digest(member.id, next(sources, member.source))


def land(forge: SweepForge, order: SweepOrder) -> SweepPublisher:
    """Commit a sweep's tests and publish its pull request. If the forge refuses, the result says so."""
    attempt = _Attempt(forge, order)
    try:
        return attempt.land()
    except BranchProtected as refused:
        return attempt.not_done(Swept.PROTECTED, str(refused))
    except Forbidden as refused:
        return attempt.not_done(Swept.NOT_ALLOWED, str(refused))
    except ForgeFailure as failure:
        return attempt.not_done(Swept.FAILED, str(failure))
    except _Refused as refused:
        return attempt.not_done(refused.outcome, str(refused))


class _Refused(Exception):
    """Nothing can be committed; the message says why."""

    def __init__(self, outcome: Swept, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """The state that a commit is based on.

    Attributes:
        standing: The branches and pull requests on the forge.
        tree: The files to add the tests to.
        kept: For a merge: files of the sweep branch that stay as they are there.
        dropped: Ids of members whose earlier tests are dropped.
        is_merge: Whether this commit also merges the default branch.
    """

    standing: ExistingSweepPull
    tree: RepositoryTree
    kept: Mapping[str, bytes | None] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()
    is_merge: bool = False

    @property
    def tip(self) -> str:
        branch = self.standing.branch
        return self.standing.default.sha if branch is None else branch.sha


class _Attempt:
    """One attempt to carry out a request."""

    def __init__(self, forge: SweepForge, order: SweepOrder) -> None:
        self._forge = forge
        self._order = order
        self._plan = EditPlan()
        self._login = ""

    def not_done(self, outcome: Swept, reason: str) -> SweepPublisher:
        """Return the result if nothing was committed."""
        return SweepPublisher(
            outcome=outcome, reason=reason, unplaced=self._plan.refused, patch=patch_of(self._plan.edits)
        )

    def land(self) -> SweepPublisher:
        """Commit, then open or update the pull request."""
        self._login = self._forge.login()
        try:
            self._plan_on(self._order.tree)
        except _Refused:
            self._bring_up_to_date()
            raise
        ground, made = self._committed()
        return self._shown(ground, made)

    def _bring_up_to_date(self) -> None:
        """Merge the default branch into an open pull request if there are no conflicts."""
        standing = look(self._forge, self._login)
        operations = plan_branch(standing)
        if standing.open_pull is not None and not isinstance(operations, InTheWay):
            with suppress(HeadMoved, MergeConflict):
                self._do(operations)

    def _committed(self) -> tuple[_Ground, MadeCommit]:
        """Commit to the branch; retry after a concurrent commit.

        Raises:
            _Refused: Nothing may be committed, or the branch moved in every attempt.
        """
        for _ in range(_ATTEMPTS):
            ground = self._ground()
            self._plan_on(ground.tree)
            try:
                return ground, self._commit(ground)
            except HeadMoved:
                continue
        raise _Refused(Swept.RACE_LOST, _race())

    def _ground(self) -> _Ground:
        """Prepare the branch, and return the state to commit to.

        Raises:
            _Refused: Nothing may be committed to the branch.
        """
        for _ in range(_ROUNDS):
            standing = look(self._forge, self._login)
            operations = plan_branch(standing)
            if isinstance(operations, InTheWay):
                outcome = Swept.PROTECTED if operations.is_protected else Swept.OTHERS_COMMITS
                raise _Refused(outcome, operations.reason)
            if not operations:
                return self._on_branch(standing)
            try:
                self._do(operations)
            except HeadMoved:
                continue
            except MergeConflict as conflict:
                if standing.holds_others:
                    raise _Refused(Swept.CONFLICT, str(conflict)) from conflict
                return self._merged_anew(standing)
        raise _Refused(Swept.RACE_LOST, _race())

    def _do(self, operations: Sequence[BranchOperation]) -> None:
        for operation in operations:
            match operation:
                case MakeBranch(sha=sha):
                    self._forge.create_branch(SWEEP_BRANCH, sha)
                case AdvanceBranch(sha=sha):
                    self._forge.advance_branch(SWEEP_BRANCH, sha)
                case RemoveBranch(sha=sha):
                    self._forge.remove_branch(SWEEP_BRANCH, sha)
                case BringUpToDate(number=number, head=head):
                    self._forge.bring_up_to_date(number, head)

    def _on_branch(self, standing: ExistingSweepPull) -> _Ground:
        tree = OverlaidTree(self._default_tree(standing.default), standing.ahead.contents)
        return _Ground(standing=standing, tree=tree)

    def _merged_anew(self, standing: ExistingSweepPull) -> _Ground:
        """Return the default branch's files plus those of the sweep branch that do not conflict.

        Test files changed on both sides are dropped; their tests are generated again later.
        """
        default = standing.default.sha
        theirs = self._forge.ahead("" if standing.branch is None else standing.branch.sha, default)
        ours = standing.ahead.contents
        kept = {path: content for path, content in ours.items() if path not in theirs.contents}
        dropped = (content for path, content in ours.items() if path in theirs.contents)
        members = (
            test.mark.member
            for content in dropped
            for driver in self._order.drivers
            for test in marked_in(content, driver)
        )
        tree = OverlaidTree(self._default_tree(standing.default), kept)
        return _Ground(standing=standing, tree=tree, kept=kept, dropped=frozenset(members), is_merge=True)

    def _default_tree(self, default: Branch) -> RepositoryTree:
        """Return the files of the default branch as it is now, which may be newer than the swept commit.

        Raises:
            _Refused: The branch has more new commits or files than the forge reports.
        """
        order = self._order
        since = self._since(default)
        if not since.is_whole:
            raise _Refused(
                Swept.RACE_LOST,
                "The default branch has changed very much while the tests were proven, so nothing was "
                "committed. The next sweep looks again.",
            )
        return OverlaidTree(order.tree, since.contents) if since.contents else order.tree

    def _since(self, default: Branch) -> Ahead:
        order = self._order
        return Ahead() if default.sha == order.head else self._forge.ahead(order.head, default.sha)

    def _plan_on(self, tree: RepositoryTree) -> None:
        """Plan the file edits.

        Raises:
            _Refused: There are no edits, or they are too large.
        """
        order = self._order
        changed = [one for one in order.report.members if tree.read(one.path) != order.tree.read(one.path)]
        stale = {one.id for one in changed}
        suggestions = [one for one in order.report.suggestions if one.member not in stale]
        marking = Marking.of_members(
            order.report.members,
            order.drivers,
            marks=order.settings.mark_tests,
            failing=order.report.failing,
        )
        planned = plan_edits(suggestions, tree, order.drivers, marking)
        planned = replace(planned, refused=(*planned.refused, *_stale(order.report, stale)))
        bounded = within_bounds(planned, tree, order.drivers)
        supported, _ = with_support(bounded, tree, "", order.drivers)  # only for the edits that are left
        self._plan = within_bounds(supported, tree, order.drivers)
        if not self._plan.edits:
            raise _Refused(Swept.NOTHING, why_nothing(self._plan))
        if is_too_large(self._plan.edits):
            raise _Refused(
                Swept.TOO_LARGE,
                "The test files with the new tests are over 40 MB together, more than GitHub takes in one "
                "commit. Sweep fewer members at once (`max-members`).",
            )

    def _commit(self, ground: _Ground) -> MadeCommit:
        order, changes = self._order, tuple(changes_of(self._plan.edits, ground.tree))
        message = commit_message(self._taken(), (), order.head, order.settings)
        edited = {one.path for one in changes}
        kept = (FileChange(path=path, content=content) for path, content in ground.kept.items())
        commit = NewCommit(
            branch=SWEEP_BRANCH,
            parent=ground.tip,
            headline=message.headline,
            body=message.body,
            changes=(*(one for one in kept if one.path not in edited), *changes),
        )
        if ground.is_merge:
            return self._forge.commit_merge(commit, ground.standing.default.sha)
        return self._forge.commit_files(commit)

    def _shown(self, ground: _Ground, made: MadeCommit) -> SweepPublisher:
        """Open or update the pull request."""
        given = self._given(ground)
        text = self._order.text(given)
        done = SweepPublisher(
            outcome=Swept.UPDATED,
            commit=made,
            suggestions=self._taken(),
            unplaced=self._plan.refused,
            text=text,
        )
        operation = plan_pull(ground.standing.pulls, text)
        if isinstance(operation, OpenPull):
            return self._opened(done, ground.standing.default.name, text)
        self._forge.update_pull(operation.number, text)
        pull = next(one for one in ground.standing.pulls if one.number == operation.number)
        return replace(done, pull=FollowUp(number=pull.number, url=pull.url))

    def _opened(self, done: SweepPublisher, onto: str, text: PullText) -> SweepPublisher:
        try:
            pull = self._forge.open_sweep_pull(SWEEP_BRANCH, onto, text)
        except CannotOpenPulls as refused:
            reason = f"{refused} The tests are on the branch {SWEEP_BRANCH}, from which a person can open it."
            return replace(done, outcome=Swept.NO_PULL_REQUESTS, reason=reason)
        return replace(done, outcome=Swept.OPENED, pull=pull)

    def _given(self, ground: _Ground) -> SweepPullInputs:
        known = remembered(ground.standing.pulls)
        known = replace(
            known, standing=tuple(one for one in known.standing if one.member not in ground.dropped)
        )
        taken = self._taken()
        return SweepPullInputs(
            memory=known.with_proposed(self._proposed(taken)),
            new=frozenset(one.member for one in taken),
            unplaced=self._plan.refused,
        )

    def _proposed(self, taken: Sequence[Suggestion]) -> Iterator[Proposed]:
        members = {member.id: member for member in self._order.report.members}
        for one in taken:
            content = content_for(members[one.member], self._order.drivers)
            shown = "".join(span.text for span in proposal_words([one]))
            yield Proposed(member=one.member, content=content, shown=shown)

    def _taken(self) -> tuple[Suggestion, ...]:
        """Return the suggestions that the planned edits include."""
        members = {member for edit in self._plan.edits for member in edit.members}
        return tuple(one for one in self._order.report.suggestions if one.is_green and one.member in members)


def look(forge: SweepForge, login: str) -> ExistingSweepPull:
    """Return the current branches and pull requests of sweeps.

    Args:
        forge: The forge.
        login: Login of the account that the token belongs to.
    """
    default = forge.default_branch()
    branch = forge.branch(SWEEP_BRANCH)
    ahead = Ahead() if branch is None else forge.ahead(default.sha, branch.sha)
    return ExistingSweepPull(
        default=default,
        branch=branch,
        pulls=forge.sweep_pulls(SWEEP_BRANCH, default.name),
        ahead=ahead,
        holds_others=not ahead.is_whole or not all(_own(ahead, login)),
    )


def _own(ahead: Ahead, login: str) -> Iterator[bool]:
    """Yield for each commit whether it is the bot's: its author, and its trailer or a plain merge."""
    for author, message, parents in zip(ahead.authors, ahead.messages, ahead.parents, strict=True):
        is_merge = parents > 1 and message.startswith("Merge branch ")
        by_us = author is not None and is_same_login(author, login)
        yield is_own_commit(author, message, login) or (is_merge and by_us)


def _stale(report: Report, stale: set[str]) -> Iterator[NotPlaced]:
    for one in report.suggestions:
        if one.is_green and one.member in stale:
            yield NotPlaced(member=one.member, path=one.test_path, reason=_FILE_CHANGED)


def _race() -> str:
    return (
        f"Something else wrote to the branch {SWEEP_BRANCH} again and again, so nothing was committed. The "
        "next sweep tries again; let only one run at a time (`concurrency`)."
    )

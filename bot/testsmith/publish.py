"""Commit accepted tests to a pull request's branch, or to a branch of the bot's own with a pull request.

The bot never force-pushes, never commits to a default or protected branch, and never writes outside the test
tree. A branch of its own that has commits by others is left as it is. If nothing can be committed, the result
says why and includes a patch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from testsmith.events import is_own_commit
from testsmith.forge.commits import (
    Ahead,
    Branch,
    BranchProtected,
    CannotOpenPulls,
    CommittingForge,
    FileChange,
    NewCommit,
    OwnPull,
    PullText,
    changes_of,
    is_too_large,
)
from testsmith.forge.interface import Forbidden, ForgeFailure, HeadMoved, PullRequest
from testsmith.git.trees import OverlaidTree, RepositoryTree
from testsmith.languages.language import Language
from testsmith.model import GeneratedTest, Suggestion
from testsmith.reporting.pull_requests.commit_message import commit_message, follow_up_body, follow_up_title
from testsmith.settings import CommitSettings, Mode
from testsmith.test_files.lifecycle import marked_in
from testsmith.test_files.plan import EditPlan, Marking, NotPlaced, plan_edits, with_removals, with_support
from testsmith.test_files.write import patch_of, why_nothing, within_bounds

FOLLOW_UP_BRANCH = "testsmith/pr-"
"""Prefix of a follow-up branch; the number of the original pull request is appended."""

_ATTEMPTS = 2
"""Maximum attempts to commit to a branch of the bot's own; the second follows a concurrent change."""

_FILE_CHANGED = "its file has changed on the default branch"


class PublishStatus(StrEnum):
    """Outcome of publishing."""

    DONE = "done"  # the tests are on the branch, and its pull request is open
    NOTHING = "nothing"  # nothing to commit: no green suggestion, or all are in the test tree already
    FORK = "fork"  # the branch is in a fork, where the token may not write
    NOT_ALLOWED = "not-allowed"  # the token lacks a permission
    PROTECTED = "protected"  # the branch is the default branch, or its rules forbid the commit
    MOVED = "moved"  # the pull request's branch has moved; `found` is its new tip
    RACE_LOST = "race-lost"  # the branch moved again at each attempt
    TOO_LARGE = "too-large"  # over 40 MB
    NO_PULL_REQUESTS = "no-pull-requests"  # committed, but the workflow's token may not open pull requests
    OTHERS_COMMITS = "others-commits"  # the bot's own branch has commits by others
    FAILED = "failed"  # the forge could not be read or written


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOrder:
    """What to commit.

    Attributes:
        head: Full object id of the commit that the suggestions were verified on.
        suggestions: The suggestions; questions are left out.
        tree: The files of that commit.
        languages: The languages.
        settings: Where the tests are committed, and the commit message.
        marking: How tests are marked, and which marked tests they replace.
        removals: Tests of removed members to delete in the same commit.
        adds_support: Whether a project without tests also gets the files that its tests need.
    """

    head: str
    suggestions: tuple[Suggestion, ...]
    tree: RepositoryTree
    languages: Sequence[Language]
    settings: CommitSettings = field(default_factory=CommitSettings)
    marking: Marking = field(default_factory=Marking)
    removals: tuple[GeneratedTest, ...] = ()
    adds_support: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishResult:
    """What came of an order.

    Attributes:
        status: The outcome.
        reason: Why not everything was done and what to do; empty if all was.
        commit: Full object id of the commit; empty if none was made.
        pull: The bot's pull request with the commit; None if there is none.
        suggestions: The suggestions in the commit.
        present: The suggestions whose tests are in the test tree already, for example after an interrupted
            run.
        unplaced: Suggestions that fit into no test file, with reasons.
        patch: Changes that could not be committed, for `git apply`; empty if they were.
        found: The branch's tip, if it has moved.
    """

    status: PublishStatus
    reason: str = ""
    commit: str = ""
    pull: OwnPull | None = None
    suggestions: tuple[Suggestion, ...] = ()
    present: tuple[Suggestion, ...] = ()
    unplaced: tuple[NotPlaced, ...] = ()
    patch: str = ""
    found: str = ""

    @property
    def place(self) -> str:
        """The commit's id, or the pull request as `#12`; empty if nothing was committed."""
        if self.pull is not None:
            return f"#{self.pull.number}"
        return self.commit


@dataclass(frozen=True, slots=True, kw_only=True)
class PullContents:
    """What the text of the bot's pull request is about.

    Attributes:
        suggestions: The suggestions in the new commit.
        unplaced: Suggestions that fit into no test file, with reasons.
        pulls: The pull requests of the branch before, newest first.
        dropped: Ids of members whose earlier tests could not be kept.
    """

    suggestions: tuple[Suggestion, ...] = ()
    unplaced: tuple[NotPlaced, ...] = ()
    pulls: tuple[OwnPull, ...] = ()
    dropped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBranch:
    """A branch of the bot's own and its pull request.

    Attributes:
        name: The branch's name.
        onto: The branch that the pull request targets.
        text: Returns the pull request's title and text; an empty title keeps the current one.
    """

    name: str
    onto: str
    text: Callable[[PullContents], PullText]


def publish_for(forge: CommittingForge, order: PublishOrder, pull: PullRequest) -> PublishResult:
    """Commit to a pull request's branch, or to a follow-up branch if the mode says so.

    If the forge refuses, the result says so; nothing is raised.
    """
    publisher = _Publisher(forge, order)
    is_follow_up = order.settings.mode is Mode.PULL_REQUEST
    return publisher.run(lambda: publisher.follow_up(pull) if is_follow_up else publisher.on_head(pull))


def publish_onto_default(
    forge: CommittingForge, order: PublishOrder, name: str, text: Callable[[PullContents], PullText]
) -> PublishResult:
    """Commit to a branch of the bot's own, and open or update its pull request onto the default branch.

    If the forge refuses, the result says so; nothing is raised.

    Args:
        forge: The forge of the branch.
        order: What to commit.
        name: The name of the bot's branch.
        text: See `OwnBranch.text`.
    """
    publisher = _Publisher(forge, order)
    return publisher.run(lambda: publisher.onto_default(name, text))


def why_not_ours(forge: CommittingForge, name: str, onto: str, head: str) -> str:
    """Return why nothing may be committed to a branch of the bot's own; empty if it may."""
    try:
        _OwnBranchState.read(forge, name, onto, head).require_own(forge.login())
    except _Refused as refused:
        return str(refused)
    return ""


class _Refused(Exception):
    """Nothing can be committed; the message says why."""

    def __init__(self, status: PublishStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class _OwnBranchState:
    """A branch of the bot's own as it is now.

    Attributes:
        name: Its name.
        onto: The branch that its pull requests target.
        tip: The branch; None if it does not exist.
        pulls: Its pull requests, newest first.
        ahead: What it has that the verified commit does not.
    """

    name: str
    onto: str
    tip: Branch | None
    pulls: tuple[OwnPull, ...]
    ahead: Ahead

    @classmethod
    def read(cls, forge: CommittingForge, name: str, onto: str, head: str) -> _OwnBranchState:
        tip = forge.branch(name)
        ahead = Ahead() if tip is None else forge.ahead(head, tip.sha)
        return cls(name=name, onto=onto, tip=tip, pulls=forge.own_pulls(name, onto), ahead=ahead)

    @property
    def open_pull(self) -> OwnPull | None:
        return next((pull for pull in self.pulls if pull.is_open), None)

    def require_own(self, login: str) -> None:
        """Check that the bot may change the branch, and recreate it if no pull request is open.

        Raises:
            _Refused: It is the target itself, it is protected, or it may have unmerged commits by others.
        """
        if self.name == self.onto:
            raise _Refused(
                PublishStatus.PROTECTED,
                f"Nothing was committed: tests are proposed for the branch {self.name}, not committed to it.",
            )
        if self.tip is None:
            return
        if self.tip.is_protected:
            raise _Refused(
                PublishStatus.PROTECTED,
                f"The branch {self.name} is protected, so nothing was committed to it. Exclude it from "
                f"the branch protection rules.",
            )
        ahead, tip = self.ahead, self.tip.sha
        commits = zip(ahead.authors, ahead.messages, strict=True)
        is_whole = ahead.has_all_commits and ahead.has_all_files
        is_own = is_whole and all(is_own_commit(author, message, login) for author, message in commits)
        was_merged = self.open_pull is None and any(one.is_merged and one.head == tip for one in self.pulls)
        if not is_own and not was_merged:
            way_out = (
                "Delete it"
                if self.open_pull is None
                else "Merge its pull request, or close it and delete the branch"
            )
            raise _Refused(
                PublishStatus.OTHERS_COMMITS,
                f"The branch {self.name} has commits by others, so it was not changed. {way_out}; the "
                f"next run then starts a new one.",
            )


class _Publisher:
    """Carries out one order."""

    def __init__(self, forge: CommittingForge, order: PublishOrder) -> None:
        self._forge = forge
        self._order = order
        self._plan = EditPlan()
        self._outdated: tuple[NotPlaced, ...] = ()

    def run(self, step: Callable[[], PublishResult]) -> PublishResult:
        """Return the result of a step, or why it could not be done."""
        try:
            return step()
        except HeadMoved as moved:
            return replace(self._not_done(PublishStatus.MOVED, moved), found=moved.found)
        except BranchProtected as refused:
            return self._not_done(PublishStatus.PROTECTED, refused)
        except Forbidden as refused:
            return self._not_done(PublishStatus.NOT_ALLOWED, refused)
        except ForgeFailure as failure:
            return self._not_done(PublishStatus.FAILED, failure)
        except _Refused as refused:
            return self._not_done(refused.status, refused)

    def on_head(self, pull: PullRequest) -> PublishResult:
        """Commit to the branch of a pull request."""
        self._plan_on(self._order.tree)
        self._require_own_repository(pull)
        if pull.head_ref == pull.default_branch:
            raise _Refused(
                PublishStatus.PROTECTED,
                f"The head of the pull request is the default branch, {pull.head_ref}. Nothing is "
                f"committed to it; use `mode: pull-request`.",
            )
        if self._expect_head(pull).is_protected:
            raise _Refused(
                PublishStatus.PROTECTED,
                f"The branch {pull.head_ref} is protected, so nothing was committed to it. Use `mode: "
                f"pull-request`.",
            )
        return self._done(self._commit(pull.head_ref, self._order.head))

    def follow_up(self, pull: PullRequest) -> PublishResult:
        """Commit to the follow-up branch of a pull request."""
        self._plan_on(self._order.tree)
        self._require_own_repository(pull)
        self._expect_head(pull)

        def text(given: PullContents) -> PullText:
            body = follow_up_body(given.suggestions, pull.number, self._order.head)
            is_open = any(one.is_open for one in given.pulls)
            return PullText(title="" if is_open else follow_up_title(pull.number), body=body)

        name = f"{FOLLOW_UP_BRANCH}{pull.number}"
        return self.on_own_branch(OwnBranch(name=name, onto=pull.head_ref, text=text))

    def onto_default(self, name: str, text: Callable[[PullContents], PullText]) -> PublishResult:
        """Commit to a branch for the default branch, leaving out tests of files that have changed there."""
        order = self._order
        self._plan_on(order.tree)
        default = self._forge.default_branch()
        if default.sha != order.head:
            changed = self._forge.ahead(order.head, default.sha).files
            left = [
                one
                for one in order.suggestions
                if one.test_path in changed or one.member.rpartition("::")[0] in changed
            ]
            if left:
                self._order = replace(
                    order, suggestions=tuple(one for one in order.suggestions if one not in left)
                )
                self._outdated = tuple(
                    NotPlaced(member=one.member, path=one.test_path, reason=_FILE_CHANGED) for one in left
                )
                self._plan_on(order.tree)
        return self.on_own_branch(OwnBranch(name=name, onto=default.name, text=text))

    def on_own_branch(self, own: OwnBranch) -> PublishResult:
        """Commit to a branch of the bot's own, then open or update its pull request."""
        login = self._forge.login()
        for _ in range(_ATTEMPTS):
            state = _OwnBranchState.read(self._forge, own.name, own.onto, self._order.head)
            state.require_own(login)
            try:
                made, dropped = self._commit_to_own(state)
            except HeadMoved:
                continue
            return self._show(own, state, self._done(made), dropped)
        raise _Refused(
            PublishStatus.RACE_LOST,
            f"Nothing was committed: something else changed the branch {own.name} during each attempt. "
            f"The next run tries again. Allow only one run at a time with `concurrency`.",
        )

    def _commit_to_own(self, state: _OwnBranchState) -> tuple[str, frozenset[str]]:
        """Commit on top of an open pull request, merging the verified commit, or to a new branch.

        Returns:
            The commit, and the members whose earlier tests were dropped.
        """
        order, tip = self._order, state.tip
        if tip is not None and state.open_pull is not None:
            kept, dropped = self._kept(state, tip)
            self._plan_on(OverlaidTree(order.tree, kept))
            if not state.ahead.behind:
                return self._commit(state.name, tip.sha), dropped
            carried = tuple(FileChange(path=path, content=content) for path, content in kept.items())
            return self._commit(state.name, tip.sha, carried, merged=order.head), dropped
        if tip is not None:
            self._forge.remove_branch(state.name, tip.sha)
        self._forge.create_branch(state.name, order.head)
        return self._commit(state.name, order.head), frozenset()

    def _kept(self, state: _OwnBranchState, tip: Branch) -> tuple[Mapping[str, bytes | None], frozenset[str]]:
        """Return the branch's own changes of files that the verified commit has not changed, too.

        Returns:
            The contents by path, and the members whose tests were in the other files.
        """
        order, ours = self._order, self._forge.contents(state.ahead.files)
        if not state.ahead.behind:
            return ours, frozenset()
        theirs = self._forge.ahead(tip.sha, order.head)
        kept = {
            path: content
            for path, content in ours.items()
            if path not in theirs.files and (theirs.has_all_files or order.tree.entry(path) is None)
        }
        dropped = (content for path, content in ours.items() if path not in kept)
        tests = (
            test
            for content in dropped
            for language in order.languages
            for test in marked_in(content, language)
        )
        return kept, frozenset(test.mark.member for test in tests)

    def _show(
        self, own: OwnBranch, state: _OwnBranchState, done: PublishResult, dropped: frozenset[str]
    ) -> PublishResult:
        """Open or update the pull request."""
        contents = PullContents(
            suggestions=done.suggestions, unplaced=done.unplaced, pulls=state.pulls, dropped=dropped
        )
        text, pull = own.text(contents), state.open_pull
        if pull is not None:
            self._forge.update_pull(pull.number, text)
            return replace(done, pull=pull)
        try:
            return replace(done, pull=self._forge.open_pull(own.name, own.onto, text))
        except CannotOpenPulls as refused:
            reason = f"{refused} The tests are on the branch {own.name}; open a pull request from it by hand."
            return replace(done, status=PublishStatus.NO_PULL_REQUESTS, reason=reason)

    def _plan_on(self, tree: RepositoryTree) -> None:
        """Plan the file edits.

        Raises:
            _Refused: There are no edits, or they are too large.
        """
        order = self._order
        planned = plan_edits(order.suggestions, tree, order.languages, order.marking)
        planned = with_removals(planned, order.removals, tree, order.languages)
        planned = replace(planned, refused=(*planned.refused, *self._outdated))
        self._plan = within_bounds(planned, tree, order.languages)
        if order.adds_support:  # only for the edits that are left
            supported, _ = with_support(self._plan, tree, "", order.languages)
            self._plan = within_bounds(supported, tree, order.languages)
        if not self._plan.edits:
            raise _Refused(PublishStatus.NOTHING, why_nothing(self._plan))
        if is_too_large(self._plan.edits):
            raise _Refused(
                PublishStatus.TOO_LARGE,
                "The changed test files have more than 40 MB in total, the limit of one commit on GitHub. "
                "Split the test files, or sweep fewer functions at once (`max-members`).",
            )

    def _require_own_repository(self, pull: PullRequest) -> None:
        if pull.is_from_fork:
            raise _Refused(
                PublishStatus.FORK,
                "The branch is in a fork, which this repository's token cannot write to. The tests are in "
                "the patch: someone who can push to the fork can add them with `git apply`.",
            )

    def _expect_head(self, pull: PullRequest) -> Branch:
        """Return the head branch.

        Raises:
            HeadMoved: The branch is not at the commit that the suggestions were verified on.
        """
        tip = self._forge.branch(pull.head_ref)
        if tip is None or tip.sha != self._order.head:
            raise HeadMoved("" if tip is None else tip.sha)
        return tip

    def _commit(self, branch: str, parent: str, carried: Sequence[FileChange] = (), merged: str = "") -> str:
        """Commit the planned edits, and return the commit's id.

        If another commit is merged, `carried` is what else the branch keeps.
        """
        order, edits = self._order, self._plan.edits
        removed = [f"{edit.path}::{name}" for edit in edits for name in edit.removed]
        message = commit_message(self._taken(), removed, order.head, order.settings)
        edited = {edit.path for edit in edits}
        made = self._forge.commit_files(
            NewCommit(
                branch=branch,
                parent=parent,
                headline=message.headline,
                body=message.body,
                changes=(
                    *(one for one in carried if one.path not in edited),
                    *changes_of(edits, order.tree),
                ),
                merged=merged,
            )
        )
        return made.sha

    def _taken(self) -> tuple[Suggestion, ...]:
        """Return the suggestions that the planned edits include."""
        return self._of({member for edit in self._plan.edits for member in edit.members})

    def _of(self, members: Collection[str]) -> tuple[Suggestion, ...]:
        return tuple(one for one in self._order.suggestions if one.is_green and one.member in members)

    def _done(self, made: str) -> PublishResult:
        return PublishResult(
            status=PublishStatus.DONE,
            commit=made,
            suggestions=self._taken(),
            present=self._of(self._plan.unchanged),
            unplaced=self._plan.refused,
        )

    def _not_done(self, status: PublishStatus, reason: Exception) -> PublishResult:
        return PublishResult(
            status=status,
            reason=str(reason),
            present=self._of(self._plan.unchanged),
            unplaced=self._plan.refused,
            patch=patch_of(self._plan.edits),
        )

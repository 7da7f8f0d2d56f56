"""The pull request of sweeps: its stored state, the desired state of its branch, and its forge. Pure.

The state is a hidden line in the text of each sweep pull request:

    <!-- testsmith:sweep {"version":1,"proposed":[["a.py::f","0123456789abcdef","2 tests"]],"refused":[]} -->

The open pull request lists the contents that are already proposed; a closed, unmerged one lists contents that
were refused. A content is a member's id and behavior, so a changed member counts as new. Anyone with write
access can edit the line, so invalid entries are dropped one by one.

The operations planned here are carried out by `github/sweeps.py`. Planning again after a plan was carried out
yields no operations; that is how faults in between are fixed. Nothing is ever forced: the branch only
fast-forwards. It is recreated only if no pull request is open and only the bot's own commits would be lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from testsmith.forge.comment_markers import DIGEST
from testsmith.forge.commits import (
    Ahead,
    Branch,
    CommittingForge,
    FollowUp,
    MadeCommit,
    NewCommit,
)
from testsmith.forge.interface import ForgeFailure

MEMORY_LIMIT = 20_000
"""Maximum characters of the hidden line, including its markers."""

REFUSED_LIMIT = 600
"""Maximum number of refused contents that are kept, most recent first."""

_VERSION = 1
_OPENING = "<!-- testsmith:sweep "
_CLOSING = " -->"
_READ_LIMIT = 2 * MEMORY_LIMIT
_MEMBER_LIMIT = 1_000
_SHOWN_LIMIT = 200
_ENTRY = ("member", "content", "shown")
_MEANT_FOR_MARKUP = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "<>&@#"})
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A member with tests proposed by a sweep.

    Attributes:
        member: The member's id; empty if there was no room to store it.
        content: Digest of the member's id and behavior; see `content_digest`.
        shown: Display text for the table; untrusted.
    """

    member: str
    content: str
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepMemory:
    """The stored state of one pull request.

    Attributes:
        proposed: The members it proposes, in the order they were proposed.
        refused: Contents that earlier pull requests proposed and that were closed without merging.
    """

    proposed: tuple[Proposed, ...] = ()
    refused: tuple[str, ...] = ()


def encode(memory: SweepMemory) -> str:
    """Return the hidden line, never longer than the limit.

    If the state is too large, parts are dropped in this order: display texts; the ids of the members proposed
    first; the oldest refused contents.
    """
    return next(line for line in map(_line, _ever_smaller(memory)) if len(line) <= MEMORY_LIMIT)


def _ever_smaller(memory: SweepMemory) -> Iterator[SweepMemory]:
    memory = replace(memory, refused=memory.refused[-REFUSED_LIMIT:])
    yield memory
    memory = replace(memory, proposed=tuple(replace(one, shown="") for one in memory.proposed))
    yield memory
    size = 1
    while size < len(memory.proposed):
        yield replace(memory, proposed=_without_names(memory.proposed, size))
        size *= 2
    memory = replace(memory, proposed=_without_names(memory.proposed, len(memory.proposed)))
    while memory.refused:
        yield memory
        memory = replace(memory, refused=memory.refused[len(memory.refused) // 2 + 1 :])
    while memory.proposed:
        yield memory
        memory = replace(memory, proposed=memory.proposed[len(memory.proposed) // 2 + 1 :])
    yield memory


def _without_names(proposed: Sequence[Proposed], count: int) -> tuple[Proposed, ...]:
    nameless = (replace(one, member="") for one in proposed[:count])
    return (*nameless, *proposed[count:])


def _line(memory: SweepMemory) -> str:
    data = {
        "version": _VERSION,
        "proposed": [[one.member, one.content, one.shown[:_SHOWN_LIMIT]] for one in memory.proposed],
        "refused": list(memory.refused),
    }
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return f"{_OPENING}{text.translate(_MEANT_FOR_MARKUP)}{_CLOSING}"


def decode(body: str) -> SweepMemory | None:
    """Return the state in the hidden line of a text, or None if there is no readable one."""
    data = _parsed(_found_line(body))
    if not isinstance(data, dict) or data.get("version") != _VERSION:
        return None
    return SweepMemory(
        proposed=tuple(_entries(data.get("proposed"))), refused=tuple(_digests(data.get("refused")))
    )


def _found_line(body: str) -> str:
    """Return the JSON of the last hidden line."""
    lines = body.replace("\r\n", "\n").split("\n")
    found = [one.rstrip() for one in lines if one.startswith(_OPENING) and len(one) <= _READ_LIMIT]
    line = found[-1] if found else ""
    return line[len(_OPENING) : -len(_CLOSING)] if line.endswith(_CLOSING) else ""


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _entries(data: object) -> Iterator[Proposed]:
    for one in data if isinstance(data, list) else ():
        if not (isinstance(one, list) and len(one) == len(_ENTRY)):
            continue
        member, content, shown = one
        if _is_text(member, _MEMBER_LIMIT) and _is_digest(content) and _is_text(shown, _SHOWN_LIMIT):
            yield Proposed(member=member, content=content, shown=shown)


def _digests(data: object) -> Iterator[str]:
    yield from dict.fromkeys(one for one in (data if isinstance(data, list) else ()) if _is_digest(one))


def _is_digest(data: object) -> bool:
    return isinstance(data, str) and DIGEST.fullmatch(data) is not None


def _is_text(data: object, limit: int) -> bool:
    return isinstance(data, str) and len(data) <= limit and not _LONE_SURROGATE.search(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The combined state of all sweep pull requests.

    Attributes:
        standing: The members that the open pull request proposes.
        number: The open pull request's number; None if none is open.
        refused: By content, the number of the last pull request that proposed it and was closed without
            merging; 0 if only a later one mentions it.
    """

    standing: tuple[Proposed, ...] = ()
    number: int | None = None
    refused: dict[str, int] = field(default_factory=dict)

    def why_not(self, content: str) -> str:
        """Return why a member must not be proposed now; empty if it may be."""
        if any(one.content == content for one in self.standing):
            return f"its tests stand in pull request {self.number}, which is open"
        if content in self.refused:
            place = f"pull request {self.refused[content]}" if self.refused[content] else "a pull request"
            return f"tests for it stood in {place}, which was closed without merging"
        return ""

    def with_proposed(self, proposed: Iterable[Proposed]) -> SweepMemory:
        """Return the state of the open pull request with more members proposed."""
        new = {one.member: one for one in proposed}
        kept = (one for one in self.standing if one.member not in new)
        return SweepMemory(proposed=(*kept, *new.values()), refused=tuple(reversed(self.refused)))


# The branch and its pull request: current state, operations and plan.

SWEEP_BRANCH = "testsmith/sweep"
"""Name of the sweep branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPull:
    """A pull request from the sweep branch onto the default branch.

    Attributes:
        number: Its number.
        url: Its web address.
        head: Full object id of its head; its last head if it is closed.
        body: Its text.
        is_open: Whether it is neither closed nor merged.
        is_merged: Whether it was merged.
    """

    number: int
    url: str
    head: str
    body: str = ""
    is_open: bool = True
    is_merged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingSweepPull:
    """The current branches and pull requests of sweeps on the forge.

    Attributes:
        default: The default branch.
        branch: The sweep branch; None if it does not exist.
        pulls: Its pull requests, newest first.
        ahead: What the sweep branch has that the default branch does not; nothing if it does not exist.
        holds_others: Whether that includes, or may include, commits by others.
    """

    default: Branch
    branch: Branch | None = None
    pulls: tuple[SweepPull, ...] = ()
    ahead: Ahead = field(default_factory=Ahead)
    holds_others: bool = False

    @property
    def open_pull(self) -> SweepPull | None:
        """The open pull request."""
        return next((pull for pull in self.pulls if pull.is_open), None)

    @property
    def was_merged(self) -> bool:
        """Whether a pull request merged the whole branch, possibly as other commits (squash or rebase)."""
        return self.branch is not None and any(
            pull.is_merged and pull.head == self.branch.sha for pull in self.pulls
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeBranch:
    """Create the branch at a commit of the default branch."""

    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceBranch:
    """Fast-forward the branch to a commit of the default branch."""

    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBranch:
    """Remove the branch, whose tip was merged or refused. It must still be at that commit."""

    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BringUpToDate:
    """Merge the default branch into the pull request's branch, which must be at this head."""

    number: int
    head: str


BranchOperation = MakeBranch | AdvanceBranch | RemoveBranch | BringUpToDate
"""An operation on the branch that precedes a commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InTheWay:
    """Nothing may be committed to the branch.

    Attributes:
        is_protected: Whether the repository's rules forbid it, rather than commits by others.
        reason: Why, and what to do.
    """

    reason: str
    is_protected: bool = False


def plan_branch(standing: ExistingSweepPull) -> tuple[BranchOperation, ...] | InTheWay:
    """Return the operations that make the branch ready for a commit; none if it is ready.

    With an open pull request, commits are only added to the branch and the default branch is merged into it.
    Without one, the branch is recreated from the default branch, unless that would lose someone's commits.
    """
    branch, default = standing.branch, standing.default
    refusal = _in_the_way(standing)
    if refusal is not None:
        return refusal
    if branch is None:
        return (MakeBranch(sha=default.sha),)
    pull = standing.open_pull
    if pull is not None:
        return (BringUpToDate(number=pull.number, head=branch.sha),) if standing.ahead.behind else ()
    if standing.ahead.authors or not standing.ahead.is_whole:
        return RemoveBranch(sha=branch.sha), MakeBranch(sha=default.sha)
    return (AdvanceBranch(sha=default.sha),) if branch.sha != default.sha else ()


def _in_the_way(standing: ExistingSweepPull) -> InTheWay | None:
    branch = standing.branch
    if standing.default.name == SWEEP_BRANCH:
        return InTheWay(
            reason=f"The default branch is called {SWEEP_BRANCH}, to which nothing is committed.",
            is_protected=True,
        )
    if branch is not None and branch.is_protected:
        reason = (
            f"The branch {SWEEP_BRANCH} is protected, so nothing is committed to it. Take it out of the "
            "rules that protect it."
        )
        return InTheWay(reason=reason, is_protected=True)
    if branch is not None and standing.open_pull is None and _is_others(standing):
        return InTheWay(
            reason=f"The branch {SWEEP_BRANCH} has no open pull request and holds commits of others, so it "
            "is left as it is. Open a pull request from it, or delete it."
        )
    return None


def _is_others(standing: ExistingSweepPull) -> bool:
    return standing.holds_others and not standing.was_merged


@dataclass(frozen=True, slots=True, kw_only=True)
class PullText:
    """The title and the text of the pull request."""

    title: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPull:
    """Open the pull request."""

    text: PullText


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePull:
    """Replace the title and the text of the open pull request. Safe to repeat."""

    number: int
    text: PullText


def plan_pull(pulls: Sequence[SweepPull], text: PullText) -> OpenPull | UpdatePull:
    """Return the operation after which one pull request with this text is open."""
    standing = next((pull for pull in pulls if pull.is_open), None)
    return OpenPull(text=text) if standing is None else UpdatePull(number=standing.number, text=text)


def remembered(pulls: Sequence[SweepPull]) -> Remembered:
    """Return the combined state of all sweep pull requests.

    Args:
        pulls: All of them, newest first.
    """
    standing = next((pull for pull in pulls if pull.is_open), None)
    memories = {pull.number: decode(pull.body) for pull in pulls}
    refused = dict[str, int]()
    for pull in pulls:
        memory = memories[pull.number]
        if memory is None:
            continue
        if not pull.is_open and not pull.is_merged:
            for one in memory.proposed:
                refused.setdefault(one.content, pull.number)
        for content in memory.refused:
            refused.setdefault(content, 0)
    memory = None if standing is None else memories[standing.number]
    return Remembered(
        standing=() if memory is None else memory.proposed,
        number=None if standing is None else standing.number,
        refused=refused,
    )


class MergeConflict(ForgeFailure):
    """Merging the default branch into the pull request's branch causes conflicts."""


class SweepForge(CommittingForge, Protocol):
    """A forge that supports sweep pull requests. Every method may raise a `ForgeFailure`."""

    def login(self) -> str:
        """Return the login of the account that the token belongs to."""
        ...

    def default_branch(self) -> Branch:
        """Return the current state of the repository's default branch."""
        ...

    def sweep_pulls(self, branch: str, onto: str) -> tuple[SweepPull, ...]:
        """Return the pull requests from one branch of the repository onto another, newest first."""
        ...

    def remove_branch(self, name: str, sha: str) -> None:
        """Remove a branch that is at a commit. A missing branch is not a failure.

        Raises:
            HeadMoved: The branch is at another commit; nothing was changed.
        """
        ...

    def bring_up_to_date(self, number: int, head: str) -> None:
        """Merge the base branch into a pull request's branch and wait until the merge is visible.

        Raises:
            MergeConflict: The branches conflict; nothing was changed.
            HeadMoved: The pull request has another head; nothing was changed.
        """
        ...

    def commit_merge(self, order: NewCommit, merged: str) -> MadeCommit:
        """Put a merge commit on a branch exactly once; its files are those of `merged` plus the changes.

        Args:
            order: The commit. Its parent is the first parent; its changes apply to the files of `merged`.
            merged: Full object id of the second parent.

        Raises:
            HeadMoved: The branch is not at the expected parent; nothing was changed.
            BranchProtected: The branch's rules forbid the commit.
            Forbidden: The token may not write contents.
        """
        ...

    def update_pull(self, number: int, text: PullText) -> None:
        """Replace the title and the text of a pull request. Safe to repeat."""
        ...

    def open_sweep_pull(self, branch: str, onto: str, text: PullText) -> FollowUp:
        """Open the pull request exactly once.

        Raises:
            CannotOpenPulls: The repository does not allow workflows to open pull requests.
        """
        ...

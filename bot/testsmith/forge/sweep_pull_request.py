"""What the pull requests of sweeps remember, in a hidden line of their texts. All pure.

    <!-- testsmith:sweep {"version":1,"proposed":[["a.py::f","0123456789abcdef","2 tests"]],"refused":[]} -->

A pull request that stands tells what is proposed already, one that was closed without merging what nobody
wants. Both go by content, a member's id and what the member does: a member that has changed is a new one.
Whoever may write to the repository can edit the line, so that each entry read from it is checked for its
shape, and left out where it has another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from testsmith.forge.comment_markers import DIGEST
from testsmith.forge.commits import Ahead, Branch, CommittingForge, FollowUp, MadeCommit, NewCommit
from testsmith.forge.interface import ForgeFailure

MEMORY_LIMIT = 20_000
"""The most characters of the hidden line, its marks included."""

REFUSED_LIMIT = 600
"""The most refused contents that are carried on, those that were refused last."""

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
    """A member that a sweep has made tests for.

    Attributes:
        member: The member's id; empty where it had no room.
        content: Digest of the id and of what the member did, see `content_digest`.
        shown: A few words on its tests for the table; untrusted text.
    """

    member: str
    content: str
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepMemory:
    """What one pull request remembers.

    Attributes:
        proposed: What it proposes, the first proposed first.
        refused: Contents that earlier pull requests proposed and that were closed without merging.
    """

    proposed: tuple[Proposed, ...] = ()
    refused: tuple[str, ...] = ()


def encode(memory: SweepMemory) -> str:
    """Return the hidden line, never longer than the limit.

    What does not fit is left out: first the words, then the names of the first ones proposed, then the first
    refused contents.
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
    """Return what the hidden line in a text remembers; None where it has none that can be read."""
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
    """What all pull requests of sweeps remember together.

    Attributes:
        standing: What the open one proposes.
        number: The open one's number; None where none is open.
        refused: By content, the number of the last one that was closed without merging and proposed it; 0
            where only a later one tells of it.
    """

    standing: tuple[Proposed, ...] = ()
    number: int | None = None
    refused: dict[str, int] = field(default_factory=dict)

    def why_not(self, content: str) -> str:
        """Return why a member is not to be proposed now; empty where it may be."""
        if any(one.content == content for one in self.standing):
            return f"its tests stand in pull request {self.number}, which is open"
        if content in self.refused:
            place = f"pull request {self.refused[content]}" if self.refused[content] else "a pull request"
            return f"tests for it stood in {place}, which was closed without merging"
        return ""

    def with_proposed(self, proposed: Iterable[Proposed]) -> SweepMemory:
        """Return what the open pull request remembers once more is proposed in it."""
        new = {one.member: one for one in proposed}
        kept = (one for one in self.standing if one.member not in new)
        return SweepMemory(proposed=(*kept, *new.values()), refused=tuple(reversed(self.refused)))


# The one pull request of sweeps: what stands there, and what is to be done to it.
#
# Decided here, done by `github/sweeps.py`. A plan that was carried out leaves nothing to plan, so that
# whatever happens meanwhile is mended by reading and planning again. Nothing is ever forced: a branch
# goes on by commits that follow from where it is; it begins anew only where no pull request is open and
# nothing but the bot's own commits is lost.

SWEEP_BRANCH = "testsmith/sweep"
"""The branch of the pull request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPull:
    """A pull request from the sweeps' branch onto the default one.

    Attributes:
        number: Its number.
        url: Where people read it.
        head: Full object id of its head; of a closed one, of what that was.
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
    """What stands on the forge.

    Attributes:
        default: The default branch.
        branch: The sweeps' branch; None where there is none.
        pulls: Its pull requests, the last first.
        ahead: What the sweeps' branch has that the default one has not; nothing where there is none.
        holds_others: Whether somebody else's commits are among that, or may be.
    """

    default: Branch
    branch: Branch | None = None
    pulls: tuple[SweepPull, ...] = ()
    ahead: Ahead = field(default_factory=Ahead)
    holds_others: bool = False

    @property
    def open_pull(self) -> SweepPull | None:
        """The pull request that is open."""
        return next((pull for pull in self.pulls if pull.is_open), None)

    @property
    def was_merged(self) -> bool:
        """Whether all that is on the branch was merged by a pull request, if not by these very commits."""
        return self.branch is not None and any(
            pull.is_merged and pull.head == self.branch.sha for pull in self.pulls
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeBranch:
    """Let the branch begin at a commit of the default one."""

    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceBranch:
    """Let the branch go on to a commit of the default one that follows from it."""

    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBranch:
    """Remove the branch, whose tip has been merged or refused; it must still be at that commit."""

    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BringUpToDate:
    """Merge the default branch into the pull request's, which must be at this head."""

    number: int
    head: str


BranchOperation = MakeBranch | AdvanceBranch | RemoveBranch | BringUpToDate
"""One thing to be done to the branch before a commit is put on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InTheWay:
    """Nothing may be put on the branch.

    Attributes:
        is_protected: Whether rules of the repository forbid it, rather than commits of others.
        reason: Why, and what to do.
    """

    reason: str
    is_protected: bool = False


def plan_branch(standing: ExistingSweepPull) -> tuple[BranchOperation, ...] | InTheWay:
    """Return what is to be done so that a commit can be put on the branch; nothing where it can.

    With an open pull request the branch is only ever added to, and brought up to the default branch. Without
    one it begins anew at the default branch, if nobody's work is lost by that.
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
    """Replace the title and the text of the open pull request; doing it twice does no harm."""

    number: int
    text: PullText


def plan_pull(pulls: Sequence[SweepPull], text: PullText) -> OpenPull | UpdatePull:
    """Return what is to be done so that one pull request is open and has this text."""
    standing = next((pull for pull in pulls if pull.is_open), None)
    return OpenPull(text=text) if standing is None else UpdatePull(number=standing.number, text=text)


def remembered(pulls: Sequence[SweepPull]) -> Remembered:
    """Return what the pull requests of sweeps remember: what is proposed, and what nobody wants.

    Args:
        pulls: All of them, the last first.
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
    """The default branch cannot be merged into the pull request's without somebody's decision."""


class SweepForge(CommittingForge, Protocol):
    """A forge on which sweeps have a pull request. Every method may raise a `ForgeFailure`."""

    def login(self) -> str:
        """Return whom the token speaks for."""
        ...

    def default_branch(self) -> Branch:
        """Return the repository's default branch, read anew."""
        ...

    def sweep_pulls(self, branch: str, onto: str) -> tuple[SweepPull, ...]:
        """Return the pull requests from a branch onto another one of the repository, the last first."""
        ...

    def remove_branch(self, name: str, sha: str) -> None:
        """Remove a branch that is at a commit; one that is gone is no failure.

        Raises:
            HeadMoved: It is at another commit; nothing was done.
        """
        ...

    def bring_up_to_date(self, number: int, head: str) -> None:
        """Let the forge merge the base branch into a pull request's, and wait until that is to be seen.

        Raises:
            MergeConflict: The two are in conflict; nothing was done.
            HeadMoved: The pull request has another head; nothing was done.
        """
        ...

    def commit_merge(self, order: NewCommit, merged: str) -> MadeCommit:
        """Put a merge on a branch, once, whose files are those of the merged commit with the changes.

        Args:
            order: The commit; its parent is the first one, and its changes are to the files of `merged`.
            merged: Full object id of the second parent.

        Raises:
            HeadMoved: The branch is at another commit than the wanted parent; nothing was done.
            BranchProtected: Its rules forbid it.
            Forbidden: The token may not write contents.
        """
        ...

    def update_pull(self, number: int, text: PullText) -> None:
        """Replace the title and the text of a pull request; doing it twice does no harm."""
        ...

    def open_sweep_pull(self, branch: str, onto: str, text: PullText) -> FollowUp:
        """Open the pull request, once.

        Raises:
            CannotOpenPulls: The repository lets no workflow do so.
        """
        ...

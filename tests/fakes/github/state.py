"""What the fake remembers: repositories, pull requests, and the comments on them."""

from __future__ import annotations

from dataclasses import dataclass, field

from fakes.github.git_store import GitStore

ACTIONS_BOT = "github-actions[bot]"
"""Who a workflow's own token acts as."""

_KNOWN_IDS = {ACTIONS_BOT: 41898282, "dependabot[bot]": 49699333, "web-flow": 19864447}


@dataclass(frozen=True, slots=True)
class User:
    """An account; those of bots end in `[bot]`."""

    login: str
    id: int

    @property
    def kind(self) -> str:
        """GitHub's word for what kind of account it is."""
        return "Bot" if self.login.endswith("[bot]") else "User"


def known_id(login: str) -> int | None:
    """Return the id that GitHub really gave to an account, of the few that matter."""
    return _KNOWN_IDS.get(login)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a client shows.

    Attributes:
        permissions: By GitHub's names (`contents`, `pull_requests`), each `read` or `write`; None for a
            person's token, which may what the person may.
        repository: The only repository that an installation's token may write to.
    """

    value: str
    login: str
    permissions: dict[str, str] | None
    repository: str | None

    @property
    def is_installation(self) -> bool:
        return self.permissions is not None


@dataclass(slots=True, kw_only=True)
class Reaction:
    id: int
    user: User
    content: str
    at: float


@dataclass(slots=True, kw_only=True)
class Comment:
    """What reviews and comments have in common.

    Attributes:
        minimized: The reason (`outdated`), None while it is shown.
        edited_by: Who edited it last; None where nobody has.
    """

    id: int
    user: User
    body: str
    created: float
    updated: float
    minimized: str | None = None
    edited_by: User | None = None
    reactions: list[Reaction] = field(default_factory=list)

    def edit(self, body: str, by: User, at: float) -> None:
        self.body, self.updated, self.edited_by = body, at, by


@dataclass(slots=True, kw_only=True)
class IssueComment(Comment):
    """A comment below a pull request's description."""


@dataclass(slots=True, kw_only=True)
class Review(Comment):
    """A review; its state is PENDING, COMMENTED, APPROVED, CHANGES_REQUESTED or DISMISSED."""

    state: str
    commit: str
    submitted: float | None = None


@dataclass(slots=True, kw_only=True)
class ReviewComment(Comment):
    """A comment on a line or on a file.

    Attributes:
        original_line: The line in `original_commit`; None on a whole file.
        base: The merge base that the diff was taken from when the comment was made.
        reply_to: The id of the comment at the head of its thread; None at the head itself.
    """

    review: int
    path: str
    side: str
    original_line: int | None
    original_start_line: int | None
    start_side: str | None
    original_position: int
    original_commit: str
    base: str
    diff_hunk: str
    reply_to: int | None = None

    @property
    def is_on_file(self) -> bool:
        return self.original_line is None

    @property
    def thread(self) -> int:
        """The id of the comment that began its thread."""
        return self.reply_to or self.id


@dataclass(slots=True, kw_only=True)
class IssueEvent:
    """Something that happened to a pull request: `labeled`, `closed`, `head_ref_force_pushed`."""

    id: int
    name: str
    user: User
    at: float
    label: str | None = None


@dataclass(slots=True, kw_only=True)
class Pull:
    """A pull request.

    Attributes:
        head_repository: Where its branch is; None where that fork was deleted.
        previous_head: The head before the last push; the same as `head` before any.
        merge_commit: What `refs/pull/N/merge` is; None on a conflict.
    """

    number: int
    id: int
    title: str
    body: str
    user: User
    head_repository: Repository | None
    head_branch: str
    head: str
    previous_head: str
    base_branch: str
    base: str
    created: float
    updated: float
    merge_commit: str | None = None
    is_draft: bool = False
    is_locked: bool = False
    closed: float | None = None
    merged: float | None = None
    maintainer_can_modify: bool = False
    labels: list[str] = field(default_factory=list)
    comments: dict[int, IssueComment] = field(default_factory=dict)
    reviews: dict[int, Review] = field(default_factory=dict)
    review_comments: dict[int, ReviewComment] = field(default_factory=dict)
    resolved: dict[int, User] = field(default_factory=dict)
    reactions: list[Reaction] = field(default_factory=list)
    events: list[IssueEvent] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.closed is None

    def visible(self, review: int, login: str) -> bool:
        """Tell whether somebody sees a review: a pending one is seen by its author alone."""
        found = self.reviews[review]
        return found.state != "PENDING" or found.user.login == login


@dataclass(slots=True, kw_only=True)
class Label:
    id: int
    name: str


@dataclass(slots=True, kw_only=True, eq=False)
class Repository:
    """A repository and all that hangs on it.

    Attributes:
        collaborators: Roles by login: admin, maintain, write, triage, read.
        issues: Title and body of the issues that are no pull requests, by number.
        actions_may_open_pulls: Whether a workflow's own token may open pull requests, which is a box to
            tick in the repository's settings.
    """

    owner: User
    name: str
    id: int
    git: GitStore
    is_private: bool = False
    default_branch: str = "main"
    parent: Repository | None = None
    is_deleted: bool = False
    actions_may_open_pulls: bool = True
    protected: set[str] = field(default_factory=set)
    collaborators: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    issues: dict[int, tuple[str, str]] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    created: float = 0.0
    pushed: float = 0.0

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    def branch(self, name: str) -> str | None:
        """Return the commit at the tip of a branch, None where there is no such branch."""
        return self.git.resolve(f"refs/heads/{name}")

    def role_of(self, login: str) -> str:
        """Return an account's role, `none` without one."""
        return "admin" if login == self.owner.login else self.collaborators.get(login, "none")

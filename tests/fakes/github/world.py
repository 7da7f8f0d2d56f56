"""All that exists on the fake GitHub, and how a push changes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from fakes.github.clock import Clock, StepClock
from fakes.github.contract import Contract
from fakes.github.diffs import ChangedFile, Place, line_now
from fakes.github.git_store import GitStore, Person
from fakes.github.state import (
    IssueComment,
    IssueEvent,
    Label,
    Pull,
    Repository,
    ReviewComment,
    Token,
    User,
    known_id,
)

_NOBODY = Person(name="GitHub", email="noreply@github.example", at=1_767_600_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where GitHub cuts, refuses or slows down.

    Attributes:
        requests: A token's requests within one hour.
        content_a_minute: Requests that make content within one minute.
        content_an_hour: The same within one hour.
        body: Characters of a comment or a review.
        review_comments: Comments that one review takes; with more, 502 is answered after some were made.
        files: Files of a pull request that are listed.
        compared_files: Files that a comparison names.
        diff_files: Files of a diff as one text.
        diff_lines: Lines of a diff as one text.
        patch_lines: Changed lines of one file up to which its patch is shown.
        content_bytes: Size of a file up to which the contents operation gives its content.
        tree_entries: Entries of a tree, beyond which it is cut.
    """

    requests: int = 1_000
    content_a_minute: int = 80
    content_an_hour: int = 500
    body: int = 65_536
    review_comments: int = 30
    files: int = 3_000
    compared_files: int = 300
    diff_files: int = 300
    diff_lines: int = 20_000
    patch_lines: int = 2_000
    content_bytes: int = 1_000_000
    tree_entries: int = 100_000


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a review comment stands in the pull request's present diff."""

    line: int
    start_line: int | None
    position: int


@dataclass
class World:
    """Everything the server knows.

    Attributes:
        url: Where the server listens, without a slash at the end.
    """

    folder: Path
    clock: Clock = field(default_factory=StepClock)
    limits: Limits = field(default_factory=Limits)
    contract: Contract = field(default_factory=Contract)
    url: str = "http://127.0.0.1:0"
    users: dict[str, User] = field(default_factory=dict)
    signers: set[str] = field(default_factory=lambda: {"GitHub"})
    repositories: dict[str, Repository] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    _ids: count[int] = field(default_factory=lambda: count(1_001))
    _moved: dict[tuple[str, str, str, str], str] = field(default_factory=dict)

    def next_id(self) -> int:
        return next(self._ids)

    def user(self, login: str) -> User:
        """Return an account; it is made when it is first named."""
        if login not in self.users:
            self.users[login] = User(login, known_id(login) or self.next_id())
        return self.users[login]

    def add_repository(self, full_name: str, source: Path | None, parent: Repository | None) -> Repository:
        owner, _, name = full_name.partition("/")
        repository = Repository(
            owner=self.user(owner),
            name=name,
            id=self.next_id(),
            git=GitStore.create(self.folder / f"{full_name}.git", source),
            parent=parent,
            created=self.clock.now(),
        )
        self.repositories[full_name.lower()] = repository
        return repository

    def find_repository(self, full_name: str) -> Repository | None:
        found = self.repositories.get(full_name.lower())
        return None if found is None or found.is_deleted else found

    def label(self, repository: Repository, name: str) -> Label:
        """Return a repository's label; it is made when it is first used."""
        if name not in repository.labels:
            repository.labels[name] = Label(id=self.next_id(), name=name)
        return repository.labels[name]

    def happened(self, pull: Pull, name: str, user: User, label: str | None = None) -> None:
        at = self.clock.now()
        pull.updated = at
        pull.events.append(IssueEvent(id=self.next_id(), name=name, user=user, at=at, label=label))

    def comment(self, pull: Pull, user: User, body: str) -> IssueComment:
        """Store a comment below a pull request's description."""
        at = self.clock.now()
        comment = IssueComment(id=self.next_id(), user=user, body=body, created=at, updated=at)
        pull.comments[comment.id] = comment
        pull.updated = at
        return comment

    def open_pull(  # noqa: PLR0913 - what a pull request is made of
        self,
        repository: Repository,
        source: Repository,
        *,
        branches: tuple[str, str],
        user: User,
        title: str,
        body: str,
    ) -> Pull:
        """Store a pull request of two branches: the base's name, the head's name."""
        base, head = repository.branch(branches[0]), source.branch(branches[1])
        assert base, f"no such branch: {branches[0]}"
        assert head, f"no such branch: {branches[1]}"
        at = self.clock.now()
        pull = Pull(
            number=max(repository.pulls, default=0) + 1,
            id=self.next_id(),
            title=title,
            body=body,
            user=user,
            head_repository=source,
            head_branch=branches[1],
            head=head,
            previous_head=head,
            base_branch=branches[0],
            base=base,
            created=at,
            updated=at,
        )
        repository.pulls[pull.number] = pull
        self.store_pull_refs(repository, pull)
        return pull

    def sync(self) -> None:
        """Take note of what was pushed: heads, merge commits and what is outdated by it."""
        for repository in list(self.repositories.values()):
            for pull in repository.pulls.values():
                if pull.is_open:
                    self._sync_pull(repository, pull)

    def _sync_pull(self, repository: Repository, pull: Pull) -> None:
        source = pull.head_repository
        head = source.branch(pull.head_branch) if source is not None and not source.is_deleted else None
        base = repository.branch(pull.base_branch)
        if head is None and source is repository:
            pull.closed = self.clock.now()
            self.happened(pull, "closed", pull.user)
            return
        if head is not None and head != pull.head:
            pull.previous_head, pull.head = pull.head, head
            pull.updated = self.clock.now()
            pull.base = base or pull.base
        self.store_pull_refs(repository, pull)

    def store_pull_refs(self, repository: Repository, pull: Pull) -> None:
        """Let `refs/pull/N/head` and `refs/pull/N/merge` stand for the pull request as it is now."""
        git, name = repository.git, f"refs/pull/{pull.number}"
        source = pull.head_repository
        if source is not None and source is not repository and not source.is_deleted:
            git.run("fetch", "-q", str(source.git.folder), f"+{pull.head}:{name}/head")
        else:
            git.set_ref(f"{name}/head", pull.head)
        base = repository.branch(pull.base_branch) or pull.base
        if pull.merge_commit and git.commit(pull.merge_commit).parents == (base, pull.head):
            return
        tree = git.merged_tree(base, pull.head)
        if tree is None:
            pull.merge_commit = None
            if git.resolve(f"{name}/merge"):
                git.delete_ref(f"{name}/merge")
            return
        message = f"Merge {pull.head} into {base}"
        pull.merge_commit = git.store_commit(tree, (base, pull.head), message, _NOBODY)
        git.set_ref(f"{name}/merge", pull.merge_commit)

    def merge_base(self, repository: Repository, pull: Pull) -> str:
        """Return the commit that the pull request's diff is taken from."""
        tip = repository.branch(pull.base_branch) or pull.base
        if pull.merged is not None:
            tip = pull.base
        return repository.git.merge_base(tip, pull.head) or tip

    def files(self, repository: Repository, pull: Pull, head: str | None = None) -> tuple[ChangedFile, ...]:
        """Return the pull request's files, at its head or at an earlier commit of it."""
        base = self.merge_base(repository, pull)
        return repository.git.changes(base, head or pull.head)

    def anchor(self, repository: Repository, pull: Pull, comment: ReviewComment) -> Anchor | None:
        """Return where a comment on a line stands now, None where it is outdated."""
        if comment.original_line is None:
            return None
        line = self._line_now(repository, pull, comment, comment.original_line)
        start = comment.original_start_line
        start_now = self._line_now(repository, pull, comment, start) if start else None
        if line is None or (start and start_now is None):
            return None
        place = self._place(repository, pull, comment, line)
        return Anchor(line, start_now, place.position) if place else None

    def _place(self, repository: Repository, pull: Pull, comment: ReviewComment, line: int) -> Place | None:
        for file in self.files(repository, pull):
            if file.path == comment.path:
                return file.shown[comment.side].get(line)
        return None

    def _line_now(self, repository: Repository, pull: Pull, comment: ReviewComment, line: int) -> int | None:
        if comment.side == "RIGHT":
            then, now = comment.original_commit, pull.head
        else:
            then, now = comment.base, self.merge_base(repository, pull)
        if then == now:
            return line
        key = (repository.full_name, then, now, comment.path)
        if key not in self._moved:
            self._moved[key] = repository.git.bare_diff(then, now, comment.path)
        return line_now(line, self._moved[key])

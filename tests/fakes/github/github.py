"""The fake GitHub as a test sees it: repositories, people, tokens, pushes, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fakes.github.clock import Clock, StepClock
from fakes.github.dispatch import Exchange, Request
from fakes.github.faults import Fault
from fakes.github.git_store import Person
from fakes.github.server import GRAPHQL_PATH, Answering, serve
from fakes.github.state import (
    ACTIONS_BOT,
    IssueComment,
    Pull,
    Repository,
    Review,
    ReviewComment,
    Token,
)
from fakes.github.world import Limits, World

DEPENDABOT = "dependabot[bot]"
Files = Mapping[str, str | bytes | None]
"""Contents by path; None removes a file."""


class ContractBroken(AssertionError):
    """Requests or answers did not hold by GitHub's own description."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A thread on a pull request's diff, as a reader sees it.

    Attributes:
        line: Where it stands now; None on a file, and where it is outdated.
        is_minimized: Whether its first comment is hidden.
    """

    path: str
    line: int | None
    comments: tuple[ReviewComment, ...]
    is_resolved: bool
    is_outdated: bool
    is_minimized: bool


class FakeGitHub:
    """A GitHub with memory; make one by `fake_github`.

    Attributes:
        world: All that it remembers.
        url: Where it listens: the base of REST, of git (`url/owner/name.git`) and of the pages.
    """

    def __init__(self, world: World, answering: Answering, url: str) -> None:
        self.world = world
        self.url = url
        self.answering = answering

    @property
    def graphql_url(self) -> str:
        return f"{self.url}{GRAPHQL_PATH}"

    @property
    def exchanges(self) -> list[Exchange]:
        """All requests so far."""
        return self.answering.exchanges

    @property
    def violations(self) -> list[str]:
        """What did not hold by GitHub's description so far."""
        return self.world.contract.violations

    def counted(self, *, writes: bool) -> list[Exchange]:
        """Return the requests to REST and GraphQL that were writes, or those that were none."""
        return [one for one in self.exchanges if one.operation != "git" and one.is_write is writes]

    def fail(self, fault: Fault) -> None:
        """Let a request fail: see `Fault`."""
        self.answering.faults.add(fault)

    def before(self, operation: str, act: Callable[[], object]) -> None:
        """Do something once, just before a request whose `METHOD /path` ends in some text is answered."""

        def hook(request: Request) -> None:
            if f"{request.method} {request.path}".endswith(operation) and hook in self.answering.before_each:
                self.answering.before_each.remove(hook)
                act()

        self.answering.before_each.append(hook)

    def repository(self, full_name: str, source: Path | None = None) -> Repository:
        """Make a repository `owner/name`, with the branches and tags of a git repository on disk."""
        return self.world.add_repository(full_name, source, parent=None)

    def fork(self, repository: Repository, owner: str) -> Repository:
        """Make somebody's fork of a repository."""
        return self.world.add_repository(f"{owner}/{repository.name}", repository.git.folder, repository)

    def delete(self, repository: Repository) -> None:
        """Delete a repository; pull requests from a deleted fork stay."""
        with self.answering.lock:
            repository.is_deleted = True

    def token(
        self, repository: Repository, permissions: Mapping[str, str], login: str = ACTIONS_BOT
    ) -> Token:
        """Return an installation's token, as a workflow has one: good for one repository, acts as a bot."""
        return self._add_token(f"ghs_{len(self.world.tokens):036d}", login, dict(permissions), repository)

    def personal_token(self, login: str) -> Token:
        """Return a person's token: it may what the person may."""
        return self._add_token(f"ghp_{len(self.world.tokens):036d}", login, None, None)

    def workflow_token(self, repository: Repository, pull: Pull, permissions: Mapping[str, str]) -> Token:
        """Return what GitHub gives to a workflow on `pull_request`; a fork's and Dependabot's only read."""
        if pull.head_repository is not repository or pull.user.login == DEPENDABOT:
            permissions = dict.fromkeys(permissions, "read")
        return self.token(repository, permissions)

    def _add_token(
        self, value: str, login: str, permissions: dict[str, str] | None, repository: Repository | None
    ) -> Token:
        name = repository.full_name if repository else None
        token = Token(value=value, login=login, permissions=permissions, repository=name)
        self.world.user(login)
        self.world.tokens[value] = token
        return token

    def commit(
        self, repository: Repository, branch: str, files: Files, *, start: str | None = None, by: str = "ada"
    ) -> str:
        """Push a commit to a branch; with `start` the branch is (forced) to begin anew at a revision.

        Attributes of the commit are those of a person's: nothing is signed.
        """
        with self.answering.lock:
            git = repository.git
            tip = git.resolve(start) if start else repository.branch(branch)
            entries = {path: self._stored(repository, content) for path, content in files.items()}
            tree = git.changed_tree(tip, entries)
            author = Person(name=by, email=f"{by}@example.org", at=int(self.world.clock.now()))
            sha = git.store_commit(tree, (tip,) if tip else (), f"Change {branch}", author)
            self.world.clock.tick()
            self.push(repository, branch, sha)
            return sha

    def _stored(self, repository: Repository, content: str | bytes | None) -> tuple[str, str] | None:
        if content is None:
            return None
        raw = content.encode() if isinstance(content, str) else content
        return "100644", repository.git.store_blob(raw)

    def push(self, repository: Repository, branch: str, sha: str) -> None:
        """Let a branch be at a commit that the repository has, forced or not."""
        with self.answering.lock:
            repository.git.set_ref(f"refs/heads/{branch}", sha)
            repository.pushed = self.world.clock.now()
            self.world.sync()

    def pull_request(  # noqa: PLR0913 - what a pull request is made of
        self,
        repository: Repository,
        *,
        head: str,
        base: str = "main",
        source: Repository | None = None,
        author: str = "ada",
        title: str = "A change",
        draft: bool = False,
    ) -> Pull:
        """Open a pull request from a branch; `source` is the fork it comes from."""
        with self.answering.lock:
            pull = self.world.open_pull(
                repository,
                source or repository,
                branches=(base, head),
                user=self.world.user(author),
                title=title,
                body="",
            )
            pull.is_draft = draft
            self.world.clock.tick()
            return pull

    def close(self, repository: Repository, pull: Pull, *, merge: bool = False, squash: bool = False) -> None:
        """Close a pull request, or merge it, as one commit where it is squashed."""
        with self.answering.lock:
            pull.closed = self.world.clock.now()
            if merge and pull.merge_commit:
                pull.merged = pull.closed
                pull.base = repository.branch(pull.base_branch) or pull.base
                merged = self._squashed(repository, pull) if squash else pull.merge_commit
                repository.git.set_ref(f"refs/heads/{pull.base_branch}", merged)
            self.world.happened(pull, "merged" if merge else "closed", pull.user)

    def _squashed(self, repository: Repository, pull: Pull) -> str:
        git, user = repository.git, pull.user.login
        assert pull.merge_commit
        author = Person(name=user, email=f"{user}@example.org", at=int(self.world.clock.now()))
        tree = git.commit(pull.merge_commit).tree
        return git.store_commit(tree, (pull.base,), f"{pull.title} (#{pull.number})", author)

    def reopen(self, pull: Pull) -> None:
        with self.answering.lock:
            pull.closed = None
            self.world.happened(pull, "reopened", pull.user)

    def label(self, pull: Pull, name: str) -> None:
        with self.answering.lock:
            pull.labels.append(name)
            self.world.happened(pull, "labeled", pull.user, name)

    def say(self, pull: Pull, login: str, body: str) -> IssueComment:
        """Let somebody comment below a pull request."""
        with self.answering.lock:
            comment = self.world.comment(pull, self.world.user(login), body)
            self.world.clock.tick()
            return comment

    def reply(self, pull: Pull, to: ReviewComment, login: str, body: str) -> ReviewComment:
        """Let somebody reply in a thread."""
        with self.answering.lock:
            now, user = self.world.clock.now(), self.world.user(login)
            review = Review(
                id=self.world.next_id(),
                user=user,
                body="",
                created=now,
                updated=now,
                state="COMMENTED",
                commit=pull.head,
                submitted=now,
            )
            pull.reviews[review.id] = review
            reply = _like(to, number=self.world.next_id(), review=review, body=body)
            pull.review_comments[reply.id] = reply
            self.world.clock.tick()
            return reply

    def threads(self, repository: Repository, pull: Pull) -> list[Shown]:
        """Return a pull request's threads as a reader sees them."""
        with self.answering.lock:
            heads = [one for one in pull.review_comments.values() if one.reply_to is None]
            return [self._shown(repository, pull, head) for head in heads]

    def _shown(self, repository: Repository, pull: Pull, head: ReviewComment) -> Shown:
        anchor = self.world.anchor(repository, pull, head)
        return Shown(
            path=head.path,
            line=anchor.line if anchor else None,
            comments=tuple(one for one in pull.review_comments.values() if one.thread == head.id),
            is_resolved=head.id in pull.resolved,
            is_outdated=anchor is None and not head.is_on_file,
            is_minimized=head.minimized is not None,
        )


def _like(to: ReviewComment, *, number: int, review: Review, body: str) -> ReviewComment:
    return ReviewComment(
        id=number,
        user=review.user,
        body=body,
        created=review.created,
        updated=review.created,
        review=review.id,
        path=to.path,
        side=to.side,
        original_line=to.original_line,
        original_start_line=to.original_start_line,
        start_side=to.start_side,
        original_position=to.original_position,
        original_commit=to.original_commit,
        base=to.base,
        diff_hunk=to.diff_hunk,
        reply_to=to.thread,
    )


@contextmanager
def fake_github(
    folder: Path, *, clock: Clock | None = None, limits: Limits | None = None, port: int = 0
) -> Iterator[FakeGitHub]:
    """Run a fake GitHub with its repositories in a folder.

    Raises:
        ContractBroken: At the end, when a request or an answer did not hold by GitHub's description. A test
            that breaks it on purpose clears `violations`.
    """
    world = World(folder, clock=clock or StepClock(), limits=limits or Limits())
    answering = Answering(world)
    server = serve(answering, port)
    world.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield FakeGitHub(world, answering, world.url)
    finally:
        server.shutdown()
        server.server_close()
    if world.contract.violations:
        raise ContractBroken("\n".join(world.contract.violations))

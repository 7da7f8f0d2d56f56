"""Read a repository, its pull requests, branches and commits."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from testsmith.decode import at
from testsmith.forge.commits import Ahead, Branch, OwnPull
from testsmith.forge.github.connection import Connection
from testsmith.forge.github.conversation import read_conversation
from testsmith.forge.interface import (
    Commit,
    DiffTooLarge,
    Existing,
    FilePatch,
    ForgeFailure,
    Issue,
    NotFound,
    PullRequest,
    Refused,
)
from testsmith.settings import Role

FILES = 3_000
"""Maximum number of files GitHub lists for a pull request."""

COMPARED_FILES = 300
"""Maximum number of files GitHub lists in a comparison."""

PAGE = 100
"""Maximum number of files per request, and of the bot's own pull requests that are read, newest first."""

_GITHUB = "web-flow"  # committer of commits that GitHub itself makes and signs


@dataclass(frozen=True, slots=True)
class _Pull:
    repository: Annotated[str, at("base", "repo", "full_name")]
    default_branch: Annotated[str, at("base", "repo", "default_branch")]
    base_ref: Annotated[str, at("base", "ref")]
    base_sha: Annotated[str, at("base", "sha")]
    head_ref: Annotated[str, at("head", "ref")]
    head_sha: Annotated[str, at("head", "sha")]
    number: int
    html_url: str
    state: str
    title: str
    body: str | None
    merged_at: str | None
    head_repository: Annotated[str | None, at("head", "repo", "full_name")] = None
    pushed_at: Annotated[str | None, at("head", "repo", "pushed_at")] = None
    changed_files: int | None = None  # missing in lists


@dataclass(frozen=True, slots=True)
class _Issue:
    title: str
    body: str | None


@dataclass(frozen=True, slots=True)
class _File:
    filename: str
    status: str
    sha: str | None
    patch: str | None = None
    previous_filename: str | None = None


@dataclass(frozen=True, slots=True)
class _Parent:
    sha: str


@dataclass(frozen=True, slots=True)
class _Commit:
    message: Annotated[str, at("commit", "message")]
    parents: tuple[_Parent, ...]
    author: Annotated[str | None, at("author", "login")] = None
    committer: Annotated[str | None, at("committer", "login")] = None
    is_signed: Annotated[bool, at("commit", "verification", "verified")] = False


@dataclass(frozen=True, slots=True)
class _Comparison:
    commits: tuple[_Commit, ...]
    total_commits: int
    behind_by: int
    files: tuple[_File, ...] = ()


@dataclass(frozen=True, slots=True)
class _Branch:
    sha: Annotated[str, at("commit", "sha")]
    protected: bool


@dataclass(frozen=True, slots=True)
class _Blob:
    content: str


@dataclass(frozen=True, slots=True)
class _Repository:
    default_branch: str


@dataclass(frozen=True, slots=True)
class _Permission:
    permission: str
    role_name: str = ""


@dataclass(frozen=True, slots=True)
class _Viewer:
    login: Annotated[str, at("data", "viewer", "login")]


class RepositoryReader:
    """What is read of one repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def pull_request(self, number: int) -> PullRequest:
        """Return the current state of a pull request."""
        what = f"read pull request {number}"
        pull = self._connection.get(_Pull, what, f"/pulls/{number}")
        if pull.changed_files is None:
            raise ForgeFailure(f"Cannot {what}: GitHub did not return the number of its files.")
        return PullRequest(
            repository=pull.repository,
            number=number,
            head_sha=pull.head_sha,
            base_sha=pull.base_sha,
            base_ref=pull.base_ref,
            head_repository=pull.head_repository,
            head_ref=pull.head_ref,
            default_branch=pull.default_branch,
            is_open=pull.state == "open",
            files=pull.changed_files,
            pushed_at=pull.pushed_at or "",
            title=pull.title,
            body=pull.body or "",
        )

    def head(self, number: int) -> str:
        """Return the full object id of a pull request's head, revalidated if it was read before."""
        return self.pull_request(number).head_sha

    def issue(self, number: int) -> Issue:
        """Return an issue of the repository."""
        found = self._connection.get(_Issue, f"read issue {number}", f"/issues/{number}")
        return Issue(number=number, title=found.title, body=found.body or "")

    def file_patches(self, number: int) -> tuple[FilePatch, ...]:
        """Return the files that a pull request changes.

        Raises:
            DiffTooLarge: GitHub lists fewer.
        """
        files, found = self.pull_request(number).files, list[_File]()
        what, pages = f"read the files of pull request {number}", 0 if files > FILES else -(-files // PAGE)
        for page in range(1, pages + 1):
            try:
                found += self._connection.get(
                    tuple[_File, ...], what, f"/pulls/{number}/files", per_page=PAGE, page=page
                )
            except Refused as refused:  # GitHub's response if a diff takes too long
                raise DiffTooLarge(str(refused)) from refused
        if len(found) < files:
            raise DiffTooLarge(
                f"Pull request {number} changes {files} files, of which GitHub lists {len(found) or FILES}."
            )
        return tuple(
            FilePatch(path=one.filename, patch=one.patch, is_removed=one.status == "removed") for one in found
        )

    def existing(self, number: int) -> Existing:
        """Return all comments and reviews of a pull request."""
        return read_conversation(self._connection, number)

    def commit(self, sha: str) -> Commit:
        """Return a commit.

        GitHub derives the author from an email address, which anyone can set, and a signature is the
        committer's. So the author is certain only if they also signed, or if GitHub itself did: as `web-flow`
        it signs what an app commits through the API.
        """
        path = f"/commits/{sha}"  # the response includes the commit's files, so the page size is 1
        found = self._connection.get(_Commit, f"read commit {sha}", path, per_page=1)
        return Commit(
            author=found.author,
            message=found.message,
            parents=tuple(one.sha for one in found.parents),
            is_certain=found.is_signed
            and found.committer is not None
            and found.committer in {_GITHUB, found.author},
        )

    def branch(self, name: str) -> Branch | None:
        """Return the current state of a branch, or None if it does not exist."""
        path = f"/branches/{quote(name)}"
        try:
            found = self._connection.get(_Branch, f"read branch {name}", path)
        except NotFound:
            return None
        return Branch(name=name, sha=found.sha, is_protected=found.protected)

    def default_branch(self) -> Branch:
        """Return the current state of the default branch."""
        name = self._connection.get(_Repository, "read the repository", "").default_branch
        found = self.branch(name)
        if found is None:
            raise ForgeFailure(
                f"Cannot read the default branch {name}: there is no such branch. Push a first commit to it."
            )
        return found

    def ahead(self, base: str, head: str) -> Ahead:
        """Return what one commit has that another does not."""
        path = f"/compare/{base}...{head}"
        found = self._connection.get(_Comparison, "compare two commits", path)
        files = dict[str, str | None]()
        for one in found.files:  # a renamed file is gone from its earlier path
            files |= {one.previous_filename: None} if one.previous_filename else {}
            files[one.filename] = None if one.status == "removed" else one.sha
        return Ahead(
            authors=tuple(one.author for one in found.commits),
            messages=tuple(one.message for one in found.commits),
            files=files,
            has_all_commits=found.total_commits == len(found.commits),
            has_all_files=len(found.files) < COMPARED_FILES,
            behind=found.behind_by,
        )

    def contents(self, files: Mapping[str, str | None]) -> dict[str, bytes | None]:
        """Return the contents of files by path, given the ids of their blobs; None stays None."""
        return {path: None if sha is None else self._content(sha) for path, sha in files.items()}

    def _content(self, sha: str) -> bytes:
        path = f"/git/blobs/{sha}"
        return base64.b64decode(self._connection.get(_Blob, "read a file", path).content)

    def own_pulls(self, branch: str, onto: str) -> tuple[OwnPull, ...]:
        """Return the pull requests from one branch of the repository onto another, newest first."""
        found = self._connection.get(
            tuple[_Pull, ...],
            f"look for pull requests from {branch}",
            "/pulls",
            state="all",
            head=f"{self._connection.owner}:{branch}",
            base=onto,
            sort="created",
            direction="desc",
            per_page=PAGE,
        )
        return tuple(
            OwnPull(
                number=one.number,
                url=one.html_url,
                head=one.head_sha,
                body=one.body or "",
                is_open=one.state == "open",
                is_merged=one.merged_at is not None,
            )
            for one in found
            if one.head_ref == branch
        )

    def login(self) -> str:
        """Return the login of the account that the token belongs to. GraphQL has it in the form of REST."""
        return self._connection.query(_Viewer, "look up the token's account", "{ viewer { login } }").login

    def role(self, login: str) -> Role:
        """Return a user's role in the repository. Deleted accounts and non-users have none."""
        what, path = f"look up the role of {login}", f"/collaborators/{quote(login, safe='')}/permission"
        try:
            found = self._connection.get(_Permission, what, path)
        except NotFound:
            return Role.NONE
        if found.permission in {"admin", "write"}:
            return Role.WRITE
        if found.permission != "read":
            return Role.NONE
        return Role.TRIAGE if found.role_name == "triage" else Role.READ

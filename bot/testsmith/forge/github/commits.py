"""Commits on GitHub: with a mutation that GitHub signs or, if it is not available, with git objects."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from testsmith.forge.commits import (
    Ahead,
    Branch,
    BranchProtected,
    FileChange,
    MadeCommit,
    NewCommit,
)
from testsmith.forge.github.errors import Rejected, shown
from testsmith.forge.github.payload import entries, maybe, taken
from testsmith.forge.github.pull_requests import read_commit
from testsmith.forge.github.queries import COMMIT
from testsmith.forge.github.repository_client import (
    READ_CONTENTS,
    WRITE_CONTENTS,
    RepositoryClient,
    understood,
)
from testsmith.forge.interface import Commit, ForgeFailure, HeadMoved, NotFound

COMPARED_FILES = 300
"""Maximum number of files GitHub lists in a comparison."""

_PLAIN, _EXECUTABLE = "100644", "100755"
_STALE = frozenset({"STALE_DATA"})
_PROTECTED = frozenset({"BRANCH_PROTECTION_RULE_VIOLATION"})
_PROTECTED_WORDS = ("protected branch", "rule violation", "must be made through a pull request")
_UNKNOWN_WORDS = ("createcommitonbranch' doesn't exist", "createcommitonbranchinput isn't a defined")

_Answer = TypeVar("_Answer")


class _NoMutation(ForgeFailure):
    """This GitHub server does not support `createCommitOnBranch`."""


def read_branch(remote: RepositoryClient, name: str) -> Branch | None:
    """See `CommittingForge.branch`."""
    what = f"read branch {name}"
    with understood(what):
        try:
            data = remote.get(what, f"/branches/{_quoted(name)}", permission=READ_CONTENTS)
        except NotFound:
            return None
        is_protected = maybe(data, "protected", bool) or False
        return Branch(name=name, sha=taken(data, "commit.sha", str), is_protected=is_protected)


def read_ahead(remote: RepositoryClient, base: str, head: str) -> Ahead:
    """See `CommittingForge.ahead`."""
    what = "compare two commits"
    with understood(what):
        data = remote.get(what, f"/compare/{base}...{head}", permission=READ_CONTENTS)
        commits, files = entries(data.get("commits")), entries(data.get("files") or [])
        return Ahead(
            authors=tuple(maybe(one, "author.login", str) for one in commits),
            messages=tuple(taken(one, "commit.message", str) for one in commits),
            files=dict(blob for one in files for blob in _blobs(one)),
            has_all_commits=taken(data, "total_commits", int) == len(commits),
            has_all_files=len(files) < COMPARED_FILES,
            behind=taken(data, "behind_by", int),
        )


def _blobs(data: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield the ids of a changed file's blobs by path; a renamed file is gone from its earlier path."""
    if previous := maybe(data, "previous_filename", str):
        yield previous, None
    is_removed = taken(data, "status", str) == "removed"
    yield taken(data, "filename", str), None if is_removed else taken(data, "sha", str)


def read_contents(remote: RepositoryClient, files: Mapping[str, str | None]) -> dict[str, bytes | None]:
    """See `CommittingForge.contents`."""
    return {path: None if sha is None else _content(remote, sha) for path, sha in files.items()}


def _content(remote: RepositoryClient, sha: str) -> bytes:
    what = "read a file"
    with understood(what):
        blob = remote.get(what, f"/git/blobs/{sha}", permission=READ_CONTENTS)
        return base64.b64decode(taken(blob, "content", str))


class Branches:
    """Changes branches of one repository, never by force."""

    def __init__(self, remote: RepositoryClient) -> None:
        self._remote = remote

    def create(self, name: str, sha: str) -> None:
        """See `CommittingForge.create_branch`."""
        data = {"ref": f"refs/heads/{name}", "sha": sha}

        def send() -> bool:
            try:
                self._remote.rest("POST", "/git/refs", data)
            except Rejected as rejected:
                if "already exists" not in rejected.message.lower():
                    raise
            return True

        self._write(f"make branch {name}", send, lambda: self._is_at(name, sha))

    def remove(self, name: str, sha: str) -> None:
        """See `CommittingForge.remove_branch`."""
        tip = read_branch(self._remote, name)
        if tip is None:
            return
        self._expect_at(name, sha)
        path = f"/git/refs/heads/{_quoted(name)}"

        def send() -> bool:
            self._remote.rest("DELETE", path)
            return True

        self._write(f"remove branch {name}", send, lambda: self._is_gone(name))

    def commit(self, order: NewCommit) -> MadeCommit:
        """See `CommittingForge.commit_files`."""
        if order.merged or any(change.is_executable for change in order.changes):
            return self._commit_by_objects(order)
        try:
            return self._commit_by_mutation(order)
        except _NoMutation:
            return self._commit_by_objects(order)

    def _commit_by_mutation(self, order: NewCommit) -> MadeCommit:
        data = {
            "branch": {"repositoryNameWithOwner": self._remote.repository, "branchName": order.branch},
            "expectedHeadOid": order.parent,
            "message": {"headline": order.headline, "body": order.body},
            "fileChanges": _file_changes(order.changes),
        }

        def send() -> MadeCommit:
            commit = taken(self._remote.graphql(COMMIT, data), "createCommitOnBranch.commit", dict)
            return MadeCommit(sha=taken(commit, "oid", str))

        return self._write("commit", lambda: self._meant(order.branch, send), lambda: self._made(order))

    def _commit_by_objects(self, order: NewCommit) -> MadeCommit:
        """Make the commit from blobs and a tree, without an author, so that GitHub signs it for a bot."""
        self._expect_at(order.branch, order.parent)
        parents = [order.parent, *([order.merged] if order.merged else [])]
        with understood("commit"):
            what, path = "read the tree of a commit", f"/git/commits/{parents[-1]}"
            parent = self._remote.get(what, path, permission=READ_CONTENTS)
            tree = self._made_object(
                "/git/trees",
                {
                    "base_tree": taken(parent, "tree.sha", str),
                    "tree": [self._tree_entry(one) for one in order.changes],
                },
            )
            message = _message(order)
            sha = self._made_object("/git/commits", {"message": message, "tree": tree, "parents": parents})
        path = f"/git/refs/heads/{_quoted(order.branch)}"

        def send() -> bool:
            self._remote.rest("PATCH", path, {"sha": sha, "force": False})
            return True

        self._write(
            "commit",
            lambda: self._meant(order.branch, send),
            lambda: self._is_at(order.branch, sha),
        )
        return MadeCommit(sha=sha)

    def _tree_entry(self, change: FileChange) -> dict[str, object]:
        mode = _EXECUTABLE if change.is_executable else _PLAIN
        sha = None
        if change.content is not None:
            content = base64.b64encode(change.content).decode()
            sha = self._made_object("/git/blobs", {"content": content, "encoding": "base64"})
        return {"path": change.path, "mode": mode, "type": "blob", "sha": sha}

    def _made_object(self, path: str, data: Mapping[str, Any]) -> str:
        """Create a git object. Safe to repeat."""
        return self._write(
            "commit", lambda: taken(self._remote.rest("POST", path, data), "sha", str), lambda: None
        )

    def _write(
        self, what: str, send: Callable[[], _Answer], look_up: Callable[[], _Answer | None]
    ) -> _Answer:
        return self._remote.write(what, send, look_up, permission=WRITE_CONTENTS).answer

    def _meant(self, branch: str, send: Callable[[], _Answer]) -> _Answer:
        """Send a change of a branch, and translate a refusal.

        Raises:
            HeadMoved: The branch is at another commit.
            BranchProtected: The branch's rules forbid the change.
        """
        try:
            return send()
        except Rejected as rejected:
            said = rejected.message.lower()
            if any(words in said for words in _UNKNOWN_WORDS):
                raise _NoMutation(rejected.message) from rejected
            if _is_protection(rejected):
                raise BranchProtected(
                    f"Cannot commit to the branch {branch}: GitHub says {shown(rejected.message)}. Let the "
                    "branch's rules allow this token, or use `mode: pull-request`."
                ) from rejected
            if _is_stale(rejected):
                tip = read_branch(self._remote, branch)
                raise HeadMoved("" if tip is None else tip.sha) from rejected
            raise

    def _expect_at(self, branch: str, sha: str) -> None:
        tip = read_branch(self._remote, branch)
        if tip is None or tip.sha != sha:
            raise HeadMoved("" if tip is None else tip.sha)

    def _is_gone(self, branch: str) -> bool | None:
        return True if read_branch(self._remote, branch) is None else None

    def _is_at(self, branch: str, sha: str) -> bool | None:
        tip = read_branch(self._remote, branch)
        return True if tip is not None and tip.sha == sha else None

    def _made(self, order: NewCommit) -> MadeCommit | None:
        """Return the bot's commit if it is the branch's tip, after its response was lost."""
        tip = read_branch(self._remote, order.branch)
        if tip is None or tip.sha == order.parent:
            return None
        commit = read_commit(self._remote, tip.sha)
        return MadeCommit(sha=tip.sha) if _is_of(commit, order) else None


def _is_of(commit: Commit, order: NewCommit) -> bool:
    return commit.parents == (order.parent,) and commit.message.strip() == _message(order).strip()


def _message(order: NewCommit) -> str:
    return f"{order.headline}\n\n{order.body}" if order.body else order.headline


def _file_changes(changes: tuple[FileChange, ...]) -> dict[str, list[dict[str, str]]]:
    additions = [
        {"path": one.path, "contents": base64.b64encode(one.content).decode()}
        for one in changes
        if one.content is not None
    ]
    return {
        "additions": additions,
        "deletions": [{"path": one.path} for one in changes if one.content is None],
    }


def _is_protection(rejected: Rejected) -> bool:
    said = rejected.message.lower()
    return bool(_PROTECTED.intersection(rejected.kinds)) or any(words in said for words in _PROTECTED_WORDS)


def _is_stale(rejected: Rejected) -> bool:
    said = rejected.message.lower()
    words = ("expected branch to point to", "not a fast forward")
    return bool(_STALE.intersection(rejected.kinds)) or any(each in said for each in words)


def _quoted(name: str) -> str:
    return quote(name, safe="/")

"""Write commits, branches and the bot's own pull requests on GitHub, never by force."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from testsmith.decode import at
from testsmith.forge.commits import (
    BranchProtected,
    CannotOpenPulls,
    FileChange,
    MadeCommit,
    NewCommit,
    OwnPull,
    PullText,
)
from testsmith.forge.github.connection import Accepted
from testsmith.forge.github.errors import refusal_of, shown
from testsmith.forge.github.pull_requests import RepositoryReader
from testsmith.forge.interface import ForgeFailure, HeadMoved, Refused

HEAD_LOOKS = 10
"""Maximum number of checks, one second apart, whether a pull request's head has followed its branch."""

_PLAIN, _EXECUTABLE = "100644", "100755"
_PROTECTED = ("protected branch", "rule violation", "must be made through a pull request")
_STALE = ("expected branch to point to", "not a fast forward")


@dataclass(frozen=True, slots=True)
class _Object:
    sha: str


@dataclass(frozen=True, slots=True)
class _GitCommit:
    tree: Annotated[str, at("tree", "sha")]


@dataclass(frozen=True, slots=True)
class _Made:
    sha: Annotated[str, at("data", "createCommitOnBranch", "commit", "oid")]


@dataclass(frozen=True, slots=True)
class _Pull:
    number: int
    html_url: str


class BranchWriter(RepositoryReader):
    """What is read of and written to the branches of one repository."""

    def await_head(self, number: int, sha: str) -> None:
        """Wait, for a few seconds at most, until a pull request shows a commit of its branch as its head."""
        for _ in range(HEAD_LOOKS):
            if self.head(number) == sha:
                return
            self._connection.pause()

    def create_branch(self, name: str, sha: str) -> None:
        """Create a branch at a commit. If the branch exists, leave it where it is."""
        data = {"ref": f"refs/heads/{name}", "sha": sha}
        try:
            self._connection.write(
                f"make branch {name}",
                lambda: self._connection.rest(Accepted, "POST", "/git/refs", data),
                lambda: self._at(name, sha),
            )
        except Refused as refused:
            if not refusal_of(refused).has("", ("already exists",)):
                raise

    def remove_branch(self, name: str, sha: str) -> None:
        """Remove a branch that is at a commit. A missing branch is not a failure."""
        if self.branch(name) is None:
            return
        self._require_at(name, sha)
        path = f"/git/refs/heads/{quote(name)}"
        self._connection.write(
            f"remove branch {name}",
            lambda: self._connection.rest(Accepted, "DELETE", path),
            lambda: Accepted() if self.branch(name) is None else None,
        )

    def commit_files(self, order: NewCommit) -> MadeCommit:
        """Put one commit on a branch exactly once, signed by GitHub if possible."""
        is_plain = not order.merged and not any(change.is_executable for change in order.changes)
        try:
            return self._commit_by_mutation(order) if is_plain else self._commit_by_objects(order)
        except ForgeFailure as failed:
            refusal, branch = refusal_of(failed), order.branch
            if refusal.has("BRANCH_PROTECTION_RULE_VIOLATION", _PROTECTED):
                raise BranchProtected(
                    f"Cannot commit to the branch {branch}: GitHub says {shown(refusal.message)}. Allow "
                    f"this token in the branch's rules, or use `mode: pull-request`."
                ) from failed
            if refusal.has("STALE_DATA", _STALE):
                tip = self.branch(branch)
                raise HeadMoved("" if tip is None else tip.sha) from failed
            raise

    def _commit_by_mutation(self, order: NewCommit) -> MadeCommit:
        data = {
            "branch": {"repositoryNameWithOwner": self._connection.repository, "branchName": order.branch},
            "expectedHeadOid": order.parent,
            "message": {"headline": order.headline, "body": order.body},
            "fileChanges": {
                "additions": [
                    {"path": one.path, "contents": base64.b64encode(one.content).decode()}
                    for one in order.changes
                    if one.content is not None
                ],
                "deletions": [{"path": one.path} for one in order.changes if one.content is None],
            },
        }

        def send() -> MadeCommit:
            made = self._connection.mutate(
                _Made, "createCommitOnBranch", data, fields="commit { oid }", permission="contents: write"
            )
            return MadeCommit(sha=made.sha)

        def look_up() -> MadeCommit | None:
            tip = self.branch(order.branch)
            if tip is None or tip.sha == order.parent:
                return None
            commit = self.commit(tip.sha)
            is_ours = commit.parents == (order.parent,) and commit.message.strip() == _message(order).strip()
            return MadeCommit(sha=tip.sha) if is_ours else None

        return self._connection.write("commit", send, look_up)[0]

    def _commit_by_objects(self, order: NewCommit) -> MadeCommit:
        """Make the commit from blobs and a tree, without an author, so that GitHub signs it for a bot."""
        self._require_at(order.branch, order.parent)
        parents = [order.parent, *([order.merged] if order.merged else [])]
        what, path = "read the tree of a commit", f"/git/commits/{parents[-1]}"
        base = self._connection.get(_GitCommit, what, path)
        entries = [self._tree_entry(one) for one in order.changes]
        tree = self._made_object("/git/trees", base_tree=base.tree, tree=entries)
        sha = self._made_object("/git/commits", message=_message(order), tree=tree, parents=parents)
        path, data = f"/git/refs/heads/{quote(order.branch)}", {"sha": sha, "force": False}
        self._connection.write(
            "commit",
            lambda: self._connection.rest(Accepted, "PATCH", path, data),
            lambda: self._at(order.branch, sha),
        )
        return MadeCommit(sha=sha)

    def _tree_entry(self, change: FileChange) -> dict[str, object]:
        mode, sha = _EXECUTABLE if change.is_executable else _PLAIN, None
        if change.content is not None:
            content = base64.b64encode(change.content).decode()
            sha = self._made_object("/git/blobs", content=content, encoding="base64")
        return {"path": change.path, "mode": mode, "type": "blob", "sha": sha}

    def _made_object(self, path: str, **data: object) -> str:
        """Create a git object. Safe to repeat."""
        made, _ = self._connection.write("commit", lambda: self._connection.rest(_Object, "POST", path, data))
        return made.sha

    def _require_at(self, branch: str, sha: str) -> None:
        tip = self.branch(branch)
        if tip is None or tip.sha != sha:
            raise HeadMoved("" if tip is None else tip.sha)

    def _at(self, branch: str, sha: str) -> Accepted | None:
        tip = self.branch(branch)
        return Accepted() if tip is not None and tip.sha == sha else None

    def open_pull(self, branch: str, onto: str, text: PullText) -> OwnPull:
        """Open a pull request from one branch onto another, exactly once."""
        data = {"head": branch, "base": onto, "title": text.title, "body": text.body}
        what = f"open a pull request from {branch}"

        def send() -> OwnPull:
            made = self._connection.rest(_Pull, "POST", "/pulls", data)
            return OwnPull(number=made.number, url=made.html_url)

        def look_up() -> OwnPull | None:
            return next((one for one in self.own_pulls(branch, onto) if one.is_open), None)

        try:
            return self._connection.write(what, send, look_up)[0]
        except ForgeFailure as failed:
            if not refusal_of(failed).has("", ("not permitted to create",)):
                raise
            raise CannotOpenPulls(
                f"Cannot {what}: GitHub says {shown(refusal_of(failed).message)}. In the repository's "
                f"settings, under Actions, check *Allow GitHub Actions to create and approve pull "
                f"requests*, or give the step the token of a GitHub App."
            ) from failed

    def update_pull(self, number: int, text: PullText) -> None:
        """Replace the title (unless the new one is empty) and the text of a pull request."""
        path, data = f"/pulls/{number}", {"body": text.body} | ({"title": text.title} if text.title else {})
        self._connection.write(
            f"update pull request {number}", lambda: self._connection.rest(_Pull, "PATCH", path, data)
        )


def _message(order: NewCommit) -> str:
    return f"{order.headline}\n\n{order.body}" if order.body else order.headline

"""Operations on git's own objects: blobs, trees, commits, references."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any

from fakes.github.git_store import Person, TreeEntry
from fakes.github.operations.room import Room
from fakes.github.state import Repository
from fakes.github.views import url_path
from fakes.github.wire import Answer, Asked, Refused, conflict, not_found, unprocessable


class GitData(Room):
    """Git objects."""

    def git__get_blob(self, asked: Asked) -> Answer:
        repository, sha = self.repository(asked), asked.parameters["file_sha"]
        if repository.git.kind(sha) != "blob":
            raise not_found()
        content = repository.git.blob(sha)
        return Answer(
            body=self.views.make(
                "blob",
                sha=sha,
                node_id=f"B_{sha}",
                size=len(content),
                url=self._url(repository, "blobs", sha),
                content=base64.encodebytes(content).decode(),
                encoding="base64",
            )
        )

    def git__create_blob(self, asked: Asked) -> Answer:
        repository = self.repository(asked)
        sha = repository.git.store_blob(decoded(asked.told("content"), asked.told("encoding", "utf-8")))
        url = self._url(repository, "blobs", sha)
        return Answer(status=201, body=self.views.make("short-blob", sha=sha, url=url))

    def _tree(self, repository: Repository, sha: str, *, recursive: bool = False) -> dict[str, Any]:
        entries, limit = repository.git.tree(sha, recursive=recursive), self.world.limits.tree_entries
        return self.views.make(
            "git-tree",
            sha=sha,
            url=self._url(repository, "trees", sha),
            truncated=len(entries) > limit,
            tree=[self._entry(repository, entry) for entry in entries[:limit]],
        )

    def _entry(self, repository: Repository, entry: TreeEntry) -> dict[str, Any]:
        size = {} if entry.size is None else {"size": entry.size}
        url = self._url(repository, f"{entry.kind}s", entry.sha)
        return {
            "path": entry.path,
            "mode": entry.mode,
            "type": entry.kind,
            "sha": entry.sha,
            "url": url,
            **size,
        }

    def git__create_tree(self, asked: Asked) -> Answer:
        repository, entries = self.repository(asked), {}
        for told in asked.told("tree"):
            entries[told["path"]] = self._told_entry(repository, told)
        base = asked.told("base_tree")
        if base and repository.git.kind(base) not in ("tree", "commit"):
            raise unprocessable("base_tree is not a valid tree oid")
        sha = repository.git.changed_tree(base, entries)
        return Answer(status=201, body=self._tree(repository, sha))

    def _told_entry(self, repository: Repository, told: dict[str, Any]) -> tuple[str, str] | None:
        if "content" in told:
            return told.get("mode", "100644"), repository.git.store_blob(told["content"].encode())
        if told.get("sha") is None:
            return None
        if repository.git.kind(told["sha"]) is None:
            raise unprocessable("tree.sha does not exist")
        return told.get("mode", "100644"), told["sha"]

    def git__get_commit(self, asked: Asked) -> Answer:
        repository, sha = self.repository(asked), asked.parameters["commit_sha"]
        if repository.git.kind(sha) != "commit":
            raise not_found()
        return Answer(body=self.views.git_commit(repository, repository.git.commit(sha)))

    def git__create_commit(self, asked: Asked) -> Answer:
        """Without an author the commit is the bot's and signed by GitHub."""
        repository = self.repository(asked)
        signed = not any(asked.told(key) for key in ("author", "committer", "signature"))
        author = self._person(asked, asked.told("author"))
        committer = Person(name="GitHub", email="noreply@github.com", at=int(self.now)) if signed else author
        parents = tuple(asked.told("parents") or ())
        if repository.git.kind(asked.told("tree")) != "tree":
            raise unprocessable("Tree SHA does not exist")
        sha = repository.git.store_commit(
            asked.told("tree"), parents, asked.told("message"), author, committer
        )
        return Answer(status=201, body=self.views.git_commit(repository, repository.git.commit(sha)))

    def _person(self, asked: Asked, told: dict[str, Any] | None) -> Person:
        if told is None:
            user = self.me(asked)
            email = f"{user.id}+{user.login}@users.noreply.github.com"
            return Person(name=user.login, email=email, at=int(self.now))
        at = datetime.fromisoformat(told["date"]).timestamp() if "date" in told else self.now
        return Person(name=told["name"], email=told["email"], at=int(at))

    def git__create_ref(self, asked: Asked) -> Answer:
        repository, name = self.repository(asked), asked.told("ref")
        if not name.startswith("refs/heads/") and not name.startswith("refs/tags/"):
            raise unprocessable("Reference name must start with 'refs/'.")
        if repository.git.resolve(name):
            raise Refused(422, "Reference already exists")
        self._require_commit(repository, asked.told("sha"))
        repository.git.set_ref(name, asked.told("sha"))
        self.world.sync()
        return Answer(status=201, body=self._ref(repository, name))

    def git__update_ref(self, asked: Asked) -> Answer:
        repository, name = self.repository(asked), f"refs/{asked.parameters['ref']}"
        now, wanted = repository.git.resolve(name), asked.told("sha")
        if now is None:
            raise Refused(422, "Reference does not exist")
        if name.removeprefix("refs/heads/") in repository.protected:
            raise Refused(422, f"Protected branch update failed for {name}.")
        self._require_commit(repository, wanted)
        if not asked.told("force", False) and not repository.git.is_ancestor(now, wanted):
            raise Refused(422, "Update is not a fast forward")
        repository.git.set_ref(name, wanted)
        self.world.sync()
        return Answer(body=self._ref(repository, name))

    def git__delete_ref(self, asked: Asked) -> Answer:
        repository, name = self.repository(asked), f"refs/{asked.parameters['ref']}"
        if repository.git.resolve(name) is None:
            raise Refused(422, "Reference does not exist")
        repository.git.delete_ref(name)
        self.world.sync()
        return Answer(status=204)

    def _require_commit(self, repository: Repository, sha: str) -> None:
        if repository.git.kind(sha) is None:
            raise Refused(422, "Object does not exist")

    def _ref(self, repository: Repository, name: str) -> dict[str, Any]:
        refs = repository.git.refs(name)
        if name not in refs:
            raise not_found()
        sha, root = refs[name], self.views.repository_url(repository)
        return self.views.make(
            "git-ref",
            ref=name,
            node_id=f"REF_{name}",
            url=f"{root}/git/{url_path(name)}",
            object={"type": "commit", "sha": sha, "url": f"{root}/git/commits/{sha}"},
        )

    def _url(self, repository: Repository, kind: str, sha: str) -> str:
        return f"{self.views.repository_url(repository)}/git/{kind}/{sha}"


def decoded(content: str, encoding: str) -> bytes:
    """Return a told content as bytes.

    Raises:
        Refused: It is no base64.
    """
    if encoding != "base64":
        return content.encode()
    try:
        return base64.b64decode(content.replace("\n", ""), validate=True)
    except binascii.Error as error:
        raise unprocessable("content is not valid Base64") from error


def moved(message: str) -> Refused:
    """Return the answer to a write that is too late."""
    return conflict(message)

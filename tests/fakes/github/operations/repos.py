"""Operations on repositories: contents, branches, comparisons, who may what."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from fakes.github.errata import Json
from fakes.github.git_store import GitFailed, Person, TreeEntry
from fakes.github.operations.git_data import decoded
from fakes.github.operations.room import Room
from fakes.github.state import Repository
from fakes.github.views import url_path
from fakes.github.wire import Answer, Asked, Refused, conflict, not_found

_TO_PERMISSION = {"maintain": "write", "triage": "read"}
_DIRECTORY_ENTRIES = 1_000


class Repos(Room):
    """Repositories."""

    def repos__get(self, asked: Asked) -> Answer:
        return Answer(body=self.views.repository(self.repository(asked), "full-repository"))

    def repos__get_branch(self, asked: Asked) -> Answer:
        repository, name = self.repository(asked), asked.parameters["branch"]
        tip = repository.branch(name)
        if tip is None:
            raise Refused(404, "Branch not found")
        shown = url_path(name)
        url = f"{self.views.repository_url(repository)}/branches/{shown}"
        return Answer(
            body=self.views.make(
                "branch-with-protection",
                name=name,
                commit=self.views.commit(repository, repository.git.commit(tip)),
                protected=name in repository.protected,
                protection_url=f"{url}/protection",
                _links={"self": url, "html": f"{self.world.url}/{repository.full_name}/tree/{shown}"},
            )
        )

    def repos__get_branch_protection(self, asked: Asked) -> Answer:
        repository, name = self.repository(asked), asked.parameters["branch"]
        if name not in repository.protected:
            raise Refused(404, "Branch not protected")
        url = f"{self.views.repository_url(repository)}/branches/{name}/protection"
        return Answer(body=self.views.make("branch-protection", url=url))

    def repos__get_collaborator_permission_level(self, asked: Asked) -> Answer:
        repository, user = self.repository(asked), self.world.users.get(asked.parameters["username"])
        if user is None:
            raise not_found()
        role = repository.role_of(user.login)
        if role == "none" and not repository.is_private:
            role = "read"
        return Answer(
            body={
                "permission": _TO_PERMISSION.get(role, role),
                "role_name": role,
                "user": self.views.make("nullable-collaborator", **self.views.account(user), role_name=role),
            }
        )

    def repos__list_pull_requests_associated_with_commit(self, asked: Asked) -> Answer:
        repository, sha = self.repository(asked), asked.parameters["commit_sha"]
        git = repository.git
        found = [
            pull
            for pull in repository.pulls.values()
            if sha == pull.head or sha in git.between(self.world.merge_base(repository, pull), pull.head)
        ]
        return Answer(body=[self.views.pull_short(repository, pull) for pull in found])

    def repos__get_commit(self, asked: Asked) -> Answer:
        repository, revision = self.repository(asked), asked.parameters["ref"]
        sha = _resolved(repository, revision)
        if sha is None:
            raise Refused(422, f"No commit found for SHA: {revision}")
        return Answer(body=self.views.commit(repository, repository.git.commit(sha), with_files=True))

    def repos__compare_commits_with_basehead(self, asked: Asked) -> Answer:
        repository = self.repository(asked)
        left, _, right = asked.parameters["basehead"].partition("...")
        base, head = _resolved(repository, left), _resolved(repository, right)
        if base is None or head is None:
            raise not_found()
        common = repository.git.merge_base(base, head)
        if common is None:
            raise Refused(404, f"No common ancestor between {left} and {right}.")
        return Answer(body=self._comparison(repository, base, head, common))

    def _comparison(self, repository: Repository, base: str, head: str, common: str) -> Json:
        git, views = repository.git, self.views
        ahead, behind = git.between(base, head), git.between(head, base)
        files = git.changes(common, head)[: self.world.limits.compared_files]
        url = f"{views.repository_url(repository)}/compare/{base}...{head}"
        page = f"{self.world.url}/{repository.full_name}/compare/{base}...{head}"
        return views.make(
            "commit-comparison",
            url=url,
            html_url=page,
            permalink_url=page,
            diff_url=f"{page}.diff",
            patch_url=f"{page}.patch",
            base_commit=views.commit(repository, git.commit(base)),
            merge_base_commit=views.commit(repository, git.commit(common)),
            status=_status(len(ahead), len(behind)),
            ahead_by=len(ahead),
            behind_by=len(behind),
            total_commits=len(ahead),
            commits=[views.commit(repository, git.commit(sha)) for sha in ahead[:250]],
            files=[views.file(repository, file, head) for file in files],
        )

    def repos__get_content(self, asked: Asked) -> Answer:
        repository, path = self.repository(asked), asked.parameters["path"].strip("/")
        revision = asked.query.get("ref", repository.default_branch)
        commit = _resolved(repository, revision)
        if commit is None:
            raise Refused(404, f"No commit found for the ref {revision}")
        entry = self._entry(repository, commit, path)
        if entry.kind == "tree":
            entries = repository.git.tree(entry.sha)[:_DIRECTORY_ENTRIES]
            return Answer(
                body=[self._content(repository, one, f"{path}/{one.path}", None) for one in entries]
            )
        content = repository.git.blob(entry.sha)
        return Answer(body=self._content(repository, entry, path, content))

    def _entry(self, repository: Repository, commit: str, path: str) -> TreeEntry:
        for entry in repository.git.tree(commit, recursive=True):
            if entry.path == path:
                return entry
        raise not_found()

    def _content(self, repository: Repository, entry: TreeEntry, path: str, content: bytes | None) -> Json:
        """Return a file; beyond 1 MB without its content, as an entry of a folder without one at all."""
        root = self.views.repository_url(repository)
        url, page = f"{root}/contents/{url_path(path)}", f"{self.world.url}/{repository.full_name}/blob/HEAD"
        git_url = f"{root}/git/{entry.kind}s/{entry.sha}"
        shown: Json = {
            "type": "dir" if entry.kind == "tree" else "file",
            "name": path.rpartition("/")[2],
            "path": path,
            "sha": entry.sha,
            "size": entry.size or 0,
            "url": url,
            "git_url": git_url,
            "html_url": f"{page}/{url_path(path)}",
            "download_url": None if entry.kind == "tree" else f"{page}/{url_path(path)}?raw=1",
            "_links": {"self": url, "git": git_url, "html": f"{page}/{url_path(path)}"},
        }
        if content is None:
            return shown
        if len(content) > self.world.limits.content_bytes:
            return shown | {"content": "", "encoding": "none"}
        return shown | {"content": base64.encodebytes(content).decode(), "encoding": "base64"}

    def repos__create_or_update_file_contents(self, asked: Asked) -> Answer:
        repository, path = self.repository(asked), asked.parameters["path"].strip("/")
        branch = asked.told("branch") or repository.default_branch
        tip = repository.branch(branch)
        if tip is None:
            raise Refused(404, f"Branch {branch} not found")
        known = self._known(repository, tip, path)
        if known != asked.told("sha"):
            if asked.told("sha") is None:
                raise Refused(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
            raise conflict(f"{path} does not match {asked.told('sha')}")
        commit = self._write(repository, asked, tip, path)
        repository.git.set_ref(f"refs/heads/{branch}", commit)
        self.world.sync()
        entry = self._entry(repository, commit, path)
        shown = self.views.git_commit(repository, repository.git.commit(commit))
        body = {"content": self._content(repository, entry, path, None), "commit": shown}
        return Answer(status=200 if known else 201, body=body)

    def _known(self, repository: Repository, commit: str, path: str) -> str | None:
        try:
            return self._entry(repository, commit, path).sha
        except Refused:
            return None

    def _write(self, repository: Repository, asked: Asked, tip: str, path: str) -> str:
        blob = repository.git.store_blob(decoded(asked.told("content"), "base64"))
        tree = repository.git.changed_tree(tip, {path: ("100644", blob)})
        told: dict[str, Any] = asked.told("committer") or {"name": asked.login, "email": "noreply@github.com"}
        at = datetime.fromisoformat(told["date"]).timestamp() if "date" in told else self.now
        author = Person(name=told["name"], email=told["email"], at=int(at))
        return repository.git.store_commit(tree, (tip,), asked.told("message"), author)

    def repos__create_commit_status(self, asked: Asked) -> Answer:
        repository = self.repository(asked)
        if _resolved(repository, asked.parameters["sha"]) is None:
            raise Refused(422, f"No commit found for SHA: {asked.parameters['sha']}")
        told = {key: asked.told(key) for key in ("state", "description", "target_url")}
        number = self.world.next_id()
        return Answer(
            status=201,
            body=self.views.make(
                "status",
                **told,
                id=number,
                node_id=f"SC_{number}",
                context=asked.told("context", "default"),
                creator=self.views.user(self.me(asked)),
            ),
        )


def _resolved(repository: Repository, revision: str) -> str | None:
    """Return the commit of a branch, a tag or an object id; nothing of git's own syntax goes further."""
    if any(character in revision for character in "^~:@{ ") or revision.startswith("-"):
        return None
    for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
        try:
            found = repository.git.resolve(name)
        except GitFailed:
            found = None
        if found:
            return found
    return None


def _status(ahead: int, behind: int) -> str:
    if ahead and behind:
        return "diverged"
    return "ahead" if ahead else "behind" if behind else "identical"

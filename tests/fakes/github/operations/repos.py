"""Operations on repositories: contents, branches, comparisons, who may what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fakes.github.errata import Json
from fakes.github.git_store import GitFailed, Person, TreeEntry
from fakes.github.operations.git_data import decoded
from fakes.github.operations.room import Room
from fakes.github.state import Repository
from fakes.github.views import url_path
from fakes.github.wire import Answer, Asked, Refused, not_found

_TO_PERMISSION = {"maintain": "write", "triage": "read"}


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

    def _entry(self, repository: Repository, commit: str, path: str) -> TreeEntry:
        for entry in repository.git.tree(commit, recursive=True):
            if entry.path == path:
                return entry
        raise not_found()

    def _write(self, repository: Repository, asked: Asked, tip: str, path: str) -> str:
        blob = repository.git.store_blob(decoded(asked.told("content"), "base64"))
        tree = repository.git.changed_tree(tip, {path: ("100644", blob)})
        told: dict[str, Any] = asked.told("committer") or {"name": asked.login, "email": "noreply@github.com"}
        at = datetime.fromisoformat(told["date"]).timestamp() if "date" in told else self.now
        author = Person(name=told["name"], email=told["email"], at=int(at))
        return repository.git.store_commit(tree, (tip,), asked.told("message"), author)


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

"""How GitHub shows what the fake remembers, as JSON."""

from __future__ import annotations

from typing import Any

from fakes.github.clock import stamp
from fakes.github.diffs import ChangedFile
from fakes.github.errata import Json
from fakes.github.git_store import Person, StoredCommit
from fakes.github.state import Pull, Reaction, Repository, User
from fakes.github.world import World

_COLOR = "ededed"
_EMOJI = ("+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket")
_SIGNED_BY = "web-flow"


class Views:
    """Everything but comments; those are in `review_views`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.make = world.contract.make

    def user(self, user: User) -> Json:
        return self.make("simple-user", **self.account(user))

    def account(self, user: User) -> Json:
        """Return what all the forms of an account have in common."""
        page = user.login.removesuffix("[bot]")
        return {
            "login": user.login,
            "id": user.id,
            "node_id": f"U_{user.id}",
            "type": user.kind,
            "gravatar_id": "",
            "avatar_url": f"{self.world.url}/avatars/{user.id}",
            "url": f"{self.world.url}/users/{user.login.replace('[', '%5B').replace(']', '%5D')}",
            "html_url": f"{self.world.url}/{'apps/' if user.kind == 'Bot' else ''}{page}",
        }

    def repository_url(self, repository: Repository) -> str:
        return f"{self.world.url}/repos/{repository.full_name}"

    def pull_url(self, repository: Repository, pull: Pull) -> str:
        return f"{self.repository_url(repository)}/pulls/{pull.number}"

    def pull_page(self, repository: Repository, pull: Pull) -> str:
        return f"{self.world.url}/{repository.full_name}/pull/{pull.number}"

    def repository(self, repository: Repository, schema: str = "repository") -> Json:
        page = f"{self.world.url}/{repository.full_name}"
        return self.make(
            schema,
            id=repository.id,
            node_id=f"R_{repository.id}",
            name=repository.name,
            full_name=repository.full_name,
            owner=self.user(repository.owner),
            private=repository.is_private,
            visibility="private" if repository.is_private else "public",
            fork=repository.parent is not None,
            default_branch=repository.default_branch,
            url=self.repository_url(repository),
            html_url=page,
            clone_url=f"{page}.git",
            git_url=f"git:{page.partition(':')[2]}.git",
            ssh_url=f"git@github.example:{repository.full_name}.git",
            created_at=stamp(repository.created),
            updated_at=stamp(repository.created),
            pushed_at=stamp(repository.pushed or repository.created),
        )

    def association(self, repository: Repository, user: User) -> str:
        if user == repository.owner:
            return "OWNER"
        if user.login in repository.collaborators:
            return "COLLABORATOR"
        return "CONTRIBUTOR" if user.kind == "Bot" else "NONE"

    def label(self, repository: Repository, name: str) -> Json:
        label = self.world.label(repository, name)
        return self.make(
            "label",
            id=label.id,
            node_id=f"LA_{label.id}",
            url=f"{self.repository_url(repository)}/labels/{name}",
            name=name,
            description="",
            color=_COLOR,
        )

    def rollup(self, url: str, reactions: list[Reaction]) -> Json:
        counts = {name: sum(one.content == name for one in reactions) for name in _EMOJI}
        return self.make("reaction-rollup", url=f"{url}/reactions", total_count=len(reactions), **counts)

    def reaction(self, reaction: Reaction) -> Json:
        return self.make(
            "reaction",
            id=reaction.id,
            node_id=f"RE_{reaction.id}",
            user=self.user(reaction.user),
            content=reaction.content,
            created_at=stamp(reaction.at),
        )

    def pull_short(self, repository: Repository, pull: Pull, schema: str = "pull-request-simple") -> Json:
        """Return a pull request as lists show it."""
        return self.make(schema, **self._pull_parts(repository, pull))

    def pull(self, repository: Repository, pull: Pull, schema: str = "pull-request") -> Json:
        """Return a pull request with its counts."""
        files = self.world.files(repository, pull)
        base = self.world.merge_base(repository, pull)
        clean = pull.merge_commit is not None
        return self.make(
            schema,
            **self._pull_parts(repository, pull),
            merged=pull.merged is not None,
            mergeable=clean if pull.is_open else None,
            rebaseable=clean if pull.is_open else None,
            mergeable_state="draft" if pull.is_draft else "clean" if clean else "dirty",
            merged_by=None,
            comments=len(pull.comments),
            review_comments=sum(
                pull.reviews[c.review].state != "PENDING" for c in pull.review_comments.values()
            ),
            maintainer_can_modify=pull.maintainer_can_modify,
            commits=len(repository.git.between(base, pull.head)),
            additions=sum(file.additions for file in files),
            deletions=sum(file.deletions for file in files),
            changed_files=len(files),
        )

    def _pull_parts(self, repository: Repository, pull: Pull) -> Json:
        url, page = self.pull_url(repository, pull), self.pull_page(repository, pull)
        issue = f"{self.repository_url(repository)}/issues/{pull.number}"
        return {
            **self._pull_links(repository, pull),
            **self._pull_state(pull),
            "id": pull.id,
            "node_id": f"PR_{pull.id}",
            "number": pull.number,
            "title": pull.title,
            "body": pull.body or None,
            "user": self.user(pull.user),
            "author_association": self.association(repository, pull.user),
            "head": self._head(pull),
            "base": self._side(repository, pull.base_branch, pull.base),
            "labels": [self.label(repository, name) for name in pull.labels],
            "assignees": [],
            "requested_reviewers": [],
            "requested_teams": [],
            "_links": {
                "self": {"href": url},
                "html": {"href": page},
                "issue": {"href": issue},
                "comments": {"href": f"{issue}/comments"},
                "review_comments": {"href": f"{url}/comments"},
                "review_comment": {"href": f"{self.repository_url(repository)}/pulls/comments{{/number}}"},
                "commits": {"href": f"{url}/commits"},
                "statuses": {"href": f"{self.repository_url(repository)}/statuses/{pull.head}"},
            },
        }

    def _pull_links(self, repository: Repository, pull: Pull) -> Json:
        url, page = self.pull_url(repository, pull), self.pull_page(repository, pull)
        root = self.repository_url(repository)
        return {
            "url": url,
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "issue_url": f"{root}/issues/{pull.number}",
            "comments_url": f"{root}/issues/{pull.number}/comments",
            "commits_url": f"{url}/commits",
            "review_comments_url": f"{url}/comments",
            "review_comment_url": f"{root}/pulls/comments{{/number}}",
            "statuses_url": f"{root}/statuses/{pull.head}",
        }

    def _pull_state(self, pull: Pull) -> Json:
        return {
            "state": "open" if pull.is_open else "closed",
            "draft": pull.is_draft,
            "locked": pull.is_locked,
            "created_at": stamp(pull.created),
            "updated_at": stamp(pull.updated),
            "closed_at": stamp(pull.closed) if pull.closed is not None else None,
            "merged_at": stamp(pull.merged) if pull.merged is not None else None,
            "merge_commit_sha": pull.merge_commit,
        }

    def _head(self, pull: Pull) -> Json:
        source = pull.head_repository
        if source is None or source.is_deleted:
            return {"label": None, "ref": pull.head_branch, "sha": pull.head, "user": None, "repo": None}
        return self._side(source, pull.head_branch, pull.head)

    def _side(self, repository: Repository, branch: str, sha: str) -> Json:
        return {
            "label": f"{repository.owner.login}:{branch}",
            "ref": branch,
            "sha": sha,
            "user": self.user(repository.owner),
            "repo": self.repository(repository),
        }

    def issue(self, repository: Repository, pull: Pull) -> Json:
        """Return a pull request as the issue that it is too."""
        url = f"{self.repository_url(repository)}/issues/{pull.number}"
        links = self._pull_links(repository, pull)
        return self.make(
            "issue",
            **self._issue_links(repository, url),
            id=pull.id,
            node_id=f"PR_{pull.id}",
            number=pull.number,
            title=pull.title,
            body=pull.body or None,
            user=self.user(pull.user),
            author_association=self.association(repository, pull.user),
            html_url=links["html_url"],
            state="open" if pull.is_open else "closed",
            locked=pull.is_locked,
            draft=pull.is_draft,
            labels=[self.label(repository, name) for name in pull.labels],
            assignees=[],
            comments=len(pull.comments),
            created_at=stamp(pull.created),
            updated_at=stamp(pull.updated),
            closed_at=stamp(pull.closed) if pull.closed is not None else None,
            pull_request={key: links[key] for key in ("url", "html_url", "diff_url", "patch_url")}
            | {"merged_at": stamp(pull.merged) if pull.merged is not None else None},
            reactions=self.rollup(url, pull.reactions),
        )

    def plain_issue(self, repository: Repository, number: int) -> Json:
        """Return an issue that is not a pull request."""
        url = f"{self.repository_url(repository)}/issues/{number}"
        title, body = repository.issues[number]
        return self.make(
            "issue",
            **self._issue_links(repository, url),
            id=number,
            node_id=f"I_{number}",
            number=number,
            title=title,
            body=body or None,
            user=self.user(repository.owner),
            author_association="OWNER",
            html_url=f"{self.world.url}/{repository.full_name}/issues/{number}",
            state="open",
            locked=False,
            labels=[],
            assignees=[],
            comments=0,
            created_at=stamp(repository.created),
            updated_at=stamp(repository.created),
            closed_at=None,
            reactions=self.rollup(url, []),
        )

    def _issue_links(self, repository: Repository, url: str) -> Json:
        return {
            "url": url,
            "repository_url": self.repository_url(repository),
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
        }

    def file(self, repository: Repository, file: ChangedFile, sha: str) -> Json:
        """Return a file of a diff; it has no `patch` where it is binary, merely moved or very large."""
        root, page = self.repository_url(repository), f"{self.world.url}/{repository.full_name}"
        changes = file.additions + file.deletions
        more: Json = {"previous_filename": file.previous_path} if file.previous_path else {}
        if file.hunks and changes <= self.world.limits.patch_lines:
            more["patch"] = file.hunks
        quoted = url_path(file.path)
        return self.make(
            "diff-entry",
            sha=file.blob,
            filename=file.path,
            status=file.status,
            additions=file.additions,
            deletions=file.deletions,
            changes=changes,
            blob_url=f"{page}/blob/{sha}/{quoted}",
            raw_url=f"{page}/raw/{sha}/{quoted}",
            contents_url=f"{root}/contents/{quoted}?ref={sha}",
            **more,
        )

    def git_commit(self, repository: Repository, commit: StoredCommit) -> Json:
        """Return a commit as the git operations show it."""
        root = self.repository_url(repository)
        return self.make(
            "git-commit",
            **self.commit_core(repository, commit),
            sha=commit.sha,
            node_id=f"C_{commit.sha}",
            url=f"{root}/git/commits/{commit.sha}",
            html_url=f"{self.world.url}/{repository.full_name}/commit/{commit.sha}",
            parents=[
                {"sha": sha, "url": f"{root}/git/commits/{sha}", "html_url": f"{root}/commit/{sha}"}
                for sha in commit.parents
            ],
        )

    def commit_core(self, repository: Repository, commit: StoredCommit) -> Json:
        root = self.repository_url(repository)
        signed = commit.committer.name in self.world.signers
        return {
            "author": _person(commit.author),
            "committer": _person(commit.committer),
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": f"{root}/git/trees/{commit.tree}"},
            "verification": {
                "verified": signed,
                "reason": "valid" if signed else "unsigned",
                "signature": _SIGNED_BY if signed else None,
                "payload": None,
                "verified_at": None,
            },
        }

    def commit(self, repository: Repository, commit: StoredCommit, *, with_files: bool = False) -> Json:
        """Return a commit as the repository operations show it."""
        root = self.repository_url(repository)
        more: Json = self._commit_files(repository, commit) if with_files else {}
        return self.make(
            "commit",
            sha=commit.sha,
            node_id=f"C_{commit.sha}",
            url=f"{root}/commits/{commit.sha}",
            html_url=f"{self.world.url}/{repository.full_name}/commit/{commit.sha}",
            comments_url=f"{root}/commits/{commit.sha}/comments",
            commit={
                **self.commit_core(repository, commit),
                "url": f"{root}/git/commits/{commit.sha}",
                "comment_count": 0,
            },
            author=self._account_of(commit.author),
            committer=self._account_of(commit.committer),
            parents=[{"sha": sha, "url": f"{root}/commits/{sha}"} for sha in commit.parents],
            **more,
        )

    def _commit_files(self, repository: Repository, commit: StoredCommit) -> Json:
        base = commit.parents[0] if commit.parents else repository.git.changed_tree(None, {})
        files = repository.git.changes(base, commit.sha)
        additions = sum(file.additions for file in files)
        deletions = sum(file.deletions for file in files)
        return {
            "stats": {"additions": additions, "deletions": deletions, "total": additions + deletions},
            "files": [self.file(repository, file, commit.sha) for file in files[: self.world.limits.files]],
        }

    def _account_of(self, person: Person) -> Any:
        found = self.world.user("web-flow") if person.name == "GitHub" else self.world.users.get(person.name)
        return self.user(found) if found else None


def url_path(path: str) -> str:
    """Return a path as it stands in an address."""
    from urllib.parse import quote

    return quote(path, safe="/", errors="replace")


def _person(person: Person) -> Json:
    return {"name": person.name, "email": person.email, "date": stamp(person.at)}

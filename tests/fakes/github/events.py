"""What GitHub tells a workflow: webhook payloads made from the fake's state, and where the workflow runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from fakes.github.contract import webhook_skeletons
from fakes.github.errata import Json
from fakes.github.github import FakeGitHub
from fakes.github.review_views import ReviewViews
from fakes.github.state import IssueComment, Pull, Repository, ReviewComment, User

_QUEUE = "refs/heads/gh-readonly-queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event that starts a workflow.

    Attributes:
        name: What `GITHUB_EVENT_NAME` is.
        payload: What the file at `GITHUB_EVENT_PATH` holds.
        ref: What `GITHUB_REF` is.
        sha: What `GITHUB_SHA` is: the merge commit for pull requests.
        head_branch: What `GITHUB_HEAD_REF` is; empty where the event is none of a pull request's.
        base_branch: What `GITHUB_BASE_REF` is.
    """

    name: str
    payload: Json
    repository: Repository
    ref: str
    sha: str
    actor: User
    head_branch: str = ""
    base_branch: str = ""
    number: int | None = None


@dataclass
class Events:
    """Makes events; each payload is held against GitHub's schema for it."""

    github: FakeGitHub
    views: ReviewViews = field(init=False)

    def __post_init__(self) -> None:
        self.views = ReviewViews(self.github.world)
        self._skeletons = webhook_skeletons()

    def pull_request(
        self, repository: Repository, pull: Pull, action: str = "opened", *, name: str = "pull_request"
    ) -> Event:
        """Return an event of a pull request.

        Args:
            action: opened, synchronize, reopened, ready_for_review or closed.
            name: `pull_request_target` runs on the default branch, with the same payload.
        """
        payload = self._about(repository, pull.user) | {
            "action": action,
            "number": pull.number,
            "pull_request": self.views.pull(repository, pull),
        }
        if action == "synchronize":
            payload |= {"before": pull.previous_head, "after": pull.head}
        ref, sha = self._where(repository, pull, action, name)
        return Event(
            name=name,
            payload=self._whole(f"pull-request-{action.replace('_', '-')}", payload),
            repository=repository,
            ref=ref,
            sha=sha,
            actor=pull.user,
            head_branch=pull.head_branch,
            base_branch=pull.base_branch,
            number=pull.number,
        )

    def _where(self, repository: Repository, pull: Pull, action: str, name: str) -> tuple[str, str]:
        if name == "pull_request_target":
            return self._on(repository, repository.default_branch)
        if action == "closed" and pull.merged is not None:
            return self._on(repository, pull.base_branch)
        assert pull.merge_commit, "no workflow runs on a pull request with a conflict"
        return f"refs/pull/{pull.number}/merge", pull.merge_commit

    def issue_comment(self, repository: Repository, pull: Pull, comment: IssueComment) -> Event:
        """Return the event of a comment below a pull request's description; it holds no commit."""
        payload = self._about(repository, comment.user) | {
            "action": "created",
            "issue": self.views.issue(repository, pull),
            "comment": self.views.issue_comment(repository, pull, comment),
        }
        ref, sha = self._on(repository, repository.default_branch)
        return Event(
            name="issue_comment",
            payload=self._whole("issue-comment-created", payload),
            repository=repository,
            ref=ref,
            sha=sha,
            actor=comment.user,
            number=pull.number,
        )

    def review_comment(self, repository: Repository, pull: Pull, comment: ReviewComment) -> Event:
        """Return the event of a comment on the diff, or of a reply in a thread."""
        payload = self._about(repository, comment.user) | {
            "action": "created",
            "comment": self.views.review_comment(repository, pull, comment),
            "pull_request": self.views.pull_short(repository, pull),
        }
        ref, sha = self._where(repository, pull, "created", "pull_request_review_comment")
        return Event(
            name="pull_request_review_comment",
            payload=self._whole("pull-request-review-comment-created", payload),
            repository=repository,
            ref=ref,
            sha=sha,
            actor=comment.user,
            head_branch=pull.head_branch,
            base_branch=pull.base_branch,
            number=pull.number,
        )

    def merge_group(self, repository: Repository, pull: Pull) -> Event:
        """Return the event of a merge queue that tries a pull request; it names no pull request."""
        assert pull.merge_commit
        ref = f"{_QUEUE}/{pull.base_branch}/pr-{pull.number}-{pull.base}"
        group = {
            "head_sha": pull.merge_commit,
            "head_ref": ref,
            "base_sha": pull.base,
            "base_ref": f"refs/heads/{pull.base_branch}",
            "head_commit": {
                "id": pull.merge_commit,
                "tree_id": repository.git.commit(pull.merge_commit).tree,
            },
        }
        payload = self._about(repository, pull.user) | {"action": "checks_requested", "merge_group": group}
        return Event(
            name="merge_group",
            payload=self._whole("merge-group-checks-requested", payload),
            repository=repository,
            ref=ref,
            sha=pull.merge_commit,
            actor=pull.user,
        )

    def workflow_dispatch(
        self, repository: Repository, branch: str, inputs: dict[str, str] | None = None, by: str = "ada"
    ) -> Event:
        """Return the event of somebody who starts a workflow by hand."""
        ref, sha = self._on(repository, branch)
        user = self.github.world.user(by)
        more = {"inputs": inputs, "ref": ref, "workflow": ".github/workflows/testsmith.yml"}
        return Event(
            name="workflow_dispatch",
            payload=self._whole("workflow-dispatch", self._about(repository, user) | more),
            repository=repository,
            ref=ref,
            sha=sha,
            actor=user,
        )

    def schedule(self, repository: Repository, cron: str = "0 5 * * 1") -> Event:
        """Return the event of the clock; GitHub has no webhook for it, and no schema."""
        ref, sha = self._on(repository, repository.default_branch)
        shown = self.views.repository(repository)
        return Event(
            name="schedule",
            payload={"schedule": cron, "repository": shown, "workflow": ".github/workflows/testsmith.yml"},
            repository=repository,
            ref=ref,
            sha=sha,
            actor=repository.owner,
        )

    def push(self, repository: Repository, branch: str, before: str) -> Event:
        """Return the event of a push to a branch, which was at `before`."""
        ref, sha = self._on(repository, branch)
        payload = self._about(repository, repository.owner) | {"ref": ref, "before": before, "after": sha}
        return Event(
            name="push",
            payload=self._whole("push", payload),
            repository=repository,
            ref=ref,
            sha=sha,
            actor=repository.owner,
        )

    def _on(self, repository: Repository, branch: str) -> tuple[str, str]:
        tip = repository.branch(branch)
        assert tip, f"no branch {branch}"
        return f"refs/heads/{branch}", tip

    def _about(self, repository: Repository, sender: User) -> Json:
        return {"repository": self.views.repository(repository), "sender": self.views.user(sender)}

    def _whole(self, name: str, payload: Json) -> Json:
        whole: Json = self._skeletons.complete({"$ref": f"#/webhook-{name}"}, payload)
        self.github.world.contract.check_event(name, whole)
        return whole

"""Operations on pull requests themselves: their state, their files, their commits."""

from __future__ import annotations

from fakes.github.operations.room import Room
from fakes.github.state import ACTIONS_BOT, Pull, Repository
from fakes.github.wire import Answer, Asked, Refused, invalid

_SORTS = {"created": "created", "updated": "updated"}


class Pulls(Room):
    """Pull requests."""

    def pulls__list(self, asked: Asked) -> Answer:
        repository, query = self.repository(asked), asked.query
        state = query.get("state", "open")
        found = [pull for pull in repository.pulls.values() if state in ("all", _state(pull))]
        if "base" in query:
            found = [pull for pull in found if pull.base_branch == query["base"]]
        if ":" in query.get("head", ""):
            found = [pull for pull in found if _label(pull) == query["head"]]
        key = _SORTS.get(query.get("sort", "created"), "created")
        newest_first = query.get("direction", "desc" if "sort" not in query else "asc") == "desc"
        found.sort(key=lambda pull: (getattr(pull, key), pull.number), reverse=newest_first)
        return Answer(body=[self.views.pull_short(repository, pull) for pull in found])

    def pulls__create(self, asked: Asked) -> Answer:
        repository = self.repository(asked)
        owner, _, branch = str(asked.told("head")).rpartition(":")
        source = self._source(repository, owner)
        head, base = source.branch(branch), repository.branch(asked.told("base"))
        if head is None or base is None:
            raise invalid("PullRequest", "base" if head else "head", "is not a branch")
        if asked.login == ACTIONS_BOT and not repository.actions_may_open_pulls:
            raise Refused(403, "GitHub Actions is not permitted to create or approve pull requests.")
        if head == base:
            raise invalid("PullRequest", "base", f"No commits between {asked.told('base')} and {branch}")
        self._require_first(repository, source, branch, asked.told("base"))
        pull = self.open(repository, asked, source=source, branch=branch)
        return Answer(status=201, body=self.views.pull(repository, pull))

    def open(self, repository: Repository, asked: Asked, *, source: Repository, branch: str) -> Pull:
        """Store a pull request of two branches that exist."""
        pull = self.world.open_pull(
            repository,
            source,
            branches=(asked.told("base"), branch),
            user=self.me(asked),
            title=asked.told("title", ""),
            body=asked.told("body") or "",
        )
        pull.is_draft = bool(asked.told("draft", False))
        return pull

    def _require_first(self, repository: Repository, source: Repository, branch: str, base: str) -> None:
        for pull in repository.pulls.values():
            if not pull.is_open:
                continue
            if (pull.head_repository, pull.head_branch, pull.base_branch) == (source, branch, base):
                message = f"A pull request already exists for {_label(pull)}."
                error = {"resource": "PullRequest", "code": "custom", "message": message}
                raise Refused(422, "Validation Failed", [error])

    def _source(self, repository: Repository, owner: str) -> Repository:
        if not owner or owner == repository.owner.login:
            return repository
        for other in self.world.repositories.values():
            if other.parent is repository and other.owner.login == owner:
                return other
        raise invalid("PullRequest", "head", "is not a fork's branch")

    def pulls__get(self, asked: Asked) -> Answer:
        repository, pull = self.repository(asked), self.pull(asked)
        for media in ("diff", "patch"):
            if f"vnd.github.{media}" in asked.accepts or f"vnd.github.v3.{media}" in asked.accepts:
                text = self._diff(repository, pull)
                return Answer(text=text, media=f"application/vnd.github.{media}; charset=utf-8")
        return Answer(body=self.views.pull(repository, pull))

    def _diff(self, repository: Repository, pull: Pull) -> bytes:
        files, limits = self.world.files(repository, pull), self.world.limits
        if len(files) > limits.diff_files:
            raise _too_large(f"files ({limits.diff_files})")
        diff = repository.git.run("diff", "-M", "-l0", self.world.merge_base(repository, pull), pull.head)
        if diff.count(b"\n") > limits.diff_lines:
            raise _too_large(f"lines ({limits.diff_lines})")
        return diff

    def pulls__update(self, asked: Asked) -> Answer:
        repository, pull = self.repository(asked), self.pull(asked)
        pull.title = asked.told("title", pull.title)
        pull.body = asked.told("body", pull.body) or ""
        state = asked.told("state", _state(pull))
        if state != _state(pull):
            pull.closed = self.now if state == "closed" else None
            self.world.happened(pull, "closed" if state == "closed" else "reopened", self.me(asked))
        pull.base_branch = asked.told("base", pull.base_branch)
        self.world.sync()
        return Answer(body=self.views.pull(repository, pull))

    def pulls__list_files(self, asked: Asked) -> Answer:
        repository, pull = self.repository(asked), self.pull(asked)
        files = self.world.files(repository, pull)[: self.world.limits.files]
        return Answer(body=[self.views.file(repository, file, pull.head) for file in files])


def _state(pull: Pull) -> str:
    return "open" if pull.is_open else "closed"


def _label(pull: Pull) -> str:
    owner = pull.head_repository.owner.login if pull.head_repository else ""
    return f"{owner}:{pull.head_branch}"


def _too_large(what: str) -> Refused:
    message = f"Sorry, the diff exceeded the maximum number of {what}"
    return Refused(406, message, [{"resource": "PullRequest", "field": "diff", "code": "too_large"}])

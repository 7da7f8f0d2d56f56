"""GitHub's GraphQL interface: its own schema judges every query and every answer."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import GraphQLError, GraphQLSchema, build_schema, graphql_sync

from fakes.github.clock import stamp
from fakes.github.contract import FOLDER
from fakes.github.errata import Json
from fakes.github.git_store import Person
from fakes.github.limits import RateLimits
from fakes.github.permissions import Need, may
from fakes.github.state import (
    Comment,
    IssueComment,
    Pull,
    Repository,
    Review,
    ReviewComment,
    Token,
)
from fakes.github.wire import Answer
from fakes.github.world import World

_MOST = 100
_TALK = Need(("issues", "pull_requests"), "write")
_CONTENTS = Need(("contents",), "write")
_KINDS: dict[type[Comment], str] = {
    IssueComment: "IssueComment",
    ReviewComment: "PullRequestReviewComment",
    Review: "PullRequestReview",
}
_PREFIXES: dict[type[Comment], str] = {IssueComment: "IC", ReviewComment: "PRRC", Review: "PRR"}


@dataclass(frozen=True, slots=True)
class _Place:
    """A thing and where it is."""

    repository: Repository
    pull: Pull
    comment: Comment


class GraphQL:
    """Answers queries and mutations."""

    def __init__(self, world: World, rates: RateLimits) -> None:
        self.world = world
        self.rates = rates

    def answer(self, told: Json, token: Token) -> Answer:
        """Execute a document; errors are in the body of a 200, as GitHub does it."""
        call = _Call(self.world, token)
        result = graphql_sync(
            _schema(),
            told["query"],
            root_value=call.root(),
            variable_values=told.get("variables"),
            operation_name=told.get("operationName"),
            type_resolver=_kind_of,
        )
        body: Json = {} if result.data is None and result.errors else {"data": result.data}
        for error in result.errors or []:
            if not isinstance(error.original_error, _Forbidden):
                self.world.contract.violations.append(f"graphql: {error.message}")
        if result.errors:
            body["errors"] = [_error(error) for error in result.errors]
        if told["query"].lstrip().startswith("mutation"):
            self.world.clock.tick()
        return Answer(body=body, headers=self.rates.headers(token.value))


class _Forbidden(Exception):
    """The client may not, or it was too late; `kind` is GitHub's word."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class _Call:
    """One document's execution, as one client."""

    def __init__(self, world: World, token: Token) -> None:
        self.world = world
        self.token = token

    def root(self) -> Json:
        mutations = {
            "minimizeComment": self._minimize,
            "unminimizeComment": self._unminimize,
            "resolveReviewThread": self._resolve,
            "unresolveReviewThread": self._unresolve,
            "createCommitOnBranch": self._commit,
        }
        return {
            "viewer": {"login": self.token.login},
            "repository": self._repository,
            **{name: _without_info(method) for name, method in mutations.items()},
        }

    def _actor(self, login: str) -> Json:
        user = self.world.user(login)
        return {"__typename": user.kind, "login": login.removesuffix("[bot]")}

    def _repository(self, _info: Any, owner: str, name: str, **_rest: Any) -> Json | None:
        repository = self.world.find_repository(f"{owner}/{name}")
        if repository is None or (repository.is_private and self.token.repository != repository.full_name):
            raise _Forbidden(
                "NOT_FOUND", f"Could not resolve to a Repository with the name '{owner}/{name}'."
            )
        return {"pullRequest": lambda _info, number: self._pull(repository, number)}

    def _pull(self, repository: Repository, number: int) -> Json:
        pull = repository.pulls.get(number)
        if pull is None:
            raise _Forbidden("NOT_FOUND", f"Could not resolve to a PullRequest with the number of {number}.")
        comments = [self._comment(_Place(repository, pull, one)) for one in pull.comments.values()]
        threads = [
            self._thread(repository, pull, one)
            for one in pull.review_comments.values()
            if one.reply_to is None and pull.visible(one.review, self.token.login)
        ]
        return {
            "id": f"PR_{pull.id}",
            "number": pull.number,
            "headRefOid": pull.head,
            "isDraft": pull.is_draft,
            "closed": not pull.is_open,
            "comments": lambda _info, **page: _connection(comments, page),
            "reviewThreads": lambda _info, **page: _connection(threads, page),
            "reviews": lambda _info, **page: _connection(
                [
                    self._comment(_Place(repository, pull, one))
                    for one in pull.reviews.values()
                    if pull.visible(one.id, self.token.login)
                ],
                page,
            ),
        }

    def _thread(self, repository: Repository, pull: Pull, head: ReviewComment) -> Json:
        anchor = self.world.anchor(repository, pull, head)
        inside = [one for one in pull.review_comments.values() if one.thread == head.id]
        comments = [self._line_comment(_Place(repository, pull, one), one) for one in inside]
        resolver = pull.resolved.get(head.id)
        return {
            "id": f"PRRT_{head.id}",
            "isResolved": resolver is not None,
            "resolvedBy": self._actor(resolver.login) if resolver else None,
            "isOutdated": anchor is None and not head.is_on_file,
            "line": anchor.line if anchor else None,
            "originalLine": head.original_line,
            "path": head.path,
            "viewerCanResolve": resolver is None and self._may(repository, _CONTENTS),
            "viewerCanUnresolve": resolver is not None and self._may(repository, _CONTENTS),
            "comments": lambda _info, **page: _connection(comments, page),
        }

    def _comment(self, place: _Place) -> Json:
        comment = place.comment
        return {
            "__typename": _KINDS[type(comment)],
            "id": f"{_PREFIXES[type(comment)]}_{comment.id}",
            "databaseId": comment.id,
            "fullDatabaseId": str(comment.id),
            "author": self._actor(comment.user.login),
            "editor": self._actor(comment.edited_by.login) if comment.edited_by else None,
            "body": comment.body,
            "createdAt": stamp(comment.created),
            "lastEditedAt": stamp(comment.updated) if comment.edited_by else None,
            "isMinimized": comment.minimized is not None,
            "minimizedReason": comment.minimized,
            "viewerCanMinimize": self._may(place.repository, _TALK),
            "viewerDidAuthor": comment.user.login == self.token.login,
            "state": getattr(comment, "state", None),
        }

    def _line_comment(self, place: _Place, comment: ReviewComment) -> Json:
        is_pending = place.pull.reviews[comment.review].state == "PENDING"
        return self._comment(place) | {"state": "PENDING" if is_pending else "SUBMITTED"}

    def _may(self, repository: Repository, needed: Need) -> bool:
        return may(self.token, repository, needed)

    def _require(self, repository: Repository, needed: Need) -> None:
        if not self._may(repository, needed):
            raise _Forbidden("FORBIDDEN", "Resource not accessible by integration")

    def _minimize(self, told: Json) -> Json:
        place = self._found(told["subjectId"])
        self._require(place.repository, _TALK)
        place.comment.minimized = told["classifier"].lower().replace("_", "-")
        return {"minimizedComment": self._comment(place)}

    def _unminimize(self, told: Json) -> Json:
        place = self._found(told["subjectId"])
        self._require(place.repository, _TALK)
        place.comment.minimized = None
        return {"unminimizedComment": self._comment(place)}

    def _resolve(self, told: Json) -> Json:
        return self._change_thread(told["threadId"], resolved=True)

    def _unresolve(self, told: Json) -> Json:
        return self._change_thread(told["threadId"], resolved=False)

    def _change_thread(self, node: str, *, resolved: bool) -> Json:
        """Resolving needs the permission to write contents; the one for pull requests is not enough."""
        place = self._found(node.replace("PRRT_", "PRRC_"))
        self._require(place.repository, _CONTENTS)
        head = place.comment
        assert isinstance(head, ReviewComment)
        if resolved:
            place.pull.resolved[head.id] = self.world.user(self.token.login)
        else:
            place.pull.resolved.pop(head.id, None)
        return {"thread": self._thread(place.repository, place.pull, head)}

    def _found(self, node: str) -> _Place:
        prefix, _, number = node.partition("_")
        rooms = {"IC": "comments", "PRRC": "review_comments", "PRR": "reviews"}
        for repository in self.world.repositories.values():
            for pull in repository.pulls.values():
                found = getattr(pull, rooms.get(prefix, "comments")).get(int(number or 0))
                if found is not None and prefix in rooms:
                    return _Place(repository, pull, found)
        raise _Forbidden("NOT_FOUND", f"Could not resolve to a node with the global id of '{node}'")

    def _commit(self, told: Json) -> Json:
        branch = told["branch"]
        repository = self.world.find_repository(branch.get("repositoryNameWithOwner") or "")
        name = str(branch.get("branchName") or "").removeprefix("refs/heads/")
        tip = repository.branch(name) if repository else None
        if repository is None or tip is None:
            raise _Forbidden("NOT_FOUND", "Could not resolve to a Ref")
        self._require(repository, _CONTENTS)
        if name in repository.protected:
            raise _Forbidden(
                "BRANCH_PROTECTION_RULE_VIOLATION", f"Changes to {name} must be made by request."
            )
        if tip != told["expectedHeadOid"]:
            message = f"Expected branch to point to {tip!r} but it pointed to {told['expectedHeadOid']!r}"
            raise _Forbidden("STALE_DATA", message)
        sha = self._store(repository, tip, told)
        repository.git.set_ref(f"refs/heads/{name}", sha)
        self.world.sync()
        signature = {"__typename": "GpgSignature", "isValid": True, "wasSignedByGitHub": True}
        url = f"{self.world.url}/{repository.full_name}/commit/{sha}"
        return {"commit": {"oid": sha, "url": url, "signature": signature}}

    def _store(self, repository: Repository, tip: str, told: Json) -> str:
        """Store a commit that is the client's own and signed by GitHub; all its files are plain ones."""
        changes, user, now = (
            told.get("fileChanges") or {},
            self.world.user(self.token.login),
            self.world.clock.now(),
        )
        entries: dict[str, tuple[str, str] | None] = {
            one["path"]: None for one in changes.get("deletions", [])
        }
        for one in changes.get("additions", []):
            entries[one["path"]] = ("100644", repository.git.store_blob(base64.b64decode(one["contents"])))
        email = f"{user.id}+{user.login}@users.noreply.github.com"
        message = "\n\n".join(
            part for part in (told["message"]["headline"], told["message"].get("body")) if part
        )
        return repository.git.store_commit(
            repository.git.changed_tree(tip, entries),
            (tip,),
            message,
            Person(name=user.login, email=email, at=int(now)),
            Person(name="GitHub", email="noreply@github.com", at=int(now)),
        )


def _without_info(method: Callable[[Json], Json]) -> Callable[..., Json]:
    def resolve(_info: Any, **told: Any) -> Json:
        given: Json = told["input"]
        return {**method(given), "clientMutationId": given.get("clientMutationId")}

    return resolve


def _connection(items: list[Json], page: Json) -> Json:
    """Return a page of a list.

    Raises:
        _Forbidden: Neither `first` nor `last` is given, or more than 100 are asked for.
    """
    size = page.get("first") or page.get("last")
    if size is None:
        raise _Forbidden("MISSING_PAGINATION_BOUNDARIES", "You must provide a `first` or `last` value.")
    if size > _MOST:
        raise _Forbidden(
            "EXCESSIVE_PAGINATION", f"Requesting {size} records exceeds the `first` limit of 100."
        )
    start = int(page["after"]) if page.get("after") else 0
    if page.get("last"):
        end = int(page["before"]) - 1 if page.get("before") else len(items)
        start = max(0, end - size)
    else:
        end = min(len(items), start + size)
    return {
        "nodes": items[start:end],
        "edges": [
            {"cursor": str(number), "node": item} for number, item in enumerate(items[start:end], start + 1)
        ],
        "totalCount": len(items),
        "pageInfo": {
            "endCursor": str(end) if end > start else None,
            "startCursor": str(start + 1) if end > start else None,
            "hasNextPage": end < len(items),
            "hasPreviousPage": start > 0,
        },
    }


def _error(error: GraphQLError) -> Json:
    shown: Json = {"message": error.message}
    if isinstance(error.original_error, _Forbidden):
        shown["type"] = error.original_error.kind
    if error.path:
        shown["path"] = list(error.path)
    if error.locations:
        shown["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    return shown


def _kind_of(value: Any, *_rest: Any) -> str:
    return str(value["__typename"])


@lru_cache(maxsize=1)
def _schema() -> GraphQLSchema:
    return build_schema((FOLDER / "github-graphql-subset.graphql").read_text())

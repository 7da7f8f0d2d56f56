"""Read a pull request, its files and its commits through REST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from testsmith.forge.github.payload import entries, maybe, taken
from testsmith.forge.github.repository_client import READ_CONTENTS, RepositoryClient, understood
from testsmith.forge.interface import Commit, DiffTooLarge, FilePatch, PullRequest, Refused

FILES = 3_000
"""Maximum number of files GitHub lists for a pull request."""

_GITHUB = "web-flow"
"""Committer of commits that GitHub itself makes and signs."""

PAGE = 100
"""Maximum number of files per request."""


def read_pull_request(remote: RepositoryClient, number: int) -> PullRequest:
    """See `Forge.pull_request`."""
    what = f"read pull request {number}"
    with understood(what):
        data = remote.get(what, f"/pulls/{number}")
        return PullRequest(
            repository=taken(data, "base.repo.full_name", str),
            number=number,
            head_sha=taken(data, "head.sha", str),
            base_sha=taken(data, "base.sha", str),
            base_ref=taken(data, "base.ref", str),
            head_repository=maybe(data, "head.repo.full_name", str),
            head_ref=taken(data, "head.ref", str),
            default_branch=maybe(data, "base.repo.default_branch", str) or "",
            is_open=taken(data, "state", str) == "open",
            files=taken(data, "changed_files", int),
            pushed_at=maybe(data, "head.repo.pushed_at", str) or "",
        )


def read_commit(remote: RepositoryClient, sha: str) -> Commit:
    """See `Forge.commit`. The response includes the commit's files, so the page size is 1."""
    what = f"read commit {sha}"
    with understood(what):
        data = remote.get(what, f"/commits/{sha}", {"per_page": 1}, permission=READ_CONTENTS)
        return Commit(
            author=maybe(data, "author.login", str),
            message=taken(data, "commit.message", str),
            parents=tuple(taken(one, "sha", str) for one in entries(data.get("parents"))),
            is_certain=_is_certain(data),
        )


def _is_certain(data: Mapping[str, Any]) -> bool:
    """Return whether the author of a commit is certain.

    GitHub derives the author from an email address, which anyone can set, and a signature is the committer's.
    GitHub itself signs, as `web-flow`, what an app commits through the API.
    """
    committer = maybe(data, "committer.login", str)
    is_signed = maybe(data, "commit.verification.verified", bool) or False
    return is_signed and committer is not None and committer in {_GITHUB, maybe(data, "author.login", str)}


def read_file_patches(remote: RepositoryClient, number: int) -> tuple[FilePatch, ...]:
    """See `Forge.file_patches`."""
    files = read_pull_request(remote, number).files
    found = () if files > FILES else tuple(_listed(remote, number, pages=-(-files // PAGE)))
    if len(found) < files:
        raise DiffTooLarge(
            f"Pull request {number} changes {files} files, of which GitHub lists {len(found) or FILES}."
        )
    return found


def _listed(remote: RepositoryClient, number: int, *, pages: int) -> list[FilePatch]:
    what, found = f"read the files of pull request {number}", list[FilePatch]()
    for page in range(1, pages + 1):
        try:
            data = remote.get(what, f"/pulls/{number}/files", {"per_page": PAGE, "page": page})
        except Refused as refused:  # GitHub's response if a diff takes too long
            raise DiffTooLarge(str(refused)) from refused
        with understood(what):
            found += map(_file_patch, entries(data))
    return found


def _file_patch(data: Mapping[str, Any]) -> FilePatch:
    return FilePatch(
        path=taken(data, "filename", str),
        patch=maybe(data, "patch", str),
        is_removed=taken(data, "status", str) == "removed",
    )

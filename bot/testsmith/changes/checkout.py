"""A workspace as a workflow's checkout left it, read through a bare repository of the bot's own.

The own repository borrows the workspace's objects, and knows where its history is cut off, what is checked
out, and its tags. So nothing in the workspace is ever changed, and none of its configuration, which may name
programs, proxies and other servers, is read by a call that compares commits or carries a token. The objects
themselves are taken as they are: who can write them has run before the bot, in the same job.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from testsmith.changes.command import Git, GitFailed
from testsmith.changes.git import Repository
from testsmith.changes.trees import BlobReader

_SECONDS_IN_WORKSPACE = 20.0
_OBJECT_ID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")

OWN_SETTINGS = {
    "core.alternateRefsCommand": "true",  # else git asks the workspace for references, by its settings
    "core.commitGraph": "false",  # the workspace's may say anything
}
"""What the own repository is called with, always."""


def open_checkout(workspace: Path, folder: Path) -> Repository:
    """Return a workspace's repository, as the bot's own one that borrows from it.

    Its `HEAD` is the commit that is checked out. A workspace without a repository, or with a partial clone,
    is no obstacle: then nothing is borrowed, and all that is needed can be fetched.

    Args:
        workspace: The root of the checkout, whoever owns it.
        folder: An empty folder for the own repository; its caller removes it in the end.

    Raises:
        UsageFailure: There is no git, or no such folder.
        GitFailed: The own repository cannot be made.
    """
    git = Git.find(folder).alone(folder, **configured(OWN_SETTINGS))
    git.run("init", "--quiet", "--bare", "--template=", "--initial-branch=checkout")
    found = _look_into(workspace)
    if found is not None:
        with suppress(GitFailed):
            _borrow(git, found)
    return Repository(root=workspace.resolve(), project="", git=git, blobs=BlobReader(git))


def configured(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which git is told settings that appear neither in a command line nor a file."""
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What there is to borrow.

    Attributes:
        objects: The folder of the objects.
        shallow: The commits at which the history is cut off, one a line.
        head: What is checked out; None before the first commit.
        tags: As `git update-ref --stdin` takes them.
    """

    objects: Path
    shallow: bytes
    head: str | None
    tags: bytes


def _look_into(workspace: Path) -> _Found | None:
    """Return what a workspace has; None where there is no repository, or none that holds all it should.

    These calls of git read the workspace's configuration, but start no program that it could name.
    """
    git_folder = workspace / ".git"
    if not git_folder.exists():
        return None
    git = replace(Git.find(workspace), seconds=_SECONDS_IN_WORKSPACE)
    git = git.alone(git_folder, GIT_WORK_TREE=str(workspace))
    try:
        objects = (workspace / git.line("rev-parse", "--git-path", "objects")).resolve()
        if any(objects.glob("pack/*.promisor")):
            return None
        tags = git.run("for-each-ref", "--format=create %(refname) %(objectname)", "refs/tags")
        return _Found(objects=objects, shallow=_shallow(objects.parent), head=_head(git), tags=tags)
    except (GitFailed, OSError):
        return None


def _shallow(folder: Path) -> bytes:
    """Return the lines of a repository's file `shallow` that are what they should be."""
    file = folder / "shallow"
    lines = file.read_bytes().splitlines() if file.is_file() else []
    return b"".join(b"%s\n" % line for line in lines if _OBJECT_ID.fullmatch(line))


def _head(git: Git) -> str | None:
    try:
        return git.line("rev-parse", "--quiet", "--verify", "HEAD^{commit}")
    except GitFailed:
        return None


def _borrow(git: Git, found: _Found) -> None:
    """Let the own repository see what was found."""
    alternates = git.folder / "objects" / "info" / "alternates"
    alternates.parent.mkdir(exist_ok=True)
    alternates.write_bytes(_quoted(found.objects) + b"\n")
    if found.shallow:
        (git.folder / "shallow").write_bytes(found.shallow)
    if found.head is not None:
        git.run("update-ref", "HEAD", found.head)
    git.run("update-ref", "--stdin", stdin=found.tags)


def _quoted(path: Path) -> bytes:
    """Return a path as git's file `alternates` holds odd ones."""
    inner = bytes(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"%s"' % inner

"""A workspace as `actions/checkout` leaves it."""

from __future__ import annotations

import base64
import subprocess
from dataclasses import dataclass
from pathlib import Path

from fakes.github.events import Event
from fakes.github.git_store import GIT, git_environment
from fakes.github.state import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """How the workspace is filled.

    Attributes:
        depth: How many commits are fetched; 0 for all branches and tags with their history.
        persist_credentials: Whether the token is left in `.git/config`.
        ref: What is checked out in place of what the event names: a branch, or a commit.
    """

    depth: int = 1
    persist_credentials: bool = True
    ref: str | None = None


def check_out(workspace: Path, url: str, event: Event, token: Token, how: Checkout) -> None:
    """Fill a workspace; `url` is where the fake listens."""
    workspace.mkdir(parents=True, exist_ok=True)
    secret = base64.b64encode(f"x-access-token:{token.value}".encode()).decode()
    header = (f"http.{url}/.extraheader", f"AUTHORIZATION: basic {secret}")
    _git(workspace, "init", "-q", "-b", "master")
    _git(workspace, "remote", "add", "origin", f"{url}/{event.repository.full_name}")
    _git(workspace, "config", "--local", "gc.auto", "0")
    _git(workspace, "config", "--local", *header)
    wanted, local = _refs(event, how)
    depth = (f"--depth={how.depth}",) if how.depth else ()
    everything = () if how.depth else ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
    fetch = ("fetch", "-q", "--no-tags", "--prune", "--no-recurse-submodules", *depth, "origin")
    is_among_all = everything and local.startswith("refs/remotes/origin/")
    _git(workspace, *fetch, *everything, *(() if is_among_all else (f"+{wanted}:{local}",)))
    if local.startswith("refs/remotes/origin/"):
        _git(workspace, "checkout", "-q", "--force", "-B", local.removeprefix("refs/remotes/origin/"), local)
    else:
        _git(workspace, "checkout", "-q", "--force", "--detach", local)
    if not how.persist_credentials:
        _git(workspace, "config", "--local", "--unset-all", header[0])


def _refs(event: Event, how: Checkout) -> tuple[str, str]:
    """Return what is fetched, and under which name."""
    if how.ref is not None:
        return how.ref, f"refs/remotes/origin/{how.ref}"
    if event.ref.startswith("refs/pull/"):
        return event.sha, event.ref.replace("refs/", "refs/remotes/", 1)
    return event.sha, event.ref.replace("refs/heads/", "refs/remotes/origin/", 1)


def _git(workspace: Path, *arguments: str) -> None:
    subprocess.run((GIT, *arguments), cwd=workspace, check=True, capture_output=True, env=git_environment())

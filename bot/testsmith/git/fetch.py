"""Read a workflow's checkout through a separate bare repository, and fetch commits that it lacks.

The bot's repository borrows the workspace's objects, and copies its shallow boundaries, checked out commit
and tags. The workspace is never modified, and its configuration, which may name programs, proxies and other
servers, is not read by any call that compares commits or sends a token. The objects are trusted as they are:
whoever can write them ran earlier in the same job.

By default, a workflow's checkout has one commit: neither the pull request's head, nor the tip of its base,
nor their merge base. These are fetched by object id, with more and more history until the merge base is
certain. The token is a header passed to git in environment variables. It is not part of any command line,
file or URL, and is not sent to any other host.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from testsmith.git.command import Git, GitFailed, GitTookTooLong
from testsmith.git.repository import Repository
from testsmith.git.trees import BlobReader
from testsmith.model import Failure
from testsmith.settings import Secret

_SECONDS_IN_WORKSPACE = 20.0
_RAW_OBJECT_ID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")

OWN_SETTINGS = {
    "core.alternateRefsCommand": "true",  # otherwise git asks the workspace for refs, using its settings
    "core.commitGraph": "false",  # the workspace's commit graph is untrusted
}
"""Settings for all calls in the bot's repository."""


def open_checkout(workspace: Path, folder: Path) -> Repository:
    """Return a workspace's repository as a separate one that borrows its objects.

    `HEAD` is the commit that is checked out. If the workspace has no repository or is a partial clone,
    nothing is borrowed, and everything can be fetched.

    Args:
        workspace: Root of the checkout, regardless of its owner.
        folder: Empty folder for the new repository; the caller removes it.

    Raises:
        UsageFailure: Git is not installed, or the folder does not exist.
        GitFailed: The repository could not be created.
    """
    git = Git.find(folder).alone(folder, **configured(OWN_SETTINGS))
    git.run("init", "--quiet", "--bare", "--template=", "--initial-branch=checkout")
    found = _look_into(workspace)
    if found is not None:
        with suppress(GitFailed):
            _borrow(git, found)
    return Repository(root=workspace.resolve(), project="", git=git, blobs=BlobReader(git))


def configured(settings: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables that pass settings to git outside of command lines and files."""
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Parts of a workspace's repository that can be borrowed.

    Attributes:
        objects: Object folder.
        shallow: Commits at which the history is cut off, one per line.
        head: Commit that is checked out, or None before the first commit.
        tags: Tags in the format of `git update-ref --stdin`.
    """

    objects: Path
    shallow: bytes
    head: str | None
    tags: bytes


def _look_into(workspace: Path) -> _Found | None:
    """Return what can be borrowed from a workspace, or None without a complete repository.

    These git calls read the workspace's configuration but do not start any program it may name.
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
    """Return the valid lines of a repository's `shallow` file."""
    file = folder / "shallow"
    lines = file.read_bytes().splitlines() if file.is_file() else []
    return b"".join(b"%s\n" % line for line in lines if _RAW_OBJECT_ID.fullmatch(line))


def _head(git: Git) -> str | None:
    try:
        return git.line("rev-parse", "--quiet", "--verify", "HEAD^{commit}")
    except GitFailed:
        return None


def _borrow(git: Git, found: _Found) -> None:
    """Make the objects, history and tags of the workspace visible in the bot's repository."""
    alternates = git.folder / "objects" / "info" / "alternates"
    alternates.parent.mkdir(exist_ok=True)
    alternates.write_bytes(_quoted(found.objects) + b"\n")
    if found.shallow:
        (git.folder / "shallow").write_bytes(found.shallow)
    if found.head is not None:
        git.run("update-ref", "HEAD", found.head)
    git.run("update-ref", "--stdin", stdin=found.tags)


def _quoted(path: Path) -> bytes:
    """Return a path quoted for git's `alternates` file."""
    inner = bytes(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"%s"' % inner


# Fetching missing commits.

_DEPTHS = ("--depth=50", "--depth=250", "--depth=1250", "--depth=2147483647")
"""History depths to request, in order; the last one is the full history."""

_WAITS = (1.0, 3.0)
"""Seconds before the second and third attempt after a transient error."""

_HEAD, _BASE = "refs/testsmith/head", "refs/testsmith/base"
_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")

_OPTIONS = (
    "--quiet",
    "--force",
    "--no-tags",
    "--no-auto-maintenance",
    "--no-write-fetch-head",
    "--no-recurse-submodules",
)

_WITH_HISTORY = "set `fetch-depth: 0` for actions/checkout"

_SETTINGS = {
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
}


class CannotFetch(Failure):
    """The states of a pull request cannot be fetched. The message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRemote:
    """Where to fetch a pull request's commits from.

    Attributes:
        server_url: Server, such as `https://github.com`.
        repository: Full name of the pull request's target repository.
        token: Token to authenticate with, or None.
        environment: Variables of which only proxy and certificate settings are used.
        seconds: Time limit of one fetch; nearly idle transfers are stopped after 30 s.
    """

    server_url: str
    repository: str
    token: Secret | None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float = 300.0

    @property
    def url(self) -> str:
        """URL to fetch from; contains no secret."""
        return f"{self.server_url.rstrip('/')}/{self.repository}.git"

    def secrets(self) -> tuple[str, ...]:
        """Return the token in every form in which it is used: plain and as in the header."""
        if self.token is None:
            return ()
        signed = base64.b64encode(f"x-access-token:{self.token.value}".encode()).decode()
        return self.token.value, signed

    def variables(self) -> dict[str, str]:
        """Return the environment variables that git needs to access the remote."""
        settings = {**OWN_SETTINGS, **_SETTINGS}
        if self.token is not None:
            settings["http.extraHeader"] = f"AUTHORIZATION: basic {self.secrets()[1]}"
        return {**self._network(), "GIT_ALLOW_PROTOCOL": "http:https", **configured(settings)}

    def _network(self) -> dict[str, str]:
        given = self.environment
        names = [form for name in _NETWORK for form in (name, name.lower())]
        certificates = given.get("GIT_SSL_CAINFO") or given.get("SSL_CERT_FILE")
        network = {name: given[name] for name in names if given.get(name)}
        return network | ({"GIT_SSL_CAINFO": certificates} if certificates else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Available states of a pull request.

    Attributes:
        head: Full object id of head.
        merge_base: Full object id of the merge base.
        fetches: Number of requests to the server.
    """

    head: str
    merge_base: str
    fetches: int


def ensure_commits(  # noqa: PLR0913 - parameters identify a pull request's states
    repository: Repository,
    remote: FetchRemote,
    *,
    head_sha: str,
    base_sha: str,
    number: int,
    sleep: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Make head, the tip of base and their merge base available in a repository.

    Args:
        repository: Repository returned by `open_checkout`; fetched objects go there, not into the workspace.
        remote: Remote to fetch from.
        head_sha: Full object id of the pull request's head.
        base_sha: Full object id of the tip of its base branch.
        number: Number of the pull request.
        sleep: Waits the given number of seconds before another attempt.

    Raises:
        CannotFetch: The server lacks the commits, does not provide them or cannot be reached, or the two
            commits have no common ancestor.
    """
    if not (_OBJECT_ID.fullmatch(head_sha) and _OBJECT_ID.fullmatch(base_sha)):
        raise CannotFetch("the pull request's head and base are not object ids")
    states = _States(git=repository.git, head=head_sha, base=base_sha)
    server = _Server(git=repository.git, remote=remote, number=number, sleep=sleep)
    for fetches, history in enumerate((None, *states.steps())):
        if history is not None:
            server.fetch(states, history)
        parted = states.merge_base()
        if parted is not None:
            return Fetched(head=head_sha, merge_base=parted, fetches=fetches)
    raise CannotFetch(f"{head_sha[:12]} and {base_sha[:12]} have no commit in common")


@dataclass(frozen=True, slots=True, kw_only=True)
class _States:
    """The two states, which may not be in the repository yet."""

    git: Git
    head: str
    base: str

    def steps(self) -> Iterator[tuple[str, ...]]:
        """Yield history depths to request, smallest first; a complete repository stays complete."""
        if self.has("HEAD") and not self._cut_off():
            yield ()
        else:
            yield from ((depth,) for depth in _DEPTHS)

    def merge_base(self) -> str | None:
        """Return the merge base, or None while it is not certain."""
        if not (self.has(self.head) and self.has(self.base)):
            return None
        if not self._common([self.base, self.head]):
            return None
        return self.git.line("merge-base", self.base, self.head)

    def _common(self, tips: list[str]) -> list[str]:
        """Return the best common ancestors of the tips, or nothing while they are not certain.

        They are certain if no history is cut off before they are reached. Beyond a cut there might be a later
        one, or one of several might descend from another.
        """
        try:
            found = self.git.line("merge-base", "--all", "--octopus", *tips).split()
        except GitFailed:
            return []
        cut_off = self._cut_off()
        if not cut_off:
            return found
        if not cut_off.isdisjoint(self.git.line("rev-list", *tips, "--not", *found).split()):
            return []
        return found if len(found) == 1 or self._common(found) else []

    def _cut_off(self) -> set[str]:
        """Return the commits at which the history is cut off."""
        file = self.git.folder / "shallow"
        return set(file.read_text().split()) if file.is_file() else set()

    def has(self, revision: str) -> bool:
        """Return whether a revision's commit is in the repository."""
        try:
            self.git.run("cat-file", "-e", f"{revision}^{{commit}}")
        except GitFailed:
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """Server to fetch from."""

    git: Git
    remote: FetchRemote
    number: int
    sleep: Callable[[float], None]

    def fetch(self, states: _States, history: tuple[str, ...]) -> None:
        """Fetch both states by object id, or by ref if the server does not know the head.

        Raises:
            CannotFetch: See `ensure_commits`.
        """
        try:
            self._fetch(states.head, states.base, history)
        except _NotThere as missing:
            self._fetch(f"refs/pull/{self.number}/head", states.base, history)
            if not states.has(states.head):
                raise missing from None

    def _fetch(self, head: str, base: str, history: tuple[str, ...]) -> None:
        wanted = (f"+{head}:{_HEAD}", f"+{base}:{_BASE}")
        command = ("fetch", *_OPTIONS, *history, "--end-of-options", self.remote.url, *wanted)
        git = replace(self.git, seconds=self.remote.seconds)
        for wait in (*_WAITS, None):
            try:
                git.run(*command, variables=self.remote.variables())
            except GitFailed as failure:
                refusal = _refusal(failure, self.remote)
                if refusal is not None:
                    raise refusal from None
                if wait is None or isinstance(failure, GitTookTooLong):
                    words = f"{_message(failure, self.remote)}. Run the job again, or {_WITH_HISTORY}."
                    raise CannotFetch(f"{_failed(self.remote)}: {words}") from None
                self.sleep(wait)
            else:
                return


class _NotThere(CannotFetch):
    """The server has no such commit, or provides it only by ref."""


_REFUSALS: tuple[tuple[re.Pattern[str], type[CannotFetch], str], ...] = (
    (
        re.compile("not our ref|no such remote ref|couldn't find remote ref|unadvertised object"),
        _NotThere,
        (
            "the server no longer has one of them. After a force push, the run for that push reviews the new "
            "commits."
        ),
    ),
    (
        re.compile("could not read Username|Authentication failed|returned error: 401"),
        CannotFetch,
        f"the server does not accept the token. Pass a valid one as `token`, or {_WITH_HISTORY}.",
    ),
    (
        re.compile(r"returned error: 40[34]|repository '.*' not found"),
        CannotFetch,
        "the token may not read the code. Grant `contents: read` to the job.",
    ),
    (
        re.compile("returned error: 30[0-9]"),
        CannotFetch,
        f"the server redirects to another address, and the token is not sent there: {_WITH_HISTORY}.",
    ),
)
"""Permanent errors: git's message, and what it means."""


def _refusal(failure: GitFailed, remote: FetchRemote) -> CannotFetch | None:
    for pattern, kind, reason in _REFUSALS:
        if pattern.search(str(failure)):
            return kind(f"{_failed(remote)}: {reason}")
    return None


def _failed(remote: FetchRemote) -> str:
    return f"Could not fetch the pull request's commits from {remote.url}"


def _message(failure: GitFailed, remote: FetchRemote) -> str:
    """Return git's message, with the token masked in case it appears there."""
    words = str(failure)
    for secret in remote.secrets():
        words = words.replace(secret, "***")
    return words

"""A workspace as a workflow's checkout left it, read through a bare repository of the bot's own.

The own repository borrows the workspace's objects, and knows where its history is cut off, what is checked
out, and its tags. So nothing in the workspace is ever changed, and none of its configuration, which may name
programs, proxies and other servers, is read by a call that compares commits or carries a token. The objects
themselves are taken as they are: who can write them has run before the bot, in the same job.
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
    """Return what a workspace has; None if there is no repository, or none that holds all it should.

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
    return b"".join(b"%s\n" % line for line in lines if _RAW_OBJECT_ID.fullmatch(line))


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


# What a checkout lacks of a pull request's two states, fetched into the bot's own repository.
#
# A workflow's checkout has one commit by default: neither the pull request's head, nor the tip of its
# base, nor the commit where they parted. They are fetched by their object ids, with more history step by
# step until it is certain where they parted. The token is a header that git is told of by variables of
# the environment: it stands in no command line, file or address, and is sent to no other host.

_DEPTHS = ("--depth=50", "--depth=250", "--depth=1250", "--depth=2147483647")
"""How much history is asked for, step by step; the last one means all."""

_WAITS = (1.0, 3.0)
"""Seconds before the second and the third attempt at what can pass."""

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

_WITH_HISTORY = "set `fetch-depth: 0` for actions/checkout, so that nothing has to be fetched"

_SETTINGS = {
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
}


class CannotFetch(Failure):
    """The two states of a pull request cannot be had through git; the message says why, and what helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRemote:
    """Where a pull request's commits are fetched from.

    Attributes:
        server_url: The server, such as `https://github.com`.
        repository: Full name of the repository that the pull request is for.
        token: What git signs in with; None for nothing.
        environment: Variables from which proxies and certificates are taken, and nothing else.
        seconds: How long one fetch may take; where hardly anything arrives, it ends after 30 s.
    """

    server_url: str
    repository: str
    token: Secret | None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float = 300.0

    @property
    def url(self) -> str:
        """The address that git fetches from; it holds no secret."""
        return f"{self.server_url.rstrip('/')}/{self.repository}.git"

    def secrets(self) -> tuple[str, ...]:
        """Return the token in the forms in which it is known: as it is, and as the header says it."""
        if self.token is None:
            return ()
        signed = base64.b64encode(f"x-access-token:{self.token.value}".encode()).decode()
        return self.token.value, signed

    def variables(self) -> dict[str, str]:
        """Return the variables with which git reaches it."""
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
    """The states of a pull request, all there to be read.

    Attributes:
        head: Full object id of its head.
        merge_base: Full object id of the commit where the two parted.
        fetches: How many times the server was asked for something.
    """

    head: str
    merge_base: str
    fetches: int


def ensure_commits(  # noqa: PLR0913 - what names a pull request's states
    repository: Repository,
    remote: FetchRemote,
    *,
    head_sha: str,
    base_sha: str,
    number: int,
    sleep: Callable[[float], None] = time.sleep,
) -> Fetched:
    """See to it that head, the tip of base, and where they parted can be read from a repository.

    Args:
        repository: What `open_checkout` gave; what is fetched goes there, and never into the workspace.
        remote: Where from.
        head_sha: Full object id of the pull request's head.
        base_sha: Full object id of the tip of its base branch.
        number: The pull request's number.
        sleep: Waits before another attempt, for so many seconds.

    Raises:
        CannotFetch: The server has not got them, does not hand them out, or is not reached; or the two have
            no commit in common.
    """
    if not (_OBJECT_ID.fullmatch(head_sha) and _OBJECT_ID.fullmatch(base_sha)):
        raise CannotFetch("the pull request's head and base are named by no object ids")
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
    """The two states in a repository that has them, or not yet."""

    git: Git
    head: str
    base: str

    def steps(self) -> Iterator[tuple[str, ...]]:
        """Yield how much history to ask for, less first; a repository with its whole history stays so."""
        if self.has("HEAD") and not self._cut_off():
            yield ()
        else:
            yield from ((depth,) for depth in _DEPTHS)

    def merge_base(self) -> str | None:
        """Return where the two parted; None while that is not certain."""
        if not (self.has(self.head) and self.has(self.base)):
            return None
        if not self._common([self.base, self.head]):
            return None
        return self.git.line("merge-base", self.base, self.head)

    def _common(self, tips: list[str]) -> list[str]:
        """Return the last commits that all of some grew from, or nothing while that is not certain.

        It is certain when no history is cut off before those are met: behind a cut might be a later one, or
        one of several might have grown from another.
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
        """Return whether a revision's commit is there."""
        try:
            self.git.run("cat-file", "-e", f"{revision}^{{commit}}")
        except GitFailed:
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """The server that is fetched from."""

    git: Git
    remote: FetchRemote
    number: int
    sleep: Callable[[float], None]

    def fetch(self, states: _States, history: tuple[str, ...]) -> None:
        """Fetch both states by their object ids; where the server knows no such head, by its reference.

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
                    words = f"{_told(failure, self.remote)}. Run the job again, or {_WITH_HISTORY}."
                    raise CannotFetch(f"{_failed(self.remote)}: {words}") from None
                self.sleep(wait)
            else:
                return


class _NotThere(CannotFetch):
    """The server has no such commit, or hands it out only by a reference."""


_REFUSALS: tuple[tuple[re.Pattern[str], type[CannotFetch], str], ...] = (
    (
        re.compile("not our ref|no such remote ref|couldn't find remote ref|unadvertised object"),
        _NotThere,
        "the server no longer has one of them. After a force push, the run for that push reviews it.",
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
        f"the server redirects to another address, which must not get the token: {_WITH_HISTORY}.",
    ),
)
"""What no further attempt can change: how git tells of it, and what it means."""


def _refusal(failure: GitFailed, remote: FetchRemote) -> CannotFetch | None:
    for pattern, kind, reason in _REFUSALS:
        if pattern.search(str(failure)):
            return kind(f"{_failed(remote)}: {reason}")
    return None


def _failed(remote: FetchRemote) -> str:
    return f"Could not fetch the pull request's commits from {remote.url}"


def _told(failure: GitFailed, remote: FetchRemote) -> str:
    """Return git's own words; that the token is among them is not to be expected, nor relied on."""
    words = str(failure)
    for secret in remote.secrets():
        words = words.replace(secret, "***")
    return words

"""Git over HTTP: `git http-backend` in front of the bare repositories, with GitHub's rules on who may."""

from __future__ import annotations

import base64
import binascii
import gzip
import subprocess
from dataclasses import dataclass
from email.parser import BytesHeaderParser

from fakes.github.git_store import GIT, git_environment
from fakes.github.permissions import Need, may
from fakes.github.state import Repository, Token
from fakes.github.wire import Answer, Refused
from fakes.github.world import World

_SERVICES = ("git-upload-pack", "git-receive-pack")
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="GitHub"'}


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRequest:
    """A request of git's own protocol.

    Attributes:
        inside: The path inside the repository: `info/refs`, `git-upload-pack`.
    """

    repository: str
    inside: str
    method: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def is_push(self) -> bool:
        return "git-receive-pack" in (self.inside, self.query.get("service"))


def read_path(path: str) -> tuple[str, str] | None:
    """Return the repository and the path inside it, None where a path is none of git's."""
    parts = path.strip("/").split("/", 2)
    if len(parts) == 3 and parts[2] in ("info/refs", *_SERVICES) and parts[0] != "repos":
        return f"{parts[0]}/{parts[1].removesuffix('.git')}", parts[2]
    return None


def answer_git(world: World, asked: GitRequest) -> Answer:
    """Answer one request; what a push has changed is taken note of."""
    try:
        token = _token(world, asked.headers.get("authorization", ""))
        repository = _permitted(world, asked, token)
    except Refused as refused:
        text = refused.message.encode()
        return Answer(status=refused.status, text=text, media="text/plain", headers=refused.headers)
    answer = _backend(repository, asked)
    if asked.inside == "git-receive-pack":
        world.sync()
        world.clock.tick()
    return answer


def _token(world: World, header: str) -> Token | None:
    """Return the token that is the password of basic authentication."""
    kind, _, value = header.partition(" ")
    if not kind:
        return None
    try:
        password = base64.b64decode(value).decode().partition(":")[2] if kind.lower() == "basic" else value
    except (binascii.Error, UnicodeDecodeError):
        password = ""
    if password not in world.tokens:
        raise Refused(401, "Invalid username or token.", headers=_CHALLENGE)
    return world.tokens[password]


def _permitted(world: World, asked: GitRequest, token: Token | None) -> Repository:
    repository = world.find_repository(asked.repository)
    needed = Need(("contents",), "write" if asked.is_push else "read")
    if repository is not None and not asked.is_push and not repository.is_private:
        return repository
    if token is None:
        raise Refused(401, "Authentication required", headers=_CHALLENGE)
    if repository is None:
        raise Refused(404, "Repository not found.")
    if not may(token, repository, needed):
        hidden = repository.is_private and not asked.is_push
        raise Refused(
            404 if hidden else 403,
            f"Permission to {repository.full_name}.git denied to {token.login}.",
        )
    return repository


def _backend(repository: Repository, asked: GitRequest) -> Answer:
    body = gzip.decompress(asked.body) if asked.headers.get("content-encoding") == "gzip" else asked.body
    done = subprocess.run(
        (GIT, "-c", "safe.directory=*", "-c", "safe.bareRepository=all", "http-backend"),
        input=body,
        check=False,  # it fails, too, when it has told the client of a commit that is not there
        capture_output=True,
        env=git_environment(
            GIT_PROJECT_ROOT=str(repository.git.folder),
            GIT_HTTP_EXPORT_ALL="1",
            PATH_INFO=f"/{asked.inside}",
            QUERY_STRING="&".join(f"{name}={value}" for name, value in asked.query.items()),
            REQUEST_METHOD=asked.method,
            CONTENT_TYPE=asked.headers.get("content-type", ""),
            CONTENT_LENGTH=str(len(body)),
            GIT_PROTOCOL=asked.headers.get("git-protocol", ""),
            REMOTE_USER="git",
            REMOTE_ADDR="127.0.0.1",
        ),
    )
    assert done.stdout, done.stderr.decode(errors="replace")
    head, _, text = done.stdout.partition(b"\r\n\r\n")
    fields = BytesHeaderParser().parsebytes(head + b"\r\n\r\n")
    return Answer(
        status=int(fields.get("Status", "200").split()[0]),
        text=text,
        media=fields.get("Content-Type", "text/plain"),
        headers={"Cache-Control": "no-cache"},
    )

"""Long histories in the fake's git, made by one `git fast-import`."""

from __future__ import annotations

from collections.abc import Sequence

from fakes.github.github import Files
from fakes.github.state import Repository


def grow(repository: Repository, branch: str, commits: Sequence[Files], *, start: str) -> str:
    """Add commits to a branch, from a commit on, without telling the fake of it; return the last one.

    A push or a pull request that follows tells it.
    """
    stream = [b"reset refs/heads/%s\nfrom %s\n\n" % (branch.encode(), start.encode())]
    for number, files in enumerate(commits):
        stream.append(b"commit refs/heads/%s\n" % branch.encode())
        stream.append(b"committer ada <ada@example.org> %d +0000\n" % (1_700_000_000 + number))
        stream.append(_data(b"step"))
        stream += [_change(path, content) for path, content in files.items()]
    repository.git.run("fast-import", "--quiet", "--force", given=b"".join(stream))
    tip = repository.git.resolve(f"refs/heads/{branch}")
    assert tip is not None
    return tip


def steps(count: int, path: str = "notes.txt") -> list[Files]:
    """Return so many commits that each change one file."""
    return [{path: f"step {number}\n"} for number in range(count)]


def _change(path: str, content: str | bytes | None) -> bytes:
    if content is None:
        return b"D %s\n" % path.encode()
    raw = content.encode() if isinstance(content, str) else content
    return b"M 100644 inline %s\n%s" % (path.encode(), _data(raw))


def _data(raw: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(raw), raw)

"""The code side of a repository: a real bare git repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fakes.github.diffs import ChangedFile, read_changes

GIT = shutil.which("git") or "git"
_SETTINGS = (
    *("-c", "core.quotePath=false", "-c", "protocol.file.allow=always", "-c", "core.hooksPath=/dev/null"),
    *("-c", "safe.bareRepository=all", "-c", "safe.directory=*", "-c", "gc.auto=0"),
)
_AS_GITHUB = """
[http]
\treceivepack = true
[uploadpack]
\tallowAnySHA1InWant = true
\tallowFilter = true
[receive]
\thideRefs = refs/pull
"""
"""Any commit may be fetched; the references of pull requests may not be pushed."""
_ZERO = "0" * 40


def git_environment(**more: str) -> dict[str, str]:
    """Return what git is run with: nothing of the machine's own settings reaches it."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "LC_ALL": "C.UTF-8",
        "GIT_TERMINAL_PROMPT": "0",
        **more,
    }


class GitFailed(Exception):
    """Git refused a command; the message is what it wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who wrote or stored a commit, and when (seconds since 1970)."""

    name: str
    email: str
    at: int

    def variables(self, role: str) -> dict[str, str]:
        """Return how git is told of it; `role` is AUTHOR or COMMITTER."""
        return {
            f"GIT_{role}_NAME": self.name,
            f"GIT_{role}_EMAIL": self.email,
            f"GIT_{role}_DATE": f"{self.at} +0000",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCommit:
    """A commit as git holds it."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEntry:
    """An entry of a tree; `size` is None for what is no file."""

    mode: str
    kind: str
    sha: str
    size: int | None
    path: str


@dataclass(frozen=True)
class GitStore:
    """A bare repository in a folder."""

    folder: Path
    _changes: dict[tuple[str, str], tuple[ChangedFile, ...]] = field(default_factory=dict, repr=False)
    _commits: dict[str, StoredCommit] = field(default_factory=dict, repr=False)
    _blobs: dict[bytes, str] = field(default_factory=dict, repr=False)
    _bases: dict[tuple[str, str], str | None] = field(default_factory=dict, repr=False)

    @classmethod
    def create(cls, folder: Path, source: Path | None = None) -> GitStore:
        """Make a bare repository, with all branches and tags of another one."""
        store = cls(folder)
        folder.mkdir(parents=True)
        store.run("init", "-q", "--bare", "--template=", "--initial-branch=main")
        if source is not None:
            store.run("fetch", "-q", str(source), "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        with (folder / "config").open("a") as config:
            config.write(_AS_GITHUB)
        return store

    def run(
        self, *arguments: str, given: bytes | None = None, variables: dict[str, str] | None = None
    ) -> bytes:
        """Run git and return what it wrote.

        Raises:
            GitFailed: It did not end well.
        """
        done = subprocess.run(
            (GIT, *_SETTINGS, *arguments),
            cwd=self.folder,
            input=given,
            check=False,
            capture_output=True,
            env=git_environment(**(variables or {})),
        )
        if done.returncode:
            raise GitFailed(done.stderr.decode(errors="replace").strip())
        return done.stdout

    def text(self, *arguments: str) -> str:
        """Run git and return what it wrote as text; bytes that are no UTF-8 become replacement characters."""
        return self.run(*arguments).decode(errors="replace")

    def resolve(self, revision: str) -> str | None:
        """Return the commit that a revision names, None where there is none."""
        if revision.startswith(("refs/heads/", "refs/pull/")):
            with suppress(OSError):  # it is not there, or packed
                return (self.folder / revision).read_text().strip()
        try:
            return self.text("rev-parse", "--verify", "-q", f"{revision}^{{commit}}").strip()
        except GitFailed:
            return None

    def refs(self, prefix: str = "refs/heads/") -> dict[str, str]:
        """Return the object ids of the references below a prefix, by their full names."""
        lines = self.text("for-each-ref", "--format=%(objectname) %(refname)", prefix).splitlines()
        return {name: sha for sha, name in (line.split(" ", 1) for line in lines)}

    def set_ref(self, name: str, sha: str) -> None:
        self.run("update-ref", name, sha)

    def delete_ref(self, name: str) -> None:
        self.run("update-ref", "-d", name)

    def merge_base(self, one: str, other: str) -> str | None:
        """Return the best common ancestor of two commits."""
        if (one, other) not in self._bases:
            try:
                self._bases[one, other] = self.text("merge-base", one, other).strip()
            except GitFailed:
                self._bases[one, other] = None
        return self._bases[one, other]

    def is_ancestor(self, older: str, newer: str) -> bool:
        return self.merge_base(older, newer) == older

    def between(self, base: str, head: str) -> tuple[str, ...]:
        """Return the commits that head has and base has not, oldest first."""
        return tuple(self.text("rev-list", "--reverse", "--topo-order", f"{base}..{head}").split())

    def changes(self, base: str, head: str) -> tuple[ChangedFile, ...]:
        """Return the files that differ between two commits or trees, in git's order."""
        if (base, head) not in self._changes:
            output = self.text("diff", "--raw", "-z", "-p", "--no-abbrev", "-M", "-l0", base, head)
            self._changes[base, head] = read_changes(output)
        return self._changes[base, head]

    def diff(self, base: str, head: str) -> str:
        """Return the whole difference as git writes it."""
        return self.text("diff", "-M", "-l0", base, head)

    def bare_diff(self, base: str, head: str, path: str) -> str:
        """Return the difference of one file without any context."""
        return self.text("diff", "-U0", base, head, "--", f":(literal){path}")

    def commit(self, sha: str) -> StoredCommit:
        if sha not in self._commits:
            self._commits[sha] = _read_commit(sha, self.text("cat-file", "commit", sha))
        return self._commits[sha]

    def tree(self, sha: str, *, recursive: bool = False) -> tuple[TreeEntry, ...]:
        """Return a tree's entries."""
        flags = ("-r", "-t") if recursive else ()
        output = self.text("ls-tree", "-z", "-l", *flags, sha)
        return tuple(_read_entry(record) for record in output.split("\0") if record)

    def blob(self, sha: str) -> bytes:
        return self.run("cat-file", "blob", sha)

    def kind(self, sha: str) -> str | None:
        """Return what an object is, None where there is none."""
        try:
            return self.text("cat-file", "-t", sha).strip()
        except GitFailed:
            return None

    def store_blob(self, content: bytes) -> str:
        if content not in self._blobs:
            self._blobs[content] = self.run("hash-object", "-w", "--stdin", given=content).decode().strip()
        return self._blobs[content]

    def store_commit(
        self,
        tree: str,
        parents: tuple[str, ...],
        message: str,
        author: Person,
        committer: Person | None = None,
    ) -> str:
        """Store a commit and return its object id."""
        flags = [flag for parent in parents for flag in ("-p", parent)]
        people = author.variables("AUTHOR") | (committer or author).variables("COMMITTER")
        return (
            self.run("commit-tree", tree, *flags, given=message.encode(), variables=people).decode().strip()
        )

    def changed_tree(self, base: str | None, entries: dict[str, tuple[str, str] | None]) -> str:
        """Return a tree like another one with some files set (mode, object id) or removed (None)."""
        index = self.folder / f"index-{os.urandom(6).hex()}"
        variables = {"GIT_INDEX_FILE": str(index)}
        try:
            if base is not None:
                self.run("read-tree", base, variables=variables)
            lines = [
                f"{entry[0]} {entry[1]}\t{path}" if entry else f"0 {_ZERO}\t{path}"
                for path, entry in entries.items()
            ]
            given = "".join(f"{line}\0" for line in lines).encode()
            self.run("update-index", "-z", "--index-info", given=given, variables=variables)
            return self.run("write-tree", variables=variables).decode().strip()
        finally:
            index.unlink(missing_ok=True)

    def merged_tree(self, one: str, other: str) -> str | None:
        """Return the tree of two commits merged, None where they are in conflict."""
        try:
            return self.text("merge-tree", "--write-tree", one, other).split("\n", 1)[0]
        except GitFailed:
            return None


def _read_commit(sha: str, text: str) -> StoredCommit:
    head, _, message = text.partition("\n\n")
    fields: dict[str, list[str]] = {}
    for line in head.split("\n"):
        key, _, value = line.partition(" ")
        fields.setdefault(key, []).append(value)
    return StoredCommit(
        sha=sha,
        tree=fields["tree"][0],
        parents=tuple(fields.get("parent", ())),
        author=_read_person(fields["author"][0]),
        committer=_read_person(fields["committer"][0]),
        message=message.rstrip("\n"),
    )


def _read_person(text: str) -> Person:
    name, _, rest = text.partition(" <")
    email, _, when = rest.partition("> ")
    return Person(name=name, email=email, at=int(when.split()[0]))


def _read_entry(record: str) -> TreeEntry:
    meta, path = record.split("\t", 1)
    mode, kind, sha, size = meta.split()
    return TreeEntry(mode=mode, kind=kind, sha=sha, size=int(size) if size != "-" else None, path=path)

"""The repository under review, read through git: revisions, trees of files, the diff.

Nothing here writes into the repository.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from testsmith.git.command import Git, GitFailed, records, text_of
from testsmith.git.trees import (
    REGULAR,
    BlobReader,
    CommitTree,
    WorkingTree,
    entries_of_listing,
    entries_on_disk,
)
from testsmith.model import UsageFailure

_MOST_COMMITS = 5_000
"""Of a longer history the newest commits count."""

_SECONDS_A_DAY = 86_400.0

_DIFF_OPTIONS = (
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-relative",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--full-index",
    "--find-renames",
    "-l1000",
    "--unified=0",
    "--inter-hunk-context=0",
    "--diff-algorithm=myers",
    "--submodule=short",
    "--ignore-submodules=dirty",
)
"""What makes the diff's text the same whatever the person's git configuration says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """One repository.

    Attributes:
        root: The git root, as an absolute path.
        project: The folder that was opened, relative to the root, with forward slashes; `""` at the root.
        git: How git is called in the root.
        blobs: What reads blobs.
    """

    root: Path
    project: str
    git: Git
    blobs: BlobReader

    @classmethod
    def open(cls, folder: Path) -> Repository:
        """Return the repository that holds a folder.

        Raises:
            UsageFailure: There is no git, no such folder or no repository with a working tree, or git
                refuses it since it belongs to someone else.
        """
        inside = Git.find(folder)
        try:
            root = Path(inside.line("rev-parse", "--show-toplevel"))
            project = inside.line("rev-parse", "--show-prefix").removesuffix("/")
        except GitFailed as failure:
            raise UsageFailure(_why_not_opened(folder, str(failure))) from failure
        git = Git.find(root)
        return cls(root=root, project=project, git=git, blobs=BlobReader(git))

    def resolve(self, revision: str) -> str:
        """Return the full object id of a revision's commit.

        Raises:
            UsageFailure: There is no such commit.
        """
        try:
            named = f"{revision}^{{commit}}"
            return self.git.line("rev-parse", "--quiet", "--verify", "--end-of-options", named)
        except GitFailed as failure:
            hint = ", or fetch it (this clone is shallow: `fetch-depth: 0`)" if self._is_shallow() else ""
            raise UsageFailure(f"unknown revision {revision!r}: name a commit{hint}") from failure

    def merge_base(self, base: str, head: str) -> str:
        """Return the full object id of the commit where two commits (object ids) parted.

        Raises:
            UsageFailure: They have none, or the clone is too shallow to hold it.
        """
        try:
            return self.git.line("merge-base", base, head).partition("\n")[0]
        except GitFailed as failure:
            if self._is_shallow():
                reason = "this clone is shallow and lacks it: fetch the history whole (`fetch-depth: 0`)"
            else:
                reason = "their histories are unrelated: name a base that head grew from"
            raise UsageFailure(f"no merge base of {base[:12]} and {head[:12]}: {reason}") from failure

    def commit_tree(self, oid: str) -> CommitTree:
        """Return the files of a commit, named by its object id."""
        listing = self.git.bounded("ls-tree", "-r", "-z", "--long", "--full-tree", "--end-of-options", oid)
        return CommitTree(entries_of_listing(listing), self.blobs)

    def working_tree(self) -> WorkingTree:
        """Return the files that lie on disk, but for ignored ones."""
        listing = self.git.bounded("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        paths = {text_of(record) for record in records(listing)}
        return WorkingTree(list(entries_on_disk(self.root, paths)), self.root)

    def diff(self, base: str, head: str | None) -> str:
        """Return the diff from one commit to another, renames followed, without context lines.

        Args:
            base: The object id to compare with.
            head: The object id to look at; None for the working tree, where untracked files count as added.
        """
        if head is not None:
            return text_of(self.git.bounded("diff", *_DIFF_OPTIONS, "--end-of-options", base, head, "--"))
        with tempfile.TemporaryDirectory(prefix="testsmith-") as folder:
            index = self._index_with_untracked(Path(folder) / "index")
            variables = {"GIT_INDEX_FILE": str(index)}
            diff = self.git.bounded(
                "diff", *_DIFF_OPTIONS, "--end-of-options", base, "--", variables=variables
            )
            return text_of(diff)

    def _index_with_untracked(self, copy: Path) -> Path:
        """Copy the index and enter the untracked files: one diff sees them, and pairs their renames."""
        index = self.root / self.git.line("rev-parse", "--git-path", "index")
        if index.exists():
            # With its time: git tells by it which files it must look into, changed within the same second.
            shutil.copy2(index, copy)
        untracked = self.git.bounded("ls-files", "-z", "--others", "--exclude-standard")
        empty = self.git.run("hash-object", "-t", "blob", "--stdin").strip()
        lines = [
            b"%s %s\t%s\0" % (REGULAR.encode(), empty, path)
            for path in records(untracked)
            if not path.endswith(b"/")
        ]
        variables = {"GIT_INDEX_FILE": str(copy)}
        self.git.run("update-index", "-z", "--index-info", stdin=b"".join(lines), variables=variables)
        return copy

    def touches(self, head: str | None, days: int) -> dict[str, list[float]]:
        """Return for each file the ages in days of the commits that touched it, by one call for all.

        An age is counted from the commit that is looked at, not from today, so that it stays the same; merges
        are left out, and a path is the one that the file had then.

        Args:
            head: The object id of the commit that is looked at; None for the one that is checked out.
            days: Older commits do not count.
        """
        options = ("--no-merges", "--no-renames", "--name-only", "-z", "--format=%x01%ct")
        try:
            commit = ("--end-of-options", head or "HEAD", "--")
            data = self.git.run("log", *options, f"-n{_MOST_COMMITS}", *commit)
        except GitFailed:  # a repository without a commit
            return {}
        return _touches(data, days)

    @property
    def is_shallow(self) -> bool:
        """Whether the clone lacks a part of the history."""
        return self._is_shallow()

    def _is_shallow(self) -> bool:
        return self.git.line("rev-parse", "--is-shallow-repository") == "true"


def _touches(data: bytes, days: int) -> dict[str, list[float]]:
    """Read what `git log --name-only -z` prints: the time of a commit, then its paths."""
    found: dict[str, list[float]] = {}
    newest: float | None = None
    for commit in data.split(b"\x01")[1:]:
        seconds, *paths = commit.replace(b"\n", b"\0", 1).split(b"\0")
        time = float(seconds) if seconds.isdigit() else 0.0
        newest = time if newest is None else max(newest, time)
        age = (newest - time) / _SECONDS_A_DAY
        if age <= days:
            for path in filter(None, (path.lstrip(b"\n") for path in paths)):
                found.setdefault(text_of(path), []).append(age)
    return found


def _why_not_opened(folder: Path, failure: str) -> str:
    if "dubious ownership" in failure:
        allowed = f"git config --global --add safe.directory {folder}"
        return f"git refuses {folder}, which belongs to another user: allow it with `{allowed}`"
    if "not a git repository" in failure:
        return f"{folder} is not inside a git repository: name one with --repo"
    return f"{folder} cannot be used as a git repository: {failure}"

"""Read a repository through git: revisions, trees of files, and diffs. Never writes to it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection
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
"""Maximum number of commits considered, newest first."""

_MOST_MESSAGES = 30
"""Maximum number of commit messages read, newest first."""

_MOST_PATHS = 500
"""Maximum number of files named to git, whose command line is limited."""

_SECONDS_A_DAY = 86_400.0

_USUAL_DEFAULT_BRANCHES = ("main", "master")

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
"""Options that make the diff independent of the user's git configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository.

    Attributes:
        root: Absolute path of the Git root.
        project: Opened folder relative to the root, with forward slashes; `""` for the root.
        git: Git in the root.
        blobs: Blob reader.
    """

    root: Path
    project: str
    git: Git
    blobs: BlobReader

    @classmethod
    def open(cls, folder: Path) -> Repository:
        """Return the repository that contains a folder.

        Raises:
            UsageFailure: Git is not installed, the folder does not exist, there is no repository with a
                working tree, or git refuses it because it belongs to another user.
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
            raise UsageFailure(f"unknown revision {revision!r}: give an existing commit{hint}") from failure

    def merge_base(self, base: str, head: str) -> str:
        """Return the full object id of the merge base of two commits, given by object id.

        Raises:
            UsageFailure: There is no merge base, or the clone is too shallow to contain it.
        """
        try:
            return self.git.line("merge-base", base, head).partition("\n")[0]
        except GitFailed as failure:
            if self._is_shallow():
                reason = "this clone is shallow: fetch the full history (`fetch-depth: 0`)"
            else:
                reason = "their histories are unrelated: choose a base that shares history with head"
            raise UsageFailure(f"no merge base of {base[:12]} and {head[:12]}: {reason}") from failure

    def default_branch(self) -> str:
        """Return the default branch as a revision, for example `origin/main`.

        It is the branch that the remote names as its default (`origin/HEAD`), else `main` or `master` of the
        remote, else the local one. The remote is `origin`, or the only one.

        Raises:
            UsageFailure: There is no such branch.
        """
        remotes = self.git.run("remote").decode("utf-8", "replace").split()
        remote = remotes[0] if len(remotes) == 1 else "origin"
        try:
            named = [self.git.line("symbolic-ref", "--quiet", f"refs/remotes/{remote}/HEAD")]
        except GitFailed:
            named = []
        named += [f"refs/remotes/{remote}/{branch}" for branch in _USUAL_DEFAULT_BRANCHES]
        named += [f"refs/heads/{branch}" for branch in _USUAL_DEFAULT_BRANCHES]
        found = next((name for name in named if self._is_commit(name)), None)
        if not self._is_commit("HEAD"):
            raise UsageFailure("there are no commits yet: commit first, or name files with --all PATH")
        if found is None:
            fetch = f"; this clone is shallow, so fetch its history first: `git fetch --unshallow {remote}`"
            raise UsageFailure(
                f"no default branch found (looked for {remote}/HEAD, {remote}/main, {remote}/master, main and"
                f" master). Name the revision to compare with, for example `--base HEAD~1`"
                f"{fetch if self._is_shallow() else ''}."
            )
        return found.removeprefix("refs/remotes/").removeprefix("refs/heads/")

    def remote_address(self) -> str:
        """Return the address of the remote `origin`; empty if there is none."""
        try:
            return self.git.line("remote", "get-url", "origin")
        except GitFailed:
            return ""

    def _is_commit(self, reference: str) -> bool:
        try:
            self.git.run("rev-parse", "--quiet", "--verify", f"{reference}^{{commit}}")
        except GitFailed:
            return False
        return True

    def commit_tree(self, oid: str) -> CommitTree:
        """Return the files of a commit, given by object id."""
        listing = self.git.bounded("ls-tree", "-r", "-z", "--long", "--full-tree", "--end-of-options", oid)
        return CommitTree(entries_of_listing(listing), self.blobs)

    def working_tree(self) -> WorkingTree:
        """Return the files on disk, except ignored ones."""
        listing = self.git.bounded("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        paths = {text_of(record) for record in records(listing)}
        return WorkingTree(list(entries_on_disk(self.root, paths)), self.root)

    def diff(self, base: str, head: str | None) -> str:
        """Return the diff between two commits, with renames detected and without context lines.

        Args:
            base: Object id to compare with.
            head: Object id to compare, or None for the working tree, in which untracked files count as added.
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
        """Copy the index and add the untracked files, so that one diff includes them and detects renames."""
        index = self.root / self.git.line("rev-parse", "--git-path", "index")
        if index.exists():
            # Keep its modification time: git uses it to find files changed within the same second.
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

    def messages(self, base: str, head: str | None, paths: Collection[str]) -> list[str]:
        """Return the messages of the commits since a base that changed any of these files, oldest first.

        Args:
            base: Object id of the base, whose history is left out.
            head: Object id of the newest commit, or None for the commit that is checked out.
            paths: Files relative to the Git root, of which the first 500 are used; none give no messages.
        """
        if not paths:
            return []
        options = ("--no-merges", "-z", "--format=%B", f"-n{_MOST_MESSAGES}")
        commits = ("--end-of-options", f"{base}..{head or 'HEAD'}", "--")
        try:
            data = self.git.run(
                "--literal-pathspecs", "log", *options, *commits, *sorted(paths)[:_MOST_PATHS]
            )
        except GitFailed:  # a repository without commits
            return []
        return [text_of(message).strip() for message in reversed(data.split(b"\0")) if message.strip()]

    def touches(self, head: str | None, days: int) -> dict[str, list[float]]:
        """Return the ages in days of the commits that changed each file, using one call for all files.

        Ages are relative to `head`, not to today, so that they are reproducible. Merges are ignored, and a
        path is the file's path at the time of the commit.

        Args:
            head: Object id of the newest commit, or None for the commit that is checked out.
            days: Maximum age of commits.
        """
        options = ("--no-merges", "--no-renames", "--name-only", "-z", "--format=%x01%ct")
        try:
            commit = ("--end-of-options", head or "HEAD", "--")
            data = self.git.run("log", *options, f"-n{_MOST_COMMITS}", *commit)
        except GitFailed:  # a repository without commits
            return {}
        return _touches(data, days)

    @property
    def is_shallow(self) -> bool:
        """Whether the clone lacks part of the history."""
        return self._is_shallow()

    def _is_shallow(self) -> bool:
        return self.git.line("rev-parse", "--is-shallow-repository") == "true"


def _touches(data: bytes, days: int) -> dict[str, list[float]]:
    """Parse the output of `git log --name-only -z`: a commit's time, then its paths."""
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
        return f"git refuses {folder}, because it belongs to another user: allow it with `{allowed}`"
    if "not a git repository" in failure:
        return f"{folder} is not in a git repository: set the repository's folder with --repo"
    return f"could not use {folder} as a git repository: {failure}"

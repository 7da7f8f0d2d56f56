"""A real git repository in a temporary folder, for tests to fill."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_GIT = shutil.which("git") or "git"
_SETTINGS = (
    *("-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false"),
    *("-c", "init.defaultBranch=main", "-c", "core.hooksPath=/dev/null", "-c", "protocol.file.allow=always"),
)


@dataclass(frozen=True)
class GitRepository:
    folder: Path

    @classmethod
    def create(cls, folder: Path) -> GitRepository:
        folder.mkdir(parents=True, exist_ok=True)
        repository = cls(folder)
        repository.git("init", "-q", "--template=")
        return repository

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            (_GIT, *_SETTINGS, *arguments), cwd=self.folder, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def write(self, files: dict[str, str | bytes | None]) -> None:
        """Write files by their path; None removes one."""
        for path, content in files.items():
            file = self.folder / path
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def commit(self, files: dict[str, str | bytes | None] | None = None) -> str:
        """Commit all there is, after writing files, and return the commit's object id."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", "state")
        return self.git("rev-parse", "HEAD")

"""Run git.

All calls go through this module. The repository's hooks, monitors and pagers are disabled, terminal prompts
and optional locks are turned off, and every call has a time limit.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import IO

from testsmith.model import Failure, UsageFailure

MOST_BYTES = 64 * 1024**2
MOST_RECORDS = 200_000
"""Limits of `Git.bounded`, in bytes and in records of a listing. A few hundred objects can expand to millions
of files."""

TIME_LIMIT_SECONDS = 120.0
"""Time limit of one git call, or of reading one blob."""

_ALWAYS = (
    "--no-pager",
    "--literal-pathspecs",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.quotePath=false",
    "-c",
    "core.bigFileThreshold=2m",  # larger files get no line diff, which would exhaust memory
)

_NOTHING: Mapping[str, str] = MappingProxyType({})

_NOBODYS_CONFIGURATION = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
}


class GitFailed(Failure):
    """A git call failed; the message contains the first line of git's error output."""


class GitPrintedTooMuch(GitFailed):
    """A git call was stopped because it printed too much."""


class GitTookTooLong(GitFailed):
    """A git call was stopped at its time limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """Git in one folder.

    Attributes:
        executable: Path of the program.
        folder: Working directory.
        environment: Complete environment.
        seconds: Time limit of one call.
    """

    executable: str
    folder: Path
    environment: Mapping[str, str]
    seconds: float = TIME_LIMIT_SECONDS

    @classmethod
    def find(cls, folder: Path, program: str = "git") -> Git:
        """Return git for a folder.

        The user's home is kept because its configuration may contain ownership exceptions (`safe.directory`).
        Nothing else is inherited, so that, for example, a `GIT_DIR` set by a calling hook has no effect.

        Raises:
            UsageFailure: Git is not installed, or the folder does not exist.
        """
        executable = shutil.which(program)
        if executable is None:
            raise UsageFailure("git not found: install it, or add it to PATH")
        if not folder.is_dir():
            raise UsageFailure(f"{folder} is not a folder: set the repository's folder with --repo")
        return cls(executable=executable, folder=folder, environment=_environment(executable))

    def alone(self, folder: Path, **variables: str) -> Git:
        """Return git for one repository, given its `.git` or bare folder, isolated from other configuration.

        System and user configuration, parent folders and ownership checks are ignored. Only the repository's
        own `config` applies.
        """
        own = {**_NOBODYS_CONFIGURATION, "HOME": os.devnull, "GIT_DIR": str(folder), **variables}
        return replace(self, environment={**self.environment, **own})

    def run(self, *arguments: str, stdin: bytes = b"", variables: Mapping[str, str] = _NOTHING) -> bytes:
        """Return git's output.

        Raises:
            GitFailed: Git failed or timed out.
        """
        try:
            done = self._ended(arguments, stdin, {**self.environment, **variables})
        except subprocess.TimeoutExpired:
            raise GitTookTooLong(f"git {arguments[0]} took longer than {self.seconds:g} s") from None
        except (OSError, ValueError) as error:
            raise GitFailed(f"git {arguments[0]} could not be started: {error}") from error
        if done.returncode != 0:
            raise GitFailed(f"git {arguments[0]} failed: {_first_line(done.stderr)}")
        return done.stdout

    def _ended(
        self, arguments: tuple[str, ...], stdin: bytes, variables: Mapping[str, str]
    ) -> subprocess.CompletedProcess[bytes]:
        """Run git to completion, and stop its child processes with it."""
        with subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=dict(variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            try:
                stdout, stderr = process.communicate(stdin, timeout=self.seconds)
            except BaseException:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def bounded(self, *arguments: str, variables: Mapping[str, str] = _NOTHING) -> bytes:
        """Return git's output for untrusted content, with size limits.

        A few objects can expand to millions of files.

        Raises:
            GitPrintedTooMuch: The output exceeds `MOST_BYTES` or, with `-z`, `MOST_RECORDS`.
            GitFailed: Git failed or timed out.
        """
        with tempfile.TemporaryFile() as errors:
            try:
                code, printed = self._read_up_to_the_limit(
                    arguments, errors, {**self.environment, **variables}
                )
            except (TimeoutError, subprocess.TimeoutExpired):
                raise GitTookTooLong(f"git {arguments[0]} took longer than {self.seconds:g} s") from None
            except (OSError, ValueError) as error:
                raise GitFailed(f"git {arguments[0]} could not be started: {error}") from error
            if code != 0:
                errors.seek(0)
                raise GitFailed(f"git {arguments[0]} failed: {_first_line(errors.read(MOST_BYTES))}")
            return printed

    def _read_up_to_the_limit(
        self, arguments: tuple[str, ...], errors: IO[bytes], variables: Mapping[str, str]
    ) -> tuple[int, bytes]:
        limit = time.monotonic() + self.seconds
        with subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            bufsize=0,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None  # noqa: S101 - started with a pipe
            try:
                printed = _printed(process.stdout, limit)
                return process.wait(max(0.0, limit - time.monotonic())), printed
            except BaseException:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise

    def line(self, *arguments: str) -> str:
        """Return git's output as text, without the final line end."""
        return text_of(self.run(*arguments)).removesuffix("\n")

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a git process that communicates through pipes; the caller must stop it."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )

    def command(self, *arguments: str) -> tuple[str, ...]:
        """Return the complete command line of a call."""
        return (self.executable, *_ALWAYS, *arguments)


def _printed(output: IO[bytes], limit: float) -> bytes:
    """Return all output until end of file.

    Raises:
        TimeoutError: The output did not end in time.
        GitPrintedTooMuch: The output is too large.
    """
    printed, records = bytearray(), 0
    while True:
        if not select.select([output], [], [], max(0.0, limit - time.monotonic()))[0]:
            raise TimeoutError
        part = os.read(output.fileno(), 1 << 20)
        if not part:
            return bytes(printed)
        printed += part
        records += part.count(b"\0")
        if records > MOST_RECORDS:
            raise GitPrintedTooMuch(f"more than {MOST_RECORDS:,} files: the repository is too large")
        if len(printed) > MOST_BYTES:
            raise GitPrintedTooMuch(
                f"git printed more than {MOST_BYTES // 1024**2} MiB: the repository or the change is too "
                f"large"
            )


def _environment(executable: str) -> dict[str, str]:
    programs = (str(Path(executable).parent), "/usr/local/bin", "/usr/bin", "/bin")
    return {
        "PATH": os.pathsep.join(dict.fromkeys(programs)),
        "HOME": _home(),
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
    }


def _home() -> str:
    try:
        return str(Path.home())
    except RuntimeError:  # unknown user, as may happen in a container
        return "/nonexistent"


def _first_line(stderr: bytes) -> str:
    """Return git's error message, sanitized for printing."""
    lines = stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
    chosen = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[0])
    return "".join(letter for letter in chosen if letter.isprintable())[:300]


def text_of(data: bytes) -> str:
    """Return git's output as text; bytes that are not UTF-8 become lone surrogates and can be restored."""
    return data.decode("utf-8", "surrogateescape")


def records(listing: bytes) -> list[bytes]:
    """Split the output of git's `-z` option."""
    return listing.split(b"\0")[:-1]

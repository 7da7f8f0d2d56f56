"""How git is called: one door for every call.

The repository's own hooks, monitors and pagers are kept from running, nothing is asked on a terminal, no
optional lock is taken, and every call has a time limit.
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
"""What `Git.bounded` reads of what a call prints: bytes, and files of a listing. Some hundred objects can
stand for millions of files."""

TIME_LIMIT_SECONDS = 120.0
"""How long one call of git, or the reading of one blob, may take."""

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
    "core.bigFileThreshold=2m",  # a larger file has no line by line diff, which would fill the memory
)

_NOTHING: Mapping[str, str] = MappingProxyType({})

_NOBODYS_CONFIGURATION = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
}


class GitFailed(Failure):
    """A call of git ended with an error; the message holds git's own first line."""


class GitPrintedTooMuch(GitFailed):
    """A call of git was ended because it printed more than is read."""


class GitTookTooLong(GitFailed):
    """A call of git was ended at its time limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """How git is called in one folder.

    Attributes:
        executable: The program's path.
        folder: Where it runs.
        environment: All the variables it sees.
        seconds: The time limit of one call.
    """

    executable: str
    folder: Path
    environment: Mapping[str, str]
    seconds: float = TIME_LIMIT_SECONDS

    @classmethod
    def find(cls, folder: Path, program: str = "git") -> Git:
        """Return git for a folder.

        The person's home is kept, since ownership exceptions (`safe.directory`) stand in its configuration;
        nothing else of the environment is, so that a `GIT_DIR` left by a calling hook does not mislead.

        Raises:
            UsageFailure: There is no git, or no such folder.
        """
        executable = shutil.which(program)
        if executable is None:
            raise UsageFailure("git was not found: install it, or put it on the PATH")
        if not folder.is_dir():
            raise UsageFailure(f"{folder} is no folder: name the repository with --repo")
        return cls(executable=executable, folder=folder, environment=_environment(executable))

    def alone(self, folder: Path, **variables: str) -> Git:
        """Return git for one repository, named by its `.git` or bare folder, with no one's configuration.

        Neither the system's nor a person's is read, none is looked for in the folders above, and no ownership
        is asked about; only the repository's own `config` is left.
        """
        own = {**_NOBODYS_CONFIGURATION, "HOME": os.devnull, "GIT_DIR": str(folder), **variables}
        return replace(self, environment={**self.environment, **own})

    def run(self, *arguments: str, stdin: bytes = b"", variables: Mapping[str, str] = _NOTHING) -> bytes:
        """Return what git prints.

        Raises:
            GitFailed: It ended with an error, or took too long.
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
        """Run git to its end; what it has started itself ends with it."""
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
        """Return what git prints of something of others; a few objects can stand for millions of files.

        Raises:
            GitPrintedTooMuch: It prints more than `MOST_BYTES`, or with `-z` more than `MOST_RECORDS`.
            GitFailed: It ended with an error, or took too long.
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
            assert process.stdout is not None  # noqa: S101 - it was started with a pipe
            try:
                printed = _printed(process.stdout, limit)
                return process.wait(max(0.0, limit - time.monotonic())), printed
            except BaseException:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise

    def line(self, *arguments: str) -> str:
        """Return what git prints as one text, without the line's end."""
        return text_of(self.run(*arguments)).removesuffix("\n")

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a git that is talked to through pipes; its caller ends it."""
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
        """Return the whole command of a call."""
        return (self.executable, *_ALWAYS, *arguments)


def _printed(output: IO[bytes], limit: float) -> bytes:
    """Return all that comes until the end of what is printed.

    Raises:
        TimeoutError: The end did not come until a time.
        GitPrintedTooMuch: It is more than is read.
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
            raise GitPrintedTooMuch(
                f"more than {MOST_RECORDS:,} files: the repository is too large to be read"
            )
        if len(printed) > MOST_BYTES:
            raise GitPrintedTooMuch(
                f"git printed more than {MOST_BYTES // 1024**2} MiB: the repository, or what has changed in "
                "it, is too large to be read"
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
    except RuntimeError:  # a user that the system does not know, as a container may be run by
        return "/nonexistent"


def _first_line(stderr: bytes) -> str:
    """Return git's own complaint, made safe to print."""
    lines = stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
    chosen = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[0])
    return "".join(letter for letter in chosen if letter.isprintable())[:300]


def text_of(data: bytes) -> str:
    """Return what git printed as text; bytes that are no UTF-8 become lone surrogates, and back again."""
    return data.decode("utf-8", "surrogateescape")


def records(listing: bytes) -> list[bytes]:
    """Split what git prints with `-z`."""
    return listing.split(b"\0")[:-1]

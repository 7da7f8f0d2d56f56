"""Outputs of the action: workflow commands, the log, step outputs, the summary and report files.

The runner reads every line of a step's log. `::name::` is a command at the start of a line, the older
`##[name]` anywhere. Untrusted text therefore goes through `safe_line`; only this module writes commands.

Pull requests control the content of the workspace, so nothing there is written through a link. The action
runs as root in its container; files it writes are given to the workspace's owner so that self-hosted runners
can clean up.
"""

from __future__ import annotations

import errno
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from testsmith.model import Failure, UsageFailure
from testsmith.reporting.escaping import visible

if TYPE_CHECKING:
    from testsmith.reporting.pull_requests.annotations import Annotation

_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_COMMAND = re.compile(r"^(\s*)::", re.MULTILINE)


class Level(StrEnum):
    """Severity of an annotation."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


def annotation_command(level: Level, annotation: Annotation) -> str:
    """Return the command that shows an annotation on the run's page, and next to its lines if it has any."""
    place: dict[str, object] = {}
    if annotation.file is not None:
        place = {"file": annotation.file, "line": annotation.start_line, "endLine": annotation.line}
    return _command(level, annotation.message, {**place, "title": annotation.title})


def mask_command(secret: str) -> str:
    """Return the command that makes the runner mask a secret in all later output of the job."""
    return _command("add-mask", secret)


@contextmanager
def folded(stream: TextIO, title: str, token: str) -> Iterator[None]:
    """Fold the log output of a block, and disable workflow commands within it.

    Args:
        stream: The step's log.
        title: The title of the fold.
        token: A random, unguessable word that enables commands again.
    """
    write_commands(stream, (_command("group", title), _command("stop-commands", token)))
    try:
        yield
    finally:
        write_commands(stream, (_command(token, ""), _command("endgroup", "")))


def end_fold(stream: TextIO, token: str) -> None:
    """End a fold whose process was killed, possibly in the middle of a line."""
    stream.write("\n")
    write_commands(stream, (_command(token, ""), _command("endgroup", "")))


def write_commands(stream: TextIO, commands: Iterable[str]) -> None:
    """Write commands, each on a line."""
    stream.write("".join(f"{command}\n" for command in commands))
    stream.flush()


def _command(name: str, data: str, properties: Mapping[str, object] | None = None) -> str:
    listed = ",".join(f"{key}={_escaped_property(str(value))}" for key, value in (properties or {}).items())
    return f"::{name}{f' {listed}' if listed else ''}::{_escaped(data)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def safe_line(text: str) -> str:
    """Return text that the runner shows as it is: without commands or invisible characters."""
    line = visible(text).replace("##[", "# #[")
    return _COMMAND.sub(r"\1: :", line)


def safe_log(stream: TextIO) -> TextIO:
    """Return a stream that writes text to a step's log so that no line can be a command."""
    return cast("TextIO", _SafeLog(stream))  # has every text stream method in use


class _SafeLog(io.TextIOBase):
    """Writes whole lines: a partial line cannot be checked, so it waits for its end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun = ""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        *lines, self._begun = _LINE_ENDS.split(self._begun + text)
        self._stream.write("".join(f"{safe_line(line)}\n" for line in lines))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        if self._begun:
            self.write("\n")
        super().close()


# Files: outputs, summary, report and their owner.

OUTPUTS = {
    "members": "Number of functions and classes that the pull request adds, changes or affects",
    "suggestions": "Number of suggestions and questions",
    "skipped": "Number of functions and files without a suggestion; the report has the reasons",
    "api-calls": "Number of requests to the model provider, including retries",
    "cache-hits": "Number of functions with tests from the cache",
    "report": "Path of the JSON report, relative to the workspace; empty if there is none",
    "commit": "Commit made by the mode, a command or a sweep; empty if there is none",
    "pull-request": "Number of the pull request that TestSmith opened; empty if there is none",
    "patch": "Path of a patch with tests that could not be committed; empty if there is none",
    "matrix": "Matrix of jobs for a sweep on several machines, as JSON; empty if there is nothing to do",
    "parts": "Folder with the files that the jobs of a sweep exchange; empty if there is none",
}
"""The step's outputs and what they are."""

REPORT_FOLDER = "testsmith-report"

_IGNORED = "*\n"
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def append_outputs(path: Path, values: Mapping[str, str], delimiter: str) -> None:
    """Set outputs of the step.

    Args:
        path: The file that GitHub reads them from.
        values: The outputs.
        delimiter: A random word, so that no value can contain it and set other outputs.

    Raises:
        Failure: The file could not be written.
    """
    lines = [f"{name}<<{delimiter}\n{value}\n{delimiter}\n" for name, value in values.items()]
    append(path, "".join(lines), "the outputs")


def append(path: Path, text: str, what: str) -> None:
    """Append text to a file of the step, such as its summary.

    Raises:
        Failure: The file could not be written; the message says what it is.
    """
    try:
        with path.open("ab") as file:
            file.write(_encoded(text))
    except OSError as error:
        raise Failure(f"Could not write {what} to {path}: {error.strerror}.") from error


def _encoded(text: str) -> bytes:
    return text.encode(errors="backslashreplace")


def write_report(workspace: Path, text: str, *, name: str = "report.json", what: str = "the report") -> str:
    """Write the report, or another file next to it, to a directory in the workspace that git ignores.

    Returns:
        The file's path relative to the workspace.

    Raises:
        Failure: The file could not be written, or the checkout has something else under the directory's name.
    """
    try:
        with _opened(workspace) as root, _own_folder(root, REPORT_FOLDER) as folder:
            _replace(folder, ".gitignore", _IGNORED)
            _replace(folder, name, text)
    except OSError as error:
        raise Failure(f"Could not write {what} to {REPORT_FOLDER}/{name}: {_reason(error)}.") from error
    return f"{REPORT_FOLDER}/{name}"


def _reason(error: OSError) -> str:
    if error.errno in {errno.ELOOP, errno.ENOTDIR}:
        return "the checkout has a link or a file with that folder's name"
    return error.strerror or "unknown"


@contextmanager
def _opened(path: Path | str, within: int | None = None) -> Iterator[int]:
    descriptor = os.open(path, _OPEN_FOLDER, dir_fd=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _own_folder(root: int, name: str) -> Iterator[int]:
    """Open a directory of the workspace, created if needed, and give it to the workspace's owner."""
    with suppress(FileExistsError):
        os.mkdir(name, 0o755, dir_fd=root)
    with _opened(name, root) as folder:
        _hand_over(folder, os.fstat(root))
        yield folder


def _replace(folder: int, name: str, text: str) -> None:
    """Replace a file. A link under its name is replaced, never followed."""
    passing = f".{name}.new"
    with suppress(FileNotFoundError):
        os.unlink(passing, dir_fd=folder)
    descriptor = os.open(passing, _NEW_FILE, 0o644, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_encoded(text))
        _hand_over(descriptor, os.fstat(folder))
    os.replace(passing, name, src_dir_fd=folder, dst_dir_fd=folder)


def _hand_over(descriptor: int, owner: os.stat_result) -> None:
    if os.geteuid() == 0:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def check_cache_folder(workspace: Path, folder: Path) -> None:
    """Check that neither a cache directory nor anything in it is a link.

    Raises:
        UsageFailure: The checkout has a link there.
    """
    for path in (*_way(workspace, folder), *_inside(folder)):
        if path.is_symlink():
            raise UsageFailure(
                f"Could not use `TESTSMITH_CACHE_DIR`, because `{path}` is a link. Choose a folder that "
                f"is not tracked by git."
            )


def give_to_owner(workspace: Path, folder: Path) -> None:
    """Give a directory, its content and its parents below the workspace to the workspace's owner.

    Links are not followed.

    Raises:
        Failure: The directory could not be read, or its owner could not be changed.
    """
    if os.geteuid() != 0 or not folder.is_dir():
        return
    owner = workspace.stat()
    try:
        for path in _way(workspace, folder):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
        for _, folders, files, descriptor in os.fwalk(folder):
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
            for name in (*folders, *files):
                os.chown(name, owner.st_uid, owner.st_gid, dir_fd=descriptor, follow_symlinks=False)
    except OSError as error:
        raise Failure(f"Could not change the owner of {folder}: {error.strerror}.") from error


def _way(workspace: Path, folder: Path) -> tuple[Path, ...]:
    """Return the directories from the workspace (excluded) down to `folder` (included)."""
    steps = folder.relative_to(workspace).parts if folder.is_relative_to(workspace) else ()
    return tuple(workspace.joinpath(*steps[:count]) for count in range(1, len(steps) + 1))


def _inside(folder: Path) -> Iterator[Path]:
    if folder.is_dir() and not folder.is_symlink():
        yield from folder.iterdir()

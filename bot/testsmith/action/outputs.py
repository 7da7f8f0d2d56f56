"""Workflow commands: lines in a step's log that GitHub's runner obeys.

The runner reads every line of a step's output. `::name::` counts at a line's beginning, the older `##[name]`
anywhere in a line. So a line of words goes through `safe_line`, and only this module writes commands.
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
from typing import TextIO, cast

from testsmith.model import Failure, UsageFailure
from testsmith.reporting.escaping import visible
from testsmith.reporting.pull_requests.annotations import Annotation

_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_COMMAND = re.compile(r"^(\s*)::", re.MULTILINE)


class Level(StrEnum):
    """How much an annotation matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


def annotation_command(level: Level, annotation: Annotation) -> str:
    """Return the command that shows an annotation on the run's page, and beside the lines it is at."""
    place: dict[str, object] = {}
    if annotation.file is not None:
        place = {"file": annotation.file, "line": annotation.start_line, "endLine": annotation.line}
    return _command(level, annotation.message, {**place, "title": annotation.title})


def mask_command(secret: str) -> str:
    """Return the command by which the runner hides a secret in all that the job prints from then on."""
    return _command("add-mask", secret)


@contextmanager
def folded(stream: TextIO, title: str, token: str) -> Iterator[None]:
    """Fold away the log of what is done within, and let the runner obey none of it.

    Args:
        stream: The step's log.
        title: What stands above the fold.
        token: A random word that nobody can guess; it ends the time without commands.
    """
    write_commands(stream, (_command("group", title), _command("stop-commands", token)))
    try:
        yield
    finally:
        write_commands(stream, (_command(token, ""), _command("endgroup", "")))


def end_fold(stream: TextIO, token: str) -> None:
    """End a fold whose process was killed, wherever in a line that was."""
    stream.write("\n")
    write_commands(stream, (_command(token, ""), _command("endgroup", "")))


def write_commands(stream: TextIO, commands: Iterable[str]) -> None:
    """Write commands, each on a line."""
    stream.write("".join(f"{command}\n" for command in commands))
    stream.flush()


def _command(name: str, data: str, properties: Mapping[str, object] | None = None) -> str:
    told = ",".join(f"{key}={_escaped_property(str(value))}" for key, value in (properties or {}).items())
    return f"::{name}{f' {told}' if told else ''}::{_escaped(data)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def safe_line(text: str) -> str:
    """Return words as the runner shows them: they hold no command, and nothing invisible."""
    line = visible(text).replace("##[", "# #[")
    return _COMMAND.sub(r"\1: :", line)


def safe_log(stream: TextIO) -> TextIO:
    """Return a stream that writes words to a step's log, and lets no line of them be a command."""
    return cast("TextIO", _SafeLog(stream))  # it has all of a text stream's methods that are in use


class _SafeLog(io.TextIOBase):
    """Writes line by line; the beginning of a line waits for its end, or it could not be judged."""

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


# What the action leaves in files: outputs, the step's summary, the report, and whose they are.
#
# The workspace holds what a pull request checked in, so nothing there is written through a link. The
# action runs as root in its container; what it writes is given to the workspace's owner, or a runner of
# one's own could not clean up after it.

REPORT_FOLDER = "testsmith-report"
REPORT_NAME = "report.json"
PATCH_NAME = "tests.patch"

_IGNORED = "*\n"
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def append_outputs(path: Path, values: Mapping[str, str], delimiter: str) -> None:
    """Set outputs of the step.

    Args:
        path: The file that GitHub reads them from.
        values: The outputs.
        delimiter: A random word, so that no value can hold it and set further outputs.

    Raises:
        Failure: They cannot be written.
    """
    lines = [f"{name}<<{delimiter}\n{value}\n{delimiter}\n" for name, value in values.items()]
    _append(path, "".join(lines), "the outputs")


def append_summary(path: Path, markdown: str) -> None:
    """Add to the step's summary.

    Raises:
        Failure: It cannot be written.
    """
    _append(path, markdown, "the job summary")


def _append(path: Path, text: str, what: str) -> None:
    try:
        with path.open("ab") as file:
            file.write(_encoded(text))
    except OSError as error:
        raise Failure(f"{what} cannot be written to {path}: {error.strerror}.") from error


def _encoded(text: str) -> bytes:
    return text.encode(errors="backslashreplace")


def write_report(workspace: Path, document: str) -> str:
    """Leave the report in the workspace, in a folder of its own that git ignores.

    Returns:
        The file's path relative to the workspace.

    Raises:
        Failure: It cannot be written, or the checkout holds something else of the folder's name.
    """
    return _written(workspace, REPORT_NAME, document, "the report")


def write_patch(workspace: Path, patch: str) -> str:
    """Leave a patch beside the report; returns and raises as `write_report` does."""
    return _written(workspace, PATCH_NAME, patch, "the patch")


def _written(workspace: Path, name: str, text: str, what: str) -> str:
    try:
        with _opened(workspace) as root, _own_folder(root, REPORT_FOLDER) as folder:
            _replace(folder, ".gitignore", _IGNORED)
            _replace(folder, name, text)
    except OSError as error:
        raise Failure(f"{what} cannot be written to {REPORT_FOLDER}/{name}: {_reason(error)}.") from error
    return f"{REPORT_FOLDER}/{name}"


def _reason(error: OSError) -> str:
    if error.errno in {errno.ELOOP, errno.ENOTDIR}:
        return "the checkout holds a link or a file of that folder's name"
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
    """Open a folder of the workspace, made where there is none, and give it to the workspace's owner."""
    with suppress(FileExistsError):
        os.mkdir(name, 0o755, dir_fd=root)
    with _opened(name, root) as folder:
        _hand_over(folder, os.fstat(root))
        yield folder


def _replace(folder: int, name: str, text: str) -> None:
    """Put a file in the place of whatever has its name; a link there is replaced, never followed."""
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
    """Make sure that a cache folder is where its name says, and that nothing in it leads elsewhere.

    Raises:
        UsageFailure: A link that the checkout holds stands in the way.
    """
    for path in (*_way(workspace, folder), *_inside(folder)):
        if path.is_symlink():
            raise UsageFailure(
                f"the input `cache-dir` cannot be used, since `{path}` is a link; name a folder "
                "that no commit holds."
            )


def give_to_owner(workspace: Path, folder: Path) -> None:
    """Give a folder, what is in it, and its parents below the workspace to the workspace's owner.

    Links are not followed.

    Raises:
        Failure: The folder cannot be read, or not be given away.
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
        raise Failure(f"{folder} cannot be given to the workspace's owner: {error.strerror}.") from error


def _way(workspace: Path, folder: Path) -> tuple[Path, ...]:
    """Return the folders between the workspace and one below it, that one included."""
    steps = folder.relative_to(workspace).parts if folder.is_relative_to(workspace) else ()
    return tuple(workspace.joinpath(*steps[:count]) for count in range(1, len(steps) + 1))


def _inside(folder: Path) -> Iterator[Path]:
    if folder.is_dir() and not folder.is_symlink():
        yield from folder.iterdir()

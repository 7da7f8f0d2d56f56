"""A stopped process, as its keeper sees it: its memory, its paths, its open files."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from types import TracebackType
from typing import Self

from testsmith.execution.isolation import kernel, processes

CURRENT_FOLDER = -100
"""What stands for the working folder where a call takes an open folder: AT_FDCWD."""

_LONGEST_PATH = 4096
_UNCONNECTED = 1  # SS_UNCONNECTED


class Opened:
    """An open file that stands for a place in the file system without being readable; closed at the end.

    Attributes:
        descriptor: Its number.
        path: A path of the kernel's own that leads to it, wherever it is moved.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.path = f"/proc/self/fd/{descriptor}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        os.close(self.descriptor)

    def lies_beneath(self, folder: str) -> bool:
        """Tell whether it is in a folder, given without links."""
        place = os.readlink(self.path)  # noqa: PTH115 - see launcher
        return place == folder or place.startswith(f"{folder}/")


class Caller:
    """A thread that waits for an answer.

    Args:
        thread: Its id.
        is_waiting: Tells whether it still waits, so that the id is still its own.

    Raises:
        OSError: It is gone.
    """

    def __init__(self, thread: int, is_waiting: Callable[[], bool]) -> None:
        self._thread = thread
        self._entry = os.open(f"/proc/{thread}", os.O_RDONLY | os.O_DIRECTORY)
        if not is_waiting():
            os.close(self._entry)
            raise ProcessLookupError(errno.ESRCH, "the caller is gone")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        os.close(self._entry)

    def read(self, address: int, count: int) -> bytes:
        """Return what stands in its memory; fewer bytes where the memory ends before."""
        with self._open("mem", os.O_RDONLY) as memory:
            return os.pread(memory.descriptor, count, address)

    def read_text(self, address: int) -> bytes:
        """Return the bytes that stand in its memory up to a NUL."""
        text, end, _ = self.read(address, _LONGEST_PATH).partition(b"\0")
        if not end:
            raise OSError(errno.ENAMETOOLONG, "the path has no end")
        return text

    def open_place(self, folder: int, name: bytes, flags: int = 0) -> Opened:
        """Open what a call names by an open folder and a path; an empty path names the open file itself."""
        inside = "cwd" if folder == CURRENT_FOLDER else f"fd/{folder}"
        with self._open(inside, os.O_PATH) as start:
            if not name:
                return Opened(os.dup(start.descriptor))
            return Opened(os.open(name, os.O_PATH | flags, dir_fd=start.descriptor))

    def duplicate(self, descriptor: int) -> Opened:
        """Return one of its open files as one of ours, which shares all but the number."""
        process = os.pidfd_open(self.process())
        try:
            return Opened(kernel.pidfd_getfd(process, descriptor))
        finally:
            os.close(process)

    def unconnected_socket(self, descriptor: int) -> tuple[int, int]:
        """Return the kind and the flags of one of its local sockets.

        Raises:
            OSError: It is not a local socket, or is connected already.
        """
        place = os.readlink(f"fd/{descriptor}", dir_fd=self._entry)
        inode = place.removeprefix("socket:[").removesuffix("]").encode()
        with open("/proc/net/unix", "rb") as sockets:  # noqa: PTH123 - see launcher
            fields = next((row for row in map(bytes.split, sockets) if row[6:7] == [inode]), None)
        if fields is None:
            raise OSError(errno.EAFNOSUPPORT, "it is not a local socket")
        if int(fields[5], 16) != _UNCONNECTED:
            raise OSError(errno.EISCONN, "it is connected, or about to be")
        with self._open(f"fdinfo/{descriptor}", os.O_RDONLY) as told:
            lines = dict(line.split(None, 1) for line in os.read(told.descriptor, 4096).splitlines())
        return int(fields[4], 16), int(lines[b"flags:"], 8)

    def process(self) -> int:
        """Return the id of the process that the thread belongs to."""
        return processes.thread_group(self._thread)

    def _open(self, name: str, flags: int) -> Opened:
        return Opened(os.open(name, flags, dir_fd=self._entry))

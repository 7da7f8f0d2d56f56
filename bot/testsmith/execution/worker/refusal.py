"""What a trial may not do: reach the network, start programs, write outside its own folder.

The sandbox has its own layers for that; here it is noticed, so that a reason can be told, and a trial that
did so is never taken for the member's behaviour.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_NETWORK = frozenset(
    {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}
)
_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"})
_CHANGES = frozenset(
    {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.link", "os.symlink"}
    | {"os.truncate", "shutil.rmtree", "shutil.move", "shutil.copyfile", "shutil.copytree"}
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Refusal:
    """Refuses from now on, in this process.

    Args:
        folder: The only folder to write in.

    Attributes:
        reason: What was tried first, in words; None where nothing was refused.
    """

    def __init__(self, folder: str) -> None:
        self.reason: str | None = None
        self._folder = os.path.join(os.path.realpath(folder), "")  # noqa: PTH118 - plain texts are compared
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _NETWORK:
            self._refuse("it needs the network")
        elif event in _PROGRAMS:
            self._refuse("it starts another program")
        elif event == "open":
            self._look_at_open(*arguments)
        elif event in _CHANGES and not all(map(self._is_ours, arguments)):
            self._refuse("it changes files outside its folder")

    def _look_at_open(self, path: object, _mode: object, flags: object) -> None:
        if isinstance(flags, int) and flags & _WRITING and not self._is_ours(path) and path != os.devnull:
            self._refuse("it writes files outside its folder")

    def _is_ours(self, path: object) -> bool:
        """Tell whether a path lies in the folder; what is no path does not matter."""
        if not isinstance(path, (str, bytes, os.PathLike)):
            return True
        return f"{os.path.realpath(os.fsdecode(path))}{os.sep}".startswith(self._folder)

    def _refuse(self, reason: str) -> None:
        self.reason = self.reason or reason
        raise PermissionError(reason)

"""The folder in which machines leave parts for each other. No link in it is followed."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from testsmith.model import Failure
from testsmith.sweep.parts import MOST_BYTES

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class PartsFolder:
    """A folder of parts.

    Args:
        folder: Where it is; made where there is none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, data: bytes) -> None:
        """Leave a part, as a whole or not at all.

        Raises:
            Failure: It cannot be left.
        """
        passing = self.folder / f".{name}.new"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                passing.unlink()
            with os.fdopen(os.open(passing, _NEW, 0o644), "wb") as file:
                file.write(data)
            passing.replace(self.folder / name)
        except OSError as error:
            raise Failure(f"{self.folder / name} cannot be written: {error.strerror}.") from error

    def read(self, name: str) -> bytes | None:
        """Return a part, no more of it than may be read; None where there is none.

        Raises:
            Failure: It cannot be read.
        """
        try:
            with os.fdopen(os.open(self.folder / name, _OPEN), "rb") as file:
                return file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Failure(f"{self.folder / name} cannot be read: {error.strerror}.") from error

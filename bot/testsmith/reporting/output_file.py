"""Write a result to a file that the user names, instead of standard output."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from testsmith.model import Failure, UsageFailure
from testsmith.settings import OutputFormat
from testsmith.test_files.plan import FileEdit
from testsmith.test_files.write import write_edits

_FORMATS = {
    ".html": OutputFormat.HTML,
    ".htm": OutputFormat.HTML,
    ".json": OutputFormat.JSON,
    ".md": OutputFormat.MARKDOWN,
}


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that gets the result.

    Attributes:
        path: The file.
        text: Stream that collects the result.
    """

    path: Path
    text: StringIO = field(default_factory=StringIO)

    @property
    def format(self) -> OutputFormat:
        """The format that its suffix stands for."""
        return _FORMATS.get(self.path.suffix.lower(), OutputFormat.TEXT)

    def check(self) -> None:
        """Check that it can be written, before the work begins.

        Raises:
            UsageFailure: It cannot.
        """
        folder, wrong = self.path.absolute().parent, ""
        if self.path.is_symlink():
            wrong = "is a symbolic link; name the file it leads to"
        elif self.path.is_dir():
            wrong = "is a folder; name a file in it"
        elif self.path.exists() and not self.path.is_file():
            wrong = "is not a regular file; name one"
        elif not folder.is_dir():
            wrong = f"cannot be written, because there is no folder {folder}; create it first"
        elif not os.access(folder, os.W_OK):
            wrong = f"cannot be written, because {folder} is read-only; name a file elsewhere"
        if wrong:
            raise UsageFailure(f"--output {self.path} {wrong}.")

    def write(self) -> None:
        """Replace the file's content with the result, at once and never through a symbolic link.

        Raises:
            Failure: It cannot be written.
        """
        self.check()
        try:
            old = self.path.read_bytes() if self.path.exists() else None
        except OSError as error:
            raise Failure(f"{self.path} cannot be replaced: {error.strerror}.") from error
        edit = FileEdit(path=self.path.name, old=old, new=self.text.getvalue().encode())
        done = write_edits(self.path.absolute().parent, [edit])
        for refused in done.refused:
            raise Failure(f"{self.path} was not written: {refused.reason}.")

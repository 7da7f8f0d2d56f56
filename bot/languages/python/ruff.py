"""Running ruff on one text, with the settings that hold where the text would stand.

Ruff runs no code of the project; it reads its settings. Nothing of the person's own is read: no environment,
and no settings of theirs, which ruff would look for where the project has none.
"""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_NEWEST_KNOWN = (3, 14)
_OLDEST_KNOWN = (3, 7)
_COMPLAINED = 1


class RuffFailed(Exception):
    """Ruff could not do its work: broken settings, an older or newer ruff demanded, out of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What the linter finds fault with.

    Attributes:
        rule: The rule's code, as `F401`; empty for a syntax that is too new.
        row: The line where a `noqa` comment would speak for it, counted from 1.
        message: What it says.
    """

    rule: str
    row: int
    message: str


def ruff_program() -> str:
    """Return the ruff executable that is installed with this program.

    Call it before any thread starts: it reads `sysconfig`, and raises `TypeError` in one thread while another
    still initializes that.
    """
    import ruff  # type: ignore[import-untyped]  # it ships no types

    try:
        return str(ruff.find_ruff_bin())
    except FileNotFoundError:
        return "ruff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruff:
    """Ruff for one place.

    Attributes:
        program: The ruff executable, as `ruff_program` finds it.
        folder: The git root, which it runs in.
        path: Where the text would stand, relative to the folder.
        options: Options of every call, as `--isolated`.
        seconds: The time limit of one call.
    """

    program: str
    folder: Path
    path: str
    options: tuple[str, ...] = ()
    seconds: float = 20.0

    def formatted(self, code: str) -> str:
        """Return the code formatted.

        Raises:
            RuffFailed: It could not be.
        """
        return self._run(("format",), code, allowed=0)

    def mended(self, code: str, *options: str) -> str:
        """Return the code with what is safe to mend mended.

        Args:
            code: The code.
            options: Further options, as `--select`.

        Raises:
            RuffFailed: It could not be.
        """
        command = ("check", "--fix-only", "--no-unsafe-fixes", *options)
        return self._run(command, code, allowed=_COMPLAINED)

    def annotated(self, code: str) -> str:
        """Return the code with the return types that are plain to see, `-> None` above all.

        Raises:
            RuffFailed: It could not be done.
        """
        rules = ("--select", "ANN201,ANN202", "--fixable", "ANN", "--unsafe-fixes")
        return self._run(("check", "--fix-only", *rules), code, allowed=_COMPLAINED)

    def complaints(self, code: str, *options: str) -> Sequence[Complaint]:
        """Return what the linter finds fault with.

        Raises:
            RuffFailed: It could not be asked.
        """
        command = ("check", "--no-fix", "--no-fix-only", "--output-format", "json", *options)
        answer = self._run(command, code, allowed=_COMPLAINED)
        return [_complaint(entry) for entry in json.loads(answer or "[]")]

    def _run(self, command: Sequence[str], code: str, *, allowed: int) -> str:
        """Return what a call prints; as bytes in between, so that line ends stay."""
        name = str(self.folder / self.path)
        place = ("--no-cache", "--quiet", "--stdin-filename", name, *self.options, "-")
        try:
            done = subprocess.run(
                (self.program, *command, *place),
                cwd=self.folder,
                input=code.encode(),
                capture_output=True,
                env={},
                timeout=self.seconds,
                check=False,
            )
            answer = done.stdout.decode()
        except (OSError, UnicodeError, subprocess.TimeoutExpired) as error:
            raise RuffFailed(str(error)) from error
        if not 0 <= done.returncode <= allowed:
            raise RuffFailed(done.stderr.decode(errors="replace").strip())
        return answer


def has_settings(folder: Path, path: str) -> bool:
    """Tell whether the project has settings for ruff, in a folder of this path up to the given one."""
    return any(_has_settings(folder / parent) for parent in PurePosixPath(path).parents)


def isolated(version: tuple[int, int] | None) -> tuple[str, ...]:
    """Return the options for ruff's own defaults, and for the oldest Python that the code must run on."""
    if version is None:
        return ("--isolated",)
    major, minor = min(max(version, _OLDEST_KNOWN), _NEWEST_KNOWN)
    return ("--isolated", "--target-version", f"py{major}{minor}")


def _has_settings(folder: Path) -> bool:
    if (folder / ".ruff.toml").is_file() or (folder / "ruff.toml").is_file():
        return True
    try:
        settings = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    tool = settings.get("tool")
    return isinstance(tool, dict) and "ruff" in tool


def _complaint(entry: dict[str, object]) -> Complaint:
    rule = entry.get("code")
    place = entry.get("location")
    row = entry.get("noqa_row") or (place.get("row") if isinstance(place, dict) else None)
    is_rule = isinstance(rule, str) and rule != "invalid-syntax"
    return Complaint(
        rule=str(rule) if is_rule else "",
        row=row if isinstance(row, int) else 1,
        message=str(entry.get("message", "")),
    )

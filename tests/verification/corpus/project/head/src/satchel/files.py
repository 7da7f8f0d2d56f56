"""Files."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

from satchel.parsing import parse_assignment, strip_comments


def atomic_write(path: Path, text: str) -> int:
    """Write a text file so that it is there as a whole or not at all; return how many bytes it has.

    A folder that is missing is made. What stood in the file before is kept beside it, as `NAME.bak`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode("utf-8")
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(data)
    if path.exists():
        os.replace(path, path.with_name(path.name + ".bak"))
    os.replace(fresh, path)
    return len(data)


def tail(path: Path, count: int = 10) -> list[str]:
    """Return the last lines of a text file, without their ends.

    Raises:
        ValueError: The count is negative.
        FileNotFoundError: There is no such file.
    """
    if count < 0:
        raise ValueError("the count is negative")
    with path.open(encoding="utf-8") as lines:
        return [line.rstrip("\n") for line in deque(lines, count)]


def find_up(name: str, start: Path) -> Path | None:
    """Return the nearest file of that name in a folder or in one above it; None where there is none."""
    for folder in (start, *start.parents):
        candidate = folder / name
        if candidate.is_file():
            return candidate
    return None


def read_settings(path: Path) -> dict[str, str]:
    """Return the `name = value` lines of a file; a file that is missing has none."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(parse_assignment(line) for line in strip_comments(lines))


def list_names(folder: Path, suffix: str = "") -> list[str]:
    """Return the names of a folder's files with a suffix, sorted; hidden ones are left out."""
    return sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.is_file() and entry.name.endswith(suffix) and not entry.name.startswith(".")
    )

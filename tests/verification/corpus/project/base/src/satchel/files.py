"""Files."""

from __future__ import annotations

import os
from pathlib import Path

from satchel.parsing import parse_assignment, strip_comments


def atomic_write(path: Path, text: str) -> int:
    """Write a text file so that it is there as a whole or not at all; return how many bytes it has.
"""
    data = text.encode("utf-8")
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(data)
    os.replace(fresh, path)
    return len(data)


def find_up(name: str, start: Path) -> Path | None:
    """Return the nearest file of that name in a folder or in one above it; None where there is none."""
    candidate = start / name
    return candidate if candidate.is_file() else None


def read_settings(path: Path) -> dict[str, str]:
    """Return the `name = value` lines of a file; a file that is missing has none."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(parse_assignment(line) for line in strip_comments(lines))


def list_names(folder: Path, suffix: str = "") -> list[str]:
    """Return the names of a folder's files with a suffix, sorted."""
    return sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.is_file() and entry.name.endswith(suffix)
    )

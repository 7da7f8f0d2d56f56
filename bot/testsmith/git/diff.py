"""Parse git diffs: which files differ, and which lines of head are added or changed.

Hunks are parsed by unidiff. Paths are parsed here because unidiff does not support git's quoting, renames
without hunks and names with spaces.
"""

from __future__ import annotations

import re

from testsmith.languages.source import ChangedFile

_SECTION = re.compile(r"^(?=diff --git )", re.MULTILINE)
_FIRST_HUNK = re.compile(r"^@@ -", re.MULTILINE)
_ESCAPE = re.compile(rb'\\([abtnvfr"\\]|[0-7]{3})')
_LETTERS = dict(zip(b'abtnvfr"\\', b'\a\b\t\n\v\f\r"\\', strict=True))


def changed_files(diff: str) -> tuple[ChangedFile, ...]:
    """Return the files of a git diff, sorted by path; a file whose type changed appears twice.

    Mode changes, binary files, pure renames and files with truncated hunks have no added lines.
    """
    sections = (part for part in _SECTION.split(diff) if part.startswith("diff --git "))
    files = (_changed_file(section) for section in sections)
    return tuple(sorted(files, key=path_of))


def path_of(file: ChangedFile) -> str:
    """Return the path of a changed file on head, or on base if it was deleted."""
    return file.head_path or file.base_path or ""


def _changed_file(section: str) -> ChangedFile:
    hunk = _FIRST_HUNK.search(section)
    header = section[: hunk.start()] if hunk else section
    base_path, head_path = _paths(header.split("\n"))
    added_lines = _added_lines(section[hunk.start() :]) if hunk else frozenset[int]()
    return ChangedFile(base_path=base_path, head_path=head_path, added_lines=added_lines)


def _paths(header: list[str]) -> tuple[str | None, str | None]:
    """Return the paths on base and head; a copy is a new file."""
    both = _paths_of_first_line(header[0])
    base_path: str | None = (
        _header_value(header, "rename from ") or _header_value(header, "--- ", "a/") or both
    )
    head_path: str | None = (
        _header_value(header, "rename to ")
        or _header_value(header, "copy to ")
        or _header_value(header, "+++ ", "b/")
        or both
    )
    if _has(header, "new file mode ") or _has(header, "copy from "):
        base_path = None
    if _has(header, "deleted file mode "):
        head_path = None
    return base_path, head_path


def _paths_of_first_line(line: str) -> str:
    """Return the path that `diff --git a/<path> b/<path>` repeats; without hunks there is no other source."""
    names = line.removeprefix("diff --git ")
    first = names[: (len(names) - 1) // 2]
    return _unquoted(first).removeprefix("a/")


def _header_value(header: list[str], key: str, prefix: str = "") -> str | None:
    """Return the path in the header line with this key; git terminates names with spaces with a tab."""
    for line in header[1:]:
        if line.startswith(key):
            return _unquoted(line.removeprefix(key).removesuffix("\t")).removeprefix(prefix)
    return None


def _has(header: list[str], key: str) -> bool:
    return any(line.startswith(key) for line in header)


def _unquoted(name: str) -> str:
    """Undo git's C-style quoting."""
    if not (len(name) > 1 and name.startswith('"') and name.endswith('"')):
        return name
    inner = name[1:-1].encode("utf-8", "surrogateescape")
    return _ESCAPE.sub(_escaped_byte, inner).decode("utf-8", "surrogateescape")


def _escaped_byte(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    return bytes([int(code, 8) if len(code) > 1 else _LETTERS[code[0]]])


def _added_lines(hunks: str) -> frozenset[int]:
    """Return the lines of head that a file's hunks add or change; none if the hunks are truncated."""
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    whole = hunks if hunks.endswith("\n") else f"{hunks}\n"
    try:
        (file,) = PatchSet.from_string(f"--- a/file\n+++ b/file\n{whole}")
    except UnidiffParseError:
        return frozenset()
    lines = (line for hunk in file for line in hunk)
    return frozenset(line.target_line_no for line in lines if line.is_added and line.target_line_no)

"""Planned edits as one patch that `git apply` takes: for whom the bot may not commit for. All pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import unified_diff

from bot.placement.plan import FileEdit

_TO_QUOTE = re.compile(rb'["\\\x00-\x1f\x7f-\xff]')
_NO_LINE_END = "\\ No newline at end of file\n"
_NOWHERE = "/dev/null"


def patch_of(edits: Iterable[FileEdit]) -> str:
    """Return the patch; empty for no edits."""
    return "".join("".join(_file(edit)) for edit in edits)


def _file(edit: FileEdit) -> Iterator[str]:
    before, after = _quoted(f"a/{edit.path}"), _quoted(f"b/{edit.path}")
    yield f"diff --git {before} {after}\n"
    if edit.old is None:
        yield "new file mode 100644\n"
        if not edit.new:
            yield "index 0000000..e69de29\n"
    if edit.removes_file:
        yield "deleted file mode 100644\n"
    old, new = _lines(edit.old or b""), [] if edit.removes_file else _lines(edit.new)
    names = _NOWHERE if edit.old is None else before, _NOWHERE if edit.removes_file else after
    for line in unified_diff(old, new, *names):
        yield line if line.endswith("\n") else f"{line}\n{_NO_LINE_END}"


def _lines(data: bytes) -> list[str]:
    lines = [f"{line}\n" for line in data.decode().split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _quoted(path: str) -> str:
    """Return a path as git writes it: one with unusual bytes in quotes, those in octal digits."""
    data = path.encode("utf-8", "surrogatepass")
    if not _TO_QUOTE.search(data):
        return path
    return f'"{_TO_QUOTE.sub(_escaped, data).decode()}"'


def _escaped(match: re.Match[bytes]) -> bytes:
    return b"\\" + match[0] if match[0] in b'"\\' else b"\\%03o" % match[0][0]

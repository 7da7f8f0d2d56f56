"""Planned edits as one patch that `git apply` takes: for whom the bot may not commit for. All pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import unified_diff

from testsmith.placement.plan import FileEdit

_TO_QUOTE = re.compile(rb'["\\\x00-\x1f\x7f-\xff]')
_NO_LINE_END = "\\ No newline at end of file\n"
_NOWHERE = "/dev/null"
_CONTEXT = 3

_MOST_COMPARED_LINES = 10_000
"""Of a longer file all that lies between the first and the last change is one hunk: comparing it line by line
takes hours if many of its lines are the same."""


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
    is_long = len(old) + len(new) > _MOST_COMPARED_LINES
    for line in _one_hunk(old, new, names) if is_long else unified_diff(old, new, *names, n=_CONTEXT):
        yield line if line.endswith("\n") else f"{line}\n{_NO_LINE_END}"


def _one_hunk(old: Sequence[str], new: Sequence[str], names: tuple[str, str]) -> Iterator[str]:
    """Yield what `unified_diff` yields, without a look for what is the same between the changes."""
    start = common_start(old, new)
    after = common_start(old[start:][::-1], new[start:][::-1])
    first, last = max(0, start - _CONTEXT), max(0, after - _CONTEXT)
    counts = (len(lines) - first - last for lines in (old, new))
    places = (f"{first + 1 if count else first},{count}" for count in counts)
    yield from (f"--- {names[0]}\n", f"+++ {names[1]}\n", "@@ -{} +{} @@\n".format(*places))
    yield from (f" {line}" for line in old[first:start])
    yield from (f"-{line}" for line in old[start : len(old) - after])
    yield from (f"+{line}" for line in new[start : len(new) - after])
    yield from (f" {line}" for line in old[len(old) - after : len(old) - last])


def common_start(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many lines two texts have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (left, right) in pairs if left != right), min(len(one), len(other)))


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

"""What a project's `TESTSMITH.md` files ask of its tests: the root's first, then those of deeper folders."""

from __future__ import annotations

from pathlib import PurePosixPath

from testsmith.languages.driver import CONVENTIONS_FILE, SourceTree

MOST_BYTES = 16 * 1024
"""The most that all conventions of one request may come to, as UTF-8."""

CUT_MARK = "\n[The conventions are cut here: no more than 16 KiB of TESTSMITH.md files are read.]\n"


class Conventions:
    """The conventions of one tree, each file read once."""

    def __init__(self, tree: SourceTree) -> None:
        self._tree = tree
        self._there = {path for path in tree.paths() if PurePosixPath(path).name == CONVENTIONS_FILE}
        self._joined: dict[tuple[str, ...], str] = {}

    def of(self, path: str, test_path: str) -> str:
        """Return what holds for a source file and its test file: the texts of all folders above them."""
        if not self._there:
            return ""
        wanted = {
            str(folder / CONVENTIONS_FILE)
            for each in (path, test_path)
            for folder in PurePosixPath(each).parents
        }
        files = tuple(sorted(wanted & self._there, key=lambda file: (file.count("/"), file)))
        if files not in self._joined:
            texts = [(self._tree.read(file) or b"").decode(errors="replace").strip() for file in files]
            self._joined[files] = _cut("\n\n".join(text for text in texts if text))
        return self._joined[files]


def _cut(text: str) -> str:
    data = text.encode()
    if len(data) <= MOST_BYTES:
        return text
    return data[: MOST_BYTES - len(CUT_MARK)].decode(errors="ignore") + CUT_MARK

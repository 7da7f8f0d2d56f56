"""Which files a commit may write: test files, never a workflow, never through a symbolic link. All pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from bot.languages.driver import LanguageDriver
from bot.placement.plan import FORBIDDEN_PARTS

_FORGE_FOLDERS = frozenset({".github", ".gitlab", ".forgejo", ".gitea"})


def why_not_allowed(path: str, links: Collection[str], drivers: Sequence[LanguageDriver]) -> str:
    """Return why no commit of the bot's may write a file; empty where it may.

    Args:
        path: The file, relative to the git root.
        links: What is no regular file in the tree: symbolic links, submodules.
        drivers: The languages; one of them has to know the file as a test.
    """
    parts = path.split("/")
    if "\0" in path or "\\" in path or any(part.casefold() in FORBIDDEN_PARTS for part in parts):
        return "its path leads out of the repository"
    if parts[0].casefold() in _FORGE_FOLDERS:
        return "it lies among the forge's own files"
    if not any(driver.is_test(path) and driver.handles(path) for driver in drivers):
        return "it is no test file"
    above = (str(one) for one in (PurePosixPath(path), *PurePosixPath(path).parents))
    if any(one in links for one in above):
        return "it is, or lies behind, a symbolic link or another repository"
    return ""

"""Which files a commit may write: test files, never a workflow, never through a symbolic link. All pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from testsmith.changes.trees import RepositoryTree
from testsmith.languages.driver import LanguageDriver
from testsmith.placement.plan import FORBIDDEN_PARTS, FileEdit, NotPlaced, Plan

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


def within_bounds(plan: Plan, tree: RepositoryTree, drivers: Sequence[LanguageDriver]) -> Plan:
    """Return a plan without the edits that no commit may make.

    Args:
        plan: The plan.
        tree: What it is made on.
        drivers: The languages.
    """
    links = frozenset(entry.path for entry in tree.entries() if not entry.is_regular)
    reasons = {edit.path: why_not_allowed(edit.path, links, drivers) for edit in plan.edits}
    kept = tuple(edit for edit in plan.edits if not reasons[edit.path])
    refused = tuple(one for edit in plan.edits if reasons[edit.path] for one in _refusals(edit, reasons))
    return replace(plan, edits=kept, refused=(*plan.refused, *refused))


def _refusals(edit: FileEdit, reasons: Mapping[str, str]) -> Iterator[NotPlaced]:
    for member in edit.members:
        yield NotPlaced(member=member, path=edit.path, reason=reasons[edit.path])


def why_nothing(plan: Plan) -> str:
    """Return why a plan has no edit, in a sentence."""
    if plan.refused:
        one = plan.refused[0]
        return f"Nothing could be committed: of {one.member}, {one.reason}."
    if plan.unchanged:
        return "There is nothing to commit: the tests stand in the test tree already."
    return "There is nothing to commit."

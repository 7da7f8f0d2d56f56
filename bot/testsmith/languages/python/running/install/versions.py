"""Give a project's build its version, which it would read from the history that its copy does not have."""

from __future__ import annotations

import os
import re
from pathlib import Path

from testsmith.git.command import GitFailed
from testsmith.git.repository import Repository
from testsmith.languages.python.source.projects import project_folders, project_name, pyproject
from testsmith.languages.source import SourceTree

_RELEASE = re.compile(r"\d+(?:\.\d+)*")
_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?", re.ASCII)


def version_of(repository: Repository) -> str:
    """Return the version in a repository's last tag, with the number of commits since."""
    try:
        data = repository.git.line("describe", "--tags", "--long")
    except GitFailed:
        return "0.0.1"
    tag, since, _ = data.rsplit("-", 2)
    release = _RELEASE.search(tag)
    if release is None:
        return "0.0.1"
    return release.group() if since == "0" else f"{release.group()}.post{since}"


def version_variables(version: str) -> dict[str, str]:
    """Return the variables that set the version for setuptools-scm, pbr, PDM and Poetry."""
    names = ("SETUPTOOLS_SCM_PRETEND_VERSION", "PBR_VERSION", "PDM_BUILD_SCM_VERSION")
    bypass = ("POETRY_DYNAMIC_VERSIONING_BYPASS", "UV_DYNAMIC_VERSIONING_BYPASS")
    return dict.fromkeys((*names, *bypass), version)


def write_versions(tree: SourceTree, copy: Path, version: str) -> None:
    """Write the version as a source distribution has it, for projects whose build finds it out.

    Hatchling and versioningit read it there; no variable sets it for them.

    Args:
        tree: The project's files.
        copy: A copy of them, which may contain links.
        version: The version.

    Raises:
        OSError: There is not enough space.
    """
    for folder in project_folders(tree):
        table = pyproject(tree, folder).get("project")
        dynamic = table.get("dynamic") if isinstance(table, dict) else None
        name, place = project_name(tree, folder), copy / folder
        if not isinstance(dynamic, list) or "version" not in dynamic or not _NAME.fullmatch(name):
            continue
        if place.resolve() == copy.resolve() / folder and not os.path.lexists(place / "PKG-INFO"):
            text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            (place / "PKG-INFO").write_text(text, encoding="utf-8")

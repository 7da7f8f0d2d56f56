"""Add an installation to a workspace: the packages of its interpreter, and files created by the build.

The copies of head and base are what runs. An editable installation refers to a third copy, which is removed:
the folders it refers to are looked up in head and base instead, so that a run of base never imports a module
of head.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from testsmith.decode import decode
from testsmith.execution.project_copy import bring_ignored_files, is_safe_path
from testsmith.execution.workspace import ProjectCopy, remove_folder
from testsmith.languages.python.running.interpreter import installed_folders
from testsmith.languages.python.running.source_roots import imported_files, source_roots, top_level_modules
from testsmith.languages.python.running.workspace import PythonWorkspace

_MOST_BYTES = 65_536
_MOST_FOLDERS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """Result of an installation.

    Attributes:
        interpreter: Python of the environment.
        fetched: Folder of the Python downloaded for it; None if it was already installed.
        built: Copy of the project that was installed, including files created by the build.
        notes: Remarks for the report.
    """

    interpreter: Path
    built: Path
    fetched: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def environment(self) -> Path:
        """Folder of the environment."""
        return self.interpreter.parent.parent

    @property
    def packages(self) -> tuple[Path, ...]:
        """Site-packages folders of the environment."""
        return installed_folders(self.environment)


def with_installation(workspace: PythonWorkspace, installed: Installed) -> PythonWorkspace:
    """Return a workspace that uses an installation, with the files created by the build in its copies.

    The copy that was installed is removed because it does not run.
    """
    folders = list(dict.fromkeys(_installed_folders(installed)))[:_MOST_FOLDERS]
    head = _with_folders(workspace.head, folders)
    base = None if workspace.base is None else _with_folders(workspace.base, folders)
    roots = [*head.source_roots, *(base.source_roots if base else ())]
    workspace = replace(
        workspace,
        head=head,
        base=base,
        owned_modules=workspace.owned_modules | top_level_modules(roots),
        readable=(*workspace.readable, *filter(None, (installed.environment, installed.fetched))),
        notes=(*workspace.notes, *installed.notes),
    )
    _bring_made_files(workspace, installed)
    remove_folder(installed.built)
    return workspace


def _bring_made_files(workspace: PythonWorkspace, installed: Installed) -> None:
    """Copy files created by the build into head and base, except files of head, which base must not get."""
    head, names = workspace.head, workspace.owned_modules
    copies = [copy for copy in (head, workspace.base) if copy is not None]
    for packages in installed.packages:
        found = imported_files(packages, names)
        made = [path for path in found if not any((root / path).exists() for root in head.source_roots)]
        for root in [root for copy in copies for root in copy.source_roots]:
            bring_ignored_files(packages, made, root)
    for place in [root.relative_to(head.root) for root in head.source_roots]:
        built = installed.built / place
        if built.resolve() != built:  # replaced by a link
            continue
        made = [path for path in imported_files(built, names) if not (head.root / place / path).exists()]
        for copy in copies:
            bring_ignored_files(built, made, copy.root / place)


def _with_folders(copy: ProjectCopy, folders: Iterable[str]) -> ProjectCopy:
    """Return a copy with additional source roots, if they are folders in it."""
    places = [copy.root / folder for folder in folders]
    found = [place for place in places if place.is_dir() and place.resolve() == place]
    return replace(copy, source_roots=tuple(dict.fromkeys((*copy.source_roots, *found))))


def _installed_folders(installed: Installed) -> Iterator[str]:
    """Yield the folders of the project that were installed, relative to the git root.

    Each is a source root: a folder in a `.pth` file, or one that was passed to the installer, editable or
    not. The files that list them are untrusted, because the build wrote them.
    """
    for packages in installed.packages:
        for file in sorted(packages.glob("*.pth")):
            yield from _below(installed.built, _text(file).splitlines())
        for file in sorted(packages.glob("*.dist-info/direct_url.json")):
            for folder in _below(installed.built, _file_addresses(_text(file))):
                root = source_roots(installed.built, folder)[-1]
                yield root.relative_to(installed.built).as_posix()


def _text(file: Path) -> str:
    if file.resolve() != file or not file.is_file():
        return ""
    with file.open("rb") as opened:
        return opened.read(_MOST_BYTES).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class _DirectUrl:
    url: str


def _file_addresses(text: str) -> Sequence[str]:
    try:
        address = urlsplit(decode(_DirectUrl, text).url)
        return [unquote(address.path)] if address.scheme == "file" else []
    except ValueError:
        return []


def _below(root: Path, places: Iterable[str]) -> Iterator[str]:
    """Yield the paths below a folder, relative to it; `.` is the folder itself."""
    for place in places:
        path = Path(place.strip())
        if path == root:
            yield "."
        elif path.is_relative_to(root) and is_safe_path(path.relative_to(root).as_posix()):
            yield path.relative_to(root).as_posix()

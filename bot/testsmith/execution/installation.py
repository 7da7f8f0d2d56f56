"""What installations of all languages share: limits, how the network is reached, and what is kept of them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from testsmith.execution.package_index import PackageIndexAccess, uv_variables
from testsmith.execution.sandbox.interface import Limits
from testsmith.execution.sandbox.users import take_back
from testsmith.execution.workspace import CannotPrepare, remove_folder

_GIB = 1024**3

INSTALL_LIMITS = Limits(
    memory_bytes=8 * _GIB,
    file_bytes=4 * _GIB,
    open_files=4096,
    disk_bytes=16 * _GIB,
    tasks=1024,
)
"""Compilers and large packages need more than tests do."""


def index_variables(access: PackageIndexAccess, folder: Path) -> dict[str, str]:
    """Return the variables to reach a package index with pip and uv; files are written to a folder."""
    copied = {}
    for number, (variable, content) in enumerate(access.files.items()):
        file = folder / str(number)
        file.write_bytes(content)
        copied[variable] = str(file)
    given = {**access.variables, **copied}
    return {**given, **uv_variables(given)}


def keep_what_was_made(place: Path, kept: Collection[str]) -> None:
    """Remove all but some folders of an installation, and make the bot's user their owner.

    Raises:
        CannotPrepare: Ownership cannot be restored.
    """
    try:
        for found in place.iterdir():
            if found.is_symlink() or not found.is_dir():
                found.unlink()
            elif found.name not in kept:
                remove_folder(found)
        take_back(place)
    except (OSError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its folders are nested too deep"
        raise CannotPrepare(
            f"Could not use the environment built for the project ({reason}). Check what the project's "
            f"build or the setup command leaves in it."
        ) from error

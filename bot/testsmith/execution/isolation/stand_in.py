"""Another interpreter of the same version, for an environment whose own one only root can read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_BASES = (Path("/usr/bin"), Path("/usr/local/bin"))


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """A virtual environment that stands in for another.

    Attributes:
        wanted: The executable that commands name.
        executable: The one that is run instead.
        readable: The folders that it reads beside itself and its base: the packages of the wanted one.
    """

    wanted: Path
    executable: Path
    readable: tuple[Path, ...]


def make_stand_in(wanted: Path, folder: Path) -> StandIn | None:
    """Make an environment with a system-wide base and the packages of an interpreter's environment.

    Args:
        wanted: An executable, which is of use here only where it belongs to a virtual environment.
        folder: An empty folder for the new one.

    Returns:
        None where there is no such environment, or no such base.
    """
    if not (wanted.parent.parent / "pyvenv.cfg").is_file():
        return None
    for packages in sorted(wanted.parent.parent.glob("lib/python3*/site-packages")):
        for base in (each / packages.parent.name for each in _BASES):
            if base.is_file() and base.resolve() != wanted.resolve():
                executable = _make(base, packages, folder)
                return StandIn(wanted=wanted, executable=executable, readable=(packages,))
    return None


def _make(base: Path, packages: Path, folder: Path) -> Path:
    executable = folder / "bin" / "python"
    executable.parent.mkdir()
    executable.symlink_to(base)
    library = folder / "lib" / base.name
    library.mkdir(parents=True)
    (library / "site-packages").symlink_to(packages.absolute())
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    return executable

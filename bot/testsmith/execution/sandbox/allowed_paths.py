"""Paths that a target may access: Landlock rules derived from a command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path

from testsmith.execution.sandbox.linux import landlock

_SOFTWARE = ("/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/nix/store", "/gnu/store")
_SOFTWARE_BY_PARTS = ("/usr", "/usr/local")
_NO_SOFTWARE = frozenset({"local", "src"})
"""Folders of `/usr` that may contain a project, for example `/usr/src/app` in container images."""

_SETTINGS = (
    # The dynamic linker, and the alternatives system for commands.
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives"),
    # Names of users, hosts and services, and where to look them up. None of these is secret.
    *("/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/hosts", "/etc/services"),
    *("/etc/protocols", "/etc/gai.conf"),
    # Time zone, locale, file types, fonts and public certificates.
    *("/etc/localtime", "/etc/timezone", "/etc/locale.alias", "/etc/mime.types", "/etc/fonts"),
    *("/etc/ssl/openssl.cnf", "/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/pki/tls", "/etc/pki/ca-trust"),
    *("/etc/ca-certificates", "/etc/debian_version", "/etc/os-release"),
    # Processors and memory of the machine, and their load. Of /proc, nothing about processes is readable.
    *("/sys/devices/system/cpu", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/loadavg"),
    *("/proc/uptime", "/proc/version"),
)

_SETTINGS_OF_THE_NETWORK = ("/etc/resolv.conf",)

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - multiprocessing keeps its locks and queues there

_MOST_SETTINGS = 65_536
"""Number of characters read from `pyvenv.cfg`, which untrusted code may have written."""

_PARTS_OF_A_PREFIX = ("bin", "lib", "lib32", "lib64", "libexec", "include", "ssl")


def reachable(
    program: Path, folder: Path, readable: Iterable[Path], *, network: bool
) -> list[tuple[str, int]]:
    """Return the paths that a target may access, each with Landlock rights.

    Args:
        program: Executable. For a Python, its standard library and packages are readable.
        folder: Folder that may be written to.
        readable: Additional readable paths.
        network: Whether host names may be looked up.
    """
    read = [*_of_the_system(network=network), *interpreter_folders(program), *readable]
    rules = [(path, landlock.READ) for path in dict.fromkeys(read)]
    rules += [(Path(path).resolve(), landlock.DEVICE) for path in _DEVICES]
    rules += [(Path(_SHARED_MEMORY).resolve(), landlock.SHARED_MEMORY), (folder, landlock.WRITE)]
    return [(str(path), rights) for path, rights in rules if path.exists()]


@lru_cache(maxsize=2)
def _of_the_system(*, network: bool) -> tuple[Path, ...]:
    """Return the system paths with links resolved, because the rules must not contain links."""
    settings = _SETTINGS + (_SETTINGS_OF_THE_NETWORK if network else ())
    folders = [Path(folder) for folder in _SOFTWARE_BY_PARTS if Path(folder).is_dir()]
    parts = [part for folder in folders for part in folder.iterdir() if part.name not in _NO_SOFTWARE]
    return tuple(path.resolve() for path in (*map(Path, _SOFTWARE + settings), *parts))


@cache
def interpreter_folders(program: Path) -> tuple[Path, ...]:
    """Return the folders that a Python executable needs: its virtual environment and its base.

    Only typical parts of an installation are included, never a whole prefix or a part that leads out of it,
    because a virtual environment may name any folder as its base. The result is computed when the interpreter
    is first used, so code that runs later in its environment cannot extend it.
    """
    if not program.is_absolute():
        return ()
    return tuple(dict.fromkeys(_interpreter_folders(program)))


def _interpreter_folders(program: Path) -> Iterator[Path]:
    environment = program.parent.parent
    settings = environment / "pyvenv.cfg"
    if settings.is_file():
        yield environment
        home = _home(settings)
        if home.is_absolute():
            yield from _parts_of_a_prefix(home.parent)
    yield from _parts_of_a_prefix(program.resolve().parent.parent)


def _home(settings: Path) -> Path:
    """Return the folder of the base executable in `pyvenv.cfg`, parsed as Python does."""
    with settings.open(encoding="utf-8", errors="replace") as opened:
        text = opened.read(_MOST_SETTINGS)
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key.strip().lower() == "home":
            return Path(value.strip())
    return settings.parent / "bin"


def _parts_of_a_prefix(prefix: Path) -> Iterator[Path]:
    if any(prefix.glob("lib*/python3*/os.py")):
        real = prefix.resolve()
        parts = ((prefix / part).resolve() for part in _PARTS_OF_A_PREFIX)
        yield from (part for part in parts if part.is_dir() and part.is_relative_to(real))

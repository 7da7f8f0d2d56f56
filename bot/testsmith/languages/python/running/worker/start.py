"""Start a worker: `python start.py NAME` runs `main` of the module `NAME` in this folder.

The workers are loaded under a package name of their own, and their folder is removed from the import path
before anything of the project is imported, so the tests can import neither the bot nor these modules by plain
names.
"""

from __future__ import annotations

import _thread
import errno
import importlib.util
import os
import sys

PACKAGE = "_testsmith_worker"

_OF_THE_KERNEL = ("/proc/", "/sys/")
_READING = frozenset({"open", "os.listdir", "os.scandir"})
"""Audit events of reading a file or folder; the first argument is its path."""

_USER = "tester"
"""Name of a user and a group without an entry."""

_looks = _thread._local()  # noqa: SLF001 - importing threading takes time


def start(name: str) -> None:
    """Run `main` of a worker module."""
    folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - importing pathlib takes time
    sys.path[:] = [entry for entry in sys.path if entry not in {"", folder}]
    file = os.path.join(folder, "__init__.py")  # noqa: PTH118 - as above
    spec = importlib.util.spec_from_file_location(PACKAGE, file, submodule_search_locations=[folder])
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be loaded.")
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)
    trust_effective_rights()
    hide_what_is_refused()
    know_own_user()
    importlib.import_module(f"{PACKAGE}.{name}").main()


def trust_effective_rights() -> None:
    """Let `os.access` say whether a file can be opened.

    If the project's interpreter is in a private folder, the sandbox's user passes through such folders by a
    capability, which `access` ignores: of a file that a test can open, it says that it cannot be read.
    """
    real = os.access
    if real not in os.supports_effective_ids:
        return

    def access(
        path: int | str | bytes | os.PathLike[str] | os.PathLike[bytes],
        mode: int,
        *,
        dir_fd: int | None = None,
        effective_ids: bool = True,  # noqa: ARG001 - the real user is the same in a sandbox
        follow_symlinks: bool = True,
    ) -> bool:
        return real(path, mode, dir_fd=dir_fd, effective_ids=True, follow_symlinks=follow_symlinks)

    for known in (os.supports_effective_ids, os.supports_dir_fd, os.supports_follow_symlinks):
        if real in known:
            known.add(access)
    os.access = access


def hide_what_is_refused() -> None:
    """Let files of the kernel that the sandbox refuses look as if they were not there.

    Code that can do without them, for example on macOS, looks whether they are there before it reads them,
    and does not expect that it has no right to.
    """
    real = os.stat

    def stat(
        path: int | str | bytes | os.PathLike[str] | os.PathLike[bytes],
        *,
        dir_fd: int | None = None,
        follow_symlinks: bool = True,
    ) -> os.stat_result:
        found = real(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        _raise_if_refused(path)
        return found

    for known in (os.supports_fd, os.supports_dir_fd, os.supports_follow_symlinks):
        if real in known:
            known.add(stat)
    os.stat = stat
    sys.addaudithook(lambda event, arguments: _raise_if_refused(arguments[0]) if event in _READING else None)


def know_own_user() -> None:
    """Let `pwd` and `grp` know the user and the group of this process, as on any person's machine.

    Those of the sandbox have a number, but no entry.
    """
    try:
        import grp
        import pwd
    except ImportError:
        return
    user, group = os.getuid(), os.getgid()
    real_user, real_group = pwd.getpwuid, grp.getgrgid

    def getpwuid(uid: int, /) -> pwd.struct_passwd:
        try:
            return real_user(uid)
        except KeyError:
            if uid != user:
                raise
        return pwd.struct_passwd((_USER, "x", user, group, "", os.environ.get("HOME", "/"), "/bin/sh"))

    def getgrgid(id: int) -> grp.struct_group:  # noqa: A002 - as it is called there
        try:
            return real_group(id)
        except KeyError:
            if id != group:
                raise
        return grp.struct_group((_USER, "x", group, [_USER]))

    pwd.getpwuid, grp.getgrgid = getpwuid, getgrgid


def _raise_if_refused(path: object) -> None:
    """Raise `FileNotFoundError` for a file of the kernel that this process has no right to open.

    The folder of a process by its number is left as it is: psutil takes a process without one for ended.
    """
    if isinstance(path, (bytes, os.PathLike)):
        path = os.fsdecode(path)
    if not isinstance(path, str) or not path.startswith(_OF_THE_KERNEL) or getattr(_looks, "now", False):
        return
    if path.startswith("/proc/") and path[len("/proc/") :][:1].isdigit():
        return
    _looks.now = True  # because opening calls the hook again
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    except PermissionError:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
    except OSError:
        return
    finally:
        _looks.now = False


if __name__ == "__main__":
    start(sys.argv[1])
    os._exit(0)  # do not wait for threads started by the project

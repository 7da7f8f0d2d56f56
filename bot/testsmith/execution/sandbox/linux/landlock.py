"""Landlock: rules on the files a target may access, and the system calls to apply them.

Everything not allowed by a rule is refused: reading, writing, creating, removing and, depending on the
version, truncating, device controls, TCP, abstract sockets and signals to the outside, and sockets by path.
No version restricts reading a file's name, size and times, or changing its mode, owner, times and extended
attributes; see `seccomp.py` and `seccomp_supervisor.py` for those.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Sequence
from typing import NamedTuple

from testsmith.execution.sandbox.linux.kernel import open_without_links, system_call

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH, _NET_PORT = 1, 2

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << bit for bit in range(6, 13))
REFER, TRUNCATE, IOCTL_DEV, RESOLVE_UNIX = (1 << bit for bit in range(13, 17))
_BIND_TCP, _CONNECT_TCP = 1, 2
_ABSTRACT_SOCKETS, _SIGNALS = 1, 2

_FILES_SINCE = ((1, MAKE_SYM * 2 - 1), (2, REFER), (3, TRUNCATE), (5, IOCTL_DEV), (9, RESOLVE_UNIX))
_TCP_SINCE = 4
_SCOPES_SINCE = 6

READ = EXECUTE | READ_FILE | READ_DIR
WRITE = (
    READ
    | WRITE_FILE | TRUNCATE | REFER
    | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM
    | REMOVE_DIR | REMOVE_FILE
)  # fmt: skip
DEVICE = READ_FILE | WRITE_FILE | TRUNCATE
SHARED_MEMORY = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | MAKE_REG | REMOVE_FILE

_ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV | RESOLVE_UNIX


class PathRefused(OSError):
    """An allowed path cannot be opened, or contains a link. Landlock itself works."""


class Ruleset(NamedTuple):
    """What is refused in general, and the paths and ports that are allowed.

    Attributes:
        files: File access rights that are refused unless a path allows them.
        tcp: TCP rights that are refused.
        scopes: Scopes that do not reach beyond the sandbox.
        paths: Paths and the rights granted on them and everything below.
        ports: TCP ports that may be connected to, if TCP is refused.
    """

    files: int
    tcp: int
    scopes: int
    paths: list[tuple[str, int]]
    ports: list[int] = []  # noqa: RUF012 - never modified, and JSON has lists


def ruleset(
    version: int, paths: Sequence[tuple[str, int]], *, network: bool, ports: Sequence[int] = ()
) -> Ruleset:
    """Return the strictest rule set for a Landlock version that allows the given paths.

    Args:
        version: Landlock version.
        paths: Paths, each with rights.
        network: Whether TCP is allowed.
        ports: Ports to which TCP is limited in that case; empty for all.
    """
    tcp = _CONNECT_TCP if network and ports else 0 if network else _BIND_TCP | _CONNECT_TCP
    files = 0
    for since, rights in _FILES_SINCE:
        files |= rights if version >= since else 0
    return Ruleset(
        files=files,
        tcp=tcp if version >= _TCP_SINCE else 0,
        scopes=_ABSTRACT_SOCKETS | _SIGNALS if version >= _SCOPES_SINCE else 0,
        paths=[(path, rights & files) for path, rights in paths],
        ports=list(ports) if network and version >= _TCP_SINCE else [],
    )


def scopes_only() -> Ruleset:
    """Return a rule set that only confines signals and abstract sockets; requires version 6."""
    # Rule sets refuse moving files between folders unless they allow it.
    return Ruleset(files=REFER, tcp=0, scopes=_ABSTRACT_SOCKETS | _SIGNALS, paths=[("/", REFER)])


def version() -> int:
    """Return the Landlock version of the kernel; 0 if not available."""
    try:
        return system_call(_CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError:
        return 0


def open_ruleset(the_ruleset: Ruleset) -> int:
    """Create a rule set and return its file descriptor; paths are opened with the current privileges.

    Links in paths are not followed, because untrusted code may have created them and the caller may be able
    to read what the target must not.

    Raises:
        PathRefused: A path does not exist or contains a link.
        OSError: The kernel refuses the rule set.
    """
    attributes = (ctypes.c_uint64 * 3)(the_ruleset.files, the_ruleset.tcp, the_ruleset.scopes)
    opened = system_call(_CREATE_RULESET, attributes, ctypes.sizeof(attributes), 0)
    for path, rights in the_ruleset.paths:
        _allow(opened, path, rights)
    for port in the_ruleset.ports:
        allowed = (ctypes.c_uint64 * 2)(_CONNECT_TCP, port)  # struct landlock_net_port_attr
        system_call(_ADD_RULE, opened, _NET_PORT, allowed, 0)
    return opened


def restrict_self(opened: int) -> None:
    """Permanently apply a rule set to this thread and its future children.

    Raises:
        OSError: The kernel refuses; it requires `no_new_privs` or a capability first.
    """
    system_call(_RESTRICT_SELF, opened, 0)
    os.close(opened)


class _PathBeneath(ctypes.Structure):
    """`struct landlock_path_beneath_attr`."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("rights", ctypes.c_uint64), ("parent", ctypes.c_int32))


def _allow(opened: int, path: str, rights: int) -> None:
    try:
        parent = open_without_links(path)
    except OSError as error:
        reason = "a link is on the way" if error.errno == errno.ELOOP else error.strerror
        raise PathRefused(error.errno, f"the sandbox may not access {path}: {reason}") from error
    try:
        if not stat.S_ISDIR(os.fstat(parent).st_mode):
            rights &= _ON_FILES
        if rights:
            beneath = _PathBeneath(rights=rights, parent=parent)
            system_call(_ADD_RULE, opened, _PATH_BENEATH, ctypes.byref(beneath), 0)
    finally:
        os.close(parent)

"""Which files a target may reach, in the terms of the kernel's Landlock, and the calls that set it up.

What no rule allows is refused: reading, writing, making, removing, and from the versions on that have it,
truncating, device controls, TCP, abstract sockets and signals outwards, and sockets by path. Not held by
any version: looking at a file's name, size and times, and changing its mode, owner, times and extended
attributes; see `seccomp.py` and `deputy.py` for those.
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
    """A path that was to be allowed cannot be opened, or leads through a link. Landlock itself works."""


class Ruleset(NamedTuple):
    """All that is refused, and the paths with what is allowed beneath each after all.

    Attributes:
        files: The rights on files that are refused where no path allows them.
        tcp: The rights on TCP that are refused.
        scopes: What ends at the border of the sandbox.
        paths: A path, and the rights it gives on itself and on all that lies beneath it.
        ports: The ports that may be connected to by TCP, where that is refused.
    """

    files: int
    tcp: int
    scopes: int
    paths: list[tuple[str, int]]
    ports: list[int] = []  # noqa: RUF012 - nobody adds to it, and a list is what travels as JSON


def ruleset(
    version: int, paths: Sequence[tuple[str, int]], *, network: bool, ports: Sequence[int] = ()
) -> Ruleset:
    """Return the strictest rule set that a version of Landlock knows, with these paths allowed.

    Args:
        version: The version.
        paths: The paths, each with rights.
        network: Whether TCP is allowed.
        ports: The only ports to which, if so; empty for all.
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
    """Return the rule set that only keeps signals and abstract sockets inside; from version 6 on."""
    # Every rule set refuses moving files between folders, unless it says otherwise.
    return Ruleset(files=REFER, tcp=0, scopes=_ABSTRACT_SOCKETS | _SIGNALS, paths=[("/", REFER)])


def version() -> int:
    """Return the version of Landlock that the kernel offers; 0 where it offers none."""
    try:
        return system_call(_CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError:
        return 0


def open_ruleset(the_ruleset: Ruleset) -> int:
    """Return an open file that stands for a rule set; paths are looked up with the rights of now.

    No link is followed on the way to a path: untrusted code may have put it there, and the caller's rights
    may open what the target must not read.

    Raises:
        PathRefused: A path cannot be reached without a link.
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
    """Put this thread and all of its future children under an opened rule set, for good.

    Raises:
        OSError: The kernel refuses; it wants `no_new_privs` or a capability first.
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
        raise PathRefused(error.errno, f"{path} is not opened to the sandbox: {reason}") from error
    try:
        if not stat.S_ISDIR(os.fstat(parent).st_mode):
            rights &= _ON_FILES
        if rights:
            beneath = _PathBeneath(rights=rights, parent=parent)
            system_call(_ADD_RULE, opened, _PATH_BENEATH, ctypes.byref(beneath), 0)
    finally:
        os.close(parent)

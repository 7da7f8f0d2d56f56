"""Linux system calls that the standard library does not provide."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2

CAP_CHOWN, CAP_DAC_READ_SEARCH, CAP_SETGID, CAP_SETUID = 0, 2, 6, 7
"""Numbers of capabilities, see `capabilities(7)`."""
CAPABILITIES = range(64)
"""Possible numbers of capabilities; the kernel rejects those it does not know."""

_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_GET_ACTION_AVAIL = 2
_SECCOMP_RET_ERRNO = 0x00050000
_SECCOMP_FILTER_FLAG_NEW_LISTENER = 8
_SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 32
_SET_GROUPS = {"x86_64": 116, "aarch64": 159}
_SET_GROUP = {"x86_64": 119, "aarch64": 149}
_SET_USER = {"x86_64": 117, "aarch64": 147}
_OPENAT2 = 437
_RESOLVE_NO_SYMLINKS = 0x04
_PIDFD_GETFD = 438
_AT_CURRENT_FOLDER = -100
_AT_EMPTY_PATH = 0x1000
_CAPABILITY_VERSION_3 = 0x20080522

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long


def system_call(number: int, *arguments: Any) -> int:
    """Make a system call; integers are passed as C `long`.

    Raises:
        OSError: The call failed.
    """
    passed = (ctypes.c_long(each) if isinstance(each, int) else each for each in arguments)
    return _checked(_LIBC.syscall(ctypes.c_long(number), *passed))


def prctl(option: int, *values: int) -> int:
    """Set an attribute of this process.

    Raises:
        OSError: The call failed.
    """
    padded = (*values, 0, 0, 0, 0)[:4]
    return _checked(_LIBC.prctl(ctypes.c_int(option), *(ctypes.c_ulong(value) for value in padded)))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def filters_system_calls() -> bool:
    """Return whether the kernel supports system call filters on this machine."""
    number = _SECCOMP.get(os.uname().machine)
    action = ctypes.c_uint32(_SECCOMP_RET_ERRNO)
    try:
        system_call(number or -1, _SECCOMP_GET_ACTION_AVAIL, 0, ctypes.byref(action))
    except OSError:
        return False
    return number is not None


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def filter_system_calls(program: bytes, *, listen: bool = False) -> int:
    """Permanently apply a filter to this thread and its future children.

    Args:
        program: An array of `struct sock_filter`.
        listen: Whether to return a file descriptor for notifications about calls.

    Raises:
        OSError: The kernel refuses; it requires `no_new_privs` or a capability first.
    """
    argument = ctypes.byref(_Program(len(program) // 8, program))
    call = (_SECCOMP[os.uname().machine], _SECCOMP_SET_MODE_FILTER)
    if not listen:
        return system_call(*call, 0, argument)
    try:  # calls being handled are not restarted by signals
        flags = _SECCOMP_FILTER_FLAG_NEW_LISTENER | _SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
        return system_call(*call, flags, argument)
    except OSError as error:  # before Linux 5.19
        if error.errno != errno.EINVAL:
            raise
    return system_call(*call, _SECCOMP_FILTER_FLAG_NEW_LISTENER, argument)


def open_without_links(path: str) -> int:
    """Open an absolute path without links with `O_PATH` and return the file descriptor.

    Raises:
        OSError: The path does not exist or contains a link (`ELOOP`).
    """
    how = (ctypes.c_uint64 * 3)(os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_NO_SYMLINKS)
    return system_call(_OPENAT2, _AT_CURRENT_FOLDER, os.fsencode(path), how, ctypes.sizeof(how))


def become_user_in_this_thread(uid: int, gid: int) -> None:
    """Permanently become another user in this thread only, without supplementary groups.

    The C library would change all threads of the process.

    Raises:
        OSError: The kernel refuses.
    """
    machine = os.uname().machine
    system_call(_SET_GROUPS[machine], 0, None)
    system_call(_SET_GROUP[machine], gid, gid, gid)
    system_call(_SET_USER[machine], uid, uid, uid)


def pidfd_getfd(process: int, descriptor: int) -> int:
    """Duplicate a file descriptor of another process into this one.

    Raises:
        OSError: There is no such descriptor, or the kernel refuses.
    """
    return system_call(_PIDFD_GETFD, process, descriptor, 0)


def utimensat(descriptor: int, times: bytes | None) -> None:
    """Set the times of a file by descriptor; two `struct timespec`, or None for the current time.

    Raises:
        OSError: The call failed.
    """
    _checked(_LIBC.utimensat(ctypes.c_int(descriptor), b"", times, ctypes.c_int(_AT_EMPTY_PATH)))


def connect(socket: int, address: bytes) -> None:
    """Connect a socket to an address in the kernel's format.

    Raises:
        OSError: The kernel refuses, or nothing listens there.
    """
    _checked(_LIBC.connect(ctypes.c_int(socket), address, ctypes.c_uint(len(address))))


def tgkill(process: int, thread: int, number: int) -> None:
    """Send a signal to one thread of a process.

    Raises:
        OSError: The kernel refuses, or there is no such thread.
    """
    _checked(_LIBC.tgkill(ctypes.c_int(process), ctypes.c_int(thread), ctypes.c_int(number)))


def keep_only_capabilities(kept: int) -> None:
    """Drop all capabilities of this thread except those in a bit mask, which become inheritable.

    Raises:
        OSError: The kernel refuses, because this thread does not have one of them.
    """
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    low, high = kept & 0xFFFFFFFF, kept >> 32
    data = (ctypes.c_uint32 * 6)(low, low, low, high, high, high)
    _checked(_LIBC.capset(header, data))


def effective_capabilities() -> int:
    """Return this process's effective capabilities as a bit mask."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:  # noqa: PTH123 - see launcher
        for line in status:
            if line.startswith("CapEff:"):
                return int(line.split()[1], 16)
    return 0


def forbid_inspection() -> None:
    """Keep other processes of this user from reading this process's memory, environment and open files.

    Called once, early, in the bot's own process, which holds the API key.
    """
    prctl(PR_SET_DUMPABLE, 0)

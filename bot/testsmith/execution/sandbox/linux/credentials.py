"""Drop privileges: change to another user if root allows it, and always drop capabilities."""

from __future__ import annotations

import contextlib
import os

from testsmith.execution.sandbox.linux import kernel

_ALLOWED_TO_READ_ALL = 1 << kernel.CAP_DAC_READ_SEARCH


def drop(uid: int | None, gid: int | None, *, reads_all: bool) -> None:
    """Permanently become another user (if given), without supplementary groups and capabilities.

    Args:
        uid: User id; None to keep the user.
        gid: Group id; None to keep the group.
        reads_all: Whether to keep the capability to read any file, which the target inherits.

    Raises:
        OSError: The kernel refuses.
    """
    # The kept capability must stay in the bounding set until it is inheritable.
    kept = {kernel.CAP_DAC_READ_SEARCH} if reads_all else set()
    for capability in set(kernel.CAPABILITIES) - kept:
        with contextlib.suppress(OSError):  # without CAP_SETPCAP, `no_new_privs` must be enough
            kernel.prctl(kernel.PR_CAPBSET_DROP, capability)
    if uid is not None and gid is not None:
        kernel.prctl(kernel.PR_SET_KEEPCAPS, 1 if reads_all else 0)
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    kernel.keep_only_capabilities(_ALLOWED_TO_READ_ALL if reads_all else 0)
    if reads_all:
        kernel.prctl(kernel.PR_CAP_AMBIENT, kernel.PR_CAP_AMBIENT_RAISE, kernel.CAP_DAC_READ_SEARCH)


def drop_in_this_thread(uid: int, gid: int, *, reads_all: bool) -> None:
    """Permanently give this thread alone the privileges that `drop` leaves.

    Args:
        uid: User id.
        gid: Group id.
        reads_all: See `drop`.

    Raises:
        OSError: The kernel refuses.
    """
    kernel.prctl(kernel.PR_SET_KEEPCAPS, 1 if reads_all else 0)
    kernel.become_user_in_this_thread(uid, gid)
    kernel.keep_only_capabilities(_ALLOWED_TO_READ_ALL if reads_all else 0)

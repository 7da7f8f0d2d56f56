"""Whose rights the target has: another user's where root can give them, and no capabilities in any case."""

from __future__ import annotations

import contextlib
import os

from testsmith.execution.sandbox.linux import kernel

_ALLOWED_TO_READ_ALL = 1 << kernel.CAP_DAC_READ_SEARCH


def drop(uid: int | None, gid: int | None, *, reads_all: bool) -> None:
    """Become another user for good, without groups and capabilities; stay oneself where none is given.

    Args:
        uid: The user to become.
        gid: The group to become.
        reads_all: Whether to keep, for the target too, the capability to read whatever other layers leave.

    Raises:
        OSError: The kernel refuses.
    """
    # The kept one must stay in the bounding set until it is inheritable.
    kept = {kernel.CAP_DAC_READ_SEARCH} if reads_all else set()
    for capability in set(kernel.CAPABILITIES) - kept:
        with contextlib.suppress(OSError):  # without CAP_SETPCAP; then `no_new_privs` holds alone
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
    """Have this thread alone get the rights that `drop` gives, for good.

    Args:
        uid: The user to become.
        gid: The group to become.
        reads_all: As for `drop`.

    Raises:
        OSError: The kernel refuses.
    """
    kernel.prctl(kernel.PR_SET_KEEPCAPS, 1 if reads_all else 0)
    kernel.become_user_in_this_thread(uid, gid)
    kernel.keep_only_capabilities(_ALLOWED_TO_READ_ALL if reads_all else 0)

"""Choose the isolation layers from those that the machine offers. Pure except for `offer`."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from testsmith.execution.sandbox.linux import kernel, landlock
from testsmith.execution.sandbox.linux.plan import Layer
from testsmith.execution.sandbox.linux.seccomp import ARCHITECTURES
from testsmith.execution.sandbox.users import can_be_mapped
from testsmith.model import Failure

_NEEDED_TO_DROP = (kernel.CAP_SETUID, kernel.CAP_SETGID, kernel.CAP_CHOWN)
_HIGHEST_UID = 61183


class CannotIsolate(Failure):
    """The machine does not offer enough isolation; the message names what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the machine offers.

    Attributes:
        landlock: Landlock ABI version; 0 if not available.
        seccomp: Whether system calls can be filtered.
        is_root: Whether the bot runs as root, so that a separate user id is required.
        may_change_user: Whether root has the capabilities to change the user.
        may_read_all: Whether root has the capability that lets another user read its files.
    """

    landlock: int
    seccomp: bool
    is_root: bool
    may_change_user: bool
    may_read_all: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """Isolation layers in use.

    Attributes:
        landlock: Landlock ABI version in use; 0 for none.
        seccomp: Whether system calls are filtered.
        no_new_privileges: Whether executing a file can never add privileges.
        rlimits: Whether each process is limited.
        own_uid: Whether each run has its own user id.
        uses_replacement: Whether another interpreter of the same version is used, because that user cannot
            read the chosen one.
        reads_all: Whether, for the same reason, that user may read everything that Landlock does not forbid.
        supervised: Whether the supervisor decides on calls that depend on a path; if not, they are refused.
        missing: Required layers that are not used, each with the reason.
    """

    landlock: int
    seccomp: bool
    no_new_privileges: bool = True
    rlimits: bool = True
    own_uid: bool
    uses_replacement: bool = False
    reads_all: bool = False
    supervised: bool = True
    missing: Mapping[Layer, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why the trial run of an isolation failed.

    Attributes:
        layer: The layer that could not be applied or is not effective; None if the interpreter cannot be used
            under any layers.
        reason: Description of the problem.
        was_applied: Whether the layer was applied, so that the program got past it or claims to have done so.
    """

    layer: Layer | None
    reason: str
    was_applied: bool = False


def offer() -> Offer:
    """Query what the machine offers, without changing anything."""
    capabilities = kernel.effective_capabilities()
    is_root = os.geteuid() == 0
    may_drop = all(capabilities >> number & 1 for number in _NEEDED_TO_DROP)
    return Offer(
        landlock=landlock.version(),
        seccomp=platform.machine() in ARCHITECTURES and kernel.filters_system_calls(),
        is_root=is_root,
        may_change_user=is_root and may_drop and can_be_mapped(_HIGHEST_UID),
        may_read_all=bool(capabilities >> kernel.CAP_DAC_READ_SEARCH & 1),
    )


def choose(offered: Offer) -> Isolation:
    """Return the strongest isolation that the machine allows."""
    missing = {}
    if not offered.landlock:
        missing[Layer.LANDLOCK] = "the kernel does not support it"
    if not offered.seccomp:
        missing[Layer.SECCOMP] = "the kernel does not support it on this machine"
    if offered.is_root and not offered.may_change_user:
        missing[Layer.OWN_UID] = "root may not switch to another user here"
    return Isolation(
        landlock=offered.landlock,
        seccomp=offered.seccomp,
        own_uid=offered.may_change_user,
        missing=missing,
    )


def weaken(isolation: Isolation, offered: Offer, trouble: Trouble) -> Isolation | None:
    """Return the next weaker isolation after a failed trial; None if weakening cannot help."""
    if trouble.layer is not None:
        return _without(isolation, trouble.layer, trouble.reason)
    if not isolation.own_uid:
        return None
    if not isolation.uses_replacement and not isolation.reads_all:
        return replace(isolation, uses_replacement=True)
    if offered.may_read_all and isolation.landlock and not isolation.reads_all:
        return replace(isolation, uses_replacement=False, reads_all=True)
    return _without(isolation, Layer.OWN_UID, trouble.reason)


def _without(isolation: Isolation, layer: Layer, reason: str) -> Isolation | None:
    if layer is Layer.SECCOMP and isolation.supervised:
        return replace(isolation, supervised=False)  # notifications need a newer kernel than refusals
    weaker = {
        Layer.LANDLOCK: replace(isolation, landlock=0, reads_all=False),
        Layer.SECCOMP: replace(isolation, seccomp=False),
        Layer.OWN_UID: replace(isolation, own_uid=False, uses_replacement=False, reads_all=False),
        Layer.NO_NEW_PRIVILEGES: replace(isolation, no_new_privileges=False),
        Layer.RLIMITS: replace(isolation, rlimits=False),
    }[layer]
    if weaker == isolation:
        return None
    return replace(weaker, missing={**isolation.missing, layer: reason})


def require_all(isolation: Isolation) -> None:
    """Check that no required layer is missing.

    Raises:
        CannotIsolate: A layer is missing.
    """
    if isolation.missing:
        named = "; ".join(f"{layer} ({reason})" for layer, reason in isolation.missing.items())
        raise CannotIsolate(
            f"No project code was run, because the sandbox would lack: {named}. Use --sandbox best-effort "
            f"to run it anyway."
        )


def layer_names(isolation: Isolation) -> tuple[str, ...]:
    """Return the active layers, then the missing ones, for the report."""
    names = {
        Layer.OWN_UID: isolation.own_uid,
        Layer.NO_NEW_PRIVILEGES: isolation.no_new_privileges,
        Layer.RLIMITS: isolation.rlimits,
        Layer.SECCOMP: isolation.seccomp,
    }
    remedies = {
        "another interpreter of the same version": isolation.uses_replacement,
        "read access by Landlock alone": isolation.reads_all,
    }
    active = [str(layer) for layer, is_active in names.items() if is_active]
    if isolation.landlock:
        active.append(f"{Layer.LANDLOCK} {isolation.landlock}")
    active += ["scrubbed environment", "time limit", "bounds on memory, processes and disk"]
    active += [remedy for remedy, is_used in remedies.items() if is_used]
    return (*active, *missing_words(isolation))


def missing_words(isolation: Isolation) -> tuple[str, ...]:
    """Return the missing layers, each with the reason."""
    return tuple(f"without {layer}: {reason}" for layer, reason in isolation.missing.items())

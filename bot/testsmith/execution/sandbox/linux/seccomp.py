"""Build the system call filter: a classic BPF program that the kernel runs before each call (seccomp).

Calls without a rule are allowed: `syscalls.py` lists the harmful ones, and calls newer than its table return
"not implemented". Pure; the launcher installs the finished program.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from testsmith.execution.sandbox.linux.syscalls import NEWEST, NUMBERS, REFUSED, REFUSED_WITHOUT_OWN_UID

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""Supported machines as named by `uname -m`, with the kernel's AUDIT_ARCH values."""

LANDLOCK_TRUNCATE = 3
LANDLOCK_SCOPES = 6
LANDLOCK_UNIX_PATHS = 9
"""Landlock versions that added: truncation; abstract sockets and signals; sockets by path."""

_ERRNO = 0x00050000
_ALL_BITS = 0xFFFFFFFF


class Action(IntEnum):
    """What the kernel does with a call."""

    KILL = 0x80000000
    REFUSE = _ERRNO | errno.EPERM
    NOT_IMPLEMENTED = _ERRNO | errno.ENOSYS
    ASK_SUPERVISOR = 0x7FC00000
    ALLOW = 0x7FFF0000


class ArgumentCondition(NamedTuple):
    """True if a masked argument is among the values, or is not among them.

    Only the lower 32 bits are compared; every argument named here is an `int` to the kernel.
    """

    argument: int
    values: tuple[int, ...]
    mask: int = _ALL_BITS
    among: bool = True


class Rule(NamedTuple):
    """Action for some calls if all conditions are true."""

    calls: tuple[str, ...]
    action: Action
    conditions: tuple[ArgumentCondition, ...] = ()


class Instruction(NamedTuple):
    """Classic BPF instruction: `struct sock_filter`."""

    code: int
    if_true: int
    if_false: int
    value: int


class Policy(NamedTuple):
    """What the filter depends on.

    Attributes:
        own_uid: Whether the target has its own user id.
        landlock: Landlock version used with the filter; 0 for none.
        supervised: Whether the supervisor decides on calls that depend on a path or a process id. If the
            target has its own user id, this is only what makes connections.
        network: Whether internet sockets are allowed.
        loopback: Whether the supervisor connects TCP sockets of the run with each other.
    """

    own_uid: bool
    landlock: int
    supervised: bool = False
    network: bool = False
    loopback: bool = False


# Arguments, flags and address families from the kernel headers.
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_SOCK_STREAM, _SOCK_SEQPACKET, _SOCK_TYPE_MASK = 1, 5, 0xF
_TCP, _UDP = 6, 17  # IPPROTO_TCP, IPPROTO_UDP
_FAST_OPEN = 0x20000000  # MSG_FASTOPEN: connects without calling connect()
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_SET_USER_OR_GROUP = 0o6000
_O_CREAT = 0o100
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: inject input into the user's terminal
_SIGNAL_OWNER = (0x8901, 0x8902)  # FIOSETOWN, SIOCSPGRP: send signals to other processes
_FILE_FLAGS = (0x40086602, 0x401C5820)  # FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR
_F_SETOWN, _F_SETOWN_EX = 8, 15


def rules(policy: Policy) -> Iterator[Rule]:
    """Yield the rules of a policy; the first one that matches a call applies."""
    yield Rule(REFUSED, Action.REFUSE)
    # Their arguments are in memory, which filters cannot read; the C library falls back to clone and openat.
    yield Rule(("clone3", "openat2"), Action.NOT_IMPLEMENTED)
    yield Rule(("clone",), Action.REFUSE, (_has_bits(0, _NEW_NAMESPACES),))
    yield from _socket_rules(policy)
    if policy.loopback:
        yield Rule(("bind", "listen", "connect"), Action.ASK_SUPERVISOR)
    yield from _privileged_file_rules()
    yield Rule(("ioctl",), Action.REFUSE, (ArgumentCondition(1, _TERMINAL_INPUT + _SIGNAL_OWNER),))
    yield Rule(("fcntl",), Action.REFUSE, (ArgumentCondition(1, (_F_SETOWN, _F_SETOWN_EX)),))
    if not policy.own_uid:
        yield from _other_process_rules()
        yield from _shared_uid_rules(policy)
    elif policy.supervised:
        yield Rule(("connect",), Action.ASK_SUPERVISOR)


def _has_bits(argument: int, bits: int) -> ArgumentCondition:
    return ArgumentCondition(argument, (0,), mask=bits, among=False)


def _socket_rules(policy: Policy) -> Iterator[Rule]:
    """Refuse sockets, except socket pairs. Local sockets require protection of abstract names and paths."""
    paths_are_held = policy.supervised or policy.landlock >= LANDLOCK_UNIX_PATHS
    local = policy.landlock >= LANDLOCK_SCOPES and paths_are_held
    internet = (_AF_INET, _AF_INET6) if policy.network or policy.loopback else ()
    families = ((_AF_UNIX,) if local else ()) + internet
    if families:
        yield Rule(("socket",), Action.REFUSE, (ArgumentCondition(0, families, among=False),))
    else:
        yield Rule(("socket",), Action.REFUSE)
    if internet:  # Landlock only restricts TCP ports, in `connect`, and the supervisor only TCP
        of_internet = ArgumentCondition(0, internet)
        protocols = (0, _TCP, _UDP) if policy.network else (0, _TCP)
        yield Rule(("socket",), Action.REFUSE, (of_internet, ArgumentCondition(2, protocols, among=False)))
        if not policy.network:
            other_types = ArgumentCondition(1, (_SOCK_STREAM,), mask=_SOCK_TYPE_MASK, among=False)
            yield Rule(("socket",), Action.REFUSE, (of_internet, other_types))
        yield Rule(("sendto", "sendmmsg"), Action.REFUSE, (_has_bits(3, _FAST_OPEN),))
        yield Rule(("sendmsg",), Action.REFUSE, (_has_bits(2, _FAST_OPEN),))
    yield Rule(("socketpair",), Action.REFUSE, (ArgumentCondition(0, (_AF_UNIX,), among=False),))
    if policy.landlock < LANDLOCK_UNIX_PATHS:
        # Other types can send to any socket path without connecting.
        connected = ArgumentCondition(1, (_SOCK_STREAM, _SOCK_SEQPACKET), mask=_SOCK_TYPE_MASK, among=False)
        yield Rule(("socket", "socketpair"), Action.REFUSE, (ArgumentCondition(0, (_AF_UNIX,)), connected))


def _privileged_file_rules() -> Iterator[Rule]:
    """Refuse setuid and setgid files, which run with their owner's rights."""
    for calls, mode in (
        (("chmod", "fchmod", "mknod", "creat"), 1),
        (("fchmodat", "fchmodat2", "mknodat"), 2),
    ):
        yield Rule(calls, Action.REFUSE, (_has_bits(mode, _SET_USER_OR_GROUP),))
    for call, flags in (("open", 1), ("openat", 2)):
        conditions = (_has_bits(flags, _O_CREAT), _has_bits(flags + 1, _SET_USER_OR_GROUP))
        yield Rule((call,), Action.REFUSE, conditions)


def _other_process_rules() -> Iterator[Rule]:
    """Refuse changing limits or priorities of other processes; 0 is the calling process."""
    own_only = (ArgumentCondition(0, (0,), among=False),)
    schedulers = ("sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr")
    yield Rule(("prlimit64", *schedulers), Action.REFUSE, own_only)
    yield Rule(("setpriority", "ioprio_set"), Action.REFUSE, (ArgumentCondition(1, (0,), among=False),))
    yield Rule(("setpriority",), Action.REFUSE, own_only)  # 0 is also PRIO_PROCESS
    yield Rule(
        ("ioprio_set",), Action.REFUSE, (ArgumentCondition(0, (1,), among=False),)
    )  # IOPRIO_WHO_PROCESS


def _shared_uid_rules(policy: Policy) -> Iterator[Rule]:
    """Protect other files and processes of the bot's user, which a separate user id would do."""
    yield Rule(REFUSED_WITHOUT_OWN_UID, Action.REFUSE)
    yield Rule(("ioctl",), Action.REFUSE, (ArgumentCondition(1, _FILE_FLAGS),))
    if policy.landlock < LANDLOCK_TRUNCATE:
        yield Rule(("truncate",), Action.REFUSE)
    if policy.supervised:  # the kernel's limit on processes counts those of the user, too
        yield Rule(("clone", "fork", "vfork"), Action.ASK_SUPERVISOR)
    decided_by_path = Action.ASK_SUPERVISOR if policy.supervised else Action.REFUSE
    yield Rule(("chmod", "fchmod", "fchmodat", "fchmodat2", "utimensat"), decided_by_path)
    if policy.landlock < LANDLOCK_UNIX_PATHS:
        yield Rule(("connect",), decided_by_path)
    if policy.landlock < LANDLOCK_SCOPES:
        yield Rule(("pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo"), Action.REFUSE)
        yield Rule(("kill", "tkill", "tgkill"), decided_by_path)


# Opcodes of classic BPF, and offsets in `struct seccomp_data`.
_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_JUMP_EQUAL, _JUMP_GREATER = 0x15, 0x25
_AT_NUMBER, _AT_ARCHITECTURE, _AT_ARGUMENTS = 0, 4, 16


def assemble(the_rules: Iterable[Rule], machine: str) -> list[Instruction]:
    """Return the program that implements the rules on one of `ARCHITECTURES`."""
    column = list(ARCHITECTURES).index(machine)
    program = [
        _load(_AT_ARCHITECTURE),
        # Calls from another architecture (32-bit) have different numbers.
        Instruction(_JUMP_EQUAL, 1, 0, ARCHITECTURES[machine]),
        _return(Action.KILL),
        _load(_AT_NUMBER),
        Instruction(_JUMP_GREATER, 0, 1, NEWEST),
        _return(Action.NOT_IMPLEMENTED),
    ]
    for rule in the_rules:
        for call in rule.calls:
            number = NUMBERS[call][column]
            if number is not None:
                program += _block(number, rule)
    return [*program, _return(Action.ALLOW)]


def encode(program: Iterable[Instruction]) -> bytes:
    """Return a program as an array of `struct sock_filter`, little-endian."""
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def _block(number: int, rule: Rule) -> list[Instruction]:
    """Return the code of one rule for one call. The call's number is loaded before and after."""
    if not rule.conditions:
        return [Instruction(_JUMP_EQUAL, 0, 1, number), _return(rule.action)]
    block = [_return(rule.action)]
    for condition in reversed(rule.conditions):
        block = _test(condition, miss=len(block)) + block
    return [Instruction(_JUMP_EQUAL, 0, len(block) + 1, number), *block, _load(_AT_NUMBER)]


def _test(condition: ArgumentCondition, miss: int) -> list[Instruction]:
    """Return the code of a condition, which skips `miss` instructions if it is false."""
    instructions = [_load(_AT_ARGUMENTS + 8 * condition.argument)]
    if condition.mask != _ALL_BITS:
        instructions.append(Instruction(_AND, 0, 0, condition.mask))
    for left, value in zip(reversed(range(len(condition.values))), condition.values, strict=True):
        if condition.among:
            instructions.append(Instruction(_JUMP_EQUAL, left, 0 if left else miss, value))
        else:
            instructions.append(Instruction(_JUMP_EQUAL, left + miss, 0, value))
    return instructions


def _load(offset: int) -> Instruction:
    return Instruction(_LOAD, 0, 0, offset)


def _return(action: Action) -> Instruction:
    return Instruction(_RETURN, 0, 0, action)

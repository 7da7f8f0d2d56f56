"""The filter on system calls, as the program that the kernel runs before each call (seccomp, classic BPF).

It lets through what it does not name: which calls exist is for the kernel to say, which of them hurt
somebody stands in `syscalls.py`, and what is newer than the table answers "not implemented". Pure; the
launcher hands the finished program to the kernel.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from testsmith.execution.sandbox.linux.syscalls import NEWEST, NUMBERS, REFUSED, REFUSED_WITHOUT_OWN_UID

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""The machines there is a table for, as `uname -m` names them, with the kernel's AUDIT_ARCH value."""

LANDLOCK_TRUNCATE = 3
LANDLOCK_SCOPES = 6
LANDLOCK_UNIX_PATHS = 9
"""From which version of Landlock on it holds `truncate`, abstract sockets and signals, sockets by path."""

_ERRNO = 0x00050000
_ALL_BITS = 0xFFFFFFFF


class Action(IntEnum):
    """What the kernel does with a call."""

    KILL = 0x80000000
    REFUSE = _ERRNO | errno.EPERM
    NOT_IMPLEMENTED = _ERRNO | errno.ENOSYS
    ASK_DEPUTY = 0x7FC00000
    ALLOW = 0x7FFF0000


class ArgumentCondition(NamedTuple):
    """Holds where an argument, after masking, is among the values, or is not among them.

    Only the lower half of the argument is looked at: every argument named here is an `int` to the kernel.
    """

    argument: int
    values: tuple[int, ...]
    mask: int = _ALL_BITS
    among: bool = True


class Rule(NamedTuple):
    """What is done with some calls where all conditions hold."""

    calls: tuple[str, ...]
    action: Action
    conditions: tuple[ArgumentCondition, ...] = ()


class Instruction(NamedTuple):
    """One instruction of classic BPF: `struct sock_filter`."""

    code: int
    if_true: int
    if_false: int
    value: int


class Policy(NamedTuple):
    """What the filter depends on.

    Attributes:
        own_uid: Whether the target runs under a user id that nobody else has.
        landlock: The version of Landlock that holds beside the filter; 0 where there is none.
        deputy: Whether the keeper decides on calls that only a path or a process id can tell harmless; with
            a user id of its own that is connecting alone.
        network: Whether internet sockets are allowed.
    """

    own_uid: bool
    landlock: int
    deputy: bool = False
    network: bool = False


# Arguments, flags and families as the kernel's headers have them.
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_SOCK_STREAM, _SOCK_SEQPACKET, _SOCK_TYPE_MASK = 1, 5, 0xF
_TCP, _UDP = 6, 17  # IPPROTO_TCP, IPPROTO_UDP
_FAST_OPEN = 0x20000000  # MSG_FASTOPEN: to connect without a call of connect
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_SET_USER_OR_GROUP = 0o6000
_O_CREAT = 0o100
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: typing for the person at the terminal
_SIGNAL_OWNER = (0x8901, 0x8902)  # FIOSETOWN, SIOCSPGRP: signals to another process through a file
_FILE_FLAGS = (0x40086602, 0x401C5820)  # FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR
_F_SETOWN, _F_SETOWN_EX = 8, 15


def rules(policy: Policy) -> Iterator[Rule]:
    """Yield the rules of a policy; the first that applies to a call counts."""
    yield Rule(REFUSED, Action.REFUSE)
    # Their arguments lie in memory, which no filter can read; the C library falls back to clone and openat.
    yield Rule(("clone3", "openat2"), Action.NOT_IMPLEMENTED)
    yield Rule(("clone",), Action.REFUSE, (_has_bits(0, _NEW_NAMESPACES),))
    yield from _socket_rules(policy)
    yield from _privileged_file_rules()
    yield Rule(("ioctl",), Action.REFUSE, (ArgumentCondition(1, _TERMINAL_INPUT + _SIGNAL_OWNER),))
    yield Rule(("fcntl",), Action.REFUSE, (ArgumentCondition(1, (_F_SETOWN, _F_SETOWN_EX)),))
    if not policy.own_uid:
        yield from _other_process_rules()
        yield from _shared_uid_rules(policy)
    elif policy.deputy:
        yield Rule(("connect",), Action.ASK_DEPUTY)


def _has_bits(argument: int, bits: int) -> ArgumentCondition:
    return ArgumentCondition(argument, (0,), mask=bits, among=False)


def _socket_rules(policy: Policy) -> Iterator[Rule]:
    """Refuse sockets; a socket pair is a pipe. Local ones need what holds abstract names, and paths."""
    paths_are_held = policy.deputy or policy.landlock >= LANDLOCK_UNIX_PATHS
    local = policy.landlock >= LANDLOCK_SCOPES and paths_are_held
    families = ((_AF_UNIX,) if local else ()) + ((_AF_INET, _AF_INET6) if policy.network else ())
    if families:
        yield Rule(("socket",), Action.REFUSE, (ArgumentCondition(0, families, among=False),))
    else:
        yield Rule(("socket",), Action.REFUSE)
    if policy.network:  # Landlock's rules on ports are about TCP and `connect` alone
        other_kinds = ArgumentCondition(2, (0, _TCP, _UDP), among=False)
        yield Rule(("socket",), Action.REFUSE, (ArgumentCondition(0, (_AF_INET, _AF_INET6)), other_kinds))
        yield Rule(("sendto", "sendmmsg"), Action.REFUSE, (_has_bits(3, _FAST_OPEN),))
        yield Rule(("sendmsg",), Action.REFUSE, (_has_bits(2, _FAST_OPEN),))
    yield Rule(("socketpair",), Action.REFUSE, (ArgumentCondition(0, (_AF_UNIX,), among=False),))
    if policy.landlock < LANDLOCK_UNIX_PATHS:
        # Any other kind sends to the path of a stranger's socket without connecting to it first.
        connected = ArgumentCondition(1, (_SOCK_STREAM, _SOCK_SEQPACKET), mask=_SOCK_TYPE_MASK, among=False)
        yield Rule(("socket", "socketpair"), Action.REFUSE, (ArgumentCondition(0, (_AF_UNIX,)), connected))


def _privileged_file_rules() -> Iterator[Rule]:
    """Refuse files that would lend their owner's rights to whoever executes them."""
    for calls, mode in (
        (("chmod", "fchmod", "mknod", "creat"), 1),
        (("fchmodat", "fchmodat2", "mknodat"), 2),
    ):
        yield Rule(calls, Action.REFUSE, (_has_bits(mode, _SET_USER_OR_GROUP),))
    for call, flags in (("open", 1), ("openat", 2)):
        conditions = (_has_bits(flags, _O_CREAT), _has_bits(flags + 1, _SET_USER_OR_GROUP))
        yield Rule((call,), Action.REFUSE, conditions)


def _other_process_rules() -> Iterator[Rule]:
    """Refuse changing the limits and the turn of any process but the calling one, which is named 0."""
    own_only = (ArgumentCondition(0, (0,), among=False),)
    schedulers = ("sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr")
    yield Rule(("prlimit64", *schedulers), Action.REFUSE, own_only)
    yield Rule(("setpriority", "ioprio_set"), Action.REFUSE, (ArgumentCondition(1, (0,), among=False),))
    yield Rule(("setpriority",), Action.REFUSE, own_only)  # 0 is also PRIO_PROCESS
    yield Rule(
        ("ioprio_set",), Action.REFUSE, (ArgumentCondition(0, (1,), among=False),)
    )  # IOPRIO_WHO_PROCESS


def _shared_uid_rules(policy: Policy) -> Iterator[Rule]:
    """Hold what a user id of its own would hold: the person's other files and processes."""
    yield Rule(REFUSED_WITHOUT_OWN_UID, Action.REFUSE)
    yield Rule(("ioctl",), Action.REFUSE, (ArgumentCondition(1, _FILE_FLAGS),))
    if policy.landlock < LANDLOCK_TRUNCATE:
        yield Rule(("truncate",), Action.REFUSE)
    if policy.deputy:  # the kernel counts processes by user only, and here with the person's own
        yield Rule(("clone", "fork", "vfork"), Action.ASK_DEPUTY)
    decided_by_path = Action.ASK_DEPUTY if policy.deputy else Action.REFUSE
    yield Rule(("chmod", "fchmod", "fchmodat", "fchmodat2", "utimensat"), decided_by_path)
    if policy.landlock < LANDLOCK_UNIX_PATHS:
        yield Rule(("connect",), decided_by_path)
    if policy.landlock < LANDLOCK_SCOPES:
        yield Rule(("pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo"), Action.REFUSE)
        yield Rule(("kill", "tkill", "tgkill"), decided_by_path)


# Instruction codes of classic BPF, and where `struct seccomp_data` holds what they load.
_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_JUMP_EQUAL, _JUMP_GREATER = 0x15, 0x25
_AT_NUMBER, _AT_ARCHITECTURE, _AT_ARGUMENTS = 0, 4, 16


def assemble(the_rules: Iterable[Rule], machine: str) -> list[Instruction]:
    """Return the program that carries the rules out on a machine of `ARCHITECTURES`."""
    column = list(ARCHITECTURES).index(machine)
    program = [
        _load(_AT_ARCHITECTURE),
        # A call by another architecture's numbers (32-bit ones) would be read by the wrong table.
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
    """Return a program as the kernel takes it: an array of `struct sock_filter`, little-endian."""
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def _block(number: int, rule: Rule) -> list[Instruction]:
    """Return what carries out one rule for one call, with the call's number loaded before and after."""
    if not rule.conditions:
        return [Instruction(_JUMP_EQUAL, 0, 1, number), _return(rule.action)]
    block = [_return(rule.action)]
    for condition in reversed(rule.conditions):
        block = _test(condition, miss=len(block)) + block
    return [Instruction(_JUMP_EQUAL, 0, len(block) + 1, number), *block, _load(_AT_NUMBER)]


def _test(condition: ArgumentCondition, miss: int) -> list[Instruction]:
    """Return a condition's test: it goes on where it holds, and else passes over `miss` instructions."""
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

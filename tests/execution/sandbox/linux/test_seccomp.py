"""The filter's program, carried out as the kernel would."""

import errno
import struct

import pytest

from testsmith.execution.sandbox.linux.seccomp import (
    ARCHITECTURES,
    Action,
    ArgumentCondition,
    Instruction,
    Policy,
    Rule,
    assemble,
    encode,
    rules,
)
from testsmith.execution.sandbox.linux.syscalls import NUMBERS, REFUSED, REFUSED_WITHOUT_OWN_UID

OWN, SHARED = (Policy(own_uid=own_uid, landlock=7, supervised=True) for own_uid in (True, False))
EPERM = Action.REFUSE


def carry_out(program: list[Instruction], architecture: int, number: int, *arguments: int) -> int:
    """Return what a program answers to a call: the four kinds of instruction that it is made of."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    accumulator = at = 0
    while True:
        code, if_true, if_false, value = program[at]
        at += 1
        match code:
            case 0x20:
                accumulator = int.from_bytes(data[value : value + 4], "little")
            case 0x54:
                accumulator &= value
            case 0x15:
                at += if_true if accumulator == value else if_false
            case 0x25:
                at += if_true if accumulator > value else if_false
            case 0x06:
                return value
            case _:
                raise AssertionError(f"no such instruction: {code:#x}")


def decide(policy: Policy, call: str, *arguments: int, machine: str = "x86_64") -> int:
    program = assemble(rules(policy), machine)
    number = NUMBERS[call][list(ARCHITECTURES).index(machine)]
    assert number is not None
    return carry_out(program, ARCHITECTURES[machine], number, *arguments)


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize("policy", [OWN, SHARED])
def test_rules__what_is_always_refused(machine: str, policy: Policy) -> None:
    program = assemble(rules(policy), machine)
    column = list(ARCHITECTURES).index(machine)
    calls = REFUSED if policy.own_uid else REFUSED + REFUSED_WITHOUT_OWN_UID
    numbers = [number for call in calls if (number := NUMBERS[call][column]) is not None]
    assert {carry_out(program, ARCHITECTURES[machine], number) for number in numbers} == {EPERM}


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_rules__what_is_not_named_is_let_through(machine: str) -> None:
    program = assemble(rules(SHARED), machine)
    named = {numbers[list(ARCHITECTURES).index(machine)] for numbers in NUMBERS.values()}
    others = set(range(463)) - named
    assert {carry_out(program, ARCHITECTURES[machine], number) for number in others} == {Action.ALLOW}


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_rules__another_architecture_is_killed(machine: str) -> None:
    program = assemble(rules(OWN), machine)
    for architecture in {0x40000003, 0x40000028, *ARCHITECTURES.values()} - {ARCHITECTURES[machine]}:
        assert carry_out(program, architecture, 39) == Action.KILL


@pytest.mark.parametrize("number", [463, 512, 0x40000000, 0x40000000 | 41, 0xFFFFFFFF])
def test_rules__newer_calls_and_those_of_x32_are_not_implemented(number: int) -> None:
    program = assemble(rules(OWN), "x86_64")
    assert carry_out(program, ARCHITECTURES["x86_64"], number) == Action.NOT_IMPLEMENTED


UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
STREAM, DGRAM, SEQPACKET, CLOEXEC = 1, 2, 5, 0o2000000


@pytest.mark.parametrize(
    ("policy", "family", "allowed"),
    [
        (OWN, UNIX, True),
        (OWN, INET, False),
        (OWN, NETLINK, False),
        (OWN._replace(landlock=5), UNIX, False),  # nothing would hold abstract names
        # nothing would hold sockets that everybody may write to
        (OWN._replace(supervised=False), UNIX, False),
        (OWN._replace(supervised=False, landlock=9), UNIX, True),
        (OWN._replace(network=True, supervised=False), UNIX, False),
        (OWN._replace(network=True), INET, True),
        (OWN._replace(network=True), INET6, True),
        (OWN._replace(network=True), NETLINK, False),
        (OWN._replace(network=True, landlock=0), UNIX, False),
        (SHARED, UNIX, True),
        (SHARED._replace(supervised=False), UNIX, False),  # nothing would hold sockets by path
        (SHARED._replace(supervised=False, landlock=9), UNIX, True),
        (SHARED._replace(landlock=5), UNIX, False),
    ],
)
def test_rules__families_of_sockets(policy: Policy, family: int, *, allowed: bool) -> None:
    assert decide(policy, "socket", family, STREAM | CLOEXEC) == (Action.ALLOW if allowed else EPERM)


@pytest.mark.parametrize(
    ("protocol", "allowed"), [(0, True), (6, True), (17, True), (132, False), (262, False)]
)
def test_rules__with_the_network_no_protocol_that_landlock_does_not_hold(
    protocol: int, *, allowed: bool
) -> None:
    policy = OWN._replace(network=True)
    assert decide(policy, "socket", INET, STREAM, protocol) == (Action.ALLOW if allowed else EPERM)


def test_rules__with_the_network_no_connecting_while_sending() -> None:
    policy, fast_open = OWN._replace(network=True), 0x20000000
    for call, before in (("sendto", 3), ("sendmmsg", 3), ("sendmsg", 2)):
        assert decide(policy, call, *[0] * before, 0x40) == Action.ALLOW
        assert decide(policy, call, *[0] * before, fast_open | 0x40) == EPERM


@pytest.mark.parametrize("policy", [OWN, SHARED])
def test_rules__loopback_is_tcp_that_the_supervisor_connects(policy: Policy) -> None:
    policy = policy._replace(loopback=True)
    for family in (INET, INET6):
        assert decide(policy, "socket", family, STREAM | CLOEXEC, 6) == Action.ALLOW
        for kind, protocol in ((DGRAM, 0), (DGRAM, 17), (3, 6), (STREAM, 262), (STREAM, 17)):
            assert decide(policy, "socket", family, kind, protocol) == EPERM
    for call in ("bind", "listen", "connect"):
        assert decide(policy, call) == decide(policy._replace(landlock=9), call) == Action.ASK_SUPERVISOR
    assert decide(policy, "sendto", 0, 0, 0, 0x20000000) == EPERM
    assert decide(policy, "socket", NETLINK, STREAM) == EPERM
    assert decide(policy, "socketpair", INET, STREAM) == EPERM


def test_rules__the_upper_half_of_an_argument_hides_nothing() -> None:
    assert decide(OWN, "socket", 1 << 32 | INET, STREAM) == EPERM
    assert decide(OWN, "clone", 1 << 32 | 0x10000000) == EPERM


@pytest.mark.parametrize("call", ["socket", "socketpair"])
def test_rules__datagrams_go_nowhere_without_asking(call: str) -> None:
    for policy in (OWN, SHARED):
        assert decide(policy, call, UNIX, DGRAM | CLOEXEC) == EPERM
        assert decide(policy, call, UNIX, 3) == EPERM  # SOCK_RAW, which is the same there
        assert decide(policy, call, UNIX, SEQPACKET | CLOEXEC) == Action.ALLOW
        assert decide(policy._replace(landlock=9), call, UNIX, DGRAM) == Action.ALLOW


def test_rules__processes_but_no_namespaces() -> None:
    assert decide(OWN, "clone", 17) == Action.ALLOW
    assert decide(OWN, "clone", 0x003D0F00) == Action.ALLOW  # what the C library makes threads with
    for namespace in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert decide(OWN, "clone", 17 | namespace) == EPERM
        assert decide(SHARED, "clone", 17 | namespace) == EPERM
    assert decide(OWN, "clone3") == Action.NOT_IMPLEMENTED
    assert decide(OWN, "openat2") == Action.NOT_IMPLEMENTED


def test_rules__the_supervisor_counts_the_tasks_of_a_shared_user() -> None:
    for call in ("clone", "fork", "vfork"):
        assert decide(OWN, call) == Action.ALLOW
        assert decide(SHARED, call) == Action.ASK_SUPERVISOR
        assert decide(SHARED._replace(supervised=False), call) == Action.ALLOW


def test_rules__modes_that_lend_rights() -> None:
    assert decide(OWN, "chmod", 0, 0o755) == Action.ALLOW
    assert decide(OWN, "chmod", 0, 0o4755) == EPERM
    assert decide(OWN, "fchmodat", 0, 0, 0o2755) == EPERM
    assert decide(OWN, "openat", 0, 0, 0o101, 0o6755) == EPERM
    assert decide(OWN, "openat", 0, 0, 0o101, 0o666) == Action.ALLOW
    assert decide(OWN, "openat", 0, 0, 0, 0o6755) == Action.ALLOW  # makes nothing, so the mode is no mode
    assert decide(OWN, "mknodat", 0, 0, 0o104755) == EPERM


def test_rules__terminals_and_owners_of_signals() -> None:
    assert decide(OWN, "ioctl", 0, 0x5401) == Action.ALLOW
    for request in (0x5412, 0x541C, 0x8901, 0x8902):
        assert decide(OWN, "ioctl", 0, request) == EPERM
    assert decide(OWN, "fcntl", 0, 8) == EPERM
    assert decide(OWN, "fcntl", 0, 4) == Action.ALLOW


def test_rules__other_processes_of_a_shared_user() -> None:
    for call in ("prlimit64", "sched_setaffinity", "sched_setattr"):
        assert decide(SHARED, call, 0) == Action.ALLOW
        assert decide(SHARED, call, 77) == EPERM
        assert decide(OWN, call, 77) == Action.ALLOW  # the kernel refuses it to another user
    assert decide(SHARED, "setpriority", 0, 0) == Action.ALLOW
    assert decide(SHARED, "setpriority", 0, 77) == EPERM
    assert decide(SHARED, "setpriority", 2, 0) == EPERM  # all of the user's
    assert decide(SHARED, "ioprio_set", 1, 0) == Action.ALLOW
    assert decide(SHARED, "ioprio_set", 3, 0) == EPERM


@pytest.mark.parametrize(
    ("landlock", "asked", "refused"),
    [
        (1, {"chmod", "utimensat", "connect", "kill", "tgkill"}, {"truncate", "pidfd_send_signal"}),
        (3, {"chmod", "utimensat", "connect", "kill", "tgkill"}, {"pidfd_send_signal"}),
        (6, {"chmod", "utimensat", "connect"}, set()),
        (9, {"chmod", "utimensat"}, set()),
    ],
)
def test_rules__what_landlock_does_not_hold_is_asked_or_refused(
    landlock: int, asked: set[str], refused: set[str]
) -> None:
    calls = {"chmod", "utimensat", "connect", "kill", "tgkill", "truncate", "pidfd_send_signal"}
    expected = {call: Action.ASK_SUPERVISOR if call in asked else EPERM for call in asked | refused}
    with_supervisor = SHARED._replace(landlock=landlock)
    assert {call: decide(with_supervisor, call) for call in calls} == dict.fromkeys(
        calls, Action.ALLOW
    ) | expected
    without = with_supervisor._replace(supervised=False)
    assert {call for call in calls if decide(without, call) == EPERM} == asked | refused
    alone = with_supervisor._replace(own_uid=True)
    assert {call for call in calls if decide(alone, call) != Action.ALLOW} == {"connect"}
    assert decide(alone, "connect") == Action.ASK_SUPERVISOR
    assert decide(alone._replace(supervised=False), "connect") == Action.ALLOW  # there is nothing to connect


def test_assemble__every_condition_counts_and_the_rules_go_on() -> None:
    both = (ArgumentCondition(0, (1, 2)), ArgumentCondition(1, (5,), mask=7, among=False))
    the_rules = [
        Rule(("ptrace",), EPERM, both),
        Rule(("ptrace",), Action.KILL, (ArgumentCondition(2, (9,)),)),
    ]
    program = assemble(the_rules, "x86_64")
    number, architecture = NUMBERS["ptrace"][0] or 0, ARCHITECTURES["x86_64"]
    assert carry_out(program, architecture, number, 2, 4) == EPERM
    assert carry_out(program, architecture, number, 3, 4) == Action.ALLOW
    assert carry_out(program, architecture, number, 2, 8 | 5) == Action.ALLOW
    assert carry_out(program, architecture, number, 2, 5, 9) == Action.KILL
    assert carry_out(program, architecture, number + 1, 2, 4, 9) == Action.ALLOW


def test_encode__is_what_the_kernel_reads() -> None:
    program = [Instruction(0x15, 1, 2, 0xC000003E), Instruction(0x06, 0, 0, 0x50000 | errno.EPERM)]
    assert encode(program) == bytes.fromhex("15000102 3e0000c0 06000000 01000500")


def test_assemble__stays_below_the_kernels_limit() -> None:
    assert len(assemble(rules(SHARED._replace(landlock=1)), "x86_64")) < 4096

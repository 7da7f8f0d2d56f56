"""Attacks on other processes, on the kernel, and by processes that stay."""

import os
import signal
import time
from pathlib import Path

import pytest

from fakes.attack_site import (
    PLANTED,
    AttackSite,
    SecondBot,
    is_filtered_already,
    marked,
    new_attack_site,
)
from testsmith.execution.sandbox.interface import Limits

YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")

_C = "import ctypes; c = ctypes.CDLL(None, use_errno=True)\n"
_CHECKED = "if {call} < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))"


def in_c(call: str) -> str:
    return _C + _CHECKED.format(call=call)


ON_PROCESSES = {
    "stop another process": "os.kill(VICTIM, signal.SIGSTOP)",
    "ask for another process": "os.kill(VICTIM, 0)",
    "end another group": "os.killpg(VICTIM, signal.SIGURG)",
    "signal by a process's file": "signal.pidfd_send_signal(os.pidfd_open(VICTIM), signal.SIGURG)",
    "signal a thread": in_c("c.syscall(200, VICTIM, 23)"),  # tkill
    "signal with a value": in_c("c.sigqueue(VICTIM, 23, None)"),
    "limit another process": """
        import resource
        resource.prlimit(VICTIM, resource.RLIMIT_NOFILE, (3, 3))
        """,
    "pin another process": "os.sched_setaffinity(VICTIM, os.sched_getaffinity(VICTIM))",
    "make another process wait": "os.setpriority(os.PRIO_PROCESS, VICTIM, 19)",
    "read another process's environment": "return open(f'/proc/{VICTIM}/environ').read()",
    "read every environment": """
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                found += [open(f"/proc/{pid}/environ").read()]
            except OSError:
                continue
        return [text for text in found if "KEY" in text][0]
        """,
    "read a command line": "return open(f'/proc/{VICTIM}/cmdline').read()",
    "list processes": "return os.listdir('/proc')",
}
FOR_TRACERS = {
    "trace": in_c("c.ptrace(0x4206, VICTIM, 0, 0)"),  # PTRACE_SEIZE
    "read memory": _C
    + """
local = ctypes.create_string_buffer(8)
class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
here, there = Span(ctypes.addressof(local), 8), Span(4096, 8)
got = c.process_vm_readv(VICTIM, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
number = ctypes.get_errno()
if got < 0 and number != 14:  # EFAULT: that memory would have been read, if it were there
    raise OSError(number, os.strerror(number))
""",
    "take an open file": in_c("c.syscall(438, os.pidfd_open(VICTIM), 0, 0)"),
}
"""What only a process's tracer may do, which some distributions allow to its ancestors alone."""


@pytest.mark.parametrize("attack", ON_PROCESSES.values(), ids=ON_PROCESSES)
def test_processes__of_others_are_out_of_reach(attack_site: AttackSite, attack: str) -> None:
    result = attack_site.attack(attack)
    assert result.startswith("held")
    assert PLANTED not in result
    assert attack_site.victim_is_well()
    assert attack_site.attack(attack, sandbox="off").startswith("done")
    os.kill(attack_site.victim, signal.SIGCONT)


@pytest.mark.parametrize("attack", FOR_TRACERS.values(), ids=FOR_TRACERS)
def test_processes__of_others_are_not_traced(attack_site: AttackSite, attack: str) -> None:
    assert attack_site.attack(attack).startswith("held PermissionError")
    allowed = not YAMA.exists() or YAMA.read_text().strip() == "0"
    if allowed and not is_filtered_already():
        assert attack_site.attack(attack, sandbox="off").startswith("done")


def test_processes__the_bots_own_key_is_out_of_reach(attack_site: AttackSite) -> None:
    assert PLANTED not in attack_site.attack("return dict(os.environ)")
    assert attack_site.attack("return open(f'/proc/{BOT}/environ').read()").startswith("held")
    if attack_site.bot.uid:  # root reads everything of root's
        assert attack_site.attack("return open(f'/proc/{BOT}/environ').read()", sandbox="off").startswith(
            "held"
        )


def test_processes__no_open_file_of_the_bot_is_left(attack_site: AttackSite) -> None:
    attack = """
        import fcntl
        found = []
        for number in range(250):
            try:
                fcntl.fcntl(number, fcntl.F_GETFD)
                found.append(number)
            except OSError:
                pass
        return found
        """
    assert attack_site.attack(attack) == "done [0, 1, 2]\n"


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL, signal.SIGTERM])
def test_processes__the_launcher_is_out_of_reach(attack_site: AttackSite, number: signal.Signals) -> None:
    assert attack_site.attack(f"os.kill(os.getppid(), {int(number)})").startswith("held")
    assert attack_site.attack(f"os.kill(BOT, {int(number)})").startswith("held")


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_processes__everybody_at_once(attack_site: AttackSite, number: signal.Signals) -> None:
    attack = f"""
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(0)
        os.kill(-1, {int(number)})
        return os.waitpid(child, os.WUNTRACED)
        """
    assert attack_site.attack(attack).startswith("done")  # its own child
    assert attack_site.victim_is_well()


def test_processes__a_signal_by_a_file_reaches_nobody(attack_site: AttackSite) -> None:
    attack = """
        import fcntl
        reading, writing = os.pipe()
        fcntl.fcntl(reading, fcntl.F_SETOWN, VICTIM)
        """
    by_socket = """
        import array, fcntl
        first, second = socket.socketpair()
        fcntl.ioctl(first, 0x8901, array.array("i", [VICTIM]))
        """
    for each in (attack, by_socket) if attack_site.bot.uid else (attack,):
        assert attack_site.attack(each).startswith("held")
    assert attack_site.victim_is_well()


@pytest.mark.parametrize("landlock", [1, 3, 5])
def test_processes__with_an_older_landlock(attack_site: AttackSite, landlock: int) -> None:
    for attack in (
        "os.kill(VICTIM, signal.SIGSTOP)",
        "os.killpg(VICTIM, signal.SIGURG)",
        "os.kill(os.getppid(), signal.SIGKILL)",
        "os.truncate(OUTSIDE + '/secret', 0)",
        "os.chmod(OUTSIDE, 0o777)",
        "socket.socket(socket.AF_UNIX).connect('x')",
    ):
        assert attack_site.attack(attack, landlock=landlock).startswith("held"), attack
    child = "child = os.fork()\nif not child: time.sleep(30)\n"
    end = "os.kill(child, signal.SIGKILL); return os.waitpid(child, 0)[1]"
    assert attack_site.attack(child + end, landlock=landlock) == "done 9\n"
    everybody = "os.kill(-1, signal.SIGKILL); return os.waitpid(child, 0)[1]"
    assert attack_site.attack(child + everybody, landlock=landlock) == "done 9\n"
    raised = """
        import threading
        came = []
        signal.signal(signal.SIGUSR1, lambda number, _: came.append(number))
        signal.raise_signal(signal.SIGUSR1)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        return came
        """
    assert attack_site.attack(
        raised, landlock=landlock
    ) == "done [<Signals.SIGUSR1: 10>, <Signals.SIGUSR1: 10>]\n" or (
        attack_site.attack(raised, landlock=landlock) == "done [10, 10]\n"
    )
    assert attack_site.victim_is_well()


KERNEL = {
    "become root": "os.setuid(0)",
    "become root by all three": "os.setresuid(0, 0, 0)",
    "join root's group": "os.setgroups([0])",
    "a user namespace": in_c("c.unshare(0x10000000)"),
    "a network namespace": in_c("c.unshare(0x40000000)"),
    "a child in a user namespace": in_c("c.syscall(56, 0x10000000 | 17, 0, 0, 0, 0)"),  # clone
    "a child in new namespaces": in_c("c.syscall(435, (ctypes.c_uint64 * 11)(0x10000000, 0, 0, 0, 17), 88)"),
    "another's namespace": in_c("c.setns(os.open('/', os.O_RDONLY), 0)"),
    "another root folder": "os.chroot('.')",
    "mount": in_c("c.mount(b'none', b'.', b'tmpfs', 0, None)"),
    "a keyring": in_c("c.syscall(248, b'user', b'name', b'x', 1, -3)"),  # add_key
    "a file by its number": in_c("c.syscall(304, -100, None, 0)"),  # open_by_handle_at
    "a BPF program": in_c("c.syscall(321, 0, None, 0)"),
    "performance counters": in_c("c.syscall(298, None, 0, -1, -1, 0)"),
    "page faults": in_c("c.syscall(323, 1)"),  # userfaultfd, for its own memory
    "kernel modules": in_c("c.syscall(175, None, 0, None)"),
    "the clock": "time.clock_settime(time.CLOCK_REALTIME, time.time())",
    "the host's name": "socket.sethostname('x')",
    "the terminal": "return open('/dev/tty')",
    "memory that stays": in_c("c.shmget(0, 4096, 0o1600)"),
    "a device": "os.mknod('disk', 0o60600, os.makedev(8, 0))",
    "calls of x32": in_c("c.syscall(0x40000000 | 39)"),
    "calls that are not known": in_c("c.syscall(463)"),
}


@pytest.fixture(scope="session")
def results(second_bot: SecondBot) -> dict[str, str]:
    """What came of each attack on the kernel."""
    with new_attack_site(second_bot) as attack_site:
        return attack_site.attack_by_all(KERNEL)


@pytest.mark.parametrize("name", KERNEL)
def test_kernel__gives_no_way_out(results: dict[str, str], name: str) -> None:
    assert results[name].startswith("held")


def test_kernel__executing_a_file_adds_no_rights(attack_site: AttackSite) -> None:
    attack = "import ctypes; return ctypes.CDLL(None).prctl(39, 0, 0, 0, 0)"  # PR_GET_NO_NEW_PRIVS
    assert attack_site.attack(attack) == "done 1\n"
    undo = in_c("c.prctl(38, 0, 0, 0, 0)")  # PR_SET_NO_NEW_PRIVS
    assert attack_site.attack(undo).startswith("held")
    assert attack_site.attack(attack, sandbox="off") == "done 0\n"


def test_kernel__calls_of_another_architecture_end_the_process(attack_site: AttackSite) -> None:
    attack = """
        import ctypes, mmap
        code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        code.write(bytes.fromhex("b814000000cd80c3"))  # getpid, by the gate of 32-bit programs
        start = ctypes.addressof(ctypes.c_char.from_buffer(code))
        return ctypes.CFUNCTYPE(ctypes.c_int)(start)()
        """
    if os.uname().machine != "x86_64":
        pytest.skip("NOT SHOWN: the gate of 32-bit programs, which only x86-64 has")
    assert attack_site.attack(attack) in {"ended -31", "ended -11"}


DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("daemon", "w").write(str(os.getpid()))
        while True:
            time.sleep(0.001)
            {stays}
    os._exit(0)
os.wait()
while not os.path.exists("daemon") or not open("daemon").read():
    time.sleep(0.01)
print("begun", flush=True)
"""
WAYS_TO_STAY = {
    "waiting": "pass",
    "forking away": "os.fork() and os._exit(0)",
    "forking away into new sessions": "os.fork() and os._exit(0); os.setsid()",
}


@pytest.mark.parametrize("stays", WAYS_TO_STAY.values(), ids=WAYS_TO_STAY)
def test_daemons__do_not_outlive_the_run(attack_site: AttackSite, stays: str) -> None:
    marker = f"marked in {attack_site.base}"
    before = time.monotonic()
    outcome = attack_site.run(DAEMON.format(stays=stays), variables={"MARKER": marker})
    assert outcome.stdout == b"begun\n"
    assert time.monotonic() - before < 5
    assert not marked(marker)


def test_daemons__that_stop_everybody_do_not_outlive_the_time_limit(attack_site: AttackSite) -> None:
    marker = f"marked in {attack_site.base}"
    code = DAEMON.format(stays="os.kill(-1, 19)") + "time.sleep(30)"
    assert attack_site.run(code, variables={"MARKER": marker}, limits=Limits(seconds=0.5)).timed_out
    assert not marked(marker)

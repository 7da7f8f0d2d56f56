"""Attacks by using up what there is, and by what is printed."""

import os
import signal
import time
from pathlib import Path

import pytest

from fakes.attack_site import AttackSite
from testsmith.execution.sandbox.interface import Limits, ProcessOutcome

MIB = 1024**2


def limited(attack_site: AttackSite, code: str) -> tuple[Limits, ProcessOutcome]:
    """Run something with a short time limit; with a longer one where a busy machine has not begun by then."""
    limits = Limits(seconds=0.5)
    outcome = attack_site.run(code, limits=limits)
    if outcome.stdout:
        return limits, outcome
    limits = Limits(seconds=5.0)
    return limits, attack_site.run(code, limits=limits)


def test_resources__a_fork_bomb(attack_site: AttackSite) -> None:
    code = """
        import os, time
        print("attempted", flush=True)
        while True:
            try:
                os.fork()
            except OSError as error:
                os.write(2, error.strerror.encode() + b"\\n")
                time.sleep(0.1)
        """
    before = time.monotonic()
    outcome = attack_site.run(code, limits=Limits(seconds=3, tasks=100))
    assert outcome.stdout.startswith(b"attempted")
    # On a busy machine the whole tree may be ended before a fork is refused.
    refused = outcome.stderr.startswith(b"Resource temporarily unavailable\n")
    assert outcome.exceeded == "more than 100 processes and threads" or (outcome.timed_out and refused)
    assert time.monotonic() - before < 10
    assert attack_site.run("print('well')").stdout == b"well\n"


def test_resources__memory_of_one_process(attack_site: AttackSite) -> None:
    attack = "return len(bytearray(200 * 1024**2))"
    limits = Limits(memory_bytes=128 * MIB)
    assert attack_site.attack(attack, limits=limits).startswith("held MemoryError")
    assert attack_site.attack(attack).startswith("done")


def test_resources__memory_of_many_processes(attack_site: AttackSite) -> None:
    code = """
        import os, time
        print("attempted", flush=True)
        for _ in range(5):
            if os.fork() == 0:
                block = bytearray(60 * 1024**2)
                time.sleep(20)
        time.sleep(20)
        """
    outcome = attack_site.run(code, limits=Limits(memory_bytes=200 * MIB))
    assert outcome.stdout == b"attempted\n"
    assert outcome.exit_code == -signal.SIGKILL
    assert outcome.exceeded == "more than 200 MiB of memory"


HOARDING = """
import mmap, os, time
print("attempted", flush=True)
for _ in range({processes} - 1):
    if os.fork() == 0:
        break
block = mmap.mmap(-1, {mebibytes} * 1024**2)  # shared and anonymous
for at in range(0, len(block), 4096):
    block[at] = 1
time.sleep(20)
"""


@pytest.mark.parametrize(
    ("processes", "mebibytes", "reserves"), [(1, 500, True), (10, 50, True), (10, 50, False)]
)
def test_resources__memory_that_is_shared_on_purpose(
    attack_site: AttackSite, processes: int, mebibytes: int, *, reserves: bool
) -> None:
    limits = Limits(memory_bytes=200 * MIB, reserves_memory=reserves)
    outcome = attack_site.run(HOARDING.format(processes=processes, mebibytes=mebibytes), limits=limits)
    assert outcome.stdout == b"attempted\n"
    assert (outcome.exit_code, outcome.exceeded) == (-signal.SIGKILL, "more than 200 MiB of memory")


def test_resources__memory_that_is_only_reserved(attack_site: AttackSite) -> None:
    reserve = "import mmap; mmap.mmap(-1, 2**33, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, {})"
    limits = Limits(memory_bytes=128 * MIB, reserves_memory=True)
    assert attack_site.attack(reserve.format(0), limits=limits) == "done None\n"
    assert attack_site.attack(reserve.format("mmap.PROT_WRITE"), limits=limits).startswith("held")
    assert attack_site.attack("return len(bytearray(200 * 1024**2))", limits=limits).startswith(
        "held MemoryError"
    )
    assert attack_site.attack(reserve.format(0), limits=Limits(memory_bytes=128 * MIB)).startswith("held")


def test_resources__one_large_file(attack_site: AttackSite) -> None:
    attack = "open('big', 'wb').write(bytes(2 * 1024**2))"
    assert attack_site.attack(attack, limits=Limits(file_bytes=MIB)).startswith("held OSError")
    assert attack_site.attack(attack).startswith("done")


def test_resources__many_files(attack_site: AttackSite) -> None:
    code = """
        print("attempted", flush=True)
        number = 0
        while True:
            number += 1
            open(f"file-{number}", "wb").write(bytes(1024**2))
        """
    outcome = attack_site.run(code, limits=Limits(seconds=20, disk_bytes=20 * MIB))
    assert outcome.stdout == b"attempted\n"
    assert outcome.exceeded == "more than 20 MiB of disk"


STORM = """
import os, time
if os.fork() == 0:  # orphans that keep ending, and come to whoever waits for the target
    while True:
        if os.fork() == 0:
            if os.fork() == 0:
                os._exit(0)
            os._exit(0)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        time.sleep(0.02)
"""
TOO_MUCH = {
    "disk": (
        """
print("attempted", flush=True)
for number in range(600):
    open(f"file-{number}", "wb").write(bytes(1024**2))
    time.sleep(0.05)
""",
        Limits(seconds=60, disk_bytes=20 * MIB),
        "more than 20 MiB of disk",
    ),
    "memory": (
        """
print("attempted", flush=True)
for _ in range(8):
    if os.fork() == 0:
        block = bytearray(60 * 1024**2)
        for at in range(0, len(block), 4096):
            block[at] = 1
        time.sleep(30)
time.sleep(30)
""",
        Limits(seconds=60, memory_bytes=200 * MIB),
        "more than 200 MiB of memory",
    ),
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_resources__the_bounds_hold_while_orphans_keep_ending(attack_site: AttackSite, what: str) -> None:
    code, limits, exceeded = TOO_MUCH[what]
    outcome = attack_site.run(STORM + code, limits=limits)
    assert outcome.stdout == b"attempted\n"
    assert (outcome.exit_code, outcome.exceeded) == (-signal.SIGKILL, exceeded)


def test_resources__shared_memory_counts_where_the_user_is_the_runs_own(attack_site: AttackSite) -> None:
    code = """
        import os, time
        print("attempted", flush=True)
        for number in range(40):
            open(f"/dev/shm/{os.getpid()}-{number}", "wb").write(bytes(5 * 1024**2))
            time.sleep(0.05)
        time.sleep(20)
        """
    if attack_site.bot.uid:
        pytest.skip("NOT HELD: an ordinary user shares this folder with the sandbox, see docs/security.md")
    room = os.statvfs("/dev/shm")  # noqa: S108 - what the test is about
    if room.f_bavail * room.f_frsize < 250 * MIB:
        pytest.skip("NOT SHOWN: there is less shared memory here than a run may use")
    outcome = attack_site.run(code, limits=Limits(seconds=60, memory_bytes=150 * MIB))
    assert outcome.stdout == b"attempted\n"
    assert outcome.exceeded == "more than 150 MiB of memory"


def test_resources__many_open_files(attack_site: AttackSite) -> None:
    attack = "return [os.open('/dev/null', os.O_RDONLY) for _ in range(100)]"
    assert attack_site.attack(attack, limits=Limits(open_files=50)).startswith("held OSError")


def test_resources__limits_are_set_and_cannot_be_raised(attack_site: AttackSite) -> None:
    attack = """
        import resource
        names = ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CORE")
        found = {}
        for name in names:
            number = getattr(resource, name)
            found[name], hard = resource.getrlimit(number)
            try:
                resource.setrlimit(number, (hard + 1, hard + 1))
                return "raised " + name
            except ValueError:
                pass
        return found
        """
    limits = Limits(seconds=20, memory_bytes=300 * MIB, file_bytes=MIB, open_files=50)
    assert attack_site.attack(attack, limits=limits) == (
        f"done {{'RLIMIT_AS': {300 * MIB}, 'RLIMIT_CPU': {20 * (os.cpu_count() or 1) + 1},"
        f" 'RLIMIT_FSIZE': {MIB}, 'RLIMIT_NOFILE': 50, 'RLIMIT_CORE': 1}}\n"
    )


@pytest.mark.parametrize(
    "loop",
    ["list(iter(int, 1))", "sum(1 for _ in iter(int, 1))", "__import__('re').match('(a*)*b', 'a' * 40)"],
)
def test_resources__an_endless_loop_that_hears_no_signal(attack_site: AttackSite, loop: str) -> None:
    code = f"""
        import signal
        for number in range(1, 32):
            if number not in (9, 19):
                signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
        print("attempted", flush=True)
        {loop}
        """
    limits, outcome = limited(attack_site, code)
    assert outcome.stdout == b"attempted\n"
    assert outcome.timed_out
    assert outcome.exit_code == -signal.SIGKILL
    assert outcome.seconds < limits.seconds + 2.5


def test_output__a_gigabyte_of_it(attack_site: AttackSite) -> None:
    code = """
        import os
        block = b"::error::x" * 100_000
        for _ in range(1000):
            os.write(1, block)
            os.write(2, block)
        """
    before = resident_bytes(attack_site.bot.pid)
    outcome = attack_site.run(code, limits=Limits(seconds=60, output_bytes=MIB))
    assert outcome.exit_code == 0
    assert outcome.truncated
    assert len(outcome.stdout) == len(outcome.stderr) == MIB
    assert resident_bytes(attack_site.bot.pid) - before < 50 * MIB


def resident_bytes(pid: int) -> int:
    """Return how much memory a process has at its most."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_output__is_only_bytes(attack_site: AttackSite) -> None:
    printed = b"\x1b]0;owned\x07\x1b[2J::add-mask::x\n::set-output name=a::b\r\n\x00\xff\xfe"
    outcome = attack_site.run(f"import os; os.write(1, {printed!r}); os.write(2, {printed!r})")
    assert outcome.stdout == printed
    assert outcome.stderr == printed

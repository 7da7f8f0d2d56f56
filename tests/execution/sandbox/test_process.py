"""The sandbox without isolating layers: limits hold, and nothing is left."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from testsmith.execution.sandbox.interface import CannotRun, Command, Limits, ProcessOutcome
from testsmith.execution.sandbox.linux import processes
from testsmith.execution.sandbox.linux.launcher import take_plan
from testsmith.execution.sandbox.linux.plan import encode_plan
from testsmith.execution.sandbox.process import ProcessSandbox, basic_plan

DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("daemon", "w").write(str(os.getpid()))
        time.sleep(60)
    os._exit(0)
os.wait()
while not os.path.exists("daemon") or not open("daemon").read():
    time.sleep(0.01)
print("begun", flush=True)
"""


def run(folder: Path, code: str, limits: Limits | None = None, stdin: bytes = b"") -> ProcessOutcome:
    return asyncio.run(ProcessSandbox().run(command(folder, code, stdin), limits or Limits()))


def command(folder: Path, code: str, stdin: bytes = b"") -> Command:
    return Command(argv=(sys.executable, "-I", "-S", "-c", code), folder=folder, stdin=stdin)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(pid)


def wait_for_number(path: Path) -> int:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text()):
            return int(text)
        time.sleep(0.01)
    raise TimeoutError(path)


def test_run__gives_back_what_was_printed_and_the_exit_code(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd()); print('oh', file=sys.stderr); sys.exit(3)"
    outcome = run(tmp_path, code)
    assert outcome.exit_code == 3
    assert outcome.stdout.decode() == f"{tmp_path}\n"
    assert outcome.stderr == b"oh\n"
    assert not outcome.timed_out
    assert not outcome.truncated


def test_run__a_signal_is_a_negative_exit_code(tmp_path: Path) -> None:
    assert run(tmp_path, "import os; os.abort()").exit_code == -signal.SIGABRT


def test_run__the_environment_is_the_commands_alone(tmp_path: Path) -> None:
    argv = ("/usr/bin/env",)
    asked = Command(argv=argv, folder=tmp_path, variables={"ONE": "1", "TWO": "zwei ü\n"})
    outcome = asyncio.run(ProcessSandbox().run(asked, Limits()))
    assert sorted(outcome.stdout.decode().splitlines()) == ["", "ONE=1", "TWO=zwei ü"]


def test_run__no_open_file_of_the_bot_is_inherited(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    outcome = run(tmp_path, "import os; print(sorted(os.listdir('/proc/self/fd')))")
    os.close(reading)
    os.close(writing)
    assert outcome.stdout == b"['0', '1', '2', '3']\n"  # 3 is the listing's own


def test_run__much_input_that_is_echoed_does_not_lock_up(tmp_path: Path) -> None:
    code = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    outcome = run(tmp_path, code, stdin=b"0123456789" * 200_000)
    assert outcome.stdout == b"0123456789" * 200_000


def test_run__input_that_nobody_reads_does_not_lock_up(tmp_path: Path) -> None:
    outcome = run(tmp_path, "print('done')", stdin=b"x" * 2_000_000)
    assert outcome.stdout == b"done\n"


def test_run__a_gigabyte_of_output_is_cut_and_thrown_away(tmp_path: Path) -> None:
    run(tmp_path, "print('warm')")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    code = "import os\nfor _ in range(1074): os.write(1, b'x' * 1_000_000)\nos.write(2, b'end')"
    outcome = run(tmp_path, code, Limits(output_bytes=1000))
    assert outcome.exit_code == 0
    assert outcome.stdout == b"x" * 1000
    assert outcome.stderr == b"end"
    assert outcome.truncated
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024


def test_run__ignores_no_signals_though_the_program_was_started_so(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        outcome = run(tmp_path, "print(*(line for line in open('/proc/self/status') if 'SigIgn' in line))")
    finally:
        signal.signal(signal.SIGINT, before)
    python_ignores = sum(1 << number - 1 for number in (signal.SIGPIPE, signal.SIGXFSZ))
    assert int(outcome.stdout.split()[1], 16) == python_ignores


def test_run__the_time_limit_ends_it_and_keeps_what_was_printed(tmp_path: Path) -> None:
    code = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('here', flush=True)\ntime.sleep(60)"
    outcome = run(tmp_path, code, Limits(seconds=0.5))
    assert outcome.timed_out
    assert outcome.exit_code == -signal.SIGKILL
    assert outcome.stdout == b"here\n"
    assert outcome.seconds < 5


def test_run__memory_over_the_limit_is_refused(tmp_path: Path) -> None:
    code = "try: bytearray(600 * 1024**2)\nexcept MemoryError: print('refused')"
    assert run(tmp_path, code, Limits(memory_bytes=512 * 1024**2)).stdout == b"refused\n"


def test_run__a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    code = "open('big', 'wb', buffering=0).write(b'x' * 1000)\nopen('big', 'ab', buffering=0).write(b'x')"
    outcome = run(tmp_path, code, Limits(file_bytes=1000))
    assert b"File too large" in outcome.stderr
    assert (tmp_path / "big").stat().st_size == 1000


def test_run__a_daemon_does_not_outlive_it(tmp_path: Path) -> None:
    outcome = run(tmp_path, DAEMON)
    assert outcome.stdout == b"begun\n"
    assert not is_alive(int((tmp_path / "daemon").read_text()))


def test_run__a_daemon_does_not_outlive_the_time_limit(tmp_path: Path) -> None:
    outcome = run(tmp_path, DAEMON + "time.sleep(60)", Limits(seconds=1))
    assert outcome.timed_out
    assert not is_alive(int((tmp_path / "daemon").read_text()))


def test_run__a_program_that_is_not_there(tmp_path: Path) -> None:
    missing = Command(argv=("/nowhere/python",), folder=tmp_path)
    with pytest.raises(CannotRun, match=r"Cannot run /nowhere/python: .*No such file"):
        asyncio.run(ProcessSandbox().run(missing, Limits()))


def test_run__a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="No such file or directory"):
        run(tmp_path / "nowhere", "pass")


def test_run__an_argument_that_no_process_can_have(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="null"):
        run(tmp_path, "print('\0')")


def test_run__cancelled_leaves_nothing(tmp_path: Path) -> None:
    async def cancelled() -> int:
        task = asyncio.create_task(
            ProcessSandbox().run(command(tmp_path, DAEMON + "time.sleep(60)"), Limits())
        )
        daemon = await asyncio.to_thread(wait_for_number, tmp_path / "daemon")
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return daemon

    assert not is_alive(asyncio.run(cancelled()))


def test_run__many_side_by_side(tmp_path: Path) -> None:
    async def many() -> list[ProcessOutcome]:
        sandbox = ProcessSandbox()
        runs = (sandbox.run(command(tmp_path, f"print({number})"), Limits()) for number in range(20))
        return await asyncio.gather(*runs)

    assert [outcome.stdout for outcome in asyncio.run(many())] == [b"%d\n" % number for number in range(20)]


FORKED_FROM = """
import os
launcher = os.getppid()
print(open(f"/proc/{launcher}/stat").read().rpartition(")")[2].split()[1])
"""
RUNS_ONCE = f"""
import asyncio, os, sys
from pathlib import Path
from testsmith.execution.sandbox.process import ProcessSandbox
from testsmith.execution.sandbox.interface import Command, Limits
def run(code):
    command = Command(argv=({sys.executable!r}, "-I", "-S", "-c", code), folder=Path.cwd())
    return asyncio.run(ProcessSandbox().run(command, Limits())).stdout
"""


def test_run__launchers_are_forked_from_one_process_that_is_replaced_if_it_ends(tmp_path: Path) -> None:
    first, second = (int(run(tmp_path, FORKED_FROM).stdout) for _ in range(2))
    assert first == second
    os.kill(first, signal.SIGKILL)
    assert wait_until_gone(first)
    third = int(run(tmp_path, FORKED_FROM).stdout)
    assert third not in {first, os.getpid()}


def test_run__what_is_running_ends_with_the_process_its_launcher_was_forked_from(tmp_path: Path) -> None:
    async def kill_it() -> tuple[ProcessOutcome, int]:
        running = ProcessSandbox().run(command(tmp_path, DAEMON + "time.sleep(60)"), Limits())
        task = asyncio.create_task(running)
        daemon = await asyncio.to_thread(wait_for_number, tmp_path / "daemon")
        launcher = processes.parent(daemon)
        os.kill(processes.parent(launcher), signal.SIGKILL)
        return await task, daemon

    outcome, daemon = asyncio.run(kill_it())
    assert outcome.exit_code == -signal.SIGKILL
    assert not is_alive(daemon)


def test_run__a_fork_of_the_bot_has_launchers_of_its_own(tmp_path: Path) -> None:
    forks = f"""{RUNS_ONCE}
mine = run({FORKED_FROM!r})
if os.fork() == 0:
    print(mine != run({FORKED_FROM!r}), flush=True)
    os._exit(0)
os.wait()
print(mine == run({FORKED_FROM!r}))
"""
    ran = subprocess.run((sys.executable, "-c", forks), cwd=tmp_path, capture_output=True, check=True)
    assert ran.stdout == b"True\nTrue\n"


def test_run__processor_time_counts_as_the_bots(tmp_path: Path) -> None:
    busy = f"{RUNS_ONCE}\nrun('import time\\nwhile time.process_time() < 3: pass')"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run((sys.executable, "-c", busy), cwd=tmp_path, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime > 3


def _open_files() -> set[int]:
    return {int(each.name) for each in Path("/proc/self/fd").iterdir()}


def test_run__too_many_open_files_are_an_error_that_leaves_none_open(tmp_path: Path) -> None:
    async def crowded() -> None:
        most, fillers = max(_open_files()), list[int]()
        while not fillers or fillers[-1] < most:
            fillers.append(os.open(os.devnull, os.O_RDONLY))
        before, limits = _open_files(), resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (fillers[-1] + 5, limits[1]))
        try:
            with pytest.raises(CannotRun, match="Too many open files"):
                await ProcessSandbox().run(command(tmp_path, "pass"), Limits())
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert _open_files() == before
        for filler in fillers:
            os.close(filler)

    run(tmp_path, "pass")
    asyncio.run(crowded())


def test_run__canceled_at_its_start_leaves_no_launcher(tmp_path: Path) -> None:
    async def canceled(steps: int) -> None:
        task = asyncio.create_task(ProcessSandbox().run(command(tmp_path, "pass"), Limits()))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    forked_from = int(run(tmp_path, FORKED_FROM).stdout)
    for steps in range(1, 12):
        asyncio.run(canceled(steps))
    deadline = time.monotonic() + 5
    while (left := processes.descendants(forked_from)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert left == []


def test_take_plan__no_line_is_lost_if_two_processes_write_at_once(tmp_path: Path) -> None:
    plan_file = os.memfd_create("plan")
    os.write(plan_file, encode_plan(basic_plan(command(tmp_path, ""), Limits())))
    os.set_inheritable(plan_file, True)
    take_plan(plan_file)
    writes = f"import os\nfor _ in range(20_000): os.write({plan_file}, b'{{}}\\n')"
    argv = (sys.executable, "-I", "-S", "-c", writes)
    for writer in [subprocess.Popen(argv, pass_fds=(plan_file,)) for _ in range(2)]:
        assert writer.wait() == 0
    assert os.fstat(plan_file).st_size == 2 * 20_000 * len(b"{}\n")
    os.close(plan_file)


@pytest.mark.parametrize("deadly", [signal.SIGKILL, signal.SIGTERM])
def test_run__nothing_is_left_when_the_bot_is_killed(tmp_path: Path, deadly: signal.Signals) -> None:
    bot = f"""
import asyncio
from pathlib import Path
from testsmith.execution.sandbox.process import ProcessSandbox
from testsmith.execution.sandbox.interface import Command, Limits
code = {DAEMON!r} + "time.sleep(60)"
asyncio.run(ProcessSandbox().run(
    Command(argv=({sys.executable!r}, "-c", code), folder=Path({str(tmp_path)!r})), Limits()))
"""

    async def kill_bot() -> int:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", bot)
        daemon = await asyncio.to_thread(wait_for_number, tmp_path / "daemon")
        process.send_signal(deadly)
        await process.wait()
        return daemon

    assert wait_until_gone(asyncio.run(kill_bot()))

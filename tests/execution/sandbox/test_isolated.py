"""How a sandbox is built and kept, on this machine's own kernel."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.attack_site import everybodys_folder, state_of
from testsmith.execution.sandbox.interface import CannotRun, Command, Limits, ProcessOutcome, Sandbox
from testsmith.execution.sandbox.isolated import build_sandbox
from testsmith.execution.sandbox.layers import CannotIsolate, Offer, offer
from testsmith.execution.sandbox.linux import landlock, processes
from testsmith.execution.sandbox.process import ProcessSandbox
from testsmith.execution.sandbox.users import Users, share
from testsmith.execution.tempdirs import ScratchFolder
from testsmith.settings import SandboxChoice

PYTHON = Path(sys.executable)
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="NOT SHOWN: what only root does")
WITH_LANDLOCK = pytest.mark.skipif(not landlock.version(), reason="NOT SHOWN: this kernel offers no Landlock")


@pytest.fixture
def base() -> Iterator[Path]:
    with everybodys_folder() as folder:
        yield folder


@pytest.fixture
def scratch() -> Iterator[Path]:
    with ScratchFolder() as folder:
        yield folder.path


def build(choice: str, interpreter: Path = PYTHON, offered: Offer | None = None) -> Sandbox:
    return asyncio.run(build_sandbox(SandboxChoice(choice), interpreter, offered=offered))


def run(sandbox: Sandbox, folder: Path, code: str, *, readable: tuple[Path, ...] = ()) -> ProcessOutcome:
    folder.mkdir(exist_ok=True)
    command = Command(argv=(str(PYTHON), "-c", code), folder=folder, readable=readable)
    return asyncio.run(sandbox.run(command, Limits(seconds=20)))


def test_build__off_is_the_plain_one() -> None:
    assert isinstance(build("off"), ProcessSandbox)


@pytest.mark.parametrize(
    "offered",
    [replace(offer(), landlock=0), replace(offer(), seccomp=False)],
    ids=["no Landlock", "no seccomp"],
)
def test_build__strict_refuses_and_best_effort_says_so(base: Path, offered: Offer) -> None:
    with pytest.raises(CannotIsolate, match="best-effort"):
        build("strict", offered=offered)
    sandbox = build("best-effort", offered=offered)
    assert sandbox.layers()[-1].startswith("without ")
    assert sandbox.warning() == sandbox.layers()[-1]
    assert run(sandbox, base / "x", "print('ran')").stdout == b"ran\n"


LIE = """
import atexit, json, sys
told = {"uids": [5, 5, 5], "groups": [], "reads_proc": True, "has_sockets": False}
told |= {"file_bytes": 0, "unreadable": []}
atexit.register(lambda: print(json.dumps(told)))
"""


@WITH_LANDLOCK
def test_build__an_environment_cannot_switch_a_layer_off_by_what_it_says(base: Path) -> None:
    subprocess.run((sys.executable, "-m", "venv", "--without-pip", base / "venv"), check=True)
    (packages,) = (base / "venv").glob("lib/python3*/site-packages")
    (packages / "lie.py").write_text(LIE)
    (packages / "lie.pth").write_text("import lie\n")
    with pytest.raises(CannotIsolate, match=r"Landlock does not work for .*: it was applied"):
        build("best-effort", base / "venv" / "bin" / "python")


@WITH_LANDLOCK
@pytest.mark.parametrize("name", ["self/stat", "self/environ", "1/cmdline", "net/tcp", "mounts"])
def test_run__of_proc_the_memory_is_read_and_nothing_about_processes(base: Path, name: str) -> None:
    code = "from pathlib import Path; print(Path('/proc/{}').read_bytes()[:8])"
    sandbox = build("best-effort")
    assert run(sandbox, base / "x", code.format("meminfo")).stdout.startswith(b"b'MemTotal")
    assert b"PermissionError" in run(sandbox, base / "y", code.format(name)).stderr


@WITH_LANDLOCK
@pytest.mark.parametrize("choice", ["strict", "best-effort"])
def test_run__what_is_read_and_written_is_not_opened_through_a_link(base: Path, choice: str) -> None:
    outside = base / "outside"
    (outside / "inner").mkdir(parents=True)
    (outside / "inner" / "secret").write_text("secret")
    (base / "given").mkdir()
    (base / "given" / "link").symlink_to(outside)
    sandbox = build(choice)
    code = f"print(open({str(outside / 'inner' / 'secret')!r}).read())"
    for readable in (base / "given" / "link", base / "given" / "link" / "inner"):
        with pytest.raises(CannotRun, match="a link is on the way"):
            run(sandbox, base / "x", code, readable=(readable,))
    assert b"PermissionError" in run(sandbox, base / "y", code, readable=(base / "given",)).stderr


@AS_ROOT
@WITH_LANDLOCK
def test_run__what_is_not_the_bots_keeps_its_group_and_its_mode(base: Path) -> None:
    given = base / "given"
    given.mkdir(mode=0o755)
    (given / "settings").write_text("secret")
    (given / "settings").chmod(0o600)
    os.chown(given / "settings", 0, 33)
    outcome = run(build("strict"), base / "x", f"open({str(given / 'settings')!r})", readable=(given,))
    assert b"PermissionError" in outcome.stderr
    status = (given / "settings").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o600, 33)
    with pytest.raises(PermissionError, match="is not in a scratch folder"):
        share(given, 33)


@AS_ROOT
@WITH_LANDLOCK
def test_build__root_that_cannot_change_the_user_gives_up_its_rights(base: Path) -> None:
    offered = replace(offer(), may_change_user=False)
    with pytest.raises(CannotIsolate, match="own user id"):
        build("strict", offered=offered)
    secret = base / "secret"
    secret.write_text("x")
    os.chown(secret, 60570, 60570)
    secret.chmod(0o600)
    code = f"""
import os
for attempt in (lambda: open({str(secret)!r}), lambda: os.setuid(5), lambda: os.chown('.', 5, 5)):
    try:
        attempt()
        print("done")
    except OSError as error:
        print("held", error.errno)
"""
    sandbox = build("best-effort", offered=offered)
    assert run(sandbox, base / "x", code).stdout == b"held 13\nheld 1\nheld 1\n"


@pytest.mark.parametrize("choice", ["strict", "best-effort"])
def test_build__no_interpreter_at_all(choice: str) -> None:
    with pytest.raises(CannotRun, match="Could not run /nowhere/python in the sandbox"):
        build(choice, Path("/nowhere/python"))


def test_build__a_program_that_is_no_python() -> None:
    with pytest.raises(CannotRun, match="Could not run /bin/false in the sandbox: it ended with 1"):
        build("best-effort", Path("/bin/false"))


@AS_ROOT
@WITH_LANDLOCK
def test_build__another_interpreter_stands_in_for_one_that_only_root_can_read(base: Path) -> None:
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    system = Path("/usr/bin", name)
    if not system.is_file():
        pytest.skip(f"NOT SHOWN: there is no {system}")
    hidden = base / "hidden"
    hidden.mkdir(mode=0o700)
    (hidden / name).write_bytes(system.read_bytes())
    (hidden / name).chmod(0o755)
    packages = base / "venv" / "lib" / name / "site-packages"
    packages.mkdir(parents=True)
    (packages / "dependency.py").write_text("VALUE = 5\n")
    (base / "venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (base / "venv" / "bin").mkdir()
    wanted = base / "venv" / "bin" / "python"
    wanted.symlink_to(hidden / name)
    sandbox = build("strict", wanted)
    assert "another interpreter of the same version" in sandbox.layers()
    (base / "x").mkdir()
    command = Command(
        argv=(str(wanted), "-c", "import dependency; print(dependency.VALUE)"), folder=base / "x"
    )
    assert asyncio.run(sandbox.run(command, Limits())).stdout == b"5\n"


@AS_ROOT
@WITH_LANDLOCK
def test_build__reading_by_landlock_alone_where_only_root_can_read(base: Path) -> None:
    hidden = base / "hidden"
    hidden.mkdir(mode=0o700)
    subprocess.run((sys.executable, "-m", "venv", "--without-pip", "--copies", hidden / "venv"), check=True)
    (hidden / "secret").write_text("x")
    [packages] = hidden.glob("venv/lib/python3*/site-packages")
    (packages / "dependency.py").write_text("VALUE = 5\n")
    wanted = hidden / "venv" / "bin" / "python"
    docker = replace(offer(), may_read_all=False)
    if not (Path("/usr/bin") / f"python{sys.version_info.major}.{sys.version_info.minor}").is_file():
        with pytest.raises(CannotIsolate, match="own user id"):
            build("strict", wanted, docker)
    sandbox = build("strict", wanted)
    (base / "x").mkdir()
    code = f"import dependency; print(dependency.VALUE); open({str(hidden / 'secret')!r})"
    outcome = asyncio.run(sandbox.run(Command(argv=(str(wanted), "-c", code), folder=base / "x"), Limits()))
    assert outcome.stdout == b"5\n"
    assert b"PermissionError" in outcome.stderr


@AS_ROOT
@WITH_LANDLOCK
def test_run__private_copies_are_opened_to_the_sandbox_alone(scratch: Path) -> None:
    copy = scratch / "copy" / "package"
    copy.mkdir(parents=True)
    (copy / "module.py").write_text("VALUE = 7\n")
    (copy / "tool").write_text("#!/bin/sh\necho tool\n")
    (copy / "tool").chmod(0o700)
    (copy / "module.py").chmod(0o600)
    for folder in (scratch, scratch / "copy", copy):
        folder.chmod(0o700)
    sandbox = build("strict")
    code = f"""
import subprocess, sys
sys.path.insert(0, {str(scratch / "copy")!r})
from package.module import VALUE
print(VALUE, subprocess.run([{str(copy / "tool")!r}], capture_output=True).stdout)
"""
    outcome = run(sandbox, scratch / "x", code, readable=(scratch / "copy",))
    assert outcome.stdout == b"7 b'tool\\n'\n", outcome
    for path in (scratch, scratch / "copy", copy, copy / "module.py", scratch / "x"):
        assert not path.stat().st_mode & stat.S_IRWXO
        assert not path.stat().st_mode & stat.S_IWGRP


@AS_ROOT
@WITH_LANDLOCK
def test_run__side_by_side_each_with_a_user_of_its_own(base: Path) -> None:
    sandbox = build("strict")

    async def both() -> list[ProcessOutcome]:
        for name in ("a", "b"):
            await asyncio.to_thread((base / name).mkdir)
        code = "import os, time; print(os.getuid()); time.sleep(0.3)"
        commands = [Command(argv=(str(PYTHON), "-c", code), folder=base / name) for name in ("a", "b")]
        return await asyncio.gather(*(sandbox.run(command, Limits()) for command in commands))

    first, second = asyncio.run(both())
    assert first.stdout != second.stdout
    assert b"0\n" not in {first.stdout, second.stdout}


@AS_ROOT
def test_users__two_bots_do_not_lend_the_same() -> None:
    first, second = Users(), Users()
    lent = [first.borrow(), first.borrow(), second.borrow(), second.borrow()]
    assert len(set(lent)) == 4
    assert first.group != second.group
    first.give_back(lent[0])
    assert first.borrow() == lent[0]


STAYS = """
import os, time
if os.fork() == 0:
    os.setsid()
    open("daemon", "w").write(str(os.getpid()))
    time.sleep(60)
time.sleep(60)
"""


def wait_for_number(path: Path) -> int:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text()):
            return int(text)
        time.sleep(0.01)
    raise TimeoutError(path)


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while state_of(pid) != "Z" and time.monotonic() < deadline:
        time.sleep(0.01)
    return state_of(pid) == "Z"


@AS_ROOT
@WITH_LANDLOCK
def test_run__nothing_is_left_when_the_launcher_is_killed(base: Path) -> None:
    sandbox = build("strict")

    async def kill_launcher() -> tuple[ProcessOutcome, int]:
        running = asyncio.create_task(asyncio.to_thread(run, sandbox, base / "x", STAYS))
        daemon = await asyncio.to_thread(wait_for_number, base / "x" / "daemon")
        target = processes.parent(daemon)
        os.kill(processes.parent(target), signal.SIGKILL)
        return await running, daemon

    outcome, daemon = asyncio.run(kill_launcher())
    assert outcome.exit_code == -signal.SIGKILL
    assert is_gone(daemon)  # it is not the new launcher's child, which sends it SIGKILL and does not wait
    assert outcome.seconds < 5


@WITH_LANDLOCK
@pytest.mark.parametrize("deadly", [signal.SIGKILL, signal.SIGTERM])
def test_run__nothing_is_left_when_the_bot_is_killed(base: Path, deadly: signal.Signals) -> None:
    bot = f"""
import asyncio
from pathlib import Path
from testsmith.execution.sandbox.isolated import build_sandbox
from testsmith.execution.sandbox.interface import Command, Limits
from testsmith.settings import SandboxChoice
async def main():
    sandbox = await build_sandbox(SandboxChoice.STRICT, Path({str(PYTHON)!r}))
    folder = Path({str(base / "x")!r})
    folder.mkdir()
    await sandbox.run(Command(argv=({str(PYTHON)!r}, "-c", {STAYS!r}), folder=folder), Limits())
asyncio.run(main())
"""
    with subprocess.Popen((sys.executable, "-c", bot)) as process:
        daemon = wait_for_number(base / "x" / "daemon")
        process.send_signal(deadly)
        process.wait()
    assert is_gone(daemon)

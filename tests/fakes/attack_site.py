"""Where attacks are tried: a bot of its own, a victim, and things that nobody inside may reach."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from testsmith.execution.sandbox.interface import Limits, ProcessOutcome

ORDINARY_USER = 60570
"""An id that nobody has, for a bot that is no root."""

PLANTED = "planted-key-8d1f"
"""The secret that no attack may get."""

_SECOND_BOT = Path(__file__).parent / "second_bot.py"

_SURROUNDINGS = """
import os, signal, socket, sys, time
OUTSIDE, VICTIM, BOT = {outside!r}, {victim}, {bot}
"""
_ATTACK = """
def attack():
{attack}

print("attempted", flush=True)
try:
    got = attack()
except Exception as error:
    print("held", type(error).__name__, error, flush=True)
else:
    print("done", repr(got)[:2000], flush=True)
"""


class SecondBot:
    """A bot that runs under an id and rights of its own, with a key in its environment."""

    def __init__(self, uid: int, rights: str) -> None:
        self.uid = uid
        self._process = subprocess.Popen(
            (sys.executable, "-I", str(_SECOND_BOT), rights),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"TESTSMITH_API_KEY": PLANTED, "GITHUB_TOKEN": PLANTED, "LANG": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
            **(as_user(uid)),
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("the bot has no streams")
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the bot is gone: {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait(timeout=20)


def state_of(pid: int) -> str:
    """Return a process's state as the kernel's letter, `Z` also where it is gone altogether."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def marked(marker: str) -> list[bytes]:
    """Return the environments that hold a marker, of all processes there are."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            found.append(path.read_bytes())
        except OSError:
            continue
    return [text for text in found if marker.encode() in text]


def is_filtered_already() -> bool:
    """Tell whether a container filters system calls here, so that some attacks fail anyway."""
    return "Seccomp:\t0" not in Path("/proc/self/status").read_text()


def as_user(uid: int) -> dict[str, Any]:
    """Return what makes `subprocess` start something as a user; nothing for the own one."""
    return {} if uid == os.geteuid() else {"user": uid, "group": uid, "extra_groups": []}


def can_run_the_bot(uid: int) -> bool:
    """Tell whether a user may run this interpreter, and read the program."""
    try:
        command = (sys.executable, "-c", "import testsmith")
        return not subprocess.run(command, cwd="/", check=False, **as_user(uid)).returncode
    except PermissionError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How something is run.

    Attributes:
        sandbox: The bot's choice of a sandbox; `off` shows what an attack does without one.
        landlock: The version of Landlock that the bot is told of; None for the kernel's own.
        folder: The folder it may write to; None for a new one.
        working_folder: A folder to read and to start in; None for the other one.
    """

    sandbox: str = "strict"
    landlock: int | None = None
    limits: Limits = field(default_factory=lambda: Limits(seconds=20))
    folder: Path | None = None
    working_folder: Path | None = None
    network: bool = False
    loopback: bool = False
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AttackSite:
    """One attack's surroundings.

    Attributes:
        bot: The bot that is attacked.
        base: A folder of its user's that everybody may enter; what is inside runs in a folder of it.
        outside: A folder that only its user may enter, with a file `secret`.
        victim: A process of its user's, with the same rights as the bot, and the key in its environment.
    """

    bot: SecondBot
    base: Path
    outside: Path
    victim: int

    def run(self, code: str, **how: Any) -> ProcessOutcome:
        """Run Python code in a sandbox of the bot's; `how` are fields of `How`."""
        chosen = How(**how)
        answer = self.bot.ask(
            {
                "sandbox": chosen.sandbox,
                "landlock": chosen.landlock,
                "argv": [sys.executable, "-B", "-c", textwrap.dedent(code)],
                "folder": str(chosen.folder or self.new_folder()),
                "readable": [str(chosen.working_folder)] if chosen.working_folder else [],
                "working_folder": str(chosen.working_folder or ""),
                "variables": {"PATH": "/usr/bin:/bin", **chosen.variables},
                "limits": asdict(chosen.limits),
                "network": chosen.network,
                "loopback": chosen.loopback,
            }
        )
        if "error" in answer:
            raise AssertionError(answer["error"])
        return ProcessOutcome(
            exit_code=answer["exit_code"],
            stdout=base64.b64decode(answer["stdout"]),
            stderr=base64.b64decode(answer["stderr"]),
            seconds=answer["seconds"],
            timed_out=answer["timed_out"],
            truncated=answer["truncated"],
            exceeded=answer["exceeded"],
        )

    def attack(self, attack: str, **how: Any) -> str:
        """Try an attack, and return `held ...` or `done ...`, once it has shown that it was tried."""
        outcome = self.run(self._surroundings() + _attempt(attack), **how)
        attempted, _, result = outcome.stdout.decode().partition("\n")
        if attempted != "attempted":
            raise AssertionError(f"the attack was not tried: {outcome}")
        return result or f"ended {outcome.exit_code}"

    def attack_by_all(self, attacks: dict[str, str]) -> dict[str, str]:
        """Try attacks one after the other in one process, and return what came of each."""
        code = "".join(f"print({name!r})\n{_attempt(attack)}" for name, attack in attacks.items())
        lines = self.run(self._surroundings() + code).stdout.decode().splitlines()
        if lines[1::3] != ["attempted"] * len(attacks):
            raise AssertionError(f"not every attack was tried: {lines}")
        return dict(zip(lines[0::3], lines[2::3], strict=True))

    def _surroundings(self) -> str:
        return _SURROUNDINGS.format(outside=str(self.outside), victim=self.victim, bot=self.bot.pid)

    def new_folder(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="inside-", dir=self.base))
        os.chown(folder, self.bot.uid, self.bot.uid)
        return folder

    def victim_is_well(self) -> bool:
        """Tell whether the victim is there, and not stopped."""
        return state_of(self.victim) in {"R", "S", "D"}


def _attempt(attack: str) -> str:
    return _ATTACK.format(attack=textwrap.indent(textwrap.dedent(attack), "    "))


@contextmanager
def everybodys_folder() -> Iterator[Path]:
    """Give a folder that everybody may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="attack_site-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def new_attack_site(bot: SecondBot) -> Iterator[AttackSite]:
    """Give an attack_site, and remove it at the end."""
    with everybodys_folder() as base:
        outside = base / "outside"
        outside.mkdir(mode=0o700)
        (outside / "secret").write_text(PLANTED)
        (outside / "secret").chmod(0o600)
        for path in (base, outside, outside / "secret"):
            os.chown(path, bot.uid, bot.uid)
        asked = {"spawn": ["/bin/sleep", "600"], "variables": {"KEY": PLANTED}}
        victim: int = bot.ask(asked)["pid"]
        try:
            yield AttackSite(bot=bot, base=base, outside=outside, victim=victim)
        finally:
            os.kill(victim, signal.SIGKILL)

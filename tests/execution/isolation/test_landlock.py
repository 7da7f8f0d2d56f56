from pathlib import Path

import pytest

from bot.execution.isolation import landlock
from bot.execution.isolation.reach import interpreter_folders, reachable


@pytest.mark.parametrize(
    ("version", "files", "tcp", "scopes"),
    [
        (1, 0x1FFF, 0, 0),
        (2, 0x3FFF, 0, 0),
        (3, 0x7FFF, 0, 0),
        (4, 0x7FFF, 3, 0),
        (5, 0xFFFF, 3, 0),
        (6, 0xFFFF, 3, 3),
        (7, 0xFFFF, 3, 3),
        (9, 0x1FFFF, 3, 3),
        (99, 0x1FFFF, 3, 3),
    ],
)
def test_ruleset__holds_all_that_a_version_knows(version: int, files: int, tcp: int, scopes: int) -> None:
    found = landlock.ruleset(version, [("/usr", landlock.READ), ("/x", landlock.WRITE)], network=False)
    assert (found.files, found.tcp, found.scopes) == (files, tcp, scopes)
    assert all(rights & ~files == 0 for _, rights in found.paths)  # the kernel takes no others


def test_ruleset__the_network_opens_tcp_alone() -> None:
    closed = landlock.ruleset(7, [], network=False)
    assert landlock.ruleset(7, [], network=True) == closed._replace(tcp=0)


def test_ruleset__what_is_written_to_makes_no_devices() -> None:
    assert not landlock.WRITE & (landlock.MAKE_CHAR | landlock.MAKE_BLOCK | landlock.IOCTL_DEV)
    assert not landlock.READ & (landlock.WRITE_FILE | landlock.TRUNCATE | landlock.REMOVE_FILE)


def test_reachable__the_folder_alone_is_written_to(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    paths = dict(reachable(Path("/usr/bin/python3"), tmp_path, [copy, tmp_path / "missing"], network=False))
    writable = {path for path, rights in paths.items() if rights & landlock.WRITE_FILE}
    assert writable - {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"} == {
        str(tmp_path),
        "/dev/shm",  # noqa: S108 - nothing is made there
    }
    assert paths[str(copy)] == landlock.READ
    assert str(tmp_path / "missing") not in paths
    assert not {
        "/",
        "/proc",
        "/etc",
        "/usr",
        "/usr/src",
        "/usr/local",
        "/root",
        "/home",
        "/tmp",  # noqa: S108 - only a text
        "/var",
        "/run",
        "/dev",
    } & set(paths)


def installation(prefix: Path) -> Path:
    for part in ("bin", "lib/python3.12", "share", "secrets"):
        (prefix / part).mkdir(parents=True)
    (prefix / "lib/python3.12/os.py").write_text("")
    (prefix / "bin/python3.12").write_text("")
    return prefix / "bin/python3.12"


def test_interpreter_folders__of_an_installation(tmp_path: Path) -> None:
    program = installation(tmp_path / "base")
    assert interpreter_folders(program) == (tmp_path / "base/bin", tmp_path / "base/lib")


def test_interpreter_folders__of_an_environment(tmp_path: Path) -> None:
    base = installation(tmp_path / "base")
    environment = tmp_path / "venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
    (environment / "bin/python").symlink_to(base)
    expected = (environment, tmp_path / "base/bin", tmp_path / "base/lib")
    assert interpreter_folders(environment / "bin/python") == expected


def test_interpreter_folders__an_environment_cannot_open_a_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for part in ("bin", "lib", ".ssh"):
        (home / part).mkdir(parents=True)
    environment = tmp_path / "venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").write_text(f"home = {home}/bin\n")
    (environment / "bin/python").write_text("")
    assert interpreter_folders(environment / "bin/python") == (environment,)


def test_interpreter_folders__a_name_without_a_folder() -> None:
    assert interpreter_folders(Path("python3")) == ()

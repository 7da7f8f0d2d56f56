import os
from pathlib import Path

import pytest

from testsmith.execution.sandbox.allowed_paths import interpreter_folders, reachable
from testsmith.execution.sandbox.linux import landlock


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
    some = landlock.ruleset(7, [], network=True, ports=(53, 443))
    assert some == closed._replace(tcp=2, ports=[53, 443])
    assert landlock.ruleset(3, [], network=True, ports=(53, 443)).ports == []


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


def test_interpreter_folders__no_part_of_a_base_leads_out_of_it(tmp_path: Path) -> None:
    base = installation(tmp_path / "base")
    (tmp_path / "home").mkdir()
    (tmp_path / "base/include").symlink_to("../home")
    (tmp_path / "base/lib64").symlink_to("lib")
    assert interpreter_folders(base) == (tmp_path / "base/bin", tmp_path / "base/lib")


@pytest.mark.parametrize("home", ["{tmp}/real/bin", "fake/bin"])
def test_interpreter_folders__the_base_is_read_as_python_reads_it(tmp_path: Path, home: str) -> None:
    installation(tmp_path / "fake")
    installation(tmp_path / "real")
    environment = tmp_path / "venv"
    (environment / "bin").mkdir(parents=True)
    settings = f"HOME = {home.format(tmp=tmp_path)}\nhome = {tmp_path}/fake/bin\n"
    (environment / "pyvenv.cfg").write_text(settings)
    (environment / "bin/python").write_text("")
    read = interpreter_folders(environment / "bin/python")
    assert tmp_path / "fake/lib" not in read
    assert (tmp_path / "real/lib" in read) == (home != "fake/bin")


def test_interpreter_folders__what_runs_later_adds_nothing(tmp_path: Path) -> None:
    base = installation(tmp_path / "base")
    before = interpreter_folders(base)
    (tmp_path / "base/include").mkdir()
    assert interpreter_folders(base) == before


@pytest.mark.skipif(not landlock.version(), reason="NOT SHOWN: this kernel offers no Landlock")
@pytest.mark.parametrize("path", ["link", "link/inner", "real/link"])
def test_open_ruleset__no_path_is_opened_through_a_link(tmp_path: Path, path: str) -> None:
    (tmp_path / "real/inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real/link").symlink_to("inner")
    opened = landlock.ruleset(1, [(str(tmp_path / "real/inner"), landlock.READ)], network=False)
    os.close(landlock.open_ruleset(opened))
    refused = landlock.ruleset(1, [(str(tmp_path / path), landlock.READ)], network=False)
    with pytest.raises(landlock.PathRefused, match="a link is on the way"):
        landlock.open_ruleset(refused)


def test_reachable__the_machines_own_links_are_followed_beforehand(tmp_path: Path) -> None:
    paths = reachable(Path("/usr/bin/python3"), tmp_path, [], network=True)
    assert [path for path, _ in paths if Path(path).resolve() != Path(path)] == []


def test_interpreter_folders__a_name_without_a_folder() -> None:
    assert interpreter_folders(Path("python3")) == ()

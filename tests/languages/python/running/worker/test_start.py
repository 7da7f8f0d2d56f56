"""A worker as a process: it ends with its work, whatever the project's modules have left running."""

from __future__ import annotations

import grp
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

import testsmith.languages.python.running.worker
from testsmith.languages.python.running.worker.start import know_own_user, trust_effective_rights

START = Path(testsmith.languages.python.running.worker.__file__).parent / "start.py"

THREAD = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
_NAMES = ("supports_effective_ids", "supports_dir_fd", "supports_follow_symlinks")
# Shared memory is the user's, so other tests use it at the same time, and a worker counts what is left there.
WITH_OWN_SHARED_MEMORY = """
import os, runpy, sys
file, folder = sys.argv[1:]
real = os.scandir
os.scandir = lambda path=".": real(folder if path == "/dev/shm" else path)
sys.argv[1:] = ["explorer.explore"]
runpy.run_path(file, run_name="__main__")
"""
AT_EXIT = "import atexit, time\natexit.register(time.sleep, 600)\n"


@pytest.mark.parametrize("leaves", [THREAD, AT_EXIT])
def test_start__a_module_that_leaves_something_running(tmp_path: Path, leaves: str) -> None:
    (tmp_path / "left.py").write_text(f"{leaves}def twice(a: int) -> int:\n    return a * 2\n")
    job = {
        "roots": [str(tmp_path)],
        "hidden": [],
        "owned": ["left"],
        "refused": [],
        "module": "left",
        "days": 0,
        "describe": ["twice"],
        "trials": [],
        "file": None,
        "source": None,
        "apart": False,
        "changes": {},
        "output_bytes": 1 << 20,
        "limits": {"seconds": 1, "cpu_seconds": 1, "memory": 1 << 30, "longest": 200, "failures": 1},
    }
    done = subprocess.run(
        (sys.executable, "-B", "-c", WITH_OWN_SHARED_MEMORY, str(START), str(tmp_path)),
        input=json.dumps(job).encode(),
        capture_output=True,
        cwd=tmp_path,
        timeout=20,
        check=False,
    )

    *lines, end = done.stdout.splitlines()
    told = [json.loads(line) for line in lines if line]
    assert (done.returncode, done.stderr, end) == (0, b"", b"end done")
    assert told[0] == {"problem": None, "missing": None}
    assert "description" in told[1]


def test_trust_effective_rights__a_capability_counts_for_access(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, int, bool]] = []

    def real(path: object, mode: int, *, effective_ids: bool = False, **_: object) -> bool:
        asked.append((path, mode, effective_ids))
        return effective_ids  # as if only a capability let the user pass

    for name in _NAMES:
        monkeypatch.setattr(os, name, {*getattr(os, name), real})
    monkeypatch.setattr(os, "access", real)
    trust_effective_rights()
    assert os.access("file", os.R_OK)
    assert asked == [("file", os.R_OK, True)]
    assert all(os.access in getattr(os, name) for name in _NAMES)


def test_trust_effective_rights__without_the_system_call_nothing_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "supports_effective_ids", set())
    before = os.access
    trust_effective_rights()
    assert os.access is before


def test_know_own_user__a_number_without_an_entry_has_a_name_and_a_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = 2_000_000_001
    monkeypatch.setattr(os, "getuid", lambda: number)
    monkeypatch.setattr(os, "getgid", lambda: number)
    monkeypatch.setattr(pwd, "getpwuid", pwd.getpwuid)
    monkeypatch.setattr(grp, "getgrgid", grp.getgrgid)
    monkeypatch.setenv("HOME", "/somewhere")
    know_own_user()
    assert pwd.getpwuid(number).pw_dir == "/somewhere"
    assert (pwd.getpwuid(number).pw_name, grp.getgrgid(number).gr_name) == ("tester", "tester")
    assert pwd.getpwuid(0).pw_name == "root"
    with pytest.raises(KeyError):
        pwd.getpwuid(number + 1)

"""The moved clock, in interpreters of their own: it is never moved in the tests' own process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import testsmith.languages.python.running

_FOLDER = Path(testsmith.languages.python.running.__file__).parent
_LEAP_DAY = 1961710200.0


def run(code: str, zone: str = "UTC") -> str:
    """Run code behind a clock that stands at 2032-02-29T23:30Z; return what it prints."""
    program = (
        f"import sys; sys.path.insert(0, {str(_FOLDER)!r})\n"
        f"from worker.clock import set_clock\nassert set_clock({_LEAP_DAY})\n{code}"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={"TZ": zone},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("read", "shown"),
    [
        ("datetime.datetime.now()", "2032-02-29 23:30"),
        ("datetime.datetime.now(tz=datetime.timezone.utc)", "2032-02-29 23:30"),
        ("datetime.date.today()", "2032-02-29"),
        ("datetime.datetime.today()", "2032-02-29 23:30"),
        ("datetime.datetime.fromtimestamp(time.time())", "2032-02-29 23:30"),
        ("datetime.datetime.fromtimestamp(time.time_ns() // 10**9)", "2032-02-29 23:30"),
        ("datetime.datetime.fromtimestamp(time.clock_gettime(time.CLOCK_REALTIME))", "2032-02-29 23:30"),
        ("time.strftime('%Y-%m-%d %H:%M')", "2032-02-29 23:30"),
        ("time.ctime()", "Sun Feb 29 23:30"),
        ("time.asctime()", "Sun Feb 29 23:30"),
        ("time.gmtime()[:5]", "(2032, 2, 29, 23, 30)"),
        ("time.localtime(None)[:5]", "(2032, 2, 29, 23, 30)"),
        ("time.gmtime(0)[:3]", "(1970, 1, 1)"),
        ("time.strftime('%Y', time.gmtime(0))", "1970"),
    ],
)
def test_set_clock__all_that_reads_the_clock_shows_the_other_day(read: str, shown: str) -> None:
    assert run(f"import datetime, time\nprint({read})").startswith(shown)


def test_set_clock__zones_hold() -> None:
    code = "import datetime, time\nprint(datetime.datetime.now(), time.localtime()[:5])"
    assert run(code, "JST-9").startswith("2032-03-01 08:30")
    assert run(code, "JST-9").endswith("(2032, 3, 1, 8, 30)")


@pytest.mark.parametrize(
    "claim",
    [
        "type(datetime.datetime.now()) is datetime.datetime",
        "isinstance(datetime.datetime.now(), datetime.date)",
        "pickle.loads(pickle.dumps(datetime.datetime.now())).year == 2032",
        "pickle.loads(pickle.dumps(datetime.datetime)) is datetime.datetime",
        "pickle.loads(pickle.dumps(time.time)) is time.time",
        "copy.deepcopy(time.time) is time.time",
        "repr(time.time) == '<built-in function time>'",
        "Holder().clock() > 1961000000",
        "type(Later.now()) is Later",
        "type(Later.today()) is Later",
        "raises(TypeError, lambda: datetime.datetime.now('no zone'))",
        "raises(TypeError, lambda: time.time(1))",
        "raises(OverflowError, lambda: time.gmtime(1e30))",
        "raises(TypeError, lambda: time.strftime('%Y', None))",
        "raises(TypeError, lambda: setattr(datetime.datetime, 'now', 1))",
    ],
)
def test_set_clock__types_and_errors_stay_what_they_are(claim: str) -> None:
    code = f"""
import copy, datetime, pickle, time
class Holder:
    clock = time.time
class Later(datetime.datetime):
    pass
def raises(kind, function):
    try:
        function()
    except kind:
        return True
assert {claim}
"""
    run(code)


def test_set_clock__it_goes_on() -> None:
    run("import time\nfirst = time.time()\ntime.sleep(0.01)\nassert 0.005 < time.time() - first < 5")


def test_set_clock__what_measures_durations_is_untouched() -> None:
    run("import time\nassert type(time.monotonic) is type(time.perf_counter) is type(len)")


def test_set_clock__utcnow_warns_where_the_real_one_does() -> None:
    code = """
import datetime, sys, warnings
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    shown = datetime.datetime.utcnow()
assert (shown.year, shown.tzinfo) == (2032, None)
assert [one.category for one in told] == ([DeprecationWarning] if sys.version_info >= (3, 12) else [])
"""
    run(code)


def test_set_clock__a_test_may_put_its_own_clock_in_place() -> None:
    code = """
import datetime, time
real = time.time
time.time = lambda: 0
assert datetime.date.today() == datetime.date(1970, 1, 1)  # as the real one: it asks the module
assert datetime.datetime.now().year == time.gmtime().tm_year == 2032
time.time = real
class Frozen(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2000, 1, 1)
datetime.datetime = Frozen
assert datetime.datetime.now().year == 2000
"""
    run(code)


def test_set_clock__yields_to_what_replaces_the_clock_in_its_own_way(tmp_path: Path) -> None:
    (tmp_path / "_time_machine.py").write_text("import time, datetime\nseen = type(time.time)\n")
    code = f"""
import datetime, sys, time
sys.path.insert(0, {str(tmp_path)!r})
import _time_machine
assert _time_machine.seen is type(len)
assert type(vars(datetime.datetime)["now"]) is type(vars(datetime.datetime)["fromtimestamp"])
assert time.time() < 1961000000
assert datetime.datetime.now().timestamp() < 1961000000
"""
    run(code)


@pytest.mark.parametrize(
    "claim",
    [
        "abs(time.time() - path.stat().st_mtime) < 60",
        "abs(time.time() - os.path.getmtime(path)) < 60",
        "abs(time.time() - os.fstat(os.open(path, os.O_RDONLY)).st_mtime) < 60",
        "abs(time.time_ns() - os.lstat(path).st_mtime_ns) < 60 * 10**9",
        "path.stat()[8] == int(path.stat().st_mtime) == path.stat().st_mtime_ns // 10**9",
        "path.stat() == path.stat() and type(path.stat()) is os.stat_result",
        "path.stat().st_size == 1 and path.stat().st_blksize and path.stat().st_ino",
        "set_time(times=(100, 200)).st_mtime == 200 and path.stat().st_atime == 100",
        "set_time((100.5, 200.5)).st_mtime == 200.5",
        "set_time(ns=(1, 2)).st_mtime_ns == 2",
        "abs(set_time().st_mtime - time.time()) < 60",
        "raises(FileNotFoundError, lambda: os.stat('nothing'))",
        "raises(TypeError, lambda: os.utime(path, 3))",
        "raises(ValueError, lambda: os.utime(path, (1, 2), ns=(1, 2)))",
        "os.stat(path, follow_symlinks=False).st_size == 1",
        "os.stat in os.supports_dir_fd and os.utime in os.supports_fd",
        "shutil.copystat(path, other) or other.stat().st_mtime_ns == path.stat().st_mtime_ns",
        "shutil.rmtree(folder) or not folder.exists()",
        "pickle.loads(pickle.dumps(os.stat)) is os.stat",
        "pickle.loads(pickle.dumps(path.stat())) == path.stat()",
    ],
)
def test_set_clock__files_are_as_old_as_they_are(claim: str, tmp_path: Path) -> None:
    code = f"""
import os, pathlib, pickle, shutil, time, warnings
warnings.simplefilter("ignore", ResourceWarning)
folder = pathlib.Path({str(tmp_path)!r}, "folder")
folder.mkdir()
path, other = folder / "file", folder / "other"
path.write_text("x")
other.write_text("y")
def set_time(*times, **named):
    os.utime(path, *times, **named)
    return path.stat()
def raises(kind, function):
    try:
        function()
    except kind:
        return True
assert {claim}
"""
    run(code)

"""What runs of Python vary, and the descriptions in reports. Pure.

Each run varies several conditions that a test must not depend on, so that a few runs cover all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from testsmith.execution.jobs import RunSetting

UTF_8 = "C.UTF-8"
"""A language-neutral UTF-8 locale."""


LEAP_EVENING = 1_961_710_200.0
"""2032-02-29 23:30 UTC: a different year and weekday, a leap day, and already the next day east of London."""

MOVED_CLOCK, BESIDE_OWN_TESTS, UNDER_CONFTEST = "clock", "own tests", "conftest"
WITHOUT_ADDOPTS = "without addopts"
"""Flags a worker reports about a run.

The clock was moved, the test ran within the project's own session, the test ran under the project's conftest
only, or either of these ran without the project's `addopts`.
"""

AS_USUAL = "as usual"
"""Marks a run that was made again in UTF-8, in the usual folder, at the real time and on the main Python.

The project cannot be imported in locale C, or no session of it could be set up as requested.
"""

IN_PROJECTS_FOLDER = "in the project's folder"
"""Marks a run that was made again there, because tests of the same file fail in another folder, too."""

TOGETHER = "together"
"""Marks a run that was made again with all functions in one process, because one hung in a fork."""

_ZONES = {
    "UTC": "",
    "JST-9": "UTC+9",
    "EST5EDT,M3.2.0,M11.1.0": "UTC-5",
    "NPT-5:45": "UTC+5:45",
}
"""Time zones that need no database, with their descriptions. The third one has daylight saving time."""

_, _EAST, _WEST, _BETWEEN = _ZONES
_NAMED = {_EAST: "Asia/Tokyo", _WEST: "America/New_York", _BETWEEN: "Asia/Kathmandu"}
_DATABASE = Path("/usr/share/zoneinfo")
_OTHER_FOLDER = "another folder/\u00e9\u00e8/below"


def variable_of_zone(rule: str, database: Path = _DATABASE) -> str:
    """Return the value of TZ for a time zone: its name, if the system knows it, or else the rule.

    Some libraries refuse rules: `tzlocal` is one. Without a database, a name would mean UTC.
    """
    name = _NAMED.get(rule, "")
    return name if name and (database / name).is_file() else rule


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonSetting(RunSetting):
    """Settings for the runs of one worker.

    Attributes:
        hash_seed: Value of PYTHONHASHSEED.
        order_seed: Seed for shuffling the test functions; None for file order.
        time_zone: Time zone as a POSIX rule, which needs no database; see `variable_of_zone`.
        with_ini: Whether to apply the project's strictness settings; otherwise pytest runs unconfigured.
        variables: Additional environment variables.
        locale: Value of LANG and LC_ALL. In `C`, the only text encoding is ASCII.
        instant: Start time of the clock in seconds since 1970, if the interpreter allows that; None for the
            real clock.
        place: Path below a test's own folder to use as the working folder; `""` for that folder itself.
        apart: Whether to run each test function in its own process.
        twice: Whether to run a test module that left files again in the same folder.
        other_python: Whether to use the workspace's other interpreter, if there is one.
        own_calls: Whether to report the calls in a test module that were not made; disables assertion
            rewriting.
        in_file: Whether to write mutants into the module's file in a copy of the project.
    """

    hash_seed: int = 0
    order_seed: int | None = None
    time_zone: str = "UTC"
    with_ini: bool = True
    variables: tuple[tuple[str, str], ...] = ()
    locale: str = UTF_8
    instant: float | None = None
    place: str = ""
    apart: bool = False
    twice: bool = False
    other_python: bool = False
    own_calls: bool = False
    in_file: bool = False

    @property
    def may_be_skipped(self) -> bool:
        """See `RunSetting.may_be_skipped`: a test may ask for a newer version of Python."""
        return self.other_python

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables for this setting."""
        without_encoding = {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"} if self.locale == "C" else {}
        return {
            "PYTHONHASHSEED": str(self.hash_seed),
            "TZ": variable_of_zone(self.time_zone),
            "LANG": self.locale,
            "LC_ALL": self.locale,
            **without_encoding,
            **dict(self.variables),
        }


PLAIN = PythonSetting(name="plain", hash_seed=1)
ON_BASE = PythonSetting(name="merge base", hash_seed=1, on_base=True)

WATCHED = PythonSetting(name="its own calls watched", hash_seed=1, own_calls=True)
"""Additional run on head that records which calls in the test itself were not reached."""

MUTANTS = PythonSetting(name="mutants", hash_seed=1)
MUTANTS_IN_FILE = PythonSetting(name="mutants in a file", hash_seed=1, in_file=True)

AUDIT = PythonSetting(name="audit", hash_seed=1)
AUDIT_VARIED = PythonSetting(name="audit, in another order", hash_seed=3, time_zone=_WEST)
AUDIT_AS_SUITE = PythonSetting(name="audit, as in the whole suite", hash_seed=0)
"""Runs of the project's own tests for an audit."""


def head_settings(
    runs: int, *, other_python: bool = False, other_locale: str = ""
) -> tuple[PythonSetting, ...]:
    """Return the settings of the runs on head, most informative first.

    The first run keeps the order of the file. One run uses none of the project's pytest settings, as in an
    empty folder.

    Args:
        runs: Number of runs.
        other_python: Whether another interpreter is available.
        other_locale: A locale of another language; empty if the system has none.
    """
    varied = (
        PythonSetting(name="plain", hash_seed=1, with_ini=runs > 1),
        PythonSetting(name="apart", hash_seed=2, time_zone=_EAST, locale="C", apart=True, with_ini=False),
        PythonSetting(name="session", hash_seed=3, order_seed=2, in_project_session=True),
        PythonSetting(
            name="later", hash_seed=4, order_seed=3, time_zone=_WEST, instant=LEAP_EVENING, twice=True
        ),
        PythonSetting(
            name="elsewhere",
            hash_seed=5,
            order_seed=4,
            time_zone=_BETWEEN,
            locale=other_locale or UTF_8,
            place=_OTHER_FOLDER,
            other_python=other_python,
        ),
    )
    return (*varied[: max(1, runs)], *(_further(index) for index in range(len(varied), runs)))


def _further(index: int) -> PythonSetting:
    zones = list(_ZONES)
    zone = zones[index % len(zones)]
    return PythonSetting(name=f"run {index + 1}", hash_seed=index + 1, order_seed=index, time_zone=zone)


def words_of(
    setting: PythonSetting, done: frozenset[str], other_version: tuple[int, int] | None
) -> tuple[str, ...]:
    """Return what is special about a run, in a few words each: `hash seed 2`, `locale C`.

    Args:
        setting: The requested settings of the run.
        done: How the worker actually ran it.
        other_version: Version of the other interpreter; None if there is none.
    """
    zone = _ZONES.get(setting.time_zone, setting.time_zone)
    session = words_of_session(done)
    shuffled = setting.order_seed is not None
    order = f"shuffled with seed {setting.order_seed}" if shuffled else "order of the file"
    parts = {
        f"hash seed {setting.hash_seed}": True,
        "each function in its own process" if setting.apart and TOGETHER not in done else order: True,
        f"time zone {zone}": bool(zone),
        f"locale {setting.locale}": setting.locale != UTF_8 and AS_USUAL not in done,
        "clock at 2032-02-29": MOVED_CLOCK in done,
        "another working folder": bool(setting.place) and done.isdisjoint({AS_USUAL, IN_PROJECTS_FOLDER}),
        "two runs in one folder": setting.twice and not session,
        session: bool(session),
        "without the project's pytest settings": not setting.with_ini and not session,
        f"Python {_dotted(other_version)}": (
            setting.other_python and other_version is not None and AS_USUAL not in done
        ),
    }
    return tuple(words for words, is_true in parts.items() if is_true)


def _dotted(version: tuple[int, int] | None) -> str:
    return "" if version is None else f"{version[0]}.{version[1]}"


def words_of_session(done: frozenset[str]) -> str:
    """Return the words for a run in a session of the project; empty if it ran by itself."""
    without = " but without its addopts" if WITHOUT_ADDOPTS in done else ""
    if BESIDE_OWN_TESTS in done:
        return f"next to the project's tests{without}"
    return f"with the project's conftest{without}" if UNDER_CONFTEST in done else ""


def base_settings(runs: int) -> tuple[PythonSetting, ...]:
    """Return settings for as many runs on base as there are on head."""
    again = (replace(ON_BASE, hash_seed=seed, order_seed=seed) for seed in range(2, runs + 1))
    return (ON_BASE, *again)

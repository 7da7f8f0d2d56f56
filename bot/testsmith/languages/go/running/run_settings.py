"""What runs of Go vary, and the descriptions in reports. Pure.

A Go program is linked statically, so its clock cannot be moved from outside, which a note in the report says.
The order of a map is random in every run anyway.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from testsmith.execution.jobs import IANA_ZONES, RunSetting

BESIDE_OWN_TESTS = "own tests"
"""Flag of a run: the test ran in one process with the tests of its package."""

TOGETHER = "together"
"""Flag of a run: all functions of the module ran in one process."""

WITHOUT_OWN_FILES = "without own files"
"""Flag of a run: the package's own test files were left out, because they declare the same names."""

_FOLDER = "another folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoSetting(RunSetting):
    """Settings for the runs of some test binaries.

    Attributes:
        seed: Value of `-test.shuffle`; None for the order of the file.
        together: Whether all functions of a module run in one process.
        with_own_tests: Whether the package's own tests run in the same process.
        twice: Whether each function runs twice in its process.
        time_zone: Value of TZ, a name of the IANA database.
        processors: Value of GOMAXPROCS; 0 for that of the machine.
        copies: Whether to run in a writable copy of the project in another folder.
        watched: Whether to report which calls of the module were not reached.
        in_file: Whether the module is the whole text of the project's test file.
    """

    seed: int | None = None
    together: bool = False
    with_own_tests: bool = False
    twice: bool = False
    time_zone: str = "UTC"
    processors: int = 0
    copies: bool = False
    watched: bool = False
    in_file: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables for this setting."""
        processors = {"GOMAXPROCS": str(self.processors)} if self.processors else {}
        return {"TZ": self.time_zone, **processors}

    @property
    def arguments(self) -> tuple[str, ...]:
        """Arguments of the test binary for this setting."""
        shuffled = () if self.seed is None else (f"-test.shuffle={self.seed}",)
        return (*shuffled, *(("-test.count=2",) if self.twice else ()))


PLAIN = GoSetting(name="plain")
ON_BASE = GoSetting(name="merge base", on_base=True)
WATCHED = GoSetting(name="its own calls watched", watched=True)
IN_FILE = GoSetting(name="in its file", in_file=True)


def head_settings(runs: int) -> tuple[GoSetting, ...]:
    """Return the settings of the runs on head, most informative first."""
    east, west, between, far = IANA_ZONES
    varied = (
        PLAIN,
        GoSetting(name="shuffled", together=True, seed=2, time_zone=west, processors=1),
        GoSetting(
            name="next to own tests", with_own_tests=True, together=True, seed=3, copies=True, time_zone=east
        ),
        GoSetting(name="twice", together=True, twice=True, seed=4, time_zone=between, processors=4),
        GoSetting(name="elsewhere", copies=True, time_zone=far, processors=2),
    )
    return (*varied[: max(1, runs)], *(_further(index) for index in range(len(varied), runs)))


def _further(index: int) -> GoSetting:
    zone = IANA_ZONES[index % len(IANA_ZONES)]
    return GoSetting(name=f"run {index + 1}", together=True, seed=index, time_zone=zone)


def base_settings(runs: int) -> tuple[GoSetting, ...]:
    """Return settings for as many runs on base as there are on head."""
    again = (replace(ON_BASE, together=True, seed=seed) for seed in range(2, runs + 1))
    return (ON_BASE, *again)


def words_of(setting: GoSetting, done: frozenset[str]) -> tuple[str, ...]:
    """Return what is special about a run, in a few words each.

    Args:
        setting: The requested settings of the run.
        done: How the tests were actually run.
    """
    together = TOGETHER in done
    order = "order of the file" if setting.seed is None else f"shuffled with seed {setting.seed}"
    parts = {
        order if together else "each function in its own process": True,
        "twice in one process": setting.twice,
        words_of_session(done): bool(words_of_session(done)),
        "without the package's test files": WITHOUT_OWN_FILES in done,
        f"time zone {setting.time_zone}": setting.time_zone != "UTC",
        f"GOMAXPROCS {setting.processors}": setting.processors > 0,
        _FOLDER: setting.copies,
    }
    return tuple(words for words, is_true in parts.items() if is_true)


def words_of_session(done: frozenset[str]) -> str:
    """Return the words for a run next to the package's own tests; empty if it ran by itself."""
    return "next to the package's tests" if BESIDE_OWN_TESTS in done else ""

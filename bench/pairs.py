"""Releases of real projects as pull requests: does what is suggested show what the change does?

Base is one release, head the code of the next with the tests of the first: a pull request whose author has
written no tests. A member is shown where a suggestion for it fails on base and passes on head.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.clock import Stopwatch
from bench.engine import NEEDED, kept_environment
from bench.figures import Figure
from bench.program import run_program
from bench.pulls import pull_request
from bench.subjects import NotToBeHad

LEAST_SHARE = 60.0

PAIRS = (
    ("humanize", "4.14.0", "4.15.0"),
    ("humanize", "4.16.0", "4.17.0"),
    ("python-dotenv", "1.2.2", "1.2.3"),
    ("boltons", "25.0.0", "26.0.0"),
    ("toolz", "0.11.2", "0.12.0"),
    ("more-itertools", "10.2.0", "10.3.0"),
    ("semver", "3.0.2", "3.0.4"),
    ("parse", "1.19.1", "1.20.0"),
    ("tomli", "2.0.2", "2.1.0"),
    ("cachetools", "5.3.3", "5.4.0"),
    ("itsdangerous", "2.1.2", "2.2.0"),
    ("sqlparse", "0.5.0", "0.5.1"),
    ("natsort", "8.3.1", "8.4.0"),
    ("tabulate", "0.8.10", "0.9.0"),
    ("isodate", "0.6.1", "0.7.2"),
    ("packaging", "23.2", "24.0"),
    ("wcwidth", "0.2.12", "0.2.13"),
)
"""Those that the engine was made with, and others that were picked before any was measured."""

_NEEDED = (*NEEDED, "six")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What came of one pull request.

    Attributes:
        changes: Of each member why it is looked at, by its id.
        shown: The members that a suggestion shows the change of.
        seconds: The whole run, proof included.
    """

    changes: dict[str, str]
    shown: frozenset[str]
    seconds: float


def measure_pairs(folder: Path, only: Sequence[str] = ()) -> Iterator[Figure]:
    """Measure each pair, or those of the projects that are named."""
    measured = []
    for name, old, new in PAIRS:
        if only and name not in only:
            continue
        try:
            repository = pull_request(folder / f"{name}-{new}", name, old, new, old_tests=True)
            interpreter = kept_environment(*_NEEDED)
        except NotToBeHad as reason:
            print(f"not measured: {name} from {old} to {new}: {reason}")
            continue
        one = _measured(f"{name} {old} to {new}", repository, interpreter)
        if one.changes:
            measured.append(one)
            yield Figure(name=f"{name} {old} to {new}", value=one.seconds, unit="s")
    yield from _over_all(measured)


def _measured(what: str, repository: Path, interpreter: Path) -> Shown:
    with Stopwatch() as watch:
        run = run_program(
            repository, "--head", "change", "--provider", "offline", "--python", str(interpreter)
        )
    changes = {one["id"]: one["change"] for one in run.report["members"]}
    shown = frozenset(one["member"] for one in run.report["suggestions"] if _shows_change(one))
    print(f"\n{what}: {len(shown)} of {len(changes)} members are shown, {watch.seconds:.0f} s", flush=True)
    for member in changes.keys() - shown:
        print(f"  {member} ({changes[member]}): {_why_not(member, run.report)}", flush=True)
    return Shown(changes=changes, shown=shown, seconds=watch.seconds)


def _shows_change(suggestion: dict[str, Any]) -> bool:
    return bool(suggestion["label"] == "new-behaviour")


def _why_not(member: str, report: dict[str, Any]) -> str:
    """Say what there is of a member instead."""
    skipped = [f"{one['stage']}: {one['reason']}" for one in report["skipped"] if one["member"] == member]
    labels = [str(one["label"]) for one in report["suggestions"] if one["member"] == member]
    return "; ".join([*skipped, *labels]) or "nothing is said of it"


def _over_all(measured: Sequence[Shown]) -> Iterator[Figure]:
    if not measured:
        return
    every = [(change, id_ in one.shown) for one in measured for id_, change in one.changes.items()]
    for change in ("added", "changed", "affected"):
        shown = [is_shown for kind, is_shown in every if kind == change]
        if shown:
            share = 100 * sum(shown) / len(shown)
            yield Figure(name=f"{change} members shown, of {len(shown)}", value=share, unit="%")
    members = Counter(is_shown for _, is_shown in every)
    share = 100 * members[True] / members.total()
    yield Figure(name=f"members shown, of {len(every)}", value=share, unit="%", least=LEAST_SHARE)
    pairs = [bool(one.shown) for one in measured]
    share = 100 * sum(pairs) / len(pairs)
    name = f"pull requests with a member shown, of {len(pairs)}"
    yield Figure(name=name, value=share, unit="%", least=LEAST_SHARE)

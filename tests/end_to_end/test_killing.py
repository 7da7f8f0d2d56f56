"""The program is ended at any moment: nothing of it is left, and nothing that was paid for is lost."""

from __future__ import annotations

import hashlib
import json
import random
import re
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path

import pytest

from fakes.command_line import CommandLine
from fakes.endpoint import Body, Endpoint, members_in
from fakes.faults import slow_headers
from fakes.git_repository import GitRepository
from fakes.running import Orphanage, Running, orphanage
from testsmith.execution.sandbox.linux import processes
from testsmith.storage.store import FILE_NAME

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)
IN_ORDER = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}
SECONDS_TO_END = 5.0

BASE = {
    "src/shop/__init__.py": "",
    "src/shop/prices.py": '''\
def shipping(weight: int) -> int:
    """Return the cents that a parcel costs."""
    return 500


def label(cents: int) -> str:
    """Return a price as it is printed."""
    return str(cents)


def total(prices: list[int]) -> int:
    """Return what all cost together."""
    return sum(prices)
''',
    "tests/test_prices.py": """\
from shop.prices import total


def test_total():
    assert total([1, 2]) == 3
""",
}
HEAD = {
    **BASE,
    "src/shop/prices.py": '''\
def shipping(weight: int) -> int:
    """Return the cents that a parcel costs."""
    return 500 if weight < 20 else 900


def label(cents: int) -> str:
    """Return a price as it is printed."""
    return f"{cents // 100}.{cents % 100:02}"


def total(prices: list[int]) -> int:
    """Return what all cost together."""
    return sum(price for price in prices if price > 0)
''',
}
MEMBERS = 3
ONE_MEMBER = ("--only", "src/shop/prices.py::shipping")

TESTS = {
    "shipping": "def test_heavy():\n    assert shipping(20) == 900\n",
    "label": "def test_cents():\n    assert label(205) == '2.05'\n",
    "total": "def test_refund():\n    assert total([5, -2]) == 5\n",
}
HANGING = """\
import os
import signal
import time

def test_hangs():
    if os.fork() == 0:
        os.setsid()
    for number in range(1, 32):
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_IGN)
    while shipping(1):
        time.sleep(0.01)
"""
"""A test that never ends, nor does the daemon that it starts."""

SLOW = """\
def test_slowly():
    for _ in range(3_000_000):
        pass
    assert [shipping(weight) for weight in (-1, 0, 19, 20)] == [500, 500, 500, 900]
"""


def answer(body: Body, extra: str = "") -> str:
    """The model's answer: a test module a member."""
    names = [member.rpartition("::")[2] for member in members_in(body)]
    codes = [(name, extra if extra and name == "shipping" else TESTS[name]) for name in names]
    tests = [{"name": name, "code": f"from shop.prices import {name}\n\n\n{code}"} for name, code in codes]
    return json.dumps({"tests": tests})


class Place:
    """The person's repository, and the folders that the program may use meanwhile."""

    def __init__(self, folder: Path, command_line: CommandLine, own_tests: str = "") -> None:
        self.repository = GitRepository.create(folder / "project")
        self.base = self.repository.commit(dict(BASE))
        own = {"tests/test_prices.py": own_tests} if own_tests else {}
        self.repository.write({**HEAD, **own})
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self.command_line = command_line
        self.as_it_was = self.state()

    def state(self) -> dict[str, object]:
        """All that is in the person's tree, git's own files included, with modes and times of change."""
        root = self.repository.folder
        return {str(path.relative_to(root)): _state_of(path) for path in sorted(root.rglob("*"))}

    def started(self, *arguments: str) -> AbstractContextManager[Running]:
        return self.command_line.started(*self.command(*arguments), TMPDIR=str(self.scratch))

    def command(self, *arguments: str) -> tuple[str, ...]:
        chosen = ("--repo", str(self.repository.folder), "--base", self.base, "--format", "json")
        return ("suggest", *chosen, "--verbose", *arguments)

    def kept(self) -> int:
        """How many results the cache holds, as somebody else sees them."""
        found = list(self.command_line.home.rglob(FILE_NAME))
        if not found:
            return 0
        with closing(sqlite3.connect(f"file:{found[0]}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM results").fetchone()[0])


def _state_of(path: Path) -> tuple[int, int, str]:
    status = path.lstat()
    content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return status.st_mode, 0 if path.is_dir() else status.st_mtime_ns, content


@pytest.fixture(name="place")
def _place(tmp_path: Path, command_line: CommandLine) -> Place:
    return Place(tmp_path, command_line)


def asking(endpoint: Endpoint) -> tuple[str, ...]:
    """Ask one endpoint for one member after the other, and once for each."""
    model = ("--provider", "openai", "--base-url", endpoint.url, "--model", "small")
    return (
        *model,
        "--max-output-tokens",
        "300",
        "--max-concurrent-calls",
        "1",
        "--repairs",
        "0",
        "--runs",
        "1",
    )


def wait_until(happens: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > deadline:
            raise AssertionError("it never happened")
        time.sleep(0.01)


def is_deaf(pid: int) -> bool:
    """Tell whether a process ignores what asks it to end."""
    try:
        ignored = re.search(r"SigIgn:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return False
    return ignored is not None and bool(int(ignored[1], 16) >> (signal.SIGTERM - 1) & 1)


def assert_nothing_is_left(
    place: Place, orphans: Orphanage, running: Running, number: signal.Signals
) -> None:
    code = running.wait()
    assert orphans.left(SECONDS_TO_END) == []
    assert place.state() == place.as_it_was
    assert "Traceback" not in running.stderr
    assert running.stdout == ""
    if number is signal.SIGKILL:
        assert code == -signal.SIGKILL
        return
    assert code == IN_ORDER[number], running.stderr
    assert running.stderr.endswith("testsmith: interrupted. Results of completed model calls are cached.\n")
    assert list(place.scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("finding changed functions", signal.SIGTERM),
        ("finding changed functions", signal.SIGKILL),
        ("making tests", signal.SIGINT),
        ("making tests", signal.SIGKILL),
        ("running tests", signal.SIGTERM),
        ("running tests", signal.SIGKILL),
    ],
)
def test_killing__the_offline_engine(place: Place, words: str, number: signal.Signals) -> None:
    with orphanage() as orphans, place.started("--provider", "offline", *ONE_MEMBER) as running:
        running.wait_until_told(words)
        running.send(number)

        assert_nothing_is_left(place, orphans, running, number)


def test_killing__a_terminal_that_is_closed(place: Place) -> None:
    with orphanage() as orphans, place.started("--provider", "offline") as running:
        running.wait_until_told("making tests")
        running.send(signal.SIGHUP)

        assert_nothing_is_left(place, orphans, running, signal.SIGHUP)


def test_killing__the_next_run_removes_what_a_kill_has_left(place: Place) -> None:
    with orphanage(), place.started("--provider", "offline") as running:
        running.wait_until_told("making tests")
        running.send(signal.SIGKILL)
        running.wait()
    left = list(place.scratch.iterdir())

    short = ("--runs", "1", "--suite-seconds", "0", "--max-mutants", "1")
    with place.started("--provider", "offline", "--only", "src/shop/prices.py::label", *short) as running:
        assert running.wait() == 0, running.stderr

    assert left
    assert list(place.scratch.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_killing__a_test_that_never_ends(place: Place, number: signal.Signals) -> None:
    with (
        orphanage() as orphans,
        Endpoint(answer=partial(answer, extra=HANGING)) as endpoint,
        place.started(*asking(endpoint), *ONE_MEMBER) as running,
    ):
        running.wait_until_told("running tests")
        wait_until(lambda: sum(map(is_deaf, processes.descendants(running.pid))) > 1)
        running.send(number)

        assert_nothing_is_left(place, orphans, running, number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_killing__an_own_test_that_never_ends(
    tmp_path: Path, command_line: CommandLine, number: signal.Signals
) -> None:
    place = Place(tmp_path, command_line, f"from shop.prices import shipping\n\n{HANGING}")
    with (
        orphanage() as orphans,
        Endpoint(answer=answer) as endpoint,
        place.started(*asking(endpoint)) as running,
    ):
        running.wait_until_told("making tests")
        wait_until(lambda: sum(map(is_deaf, processes.descendants(running.pid))) > 1)
        running.send(number)

        assert_nothing_is_left(place, orphans, running, number)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_killing__while_mutants_are_tried(place: Place, number: signal.Signals) -> None:
    with (
        orphanage() as orphans,
        Endpoint(answer=partial(answer, extra=SLOW)) as endpoint,
        place.started(*asking(endpoint), *ONE_MEMBER) as running,
    ):
        running.wait_until_told("trying mutants")
        running.send(number)

        assert_nothing_is_left(place, orphans, running, number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_killing__what_was_answered_is_not_asked_again(place: Place, number: signal.Signals) -> None:
    faults = (None, None, slow_headers())
    with (
        orphanage() as orphans,
        Endpoint(answer=answer, faults=faults) as endpoint,
        place.started(*asking(endpoint), "--no-verify") as running,
    ):
        wait_until(lambda: len(endpoint.requests) == MEMBERS and place.kept() == MEMBERS - 1)
        running.send(number)

        assert_nothing_is_left(place, orphans, running, number)
        again = place.command_line.run(*place.command(*asking(endpoint), "--no-verify"))

    figures = again.report["stats"]
    assert (figures["api_calls"], figures["cache_hits"]) == (1, MEMBERS - 1)
    assert len(again.report["suggestions"]) == MEMBERS


def test_killing__a_second_signal_ends_it_at_once(place: Place) -> None:
    with orphanage() as orphans, place.started("--provider", "offline") as running:
        running.wait_until_told("making tests")
        running.send(signal.SIGINT)
        running.send(signal.SIGTERM)

        assert running.wait() == IN_ORDER[signal.SIGTERM]
        assert orphans.left(SECONDS_TO_END) == []
        assert place.state() == place.as_it_was
        assert not re.search("Traceback|interrupted", running.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_killing__at_any_moment(place: Place, seed: int) -> None:
    by_chance = random.Random(seed)  # noqa: S311 - only to spread the moments
    number = by_chance.choice(SIGNALS)
    with orphanage() as orphans, Endpoint(answer=answer) as endpoint:
        with place.started(*asking(endpoint), "--strategy", "write", "--write") as running:
            running.wait_until_told("finding changed functions")
            time.sleep(by_chance.uniform(0, 2.5))
            running.send(number)
            code = running.wait()
        assert code in {0, -signal.SIGKILL, IN_ORDER.get(number)}
        assert orphans.left(SECONDS_TO_END) == []
        assert "Traceback" not in running.stderr
        assert_old_or_new(place)
        kept = place.kept()
        assert kept >= len(endpoint.requests) - 1
        place.repository.write(dict(HEAD))
        again = place.command_line.run(*place.command(*asking(endpoint), "--no-verify"))

    assert again.report["stats"]["api_calls"] == MEMBERS - kept


def assert_old_or_new(place: Place) -> None:
    """The person's tree is as it was, but for a test file that is complete."""
    now = place.state()
    for path in dict.fromkeys((*place.as_it_was, *now)):
        if path.startswith("tests"):
            continue
        assert now.get(path) == place.as_it_was.get(path), path
    text = (place.repository.folder / "tests/test_prices.py").read_text()
    compile(text, "test_prices.py", "exec")
    assert text == BASE["tests/test_prices.py"] or all(
        name in text for name in ("test_total", "test_heavy", "test_cents", "test_refund")
    )


WRITING = """\
import sys
from pathlib import Path
from testsmith.test_files.plan import FileEdit
from testsmith.test_files.write import write_edits

folder = Path(sys.argv[1])
for number in range(400):
    path = f"test_{number}.py"
    old = (folder / path).read_bytes() if number % 2 else None
    write_edits(folder, [FileEdit(path=path, old=old, new=b"new\\n" * 100_000)])
    print(number, file=sys.stderr, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("written", [0, 7])
def test_killing__a_file_is_old_or_new(tmp_path: Path, written: int, number: signal.Signals) -> None:
    for odd in range(1, 400, 2):
        (tmp_path / f"test_{odd}.py").write_bytes(b"old\n" * 100)
    running = Running((sys.executable, "-c", WRITING, str(tmp_path)), {}, tmp_path)
    running.wait_until_told(f"{written}\n")
    running.send(number)
    running.wait()
    running.close()

    contents = [path.read_bytes() for path in tmp_path.glob("test_*.py")]
    assert set(contents) == {b"old\n" * 100, b"new\n" * 100_000}

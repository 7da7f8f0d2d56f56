"""The main job, as a person starts it, on the example project's pull request."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from fakes import faults
from fakes.command_line import CommandLine
from fakes.endpoint import Endpoint
from fakes.git_repository import GitRepository
from testsmith import cli
from testsmith.app import App

OFFLINE = ("--base", "main", "--head", "change", "--provider", "offline")


def ids(entries: list[dict[str, Any]], key: str = "member") -> set[str]:
    return {entry[key] for entry in entries if entry[key] is not None}


def test_suggest__the_same_change_has_the_same_report(command_line: CommandLine, shop: Path) -> None:
    def state() -> str:
        command = ("git", "status", "--porcelain", "--ignored")
        return subprocess.run(command, cwd=shop, capture_output=True, text=True, check=True).stdout

    def suggested() -> dict[str, Any]:
        """Return the report of a process that shares no seed of hashes with the other."""
        short = ("--only", "src/shop/prices.py::cents", "--runs", "1", "--suite-seconds", "0")
        command = ("suggest", "--repo", str(shop), "--format", "json", *OFFLINE, *short)
        with command_line.started(*command) as running:
            assert running.wait() == 0, running.stderr
            report: dict[str, Any] = json.loads(running.stdout)
            return report

    before = state()
    first, second = suggested(), suggested()

    assert state() == before == ""
    del first["stats"], second["stats"]
    assert first == second
    assert {one["label"] for one in first["suggestions"]} > {"question"}


def test_suggest__write_leaves_a_green_suite_and_writing_again_changes_nothing(
    command_line: CommandLine, shop: Path
) -> None:
    # Unmeasured, the project's tests cannot tell that a second set of tests adds nothing.
    limits = ("--suite-seconds", "0", "--runs", "1", "--only", "src/shop/cart.py")
    arguments = ("--base", "main", "--provider", "offline", "--write", *limits)
    before = (shop / "tests/shop/test_cart.py").read_text(encoding="utf-8")

    def texts() -> dict[str, str]:
        return {path.name: path.read_text(encoding="utf-8") for path in (shop / "tests").rglob("*.py")}

    first = command_line.suggest(shop, *arguments)
    written = texts()
    second = command_line.suggest(shop, *arguments)

    assert first.code == second.code == 0, first.stderr + second.stderr
    assert "wrote tests/shop/test_cart.py" in first.stderr
    after = written["test_cart.py"]
    assert all(line in after for line in before.splitlines())
    assert "Cart" in after.removeprefix(before[:100])
    assert len(after) > len(before)
    for command in (("pytest", "-q", "-p", "no:randomly"), ("ruff", "check"), ("ruff", "format", "--check")):
        done = subprocess.run(
            (sys.executable, "-m", *command, "tests"), cwd=shop, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert texts() == written
    assert "wrote" not in second.stderr
    assert "src/shop/cart.py::Cart.add already has these tests" in second.stderr


def test_suggest__a_model_through_an_endpoint_of_ones_own(command_line: CommandLine, shop: Path) -> None:
    with Endpoint() as endpoint:
        arguments = ("--base", "main", "--base-url", endpoint.url, "--model", "small", "--no-verify")
        first = command_line.suggest(shop, *arguments, "--head", "change")
        second = command_line.suggest(shop, *arguments, "--write", "--verbose")

    assert first.code == second.code == 0, first.stderr + second.stderr
    assert len(endpoint.requests) == 1
    assert [one["evidence"] for one in first.report["suggestions"]] == [None] * 6
    assert first.report["stats"]["cache_misses"] == second.report["stats"]["cache_hits"] == 6
    assert "LLM cache — hits: 6  misses: 0  entries: 6" in second.stderr
    assert "nothing was written" in second.stderr  # because nothing is proven
    assert GitRepository(shop).git("status", "--porcelain") == ""


def test_suggest__spends_no_more_than_it_may(command_line: CommandLine, shop: Path) -> None:
    with Endpoint() as endpoint:
        arguments = ("--base", "main", "--head", "change", "--base-url", endpoint.url, "--model", "small")
        none = command_line.suggest(shop, *arguments, "--no-verify", "--max-calls", "0")
        assert endpoint.requests == []
        tight = command_line.suggest(shop, *arguments, "--no-verify", "--max-tokens", "9000")

    assert none.code == tight.code == 0, none.stderr + tight.stderr
    assert {one["stage"] for one in none.report["skipped"]} == {"budget"}
    assert "raise it with --max-calls" in none.report["skipped"][0]["reason"]
    suggested, left = tight.report["suggestions"], tight.report["skipped"]
    assert (len(suggested) + len(left), {one["stage"] for one in left}) == (6, {"budget"})
    stats = tight.report["stats"]
    assert 0 < stats["prompt_tokens"] + stats["completion_tokens"] <= 9000
    assert stats["cost"] is None


def test_suggest__another_model_answers_where_the_first_is_not_there(
    command_line: CommandLine, shop: Path
) -> None:
    with Endpoint(faults=[faults.model_unknown()]) as endpoint:
        arguments = ("--base", "main", "--head", "change", "--base-url", endpoint.url, "--model", "small")
        ran = command_line.suggest(shop, *arguments, "--no-verify", "--fallback-model", "other")
    assert ran.code == 0, ran.stderr
    assert [request.body["model"] for request in endpoint.requests] == ["small", "other"]
    assert len(ran.report["suggestions"]) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--base", "no-such-revision"), "no-such-revision"),
        (("--base", "main", "--base-url", "http://127.0.0.1:9"), "--model"),
        (("--base", "main", "--python", "/no/such/python"), "/no/such/python"),
        (("--all", "src/shp"), "--all src/shp: no such file or folder; did you mean src/shop?"),
        (("--base", "main", "--all", "src"), "--base and --all cannot be used together"),
        (("--base", "main", "--model", "gpt-6-luna"), "--model needs an API key"),
        (("--base", "main", "--only", "shiping"), "did you mean shipping?"),
        (("--base", "main", "--only", "src/shop/cart.py", "--only", "Carts.add"), "did you mean Cart.add?"),
        (("--base", "main", "--only", "Cart.remove"), "the change does not affect it. Use --all"),
    ],
)
def test_suggest__what_was_typed_cannot_be_used(
    tmp_path: Path, shop: Path, arguments: tuple[str, ...], message: str
) -> None:
    printed, told = StringIO(), StringIO()
    app = App(environment={"XDG_CACHE_HOME": str(tmp_path)}, stdout=printed, stderr=told)

    assert cli.run(["suggest", "--repo", str(shop), *arguments], app) == 2, told.getvalue()
    assert message in told.getvalue()
    assert printed.getvalue() == ""


def test_suggest__a_folder_that_the_change_does_not_touch_is_no_mistake(
    command_line: CommandLine, shop: Path
) -> None:
    ran = command_line.suggest(shop, *OFFLINE, "--only", "tests")

    assert ran.code == 0, ran.stderr
    assert ran.report["members"] == []


def test_suggest__the_first_line_says_what_could_not_be_imported(
    command_line: CommandLine, tmp_path: Path
) -> None:
    repository = GitRepository.create(tmp_path / "dates")
    repository.commit({"dates.py": "import no_such_library\n\n\ndef year(text: str) -> int:\n    return 1\n"})

    ran = command_line.run("suggest", "--repo", str(repository.folder), "--all", ".", "--provider", "offline")

    assert ran.code == 0, ran.stderr
    first = ran.stdout.splitlines()[0]
    assert first == "could not import dates (no module named 'no_such_library'). Run again with --install."


def test_suggest__compares_with_the_default_branch_without_base(
    command_line: CommandLine, shop: Path, tmp_path: Path
) -> None:
    clone = GitRepository(tmp_path / "clone")
    GitRepository(shop).git("clone", "-q", "--branch", "change", str(shop), str(clone.folder))
    clone.git("remote", "set-head", "origin", "main")
    ran = command_line.suggest(clone.folder, "--estimate")

    assert ran.code == 0, ran.stderr
    assert len(ran.report["members"]) == 6
    assert "testsmith: comparing with origin/main;" in ran.stderr


def test_suggest__says_how_to_go_on_if_nothing_differs_from_the_default_branch(
    command_line: CommandLine, tmp_path: Path
) -> None:
    repository = GitRepository.create(tmp_path / "project")
    repository.commit({"a.py": "def f(x: int) -> int:\n    return x\n"})
    ran = command_line.suggest(repository.folder, "--provider", "offline")

    assert ran.code == 0, ran.stderr
    assert (
        "no public function or class differs from the default branch. Compare with an earlier commit"
        in ran.stderr
    )


CONDITIONAL = """\
import functools
import sys

try:
    from math import gcd
except ImportError:

    def gcd(a: int, b: int) -> int:
        return a if b == 0 else gcd(b, a % b)


if sys.version_info < (3, 8):

    def prod(values):
        return functools.reduce(int.__mul__, values)

else:

    class Numbers:
        def first(self, count: int) -> int:
            return count - 1


try:
    import no_such_library
except ImportError:

    @functools.lru_cache
    def doubled(number: int) -> int:
        return number * 2
"""


def test_suggest__a_definition_whose_condition_is_not_met_does_not_exist(
    command_line: CommandLine, tmp_path: Path
) -> None:
    repository = GitRepository.create(tmp_path / "numbers")
    repository.commit({"figures.py": CONDITIONAL})

    report = command_line.suggest(
        repository.folder, "--all", ".", "--provider", "offline", "--runs", "1"
    ).report

    reasons = {one["member"]: one["reason"] for one in report["skipped"]}
    assert reasons.keys() == {"figures.py::gcd", "figures.py::prod"}
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    told = f"this definition does not exist on Python {version}: line 8 is under a condition"
    assert reasons["figures.py::gcd"].startswith(told)
    assert "line 14" in reasons["figures.py::prod"]
    assert ids(report["suggestions"]) == {"figures.py::Numbers.first", "figures.py::doubled"}


def test_suggest__an_empty_repository(command_line: CommandLine, tmp_path: Path) -> None:
    GitRepository.create(tmp_path / "empty")

    ran = command_line.suggest(tmp_path / "empty", "--all", ".")

    assert ran.code == 2
    assert "the repository has no files yet" in ran.stderr


def test_suggest__no_repository(command_line: CommandLine, tmp_path: Path) -> None:
    ran = command_line.suggest(tmp_path / "nowhere", "--base", "main")

    assert ran.code == 2
    assert "Traceback" not in ran.stderr


def test_suggest__a_broken_settings_file(command_line: CommandLine, shop: Path) -> None:
    (shop / "testsmith.toml").write_text("runs = \n", encoding="utf-8")

    ran = command_line.suggest(shop, *OFFLINE)

    assert ran.code == 2
    assert "not valid TOML" in ran.stderr


def test_suggest__an_endpoint_that_is_not_there(command_line: CommandLine, shop: Path) -> None:
    arguments = ("--base", "main", "--base-url", "http://127.0.0.1:9/v1", "--model", "small")
    ran = command_line.suggest(shop, *arguments, "--no-verify")

    assert ran.code == 1
    assert len(ran.report["skipped"]) == len(ran.report["members"]) == 6
    assert "127.0.0.1:9" in ran.stderr
    assert "Traceback" not in ran.stderr

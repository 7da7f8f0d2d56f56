"""What a run makes of the project's own tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fakes.command_line import CommandLine, Ran
from fakes.endpoint import Endpoint
from fakes.git_repository import GitRepository

OFFLINE = ("--provider", "offline", "--runs", "1")
MEMBER = "src/shop/stock.py::reserve"
BASIC = ("--base", "main", *OFFLINE, "--only", MEMBER)


def test_suggest__a_coverage_file_that_is_not_there(command_line: CommandLine, shop: Path) -> None:
    ran = command_line.suggest(shop, *BASIC, "--coverage", "none/coverage.xml")
    assert (ran.code, ran.stdout) == (2, "")
    assert "No such file: none/coverage.xml" in ran.stderr


@pytest.mark.slow
def test_suggest__a_measurement_is_kept_and_is_no_result(
    command_line: CommandLine, shop: Path, tmp_path: Path
) -> None:
    cache = ("--cache-dir", str(tmp_path / "cache"))
    ran = command_line.suggest(shop, *BASIC, *cache)
    assert ran.code == 0, ran.stderr
    assert all(one["evidence"]["lines_gained"] is not None for one in ran.report["suggestions"])
    assert ran.report["stats"]["cache_entries"] == 0

    assert (tmp_path / "cache" / "measurements-v1.sqlite3").is_file()
    assert command_line.run("cache", "stats", *cache).stdout.startswith("0 results ")
    assert command_line.run("cache", "clear", *cache).stdout.startswith("0 results ")


OLD = "def fee(amount: int) -> int:\n    if amount > 100:\n        return 1\n    return 2\n"
NEW = OLD.replace("> 100", ">= 100")
OWN_TESTS = """\
from fees import fee


def test_fee():
    assert [fee(amount) for amount in (99, 100, 101, 200)] == [2, 1, 1, 1]
"""


LESS = OWN_TESTS.replace("(99, 100, 101, 200)", "(99, 101, 200)").replace("[2, 1, 1, 1]", "[2, 1, 1]")


@pytest.mark.slow
def test_suggest__only_what_own_tests_do_not_show_of_the_change_is_shown(
    command_line: CommandLine, tmp_path: Path
) -> None:
    """The tests of `fee` show its change; those of `toll` do not."""

    def tolls(text: str) -> str:
        return text.replace("fee", "toll")

    project = GitRepository.create(tmp_path / "project")
    project.commit(
        {"fees.py": OLD, "tolls.py": tolls(OLD), "tests/test_fees.py": "def test_no():\n    pass\n"}
    )
    own_tests = {"tests/test_fees.py": OWN_TESTS, "tests/test_tolls.py": tolls(LESS)}
    project.write({"fees.py": NEW, "tolls.py": tolls(NEW), **own_tests})
    ran = command_line.suggest(project.folder, "--base", "HEAD", *OFFLINE)
    assert ran.code == 0, ran.stderr
    (suggestion,) = ran.report["suggestions"]
    assert (suggestion["member"], suggestion["evidence"]["fail_to_pass"]) == ("tolls.py::toll", 1)
    assert ran.report["baseline"] == {"status": "measured", "tests": 2, "fail_on_base": 1, "known": 2}


WORDS = """\
import functools

WORDS = {"select": "keyword"}


@functools.cache
def known():
    return dict(WORDS)
"""
LEXER = """\
from words import known


def kinds(text):
    return [known().get(word, "name") for word in text.split()]
"""
TEST_SELECT = """\
from lexer import kinds


def test_select():
    assert kinds("select a") == ["keyword", "name"]
"""
TEST_MERGE = """\


def test_merge():
    assert kinds("merge a") == ["keyword", "name"]
"""
SUGGESTED = """\
from words import known


def test_known__merge():
    assert known().get("merge") == "keyword"
"""


def of_words(command_line: CommandLine, folder: Path, own_test: str) -> Ran:
    """Return a run on a change of a table that is read once per process, with this new test."""
    project = GitRepository.create(folder / "project")
    base = {"words.py": WORDS, "lexer.py": LEXER, "tests/test_lexer.py": TEST_SELECT}
    project.commit({**base, "conftest.py": ""})
    head = WORDS.replace('"select": "keyword"', '"select": "keyword", "merge": "keyword"')
    project.write({"words.py": head, "tests/test_lexer.py": TEST_SELECT + own_test})
    answer = json.dumps({"tests": [{"name": "words.py::known", "code": SUGGESTED}]})
    with Endpoint(answer=lambda _body: answer) as endpoint:
        model = ("--base-url", endpoint.url, "--model", "small", "--provider", "openai", "--runs", "1")
        ran = command_line.suggest(project.folder, "--base", "HEAD", *model, key="sk-test")
    assert ran.code == 0, ran.stderr
    return ran


@pytest.mark.slow
def test_suggest__what_a_new_test_shows_that_reaches_no_changed_function_is_not_shown_again(
    command_line: CommandLine, tmp_path: Path
) -> None:
    ran = of_words(command_line, tmp_path, TEST_MERGE)
    assert [member["id"] for member in ran.report["members"]] == ["words.py::known"]
    assert ran.report["baseline"] == {"status": "measured", "tests": 2, "fail_on_base": 1, "known": 1}
    assert ran.report["suggestions"] == []


@pytest.mark.slow
def test_suggest__a_new_test_that_does_not_show_the_change_hides_nothing(
    command_line: CommandLine, tmp_path: Path
) -> None:
    ran = of_words(command_line, tmp_path, TEST_MERGE.replace("merge", "select").replace("_select", "_again"))
    assert ran.report["baseline"] == {"status": "measured", "tests": 2, "fail_on_base": 0, "known": 1}
    assert [one["evidence"]["fail_to_pass"] for one in ran.report["suggestions"]] == [1]

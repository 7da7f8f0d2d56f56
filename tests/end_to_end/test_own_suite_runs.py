"""What a run makes of the project's own tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fakes.command_line import CommandLine
from fakes.endpoint import Body, Endpoint, members_in
from fakes.git_repository import GitRepository


def test_suggest__a_coverage_file_that_is_not_there(command_line: CommandLine, shop: Path) -> None:
    ran = command_line.suggest(shop, "--base", "main", "--coverage", "none/coverage.xml")
    assert (ran.code, ran.stdout) == (2, "")
    assert "No such file: none/coverage.xml" in ran.stderr


OLD = "def fee(amount: int) -> int:\n    if amount > 100:\n        return 1\n    return 2\n"
NEW = OLD.replace("> 100", ">= 100")
OWN_TESTS = """\
from fees import fee


def test_fee():
    assert [fee(amount) for amount in (99, 100, 101, 200)] == [2, 1, 1, 1]
"""
LESS = OWN_TESTS.replace("(99, 100, 101, 200)", "(99, 101, 200)").replace("[2, 1, 1, 1]", "[2, 1, 1]")
SUGGESTED = "from fees import fee\n\n\ndef test_fee__at_the_limit():\n    assert fee(100) == 1\n"
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
SUGGESTED_OF_WORDS = """\
from words import known


def test_known__merge():
    assert known().get("merge") == "keyword"
"""


def tolls(text: str) -> str:
    return text.replace("fee", "toll")


def signs(text: str) -> str:
    return text.replace("words", "signs").replace("lexer", "reader")


ANSWERS = {
    "fees.py::fee": SUGGESTED,
    "tolls.py::toll": tolls(SUGGESTED),
    "words.py::known": SUGGESTED_OF_WORDS,
    "signs.py::known": signs(SUGGESTED_OF_WORDS),
}


@pytest.fixture(name="changed")
def _changed(tmp_path: Path) -> Path:
    """The tests of `fee` show its change; those of `toll` do not.

    Tables that are read once per process have changed, too, and new tests reach them through functions that
    have not: one shows what is new in `words`; that of `signs` does not.
    """
    project = GitRepository.create(tmp_path / "project")
    base = {"words.py": WORDS, "lexer.py": LEXER, "tests/test_lexer.py": TEST_SELECT}
    others = {"signs.py": WORDS, "reader.py": signs(LEXER), "tests/test_reader.py": signs(TEST_SELECT)}
    project.commit({"fees.py": OLD, "tolls.py": tolls(OLD), "conftest.py": "", **base, **others})
    again = TEST_MERGE.replace("merge", "select").replace("_select", "_again")
    table = WORDS.replace('"select": "keyword"', '"select": "keyword", "merge": "keyword"')
    project.write({"fees.py": NEW, "tolls.py": tolls(NEW), "words.py": table, "signs.py": table})
    project.write({"tests/test_fees.py": OWN_TESTS, "tests/test_tolls.py": tolls(LESS)})
    project.write({"tests/test_lexer.py": TEST_SELECT + TEST_MERGE})
    project.write({"tests/test_reader.py": signs(TEST_SELECT) + again})
    return project.folder


@pytest.mark.slow
def test_suggest__only_what_own_tests_do_not_show_of_the_change_is_shown(
    command_line: CommandLine, changed: Path, tmp_path: Path
) -> None:
    def answer(body: Body) -> str:
        return json.dumps({"tests": [{"name": one, "code": ANSWERS[one]} for one in members_in(body)]})

    cache = ("--cache-dir", str(tmp_path / "cache"))
    with Endpoint(answer=answer) as endpoint:
        model = ("--base-url", endpoint.url, "--model", "small", "--repairs", "0", "--audit", "off")
        lean = ("--runs", "1", "--strategy", "write", *cache)
        ran = command_line.suggest(changed, "--base", "HEAD", *model, *lean, key="sk-test")
    assert ran.code == 0, ran.stderr
    assert {member["id"] for member in ran.report["members"]} == ANSWERS.keys()
    assert ran.report["baseline"] == {"status": "measured", "tests": 6, "fail_on_base": 2, "known": 4}
    found = {one["member"]: one["evidence"] for one in ran.report["suggestions"]}
    assert {name: one["fail_to_pass"] for name, one in found.items()} == {
        "tolls.py::toll": 1,
        "signs.py::known": 1,
    }
    assert all(one["lines_gained"] is not None for one in found.values())

    assert (tmp_path / "cache" / "measurements-v1.sqlite3").is_file()
    assert ran.report["stats"]["cache_entries"] == len(ANSWERS)  # what was measured is no result
    assert command_line.run("cache", "stats", *cache).stdout.startswith("4 results ")
    assert command_line.run("cache", "clear", *cache).stdout.startswith("4 results ")

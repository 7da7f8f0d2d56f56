"""The offline engine on a project whose own tests know what its members take: real processes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fakes.engine import answers, candidate, run_pytest
from testsmith.model import Candidate, Skipped

DIALLED = """import re

CODE = re.compile(r"([+]\\d{1,3})-(\\d{2,4})/(\\d+)")


def parts(number):
    match = CODE.fullmatch(number)
    if match is None:
        return None
    return [int(part) for part in match.groups()]


class Book:
    def __init__(self, lines):
        self.entries = dict(line.split(" = ") for line in lines)

    def number(self, name):
        return self.entries[name].upper()
"""
DIALLING = """import pytest

from dialled import Book, parts

LINES = ["ann = +44-20/7946", "bob = x5"]


@pytest.fixture
def book():
    return Book(LINES)


@pytest.mark.parametrize("number", ["+44-20/7946", "+1-212/5550"])
def test_parts(number):
    assert parts(number)


def test_number(book):
    assert book.number("bob") == "X5"
"""


def test_calls_of_own_tests__open_what_only_they_know_the_inputs_of(tmp_path: Path) -> None:
    files = {"dialled.py": DIALLED, "tests/test_dialled.py": DIALLING}

    found = asyncio.run(answers(tmp_path / "work", {"dialled.py": DIALLED}))
    helped = asyncio.run(answers(tmp_path / "helped", files))

    assert "[44" not in candidate(found["parts"]).code
    assert isinstance(found["Book.number"], Skipped)
    assert "[44, 20, " in candidate(helped["parts"]).code
    assert 'Book(["ann = +44-20/7946", "bob = x5"])' in candidate(helped["Book.number"]).code
    written = {name: made.code for name, made in helped.items() if isinstance(made, Candidate)}
    done = run_pytest(tmp_path, {"dialled": DIALLED}, written)
    assert "failed" not in done, done

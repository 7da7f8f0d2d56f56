"""What is never pinned: real processes, on a module that gives one of each."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.model import Candidate
from fakes.engine import answers

FLEETING = """
import json
import os
import platform
import tempfile


class Plain:
    pass


def address(name: str) -> str:
    return f"{name} {Plain()!r}"


def thing(name: str) -> object:
    return Plain()


def order(name: str) -> list[str]:
    return [*{name + letter for letter in "abcdefgh"}]


def folder(name: str) -> str:
    return os.path.join(os.path.abspath("."), name)


def place(name: str) -> str:
    return os.path.join(tempfile.mkdtemp(), name)


def version(name: str) -> str:
    return f"{name}/{platform.python_version()}"


def process(name: str) -> str:
    return f"{name} {os.getpid()}"
"""

ERRORS = '''
import json
from typing import Optional


class Broken(Exception):
    pass


def passed_on(text: str) -> object:
    return json.loads("{" + text)


def wrapped(text: str) -> object:
    try:
        return json.loads("{" + text)
    except ValueError as error:
        raise Broken(f"cannot read it: {error}") from error


def accident(name: str) -> str:
    """Fails by chance where there is no such attribute."""
    return name.nothing_of_the_kind


def typed(count: int, name: Optional[str] = None) -> int:
    return len(str(count)) + len(name or "")
'''

NUMBERS = """
def third(part: float) -> float:
    return part / 3


def half(part: float) -> float:
    return part / 2
"""


def code_of(folder: Path, text: str) -> dict[str, str]:
    """Return the tests by the member's name; nothing for one that has none."""
    found = asyncio.run(answers(folder, {"given.py": text}))
    return {name: result.code if isinstance(result, Candidate) else "" for name, result in found.items()}


def test_what_differs_from_run_to_run_or_machine_to_machine__is_not_pinned(tmp_path: Path) -> None:
    code = code_of(tmp_path, FLEETING)

    assert {name: text for name, text in code.items() if "assert" in text} == {}


def test_errors_of_others__are_not_pinned_by_their_message(tmp_path: Path) -> None:
    code = code_of(tmp_path, ERRORS)

    assert code["passed_on"] == ""
    assert "with pytest.raises(Broken):\n" in code["wrapped"]
    assert code["accident"] == ""


def test_calls_that_contradict_an_annotation__are_not_made(tmp_path: Path) -> None:
    code = code_of(tmp_path, ERRORS)["typed"]

    assert "typed(" in code
    assert 'typed("' not in code
    assert "name=1" not in code


@pytest.mark.parametrize(("name", "noise"), [("third", True), ("half", False)])
def test_floats__are_exact_where_they_are_short_and_near_else(
    tmp_path: Path, name: str, *, noise: bool
) -> None:
    code = code_of(tmp_path, NUMBERS)[name]

    assert ("pytest.approx(" in code) is noise
    assert "33333333333" not in code

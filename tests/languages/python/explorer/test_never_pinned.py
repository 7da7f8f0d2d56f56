"""What is never pinned: real processes, on a module that gives one of each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from fakes.engine import answers, reason
from fakes.workspaces import function_member, small_workspace
from testsmith.languages.python.explorer.generator import OfflineGenerator
from testsmith.model import Candidate, MemberKind, Request, Result

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
import socket
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


def configured(name: str) -> str:
    try:
        return open("/etc/settings-of-this-machine").read() + name
    except OSError:
        raise Broken("no settings")


def opened(name: str) -> str:
    try:
        return open(f"no-such-{name}").read()
    except OSError:
        raise Broken("no such file")


def connected(name: str) -> str:
    try:
        socket.create_connection(("192.0.2.1", 9), timeout=0.1)
    except OSError:
        raise Broken("no network")
    return name


def accident(name: str) -> str:
    """Fails by chance where there is no such attribute."""
    return name.nothing_of_the_kind


def typed(count: int, name: Optional[str] = None) -> int:
    return len(str(count)) + len(name or "")
'''

HASHES = """
import typing


class Money:
    def __init__(self, amount: int) -> None:
        self.amount = amount

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and self.amount == other.amount

    def __hash__(self) -> int:
        return hash((self.amount, 3))


class Place:
    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return self.number


def bucket(number: int) -> int:
    return hash((number, 1)) % 8


def identity(number: int) -> int:
    return id(number) % 16


def distinct(numbers: list[int]) -> int:
    return len({hash(number) for number in numbers})


def hint(name: str) -> object:
    return typing.Optional[int] if name else typing.List[str]
"""

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


def test_hashes__are_not_pinned_and_equal_objects_have_equal_ones(tmp_path: Path) -> None:
    code = code_of(tmp_path / "all", HASHES)
    assert (code["bucket"], code["identity"]) == ("", "")
    assert "distinct(" in code["distinct"]

    money, place = asyncio.run(_hashes(tmp_path / "special", ["Money", "Place"]))
    assert isinstance(money, Candidate)
    assert money.code.endswith(
        "def test_hash_is_the_same_of_equal_objects():\n    assert len({Money(100), Money(100)}) == 1\n"
    )
    assert reason(place) == "its hash is not stable, because it has no `__eq__`"


async def _hashes(folder: Path, classes: Sequence[str]) -> list[Result]:
    """Return the answers for `__hash__` of some classes, as where a change alters it."""
    async with small_workspace(folder, {"given.py": HASHES}) as workspace:
        generator = OfflineGenerator(workspace)
        requests = [
            Request(member=function_member(HASHES, name, "given.py"), test_path="tests/test_x.py")
            for name in classes
        ]
        changed = [
            replace(
                each,
                member=replace(
                    each.member,
                    name=f"{each.member.name}.__hash__",
                    kind=MemberKind.METHOD,
                    source=dedent(each.member.source[each.member.source.index("    def __hash__") :]),
                ),
            )
            for each in requests
        ]
        return [result async for result in generator.generate_batch(changed)]


def test_how_objects_of_others_show_themselves__is_not_pinned(tmp_path: Path) -> None:
    code = code_of(tmp_path, HASHES)

    assert "repr(" not in code["hint"]


def test_errors_of_others__are_not_pinned_by_their_message(tmp_path: Path) -> None:
    code = code_of(tmp_path, ERRORS)

    assert code["passed_on"] == ""
    assert "with pytest.raises(Broken):\n" in code["wrapped"]
    assert code["accident"] == ""
    assert "no such file" in code["opened"]


def test_errors_of_the_system_and_the_network__are_not_pinned(tmp_path: Path) -> None:
    code = code_of(tmp_path, ERRORS)

    assert (code["configured"], code["connected"]) == ("", "")


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

"""What an explorer tells is read with distrust."""

from __future__ import annotations

import json

import pytest

from testsmith.languages.python.explorer.cases import Observation, read_told
from testsmith.languages.python.explorer.render.expressions import Import

VALUE = {"kind": "value", "text": "1", "imports": [["decimal", "Decimal"]]}


def line(number: object = 0, **more: object) -> bytes:
    plain = {"number": number, "outcome": VALUE, "state": [], "lines": [1], "branches": [[1, 2]]}
    return json.dumps({**plain, **more}).encode()


def observations(*lines: bytes) -> dict[int, Observation]:
    return dict(read_told(b"\n".join(lines)).observations)


def test_observation__is_read() -> None:
    (found,) = observations(line(7)).items()

    number, observation = found
    assert number == 7
    assert observation.outcome.value is not None
    assert observation.outcome.value.text == "1"
    assert observation.outcome.value.imports == {Import("decimal", "Decimal")}
    assert observation.branches == {(1, 2)}


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"not json", id="no JSON"),
        pytest.param(b"[1, 2]", id="no object"),
        pytest.param(b"[" * 100_000, id="too deep"),
        pytest.param(line("x"), id="no number"),
        pytest.param(line(outcome={**VALUE, "text": "1 +"}), id="no expression"),
        pytest.param(line(outcome={**VALUE, "text": "1\nimport os"}), id="more than an expression"),
        pytest.param(line(outcome={**VALUE, "imports": [["os; import sys", ""]]}), id="no module name"),
        pytest.param(line(outcome={**VALUE, "imports": [["os", "x as y"]]}), id="no name"),
        pytest.param(line(outcome={"kind": "raised", "home": ["m", "class"]}), id="a keyword for a class"),
        pytest.param(line(state=[{"of": "x"}]), id="half a fact"),
        pytest.param(line(lines=None), id="no lines"),
    ],
)
def test_broken_line__does_not_count_and_spoils_nothing(broken: bytes) -> None:
    assert list(observations(broken, line(5))) == [5]


def test_description__with_odd_names_is_refused() -> None:
    odd = {"name": "x=1, *", "required": True, "shape": None}
    described = {"name": "f", "problem": None, "parameters": [odd]}

    told = read_told(json.dumps({"description": described}).encode())

    assert told.descriptions == {}


def test_problem__says_that_the_module_was_tried() -> None:
    told = read_told(b'{"problem": "ImportError: no", "missing": "absent"}')

    assert (told.loaded, told.problem, told.missing) == (True, "ImportError: no", "absent")
    assert not read_told(b"").loaded

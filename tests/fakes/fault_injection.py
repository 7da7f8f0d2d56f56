"""The program with a function of its own that raises for one member.

`python -m fakes.fault_injection STAGE suggest ...` runs it. All else is real: for every other member the
function does what it does without.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from functools import reduce, wraps
from typing import Any

from testsmith.model import Member

GUILTY = "guilty"
"""The name of the function of the project that it raises for."""

STAGES = {
    "request": "testsmith.languages.python.context:requests",
    "planning trials": "testsmith.generation.offline.generator:read_hints",
    "running trials": "testsmith.generation.offline.generator:explore",
    "writing tests": "testsmith.generation.offline.generator:_answer",
    "prompt": "testsmith.generation.model.generator:completion_request",
    "parsing": "testsmith.generation.model.generator:parse_answer",
    "formatting": "testsmith.languages.python.driver:PythonDriver.format",
    "running": "testsmith.verification.proving:gather_evidence",
    "guard": "testsmith.verification.proving:guard",
    "gate": "testsmith.verification.proving:judge",
    "mutation": "testsmith.verification.mutation:_trial",
    "own tests": "testsmith.verification.own_mutants:runs_when_loaded",
    "weighing": "testsmith.verification.proving:weigh",
    "choosing": "testsmith.pipeline:best_verdict",
    "report": "testsmith.report.contract:_suggestion",
}
"""Where it raises: a module and the name under which it calls the function."""


class Injected(Exception):
    """What is raised."""


def inject(place: str) -> None:
    """Have a function raise where something that it is given is about the guilty member."""
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner = reduce(getattr, owners, importlib.import_module(module))
    function = getattr(owner, name)

    @wraps(function)
    def raising(*arguments: Any, **named: Any) -> Any:
        if any(_is_guilty(one) for one in (*arguments, *named.values())):
            raise Injected(place)
        return function(*arguments, **named)

    setattr(owner, name, raising)


def _is_guilty(value: object) -> bool:
    if isinstance(value, Member):
        return value.name == GUILTY
    if isinstance(value, str):
        return value.endswith(f"::{GUILTY}") or f"import {GUILTY}\n" in value
    if isinstance(value, Sequence):
        return any(_is_guilty(one) for one in value)
    about = ("member", "requests", "request", "subject", "proof", "candidate")
    return any(_is_guilty(getattr(value, name)) for name in about if hasattr(value, name))


if __name__ == "__main__":
    from testsmith.main import main

    inject(STAGES[sys.argv.pop(1)])
    main()

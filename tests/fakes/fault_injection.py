"""The program with functions of its own that each raise for one member.

`python -m fakes.fault_injection suggest ...` runs it. All else is real: for every other member the functions
do what they do without.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import reduce, wraps
from typing import Any

from testsmith.model import Member

STAGES = {
    "request": "testsmith.languages.python.language:PythonSource.requests",
    "planning trials": "testsmith.languages.python.explorer.generator:read_hints",
    "running trials": "testsmith.languages.python.explorer.generator:explore",
    "writing tests": "testsmith.languages.python.explorer.generator:_answer",
    "prompt": "testsmith.generation.llm.generator:completion_request",
    "parsing": "testsmith.generation.llm.generator:parse_answer",
    "formatting": "testsmith.languages.python.language:PythonTests.format_all",
    "running": "testsmith.verification.prove:gather_evidence",
    "guard": "testsmith.languages.python.judge.judge:PythonJudge.conflicts",
    "gate": "testsmith.verification.prove:judge",
    "mutation": "testsmith.verification.mutation:_trial",
    "own tests": "testsmith.verification.baseline_mutants:runs_when_loaded",
    "weighing": "testsmith.verification.prove:weigh",
    "choosing": "testsmith.pipeline.conclude:best_verdict",
    "placing": "testsmith.pipeline.conclude:patch_of_head",
    "report": "testsmith.reporting.json_contract:_suggestion",
}
"""Where it raises: a module and the name under which it calls the function."""

GUILTY = {stage: f"guilty_of_{stage.replace(' ', '_')}" for stage in STAGES}
"""The name of the function of the project that it raises for in a stage."""


class Injected(Exception):
    """What is raised."""


def inject(place: str, guilty: str) -> None:
    """Have a function raise where something that it is given is about the guilty member."""
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner = reduce(getattr, owners, importlib.import_module(module))
    function = getattr(owner, name)

    @wraps(function)
    def raising(*arguments: Any, **named: Any) -> Any:
        if any(_is_about(one, guilty) for one in (*arguments, *named.values())):
            raise Injected(place)
        return function(*arguments, **named)

    is_static = isinstance(vars(owner).get(name), staticmethod)
    setattr(owner, name, staticmethod(raising) if is_static else raising)


def _is_about(value: object, guilty: str) -> bool:
    if isinstance(value, Member):
        return value.name == guilty
    if isinstance(value, str):
        return value.endswith(f"::{guilty}") or f"import {guilty}\n" in value
    if isinstance(value, Sequence):
        return any(_is_about(one, guilty) for one in value)
    about = ("member", "requests", "request", "subject", "proof", "candidate")
    return any(_is_about(getattr(value, name), guilty) for name in about if hasattr(value, name))


if __name__ == "__main__":
    from testsmith.__main__ import main

    for stage, place in STAGES.items():
        inject(place, GUILTY[stage])
    main()

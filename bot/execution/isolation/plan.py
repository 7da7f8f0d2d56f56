"""What the launcher is to do, and what it tells back: the contract between the bot and `launcher.py`.

Both travel over one anonymous file in memory that the launcher inherits: the plan is read from its start,
then the launcher empties it and writes one JSON object a line. The target never holds it: it is closed
when the target is executed. Standard library only, and little of it: the launcher starts once a run.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Plan(NamedTuple):
    """One run, as the launcher needs it.

    Attributes:
        argv: The target and its arguments.
        folder: Its working folder.
        variables: Its whole environment.
        parent: The process id of the bot, without which nothing is started and nothing goes on.
        rlimits: Each limit's number in the `resource` module, and what it is lowered to.
    """

    argv: list[str]
    folder: str
    variables: dict[str, str]
    parent: int
    rlimits: list[tuple[int, int]]


class Ending(NamedTuple):
    """What the launcher tells back.

    Attributes:
        target: The target's process id, which also names its process group; None where it was not begun.
        exit_code: As the shell has it, negative for a signal; None where the launcher did not come so far.
        seconds: How long the target ran; None likewise.
        error: Why the target could not be started; empty where it could.
    """

    target: int | None = None
    exit_code: int | None = None
    seconds: float | None = None
    error: str = ""


def encode_plan(plan: Plan) -> bytes:
    """Return a plan as it travels."""
    return json.dumps(plan._asdict()).encode()


def decode_plan(text: bytes) -> Plan:
    """Return the plan that travelled as this text."""
    return Plan(**json.loads(text))


def decode_ending(text: bytes) -> Ending:
    """Return what the launcher told, from all of its lines; a last line that is cut off does not count."""
    told: dict[str, Any] = {}
    for line in text.splitlines(keepends=True):
        if line.endswith(b"\n"):
            told |= json.loads(line)
    return Ending()._replace(**told)

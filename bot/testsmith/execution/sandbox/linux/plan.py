"""What the launcher is to do, and what it tells back: the contract between the bot and `launcher.py`.

Both travel over one anonymous file in memory that the launcher inherits: the plan is read from its start,
then the launcher empties it and writes one JSON object a line. The target never holds it: it is closed
when the target is executed. Standard library only, and little of it: the launcher starts once a run.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, NamedTuple

from testsmith.execution.sandbox.linux.landlock import Ruleset


class Layer(StrEnum):
    """A layer of the isolation, as the report names it."""

    RLIMITS = "rlimits"
    OWN_UID = "own user id"
    NO_NEW_PRIVILEGES = "no_new_privs"
    LANDLOCK = "Landlock"
    SECCOMP = "seccomp"


class Identity(NamedTuple):
    """Whose rights the target has.

    Attributes:
        uid: The user it becomes, one that nobody else has; None to stay the bot's own.
        gid: Its only group; None likewise.
        reads_all: Whether it keeps the capability to read what only its other layers forbid.
    """

    uid: int | None = None
    gid: int | None = None
    reads_all: bool = False


class Bounds(NamedTuple):
    """What all processes of one run together may use; see `watch.py`.

    Attributes:
        memory_bytes: Memory that is not shared with files.
        tasks: Processes and threads.
        disk_bytes: What its folder holds.
    """

    memory_bytes: int
    tasks: int
    disk_bytes: int


class LaunchPlan(NamedTuple):
    """One run, as the launcher needs it.

    Attributes:
        argv: The target and its arguments.
        folder: Its working folder.
        variables: Its whole environment.
        parent: The process id of the bot, without which nothing is started and nothing goes on.
        rlimits: Each limit's number in the `resource` module, and what it is lowered to.
        bounds: What all its processes together may use.
        identity: Whose rights it has; None to leave the bot's own untouched.
        no_new_privileges: Whether executing a file never adds rights.
        landlock: Which files it may reach; None for no rules.
        filter: The program that filters its system calls, in hexadecimal; empty for none.
        deputy: Whether the filter asks the keeper about some calls; see `deputy.py`.
        scoped: Whether the keeper's own signals are kept to what descends from it.
    """

    argv: list[str]
    folder: str
    variables: dict[str, str]
    parent: int
    rlimits: list[tuple[int, int]]
    bounds: Bounds
    identity: Identity | None = None
    no_new_privileges: bool = False
    landlock: Ruleset | None = None
    filter: str = ""
    deputy: bool = False
    scoped: bool = False


class TargetEnding(NamedTuple):
    """What the launcher tells back.

    Attributes:
        target: The target's process id, which also names its process group; None where it was not begun.
        exit_code: As the shell has it, negative for a signal; None where the launcher did not come so far.
        seconds: How long the target ran; None likewise.
        exceeded: Which of its bounds ended it, in words; empty for none.
        left: How many processes could not be ended.
        error: Why the target could not be started; empty where it could.
        layer: The layer that could not be applied; empty for none.
    """

    target: int | None = None
    exit_code: int | None = None
    seconds: float | None = None
    exceeded: str = ""
    left: int = 0
    error: str = ""
    layer: str = ""


def encode_plan(plan: LaunchPlan) -> bytes:
    """Return a plan as it travels."""
    return json.dumps(plan).encode()


def decode_plan(text: bytes) -> LaunchPlan:
    """Return the plan that travelled as this text."""
    plan = LaunchPlan(*json.loads(text))
    return plan._replace(
        bounds=Bounds(*plan.bounds),
        identity=None if plan.identity is None else Identity(*plan.identity),
        landlock=None if plan.landlock is None else Ruleset(*plan.landlock),
    )


def decode_ending(text: bytes) -> TargetEnding:
    """Return what the launcher told, from all of its lines; a last line that is cut off does not count."""
    data: dict[str, Any] = {}
    for line in text.splitlines(keepends=True):
        if line.endswith(b"\n"):
            data |= json.loads(line)
    return TargetEnding()._replace(**data)

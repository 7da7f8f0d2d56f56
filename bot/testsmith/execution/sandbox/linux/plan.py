"""Messages between the bot and `launcher.py`.

They share an anonymous memory file: the launcher reads the plan, empties the file, and writes its results as
JSON lines. The file is closed before the target is executed.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, NamedTuple

from testsmith.execution.sandbox.linux.landlock import Ruleset

LAUNCH = b"launch"
"""Request to execute a plan. With it come file descriptors: the target's standard streams, the plan's file,
and a pipe that the launcher writes its process id to and keeps open until it ends. Another request is the id
of a launcher to be reaped."""

MOST_PASSED = 5
"""Number of these file descriptors."""


class Layer(StrEnum):
    """Name of an isolation layer in the report."""

    RLIMITS = "rlimits"
    OWN_UID = "own user id"
    NO_NEW_PRIVILEGES = "no_new_privs"
    LANDLOCK = "Landlock"
    SECCOMP = "seccomp"


class Identity(NamedTuple):
    """Privileges of the target.

    Attributes:
        uid: User id that no other process uses; None to keep the bot's user.
        gid: Its only group; None to keep the bot's groups.
        reads_all: Whether it keeps the capability to read any file that other layers allow.
    """

    uid: int | None = None
    gid: int | None = None
    reads_all: bool = False


class Bounds(NamedTuple):
    """Limits on all processes of one run together; see `resource_monitor.py`.

    Attributes:
        memory_bytes: Memory other than mapped files; see `processes.own_memory`.
        tasks: Processes and threads.
        disk_bytes: Size of its folder.
    """

    memory_bytes: int
    tasks: int
    disk_bytes: int


class LaunchPlan(NamedTuple):
    """Plan for one run.

    Attributes:
        argv: The target and its arguments.
        folder: Folder it may write to.
        working_folder: Folder it starts in.
        variables: Complete environment.
        parent: Process id of the bot.
        rlimits: Pairs of a limit's number in the `resource` module and its value.
        bounds: Limits on all processes together.
        identity: Privileges; None to keep the bot's.
        no_new_privileges: Whether executing a file can never add privileges.
        landlock: File access rules; None for none.
        filter: System call filter in hexadecimal; empty for none.
        supervised: Whether the filter notifies the supervisor of some calls; see `seccomp_supervisor.py`.
        loopback: Whether the supervisor connects sockets of the run with each other; see `loopback.py`.
        scoped: Whether the launcher's own signals are restricted to its descendants.
    """

    argv: list[str]
    folder: str
    working_folder: str
    variables: dict[str, str]
    parent: int
    rlimits: list[tuple[int, int]]
    bounds: Bounds
    identity: Identity | None = None
    no_new_privileges: bool = False
    landlock: Ruleset | None = None
    filter: str = ""
    supervised: bool = False
    loopback: bool = False
    scoped: bool = False


class TargetEnding(NamedTuple):
    """Result of one run.

    Attributes:
        target: Process id and process group id of the target; None if it was not started.
        exit_code: Exit code, negative for a signal; None if unknown.
        seconds: Duration; None if unknown.
        exceeded: The limit that ended it; empty for none.
        left: Number of processes that could not be ended.
        error: Why the target could not be started; empty if it was.
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
    """Serialize a plan."""
    return json.dumps(plan).encode()


def decode_plan(text: bytes) -> LaunchPlan:
    """Deserialize a plan."""
    plan = LaunchPlan(*json.loads(text))
    return plan._replace(
        bounds=Bounds(*plan.bounds),
        identity=None if plan.identity is None else Identity(*plan.identity),
        landlock=None if plan.landlock is None else Ruleset(*plan.landlock),
    )


def decode_ending(text: bytes) -> TargetEnding:
    """Parse the launcher's messages; a truncated last line is ignored."""
    data: dict[str, Any] = {}
    for line in text.splitlines(keepends=True):
        if line.endswith(b"\n"):
            data |= json.loads(line)
    return TargetEnding()._replace(**data)

"""The project's own tests: what they reach of the members, and which changes of them they notice.

They are run as their authors run them, with their conftest, plugins and settings, in a copy of the project
that may be written to, behind the sandbox. Where they cannot be measured nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.execution.answers import Reached
from bot.execution.harness import ChangedModules
from bot.execution.workspace import Workspace
from bot.model import Member
from bot.settings import VerificationSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberBaseline:
    """What the project's own tests do with one member.

    Attributes:
        reached: The member's lines and arcs that they reach.
        tests: The node ids of those that reach a line, by line, the quickest first; empty where only a
            coverage file was read.
    """

    reached: Reached = field(default_factory=Reached)
    tests: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSuite:
    """What is known of the project's own tests.

    Attributes:
        members: By member id; of a member that is not in it, nothing is known.
        notes: What a reader of the report should know.
    """

    members: Mapping[str, MemberBaseline] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


async def measure_own_suite(
    workspace: Workspace, members: Sequence[Member], settings: VerificationSettings
) -> OwnSuite:
    """Run the project's own tests once, and return what they reach of members.

    Args:
        workspace: Where they are run.
        members: What is looked at.
        settings: How long it may take, or the coverage file that is read instead.
    """
    del workspace, members, settings
    return OwnSuite()


async def changes_noticed(
    workspace: Workspace, changed: Mapping[str, ChangedModules], seconds: float
) -> dict[str, dict[int, bool]]:
    """Run own tests against changes of members; return for each, by its number, whether a test fails with it.

    Changes that were not tried in time, or whose tests do not pass without them, are left out.

    Args:
        workspace: Where they are run.
        changed: The changes by member id; their `tests` are node ids of own tests.
        seconds: The time limit of all together.
    """
    del workspace, changed, seconds
    return {}

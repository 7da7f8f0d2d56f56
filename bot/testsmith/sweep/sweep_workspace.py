"""What all steps of a sweep stand on: the members that were found, and a place to run the project in.

Both are had once for a whole sweep: finding the members of a large repository takes half a minute, and
installing a project may take several.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from testsmith import pipeline
from testsmith.changes.members import MemberSearch, find_members
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.sandbox.layers import CannotIsolate
from testsmith.execution.threads import in_thread
from testsmith.execution.workspace import CannotPrepare, Workspace
from testsmith.execution.workspace_builder import open_workspace
from testsmith.git.repository import Repository
from testsmith.model import Member
from testsmith.settings import Settings

EVERY_MEMBER = 1_000_000_000
"""More members than any project has: how many are taken is not decided where they are found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepWorkspace:
    """What all steps stand on.

    Attributes:
        repository: The repository that is swept.
        search: Every public member of the files and folders that are swept.
        workspace: Where head's code is run; None where it is not, or cannot be.
        obstacle: Why it cannot be, in words; empty where it can.
    """

    repository: Repository
    search: MemberSearch
    workspace: Workspace | None = None
    obstacle: str = ""

    @property
    def members(self) -> dict[str, Member]:
        """Every public member of what is swept, by its id."""
        return {member.id: member for member in self.search.members}

    def narrowed(self, members: Sequence[str]) -> MemberSearch:
        """Return the search as if these members were all, in this order; unknown ids are left out."""
        known = self.members
        taken = tuple(known[one] for one in dict.fromkeys(members) if one in known)
        return replace(self.search, members=taken, found=taken, skipped=())


def found(
    settings: Settings, tools: pipeline.RunDependencies, repository: Repository | None
) -> SweepWorkspace:
    """Return the members of what is swept, with nowhere to run anything.

    Raises:
        UsageFailure: The folder is no repository, or a path is unknown.
    """
    opened = repository or Repository.open(settings.folder)
    selection = replace(settings.selection, base=None, max_members=EVERY_MEMBER)
    tools.progress.phase("finding members", 1)
    return SweepWorkspace(repository=opened, search=find_members(opened, selection, tools.drivers))


@asynccontextmanager
async def opened(
    settings: Settings, tools: pipeline.RunDependencies, repository: Repository | None
) -> AsyncIterator[SweepWorkspace]:
    """Give the members of what is swept, and a place to run the project in where the settings allow that.

    Raises:
        UsageFailure: As of `found`, or there is no interpreter of the name that the person gave.
    """
    ground = await in_thread(found, settings, tools, repository)
    if not pipeline.runs_code(settings):
        yield replace(ground, obstacle="nothing of the project was run: --no-verify")
        return
    async with AsyncExitStack() as stack:
        try:
            order = await pipeline.workspace_order(settings, tools, ground.repository, ground.search)
            workspace = await stack.enter_async_context(open_workspace(order))
            ground = replace(ground, workspace=workspace)
        except (CannotPrepare, CannotIsolate, CannotRun) as failure:
            ground = replace(ground, obstacle=str(failure))
        yield ground

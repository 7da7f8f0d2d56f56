"""The members of a sweep and the workspace to run the project in, shared by all steps.

Both are created once per sweep: finding the members of a large repository takes half a minute, and installing
a project may take several.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from testsmith import pipeline
from testsmith.changes.members import MemberSearch, find_members
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.sandbox.layers import CannotIsolate
from testsmith.execution.workspace import CannotPrepare
from testsmith.git.repository import Repository
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.python.running.workspace_builder import open_workspace
from testsmith.model import Member
from testsmith.settings import Settings
from testsmith.tasks import in_thread

EVERY_MEMBER = 1_000_000_000
"""No limit on the number of members found; the plan selects them later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepWorkspace:
    """The members and the workspace of a sweep.

    Attributes:
        repository: The repository to sweep.
        search: Every public member of the files and folders to sweep.
        workspace: PythonWorkspace that runs the code of head; None if code is not, or cannot be, run.
        obstacle: Why code cannot be run; empty if it can.
    """

    repository: Repository
    search: MemberSearch
    workspace: PythonWorkspace | None = None
    obstacle: str = ""

    @property
    def members(self) -> dict[str, Member]:
        """Every public member to sweep, by id."""
        return {member.id: member for member in self.search.members}

    def narrowed(self, members: Sequence[str]) -> MemberSearch:
        """Return the search reduced to these members, in this order; unknown ids are skipped."""
        known = self.members
        taken = tuple(known[one] for one in dict.fromkeys(members) if one in known)
        return replace(self.search, members=taken, found=taken, skipped=())


def found(
    settings: Settings, tools: pipeline.RunDependencies, repository: Repository | None
) -> SweepWorkspace:
    """Return the members to sweep, without a workspace.

    Raises:
        UsageFailure: The folder is not in a repository, or a path is unknown.
    """
    opened = repository or Repository.open(settings.folder)
    selection = replace(settings.selection, base=None, max_members=EVERY_MEMBER)
    tools.progress.phase("finding members", 1)
    return SweepWorkspace(repository=opened, search=find_members(opened, selection, tools.languages))


@asynccontextmanager
async def opened(
    settings: Settings, tools: pipeline.RunDependencies, repository: Repository | None
) -> AsyncIterator[SweepWorkspace]:
    """Yield the members to sweep, with a workspace if the settings allow running code.

    Raises:
        UsageFailure: See `found`; or there is no interpreter with the given name.
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

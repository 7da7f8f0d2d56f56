"""The members of a sweep and the workspace to run the project in, shared by all steps.

Both are created once per sweep: finding the members of a large repository takes half a minute, and installing
a project may take several.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from testsmith import pipeline
from testsmith.changes.members import MemberSearch, find_members
from testsmith.changes.selection import PathBase, is_at_or_below
from testsmith.execution.baseline import WholeSuite
from testsmith.execution.runner import TestRunner
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.sandbox.layers import CannotIsolate
from testsmith.execution.workspace import CannotPrepare
from testsmith.git.repository import Repository
from testsmith.languages.language import Language, language_of
from testsmith.model import Member, Skipped, SkipStage, UsageFailure
from testsmith.settings import TOOLING_FOLDERS, SelectionSettings, Settings, VerificationSettings
from testsmith.tasks import in_thread

EVERY_MEMBER = 1_000_000_000
"""No limit on the number of members found; the plan selects them later."""

TOOLING = "a sweep skips scripts, tools and benchmarks: name the folder, or set include or exclude"
"""Why a folder is left out."""

SEPARATE = "it is a project of its own: name it to sweep it instead"
"""Why a project in a folder is left out."""

LOOSE = "it belongs to no project: name it to sweep it instead"
"""Why a file outside all projects is left out."""


class SeveralProjects(UsageFailure):
    """There are several projects, each in a folder of its own.

    Attributes:
        folders: The folders, relative to the Git root, the one with the most members first.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        super().__init__(
            f"this repository has {len(folders)} projects, each in a folder of its own: name one to sweep, "
            f"for example {folders[0]}"
        )
        self.folders = folders


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepWorkspace:
    """The members and the workspace of a sweep.

    Attributes:
        repository: The repository to sweep.
        search: Every public member of the files and folders to sweep.
        runners: What runs the code of head, by language, without languages whose code is not, or cannot be,
            run.
        obstacle: Why code cannot be run; empty if it can.
    """

    repository: Repository
    search: MemberSearch
    runners: Mapping[str, TestRunner] = field(default_factory=dict)
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
        UsageFailure: The folder is not in a repository, a path is unknown, or there are several projects.
    """
    opened = repository or Repository.open(settings.folder)
    selection = replace(settings.selection, base=None, max_members=EVERY_MEMBER)
    tools.progress.phase("finding functions", 1, 0.05)
    search = find_members(opened, selection, tools.languages)
    search = _without_tooling(search, settings.selection, opened)
    return _of_one_project(SweepWorkspace(repository=opened, search=search))


def _of_one_project(workspace: SweepWorkspace) -> SweepWorkspace:
    """Open the only project that has members, or leave out those in folders of the opened one.

    If the opened folder is not a project, its files are left out if a project in it has more members.

    Raises:
        SeveralProjects: All members are in folders with projects of their own.
    """
    search, repository = workspace.search, workspace.repository
    of = {member.id: search.projects.of(member.path) for member in search.members}
    projects = [folder for folder, _ in Counter(of.values()).most_common()]
    left_out: dict[str, str] = {}
    if projects[:1] != [repository.project]:
        own = dict.fromkeys(one.path for one in search.members if of[one.id] == repository.project)
        if all(map(search.projects.is_loose, own)):
            left_out = dict.fromkeys(own, LOOSE)
            projects = [folder for folder in projects if folder != repository.project]
    if len(projects) > 1:
        if repository.project not in projects:
            raise SeveralProjects(projects)
        left_out = {folder: SEPARATE for folder in projects if folder != repository.project}
        projects = [repository.project]
    if not projects:
        return workspace
    [project] = projects
    members = tuple(member for member in search.members if of[member.id] == project)
    skipped = (
        Skipped(path=path, stage=SkipStage.CHANGES, reason=reason) for path, reason in left_out.items()
    )
    search = replace(search, members=members, found=members, skipped=(*search.skipped, *skipped))
    return replace(workspace, repository=replace(repository, project=project), search=search)


def _without_tooling(
    search: MemberSearch, selection: SelectionSettings, repository: Repository
) -> MemberSearch:
    """Leave out folders of scripts, tools and benchmarks, unless a setting or a path given says otherwise."""
    if selection.has_globs:
        return search
    place = PathBase(root=repository.root, project=repository.project)
    named = [form for path in selection.all_paths for form in place.forms(path)]
    folders = {form for name in TOOLING_FOLDERS for form in place.forms(name)}
    left_out = [one for one in folders if not any(is_at_or_below(path, one) for path in named)]
    by_member = {
        member.id: folder
        for member in search.members
        for folder in left_out
        if is_at_or_below(member.path, folder)
    }
    members = tuple(member for member in search.members if member.id not in by_member)
    skipped = [
        Skipped(path=folder, stage=SkipStage.CHANGES, reason=TOOLING)
        for folder in sorted(set(by_member.values()))
    ]
    return replace(search, members=members, found=members, skipped=(*search.skipped, *skipped))


@asynccontextmanager
async def opened(
    settings: Settings, tools: pipeline.RunDependencies, repository: Repository | None
) -> AsyncIterator[SweepWorkspace]:
    """Yield the members to sweep, with a workspace if the settings allow running code.

    Raises:
        UsageFailure: See `found`; or there is no interpreter with the given name.
    """
    workspace = await in_thread(found, settings, tools, repository)
    if not pipeline.runs_code(settings):
        yield replace(workspace, obstacle="no project code was run: --no-verify")
        return
    order = pipeline.workspace_order(settings, tools, workspace.repository, workspace.search)
    runners: dict[str, TestRunner] = {}
    async with AsyncExitStack() as stack:
        if settings.verification.installs:
            tools.progress.phase("installing the project", 1, 0.1)
        for language in dict.fromkeys(member.language for member in workspace.search.members):
            if language not in tools.toolchains:
                workspace = replace(workspace, obstacle=f"tests in {language} cannot be run")
                continue
            try:
                runners[language] = await stack.enter_async_context(tools.toolchains[language].open(order))
            except (CannotPrepare, CannotIsolate, CannotRun) as failure:
                workspace = replace(workspace, obstacle=str(failure))
        yield replace(workspace, runners=runners)


async def measure_whole(
    runners: Mapping[str, TestRunner],
    languages: Sequence[Language],
    paths: Sequence[str],
    settings: VerificationSettings,
) -> WholeSuite:
    """Run the project's own tests in every language, and return their coverage of whole files.

    Args:
        runners: What runs them, by language.
        languages: The languages.
        paths: The files, relative to the git root.
        settings: Time limit and other settings.
    """
    by_language: dict[str, list[str]] = {}
    for path in paths:
        language = language_of(path, languages)
        if language is not None:
            by_language.setdefault(language.name, []).append(path)
    parts = [
        await runners[language].own_whole(files, settings)
        if language in runners
        else WholeSuite(notes=(f"the project's tests in {language} were not measured",))
        for language, files in by_language.items()
    ]
    return WholeSuite.of(parts)

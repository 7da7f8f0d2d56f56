"""Do what an event asks for, with the clients that its inputs and its checkout call for."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from testsmith.action.inputs import PARTS_FOLDER, ActionContext, settings_of, sweep_settings_of
from testsmith.app import App
from testsmith.changes.trusted_files import settings_values
from testsmith.clients import Archives
from testsmith.events import HandleCommentCommands, ReviewPullRequest, SweepRepository, Work
from testsmith.forge.github import Connection, GitHub
from testsmith.forge.review_result import ReviewResult
from testsmith.git.fetch import FetchRemote, open_checkout
from testsmith.languages.registry import languages
from testsmith.model import Progress, Report
from testsmith.pipeline import RunOptions, suggest
from testsmith.reporting.rendering import PREPARING, repeated
from testsmith.review.checkouts import States, open_states
from testsmith.review.commands.dispatch import dispatch_commands
from testsmith.review.commands.session import CommandDependencies
from testsmith.review.review_pull_request import ReviewDependencies, review
from testsmith.settings import Settings
from testsmith.sweep.parts import PartsFolder
from testsmith.sweep.pull_request_sweep import Hosted, sweep_hosted
from testsmith.tasks import in_thread


def perform(task: Work, context: ActionContext, app: App, progress: Progress) -> ReviewResult:
    """Do a task to its end."""
    return app.run(partial(_Job(context=context, app=app, progress=progress).done, task))


def archives_of(context: ActionContext) -> Archives:
    """Return where the stores are kept between runs."""
    return Archives(run=context.runner.run, folder=context.archives, service=context.runner.cache)


@dataclass(kw_only=True)
class _Job:
    """A task in progress. The settings of each state of the repository are read once."""

    context: ActionContext
    app: App
    progress: Progress
    known: dict[tuple[str, str], Settings] = field(default_factory=dict)

    async def done(self, task: Work) -> ReviewResult:
        """Do the task."""
        match task:
            case ReviewPullRequest():
                forge = self._forge(task.repository)
                return await review(task, self._review(forge))
            case HandleCommentCommands():
                forge = self._forge(task.repository)
                tools = CommandDependencies(
                    forge=forge,
                    review=replace(self._review(forge), commands=True),
                    installs_forks=self.context.installs_forks,
                )
                return await dispatch_commands(task, tools)
            case SweepRepository():
                return await self._sweep()

    def _forge(self, repository: str) -> GitHub:
        runner = self.context.runner
        forge = GitHub(
            Connection(
                url=runner.api_url,
                graphql_url=runner.graphql_url,
                token=self.context.token,
                repository=repository,
                clock=time.time,
                sleep=time.sleep,
            )
        )
        return self.app.stack.enter_context(closing(forge))

    @cached_property
    def _folder(self) -> Path:
        return Path(self.app.stack.enter_context(TemporaryDirectory(prefix="testsmith-")))

    def _review(self, forge: GitHub) -> ReviewDependencies:
        context, folder = self.context, self._folder

        def opened(task: ReviewPullRequest) -> States:
            remote = FetchRemote(
                server_url=context.runner.server_url,
                repository=task.repository,
                token=context.token,
                environment=self.app.environment,
            )
            own = Path(mkdtemp(dir=folder))  # if head moves, the new checkout gets a folder of its own
            return open_states(context.runner.workspace, own, remote, task)

        return ReviewDependencies(
            forge=forge,
            open_states=opened,
            suggest=self._suggest,
            limits=lambda states: self._settings(states).review,
            languages=languages(),
            progress=self.progress,
            commits=lambda states: self._settings(states).commits,
            repeated=repeated(context.arguments, PREPARING),
        )

    def _settings(self, states: States) -> Settings:
        key = states.base, states.head
        if key not in self.known:
            installs = self.context.installs_forks or not states.is_fork
            self.known[key] = settings_of(
                self.context, states.values(), installs=installs, base=states.base, head=states.head
            )
        return self.known[key]

    async def _suggest(self, states: States, given: RunOptions) -> Report:
        settings = self._settings(states)
        clients = self.app.clients(settings, self.progress, archives_of(self.context).sync())
        await clients.cache.fetch()
        report = await suggest(settings, clients.run, given)
        await clients.cache.save()
        return replace(report, notes=(*report.notes, clients.cache.note()))

    async def _sweep(self) -> ReviewResult:
        """Run the job's step of a sweep."""
        context = self.context
        repository = await in_thread(open_checkout, context.runner.workspace, self._folder)
        head = repository.resolve("HEAD")
        file = settings_values(repository.commit_tree(head))
        settings = sweep_settings_of(context, file, head=head)
        parts = PartsFolder(context.parts_folder)
        cache = archives_of(context).sweep_sync(context.sweep, parts)
        clients = self.app.clients(settings, self.progress, cache, sweeps=True)
        if context.sweep.dry_run:
            clients = clients.offline
        await cache.fetch()
        done = await sweep_hosted(
            Hosted(
                forge=self._forge(context.runner.repository),
                repository=repository,
                head=head,
                settings=clients.settings,
                how=context.sweep,
                tools=replace(clients.sweep, repository=repository),
                parts=parts,
                parts_place=PARTS_FOLDER,
                languages=languages(),
            )
        )
        await cache.save()
        return replace(done, notes=(*done.notes, cache.note()))

"""The application object: reads the process's environment, and builds the clients that are passed down."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

from testsmith.process import supervisor
from testsmith.process.signals import StopSignals

if TYPE_CHECKING:
    from testsmith.clients import CacheStores, Clients
    from testsmith.model import Progress
    from testsmith.settings import CacheSettings, Settings
    from testsmith.storage.sync import CacheSync

_SECONDS_WITH_GITHUB = 600.0
"""Additional time for a review: GitHub may apply rate limits, and the cache may be slow."""
_SUITES_OF_A_SWEEP = 10
"""How many times a sweep may use the full time limit of the project's own tests, including mutants."""
_SECONDS_TO_ANSWER = 86_400.0
_Result = TypeVar("_Result")


@dataclass(kw_only=True)
class App:
    """The program in one process. The command line and the action take from it all that they use.

    Attributes:
        environment: The environment variables. Nothing else reads them.
        stdout: Stream for the result; in the action, the step's log.
        stderr: Stream for everything else.
        stdin: Stream for answers to questions; None if it is closed.
        is_action: Whether this is the action, rather than the command line.
        signals: The signals that stop the work.
        stack: Closes what the work opens.
        fold_token: Random word that turns workflow commands back on. The supervisor has the same one.
    """

    environment: Mapping[str, str]
    stdout: TextIO
    stderr: TextIO
    stdin: TextIO | None = field(default_factory=lambda: sys.stdin)
    is_action: bool = False
    signals: StopSignals = field(default_factory=StopSignals)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    fold_token: str = field(default_factory=lambda: os.urandom(16).hex())

    @classmethod
    def of_process(cls) -> App:
        """Return the application of this process. Without arguments in a workflow it is the action."""
        return cls(
            environment=dict(os.environ),
            stdout=_text_stream(sys.stdout),
            stderr=_text_stream(sys.stderr),
            is_action=not sys.argv[1:] and "GITHUB_EVENT_NAME" in os.environ,
        )

    @property
    def cache_folder(self) -> Path:
        """The default cache folder."""
        from platformdirs import user_cache_path

        return user_cache_path("testsmith")

    def run(self, work: Callable[[], Awaitable[_Result]]) -> _Result:
        """Run work to its end, and close what it opened.

        Raises:
            KeyboardInterrupt: A signal arrived.
        """
        import sysconfig

        from testsmith.execution.sandbox.linux.kernel import forbid_inspection

        sysconfig.get_config_vars()  # not thread-safe: a concurrent first call can return None
        forbid_inspection()

        async def closing() -> _Result:
            async with self.stack:
                return await work()

        return self.signals.run(closing)

    @property
    def is_interactive(self) -> bool:
        """Whether someone can answer a question."""
        return self.stdin is not None and self.stdin.isatty() and self.stderr.isatty()

    def confirm(self, question: str) -> bool:
        """Ask a question in the terminal; Enter means yes, and the end of the input no."""
        if self.stdin is None:
            return False
        supervisor.LINK.allow(_SECONDS_TO_ANSWER)
        with _in_foreground(self.stdin.fileno()):
            print(f"{question} [Y/n] ", end="", file=self.stderr, flush=True)
            answer = self.stdin.readline()
        return answer.strip().lower() in {"", "y", "yes"} and bool(answer)

    def clients(
        self,
        settings: Settings,
        progress: Progress,
        cache: CacheSync | None = None,
        *,
        sweeps: bool = False,
        reviews: bool = False,
    ) -> Clients:
        """Return the clients of a run, and give it its time; an estimate is not limited by the run's minutes.

        Args:
            settings: The settings of the run.
            progress: Receives its progress.
            cache: Keeps the stores for the next run; None to leave them in the cache folder.
            sweeps: Whether it is a sweep, which also installs the project and runs all its tests.
            reviews: Whether GitHub is read and written, too, as always in the action.
        """
        from testsmith.clients import Clients, environments_in, no_archives

        seconds, proof = supervisor.seconds_allowed(settings.budget.max_minutes), settings.verification
        if sweeps:
            seconds += proof.install_seconds + _SUITES_OF_A_SWEEP * proof.suite_seconds
        if self.is_action or reviews:
            seconds += _SECONDS_WITH_GITHUB
        if not settings.estimate:
            supervisor.LINK.allow(seconds)
        return Clients(
            settings=settings,
            progress=progress,
            cache=cache or no_archives(),
            stack=self.stack,
            environment=self.environment,
            environments=None if self.is_action else environments_in(settings.cache),
        )

    def stores(self, settings: CacheSettings, warn: Callable[[str], None]) -> CacheStores:
        """Open the stores in a cache folder."""
        from testsmith.clients import CacheStores

        return CacheStores(settings, warn)


@contextmanager
def _in_foreground(terminal: int) -> Iterator[None]:
    """Read from a terminal in the background process group that the supervisor made for this process.

    Ctrl-Z would stop this process without the supervisor, which the shell waits for, so it is ignored.
    """
    before = os.tcgetpgrp(terminal)
    stops = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        os.tcsetpgrp(terminal, os.getpgrp())
        yield
    finally:
        os.tcsetpgrp(terminal, before)
        signal.signal(signal.SIGTSTP, stops)


def _text_stream(stream: TextIO | None) -> TextIO:
    """Return a standard stream that accepts any text; a closed stream becomes the null device."""
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream

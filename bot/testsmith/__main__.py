"""Entry point of `testsmith` and `python -m testsmith`: run the command line or the action, and exit.

If there is work to do, this process only supervises its child, which does it.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

if TYPE_CHECKING:
    from testsmith.action.inputs import ActionContext
    from testsmith.action.run import Perform
    from testsmith.app import App
    from testsmith.clients import Archives
    from testsmith.process.supervisor import SupervisedEnding

_INTERRUPTED = 130
SUPERVISED = frozenset({"suggest", "sweep", "review", "doctor", "prove", "mcp"})
"""Commands that run the project's code."""

_OBJECTS_BEFORE_COLLECTION = 100_000
"""Imports make many objects and hardly any garbage: to look for it as often as usual would take a tenth."""

_SECONDS_TO_FORGET = 120.0


def main() -> None:
    """Run the program. Ctrl-C ends it without a traceback, even during imports."""
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION)
    warnings.simplefilter("ignore", SyntaxWarning)  # about the parsed sources, not about this program
    try:
        from testsmith.app import App

        app = App.of_process()
        app.signals.install()
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
    try:
        code = _run(app)
    except KeyboardInterrupt:  # before a command was started
        code = _INTERRUPTED
    finally:
        app.signals.restore()
        _flush(app.stdout)
    gc.freeze()  # the kernel frees the memory faster
    sys.exit(code if app.signals.received is None else 128 + app.signals.received)


def _run(app: App) -> int:
    """Do the work in a child process and report how it ended, or do here what takes no time."""
    from testsmith.process import supervisor

    if app.is_action or SUPERVISED.intersection(sys.argv[1:2]):
        ending = supervisor.supervised(app.signals.handled)
        if ending is not None:
            app.signals.restore()
            return _report(app, ending) if ending.failure else _end_as_child(app, ending)
    if app.is_action:
        return _run_action(app)
    from testsmith import cli

    return cli.run(sys.argv[1:], app)


def _run_action(app: App, perform: Perform | None = None) -> int:
    """Run the action, with all other output made safe so that it cannot contain workflow commands."""
    from testsmith.action import run as action
    from testsmith.action.outputs import safe_log

    sys.stdout = sys.stderr = safe_log(app.stdout)
    return action.run(app, perform)


def _end_as_child(app: App, ending: SupervisedEnding) -> int:
    if ending.code >= 0:
        return ending.code
    if ending.signal is not None:
        print("testsmith: the run did not react to the signal, and was killed.", file=app.stderr)
        return 128 + ending.signal
    os.kill(os.getpid(), -ending.code)
    return 128 - ending.code  # PID 1 of a container is not killed by its own signal


def _report(app: App, ending: SupervisedEnding) -> int:
    """Report why the work failed, because it could not do so itself, and return the exit code."""
    if not app.is_action:
        from testsmith import cli

        _forget(ending.used)
        return cli.show_failure(sys.argv[1:], app, ending.failure, shows_report=not ending.prints)
    from testsmith.action.outputs import end_fold
    from testsmith.model import Failure

    def fail(_task: object, context: ActionContext, *_: object) -> NoReturn:
        from testsmith.action.tasks import archives_of

        _forget(ending.used, archives_of(context))
        raise Failure(ending.failure)

    end_fold(app.stdout, app.fold_token)
    return _run_action(app, fail)


def _forget(used: Sequence[str], archives: Archives | None = None) -> None:
    """Remove cached answers that an unfinished run used: one of them may have caused the hang."""
    from testsmith.process import supervisor

    if not used or supervisor.supervised((), _SECONDS_TO_FORGET) is not None:
        return
    try:
        import asyncio

        from testsmith.clients import open_store
        from testsmith.settings import CacheSettings

        keys, folder = [one.partition(" ")[0] for one in used], used[0].partition(" ")[2]
        with open_store(CacheSettings(folder=Path(folder)), lambda _: None) as store:
            store.remove(keys)
            if archives is not None:
                asyncio.run(archives.forget(store, keys))
    finally:
        os._exit(0)


def _flush(stream: TextIO) -> None:
    """Flush a stream. If it is broken, redirect it to the null device to avoid an error at exit."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    main()

"""Stop the program in order: the first signal cancels the work, the second one ends the program at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

_Result = TypeVar("_Result")


class StopSignals:
    """Handlers of the signals that ask the program to stop. Ignored ones, as under `nohup`, stay ignored.

    Attributes:
        received: The number of the first signal; None before it.
        handled: The handled signals.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.handled = [
            one
            for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            if signal.getsignal(one) is not signal.SIG_IGN
        ]
        self._cancel: Callable[[], object] | None = None

    def install(self) -> None:
        """Install the handlers."""
        for number in self.handled:
            signal.signal(number, self._handle)

    def restore(self) -> None:
        """Restore the default handling, after all work is done."""
        for number in self.handled:
            signal.signal(number, signal.SIG_DFL)

    def run(self, work: Callable[[], Awaitable[_Result]]) -> _Result:
        """Run work in an event loop, so that a signal cancels it and what it opened is closed.

        Raises:
            KeyboardInterrupt: A signal arrived.
        """
        import asyncio

        try:
            return asyncio.run(self._cancelable(work))
        finally:  # errors caused by the signal, for example in an interrupted git process, are not failures
            self._cancel = None
            if self.received is not None:
                raise KeyboardInterrupt

    async def _cancelable(self, work: Callable[[], Awaitable[_Result]]) -> _Result:
        import asyncio

        running = asyncio.current_task()
        if running is not None:
            self._cancel = partial(asyncio.get_running_loop().call_soon_threadsafe, running.cancel)
        return await work()

    def _handle(self, number: int, _: object) -> None:
        if self.received is not None:
            os._exit(128 + number)  # the sandbox supervisors notice it and end what they run
        self.received = number
        if self._cancel is None:
            raise KeyboardInterrupt
        try:
            self._cancel()
        except RuntimeError:  # the event loop was just closed
            raise KeyboardInterrupt from None

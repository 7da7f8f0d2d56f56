"""Another day on the clock, for code that looks at it: what changes with the day is nothing to pin."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import time
from typing import Any


def move_clock(days: int) -> None:
    """Let the clock go ahead by some days, for this process and its children.

    The classes of `datetime` stay what they are, since a project may compare types: only what reads the
    clock is exchanged in them.
    """
    seconds = days * 86400
    _move_time(seconds)
    _move_datetime(dt.timedelta(days=days))


def _move_time(seconds: int) -> None:
    real: dict[str, Any] = {name: getattr(time, name) for name in ("time", "time_ns")}
    _exchange("time", lambda: real["time"]() + seconds)
    _exchange("time_ns", lambda: real["time_ns"]() + seconds * 10**9)
    for name in ("localtime", "gmtime", "ctime"):
        _exchange(name, _at_given_time(getattr(time, name)))
    _exchange("asctime", _of_given_moment(time.asctime, 0))
    _exchange("strftime", _of_given_moment(time.strftime, 1))


def _exchange(name: str, function: Any) -> None:
    setattr(time, name, function)


def _at_given_time(real: Any) -> Any:
    """Return the function with the moved time as the value of its argument."""
    return lambda seconds=None: real(time.time() if seconds is None else seconds)


def _of_given_moment(real: Any, before: int) -> Any:
    """Return the function with the moved local time behind the arguments that come before."""

    def moved(*arguments: Any) -> Any:
        return real(*(arguments if len(arguments) > before else (*arguments, time.localtime())))

    return moved


def _move_datetime(step: dt.timedelta) -> None:
    """Move `now` and `utcnow`; `today` asks the module `time`, which has moved already."""
    now = vars(dt.datetime)["now"]

    def moved(cls: Any, tz: Any = None) -> Any:
        return now.__get__(None, cls)(tz) + step

    def moved_utc(cls: Any) -> Any:
        return moved(cls, dt.timezone.utc).replace(tzinfo=None)  # noqa: UP017 - `UTC` needs Python 3.11

    _set(dt.datetime, "now", moved)
    _set(dt.datetime, "utcnow", moved_utc)


def _set(cls: type, name: str, function: Any) -> None:
    """Exchange a class method of a class that does not let itself be changed."""
    for attributes in gc.get_referents(vars(cls)):
        if isinstance(attributes, dict) and name in attributes:
            attributes[name] = classmethod(function)
    with contextlib.suppress(ImportError, AttributeError):
        import ctypes

        ctypes.pythonapi.PyType_Modified(ctypes.py_object(cls))

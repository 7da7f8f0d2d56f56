"""Change the date for the code under test, to detect behavior that depends on it.

The `datetime` classes are kept, because a project may compare or pickle types: only their methods that read
the clock are replaced. Clocks that measure durations are kept, too. File times read and set through `os` are
shifted accordingly; otherwise new files would appear to be years old.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import math
import os
import sys
import time
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

_REPLACES_THE_CLOCK_ITSELF = "_time_machine"
"""A module that needs the real functions of `time`, which are restored before it is imported."""

_UTCNOW_IS_DEPRECATED = (
    "datetime.datetime.utcnow() is deprecated and scheduled for removal in a future version. "
    "Use timezone-aware objects to represent datetimes in UTC: datetime.datetime.now(datetime.UTC)."
)
_SECONDS_OF_DOUBT = 60.0


def move_clock(days: int) -> None:
    """Move the clock forward by some days, for this process and its children."""
    _Moved(days * 86400).put_in_place()


def set_clock(instant: float) -> bool:
    """Start the clock from another time, for this process and its children.

    Args:
        instant: Seconds since 1970, UTC.

    Returns:
        Whether this interpreter allows it; if not, the clock is unchanged.
    """
    moved = _Moved(math.ceil(instant - time.time()))
    moved.put_in_place()
    shown = (time.time(), dt.datetime.now(dt.timezone.utc).timestamp())  # noqa: UP017 - see below
    today = dt.datetime(*time.gmtime(instant)[:3]).date()  # noqa: DTZ001 - a day, in any zone
    near = abs(dt.date.today() - today) <= dt.timedelta(days=1)  # noqa: DTZ011 - code under test may use it
    if near and all(abs(seconds - instant) < _SECONDS_OF_DOUBT for seconds in shown):
        return True
    moved.take_back()
    return False


class _Reading:
    """A function of `time` or `os` with a shifted clock.

    Not a function, because it would become a method as a class attribute. It is pickled by name.
    """

    def __init__(self, module: ModuleType, real: Any, moved: Callable[..., Any]) -> None:
        self._real = real
        self._moved = moved
        name: str = real.__name__
        self.__name__ = self.__qualname__ = name
        self.__module__ = module.__name__
        self.__doc__ = real.__doc__

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Read the shifted clock; other calls go to the real function, including errors."""
        return self._moved(*arguments, **named)

    def __repr__(self) -> str:
        return repr(self._real)

    def __reduce__(self) -> str:
        return self.__name__


class _Moved:
    """The replaced functions and their originals.

    Args:
        seconds: How far the clock is moved forward.
    """

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._real: list[tuple[ModuleType, str, Any]] = []
        self._real_methods: dict[str, Any] = {}

    def put_in_place(self) -> None:
        """Replace everything that reads the clock."""
        self._exchange("time", self._later(time.time, 1))
        self._exchange("time_ns", self._later(time.time_ns, 10**9))
        self._exchange("clock_gettime", self._real_time_clock(time.clock_gettime, 1))
        self._exchange("clock_gettime_ns", self._real_time_clock(time.clock_gettime_ns, 10**9))
        read: Callable[[], float] = time.time  # whatever a test replaces it with later
        for name in ("localtime", "gmtime", "ctime"):
            self._exchange(name, _at_given_time(getattr(time, name), read))
        here: Callable[[], Any] = time.localtime
        self._exchange("asctime", _of_given_moment(time.asctime, 0, here))
        self._exchange("strftime", _of_given_moment(time.strftime, 1, here))
        # `today` calls `time.time`, which is already replaced.
        self._exchange_methods({"now": _now(read), "utcnow": _utcnow(read)})
        self._move_files()
        sys.meta_path.insert(0, _Yielding(self))

    def take_back(self) -> None:
        """Restore the originals."""
        for module, name, real in self._real:
            setattr(module, name, real)
        _set_methods(dt.datetime, self._real_methods)

    def _later(self, real: Callable[[], Any], units: int) -> Callable[[], Any]:
        step = self._seconds * units
        return lambda: real() + step

    def _real_time_clock(self, real: Callable[[int], Any], units: int) -> Callable[[int], Any]:
        step = self._seconds * units
        return lambda clock: real(clock) + (step if clock == time.CLOCK_REALTIME else 0)

    def _move_files(self) -> None:
        """Replace functions that read or set file times."""
        for name in ("stat", "lstat", "fstat"):
            self._exchange(name, _later_files(getattr(os, name), self._seconds), os)
        self._exchange("utime", _earlier_files(os.utime, self._seconds), os)

    def _exchange(self, name: str, moved: Callable[..., Any], module: ModuleType = time) -> None:
        real = getattr(module, name)
        reading = _Reading(module, real, moved)
        self._real.append((module, name, real))
        setattr(module, name, reading)
        for known in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
            if real in known:
                known.add(reading)

    def _exchange_methods(self, methods: dict[str, Any]) -> None:
        self._real_methods = {name: vars(dt.datetime)[name] for name in methods}
        _set_methods(dt.datetime, methods)


class _Yielding:
    """An import finder that finds nothing, but restores the clock for a module that needs the real one."""

    def __init__(self, moved: _Moved) -> None:
        self._moved = moved

    def find_spec(self, fullname: str, _path: Any = None, _target: Any = None) -> None:
        """Check the module that is about to be imported."""
        if fullname == _REPLACES_THE_CLOCK_ITSELF:
            self._moved.take_back()


def _at_given_time(real: Callable[..., Any], read: Callable[[], float]) -> Callable[..., Any]:
    """Return the function with the shifted time as its default argument."""

    def moved(*arguments: Any) -> Any:
        given = bool(arguments) and arguments[0] is not None
        return real(*(arguments if given else (read(), *arguments[1:])))

    return moved


def _of_given_moment(real: Callable[..., Any], before: int, here: Callable[[], Any]) -> Callable[..., Any]:
    """Return the function with the shifted local time as the default for its last argument."""

    def moved(*arguments: Any) -> Any:
        return real(*((*arguments, here()) if len(arguments) == before else arguments))

    return moved


def _later_files(real: Callable[..., os.stat_result], seconds: int) -> Callable[..., os.stat_result]:
    """Return the function with the file times it returns shifted forward."""

    def moved(*arguments: Any, **named: Any) -> os.stat_result:
        state: Any = real(*arguments, **named).__reduce__()[1]  # same as in pickle
        parts, others = state
        times = {name: value + seconds * _units(name) for name, value in others.items() if "time" in name}
        return os.stat_result((*parts[:7], *(part + seconds for part in parts[7:10])), {**others, **times})

    return moved


def _units(name: str) -> int:
    return 10**9 if name.endswith("_ns") else 1


def _earlier_files(real: Callable[..., None], seconds: int) -> Callable[..., None]:
    """Return the function with the file times it sets shifted back."""

    def earlier(times: Any, units: int) -> Any:
        is_pair = isinstance(times, tuple) and all(isinstance(one, (int, float)) for one in times)
        return tuple(one - seconds * units for one in times) if is_pair else times

    def moved(path: Any, times: Any = None, **named: Any) -> None:
        if "ns" in named:
            named["ns"] = earlier(named["ns"], 10**9)
        real(path, earlier(times, 1), **named)

    return moved


def _now(read: Callable[[], float]) -> Any:
    from_timestamp = vars(dt.datetime)["fromtimestamp"]

    def now(cls: Any, tz: Any = None) -> Any:
        """Return the shifted time, with its fold."""
        return from_timestamp.__get__(None, cls)(read(), tz)

    return classmethod(now)


def _utcnow(read: Callable[[], float]) -> Any:
    from_timestamp = vars(dt.datetime)["fromtimestamp"]

    def utcnow(cls: Any) -> Any:
        """Return the shifted time in UTC as a naive value, as the original does."""
        if sys.version_info >= (3, 12):
            warnings.warn(_UTCNOW_IS_DEPRECATED, DeprecationWarning, stacklevel=2)
        # The name `UTC` requires Python 3.11.
        return from_timestamp.__get__(None, cls)(read(), dt.timezone.utc).replace(tzinfo=None)  # noqa: UP017

    return classmethod(utcnow)


def _set_methods(cls: type, methods: dict[str, Any]) -> None:
    """Set methods of an immutable class."""
    for attributes in gc.get_referents(vars(cls)):
        if isinstance(attributes, dict) and methods.keys() <= attributes.keys():
            attributes.update(methods)
    with contextlib.suppress(ImportError, AttributeError):
        import ctypes

        ctypes.pythonapi.PyType_Modified(ctypes.py_object(cls))

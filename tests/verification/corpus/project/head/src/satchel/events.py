"""Callbacks and decorators."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_PLUGINS: dict[str, Callable[..., Any]] = {}


class Signal:
    """Tells whoever wants to know."""

    def __init__(self) -> None:
        self._receivers: list[Callable[..., object]] = []

    def connect(self, receiver: Callable[..., object]) -> Callable[..., object]:
        """Add a receiver, once; return it, so that this can stand as a decorator."""
        if receiver not in self._receivers:
            self._receivers.append(receiver)
        return receiver

    def disconnect(self, receiver: Callable[..., object]) -> bool:
        """Take a receiver away; tell whether it was there."""
        if receiver in self._receivers:
            self._receivers.remove(receiver)
            return True

    def emit(self, *arguments: object) -> int:
        """Tell all receivers in turn; return how many did not refuse by returning False."""
        return sum(receiver(*arguments) is not False for receiver in list(self._receivers))


def retry(times: int, on: type[Exception] = Exception) -> Callable[[F], F]:
    """Return a decorator that calls again what raised such an error, so many times in all.

    Raises:
        ValueError: That is less than once.
    """
    if times < 1:
        raise ValueError("it must be tried at least once")

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def again(*arguments: Any, **named: Any) -> Any:
            for left in range(times - 1, -1, -1):
                try:
                    return function(*arguments, **named)
                except on:
                    if not left:
                        raise

        return again

    return decorate


def once(function: F) -> F:
    """Decorate a function so that it runs at its first call alone; later calls give the same result."""
    results: list[Any] = []

    @functools.wraps(function)
    def first(*arguments: Any, **named: Any) -> Any:
        if not results:
            results.append(function(*arguments, **named))
        return results[0]

    return first


def register(name: str, function: Callable[..., Any]) -> int:
    """Make a plugin known under a name; return how many there are.

    Raises:
        ValueError: The name is taken by another.
    """
    known = _PLUGINS.setdefault(name, function)
    if known is not function:
        raise ValueError(f"{name!r} is taken")
    return len(_PLUGINS)


def lookup(name: str) -> Callable[..., Any]:
    """Return the plugin of a name.

    Raises:
        LookupError: There is none.
    """
    try:
        return _PLUGINS[name]
    except KeyError:
        raise LookupError(f"no plugin {name!r}") from None

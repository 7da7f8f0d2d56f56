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
        self._receivers.append(receiver)
        return receiver

    def disconnect(self, receiver: Callable[..., object]) -> bool:
        """Take a receiver away; tell whether it was there."""
        if receiver in self._receivers:
            self._receivers.remove(receiver)
            return True
        return False

    def emit(self, *arguments: object) -> int:
        """Tell all receivers in turn; return how many there are."""
        for receiver in list(self._receivers):
            receiver(*arguments)
        return len(self._receivers)


def retry(times: int, on: type[Exception] = Exception) -> Callable[[F], F]:
    """Return a decorator that calls again what raised such an error, so many times in all."""
    def decorate(function: F) -> F:
        @functools.wraps(function)
        def again(*arguments: Any, **named: Any) -> Any:
            for left in range(times - 1, -1, -1):
                try:
                    return function(*arguments, **named)
                except Exception:
                    if not left:
                        raise

        return again

    return decorate


def register(name: str, function: Callable[..., Any]) -> int:
    """Make a plugin known under a name; return how many there are.
"""
    _PLUGINS[name] = function
    return len(_PLUGINS)

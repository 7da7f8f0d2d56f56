"""GitHub's limits on how often a token may ask, counted by the fake's own clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from fakes.github.faults import SECONDARY
from fakes.github.wire import Refused
from fakes.github.world import World

_HOUR = 3_600.0
_MINUTE = 60.0
UNLIMITED = ("/rate_limit",)
"""Paths that count for nothing."""


@dataclass
class _Window:
    began: float
    used: int = 0
    content: deque[float] = field(default_factory=deque)


@dataclass
class RateLimits:
    """The counters of all tokens."""

    world: World
    _windows: dict[str, _Window] = field(default_factory=dict)

    def enter(self, token: str, *, makes_content: bool) -> None:
        """Count a request.

        Raises:
            Refused: A limit is reached; nothing is counted then.
        """
        window = self._window(token)
        if window.used >= self.world.limits.requests:
            raise Refused(403, "API rate limit exceeded for installation ID 1.", headers=self.headers(token))
        if makes_content:
            self._enter_content(window)
        window.used += 1

    def give_back(self, token: str) -> None:
        """Take back the count of a request that was answered by 304."""
        self._window(token).used -= 1

    def headers(self, token: str) -> dict[str, str]:
        """Return the headers that tell a client where it stands."""
        rate = self.rate(token)
        return {f"X-RateLimit-{key.title()}": str(value) for key, value in rate.items()} | {
            "X-RateLimit-Resource": "core"
        }

    def rate(self, token: str) -> dict[str, int]:
        window, limit = self._window(token), self.world.limits.requests
        return {
            "limit": limit,
            "remaining": max(0, limit - window.used),
            "reset": int(window.began + _HOUR),
            "used": window.used,
        }

    def _window(self, token: str) -> _Window:
        now = self.world.clock.now()
        window = self._windows.get(token)
        if window is None or now >= window.began + _HOUR:
            window = self._windows[token] = _Window(now)
        return window

    def _enter_content(self, window: _Window) -> None:
        now, limits = self.world.clock.now(), self.world.limits
        while window.content and window.content[0] <= now - _HOUR:
            window.content.popleft()
        in_minute = sum(at > now - _MINUTE for at in window.content)
        if in_minute >= limits.content_a_minute or len(window.content) >= limits.content_an_hour:
            raise Refused(403, SECONDARY, headers={"Retry-After": str(int(_MINUTE))})
        window.content.append(now)

"""Limits of single processes. They are inherited, and an ordinary process can only lower them further."""

from __future__ import annotations

import resource
from collections.abc import Iterable


def lower(rlimits: Iterable[tuple[int, int]]) -> None:
    """Lower limits of this process for good; one that is already lower stays as it is.

    Raises:
        OSError: The kernel refuses.
    """
    for number, wanted in rlimits:
        _, hard = resource.getrlimit(number)
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(number, (value, value))

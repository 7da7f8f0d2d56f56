"""Calls that the rest of a run can do without."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from testsmith.faults import fault_in_words, is_fault
from testsmith.llm.interface import ProviderError

T = TypeVar("T")


async def result_or_none(work: Awaitable[T], reasons: dict[str, None]) -> T | None:
    """Await a call, and return its result; None after an error, which the next call meets again.

    Args:
        work: The call, with the reading of its answer.
        reasons: Gets the error in words as a key.
    """
    try:
        return await work
    except ProviderError as error:
        reasons[str(error)] = None
    except Exception as error:
        if not is_fault(error):
            raise
        reasons[fault_in_words(error)] = None
    return None

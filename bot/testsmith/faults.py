"""Handle unexpected exceptions so that each costs only the member, file or candidate that raised it."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from testsmith.model import EndsRun, Member, Skipped, SkipStage

Item = TypeVar("Item")
Done = TypeVar("Done")

_MOST_CHARACTERS = 200


def is_fault(error: Exception) -> bool:
    """Return whether an exception is an internal error, rather than one meant to end the run."""
    if isinstance(error, ExceptionGroup):
        return all(is_fault(one) for one in error.exceptions)
    return not isinstance(error, EndsRun)


def skipped_by_fault(member: Member, error: Exception) -> Skipped:
    """Return a member as skipped by an internal error; re-raise an exception that ends the run."""
    if not is_fault(error):
        raise error
    return Skipped(
        path=member.path,
        member=member.id,
        stage=SkipStage.INTERNAL,
        reason=fault_in_words(error),
        traceback=traceback_of(error),
    )


def file_skipped_by_fault(path: str, error: Exception) -> Skipped:
    """Return a file whose member search raised an unexpected exception as skipped."""
    return Skipped(
        path=path, stage=SkipStage.INTERNAL, reason=fault_in_words(error), traceback=traceback_of(error)
    )


def fault_in_words(error: Exception) -> str:
    """Return a one-line message for an unexpected exception, with what to do about it."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    what = " ".join(repr(error).split())
    data = what if len(what) <= _MOST_CHARACTERS else f"{what[:_MOST_CHARACTERS]}..."
    return f"internal error: {data}. Run again with --verbose for the traceback, and please report it."


def traceback_of(error: Exception) -> str:
    """Return an exception's traceback as text."""
    return "".join(traceback.format_exception(error))


async def apart_from_faults(
    items: Sequence[Item],
    work: Callable[[Sequence[Item]], Awaitable[Sequence[Done]]],
    instead: Callable[[Item, Exception], Done],
) -> list[Done]:
    """Return the result for each item; if the work raises, retry the items in halves.

    Args:
        items: The items to process.
        work: Processes several items at once and returns one result per item, in the same order.
        instead: Returns the result for an item whose work raises even on its own.
    """
    if not items:
        return []
    try:
        return list(await work(items))
    except Exception as error:
        if not is_fault(error):
            raise
        if len(items) == 1:
            return [instead(items[0], error)]
    half = len(items) // 2
    halves = (items[:half], items[half:])
    return [done for part in halves for done in await apart_from_faults(part, work, instead)]

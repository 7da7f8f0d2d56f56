"""Unexpected exceptions: each costs the one member, file or candidate whose work raised it, and no other."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from testsmith.model import EndsRun, Member, Skipped, SkipStage

Item = TypeVar("Item")
Done = TypeVar("Done")

_MOST_CHARACTERS = 200


def is_fault(error: Exception) -> bool:
    """Tell whether an exception is a fault of this program, rather than one that is meant to end the run."""
    if isinstance(error, ExceptionGroup):
        return all(is_fault(one) for one in error.exceptions)
    return not isinstance(error, EndsRun)


def skipped_by_fault(member: Member, error: Exception) -> Skipped:
    """Return a member whose work raised an unexpected exception as skipped."""
    return Skipped(
        path=member.path,
        member=member.id,
        stage=SkipStage.INTERNAL,
        reason=fault_in_words(error),
        traceback=traceback_of(error),
    )


def file_skipped_by_fault(path: str, error: Exception) -> Skipped:
    """Return a file in which no member could be looked for as skipped."""
    return Skipped(
        path=path, stage=SkipStage.INTERNAL, reason=fault_in_words(error), traceback=traceback_of(error)
    )


def fault_in_words(error: Exception) -> str:
    """Return one line on an unexpected exception, with what to do about it."""
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
    """Return what work gives for each item; where it raises, the items are tried again in halves.

    Args:
        items: What is worked on.
        work: Works on several items at once, and returns something for each, in the same order.
        instead: What an item gives whose work raises even for it alone.
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

"""Readers of a generator's stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from testsmith.llm.interface import SpendingEnded
from testsmith.model import Result


async def read_all(stream: AsyncGenerator[Result, None]) -> tuple[list[Result], SpendingEnded | None]:
    """Every result, and the error that ended the stream, if one did."""
    got: list[Result] = []
    try:
        while True:
            got.append(await anext(stream))
    except StopAsyncIteration:
        return got, None
    except SpendingEnded as error:
        return got, error

"""What is in store."""

import asyncio


class OutOfStock(Exception):
    """There is less of an item than was asked for."""


async def reserve(stock: dict[str, int], item: str, count: int = 1) -> int:
    """Take some of an item out of the stock and say how many are left.

    Raises:
        OutOfStock: There are not as many.
    """
    await asyncio.sleep(0)
    left = stock.get(item, 0) - count
    if left < 0:
        raise OutOfStock(f"{item}: {-left} too few")
    stock[item] = left
    return left

"""What is printed on labels."""

import re


def slug(name: str) -> str:
    """A name as it stands in an address.

    >>> slug("Green Tea, 100 g")
    'green-tea-100-g'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def shortened(name: str, width: int = 12) -> str:
    """A name that fits on a label."""
    if len(name) <= width:
        return name
    return name[: width - 1] + "…"

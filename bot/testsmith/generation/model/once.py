"""What the members' own sources in one call show already, so that a prompt shows nothing twice. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from testsmith.model import Member

_LEAST_LINES = 2
"""A single line may stand somewhere by chance."""


class Sources:
    """The sources of one call's members; lines are compared without their indentation."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._sources = [(member, _bare(member.source)) for member in members]

    def holder_of(self, member: Member) -> Member | None:
        """Return the member whose source holds that of another, as a class those of its methods."""
        source = _bare(member.source)
        holders = (
            other
            for other, text in self._sources
            if other.path == member.path and len(text) > len(source) and source in text
        )
        return next(holders, None)

    def hold(self, text: str) -> bool:
        """Tell whether a piece of code stands in one of them."""
        piece = _bare(text)
        return piece.count("\n") > _LEAST_LINES and any(piece in source for _, source in self._sources)

    def define(self, head: Sequence[str]) -> bool:
        """Tell whether one of them is the definition that a signature is of.

        Args:
            head: The signature's first lines: a comment that names the module, and what it is of.
        """
        line = head[-1].removesuffix(" ...")
        return any(
            head[0] == f"# {member.module}" and "." not in member.name and line in member.source.split("\n")
            for member, _ in self._sources
        )


def _bare(text: str) -> str:
    lines = (line.strip() for line in text.split("\n"))
    return "\n".join(["", *filter(None, lines), ""])

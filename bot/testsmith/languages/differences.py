"""Definitions that differ between base and head, and what members say of those that they use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from testsmith.languages.effects import ChangeInUse, Key
from testsmith.languages.source import source_diff
from testsmith.model import Change, Member, Place, ShownChange


class SourceDefinition(Protocol):
    """A definition in a source file."""

    @property
    def name(self) -> str:
        """Its name in the file."""

    @property
    def line(self) -> int:
        """First line, counted from 1."""

    @property
    def end_line(self) -> int:
        """Last line."""

    @property
    def source(self) -> str:
        """Its source, dedented."""


_Definition = TypeVar("_Definition", bound=SourceDefinition)


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionDifference(Generic[_Definition]):
    """A definition of head that is new or differs from base.

    Attributes:
        path: Its file.
        found: The definition.
        old: The definition on base; None if it is new.
        lines: Its lines that the diff changes.
        normalized: Returns a source without comments and formatting.
    """

    path: str
    found: _Definition
    old: _Definition | None
    lines: frozenset[int] = frozenset()
    normalized: Callable[[str], str]

    @property
    def diff(self) -> str:
        """Its unified diff."""
        return source_diff(f"{self.found.name} in {self.path}", self._before, self.found.source)

    @property
    def sources(self) -> tuple[str, str]:
        """Its normalized sources on base and head."""
        return self.normalized(self._before), self.normalized(self.found.source)

    @property
    def shown(self) -> ShownChange:
        """What a prompt shows of it if it is a member."""
        own = source_diff(self.found.name, self._before, self.found.source)
        return ShownChange(own=own, digest=digest_of_sources([self.sources[0]]))

    @property
    def place(self) -> Place:
        """Where it is on head."""
        found = self.found
        return Place(
            path=self.path,
            line=found.line,
            end_line=found.end_line,
            name=found.name,
            changed_lines=self.lines,
        )

    @property
    def _before(self) -> str:
        return "" if self.old is None else self.old.source


def with_changes_in_use(
    member: Member,
    effect: ChangeInUse[Key] | None,
    private: Mapping[Key, DefinitionDifference[Any]],
) -> Member:
    """Return a member with what it uses that changed and is not a member.

    Args:
        member: The member.
        effect: What it uses that changed; None for nothing.
        private: All that changed and is not a member.
    """
    if effect is None:
        return member
    is_new = member.change is Change.ADDED
    used = (private[key] for key in effect.causes)
    causes = [one for one in used if not is_new or one.old is None or one.lines]
    sources = sorted(text for one in causes for text in one.sources)
    shown = replace(
        member.shown_change,
        private=tuple(one.diff for one in causes),
        digest=digest_of_sources([member.shown_change.digest, *sources]),
    )
    places = member.because_places if is_new else tuple(one.place for one in causes)
    return replace(member, shown_change=shown, because_places=places)


def digest_of_sources(sources: Iterable[str], length: int = 16) -> str:
    """Return the digest of some texts, which may have lone surrogates."""
    return hashlib.sha256("\0".join(sources).encode("utf-8", "surrogatepass")).hexdigest()[:length]

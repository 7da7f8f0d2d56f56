"""What earlier sweeps have tried in vain, so that this one tries others; it holds until a source changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from testsmith import __version__
from testsmith.cache.tried import Tried, decode_tried, encode_tried, outcome_of, tried_key
from testsmith.model import Member, Report
from testsmith.settings import ProviderChoice, Settings


class TriedStore(Protocol):
    """A map from key to JSON object, which never raises."""

    def get_many(self, keys: Sequence[str]) -> dict[str, dict[str, object]]:
        """Return the values of those keys that there are."""
        ...

    def put(self, key: str, value: Mapping[str, object]) -> None:
        """Keep a value."""
        ...


class NothingTried:
    """Remembers nothing."""

    def get_many(self, _keys: Sequence[str]) -> dict[str, dict[str, object]]:
        """See `TriedStore.get_many`."""
        return {}

    def put(self, key: str, value: Mapping[str, object]) -> None:
        """See `TriedStore.put`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is remembered of members, for tests made in one way.

    Attributes:
        store: Where it is kept.
        maker: Who makes the tests, and by which rules they are judged: what one way failed at, another may
            do.
        by_model: Whether a model is asked.
    """

    store: TriedStore = field(default_factory=NothingTried)
    maker: str = ""
    by_model: bool = False

    @classmethod
    def of(cls, store: TriedStore, settings: Settings) -> Memory:
        """Return the memory for the way in which the settings have tests made."""
        model, rules = settings.model, settings.verification
        by_model = settings.provider is not ProviderChoice.OFFLINE
        asked = (model.base_url or "", model.model) if by_model else ()
        words = (__version__, settings.provider.value, *asked, str(rules.enabled), str(rules.runs))
        return cls(store=store, maker=" ".join(words), by_model=by_model)

    def known(self, members: Iterable[Member]) -> dict[str, Tried]:
        """Return what is remembered of members, by id."""
        keys = {member.id: self._key(member) for member in members}
        values = self.store.get_many(list(keys.values()))
        read = {one: decode_tried(values[key]) for one, key in keys.items() if key in values}
        return {one: tried for one, tried in read.items() if tried is not None}

    def remember(self, report: Report) -> None:
        """Keep what came of the members that were left out for what they are."""
        members = {member.id: member for member in report.members}
        for skipped in report.skipped:
            tried = outcome_of(skipped, by_model=self.by_model)
            if tried is not None and skipped.member in members:
                self.store.put(self._key(members[skipped.member]), encode_tried(tried))

    def _key(self, member: Member) -> str:
        return tried_key(member, self.maker)

"""Restore stores from an archive at the start of a run, and save them when there is something new.

Nothing here ever fails a run: errors are reported in a note. Stores are used only by the thread that opened
them. Transfers and packing run in daemon threads that do not delay the process's exit.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from testsmith.storage.archive import (
    MOST_ENTRIES,
    PREFIX,
    Archive,
    ArchiveBackend,
    ArchiveContents,
    ArchiveFailure,
    BadArchive,
    Denied,
    TimeLimit,
    archive_name,
    is_whole,
    pack,
    unpack,
)
from testsmith.storage.store import ResultStore, StoredEntry

FETCH_SECONDS = 20.0
"""Time limit for restoring. Beyond it, the run continues without the cache."""

SAVE_SECONDS = 30.0
"""Time limit for saving, which at first happens in the background."""

STOPPED_SECONDS = 5.0
"""Time limit for saving after a cancellation. GitHub sends SIGTERM after 7.5 s, and kills 2.5 s later."""

_GRACE = 0.5
"""Additional seconds for an operation to report that it reached its time limit."""

_Got = TypeVar("_Got")


class NullArchive:
    """Backend without storage.

    Args:
        reason: Why there is none, as a clause.
    """

    def __init__(self, reason: str = "nothing is kept between runs") -> None:
        self.unreadable = reason
        self.unwritable = reason

    def newest(self, _limit: TimeLimit) -> Archive | None:
        """See `ArchiveBackend.newest`."""
        raise Denied(self.unreadable)

    def leave(self, _archive: Archive, _limit: TimeLimit) -> None:
        """See `ArchiveBackend.leave`."""
        raise Denied(self.unwritable)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Saving:
    """A save in progress.

    Attributes:
        future: Its result: None or the failure.
        limit: Its time limit.
        written: Number of values included, by store.
        new: Number of values included that were not saved before.
    """

    future: futures.Future[ArchiveFailure | None]
    limit: TimeLimit
    written: Mapping[str, int]
    new: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """Archives that a run shares with other machines.

    Attributes:
        prefix: Name prefix of the archives that it writes.
        also: Additional backends to read from. If they contain the same entry, the most recently used one
            wins.
        gathers: Whether to also save entries that only the additional backends contain.
    """

    prefix: str = PREFIX
    also: tuple[ArchiveBackend, ...] = ()
    gathers: bool = False


ALONE = Sharing()


class CacheSync:
    """Restores and saves the stores of a run. Exiting its context saves what is not saved yet.

    Args:
        place: Backend of the archives.
        run: The run's id and attempt, for example `4711-1`.
        clock: Monotonic clock, in seconds.
        sharing: Archives shared with other machines; none by default.
    """

    def __init__(
        self,
        place: ArchiveBackend,
        *,
        run: str,
        clock: Callable[[], float],
        sharing: Sharing = ALONE,
    ) -> None:
        self._place = place
        self._sharing = sharing
        self._gathered = self._forgotten = 0
        self._run = run
        self._clock = clock
        self._contents = ArchiveContents()
        self._watched: dict[str, ResultStore] = {}
        self._written: dict[str, int] = {}  # how many values of each store are saved
        self._saving: _Saving | None = None
        self._stop: TimeLimit | None = None
        self._added = self._saved = 0
        self._no_restore = place.unreadable
        self._no_save = place.unwritable
        self._gave_up = bool(place.unwritable)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Save what is not saved yet, with a short time limit if the run was canceled."""
        if kind is not None:
            self._stop = TimeLimit(self._clock, STOPPED_SECONDS)
            if self._saving is not None:
                self._saving.limit.shorten(STOPPED_SECONDS)
        self._join()
        self.save_soon()
        self._join()

    async def fetch(self) -> None:
        """Restore what earlier runs saved."""
        places = [one for one in (self._place, *self._sharing.also) if not one.unreadable]
        if not places:
            return
        limit = TimeLimit(self._clock, FETCH_SECONDS)
        fetching = _begun(partial(_fetched_all, places, limit))
        try:
            fetched = await asyncio.wait_for(asyncio.wrap_future(fetching), FETCH_SECONDS + _GRACE)
        except TimeoutError:
            fetched = ArchiveFailure("the cache was too slow")
        if isinstance(fetched, ArchiveFailure):
            self._no_restore = str(fetched)
        else:
            self._contents = _together(fetched)
            if self._sharing.gathers:
                self._gathered = max(0, self._contents.count - fetched[0].count)

    def watch(self, name: str, store: ResultStore) -> None:
        """Add restored entries to a store, and include it in what is saved.

        Args:
            name: One of `archive.MOST_ENTRIES`.
            store: The store, which must stay open until this context has exited.
        """
        self._added += store.add(self._contents.entries.get(name, ()))
        self._watched[name], self._written[name] = store, store.written

    def forget(self, name: str, keys: Sequence[str]) -> None:
        """Remove entries from a watched store, and from what is saved next."""
        self._watched[name].remove(keys)
        self._forgotten += len(keys)

    def save_soon(self) -> None:
        """Start saving in a thread if there is something new and no save is in progress."""
        self._conclude()
        written = {name: store.written for name, store in self._watched.items()}
        new = sum(written.values()) - sum(self._written.values()) + self._gathered + self._forgotten
        if self._saving is not None or self._gave_up or not new:
            return
        entries = dict(self._contents.entries)  # also keeps the stores that this run does not use
        for name, store in self._watched.items():
            store.prune()
            entries[name] = store.newest(MOST_ENTRIES[name])
        seconds = SAVE_SECONDS if self._stop is None else self._stop.left
        limit = TimeLimit(self._clock, seconds)
        self._saving = _Saving(
            future=_begun(partial(_save, self._place, (self._sharing.prefix, self._run), entries, limit)),
            limit=limit,
            written=written,
            new=new,
        )

    async def save(self) -> None:
        """Save what is not saved yet."""
        await self._wait()
        self.save_soon()
        await self._wait()

    def note(self) -> str:
        """Return a one-line note on what was restored and saved, or why not."""
        if self._no_restore and self._no_restore == self._no_save:
            return f"cache: nothing is kept between runs: {self._no_restore}"
        return f"cache: {self._told_of_restoring()}; {self._told_of_saving()}"

    def _told_of_restoring(self) -> str:
        if self._no_restore:
            return f"restored nothing: {self._no_restore}"
        refused = self._contents.refused
        data = f"restored {_entries(self._added)}" if self._added else "nothing to restore"
        return f"{data} ({_entries(refused)} in another format skipped)" if refused else data

    def _told_of_saving(self) -> str:
        saved = f"saved {self._saved} new" if self._saved else ""
        if self._no_save:
            return f"{saved or 'saved nothing'}: {self._no_save}"
        if self._saving is not None:
            return "still saving"
        return saved or "nothing new to save"

    async def _wait(self) -> None:
        if self._saving is not None:
            ending = asyncio.wrap_future(self._saving.future)
            await asyncio.wait([ending], timeout=self._saving.limit.left + _GRACE)
            self._conclude()

    def _join(self) -> None:
        if self._saving is not None:
            futures.wait([self._saving.future], timeout=self._saving.limit.left + _GRACE)
            self._conclude()

    def _conclude(self) -> None:
        """Record the result of a finished save."""
        saving = self._saving
        if saving is None or not saving.future.done():
            return
        self._saving = None
        failure = saving.future.result()
        self._no_save = "" if failure is None else str(failure)
        if isinstance(failure, Denied):
            self._gave_up = True
        if failure is None:
            self._saved += saving.new
            self._gathered = self._forgotten = 0
            self._written |= saving.written


def _fetched_all(places: Sequence[ArchiveBackend], limit: TimeLimit) -> list[ArchiveContents]:
    """Return each backend's contents. Fail only if none of them has any."""
    found, failures = list[ArchiveContents](), list[ArchiveFailure]()
    for place in places:
        try:
            found.append(_fetched(place, limit))
        except ArchiveFailure as failure:
            failures.append(failure)
            found.append(ArchiveContents())
    if failures and not any(one.count for one in found):
        raise failures[0]
    return found


def _together(found: Sequence[ArchiveContents]) -> ArchiveContents:
    """Merge several contents, keeping the most recently used version of each entry."""
    if len(found) == 1:
        return found[0]
    entries = dict[str, dict[str, StoredEntry]]()
    for contents in found:
        for store, own in contents.entries.items():
            known = entries.setdefault(store, {})
            for entry in own:
                if entry.key not in known or known[entry.key].used_at < entry.used_at:
                    known[entry.key] = entry
    ordered = {
        store: sorted(own.values(), key=lambda entry: -entry.used_at) for store, own in entries.items()
    }
    return ArchiveContents(entries=ordered, refused=sum(one.refused for one in found))


def _fetched(place: ArchiveBackend, limit: TimeLimit) -> ArchiveContents:
    archive = place.newest(limit)
    if archive is None:
        return ArchiveContents()
    if not is_whole(archive):
        raise ArchiveFailure("the saved cache is damaged")
    try:
        return unpack(archive.data)
    except BadArchive as error:
        raise ArchiveFailure(f"the saved cache could not be used: it {error}") from None


def _save(
    place: ArchiveBackend,
    name: tuple[str, str],
    entries: Mapping[str, Sequence[StoredEntry]],
    limit: TimeLimit,
) -> None:
    prefix, run = name
    try:
        data = pack(entries)
    except BadArchive as error:
        raise Denied(f"the archive {error}") from None
    place.leave(Archive(name=archive_name(run, data, prefix), data=data), limit)


def _begun(work: Callable[[], _Got]) -> futures.Future[_Got | ArchiveFailure]:
    """Run work in a daemon thread. Exceptions become a failure in the result."""
    future: futures.Future[_Got | ArchiveFailure] = futures.Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except ArchiveFailure as failure:
            future.set_result(failure)
        except BaseException as error:  # noqa: BLE001 - a bug here must not lose results that were paid for
            future.set_result(ArchiveFailure(f"of an internal error ({type(error).__name__})"))

    threading.Thread(target=run, name="testsmith-cache", daemon=True).start()
    return future


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"

"""Archives in GitHub's cache of Actions: a place that needs no step and no input of the workflow.

The service finds entries by the beginning of their names, newest first: those of the run's own branch or pull
request, then of the branch it goes to, then of the default branch. An entry cannot be changed, and leaving
one is refused to runs that anybody may start. `docs/cache.md` has the table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from testsmith.cache.archive import PREFIX, Archive, is_archive_name
from testsmith.cache.place import Denied, PlaceFailure, TimeLimit
from testsmith.cache.service import AlreadyThere, CacheService, Expired, NoService
from testsmith.settings import CacheAccess

_VERSION = hashlib.sha256(b"testsmith-cache|1").hexdigest()
"""What the service tells our entries from those of other programs by."""

_READABLE = frozenset({"read", "write"})
_WRITABLE = frozenset({"write", "write-only"})
_MODES = _READABLE | _WRITABLE | {"none"}
_SAID_BY_WORKFLOW = "the workflow says `cache-mode: {mode}`"
_NAME_A_FOLDER = "the input `cache-dir` with actions/cache around the action works everywhere"


class ActionsCache:
    """The cache service as an `ArchivePlace`.

    Args:
        access: What the runner hands to the job.
        sleep: Waits for some seconds, as `time.sleep`.
        prefix: How the names of its archives begin.
    """

    def __init__(self, access: CacheAccess, *, sleep: Callable[[float], None], prefix: str = PREFIX) -> None:
        self._prefix = prefix
        self._mode = access.mode if access.mode in _MODES else ""
        self._service = CacheService(access.url, access.token, sleep=sleep)

    @property
    def unreadable(self) -> str:
        """See `ArchivePlace`."""
        return _SAID_BY_WORKFLOW.format(mode=self._mode) if self._mode and self._mode not in _READABLE else ""

    @property
    def unwritable(self) -> str:
        """See `ArchivePlace`."""
        return _SAID_BY_WORKFLOW.format(mode=self._mode) if self._mode and self._mode not in _WRITABLE else ""

    def newest(self, limit: TimeLimit) -> Archive | None:
        """See `ArchivePlace.newest`; an address that is refused is asked for once more."""
        try:
            return self._found(limit)
        except Expired:
            return self._found(limit)

    def _found(self, limit: TimeLimit) -> Archive | None:
        answer = self._call("GetCacheEntryDownloadURL", {"key": self._prefix, "restore_keys": []}, limit)
        if not answer.get("ok"):
            return None
        name = str(answer.get("matched_key"))
        if not is_archive_name(name, self._prefix):
            raise PlaceFailure("the cache service found an entry that is none of ours")
        return Archive(name=name, data=self._service.download(_address(answer, "download"), limit))

    def leave(self, archive: Archive, limit: TimeLimit) -> None:
        """See `ArchivePlace.leave`."""
        key: dict[str, object] = {"key": archive.name}
        try:
            made = self._done("CreateCacheEntry", key, limit)
            self._service.upload(_address(made, "upload"), archive.data, limit)
            size = str(len(archive.data))  # a number of 64 bits is a text in the JSON of protobuf
            self._done("FinalizeCacheEntryUpload", {**key, "size_bytes": size}, limit)
        except AlreadyThere:
            return

    def _done(self, method: str, body: dict[str, object], limit: TimeLimit) -> dict[str, Any]:
        """Return the answer to a call that has to be a success."""
        answer = self._call(method, body, limit)
        if not answer.get("ok"):
            words = self._service.told(answer.get("message") or "")
            raise PlaceFailure(f"the cache service would not have it{f': {words}' if words else ''}")
        return answer

    def _call(self, method: str, body: dict[str, object], limit: TimeLimit) -> dict[str, Any]:
        try:
            return self._service.call(method, {**body, "version": _VERSION}, limit)
        except NoService as failure:
            raise Denied(f"{failure}; {_NAME_A_FOLDER}") from None


def _address(answer: dict[str, Any], way: str) -> str:
    address = answer.get(f"signed_{way}_url")
    if not isinstance(address, str) or not address:
        raise PlaceFailure("the cache service gave no address")
    return address

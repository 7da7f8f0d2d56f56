"""Process trees and resource usage, from `/proc`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

_TELLS_CHILDREN = os.path.exists("/proc/thread-self/children")  # noqa: PTH110 - see launcher


def descendants(ancestor: int) -> list[int]:
    """Return the ids of all descendants of a process, including those that ended but are not reaped.

    Some may be missed while processes start and end.
    """
    children = _children if _TELLS_CHILDREN else _children_by_parents()
    found: list[int] = []
    waiting = [ancestor]
    while waiting:
        its_children = children(waiting.pop())
        found += its_children
        waiting += its_children
    return found


def descends(pid: int, ancestor: int) -> bool:
    """Return whether a process is a descendant of another."""
    while pid > 1:
        pid = parent(pid)
        if pid == ancestor:
            return True
    return False


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        with os.scandir(f"/proc/{pid}/task") as threads:
            for thread in threads:
                found += map(int, _read(f"{thread.path}/children").split())
    except OSError:  # it has exited
        return found
    return found


def _children_by_parents() -> Callable[[int], list[int]]:
    """Return a replacement for `_children` on kernels that only list parents."""
    children: dict[int, list[int]] = {}
    for pid in _all():
        children.setdefault(parent(pid), []).append(pid)
    return lambda pid: children.get(pid, [])


def parent(pid: int) -> int:
    """Return the id of a process's parent; 0 if there is no such process."""
    fields = _fields(pid)
    return int(fields[1]) if fields else 0


def group(pid: int) -> int:
    """Return the process group of a process; 0 if there is no such process."""
    fields = _fields(pid)
    return int(fields[2]) if fields else 0


def thread_group(thread: int) -> int:
    """Return the process of a thread; 0 if there is no such thread."""
    for line in _read(f"/proc/{thread}/status").splitlines():
        if line.startswith(b"Tgid:"):
            return int(line.split()[1])
    return 0


def tasks(pids: Iterable[int]) -> int:
    """Return the total number of threads of some processes."""
    counts = map(_fields, pids)
    return sum(int(fields[17]) for fields in counts if fields)


def own_memory(pids: Iterable[int]) -> int:
    """Return the total memory of some processes in bytes, excluding mapped files of a disk.

    Memory that several processes share, since a fork or on purpose, counts once for each of them.
    """
    return sum(map(_own_memory, pids))


def _own_memory(pid: int) -> int:
    lines = _read(f"/proc/{pid}/status").splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith((b"RssAnon:", b"RssShmem:")))


def users(uids: frozenset[int]) -> Iterator[int]:
    """Yield the ids of processes whose real, effective or saved user is one of `uids`."""
    for pid in _all():
        for line in _read(f"/proc/{pid}/status").splitlines():
            if line.startswith(b"Uid:") and not uids.isdisjoint(map(int, line.split()[1:])):
                yield pid


def available_memory() -> int:
    """Return the memory available for new programs in bytes; 0 if unknown."""
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith(b"MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def _all() -> list[int]:
    with os.scandir("/proc") as entries:
        return [int(entry.name) for entry in entries if entry.name.isdigit()]


def _fields(pid: int) -> list[bytes]:
    """Return the fields of a process's `stat` from the third on; empty if there is no such process."""
    # The second field is the program's name in parentheses, which may contain spaces and parentheses.
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def _read(path: str) -> bytes:
    """Return the start of a small file in `/proc`; empty if the process has exited."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(file, 1 << 20)
    except OSError:
        return b""
    finally:
        os.close(file)

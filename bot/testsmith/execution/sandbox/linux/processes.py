"""Which processes descend from which, and what they use, as `/proc` tells it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

_TELLS_CHILDREN = os.path.exists("/proc/thread-self/children")  # noqa: PTH110 - see launcher


def descendants(ancestor: int) -> list[int]:
    """Return the ids of what descends from a process, those included that ended and are not reaped.

    While some of them begin and end, others may be missed.
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
    """Tell whether a process descends from another."""
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
    except OSError:  # it is gone
        return found
    return found


def _children_by_parents() -> Callable[[int], list[int]]:
    """Return what `_children` does, for a kernel that tells only parents."""
    children: dict[int, list[int]] = {}
    for pid in _all():
        children.setdefault(parent(pid), []).append(pid)
    return lambda pid: children.get(pid, [])


def parent(pid: int) -> int:
    """Return the id of a process's parent; 0 where there is no such process."""
    fields = _fields(pid)
    return int(fields[1]) if fields else 0


def group(pid: int) -> int:
    """Return the process group of a process; 0 where there is no such process."""
    fields = _fields(pid)
    return int(fields[2]) if fields else 0


def thread_group(thread: int) -> int:
    """Return the process that a thread belongs to; 0 where there is no such thread."""
    for line in _read(f"/proc/{thread}/status").splitlines():
        if line.startswith(b"Tgid:"):
            return int(line.split()[1])
    return 0


def tasks(pids: Iterable[int]) -> int:
    """Return how many threads some processes have together."""
    counts = map(_fields, pids)
    return sum(int(fields[17]) for fields in counts if fields)


def own_memory(pids: Iterable[int]) -> int:
    """Return the bytes of memory that some processes hold, without what they share with files.

    What processes share since a fork counts once for each.
    """
    counts = (_read(f"/proc/{pid}/statm").split() for pid in pids)
    return sum(int(fields[1]) - int(fields[2]) for fields in counts if fields) * os.sysconf("SC_PAGE_SIZE")


def users(uids: frozenset[int]) -> Iterator[int]:
    """Yield the ids of the processes that have one of some users as real, effective or saved user."""
    for pid in _all():
        for line in _read(f"/proc/{pid}/status").splitlines():
            if line.startswith(b"Uid:") and not uids.isdisjoint(map(int, line.split()[1:])):
                yield pid


def available_memory() -> int:
    """Return the bytes that the whole machine has left for new programs; 0 where it does not tell."""
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith(b"MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def _all() -> list[int]:
    with os.scandir("/proc") as entries:
        return [int(entry.name) for entry in entries if entry.name.isdigit()]


def _fields(pid: int) -> list[bytes]:
    """Return the fields of a process's `stat` from the third on; none where there is no such process."""
    # The second field is the program's name in brackets, which may itself hold blanks and brackets.
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def _read(path: str) -> bytes:
    """Return the beginning of a small file of the kernel's; nothing where the process is gone."""
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

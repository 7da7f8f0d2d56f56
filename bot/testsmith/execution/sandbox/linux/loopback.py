"""TCP connections between processes of one run, for tests that start a server and talk to it.

The kernel stops the target at `bind`, `listen` and `connect`, see `seccomp_supervisor.py`. None of its own
internet sockets is ever used, because a container may forbid sharing them: each is replaced by one that was
made here. So a run listens only at addresses of this machine, on ports that the kernel chose, because others
may wait for a service at certain ports, and connects only to where it listens itself. Who asks for a certain
port gets another one, and who then connects to the certain port of the same run reaches it there.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import itertools
import os
import socket
from collections.abc import Collection, Iterator
from typing import NamedTuple

_MOST_BOUND = 64
"""Maximum number of sockets that have an address, but do not listen."""
_MOST_CHOSEN = 256
"""Maximum number of ports that the kernel chose for this run, and that it may bind again."""
_MOST_LISTENING = 64
"""Maximum number of listening sockets; with enough of them a run could take all ports that are free."""
_FIRST_PORT_FOR_ALL = 1024
_SECONDS_TO_CONNECT = 10.0
_HOST_IN_ADDRESS: dict[int, tuple[int, int]] = {socket.AF_INET: (4, 8), socket.AF_INET6: (8, 24)}
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_BYTES_OF_A_ROW = 150
_LISTEN = b"0A"

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class InternetAddress(NamedTuple):
    """A host and a port.

    Attributes:
        host: IP address; IPv4 if it is mapped into IPv6.
        port: Port; 0 for any that is free.
    """

    host: IPAddress
    port: int


class Loopback:
    """The sockets of one run. `bind` and `listen` are called from one thread, `connect` from any."""

    def __init__(self) -> None:
        self._bound: dict[int, tuple[socket.socket, int]] = {}
        self._listening: dict[int, tuple[InternetAddress, int]] = {}
        self._chosen: dict[int, None] = {}

    def close(self) -> None:
        """Close what still waits to listen."""
        for bound, _ in self._bound.values():
            bound.close()
        self._bound.clear()

    def bind(self, address: InternetAddress, flags: int) -> socket.socket:
        """Return a socket at an address of this machine, on a port that the kernel chooses or chose before.

        Another port is only noted for those who connect to it.

        Args:
            address: What the target asked for; an address for all networks becomes one of this machine.
            flags: Flags of the target's socket.

        Raises:
            OSError: It asks for another machine's address, for a port that needs rights, or for one on which
                the run listens already, or the kernel refuses.
        """
        host = _on_this_machine(address.host)
        if host is None:
            raise OSError(errno.EADDRNOTAVAIL, "it is not an address of this machine")
        if 0 < address.port < _FIRST_PORT_FOR_ALL:
            raise PermissionError(errno.EACCES, "the port is for services of the machine")
        if address.port and any(_alive(self._at(InternetAddress(host, address.port)))):
            raise OSError(errno.EADDRINUSE, "it is in use by a process of this run")
        port = address.port if address.port in self._chosen else 0
        bound = _new_socket(host)
        try:
            # The kernel remembers connections to a server, and may not bind another socket to its port until
            # it forgets them. For a new port, this would allow one that is shared.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(bool(port)))
            bound.bind((str(host), port))
            while len(self._chosen) >= _MOST_CHOSEN:
                self._chosen.pop(next(iter(self._chosen)))
            self._chosen[bound.getsockname()[1]] = None
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.setblocking(not flags & os.O_NONBLOCK)
            while len(self._bound) >= _MOST_BOUND:
                self._bound.pop(next(iter(self._bound)))[0].close()
            self._bound[os.fstat(bound.fileno()).st_ino] = bound.dup(), address.port
        except OSError:
            bound.close()
            raise
        return bound

    def listen(self, inode: int, backlog: int) -> bool:
        """Make a socket listen; return whether it is one that `bind` returned.

        Raises:
            OSError: Too many listen already, or the kernel refuses.
        """
        bound, asked = self._bound.pop(inode, (None, 0))
        if bound is None:
            return False
        with bound:
            if len(self._listening) >= _MOST_LISTENING:
                self._listening = {each: self._listening[each] for each in _alive(self._listening)}
            if len(self._listening) >= _MOST_LISTENING:
                raise OSError(errno.EMFILE, "too many sockets listen")
            bound.listen(backlog)
            host, port = bound.getsockname()[:2]
            self._listening[inode] = InternetAddress(ipaddress.ip_address(host), port), asked or port
        return True

    def _at(self, address: InternetAddress) -> dict[int, InternetAddress]:
        """Return the sockets that listen at an address, or were asked to, each with where it is."""
        return {
            inode: place
            for inode, (place, asked) in self._listening.copy().items()
            if place.host == address.host and address.port in {place.port, asked}
        }

    def connect(self, address: InternetAddress, flags: int) -> tuple[socket.socket, int]:
        """Return a socket that is connected to another one of the run, and the error number of `connect`.

        Args:
            address: What the target asked for.
            flags: Flags of the target's socket; if it does not wait, the connection may be under way.

        Raises:
            OSError: Nothing of this run listens there, or the kernel refuses.
        """
        host = _on_this_machine(address.host)
        if host is None:
            raise PermissionError(errno.EACCES, "it is not an address of this machine")
        there = self._at(InternetAddress(host, address.port))
        place = next((there[inode] for inode in _alive(there)), None)
        if place is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "no process of this run listens there")
        waits = not flags & os.O_NONBLOCK
        ours = _new_socket(host)
        try:
            ours.settimeout(_SECONDS_TO_CONNECT if waits else 0)
            ours.connect((str(host), place.port))
        except BlockingIOError as error:
            return ours, error.errno or errno.EINPROGRESS
        except OSError:
            ours.close()
            raise
        ours.setblocking(waits)
        return ours, 0


def parse_address(text: bytes) -> InternetAddress | None:
    """Parse a `struct sockaddr_in` or `sockaddr_in6`; None if it is an address of another family.

    Raises:
        OSError: It is too short.
    """
    start, end = _HOST_IN_ADDRESS.get(int.from_bytes(text[:2], "little"), (0, 0))
    if not end:
        return None
    if len(text) < end:
        raise OSError(errno.EINVAL, "the address is too short")
    host = ipaddress.ip_address(text[start:end])
    mapped = host.ipv4_mapped if isinstance(host, ipaddress.IPv6Address) else None
    return InternetAddress(mapped or host, int.from_bytes(text[2:4], "big"))


def _on_this_machine(host: IPAddress) -> IPAddress | None:
    """Return the address to use; None if it is another machine's.

    Who asks for all networks gets an IPv4 socket, which an IPv6 one for all networks would serve, too.
    """
    if host.is_unspecified:
        return ipaddress.IPv4Address("127.0.0.1")
    return host if host.is_loopback else None


def _new_socket(host: IPAddress) -> socket.socket:
    is_ipv4 = isinstance(host, ipaddress.IPv4Address)
    return socket.socket(socket.AF_INET if is_ipv4 else socket.AF_INET6, socket.SOCK_STREAM)


def _alive(inodes: Collection[int]) -> Iterator[int]:
    """Yield those that listen. Sockets that do come first in the tables, and others take the kernel long."""
    for table in _TABLES if inodes else ():
        with (
            contextlib.suppress(FileNotFoundError),
            open(table, "rb", buffering=_BYTES_OF_A_ROW) as rows,  # noqa: PTH123 - see launcher
        ):
            for fields in itertools.takewhile(_listens, map(bytes.split, itertools.islice(rows, 1, None))):
                if int(fields[9]) in inodes:
                    yield int(fields[9])


def _listens(fields: list[bytes]) -> bool:
    return fields[3] == _LISTEN

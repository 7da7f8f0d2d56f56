"""Sockets of one run, without a target."""

import errno
import ipaddress
import os
import socket
import struct
from collections.abc import Iterator

import pytest

from testsmith.execution.sandbox.linux.loopback import InternetAddress, Loopback, parse_address


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    made = Loopback()
    yield made
    made.close()


HERE = ipaddress.ip_address("127.0.0.1")


def listening(loopback: Loopback, host: str = "127.0.0.1") -> socket.socket:
    made = loopback.bind(InternetAddress(ipaddress.ip_address(host), 0), 0)
    assert loopback.listen(os.fstat(made.fileno()).st_ino, 5)
    return made


def place_of(made: socket.socket) -> InternetAddress:
    host, port = made.getsockname()[:2]
    return InternetAddress(ipaddress.ip_address(host), port)


@pytest.mark.parametrize(
    ("packed", "host"),
    [
        (struct.pack("=H", 2) + b"\x1f\x90\x7f\x00\x00\x01" + bytes(8), "127.0.0.1"),
        (struct.pack("=H", 10) + b"\x1f\x90" + bytes(4) + bytes(15) + b"\x01" + bytes(4), "::1"),
        (
            struct.pack("=H", 10)
            + b"\x1f\x90"
            + bytes(4)
            + bytes(10)
            + b"\xff\xff\x7f\x00\x00\x01"
            + bytes(4),
            "127.0.0.1",
        ),
    ],
)
def test_parse_address(packed: bytes, host: str) -> None:
    assert parse_address(packed) == InternetAddress(ipaddress.ip_address(host), 8080)


@pytest.mark.parametrize("packed", [b"", struct.pack("=H", 1) + b"name", struct.pack("=H", 16)])
def test_parse_address__of_another_family(packed: bytes) -> None:
    assert parse_address(packed) is None


@pytest.mark.parametrize("packed", [b"\x02", struct.pack("=HH", 2, 1), struct.pack("=HH", 10, 1) + bytes(19)])
def test_parse_address__too_short(packed: bytes) -> None:
    with pytest.raises(OSError, match="too short") as refusal:
        parse_address(packed)
    assert refusal.value.errno == errno.EINVAL


def test_connect__to_a_socket_of_the_same_run(loopback: Loopback) -> None:
    with listening(loopback) as server:
        ours, error = loopback.connect(place_of(server), 0)
        with ours:
            assert error == 0
            assert ours.getpeername() == server.getsockname()
            assert ours.gettimeout() is None


def test_connect__without_waiting(loopback: Loopback) -> None:
    with listening(loopback) as server:
        ours, error = loopback.connect(place_of(server), os.O_NONBLOCK)
        with ours:
            assert error in {0, errno.EINPROGRESS}
            assert not ours.getblocking()
            server.accept()[0].close()
            assert ours.getpeername() == server.getsockname()


def test_connect__to_a_socket_of_another_run(loopback: Loopback) -> None:
    with listening(loopback) as server, pytest.raises(ConnectionRefusedError):
        Loopback().connect(place_of(server), 0)


def test_connect__to_a_port_that_somebody_else_took_over(loopback: Loopback) -> None:
    with listening(loopback) as server:
        place = place_of(server)
    with socket.create_server((str(place.host), place.port)), pytest.raises(ConnectionRefusedError):
        loopback.connect(place, 0)


def test_connect__to_a_socket_that_only_has_an_address(loopback: Loopback) -> None:
    with loopback.bind(InternetAddress(HERE, 0), 0) as bound, pytest.raises(ConnectionRefusedError):
        loopback.connect(place_of(bound), 0)


def test_bind__for_all_networks(loopback: Loopback) -> None:
    for host in ("0.0.0.0", "::"):  # noqa: S104 - what it must not get
        with listening(loopback, host) as server:
            assert server.getsockname()[0] == "127.0.0.1"


def test_bind__to_a_port_of_its_own(loopback: Loopback) -> None:
    with listening(loopback) as server:
        place = place_of(server)
        with pytest.raises(OSError, match="in use"):
            loopback.bind(place, 0)
    loopback.bind(place, 0).close()


def test_bind__keeps_a_few_sockets_until_they_listen(loopback: Loopback) -> None:
    bound = [loopback.bind(InternetAddress(HERE, 0), 0) for _ in range(65)]
    inodes = [os.fstat(each.fileno()).st_ino for each in bound]
    assert [loopback.listen(inode, 1) for inode in inodes[:2]] == [False, True]
    for each in bound:
        each.close()


def test_listen__sockets_that_are_closed_do_not_count(loopback: Loopback) -> None:
    for _ in range(70):
        listening(loopback).close()
    kept = [listening(loopback) for _ in range(64)]
    one_more = loopback.bind(InternetAddress(HERE, 0), 0)
    with pytest.raises(OSError, match="too many"):
        loopback.listen(os.fstat(one_more.fileno()).st_ino, 5)
    for each in (*kept, one_more):
        each.close()

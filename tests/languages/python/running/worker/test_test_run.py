from __future__ import annotations

import socket

import pytest

from testsmith.languages.python.running.worker.test_run import Connections


@pytest.mark.parametrize(
    ("event", "kind", "address", "is_wanted"),
    [
        ("socket.sendto", socket.SOCK_DGRAM, ("192.0.2.1", 9), True),
        ("socket.sendmsg", socket.SOCK_DGRAM, ("2001:db8::1", 9, 0, 0), True),
        ("socket.sendto", socket.SOCK_DGRAM, ("127.0.0.1", 9), False),
        ("socket.sendmsg", socket.SOCK_DGRAM, None, False),
        ("socket.connect", socket.SOCK_DGRAM, ("192.0.2.1", 9), False),
        ("socket.connect", socket.SOCK_STREAM, ("192.0.2.1", 9), True),
        ("socket.connect", socket.SOCK_STREAM, ("::1", 9, 0, 0), False),
        ("socket.bind", socket.SOCK_STREAM, ("192.0.2.1", 9), False),
    ],
)
def test_hear__only_what_reaches_another_machine_counts(
    event: str, kind: socket.SocketKind, address: object, is_wanted: bool
) -> None:
    connections = Connections()
    with socket.socket(socket.AF_INET, kind) as one:
        connections.hear(event, (one, address))
    assert connections.is_wanted is is_wanted


@pytest.mark.parametrize(
    ("host", "is_wanted"),
    [
        ("example.com", True),
        (b"example.com", True),
        ("shop.internal", True),
        ("localhost", False),
        ("api.localhost", False),
        ("shop.invalid", False),
        ("shop.example", False),
        ("192.0.2.1", False),
        (socket.gethostname(), False),
        ("", False),
        (None, False),
    ],
)
def test_hear__names_that_must_be_looked_up_count(host: object, is_wanted: bool) -> None:
    connections = Connections()
    connections.hear("socket.getaddrinfo", (host, 80, 0, 0, 0))
    assert connections.is_wanted is is_wanted

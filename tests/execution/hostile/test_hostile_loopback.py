"""Attacks by connections within a run: it talks to itself, and neither to the machine nor to other runs."""

import socket
from collections.abc import Iterator

import pytest

from fakes.attack_site import AttackSite
from testsmith.execution.sandbox.interface import Limits

# Docker's root has fewer rights than root, and nothing here depends on the bot's.
pytestmark = pytest.mark.parametrize(
    "second_bot", ["root", "an ordinary user"], indirect=True, scope="session"
)

ECHO = """
import os, socket, sys, threading, time
def serve(host, port=0, family=socket.AF_INET):
    server = socket.socket(family)
    server.bind((host, port))
    server.listen()
    def answer():
        client, _ = server.accept()
        client.sendall(client.recv(100).upper())
        client.close()
    threading.Thread(target=answer, daemon=True).start()
    return server
def ask(host, port, family=socket.AF_INET):
    with socket.socket(family) as client:
        client.settimeout(15)
        client.connect((host, port))
        client.sendall(b"hello")
        return client.recv(100)
"""


@pytest.fixture
def service() -> Iterator[socket.socket]:
    """A service of the machine on a port of it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        yield listening


def results(attack_site: AttackSite, code: str, *, loopback: bool = True) -> list[str]:
    outcome = attack_site.run(ECHO + code, loopback=loopback, limits=Limits(seconds=60))
    assert outcome.exit_code == 0, outcome
    return outcome.stdout.decode().splitlines()


ALL_NETWORKS = "0.0.0.0"  # noqa: S104 - what no run gets


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", ALL_NETWORKS])
def test_loopback__a_run_talks_to_itself(attack_site: AttackSite, host: str) -> None:
    code = f"""
server = serve({host!r})
address, port = server.getsockname()
print(address, ask(address, port))
server.close()
"""
    address = "127.0.0.1" if host == ALL_NETWORKS else host
    assert results(attack_site, code) == [f"{address} b'HELLO'"]


def test_loopback__processes_of_a_run_talk_to_each_other_without_waiting(attack_site: AttackSite) -> None:
    code = """
import asyncio
async def main():
    async def answer(reader, writer):
        writer.write((await reader.read(100)).upper())
        await writer.drain()
        writer.close()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    program = ECHO + f"print(ask('127.0.0.1', {server.sockets[0].getsockname()[1]}))"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    print(await child.wait(), flush=True)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    writer.write(b"there")
    print(await reader.read())
asyncio.run(main())
"""
    assert results(attack_site, f"ECHO = {ECHO!r}\n{code}") == ["b'HELLO'", "0", "b'THERE'"]


def test_loopback__not_without_being_asked_for(attack_site: AttackSite) -> None:
    for family in ("AF_INET", "AF_INET6"):
        assert attack_site.attack(f"socket.socket(socket.{family})").startswith("held PermissionError")


@pytest.mark.parametrize(
    ("attack", "error"),
    [
        ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "PermissionError"),
        ("socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)", "PermissionError"),
        ("socket.socket(socket.AF_INET, socket.SOCK_RAW, 6)", "PermissionError"),
        ("socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)", "PermissionError"),  # MPTCP
        ("socket.create_connection(('192.0.2.1', 80), 5)", "PermissionError"),
        ("socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80))", "PermissionError"),
        ("socket.socket(socket.AF_INET6).connect(('::ffff:192.0.2.1', 80))", "PermissionError"),
        ("socket.socket().sendto(b'secret', 0x20000000, ('192.0.2.1', 80))", "PermissionError"),
        ("socket.socket().listen()", "PermissionError"),  # the kernel would take all networks
        ("socket.socket().bind(('127.0.0.1', 80))", "PermissionError"),
        (
            "s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(('127.0.0.1', 0))",
            "ConnectionRefusedError",
        ),
        ("socket.socket().bind(('192.0.2.1', 0))", "OSError"),
    ],
)
def test_loopback__nothing_leads_out(attack_site: AttackSite, attack: str, error: str) -> None:
    assert attack_site.attack(attack, loopback=True).startswith(f"held {error}")


def test_loopback__a_service_of_the_machine(attack_site: AttackSite, service: socket.socket) -> None:
    port = service.getsockname()[1]
    for host, family in (
        ("127.0.0.1", "AF_INET"),
        ("::ffff:127.0.0.1", "AF_INET6"),
        (ALL_NETWORKS, "AF_INET"),
    ):
        attack = f"socket.socket(socket.{family}).connect(({host!r}, {port}))"
        assert attack_site.attack(attack, loopback=True).startswith("held ConnectionRefusedError")
    code = f"server = serve('127.0.0.1', {port})\nprint(server.getsockname()[1] == {port})"
    assert results(attack_site, code) == ["False"]
    with pytest.raises(BlockingIOError):
        service.accept()


def test_loopback__a_port_that_was_given_back(attack_site: AttackSite) -> None:
    code = """
server = serve("127.0.0.1")
port = server.getsockname()[1]
print(ask("127.0.0.1", port))
server.close()
try:
    print(ask("127.0.0.1", port))
except ConnectionRefusedError:
    print("refused")
again = socket.socket()
again.bind(("127.0.0.1", port))
print(again.getsockname()[1] == port)
"""
    assert results(attack_site, code) == ["b'HELLO'", "refused", "True"]


def test_loopback__a_port_that_was_only_asked_for(attack_site: AttackSite) -> None:
    code = """
with socket.socket() as asking:
    asking.bind(("127.0.0.1", 0))
    port = asking.getsockname()[1]
print(ask("127.0.0.1", serve("127.0.0.1", port).getsockname()[1]))
"""
    assert results(attack_site, code) == ["b'HELLO'"]


def test_loopback__a_certain_port_is_another_one_that_only_the_run_knows(attack_site: AttackSite) -> None:
    code = """
server = serve("127.0.0.1", 8000)
print(server.getsockname()[1] == 8000)
try:
    serve("127.0.0.1", 8000)
except OSError as error:
    print(error.strerror)
print(ask("127.0.0.1", 8000))
server.close()
try:
    ask("127.0.0.1", 8000)
except ConnectionRefusedError:
    print("refused")
print(ask("127.0.0.1", serve("127.0.0.1", 8000).getsockname()[1]))
"""
    assert results(attack_site, code) == [
        "False",
        "Address already in use",
        "b'HELLO'",
        "refused",
        "b'HELLO'",
    ]


def test_loopback__a_run_cannot_take_all_ports(attack_site: AttackSite) -> None:
    code = """
kept = []
try:
    for _ in range(200):
        kept.append(socket.socket())
        kept[-1].bind(("127.0.0.1", 0))
        kept[-1].listen()
except OSError as error:
    print(len(kept) - 1, error.strerror)
for each in kept:
    each.close()
print(ask("127.0.0.1", serve("127.0.0.1").getsockname()[1]))
"""
    assert results(attack_site, code) == ["64 Too many open files", "b'HELLO'"]


def test_loopback__a_descriptor_that_changes_while_it_is_looked_at(attack_site: AttackSite) -> None:
    """`bind` goes on for a local socket; an internet socket put in its place must not listen then."""
    code = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
local, internet = socket.socket(socket.AF_UNIX), socket.socket()
number, is_over = os.dup(local.fileno()), False
def exchange():
    while not is_over:
        os.dup2(local.fileno(), number)
        os.dup2(internet.fileno(), number)
threading.Thread(target=exchange, daemon=True).start()
addresses = [b"\\x02\\x00\\x00\\x00" + bytes(12), b"\\x01\\x00" + b"name".ljust(100, b"\\0")]
address = ctypes.create_string_buffer(addresses[1], 110)
def change():
    while not is_over:
        for text in addresses:
            ctypes.memmove(address, text, len(text))
threading.Thread(target=change, daemon=True).start()
began = time.monotonic()
while time.monotonic() - began < 2:
    libc.bind(number, address, 102)
    libc.listen(number, 1)
is_over = True
time.sleep(0.1)
found = (internet, socket.socket(fileno=os.dup(number)))
internet_ones = [each for each in found if each.family == socket.AF_INET]
listening = [each for each in internet_ones if each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)]
print([each.getsockname() for each in listening if each.getsockname()[0] != "127.0.0.1"])
"""
    assert results(attack_site, code) == ["[]"]

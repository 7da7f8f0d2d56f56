"""Attacks by the network: nothing leaves, and nothing of the machine answers."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fakes.attack_site import AttackSite, SecondBot, is_filtered_already, new_attack_site
from testsmith.execution.sandbox.interface import Limits
from testsmith.execution.sandbox.linux import landlock
from testsmith.execution.sandbox.linux.seccomp import LANDLOCK_UNIX_PATHS

# Docker's root has fewer rights than root, and nothing here depends on the bot's.
pytestmark = pytest.mark.parametrize(
    "second_bot", ["root", "an ordinary user"], indirect=True, scope="session"
)

FAMILIES = {
    "IPv4": "socket.socket(socket.AF_INET)",
    "IPv6": "socket.socket(socket.AF_INET6)",
    "UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    "the kernel's ciphers": "socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)",
    "the virtual machine's host": "socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)",
    "a socket pair of another kind": "socket.socketpair(socket.AF_INET)",
}


@pytest.fixture
def listening() -> Iterator[dict[str, socket.socket]]:
    """Somebody who listens in each way: what goes out would arrive here."""
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind("")  # the kernel chooses an abstract name
        abstract.listen()
        datagrams = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        datagrams.bind("")
        for each in (tcp, udp, abstract, datagrams):
            each.settimeout(0)
        yield {"tcp": tcp, "udp": udp, "abstract": abstract, "datagrams": datagrams}


@pytest.fixture(scope="session")
def results(second_bot: SecondBot) -> dict[str, str]:
    """What came of trying to make each kind of socket."""
    with new_attack_site(second_bot) as attack_site:
        return attack_site.attack_by_all(FAMILIES)


@pytest.mark.parametrize("name", FAMILIES)
def test_network__no_socket_that_leads_out_can_be_made(results: dict[str, str], name: str) -> None:
    assert results[name].startswith("held PermissionError")


def test_network__tcp(attack_site: AttackSite, listening: dict[str, socket.socket]) -> None:
    attack = f"socket.create_connection({listening['tcp'].getsockname()!r}).send(b'secret')"
    assert attack_site.attack(attack).startswith("held")
    with pytest.raises(BlockingIOError):
        listening["tcp"].accept()
    assert attack_site.attack(attack, sandbox="off").startswith("done")


def test_network__udp(attack_site: AttackSite, listening: dict[str, socket.socket]) -> None:
    address = listening["udp"].getsockname()
    attack = f"socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'secret', {address!r})"
    assert attack_site.attack(attack).startswith("held")
    with pytest.raises(BlockingIOError):
        listening["udp"].recv(100)
    assert attack_site.attack(attack, sandbox="off").startswith("done")


def test_network__host_names_are_not_looked_up(attack_site: AttackSite) -> None:
    assert attack_site.attack('return socket.getaddrinfo("secret.example.com", 80)').startswith(
        "held gaierror"
    )


def test_network__abstract_sockets(attack_site: AttackSite, listening: dict[str, socket.socket]) -> None:
    address = listening["abstract"].getsockname()
    attack = f"socket.socket(socket.AF_UNIX).connect({address!r})"
    assert attack_site.attack(attack).startswith("held")
    with pytest.raises(BlockingIOError):
        listening["abstract"].accept()
    assert attack_site.attack(attack, sandbox="off").startswith("done")


@pytest.mark.parametrize("network", [False, True])
def test_network__a_socket_that_everybody_may_write_to(attack_site: AttackSite, *, network: bool) -> None:
    """As Docker's is where somebody has opened it to all: who speaks to it owns the machine."""
    place = attack_site.base / "docker.sock"
    with socket.socket(socket.AF_UNIX) as docker:
        docker.bind(str(place))
        docker.listen()
        docker.settimeout(0)
        place.chmod(0o666)
        attack = f"socket.socket(socket.AF_UNIX).connect({str(place)!r})"
        through_link = f"os.symlink({str(place)!r}, 'mine'); socket.socket(socket.AF_UNIX).connect('mine')"
        for each in (attack, through_link):
            assert attack_site.attack(each, network=network).startswith("held PermissionError")
        with pytest.raises(BlockingIOError):
            docker.accept()
        assert attack_site.attack(attack, sandbox="off").startswith("done")


@pytest.mark.skipif(landlock.version() >= LANDLOCK_UNIX_PATHS, reason="the kernel connects by itself")
def test_network__few_connections_wait_in_the_launcher(attack_site: AttackSite) -> None:
    """Each keeps files of the launcher's open, and it watches the bounds of a run by opening more."""
    code = """
        import os, socket, threading, time
        threading.stack_size(1 << 16)
        own = socket.socket(socket.AF_UNIX)
        own.bind("own.sock")
        own.listen(0)
        refused = []
        def connect():
            try:
                socket.socket(socket.AF_UNIX).connect("own.sock")
            except BlockingIOError:
                refused.append(1)
        for _ in range(100):
            threading.Thread(target=connect, daemon=True).start()
        limit = time.monotonic() + 20
        while len(refused) < 30 and time.monotonic() < limit:
            time.sleep(0.05)
        print(len(refused) >= 30, flush=True)
        os._exit(0)
        """
    assert attack_site.run(code, limits=Limits(seconds=60)).stdout == b"True\n"


def test_network__a_path_that_changes_while_it_is_looked_at(attack_site: AttackSite) -> None:
    place = attack_site.base / "docker.sock"
    code = f"""
        import ctypes, os, socket, threading, time
        libc = ctypes.CDLL(None, use_errno=True)
        own = socket.socket(socket.AF_UNIX)
        own.bind("own.sock")
        own.listen(4096)
        names = [b"own.sock", {str(place).encode()!r}]
        address = ctypes.create_string_buffer(b"\\x01\\x00" + names[0].ljust(100, b"\\0"))
        is_over = False
        def exchange():
            while not is_over:
                for name in names:
                    ctypes.memmove(ctypes.addressof(address) + 2, name.ljust(100, b"\\0"), 100)
        threading.Thread(target=exchange).start()
        ends = {{}}
        began = time.monotonic()
        while time.monotonic() - began < 2:
            client = socket.socket(socket.AF_UNIX)
            failed = libc.connect(client.fileno(), address, 102)
            end = ctypes.get_errno() if failed else 0
            ends[end] = ends.get(end, 0) + 1
            client.close()
        is_over = True
        print(sorted(ends))
        """
    with socket.socket(socket.AF_UNIX) as docker:
        docker.bind(str(place))
        docker.listen()
        docker.settimeout(0)
        place.chmod(0o666)
        outcome = attack_site.run(code)
        assert b"13" in outcome.stdout, outcome  # it was refused at least once
        with pytest.raises(BlockingIOError):
            docker.accept()


@pytest.mark.parametrize(
    "made",
    ["socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)", "socket.socketpair(type=socket.SOCK_DGRAM)[0]"],
    ids=["alone", "of a pair"],
)
def test_network__abstract_datagrams(
    attack_site: AttackSite, listening: dict[str, socket.socket], made: str
) -> None:
    attack = f"{made}.sendto(b'secret', {listening['datagrams'].getsockname()!r})"
    assert attack_site.attack(attack).startswith("held")
    with pytest.raises(BlockingIOError):
        listening["datagrams"].recv(100)
    assert attack_site.attack(attack, sandbox="off").startswith("done")


def test_network__io_uring_makes_no_sockets(attack_site: AttackSite) -> None:
    attack = """
        import ctypes
        ring = ctypes.CDLL(None, use_errno=True).syscall(425, 4, (ctypes.c_char * 120)())
        if ring < 0:
            raise OSError(ctypes.get_errno(), "no ring")
        """
    assert attack_site.attack(attack).startswith("held PermissionError")
    allowed = Path("/proc/sys/kernel/io_uring_disabled").read_text().strip() == "0"
    if allowed and not is_filtered_already():
        assert attack_site.attack(attack, sandbox="off").startswith("done")


@pytest.mark.usefixtures("connects")
def test_network__open_for_a_command_that_asks_for_it(
    attack_site: AttackSite, listening: dict[str, socket.socket]
) -> None:
    attack = f"socket.create_connection({listening['tcp'].getsockname()!r}).send(b'please')"
    assert attack_site.attack(attack, network=True).startswith("done")
    connection, _ = listening["tcp"].accept()
    with connection:
        assert connection.recv(100) == b"please"
    assert attack_site.attack('return open(OUTSIDE + "/secret").read()', network=True).startswith("held")
    assert attack_site.attack('return open("/etc/resolv.conf").read()', network=True).startswith("done")

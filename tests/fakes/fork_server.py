"""Runs the program in forks of a process that has imported it: imports are half of what a small run takes.

Each run is a process with arguments, an environment, a folder and streams of its own, as a shell would start
it. Only the seed of its hashes is that of the others.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_LANGUAGES = ("go", "python", "typescript")
_IMPORTED = (
    "jinja2",
    "libcst.native",
    "openai",
    "platformdirs.unix",
    "testsmith.action.run",
    "testsmith.clients",
    "testsmith.cli",
    *(f"testsmith.languages.{name}.{part}" for name in _LANGUAGES for part in ("language", "toolchain")),
    "testsmith.languages.python.explorer.generator",
    "testsmith.languages.python.running.runner",
    "testsmith.languages.python.test_files.existing.rows",
    "testsmith.languages.python.test_files.insertion",
    "testsmith.languages.registry",
    "testsmith.llm.openai",
    "testsmith.pipeline",
    "testsmith.reporting.estimate",
    "testsmith.reporting.formats",
    "testsmith.reporting.pull_requests.comments",
    "testsmith.reporting.terminal",
    "testsmith.review.review_pull_request",
    "testsmith.storage.store",
    "testsmith.sweep.run_sweep",
    "unidiff",
)
"""What a run loads, the parts that are only loaded when they are needed, too."""

_MOST_BYTES = 1 << 17


class ForkServer:
    """A process that forks a child for each run; it ends with the process that has started it."""

    def __init__(self) -> None:
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        variables = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        with other:
            self._process = subprocess.Popen(
                (sys.executable, "-P", __file__), stdin=other.fileno(), env=variables, start_new_session=True
            )

    def run(
        self, arguments: Sequence[str], variables: Mapping[str, str], folder: Path, seconds: float
    ) -> tuple[int, str, str]:
        """Run a command line to its end, and return its exit code and what it wrote to its two streams.

        Raises:
            TimeoutError: It took too long.
        """
        request = json.dumps([list(arguments), dict(variables), str(folder)])
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            streams = [stdout.fileno(), stderr.fileno()]
            self._socket.settimeout(seconds)
            socket.send_fds(self._socket, [request.encode()], streams)
            try:
                code = int(self._socket.recv(_MOST_BYTES))
            except TimeoutError:
                self._kill()
                raise
            return code, _text(stdout.fileno()), _text(stderr.fileno())

    @property
    def is_running(self) -> bool:
        """Whether it can be asked; a test of the sandbox may have ended all children of this process."""
        return self._process.poll() is None

    def close(self) -> None:
        """Close the connection to a server that has ended."""
        self._socket.close()

    def _kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def fork_server() -> ForkServer:
    """Return the server of this process, started when it is first asked for, and again after its end."""
    while _of_this_process and not _of_this_process[-1].is_running:
        _of_this_process.pop().close()
    if not _of_this_process:
        _of_this_process.append(ForkServer())
    return _of_this_process[-1]


_of_this_process: list[ForkServer] = []


def _text(descriptor: int) -> str:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode()


def _serve() -> None:
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # the children need not look at what all share
    requests = socket.socket(fileno=os.dup(0))
    while True:
        request, streams, *_ = socket.recv_fds(requests, _MOST_BYTES, 2)
        if not request:
            return
        child = os.fork()
        if child == 0:
            requests.close()
            arguments, variables, folder = json.loads(request)
            _run(arguments, variables, folder, streams)
            return
        for descriptor in streams:
            os.close(descriptor)
        _, status = os.waitpid(child, 0)
        requests.send(str(os.waitstatus_to_exitcode(status)).encode())


def _run(arguments: Sequence[str], variables: Mapping[str, str], folder: str, streams: Sequence[int]) -> None:
    """Become a run of the program."""
    from testsmith.__main__ import main

    for number, descriptor in enumerate((os.open(os.devnull, os.O_RDONLY), *streams)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["testsmith", *arguments]
    main()


if __name__ == "__main__":
    _serve()

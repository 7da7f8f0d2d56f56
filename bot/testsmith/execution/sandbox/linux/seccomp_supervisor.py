"""Handle system calls that the filter cannot decide: perform harmless ones for the target, refuse the rest.

Filters cannot read paths. Before version 9, Landlock does not restrict sockets by path, some of which are
writable for everyone, for example Docker's. If the target runs with the bot's user id, Landlock does not
restrict changes of mode and times either, nor signals in older versions. The kernel stops the target at such
a call and notifies the supervisor. It never answers "continue", because the target could change the path in
memory in the meantime: it works on its own copy and makes the call itself. Only new processes and threads are
created by the kernel, which are counted, and local sockets get their addresses from it, which lets nothing
listen.

If the target has its own user id, the supervisor's thread takes it on, too, so that it cannot do more than
the target although the rest of the process is privileged.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from testsmith.execution.sandbox.linux import credentials, kernel, processes
from testsmith.execution.sandbox.linux.loopback import Loopback, parse_address
from testsmith.execution.sandbox.linux.plan import Identity, LaunchPlan
from testsmith.execution.sandbox.linux.seccomp import ARCHITECTURES
from testsmith.execution.sandbox.linux.syscalls import NUMBERS

CURRENT_FOLDER = -100
"""Refers to the working folder if used as a file descriptor: AT_FDCWD."""

_LONGEST_PATH = 4096
_UNCONNECTED = 1  # SS_UNCONNECTED


class OpenPath:
    """A file opened with O_PATH; a context manager that closes it.

    Attributes:
        descriptor: File descriptor.
        path: Path in `/proc` that refers to the file even if it is moved.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.path = f"/proc/self/fd/{descriptor}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        os.close(self.descriptor)

    def lies_beneath(self, folder: str) -> bool:
        """Return whether it is below a folder, given as a path without links."""
        place = os.readlink(self.path)  # noqa: PTH115 - see launcher
        return place == folder or place.startswith(f"{folder}/")


class TracedProcess:
    """A thread stopped at a system call.

    Args:
        thread: Thread id.
        is_waiting: Returns whether the thread still waits, so that its id is still valid.

    Raises:
        OSError: The thread has exited.
    """

    def __init__(self, thread: int, is_waiting: Callable[[], bool]) -> None:
        self._thread = thread
        self._entry = os.open(f"/proc/{thread}", os.O_RDONLY | os.O_DIRECTORY)
        if not is_waiting():
            os.close(self._entry)
            raise ProcessLookupError(errno.ESRCH, "the caller is gone")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        os.close(self._entry)

    def read(self, address: int, count: int) -> bytes:
        """Return bytes from its memory; fewer if the memory ends before."""
        with self._open("mem", os.O_RDONLY) as memory:
            return os.pread(memory.descriptor, count, address)

    def read_text(self, address: int) -> bytes:
        """Return bytes from its memory up to a NUL."""
        text, end, _ = self.read(address, _LONGEST_PATH).partition(b"\0")
        if not end:
            raise OSError(errno.ENAMETOOLONG, "the path has no end")
        return text

    def open_place(self, folder: int, name: bytes, flags: int = 0) -> OpenPath:
        """Open what a call names by folder and path; an empty path names the folder's descriptor itself."""
        inside = "cwd" if folder == CURRENT_FOLDER else f"fd/{folder}"
        with self._open(inside, os.O_PATH) as start:
            if not name:
                return OpenPath(os.dup(start.descriptor))
            return OpenPath(os.open(name, os.O_PATH | flags, dir_fd=start.descriptor))

    def duplicate(self, descriptor: int) -> OpenPath:
        """Duplicate one of its file descriptors into this process."""
        process = os.pidfd_open(self.process())
        try:
            return OpenPath(kernel.pidfd_getfd(process, descriptor))
        finally:
            os.close(process)

    def unconnected_socket(self, descriptor: int) -> tuple[int, int]:
        """Return the type and flags of one of its local sockets.

        Raises:
            OSError: It is not a local socket, or is already connected.
        """
        inode = str(self.socket_inode(descriptor)).encode()
        with open("/proc/net/unix", "rb") as sockets:  # noqa: PTH123 - see launcher
            fields = next((row for row in map(bytes.split, sockets) if row[6:7] == [inode]), None)
        if fields is None:
            raise OSError(errno.EAFNOSUPPORT, "it is not a local socket")
        if int(fields[5], 16) != _UNCONNECTED:
            raise OSError(errno.EISCONN, "it is connected, or about to be")
        return int(fields[4], 16), self.flags(descriptor)

    def socket_inode(self, descriptor: int) -> int:
        """Return the inode of one of its sockets.

        Raises:
            OSError: It is not a socket.
        """
        place = os.readlink(f"fd/{descriptor}", dir_fd=self._entry)
        if not place.startswith("socket:["):
            raise OSError(errno.ENOTSOCK, "it is not a socket")
        return int(place.removeprefix("socket:[").removesuffix("]"))

    def flags(self, descriptor: int) -> int:
        """Return the flags of one of its file descriptors, as given to `open`."""
        with self._open(f"fdinfo/{descriptor}", os.O_RDONLY) as data:
            lines = dict(line.split(None, 1) for line in os.read(data.descriptor, 4096).splitlines())
        return int(lines[b"flags:"], 8)

    def process(self) -> int:
        """Id of the thread's process."""
        return processes.thread_group(self._thread)

    def _open(self, name: str, flags: int) -> OpenPath:
        return OpenPath(os.open(name, flags, dir_fd=self._entry))


_RECEIVE, _SEND, _IS_VALID, _ADD_FILE = (
    0xC0502100,
    0xC0182101,
    0x40082102,
    0x40182103,
)  # SECCOMP_IOCTL_NOTIF_*
_QUESTION, _ANSWER, _ADDED = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI"), struct.Struct("=QIIII")
_GO_ON = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE
_IN_PLACE_OF = 1  # SECCOMP_ADDFD_FLAG_SETFD
_NOT_THE_LINK, _THE_OPEN_FILE = 0x100, 0x1000  # AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH
_SET_USER_OR_GROUP = 0o6000
_LONGEST_ADDRESS = 128
_BYTES_OF_TIMES = 32
_AF_UNSPEC, _AF_UNIX = 0, 1
_MOST_CONNECTING = 64
"""Maximum number of pending `connect` calls; each uses file descriptors of the supervisor."""

Arguments = tuple[int, ...]


class SupervisorChannel:
    """Passes the filter's listener from the new target to the supervisor; created before the fork."""

    def __init__(self) -> None:
        self._launchers_end, self._targets_end = socket.socketpair()

    def send(self, listener: int) -> None:
        """Send the listener to the supervisor; called in the new target."""
        socket.send_fds(self._targets_end, [b"."], [listener])

    def begin(self, plan: LaunchPlan) -> None:
        """Start answering notifications in a thread; do nothing if the target could not be started."""
        self._targets_end.close()
        _, listeners, _, _ = socket.recv_fds(self._launchers_end, 1, 1)
        self._launchers_end.close()
        if listeners:
            supervisor = SeccompSupervisor(listeners[0], plan)
            threading.Thread(target=supervisor.serve, daemon=True).start()


class SeccompSupervisor:
    """Answers the calls that arrive on a filter's listener.

    Args:
        listener: File descriptor for notifications.
        plan: The target's plan. Landlock limits TCP ports only for the target's own calls.
    """

    def __init__(self, listener: int, plan: LaunchPlan) -> None:
        self._listener = listener
        self._folder = os.path.realpath(plan.folder)
        self._tasks = plan.bounds.tasks
        self._ports = frozenset(plan.landlock.ports if plan.landlock else ())
        self._identity = plan.identity or Identity()
        self._loopback = Loopback() if plan.loopback else None
        self._tasks_left = 0
        self._connecting = threading.BoundedSemaphore(_MOST_CONNECTING)
        column = list(ARCHITECTURES).index(os.uname().machine)
        self._handlers = {NUMBERS[call][column]: handler for call, handler in self._by_name().items()}
        on_sockets = {"bind": self._bind, "listen": self._listen, "connect": self._connect}
        self._on_sockets = {NUMBERS[call][column]: handler for call, handler in on_sockets.items()}
        self._may_block = NUMBERS["connect"][column]
        self._begins_task = {NUMBERS[call][column] for call in ("clone", "fork", "vfork")}

    def _by_name(self) -> dict[str, Callable[[TracedProcess, Arguments], None]]:
        """Return the handlers by call name; they get the call's arguments in the kernel's order."""
        return {
            "chmod": lambda caller, a: self._change_mode(caller, CURRENT_FOLDER, a[0], a[1], 0),
            "fchmod": lambda caller, a: self._change_mode(caller, _signed(a[0]), 0, a[1], _THE_OPEN_FILE),
            "fchmodat": lambda caller, a: self._change_mode(caller, _signed(a[0]), a[1], a[2], 0),
            "fchmodat2": lambda caller, a: self._change_mode(caller, _signed(a[0]), a[1], a[2], a[3]),
            "utimensat": lambda caller, a: self._change_times(caller, _signed(a[0]), a[1], a[2], a[3]),
            "kill": lambda caller, a: _signal(caller.process(), _signed(a[0]), _signed(a[1])),
            "tkill": lambda _, a: _signal_thread(processes.thread_group(a[0]), a[0], a[1]),
            "tgkill": lambda _, a: _signal_thread(a[0], a[1], a[2]),
        }

    def serve(self) -> None:
        """Answer calls until no process with the filter is left."""
        uid, gid, reads_all = self._identity
        try:
            if uid is not None and gid is not None:
                credentials.drop_in_this_thread(uid, gid, reads_all=reads_all)
            self._serve()
        finally:
            os.close(self._listener)  # later calls fail with ENOSYS
            if self._loopback is not None:
                self._loopback.close()

    def _serve(self) -> None:
        while True:
            question = bytearray(_QUESTION.size)
            try:
                fcntl.ioctl(self._listener, _RECEIVE, question)
            except (InterruptedError, FileNotFoundError):  # the caller has been killed
                continue
            except OSError:
                return
            number, thread, _, call, _, _, *arguments = _QUESTION.unpack(question)
            asked = (number, thread, call, tuple(arguments))
            if call in self._begins_task:
                self._send(number, self._count_task(), _GO_ON)
            elif call == self._may_block:
                self._answer_apart(asked)
            else:
                self._answer(*asked)

    def _answer_apart(self, asked: tuple[int, int, int, Arguments]) -> None:
        """Answer in a thread because the call may block, unless too many are pending."""
        if not self._connecting.acquire(blocking=False):
            self._send(asked[0], errno.EAGAIN)
            return

        def answer() -> None:
            try:
                self._answer(*asked)
            finally:
                self._connecting.release()

        try:
            threading.Thread(target=answer, daemon=True).start()
        except RuntimeError:  # too many threads
            self._connecting.release()
            self._send(asked[0], errno.EAGAIN)

    def _answer(self, number: int, thread: int, call: int, arguments: Arguments) -> None:
        error = flags = 0
        try:
            with TracedProcess(thread, lambda: self._is_waiting(number)) as caller:
                if call in self._on_sockets:
                    error, flags = self._on_sockets[call](caller, number, arguments)
                else:
                    self._handlers[call](caller, arguments)
        except OSError as refusal:
            error = refusal.errno or errno.EPERM
        self._send(number, error, flags)

    def _send(self, number: int, error: int, flags: int = 0) -> None:
        try:
            fcntl.ioctl(self._listener, _SEND, _ANSWER.pack(number, 0, -error, 0 if error else flags))
        except OSError:  # the caller no longer waits
            return

    def _count_task(self) -> int:
        """Count a new process or thread; return an error number if the limit is reached."""
        if not self._tasks_left:  # some may have ended since the last check
            self._tasks_left = max(0, self._tasks - processes.tasks(processes.descendants(os.getpid())))
        if not self._tasks_left:
            return errno.EAGAIN
        self._tasks_left -= 1
        return 0

    def _is_waiting(self, number: int) -> bool:
        try:
            fcntl.ioctl(self._listener, _IS_VALID, struct.pack("=Q", number))
        except OSError:
            return False
        return True

    def _change_mode(self, caller: TracedProcess, folder: int, path: int, mode: int, flags: int) -> None:
        if mode & _SET_USER_OR_GROUP:
            raise PermissionError(errno.EPERM, "nobody is to get this user's rights by executing a file")
        with self._named(caller, folder, path, flags) as file:
            os.chmod(file.path, mode & 0o1777)  # noqa: PTH101 - see launcher

    def _change_times(self, caller: TracedProcess, folder: int, path: int, times: int, flags: int) -> None:
        wanted = caller.read(times, _BYTES_OF_TIMES) if times else None
        with self._named(caller, folder, path, flags if path else _THE_OPEN_FILE) as file:
            kernel.utimensat(file.descriptor, wanted)

    def _bind(self, caller: TracedProcess, number: int, arguments: Arguments) -> tuple[int, int]:
        """Bind an internet socket. Landlock decides on others; what listens is decided in `_listen`."""
        descriptor, wanted = _signed(arguments[0]), _address(caller, arguments)
        address = parse_address(wanted)
        if self._loopback is None or address is None:
            return 0, _GO_ON
        flags = _flags_of_socket(caller, descriptor)
        with self._loopback.bind(address, flags) as ours:
            self._replace(number, ours, descriptor, flags)
        return 0, 0

    def _listen(self, caller: TracedProcess, _: int, arguments: Arguments) -> tuple[int, int]:
        descriptor, backlog = _signed(arguments[0]), _signed(arguments[1])
        inode = caller.socket_inode(descriptor)
        if self._loopback is None or not self._loopback.listen(inode, backlog):
            with caller.duplicate(descriptor) as ours, socket.socket(fileno=os.dup(ours.descriptor)) as local:
                if local.family != _AF_UNIX:
                    raise PermissionError(errno.EACCES, "it would listen to other machines")
                local.listen(backlog)
        return 0, 0

    def _connect(self, caller: TracedProcess, number: int, arguments: Arguments) -> tuple[int, int]:
        descriptor, wanted = _signed(arguments[0]), _address(caller, arguments)
        address = None if self._loopback is None else parse_address(wanted)
        if self._loopback is not None and address is not None:
            flags = _flags_of_socket(caller, descriptor)
            ours, error = self._loopback.connect(address, flags)
            with ours:
                self._replace(number, ours, descriptor, flags)
            return error, 0
        self._connect_others(caller, number, descriptor, wanted)
        return 0, 0

    def _connect_others(self, caller: TracedProcess, number: int, descriptor: int, wanted: bytes) -> None:
        family, path = int.from_bytes(wanted[:2], "little"), wanted[2:].partition(b"\0")[0]
        if family == _AF_UNIX and path:
            self._connect_by_path(caller, number, descriptor, path)
        elif self._identity.uid is not None:
            raise PermissionError(errno.EACCES, "abstract names are held by Landlock, which does not hold us")
        else:  # abstract name: Landlock applies to this process, too
            with caller.duplicate(descriptor) as ours:
                self._refuse_port(ours.descriptor, family, wanted)
                kernel.connect(ours.descriptor, wanted)

    def _connect_by_path(self, caller: TracedProcess, number: int, descriptor: int, path: bytes) -> None:
        """Replace the target's socket with a connected one; a container may forbid sharing its own."""
        kind, flags = caller.unconnected_socket(descriptor)
        with (
            self._allowed(caller.open_place(CURRENT_FOLDER, path)) as file,
            socket.socket(socket.AF_UNIX, kind | flags & os.O_NONBLOCK) as ours,
        ):
            kernel.connect(ours.fileno(), struct.pack("=H", _AF_UNIX) + file.path.encode() + b"\0")
            self._replace(number, ours, descriptor, flags)

    def _replace(self, number: int, ours: socket.socket, descriptor: int, flags: int) -> None:
        """Replace a descriptor of the target by a socket."""
        added = _ADDED.pack(number, _IN_PLACE_OF, ours.fileno(), descriptor, flags & os.O_CLOEXEC)
        fcntl.ioctl(self._listener, _ADD_FILE, added)

    def _refuse_port(self, descriptor: int, family: int, address: bytes) -> None:
        port = int.from_bytes(address[2:4])
        if not self._ports or family == _AF_UNIX or port in self._ports:
            return
        with socket.socket(fileno=os.dup(descriptor)) as ours:
            if ours.type == socket.SOCK_STREAM and family != _AF_UNSPEC:
                raise PermissionError(errno.EACCES, "its port is not allowed")

    def _named(self, caller: TracedProcess, folder: int, path: int, flags: int) -> OpenPath:
        """Open the file that a call names, if the target may change it."""
        name = caller.read_text(path) if path else b""
        if not name and not flags & _THE_OPEN_FILE:
            raise FileNotFoundError(errno.ENOENT, "an empty path names nothing")
        return self._allowed(caller.open_place(folder, name, os.O_NOFOLLOW if flags & _NOT_THE_LINK else 0))

    def _allowed(self, file: OpenPath) -> OpenPath:
        if file.lies_beneath(self._folder):
            return file
        os.close(file.descriptor)
        raise PermissionError(errno.EACCES, "it is not in the target's folder")


def _signal(caller: int, pid: int, number: int) -> None:
    """Send a signal like `kill`, but only to descendants of the launcher."""
    if pid > 0:
        _require_own(pid)
        os.kill(pid, number)
        return
    own = processes.descendants(os.getpid())
    if pid == -1:
        reached = [each for each in own if each != caller]
    else:
        group = os.getpgid(caller) if pid == 0 else -pid
        reached = [each for each in own if processes.group(each) == group]
    if not reached:
        raise PermissionError(errno.EPERM, "none of the target's processes is meant")
    for each in reached:
        os.kill(each, number)


def _signal_thread(process: int, thread: int, number: int) -> None:
    _require_own(process)
    kernel.tgkill(process, thread, number)


def _require_own(process: int) -> None:
    if not processes.descends(process, os.getpid()):
        os.kill(process, 0)  # raises if there is no such process
        raise PermissionError(errno.EPERM, "it is not one of the target's processes")


def _flags_of_socket(caller: TracedProcess, descriptor: int) -> int:
    caller.socket_inode(descriptor)
    return caller.flags(descriptor)


def _address(caller: TracedProcess, arguments: Arguments) -> bytes:
    """Return the address of a call whose second and third argument are its place and length."""
    return caller.read(arguments[1], min(arguments[2] & 0xFFFFFFFF, _LONGEST_ADDRESS))


def _signed(value: int) -> int:
    """Return an argument converted to a C `int`."""
    return (value & 0xFFFFFFFF) - ((value & 0x80000000) << 1)

"""What a trial of the sandbox runs inside: tells what it could do, so that the bot sees whether it is held.

It is handed over as text (`python -c`), and must run on any Python 3. No import that could fail.
"""

import json
import os
import resource
import sys


def can_read(path: str) -> bool:
    """Tell whether a folder can be listed, or a file opened."""
    try:
        if os.path.isdir(path):  # noqa: PTH112 - on Python 3 of any age
            os.listdir(path)  # noqa: PTH208 - as above
        else:
            os.close(os.open(path, os.O_RDONLY))
    except OSError:
        return False
    return True


def can_open_socket() -> bool:
    """Tell whether an internet socket can be had; nothing is sent."""
    import _socket  # the public module imports much more

    try:
        _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM).close()
    except OSError:
        return False
    return True


print(  # noqa: T201 - this is its answer
    "\n"
    + json.dumps(
        {
            "uids": os.getresuid(),
            "groups": os.getgroups(),
            "reads_proc": can_read("/proc/self/stat"),
            "has_sockets": can_open_socket(),
            "file_bytes": resource.getrlimit(resource.RLIMIT_FSIZE)[0],
            "unreadable": [path for path in sys.path if not can_read(path)],
        }
    )
)

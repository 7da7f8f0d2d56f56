"""Program of the sandbox trial run: report what it could do, to verify that the layers are effective.

It is passed as text (`python -c`) and must run on any Python 3, so it only imports modules that always exist.
"""

import json
import os
import resource
import sys


def can_read(path: str) -> bool:
    """Return whether a folder can be listed or a file opened."""
    try:
        if os.path.isdir(path):  # noqa: PTH112 - on Python 3 of any age
            os.listdir(path)  # noqa: PTH208 - as above
        else:
            os.close(os.open(path, os.O_RDONLY))
    except OSError:
        return False
    return True


def can_open_socket() -> bool:
    """Return whether an internet socket can be created; nothing is sent."""
    import _socket  # the public module imports much more

    try:
        _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM).close()
    except OSError:
        return False
    return True


print(  # noqa: T201 - output of this program
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

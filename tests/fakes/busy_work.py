"""What holds the interpreter's lock while it works is ended from outside."""

from __future__ import annotations

import subprocess
import sys


def printed_in_time(code: str, seconds: float = 60.0) -> str:
    """Run code in a process of its own, and return what it prints.

    Args:
        code: The code; it may import the program.
        seconds: Many times what the code needs.

    Raises:
        subprocess.TimeoutExpired: It was ended.
    """
    command = (sys.executable, "-c", code)
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=True).stdout

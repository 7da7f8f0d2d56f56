"""Run programs one after the other and print what became of each: `python -I -S steps.py`.

The plan is read from standard input, see `steps.py` of the folder above. Each program is a process of its own
with streams of its own. This process never runs code of the project, so what it prints is true: exit codes,
times and files. What a program prints is passed on as text.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import time
from typing import Any

_MOST_OUTPUT = 65_536
_MOST_PROFILE = 16 * 1024**2
_MOST_NAMES = 10
_PATIENCE = 0.2
"""Seconds in which a program that has ended must close its output; a child may keep it open."""


def main() -> None:
    """Run the plan."""
    plan = json.load(sys.stdin)
    budgets: dict[str, float] = plan["budgets"]
    failed: set[int] = set()
    for step in plan["steps"]:
        seconds = min(step["seconds"], budgets[step["budget"]])
        if seconds <= 0 or step["group"] in failed:
            continue
        result = _result(step, seconds)
        result["cut_short"] = result["timed_out"] and seconds < step["seconds"]
        budgets[step["budget"]] -= result["seconds"]
        if result["exit_code"] != 0 and step["group"] is not None:
            failed.add(step["group"])
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


def _result(step: dict[str, Any], seconds: float) -> dict[str, Any]:
    temporary = step["variables"]["TMPDIR"]
    os.makedirs(temporary, exist_ok=True)  # noqa: PTH103 - starts fast
    before = [(target, _placed(source, target)) for source, target in step["placed"]]
    result = {"number": step["number"], **_run(step, seconds)}
    for target, data in reversed(before):
        _put_back(target, data)
    for kind in ("profile", "trace"):
        if step[kind]:
            result[kind] = _content(step[kind])
    result["left"] = _emptied(temporary)
    return result


def _placed(source: str, target: str) -> bytes | None:
    """Copy a file to where it has to be; return what was there."""
    try:
        with open(target, "rb") as opened:  # noqa: PTH123 - starts fast
            before = opened.read()
    except OSError:
        before = None
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120 - starts fast
    shutil.copyfile(source, target)
    return before


def _put_back(target: str, before: bytes | None) -> None:
    with contextlib.suppress(OSError):
        if before is None:
            os.unlink(target)  # noqa: PTH108 - starts fast
        else:
            with open(target, "wb") as opened:  # noqa: PTH123 - starts fast
                opened.write(before)


def _run(step: dict[str, Any], seconds: float) -> dict[str, Any]:
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            step["argv"],
            cwd=step["folder"],
            env=step["variables"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return {"exit_code": 127, "output": str(error), "seconds": 0.0, "timed_out": False}
    output, timed_out = _output(process, started + seconds)
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    return {
        "exit_code": process.wait(),
        "output": output.decode("utf-8", "replace"),
        "seconds": time.monotonic() - started,
        "timed_out": timed_out,
    }


def _output(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bool]:
    """Return the start and the end of what a program prints, and whether its time was over."""
    assert process.stdout is not None  # noqa: S101 - for the type checker
    pipe = process.stdout.fileno()
    first, last = bytearray(), bytearray()
    while (left := deadline - time.monotonic()) > 0:
        ready, _, _ = select.select([pipe], [], [], min(left, _PATIENCE))
        if not ready:
            if process.poll() is not None:
                break
            continue
        data = os.read(pipe, _MOST_OUTPUT)
        if not data:
            break
        room = _MOST_OUTPUT - len(first)
        first += data[:room]
        last = (last + data[room:])[-_MOST_OUTPUT:]
    timed_out = process.poll() is None and not _ends(process, deadline)
    return bytes(first + last), timed_out


def _ends(process: subprocess.Popen[bytes], deadline: float) -> bool:
    """Return whether a program ends in time; it may close its output before."""
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _content(path: str) -> str | None:
    """Return a file's text and remove it; None if there is none."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with open(file, "rb") as opened:  # noqa: PTH123 - it is a descriptor
        is_file = stat.S_ISREG(os.fstat(file).st_mode)
        data = opened.read(_MOST_PROFILE) if is_file else b""
    os.unlink(path)  # noqa: PTH108 - starts fast
    return data.decode("utf-8", "replace") if is_file else None


def _emptied(folder: str) -> list[str]:
    """Remove a folder and return some names of what was left in it."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - starts fast
    except OSError:
        return []
    shutil.rmtree(folder, ignore_errors=True)
    return names[:_MOST_NAMES]


if __name__ == "__main__":
    main()

"""Take one plan after another, and run each in a child.

Starting Python and loading pytest takes longer than most plans, so a worker waits for the next one. It runs
no code of the project itself, except what installed packages have Python run at its start. Between two plans
it ends all processes and removes all files; if it cannot, it ends, and the sandbox does so.

Plans are JSON objects on standard input, one per line. A plan's results are JSON objects on standard output,
one per line. After them is a line `end done` or `end crashed`, which is not JSON. It ends with `unclean` if
the worker ends, too.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from .forking import Message, Patience, Sender, become_parent, has_children, run_child
from .project_session import remove_folder
from .results import ResultChannel

_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - only searched

Plan = dict[str, Any]


def run_plans(prepare: Callable[[Plan], Any], run: Callable[[Plan, Any, Sender], None]) -> None:
    """Run plans until standard input ends.

    Args:
        prepare: Called once in this process, with the first plan. What it reads is the same in all plans.
        run: Called in a child, with a plan, what `prepare` returned, and where to send the results.
    """
    channel = ResultChannel()
    become_parent()
    there = _files()
    prepared: list[Any] = []
    for number, line in enumerate(sys.stdin.buffer):
        plan = json.loads(line)
        if not prepared:
            prepared.append(prepare(plan))
        folder = Path(f"plan-{number}").resolve()
        body = partial(_run_in, folder, partial(run, plan, prepared[0]))
        patience = Patience(most_bytes=plan["output_bytes"])
        ending = run_child(body, math.inf, partial(_pass_on, channel), channel.descriptor, patience)
        remove_folder(folder)
        is_clean = not has_children() and _files() == there
        channel.write(f"end {ending}{'' if is_clean else ' unclean'}\n".encode())
        if not is_clean:
            return


def _files() -> set[str]:
    """Return the names of the files that a plan can leave: in this folder, and this user's shared memory."""
    names = set(os.listdir())  # noqa: PTH208 - only names are needed
    with contextlib.suppress(OSError), os.scandir(_SHARED_MEMORY) as entries:
        names |= {one.path for one in entries if one.stat(follow_symlinks=False).st_uid == os.getuid()}
    return names


def _run_in(folder: Path, body: Callable[[Sender], None], send: Sender) -> None:
    become_parent()
    folder.mkdir()
    os.chdir(folder)
    os.environ.update(HOME=str(folder), TMPDIR=str(folder))
    body(send)


def _pass_on(channel: ResultChannel, message: Message) -> None:
    result = message.get("result")
    if isinstance(result, dict):
        channel.tell(result)

"""The program that starts steps, run as it is."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from testsmith.execution.sandbox.interface import Limits
from testsmith.execution.sandbox.process import ProcessSandbox
from testsmith.execution.steps import Plan, Step, StepResult, install_worker, run_steps
from testsmith.execution.workspace import ProjectCopy, Workspace


def run(
    folder: Path,
    *codes: str,
    seconds: float = 20.0,
    each: float = 5.0,
    group: int | None = None,
    placed: Mapping[str, str] | None = None,
) -> dict[int, StepResult]:
    scratch = folder / "scratch"
    scratch.mkdir()
    install_worker(scratch)
    workspace = Workspace(
        head=ProjectCopy(root=folder, source_roots=()),
        base=None,
        scratch=scratch,
        sandbox=ProcessSandbox(),
        limits=Limits(),
    )
    inside = workspace.new_folder("run")
    steps = [
        Step(
            number=number,
            argv=(sys.executable, "-I", "-S", "-c", code),
            variables={"TMPDIR": str(inside / "tmp"), "PROFILE": str(inside / "profile")},
            folder=inside,
            seconds=each,
            budget="all",
            group=group,
            profile=inside / "profile",
            trace=inside / "trace",
            placed={inside / target: folder / source for target, source in (placed or {}).items()},
        )
        for number, code in enumerate(codes)
    ]
    plan = Plan(steps=steps, budgets={"all": seconds}, folder=inside)
    return dict(asyncio.run(run_steps(workspace, plan, Limits())).results)


def test_run_steps__how_each_ended_and_what_it_wrote(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        "import os; open(os.environ['PROFILE'], 'w').write('mode: set'); print('ü')",
        "import os; open(os.environ['TMPDIR'] + '/left', 'w'); os.kill(os.getpid(), 9)",
        "import os; os.symlink('/etc/passwd', os.environ['PROFILE']); os._exit(3)",
    )
    assert [found[number].exit_code for number in range(3)] == [0, -9, 3]
    assert [found[number].profile for number in range(3)] == ["mode: set", None, None]
    assert [found[number].left for number in range(3)] == [(), ("left",), ()]
    assert found[0].output == "ü\n"


def test_run_steps__what_hangs_is_ended_and_what_shares_its_time_is_left_out(tmp_path: Path) -> None:
    hangs = "import time; print('here', flush=True); time.sleep(60)"
    found = run(tmp_path, hangs, "pass", seconds=1.0)
    assert (found[0].timed_out, found[0].cut_short, found[0].output) == (True, True, "here\n")
    assert 1 not in found


def test_run_steps__what_takes_longer_than_its_own_limit_is_not_cut_short(tmp_path: Path) -> None:
    found = run(tmp_path, "import time; time.sleep(60)", "pass", each=0.5)
    assert [(found[number].timed_out, found[number].cut_short) for number in range(2)] == [
        (True, False),
        (False, False),
    ]


def test_run_steps__a_group_ends_with_its_first_failure(tmp_path: Path) -> None:
    assert sorted(run(tmp_path, "pass", "exit(1)", "pass", group=1)) == [0, 1]


def test_run_steps__the_start_and_the_end_of_a_long_output(tmp_path: Path) -> None:
    [result] = run(tmp_path, "print('first' + 'x' * 10**6 + 'last')").values()
    assert result.output.startswith("first")
    assert result.output.endswith("last\n")
    assert len(result.output) < 200_000


def test_run_steps__a_child_that_keeps_the_output_open_does_not_delay(tmp_path: Path) -> None:
    code = "import os, time\nif os.fork() == 0:\n    os.setsid(); time.sleep(30)\nprint('done')"
    [result] = run(tmp_path, code).values()
    assert (result.exit_code, result.output) == (0, "done\n")
    assert result.seconds < 4


def test_run_steps__files_are_placed_and_what_was_there_is_put_back(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("placed")
    reads = "open('trace', 'w').write(open('below/file').read())"
    found = run(tmp_path, reads, "import shutil; shutil.rmtree('below')", reads, placed={"below/file": "new"})
    assert [found[number].trace for number in range(3)] == ["placed", None, "placed"]
    assert not (tmp_path / "scratch" / "below" / "file").exists()

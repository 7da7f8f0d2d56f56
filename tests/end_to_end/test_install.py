"""A project that cannot be run as it lies there, and can once it is installed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from fakes.attack_site import everybodys_folder
from fakes.command_line import CommandLine
from fakes.git_repository import GitRepository
from fakes.packages import PackageIndex, shop_wheels

CART = '''
from needed import VALUE


def total(count: int) -> int:
    """Return what so many cost, a gift above ten."""
    if count > 10:
        return 10 * VALUE
    return count * VALUE
'''


IN_A_TERMINAL = """
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
"""
QUESTION = "Install the project and what its tests need into a cached environment? [Y/n]"


@pytest.mark.slow
def test_suggest__asks_in_a_terminal_whether_to_install(command_line: CommandLine) -> None:
    program = (sys.executable, "-c", IN_A_TERMINAL, sys.executable, "-m", "testsmith", "suggest")
    with everybodys_folder() as folder, PackageIndex(shop_wheels()).serving() as index:
        made = GitRepository.create(folder)
        made.commit({"setup.py": "", "shop/__init__.py": ""})
        made.git("checkout", "-q", "-b", "change")
        made.commit({"shop/cart.py": CART})
        variables = {**command_line.environment(), "PIP_INDEX_URL": f"http://{index.host}/simple/"}
        told = {}
        for answer in ("n", ""):
            command = (*program, "--provider", "offline", "--runs", "1")
            done = subprocess.run(
                command,
                cwd=folder,
                env=variables,
                input=f"{answer}\n",
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done
            told[answer] = " ".join(done.stdout.split())
    reason = "could not import shop.cart (no module named 'needed')."
    assert told["n"].count(QUESTION) == told[""].count(QUESTION) == 1
    assert told["n"].count(reason) > told[""].count(reason) == 1  # again in the report
    assert told[""].endswith(
        "Write them with: testsmith suggest --provider offline --runs 1 --install --write"
    )


@pytest.mark.slow
def test_suggest__installs_the_project_where_that_is_asked_for(command_line: CommandLine) -> None:
    program = (sys.executable, "-m", "testsmith", "suggest")
    command = (*program, "--repo", ".", "--base", "main", "--format", "json")
    with everybodys_folder() as folder, PackageIndex(shop_wheels()).serving() as index:
        made = GitRepository.create(folder)
        made.commit({"setup.py": "", "shop/__init__.py": "from shop._version import version\n"})
        made.git("checkout", "-q", "-b", "change")
        made.commit({"shop/cart.py": CART})
        variables = {**command_line.environment(), "PIP_INDEX_URL": f"http://{index.host}/simple/"}
        ran = [
            subprocess.run(
                (*command, "--provider", "offline", "--runs", "1", *more),
                cwd=folder,
                env=variables,
                capture_output=True,
                check=False,
            )
            for more in ((), ("--install",), ("--yes",))
        ]
        assert sorted(path.name for path in folder.iterdir()) == [".git", "setup.py", "shop"]
    assert [one.returncode for one in ran] == [0, 0, 0], ran
    without, installed, agreed = (json.loads(one.stdout) for one in ran)
    [skipped] = without["skipped"]
    assert "_version" in skipped["reason"]
    assert agreed["suggestions"] == installed["suggestions"]
    [suggested] = installed["suggestions"]
    assert (suggested["member"], suggested["label"]) == ("shop/cart.py::total", "new-behaviour")

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fakes.engine import members_of
from fakes.workspaces import small_workspace
from testsmith.languages.python.running.import_check import (
    could_not_import,
    members_that_do_not_load,
    modules_that_do_not_load,
)
from testsmith.settings import VerificationSettings

FILES = {
    "good.py": "x = 1\n",
    "needy.py": "import a_library_that_is_not_there\n",
    "raising.py": "raise RuntimeError('no settings')\n",
    "leaving.py": "import os\nos._exit(0)\n",
    "package/__init__.py": "",
    "package/inner.py": "from good import x\n",
}


def test_modules_that_do_not_load__each_with_its_reason(tmp_path: Path) -> None:
    asked = ["good", "needy", "raising", "leaving", "package.inner", "package.gone", "good"]

    async def scenario() -> dict[str, str]:
        async with small_workspace(tmp_path, FILES) as workspace:
            return await modules_that_do_not_load(workspace, asked)

    assert asyncio.run(scenario()) == {
        "needy": "ModuleNotFoundError: No module named 'a_library_that_is_not_there'",
        "raising": "RuntimeError: no settings",
        "leaving": "it ended the test process",
        "package.gone": "ModuleNotFoundError: No module named 'package.gone'",
    }


CONFIGURED = {
    "settings.py": "READY = False\n",
    "shop.py": "import settings\n\nif not settings.READY:\n    raise RuntimeError('no settings')\n\n\n"
    "def price():\n    return 2\n",
}


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("tests/conftest.py", ""),
        ("other.py", "could not import shop (RuntimeError: no settings)."),
    ],
    ids=["made by conftest", "made by no one"],
)
def test_members_that_do_not_load__settings(tmp_path: Path, path: str, problem: str) -> None:
    files = {**CONFIGURED, path: "import settings\n\nsettings.READY = True\n", "tests/test_shop.py": ""}
    member = next(one for one in members_of(CONFIGURED) if one.name == "price")

    async def scenario() -> dict[str, str]:
        async with small_workspace(tmp_path, files) as workspace:
            return await members_that_do_not_load(workspace, [member], VerificationSettings())

    assert asyncio.run(scenario()) == ({member.id: problem} if problem else {})


def test_could_not_import__says_what_to_do() -> None:
    problem = "ModuleNotFoundError: No module named 'dateutil.tz'"
    told = could_not_import("arrow.arrow", problem, {"arrow"}, installs=False)
    assert told == "could not import arrow.arrow (no module named 'dateutil.tz'). Run again with --install."
    assert "--setup-command" in could_not_import("arrow.arrow", problem, {"arrow"}, installs=True)
    own = could_not_import(
        "arrow.arrow", "ModuleNotFoundError: No module named 'arrow.x'", {"arrow"}, installs=False
    )
    assert own == "could not import arrow.arrow (no module named 'arrow.x'). Run again with --install."
    problem = "importlib.metadata.PackageNotFoundError: No package metadata was found for arrow"
    unbuilt = could_not_import("arrow.arrow", problem, {"arrow"}, installs=False)
    assert unbuilt == f"could not import arrow.arrow ({problem}). Run again with --install."
    other = could_not_import("arrow.arrow", "TypeError: no", {"arrow"}, installs=False)
    assert other == "could not import arrow.arrow (TypeError: no)."

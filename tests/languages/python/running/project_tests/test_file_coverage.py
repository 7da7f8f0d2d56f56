from __future__ import annotations

import asyncio
from pathlib import Path

from fakes.workspaces import small_workspace
from testsmith.execution.baseline import WholeSuite
from testsmith.languages.python.running.project_tests.file_coverage import measure_whole_suite
from testsmith.languages.python.running.project_tests.run import files_not_loaded
from testsmith.settings import VerificationSettings

FILES = {
    "shop.py": "def price():\n    return 3\n",
    "test_shop.py": "import shop\n\ndef test_price():\n    assert shop.price() == 3\n",
    "test_lacking.py": "import no_such_library\n\ndef test_nothing():\n    pass\n",
}


def test_measure_whole_suite__names_a_file_that_cannot_be_loaded(tmp_path: Path) -> None:
    async def scenario() -> WholeSuite:
        async with small_workspace(tmp_path, FILES) as workspace:
            return await measure_whole_suite(workspace, ("shop.py",), VerificationSettings(install=True))

    suite = asyncio.run(scenario())
    assert suite.failed == frozenset({"test_lacking.py"})
    assert suite.notes == (
        "1 test file cannot be loaded in the sandbox",
        (
            "test_lacking.py cannot be loaded (ModuleNotFoundError: No module named 'no_such_library'):"
            " declare no_such_library as a test dependency, or install it with --setup-command"
        ),
    )


def test_files_not_loaded__without_a_test_being_run(tmp_path: Path) -> None:
    async def scenario() -> dict[str, str]:
        ending = {"test_end.py": "def test_end():\n    1 / 0\n"}
        async with small_workspace(tmp_path, FILES | ending) as workspace:
            files = ("test_end.py", "test_lacking.py", "test_gone.py")
            return dict(await files_not_loaded(workspace, files, 60.0))

    assert asyncio.run(scenario()) == {
        "test_lacking.py": "ModuleNotFoundError: No module named 'no_such_library'"
    }

"""How frameworks are started."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from testsmith.languages.typescript.running.frameworks import Framework, FrameworkRun
from testsmith.languages.typescript.running.test_commands import VITEST, TestCommand
from testsmith.languages.typescript.running.workspace import TypeScriptWorkspace


def test_arguments__vitest_1_reads_the_value_of_an_option_with_a_dot_as_text(tmp_path: Path) -> None:
    """So `--coverage.enabled=false` would turn coverage on, for which a package may be missing."""
    workspace = cast(TypeScriptWorkspace, SimpleNamespace(toolchain=SimpleNamespace(program=Path("node"))))
    framework = Framework(workspace, TestCommand(framework=VITEST), tmp_path)
    run = FrameworkRun(files=[tmp_path / "a.test.ts"], report=tmp_path / "report", cache=tmp_path)
    given = framework.arguments(run)
    assert "--no-coverage" in given
    assert not any("=false" in one for one in given)


@pytest.mark.parametrize(("version", "is_given"), [("0.34.6", False), ("1.0.0", True), ("4.1.12", True)])
def test_arguments__vitest_does_not_start_the_compiler(
    tmp_path: Path, version: str, *, is_given: bool
) -> None:
    """Version 0.34 refuses the option."""
    (tmp_path / "node_modules/vitest").mkdir(parents=True)
    (tmp_path / "node_modules/vitest/vitest.mjs").touch()
    (tmp_path / "node_modules/vitest/package.json").write_text(f'{{"version": "{version}"}}')
    workspace = cast(TypeScriptWorkspace, SimpleNamespace(toolchain=SimpleNamespace(program=Path("node"))))
    framework = Framework(workspace, TestCommand(framework=VITEST), tmp_path)
    run = FrameworkRun(files=[tmp_path / "a.test.ts"], report=tmp_path / "report", cache=tmp_path)
    assert ("--no-typecheck" in framework.arguments(run)) is is_given

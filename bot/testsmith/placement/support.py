"""What a project without tests needs beside its first test files, for plain `pytest` to run them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from testsmith.languages.driver import LanguageDriver, SourceTree
from testsmith.languages.registry import driver_for
from testsmith.placement.plan import FileEdit, Plan

_INSTALLED_BY = ("setup.py", "setup.cfg", "pyproject.toml")
_CONFTEST = '''\
"""Puts the project's sources on the import path: it cannot be installed, so nothing else does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent{below}))
'''


def with_support(
    plan: Plan, tree: SourceTree, project: str, drivers: Sequence[LanguageDriver]
) -> tuple[Plan, dict[str, str]]:
    """Return a plan with what its test files need, and each such file with the reason.

    In a project that has tests, nothing: they are run somehow. In one that can be installed, or says where
    its sources are, nothing either.

    Args:
        plan: What is to be written.
        tree: What it is written into.
        project: The project's folder below the git root.
        drivers: The languages.
    """
    inside = f"{project}/" if project else ""
    paths = [path for path in tree.paths() if path.startswith(inside)]
    new = [edit.path for edit in plan.edits if edit.old is None]
    if not new or any(_is_test(path, drivers) for path in paths):
        return plan, {}
    made = {new[0].rpartition("/")[0] + "/": "the project had no tests: its test tree begins here"}
    place = f"{inside}conftest.py"
    if place in paths or _finds_sources(tree, inside):
        return plan, made
    has_src = any(path.startswith(f"{inside}src/") for path in paths)
    text = _CONFTEST.format(below=' / "src"' if has_src else "")
    edits = (FileEdit(path=place, old=None, new=text.encode()), *plan.edits)
    reason = "the project cannot be installed, and without it plain `pytest` would not find its sources"
    return replace(plan, edits=edits), {**made, place: reason}


def _is_test(path: str, drivers: Sequence[LanguageDriver]) -> bool:
    driver = driver_for(path, drivers)
    return driver is not None and driver.is_test(path) and not path.endswith("__init__.py")


def _finds_sources(tree: SourceTree, inside: str) -> bool:
    """Tell whether the project can be installed, or tells pytest where its sources are."""
    texts = {name: (tree.read(inside + name) or b"").decode("utf-8", "replace") for name in _INSTALLED_BY}
    can_be_installed = "setup(" in texts["setup.py"] or any(
        table in texts["pyproject.toml"] for table in ("[project]", "[build-system]", "[tool.poetry]")
    )
    settings = (
        *texts.values(),
        *((tree.read(inside + name) or b"").decode("utf-8", "replace") for name in _INIS),
    )
    return can_be_installed or any("pythonpath" in text for text in settings)


_INIS = ("pytest.ini", ".pytest.ini", "pytest.toml", "tox.ini")

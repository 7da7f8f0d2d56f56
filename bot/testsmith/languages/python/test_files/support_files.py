"""The `conftest.py` that a project without tests needs if it cannot be installed."""

from __future__ import annotations

from testsmith.languages.source import SourceTree
from testsmith.languages.tests import SupportFile

_INSTALLED_BY = ("setup.py", "setup.cfg", "pyproject.toml")
_CONFTEST = '''\
"""Puts the project's sources on the import path: it cannot be installed, so nothing else does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent{below}))
'''


def support_files(tree: SourceTree, project: str) -> tuple[SupportFile, ...]:
    """Return a `conftest.py`; none if the project can be installed or configures where its sources are."""
    inside = f"{project}/" if project else ""
    paths = [path for path in tree.paths() if path.startswith(inside)]
    place = f"{inside}conftest.py"
    if place in paths or _finds_sources(tree, inside):
        return ()
    has_src = any(path.startswith(f"{inside}src/") for path in paths)
    text = _CONFTEST.format(below=' / "src"' if has_src else "")
    reason = "the project cannot be installed, so plain `pytest` would not find its source code"
    return (SupportFile(path=place, text=text, reason=reason),)


def _finds_sources(tree: SourceTree, inside: str) -> bool:
    """Return whether the project can be installed or configures pytest's import path."""
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

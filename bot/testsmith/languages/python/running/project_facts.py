"""Describe a Python project from its files: package manager, version, tests, and projects in its folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from testsmith.languages.python.running.python_version import requires_python
from testsmith.languages.python.source.projects import declares_project, project_folders, pyproject
from testsmith.languages.python.test_files.test_paths import TestFileNames
from testsmith.languages.source import SourceTree
from testsmith.languages.toolchain import ProjectFacts

_MANAGERS = (
    ("uv.lock", "", "uv"),
    ("poetry.lock", "poetry", "Poetry"),
    ("pdm.lock", "pdm", "PDM"),
    ("Pipfile", "", "Pipenv"),
    ("hatch.toml", "hatch", "Hatch"),
    ("environment.yml", "", "conda"),
    ("environment.yaml", "", "conda"),
)
"""A file, or a table below `[tool]` of pyproject.toml, and the package manager that it stands for."""

_PACKAGE_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
_REQUIREMENTS = re.compile(r"(?:requirements/)?[\w.-]*requirements[\w.-]*\.txt|requirements/[\w.-]+\.txt")
_PYTEST_SETTINGS = {
    "pytest.ini": "[pytest]",
    "pytest.toml": "[pytest]",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}
_IMPORTS = {
    framework: re.compile(rf"^\s*(?:import|from) {framework}\b", re.MULTILINE)
    for framework in ("pytest", "unittest")
}
_MOST_FILES_READ = 200


def project_facts(tree: SourceTree) -> ProjectFacts:
    """Return what the files of a repository say about it."""
    document = pyproject(tree, "")
    paths = tree.paths()
    is_test = TestFileNames.of(tree).is_test
    tests = [path for path in paths if path.endswith(".py") and is_test(path)]
    facts = ProjectFacts(
        package_manager=_package_manager(paths, document.get("tool", {})),
        version=_python(tree),
        tests=_tests(tree, tests, document.get("tool", {})),
        projects=tuple(folder for folder in project_folders(tree) if folder),
        is_project=declares_project(tree, ""),
    )
    if facts.version or facts == ProjectFacts():
        return facts
    return replace(facts, version="Python, any version")


def _package_manager(paths: Sequence[str], tool: Any) -> str:
    for file, table, name in _MANAGERS:
        if file in paths:
            return f"{name} ({file})"
        if table and isinstance(tool, dict) and table in tool:
            return f"{name} (pyproject.toml)"
    found = next((file for file in _PACKAGE_FILES if file in paths), None)
    found = found or next((path for path in paths if _REQUIREMENTS.fullmatch(path)), None)
    return f"pip ({found})" if found else ""


def _python(tree: SourceTree) -> str:
    if wanted := requires_python(tree, ""):
        return f"Python {wanted}"
    pinned = (tree.read(".python-version") or b"").decode("utf-8", "replace").split()
    return f"Python {pinned[0]} (.python-version)" if pinned else ""


def _tests(tree: SourceTree, tests: Sequence[str], tool: Any) -> str:
    if not tests:
        return ""
    settings = "pyproject.toml" if isinstance(tool, dict) and "pytest" in tool else _pytest_settings(tree)
    texts = [(tree.read(path) or b"").decode("utf-8", "replace") for path in tests[:_MOST_FILES_READ]]
    imported = [name for name, how in _IMPORTS.items() if any(map(how.search, texts))]
    framework = "pytest" if settings or "pytest" in imported or not imported else imported[0]
    count = f"{len(tests):,} test file{'' if len(tests) == 1 else 's'}"
    return f"{framework}{f' ({settings})' if settings else ''}, {count}"


def _pytest_settings(tree: SourceTree) -> str:
    for name, section in _PYTEST_SETTINGS.items():
        if section.encode() in (tree.read(name) or b""):
            return name
    return ""

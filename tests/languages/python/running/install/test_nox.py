from __future__ import annotations

from pathlib import Path

import pytest

from testsmith.languages.python.running.install.requirements import Declared
from testsmith.languages.python.running.install.tool_environments import read_nox


def from_file(text: str, **files: str) -> Declared:
    return read_nox({"noxfile.py": text, **files}.get)


def test_nox__what_sessions_that_run_tests_install() -> None:
    text = """
import nox
COMMON = ["attrs", "idna"]
@nox.session(python=["3.12"])
def tests(session):
    session.install("-e", ".[speed]", "pytest>=7", *COMMON)
    session.install("-r", "requirements/tests.txt", f"other=={version}")
    session.run("pytest", *session.posargs)
@nox.session
def check_all(session: nox.Session) -> None:
    session.run("pip", "install", "never")
@session
def everything(session):
    session.run_install("uv", "sync", "--group", "tests", external=True)
    session.install(*nox.project.dependency_groups(PYPROJECT, "more"))
    session.run("python", "-m", "unittest")
@nox.session
def docs(session):
    session.install("sphinx")
def helper(session):
    session.install("never")
"""
    found = from_file(text, **{"requirements/tests.txt": "six"})
    assert found == Declared(
        source="noxfile.py",
        requirements=("pytest>=7", "attrs", "idna", "six"),
        extras=("speed",),
        groups=("tests", "more"),
        left_out=("f'other=={version}'",),
    )


def test_nox__is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "was-run"
    text = f"import pathlib\npathlib.Path({str(mark)!r}).touch()\n@nox.session\ndef tests(session):\n"
    assert from_file(text + "    session.install('pytest')\n").requirements == ("pytest",)
    assert not mark.exists()


@pytest.mark.parametrize(
    "text", ["", "def", "\0", "(" * 5000, "@nox.session\ndef tests(s):\n    s.install()\n"]
)
def test_nox__nothing_of_use(text: str) -> None:
    assert from_file(text).is_empty

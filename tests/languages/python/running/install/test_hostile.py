"""Files that are made to keep a reader busy: each is read at once, or not at all."""

from __future__ import annotations

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.python.running.install.dependencies import read_test_dependencies

LONG = 250_000
REFERENCES = "    {[testenv]deps}\n    {[more]deps}\n" * 2_000

FILES = {
    "a line of blanks in a list": ("requirements-test.txt", f"x{' ' * LONG}y"),
    "options without end": ("requirements-test.txt", "--hash " * (LONG // 7)),
    "a line of blanks in an ini": ("setup.cfg", f"[metadata]\nname = x\nx{' ' * LONG}y\n"),
    "a list of commas": ("tox.ini", f"[tox]\nenvlist = {',' * LONG}\n"),
    "braces without end": ("tox.ini", f"[tox]\nenvlist = {'{a,b}' * (LONG // 5)}\n"),
    "references that multiply": ("tox.ini", f"[testenv]\ndeps =\n{REFERENCES}[more]\ndeps =\n{REFERENCES}"),
    "an expression too deep": (
        "noxfile.py",
        f"@nox.session\ndef tests(s):\n    s.install({'-' * 100_000}1)\n",
    ),
    "a sum without end": ("noxfile.py", f"@nox.session\ndef tests(s):\n    s.install({'a+' * 50_000}a)\n"),
    "expressions that do not end": (
        ".github/workflows/ci.yml",
        f"jobs: {{a: {{steps: [{{run: 'pytest; pip install {'${{' * (LONG // 4)}'}}]}}}}",
    ),
    "commands that do not end": (
        ".github/workflows/ci.yml",
        f"jobs: {{a: {{steps: [{{run: 'pytest; pip install {'$( ` ' * (LONG // 6)}'}}]}}}}",
    ),
    "tests without end": ("tests/test_x.py", "def test(" * (LONG // 9)),
    "fixtures without end": ("tests/test_x.py", "fixture " * (LONG // 8)),
    "fixtures and blanks": ("tests/test_x.py", f"fixture\n{' ' * 1_000}" * (LONG // 1_008)),
    "a test of blanks": ("tests/test_x.py", f"def test({' ' * LONG}"),
    "marks without end": ("tests/test_x.py", "mark." * (LONG // 5)),
    "quotes without end": ("tests/test_x.py", "'a" * (LONG // 2)),
    "a name without end": ("tests/test_x.py", f"mark.{'a' * LONG}"),
    "settings of blanks": ("pytest.ini", f"[pytest]\nx{' ' * LONG}y\n"),
    "plugins without end": ("pytest.ini", f"[pytest]\nrequired_plugins ={' a[' * (LONG // 3)}\n"),
    "a table too deep": ("pyproject.toml", f"x = {'[' * 100_000}"),
    "a file too long": ("requirements-test.txt", "x\n" * LONG),
}


@pytest.mark.parametrize(("name", "text"), FILES.values(), ids=FILES.keys())
def test_needs__files_that_keep_a_reader_busy(name: str, text: str) -> None:
    found = read_test_dependencies(MemoryTree({name: text, "tests/requirements.txt": "attrs"}), "")
    assert "attrs" in [text for one in found.sets for text in one.requirements]

"""Texts that would keep the program itself busy for ever: it refuses them, and its report is whole."""

from __future__ import annotations

import json
from pathlib import Path

from fakes.command_line import CommandLine
from fakes.endpoint import Body, Endpoint
from fakes.git_repository import GitRepository

PATTERN = f"{'{1: ' * 24}a{'}' * 24}"
HELPER = f"def helper(x):\n    match x:\n        case {PATTERN}:\n            return a\n"

CART = '''\
def add(a: int, b: int) -> int:
    """Return the sum."""
    return a + b
'''

ANSWER = f"""\
from shop.cart import add


{HELPER}

def test_adding():
    assert add(1, 2) == 3
    assert helper(1) is None


def test_bad():
    assert add(1, 1) == 5
"""

FORGED = f"""\
# testsmith 0.1 12345678 8949bdff shop/cart.py::add
def test_old():
    from shop.cart import add
    assert add(1, 1) == 3


{HELPER}"""


def project(folder: Path, **tests: str) -> GitRepository:
    made = GitRepository.create(folder)
    own = {f"tests/{name}.py": text for name, text in tests.items()}
    made.commit({"shop/__init__.py": "", "shop/cart.py": CART.replace("a + b", "a - b"), **own})
    made.git("switch", "-qc", "topic")
    made.commit({"shop/cart.py": CART})
    return made


def test_suggest__an_answer_that_would_keep_it_busy_is_refused_each_time(
    command_line: CommandLine, tmp_path: Path
) -> None:
    def answer(_: Body) -> str:
        return json.dumps({"tests": [{"name": "shop/cart.py::add", "code": ANSWER}]})

    made = project(tmp_path / "project")
    with Endpoint(answer=answer) as endpoint:
        model = ("--provider", "openai", "--base-url", endpoint.url, "--model", "small", "--repairs", "0")
        first = command_line.suggest(made.folder, "--base", "main", *model)
    again = command_line.suggest(made.folder, "--base", "main", *model)

    for ran in (first, again):
        assert ran.code == 0, ran.stderr
        [skipped] = ran.report["skipped"]
        assert "nested too deep" in skipped["reason"]
    assert again.report["stats"]["cache_hits"] == 1


def test_suggest__a_test_file_that_would_keep_it_busy_is_left_as_it_is(
    command_line: CommandLine, tmp_path: Path
) -> None:
    made = project(tmp_path / "project", test_cart=FORGED, conftest="import os\nos._exit(0)\n")

    ran = command_line.suggest(made.folder, "--base", "main", "--provider", "offline", "--write")

    assert ran.code == 0, ran.stderr
    assert (made.folder / "tests" / "test_cart.py").read_text() == FORGED

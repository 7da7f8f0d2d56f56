from __future__ import annotations

import time

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.python.source.projects import declares_project, project_of, read_toml

DECLARED = "[project]\nname = 'x'\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"pyproject.toml": DECLARED}, True),
        ({"pyproject.toml": "[tool.poetry]\n"}, True),
        ({"pyproject.toml": "[tool.ruff]\n"}, False),
        ({"pyproject.toml": "not [toml"}, False),
        ({"setup.py": "from setuptools import setup\n\nsetup(name='x')\n"}, True),
        ({"setup.py": "def run_setup(board): ...\n"}, False),
        ({"setup.cfg": "[flake8]\n"}, False),
        ({"setup.cfg": "[flake8]\n[metadata]\nname = x\n"}, True),
        ({"setup.py": "setup()", "__init__.py": ""}, False),  # it configures the build of a package
        ({"requirements.txt": "x"}, False),
    ],
)
def test_declares_project(files: dict[str, str], expected: bool) -> None:
    assert declares_project(MemoryTree(files), "") is expected
    assert (
        declares_project(MemoryTree({f"in/a/{name}": text for name, text in files.items()}), "in/a")
        is expected
    )


@pytest.mark.parametrize(
    ("path", "opened", "expected"),
    [
        ("packages/a/src/a/one.py", "", "packages/a"),
        ("packages/a/inner/pkg/two.py", "", "packages/a/inner"),
        ("packages/a/inner/pkg/two.py", "packages/a/inner", "packages/a/inner"),
        ("packages/a/inner/pkg/two.py", "packages/a", "packages/a/inner"),
        ("packages/a/inner/pkg/two.py", "packages/a/inner/pkg", "packages/a/inner/pkg"),
        ("tool.py", "", ""),
        ("scripts/tool.py", "", ""),
        ("packages/ab/one.py", "packages/a", "packages/a"),
        ("packages/a/examples/shop/app.py", "", "packages/a"),
        ("packages/a/_vendor/app.py", "", "packages/a"),
        ("packages/a/inner/pkg/deep/app.py", "", "packages/a/inner"),
    ],
)
def test_project_of__the_nearest_one_above_a_file(path: str, opened: str, expected: str) -> None:
    tree = MemoryTree(
        {
            "pyproject.toml": DECLARED,
            "packages/a/pyproject.toml": DECLARED,
            "packages/a/inner/setup.py": "setup()",
            "packages/a/inner/pkg/deep/setup.py": "setup()",
            "packages/a/examples/shop/setup.py": "setup()",
            "packages/a/_vendor/setup.py": "setup()",
        }
    )
    assert project_of(tree, path, opened) == expected


WORKSPACE = (
    f'{DECLARED}\n[tool.uv.workspace]\nmembers = ["slim", "packages/*", "", 1]\nexclude = ["packages/c"]\n'
)


@pytest.mark.parametrize(
    ("path", "opened", "expected"),
    [
        ("slim/shop/cart.py", "", ""),
        ("slim/shop/cart.py", "slim", "slim"),
        ("packages/a/shop/cart.py", "", ""),
        ("packages/b/shop/cart.py", "", "packages/b"),
        ("packages/c/shop/cart.py", "", "packages/c"),
        ("other/shop/cart.py", "", "other"),
    ],
    ids=["member", "opened", "by pattern", "has tests", "excluded", "no member"],
)
def test_project_of__a_member_of_a_workspace_without_tests(path: str, opened: str, expected: str) -> None:
    projects = ("slim", "packages/a", "packages/b", "packages/c", "other")
    files = {f"{folder}/pyproject.toml": DECLARED for folder in projects}
    files |= {f"{folder}/shop/cart.py": "" for folder in projects}
    tree = MemoryTree({"pyproject.toml": WORKSPACE, "packages/b/shop/test_cart.py": "", **files})
    assert project_of(tree, path, opened) == expected


@pytest.mark.parametrize("text", ["workspace = 1", "workspace = []", "workspace = { members = 'slim' }"])
def test_project_of__a_workspace_that_cannot_be_read(text: str) -> None:
    root = f"{DECLARED}\n[tool.uv]\n{text}\n"
    tree = MemoryTree({"pyproject.toml": root, "slim/pyproject.toml": DECLARED, "slim/shop/cart.py": ""})
    assert project_of(tree, "slim/shop/cart.py", "") == "slim"


@pytest.mark.parametrize(
    "text",
    [
        "a = [",
        f"a = {'1' * 5000}",
        f"a = {'[' * 30_000}",
        f"a = '{'x' * 70_000}'",
        f"a{'.a' * 16_000} = 1",
        f"[a{' . a' * 16_000}]",
        '"a".' * 12_000 + "a = 1",
        f"a = {{ a{'.a' * 16_000} = 1 }}",
    ],
)
def test_read_toml__nothing_from_a_file_that_is_invalid_or_expensive(text: str) -> None:
    started = time.thread_time()
    assert read_toml(text.encode()) == {}
    assert time.thread_time() - started < 1.0


@pytest.mark.parametrize(
    "text", ["a" * 60_000, "a " * 30_000, f"a.{' ' * 60_000}", "'\"" * 30_000, "''" * 30_000]
)
def test_read_toml__takes_linear_time(text: str) -> None:
    started = time.thread_time()
    assert read_toml(text.encode()) == {}
    assert time.thread_time() - started < 1.0


def test_read_toml__keeps_text_with_many_dots() -> None:
    assert read_toml(f"a.b.c = '{'.' * 100}'  # {'. ' * 100}".encode()) == {"a": {"b": {"c": "." * 100}}}

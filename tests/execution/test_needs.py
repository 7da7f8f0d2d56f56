from __future__ import annotations

from bot.execution.needs import Needs, read_needs
from fakes.trees import MemoryTree


def needs(files: dict[str, str], project: str = "") -> Needs:
    return read_needs(MemoryTree(files), project)


def test_needs__nothing_is_written_down() -> None:
    assert needs({"a.py": ""}) == Needs()


def test_needs__extras_and_dependencies() -> None:
    text = """
[project]
name = "shop"
dependencies = ["attrs>=20"]
optional-dependencies = {Tests = ["hypothesis"], dev = ["mypy"], docs = ["sphinx"]}
"""
    found = needs({"pyproject.toml": text})
    assert found == Needs(is_package=True, extras=("Tests",), dependencies=("attrs>=20",))


def test_needs__groups_with_what_they_include() -> None:
    text = """
[dependency-groups]
test = ["pytest-mock", {include-group = "common"}, {include-group = "test"}]
common = ["attrs", {include-group = "Test"}, {unknown = 1}, 3]
dev = ["mypy"]
"""
    expected = Needs(requirements=("pytest-mock", "attrs"), groups=("test",))
    assert needs({"pyproject.toml": text}) == expected


def test_needs__those_of_development_only_where_there_are_none_of_tests() -> None:
    text = "[dependency-groups]\ndev = ['mypy']\n"
    assert needs({"pyproject.toml": text}).requirements == ("mypy",)
    assert needs({"pyproject.toml": text, "requirements-test.txt": "x"}).requirements == ()


def test_needs__files_by_their_usual_names() -> None:
    names = (
        *("requirements-test.txt", "test_requirements.txt", "requirements/testing.txt"),
        *("tests/requirements.txt", "requirements.txt"),
    )
    others = ("requirements-docs.txt", "test.txt", "sub/requirements-test.txt", "requirements-dev.txt")
    found = needs(dict.fromkeys((*names, *others), ""))
    assert found.files == tuple(sorted(names[:4]))
    assert found.plain_files == ("requirements.txt",)


def test_needs__setup_cfg() -> None:
    text = "[options]\ninstall_requires =\n    attrs\n    six\n[options.extras_require]\ntest = pytest-mock\n"
    expected = Needs(is_package=True, extras=("test",), dependencies=("attrs", "six"))
    assert needs({"setup.cfg": text}) == expected
    assert needs({"setup.cfg": "[flake8]\nmax-line-length = 100\n"}) == Needs()


def test_needs__poetrys_groups_by_name_alone() -> None:
    text = """
[tool.poetry.group.test.dependencies]
pytest-mock = "^3.1"
[tool.poetry.dev-dependencies]
mypy = "*"
"""
    assert needs({"pyproject.toml": text}).requirements == ("pytest-mock",)


def test_needs__uvs_lock_where_the_workspace_begins() -> None:
    files = {"uv.lock": "", "packages/api/pyproject.toml": "[project]\nname = 'api'\n"}
    assert needs(files, "packages/api").is_locked
    assert needs({**files, "pyproject.toml": ""}).is_locked
    assert not needs({"packages/uv.lock": ""}).is_locked


def test_needs__what_uv_called_dev_dependencies() -> None:
    text = "[tool.uv]\ndev-dependencies = ['mypy']\n"
    assert needs({"pyproject.toml": text}) == Needs(requirements=("mypy",))


def test_needs__setup_py_keeps_its_extras_to_itself() -> None:
    assert needs({"setup.py": ""}).extras == ("test", "testing", "tests")


def test_needs__of_a_project_in_a_folder() -> None:
    files = {"api/pyproject.toml": "[project]\nname = 'api'\n", "pyproject.toml": "", "setup.py": ""}
    assert needs(files, "api") == Needs(is_package=True)


def test_needs__files_that_cannot_be_read() -> None:
    assert needs({"pyproject.toml": "= 3", "setup.cfg": "nothing\n"}) == Needs()
    assert needs({"pyproject.toml": "project = 3\ndependency-groups = []\n"}) == Needs()

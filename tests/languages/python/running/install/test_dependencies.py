from __future__ import annotations

from fakes.trees import MemoryTree
from testsmith.languages.python.running.install.dependencies import (
    Sibling,
    TestDependencies,
    read_test_dependencies,
)
from testsmith.languages.python.running.install.requirements import Declared


def needs(files: dict[str, str], project: str = "") -> TestDependencies:
    return read_test_dependencies(MemoryTree(files), project)


def required(found: TestDependencies) -> tuple[str, ...]:
    """All that is required by name."""
    return tuple(text for one in found.sets for text in one.requirements)


def test_needs__nothing_is_written_down() -> None:
    assert needs({"a.py": ""}) == TestDependencies()


def test_needs__extras_and_dependencies() -> None:
    text = """
[project]
name = "shop"
dependencies = ["attrs>=20"]
optional-dependencies = {Tests = ["hypothesis"], dev = ["mypy"], docs = ["sphinx"]}
"""
    found = needs({"pyproject.toml": text})
    extra = Declared(source="the extra Tests", extras=("Tests",))
    assert found == TestDependencies(is_package=True, sets=(extra,), dependencies=("attrs>=20",))


def test_needs__groups_with_what_they_include() -> None:
    text = """
[dependency-groups]
test = ["pytest-mock", {include-group = "common"}, {include-group = "test"}]
common = ["attrs", {include-group = "Test"}, {unknown = 1}, 3]
dev = ["mypy"]
"""
    found = needs({"pyproject.toml": text})
    assert required(found) == ("pytest-mock", "attrs")
    assert found.groups == ("test",)


def test_needs__project_required_by_its_own_group() -> None:
    text = """
[project]
name = "shop.ops"
optional-dependencies = {testing = ["hypothesis"], tracing = ["attrs"]}
[dependency-groups]
unit = ["shop_ops[tracing,testing]", "Shop-Ops", "pytest-mock"]
"""
    found = needs({"pyproject.toml": text})
    assert required(found) == ("pytest-mock",)
    assert set(found.extras) == {"testing", "tracing"}


def test_needs__those_of_development_only_where_there_are_none_of_tests() -> None:
    text = "[dependency-groups]\ndev = ['mypy']\n"
    assert required(needs({"pyproject.toml": text})) == ("mypy",)
    assert required(needs({"pyproject.toml": text, "requirements-test.txt": "x"})) == ("x",)
    assert required(needs({"pyproject.toml": text, "tox.ini": "[testenv]\ndeps = y\n"})) == ("y",)


def test_needs__files_by_their_usual_names() -> None:
    names = (
        *("requirements-test.txt", "test_requirements.txt", "requirements/testing.txt"),
        *("tests/requirements.txt", "utest/requirements.txt", "requirements.txt"),
    )
    others = ("requirements-docs.txt", "test.txt", "sub/requirements-test.txt", "requirements-dev.txt")
    found = needs({name: f"package{number}" for number, name in enumerate((*names, *others))})
    assert [one.source for one in found.sets] == sorted(names[:5])
    assert found.plain == ("package5",)


def test_needs__the_projects_own_dependencies_may_be_in_a_folder() -> None:
    assert needs({"setup.py": "", "requirements/install.txt": "janus"}).plain == ("janus",)


def test_needs__a_file_that_is_compiled_from_another_counts_alone() -> None:
    files = {"requirements/test.in": "pytest", "requirements/test.txt": "pytest==9.0"}
    assert required(needs(files)) == ("pytest==9.0",)
    assert required(needs({"requirements/test.in": "pytest"})) == ("pytest",)


def test_needs__plain_requirements_that_hold_pytest_are_those_of_tests() -> None:
    assert required(needs({"requirements.txt": "attrs\npytest-cov\n"})) == ("attrs", "pytest-cov")


def test_needs__setup_cfg() -> None:
    text = "[options]\ninstall_requires =\n    attrs\n    six\n[options.extras_require]\ntest = pytest-mock\n"
    extra = Declared(source="the extra test", extras=("test",))
    expected = TestDependencies(is_package=True, sets=(extra,), dependencies=("attrs", "six"))
    assert needs({"setup.cfg": text}) == expected
    assert needs({"setup.cfg": "[flake8]\nmax-line-length = 100\n"}) == TestDependencies()


def test_needs__poetrys_groups_by_name_alone() -> None:
    text = """
[tool.poetry.group.test.dependencies]
pytest-mock = "^3.1"
[tool.poetry.dev-dependencies]
mypy = "*"
"""
    assert required(needs({"pyproject.toml": text})) == ("pytest-mock",)


def test_needs__uvs_lock_where_the_workspace_begins() -> None:
    files = {"uv.lock": "", "packages/api/pyproject.toml": "[project]\nname = 'api'\n"}
    assert needs(files, "packages/api").is_locked
    assert needs({**files, "pyproject.toml": ""}).is_locked
    assert not needs({"packages/uv.lock": ""}).is_locked


def test_needs__what_uv_called_dev_dependencies() -> None:
    text = "[tool.uv]\ndev-dependencies = ['mypy']\n"
    assert required(needs({"pyproject.toml": text})) == ("mypy",)


def test_needs__setup_py_keeps_its_extras_to_itself() -> None:
    assert needs({"setup.py": ""}).extras == ("test", "testing", "tests")


def test_needs__extras_of_setup_py_next_to_metadata_in_setup_cfg() -> None:
    files = {
        "setup.cfg": "[metadata]\nlicense_files = LICENSE\n",
        "setup.py": "setup(extras_require={'dev': ['freezegun']})\n",
    }
    assert needs({**files, "tox.ini": "[testenv]\nextras = dev\n"}).extras == ("dev",)
    assert needs(files).extras == ("test", "testing", "tests")
    without = {**files, "setup.py": "setup()\n"}
    assert needs({**without, "tox.ini": "[testenv]\nextras = dev\n"}).extras == ()


def test_needs__of_a_project_in_a_folder() -> None:
    files = {"api/pyproject.toml": "[project]\nname = 'api'\n", "pyproject.toml": "", "setup.py": ""}
    assert needs(files, "api") == TestDependencies(is_package=True)


def test_needs__files_that_cannot_be_read() -> None:
    assert needs({"pyproject.toml": "= 3", "setup.cfg": "nothing\n"}) == TestDependencies()
    assert needs({"pyproject.toml": "project = 3\ndependency-groups = []\n"}) == TestDependencies()


def test_needs__all_places_together_each_thing_once() -> None:
    text = """
[project]
name = "shop"
optional-dependencies = {tests = ["attrs"], speed = ["cython"], docs = ["sphinx"]}
[tool.pdm.dev-dependencies]
test = ["idna"]
[tool.hatch.envs.hatch-test]
extra-dependencies = ["six"]
features = ["speed", "docs"]
"""
    files = {
        "pyproject.toml": text,
        "tox.ini": "[testenv]\ndeps =\n    idna\n    hypothesis\nextras = tests\n",
        "noxfile.py": "@nox.session\ndef tests(s):\n    s.install('pretend')\n",
        ".github/workflows/ci.yml": "jobs: {a: {steps: [{run: pip install pytz pytest}, {run: pytest}]}}\n",
    }
    found = needs(files)
    of_hatch = ("pytest-mock", "pytest-rerunfailures", "pytest-xdist")
    assert required(found) == ("idna", "idna", "hypothesis", "pretend", *of_hatch, "six", "pytz", "pytest")
    assert found.extras == ("tests", "speed")
    assert [one.source for one in found.sets] == [
        "the extra tests",
        "the dependency group test",
        "tox.ini",
        "noxfile.py",
        "the hatch environment hatch-test",
        "the workflows in .github",
    ]


def test_needs__the_plugins_of_hatch_unless_the_project_lists_its_own() -> None:
    assert required(needs({"hatch.toml": "[envs.hatch-test]\nextra-args = ['-v']\n"})) == (
        *("pytest-mock", "pytest-rerunfailures", "pytest-xdist"),
    )
    own = "[envs.hatch-test]\ndependencies = ['pytest']\n"
    assert required(needs({"hatch.toml": own})) == ("pytest",)


def test_needs__groups_of_several_words_only_where_there_is_none_of_one() -> None:
    groups = "[dependency-groups]\ntests = ['a']\ntests-random = ['b']\ntest-docs = ['c']\n"
    assert required(needs({"pyproject.toml": groups})) == ("a",)
    assert required(needs({"pyproject.toml": groups.replace("tests =", "docs =")})) == ("b",)


def test_needs__workflows_are_those_of_base() -> None:
    workflow = "jobs: {{a: {{steps: [{{run: pip install {} pytest}}, {{run: pytest}}]}}}}\n"
    head, base = (
        MemoryTree({".github/workflows/ci.yml": workflow.format(name)}) for name in ("new-name", "old-name")
    )
    assert "old-name" in required(read_test_dependencies(head, "", base))
    assert "new-name" not in required(read_test_dependencies(head, "", base))


def test_needs__with_a_lock_only_what_tests_use_of_what_workflows_install() -> None:
    job = "jobs: {a: {steps: [{run: 'pip install -e .[speed] \"pandas<3\" attrs'}, {run: pytest}]}}\n"
    files = {".github/workflows/ci.yml": job, "tests/test_a.py": "import attrs\n"}
    assert required(needs(files)) == ("pandas<3", "attrs")
    locked = needs({**files, "uv.lock": ""})
    assert required(locked) == ("attrs",)
    assert locked.extras == ("speed",)


def test_needs__no_name_of_the_project_becomes_an_option() -> None:
    text = """
[project]
name = "shop"
dependencies = ["attrs", "--index-url=https://evil.test", "x @ https://evil.test/x"]
[project.optional-dependencies]
test = []
"tests-\\n--index-url=https://evil.test" = []
[dependency-groups]
test = ["--index-url=https://evil.test", "-e /etc"]
"-tests" = []
"""
    found = needs({"pyproject.toml": text})
    assert found.dependencies == ("attrs",)
    assert found.extras == ("test",)
    assert found.groups == ("test",)
    assert required(found) == ()
    [note] = found.notes
    assert "`--index-url https://evil.test` (the dependency group test)" in note


def test_needs__other_projects_whose_name_only_they_have() -> None:
    declared = "[project]\nname = '{}'\n"
    names = {"a": "shop", "b": "Shop", "c": "tea_pot", "d": "tea-pot", "e": "cake", "f": "no name"}
    files = {f"packages/{folder}/pyproject.toml": declared.format(name) for folder, name in names.items()}

    assert needs(files, "packages/a").siblings == (Sibling(name="cake", folder="packages/e"),)
    assert [one.folder for one in needs(files, "packages/c").siblings] == ["packages/e"]


def test_needs__extras_of_other_projects() -> None:
    declared = "[project]\nname = '{}'\ndependencies = [{}]\n"
    tests = "optional-dependencies = {test = ['Core[files]'], docs = ['core[no]']}\n"
    files = {
        "shop/pyproject.toml": declared.format("shop", "'core>=2', 'tea'") + tests,
        "shop/requirements.txt": "core[db]",
        "tea/pyproject.toml": declared.format("tea", "'core[log]'"),
        "core/pyproject.toml": declared.format("core", ""),
    }

    core, tea = needs(files, "shop").siblings
    assert core == Sibling(name="core", folder="core", extras=("db", "files", "log"))
    assert tea == Sibling(name="tea", folder="tea")


def test_needs__other_projects_by_their_path() -> None:
    declared = "[project]\nname = '{}'\n"
    files = {
        "pyproject.toml": declared.format("whole"),
        "packages/core/setup.cfg": "[metadata]\nname = core\n",
        "packages/tea/pyproject.toml": declared.format("tea"),
        "packages/pot/pyproject.toml": declared.format("pot"),
        "packages/pot/requirements-test.txt": "-e ../core[log,db]\n-e ../..\n",
    }

    found = needs(files, "packages/pot")
    assert found.siblings == (
        Sibling(name="whole", folder="", is_named=True),
        Sibling(name="core", folder="packages/core", extras=("db", "log"), is_named=True),
        Sibling(name="tea", folder="packages/tea"),
    )
    assert (found.sets, found.notes) == ((), ())


def test_needs__reports_a_file_that_only_has_paths() -> None:
    files = {"requirements-test.txt": "-e ../gone\n", "requirements-dev.txt": "mypy\n"}

    found = needs(files)
    assert required(found) == ("mypy",)
    assert "`-e ../gone` (requirements-test.txt)" in found.notes[0]

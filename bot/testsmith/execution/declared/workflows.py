"""What CI installs for tests: the `pip install` lines of GitHub's workflows, in jobs that run tests."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

from packaging.utils import canonicalize_name

from testsmith.execution.declared.requirements import MAX_FILE_BYTES, Collector, Declared, Read

_WORKFLOW = re.compile(r"\.github/workflows/[^/]+\.ya?ml")
_MOST_CHARACTERS = MAX_FILE_BYTES
"""Of all workflows together: a quarter of a megabyte takes some seconds to read."""
_MOST_STEPS = 200
_MOST_NESTED = 5
_RUNS_TESTS = re.compile(r"\b(?:pytest|unittest)\b")
_INSTALLS = re.compile(r"(?:\buv\s+)?\bpip3?\s+install\s+(.*)")
_END = re.compile(r"\s(?:&&|\|\||;|\||>|2>)(?:\s|$).*|;$")
_INSERTED = re.compile(r"\$\{\{[^{}\n]*\}\}|\$\([^()\n]*\)|`[^`\n]*`")
"""What is put in when the job runs; the words in it are not names of packages."""
_TOOLS = frozenset(
    {
        *("pip", "setuptools", "wheel", "build", "twine", "tox", "tox-gh-actions", "tox-uv", "tox-gh", "nox"),
        *(
            "uv",
            "poetry",
            "hatch",
            "pdm",
            "flit",
            "virtualenv",
            "pipenv",
            "codecov",
            "coveralls",
            "pre-commit",
        ),
        *("flake8", "black", "isort", "ruff", "mypy", "pylint", "pyright", "bandit", "sphinx"),
    }
)
"""What a job needs that its tests do not import."""


def read_workflows(paths: Iterable[str], read: Read) -> Declared:
    """Return what the jobs that run tests install.

    Args:
        paths: All files at the git root.
        read: Gives them.
    """
    collector = Collector("the workflows in .github", read)
    left = _MOST_CHARACTERS
    for name in sorted(path for path in paths if _WORKFLOW.fullmatch(path)):
        text = read(name) or ""
        if "pip" not in text or len(text) > left:
            continue
        left -= len(text)
        for scripts in _jobs(text):
            if any(map(_RUNS_TESTS.search, scripts)):
                for words in _installed("\n".join(scripts)):
                    collector.arguments(words)
    return collector.declared()


def _jobs(text: str) -> Iterator[list[str]]:
    """Yield the scripts of each job."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        yaml = YAML(typ="safe", pure=True)
        yaml.composer.warn_double_anchors = False  # it would print, for each
        yaml.constructor.flatten_mapping = lambda _: None  # merged keys multiply; GitHub takes none
        document: Any = yaml.load(text)
    except (YAMLError, ValueError, RecursionError):
        return
    jobs = document.get("jobs") if isinstance(document, dict) else None
    for job in jobs.values() if isinstance(jobs, dict) else ():
        steps = job.get("steps") if isinstance(job, dict) else None
        scripts = [
            step["run"]
            for step in (steps[:_MOST_STEPS] if isinstance(steps, list) else ())
            if isinstance(step, dict) and isinstance(step.get("run"), str)
        ]
        yield scripts


def _installed(script: str) -> Iterator[list[str]]:
    text = script.replace("\\\n", " ")
    for _ in range(_MOST_NESTED):
        text = _INSERTED.sub("${}", text)
    for line in text.splitlines():
        found = _INSTALLS.search(line)
        if found is None:
            continue
        try:
            words = shlex.split(_END.sub("", found[1]), comments=True)
        except ValueError:
            continue
        yield [word for word in words if canonicalize_name(re.split(r"[\[<>=!~; ]", word)[0]) not in _TOOLS]

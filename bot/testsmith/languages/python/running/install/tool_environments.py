"""Read what hatch, nox, tox and GitHub workflows install for tests."""

from __future__ import annotations

import ast
import configparser
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice, product
from typing import Any

from packaging.utils import canonicalize_name

from testsmith.languages.python.running.install.requirements import (
    MAX_FILE_BYTES,
    Collector,
    Declared,
    Read,
    is_for_something_else,
    is_for_tests,
    short_lines,
)

_OF_HATCH_TEST = ("pytest-mock", "pytest-rerunfailures", "pytest-xdist")
"""Plugins in the environment of `hatch test`, unless the project lists other dependencies for it.

`pytest-randomly` is left out, because hatch disables it. See https://hatch.pypa.io/latest/config/internal/testing/.
"""


def read_hatch(envs: Mapping[str, Any], toml: Mapping[str, Any], read: Read) -> Declared:
    """Return what hatch's test environments declare, or the default one if none is named after tests.

    Args:
        envs: Table `[tool.hatch.envs]`; empty if missing.
        toml: Content of `hatch.toml`; empty if missing.
        read: Reads the project's files.
    """
    own = toml.get("envs")
    every = {**envs, **(own if isinstance(own, dict) else {})}
    names = [name for name in every if is_for_tests(name)] or ["default"]
    collector = Collector(f"the hatch environment{'s' * (len(names) > 1)} {', '.join(names)}", read)
    for name in names:
        table = every.get(name)
        if name == "hatch-test" and isinstance(table, dict) and "dependencies" not in table:
            collector.items(_OF_HATCH_TEST)
        for key, take in (
            ("dependencies", collector.items),
            ("extra-dependencies", collector.items),
            ("features", collector.extras),
            ("dependency-groups", collector.groups),
        ):
            value = table.get(key) if isinstance(table, dict) else None
            take(value if isinstance(value, list) else ())
    return collector.declared()


_RUNNERS = frozenset({"pytest", "py.test", "unittest"})
_MOST_CALLS = 200

Texts = Mapping[str, Sequence[str]]


def read_nox(read: Read) -> Declared:
    """Return what the nox sessions that run tests install."""
    collector = Collector("noxfile.py", read)
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):  # invalid or too deeply nested
        _take_all(ast.parse(read("noxfile.py") or ""), collector)
    return collector.declared()


def _take_all(module: ast.Module, collector: Collector) -> None:
    constants = dict(_constants(module))
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef) and _is_session(node)]
    for function in functions:
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)][:_MOST_CALLS]
        if _runs_tests(function, calls):
            for call in calls:
                _take(call, constants, collector)


def _is_session(function: ast.FunctionDef) -> bool:
    names = (
        decorator.func if isinstance(decorator, ast.Call) else decorator
        for decorator in function.decorator_list
    )
    return any(ast.unparse(name) in {"nox.session", "session"} for name in names)


def _runs_tests(function: ast.FunctionDef, calls: Sequence[ast.Call]) -> bool:
    if is_for_something_else(function.name):
        return False
    said = {
        node.value
        for call in calls
        if _method(call) == "run"
        for node in call.args
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return is_for_tests(function.name) or bool(said & _RUNNERS)


def _take(call: ast.Call, constants: Texts, collector: Collector) -> None:
    """Add what a call in a session installs."""
    words = list(_words(call, constants, collector)) if _installs(call) else []
    match words:
        case ["pip", "install", *rest] | ["uv", "pip", "install", *rest] | ["uv", "sync", *rest]:
            collector.arguments(rest)
        case _ if _method(call) == "install":
            collector.arguments(words)
        case _:
            pass


def _installs(call: ast.Call) -> bool:
    if _method(call) == "install":
        return True
    first = [node.value for node in call.args[:1] if isinstance(node, ast.Constant)]
    return _method(call) in {"run", "run_install", "run_always"} and first in (["pip"], ["uv"])


def _method(call: ast.Call) -> str:
    function = call.func
    is_of_session = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
    return function.attr if is_of_session and isinstance(function, ast.Attribute) else ""


def _words(call: ast.Call, constants: Texts, collector: Collector) -> Iterator[str]:
    """Yield a call's arguments as far as they can be read; results of `nox.project` count as groups."""
    for node in call.args:
        value = node.value if isinstance(node, ast.Starred) else node
        if isinstance(value, ast.Call) and ast.unparse(value.func).endswith("dependency_groups"):
            collector.groups(text for argument in value.args[1:] for text in _texts(argument, constants))
            continue
        found = _texts(value, constants)
        if found:
            yield from found
        else:
            collector.leave_out(ast.unparse(node))


def _texts(node: ast.expr, constants: Texts) -> Sequence[str]:
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Name(id=name):
            return constants.get(name, ())
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [text for item in items for text in _texts(item, constants)]
        case _:
            return ()


def _constants(module: ast.Module) -> Iterator[tuple[str, Sequence[str]]]:
    for node in module.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            texts = _texts(node.value, {})
            if texts:
                yield node.targets[0].id, texts


_MOST_ENVIRONMENTS = 200
_MAX_LIST_CHARACTERS = 4_000
_BRACES = re.compile(r"\{([^{}:\[\]]*)\}")
_CONDITION = re.compile(r"([\w!{},.-]+)\s*:\s+(.*)|([\w!{},.-]+)\s*:$")
_REFERENCE = re.compile(r"\{\[([^\]{}]+)\]([\w-]+)\}")
_VARIABLE = re.compile(r"\{env:\w+:([^{}]*)\}")

Sections = Mapping[str, Mapping[str, str]]


def read_tox(read: Read, pyproject: Mapping[str, Any], toml: Mapping[str, Any], python: str) -> Declared:
    """Return what the tox environment that runs the tests declares.

    Args:
        read: Reads the project's files.
        pyproject: Table `[tool.tox]` of `pyproject.toml`; empty if missing.
        toml: Content of `tox.toml`; empty if missing.
        python: Preferred Python version, for example `313`.
    """
    ini = read("tox.ini")
    if ini is not None:
        return _from_ini(_sections(ini), "tox.ini", read, python)
    legacy = pyproject.get("legacy_tox_ini")
    if isinstance(legacy, str):
        return _from_ini(_sections(legacy), "[tool.tox]", read, python)
    return _from_toml(toml or pyproject, "tox.toml" if toml else "[tool.tox]", read, python)


def _from_ini(sections: Sections, source: str, read: Read, python: str) -> Declared:
    listed = sections.get("tox", {})
    text = listed.get("envlist") or listed.get("env_list") or ""
    environment = _chosen(_expanded(re.split(r"[,\n](?![^{]*\})", text[:_MAX_LIST_CHARACTERS])), python)
    factors = set(environment.split("-"))
    own = [
        name
        for name in sections
        if name.startswith("testenv:") and environment in set(_expanded([name.removeprefix("testenv:")]))
    ]
    values = dict(sections.get("testenv", {}))
    for name in own:
        values.update(sections[name])
    collector = Collector(source, read)
    collector.items(_lines(values.get("deps", ""), factors, sections))
    for key, take in (("extras", collector.extras), ("dependency_groups", collector.groups)):
        lines = _lines(values.get(key, ""), factors, sections)
        take(name.strip() for line in lines for name in line.split(",") if name.strip())
    return collector.declared()


def _from_toml(table: Mapping[str, Any], source: str, read: Read, python: str) -> Declared:
    listed = table.get("env_list")
    names = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    environment = _chosen(_expanded(names), python)
    values = dict(_table(table, "env_run_base"))
    values.update(_table(_table(table, "env"), environment))
    collector = Collector(source, read)
    deps = values.get("deps", ())
    collector.items(deps.splitlines() if isinstance(deps, str) else _list(deps))
    collector.extras(_list(values.get("extras")))
    collector.groups(_list(values.get("dependency_groups")))
    return collector.declared()


def _chosen(environments: Sequence[str], python: str) -> str:
    """Return the first environment for tests, preferably for the given Python version."""
    for_tests = [name for name in environments if not is_for_something_else(name)]
    fitting = [name for name in for_tests if {f"py{python}", f"{python[:1]}.{python[1:]}"} & _factors(name)]
    return next(iter(fitting or for_tests), "py")


def _factors(environment: str) -> set[str]:
    return set(environment.split("-"))


def _lines(text: str, factors: set[str], sections: Sections) -> Iterator[str]:
    """Yield the unique lines of a value that apply to an environment, with references expanded."""
    left = text.splitlines()[::-1]
    seen: set[str] = set()
    while left:
        line = _VARIABLE.sub(r"\1", left.pop()).strip()
        condition = _CONDITION.fullmatch(line)
        if condition is not None:
            if not _holds(condition[1] or condition[3], factors):
                continue
            line = condition[2] or ""
        reference = _REFERENCE.fullmatch(line)
        if reference is None:
            yield line
        elif line not in seen:
            seen.add(line)
            left.extend(sections.get(reference[1], {}).get(reference[2], "").splitlines()[::-1])


def _holds(condition: str, factors: set[str]) -> bool:
    """Return whether an environment satisfies a condition: a comma means "or", a dash means "and"."""
    return any(
        all(
            (factor.lstrip("!") in factors) is not factor.startswith("!") for factor in alternative.split("-")
        )
        for text in _expanded([condition])
        for alternative in text.split(",")
    )


def _expanded(texts: Iterable[str]) -> list[str]:
    """Return the texts with `{a,b}` expanded, up to a limit."""
    found: list[str] = []
    for text in islice(texts, _MOST_ENVIRONMENTS):
        parts = _BRACES.split("".join(text.split()))
        choices = [part.split(",") if number % 2 else [part] for number, part in enumerate(parts)]
        every = ("".join(chosen) for chosen in islice(product(*choices), _MOST_ENVIRONMENTS))
        found.extend(filter(None, every))
    return found[:_MOST_ENVIRONMENTS]


def _sections(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(
        strict=False, delimiters=("=",), inline_comment_prefixes=(" #",), allow_no_value=True
    )
    try:
        parser.read_string(short_lines(text))
    except (configparser.Error, ValueError):
        return {}
    return {name: {key: value or "" for key, value in parser.items(name)} for name in parser.sections()}


def _table(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = table.get(name)
    return found if isinstance(found, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


_WORKFLOW = re.compile(r"\.github/workflows/[^/]+\.ya?ml")
_MOST_CHARACTERS = MAX_FILE_BYTES
"""Limit for all workflows together; 256 KiB take a few seconds to parse."""
_MOST_STEPS = 200
_MOST_NESTED = 5
_RUNS_TESTS = re.compile(r"\b(?:pytest|unittest)\b")
_CLONES = re.compile(r"\bgit\s+clone\b")
_INSTALLS = re.compile(r"(?:\buv\s+)?\bpip3?\s+install\s+(.*)")
_END = re.compile(r"\s(?:&&|\|\||;|\||>|2>)(?:\s|$).*|;$")
_INSERTED = re.compile(r"\$\{\{[^{}\n]*\}\}|\$\([^()\n]*\)|`[^`\n]*`")
"""Values inserted when the job runs; words in them are not package names."""
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
"""Tools that a job installs but its tests do not import."""


def read_workflows(paths: Iterable[str], read: Read) -> Declared:
    """Return what workflow jobs that run tests install, unless the tests are those of other projects.

    Args:
        paths: All files below the git root.
        read: Reads a file.
    """
    collector = Collector("the workflows in .github", read)
    left = _MOST_CHARACTERS
    for name in sorted(path for path in paths if _WORKFLOW.fullmatch(path)):
        text = read(name) or ""
        if "downstream" in name or "pip" not in text or len(text) > left:
            continue
        left -= len(text)
        for scripts in _jobs(text):
            if any(map(_RUNS_TESTS.search, scripts)):
                for words in _installed("\n".join(scripts)):
                    collector.arguments(words)
    return collector.declared()


def _jobs(text: str) -> Iterator[list[str]]:
    """Yield the scripts of each job that works on this repository only."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        yaml = YAML(typ="safe", pure=True)
        yaml.composer.warn_double_anchors = False  # avoid a warning for each
        yaml.constructor.flatten_mapping = lambda _: None  # no merge keys: they multiply
        document: Any = yaml.load(text)
    except (YAMLError, ValueError, RecursionError):
        return
    jobs = document.get("jobs") if isinstance(document, dict) else None
    for job in jobs.values() if isinstance(jobs, dict) else ():
        steps = job.get("steps") if isinstance(job, dict) else None
        listed = steps[:_MOST_STEPS] if isinstance(steps, list) else ()
        known = [step for step in listed if isinstance(step, dict)]
        scripts = [step["run"] for step in known if isinstance(step.get("run"), str)]
        if not any(map(_checks_out_another, known)) and not any(map(_CLONES.search, scripts)):
            yield scripts


def _checks_out_another(step: Mapping[str, Any]) -> bool:
    """Return whether a step puts another repository in the place of this one."""
    settings = step.get("with")
    if not isinstance(settings, dict) or "checkout" not in str(step.get("uses")):
        return False
    return "repository" in settings and "path" not in settings


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

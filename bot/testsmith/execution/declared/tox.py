"""What tox installs for tests: `tox.ini`, `tox.toml`, and `[tool.tox]` of `pyproject.toml`."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

from testsmith.execution.declared.names import is_for_something_else
from testsmith.execution.declared.requirements import Collector, Declared, Read, short_lines

_MOST_ENVIRONMENTS = 200
_MAX_LIST_CHARACTERS = 4_000
_BRACES = re.compile(r"\{([^{}:\[\]]*)\}")
_CONDITION = re.compile(r"([\w!{},.-]+)\s*:\s+(.*)|([\w!{},.-]+)\s*:$")
_REFERENCE = re.compile(r"\{\[([^\]{}]+)\]([\w-]+)\}")
_VARIABLE = re.compile(r"\{env:\w+:([^{}]*)\}")

Sections = Mapping[str, Mapping[str, str]]


def read_tox(read: Read, pyproject: Mapping[str, Any], toml: Mapping[str, Any], python: str) -> Declared:
    """Return what the environment that runs the tests declares.

    Args:
        read: Gives the project's files.
        pyproject: The table `[tool.tox]` of `pyproject.toml`; empty for none.
        toml: What `tox.toml` holds; empty for none.
        python: The version of Python to prefer an environment for, as `313`.
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
    """Return the first environment that is for tests, best on the wanted version of Python."""
    for_tests = [name for name in environments if not is_for_something_else(name)]
    fitting = [name for name in for_tests if {f"py{python}", f"{python[:1]}.{python[1:]}"} & _factors(name)]
    return next(iter(fitting or for_tests), "py")


def _factors(environment: str) -> set[str]:
    return set(environment.split("-"))


def _lines(text: str, factors: set[str], sections: Sections) -> Iterator[str]:
    """Yield the lines of a value that hold for an environment, with what they refer to, each once."""
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
    """Tell whether an environment has the factors of a condition: a comma is or, a dash is and."""
    return any(
        all(
            (factor.lstrip("!") in factors) is not factor.startswith("!") for factor in alternative.split("-")
        )
        for text in _expanded([condition])
        for alternative in text.split(",")
    )


def _expanded(texts: Iterable[str]) -> list[str]:
    """Return texts with each of `{a,b}` in its place, up to a limit."""
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

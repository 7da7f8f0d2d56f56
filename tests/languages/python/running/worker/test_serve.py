from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import FunctionType, ModuleType

import pytest
from _pytest.config import default_plugins

from testsmith.languages.python.running.worker.serve import list_less

FIXTURE = type(pytest.fixture(lambda: None))


@pytest.mark.parametrize("name", default_plugins)
def test_list_less__hooks_and_fixtures_stay(name: str) -> None:
    plugin = importlib.import_module(f"_pytest.{name}")
    copy = ModuleType(name)
    vars(copy).update(vars(plugin))

    list_less(copy)

    used = {one for one in dir(plugin) if one.startswith("pytest_") or isinstance(vars(plugin)[one], FIXTURE)}
    helpers = {
        one for one, value in vars(plugin).items() if isinstance(value, FunctionType) and not vars(value)
    } - used
    assert used <= {*dir(copy)} < {*dir(plugin)} - helpers


def test_list_less__fixtures_of_an_older_pytest_are_marked_functions() -> None:
    def tmp_thing() -> None: ...

    tmp_thing._pytestfixturefunction = object()  # type: ignore[attr-defined]
    plugin = ModuleType("plugin", "A plugin.")
    functions = {"tmp_thing": tmp_thing, "pytest_thing": lambda: None}
    vars(plugin).update(functions, os=os, Path=Path, NUMBER=1, NAMES=("a",), helper=lambda: None)

    list_less(plugin)

    assert {*dir(plugin)} == functions.keys()

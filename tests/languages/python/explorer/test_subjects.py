from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from testsmith.languages.python.explorer.subjects import NotUnderstood, Shape, read_description
from testsmith.languages.python.running.worker.explorer.describe import describe

SOURCE = """
from typing import TypedDict

Warn = TypedDict("Warn", {"user-id": int, "class": str, "uid": int})


def warn(one: Warn) -> None:
    pass
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    (tmp_path / "warned_of.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "warned_of", raising=False)
    described: dict[str, object] = json.loads(json.dumps(describe("warned_of", "warn")))
    return described


def test_typed_dict__keys_need_not_be_names(told: dict[str, object]) -> None:
    parameters = read_description(told).callee.parameters
    assert parameters is not None
    assert _keys(parameters[0].shape) == ["user-id", "class", "uid"]


def test_typed_dict__key_that_is_too_long(told: dict[str, object]) -> None:
    longer = json.loads(json.dumps(told).replace("user-id", "user-id" * 100))
    with pytest.raises(NotUnderstood):
        read_description(longer)


def _keys(shape: Shape) -> list[str]:
    assert shape.kind == "typed dict"
    return [key.name for key in shape.parameters]

"""What the application gives to a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from testsmith.app import App
from testsmith.process.supervisor import LINK
from testsmith.reporting.terminal import PlainProgress
from testsmith.settings import SettingsSources, parse


@pytest.fixture(name="link")
def _link() -> Iterator[int]:
    """Connect this process's link, and return the end that a supervisor reads."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    LINK.connect(writing)
    yield reading
    LINK._pipe = None
    os.close(writing)
    os.close(reading)


@pytest.mark.parametrize(
    ("arguments", "sweeps", "is_action", "told"),
    [
        ({"max_minutes": 4.0}, False, False, "allow 360.0\n"),
        ({"max_minutes": 4.0}, False, True, "allow 960.0\n"),
        ({"max_minutes": 4.0, "install_seconds": 10.0, "suite_seconds": 5.0}, True, False, "allow 420.0\n"),
        ({"max_minutes": 4.0, "estimate": True}, False, False, ""),
    ],
)
def test_clients__have_the_time_that_the_settings_allow(
    link: int, arguments: dict[str, Any], *, sweeps: bool, is_action: bool, told: str
) -> None:
    settings = parse(Path(), SettingsSources(arguments={"base": "main", **arguments}))
    app = App(environment={}, stdout=StringIO(), stderr=StringIO(), is_action=is_action)

    app.clients(settings, PlainProgress(StringIO()), sweeps=sweeps)

    try:
        received = os.read(link, 1000).decode()
    except BlockingIOError:
        received = ""
    assert received == told

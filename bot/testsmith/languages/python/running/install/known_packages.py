"""Well-known packages for tests, by what shows that tests use them.

Projects do not always declare them: they come with another package, or the developers have them anyway. Only
names in these tables are installed without being declared, never a name that is found in the project.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

_OF_MARKS = {
    "allow_hosts": "pytest-socket",
    "anyio": "anyio",
    "asyncio": "pytest-asyncio",
    "disable_socket": "pytest-socket",
    "django_db": "pytest-django",
    "enable_socket": "pytest-socket",
    "freeze_time": "pytest-freezer",
    "httpx_mock": "pytest-httpx",
    "respx": "respx",
    "timeout": "pytest-timeout",
    "trio": "pytest-trio",
}
_OF_FIXTURES = {
    "aiohttp_client": "pytest-aiohttp",
    "aiohttp_server": "pytest-aiohttp",
    "anyio_backend": "anyio",
    "data_regression": "pytest-regressions",
    "file_regression": "pytest-regressions",
    "freezer": "pytest-freezer",
    "fs": "pyfakefs",
    "httpx_mock": "pytest-httpx",
    "mocker": "pytest-mock",
    "requests_mock": "requests-mock",
    "respx_mock": "respx",
    "shared_datadir": "pytest-datadir",
    "time_machine": "time-machine",
}
_OF_MODULES = {
    "aioresponses": "aioresponses",
    "anyio": "anyio",
    "dirty_equals": "dirty-equals",
    "factory": "factory-boy",
    "faker": "faker",
    "flexmock": "flexmock",
    "freezegun": "freezegun",
    "hypothesis": "hypothesis",
    "inline_snapshot": "inline-snapshot",
    "moto": "moto",
    "parameterized": "parameterized",
    "pretend": "pretend",
    "pyfakefs": "pyfakefs",
    "pytest_asyncio": "pytest-asyncio",
    "pytest_django": "pytest-django",
    "pytest_httpserver": "pytest-httpserver",
    "pytest_httpx": "pytest-httpx",
    "pytest_mock": "pytest-mock",
    "pytest_trio": "pytest-trio",
    "requests_mock": "requests-mock",
    "responses": "responses",
    "respx": "respx",
    "syrupy": "syrupy",
    "testfixtures": "testfixtures",
    "time_machine": "time-machine",
    "trio": "trio",
    "vcr": "vcrpy",
}
_OF_SETTINGS = {
    "anyio_mode": "anyio",
    "asyncio_default_fixture_loop_scope": "pytest-asyncio",
    "asyncio_default_test_loop_scope": "pytest-asyncio",
    "asyncio_mode": "pytest-asyncio",
    "DJANGO_SETTINGS_MODULE": "pytest-django",
    "timeout": "pytest-timeout",
    "trio_mode": "pytest-trio",
}

PLUGIN_MARKS = (
    *_OF_MARKS,
    *("benchmark", "block_network", "dependency", "flaky", "forked", "order", "repeat", "vcr", "xdist_group"),
)
"""Marks of well-known plugins, also of those that several plugins share."""

MODULES_OF = {
    "attrs": ("attr", "attrs"),
    "beautifulsoup4": ("bs4",),
    "dnspython": ("dns",),
    "gitpython": ("git",),
    "grpcio": ("grpc",),
    "markdown-it-py": ("markdown_it",),
    "mysqlclient": ("mysqldb",),
    "opencv-python": ("cv2",),
    "opencv-python-headless": ("cv2",),
    "pillow": ("pil",),
    "psycopg2-binary": ("psycopg2",),
    "pycryptodome": ("crypto",),
    "pymongo": ("bson", "gridfs", "pymongo"),
    "scikit-image": ("skimage",),
    "scikit-learn": ("sklearn",),
    "websocket-client": ("websocket",),
}
"""Modules, in lower case, of well-known packages with another name, for what a project declares."""

_MARK = re.compile(r"\bmark\.(\w+)")
_ASKED_FOR = re.compile(r"(?:\bdef test\w*|\bfixture\b[^\n]{0,200}\n[ \t]*(?:async )?def \w+)\(([^()]*)\)")
_DEFINED = re.compile(r"\bdef (\w+)\(|[\"'](\w+)[\"']")


def packages_used(
    texts: Iterable[str], modules: Iterable[str], settings: Iterable[str], own: Iterable[str]
) -> Iterator[str]:
    """Yield the well-known packages that tests use by marks, fixtures, imports and settings of pytest.

    Args:
        texts: The files of the tests.
        modules: Top-level modules that they import, in lower case.
        settings: Names of the settings.
        own: Names of the project's own packages and modules, which are never one of these packages.
    """
    marks: set[str] = set()
    asked: set[str] = set()
    defined: set[str] = set()
    for text in texts:
        marks.update(_MARK.findall(text))
        asked.update(name for given in _ASKED_FOR.findall(text) for name in re.findall(r"\w+", given))
        defined.update(name for names in _DEFINED.findall(text) for name in names)
    excluded = set(own)
    used: Iterable[tuple[Mapping[str, str], Iterable[str]]] = (
        (_OF_MARKS, marks),
        (_OF_FIXTURES, asked - defined),
        (_OF_MODULES, set(modules) - excluded),
        (_OF_SETTINGS, settings),
    )
    found = {table[name] for table, names in used for name in names if name in table}
    yield from sorted(name for name in found if name.replace("-", "_") not in excluded)

"""uv as a project is installed with it: the program, and pip's settings in its words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from testsmith.execution.workspace import CannotPrepare

_SAME = {
    "UV_DEFAULT_INDEX": ("PIP_INDEX_URL",),
    "UV_INDEX": ("PIP_EXTRA_INDEX_URL",),
    "UV_INSECURE_HOST": ("PIP_TRUSTED_HOST",),
    "UV_HTTP_TIMEOUT": ("PIP_DEFAULT_TIMEOUT",),
    "UV_CONSTRAINT": ("PIP_CONSTRAINT",),
    "SSL_CERT_FILE": ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
}
"""uv's variables, each with those that say the same, the first that is set."""

_OTHER_NAMES = {"UV_DEFAULT_INDEX": "UV_INDEX_URL", "UV_INDEX": "UV_EXTRA_INDEX_URL"}
_NO = frozenset({"", "0", "false", "no", "off"})


@cache
def uv_program() -> Path:
    """Return the uv executable that is installed with this program.

    Raises:
        CannotPrepare: It is not installed beside this program.
    """
    try:
        from uv import find_uv_bin

        return Path(find_uv_bin())
    except (ImportError, FileNotFoundError) as error:
        raise CannotPrepare("uv is missing, which belongs to this program: install that again.") from error


def uv_variables(given: Mapping[str, str]) -> dict[str, str]:
    """Return uv's own variables for an environment that is made for pip; those that it has already hold."""
    return {**dict(_translated(given)), **_manners()}


def _translated(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, others in _SAME.items():
        if name in given or _OTHER_NAMES.get(name) in given:
            continue
        value = next((given[other] for other in others if given.get(other)), "")
        if value:
            yield name, value
    if "UV_FIND_LINKS" not in given and given.get("PIP_FIND_LINKS"):
        yield "UV_FIND_LINKS", ",".join(given["PIP_FIND_LINKS"].split())
    if is_set(given, "PIP_PRE"):
        yield "UV_PRERELEASE", "allow"


def is_set(given: Mapping[str, str], name: str) -> bool:
    """Tell whether a variable says yes."""
    return given.get(name, "").lower() not in _NO


def _manners() -> dict[str, str]:
    return {
        "UV_NO_PROGRESS": "1",
        "NO_COLOR": "1",
        # Users change from command to command: a file that had a second name could not be given to the next.
        "UV_LINK_MODE": "copy",
        # Nothing can be kept beside the packages inside, so each process would compile them again.
        "UV_COMPILE_BYTECODE": "1",
        "UV_PYTHON_DOWNLOADS": "manual",
    }

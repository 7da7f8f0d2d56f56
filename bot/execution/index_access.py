"""How an index of packages is reached from inside: proxies, certificates, addresses, without credentials.

Whoever builds a project runs its code, so what is given here is given away: every user name, password and
query of an address is taken off. Settings come from the environment, and from pip's own files where the
environment says nothing, since those files cannot be read inside.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_ADDRESSES = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_PROXY"),
    *("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"),
    *("UV_PYTHON_INSTALL_MIRROR", "UV_PYTHON_DOWNLOADS_JSON_URL"),
)
_PLAIN = (
    *("NO_PROXY", "PIP_TRUSTED_HOST", "PIP_NO_INDEX", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES"),
    *("PIP_ONLY_BINARY", "PIP_NO_BINARY", "PIP_PREFER_BINARY", "PIP_PRE"),
    *("UV_INSECURE_HOST", "UV_HTTP_TIMEOUT", "UV_INDEX_STRATEGY", "UV_PRERELEASE"),
)
_FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "PIP_CONSTRAINT")
_LIKE_WEB_ADDRESSES = ("http", "https", "socks5", "socks5h")
_MOST_FILE_BYTES = 4 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAccess:
    """How an index of packages is reached.

    Attributes:
        variables: The variables of the environment, without the files below.
        files: The files that a variable names each: certificates, constraints.
        bared: The variables from which something was taken: credentials, folders of this machine.
    """

    variables: Mapping[str, str]
    files: Mapping[str, Path]
    bared: tuple[str, ...] = ()


def index_access(environment: Mapping[str, str]) -> IndexAccess:
    """Return how the person whose environment this is reaches an index of packages."""
    given = {**_from_pips_files(environment), **_upper(environment)}
    addresses = {name: given[name] for name in (*_PROXIES, *_ADDRESSES) if given.get(name)}
    bare = {name: _bare_addresses(value) for name, value in addresses.items()}
    variables = {name: value for name, value in bare.items() if value}
    variables |= {name: given[name] for name in _PLAIN if given.get(name)}
    lower_too = {name.lower(): variables[name] for name in (*_PROXIES, "NO_PROXY") if name in variables}
    files = {name: Path(given[name]) for name in _FILES if given.get(name)}
    return IndexAccess(
        variables={**variables, **lower_too, "PIP_CONFIG_FILE": "/dev/null"},
        files={name: path for name, path in files.items() if _may_be_given(path)},
        bared=tuple(name for name, value in addresses.items() if bare[name] != " ".join(value.split())),
    )


def _upper(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables, with proxies that are named in lower case in upper case, too."""
    names = (*_PROXIES, "NO_PROXY")
    lower = {name: environment[name.lower()] for name in names if environment.get(name.lower())}
    return {**lower, **{name: value for name, value in environment.items() if value}}


def _may_be_given(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size <= _MOST_FILE_BYTES
    except OSError:
        return False


def _bare_addresses(value: str) -> str:
    return " ".join(bare for word in value.split() if (bare := bare_address(word)))


def bare_address(address: str) -> str:
    """Return a web address without user, password, query and fragment; empty where it is no web address."""
    with_scheme = address if "://" in address else f"http://{address}"
    parts = urlsplit(with_scheme)
    host = parts.netloc.rpartition("@")[2]
    bare = urlunsplit((parts.scheme, host, parts.path, "", ""))
    if parts.scheme not in _LIKE_WEB_ADDRESSES or not host or "@" in bare:
        return ""
    return bare if "://" in address else bare.removeprefix("http://")


def _from_pips_files(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what pip's settings files say, the later ones winning, by the variables' names."""
    found: dict[str, str] = {}
    for file in _pips_files(environment):
        read = configparser.RawConfigParser()
        try:
            read.read_string(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, configparser.Error):
            continue
        for section in ("global", "install"):
            found |= dict(_as_variables(read.items(section) if read.has_section(section) else ()))
    return found


def _as_variables(items: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for key, value in items:
        name = f"PIP_{key.upper().replace('-', '_')}"
        if name in (*_ADDRESSES, *_PLAIN, *_FILES):
            yield name, value


def _pips_files(environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield pip's settings files where it looks for them, the weakest first."""
    if environment.get("PIP_CONFIG_FILE") == "/dev/null":
        return
    yield from (Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf"))
    if home := environment.get("HOME"):
        yield from (Path(home, ".pip/pip.conf"), Path(home, ".config/pip/pip.conf"))
    if settings := environment.get("XDG_CONFIG_HOME"):
        yield Path(settings, "pip/pip.conf")
    if active := environment.get("VIRTUAL_ENV"):
        yield Path(active, "pip.conf")
    if named := environment.get("PIP_CONFIG_FILE"):
        yield Path(named)

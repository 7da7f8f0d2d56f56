"""Package index settings inside the sandbox: proxies, certificates and addresses, without credentials.

Builds run the project's code, so anything passed to them is exposed. User names, passwords and queries are
removed from every address, also in constraints files, and an address with a token-like path is left out.
Settings come from the environment, and otherwise from pip's configuration files, which cannot be read inside
the sandbox.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from testsmith.execution.workspace import CannotPrepare

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
_HTTPS, _NAMES = 443, 53
_PORTS = {"http": 80, "https": _HTTPS, "socks5": 1080, "socks5h": 1080}
_MOST_FILE_BYTES = 4 * 1024**2
_CONSTRAINTS = "PIP_CONSTRAINT"
_ADDRESS = re.compile(
    r"(?P<kind>(?:bzr|git|hg|svn)\+)?(?P<address>[a-z][a-z0-9.]*://[^\s;#]*)(?P<fragment>#\S*)?",
    re.IGNORECASE,
)
_DIGEST = re.compile(r"#(?:md5|sha\d{1,3})=[0-9a-f]{1,128}")
_PIECE = re.compile(r"[A-Za-z0-9]{16,}")
_SWITCH = re.compile(r"[a-z][A-Z]")
_MOST_SWITCHES = 4
"""More case changes than this indicate a token rather than a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageIndexAccess:
    """How to reach a package index.

    Attributes:
        variables: Environment variables, except those for `files`.
        files: Content of files by variable: certificates, constraints.
        stripped: Variables from which credentials or local folders were removed.
    """

    variables: Mapping[str, str]
    files: Mapping[str, bytes]
    stripped: tuple[str, ...] = ()

    @property
    def tcp_ports(self) -> tuple[int, ...]:
        """Allowed TCP ports: those of the addresses, HTTPS and DNS."""
        words = (word for name in (*_PROXIES, *_ADDRESSES) for word in self.variables.get(name, "").split())
        return tuple(sorted({_HTTPS, _NAMES, *filter(None, map(port_of, words))}))


def index_access(environment: Mapping[str, str]) -> PackageIndexAccess:
    """Return how to reach a package index according to the user's environment."""
    given = {**_from_pips_files(environment), **_upper(environment)}
    addresses = {name: given[name] for name in (*_PROXIES, *_ADDRESSES) if given.get(name)}
    bare = {name: _bare_addresses(value) for name, value in addresses.items()}
    variables = {name: value for name, value in bare.items() if value}
    variables |= {name: given[name] for name in _PLAIN if given.get(name)}
    lower_too = {name.lower(): variables[name] for name in (*_PROXIES, "NO_PROXY") if name in variables}
    stripped = [name for name, value in addresses.items() if bare[name] != " ".join(value.split())]
    found = {name: _content(Path(given[name])) for name in _FILES if given.get(name)}
    files = {name: content for name, content in found.items() if content is not None}
    if _CONSTRAINTS in files:
        bare_constraints = _bare_constraints(files[_CONSTRAINTS])
        stripped += [_CONSTRAINTS] if bare_constraints != files[_CONSTRAINTS] else []
        files[_CONSTRAINTS] = bare_constraints
    return PackageIndexAccess(
        variables={**variables, **lower_too, "PIP_CONFIG_FILE": "/dev/null"},
        files=files,
        stripped=tuple(stripped),
    )


def _upper(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables, with lowercase proxy variables copied to uppercase."""
    names = (*_PROXIES, "NO_PROXY")
    lower = {name: environment[name.lower()] for name in names if environment.get(name.lower())}
    return {**lower, **{name: value for name, value in environment.items() if value}}


def port_of(address: str) -> int | None:
    """Return the TCP port of an address; None if it is unknown."""
    parts = urlsplit(address if "://" in address else f"http://{address}")
    try:
        return parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None


def _content(path: Path) -> bytes | None:
    """Return the content of a file of the user; None if it is not a regular file or is too large."""
    try:
        if not path.is_file() or path.stat().st_size > _MOST_FILE_BYTES:
            return None
        return path.read_bytes()
    except OSError:
        return None


def _bare_constraints(content: bytes) -> bytes:
    """Return constraints without credentials, dropping lines whose address cannot be exposed."""
    lines = content.decode("utf-8", "surrogateescape").splitlines(keepends=True)
    return "".join(map(_bare_line, lines)).encode("utf-8", "surrogateescape")


def _bare_line(line: str) -> str:
    are_shown = True

    def bare(found: re.Match[str]) -> str:
        nonlocal are_shown
        address = bare_address(found["address"])
        are_shown = are_shown and bool(address)
        fragment = found["fragment"] or ""
        return (found["kind"] or "") + address + (fragment if _DIGEST.fullmatch(fragment) else "")

    text = _ADDRESS.sub(bare, line)
    return text if are_shown else ""


def _bare_addresses(value: str) -> str:
    return " ".join(bare for word in value.split() if (bare := bare_address(word)))


def bare_address(address: str) -> str:
    """Return a web address without user name, password, query and fragment.

    Empty if it is not a web address, or if part of its path looks like a token, as used by some indexes.
    """
    with_scheme = address if "://" in address else f"http://{address}"
    parts = urlsplit(with_scheme)
    host = parts.netloc.rpartition("@")[2]
    bare = urlunsplit((parts.scheme, host, parts.path, "", ""))
    if parts.scheme not in _LIKE_WEB_ADDRESSES or not host or "@" in bare or _holds_token(parts.path):
        return ""
    return bare if "://" in address else bare.removeprefix("http://")


def _holds_token(path: str) -> bool:
    """Return whether a path contains a long sequence of letters and digits that is unlikely to be a name."""
    pieces: list[str] = _PIECE.findall(unquote(path))
    return any(
        any(map(str.isdigit, piece)) or len(_SWITCH.findall(piece)) > _MOST_SWITCHES for piece in pieces
    )


def _from_pips_files(environment: Mapping[str, str]) -> dict[str, str]:
    """Return pip's settings from files by variable name; later files override earlier ones."""
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
    """Yield the paths of pip's configuration files in ascending priority."""
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


_SAME = {
    "UV_DEFAULT_INDEX": ("PIP_INDEX_URL",),
    "UV_INDEX": ("PIP_EXTRA_INDEX_URL",),
    "UV_INSECURE_HOST": ("PIP_TRUSTED_HOST",),
    "UV_HTTP_TIMEOUT": ("PIP_DEFAULT_TIMEOUT",),
    "UV_CONSTRAINT": ("PIP_CONSTRAINT",),
    "SSL_CERT_FILE": ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
}
"""uv's variables and the equivalent variables; the first one that is set is used."""

_OTHER_NAMES = {"UV_DEFAULT_INDEX": "UV_INDEX_URL", "UV_INDEX": "UV_EXTRA_INDEX_URL"}
_NO = frozenset({"", "0", "false", "no", "off"})


@cache
def uv_program() -> Path:
    """Return the uv executable installed with this program.

    Raises:
        CannotPrepare: uv is not installed.
    """
    try:
        from uv import find_uv_bin

        return Path(find_uv_bin())
    except (ImportError, FileNotFoundError) as error:
        raise CannotPrepare(
            "uv is missing. Install TestSmith again; uv is one of its dependencies."
        ) from error


def uv_variables(given: Mapping[str, str]) -> dict[str, str]:
    """Return uv's variables for an environment written for pip; variables of uv take precedence."""
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
    """Return whether a boolean variable is true."""
    return given.get(name, "").lower() not in _NO


def _manners() -> dict[str, str]:
    return {
        "UV_NO_PROGRESS": "1",
        "NO_COLOR": "1",
        # Commands may run as different users, and a hard-linked file could not be handed to the next one.
        "UV_LINK_MODE": "copy",
        # Processes in the sandbox cannot write bytecode, so each would compile the packages again.
        "UV_COMPILE_BYTECODE": "1",
        "UV_PYTHON_DOWNLOADS": "manual",
    }

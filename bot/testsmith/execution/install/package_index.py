"""How an index of packages is reached from inside: proxies, certificates, addresses, without credentials.

Whoever builds a project runs its code, so what is given here is given away: every user name, password and
query of an address is taken off, in a file of constraints too, and an address with what looks like a token in
its path is left out. Settings come from the environment, and from pip's own files where the environment says
nothing, since those files cannot be read inside.
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
"""A name has fewer words, where each begins with a capital letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageIndexAccess:
    """How an index of packages is reached.

    Attributes:
        variables: The variables of the environment, without the files below.
        files: What is in the file that a variable names: certificates, constraints.
        bared: The variables from which something was taken: credentials, folders of this machine.
    """

    variables: Mapping[str, str]
    files: Mapping[str, bytes]
    bared: tuple[str, ...] = ()

    @property
    def tcp_ports(self) -> tuple[int, ...]:
        """The ports to connect to: those of the addresses, of HTTPS, and of the lookup of names."""
        words = (word for name in (*_PROXIES, *_ADDRESSES) for word in self.variables.get(name, "").split())
        return tuple(sorted({_HTTPS, _NAMES, *filter(None, map(_port_of, words))}))


def index_access(environment: Mapping[str, str]) -> PackageIndexAccess:
    """Return how the person whose environment this is reaches an index of packages."""
    given = {**_from_pips_files(environment), **_upper(environment)}
    addresses = {name: given[name] for name in (*_PROXIES, *_ADDRESSES) if given.get(name)}
    bare = {name: _bare_addresses(value) for name, value in addresses.items()}
    variables = {name: value for name, value in bare.items() if value}
    variables |= {name: given[name] for name in _PLAIN if given.get(name)}
    lower_too = {name.lower(): variables[name] for name in (*_PROXIES, "NO_PROXY") if name in variables}
    bared = [name for name, value in addresses.items() if bare[name] != " ".join(value.split())]
    found = {name: _content(Path(given[name])) for name in _FILES if given.get(name)}
    files = {name: content for name, content in found.items() if content is not None}
    if _CONSTRAINTS in files:
        bare_constraints = _bare_constraints(files[_CONSTRAINTS])
        bared += [_CONSTRAINTS] if bare_constraints != files[_CONSTRAINTS] else []
        files[_CONSTRAINTS] = bare_constraints
    return PackageIndexAccess(
        variables={**variables, **lower_too, "PIP_CONFIG_FILE": "/dev/null"}, files=files, bared=tuple(bared)
    )


def _upper(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables, with proxies that are named in lower case in upper case, too."""
    names = (*_PROXIES, "NO_PROXY")
    lower = {name: environment[name.lower()] for name in names if environment.get(name.lower())}
    return {**lower, **{name: value for name, value in environment.items() if value}}


def _port_of(address: str) -> int | None:
    parts = urlsplit(address if "://" in address else f"http://{address}")
    try:
        return parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None


def _content(path: Path) -> bytes | None:
    """Return what is in a file of the person's own; None if it is not a file, or a large one."""
    try:
        if not path.is_file() or path.stat().st_size > _MOST_FILE_BYTES:
            return None
        return path.read_bytes()
    except OSError:
        return None


def _bare_constraints(content: bytes) -> bytes:
    """Return a file of constraints with bare addresses, without the lines whose address is not given away."""
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
    """Return a web address without user, password, query and fragment.

    Empty if it is not a web address, or if a part of its path looks like a token, as some indexes have it.
    """
    with_scheme = address if "://" in address else f"http://{address}"
    parts = urlsplit(with_scheme)
    host = parts.netloc.rpartition("@")[2]
    bare = urlunsplit((parts.scheme, host, parts.path, "", ""))
    if parts.scheme not in _LIKE_WEB_ADDRESSES or not host or "@" in bare or _holds_token(parts.path):
        return ""
    return bare if "://" in address else bare.removeprefix("http://")


def _holds_token(path: str) -> bool:
    """Tell whether a path has a long piece of letters and digits that is hardly a name."""
    pieces: list[str] = _PIECE.findall(unquote(path))
    return any(
        any(map(str.isdigit, piece)) or len(_SWITCH.findall(piece)) > _MOST_SWITCHES for piece in pieces
    )


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

"""Which Go files are built where tests run: build tags, and systems and processors in file names.

Sources: `go help buildconstraint`, and the lists in Go's `internal/syslist`.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

_SYSTEMS = frozenset(
    {
        *("aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux"),
        *("nacl", "netbsd", "openbsd", "plan9", "solaris", "wasip1", "windows", "zos"),
    }
)
_PROCESSORS = frozenset(
    {
        *("386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "loong64", "mips", "mipsle"),
        *("mips64", "mips64le", "mips64p32", "mips64p32le", "ppc", "ppc64", "ppc64le", "riscv", "riscv64"),
        *("s390", "s390x", "sparc", "sparc64", "wasm"),
    }
)
_PROCESSOR = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386"}.get(
    platform.machine(), platform.machine()
)
_TRUE = frozenset({"linux", "unix", "gc", _PROCESSOR})
_RELEASE = re.compile(r"go1\.\d+")
_CONSTRAINT = re.compile(r"//go:build[ \t]+(.+)")
_PACKAGE = re.compile(r"^package\b", re.MULTILINE)
_TOKEN = re.compile(r"\s*(?:(\|\||&&|[!()])|([\w.]+))")
_GENERATED = re.compile(r"^// Code generated .* DO NOT EDIT\.$", re.MULTILINE)
_LINE_DIRECTIVE = re.compile(r"^//line |/\*line ", re.MULTILINE)
_CGO = re.compile(r'^import\s+"C"|^\s+"C"$', re.MULTILINE)
_MOST_TOKENS = 200


def is_generated(text: str) -> bool:
    """Return whether a file says that it is generated, as `go help generate` specifies."""
    return _GENERATED.search(_head(text)) is not None


def obstacle(path: str, text: str) -> str:
    """Return why the functions of a file cannot be tested here; empty if they can be."""
    if is_generated(text):
        return "it is generated"
    if _CGO.search(text):
        return "it uses cgo, which needs a C compiler"
    if _LINE_DIRECTIVE.search(text):
        return "it has line directives, so its coverage cannot be measured"
    return not_built(path, text)


def is_for_all(name: str) -> bool:
    """Return whether a file of this name is built for all systems and processors."""
    return not any(_constrained_by_name(name))


def not_built(path: str, text: str) -> str:
    """Return why a file is not part of a build on Linux without tags; empty if it is."""
    name = PurePosixPath(path).name
    if name.startswith(("_", ".")):
        return "its name begins with `_` or `.`, so Go ignores it"
    wrong = [part for part in _constrained_by_name(name) if part not in _TRUE]
    if wrong:
        return f"it is built only for {wrong[0]}"
    match = _CONSTRAINT.search(_head(text))
    if match is not None and not _holds(match[1].strip()):
        return f"it is built only with `{match[1].strip()[:100].replace('`', '')}`"
    return ""


def _head(text: str) -> str:
    """Return what is above the package clause."""
    match = _PACKAGE.search(text)
    return text if match is None else text[: match.start()]


def _constrained_by_name(name: str) -> Iterator[str]:
    parts = name.removesuffix(".go").removesuffix("_test").split("_")[1:]
    if parts and parts[-1] in _PROCESSORS:
        yield parts.pop()
    if parts and parts[-1] in _SYSTEMS:
        yield parts[-1]


def _holds(expression: str) -> bool:
    """Return whether a constraint holds; False if it cannot be read."""
    tokens = [match[1] or match[2] for match in _TOKEN.finditer(expression)]
    if len(tokens) > _MOST_TOKENS:
        return False
    try:
        return _either([*tokens, ""][::-1])
    except IndexError:
        return False


def _either(waiting: list[str]) -> bool:
    value = _both(waiting)
    while waiting and waiting[-1] == "||":
        waiting.pop()
        other = _both(waiting)
        value = value or other
    return value


def _both(waiting: list[str]) -> bool:
    value = _single(waiting)
    while waiting and waiting[-1] == "&&":
        waiting.pop()
        other = _single(waiting)
        value = value and other
    return value


def _single(waiting: list[str]) -> bool:
    word = waiting.pop()
    if word == "!":
        return not _single(waiting)
    if word == "(":
        value = _either(waiting)
        waiting.pop()
        return value
    return word in _TRUE or _RELEASE.fullmatch(word) is not None

"""What imports by other than relative paths mean: aliases of settings, and packages of the tree."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

from testsmith.decode import IF_VALID, Malformed, OrElse, at, decode
from testsmith.languages.typescript.running.manifest import (
    MANIFEST,
    MOST_MANIFEST_BYTES,
    PackageManifest,
    manifest_in,
    packages_around,
)

_SETTINGS = ("tsconfig.json", "jsconfig.json")
_MOST_SETTINGS = 8
"""Maximum number of files of settings that are followed from one."""

_MOST_PACKAGES = 500
_COMMENT = re.compile(r'(?P<kept>"(?:[^"\\]|\\.)*")|//[^\n]*|/\*[\s\S]*?\*/')
_LAST_COMMA = re.compile(r'(?P<kept>"(?:[^"\\]|\\.)*")|,(?=\s*[}\]])')
_BUILT = re.compile(r"^(?:dist|lib|build|es|esm|cjs|out)/(?:(?:es|esm|cjs)/)?")
_ENDING = re.compile(r"(?:\.d)?\.[cm]?[jt]sx?$")
_DEEPEST = 6

_Texts = Annotated[tuple[Annotated[str, IF_VALID], ...], OrElse(())]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reference:
    path: Annotated[str, OrElse("")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    base: Annotated[str | None, at("compilerOptions", "baseUrl"), OrElse(None)] = None
    paths: Annotated[dict[str, _Texts] | None, at("compilerOptions", "paths"), OrElse(None)] = None
    extends: Any = None
    references: Annotated[tuple[_Reference, ...], OrElse(())] = ()


@dataclass(frozen=True, slots=True)
class _Paths:
    """Patterns of imports with the folders that they mean, and the folder that others are looked up in."""

    base: str | None = None
    patterns: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Aliases:
    """The aliases of a tree.

    Attributes:
        read: Returns a file's content by its path; None if there is none.
        paths: Paths of all files.
    """

    read: Callable[[str], bytes | None]
    paths: Collection[str]
    _known: dict[str, _Paths] = field(default_factory=dict, init=False)

    def targets(self, source: str, path: str, *, packages: bool = True) -> Iterator[str]:
        """Yield the paths that an import may mean, perhaps without their endings, likeliest first.

        Args:
            source: What is imported, as it is written.
            path: The file that imports it.
            packages: Whether it may be the name of a package of the tree.
        """
        settings = self._settings_for(posixpath.dirname(path))
        yield from _filled(source, settings.patterns)
        if settings.base is not None:
            yield posixpath.normpath(posixpath.join(settings.base, source))
        if source.startswith("#"):
            for folder, manifest in packages_around(self.read, path):
                for target in _filled(source, _subpaths(manifest.imports, "#")):
                    yield posixpath.normpath(posixpath.join(folder, target))
                break
        elif packages:
            yield from self._in_package(source)

    def _settings_for(self, folder: str) -> _Paths:
        """Return the settings of the nearest file of them above a folder."""
        if folder not in self._known:
            own = next((name for name in _SETTINGS if posixpath.join(folder, name) in self._names), "")
            if own:
                self._known[folder] = self._read_settings(posixpath.join(folder, own))
            else:
                around = posixpath.dirname(folder)
                self._known[folder] = self._settings_for(around) if folder else _Paths()
        return self._known[folder]

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.paths)

    def _read_settings(self, first: str) -> _Paths:
        """Return what a file says, or else what it extends, or else what it refers to."""
        waiting, seen, base, patterns = [first], set[str](), None, None
        while waiting and len(seen) < _MOST_SETTINGS:
            path = waiting.pop(0)
            found = None if path in seen else _settings_in(self.read(path))
            seen.add(path)
            if found is None:
                continue
            folder = posixpath.dirname(path)
            own = None if found.base is None else posixpath.normpath(posixpath.join(folder, found.base))
            base = own if base is None else base
            if patterns is None and found.paths is not None:
                root = folder if own is None else own
                patterns = {
                    one: [posixpath.normpath(posixpath.join(root, target)) for target in targets]
                    for one, targets in found.paths.items()
                }
            extended = found.extends if isinstance(found.extends, list) else [found.extends]
            others = [one for one in extended if isinstance(one, str) and one.startswith(".")]
            others += [one.path for one in found.references] if patterns is None else []
            waiting += [name for one in others for name in self._named(posixpath.join(folder, one))]
        return _Paths("" if base == "." else base, patterns or {})

    def _named(self, path: str) -> list[str]:
        target = posixpath.normpath(path)
        inside = posixpath.normpath(posixpath.join(target, _SETTINGS[0]))
        candidates = (target, f"{target}.json", inside)
        return [one for one in candidates if one in self._names][:1]

    def _in_package(self, source: str) -> Iterator[str]:
        parts = source.split("/")
        size = 2 if source.startswith("@") else 1
        folder, manifest = self._packages.get("/".join(parts[:size]), ("", None))
        if manifest is None:
            return
        below = "/".join(parts[size:])
        wanted = f"./{below}" if below else "."
        entries = list(_filled(wanted, _subpaths(manifest.exports, ".")))
        if not below:
            entries += filter(None, (manifest.source, manifest.module, manifest.main))
        for entry in (*entries, below or "index"):
            own = posixpath.normpath(entry)
            for one in (own, _BUILT.sub("src/", own), f"src/{own}"):
                yield posixpath.normpath(posixpath.join(folder, one))
                yield posixpath.normpath(posixpath.join(folder, _ENDING.sub("", one)))

    @cached_property
    def _packages(self) -> Mapping[str, tuple[str, PackageManifest]]:
        """The packages of the tree by name, with their folders."""
        places = sorted(one for one in self.paths if posixpath.basename(one) == MANIFEST)
        places = [one for one in places if "node_modules" not in one.split("/")][:_MOST_PACKAGES]
        found: dict[str, tuple[str, PackageManifest]] = {}
        for place in sorted(places, key=lambda one: one.count("/")):
            manifest = manifest_in(self.read(place))
            if manifest is not None and manifest.name:
                found.setdefault(manifest.name, (posixpath.dirname(place), manifest))
        return found


def _settings_in(data: bytes | None) -> _Settings | None:
    """Return what a file with comments and commas at the end of lists says; None if it is malformed."""
    if data is None or len(data) > MOST_MANIFEST_BYTES:
        return None
    text = data.decode("utf-8-sig", "replace")
    for pattern in (_COMMENT, _LAST_COMMA):
        text = pattern.sub(lambda found: found["kept"] or "", text)
    try:
        return decode(_Settings, text)
    except Malformed:
        return None


def _filled(source: str, patterns: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield what a source means by the pattern that fits best; `*` matches anything."""
    for pattern in sorted(patterns, key=lambda one: -len(one.partition("*")[0])):
        before, star, after = pattern.partition("*")
        if source == pattern:
            yield from patterns[pattern]
        elif (
            star and source.startswith(before) and source.endswith(after) and len(source) >= len(pattern) - 1
        ):
            middle = source[len(before) : len(source) - len(after)]
            yield from (target.replace("*", middle) for target in patterns[pattern])


def _subpaths(value: object, beginning: str) -> dict[str, list[str]]:
    """Return the targets of `exports` or `imports` of a manifest by subpath, whatever their conditions."""
    if isinstance(value, dict) and any(str(key).startswith(beginning) for key in value):
        return {str(key): list(_texts(one)) for key, one in value.items()}
    return {".": list(_texts(value))}


def _texts(value: object, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < _DEEPEST and isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one, depth + 1)

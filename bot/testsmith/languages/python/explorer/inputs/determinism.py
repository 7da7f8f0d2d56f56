"""Detect that a member reads the clock or random values, and fix them in tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import NamedTuple

from testsmith.languages.python.explorer.module_source import Definition, ModuleSource, reachable
from testsmith.languages.python.explorer.render.expressions import NONE, Import, Imports
from testsmith.languages.python.explorer.subjects import Subject
from testsmith.languages.python.explorer.trial import NAPS, Trial

_STEPS = 2
_MOST_VARIANTS = 28

_STILL: dict[str, str] = {
    "time.time": "lambda: 1_700_000_000.0",
    "time.time_ns": "lambda: 1_700_000_000_000_000_000",
    "time.monotonic": "count(100).__next__",
    "time.perf_counter": "count(100).__next__",
    "random.random": "lambda: 0.25",
    "random.randint": "lambda low, high: low",
    "random.randrange": "lambda start, stop=None: 0 if stop is None else start",
    "random.uniform": "lambda low, high: low",
    "random.choice": "lambda items: items[0]",
    "random.choices": "lambda items, k=1, **_: [items[0]] * k",
    "random.sample": "lambda items, k: list(items)[:k]",
    "random.shuffle": "list.reverse",
    "secrets.choice": "lambda items: items[0]",
    "secrets.randbelow": "lambda limit: 0",
    "secrets.token_hex": 'lambda size=32: "0f" * size',
    "secrets.token_urlsafe": 'lambda size=32: "a" * size',
    "secrets.token_bytes": 'lambda size=32: b"a" * size',
    "os.urandom": 'lambda size: b"a" * size',
    "uuid.uuid4": 'lambda: UUID("12345678-1234-5678-1234-567812345678")',
    "uuid.uuid1": 'lambda: UUID("12345678-1234-5678-1234-567812345678")',
}
"""Replacements for functions that return a different value each time."""

_OF_CLASSES = {
    "datetime.datetime.now": "datetime",
    "datetime.datetime.utcnow": "datetime",
    "datetime.datetime.today": "datetime",
    "datetime.date.today": "date",
}
"""Class methods that read the clock, with their classes."""

_CLASSES = {
    "datetime": (
        "class FrozenDatetime(datetime):\n"
        "    @classmethod\n"
        "    def {method}(cls{zone}):\n"
        "        return datetime(2024, 2, 29, 13, 30{given})"
    ),
    "date": (
        "class FrozenDate(date):\n    @classmethod\n    def today(cls):\n        return date(2024, 2, 29)"
    ),
}

_SLEEPS = "time.sleep"
_CLOCKS_OF_LOOPS = frozenset({"time.monotonic"})
"""Clocks used by a running event loop, which would stop as well."""

_NEEDED = {"count(": Import("itertools", "count"), "UUID(": Import("uuid", "UUID")}


class Still(NamedTuple):
    """Code that fixes what a member reads.

    Attributes:
        statements: Statements to run before all others.
        imports: Imports they require.
    """

    statements: tuple[str, ...] = ()
    imports: Imports = NONE


def with_stillness(subject: Subject, trials: Iterator[Trial]) -> Iterator[Trial]:
    """Yield the trials without sleeping, and those with fixed clock and random values as well."""
    definitions = reachable(subject.member.name, subject.source, _STEPS)
    found = [*_reads(definitions, subject.source)] if _is_defined_there(subject) else []
    reads = dict(found)
    naps = {path: origin for path, origin in reads.items() if origin == _SLEEPS}
    awake = _naps(subject, naps)
    still = _still(subject, definitions, {path: reads[path] for path in reads if path not in naps})
    by_chance = _is_by_chance([origin for _, origin in found], can_be_held=bool(still.statements))
    for at, trial in enumerate(trials):
        made = _held(trial, awake, (NAPS,) if naps else ())
        yield replace(made, only_refusals=True) if by_chance else made
        if still.statements and (by_chance or at < _MOST_VARIANTS):
            yield _held(made, still)


def _is_by_chance(origins: Sequence[str], *, can_be_held: bool) -> bool:
    """Return whether values may be equal in two runs only by coincidence.

    This applies to random values and to intervals between two clock readings. If a clock cannot be fixed,
    small differences are accepted.
    """
    moments = [origin for origin in origins if origin != _SLEEPS]
    by_date = [origin for origin in moments if origin in _OF_CLASSES or origin.startswith("time.time")]
    return len(by_date) < len(moments) or (can_be_held and len(moments) > 1)


def _is_defined_there(subject: Subject) -> bool:
    """Return whether the public module defines the member, so that names it reads can be patched there."""
    path = PurePosixPath(subject.member.path).with_suffix("")
    path = path.parent if path.name == "__init__" else path
    module = tuple(subject.member.module.split("."))
    return path.parts[-len(module) :] == module


def _held(trial: Trial, still: Still, watched: tuple[str, ...] = ()) -> Trial:
    if not still.statements:
        return trial
    return replace(
        trial,
        still=(*trial.still, *still.statements),
        imports=trial.imports | still.imports,
        watched=(*trial.watched, *watched),
    )


def _reads(definitions: Sequence[Definition], source: ModuleSource) -> Iterator[tuple[str, str]]:
    """Yield the names called in some definitions, as the module spells them, with their origins."""
    for definition in definitions:
        for node in ast.walk(definition):
            if isinstance(node, ast.Call):
                path = ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else ""
                origin = _origin(path, source)
                if origin in _STILL or origin in _OF_CLASSES or origin == _SLEEPS:
                    yield path, origin


def _origin(path: str, source: ModuleSource) -> str:
    """Return a dotted name with its import resolved."""
    first, dot, rest = path.partition(".")
    imported = source.imports.get(first)
    if imported is None:
        return ""
    return ".".join(filter(None, (imported.module, imported.name))) + dot + rest


def _naps(subject: Subject, naps: dict[str, str]) -> Still:
    if not naps:
        return Still()
    patches = [_patch(f"{subject.member.module}.{path}", f"{NAPS}.append") for path in naps]
    return Still((f"{NAPS} = []", *patches))


def _still(subject: Subject, definitions: Sequence[Definition], reads: dict[str, str]) -> Still:
    """Return code that fixes everything that is read, or empty if not all of it can be fixed."""
    asked = {name for each in definitions for name in _asked_classes(each)}
    asynchronous = any(isinstance(node, ast.Await) for each in definitions for node in ast.walk(each))
    statements: list[str] = []
    for path, origin in reads.items():
        if asynchronous and origin in _CLOCKS_OF_LOOPS:
            return Still()
        if origin in _OF_CLASSES and _OF_CLASSES[origin] in asked:
            return Still()
        of = _of_class if origin in _OF_CLASSES else _of_function
        statements += of(subject, path, origin)
    text = "\n".join(statements)
    imports = {each for mark, each in _NEEDED.items() if mark in text}
    imports |= {Import("datetime", name) for name in _CLASSES if f"({name})" in text}
    return Still(tuple(dict.fromkeys(statements)), frozenset(imports))


def _asked_classes(definition: Definition) -> Iterator[str]:
    """Yield the names of classes used in type checks, which must not be replaced by other classes."""
    for node in ast.walk(definition):
        match node:
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, kinds]):
                named = [each for each in ast.walk(kinds) if isinstance(each, ast.Name | ast.Attribute)]
                yield from (ast.unparse(each).rpartition(".")[2] for each in named)


def _of_function(subject: Subject, path: str, origin: str) -> list[str]:
    return [_patch(f"{subject.member.module}.{path}", _STILL[origin])]


def _of_class(subject: Subject, path: str, origin: str) -> list[str]:
    name, method = _OF_CLASSES[origin], origin.rpartition(".")[2]
    zone, given = (", tz=None", ", tzinfo=tz") if method == "now" else ("", "")
    place = f"{subject.member.module}.{path.rpartition('.')[0]}"
    made = _CLASSES[name].format(method=method, zone=zone, given=given)
    return [made, _patch(place, f"Frozen{name.capitalize()}")]


def _patch(place: str, stand_in: str) -> str:
    return f'monkeypatch.setattr("{place}", {stand_in})'

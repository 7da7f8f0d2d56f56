"""Source expressions: what inputs are made of, together with the imports that they need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple


class Layer(IntEnum):
    """Where an input comes from, the most telling first."""

    DOCUMENTED = 0
    USED = 1
    ORDINARY = 2
    BOUNDARY = 3
    TYPED = 4
    REPEATED = 5
    """A call that the project's own tests make as it is."""
    SEARCHED = 6


class Import(NamedTuple):
    """One import of a test module.

    Attributes:
        module: The module.
        name: What is imported from it; empty where it is imported itself.
        alias: The name it goes by in the test; empty for its own.
    """

    module: str
    name: str = ""
    alias: str = ""

    @property
    def bound(self) -> str:
        """The name that it binds."""
        return self.alias or self.name or self.module.partition(".")[0]

    @property
    def statement(self) -> str:
        """The import as a statement."""
        alias = f" as {self.alias}" if self.alias else ""
        if self.name:
            return f"from {self.module} import {self.name}{alias}"
        return f"import {self.module}{alias}"


Imports = frozenset[Import]
NONE: Imports = frozenset()


@dataclass(frozen=True, slots=True)
class Expression:
    """A value as source text.

    Attributes:
        text: The text.
        imports: What it needs.
        layer: Where it comes from.
    """

    text: str
    imports: Imports = NONE
    layer: Layer = Layer.TYPED

    def at(self, layer: Layer) -> Expression:
        """Return the same value as one that comes from elsewhere."""
        return replace(self, layer=layer)


def unique(expressions: Iterable[Expression]) -> list[Expression]:
    """Return the expressions without those whose text came before."""
    found: dict[str, Expression] = {}
    for expression in expressions:
        found.setdefault(expression.text, expression)
    return [*found.values()]


def joined(template: str, parts: Iterable[Expression], imports: Imports = NONE) -> Expression:
    """Return a template with the parts' texts, separated by commas, in the place of its `{}`."""
    parts = [*parts]
    opening, _, closing = template.partition("{}")
    text = opening + ", ".join(part.text for part in parts) + closing
    return Expression(text, imports.union(*(part.imports for part in parts)))


def quoted(text: str | bytes) -> str:
    """Return the literal of a text or of bytes, in double quotes unless single ones save escapes."""
    start, mark, body = repr(text).partition("'")
    if start in {"", "b"} and mark and '"' not in body:
        return start + '"' + body[:-1].replace("\\'", "'") + '"'
    return repr(text)

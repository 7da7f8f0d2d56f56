"""The imports of a Go file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testsmith.languages.go.source.parsing import string_value
from testsmith.languages.syntax_tree import ParsedText, field, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

_VERSION = re.compile(r"v\d+")


@dataclass(frozen=True, slots=True)
class GoImport:
    """An import.

    Attributes:
        path: What is imported.
        alias: The name given to it, also `_` and `.`; empty for the package's own name.
    """

    path: str
    alias: str = ""

    @property
    def name(self) -> str:
        """The name by which the file uses it, as far as its path shows."""
        return self.alias or usual_name(self.path)

    @property
    def spec(self) -> str:
        """Its text in an import declaration."""
        return f'{self.alias} "{self.path}"' if self.alias else f'"{self.path}"'

    @property
    def is_of_library(self) -> bool:
        """Whether it is in the standard library: the first part of its path is not a host."""
        return "." not in self.path.partition("/")[0]


def usual_name(path: str) -> str:
    """Return the likely name of an imported package: the last part of its path, without a version."""
    parts = [part for part in path.split("/") if part]
    if len(parts) > 1 and _VERSION.fullmatch(parts[-1]):
        parts.pop()
    name = re.sub(r"\.v\d+$", "", parts[-1]) if parts else ""
    return name.removeprefix("go-").removesuffix("-go").removesuffix(".go").replace("-", "_")


def import_declarations(file: ParsedText) -> list[tuple[Node, list[tuple[GoImport, Node]]]]:
    """Return the import declarations of a file, each with its imports and their nodes, in order."""
    found = []
    for node in file.root.children:
        if node.type == "import_declaration":
            nodes = [one for child in node.named_children for one in (child, *child.named_children)]
            specs = [
                (GoImport(path, text_of(field(one, "name"))), one)
                for one in nodes
                if one.type == "import_spec" and (path := string_value(field(one, "path"))) is not None
            ]
            found.append((node, specs))
    return found


def imports_in(file: ParsedText) -> list[tuple[GoImport, Node]]:
    """Return the imports of a file with their nodes, in order."""
    return [one for _, specs in import_declarations(file) for one in specs]

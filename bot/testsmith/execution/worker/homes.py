"""Where a test imports a class or function of the project from."""

from __future__ import annotations

import sys
from typing import Any


def public_home(thing: Any) -> str | None:
    """Return the public module that a test imports a class or function from, or None where there is none.

    That is the module that defines it where its path is public, else the shortest public module of the same
    package, among those that are loaded, that has it under its own name.
    """
    module = getattr(thing, "__module__", None)
    path = getattr(thing, "__qualname__", "")
    if not isinstance(module, str) or module == "__main__" or "<locals>" in path or is_private(path):
        return None
    top = module.partition(".")[0]
    others = sorted(_public_modules(top), key=lambda name: (name.count("."), name))
    for home in [module, *others]:
        if not is_private(home) and _has(home, path, thing):
            return home
    return None


def _public_modules(top: str) -> list[str]:
    return [name for name in list(sys.modules) if name.partition(".")[0] == top and not is_private(name)]


def _has(module: str, path: str, thing: object) -> bool:
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found is thing


def is_private(path: str) -> bool:
    """Tell whether a dotted name has a part that begins with an underscore."""
    return any(part.startswith("_") for part in path.split("."))

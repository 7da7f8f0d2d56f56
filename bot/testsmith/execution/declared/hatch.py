"""What hatch installs for tests: the environments of `[tool.hatch.envs]` or of `hatch.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from testsmith.execution.declared.names import is_for_tests
from testsmith.execution.declared.requirements import Collector, Declared, Read


def read_hatch(envs: Mapping[str, Any], toml: Mapping[str, Any], read: Read) -> Declared:
    """Return what the environments for tests declare; if none is named after tests, the default one.

    Args:
        envs: The table `[tool.hatch.envs]`; empty for none.
        toml: What `hatch.toml` holds; empty for none.
        read: Gives the project's files.
    """
    own = toml.get("envs")
    every = {**envs, **(own if isinstance(own, dict) else {})}
    names = [name for name in every if is_for_tests(name)] or ["default"]
    collector = Collector(f"the hatch environment{'s' * (len(names) > 1)} {', '.join(names)}", read)
    for name in names:
        table = every.get(name)
        for key, take in (
            ("dependencies", collector.items),
            ("extra-dependencies", collector.items),
            ("features", collector.extras),
            ("dependency-groups", collector.groups),
        ):
            value = table.get(key) if isinstance(table, dict) else None
            take(value if isinstance(value, list) else ())
    return collector.declared()

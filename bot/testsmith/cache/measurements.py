"""What a measurement of the project's own tests depends on, as one key. Pure.

Measurements lie beside the results, in a file of their own: they are counted in no figure of the result
cache, and other members are looked at in every run.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

MEASUREMENTS_FILE_NAME = "measurements-v1.sqlite3"
"""A new layout gets a new name, as with the results."""

MEASUREMENT_SCHEMA = 3
"""Raised when the meaning of a part or of a value changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementParts:
    """Everything a measurement depends on, by name.

    Attributes:
        files: A digest of all files of head, as they are run.
        spans: Path, first and last line of each member that is looked at; their order does not matter.
        interpreter: The interpreter's path, what it leads to, and version.
        distributions: The names and versions of what is installed for it; their order does not matter.
        layers: The layers of the sandbox: what they forbid decides which tests pass.
        version: The version of this program.
        command: How the tests are run.
    """

    files: str
    spans: tuple[tuple[str, int, int], ...]
    interpreter: str
    distributions: tuple[str, ...]
    layers: tuple[str, ...]
    version: str
    command: str


def measurement_key(parts: MeasurementParts) -> str:
    """Return the key: SHA-256, in hexadecimal, over canonical JSON of the named parts."""
    named = asdict(parts) | {
        "schema": MEASUREMENT_SCHEMA,
        "spans": sorted(parts.spans),
        "distributions": sorted(parts.distributions),
    }
    canonical = json.dumps(named, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()

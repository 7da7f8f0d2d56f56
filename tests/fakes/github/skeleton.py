"""Makes objects that hold by a schema: what matters is given, the rest is as little as may be."""

from __future__ import annotations

from typing import Any

from fakes.github.errata import Json

_BY_FORMAT = {
    "uri": "https://github.example/none",
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "email": "nobody@github.example",
}
_BY_TYPE: dict[str, Any] = {
    "integer": 0,
    "number": 0,
    "boolean": False,
    "array": [],
    "string": "",
    "null": None,
}


class Skeletons:
    """Objects of one description's schemas.

    Args:
        description: An OpenAPI description as JSON Schema understands it.
    """

    def __init__(self, description: Json) -> None:
        self._schemas: Json = description["components"]["schemas"]
        self._plain: dict[str, Json] = {}

    def make(self, schema: str, what_matters: Json) -> Json:
        """Return an object of a schema."""
        known = self._properties(self._schemas[schema])
        unknown = sorted(set(what_matters) - set(known))
        assert not unknown, f"{schema} has no {', '.join(unknown)}"
        return {**self._copy_of_plain(schema), **what_matters}

    def complete(self, schema: Json, value: Any) -> Any:
        """Return a value with all that a schema asks for and the value lacks, at every depth."""
        resolved = self._resolved(schema)
        if isinstance(value, list):
            return [self.complete(resolved.get("items", {}), item) for item in value]
        if not isinstance(value, dict):
            return value
        properties = self._properties(resolved)
        whole = {name: self._value(properties.get(name, {})) for name in self._required(resolved)}
        return whole | {name: self.complete(properties.get(name, {}), item) for name, item in value.items()}

    def _copy_of_plain(self, schema: str) -> Json:
        if schema not in self._plain:
            self._plain[schema] = self._object(self._schemas[schema])
        return dict(self._plain[schema])

    def _object(self, schema: Json) -> Json:
        """Return a schema's object, also where null would do."""
        resolved = self._resolved(schema)
        properties = self._properties(resolved)
        return {name: self._value(properties.get(name, {})) for name in self._required(resolved)}

    def _required(self, schema: Json) -> list[str]:
        resolved = self._resolved(schema)
        found = list(resolved.get("required", []))
        for part in resolved.get("allOf", []):
            found += self._required(part)
        return found

    def _properties(self, schema: Json) -> Json:
        resolved = self._resolved(schema)
        found: Json = dict(resolved.get("properties", {}))
        for key in ("allOf", "anyOf", "oneOf"):
            for part in resolved.get(key, []):
                found |= self._properties(part)
        return found

    def _resolved(self, schema: Json) -> Json:
        while "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        return schema

    def _value(self, schema: Json) -> Any:
        resolved = self._resolved(schema)
        if "enum" in resolved:
            return None if None in resolved["enum"] else resolved["enum"][0]
        if "allOf" in resolved:
            return self._object(resolved)
        for key in ("anyOf", "oneOf"):
            if key in resolved and "properties" not in resolved:
                return self._simplest(resolved[key])
        return self._of_type(resolved)

    def _simplest(self, choices: list[Json]) -> Any:
        if any(choice.get("type") == "null" for choice in choices):
            return None
        return self._value(choices[0])

    def _of_type(self, schema: Json) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            if "null" in kind:
                return None
            kind = kind[0]
        if kind == "object":
            return self._object(schema)
        if kind == "string":
            return _BY_FORMAT.get(schema.get("format", ""), "")
        return _BY_TYPE[kind]

"""GitHub's own description of its interface: it judges every request and every answer."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import jsonschema_rs

from fakes.github.errata import Json, mended, mended_webhooks
from fakes.github.skeleton import Skeletons

FOLDER = Path(__file__).parents[2] / "contract"
"""Where the vendored parts of GitHub's description are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that can be asked of GitHub.

    Attributes:
        name: GitHub's `operationId`.
        route: What paths it answers to; its groups are the parameters in the path.
        described: Its part of the description.
        pointer: Where that part is in the description, as a JSON pointer.
    """

    name: str
    method: str
    route: re.Pattern[str]
    described: Json
    pointer: str

    @property
    def tells_plain_errors(self) -> bool:
        """Whether its 422 tells each error in plain words, not as an object."""
        return str(self.described["responses"].get("422", {}).get("$ref", "")).endswith("_simple")


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """An operation that a request stands for, and what its path says."""

    operation: Operation
    parameters: dict[str, str]


@dataclass
class Contract:
    """Finds operations, judges exchanges, and makes objects that hold by GitHub's schemas.

    Attributes:
        violations: What was found wrong, in words; a test must end without any.
    """

    violations: list[str] = field(default_factory=list)

    @cached_property
    def skeletons(self) -> Skeletons:
        """What makes objects of the REST interface."""
        return Skeletons(_description())

    def find(self, method: str, path: str) -> Called | None:
        """Return the operation that a request asks for, None where the description knows none."""
        for operation in _operations():
            found = operation.route.fullmatch(path) if operation.method == method else None
            if found:
                parameters = {name: unquote(value) for name, value in found.groupdict().items()}
                return Called(operation=operation, parameters=parameters)
        return None

    def check_request(self, called: Called, query: dict[str, str], body: Any) -> list[str]:
        """Return what is wrong with a request by the description, and remember it as violations."""
        operation = called.operation
        found = [*_wrong_parameters(called, query), *_wrong_body(operation, body)]
        self._remember(f"request {operation.name}", found)
        return found

    def check_answer(self, called: Called, status: int, body: Any) -> None:
        """Judge a JSON answer; statuses that any operation may give are not described and pass."""
        operation = called.operation
        described = operation.described["responses"].get(str(status))
        if described is None:
            if status < 400 and status != 304:
                self._remember(f"answer {operation.name}", [f"{status} is not described"])
            return
        pointer = f"{operation.pointer}/responses/{status}"
        if "$ref" in described:
            pointer = described["$ref"].removeprefix("#")
            described = _at(pointer)
        if "application/json" in described.get("content", {}):
            found = errors_of(f"{pointer}/content/application~1json/schema", body)
            self._remember(f"answer {operation.name} {status}", found)

    def check_event(self, name: str, payload: Json) -> None:
        """Judge a webhook's payload, by its name in the description: `pull-request-opened`."""
        if name not in _webhooks()["webhooks"]:
            self._remember(f"event {name}", ["is not described"])
            return
        escaped = f"/webhooks/{name}/post/requestBody/content/application~1json/schema"
        self._remember(f"event {name}", _errors(_webhook_validator(escaped), payload))

    def make(self, schema: str, **what_matters: Any) -> Json:
        """Return an object of a schema: what matters as given, the rest as little as the schema asks for.

        Raises:
            AssertionError: The schema has no such property.
        """
        return self.skeletons.make(schema, what_matters)

    def _remember(self, where: str, found: list[str]) -> None:
        self.violations.extend(f"{where}: {error}" for error in found)


def errors_of(pointer: str, value: Any) -> list[str]:
    """Return what is wrong with a value by the schema at a place of the description."""
    return _errors(_validator(pointer), value)


def webhook_skeletons() -> Skeletons:
    """Return what makes the objects inside webhook payloads, which are not those of the REST interface."""
    return Skeletons(_webhooks())


def _errors(validator: Any, value: Any) -> list[str]:
    return [
        f"{'/'.join(str(step) for step in error.instance_path) or '(whole)'}: {error.message[:300]}"
        for error in validator.iter_errors(value)
    ]


def _wrong_parameters(called: Called, query: dict[str, str]) -> list[str]:
    described = [_resolved(item) for item in called.operation.described.get("parameters", [])]
    in_query = {item["name"]: item for item in described if item["in"] == "query"}
    found = [f"unknown query parameter {name}" for name in query if name not in in_query]
    given = {"query": query, "path": called.parameters}
    for item in described:
        value = given.get(item["in"], {}).get(item["name"])
        if value is not None:
            found += [f"{item['name']}: {error}" for error in _wrong_text(item["schema"], value)]
        elif item.get("required") and item["in"] in given:
            found.append(f"parameter {item['name']} is missing")
    return found


def _wrong_text(schema: Json, text: str) -> list[str]:
    """Judge a value that came as text by a schema that may want a number or a truth value."""
    resolved = _resolved(schema)
    kind = resolved.get("type")
    if kind in {"integer", "boolean"}:
        try:
            value: Any = json.loads(text)
        except ValueError:
            return [f"{text!r} is no {kind}"]
    else:
        value = text
    return _errors(jsonschema_rs.Draft202012Validator(resolved), value)


def _wrong_body(operation: Operation, body: Any) -> list[str]:
    described = operation.described.get("requestBody")
    if described is None:
        return ["the operation takes no body"] if body not in (None, {}) else []
    if body is None:
        return ["the body is missing"] if described.get("required") else []
    return errors_of(f"{operation.pointer}/requestBody/content/application~1json/schema", body)


def _resolved(part: Json) -> Json:
    return _at(part["$ref"].removeprefix("#")) if "$ref" in part else part


def _at(pointer: str) -> Json:
    part: Any = _description()
    for step in pointer.split("/")[1:]:
        part = part[step.replace("~1", "/").replace("~0", "~")]
    found: Json = part
    return found


def _load(name: str) -> Json:
    loaded: Json = json.loads(gzip.decompress((FOLDER / name).read_bytes()))
    return loaded


@lru_cache(maxsize=1)
def _description() -> Json:
    return mended(_load("github-openapi-subset.json.gz"))


@lru_cache(maxsize=1)
def _webhooks() -> Json:
    return mended_webhooks(_load("github-webhooks-subset.json.gz"))


@cache
def _validator(pointer: str) -> Any:
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"urn:github#{quote(pointer)}"}, registry=_registry(), validate_formats=True
    )


@cache
def _webhook_validator(pointer: str) -> Any:
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"urn:webhooks#{quote(pointer)}"}, registry=_registry(), validate_formats=True
    )


@lru_cache(maxsize=1)
def _registry() -> Any:
    return jsonschema_rs.Registry([("urn:github", _description()), ("urn:webhooks", _webhooks())])


@lru_cache(maxsize=1)
def _operations() -> tuple[Operation, ...]:
    """Return all operations; first those whose paths say most, for greedy parameters swallow the rest."""
    found = [
        Operation(
            name=described["operationId"],
            method=method.upper(),
            route=_route(path, described),
            described=described,
            pointer=f"/paths/{path.replace('~', '~0').replace('/', '~1')}/{method}",
        )
        for path, methods in sorted(_description()["paths"].items(), key=_says_most)
        for method, described in methods.items()
    ]
    return tuple(found)


def _says_most(path_and_methods: tuple[str, Json]) -> int:
    return -len(re.sub(r"\{\w+\}", "", path_and_methods[0]))


def _route(path: str, described: Json) -> re.Pattern[str]:
    parameters = [_resolved(item) for item in described.get("parameters", [])]
    greedy = {item["name"] for item in parameters if item.get("x-multi-segment")}

    def group(found: re.Match[str]) -> str:
        return f"(?P<{found[1]}>{'.+' if found[1] in greedy else '[^/]+'})"

    return re.compile(re.sub(r"\\{(\w+)\\}", group, re.escape(path)))

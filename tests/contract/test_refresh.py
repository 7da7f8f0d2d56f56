"""The cutting of GitHub's description, on small ones."""

from __future__ import annotations

from typing import Any

import pytest
from contract.refresh import cut_events, cut_graphql, cut_operations

HEAD = {"openapi": "3.0.3", "info": {"title": "t", "version": "1", "license": {"name": "MIT"}}}


def described() -> dict[str, Any]:
    answer = {"200": {"description": "prose", "content": {"application/json": {"schema": ref("thing")}}}}
    parameter = {"name": "ref", "in": "path", "schema": {"type": "string"}, "x-multi-segment": True}
    thing = {
        "type": "object",
        "description": "prose",
        "x-own": 1,
        "properties": {"title": {"type": "string", "example": "e"}, "part": ref("part")},
        "required": ["title"],
    }
    return HEAD | {
        "servers": [{"url": "https://api.github.com"}],
        "paths": {
            "/a/{ref}": {
                "get": {
                    "operationId": "a/get",
                    "parameters": [parameter],
                    "responses": answer,
                    "tags": ["a"],
                },
                "put": {"operationId": "a/put", "responses": answer},
            },
            "/b": {"get": {"operationId": "b/get", "responses": answer}},
        },
        "components": {"schemas": {"thing": thing, "part": {"type": "string"}, "other": {"type": "string"}}},
    }


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def test_operations__only_those_and_what_they_reach() -> None:
    cut = cut_operations(described(), ["a/get"])
    assert list(cut["paths"]) == ["/a/{ref}"]
    assert list(cut["paths"]["/a/{ref}"]) == ["get"]
    assert sorted(cut["components"]["schemas"]) == ["part", "thing"]


def test_operations__prose_goes_and_names_stay() -> None:
    cut = cut_operations(described(), ["a/get"])
    assert cut["components"]["schemas"]["thing"] == {
        "type": "object",
        "properties": {"title": {"type": "string"}, "part": ref("part")},
        "required": ["title"],
    }
    operation = cut["paths"]["/a/{ref}"]["get"]
    assert operation["parameters"][0]["x-multi-segment"] is True
    assert operation["responses"]["200"]["description"] == ""
    assert "tags" not in operation


def test_operations__unknown_name() -> None:
    with pytest.raises(SystemExit, match="has no c/get"):
        cut_operations(described(), ["a/get", "c/get"])


def test_events__only_those_and_what_they_reach() -> None:
    body = {"content": {"application/json": {"schema": ref("part")}}}
    events = {
        name: {"post": {"operationId": name, "requestBody": body, "summary": "s"}} for name in ("one", "two")
    }
    description = described() | {"webhooks": events}
    cut = cut_events(description, ["one"])
    assert cut["webhooks"] == {"one": {"post": {"operationId": "one", "requestBody": body}}}
    assert list(cut["components"]["schemas"]) == ["part"]


SDL = '''
"""prose"""
interface Named { name: String! }
enum Order { UP DOWN }
scalar Instant
input Filter { order: Order, deep: Deep }
input Deep { word: String }
type Cat implements Named { name: String! lives: Int @deprecated(reason: "r") born: Instant }
type Dog implements Named { name: String! tricks: Int }
type Query { pet(filter: Filter): Named cat: Cat dog: Dog }
type Mutation { feed: Boolean }
'''


def test_graphql__only_what_documents_use() -> None:
    cut = cut_graphql(SDL, "query { pet(filter: {}) { name } cat { lives } }")
    assert " ".join(cut.split()) == (
        "interface Named { name: String! } "
        "enum Order { UP DOWN } "
        "input Filter { order: Order deep: Deep } "
        "input Deep { word: String } "
        "type Cat implements Named { name: String! lives: Int } "
        "type Dog implements Named { name: String! } "
        "type Query { pet(filter: Filter): Named cat: Cat }"
    )


def test_graphql__a_document_that_does_not_fit() -> None:
    with pytest.raises(SystemExit, match="shoeSize"):
        cut_graphql(SDL, "query { cat { shoeSize } }")

"""Cuts anew the parts of GitHub's description that the fake GitHub judges by.

    PYTHONPATH=tests python -m contract.refresh [--from FOLDER]

What is kept stands in `kept/`. Needs npm, to fetch three packages of the Octokit project; `--from FOLDER`
takes unpacked ones in their stead.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PACKAGES = {
    "openapi": "@octokit/openapi@23.0.2",
    "webhooks": "@octokit/openapi-webhooks@12.1.0",
    "graphql": "@octokit/graphql-schema@15.26.1",
}
HERE = Path(__file__).parent

_ANNOTATIONS = frozenset({"description", "example", "examples", "externalDocs", "summary", "tags", "title"})
_GREEDY = "x-multi-segment"
"""Tells that a parameter of a path holds slashes itself."""
_MAPPINGS = frozenset({"properties", "patternProperties", "schemas", "parameters", "responses", "headers"})
"""Keys whose values map names: none of the names is a keyword."""

Json = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--from", dest="folder", type=Path, help="a folder with openapi/, webhooks/, graphql/"
    )
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or fetch(Path(temporary))
        refresh(folder)


def fetch(folder: Path) -> Path:
    """Fetch the packages by npm and unpack of them what is needed."""
    for name, package in PACKAGES.items():
        packed = subprocess.run(
            ("npm", "pack", "--silent", package), cwd=folder, check=True, capture_output=True, text=True
        )
        with tarfile.open(folder / packed.stdout.strip().splitlines()[-1]) as archive:
            wanted = [one for one in archive if one.name.endswith(("api.github.com.json", "schema.graphql"))]
            archive.extractall(folder / name, members=wanted, filter="data")
    return folder


def refresh(folder: Path, target: Path = HERE) -> None:
    """Cut all three descriptions and write them."""
    rest = _json(folder / "openapi" / "package" / "generated" / "api.github.com.json")
    _write(target / "github-openapi-subset.json.gz", cut_operations(rest, _kept("operations.txt")))
    events = _json(folder / "webhooks" / "package" / "generated" / "api.github.com.json")
    _write(target / "github-webhooks-subset.json.gz", cut_events(events, _kept("events.txt")))
    sdl = (folder / "graphql" / "package" / "schema.graphql").read_text()
    documents = (HERE / "kept" / "documents.graphql").read_text()
    (target / "github-graphql-subset.graphql").write_text(cut_graphql(sdl, documents))


def cut_operations(description: Json, names: Iterable[str]) -> Json:
    """Return a description with only some operations, and what they reach."""
    wanted, paths = set(names), {}
    for path, methods in description["paths"].items():
        kept = {
            method: _operation(one)
            for method, one in methods.items()
            if isinstance(one, dict) and one.get("operationId") in wanted
        }
        if kept:
            paths[path] = kept
    _require_all(wanted, {one["operationId"] for methods in paths.values() for one in methods.values()})
    return _cut(description, {"paths": paths})


def cut_events(description: Json, names: Iterable[str]) -> Json:
    """Return a description of webhooks with only some events, and what they reach."""
    wanted = set(names)
    _require_all(wanted, set(description["webhooks"]))
    kept = {
        name: {"post": {key: one["post"][key] for key in ("operationId", "requestBody")}}
        for name, one in description["webhooks"].items()
        if name in wanted
    }
    return _cut(description, {"webhooks": plain(kept)})


def _require_all(wanted: set[str], there: set[str]) -> None:
    missing = ", ".join(sorted(wanted - there))
    if missing:
        raise SystemExit(f"GitHub's description has no {missing}: correct the list in {HERE / 'kept'}.")


def _operation(described: Json) -> Json:
    keys = ("operationId", "parameters", "requestBody", "responses")
    kept: Json = plain({key: described[key] for key in keys if key in described})
    for answer in kept["responses"].values():
        if "$ref" not in answer:
            answer["description"] = ""
    return kept


def _cut(description: Json, kept: Json) -> Json:
    components = _reached(description, kept)
    for answer in components.get("responses", {}).values():
        answer["description"] = ""
    info = {key: description["info"][key] for key in ("title", "version", "license")}
    head = {"openapi": description["openapi"], "info": info}
    servers = {"servers": description["servers"]} if "servers" in description else {}
    return {**head, **servers, **kept, "components": components}


def _reached(description: Json, start: Json) -> Json:
    """Return the components that some part of a description refers to, directly or not."""
    found: Json = {}
    waiting = list(references(start))
    while waiting:
        kind, name = waiting.pop().removeprefix("#/components/").split("/")
        if name not in found.setdefault(kind, {}):
            found[kind][name] = plain(description["components"][kind][name])
            waiting += references(found[kind][name])
    return found


def references(part: Any) -> Iterable[str]:
    """Return what a part of a description refers to."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for item in part:
            yield from references(item)


def plain(part: Any, *, names: bool = False) -> Any:
    """Return a part without its prose; `names` tells that its keys are names, not keywords."""
    if isinstance(part, list):
        return [plain(item) for item in part]
    if not isinstance(part, Mapping):
        return part
    return {
        key: plain(value, names=not names and key in _MAPPINGS and isinstance(value, Mapping))
        for key, value in part.items()
        if names or key == _GREEDY or (key not in _ANNOTATIONS and not key.startswith("x-"))
    }


def cut_graphql(sdl: str, documents: str) -> str:
    """Return a schema with only the fields that some documents use, and the types that those need."""
    from contract.graphql_cut import Cut
    from graphql import build_schema, parse, print_ast, validate

    schema = build_schema(sdl, assume_valid=True)
    document = parse(documents)
    errors = validate(schema, document)
    if errors:
        raise SystemExit("\n".join(str(error) for error in errors))
    return print_ast(Cut(schema, document).of(parse(sdl))) + "\n"


def _kept(name: str) -> list[str]:
    return (HERE / "kept" / name).read_text().split()


def _json(path: Path) -> Json:
    loaded: Json = json.loads(path.read_text())
    return loaded


def _write(path: Path, description: Json) -> None:
    text = json.dumps(description, sort_keys=True, separators=(",", ":"))
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()

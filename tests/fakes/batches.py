"""Files and batches with memory, as OpenAI's Batch API has them: a part of the fake endpoint.

    desk = BatchDesk(becomes=lambda number, body: "expired" if number >= 190 else "answered")
    with Endpoint(batches=desk) as endpoint:
        ...

A batch moves on by one step each time it is looked at, through `validating`, `in_progress` and `finalizing`,
and its window is over when the test says so. https://platform.openai.com/docs/api-reference/batch
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import HTTP
from itertools import count
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from fakes.faults import Fault, refusal

Body = Mapping[str, Any]

Becomes = Literal["answered", "failed", "expired", "cancelled", "timed out", "lost"]
"""What becomes of one line: `failed` is a 500 of the model's, `lost` leaves no line at all."""

HALF = 0.5
WINDOW_SECONDS = 24 * 60 * 60

_ENDS = frozenset({"completed", "failed", "expired", "cancelled"})
_NOT_MADE = {
    "expired": (
        "batch_expired",
        "This request could not be executed before the completion window expired.",
    ),
    "cancelled": ("batch_cancelled", "This request was cancelled."),
    "timed out": ("request_timeout", "The model took too long."),
}
_BATCH = re.compile(r"/batches/([^/]+)(/cancel)?")
_FILE = re.compile(r"/files/([^/]+)(/content)?")


def all_answered(_number: int, _body: Body) -> Becomes:
    return "answered"


def as_they_are(lines: list[str]) -> list[str]:
    return lines


@dataclass(slots=True, kw_only=True)
class StoredFile:
    """A file: its bytes, and what it is for."""

    id: str
    purpose: str
    data: bytes


@dataclass(slots=True, kw_only=True)
class Batch:
    """One batch as it stands."""

    id: str
    input: str
    endpoint: str
    metadata: Mapping[str, str] | None
    created: int
    status: str = "validating"
    output: str | None = None
    errors: str | None = None
    refused: list[dict[str, object]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"total": 0, "completed": 0, "failed": 0})


class BatchDesk:
    """Answers requests for files and batches.

    Attributes:
        batches: All that were made, by id, the oldest first.
        files: All files, by id.
        charged: Tokens of prompts and answers that were charged, at half their price.
        answered: The bodies that a model has answered, in order.
        held: While it is true, nothing is answered: batches stay in progress.
        ends_as: How a batch ends.
    """

    def __init__(  # noqa: PLR0913 - every argument is one knob of the fake
        self,
        *,
        becomes: Callable[[int, Body], Becomes] = all_answered,
        steps: int = 0,
        held: bool = False,
        ends_as: str = "completed",
        spoil: Callable[[list[str]], list[str]] = as_they_are,
        keeps_metadata: bool | None = True,
        faults: Mapping[str, list[Fault]] | None = None,
        faults_after: Mapping[str, list[Fault]] | None = None,
        most_calls: int = 50_000,
        most_bytes: int = 200 * 10**6,
    ) -> None:
        """Set the script.

        Args:
            becomes: What becomes of a line, from its number and its body.
            steps: How many looks a batch takes to its end.
            held: As the attribute.
            ends_as: As the attribute.
            spoil: What is made of the lines of the output file.
            keeps_metadata: False for an endpoint that forgets it, None for one that knows none.
            faults: By route, as `POST /batches`, what the first requests get, which are not carried out.
            faults_after: The same for requests that are carried out, though the client hears of a fault.
            most_calls: The most lines of a batch.
            most_bytes: The most bytes of a file.
        """
        self.batches: dict[str, Batch] = {}
        self.files: dict[str, StoredFile] = {}
        self.charged = 0.0
        self.answered: list[Body] = []
        self.held = held
        self.ends_as = ends_as
        self._becomes = becomes
        self._steps = steps
        self._spoil = spoil
        self._keeps_metadata = keeps_metadata
        self._faults = {route: list(faults) for route, faults in (faults or {}).items()}
        self._faults_after = {route: list(faults) for route, faults in (faults_after or {}).items()}
        self._most_calls = most_calls
        self._most_bytes = most_bytes
        self._numbers = count(1)
        self._looks: dict[str, int] = {}

    def is_for(self, path: str) -> bool:
        """Tell whether a path below the base is one of files or batches."""
        return path.startswith(("/files", "/batches"))

    def members(self) -> list[str]:
        """The members of all lines that were sent, in order."""
        return [member for batch in self.batches.values() for member in self.members_of(batch)]

    def members_of(self, batch: Batch) -> list[str]:
        from fakes.endpoint import members_in

        return [member for line in self.lines_of(batch) for member in members_in(line["body"])]

    def lines_of(self, batch: Batch) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.files[batch.input].data.splitlines()]

    def respond(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        data: bytes,
        complete: Callable[[Body], tuple[int, str]],
    ) -> Fault:
        """Answer one request.

        Args:
            method: Of HTTP.
            path: Below the endpoint's base.
            headers: In lower case.
            data: The request's body.
            complete: Has the model answer a body: the status, and the answer's JSON.
        """
        route = f"{method} {re.sub(r'(?<=/)(file|batch)[-_][^/?]+', 'ID', path.partition('?')[0])}"
        if self._faults.get(route):
            return self._faults[route].pop(0)
        answer = self._route(method, path, headers, data, complete)
        if self._faults_after.get(route):
            return self._faults_after[route].pop(0)
        return answer

    def _route(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        data: bytes,
        complete: Callable[[Body], tuple[int, str]],
    ) -> Fault:
        bare = urlsplit(path).path
        if (method, bare) == ("POST", "/files"):
            return self._upload(headers, data)
        if (method, bare) == ("POST", "/batches"):
            return self._create(json.loads(data))
        if (method, bare) == ("GET", "/batches"):
            return self._list(parse_qs(urlsplit(path).query))
        if (found := _FILE.fullmatch(bare)) and method == "GET":
            return self._file(found[1], content=bool(found[2]))
        if found := _BATCH.fullmatch(bare):
            return self._look(found[1], complete) if method == "GET" else self._cancel(found[1])
        return refusal(404, f"Invalid URL ({method} {path})")

    def _upload(self, headers: Mapping[str, str], data: bytes) -> Fault:
        head = f"content-type: {headers['content-type']}\r\n\r\n".encode()
        form = message_from_bytes(head + data, policy=HTTP)
        parts = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}
        purpose = parts["purpose"].get_content().strip()
        content = parts["file"].get_payload(decode=True)
        assert isinstance(content, bytes)
        if purpose != "batch" or not parts["file"].get_filename("").endswith(".jsonl"):
            return refusal(400, "Invalid file format for Batch API. Must be .jsonl")
        if len(content) > self._most_bytes:
            return refusal(413, "File is too large")
        stored = self._store(content, purpose)
        told = {"id": stored.id, "object": "file", "bytes": len(content), "created_at": int(time.time())}
        return _json({**told, "filename": "testsmith.jsonl", "purpose": purpose, "status": "processed"})

    def _store(self, data: bytes, purpose: str) -> StoredFile:
        stored = StoredFile(id=f"file-{next(self._numbers):06}", purpose=purpose, data=data)
        self.files[stored.id] = stored
        return stored

    def _create(self, body: Body) -> Fault:
        if body.get("completion_window") != "24h":
            return refusal(400, "Invalid value for 'completion_window'.", param="completion_window")
        if body.get("input_file_id") not in self.files:
            return refusal(400, "Invalid input file.", param="input_file_id")
        metadata = body.get("metadata") if self._keeps_metadata else None
        batch = Batch(
            id=f"batch_{next(self._numbers):06}",
            input=body["input_file_id"],
            endpoint=body["endpoint"],
            metadata=metadata,
            created=int(time.time()),
        )
        self.batches[batch.id] = batch
        return self._told(batch)

    def _list(self, query: Mapping[str, list[str]]) -> Fault:
        most = int(query.get("limit", ["20"])[0])
        newest = [self._as_json(batch) for batch in reversed(self.batches.values())]
        return _json({"object": "list", "data": newest[:most], "has_more": len(newest) > most})

    def _file(self, name: str, *, content: bool) -> Fault:
        if name not in self.files:
            return refusal(404, f"No such File object: {name}")
        if content:
            headers = {"content-type": "application/octet-stream"}
            return Fault(body=self.files[name].data.decode(), headers=headers)
        return _json({"id": name, "object": "file", "bytes": len(self.files[name].data)})

    def _look(self, name: str, complete: Callable[[Body], tuple[int, str]]) -> Fault:
        if name not in self.batches:
            return refusal(404, f"No batch found with id '{name}'.")
        batch = self.batches[name]
        if batch.status not in _ENDS:
            self._move_on(batch, complete)
        return self._told(batch)

    def _cancel(self, name: str) -> Fault:
        if name not in self.batches:
            return refusal(404, f"No batch found with id '{name}'.")
        if self.batches[name].status in _ENDS:
            return refusal(409, f"Cannot cancel a batch with status '{self.batches[name].status}'.")
        self.batches[name].status = "cancelling"
        return self._told(self.batches[name])

    def _move_on(self, batch: Batch, complete: Callable[[Body], tuple[int, str]]) -> None:
        looks = self._looks[batch.id] = self._looks.get(batch.id, 0) + 1
        if batch.status == "validating":
            batch.refused = list(self._errors_of(batch))
        if batch.refused:
            batch.status = "failed"
        elif batch.status == "cancelling":
            self._end(batch, "cancelled", complete)
        elif self.held or looks <= self._steps:
            batch.status = "finalizing" if looks == self._steps and not self.held else "in_progress"
        else:
            self._end(batch, self.ends_as, complete)

    def _errors_of(self, batch: Batch) -> Iterator[dict[str, object]]:
        """Yield what is wrong with the input file, as OpenAI words it."""
        lines = self.files[batch.input].data.splitlines()
        if not lines:
            yield _error("empty_file", "The batch input file is empty.", None)
        if len(lines) > self._most_calls:
            yield _error("too_many_tasks", f"The batch input file has more than {self._most_calls}.", None)
        seen, models = set[str](), set[str]()
        for number, text in enumerate(lines, start=1):
            try:
                line = json.loads(text)
                models.add(line["body"]["model"])
            except (ValueError, KeyError, TypeError):
                yield _error("invalid_json_line", "This line is not parseable as valid JSON.", number)
                continue
            if line["custom_id"] in seen:
                yield _error("duplicate_custom_id", "The custom_id is a duplicate.", number)
            if line["url"] != batch.endpoint or line["method"] != "POST":
                yield _error("mismatched_url", "The URL provided does not match the batch endpoint.", number)
            if len(models) > 1:
                yield _error("mismatched_model", "The model provided is not the same.", number)
            seen.add(line["custom_id"])

    def _end(self, batch: Batch, status: str, complete: Callable[[Body], tuple[int, str]]) -> None:
        """Have the model answer, and write the files; one without a line does not exist."""
        output, errors = list[str](), list[str]()
        for number, line in enumerate(self.lines_of(batch)):
            kind, text = self._made(number, line, complete)
            if text is not None:
                (output if kind == "answered" else errors).append(text)
            batch.counts["total"] += 1
            batch.counts["completed"] += kind == "answered"
            batch.counts["failed"] += kind in {"failed", "timed out"}
        batch.output, batch.errors = (self._written(lines) for lines in (self._spoil(output), errors))
        batch.status = status

    def _made(
        self, number: int, line: Mapping[str, Any], complete: Callable[[Body], tuple[int, str]]
    ) -> tuple[Becomes, str | None]:
        kind: Becomes = self._becomes(number, line["body"])
        named = {"id": f"batch_req_{next(self._numbers):06}", "custom_id": line["custom_id"]}
        if kind == "lost":
            return kind, None
        if kind in _NOT_MADE:
            code, message = _NOT_MADE[kind]
            error = {"code": code, "message": message}
            return kind, json.dumps({**named, "response": None, "error": error})
        failed = refusal(500, "The server had an error while processing your request.")
        status, text = complete(line["body"]) if kind == "answered" else (500, failed.body or "")
        body = json.loads(text)
        if status == 200:
            self.answered.append(line["body"])
            self.charged += HALF * body["usage"]["total_tokens"]
        response = {"status_code": status, "request_id": f"req_{number}", "body": body}
        told = json.dumps({**named, "response": response, "error": None})
        return ("answered" if status == 200 else "failed"), told

    def _written(self, lines: list[str]) -> str | None:
        return (
            self._store("".join(f"{line}\n" for line in lines).encode(), "batch_output").id if lines else None
        )

    def _told(self, batch: Batch) -> Fault:
        return _json(self._as_json(batch))

    def _as_json(self, batch: Batch) -> dict[str, object]:
        told: dict[str, object] = {
            "id": batch.id,
            "object": "batch",
            "endpoint": batch.endpoint,
            "errors": {"object": "list", "data": batch.refused} if batch.refused else None,
            "input_file_id": batch.input,
            "completion_window": "24h",
            "status": batch.status,
            "output_file_id": batch.output,
            "error_file_id": batch.errors,
            "created_at": batch.created,
            "expires_at": batch.created + WINDOW_SECONDS,
            "request_counts": batch.counts,
        }
        return told if self._keeps_metadata is None else {**told, "metadata": batch.metadata}


def _error(code: str, message: str, line: int | None) -> dict[str, object]:
    return {"code": code, "message": message, "param": None, "line": line}


def _json(told: Mapping[str, object]) -> Fault:
    return Fault(body=json.dumps(told))

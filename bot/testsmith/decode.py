"""Decode JSON from outside into typed objects, usually frozen dataclasses.

Anyone may have written it: a GitHub event, an answer of GitHub or of a sandboxed process, a hidden block in a
comment, a file that another run left. pydantic checks it in strict mode. Limits of single values are in
the types, with `annotated_types` and the markers below; all other limits are here:

- bytes and numbers of values, below
- 200 levels of nesting and 4,300 digits (pydantic's parser)
- neither NaN nor infinity
- a lone surrogate, which could be neither printed nor stored, becomes U+FFFD
- of a repeated key, the last value counts

pydantic is imported at first use, because it takes as long as `testsmith --help` as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, overload

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema, SchemaValidator

MOST_BYTES = 64 * 1024**2
"""Maximum bytes of JSON that is decoded."""

MOST_VALUES = 2_000_000
"""Maximum number of values in it, about: separators are counted. A value takes about 100 bytes."""

NOTHING_ELSE: dict[str, Any] = {"extra": "forbid"}
"""As `__pydantic_config__` of a dataclass: JSON with other keys than its fields is malformed."""

OTHERS_TOO: dict[str, Any] = {"extra": "allow"}
"""As `__pydantic_config__` of a dataclass without slots: other keys become attributes of its objects."""

_MOST_ERRORS = 1_000
"""From here on, errors are only counted: each would take some hundred bytes."""

_MOST_PATH_CHARACTERS = 80
_ESCAPED = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair
    rb"|(?P<alone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)

_T = TypeVar("_T")


class Malformed(ValueError):
    """JSON does not have the expected form. The message contains nothing from it but keys.

    Attributes:
        path: Where, for example `pull_request.head.sha`; empty for the whole.
        reason: What is wrong, for example `is missing`.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"`{path}` {reason}" if path else f"it {reason}")
        self.path = path
        self.reason = reason


class NotJson(Malformed):
    """Text is not JSON at all."""


@overload
def decode(kind: type[_T], data: bytes | str, *, most_bytes: int = ...) -> _T: ...


@overload
def decode(kind: Any, data: bytes | str, *, most_bytes: int = ...) -> Any: ...


def decode(kind: Any, data: bytes | str, *, most_bytes: int = MOST_BYTES) -> Any:
    """Return JSON as an object of a type that pydantic knows. Unknown keys are ignored.

    Args:
        kind: The type. A dataclass's fields are the keys.
        data: The JSON.
        most_bytes: Its maximum size.

    Raises:
        Malformed: The JSON is too large, invalid, or of another form.
    """
    text = data.encode("utf-8", "replace") if isinstance(data, str) else data
    if len(text) > most_bytes or _values(text) > MOST_VALUES:
        raise Malformed("", "is too large")
    return _validated(kind, text)


@overload
def decode_value(kind: type[_T], value: object) -> _T: ...


@overload
def decode_value(kind: Any, value: object) -> Any: ...


def decode_value(kind: Any, value: object) -> Any:
    """Return JSON that is parsed already as an object of a type; see `decode`.

    Raises:
        Malformed: The value is of another form, or cannot be written as JSON.
    """
    from pydantic_core import PydanticSerializationError, to_json

    try:
        return decode(kind, to_json(value))
    except PydanticSerializationError:
        raise Malformed("", "is malformed") from None


@overload
def decode_lines(kind: type[_T], output: bytes) -> tuple[list[_T], bool]: ...


@overload
def decode_lines(kind: Any, output: bytes) -> tuple[list[Any], bool]: ...


def decode_lines(kind: Any, output: bytes) -> tuple[list[Any], bool]:
    """Return the lines of JSON that have the expected form, in order, and whether the limits left any out.

    Args:
        kind: The type of a line.
        output: The lines, with anything between them.
    """
    found: list[Any] = []
    start, left = 0, MOST_VALUES
    while start < len(output) and left >= 0:
        end = output.find(b"\n", start)
        line = output[start:] if end < 0 else output[start:end]
        start += len(line) + 1
        left -= _values(line)
        if left >= 0 and line.lstrip().startswith(b"{"):
            try:
                found.append(_validated(kind, line))
            except Malformed:
                continue
    return found, left >= 0


def _values(text: bytes) -> int:
    return 1 + sum(map(text.count, (b",", b"[", b"{")))


def _validated(kind: Any, text: bytes) -> Any:
    from pydantic import ValidationError

    if b"\\ud" in text or b"\\uD" in text:
        text = _ESCAPED.sub(lambda found: rb"\ufffd" if found["alone"] else found[0], text)
    try:
        return _validator(kind).validate_json(text, strict=True)
    except ValidationError as error:
        raise _malformed(error) from None


@cache
def _validator(kind: Any) -> SchemaValidator:
    from pydantic import TypeAdapter
    from pydantic_core import SchemaValidator

    return SchemaValidator(_limited(TypeAdapter(kind).core_schema))


def _limited(schema: Any) -> Any:
    """Return a schema whose numbers are finite and whose collections end at the first error, of 300 bytes."""
    if isinstance(schema, list | tuple):
        return type(schema)(map(_limited, schema))
    if not isinstance(schema, dict):
        return schema
    limited = {key: _limited(value) for key, value in schema.items()}
    if schema.get("type") == "float":
        limited["allow_inf_nan"] = False
    elif schema.get("type") in {"list", "tuple", "set", "frozenset", "dict"}:
        limited["fail_fast"] = True
    return limited


def _malformed(error: Any) -> Malformed:
    """Return the first error's place and reason."""
    if error.error_count() > _MOST_ERRORS:
        return Malformed("", "is malformed")
    first = error.errors(include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return NotJson("", "is malformed")
    path = ".".join(str(step) for step in first["loc"])
    is_missing = first["type"] == "missing" or (path and first["input"] is None)
    return Malformed(
        ascii(path)[1:-1][:_MOST_PATH_CHARACTERS], "is missing" if is_missing else "is malformed"
    )


class _IfValid:
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.with_default_schema(handler(source), on_error="omit")


IF_VALID = _IfValid()
"""Marks items of a collection: those that are malformed are left out, for example
`tuple[Annotated[int, IF_VALID], ...]`."""


@dataclass(frozen=True, slots=True, eq=False)
class OrElse:
    """Marks a value that is replaced if it is malformed.

    Attributes:
        value: What replaces it.
    """

    value: Any

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.with_default_schema(handler(source), default=self.value, on_error="default")


@dataclass(frozen=True, slots=True)
class Matches:
    """Marks text that must match a pattern as a whole.

    Attributes:
        pattern: The pattern.
    """

    pattern: re.Pattern[str]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return Then(self._matching).__get_pydantic_core_schema__(source, handler)

    def _matching(self, text: str) -> str:
        if not self.pattern.fullmatch(text):
            raise ValueError
        return text


@dataclass(frozen=True, slots=True)
class Then:
    """Marks a value that a function changes once it is checked.

    Attributes:
        change: The function. If it raises ValueError, the value is malformed.
    """

    change: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self.change, handler(source))


@dataclass(frozen=True, slots=True)
class OneOf:
    """Marks a union of dataclasses that are told apart by a `Literal` in a key.

    Attributes:
        key: The key.
    """

    key: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic import Discriminator

        return Discriminator(self.key).__get_pydantic_core_schema__(source, handler)


def at(*path: str) -> Any:
    """Return the marker of a dataclass field whose value lies deeper, for example `at("head", "sha")`."""
    from pydantic import AliasPath, Field

    return Field(validation_alias=AliasPath(*path))
